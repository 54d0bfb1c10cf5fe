/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The host's own options, as rows. Help, ranges and defaults stand here and nowhere else.
 */
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "config/private.h"

#define ROW(kind, struct_name, field, ...)                                                         \
    {                                                                                              \
        .type = WEIR_OPTION_##kind, .offset = offsetof(struct struct_name, field), __VA_ARGS__     \
    }
#define LATER(option, kind)                                                                        \
    {                                                                                              \
        .name = option, .type = WEIR_OPTION_##kind                                                 \
    }

static const char *const parities[] = { "none", "even", "odd", NULL };
static const char *const lines[] = { "driver", "on", "off", NULL };
static const char *const sendings[] = { "on", "off", NULL };
static const char *const formats[] = { "json", "json-flat", NULL };
static const char *const starts[] = { "oldest", "now", NULL };

const struct weir_option gateway_rows[] = {
    ROW(NAME, gateway_options, name, .name = "name",
        .help = "name of this gateway; default: the host name"),
    ROW(TEXT, gateway_options, clock, .name = "clock", .fallback = "auto",
        .help = "auto, system, or file:/path: when is the clock believed"),
    ROW(SIZE, gateway_options, memory_limit_bytes, .name = "memory_limit", .fallback = "64MiB",
        .min = 16 << 20, .max = 4096.0 * (1 << 20),
        .help = "memory that one bus or uplink may take"),
    { 0 },
};

const struct weir_option spool_rows[] = {
    ROW(TEXT, spool_options, directory, .name = "directory", .help = "folder on flash"),
    ROW(TEXT, spool_options, ram, .name = "ram", .help = "folder in RAM (tmpfs)"),
    ROW(SIZE, spool_options, ram_limit_bytes, .name = "ram_limit", .min = 4 << 20,
        .max = 65536.0 * (1 << 20),
        .help = "RAM for records; default: 5 % of memory, 16 to 64 MiB"),
    ROW(DURATION, spool_options, persist_after_ns, .name = "persist_after", .fallback = "5s",
        .min = 0, .max = 3600,
        .help = "what is not confirmed by then goes to flash; 0: before it is sent"),
    ROW(DURATION, spool_options, checkpoint_ns, .name = "checkpoint", .fallback = "1h", .min = 0,
        .max = 2592000, .help = "how often the cursors go to flash while all is well; 0: never"),
    ROW(SIZE, spool_options, limit_bytes, .name = "limit", .fallback = "1GiB", .min = 16 << 20,
        .max = 1048576.0 * (1 << 20), .help = "flash for records; beyond it the oldest go"),
    ROW(DURATION, spool_options, max_age_ns, .name = "max_age", .fallback = "30d", .min = 60,
        .max = 315360000, .help = "records older than this go"),
    { 0 },
};

const struct weir_option bus_rows[] = {
    ROW(NAME, bus_options, adapter, .name = "adapter", .flags = WEIR_OPTION_REQUIRED,
        .help = "which plugin speaks on this bus"),
    ROW(BOOL, bus_options, enabled, .name = "enabled", .fallback = "true",
        .help = "false: not run"),
    ROW(TEXT, bus_options, model, .name = "model",
        .help = "what its devices are, unless they say so; weir models lists them"),
    ROW(TEXT, bus_options, port.path, .name = "port",
        .help = "serial port, best by /dev/serial/by-id"),
    ROW(TEXT, bus_options, port.address, .name = "address", .help = "HOST:PORT of a TCP endpoint"),
    ROW(INT, bus_options, port.baud, .name = "baud", .fallback = "9600", .min = 50, .max = 4000000,
        .unit = "bit/s", .help = "speed of the line"),
    ROW(CHOICE, bus_options, port.parity, .name = "parity", .fallback = "none", .choices = parities,
        .help = "parity of the line"),
    ROW(INT, bus_options, port.data_bits, .name = "data_bits", .fallback = "8", .min = 5, .max = 8,
        .help = "bits a character"),
    ROW(INT, bus_options, port.stop_bits, .name = "stop_bits", .fallback = "1", .min = 1, .max = 2,
        .help = "stop bits"),
    ROW(DURATION, bus_options, port.connect_timeout_ns, .name = "connect_timeout", .fallback = "5s",
        .min = 0.01, .max = 120, .help = "how long a TCP connection may take to stand"),
    ROW(CHOICE, bus_options, port.rts, .name = "rts", .fallback = "driver", .choices = lines,
        .help = "the line RTS while the port is open; driver: as the driver leaves it"),
    ROW(CHOICE, bus_options, port.dtr, .name = "dtr", .fallback = "driver", .choices = lines,
        .help = "the line DTR, likewise"),
    ROW(BOOL, bus_options, port.rs485, .name = "rs485", .fallback = "false",
        .help = "the driver switches a transceiver to sending by RTS"),
    ROW(CHOICE, bus_options, port.rs485_rts, .name = "rs485_rts", .fallback = "on",
        .choices = sendings, .help = "RTS while it sends"),
    ROW(DURATION, bus_options, port.rs485_delay_before_ns, .name = "rs485_delay_before",
        .fallback = "0s", .min = 0, .max = 0.1, .help = "from RTS to the first bit; milliseconds"),
    ROW(DURATION, bus_options, port.rs485_delay_after_ns, .name = "rs485_delay_after",
        .fallback = "0s", .min = 0, .max = 0.1, .help = "from the last bit to RTS; milliseconds"),
    { 0 },
};

