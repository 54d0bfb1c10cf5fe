/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Streams and the exact verdict on each, mostly as docs/receive.md draws it; in the words of
 * receive_steps.h. What breaks which rule of the format is in receive_forged.c.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "receive_steps.h"

struct verify_case {
    const char *name;
    const char *steps[STEPS_MAX];
    int exit;
    const char *lines;
};

static const struct verify_case cases[] = {
    { "complete",
      { "7.1 a=", "7.2", "7.3" },
      0,
      "g/b epoch 7: 1..3 complete\n"
      "verify: ok, 3 records in 1 stream\n" },
    { "nothing",
      { "away", "lost" },
      1,
      "absent 1 time, 1.0 s in all, longest 1.0 s; the broker kept the session 0 times\n"
      "verify: FAILED, no records arrived\n" },
    { "begins in the middle",
      { "7.500", "7.501" },
      0,
      "g/b epoch 7: 500..501 complete\n"
      "verify: ok, 2 records in 1 stream\n" },
    { "begins in the middle, with ranges",
      { "7.500 b=490-499:filter", "7.501" },
      0,
      "g/b epoch 7: 490..501 accounted for, 2 records, 10 told (10 filter)\n"
      "verify: ok, 2 records in 1 stream, 10 told\n" },
    { "a first record with after is the whole epoch's first",
      { "7.3 a=", "7.4" },
      1,
      "g/b epoch 7: 1..4 NOT complete, 2 records\n"
      "g/b epoch 7: missing 1..2 (2 records), first noticed at 2026-11-22T12:00:00Z\n"
      "verify: FAILED, 2 missing; 2 records in 1 stream\n" },
    { "a new uplink leaves out what is older",
      { "7.3 a= b=1-2:earlier", "7.4" },
      0,
      "g/b epoch 7: 1..4 accounted for, 2 records, 2 told (2 earlier)\n"
      "verify: ok, 2 records in 1 stream, 2 told\n" },
    { "missing",
      { "7.41", "7.45", "7.46" },
      1,
      "g/b epoch 7: 41..46 NOT complete, 3 records\n"
      "g/b epoch 7: missing 42..44 (3 records), first noticed at 2026-11-22T12:00:01Z\n"
      "verify: FAILED, 3 missing; 3 records in 1 stream\n" },
    { "doubled",
      { "7.1", "7.2", "7.2 v=9", "7.2 v=9" },
      1,
      "g/b epoch 7: 1..2 complete\n"
      "g/b epoch 7: doubled: 2 came again with other content, at 2026-11-22T12:00:02Z\n"
      "verify: FAILED, 1 doubled; 2 records in 1 stream\n" },
    { "reordered",
      { "7.1", "7.3", "7.2", "7.4" },
      1,
      "g/b epoch 7: 1..4 complete\n"
      "g/b epoch 7: reordered: 2 came after 3, at 2026-11-22T12:00:02Z\n"
      "verify: FAILED, 1 reordered; 4 records in 1 stream\n" },
    { "honest repeats",
      { "7.1", "7.2", "7.3", "7.2", "7.3", "7.4", "7.1", "7.2" },
      0,
      "g/b epoch 7: 1..4 complete, 4 repeats\n"
      "verify: ok, 4 records in 1 stream, 4 repeats\n" },
    { "a repeat may say other things about what was not sent",
      { "7.1", "7.4 b=2-3:filter", "7.4 b=1-1:limit,2-3:filter", "7.5" },
      0,
      "g/b epoch 7: 1..5 accounted for, 3 records, 2 told (2 filter), 1 repeat\n"
      "verify: ok, 3 records in 1 stream, 2 told, 1 repeat\n" },
    { "a repeat with its time corrected",
      { "7.1 u", "7.1", "7.2" },
      0,
      "g/b epoch 7: 1..2 complete, 1 repeat\n"
      "g/b epoch 7: 1 record came without a trusted time; no clock event came, uptime 3.000 s to "
      "3.000 s\n"
      "verify: ok, 2 records in 1 stream, 1 repeat\n" },
    { "a trusted time is not corrected",
      { "7.1", "7.1 u", "7.2" },
      1,
      "g/b epoch 7: 1..2 complete\n"
      "g/b epoch 7: doubled: 1 came again with other content, at 2026-11-22T12:00:01Z\n"
      "verify: FAILED, 1 doubled; 2 records in 1 stream\n" },
    { "filter",
      { "7.1", "7.5 b=2-4:filter", "7.6" },
      0,
      "g/b epoch 7: 1..6 accounted for, 3 records, 3 told (3 filter)\n"
      "verify: ok, 3 records in 1 stream, 3 told\n" },
    { "limit",
      { "7.1", "7.5 b=2-3:limit,4-4:filter", "7.6" },
      0,
      "g/b epoch 7: 1..6 accounted for, 3 records, 3 told (1 filter, 2 limit)\n"
      "g/b epoch 7: lost 2..3 (2 records), stated: limit\n"
      "verify: ok, 3 records in 1 stream, 3 told, LOST as stated: 2\n" },
    { "a record beats a range",
      { "7.1", "7.2", "7.3 b=2-2:limit" },
      0,
      "g/b epoch 7: 1..3 complete\n"
      "verify: ok, 3 records in 1 stream\n" },
    { "a told number comes late",
      { "7.1", "7.3 b=2-2:limit", "7.2" },
      1,
      "g/b epoch 7: 1..3 complete\n"
      "g/b epoch 7: reordered: 2 came after 3, at 2026-11-22T12:00:02Z\n"
      "verify: FAILED, 1 reordered; 3 records in 1 stream\n" },
    { "a range above its record",
      { "7.1", "7.2 b=3-4:limit" },
      1,
      "g/b epoch 7: 1..2 complete\n"
      "g/b epoch 7: wrong range: record 2 of epoch 7 covers 3..4 (limit), at "
      "2026-11-22T12:00:01Z\n"
      "verify: FAILED, 1 wrong range; 2 records in 1 stream\n" },
    { "a range over its own record",
      { "7.1", "7.3 b=2-3:limit" },
      1,
      "g/b epoch 7: 1..3 NOT complete, 2 records\n"
      "g/b epoch 7: missing 2 (1 record), first noticed at 2026-11-22T12:00:01Z\n"
      "g/b epoch 7: wrong range: record 3 of epoch 7 covers 2..3 (limit), at "
      "2026-11-22T12:00:01Z\n"
      "verify: FAILED, 1 missing, 1 wrong range; 2 records in 1 stream\n" },
    { "a range over other numbers than the hole",
      { "7.41", "7.45 b=40-43:limit" },
      1,
      "g/b epoch 7: 40..45 NOT complete, 2 records, 3 told (3 limit)\n"
      "g/b epoch 7: missing 44 (1 record), first noticed at 2026-11-22T12:00:01Z\n"
      "g/b epoch 7: lost 40 (1 record), stated: limit\n"
      "g/b epoch 7: lost 42..43 (2 records), stated: limit\n"
      "g/b epoch 7: wrong range: the ranges of record 45 leave 44..44 open, at "
      "2026-11-22T12:00:01Z\n"
      "verify: FAILED, 1 missing, 1 wrong range; 2 records in 1 stream, 3 told, "
      "LOST as stated: 3\n" },
    { "ranges that do not reach down to the last record",
      { "7.41", "7.45 b=43-44:filter" },
      1,
      "g/b epoch 7: 41..45 NOT complete, 2 records, 2 told (2 filter)\n"
      "g/b epoch 7: missing 42 (1 record), first noticed at 2026-11-22T12:00:01Z\n"
      "verify: FAILED, 1 missing; 2 records in 1 stream, 2 told\n" },
    { "a range the wrong way round, from 0, without a reason",
      { "7.1", "7.5 b=4-2:filter", "7.6 b=0-3:filter", "7.7 b=2-4:bored" },
      1,
      "g/b epoch 7: 1..7 NOT complete, 4 records\n"
      "g/b epoch 7: missing 2..4 (3 records), first noticed at 2026-11-22T12:00:01Z\n"
      "g/b epoch 7: wrong range: record 5 of epoch 7 covers 4..2 (filter), at "
      "2026-11-22T12:00:01Z\n"
      "g/b epoch 7: wrong range: record 6 of epoch 7 covers 0..3 (filter), at "
      "2026-11-22T12:00:02Z\n"
      "g/b epoch 7: wrong range: record 7 of epoch 7 covers 2..4 (?), at "
      "2026-11-22T12:00:03Z\n"
      "verify: FAILED, 3 missing, 3 wrong ranges; 4 records in 1 stream\n" },
    { "next epoch, clean",
      { "7.1 a=", "7.2", "8.1 a=7:2:c", "8.2" },
      0,
      "g/b epoch 7: 1..2 complete\n"
      "g/b epoch 8: 1..2 complete\n"
      "verify: ok, 4 records in 1 stream\n" },
    { "epochs are not ordered by value",
      { "9.1 a=", "9.2", "3.1 a=9:2:c", "3.2" },
      0,
      "g/b epoch 9: 1..2 complete\n"
      "g/b epoch 3: 1..2 complete\n"
      "verify: ok, 4 records in 1 stream\n" },
    { "next epoch, unclean",
      { "7.1 a=", "7.2", "8.1 a=7:2:u", "8.2" },
      0,
      "g/b epoch 7: 1..2 complete\n"
      "g/b epoch 7: ended unclean after 2: what it made later and is not here is lost, as stated\n"
      "g/b epoch 8: 1..2 complete\n"
      "verify: ok, 4 records in 1 stream, LOST as stated: 0, 1 unclean end\n" },
    { "next epoch, damaged, and more arrived than it knows",
      { "7.1 a=", "7.2", "7.3", "8.1 a=7:1:d" },
      0,
      "g/b epoch 7: 1..3 complete\n"
      "g/b epoch 7: ended unclean after 1: what it made later and is not here is lost, as stated "
      "(the store was damaged)\n"
      "g/b epoch 8: 1..1 complete\n"
      "verify: ok, 4 records in 1 stream, LOST as stated: 0, 1 unclean end\n" },
    { "a hole above the last of an unclean end is lost, as stated",
      { "7.1 a=", "7.2", "7.4", "8.1 a=7:2:u" },
      0,
      "g/b epoch 7: 1..4 accounted for, 3 records\n"
      "g/b epoch 7: lost 3 (1 record), stated: unclean end after 2\n"
      "g/b epoch 7: ended unclean after 2: what it made later and is not here is lost, as stated\n"
      "g/b epoch 8: 1..1 complete\n"
      "verify: ok, 4 records in 1 stream, LOST as stated: 1, 1 unclean end\n" },
    { "the tail of an epoch is missing",
      { "7.1 a=", "7.2", "8.1 a=7:5:c" },
      1,
      "g/b epoch 7: 1..5 NOT complete, 2 records\n"
      "g/b epoch 7: missing 3..5 (3 records)\n"
      "g/b epoch 8: 1..1 complete\n"
      "verify: FAILED, 3 missing; 3 records in 1 stream\n" },
    { "the tail of an epoch is told",
      { "7.1 a=", "7.2", "8.1 a=7:5:c:3-4:limit+5-5:filter" },
      0,
      "g/b epoch 7: 1..5 accounted for, 2 records, 3 told (1 filter, 2 limit)\n"
      "g/b epoch 7: lost 3..4 (2 records), stated: limit\n"
      "g/b epoch 8: 1..1 complete\n"
      "verify: ok, 3 records in 1 stream, 3 told, LOST as stated: 2\n" },
    { "a range above the end of its epoch",
      { "7.1 a=", "8.1 a=7:1:c:2-3:limit" },
      1,
      "g/b epoch 7: 1..1 complete\n"
      "g/b epoch 8: 1..1 complete\n"
      "g/b epoch 7: wrong range: record 1 of epoch 8 covers 2..3 (limit), at "
      "2026-11-22T12:00:01Z\n"
      "verify: FAILED, 1 wrong range; 2 records in 1 stream\n" },
    { "a clean end below what was seen",
      { "7.1 a=", "7.2", "7.3", "8.1 a=7:2:c" },
      1,
      "g/b epoch 7: 1..3 complete\n"
      "g/b epoch 8: 1..1 complete\n"
      "g/b epoch 7: wrong end: a clean end at 2, but 3 came, at 2026-11-22T12:00:03Z\n"
      "verify: FAILED, 1 wrong end; 4 records in 1 stream\n" },
    { "an epoch without its after",
      { "7.1 a=", "7.2", "8.1", "8.2" },
      1,
      "g/b epoch 7: 1..2 complete\n"
      "g/b epoch 7: UNKNOWN END: no \"after\" names it, records after 2 may be missing\n"
      "g/b epoch 8: 1..2 complete\n"
      "g/b epoch 8: broken chain: it came after another epoch without an \"after\", at "
      "2026-11-22T12:00:02Z\n"
      "verify: FAILED, 1 unknown end, 1 broken chain; 4 records in 1 stream\n" },
    { "an after that names nothing",
      { "7.1 a=", "7.2", "8.1 a=" },
      1,
      "g/b epoch 7: 1..2 complete\n"
      "g/b epoch 7: UNKNOWN END: no \"after\" names it, records after 2 may be missing\n"
      "g/b epoch 8: 1..1 complete\n"
      "verify: FAILED, 1 unknown end; 3 records in 1 stream\n" },
    { "several epochs in between",
      { "7.1 a=", "7.2", "10.1 a=7:3:u:3-3:limit;8:0:c;9:2:c:1-2:filter" },
      0,
      "g/b epoch 7: 1..3 accounted for, 2 records, 1 told (1 limit)\n"
      "g/b epoch 7: lost 3 (1 record), stated: limit\n"
      "g/b epoch 7: ended unclean after 3: what it made later and is not here is lost, as stated\n"
      "g/b epoch 8: no records\n"
      "g/b epoch 9: 1..2 accounted for, 0 records, 2 told (2 filter)\n"
      "g/b epoch 10: 1..1 complete\n"
      "verify: ok, 3 records in 1 stream, 3 told, LOST as stated: 1, 1 unclean end\n" },
    { "an epoch in between is missing",
      { "7.1 a=", "9.1 a=7:1:c;8:4:c:2-2:filter" },
      1,
      "g/b epoch 7: 1..1 complete\n"
      "g/b epoch 8: 1..4 NOT complete, 0 records, 1 told (1 filter)\n"
      "g/b epoch 8: missing 1 (1 record)\n"
      "g/b epoch 8: missing 3..4 (2 records)\n"
      "g/b epoch 9: 1..1 complete\n"
      "verify: FAILED, 3 missing; 2 records in 1 stream, 1 told\n" },
    { "the first of an epoch is told",
      { "7.1 a=", "8.3 a=7:1:c b=1-2:limit", "8.4" },
      0,
      "g/b epoch 7: 1..1 complete\n"
      "g/b epoch 8: 1..4 accounted for, 2 records, 2 told (2 limit)\n"
      "g/b epoch 8: lost 1..2 (2 records), stated: limit\n"
      "verify: ok, 3 records in 1 stream, 2 told, LOST as stated: 2\n" },
    { "the first of an epoch is repeated, with another after",
      { "7.1 a=", "7.2", "8.1 a=7:2:c", "7.2", "8.1 a=7:2:c", "8.2", "8.1 a=" },
      0,
      "g/b epoch 7: 1..2 complete, 1 repeat\n"
      "g/b epoch 8: 1..2 complete, 2 repeats\n"
      "verify: ok, 4 records in 1 stream, 3 repeats\n" },
    { "a new record of an older epoch",
      { "7.1 a=", "8.1 a=7:2:c", "7.2" },
      1,
      "g/b epoch 7: 1..2 complete\n"
      "g/b epoch 8: 1..1 complete\n"
      "g/b epoch 7: reordered: 2 came after a record of epoch 8, at 2026-11-22T12:00:02Z\n"
      "verify: FAILED, 1 reordered; 3 records in 1 stream\n" },
    { "an epoch whose end was not known comes late",
      { "7.1 a=",
        "[{\"gateway\":\"g\",\"bus\":\"b\",\"epoch\":8,\"seq\":1,\"values\":{\"v\":1},"
        "\"after\":[{\"epoch\":7,\"last\":null,\"clean\":false}]}]",
        "7.2" },
      0,
      "g/b epoch 7: 1..2 complete\n"
      "g/b epoch 7: ended unclean: what it made later and is not here is lost, as stated\n"
      "g/b epoch 8: 1..1 complete\n"
      "verify: ok, 3 records in 1 stream, LOST as stated: 0, 1 unclean end\n" },
    { "an after that names itself, a later one, and one twice",
      { "7.1 a=", "8.1 a=7:1:c;8:1:c;7:1:c", "7.1 a=8:1:c" },
      1,
      "g/b epoch 7: 1..1 complete, 1 repeat\n"
      "g/b epoch 8: 1..1 complete\n"
      "g/b epoch 8: broken chain: the \"after\" of record 1 names epoch 7 twice, at "
      "2026-11-22T12:00:01Z\n"
      "g/b epoch 8: broken chain: the \"after\" of record 1 names epoch 8, its own, at "
      "2026-11-22T12:00:01Z\n"
      "g/b epoch 7: broken chain: the \"after\" of record 1 names epoch 8, which came later, at "
      "2026-11-22T12:00:02Z\n"
      "verify: FAILED, 3 broken chains; 2 records in 1 stream, 1 repeat\n" },
    { "an after in another order than before",
      { "7.1 a=", "8.1 a=7:1:c", "9.1 a=8:1:c;7:1:c" },
      1,
      "g/b epoch 7: 1..1 complete\n"
      "g/b epoch 8: 1..1 complete\n"
      "g/b epoch 9: 1..1 complete\n"
      "g/b epoch 9: broken chain: the \"after\" of record 1 names epoch 8, out of order, at "
      "2026-11-22T12:00:02Z\n"
      "verify: FAILED, 1 broken chain; 3 records in 1 stream\n" },
    { "an after that leaves out the epoch before",
      { "7.1 a=", "8.1 a=7:1:c", "9.1 a=7:1:c", "9.2" },
      1,
      "g/b epoch 7: 1..1 complete\n"
      "g/b epoch 8: 1..1 complete\n"
      "g/b epoch 8: UNKNOWN END: no \"after\" names it, records after 1 may be missing\n"
      "g/b epoch 9: 1..2 complete\n"
      "verify: FAILED, 1 unknown end; 4 records in 1 stream\n" },
    { "the sender went back to before the beginning and did not come back yet",
      { "8.5", "7.3", "7.5" },
      1,
      "g/b epoch 8: 5..5 complete\n"
      "g/b epoch 8: UNKNOWN END: no \"after\" names it, records after 5 may be missing\n"
      "g/b epoch 7: 3..5 NOT complete, 2 records\n"
      "g/b epoch 7: missing 4 (1 record), first noticed at 2026-11-22T12:00:02Z\n"
      "g/b epoch 7: broken chain: it came after another epoch without an \"after\", at "
      "2026-11-22T12:00:01Z\n"
      "verify: FAILED, 1 missing, 1 unknown end, 1 broken chain; 3 records in 1 stream\n" },
    { "the same where the epoch is known",
      { "8.5", "8.1 a=7:9:c", "7.7" },
      0,
      "g/b epoch 7: 1 record from before the beginning\n"
      "g/b epoch 8: 5..5 complete\n"
      "verify: ok, 3 records in 1 stream\n" },
    { "what lies before the beginning is not to be proved",
      { "8.1 a=6:9:u;7:480:c", "8.2" },
      0,
      "g/b epoch 8: 1..2 complete\n"
      "verify: ok, 2 records in 1 stream\n" },
    { "the beginning moves down when the sender repeats",
      { "8.1 a=7:480:c", "8.2", "7.479", "7.480", "8.1 a=7:480:c", "8.2", "8.3" },
      0,
      "g/b epoch 7: 479..480 complete\n"
      "g/b epoch 8: 1..3 complete, 2 repeats\n"
      "verify: ok, 5 records in 1 stream, 2 repeats\n" },
    { "the beginning moves down within its epoch",
      { "7.500", "7.501", "7.497", "7.498", "7.499", "7.500", "7.501" },
      0,
      "g/b epoch 7: 497..501 complete, 2 repeats\n"
      "verify: ok, 5 records in 1 stream, 2 repeats\n" },
    { "the beginning moves down into an epoch that nothing had named",
      { "8.5", "8.6", "7.9", "8.1 a=7:9:c", "8.2", "8.3", "8.4", "8.5", "8.6", "8.7" },
      0,
      "g/b epoch 7: 9..9 complete\n"
      "g/b epoch 8: 1..7 complete, 2 repeats\n"
      "verify: ok, 8 records in 1 stream, 2 repeats\n" },
    { "the same over two epochs",
      { "8.5", "6.9", "7.1 a=6:9:c", "8.1 a=7:1:c", "8.2", "8.3 v=1", "8.4", "8.5", "9.1 a=8:5:c" },
      0,
      "g/b epoch 6: 9..9 complete\n"
      "g/b epoch 7: 1..1 complete\n"
      "g/b epoch 8: 1..5 complete, 1 repeat\n"
      "g/b epoch 9: 1..1 complete\n"
      "verify: ok, 8 records in 1 stream, 1 repeat\n" },
    { "away, and the broker kept everything",
      { "7.1", "away", "kept", "7.2", "7.4" },
      1,
      "g/b epoch 7: 1..4 NOT complete, 3 records\n"
      "g/b epoch 7: missing 3 (1 record), first noticed at 2026-11-22T12:00:04Z\n"
      "absent 1 time, 1.0 s in all, longest 1.0 s; the broker kept the session 1 time\n"
      "verify: FAILED, 1 missing; 3 records in 1 stream\n" },
    { "away, not kept, but nothing is missing",
      { "7.1", "away", "lost", "7.1", "7.2" },
      0,
      "g/b epoch 7: 1..2 complete, 1 repeat\n"
      "absent 1 time, 1.0 s in all, longest 1.0 s; the broker kept the session 0 times\n"
      "verify: ok, 2 records in 1 stream, 1 repeat\n" },
    { "away, not kept",
      { "7.1", "away", "lost", "7.5 b=4-4:filter", "7.7" },
      1,
      "g/b epoch 7: 1..7 NOT complete, 3 records, 1 told (1 filter)\n"
      "g/b epoch 7: missing 6 (1 record), first noticed at 2026-11-22T12:00:04Z\n"
      "g/b epoch 7: cannot know 2..3 (2 records): this receiver was away\n"
      "absent 1 time, 1.0 s in all, longest 1.0 s; the broker kept the session 0 times\n"
      "verify: FAILED, 1 missing, 2 not known; 3 records in 1 stream, 1 told\n" },
    { "away, not kept, only a doubt",
      { "7.1", "away", "lost", "7.4", "7.5" },
      1,
      "g/b epoch 7: 1..5 not known to be complete, 3 records\n"
      "g/b epoch 7: cannot know 2..3 (2 records): this receiver was away\n"
      "absent 1 time, 1.0 s in all, longest 1.0 s; the broker kept the session 0 times\n"
      "verify: cannot know, 2 not known; 3 records in 1 stream\n" },
    { "a doubt that a repeat clears up",
      { "7.1", "away", "lost", "7.4", "7.2", "7.3", "7.4", "7.5" },
      0,
      "g/b epoch 7: 1..5 complete, 1 repeat\n"
      "absent 1 time, 1.0 s in all, longest 1.0 s; the broker kept the session 0 times\n"
      "verify: ok, 5 records in 1 stream, 1 repeat\n" },
    { "a new epoch began while away",
      { "7.1", "away", "lost", "8.3", "8.4" },
      1,
      "g/b epoch 7: 1..1 complete\n"
      "g/b epoch 7: cannot know how it ended after 1: this receiver was away\n"
      "g/b epoch 8: 1..4 not known to be complete, 2 records\n"
      "g/b epoch 8: cannot know 1..2 (2 records): this receiver was away\n"
      "absent 1 time, 1.0 s in all, longest 1.0 s; the broker kept the session 0 times\n"
      "verify: cannot know, 2 not known, 1 end not known; 3 records in 1 stream\n" },
    { "the first record after an absence tells how the epoch ended",
      { "7.1", "away", "lost", "8.2 a=7:4:c:4-4:age b=1-1:filter" },
      1,
      "g/b epoch 7: 1..4 not known to be complete, 1 record, 1 told (1 age)\n"
      "g/b epoch 7: cannot know 2..3 (2 records): this receiver was away\n"
      "g/b epoch 7: lost 4 (1 record), stated: age\n"
      "g/b epoch 8: 1..2 accounted for, 1 record, 1 told (1 filter)\n"
      "absent 1 time, 1.0 s in all, longest 1.0 s; the broker kept the session 0 times\n"
      "verify: cannot know, 2 not known; 2 records in 1 stream, 2 told, LOST as stated: 1\n" },
    { "two epochs later the chain has moved on",
      { "7.1", "away", "lost", "9.1 a=8:2:c" },
      1,
      "g/b epoch 7: 1..1 complete\n"
      "g/b epoch 7: cannot know how it ended after 1: this receiver was away\n"
      "g/b epoch 8: 1..2 not known to be complete, 0 records\n"
      "g/b epoch 8: cannot know 1..2 (2 records): this receiver was away\n"
      "g/b epoch 9: 1..1 complete\n"
      "absent 1 time, 1.0 s in all, longest 1.0 s; the broker kept the session 0 times\n"
      "verify: cannot know, 2 not known, 1 end not known; 2 records in 1 stream\n" },
    { "streams do not mix",
      { "7.1 a=", "7.1 a= bus=c", "7.2", "8.1 a= bus=weir", "7.3 bus=c" },
      1,
      "g/b epoch 7: 1..2 complete\n"
      "g/c epoch 7: 1..3 NOT complete, 2 records\n"
      "g/c epoch 7: missing 2 (1 record), first noticed at 2026-11-22T12:00:04Z\n"
      "g/weir epoch 8: 1..1 complete\n"
      "verify: FAILED, 1 missing; 5 records in 3 streams\n" },
    { "a batch, compact",
      { "[{\"gateway\":\"g\",\"bus\":\"b\",\"epoch\":7,\"seq\":1,\"device\":\"d\","
        "\"kind\":\"reading\",\"time\":\"2026-11-22T12:00:00Z\",\"values\":{\"v\":1},\"after\":[]},"
        "{\"seq\":2},{\"seq\":4,\"before\":[{\"first\":3,\"last\":3,\"why\":\"filter\"}]}]",
        "{\"gateway\":\"g\",\"bus\":\"b\",\"epoch\":7,\"seq\":2,\"device\":\"d\","
        "\"kind\":\"reading\",\"time\":\"2026-11-22T12:00:00Z\",\"values\":{\"v\":1}}" },
      0,
      "g/b epoch 7: 1..4 accounted for, 3 records, 1 told (1 filter), 1 repeat\n"
      "verify: ok, 3 records in 1 stream, 1 told, 1 repeat\n" },
    { "json-flat",
      { "{\"gateway\":\"g\",\"bus\":\"b\",\"epoch\":7,\"seq\":1,\"device\":\"d\",\"v\":1}",
        "{\"gateway\":\"g\",\"bus\":\"b\",\"epoch\":7,\"seq\":1,\"device\":\"d\",\"v\":2}" },
      1,
      "g/b epoch 7: 1..1 complete\n"
      "g/b epoch 7: doubled: 1 came again with other content, at 2026-11-22T12:00:01Z\n"
      "verify: FAILED, 1 doubled; 1 record in 1 stream\n" },
    { "garbage and others",
      { "7.1", "{\"x\":", "{\"temperature\":20}", "7.2" },
      0,
      "g/b epoch 7: 1..2 complete\n"
      "other messages: 1 without identity, 1 not JSON (first: t: byte 5 (line 1 column 5))\n"
      "verify: ok, 2 records in 1 stream\n" },
    { "a broken record",
      { "7.1", "{\"gateway\":\"g\",\"bus\":\"b\",\"epoch\":7,\"seq\":\"2\"}", "7.2" },
      1,
      "g/b epoch 7: 1..2 complete\n"
      "g/b epoch 7: broken record: seq \"2\" is no number from 1 to 2^53, on topic t, at "
      "2026-11-22T12:00:01Z\n"
      "verify: FAILED, 1 broken record; 2 records in 1 stream\n" },
    { "a clock event repairs its epoch, its own, and no other",
      { "7.1 u a=", "8.1 u a= bus=c", "7.1 a= u bus=weir",
        "{\"gateway\":\"g\",\"bus\":\"weir\",\"epoch\":7,\"seq\":2,\"device\":\"g\","
        "\"kind\":\"event\",\"time\":\"2026-11-22T12:00:00.000Z\",\"values\":{\"event\":\"clock\","
        "\"of_bus\":\"b\",\"of_epoch\":7,\"offset_s\":1795348790.5,\"was\":\"unsynced\"}}" },
      0,
      "g/b epoch 7: 1..1 complete\n"
      "g/b epoch 7: 1 record came without a trusted time; repaired, they are of "
      "2026-11-22T11:59:53.500Z to 2026-11-22T11:59:53.500Z\n"
      "g/c epoch 8: 1..1 complete\n"
      "g/c epoch 8: 1 record came without a trusted time; no clock event came, uptime 3.000 s to "
      "3.000 s\n"
      "g/weir epoch 7: 1..2 complete\n"
      "g/weir epoch 7: 1 record came without a trusted time; repaired, they are of "
      "2026-11-22T11:59:53.500Z to 2026-11-22T11:59:53.500Z\n"
      "verify: ok, 4 records in 3 streams\n" },
    { "an estimated time",
      { "{\"gateway\":\"g\",\"bus\":\"b\",\"epoch\":7,\"seq\":1,\"clock\":\"estimated\","
        "\"clock_error_s\":0.25,\"uptime\":12.5}" },
      0,
      "g/b epoch 7: 1..1 complete\n"
      "g/b epoch 7: 1 record came without a trusted time (1 estimated, at most 0.250 s off); no "
      "clock event came, uptime 12.500 s to 12.500 s\n"
      "verify: ok, 1 record in 1 stream\n" },
    { "a range that cannot be read",
      { "7.1", "{\"gateway\":\"g\",\"bus\":\"b\",\"epoch\":7,\"seq\":2,\"before\":7}" },
      1,
      "g/b epoch 7: 1..2 complete\n"
      "g/b epoch 7: wrong range: the \"before\" of record 2 cannot be read, at "
      "2026-11-22T12:00:01Z\n"
      "verify: FAILED, 1 wrong range; 2 records in 1 stream\n" },
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct verify_case *c = &cases[i];
        char *text = NULL;
        enum verdict verdict;

        print_message("%s\n", c->name);
        verdict = steps_run(c->steps, &text);
        assert_string_equal(text, c->lines);
        assert_int_equal(verdict == VERDICT_OK ? 0 : 1, c->exit);
        free(text);
    }
}

