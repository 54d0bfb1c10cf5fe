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
    char path[512];
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
int plugin_list(enum plugin_kind kind, void (*visit)(void *context, const char *name, const char *path),
                void *context);

/* Path of a model file NAME.conf of an adapter: WEIR_SYSCONF_DIR/models, then models/ADAPTER beside the binary
 * (a build tree), then the installed folder. -ENOENT if there is none. */
int plugin_model_path(const char *adapter, const char *model, char *buf, size_t size);

#endif
