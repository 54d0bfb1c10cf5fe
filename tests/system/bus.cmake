# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
# Adapters for tests only; a test names their folder in WEIR_PLUGIN_PATH.
foreach(name misbehave listen)
  weir_plugin(adapter ${name} ${CMAKE_CURRENT_SOURCE_DIR}/plugins/adapter_${name}.c NO_INSTALL)
  set_target_properties(adapter-${name} PROPERTIES
                        LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/plugins)
endforeach()
weir_system_test(bus test_bus.py SECONDS 400)
