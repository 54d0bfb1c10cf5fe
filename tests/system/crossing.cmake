# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
weir_system_test(crossing test_crossing.py SECONDS 1800 ROLES)
