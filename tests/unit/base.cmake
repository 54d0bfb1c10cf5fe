# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
weir_test(base-number base_number.c LIBS weir_base)
weir_test(base-clock base_clock.c LIBS weir_base)
