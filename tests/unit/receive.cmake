# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
foreach(test clock decode intervals model output rows)
  weir_test(receive-${test} ${CMAKE_CURRENT_SOURCE_DIR}/receive_${test}.c LIBS weir_receive)
endforeach()
foreach(test verify forged)
  weir_test(receive-${test} ${CMAKE_CURRENT_SOURCE_DIR}/receive_${test}.c
            ${CMAKE_CURRENT_SOURCE_DIR}/receive_steps.c LIBS weir_receive)
endforeach()
weir_test(receive-report receive_report.c LIBS weir_receive)
target_link_options(test-receive-report PRIVATE -Wl,--wrap=fsync,--wrap=rename)
