# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
get_property(traffic GLOBAL PROPERTY weir_traffic_sources)
get_property(libs GLOBAL PROPERTY weir_traffic_libs)
list(TRANSFORM traffic REPLACE "^${PROJECT_SOURCE_DIR}/" "" OUTPUT_VARIABLE covers)
# What never sees a byte of a device is left out: settings, records.
list(FILTER covers EXCLUDE REGEX "/(traffic|open|services|records|ask|intervals|families|line_plan|line_words)[.]c$")
weir_fuzz(traffic fuzz_traffic.c ${traffic} LIBS ${libs} COVERS ${covers})
target_include_directories(fuzz-traffic PRIVATE ${PROJECT_SOURCE_DIR}/plugins/traffic)
