# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
weir_test(log-queue log_queue.c log_rig.c LIBS weir_log)
weir_test(log-torn log_torn.c log_rig.c LIBS weir_log)
weir_test(log-gone log_gone.c LIBS weir_log)
weir_test(log-resume log_resume.c LIBS weir_log)
weir_test(log-look log_look.c LIBS weir_log)
weir_test(log-disk log_disk.c log_rig.c LIBS weir_log)
target_link_options(test-log-disk PRIVATE -Wl,--wrap=fsync,--wrap=fdatasync)
