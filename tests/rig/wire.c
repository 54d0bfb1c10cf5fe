/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * wire - stands between a Modbus RTU master and its slaves, and is as bad as a real wire.
 *
 *     master --(--master)-- wire --(--slave)-- meter-sim --rtu, pymodbus, ...
 *
 *     wire --slave tty:/tmp/meters --master pty:/tmp/bus --control - "baud 9600" "flip 0.001"
 *
 * JSON with the counts of all faults at SIGTERM, SIGUSR1 and the command `report`.
 */
#include "wire.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- commands */

static int command_gap(char **args, int count, void *value)
{
    double chance, gap_ms;
    if (rig_set_chance(args, 1, &chance) || rig_parse_double(args[1], 0, 60000, &gap_ms)) {
        return -EINVAL;
    }
    wire.faults.gap = chance;
    wire.faults.gap_ns = (int64_t)(gap_ms * RIG_NS_PER_MS);
    return 0;
}

static int command_strike(char **args, int count, void *value)
{
    static const struct {
        const char *name;
        int directions;
    } rows[] = { { "requests", FAULTS_REQUESTS },
                 { "replies", FAULTS_REPLIES },
                 { "both", FAULTS_REQUESTS | FAULTS_REPLIES } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!strcmp(rows[i].name, args[0])) {
            wire.faults.directions = rows[i].directions;
            return 0;
        }
    }
    return -EINVAL;
}

static int command_seed(char **args, int count, void *value)
{
    int seed, result = rig_parse_int(args[0], 1, INT_MAX, &seed);
    if (!result) {
        wire.faults.seed = (uint64_t)seed;
    }
    return result;
}

static int command_silent(char **args, int count, void *value)
{
    if (!rig_set_flag(args, 1, &wire.faults.silent)) {
        return 0;
    }
    return rig_set_count(args, 1, &wire.faults.silent_count);
}

static int command_late(char **args, int count, void *value)
{
    double late_ms;
    int replies = 1;
    if (rig_parse_double(args[0], 0, 3600e3, &late_ms) ||
        (count == 2 && rig_parse_int(args[1], 0, INT_MAX, &replies))) {
        return -EINVAL;
    }
    wire.faults.late_ns = (int64_t)(late_ms * RIG_NS_PER_MS);
    wire.faults.late_count = replies;
    return 0;
}

static int command_foreign(char **args, int count, void *value)
{
    wire.faults.foreign_count = 1;
    return count ? rig_set_count(args, 1, &wire.faults.foreign_count) : 0;
}

static int command_clear(char **args, int count, void *value)
{
    struct faults *f = &wire.faults;
    f->flip = f->drop = f->repeat = f->gap = f->noise = 0;
    f->silent = f->echo = false;
    f->silent_count = f->late_count = f->foreign_count = 0;
    return 0;
}

static int command_vanish(char **args, int count, void *value)
{
    wire.vanished = true;
    wire.faults.count.vanished++;
    wire_end_close(&wire.master);
    wire_flow_clear();
    return 0;
}

static int command_return(char **args, int count, void *value)
{
    if (!wire.vanished ||
        (count && (wire.master.kind != WIRE_PTY || strlen(args[0]) >= sizeof wire.master.path))) {
        return -EINVAL;
    }
    if (count) {
        memcpy(wire.master.path, args[0], strlen(args[0]) + 1);
    }
    int result = wire_end_open(&wire.master);
    wire.vanished = result != 0;
    return result;
}

static void report(void)
{
    printf("{");
    faults_print(&wire.faults, stdout);
    printf(",\"requests\":%" PRIu64 ",\"replies\":%" PRIu64 ",\"raw_bytes\":%" PRIu64
           ",\"bytes_to_slave\":%" PRIu64 ",\"bytes_to_master\":%" PRIu64 ",\"short_gaps\":%" PRIu64
           ",\"collisions\":%" PRIu64 "}\n",
           wire.requests.frame_count, wire.replies.frame_count,
           wire.requests.raw_count + wire.replies.raw_count, wire.to_slave.byte_count,
           wire.to_master.byte_count + wire.echo.byte_count, wire.short_gap_count,
           wire.collision_count);
    fflush(stdout);
}

