/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * meter-sim - simulated Modbus meters on TCP or on a paced pseudo-terminal, which count their own
 * reads (meters.h). They can be made dead, slow or unwilling, and be unplugged, while they run.
 *
 *     meter-sim --rtu /tmp/bus --units 8 --regs 20 --baud 9600 --dead 3,6 --control -
 *     meter-sim --tcp 0 --port-file /tmp/port "delay 3 400" "illegal 4 100-110"
 *
 * One line of JSON with all counts goes to standard output at SIGTERM, SIGINT or the end of
 * --duration, at SIGUSR1 and at the command `report`.
 */
#include "meters.h"
#include "rig.h"
#include "transport.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct meters meters = {
    .unit_count = 10, .reg_count = 125, .time_reg = 0, .max_count = 125
};
static struct transport_line line = { .bits = 11 };

static struct {
    int port; /* -1: no TCP */
    int duration_s;
    const char *link, *port_file, *control;
    char returned_link[PATH_MAX]; /* where `return NAME` put it */
    bool vanished;
    int64_t end_ns;
} sim = { .port = -1 };

/* ---- commands */

static int parse_unit(const char *text, struct meters_unit **ret_unit)
{
    int number, result = rig_parse_int(text, 1, meters.unit_count, &number);
    if (!result) {
        *ret_unit = &meters.unit[number];
    }
    return result;
}

/* `dead` and `alive`: what the units become. */
static bool dead_flags[] = { false, true };

static int command_dead(char **args, int count, void *value)
{
    for (int i = 0; i < count; i++) {
        struct meters_unit *unit;
        if (parse_unit(args[i], &unit)) {
            return -EINVAL;
        }
        unit->dead = *(bool *)value;
    }
    return 0;
}

static int command_delay(char **args, int count, void *value)
{
    struct meters_unit *unit;
    double delay_ms;
    if (parse_unit(args[0], &unit) || rig_parse_double(args[1], 0, 3600e3, &delay_ms)) {
        return -EINVAL;
    }
    unit->delay_ns = (int64_t)(delay_ms * RIG_NS_PER_MS);
    return 0;
}

static int command_illegal(char **args, int count, void *value)
{
    struct meters_unit *unit;
    int first, last, code = 2;
    char *dash = strchr(args[1], '-');
    if (dash) {
        *dash = 0;
    }
    if (parse_unit(args[0], &unit) || rig_parse_int(args[1], 0, 65535, &first) ||
        rig_parse_int(dash ? dash + 1 : args[1], first, 65535, &last) ||
        (count == 3 && rig_parse_int(args[2], 1, 255, &code))) {
        return -EINVAL;
    }
    unit->illegal_first = first;
    unit->illegal_last = last;
    unit->illegal_code = code;
    return 0;
}

static int command_legal(char **args, int count, void *value)
{
    struct meters_unit *unit;
    if (parse_unit(args[0], &unit)) {
        return -EINVAL;
    }
    unit->illegal_code = 0;
    return 0;
}

static int command_reset(char **args, int count, void *value)
{
    meters_reset_intervals(&meters);
    return 0;
}

static int open_transports(const char *link)
{
    int result = 0;
    if (sim.port >= 0) {
        result = transport_tcp_open(&meters, sim.port, &sim.port);
    }
    if (!result && link) {
        result = transport_rtu_open(&meters, &line, link);
    }
    return result;
}

static int command_vanish(char **args, int count, void *value)
{
    transport_tcp_close();
    transport_rtu_close();
    sim.vanished = true;
    return 0;
}

static int command_return(char **args, int count, void *value)
{
    if (!sim.vanished || (count && (!sim.link || strlen(args[0]) >= sizeof sim.returned_link))) {
        return -EINVAL;
    }
    if (count) {
        memcpy(sim.returned_link, args[0], strlen(args[0]) + 1);
        sim.link = sim.returned_link;
    }
    int result = open_transports(sim.link);
    sim.vanished = result != 0;
    return result;
}

