/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The configuration as checked values. Text is libconfig; what is allowed stands in option tables
 * (weir/option.h): the host's own in tables.c, a plugin's in the plugin. Every reader of a setting
 * goes through these tables, so that type, range, default, help and error look the same everywhere.
 *
 *   file(s) --config_load--> tree --config_settings--> gateway, spool, names of buses and uplinks
 *                             |---config_bus---> one bus, its devices and points (needs the
 * adapter)
 *                             |---config_uplink-> one uplink (needs the plugin)
 *                             '---config_section-> text for a child: gateway, spool, one bus or
 * uplink
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <weir/adapter.h>
#include <weir/uplink.h>

struct config;

/* Findings are collected, all in one pass, and printed as FILE:LINE: error: ... */
struct findings;
struct findings *findings_create(void);
void findings_destroy(struct findings *findings);
void findings_add(struct findings *findings, const char *file, int line, enum weir_level level,
                  const char *format, ...) __attribute__((format(printf, 5, 6)));
size_t findings_errors(const struct findings *findings);
size_t findings_warnings(const struct findings *findings);
void findings_print(const struct findings *findings, FILE *out);

/* Reads FILE, then DIRECTORY-OF-FILE/conf.d/\*.conf in name order (groups merge). -EINVAL with
 * findings; another negative errno if the file could not be read (also a finding). */
int config_load(const char *path, struct findings *findings, struct config **ret_config);
/* The same from an open descriptor (a child's sealed memfd); `name` is for messages. */
int config_load_fd(int fd, const char *name, struct findings *findings, struct config **ret_config);
void config_unload(struct config *config);

struct config_names {
    const char **names; /* in the order of the file; strings owned by the config */
    size_t count;
};

enum config_clock { CONFIG_CLOCK_AUTO, CONFIG_CLOCK_SYSTEM, CONFIG_CLOCK_FILE };

/* What everyone needs. Strings are owned by the config. */
struct settings {
    const char *gateway;
    const struct weir_label *labels;
    size_t label_count;
    enum config_clock clock;
    const char *clock_file; /* CONFIG_CLOCK_FILE */
    const char *directory;  /* flash */
    const char *ram;        /* tmpfs */
    int64_t ram_limit_bytes;
    int64_t persist_after_ns; /* 0: on flash before it is sent */
    int64_t checkpoint_ns;    /* 0: none */
    int64_t limit_bytes;      /* of flash */
    int64_t max_age_ns;
    int64_t memory_limit_bytes;  /* RLIMIT_DATA of each child */
    struct config_names buses;   /* enabled ones */
    struct config_names uplinks; /* enabled ones */
};

int config_settings(struct config *config, struct findings *findings,
                    struct settings *ret_settings);
/* Name of the plugin that a bus or an uplink asks for; NULL if there is no such bus or uplink. */
const char *config_bus_adapter(struct config *config, const char *bus);
const char *config_uplink_plugin(struct config *config, const char *uplink);

/* Does a new uplink of this name begin with what comes from now on? */
bool config_uplink_from_now(struct config *config, const char *uplink);

/* For store: gateway, spool, and of each uplink its name and start; malloc()ed. */
int config_section_store(struct config *config, char **ret_text, size_t *ret_len);
/* libconfig text with gateway, spool and one bus (or one uplink) only; malloc()ed. A child reads it
 * with config_load_fd(), and secrets from where they lie. Equal text = nothing changed, neither
 * here nor in the files of secrets and models. */
int config_section(struct config *config, const char *bus, const char *uplink,
                   struct findings *findings, char **ret_text, size_t *ret_len);

enum config_parity { CONFIG_PARITY_NONE, CONFIG_PARITY_EVEN, CONFIG_PARITY_ODD };

/* A modem line: as the driver leaves it when it opens (mostly on), on, off. */
enum config_line { CONFIG_LINE_DRIVER, CONFIG_LINE_ON, CONFIG_LINE_OFF };
/* RTS while an RS-485 transceiver sends. */
enum config_sending { CONFIG_SENDING_ON, CONFIG_SENDING_OFF };

