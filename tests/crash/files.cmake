# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
#
# `./dev crash files`: in-process campaigns over a folder in memory. sim.c stands before the library,
# so its clock is the one that is linked.
add_library(crash_memdisk STATIC files/memdisk.c files/memdisk_cut.c files/pages.c)
target_include_directories(crash_memdisk PUBLIC files)
target_link_libraries(crash_memdisk PUBLIC weir_log PkgConfig::XXHASH)

add_executable(crash-files files/files.c files/campaign.c files/content.c files/drive.c
               files/drive_store.c files/judge.c files/sim.c files/truth.c)
target_link_libraries(crash-files PRIVATE crash_memdisk weir_store)
set_target_properties(crash-files PROPERTIES OUTPUT_NAME files
                      RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/crash)
if(wanted)
  add_test(NAME system.crash-files COMMAND crash-files --slice)
  set_tests_properties(system.crash-files PROPERTIES LABELS "system" TIMEOUT 120)
endif()

add_executable(crash-flip files/flip.c files/flip_store.c files/campaign.c files/content.c
               files/sim.c files/truth.c)
target_link_libraries(crash-flip PRIVATE crash_memdisk weir_uplink weir_store)
target_link_options(crash-flip PRIVATE -Wl,--wrap=spool_reader_create)
set_target_properties(crash-flip PROPERTIES OUTPUT_NAME flip
                      RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/crash)
if(wanted)
  add_test(NAME system.crash-flip COMMAND crash-flip --slice)
  set_tests_properties(system.crash-flip PROPERTIES LABELS "system" TIMEOUT 120)
endif()
