# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
#
# docs/invariants.md: a gateway in one process, over a folder in memory that forgets what was not
# synced. sim.c stands before the library, so its clock and its boot id are the ones that are linked.
# The proof of src/receive has a function of the same name as the log: it is built once more, with
# another one.
get_target_property(proof weir_receive SOURCES)
get_target_property(proof_folder weir_receive SOURCE_DIR)
list(TRANSFORM proof PREPEND ${proof_folder}/)
add_library(invariants_proof STATIC ${proof} invariants_receiver.c receive_steps.c)
target_compile_definitions(invariants_proof PRIVATE why_name=receive_why_name)
get_target_property(proof_libs weir_receive LINK_LIBRARIES)
target_link_libraries(invariants_proof PUBLIC ${proof_libs} PkgConfig::CMOCKA)
set(crash ${CMAKE_CURRENT_SOURCE_DIR}/../crash/files)
foreach(test epochs claims cursors room)
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/invariants_${test}.c)
    weir_test(invariants-${test} ${CMAKE_CURRENT_SOURCE_DIR}/invariants_${test}.c
              ${CMAKE_CURRENT_SOURCE_DIR}/invariants_rig.c
              ${CMAKE_CURRENT_SOURCE_DIR}/invariants_uplink.c
              ${CMAKE_CURRENT_SOURCE_DIR}/log_rig.c
              ${crash}/sim.c
              LIBS crash_memdisk weir_core weir_uplink weir_store invariants_proof)
    target_include_directories(test-invariants-${test} PRIVATE ${crash})
    target_link_options(test-invariants-${test} PRIVATE -Wl,--wrap=spool_reader_create
                        -Wl,--wrap=reader_next)
  endif()
endforeach()
weir_test(invariants-bus invariants_bus.c LIBS weir_bus)
