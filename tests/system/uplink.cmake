# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
weir_system_test(uplink test_uplink.py SECONDS 300 ROLES)
