# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
weir_fuzz(option fuzz_option.c LIBS weir_config
          COVERS src/config/scan.c src/config/tree.c src/config/fill.c src/config/settings.c
                 src/config/bus.c src/config/uplink.c src/config/section.c)
# A model for the seeds, found beside the program.
file(COPY ${CMAKE_CURRENT_SOURCE_DIR}/models DESTINATION ${PROJECT_BINARY_DIR}/fuzz)
