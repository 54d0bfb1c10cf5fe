# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
#
# `./dev crash kill` runs on a build of its own, with WEIR_STEPS, in build/steps of the source tree;
# its slice makes that build.
if(WEIR_STEPS)
  add_library(crash-cut MODULE kill/cut.c)
  set_target_properties(crash-cut PROPERTIES PREFIX "" OUTPUT_NAME cut
                        LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/crash)
  target_compile_options(crash-cut PRIVATE -fvisibility=default)
  target_link_libraries(crash-cut PRIVATE ${CMAKE_DL_LIBS})
endif()
if(wanted)
  add_test(NAME system.crash-kill
           COMMAND ${WEIR_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/kill.py --slice)
  set_tests_properties(system.crash-kill PROPERTIES LABELS "system" TIMEOUT 600
                       ENVIRONMENT PYTHONDONTWRITEBYTECODE=1)
endif()
