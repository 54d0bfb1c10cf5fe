# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
weir_fuzz(lora_payload fuzz_lora_payload.c LIBS weir_lora_payload
          COVERS plugins/lora/payload.c plugins/lora/payload_plan.c plugins/lora/payload_values.c
                 plugins/lora/payload_number.c plugins/lora/payload_fields.c
                 plugins/lora/payload_text.c plugins/lora/payload_json.c plugins/lora/lpp.c
                 plugins/lora/sealed.c)
