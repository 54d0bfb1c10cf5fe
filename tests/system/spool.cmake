# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
weir_system_test(spool test_spool.py SECONDS 300 ROLES)
