# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
foreach(test lpp kinds words plan sealed)
  weir_test(lora-payload-${test} lora_payload_${test}.c lora_payload_rig.c
            LIBS weir_lora_payload weir_base)
endforeach()

# Are the sealed packets still those of the other program?
weir_tests(wanted unit)
if(wanted)
  add_test(NAME unit.lora-payload-vectors
           COMMAND ${WEIR_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/lora_payload_vectors.py
                   --check ${CMAKE_CURRENT_SOURCE_DIR}/lora_payload_vectors.h)
  set_tests_properties(unit.lora-payload-vectors PROPERTIES LABELS unit TIMEOUT 120)
endif()
weir_test(lora-payload-settings lora_payload_settings.c lora_payload_rig.c config_rig.c
          LIBS weir_lora_payload weir_config)
