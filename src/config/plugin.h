/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Finds and loads plugins: WEIR_PLUGIN_PATH (colon separated), then `plugins/` beside the running
 * binary (a build tree), else the installed folder. A file must belong to root, to the user
 * running weir or to the owner of the weir binary, and be writable by no other; it is opened once,
 * checked, and loaded through that descriptor.
 */
#ifndef CONFIG_PLUGIN_H
#define CONFIG_PLUGIN_H

#include <stddef.h>

#include <weir/adapter.h>
#include <weir/uplink.h>

enum plugin_kind { PLUGIN_ADAPTER, PLUGIN_UPLINK };

struct plugin {
    void *handle;
    int fd; /* stays open as long as the plugin is loaded: the loader knows plugins by this number
             */
    char path[512];
    void *copy; /* of its struct: what an older plugin does not have yet is NULL in it */
    union {
        const struct weir_adapter *adapter;
        const struct weir_uplink *uplink;
    };
};

/* 0, or a negative errno and one clear line in err (which file, what is wrong with it). */
int plugin_load(enum plugin_kind kind, const char *name, struct plugin *ret_plugin, char *err,
                size_t err_size);
void plugin_unload(struct plugin *plugin);

/* Calls visit for every plugin file found, in name order, the first of a name only. */
int plugin_list(enum plugin_kind kind,
                void (*visit)(void *context, const char *name, const char *path), void *context);

/* The folders in which models of an adapter lie, by index from 0: the user's own
 * (WEIR_MODEL_PATH, else WEIR_SYSCONF_DIR/models), then those of the build tree or the installed
 * ones. -ENOENT behind the last. */
int plugin_model_folder(const char *adapter, size_t index, char *buf, size_t size);
/* The first file NAME.conf there. -ENOENT if there is none. */
int plugin_model_path(const char *adapter, const char *model, char *buf, size_t size);

#endif
