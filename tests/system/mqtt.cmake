# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
add_executable(mqtt-driver ${CMAKE_CURRENT_SOURCE_DIR}/mqtt_driver.c)
target_link_libraries(mqtt-driver PRIVATE ${CMAKE_DL_LIBS})
set_target_properties(mqtt-driver PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/rig)
add_dependencies(mqtt-driver uplink-mqtt)
weir_system_test(mqtt-plugin test_mqtt_plugin.py SECONDS 300)
