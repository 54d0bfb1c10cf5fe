# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
set(cli ${PROJECT_SOURCE_DIR}/src/cli)
weir_test(cli-status cli_status.c ${cli}/status_judge.c ${cli}/status_text.c ${cli}/status_json.c
          ${cli}/status_read.c LIBS weir_link weir_record PkgConfig::JANSSON)