/* ---- bounds ---- */

static struct record plain(uint64_t epoch, uint64_t seq)
{
    return (struct record){
        .gateway = "g", .bus = "b", .epoch = epoch, .seq = seq, .content = { seq, seq, false, 0 }
    };
}

/* Every second number is lost: far more holes than are remembered, but all are counted. */
static void test_many_holes(void **state)
{
    const uint64_t count = 100000;
    struct verify *verify = verify_create();
    struct sum sum;

    (void)state;
    for (uint64_t i = 0; i <= count; i++) {
        struct record record = plain(7, 2 * i + 1);

        assert_int_equal(verify_record(verify, &record, NOW_MS), 0);
    }
    sum = verify_sum(verify);
    assert_int_equal(sum.missing, count);
    assert_int_equal(sum.records, count + 1);
    assert_true(verify->streams[0]->epochs[0]->have.count <= EPOCH_HAVE_MAX);
    verify_destroy(verify);
}

/* Every second number is filtered: that is one interval and a bounded list of ranges. */
static void test_many_ranges(void **state)
{
    const uint64_t count = 100000;
    struct verify *verify = verify_create();
    struct sum sum;

    (void)state;
    for (uint64_t i = 1; i <= count; i++) {
        struct record record = plain(7, 2 * i);
        struct range range = { 2 * i - 1, 2 * i - 1, WHY_FILTER };

        record.before = (struct ranges){ &range, 1 };
        assert_int_equal(verify_record(verify, &record, NOW_MS), 0);
    }
    sum = verify_sum(verify);
    assert_int_equal(sum.told[WHY_FILTER], count);
    assert_int_equal(sum.missing, 0);
    assert_int_equal(verify->streams[0]->epochs[0]->have.count, 1);
    assert_true(verify->streams[0]->epochs[0]->told[WHY_FILTER].count <= EPOCH_TOLD_MAX);
    verify_destroy(verify);
}

