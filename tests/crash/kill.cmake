# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
# Its slice makes a build of its own, with WEIR_STEPS, in build/steps of the source tree.
if(wanted)
  add_test(NAME system.crash-kill
           COMMAND ${WEIR_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/kill.py --slice)
  set_tests_properties(system.crash-kill PROPERTIES LABELS "system" TIMEOUT 600
                       ENVIRONMENT PYTHONDONTWRITEBYTECODE=1)
endif()
