# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
weir_test(config-text config_text.c LIBS weir_config)
weir_test(config-findings config_findings.c config_rig.c LIBS weir_config)
weir_test(config-values config_values.c config_rig.c LIBS weir_config)
weir_test(config-section config_section.c config_rig.c LIBS weir_config)
# Models of the tests' adapter: found beside the test program, as those of a build tree are.
file(COPY ${CMAKE_CURRENT_SOURCE_DIR}/models DESTINATION ${PROJECT_BINARY_DIR}/tests)
