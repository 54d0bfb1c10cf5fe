/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Configuration files as one libconfig tree in which every setting knows file and line.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/private.h"
#include "config/scan.h"

enum { FILE_MAX_BYTES = 4 << 20 };

const char *tree_file(const config_setting_t *setting)
{
    const struct origin *origin = setting ? config_setting_get_hook(setting) : NULL;
    return origin ? origin->file : "";
}

int tree_line(const config_setting_t *setting)
{
    const struct origin *origin = setting ? config_setting_get_hook(setting) : NULL;
    return origin ? origin->line : 0;
}

void tree_path(const config_setting_t *setting, char *buf, size_t size)
{
    const config_setting_t *parent = setting ? config_setting_parent(setting) : NULL;
    buf[0] = 0;
    if (!parent) {
        return;
    }
    char before[256];
    tree_path(parent, before, sizeof before);
    const char *name = config_setting_name(setting);
    int n = name ? snprintf(buf, size, "%s%s%s", before, before[0] ? "." : "", name)
                 : snprintf(buf, size, "%s[%d]", before, config_setting_index(setting));
    if (n < 0) {
        buf[0] = 0;
    }
}

void tree_find(struct findings *findings, const config_setting_t *setting, enum weir_level level,
               const char *format, ...)
{
    char text[768], path[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    tree_path(setting, path, sizeof path);
    findings_add(findings, tree_file(setting), tree_line(setting), level, "%s%s%s", path,
                 path[0] ? ": " : "", text);
}

static void give_origin(struct arena *arena, const char *file, config_setting_t *setting)
{
    struct origin *origin = arena_take(arena, sizeof *origin);
    *origin = (struct origin){ file, (int)config_setting_source_line(setting) };
    config_setting_set_hook(setting, origin);
    if (config_setting_is_aggregate(setting)) {
        for (int i = 0; i < config_setting_length(setting); i++) {
            give_origin(arena, file, config_setting_get_elem(setting, (unsigned)i));
        }
    }
}

int tree_parse(struct arena *arena, const char *text, size_t len, const char *file,
               struct findings *findings, config_t *ret_tree)
{
    if (config_scan(text, len, file, findings)) {
        return -EINVAL;
    }
    config_init(ret_tree);
    if (!config_read_string(ret_tree, text)) {
        const char *why = config_error_text(ret_tree);
        findings_add(findings, file, config_error_line(ret_tree), WEIR_LOG_ERROR, "%s",
                     !strcmp(why, "duplicate setting name") ? "this setting stands here twice"
                                                            : why);
        config_destroy(ret_tree);
        return -EINVAL;
    }
    give_origin(arena, arena_text(arena, file), config_root_setting(ret_tree));
    return 0;
}

int tree_read_file(int fd, char **ret_text, size_t *ret_len)
{
    size_t len = 0, size = 8192;
    char *text = malloc(size);
    ssize_t n = 1;
    while (text && n > 0 && len < FILE_MAX_BYTES) {
        if (size - len < 4096) {
            size *= 2;
            char *more = realloc(text, size);
            if (!more) {
                free(text);
                return -ENOMEM;
            }
            text = more;
        }
        n = read(fd, text + len, size - len - 1);
        len += n > 0 ? (size_t)n : 0;
    }
    if (!text || n != 0) {
        int r = !text ? -ENOMEM : n < 0 ? -errno : -EFBIG;
        free(text);
        return r;
    }
    text[len] = 0;
    *ret_text = text;
    *ret_len = len;
    return 0;
}

static void copy_scalar(config_setting_t *to, const config_setting_t *from)
{
    switch (config_setting_type(from)) {
    case CONFIG_TYPE_INT:
        config_setting_set_int(to, config_setting_get_int(from));
        break;
    case CONFIG_TYPE_INT64:
        config_setting_set_int64(to, config_setting_get_int64(from));
        break;
    case CONFIG_TYPE_FLOAT:
        config_setting_set_float(to, config_setting_get_float(from));
        break;
    case CONFIG_TYPE_BOOL:
        config_setting_set_bool(to, config_setting_get_bool(from));
        break;
    case CONFIG_TYPE_STRING:
        config_setting_set_string(to, config_setting_get_string(from));
        break;
    default:
        break;
    }
}

static void copy(config_setting_t *parent, const config_setting_t *from)
{
    config_setting_t *to =
        config_setting_add(parent, config_setting_name(from), config_setting_type(from));
    if (!to) {
        return;
    }
    config_setting_set_hook(to, config_setting_get_hook(from));
    if (!config_setting_is_aggregate(from)) {
        copy_scalar(to, from);
        return;
    }
    for (int i = 0; i < config_setting_length(from); i++) {
        copy(to, config_setting_get_elem(from, (unsigned)i));
    }
}

void tree_merge(config_setting_t *to, const config_setting_t *from, struct findings *findings)
{
    for (int i = 0; i < config_setting_length(from); i++) {
        const config_setting_t *new = config_setting_get_elem(from, (unsigned)i);
        config_setting_t *old = config_setting_get_member(to, config_setting_name(new));
        if (!old) {
            copy(to, new);
        } else if (config_setting_is_group(old) && config_setting_is_group(new)) {
            tree_merge(old, new, findings);
        } else {
            tree_find(findings, new, WEIR_LOG_ERROR, "is set already in %s:%d", tree_file(old),
                      tree_line(old));
        }
    }
}

/* ---- loading */

static int load_text(int fd, const char *file, struct config *config, struct findings *findings,
                     config_t *ret_tree)
{
    char *text;
    size_t len;
    int r = tree_read_file(fd, &text, &len);
    if (r < 0) {
        findings_add(findings, file, 0, WEIR_LOG_ERROR, "cannot be read: %s", strerror(-r));
        return r;
    }
    r = tree_parse(&config->arena, text, len, file, findings, ret_tree);
    free(text);
    return r;
}

static int is_conf(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return entry->d_name[0] != '.' && len > 5 && !strcmp(entry->d_name + len - 5, ".conf");
}

/* conf.d beside the file, in name order. */
static void load_more(const char *path, struct config *config, struct findings *findings)
{
    char folder[512], file[1024];
    struct dirent **list;
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*sconf.d", slash ? (int)(slash + 1 - path) : 0, path);
    int count = scandir(folder, &list, is_conf, alphasort);
    for (int i = 0; i < count; i++) {
        config_t tree;
        snprintf(file, sizeof file, "%s/%s", folder, list[i]->d_name);
        int fd = open(file, O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
            findings_add(findings, file, 0, WEIR_LOG_ERROR, "cannot be read: %s", strerror(errno));
        } else if (load_text(fd, file, config, findings, &tree) == 0) {
            tree_merge(config_root_setting(&config->tree), config_root_setting(&tree), findings);
            config_destroy(&tree);
        }
        if (fd >= 0) {
            close(fd);
        }
        free(list[i]);
    }
    if (count >= 0) {
        free(list);
    }
}

int config_load_fd(int fd, const char *name, struct findings *findings, struct config **ret_config)
{
    struct config *config = calloc(1, sizeof *config);
    if (!config) {
        return -ENOMEM;
    }
    int r = load_text(fd, name, config, findings, &config->tree);
    if (r < 0) {
        arena_finish(&config->arena);
        free(config);
        return r;
    }
    *ret_config = config;
    return 0;
}

int config_load(const char *path, struct findings *findings, struct config **ret_config)
{
    struct config *config;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        int r = -errno;
        findings_add(findings, path, 0, WEIR_LOG_ERROR, "cannot be read: %s", strerror(-r));
        return r;
    }
    int r = config_load_fd(fd, path, findings, &config);
    close(fd);
    if (r < 0) {
        return r;
    }
    load_more(path, config, findings);
    if (findings_errors(findings)) {
        config_unload(config);
        return -EINVAL;
    }
    *ret_config = config;
    return 0;
}

void config_unload(struct config *config)
{
    if (!config) {
        return;
    }
    for (size_t i = 0; i < config->model_count; i++) {
        config_destroy(&config->models[i]->tree);
        free(config->models[i]);
    }
    free(config->models);
    config_destroy(&config->tree);
    arena_finish(&config->arena);
    free(config);
}

config_setting_t *config_group(struct config *config, const char *kind, const char *name)
{
    config_setting_t *all = config_setting_get_member(config_root_setting(&config->tree), kind);
    if (!all || !config_setting_is_group(all) || !name) {
        return name ? NULL : all;
    }
    config_setting_t *one = config_setting_get_member(all, name);
    return one && config_setting_is_group(one) ? one : NULL;
}
