# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
weir_system_test(store test_store.py SECONDS 600 ROLES)
