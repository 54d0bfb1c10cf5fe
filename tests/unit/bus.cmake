# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
foreach(test schedule points trace port)
  weir_test(bus-${test} ${CMAKE_CURRENT_SOURCE_DIR}/bus_${test}.c LIBS weir_bus_parts util)
endforeach()
weir_test(bus-cycle bus_cycle.c LIBS weir_bus)
