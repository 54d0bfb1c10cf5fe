# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
weir_fuzz(spool fuzz_spool.c LIBS weir_store
          COVERS "src/log/account.c:get_.*|account_get" "src/log/spool.c:spool_header_get|get_sections|group_get"
                 "src/log/cursor.c:cursor_decode|get_place" "src/store/counter.c:decode")
