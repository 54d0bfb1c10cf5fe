/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See verdict.h: the lines about one epoch.
 */
#include "receive/verdict.h"

#include <inttypes.h>

#include "receive/utc.h"

#define LINES_MAX 10 /* of one sort, for one epoch */

/* Reasons that mean a loss; the others were not meant to come. */
static const bool why_is_loss[WHY_COUNT] = {
    [WHY_LIMIT] = true,   [WHY_AGE] = true,     [WHY_DAMAGE] = true,
    [WHY_REFUSED] = true, [WHY_UNKNOWN] = true,
};

bool verdict_is_loss(enum why why)
{
    return why < WHY_COUNT && why_is_loss[why];
}

const char *verdict_plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

uint64_t verdict_told(const uint64_t *told)
{
    uint64_t total = 0;

    for (int i = 0; i < WHY_COUNT; i++) {
        total += told[i];
    }
    return total;
}

struct lines {
    FILE *out;
    const struct stream *stream;
    const struct epoch *epoch;
};

static void begin_line(const struct lines *lines)
{
    fprintf(lines->out, "%s/%s epoch %" PRIu64 ": ", lines->stream->gateway, lines->stream->bus,
            lines->epoch->id);
}

/* "42" or "42..44", and how many. */
static void write_interval(FILE *out, struct interval part)
{
    uint64_t count = part.last - part.first + 1;

    fprintf(out, "%" PRIu64, part.first);
    if (count > 1) {
        fprintf(out, "..%" PRIu64, part.last);
    }
    fprintf(out, " (%" PRIu64 " record%s)", count, verdict_plural(count));
}

static void write_told(FILE *out, const uint64_t *told)
{
    const char *comma = "";

    fprintf(out, ", %" PRIu64 " told (", verdict_told(told));
    for (int i = 0; i < WHY_COUNT; i++) {
        if (told[i] > 0) {
            fprintf(out, "%s%" PRIu64 " %s", comma, told[i], why_name((enum why)i));
            comma = ", ";
        }
    }
    fputc(')', out);
}

static void write_head(const struct lines *lines, const struct sum *sum)
{
    const struct epoch *epoch = lines->epoch;
    uint64_t told = verdict_told(epoch->told_count);
    bool complete = sum->missing == 0 && sum->unsure == 0 && sum->lost == 0 && told == 0;

    begin_line(lines);
    if (epoch->start == 0) {
        fprintf(lines->out, "%" PRIu64 " record%s from before the beginning", epoch->records,
                verdict_plural(epoch->records));
        complete = true;
    } else if (epoch_end(epoch) == 0) {
        fputs("no records", lines->out);
    } else {
        fprintf(lines->out, "%" PRIu64 "..%" PRIu64 " %s", epoch->start, epoch_end(epoch),
                complete           ? "complete"
                : sum->missing > 0 ? "NOT complete"
                : sum->unsure > 0  ? "not known to be complete"
                                   : "accounted for");
    }
    if (!complete) {
        fprintf(lines->out, ", %" PRIu64 " record%s", epoch->records,
                verdict_plural(epoch->records));
    }
    if (told > 0) {
        write_told(lines->out, epoch->told_count);
    }
    if (epoch->repeats > 0) {
        fprintf(lines->out, ", %" PRIu64 " repeat%s", epoch->repeats,
                verdict_plural(epoch->repeats));
    }
    if (epoch->not_compared > 0) {
        fprintf(lines->out, " (%" PRIu64 " not compared)", epoch->not_compared);
    }
    fputc('\n', lines->out);
}

/* When the hole was first seen; 0: that is forgotten. */
static int64_t noticed(const struct epoch *epoch, struct interval gap)
{
    for (size_t i = 0; i < epoch->notice_count; i++) {
        const struct notice *notice = &epoch->notices[i];

        if (notice->hole.first <= gap.last && notice->hole.last >= gap.first) {
            return notice->at_ms;
        }
    }
    return 0;
}

static void write_gap(const struct lines *lines, struct interval gap, enum gap kind)
{
    static const char *const words[] = {
        [GAP_MISSING] = "missing",
        [GAP_UNSURE] = "cannot know",
        [GAP_LOST] = "lost",
    };
    int64_t at_ms = noticed(lines->epoch, gap);

    begin_line(lines);
    fprintf(lines->out, "%s ", words[kind]);
    write_interval(lines->out, gap);
    if (kind == GAP_UNSURE) {
        fputs(": this receiver was away", lines->out);
    } else if (kind == GAP_LOST) {
        fprintf(lines->out, ", stated: unclean end after %" PRIu64, lines->epoch->last);
    } else if (at_ms != 0) {
        char when[32];

        verdict_time(at_ms, when, sizeof(when));
        fprintf(lines->out, ", first noticed at %s", when);
    }
    fputc('\n', lines->out);
}

