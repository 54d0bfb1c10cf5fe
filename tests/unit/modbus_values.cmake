# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
set(modbus ${PROJECT_SOURCE_DIR}/plugins/modbus)
weir_test(modbus-values modbus_values.c ${modbus}/decode.c LIBS weir_base m)
weir_test(modbus-requests modbus_requests.c ${modbus}/plan.c ${modbus}/decode.c LIBS m)
target_include_directories(test-modbus-values PRIVATE ${modbus})
target_include_directories(test-modbus-requests PRIVATE ${modbus})
weir_test(modbus-models modbus_models.c LIBS PkgConfig::LIBCONFIG)
