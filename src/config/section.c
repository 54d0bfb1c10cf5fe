/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * A part of the tree as libconfig text, for a child: gateway, spool and one bus or uplink. The same
 * tree gives the same text. Files that it names (secrets, models) stand below as comments with
 * their age and size, so that a change in one of them is a change of the text:
 *
 *   gateway = { ... };
 *   buses = { meters = { ... }; };
 *   # /etc/weir/models/meter.conf 1700000000.123456789 412
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "config/plugin.h"
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
    if (!isfinite(value)) { /* "1e999" was read as this */
        fputs(value < 0 ? "-1e999" : "1e999", out);
        return;
    }
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

static void put_file(FILE *out, const char *path)
{
    struct stat st = { 0 };
    if (!strpbrk(path, "\r\n")) {
        int r = stat(path, &st);
        fprintf(out, "# %s %lld.%09ld %lld\n", path, r ? 0LL : (long long)st.st_mtim.tv_sec,
                r ? 0L : st.st_mtim.tv_nsec, r ? -1LL : (long long)st.st_size);
    }
}

/* Files that settings below this one name: secrets, and the models of this adapter. */
static void put_files(FILE *out, const config_setting_t *setting, const char *adapter)
{
    char path[1024];
    const char *text = config_setting_get_string(setting), *name = config_setting_name(setting);
    if (text && secret_file(text, path, sizeof path)) {
        put_file(out, path);
    } else if (text && adapter && name && !strcmp(name, "model") &&
               plugin_model_path(adapter, text, path, sizeof path) == 0) {
        put_file(out, path);
    }
    int count = config_setting_is_aggregate(setting) ? config_setting_length(setting) : 0;
    for (int i = 0; i < count; i++) {
        put_files(out, config_setting_get_elem(setting, (unsigned)i), adapter);
    }
}

static void put_one(FILE *out, struct config *config, const char *kind, const char *name,
                    const char *adapter)
{
    config_setting_t *group = name ? config_group(config, kind, name) : NULL;
    if (group) {
        fprintf(out, "%s = { %s = ", kind, name);
        put_setting(out, group);
        fputs("; };\n", out);
        put_files(out, group, adapter);
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
    put_one(out, config, "buses", bus, bus ? config_bus_adapter(config, bus) : NULL);
    put_one(out, config, "uplinks", uplink, NULL);
    return fclose(out) == 0 ? 0 : -ENOMEM;
}

int config_section_store(struct config *config, char **ret_text, size_t *ret_len)
{
    FILE *out = open_memstream(ret_text, ret_len);
    if (!out) {
        return -ENOMEM;
    }
    put_top(out, config, "gateway");
    put_top(out, config, "spool");
    config_setting_t *all =
        config_setting_get_member(config_root_setting(&config->tree), "uplinks");
    fputs("uplinks = {\n", out);
    for (int i = 0; all && i < config_setting_length(all); i++) {
        const config_setting_t *one = config_setting_get_elem(all, (unsigned)i);
        int enabled = 1;
        config_setting_lookup_bool(one, "enabled", &enabled);
        if (enabled) {
            const char *name = config_setting_name(one);
            fprintf(out, "%s = { start = \"%s\"; };\n", name,
                    config_uplink_from_now(config, name) ? "now" : "oldest");
        }
    }
    fputs("};\n", out);
    return fclose(out) == 0 ? 0 : -ENOMEM;
}
