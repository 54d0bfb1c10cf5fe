# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
weir_system_test(store-faults test_store_faults.py SECONDS 900 ROLES)
