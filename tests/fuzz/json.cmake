# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
weir_fuzz(json fuzz_json.c LIBS weir_receive
          COVERS src/receive/decode.c src/receive/content.c src/receive/verify.c
                 src/receive/chain.c src/receive/epoch.c src/receive/intervals.c
                 src/receive/ranges.c src/receive/shape.c src/receive/stamp.c src/receive/utc.c
                 src/receive/waiting.c src/receive/rows.c src/receive/columns.c
                 src/receive/csv.c src/receive/labels.c)