static const struct weir_option window_rows[] = {
    ROW(DURATION, window_options, period_ns, .name = "period", .flags = WEIR_OPTION_REQUIRED,
        .min = 0.1, .max = 86400, .help = "one record for each period"),
    ROW(NAMES, window_options, functions, .name = "functions",
        .help = "of min, mean, max, sum, count, last; default: min, mean, max"),
    ROW(BOOL, window_options, align, .name = "align", .fallback = "true",
        .help = "periods begin on multiples of themselves by the clock (UTC)"),
    { 0 },
};

const struct weir_option device_rows[] = {
    ROW(NAME, device_options, name, .name = "name", .flags = WEIR_OPTION_REQUIRED,
        .help = "name of the device, one of a kind in the gateway"),
    ROW(TEXT, device_options, model, .name = "model",
        .help = "a device model; weir models lists them"),
    ROW(DURATION, device_options, every_ns, .name = "every", .fallback = "10s", .min = 0,
        .max = 86400, .help = "how often it is read; 0s: back to back"),
    ROW(DURATION, device_options, timeout_ns, .name = "timeout", .fallback = "1s", .min = 0.005,
        .max = 60, .help = "how long one answer may take"),
    ROW(INT, device_options, retries, .name = "retries", .fallback = "1", .min = 0, .max = 10,
        .flags = WEIR_OPTION_RANGE, .help = "how often a request is tried again"),
    ROW(BOOL, device_options, enabled, .name = "enabled", .fallback = "true",
        .help = "false: not read"),
    ROW(GROUP, device_options, window, .name = "window", .rows = window_rows,
        .help = "one record for each period instead of one for each reading"),
    { 0 },
};

const struct weir_option point_rows[] = {
    ROW(NAME, point_options, name, .name = "name", .flags = WEIR_OPTION_REQUIRED,
        .help = "name of the value"),
    ROW(TEXT, point_options, unit, .name = "unit", .help = "a UCUM code: V, A, W, kW.h, Cel"),
    ROW(FLOAT, point_options, deadband, .name = "deadband", .min = 0, .max = 1e18,
        .help = "a change up to this much is left out"),
    ROW(DURATION, point_options, max_silence_ns, .name = "max_silence", .min = 0, .max = 31536000,
        .help = "after this long it is sent whatever the deadband"),
    ROW(NAMES, point_options, window, .name = "window",
        .help = "functions of this point in the device's window; ( ): none, sent as it is read"),
    { 0 },
};

static const struct weir_option batch_rows[] = {
    ROW(INT, batch_options, records, .name = "records", .fallback = "1", .min = 1, .max = 10000,
        .help = "records a message at most; 1: no arrays"),
    ROW(DURATION, batch_options, delay_ns, .name = "delay", .fallback = "0s", .min = 0, .max = 3600,
        .help = "how long a record may wait for others"),
    ROW(BOOL, batch_options, compact, .name = "compact", .fallback = "false",
        .help = "leave keys out that equal those of the array's first record"),
    { 0 },
};

const struct weir_option uplink_rows[] = {
    ROW(NAME, uplink_options, uplink, .name = "uplink", .flags = WEIR_OPTION_REQUIRED,
        .help = "which plugin delivers"),
    ROW(BOOL, uplink_options, enabled, .name = "enabled", .fallback = "true",
        .help = "false: not run"),
    ROW(NAMES, uplink_options, devices, .name = "devices",
        .help = "only these devices; default: all"),
    ROW(NAMES, uplink_options, kinds, .name = "kinds",
        .help = "only these kinds of record; default: all"),
    ROW(CHOICE, uplink_options, format, .name = "format", .fallback = "json", .choices = formats,
        .help = "how records are written"),
    ROW(CHOICE, uplink_options, start, .name = "start", .fallback = "oldest", .choices = starts,
        .help = "where a new uplink begins"),
    ROW(GROUP, uplink_options, batch, .name = "batch", .rows = batch_rows,
        .help = "several records in one message"),
    ROW(DURATION, uplink_options, hold_unsynced_ns, .name = "hold_unsynced", .fallback = "0s",
        .min = 0, .max = 604800, .help = "how long records wait for the clock to be synchronised"),
    ROW(INT, uplink_options, inflight, .name = "inflight", .fallback = "20", .min = 1, .max = 1000,
        .unit = "messages", .help = "messages under way without an answer"),
    ROW(DURATION, uplink_options, reconnect_delay_max_ns, .name = "reconnect_delay_max",
        .fallback = "15s", .min = 0.1, .max = 3600,
        .help = "longest pause between attempts to connect"),
    ROW(SIZE, uplink_options, rate_limit, .name = "rate_limit", .fallback = "0", .min = 0,
        .max = 1 << 30, .help = "bytes a second that it may send; 0: no limit"),
    ROW(DURATION, uplink_options, skip_older_ns, .name = "skip_older", .fallback = "0s", .min = 0,
        .max = 31536000, .help = "records older than this are left out; 0: none"),
    { 0 },
};

const struct weir_option uplink_later[] = {
    LATER("home_assistant", GROUP),
    { 0 },
};

const char *option_number(const struct weir_option *row, double number, char *buf, size_t size)
{
    if (row->type == WEIR_OPTION_DURATION && fabs(number) < 9e9) {
        return duration_format(llround(number * 1e9), buf, size);
    }
    if (row->type == WEIR_OPTION_SIZE && fabs(number) < 9e18) {
        return size_format(llround(number), buf, size);
    }
    snprintf(buf, size, "%.10g", number);
    return buf;
}

void tables_warn_later(struct config *config, struct findings *findings, config_setting_t *group,
                       const struct weir_option *later)
{
    for (; group && later->name; later++) {
        config_setting_t *setting = config_setting_get_member(group, later->name);
        if (setting) {
            fill_check(config, findings, group, later);
            tree_find(findings, setting, WEIR_LOG_WARNING, "has no effect in this version");
        }
    }
}
