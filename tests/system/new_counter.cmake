# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
weir_system_test(new-counter test_new_counter.py SECONDS 180)
