# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
weir_system_test(new-adapter test_new_adapter.py SECONDS 300)
