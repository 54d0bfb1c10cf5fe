/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The configuration file, for subcommands that only need to know where things lie.
 */
#ifndef CLI_LOAD_H
#define CLI_LOAD_H

#include "config/config.h"

#define LOAD_DEFAULT_FILE WEIR_SYSCONF_DIR "/weir.conf"

/* Prints what is wrong with it. Returns NULL then; else the settings are good until
 * config_unload(). */
struct config *load_settings(const char *file, struct settings *ret_settings);

/* A positive number of seconds or pieces as an option's argument; 0 if it is none. */
double load_positive(const char *text);

#endif
