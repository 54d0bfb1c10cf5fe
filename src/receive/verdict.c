/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See verdict.h.
 */
#include "receive/verdict.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

static const char *const verdict_names[] = {
    [VERDICT_OK] = "ok",
    [VERDICT_FAILED] = "failed",
    [VERDICT_CANNOT_KNOW] = "cannot know",
    [VERDICT_EMPTY] = "empty",
};

static const char *const fault_plurals[FAULT_COUNT] = {
    [FAULT_DOUBLED] = "doubled",         [FAULT_REORDERED] = "reordered",
    [FAULT_RANGE] = "wrong ranges",      [FAULT_CHAIN] = "broken chains",
    [FAULT_END] = "wrong ends",          [FAULT_BROKEN] = "broken records",
    [FAULT_CONTENT] = "broken contents", [FAULT_STREAMS] = "not followed",
};

const char *verdict_name(enum verdict verdict)
{
    return verdict_names[verdict];
}

uint64_t verdict_lost(const struct sum *sum)
{
    uint64_t lost = sum->lost;

    for (int i = 0; i < WHY_COUNT; i++) {
        lost += verdict_is_loss((enum why)i) ? sum->told[i] : 0;
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

static void write_folded(FILE *out, const struct stream *stream)
{
    const struct sum *sum = &stream->folded;

    if (stream->folded_count == 0) {
        return;
    }
    fprintf(out,
            "%s/%s, %zu older epochs: %" PRIu64 " records, %" PRIu64 " told, %" PRIu64
            " missing, %" PRIu64 " not known, %" PRIu64 " lost as stated\n",
            stream->gateway, stream->bus, stream->folded_count, sum->records,
            verdict_told(sum->told), sum->missing, sum->unsure, verdict_lost(sum));
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
            absences->count, verdict_plural(absences->count), (double)absences->total_ms / 1000,
            (double)absences->longest_ms / 1000, absences->kept, verdict_plural(absences->kept));
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
    uint64_t told = verdict_told(sum->told);
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
            verdict == VERDICT_OK ? "," : ";", sum->records, verdict_plural(sum->records),
            sum->streams, verdict_plural(sum->streams));
    write_count(out, told, "told");
    write_count(out, sum->repeats, sum->repeats == 1 ? "repeat" : "repeats");
    if (lost > 0 || sum->unclean_ends > 0) {
        fprintf(out, ", LOST as stated: %" PRIu64, lost);
        write_count(out, sum->unclean_ends,
                    sum->unclean_ends == 1 ? "unclean end" : "unclean ends");
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
            verdict_epoch(out, verify, verify->streams[i], j);
        }
    }
    write_faults(out, verify);
    write_absences(out, &verify->absences);
    write_others(out, others);
    write_last_line(out, verify, &sum, verdict);
    return verdict;
}
