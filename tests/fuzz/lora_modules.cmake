# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
get_property(lora GLOBAL PROPERTY weir_lora_sources)
weir_fuzz(lora_modules fuzz_lora_modules.c ${lora} LIBS weir_lora_payload
          COVERS plugins/lora/reyax.c:frame|message|take_.*|answer
                 plugins/lora/rak.c:message|event|take_.*|answer|told
                 plugins/lora/microchip.c:message|answer|told|ran|emit|.*_packet
                 plugins/lora/seeed.c:message|answer|.*_line|take_.*|join
                 plugins/lora/ebyte.c:gap plugins/lora/words.c:take_.*|frame_line|line_text
                 plugins/lora/talk.c plugins/lora/packets.c:emit|take|count|decode)