struct port_config {
    const char *path;    /* serial: port = "/dev/..."; "" if TCP or none */
    const char *address; /* TCP: "host:port"; "" if serial or none */
    int64_t baud;
    int parity; /* enum config_parity */
    int64_t data_bits, stop_bits;
    int64_t connect_timeout_ns;
    int rts, dtr;  /* enum config_line */
    bool rs485;    /* the driver switches a transceiver by RTS */
    int rs485_rts; /* enum config_sending */
    int64_t rs485_delay_before_ns, rs485_delay_after_ns; /* whole milliseconds */
};

struct point_config {
    double deadband;        /* 0: every value */
    int64_t max_silence_ns; /* 0: none */
    bool window_own;        /* it says itself what it wants of the window: */
    unsigned window;        /* bits 1 << enum window_function */
};

/* A window makes one record of all readings of a period. period_ns 0: there is none. */
struct window_config {
    int64_t period_ns;
    bool align;         /* to multiples of the period by the clock (UTC) */
    unsigned functions; /* of points that say nothing themselves */
};

/* index-parallel to bus.devices */
struct device_config {
    const char *model;
    const struct weir_label *labels;
    size_t label_count;
    int64_t every_ns; /* 0: back to back */
    int64_t retries;
    struct window_config window;
    const struct point_config *points;
    int line; /* in the file, for findings */
    const char *file;
};

/* One bus, ready for the adapter: bus.options, bus.devices and their points are filled. */
struct bus_config {
    struct weir_bus bus;
    struct port_config port;
    const struct device_config *devices;
    const char *file;
    int line;
};

/* Where a finding of an adapter belongs: file and line of a key of a bus, device or point (-1). */
void config_where(const struct bus_config *bus, int device, int point, const char *key,
                  const char **ret_file, int *ret_line);
int config_bus(struct config *config, const char *name, const struct weir_adapter *adapter,
               struct findings *findings, struct bus_config **ret_bus);

enum window_function {
    TALLY_MIN,
    TALLY_MEAN,
    TALLY_MAX,
    TALLY_SUM,
    TALLY_COUNT,
    TALLY_LAST,
    TALLY_FUNCTIONS,
    TALLY_RAW = TALLY_FUNCTIONS, /* a column of a value as it is read */
    TALLY_PERIOD,                /* true length in seconds */
    TALLY_POLLS,                 /* how often the device was asked */
};

struct window_column {
    size_t point; /* index; of no meaning for TALLY_PERIOD and TALLY_POLLS */
    enum window_function function;
};

/* What the records of a device with a window have in them: `points` as of a shape, and of what each
 * is made. */
struct window_plan {
    const struct weir_point *points;
    const struct window_column *columns; /* index-parallel */
    size_t count;
};

/* types: one a point, as the adapter says. *ret_plan is NULL if the device has no window or no
 * point wants one; free() it. -EINVAL with findings (may be NULL): functions that a type does not
 * have, names that are taken or too long, too many. */
int window_plan(const struct bus_config *bus, size_t device, const enum weir_type *types,
                struct findings *findings, struct window_plan **ret_plan);

enum config_format { CONFIG_FORMAT_JSON, CONFIG_FORMAT_JSON_FLAT };
enum config_start { CONFIG_START_OLDEST, CONFIG_START_NOW };

struct uplink_config {
    const char *name;
    const void *options;   /* the plugin's own struct */
    int format;            /* enum config_format */
    int start;             /* enum config_start */
    int64_t batch_records; /* 1: no arrays */
    int64_t batch_delay_ns;
    bool batch_compact;
    int64_t hold_unsynced_ns; /* 0: not at all */
    int64_t inflight;         /* messages */
    int64_t reconnect_delay_max_ns;
    int64_t rate_limit;        /* bytes a second; 0: none */
    int64_t skip_older_ns;     /* 0: nothing is skipped */
    struct weir_names devices; /* filters; count 0: all */
    struct weir_names kinds;
    const char *file;
    int line;
};

int config_uplink(struct config *config, const char *name, const struct weir_uplink *plugin,
                  struct findings *findings, struct uplink_config **ret_uplink);

/* Everything at once, plugins and models included; opens no port. What `weir check` and the start
 * of `weir run` use; the latter must not look_at_flash, which may never answer. Returns 0 if there
 * is no error (plugins that do not load are warnings). */
int config_check(const char *path, struct findings *findings, bool look_at_flash);
/* Does this path lie on a tmpfs, or will it when it is made? */
bool config_in_ram(const char *path);

#endif
