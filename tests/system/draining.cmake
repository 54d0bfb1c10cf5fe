# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
weir_system_test(draining test_draining.py SECONDS 300 ROLES)
