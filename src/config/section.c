/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * A part of the tree as libconfig text, for a child: gateway, spool and one bus or uplink. The same tree gives
 * the same text.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "config/private.h"

static void put_setting(FILE *out, const config_setting_t *setting);

static void put_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\') {
            fprintf(out, "\\%c", *p);
        } else if (*p < ' ') {
            fprintf(out, "\\x%02x", *p);
        } else {
            fputc(*p, out);
        }
    }
    fputc('"', out);
}

/* A float must look like one, or it would come back as an integer. */
static void put_float(FILE *out, double value)
{
    char text[40];
    snprintf(text, sizeof text, "%.17g", value);
    fprintf(out, "%s%s", text, strpbrk(text, ".e") ? "" : ".0");
}

static void put_elements(FILE *out, const config_setting_t *setting, const char *brackets)
{
    fputc(brackets[0], out);
    for (int i = 0; i < config_setting_length(setting); i++) {
        fputs(i ? ", " : " ", out);
        put_setting(out, config_setting_get_elem(setting, (unsigned)i));
    }
    fprintf(out, " %c", brackets[1]);
}

static void put_group(FILE *out, const config_setting_t *setting)
{
    fputs("{ ", out);
    for (int i = 0; i < config_setting_length(setting); i++) {
        const config_setting_t *member = config_setting_get_elem(setting, (unsigned)i);
        fprintf(out, "%s = ", config_setting_name(member));
        put_setting(out, member);
        fputs("; ", out);
    }
    fputc('}', out);
}

static void put_setting(FILE *out, const config_setting_t *setting)
{
    switch (config_setting_type(setting)) {
    case CONFIG_TYPE_INT:
        fprintf(out, "%d", config_setting_get_int(setting));
        break;
    case CONFIG_TYPE_INT64:
        fprintf(out, "%lldL", config_setting_get_int64(setting));
        break;
    case CONFIG_TYPE_FLOAT:
        put_float(out, config_setting_get_float(setting));
        break;
    case CONFIG_TYPE_BOOL:
        fputs(config_setting_get_bool(setting) ? "true" : "false", out);
        break;
    case CONFIG_TYPE_STRING:
        put_string(out, config_setting_get_string(setting));
        break;
    case CONFIG_TYPE_ARRAY:
        put_elements(out, setting, "[]");
        break;
    case CONFIG_TYPE_LIST:
        put_elements(out, setting, "()");
        break;
    default:
        put_group(out, setting);
        break;
    }
}

static void put_top(FILE *out, struct config *config, const char *name)
{
    config_setting_t *group = config_group(config, name, NULL);
    if (group) {
        fprintf(out, "%s = ", name);
        put_setting(out, group);
        fputs(";\n", out);
    }
}

static void put_one(FILE *out, struct config *config, const char *kind, const char *name)
{
    config_setting_t *group = name ? config_group(config, kind, name) : NULL;
    if (group) {
        fprintf(out, "%s = { %s = ", kind, name);
        put_setting(out, group);
        fputs("; };\n", out);
    }
}

int config_section(struct config *config, const char *bus, const char *uplink,
                   struct findings *findings, char **ret_text, size_t *ret_len)
{
    FILE *out = open_memstream(ret_text, ret_len);
    if (!out) {
        return -ENOMEM;
    }
    put_top(out, config, "gateway");
    put_top(out, config, "spool");
    put_one(out, config, "buses", bus);
    put_one(out, config, "uplinks", uplink);
    return fclose(out) == 0 ? 0 : -ENOMEM;
}