static void report(void)
{
    const struct transport_counts *c = &transport_counts;
    printf("{");
    meters_print(&meters, stdout);
    printf(",\"bad_crc\":%" PRIu64 ",\"noise_bytes\":%" PRIu64 ",\"collisions\":%" PRIu64
           ",\"short_gaps\":%" PRIu64 ",\"bytes_in\":%" PRIu64 ",\"bytes_out\":%" PRIu64
           ",\"connections\":%" PRIu64 ",\"wire_busy_s\":%.3f}\n",
           c->bad_crc, c->noise_bytes, c->collisions, c->short_gaps, c->bytes_in, c->bytes_out,
           c->connections, (double)c->busy_ns / 1e9);
    fflush(stdout);
}

static int command_report(char **args, int count, void *value)
{
    report();
    return 0;
}

static const struct rig_command commands[] = {
    { "dead", "UNIT...", 1, RIG_ARGS_MAX, command_dead, &dead_flags[1], "they answer no more" },
    { "alive", "UNIT...", 1, RIG_ARGS_MAX, command_dead, &dead_flags[0], "they answer again" },
    { "delay", "UNIT MS", 2, 2, command_delay, NULL, "time before this unit answers" },
    { "illegal", "UNIT A-B [CODE]", 2, 3, command_illegal, NULL, "exception (2) for registers" },
    { "legal", "UNIT", 1, 1, command_legal, NULL, "no exceptions any more" },
    { "quiet", "on|off", 1, 1, rig_set_flag, &meters.quiet, "nobody answers, nothing counts" },
    { "baud", "B", 1, 1, rig_set_count, &line.baud, "speed of the wire; 0: unpaced" },
    { "vanish", "", 0, 0, command_vanish, NULL, "close the pty or the port" },
    { "return", "[LINK]", 0, 1, command_return, NULL, "a new pty, the same port" },
    { "reset", "", 0, 0, command_reset, NULL, "forget the intervals so far" },
    { "report", "", 0, 0, command_report, NULL, "print the counts" },
    { 0 },
};

/* ---- options */

static void usage(void)
{
    fputs("usage: meter-sim [--tcp PORT] [--rtu LINK] [options] [COMMAND...]\n"
          "  --tcp PORT        Modbus TCP on 127.0.0.1 (0: any free port)\n"
          "  --port-file FILE  write the port there\n"
          "  --rtu LINK        Modbus RTU on a new pty; LINK becomes a symlink to it\n"
          "  --units N         unit ids 1 to N answer (10)\n"
          "  --regs N          registers and bits 0 to N-1 exist (125)\n"
          "  --time-reg N      this register is the clock; -1: none (0)\n"
          "  --max-count N     more registers in a request are refused (125)\n"
          "  --profile sdm630  input registers of an Eastron SDM630 meter\n"
          "  --dead A,B,...    these units do not answer\n"
          "  --delay UNIT=MS   this unit takes its time\n"
          "  --baud B          RTU: as slow as a wire at B baud; 0: unpaced (0)\n"
          "  --bits N          bits a character has on the wire (11)\n"
          "  --turn-us N       RTU: reaction time of every device (0)\n"
          "  --duration S      end after S seconds\n"
          "  --control FILE    take commands from this FIFO, or from standard input (-)\n",
          stderr);
    rig_command_help(commands);
    exit(2);
}

enum option_id {
    TCP = 1,
    PORT_FILE,
    RTU,
    UNITS,
    REGS,
    TIME_REG,
    MAX_COUNT,
    PROFILE,
    DEAD,
    DELAY,
    BAUD,
    BITS,
    TURN_US,
    DURATION,
    CONTROL,
};

static const struct option options[] = {
    { "tcp", 1, 0, TCP },
    { "port-file", 1, 0, PORT_FILE },
    { "rtu", 1, 0, RTU },
    { "units", 1, 0, UNITS },
    { "regs", 1, 0, REGS },
    { "time-reg", 1, 0, TIME_REG },
    { "max-count", 1, 0, MAX_COUNT },
    { "profile", 1, 0, PROFILE },
    { "dead", 1, 0, DEAD },
    { "delay", 1, 0, DELAY },
    { "baud", 1, 0, BAUD },
    { "bits", 1, 0, BITS },
    { "turn-us", 1, 0, TURN_US },
    { "duration", 1, 0, DURATION },
    { "control", 1, 0, CONTROL },
    { 0 },
};

