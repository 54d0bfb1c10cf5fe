# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
foreach(test schedule points period tally window_state trace port)
  weir_test(bus-${test} ${CMAKE_CURRENT_SOURCE_DIR}/bus_${test}.c LIBS weir_bus_parts util)
endforeach()
weir_test(bus-cycle bus_cycle.c LIBS weir_bus)
# With steps of its own, at which the test ends a process.
weir_test(bus-windows bus_windows.c ${PROJECT_SOURCE_DIR}/src/bus/windows.c
          ${PROJECT_SOURCE_DIR}/src/bus/windows_left.c LIBS weir_bus)
if(TARGET test-bus-windows)
  target_compile_definitions(test-bus-windows PRIVATE WEIR_STEPS)
endif()
# With a simulated driver.
weir_test(bus-port-lines bus_port_lines.c LIBS weir_bus_parts util)
if(TARGET test-bus-port-lines)
  target_link_options(test-bus-port-lines PRIVATE -Wl,--wrap=ioctl)
endif()
