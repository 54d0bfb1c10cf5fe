/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See verdict.h.
 */
#include "receive/verdict.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define LINES_MAX 10 /* of one sort, for one epoch */

static const char *const verdict_names[] = {
    [VERDICT_OK] = "ok",
    [VERDICT_FAILED] = "failed",
    [VERDICT_CANNOT_KNOW] = "cannot know",
    [VERDICT_EMPTY] = "empty",
};

/* Reasons that mean a loss; the others were not meant to come. */
static const bool why_is_loss[WHY_COUNT] = {
    [WHY_LIMIT] = true,   [WHY_AGE] = true,     [WHY_DAMAGE] = true,
    [WHY_REFUSED] = true, [WHY_UNKNOWN] = true,
};

static const char *const fault_plurals[FAULT_COUNT] = {
    [FAULT_DOUBLED] = "doubled",      [FAULT_REORDERED] = "reordered",
    [FAULT_RANGE] = "wrong ranges",   [FAULT_CHAIN] = "broken chains",
    [FAULT_END] = "wrong ends",       [FAULT_BROKEN] = "broken records",
    [FAULT_STREAMS] = "not followed",
};

const char *verdict_name(enum verdict verdict)
{
    return verdict_names[verdict];
}

uint64_t verdict_lost(const struct sum *sum)
{
    uint64_t lost = sum->lost;

    for (int i = 0; i < WHY_COUNT; i++) {
        lost += why_is_loss[i] ? sum->told[i] : 0;
    }
    return lost;
}

void verdict_time(int64_t at_ms, char *buf, size_t size)
{
    time_t seconds = (time_t)(at_ms / 1000);
    struct tm parts;

    if (gmtime_r(&seconds, &parts) == NULL ||
        strftime(buf, size, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0) {
        snprintf(buf, size, "?");
    }
}

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static uint64_t told_total(const uint64_t *told)
{
    uint64_t total = 0;

    for (int i = 0; i < WHY_COUNT; i++) {
        total += told[i];
    }
    return total;
}

/* ---- one epoch ---- */

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
    fprintf(out, " (%" PRIu64 " record%s)", count, plural(count));
}

static void write_told(FILE *out, const uint64_t *told)
{
    const char *comma = "";

    fprintf(out, ", %" PRIu64 " told (", told_total(told));
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
    uint64_t told = told_total(epoch->told_count);
    bool complete = sum->missing == 0 && sum->unsure == 0 && sum->lost == 0 && told == 0;

    begin_line(lines);
    if (epoch->start == 0) {
        fprintf(lines->out, "%" PRIu64 " record%s from before the beginning", epoch->records,
                plural(epoch->records));
        complete = true;
    } else if (epoch_end(epoch) == 0) {
        fputs("no records", lines->out);
    } else {
        fprintf(lines->out, "%" PRIu64 "..%" PRIu64 " %s", epoch->start, epoch_end(epoch),
                complete            ? "complete"
                : sum->missing > 0  ? "NOT complete"
                : sum->unsure > 0   ? "not known to be complete"
                                    : "accounted for");
    }
    if (!complete) {
        fprintf(lines->out, ", %" PRIu64 " record%s", epoch->records, plural(epoch->records));
    }
    if (told > 0) {
        write_told(lines->out, epoch->told_count);
    }
    if (epoch->repeats > 0) {
        fprintf(lines->out, ", %" PRIu64 " repeat%s", epoch->repeats, plural(epoch->repeats));
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
        fprintf(lines->out, "%s %" PRIu64 " more\n", wanted == GAP_UNSURE ? "cannot know" : "missing",
                more);
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
                epoch->end_unsure
                    ? "cannot know how it ended after %" PRIu64 ": this receiver was away\n"
                    : "UNKNOWN END: no \"after\" names it, records after %" PRIu64
                      " may be missing\n",
                epoch->high);
    }
}

static void write_epoch(FILE *out, const struct stream *stream, size_t index)
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
        if (why_is_loss[i]) {
            write_losses(&lines, (enum why)i);
        }
    }
    write_end(&lines, newest);
}

static void write_folded(FILE *out, const struct stream *stream)
{
    const struct sum *sum = &stream->folded;

    if (stream->folded_count == 0) {
        return;
    }
    fprintf(out, "%s/%s, %zu older epochs: %" PRIu64 " records, %" PRIu64 " told, %" PRIu64
            " missing, %" PRIu64 " not known, %" PRIu64 " lost as stated\n",
            stream->gateway, stream->bus, stream->folded_count, sum->records,
            told_total(sum->told), sum->missing, sum->unsure, verdict_lost(sum));
}

