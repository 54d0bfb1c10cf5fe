/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Option tables for people: as columns, and as an example to copy.
 */
#ifndef CLI_OPTION_TEXT_H
#define CLI_OPTION_TEXT_H

#include <weir/option.h>

/* A title and a line for each row of both tables (each may be NULL): name, type, default, help. */
void option_text_table(const char *title, const struct weir_option *host,
                       const struct weir_option *plugin);
/* Each row as a setting with its default and its help as a comment; what is not required is
 * commented out. The setting `skip` is left out (NULL: none). */
void option_text_example(const struct weir_option *rows, int indent, const char *skip);

#endif
