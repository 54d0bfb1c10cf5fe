/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What the programs of the rig share: time, numbers from text, an event loop, a control channel,
 * pseudo-terminals and Modbus RTU framing. Nothing here is weir's: a simulator that shares code
 * with the gateway would hide the gateway's mistakes.
 * Invariant: one thread; signals are only seen while the loop waits.
 */
#ifndef RIG_H
#define RIG_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RIG_NS_PER_S  1000000000
#define RIG_NS_PER_MS 1000000
#define RIG_NEVER     INT64_MAX

/* ---- rig.c: time, text, ending */

int64_t rig_now_ns(void);  /* CLOCK_MONOTONIC */
int64_t rig_wall_ns(void); /* CLOCK_REALTIME */

/* The whole text must be a number within the bounds: 0, or -EINVAL. */
int rig_parse_int(const char *text, int min, int max, int *ret_value);
int rig_parse_double(const char *text, double min, double max, double *ret_value);

/* Writes everything; waits at most a second for a slow reader. 0 or negative errno. */
int rig_write_all(int fd, const void *data, size_t length);

/* Writes a number to a file that appears complete or not at all. 0 or negative errno. */
int rig_write_number(const char *path, int number);

/* A listening TCP socket on 127.0.0.1 (port 0: any); non-blocking. An fd, or negative errno. */
int rig_listen(int port, int *ret_port);

/* Says why on standard error and ends the program with status 1. */
_Noreturn void rig_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- rig.c: the event loop */

/* One descriptor to wait for. The owner keeps the struct until rig_unwatch. */
struct rig_watch {
    int fd;
    void (*on_ready)(void *owner);
    void *owner;
};

int rig_watch(struct rig_watch *watch);    /* 0 or negative errno */
void rig_unwatch(struct rig_watch *watch); /* and closes the fd; does nothing with fd -1 */

/* Catches SIGTERM, SIGINT and SIGUSR1, ignores SIGPIPE, asks for exact timers. First of all. */
void rig_init(void);

/* Runs until SIGTERM, SIGINT or rig_stop(). `on_time` does what is due and returns the monotonic
 * time at which it wants to be called again, or RIG_NEVER; it is called before each wait.
 * `on_report` is called at SIGUSR1. */
void rig_run(int64_t (*on_time)(void), void (*on_report)(void));
void rig_stop(void);

/* ---- control.c: commands, one a line */

struct rig_command {
    const char *name, *args; /* args: how they look, for the help */
    int min_args, max_args;
    /* Gets the arguments, without the name, and `value`. 0 or negative errno. */
    int (*run)(char **args, int count, void *value);
    void *value;
    const char *help;
};

enum { RIG_ARGS_MAX = 32 };

/* Carries out one line; ends the program if it is refused (for lines from the command line). */
void rig_command_or_fail(const struct rig_command *table, const char *line);

/* Takes lines from standard input ("-") or from a FIFO which is made at `path`. To each line one
 * JSON line is printed: {"reply":"ok"} or {"reply":"error","why":"..."}. 0 or negative errno. */
int rig_control_open(const char *path, const struct rig_command *table);
void rig_control_close(void);

/* Ready-made: set *value (double, bool, int) to a chance of 0 to 1, to on or off, to a count. */
int rig_set_chance(char **args, int count, void *value);
int rig_set_flag(char **args, int count, void *value);
int rig_set_count(char **args, int count, void *value);

void rig_command_help(const struct rig_command *table);

/* ---- pty.c */

struct rig_pty {
    int master; /* non-blocking; -1: no pty */
    int slave;  /* kept open, so that the pty outlives those who use it */
    char device[64];
    char link[PATH_MAX];
};

#define RIG_PTY_NONE ((struct rig_pty){ .master = -1, .slave = -1 })

/* Makes a raw pty and lets `link` point to its slave, replacing an older link at once. */
int rig_pty_open(struct rig_pty *pty, const char *link);

/* As if the USB plug is drawn: readers of the slave get EIO, the link is gone. */
void rig_pty_close(struct rig_pty *pty);

/* ---- frame.c: Modbus RTU */

enum { FRAME_MAX = 272 }; /* bytes; by the byte count a frame could claim 264 */

uint16_t frame_crc(const uint8_t *data, size_t length);
bool frame_valid(const uint8_t *frame, size_t length);
void frame_seal(uint8_t *frame, size_t length); /* writes the CRC into the last two bytes */

/* Length of the frame that begins here: 0 if more bytes are needed to know, -1 if none does. */
int frame_request_length(const uint8_t *data, size_t length);
int frame_reply_length(const uint8_t *data, size_t length);

#endif
