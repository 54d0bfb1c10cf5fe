# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
weir_system_test(refusals test_refusals.py SECONDS 300 ROLES)
