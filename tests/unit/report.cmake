# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
foreach(test kmeans rows when)
  weir_test(report-${test} ${CMAKE_CURRENT_SOURCE_DIR}/report_${test}.c LIBS weir_report)
endforeach()
