# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
weir_fuzz(template fuzz_template.c ${PROJECT_SOURCE_DIR}/plugins/template/decode.c LIBS m
          COVERS plugins/template/decode.c)
target_include_directories(fuzz-template PRIVATE ${PROJECT_SOURCE_DIR}/plugins/template)
