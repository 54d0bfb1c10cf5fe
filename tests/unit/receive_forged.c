/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * `weir receive --verify` is the judge of everything else, so it is judged here: for each rule of
 * what arrives at the broker, streams that break it and only it (each must be found, with a line
 * that names gateway, bus, epoch and numbers), and streams right at its edge (each must pass).
 */

/* The rules:
 *
 *  identity   a record has gateway, bus, epoch, seq; numbers are whole, from 1 to 2^53
 *  holes      the numbers of an epoch go from 1 without holes; each is there or in a range
 *  repeat     what has the same identity has the same content
 *  order      within an epoch a record that is new is above all that were there
 *  complete   `before` says all: from the record before up to the one that carries it
 *  range      a range goes from its first up to its last number, and has both
 *  below      the ranges of `before` lie below the record that carries them
 *  once       the ranges of one list do not overlap
 *  why        filter limit age damage refused earlier unknown, and nothing else
 *  beats      a record that arrived beats a range, before it or after it
 *  lost       limit age damage refused unknown are losses and said so; filter and earlier are none
 *  first      the first record of an epoch carries `after`, each time it is sent
 *  oldest     `after` has the oldest epoch first
 *  chain      `after` has one entry for each epoch since that of the record before, and no other
 *  entry      an entry of `after` has epoch, last and clean, and `until` is a time
 *  last       up to `last` everything is there or in the entry's `before`
 *  upto       the ranges of an entry go up to its `last` at most
 *  above      what is above `last` and not here is lost, as stated; damage: last is what is known
 *  clean      `clean` true: there was nothing above `last`, and never will be
 *  sure       what ended clean has a number and no damage
 *  unnamed    an epoch that was seen and that no `after` names has an unknown end
 *  newer      a new record of an older epoch does not come after one of a newer epoch
 *  never      an epoch is not used twice
 *  batch      an array has whole records: keys equal to the first one's may be left out, not `seq`
 *  flat       the values may stand beside the other keys
 *  streams    each gateway and bus is numbered by itself, the bus `weir` of the events too
 *  clock      `unsynced` or `estimated` with `clock_error_s`, both with `uptime`; and `time` is UTC
 *  null       a value that is null has a reason in `errors`, and no other value has
 *  suspect    what is named there is a value that was kept
 *  event      an event is of the bus `weir`, its device is the gateway, and `clock` says the offset
 *
 * Not judged, as it cannot be seen from here: that `state` comes at most once a minute, that a
 * cycle without answer makes no reading, that no more is lost than was younger than persist_after.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "receive_steps.h"

#define ID(epoch, seq)                                                                             \
    "\"gateway\":\"g\",\"bus\":\"b\",\"epoch\":" #epoch ",\"seq\":" #seq ",\"device\":\"d\""
#define N64                      "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz.-_012345678"
#define NAMED(gateway)           "{\"gateway\":\"" gateway "\",\"bus\":\"b\",\"epoch\":7,\"seq\":1}"
#define RECORD(epoch, seq, more) "{" ID(epoch, seq) ",\"values\":{\"v\":1}" more "}"
#define AFTER(entry)             ",\"after\":[" entry "]"
#define CLOCK(words)                                                                               \
    "{\"gateway\":\"g\",\"bus\":\"weir\",\"epoch\":7,\"seq\":1,\"device\":\"g\",\"kind\":"         \
    "\"event\","                                                                                   \
    "\"values\":{\"event\":\"clock\"" words "}}"
#define EVENT(bus, device)                                                                         \
    "{\"gateway\":\"g\",\"bus\":\"" bus "\",\"epoch\":7,\"seq\":1,\"device\":\"" device "\","      \
    "\"kind\":\"event\",\"values\":{\"event\":\"start\"},\"after\":[]}"

struct forged {
    const char *rule;
    const char *steps[STEPS_MAX];
    const char *finds; /* how a line of the verdict begins; NULL: it must pass */
    const char *last;  /* the last line, behind "verify: " */
};

