# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
#
# `./dev crash mutants` runs on a copy of the tree, in build/crash/mutants of the source tree. Its slice
# notices patches that no longer apply.
if(wanted)
  add_test(NAME system.crash-mutants
           COMMAND ${WEIR_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/mutants.py --slice)
  set_tests_properties(system.crash-mutants PROPERTIES LABELS "system" TIMEOUT 600 PROCESSORS 2
                       ENVIRONMENT PYTHONDONTWRITEBYTECODE=1)
endif()
