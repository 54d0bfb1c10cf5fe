# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
weir_fuzz(segment fuzz_segment.c LIBS weir_log
          COVERS "src/log/frame.c:(frame|segment_header)_read" "src/log/scan.c:scan_(frame|bytes)"
                 "src/record/shape.c:take_.*|walk|shape_decode"
                 "src/record/values.c:get_value|values_get" "src/log/reader.c:take.*|hole|look")
