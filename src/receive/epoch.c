/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See epoch.h.
 */
#include "receive/epoch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct epoch *epoch_create(uint64_t id)
{
    struct epoch *epoch = calloc(1, sizeof(*epoch));

    if (epoch != NULL) {
        epoch->id = id;
    }
    return epoch;
}

void untrusted_count(struct untrusted *untrusted, const struct stamp *stamp)
{
    uint64_t uptime_us = stamp->uptime_us > 0 ? (uint64_t)stamp->uptime_us : 0;
    uint64_t error_us = stamp->error_us > 0 ? (uint64_t)stamp->error_us : 0;

    if (stamp->trust == TRUST_FULL) {
        return;
    }
    *(stamp->trust == TRUST_ESTIMATED ? &untrusted->estimated : &untrusted->unsynced) += 1;
    if (error_us > untrusted->error_us) {
        untrusted->error_us = error_us;
    }
    if (!stamp->has_uptime) {
        return;
    }
    if (untrusted->with_uptime++ == 0 || uptime_us < untrusted->first_us) {
        untrusted->first_us = uptime_us;
    }
    if (uptime_us > untrusted->last_us) {
        untrusted->last_us = uptime_us;
    }
}

void epoch_destroy(struct epoch *epoch)
{
    if (epoch == NULL) {
        return;
    }
    intervals_finish(&epoch->have);
    intervals_finish(&epoch->unsure);
    for (int i = 0; i < WHY_COUNT; i++) {
        intervals_finish(&epoch->told[i]);
    }
    marks_finish(&epoch->marks);
    free(epoch);
}

int epoch_tell(struct epoch *epoch, uint64_t first, uint64_t last, enum why why)
{
    struct interval gap;

    while (first <= last && intervals_gap(&epoch->have, first, last, &gap)) {
        int error = intervals_add(&epoch->told[why], gap.first, gap.last);

        if (error == 0) {
            error = intervals_add(&epoch->have, gap.first, gap.last);
        }
        if (error < 0) {
            return error;
        }
        epoch->told_count[why] += gap.last - gap.first + 1;
        first = gap.last + 1;
    }
    return 0;
}

enum why epoch_told(const struct epoch *epoch, uint64_t number)
{
    for (int i = 0; i < WHY_COUNT; i++) {
        if (intervals_has(&epoch->told[i], number)) {
            return (enum why)i;
        }
    }
    return WHY_INVALID;
}

int epoch_untell(struct epoch *epoch, uint64_t number, enum why why)
{
    epoch->told_count[why]--;
    return intervals_remove(&epoch->told[why], number, number);
}

int epoch_doubt(struct epoch *epoch, uint64_t first, uint64_t last)
{
    struct interval gap;

    while (first <= last && intervals_gap(&epoch->have, first, last, &gap)) {
        int error = intervals_add(&epoch->unsure, gap.first, gap.last);

        if (error < 0) {
            return error;
        }
        first = gap.last + 1;
    }
    return 0;
}

/* Forgets the notices whose holes are filled. */
static void tidy_notices(struct epoch *epoch)
{
    size_t kept = 0;
    struct interval gap;

    for (size_t i = 0; i < epoch->notice_count; i++) {
        const struct notice *notice = &epoch->notices[i];

        if (intervals_gap(&epoch->have, notice->hole.first, notice->hole.last, &gap)) {
            epoch->notices[kept++] = *notice;
        }
    }
    epoch->notice_count = kept;
}

void epoch_notice(struct epoch *epoch, struct interval hole, int64_t now_ms)
{
    if (epoch->notice_count == EPOCH_NOTICE_MAX) {
        tidy_notices(epoch);
    }
    if (epoch->notice_count < EPOCH_NOTICE_MAX) {
        epoch->notices[epoch->notice_count++] = (struct notice){ hole, now_ms };
    }
}

