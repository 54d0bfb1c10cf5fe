# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
set(mqtt ${PROJECT_SOURCE_DIR}/plugins/mqtt)
foreach(test topic url pending)
  weir_test(mqtt-${test} ${CMAKE_CURRENT_SOURCE_DIR}/mqtt_${test}.c ${mqtt}/${test}.c)
  target_include_directories(test-mqtt-${test} PRIVATE ${mqtt})
endforeach()
weir_test(mqtt-words ${CMAKE_CURRENT_SOURCE_DIR}/mqtt_words.c ${mqtt}/words.c
          LIBS PkgConfig::LIBMOSQUITTO)
target_include_directories(test-mqtt-words PRIVATE ${mqtt})
