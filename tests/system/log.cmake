# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
add_executable(queue-tool queue_tool.c)
target_link_libraries(queue-tool PRIVATE weir_log)
set_target_properties(queue-tool PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
weir_system_test(format test_format.py)
