# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
set(modbus ${PROJECT_SOURCE_DIR}/plugins/modbus)
weir_fuzz(modbus fuzz_modbus.c ${modbus}/decode.c ${modbus}/explain.c ${modbus}/transaction.c
          LIBS PkgConfig::LIBMODBUS m
          COVERS plugins/modbus/decode.c plugins/modbus/explain.c)
target_include_directories(fuzz-modbus PRIVATE ${modbus})
