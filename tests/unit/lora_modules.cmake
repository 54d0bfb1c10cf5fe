# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
#
# The adapter as a whole, without lines of GPIO; one test a family of modules, and one for what all
# have in common.
get_property(sources GLOBAL PROPERTY weir_lora_sources)
add_library(lora-rig STATIC lora_rig.c ${sources})
target_link_libraries(lora-rig PUBLIC weir_lora_payload weir_base PkgConfig::CMOCKA)
foreach(test packets reyax rak microchip seeed ebyte)
  weir_test(lora-${test} lora_${test}.c LIBS lora-rig weir_lora_payload weir_base)
endforeach()
# The models are read as weir reads them: found beside the test program.
file(COPY ${PROJECT_SOURCE_DIR}/plugins/lora/models/ DESTINATION ${PROJECT_BINARY_DIR}/tests/models/lora)
weir_test(lora-captures lora_captures.c capture.c LIBS lora-rig weir_lora_payload weir_config weir_base)
