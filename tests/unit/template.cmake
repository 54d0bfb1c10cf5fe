# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
weir_test(template template_decode.c ../../plugins/template/decode.c LIBS PkgConfig::JANSSON m)
target_include_directories(test-template PRIVATE ${PROJECT_SOURCE_DIR}/plugins/template)
