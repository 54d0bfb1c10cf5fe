# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
add_executable(crash-play store/play.c)
target_link_libraries(crash-play PRIVATE weir_store)
set_target_properties(crash-play PROPERTIES OUTPUT_NAME play
                      RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/crash)
if(wanted)
  add_test(NAME system.crash-blocks
           COMMAND ${WEIR_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/blocks.py --states 200
                   --writer "${PROJECT_BINARY_DIR}/crash/play write"
                   --checker "${PROJECT_BINARY_DIR}/crash/play check")
  set_tests_properties(system.crash-blocks PROPERTIES LABELS "system" TIMEOUT 300
                       SKIP_RETURN_CODE 77 RUN_SERIAL ON
                       ENVIRONMENT PYTHONDONTWRITEBYTECODE=1)
endif()
