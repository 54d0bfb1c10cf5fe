# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
weir_system_test(window test_window.py SECONDS 200)
