# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
weir_test(core-trim core_trim.c log_rig.c LIBS weir_core)
