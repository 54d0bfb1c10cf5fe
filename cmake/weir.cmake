# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
#
# Flags for every target, and the helpers weir_plugin(), weir_test() and weir_fuzz().

add_compile_options(-Wall -Wextra -Wshadow -Wvla -Wmissing-prototypes -Wstrict-prototypes
                    -Wconversion -Wno-unused-parameter -Wformat=2)
if(WEIR_WERROR)
  add_compile_options(-Werror)
endif()
if(CMAKE_BUILD_TYPE MATCHES "^Rel" AND NOT WEIR_SANITIZE)
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong
                      -fstack-clash-protection)
  add_link_options(-Wl,-z,relro,-z,now)
endif()
if(WEIR_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all
                      -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()
if(WEIR_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(WEIR_COVERAGE)
  add_compile_options(-fprofile-instr-generate -fcoverage-mapping)
  add_link_options(-fprofile-instr-generate)
endif()

# weir_plugin(adapter|uplink NAME SOURCES... [LIBS ...] [MODELS DIR]) - builds KIND-NAME.so into the
# tree's plugin folder. The loader refuses files that others may write, so the mode is set
# whatever the umask.
function(weir_plugin kind name)
  cmake_parse_arguments(arg "NO_INSTALL" "MODELS" "LIBS" ${ARGN})
  set(target ${kind}-${name})
  add_library(${target} MODULE ${arg_UNPARSED_ARGUMENTS})
  target_link_libraries(${target} PRIVATE ${arg_LIBS})
  if(NOT WEIR_SANITIZE AND NOT WEIR_FUZZ)
    target_link_options(${target} PRIVATE -Wl,-z,defs)
  endif()
  set_target_properties(${target} PROPERTIES PREFIX "" OUTPUT_NAME ${target}
                        LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/plugins)
  add_custom_command(TARGET ${target} POST_BUILD
                     COMMAND chmod 0755 $<TARGET_FILE:${target}> VERBATIM)
  if(arg_MODELS)
    add_custom_command(TARGET ${target} POST_BUILD VERBATIM
                       COMMAND ${CMAKE_COMMAND} -E copy_directory
                       ${CMAKE_CURRENT_SOURCE_DIR}/${arg_MODELS}
                       ${PROJECT_BINARY_DIR}/models/${name})
  endif()
  if(NOT arg_NO_INSTALL)
    install(TARGETS ${target} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/weir
            PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
                        WORLD_READ WORLD_EXECUTE)
    if(arg_MODELS)
      install(DIRECTORY ${arg_MODELS}/ DESTINATION ${CMAKE_INSTALL_DATADIR}/weir/models/${name})
    endif()
  endif()
endfunction()

# weir_tests(RESULT SET...) - is one of these sets of tests wanted in this build? See WEIR_TESTS.
function(weir_tests result)
  set(wanted OFF)
  foreach(set ${ARGN})
    if("all" IN_LIST WEIR_TESTS OR set IN_LIST WEIR_TESTS)
      set(wanted ON)
    endif()
  endforeach()
  set(${result} ${wanted} PARENT_SCOPE)
endfunction()

# weir_test(NAME SOURCES... [LIBS ...]) - one cmocka program, label `unit`.
function(weir_test name)
  cmake_parse_arguments(arg "" "" "LIBS" ${ARGN})
  foreach(source ${arg_UNPARSED_ARGUMENTS})
    if(NOT EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${source} AND NOT EXISTS ${source})
      message(WARNING "no ${source} yet: test ${name} left out")
      return()
    endif()
  endforeach()
  add_executable(test-${name} ${arg_UNPARSED_ARGUMENTS})
  target_link_libraries(test-${name} PRIVATE ${arg_LIBS} PkgConfig::CMOCKA)
  set_target_properties(test-${name} PROPERTIES
                        RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  weir_tests(wanted unit)
  if(NOT wanted) # clang's build still compiles it, for its warnings
    set_target_properties(test-${name} PROPERTIES EXCLUDE_FROM_ALL $<NOT:$<BOOL:${WEIR_FUZZ}>>)
    return()
  endif()
  add_test(NAME unit.${name} COMMAND test-${name})
  set_tests_properties(unit.${name} PROPERTIES LABELS unit TIMEOUT 120 SKIP_RETURN_CODE 77
    ENVIRONMENT "WEIR_SOURCE_DIR=${PROJECT_SOURCE_DIR};WEIR_BINARY_DIR=${PROJECT_BINARY_DIR}")
endfunction()

# weir_fuzz(NAME SOURCES... [LIBS ...] [COVERS FILE[:FUNCTIONS]...]) - one libFuzzer program, fuzz-NAME;
# its seeds lie in tests/fuzz/seeds/NAME. As a test it runs for ten seconds, and the seeds
# alone must reach 80 % of the lines of COVERS.
function(weir_fuzz name)
  cmake_parse_arguments(arg "" "" "LIBS;COVERS" ${ARGN})
  add_executable(fuzz-${name} ${arg_UNPARSED_ARGUMENTS})
  target_link_libraries(fuzz-${name} PRIVATE ${arg_LIBS})
  target_compile_options(fuzz-${name} PRIVATE -fsanitize=fuzzer)
  target_link_options(fuzz-${name} PRIVATE -fsanitize=fuzzer)
  set_target_properties(fuzz-${name} PROPERTIES
                        RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
  weir_tests(wanted fuzz)
  if(NOT wanted)
    return()
  endif()
  list(TRANSFORM arg_COVERS PREPEND --covers=)
  add_test(NAME fuzz.${name} COMMAND ${WEIR_PYTHON} ${PROJECT_SOURCE_DIR}/tests/fuzz/run.py
           --bin ${PROJECT_BINARY_DIR} --seconds 10 ${arg_COVERS} ${name})
  set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz TIMEOUT 120)
endfunction()
