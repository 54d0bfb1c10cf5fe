/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * A look at the text before libconfig sees it, for what libconfig gets wrong: an @include can end
 * the process, an integer beyond 31 bits without L wraps without a word, brackets in brackets take
 * stack, a text without end loses memory, and a comment without end hides the rest.
 */
#ifndef CONFIG_SCAN_H
#define CONFIG_SCAN_H

#include <stddef.h>

#include "config/config.h"

/* Adds findings. Returns how many. Pure. */
size_t config_scan(const char *text, size_t len, const char *file, struct findings *findings);

#endif
