# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
#
# Over a folder in memory, tests/crash/files/memdisk.h.
weir_test(store-writer store_writer.c store_rig.c LIBS weir_store crash_memdisk)
weir_test(store-recover store_recover.c store_rig.c LIBS weir_store crash_memdisk)
weir_test(store-books store_books.c log_rig.c LIBS weir_store crash_memdisk)
