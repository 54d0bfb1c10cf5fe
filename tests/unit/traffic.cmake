# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
#
# One test a family, traffic_FAMILY.c; the adapter as a whole is linked in.
get_property(sources GLOBAL PROPERTY weir_traffic_sources)
get_property(libs GLOBAL PROPERTY weir_traffic_libs)
add_library(traffic-rig STATIC traffic_rig.c traffic_rig_counter.c traffic_rig_mangle.c ${sources})
target_include_directories(traffic-rig PUBLIC ${PROJECT_SOURCE_DIR}/plugins/traffic)
target_link_libraries(traffic-rig PUBLIC weir_config weir_base PkgConfig::CMOCKA ${libs})
# Models of the family line are read as weir reads them: found beside the test program.
file(COPY ${PROJECT_SOURCE_DIR}/plugins/traffic/models/ DESTINATION
     ${PROJECT_BINARY_DIR}/tests/models/traffic)
file(GLOB tests CONFIGURE_DEPENDS traffic_*.c)
foreach(test ${tests})
  get_filename_component(name ${test} NAME_WE)
  if(NOT name MATCHES "^traffic_rig")
    string(REPLACE "_" "-" label ${name})
    set(more)
    if(name STREQUAL "traffic_captures")
      set(more capture.c)
    endif()
    weir_test(${label} ${name}.c ${more} LIBS traffic-rig weir_config weir_base m)
  endif()
endforeach()
