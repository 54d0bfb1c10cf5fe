# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
set(modbus ${PROJECT_SOURCE_DIR}/plugins/modbus)
weir_test(modbus-values modbus_values.c ${modbus}/decode.c LIBS weir_base m)
weir_test(modbus-meters modbus_meters.c ${modbus}/decode.c ${modbus}/transaction.c
          LIBS weir_base PkgConfig::LIBMODBUS m)
weir_test(modbus-requests modbus_requests.c ${modbus}/plan.c ${modbus}/decode.c LIBS m)
weir_test(modbus-explain modbus_explain.c ${modbus}/explain.c ${modbus}/transaction.c
          LIBS PkgConfig::LIBMODBUS)
weir_test(modbus-models modbus_models.c LIBS PkgConfig::LIBCONFIG)
foreach(test values meters requests explain)
  target_include_directories(test-modbus-${test} PRIVATE ${modbus})
endforeach()
