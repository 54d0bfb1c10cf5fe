# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
foreach(test lpp)
  weir_test(lora-payload-${test} lora_payload_${test}.c lora_payload_rig.c
            LIBS weir_lora_payload weir_base)
endforeach()