/* Counts what is not there of first..last and takes it as there from now on. */
static int settle(struct epoch *epoch, uint64_t first, uint64_t last)
{
    struct interval gap;
    enum gap kind;

    while (first <= last && epoch_gap(epoch, first, &gap, &kind) && gap.first <= last) {
        uint64_t end = gap.last < last ? gap.last : last;
        uint64_t count = end - gap.first + 1;
        int error = intervals_add(&epoch->have, gap.first, end);

        if (error < 0) {
            return error;
        }
        switch (kind) {
        case GAP_MISSING:
            epoch->settled_missing += count;
            break;
        case GAP_UNSURE:
            epoch->settled_unsure += count;
            break;
        case GAP_LOST:
            epoch->told_count[WHY_UNKNOWN] += count;
            break;
        }
        first = end + 1;
    }
    return 0;
}

int epoch_trim(struct epoch *epoch)
{
    while (epoch->have.count > EPOCH_HAVE_MAX) {
        uint64_t last = epoch->have.list[1].first - 1;
        int error;

        if (epoch->have.list[0].first < epoch->start) { /* a hole below the beginning is none */
            epoch->start = epoch->have.list[0].first;
        }
        error = settle(epoch, epoch->start, last);
        if (error == 0) { /* holes that do not count are closed too, so that the list shrinks */
            error = intervals_add(&epoch->have, epoch->have.list[0].first, last);
        }
        if (error < 0) {
            return error;
        }
    }
    while (epoch->unsure.count > EPOCH_UNSURE_MAX) {
        struct interval oldest = epoch->unsure.list[0];
        int error = settle(epoch, oldest.first, oldest.last);

        if (error == 0) {
            error = intervals_remove(&epoch->unsure, oldest.first, oldest.last);
        }
        if (error < 0) {
            return error;
        }
    }
    for (int i = 0; i < WHY_COUNT; i++) {
        struct intervals *told = &epoch->told[i];

        while (told->count > EPOCH_TOLD_MAX) {
            int error = intervals_remove(told, told->list[0].first, told->list[0].last);

            if (error < 0) {
                return error;
            }
        }
    }
    return 0;
}

uint64_t epoch_end(const struct epoch *epoch)
{
    if (epoch->last_known && epoch->last > epoch->high && (epoch->seen || !epoch->outside)) {
        return epoch->last;
    }
    return epoch->high;
}

bool epoch_gap(const struct epoch *epoch, uint64_t from, struct interval *ret_gap,
               enum gap *ret_kind)
{
    uint64_t end = epoch_end(epoch);
    struct interval gap;
    struct interval part;

    if (from < epoch->start) {
        from = epoch->start;
    }
    if (epoch->start == 0 || from > end || !intervals_gap(&epoch->have, from, end, &gap)) {
        return false;
    }
    *ret_kind = GAP_MISSING;
    if (intervals_overlap(&epoch->unsure, gap.first, gap.last, &part)) {
        if (part.first == gap.first) {
            *ret_kind = GAP_UNSURE;
            *ret_gap = part;
            return true;
        }
        gap.last = part.first - 1;
    }
    if (epoch->last_known && !epoch->clean) {
        if (gap.first > epoch->last) {
            *ret_kind = GAP_LOST;
        } else if (gap.last > epoch->last) {
            gap.last = epoch->last;
        }
    }
    *ret_gap = gap;
    return true;
}

void epoch_sum(const struct epoch *epoch, bool newest, struct sum *sum)
{
    struct interval gap;
    enum gap kind;

    sum->records += epoch->records;
    sum->repeats += epoch->repeats;
    sum->not_compared += epoch->not_compared;
    sum->missing += epoch->settled_missing;
    sum->unsure += epoch->settled_unsure;
    for (int i = 0; i < WHY_COUNT; i++) {
        sum->told[i] += epoch->told_count[i];
    }
    for (uint64_t from = 1; epoch_gap(epoch, from, &gap, &kind); from = gap.last + 1) {
        uint64_t count = gap.last - gap.first + 1;

        *(kind == GAP_MISSING ? &sum->missing
          : kind == GAP_LOST  ? &sum->lost
                              : &sum->unsure) += count;
    }
    sum->unannounced += epoch->unannounced ? 1 : 0;
    if (epoch->named && !epoch->clean && (epoch->seen || !epoch->outside)) {
        sum->unclean_ends++;
    }
    if (!epoch->named && epoch->seen && !newest) {
        *(epoch->away ? &sum->unsure_ends : &sum->unknown_ends) += 1;
    }
}