static void write_gaps(const struct lines *lines, enum gap wanted, uint64_t settled)
{
    const struct epoch *epoch = lines->epoch;
    uint64_t shown = 0;
    uint64_t more = settled;
    struct interval gap;
    enum gap kind;

    for (uint64_t from = 1; epoch_gap(epoch, from, &gap, &kind); from = gap.last + 1) {
        if (kind != wanted) {
            continue;
        }
        if (shown++ < LINES_MAX) {
            write_gap(lines, gap, kind);
        } else {
            more += gap.last - gap.first + 1;
        }
    }
    if (more > 0) {
        begin_line(lines);
        fprintf(lines->out, "%s %" PRIu64 " more\n",
                wanted == GAP_UNSURE ? "cannot know" : "missing", more);
    }
}

static void write_losses(const struct lines *lines, enum why why)
{
    const struct epoch *epoch = lines->epoch;
    const struct intervals *told = &epoch->told[why];
    size_t first = told->count > LINES_MAX ? told->count - LINES_MAX : 0;
    uint64_t more = epoch->told_count[why];

    for (size_t i = first; i < told->count; i++) {
        begin_line(lines);
        fputs("lost ", lines->out);
        write_interval(lines->out, told->list[i]);
        fprintf(lines->out, ", stated: %s\n", why_name(why));
        more -= told->list[i].last - told->list[i].first + 1;
    }
    if (more > 0) {
        begin_line(lines);
        fprintf(lines->out, "lost %" PRIu64 " more, stated: %s\n", more, why_name(why));
    }
}

static void write_uptimes(const struct lines *lines, const struct clocks *clocks)
{
    const struct untrusted *untrusted = &lines->epoch->untrusted;
    char first[UTC_SIZE];
    char last[UTC_SIZE];
    int64_t offset_us;

    if (untrusted->with_uptime == 0) {
        return;
    }
    if (clocks_find(clocks, lines->stream->gateway, lines->stream->bus, lines->epoch->id,
                    &offset_us) &&
        utc_write((int64_t)untrusted->first_us + offset_us, first) &&
        utc_write((int64_t)untrusted->last_us + offset_us, last)) {
        fprintf(lines->out, "; repaired, they are of %s to %s", first, last);
    } else {
        fprintf(lines->out, "; no clock event came, uptime %.3f s to %.3f s",
                (double)untrusted->first_us / 1e6, (double)untrusted->last_us / 1e6);
    }
}

/* No fault: the gateway did not know better, and said so. */
static void write_untrusted(const struct lines *lines, const struct clocks *clocks)
{
    const struct untrusted *untrusted = &lines->epoch->untrusted;
    uint64_t count = untrusted->unsynced + untrusted->estimated;

    if (count == 0) {
        return;
    }
    begin_line(lines);
    fprintf(lines->out, "%" PRIu64 " record%s came without a trusted time", count,
            verdict_plural(count));
    if (untrusted->estimated > 0) {
        fprintf(lines->out, " (%" PRIu64 " estimated, at most %.3f s off)", untrusted->estimated,
                (double)untrusted->error_us / 1e6);
    }
    write_uptimes(lines, clocks);
    fputc('\n', lines->out);
}

static void write_end(const struct lines *lines, bool newest)
{
    const struct epoch *epoch = lines->epoch;

    if (epoch->unannounced) {
        char when[32];

        verdict_time(epoch->seen_ms, when, sizeof(when));
        begin_line(lines);
        fprintf(lines->out, "%s: it came after another epoch without an \"after\", at %s\n",
                fault_name(FAULT_CHAIN), when);
    }
    if (epoch->named && !epoch->clean) {
        begin_line(lines);
        fputs("ended unclean", lines->out);
        if (epoch->last_known) {
            fprintf(lines->out, " after %" PRIu64, epoch->last);
        }
        fprintf(lines->out, ": what it made later and is not here is lost, as stated%s\n",
                epoch->damage ? " (the store was damaged)" : "");
    } else if (!epoch->named && epoch->seen && !newest) {
        begin_line(lines);
        fprintf(lines->out,
                epoch->away ? "cannot know how it ended after %" PRIu64 ": this receiver was away\n"
                            : "UNKNOWN END: no \"after\" names it, records after %" PRIu64
                              " may be missing\n",
                epoch->high);
    }
}

void verdict_epoch(FILE *out, const struct verify *verify, const struct stream *stream,
                   size_t index)
{
    const struct epoch *epoch = stream->epochs[index];
    const struct lines lines = { out, stream, epoch };
    bool newest = index + 1 == stream->epoch_count;
    struct sum sum = { 0 };

    if (epoch->outside && !epoch->seen) {
        return;
    }
    epoch_sum(epoch, newest, &sum);
    write_head(&lines, &sum);
    write_gaps(&lines, GAP_MISSING, epoch->settled_missing);
    write_gaps(&lines, GAP_UNSURE, epoch->settled_unsure);
    write_gaps(&lines, GAP_LOST, 0);
    for (int i = 0; i < WHY_COUNT; i++) {
        if (verdict_is_loss((enum why)i)) {
            write_losses(&lines, (enum why)i);
        }
    }
    write_untrusted(&lines, &verify->clocks);
    write_end(&lines, newest);
}
