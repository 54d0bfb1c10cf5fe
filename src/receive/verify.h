/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The proof: fed with records in the order in which they arrived, it knows what is missing. Used
 * by receive.c; no input or output, time comes as a parameter. The rules are in docs/receive.md.
 *
 *   verify -> stream (gateway, bus) -> epochs, in the order in which they were made -> numbers
 */
#ifndef RECEIVE_VERIFY_H
#define RECEIVE_VERIFY_H

#include "receive/clocks.h"
#include "receive/epoch.h"
#include "receive/record.h"

#define VERIFY_STREAMS_MAX 4096
#define VERIFY_EPOCHS_MAX  1024 /* of one stream; older ones are only counted */
#define VERIFY_FAULTS_MAX  64   /* kept as text */
#define VERIFY_MARKED_MAX  4    /* newest epochs whose contents can be compared */

enum fault {
    FAULT_DOUBLED,
    FAULT_REORDERED,
    FAULT_RANGE,
    FAULT_CHAIN,
    FAULT_END,
    FAULT_BROKEN,
    FAULT_CONTENT,
    FAULT_STREAMS,
    FAULT_COUNT
};

struct fault_note {
    enum fault fault;
    int64_t at_ms;
    char text[256];
};

struct stream {
    char *gateway;
    char *bus;
    struct epoch **epochs;
    size_t epoch_count;
    uint64_t anchor_epoch; /* where it began; 0: nothing arrived yet */
    uint64_t anchor_seq;
    bool early;        /* the sender went back to before the beginning */
    bool doubt;        /* we were away and the broker did not keep what came */
    struct sum folded; /* what was known of epochs that are forgotten */
    size_t folded_count;
};

struct absences {
    uint64_t count;
    uint64_t kept; /* how often the broker had kept the session */
    int64_t total_ms;
    int64_t longest_ms;
};

struct verify {
    struct stream **streams;
    size_t stream_count;
    struct stream *recent;
    uint64_t fault_counts[FAULT_COUNT];
    struct fault_note faults[VERIFY_FAULTS_MAX];
    size_t fault_count;
    uint64_t begun; /* streams and epochs that began in this run */
    struct clocks clocks;
    struct absences absences;
    int64_t away_since_ms; /* 0: not away */
};

enum verdict { VERDICT_OK, VERDICT_FAILED, VERDICT_CANNOT_KNOW, VERDICT_EMPTY };

/* NULL: no memory. */
struct verify *verify_create(void);
void verify_destroy(struct verify *verify);

/* One record, in the order of arrival. 0 or -ENOMEM. */
int verify_record(struct verify *verify, const struct record *record, int64_t now_ms);

/* A record whose identity cannot be read; `place` is what can be read of it, or "". */
void verify_broken(struct verify *verify, const char *topic, const char *place, const char *what,
                   int64_t now_ms);

/* The receiver is away from now on; it is back, and the broker did or did not keep its session. */
void verify_away(struct verify *verify, int64_t now_ms);
void verify_back(struct verify *verify, bool kept, int64_t now_ms);

/* Every stream may miss what came before now: as after an absence that was not kept. */
void verify_doubt(struct verify *verify);

struct sum verify_sum(const struct verify *verify);
enum verdict verify_verdict(const struct verify *verify, const struct sum *sum);
uint64_t verify_fault_total(const struct verify *verify);
const char *fault_name(enum fault fault);

/* ---- between streams.c, verify.c, chain.c and restore.c ---- */

/* Found or made. 0, -ENOSPC (too many) or -ENOMEM. */
int verify_stream(struct verify *verify, const char *gateway, const char *bus,
                  struct stream **ret_stream);
struct epoch *stream_epoch(const struct stream *stream, uint64_t id, size_t *ret_index);

/* Makes an epoch at this place in the order, and what follows from that; its index may be less if
 * old ones were forgotten. NULL: no memory. */
struct epoch *stream_insert(struct stream *stream, size_t index, uint64_t id);

/* The same text again is the same fault. */
void verify_note(struct verify *verify, enum fault fault, int64_t now_ms, const char *text);
void verify_fault(struct verify *verify, const struct stream *stream, const struct epoch *epoch,
                  enum fault fault, int64_t now_ms, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

/* ranges.c: the lowest number that the record and its ranges cover. */
uint64_t ranges_lowest(const struct record *record);

/* Do the ranges fit the hole below the record: side by side, ending right below it? */
bool ranges_fit(const struct record *record);

/* What ranges say about an epoch whose numbers go to `limit`. 0 or -ENOMEM. */
int ranges_take(struct verify *verify, const struct stream *stream, struct epoch *epoch,
                const struct ranges *ranges, uint64_t limit, const struct record *carrier,
                int64_t now_ms);

/* chain.c: what the record says in `after`. `fresh`: the first record of its epoch. 0 or -ENOMEM.
 */
int chain_take(struct verify *verify, struct stream *stream, const struct record *record,
               bool fresh, int64_t now_ms);

/* The number was there: may it be, if the epoch ended clean? */
void chain_check_clean(struct verify *verify, const struct stream *stream,
                       const struct epoch *epoch, uint64_t number, int64_t now_ms);

#endif
