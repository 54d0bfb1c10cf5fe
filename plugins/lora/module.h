/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What a family of radio modules is, and what the adapter does for it. A family knows how its
 * modules speak and nothing else: no records, no payloads, no timing. One file a family, with one
 * const struct module for each kind it knows, listed in modules.c; a model file in models/ says
 * `module = "NAME"`, the line settings and the radio settings that the module leaves the factory
 * with.
 *
 *   bytes -> frame() cuts messages out of them -> message() -> lora_packet(), talk_line(), ...
 *
 * How a module is set up is a list of steps (struct step). The adapter goes through it when the
 * port was opened and whenever the module has restarted: it asks what the module has, sets what is
 * not as configured, and asks again. Everything lives in bus->state: see <weir/adapter.h>.
 */
#ifndef LORA_MODULE_H
#define LORA_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/adapter.h>

#define LORA_NS_PER_S  1000000000LL
#define LORA_NS_PER_MS 1000000LL

enum {
    LORA_MESSAGE_MAX = 1024, /* the longest message of any module */
    LORA_PACKET_MAX = 255,
    LORA_COMMAND_MAX = 256,
    LORA_VALUE_MAX = 160,
    LORA_STEPS_MAX = 32,
};

/* What is known of a packet beside its bytes. */
enum { HAS_RSSI = 1, HAS_SNR = 2, HAS_SENDER = 4, HAS_PORT = 8 };

struct packet {
    int64_t time_ns; /* boot time, when its first byte came */
    unsigned has;
    uint32_t len;
    uint64_t sender;
    int64_t port;
    double rssi, snr; /* dBm, dB */
    uint8_t data[LORA_PACKET_MAX + 1];
};

enum { SWITCH_LEFT, SWITCH_OFF, SWITCH_ON };

/* Options of the bus. What is not configured (0, -1, SWITCH_LEFT) is left as the module has it. */
struct bus_settings {
    const char *module;
    int64_t frequency_hz, sf; /* 0 */
    double bandwidth_khz;     /* 0 */
    int coding_rate;          /* 0; 1: 4/5, 2: 4/6, 3: 4/7, 4: 4/8 */
    int64_t preamble;         /* 0 */
    int64_t network, address; /* -1 */
    int64_t power_dbm;        /* -100 */
    int crc;
    int64_t sync; /* -1 */
    const char *m0, *m1, *reset;
    int64_t alive_ns, duplicate_ns;
    int64_t sender_bytes;
    int sender_order; /* 0: little */
    int64_t receive;  /* RAK: what PRECV is set to */
    bool lorawan;
    int mode, rssi_byte;      /* Ebyte: enum ebyte_mode, rssi_form */
    int64_t air_rate, gap_ns; /* Ebyte: bit/s, 0: left; end of a packet */
};

enum { POWER_LEFT = -100 };
enum ebyte_mode { EBYTE_TRANSPARENT, EBYTE_FIXED };
enum rssi_form { RSSI_OFF, RSSI_OFFSET, RSSI_HALF }; /* none; byte - 256; -byte / 2 */

/* Which of them a module can be told. Bits of module.takes. */
enum {
    TAKES_FREQUENCY = 1 << 0,
    TAKES_SPREADING = 1 << 1, /* sf, bandwidth, coding rate, preamble: only together, if at all */
    TAKES_NETWORK = 1 << 2,
    TAKES_ADDRESS = 1 << 3,
    TAKES_POWER = 1 << 4,
    TAKES_CRC = 1 << 5,
    TAKES_SYNC = 1 << 6,
    TAKES_PINS = 1 << 7, /* M0, M1 */
    TAKES_AIR_RATE = 1 << 8,
    NO_CODING_RATE = 1 << 9, /* spreading without the coding rate */
    WANTS_RADIO = 1 << 10,   /* frequency, spreading and power are one command: needs all */
    TAKES_LORAWAN = 1 << 11, /* may be in a LoRaWAN, and then tells ports */
};

struct lora;

/* What an answer is, beside the value that was asked for. */
enum answer { ANSWER_NONE, ANSWER_OK, ANSWER_ERROR, ANSWER_BUSY };

/* How one exchange ended. */
enum verdict {
    VERDICT_NONE,
    VERDICT_OK,
    VERDICT_SAME,
    VERDICT_OTHER,
    VERDICT_REFUSED,
    VERDICT_BUSY
};

enum said { SAID_ASK, SAID_SET, SAID_CHECK };

/* One exchange or one setting. With `ask`: it is asked for; if the value is not the wanted one, it
 * is told in the log, set and asked for again. Without: it is set. Line ends are the adapter's. */
struct step {
    const char *name;  /* for the log */
    const char *ask;   /* "AT+BAND?"; NULL: cannot be asked for */
    const char *shown; /* what stands before the value in the answer; NULL: there is no value */
    const char *set;   /* what stands before the value in the command; NULL: only asked for */
    /* The wanted value as text. False: not configured, the step is left out. NULL: none. */
    bool (*value)(const struct lora *l, char *buf, size_t size);
    /* Is what it has the wanted value? NULL: it is the same text. */
    bool (*same)(const char *has, const char *wanted);
    bool may_fail; /* older firmware does not know it: a refusal is no error */
    bool anew;     /* another value later on: the module is to be set up anew */
    bool closes;   /* the value is followed by an ANSWER_OK */
    /* Instead of all that: does something that nobody answers; how long to wait then. */
    int64_t (*act)(struct lora *l, int64_t now_ns);
    /* Instead of texts: bytes. The length; 0: nothing is to be said, the step is done. What is an
     * answer tells message() by talk_answer(). */
    size_t (*say)(struct lora *l, enum said what, uint8_t buf[LORA_COMMAND_MAX]);
};

