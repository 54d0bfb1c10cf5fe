/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What the files of the configuration share.
 *
 *   scan.c      a look before libconfig       tree.c     files to one tree that knows its lines
 *   fill.c      a group and option tables to a struct    tables.c   the host's own tables
 *   settings.c  gateway and spool             bus.c      buses, devices, points, models
 *   window.c    windows of devices
 *   uplink.c    uplinks                       section.c  a part of the tree as text
 *   secret.c    secrets in files              findings.c what is wrong
 *   check.c     everything, plugins too       plugin.c   finding and loading them
 *   check_host.c  their own look at settings         check_flash.c  what a plan costs the card
 */
#ifndef CONFIG_PRIVATE_H
#define CONFIG_PRIVATE_H

#include <libconfig.h>

#include "config/arena.h"
#include "config/config.h"
#include "config/rows.h"

/* A model file that was read. Settings of a tree point back to the tree, so it must never move. */
struct model_file {
    config_t tree;
    char path[512];
};

struct config {
    config_t tree;
    struct arena arena;
    struct model_file **models; /* that were read, to be freed; each stays where it is */
    size_t model_count;
};

/* Where a setting was written; kept as its hook. */
struct origin {
    const char *file;
    int line;
};

const char *tree_file(const config_setting_t *setting);
int tree_line(const config_setting_t *setting);
/* Reads text into `tree` and gives every setting its origin. -EINVAL with findings. */
int tree_parse(struct arena *arena, const char *text, size_t len, const char *file,
               struct findings *findings, config_t *ret_tree);
/* A whole file, at most 4 MiB; malloc()ed. */
int tree_read_file(int fd, char **ret_text, size_t *ret_len);
/* Adds all of `from` to `to`; groups merge, a setting that both have is a finding. */
void tree_merge(config_setting_t *to, const config_setting_t *from, struct findings *findings);
/* A path for messages, "buses.meters.devices[0].every". */
void tree_path(const config_setting_t *setting, char *buf, size_t size);
/* Adds a finding at a setting. */
void tree_find(struct findings *findings, const config_setting_t *setting, enum weir_level level,
               const char *format, ...) __attribute__((format(printf, 4, 5)));

/* One struct to be filled by one table. */
struct fill {
    const struct weir_option *rows;
    void *to;
};

/* Groups to take settings from: `own` first, then `base` (a model); either may be NULL. `where` is
 * for findings when a required one is missing. */
struct fill_from {
    config_setting_t *own, *base;
    const config_setting_t *where;
};

config_setting_t *fill_member(const struct fill_from *from, const char *name);
/* Fills each struct from its table; members that no table and not `others` (NULL-ended) knows are
 * findings, with the nearest name. */
void fill_all(struct config *config, struct findings *findings, const struct fill_from *from,
              const struct fill *fills, size_t fill_count, const char *const *others);
/* Is the type of this one right? Nothing is kept. */
void fill_check(struct config *config, struct findings *findings, config_setting_t *group,
                const struct weir_option *row);
/* The labels group as an array. */
const struct weir_label *fill_labels(struct config *config, struct findings *findings,
                                     config_setting_t *group, size_t *ret_count);
void fill_name_check(struct findings *findings, const config_setting_t *setting, const char *name,
                     const char *what);
/* "file:" and "cred:" become what they name; findings if they cannot be read. */
const char *secret_resolve(struct config *config, struct findings *findings,
                           const config_setting_t *setting, const char *text);
/* Does this text name a file with a secret? Then its path. */
bool secret_file(const char *text, char *buf, size_t size);
/* config_settings() that goes on after errors: complete whatever was wrong. */
void settings_read(struct config *config, struct findings *findings, struct settings *ret_settings);
/* check_host.c: what the plugin itself finds. */
void check_adapter(struct findings *findings, const struct weir_adapter *adapter,
                   const struct bus_config *config);
void check_uplink(struct findings *findings, const char *gateway, const struct weir_uplink *plugin,
                  const struct uplink_config *uplink);
/* The name that is set, else the host name. */
const char *settings_gateway(struct config *config);

/* tables.c: the host's own options. */
struct gateway_options {
    const char *name, *clock;
    int64_t memory_limit_bytes;
};
struct spool_options {
    const char *directory, *ram;
    int64_t ram_limit_bytes, persist_after_ns, checkpoint_ns, limit_bytes, max_age_ns;
};
struct bus_options {
    const char *adapter, *model;
    bool enabled;
    struct port_config port;
};
struct window_options {
    int64_t period_ns; /* 0: the device has no window */
    struct weir_names functions;
    bool align;
};
struct device_options {
    const char *name, *model;
    int64_t every_ns, timeout_ns, retries;
    bool enabled;
    struct window_options window;
};
struct point_options {
    const char *name, *unit;
    double deadband;
    int64_t max_silence_ns;
    struct weir_names window; /* names NULL: not set */
};
struct batch_options {
    int64_t records, delay_ns;
    bool compact;
};
struct uplink_options {
    const char *uplink;
    bool enabled;
    struct weir_names devices, kinds;
    int format, start;
    struct batch_options batch;
    int64_t hold_unsynced_ns, inflight, reconnect_delay_max_ns, rate_limit;
    int64_t skip_older_ns;
};
/* Documented settings that this version takes and does not use yet: checked by type, and a warning.
 */
extern const struct weir_option uplink_later[];
void tables_warn_later(struct config *config, struct findings *findings, config_setting_t *group,
                       const struct weir_option *later);

/* window.c: names of functions to bits, with findings at `setting`. */
unsigned window_functions(struct findings *findings, const config_setting_t *setting,
                          const struct weir_names *names);
/* What a device's window says, checked as far as it can be without the adapter. */
void window_read(struct findings *findings, config_setting_t *setting,
                 const struct window_options *options, const struct weir_adapter *adapter,
                 struct device_config *device);

/* The group that all of one kind stand in ("buses"), and one of them; NULL if it is not there. */
config_setting_t *config_group(struct config *config, const char *kind, const char *name);

/* check_flash.c: what polled devices of all buses make. */
struct flash_plan {
    double records_per_s, bytes_per_s;
    unsigned buses;
};
void check_flash_bus(struct flash_plan *plan, const struct bus_config *bus);
/* The log's own bytes, with no link for a whole day. */
double check_flash_mb_a_day(const struct flash_plan *plan, int64_t persist_after_ns);
void check_flash(struct config *config, struct findings *findings, const struct settings *settings,
                 const struct flash_plan *plan);

#endif
