# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
weir_system_test(invariants test_invariants.py)
