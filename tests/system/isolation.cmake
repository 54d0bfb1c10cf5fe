# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
weir_system_test(isolation test_isolation.py SECONDS 1800 SERIAL)