static int command_report(char **args, int count, void *value)
{
    report();
    return 0;
}

#define CHANCE(name) 1, 1, rig_set_chance, &wire.faults.name
static const struct rig_command commands[] = {
    { "baud", "B", 1, 1, rig_set_count, &wire.baud, "speed of the wire; 0: unpaced" },
    { "flip", "P", CHANCE(flip), "chance that a bit of a byte turns over" },
    { "drop", "P", CHANCE(drop), "chance that a byte is lost" },
    { "repeat", "P", CHANCE(repeat), "chance that a byte comes twice" },
    { "noise", "P", CHANCE(noise), "chance of 1 to 4 wild bytes before a frame" },
    { "gap", "P MS", 2, 2, command_gap, NULL, "chance of a pause inside a frame, its length" },
    { "strike", "WHAT", 1, 1, command_strike, NULL,
      "requests, replies (default) or both get these" },
    { "seed", "N", 1, 1, command_seed, NULL, "start of the random numbers" },
    { "echo", "on|off", 1, 1, rig_set_flag, &wire.faults.echo, "the master hears its requests" },
    { "silent", "on|off|N", 1, 1, command_silent, NULL, "all replies, or the next N, are lost" },
    { "late", "MS [N]", 1, 2, command_late, NULL, "the next reply, or N, come later" },
    { "foreign", "[N]", 0, 1, command_foreign, NULL, "the next reply, or N, of another address" },
    { "clear", "", 0, 0, command_clear, NULL, "no faults from now on" },
    { "vanish", "", 0, 0, command_vanish, NULL, "unplug the master's end" },
    { "return", "[LINK]", 0, 1, command_return, NULL, "plug it in again, as a new pty" },
    { "report", "", 0, 0, command_report, NULL, "print the counts" },
    { 0 },
};
#undef CHANCE

static void usage(void)
{
    fputs("usage: wire --slave END --master END [--port-file FILE] [--control FILE] [COMMAND...]\n"
          "  --slave   tty:PATH, pty:LINK or tcp:PORT (connects)\n"
          "  --master  pty:LINK or tcp:PORT (listens; 0: any, see --port-file)\n",
          stderr);
    rig_command_help(commands);
    exit(2);
}

static const struct option options[] = {
    { "slave", 1, 0, 's' },
    { "master", 1, 0, 'm' },
    { "port-file", 1, 0, 'p' },
    { "control", 1, 0, 'c' },
    { 0 },
};

int main(int argc, char **argv)
{
    const char *control = NULL, *port_file = NULL, *slave = "", *master = "";
    int option;
    rig_init();
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 's':
            slave = optarg;
            break;
        case 'm':
            master = optarg;
            break;
        case 'p':
            port_file = optarg;
            break;
        case 'c':
            control = optarg;
            break;
        default:
            usage();
        }
    }
    if (wire_end_parse(slave, false, &wire.slave) || wire_end_parse(master, true, &wire.master)) {
        usage();
    }
    wire_flow_init();
    for (int i = optind; i < argc; i++) {
        rig_command_or_fail(commands, argv[i]);
    }
    int result = wire_end_open(&wire.slave);
    if (!result && !wire.vanished) {
        result = wire_end_open(&wire.master);
    }
    if (!result && wire.master.kind == WIRE_LISTEN && port_file) {
        result = rig_write_number(port_file, wire.master.port);
    }
    if (!result && control) {
        result = rig_control_open(control, commands);
    }
    if (result) {
        rig_fail("wire: %s", strerror(-result));
    }
    rig_run(wire_flow_on_time, report);
    report();
    wire_end_close(&wire.master);
    wire_end_close(&wire.slave);
    rig_control_close();
    return 0;
}