/* ---- everything ---- */

static void write_faults(FILE *out, const struct verify *verify)
{
    uint64_t total = verify_fault_total(verify);

    for (size_t i = 0; i < verify->fault_count; i++) {
        char when[32];

        verdict_time(verify->faults[i].at_ms, when, sizeof(when));
        fprintf(out, "%s, at %s\n", verify->faults[i].text, when);
    }
    if (total > verify->fault_count) {
        fprintf(out, "%" PRIu64 " more faults\n", total - verify->fault_count);
    }
}

static void write_absences(FILE *out, const struct absences *absences)
{
    if (absences->count == 0) {
        return;
    }
    fprintf(out,
            "absent %" PRIu64 " time%s, %.1f s in all, longest %.1f s; the broker kept the session "
            "%" PRIu64 " time%s\n",
            absences->count, plural(absences->count), (double)absences->total_ms / 1000,
            (double)absences->longest_ms / 1000, absences->kept, plural(absences->kept));
}

static void write_others(FILE *out, const struct others *others)
{
    const char *comma = "";

    if (others->plain_count + others->retained_count + others->garbage_count == 0) {
        return;
    }
    fputs("other messages: ", out);
    if (others->retained_count > 0) {
        fprintf(out, "%" PRIu64 " retained", others->retained_count);
        comma = ", ";
    }
    if (others->plain_count > 0) {
        fprintf(out, "%s%" PRIu64 " without identity", comma, others->plain_count);
        comma = ", ";
    }
    if (others->garbage_count > 0) {
        fprintf(out, "%s%" PRIu64 " not JSON (first: %s)", comma, others->garbage_count,
                others->garbage_first);
    }
    fputc('\n', out);
}

static void write_count(FILE *out, uint64_t count, const char *what)
{
    if (count > 0) {
        fprintf(out, ", %" PRIu64 " %s", count, what);
    }
}

static void write_last_line(FILE *out, const struct verify *verify, const struct sum *sum,
                            enum verdict verdict)
{
    uint64_t told = told_total(sum->told);
    uint64_t lost = verdict_lost(sum);

    if (verdict == VERDICT_EMPTY) {
        fputs("verify: FAILED, no records arrived\n", out);
        return;
    }
    fprintf(out, "verify: %s",
            verdict == VERDICT_OK       ? "ok"
            : verdict == VERDICT_FAILED ? "FAILED"
                                        : "cannot know");
    write_count(out, sum->missing, "missing");
    write_count(out, sum->unknown_ends, sum->unknown_ends == 1 ? "unknown end" : "unknown ends");
    for (int i = 0; i < FAULT_COUNT; i++) {
        uint64_t count = verify->fault_counts[i] + (i == FAULT_CHAIN ? sum->unannounced : 0);

        write_count(out, count, count == 1 ? fault_name((enum fault)i) : fault_plurals[i]);
    }
    write_count(out, sum->unsure, "not known");
    write_count(out, sum->unsure_ends, sum->unsure_ends == 1 ? "end not known" : "ends not known");
    fprintf(out, "%s %" PRIu64 " record%s in %" PRIu64 " stream%s",
            verdict == VERDICT_OK ? "," : ";", sum->records, plural(sum->records), sum->streams,
            plural(sum->streams));
    write_count(out, told, "told");
    write_count(out, sum->repeats, sum->repeats == 1 ? "repeat" : "repeats");
    if (lost > 0 || sum->unclean_ends > 0) {
        fprintf(out, ", LOST as stated: %" PRIu64, lost);
        write_count(out, sum->unclean_ends, sum->unclean_ends == 1 ? "unclean end" : "unclean ends");
    }
    fputc('\n', out);
}

enum verdict verdict_write(FILE *out, const struct verify *verify, const struct others *others)
{
    struct sum sum = verify_sum(verify);
    enum verdict verdict = verify_verdict(verify, &sum);

    for (size_t i = 0; i < verify->stream_count; i++) {
        write_folded(out, verify->streams[i]);
        for (size_t j = 0; j < verify->streams[i]->epoch_count; j++) {
            write_epoch(out, verify->streams[i], j);
        }
    }
    write_faults(out, verify);
    write_absences(out, &verify->absences);
    write_others(out, others);
    write_last_line(out, verify, &sum, verdict);
    return verdict;
}
