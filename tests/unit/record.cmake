# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
weir_test(record record_shape.c LIBS weir_record)
weir_test(record-json record_json.c LIBS weir_record PkgConfig::JANSSON)