/* Old repeats are repeats, but their content can no longer be compared. */
static void test_how_far_back_it_compares(void **state)
{
    struct verify *verify = verify_create();
    struct record record;
    struct sum sum;

    (void)state;
    for (uint64_t i = 1; i <= MARKS_LIMIT + 100; i++) {
        record = plain(7, i);
        assert_int_equal(verify_record(verify, &record, NOW_MS), 0);
    }
    for (uint64_t i = 51; i <= 150; i++) {
        record = plain(7, i);
        assert_int_equal(verify_record(verify, &record, NOW_MS), 0);
    }
    sum = verify_sum(verify);
    assert_int_equal(sum.repeats, 100);
    assert_int_equal(sum.not_compared, 50);
    record = plain(7, 101);
    record.content.whole = 1;
    assert_int_equal(verify_record(verify, &record, NOW_MS), 0);
    assert_int_equal(verify->fault_counts[FAULT_DOUBLED], 1);
    verify_destroy(verify);
}

static void test_many_epochs(void **state)
{
    const uint64_t count = 3 * VERIFY_EPOCHS_MAX;
    struct verify *verify = verify_create();
    struct sum sum;

    (void)state;
    for (uint64_t i = 1; i <= count; i++) {
        struct record record = plain(i, 1);
        struct ended ended = { .epoch = i - 1, .last = 2, .last_known = true, .clean = true };

        record.has_after = true;
        record.after = &ended;
        record.after_count = i == 1 ? 0 : 1;
        assert_int_equal(verify_record(verify, &record, NOW_MS), 0);
    }
    sum = verify_sum(verify);
    assert_int_equal(verify->streams[0]->epoch_count, VERIFY_EPOCHS_MAX);
    assert_int_equal(sum.records, count);
    assert_int_equal(sum.missing, count - 1);
    assert_int_equal(sum.unknown_ends, 0);
    verify_destroy(verify);
}

static void test_many_streams(void **state)
{
    struct verify *verify = verify_create();

    (void)state;
    for (int i = 0; i < VERIFY_STREAMS_MAX + 10; i++) {
        struct record record = plain(1, 1);
        char bus[16];

        snprintf(bus, sizeof(bus), "b%d", i);
        record.bus = bus;
        assert_int_equal(verify_record(verify, &record, NOW_MS), 0);
    }
    assert_int_equal(verify->stream_count, VERIFY_STREAMS_MAX);
    assert_int_equal(verify->fault_counts[FAULT_STREAMS], 1);
    verify_destroy(verify);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),       cmocka_unit_test(test_many_holes),
        cmocka_unit_test(test_many_ranges), cmocka_unit_test(test_how_far_back_it_compares),
        cmocka_unit_test(test_many_epochs), cmocka_unit_test(test_many_streams),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