struct module {
    const char *name;
    unsigned has;   /* what its packets can have */
    unsigned takes; /* TAKES_... */
    const char *line_end;
    const struct step *steps;
    unsigned step_count; /* those of the set-up; behind them may be others, for talk_run() */
    int alive_step; /* asks whether it is still there; in a LoRaWAN step 0; -1: cannot be asked */
    const char *reset; /* command; NULL: none */

    /* What stands at the front of these bytes (at least one): n > 0: a message of n bytes; 0: more
     * is needed (never when len is LORA_MESSAGE_MAX); n < 0: -n bytes that begin no message. */
    int (*frame)(const struct lora *l, const uint8_t *bytes, size_t len);
    /* A whole message. Not OK: it is noise; FOREIGN: well formed, and not for us. */
    enum weir_result (*message)(struct lora *l, const uint8_t *bytes, size_t len, int64_t time_ns);
    /* Optional: bytes that nothing follows for gap_ns() are a message of their own. */
    int64_t (*gap_ns)(const struct lora *l);
    void (*gap)(struct lora *l, const uint8_t *bytes, size_t len, int64_t time_ns);
    /* Modules of lines: what kind of answer this is. */
    enum answer (*answer)(const struct lora *l, const char *line);
    /* Optional: the value that a step was answered with. */
    void (*told)(struct lora *l, unsigned step, const char *value, int64_t now_ns);
    /* Optional: the steps from here on have come to their end; TALK_BROKEN: whatever was under way
     * has not, because nobody answers or the module has restarted. */
    void (*ran)(struct lora *l, unsigned from, int64_t now_ns);
    /* Optional: something came that was no message, while nothing was asked: it may have been a
     * packet that was damaged on the line, after which the module rests. */
    void (*strange)(struct lora *l, int64_t now_ns);
    /* Optional: settings that contradict each other, by lora_finding(). */
    void (*check)(struct lora *l);
};

enum { TALK_BROKEN = 255 };

extern const struct module *const modules[]; /* ends with NULL */

/* ---- for families */

const struct bus_settings *lora_settings(const struct lora *l);
/* The family's own memory: 512 bytes of bus->state, plain data, zero when new. */
enum { LORA_FAMILY_BYTES = 512 };
void *lora_family(struct lora *l);
const void *lora_family_const(const struct lora *l);
/* A packet came by radio. */
void lora_packet(struct lora *l, const struct packet *packet);
/* The module says itself that it heard something and could not make a packet of it. */
void lora_damaged(struct lora *l);
void lora_log(struct lora *l, enum weir_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void lora_finding(struct lora *l, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int lora_baud(struct lora *l, int64_t baud); /* 0: the configured one */

/* A line that is no event: is it the answer that is waited for? */
bool talk_line(struct lora *l, const char *line, int64_t now_ns);
/* Modules of bytes: this is how the exchange that is waited for ended. */
void talk_answer(struct lora *l, enum verdict verdict, int64_t now_ns);
/* Is this step's answer waited for (what was said)? */
bool talk_waits(const struct lora *l, unsigned *ret_step, enum said *ret_what);
/* Goes through these steps, as soon as the others are done. */
void talk_run(struct lora *l, unsigned from, unsigned to, int64_t now_ns);
/* The module began anew (its banner): it is set up again. */
void talk_restarted(struct lora *l, int64_t now_ns);

/* ---- pure helpers; words.c */

/* frame() of modules that speak lines: the length includes the end. */
int frame_line(const uint8_t *bytes, size_t len);
/* A line without its end and with a zero; false if it has a zero itself or does not fit. */
bool line_text(const uint8_t *bytes, size_t len, char *buf, size_t size);
/* What follows `start` in `text`; NULL if it does not begin so. */
const char *after(const char *text, const char *start);
/* A whole number at the front, and behind it `end` (0: the end of the text). The text behind that;
 * NULL: no such number. */
const char *take_whole(const char *text, char end, int64_t least, int64_t most, int64_t *ret);
/* A setting as text, for struct step.value: false if it is `none`. */
bool whole_value(int64_t number, int64_t none, char *buf, size_t size);
/* The same with an optional fraction. */
const char *take_number(const char *text, char end, double *ret);
/* Pairs of hex digits, upper or lower case, up to `end` (0, or a quote). The number of bytes; -1 if
 * it is not that or more than `most`. */
int take_hex(const char *text, char end, uint8_t *buf, size_t most);
/* "62.5": as its number and index in the list of LoRa's bandwidths; -1: none of them. */
int bandwidth_index(double khz);
extern const char *const bandwidth_names[]; /* "7.8", ..., "500" */

#endif
