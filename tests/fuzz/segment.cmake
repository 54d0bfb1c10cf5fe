# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
weir_fuzz(segment fuzz_segment.c LIBS weir_log)
