# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
weir_system_test(traffic test_traffic.py SECONDS 400 ROLES)
weir_system_test(traffic-families test_traffic_families.py SECONDS 1200 ROLES)
weir_system_test(traffic-resume test_traffic_resume.py SECONDS 400 ROLES)
weir_system_test(replay test_replay.py SECONDS 200 ROLES)
