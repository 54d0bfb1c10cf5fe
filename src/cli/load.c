/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The configuration file for subcommands: see load.h.
 */
#include "cli/load.h"

#include <stdlib.h>

struct config *load_settings(const char *file, struct settings *ret_settings)
{
    struct config *config = NULL;
    struct findings *findings = findings_create();
    if (!findings) {
        return NULL;
    }
    int r = config_load(file, findings, &config);
    if (r == 0) {
        r = config_settings(config, findings, ret_settings);
    }
    if (r < 0) {
        findings_print(findings, stderr);
        config_unload(config);
        config = NULL;
    }
    findings_destroy(findings);
    return config;
}

double load_positive(const char *text)
{
    char *end;
    double value = strtod(text, &end);
    return *end || end == text || !(value > 0) || value > 1e9 ? 0 : value;
}