/* Options that hold a whole number. */
static const struct {
    int id, min, max;
    int *value;
} numbers[] = {
    { TCP, 0, 65535, &sim.port },
    { UNITS, 1, METERS_UNIT_MAX, &meters.unit_count },
    { REGS, 1, 65536, &meters.reg_count },
    { TIME_REG, -1, 65535, &meters.time_reg },
    { MAX_COUNT, 1, 125, &meters.max_count },
    { BAUD, 0, 10000000, &line.baud },
    { BITS, 8, 12, &line.bits },
    { TURN_US, 0, 10000000, &line.turn_us },
    { DURATION, 0, 1000000, &sim.duration_s },
};

static int take_number(int id, const char *text)
{
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (numbers[i].id == id) {
            return rig_parse_int(text, numbers[i].min, numbers[i].max, numbers[i].value);
        }
    }
    return -ENOENT;
}

static int take_profile(const char *name)
{
    meters.sdm630 = !strcmp(name, "sdm630");
    return meters.sdm630 ? 0 : -EINVAL;
}

/* "--dead 3,6" and "--delay 3=400" are commands too, for when the number of units is known. */
static const char *later[16][2];
static int later_count;

static int take_later(const char *command, const char *args)
{
    if (later_count == sizeof later / sizeof *later) {
        return -E2BIG;
    }
    later[later_count][0] = command;
    later[later_count++][1] = args;
    return 0;
}

static int take_option(int id, const char *text)
{
    switch (id) {
    case PORT_FILE:
        sim.port_file = text;
        return 0;
    case RTU:
        sim.link = text;
        return 0;
    case CONTROL:
        sim.control = text;
        return 0;
    case PROFILE:
        return take_profile(text);
    case DEAD:
        return take_later("dead", text);
    case DELAY:
        return take_later("delay", text);
    default:
        return take_number(id, text);
    }
}

static void take_arguments(int argc, char **argv)
{
    int id;
    while ((id = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (take_option(id, optarg)) {
            usage();
        }
    }
    if (sim.port < 0 && !sim.link) {
        usage();
    }
    meters_init(&meters);
    for (int i = 0; i < later_count; i++) {
        char command[256];
        snprintf(command, sizeof command, "%s %s", later[i][0], later[i][1]);
        rig_command_or_fail(commands, command);
    }
    for (int i = optind; i < argc; i++) {
        rig_command_or_fail(commands, argv[i]);
    }
}

static int64_t on_time(void)
{
    int64_t tcp_ns = transport_tcp_on_time(), rtu_ns = transport_rtu_on_time();
    int64_t next_ns = tcp_ns < rtu_ns ? tcp_ns : rtu_ns;
    if (sim.end_ns && rig_now_ns() >= sim.end_ns) {
        rig_stop();
        return 0;
    }
    return sim.end_ns && sim.end_ns < next_ns ? sim.end_ns : next_ns;
}

int main(int argc, char **argv)
{
    rig_init();
    take_arguments(argc, argv);
    int result = sim.vanished ? 0 : open_transports(sim.link);
    if (!result && sim.port >= 0 && sim.port_file) {
        result = rig_write_number(sim.port_file, sim.port);
    }
    if (!result && sim.control) {
        result = rig_control_open(sim.control, commands);
    }
    if (result) {
        rig_fail("meter-sim: %s", strerror(-result));
    }
    if (sim.port >= 0) {
        fprintf(stderr, "meter-sim: port %d\n", sim.port);
    }
    if (sim.duration_s) {
        sim.end_ns = rig_now_ns() + (int64_t)sim.duration_s * RIG_NS_PER_S;
    }
    rig_run(on_time, report);
    report();
    transport_tcp_close();
    transport_rtu_close();
    rig_control_close();
    meters_finish(&meters);
    return 0;
}