static const struct forged forged[] = {
    /* ---- identity ---- */
    { "identity",
      { "7.1 a=", RECORD(7, 0, ""), "7.2" },
      "g/b epoch 7: broken record: seq 0 is no number from 1 to 2^53",
      "FAILED, 1 broken record; 2 records in 1 stream" },
    { "identity",
      { "7.1 a=", RECORD(7, 9007199254740993, ""), "7.2" },
      "g/b epoch 7: broken record: seq 9007199254740993 is no number from 1 to 2^53",
      "FAILED, 1 broken record; 2 records in 1 stream" },
    { "identity",
      { "7.1 a=", RECORD(7, 9007199254740993.0, ""), "7.2" }, /* as a double it would be 2^53 */
      "g/b epoch 7: broken record: seq 9007199254740992.0 is no number from 1 to 2^53",
      "FAILED, 1 broken record; 2 records in 1 stream" },
    { "identity",
      { "7.1 a=", RECORD(7, 1.5, ""), RECORD(7, -2, ""), RECORD(7, "2", ""), RECORD(7, null, "") },
      "g/b epoch 7: broken record: seq 1.5 is no number from 1 to 2^53",
      "FAILED, 4 broken records; 1 record in 1 stream" },
    { "identity",
      { "7.1 a=", RECORD(0, 2, "") },
      "g/b: broken record: epoch 0 is no number from 1 to 2^53",
      "FAILED, 1 broken record; 1 record in 1 stream" },
    { "identity",
      { "7.1 a=", "{\"gateway\":\"g\",\"epoch\":7,\"seq\":2}" },
      "broken record: bus is no name",
      "FAILED, 1 broken record; 1 record in 1 stream" },
    { "identity",
      { "7.1 a=", "{\"gateway\":\"g\",\"bus\":\"b/c\",\"epoch\":7,\"seq\":2}" },
      "broken record: bus \"b/c\" is no name",
      "FAILED, 1 broken record; 1 record in 1 stream" },
    { "identity",
      { RECORD(9007199254740992, 9007199254740991, ""),
        RECORD(9007199254740992, 9007199254740992, "") },
      NULL,
      "ok, 2 records in 1 stream" },
    { "identity",
      { "7.1 a=", NAMED(N64 "x"), NAMED("") },
      "broken record: gateway \"" N64,
      "FAILED, 2 broken records; 1 record in 1 stream" },
    { "identity", { NAMED(N64), NAMED("x") }, NULL, "ok, 2 records in 2 streams" },
    { "identity", { RECORD(7, 41, ""), RECORD(7, 42.0, "") }, NULL, "ok, 2 records in 1 stream" },

    /* ---- holes and ranges ---- */
    { "holes",
      { "7.1 a=", "7.2", "7.6", "7.7" },
      "g/b epoch 7: missing 3..5 (3 records), first noticed at ",
      "FAILED, 3 missing; 4 records in 1 stream" },
    { "holes",
      { "7.3 a=", "7.4" },
      "g/b epoch 7: missing 1..2 (2 records), first noticed at ",
      "FAILED, 2 missing; 2 records in 1 stream" },
    { "holes",
      { "7.1 a=", "7.9007199254740992" },
      "g/b epoch 7: missing 2..9007199254740991 (9007199254740990 records)",
      "FAILED, 9007199254740990 missing; 2 records in 1 stream" },
    { "holes", { "7.1 a=", "7.2", "7.3" }, NULL, "ok, 3 records in 1 stream" },
    { "holes",
      { "7.1 a=", "7.2", "7.6 b=3-5:filter", "7.7" },
      NULL,
      "ok, 4 records in 1 stream, 3 told" },
    { "complete",
      { "7.1 a=", "7.6 b=3-5:filter" },
      "g/b epoch 7: missing 2 (1 record), first noticed at ",
      "FAILED, 1 missing; 2 records in 1 stream, 3 told" },
    { "complete",
      { "7.1 a=", "7.6 b=2-3:filter" },
      "g/b epoch 7: missing 4..5 (2 records), first noticed at ",
      "FAILED, 2 missing, 1 wrong range; 2 records in 1 stream, 2 told" },
    { "complete",
      { "7.1 a=", "7.6 b=2-2:filter,4-5:filter" },
      "g/b epoch 7: wrong range: the ranges of record 6 leave 3..3 open",
      "FAILED, 1 missing, 1 wrong range; 2 records in 1 stream, 3 told" },
    { "complete",
      { "7.1 a=", "7.6 b=2-2:filter,3-5:filter" },
      NULL,
      "ok, 2 records in 1 stream, 4 told" },
    { "complete",
      { "7.1 a=", "7.6 b=3-5:filter,2-2:earlier" }, /* their order is nowhere said */
      NULL,
      "ok, 2 records in 1 stream, 4 told" },
    { "range",
      { "7.1 a=", "7.2", "7.3 b=2-1:filter" },
      "g/b epoch 7: wrong range: record 3 of epoch 7 covers 2..1 (filter)",
      "FAILED, 1 wrong range; 3 records in 1 stream" },
    { "range",
      { "7.1 a=", "7.2 b=0-1:filter" },
      "g/b epoch 7: wrong range: record 2 of epoch 7 covers 0..1 (filter)",
      "FAILED, 1 wrong range; 2 records in 1 stream" },
    { "range",
      { "7.1 a=", RECORD(7, 2, ",\"before\":[{\"first\":1,\"why\":\"limit\"}]") },
      "g/b epoch 7: wrong range: the \"before\" of record 2 cannot be read",
      "FAILED, 1 wrong range; 2 records in 1 stream" },
    { "range",
      { "7.1 a=", RECORD(7, 2, ",\"before\":{}") },
      "g/b epoch 7: wrong range: the \"before\" of record 2 cannot be read",
      "FAILED, 1 wrong range; 2 records in 1 stream" },
    { "range",
      { "7.1 a=", "7.3 b=2-2:limit" },
      NULL,
      "ok, 2 records in 1 stream, 1 told, LOST as stated: 1" },
    { "range", { "7.1 a=", RECORD(7, 2, ",\"before\":[]") }, NULL, "ok, 2 records in 1 stream" },
    { "below",
      { "7.1 a=", "7.2", "7.3 b=2-3:limit" },
      "g/b epoch 7: wrong range: record 3 of epoch 7 covers 2..3 (limit)",
      "FAILED, 1 wrong range; 3 records in 1 stream" },
    { "below",
      { "7.1 a=", "7.2 b=3-4:limit", "7.3", "7.4" },
      "g/b epoch 7: wrong range: record 2 of epoch 7 covers 3..4 (limit)",
      "FAILED, 1 wrong range; 4 records in 1 stream" },
    { "below", { "7.1 a=", "7.2", "7.3 b=2-2:limit" }, NULL, "ok, 3 records in 1 stream" },
    { "once",
      { "7.1 a=", "7.6 b=2-4:limit,4-5:filter" },
      "g/b epoch 7: wrong range: record 6 of epoch 7 covers 4..4 twice",
      "FAILED, 1 wrong range; 2 records in 1 stream, 4 told, LOST as stated: 3" },
    { "once",
      { "7.1 a=", "7.6 b=2-5:limit,3-3:limit" },
      "g/b epoch 7: wrong range: record 6 of epoch 7 covers 3..3 twice",
      "FAILED, 1 wrong range; 2 records in 1 stream, 4 told, LOST as stated: 4" },
    { "once",
      { "7.1 a=", "8.1 a=7:4:c:2-3:limit+3-4:limit" },
      "g/b epoch 7: wrong range: record 1 of epoch 8 covers 3..3 twice",
      "FAILED, 1 wrong range; 2 records in 1 stream, 3 told, LOST as stated: 3" },
    { "once",
      { "7.1 a=", "7.6 b=2-4:limit,5-5:filter" },
      NULL,
      "ok, 2 records in 1 stream, 4 told, LOST as stated: 3" },
    { "why",
      { "7.1 a=", "7.2", "7.3 b=2-2:bored" },
      "g/b epoch 7: wrong range: record 3 of epoch 7 covers 2..2 (?)",
      "FAILED, 1 wrong range; 3 records in 1 stream" },
    { "why",
      { "7.1 a=", "7.2", RECORD(7, 3, ",\"before\":[{\"first\":2,\"last\":2}]") },
      "g/b epoch 7: wrong range: record 3 of epoch 7 covers 2..2 (?)",
      "FAILED, 1 wrong range; 3 records in 1 stream" },
    { "why",
      { "7.1 a=", "8.1 a=7:1:c:1-1:Filter" },
      "g/b epoch 7: wrong range: record 1 of epoch 8 covers 1..1 (?)",
      "FAILED, 1 wrong range; 2 records in 1 stream" },
    { "why",
      { "7.1 a=",
        "7.9 b=2-2:filter,3-3:limit,4-4:age,5-5:damage,6-6:refused,7-7:earlier,8-8:unknown" },
      NULL,
      "ok, 2 records in 1 stream, 7 told, LOST as stated: 5" },
    { "beats",
      { "7.1 a=", "7.3 b=2-2:unknown", "7.2" }, /* it is none the less out of order */
      "g/b epoch 7: reordered: 2 came after 3",
      "FAILED, 1 reordered; 3 records in 1 stream" },
    { "beats", { "7.1 a=", "7.2", "7.3", "7.4 b=1-3:limit" }, NULL, "ok, 4 records in 1 stream" },
    { "beats",
      { "7.1 a=", "7.3 b=2-2:filter", "7.2 b=1-1:filter" }, /* two uplinks share the bus */
      NULL,
      "ok, 3 records in 1 stream" },
    { "lost",
      { "7.1 a=", "7.3 b=2-2:limit", "7.5" },
      "g/b epoch 7: lost 2 (1 record), stated: limit",
      "FAILED, 1 missing; 3 records in 1 stream, 1 told, LOST as stated: 1" },
    { "lost",
      { "7.4 a= b=1-2:earlier,3-3:filter", "7.5" },
      NULL,
      "ok, 2 records in 1 stream, 3 told" },

    /* ---- repeats and order ---- */
    { "repeat",
      { "7.1 a=", "7.2", "7.2 v=9" },
      "g/b epoch 7: doubled: 2 came again with other content",
      "FAILED, 1 doubled; 2 records in 1 stream" },
    { "repeat",
      { RECORD(7, 1, ",\"device\":\"e\"" AFTER("")), /* see below: a key twice is no JSON */
        RECORD(7, 1, AFTER("")), RECORD(7, 1, ",\"labels\":{}" AFTER("")) },
      "g/b epoch 7: doubled: 1 came again with other content",
      "FAILED, 1 doubled; 1 record in 1 stream" },
    { "repeat",
      { RECORD(7, 1, ",\"clock\":\"unsynced\",\"uptime\":3" AFTER("")),
        RECORD(7, 1,
               ",\"clock\":\"unsynced\",\"uptime\":4" AFTER("")) }, /* taken at another time */
      "g/b epoch 7: doubled: 1 came again with other content",
      "FAILED, 1 doubled; 1 record in 1 stream" },
    { "repeat",
      { "7.1 a=", "7.2", "7.1 a=", "7.2", "7.3" }, /* the connection was lost */
      NULL,
      "ok, 3 records in 1 stream, 2 repeats" },
    { "repeat",
      { "7.1 u a=", "7.1 u a=", "7.1 a=", "7.2" }, /* the time became known in between */
      NULL,
      "ok, 2 records in 1 stream, 2 repeats" },
    { "repeat",
      { "{" ID(7, 1) ",\"values\":{\"v\":1.0,\"w\":2},\"before\":[]}",
        "{\"values\":{\"w\":2,\"v\":1}," ID(7, 1) "}" },
      NULL,
      "ok, 1 record in 1 stream, 1 repeat" },
    { "order",
      { "7.1 a=", "7.3", "7.2" },
      "g/b epoch 7: reordered: 2 came after 3",
      "FAILED, 1 reordered; 3 records in 1 stream" },
    { "order",
      { "7.1 a=", "7.2", "7.3", "7.2", "7.3", "7.4" },
      NULL,
      "ok, 4 records in 1 stream, 2 repeats" },
    { "newer",
      { "7.1 a=", "8.1 a=7:2:u", "7.2" },
      "g/b epoch 7: reordered: 2 came after a record of epoch 8",
      "FAILED, 1 reordered; 3 records in 1 stream, LOST as stated: 0, 1 unclean end" },
    { "newer",
      { "7.1 a=", "7.2", "8.1 a=7:2:u", "7.2", "8.1 a=7:2:u", "8.2" }, /* the power was cut */
      NULL,
      "ok, 4 records in 1 stream, 2 repeats, LOST as stated: 0, 1 unclean end" },

    /* ---- the chain ---- */
    { "first",
      { "7.1 a=", "8.1", "9.1 a=7:1:c;8:1:c" },
      "g/b epoch 8: broken chain: it came after another epoch without an \"after\"",
      "FAILED, 1 broken chain; 3 records in 1 stream" },
    { "first",
      { "7.1 a=", "8.1 a=7:1:c", "8.1" },
      "g/b epoch 8: broken chain: record 1 is the first of its epoch and came without an \"after\"",
      "FAILED, 1 broken chain; 2 records in 1 stream, 1 repeat" },
    { "first",
      { "7.1 a=", "8.2 a=7:1:c b=1-1:filter", "8.3 b=1-2:filter" },
      "g/b epoch 8: broken chain: record 3 is the first of its epoch and came without an \"after\"",
      "FAILED, 1 broken chain; 3 records in 1 stream, 1 told" },
    { "first",
      { "7.1", "7.2" }, /* before the first epoch of all there was none */
      NULL,
      "ok, 2 records in 1 stream" },
    { "first",
      { "7.1 a=", "8.3 a=7:1:c b=1-2:filter", "8.3 a=7:1:c b=1-2:filter" },
      NULL,
      "ok, 2 records in 1 stream, 2 told, 1 repeat" },
    { "oldest",
      { "7.1 a=", "8.1 a=7:1:c", "9.1 a=8:1:c;7:1:c" },
      "g/b epoch 9: broken chain: the \"after\" of record 1 names epoch 8, out of order",
      "FAILED, 1 broken chain; 3 records in 1 stream" },
    { "oldest",
      { "7.1 a=", "8.1 a=7:1:c", "9.1 a=7:1:c;8:1:c" },
      NULL,
      "ok, 3 records in 1 stream" },
    { "oldest",
      { "9.1 a=", "3.1 a=9:1:c", "5.1 a=9:1:c;3:1:c" }, /* not by value */
      NULL,
      "ok, 3 records in 1 stream" },
    { "chain",
      { "7.1 a=", "8.1 a=7:1:c", "9.1 a=7:1:c" },
      "g/b epoch 8: UNKNOWN END: no \"after\" names it, records after 1 may be missing",
      "FAILED, 1 unknown end; 3 records in 1 stream" },
    { "chain",
      { "7.1 a=", "8.1 a=7:1:c;8:1:c" },
      "g/b epoch 8: broken chain: the \"after\" of record 1 names epoch 8, its own",
      "FAILED, 1 broken chain; 2 records in 1 stream" },
    { "chain",
      { "7.1 a=", "8.1 a=7:1:c;7:1:c" },
      "g/b epoch 8: broken chain: the \"after\" of record 1 names epoch 7 twice",
      "FAILED, 1 broken chain; 2 records in 1 stream" },
    { "chain",
      { "7.1 a=", "8.1 a=7:1:c", "7.1 a=8:1:c" },
      "g/b epoch 7: broken chain: the \"after\" of record 1 names epoch 8, which came later",
      "FAILED, 1 broken chain; 2 records in 1 stream, 1 repeat" },
    { "chain",
      { "7.1 a=", "10.1 a=7:1:c;8:0:c;9:2:c:1-2:filter" },
      NULL,
      "ok, 2 records in 1 stream, 2 told" },
    { "unnamed",
      { "7.1 a=", "7.2", "8.1 a=" },
      "g/b epoch 7: UNKNOWN END: no \"after\" names it, records after 2 may be missing",
      "FAILED, 1 unknown end; 3 records in 1 stream" },
    { "unnamed",
      { "7.1 a=", "9.1 a=8:4:c:1-4:age" },
      "g/b epoch 7: UNKNOWN END: no \"after\" names it, records after 1 may be missing",
      "FAILED, 1 unknown end; 2 records in 1 stream, 4 told, LOST as stated: 4" },
    { "unnamed", { "7.1 a=", "8.1 a=7:1:c", "8.2" }, NULL, "ok, 3 records in 1 stream" },
    { "never",
      { "7.1 a=", "7.2", "8.1 a=7:2:c", "7.1 v=9 a=8:1:c" },
      "g/b epoch 7: doubled: 1 came again with other content",
      "FAILED, 1 doubled, 1 broken chain; 3 records in 1 stream" },
    { "never",
      { "7.1 a=", "8.1 a=7:1:u", "7.2 a=8:1:c b=1-1:limit" },
      "g/b epoch 7: broken chain: the \"after\" of record 2 names epoch 8, which came later",
      "FAILED, 1 reordered, 1 broken chain; 3 records in 1 stream, "
      "LOST as stated: 0, 1 unclean end" },
    { "never",
      { "7.1 a=", "7.2", "7.1 v=9", "7.2 v=9" },
      "g/b epoch 7: doubled: 2 came again with other content",
      "FAILED, 2 doubled; 2 records in 1 stream" },
    { "never",
      { "7.1 a=", "8.1 a=7:1:c", "7.1 a=", "8.1 a=7:1:c" },
      NULL,
      "ok, 2 records in 1 stream, 2 repeats" },

    /* ---- how an epoch ended ---- */
    { "entry",
      { "7.1 a=", RECORD(8, 1, AFTER("{\"epoch\":7,\"clean\":true}")) },
      "g/b epoch 8: broken chain: the \"after\" of record 1 cannot be read",
      "FAILED, 1 broken chain; 2 records in 1 stream" },
    { "entry",
      { "7.1 a=", RECORD(8, 1, AFTER("{\"epoch\":7,\"last\":1}")) },
      "g/b epoch 8: broken chain: the \"after\" of record 1 cannot be read",
      "FAILED, 1 broken chain; 2 records in 1 stream, LOST as stated: 0, 1 unclean end" },
    { "entry",
      { "7.1 a=",
        RECORD(8, 1, AFTER("{\"epoch\":7,\"last\":1,\"clean\":true,\"until\":\"noon\"}")) },
      "g/b epoch 8: broken chain: the \"after\" of record 1 cannot be read",
      "FAILED, 1 broken chain; 2 records in 1 stream" },
    { "entry",
      { "7.1 a=", RECORD(8, 1, ",\"after\":7") },
      "g/b epoch 8: broken chain: the \"after\" of record 1 cannot be read",
      "FAILED, 1 unknown end, 1 broken chain; 2 records in 1 stream" },
    { "entry",
      { "7.1 a=", RECORD(8, 1,
                         AFTER("{\"epoch\":7,\"last\":1,\"clean\":true,"
                               "\"until\":\"2026-11-22T12:00:00.123Z\",\"before\":[]}")) },
      NULL,
      "ok, 2 records in 1 stream" },
    { "entry",
      { "7.1 a=", RECORD(8, 1,
                         AFTER("{\"epoch\":7,\"last\":1,\"clean\":true},"
                               "{\"epoch\":0,\"last\":1,\"clean\":true}")) },
      "g/b epoch 8: broken chain: the \"after\" of record 1 cannot be read",
      "FAILED, 1 broken chain; 2 records in 1 stream" },
    { "last",
      { "7.1 a=", "8.1 a=7:4:c" },
      "g/b epoch 7: missing 2..4 (3 records)",
      "FAILED, 3 missing; 2 records in 1 stream" },
    { "last",
      { "7.1 a=", "8.1 a=7:4:u:3-4:limit" },
      "g/b epoch 7: missing 2 (1 record)",
      "FAILED, 1 missing; 2 records in 1 stream, 2 told, LOST as stated: 2, 1 unclean end" },
    { "last",
      { "7.1 a=", "7.3", "8.1 a=7:2:u" }, /* a hole that is older than the end */
      "g/b epoch 7: missing 2 (1 record)",
      "FAILED, 1 missing; 3 records in 1 stream, LOST as stated: 0, 1 unclean end" },
    { "last",
      { "7.1 a=", "9.1 a=7:1:c;8:2:c:1-1:filter" },
      "g/b epoch 8: missing 2 (1 record)",
      "FAILED, 1 missing; 2 records in 1 stream, 1 told" },
    { "last", { "7.1 a=", "8.1 a=7:4:c:2-4:filter" }, NULL, "ok, 2 records in 1 stream, 3 told" },
    { "upto",
      { "7.1 a=", "8.1 a=7:2:c:2-3:limit" },
      "g/b epoch 7: wrong range: record 1 of epoch 8 covers 2..3 (limit)",
      "FAILED, 1 missing, 1 wrong range; 2 records in 1 stream" },
    { "upto",
      { "7.1 a=", "8.1 a=7:2:c:2-2:limit" },
      NULL,
      "ok, 2 records in 1 stream, 1 told, LOST as stated: 1" },
    { "above",
      { "7.1 a=", "7.2", "7.5", "8.1 a=7:4:u" },
      "g/b epoch 7: missing 3..4 (2 records), first noticed at ",
      "FAILED, 2 missing; 4 records in 1 stream, LOST as stated: 0, 1 unclean end" },
    { "above",
      { "7.1 a=", "7.2", "7.5", "8.1 a=7:2:u" }, /* what arrived may well be above */
      NULL,
      "ok, 4 records in 1 stream, LOST as stated: 2, 1 unclean end" },
    { "above",
      { "7.1 a=", "7.2", "8.1 a=7:0:d" },
      NULL,
      "ok, 3 records in 1 stream, LOST as stated: 0, 1 unclean end" },
    { "clean",
      { "7.1 a=", "7.2", "7.3", "8.1 a=7:2:c" },
      "g/b epoch 7: wrong end: a clean end at 2, but 3 came",
      "FAILED, 1 wrong end; 4 records in 1 stream" },
    { "clean",
      { "7.1 a=", "8.1 a=7:1:c", "7.2" },
      "g/b epoch 7: wrong end: a clean end at 1, but 2 came",
      "FAILED, 1 reordered, 1 wrong end; 3 records in 1 stream" },
    { "clean",
      { "8.1 a=7:480:c", "7.481" }, /* also where nothing else is to be proved */
      "g/b epoch 7: wrong end: a clean end at 480, but 481 came",
      "FAILED, 1 wrong end; 2 records in 1 stream" },
    { "clean",
      { "7.1 a=", "7.2", "8.1 a=7:1:d", "9.1 a=7:2:c;8:1:c", "9.1 a=7:3:u:3-3:limit;8:1:c" },
      "g/b epoch 7: wrong end: a clean end at 2, but now it ends at 3",
      "FAILED, 1 wrong end; 4 records in 1 stream, 1 told, 1 repeat, LOST as stated: 1, 1 unclean "
      "end" },
    { "clean",
      { "7.1 a=", "7.2", "8.1 a=7:2:u", "9.1 a=7:1:c;8:1:c" },
      "g/b epoch 7: wrong end: a clean end at 1, but it was known up to 2",
      "FAILED, 2 wrong ends; 4 records in 1 stream" },
    { "clean",
      { "7.1 a=", "8.1 a=7:2:u:2-2:limit", "9.1 a=7:1:c;8:1:c" },
      "g/b epoch 7: wrong end: a clean end at 1, but it was known up to 2",
      "FAILED, 1 wrong end; 3 records in 1 stream, 1 told, LOST as stated: 1" },
    { "clean", { "7.1 a=", "7.2", "7.3", "8.1 a=7:3:c" }, NULL, "ok, 4 records in 1 stream" },
    { "clean",
      { "7.1 a=", "8.1 a=7:1:c", "9.1 a=7:1:d;8:1:c" }, /* the store was damaged since */
      NULL,
      "ok, 3 records in 1 stream, LOST as stated: 0, 1 unclean end" },
    { "sure",
      { "7.1 a=", RECORD(8, 1, AFTER("{\"epoch\":7,\"last\":1,\"clean\":true,\"damage\":true}")) },
      "g/b epoch 7: wrong end: clean and damaged at once, says record 1 of epoch 8",
      "FAILED, 1 wrong end; 2 records in 1 stream" },
    { "sure",
      { "7.1 a=", RECORD(8, 1, AFTER("{\"epoch\":7,\"last\":null,\"clean\":true}")) },
      "g/b epoch 7: wrong end: clean without a last number, says record 1 of epoch 8",
      "FAILED, 1 wrong end; 2 records in 1 stream" },
    { "sure",
      { "7.1 a=",
        RECORD(8, 1, AFTER("{\"epoch\":7,\"last\":null,\"clean\":false,\"damage\":true}")) },
      NULL,
      "ok, 2 records in 1 stream, LOST as stated: 0, 1 unclean end" },

    /* ---- messages ---- */
    { "batch",
      { "[" RECORD(7, 1, AFTER("")) ",{\"values\":{\"v\":2}}]" },
      "g/b epoch 7: broken record: seq is no number from 1 to 2^53",
      "FAILED, 1 broken record; 1 record in 1 stream" },
    { "batch",
      { "[" RECORD(7, 1, AFTER("")) ",{\"seq\":2},{\"seq\":5}]" },
      "g/b epoch 7: missing 3..4 (2 records), first noticed at ",
      "FAILED, 2 missing; 3 records in 1 stream" },
    { "batch",
      { "[" RECORD(7, 1, AFTER("")) ",{\"seq\":3,\"before\":[{\"first\":2,\"last\":2,"
                                    "\"why\":\"limit\"}]},{\"seq\":5}]" }, /* a `before` is for its
                                                                              own record only */
      "g/b epoch 7: missing 4 (1 record), first noticed at ",
      "FAILED, 1 missing; 3 records in 1 stream, 1 told, LOST as stated: 1" },
    { "batch",
      { "[" RECORD(7, 1, AFTER("")) ",7]", "7.2" },
      "broken record: an element of an array of records is no object, on topic t",
      "FAILED, 1 broken record; 2 records in 1 stream" },
    { "batch",
      { "[" RECORD(7, 1, AFTER("")) ",{\"seq\":2},{\"seq\":3,\"device\":\"e\"},"
                                    "{\"bus\":\"c\",\"seq\":1},{\"epoch\":8,\"seq\":1,\"after\":[{"
                                    "\"epoch\":7,\"last\":3,"
                                    "\"clean\":true}]}]",
        RECORD(7, 2, "") },
      NULL,
      "ok, 5 records in 2 streams, 1 repeat" },
    { "batch", { "[]", "[" RECORD(7, 1, "") "]" }, NULL, "ok, 1 record in 1 stream" },
    { "flat",
      { "{" ID(7, 1) ",\"v\":1}", "{" ID(7, 1) ",\"v\":2}" },
      "g/b epoch 7: doubled: 1 came again with other content",
      "FAILED, 1 doubled; 1 record in 1 stream" },
    { "flat",
      { "[{" ID(7, 1) ",\"v\":1},{\"seq\":2,\"v\":1},{\"seq\":3}]" },
      NULL,
      "ok, 3 records in 1 stream" },
    { "streams",
      { "7.1 a=", "7.1 a= bus=weir", "7.2", "7.3 bus=weir" },
      "g/weir epoch 7: missing 2 (1 record), first noticed at ",
      "FAILED, 1 missing; 4 records in 2 streams" },
    { "streams",
      { "7.1 a=", "7.1 v=9 a= bus=c", "7.2", "8.1 a=7:1:c bus=c", "7.3" },
      NULL,
      "ok, 5 records in 2 streams" },

    /* ---- content ---- */
    { "clock",
      { RECORD(7, 1, ",\"clock\":\"unsynced\"") },
      "g/b epoch 7: broken content: record 1 is unsynced without uptime",
      "FAILED, 1 broken content; 1 record in 1 stream" },
    { "clock",
      { RECORD(7, 1, ",\"clock\":\"estimated\",\"uptime\":3") },
      "g/b epoch 7: broken content: record 1 is estimated without clock_error_s",
      "FAILED, 1 broken content; 1 record in 1 stream" },
    { "clock",
      { RECORD(7, 1, ",\"clock\":\"noon\",\"uptime\":3") },
      "g/b epoch 7: broken content: record 1 has clock \"noon\"",
      "FAILED, 1 broken content; 1 record in 1 stream" },
    { "clock",
      { RECORD(7, 1, ",\"time\":\"2026-11-22T12:00:00.123\"") }, /* whose noon? */
      "g/b epoch 7: broken content: record 1 has time \"2026-11-22T12:00:00.123\"",
      "FAILED, 1 broken content; 1 record in 1 stream" },
    { "clock",
      { RECORD(7, 1, ",\"time\":1795348800") },
      "g/b epoch 7: broken content: record 1 has time 1795348800",
      "FAILED, 1 broken content; 1 record in 1 stream" },
    { "clock",
      { RECORD(7, 1, ",\"time\":\"1970-01-01T00:00:03Z\",\"clock\":\"unsynced\",\"uptime\":3"),
        RECORD(7, 2,
               ",\"time\":\"2026-11-22T12:00:00.123Z\",\"clock\":\"estimated\","
               "\"uptime\":4.5,\"clock_error_s\":0.25") },
      NULL,
      "ok, 2 records in 1 stream" },
    { "null",
      { "{" ID(7, 1) ",\"values\":{\"v\\u001b[2J\":null}}" }, /* nor does it steer a terminal */
      "g/b epoch 7: broken content: record 1 has v?[2J null without a reason",
      "FAILED, 1 broken content; 1 record in 1 stream" },
    { "null",
      { "{" ID(7, 1) ",\"values\":{\"v\":null}}" },
      "g/b epoch 7: broken content: record 1 has v null without a reason",
      "FAILED, 1 broken content; 1 record in 1 stream" },
    { "null",
      { "{" ID(7, 1) ",\"v\":null}" },
      "g/b epoch 7: broken content: record 1 has v null without a reason",
      "FAILED, 1 broken content; 1 record in 1 stream" },
    { "null",
      { "{" ID(7, 1) ",\"values\":{\"v\":1},\"errors\":{\"v\":\"timeout\"}}" },
      "g/b epoch 7: broken content: record 1 has a reason for v, which is not null",
      "FAILED, 1 broken content; 1 record in 1 stream" },
    { "null",
      { "{" ID(7, 1) ",\"values\":{\"v\":1,\"w\":null},\"errors\":{\"w\":\"timeout\"}}",
        "{" ID(7, 2) ",\"w\":null,\"errors\":{\"w\":\"crc\"}}" },
      NULL,
      "ok, 2 records in 1 stream" },
    { "suspect",
      { "{" ID(7, 1) ",\"values\":{\"v\":1},\"suspect\":[\"w\"]}" },
      "g/b epoch 7: broken content: record 1 has w suspect, which is no value of it",
      "FAILED, 1 broken content; 1 record in 1 stream" },
    { "suspect",
      { "{" ID(7, 1) ",\"values\":{\"v\":1,\"w\":2},\"suspect\":[\"v\",\"w\"]}" },
      NULL,
      "ok, 1 record in 1 stream" },
    { "event",
      { EVENT("b", "g") },
      "g/b epoch 7: broken content: record 1 is an event of another bus than weir",
      "FAILED, 1 broken content; 1 record in 1 stream" },
    { "event",
      { EVENT("weir", "d") },
      "g/weir epoch 7: broken content: record 1 is an event of device d, not of the gateway",
      "FAILED, 1 broken content; 1 record in 1 stream" },
    { "event",
      { CLOCK(",\"of_epoch\":7") },
      "g/weir epoch 7: broken content: record 1 is a clock event without of_epoch or offset_s",
      "FAILED, 1 broken content; 1 record in 1 stream" },
    { "event", { EVENT("weir", "g") }, NULL, "ok, 1 record in 1 stream" },
    { "event",
      { CLOCK(",\"of_epoch\":7,\"offset_s\":1795348790.5") },
      NULL,
      "ok, 1 record in 1 stream" },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool has_line(const char *text, const char *begin)
{
    for (const char *line = text; line != NULL && *line != '\0';) {
        if (strncmp(line, begin, strlen(begin)) == 0) {
            return true;
        }
        line = strchr(line, '\n');
        line = line == NULL ? NULL : line + 1;
    }
    return false;
}

static bool is_as_expected(const struct forged *c, enum verdict verdict, const char *text)
{
    char last[512];

    snprintf(last, sizeof(last), "verify: %s\n", c->last);
    return (verdict == VERDICT_OK) == (strncmp(c->last, "ok", 2) == 0) && has_line(text, last) &&
           (c->finds == NULL || has_line(text, c->finds));
}

static void test_every_rule(void **state)
{
    size_t wrong = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(forged); i++) {
        char *text = NULL;
        enum verdict verdict = steps_run(forged[i].steps, &text);

        if (!is_as_expected(&forged[i], verdict, text)) {
            print_error("rule %s, %s:\n%s", forged[i].rule, forged[i].steps[0], text);
            print_error("expected: %s\nexpected: verify: %s\n\n",
                        forged[i].finds == NULL ? "nothing" : forged[i].finds, forged[i].last);
            wrong++;
        }
        free(text);
    }
    assert_int_equal(wrong, 0);
}

/* Every rule has been broken at least once, and kept at least once. */
static void test_no_rule_is_left_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(forged); i++) {
        bool broken = false;
        bool kept = false;

        for (size_t j = 0; j < COUNT(forged); j++) {
            if (strcmp(forged[j].rule, forged[i].rule) == 0) {
                *(forged[j].finds == NULL ? &kept : &broken) = true;
            }
        }
        if (!broken || !kept) {
            fail_msg("rule %s: no stream that %s it", forged[i].rule, kept ? "breaks" : "keeps");
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_rule),
        cmocka_unit_test(test_no_rule_is_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
