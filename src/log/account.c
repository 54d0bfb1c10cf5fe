/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The account: see account.h.
 */
#include "log/account.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "log/folder.h"

static const char magic[8] = { 'W', 'E', 'I', 'R', 'A', 'C', 'C', '1' };
enum { FILE_HEAD = 12, FILE_MAX = 4 << 20 };

struct account *account_create(void)
{
    return calloc(1, sizeof(struct account));
}

void account_uplink_clear(struct account_uplink *uplink)
{
    for (size_t i = 0; i < uplink->cursor_count; i++) {
        free(uplink->cursors[i].slot);
    }
    free(uplink->cursors);
    uplink->cursors = NULL;
    uplink->cursor_count = 0;
}

void account_destroy(struct account *account)
{
    if (!account) {
        return;
    }
    for (size_t i = 0; i < account->uplink_count; i++) {
        account_uplink_clear(&account->uplinks[i]);
    }
    free(account->uplinks);
    free(account->epochs);
    free(account);
}

/* ---- bytes */

static void put_clock(struct put *out, struct clock_offset clock)
{
    put_i64(out, clock.ns);
    put_u8(out, (uint8_t)clock.state);
}

static struct clock_offset get_clock(struct get *in)
{
    struct clock_offset clock = { .ns = get_i64(in) };
    clock.state = get_u8(in) == CLOCK_SYNCED ? CLOCK_SYNCED : CLOCK_UNSYNCED;
    return clock;
}

static void get_id(struct get *in, uint8_t id[16])
{
    const uint8_t *raw = get_raw(in, 16);
    if (raw) {
        memcpy(id, raw, 16);
    }
}

static void put_epoch(struct put *out, const struct account_epoch *e)
{
    put_text(out, e->bus);
    put_u64(out, e->order);
    put_u64(out, e->epoch);
    put_u64(out, e->last);
    put_u8(out, e->flags);
    put_raw(out, e->boot_id, sizeof e->boot_id);
    put_i64(out, e->until.ns);
    put_clock(out, e->clock);
    put_i64(out, e->floor_ns);
    put_u8(out, (uint8_t)e->gone_count);
    for (size_t i = 0; i < e->gone_count; i++) {
        put_u64(out, e->gone[i].first);
        put_u64(out, e->gone[i].last);
        put_u8(out, (uint8_t)e->gone[i].why);
    }
}

static void get_epoch(struct get *in, struct account_epoch *e)
{
    get_string(in, e->bus, sizeof e->bus);
    e->order = get_u64(in);
    e->epoch = get_u64(in);
    e->last = get_u64(in);
    e->flags = get_u8(in);
    get_id(in, e->boot_id);
    e->until.ns = get_i64(in);
    e->clock = get_clock(in);
    e->floor_ns = get_i64(in);
    e->gone_count = get_u8(in);
    in->failed |= e->gone_count > RANGES_PER_EPOCH;
    for (size_t i = 0; i < e->gone_count && !in->failed; i++) {
        e->gone[i].epoch = e->epoch;
        e->gone[i].first = get_u64(in);
        e->gone[i].last = get_u64(in);
        e->gone[i].why = (enum why)get_u8(in);
    }
}

void account_put(struct put *out, const struct account *account)
{
    put_u64(out, account->group);
    put_u64(out, account->counter);
    put_raw(out, account->boot_id, sizeof account->boot_id);
    put_i64(out, account->made.ns);
    put_clock(out, account->clock);
    put_i64(out, account->newest_synced_ns);
    put_u16(out, (uint16_t)account->epoch_count);
    for (size_t i = 0; i < account->epoch_count; i++) {
        put_epoch(out, &account->epochs[i]);
    }
    put_u8(out, (uint8_t)account->uplink_count);
    for (size_t i = 0; i < account->uplink_count; i++) {
        const struct account_uplink *u = &account->uplinks[i];
        put_text(out, u->name);
        put_i64(out, u->seen_ns);
        put_u16(out, (uint16_t)u->cursor_count);
        for (size_t k = 0; k < u->cursor_count; k++) {
            put_u16(out, (uint16_t)u->cursors[k].len);
            put_raw(out, u->cursors[k].slot, u->cursors[k].len);
        }
    }
    out->failed |= account->epoch_count > UINT16_MAX || account->uplink_count > UINT8_MAX;
}

static int add_slot(struct account_uplink *uplink, const uint8_t *slot, size_t len)
{
    struct account_cursor *more =
        realloc(uplink->cursors, (uplink->cursor_count + 1) * sizeof *more);
    uint8_t *copy = malloc(len ? len : 1);
    if (more) {
        uplink->cursors = more;
    }
    if (!more || !copy) {
        free(copy);
        return -ENOMEM;
    }
    memcpy(copy, slot, len);
    uplink->cursors[uplink->cursor_count++] = (struct account_cursor){ copy, len };
    return 0;
}

static int get_uplink(struct get *in, struct account_uplink *uplink)
{
    get_string(in, uplink->name, sizeof uplink->name);
    uplink->seen_ns = get_i64(in);
    size_t count = get_u16(in);
    for (size_t k = 0; k < count && !in->failed; k++) {
        size_t len = get_u16(in);
        const uint8_t *slot = get_raw(in, len);
        int r = slot && len <= CURSOR_SLOT_BYTES ? add_slot(uplink, slot, len) : -EBADMSG;
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int get_lists(struct get *in, struct account *a)
{
    size_t count = get_u16(in);
    a->epochs = calloc(count + 1, sizeof *a->epochs);
    if (!a->epochs) {
        return -ENOMEM;
    }
    for (; a->epoch_count < count && !in->failed; a->epoch_count++) {
        get_epoch(in, &a->epochs[a->epoch_count]);
    }
    count = get_u8(in);
    a->uplinks = calloc(count + 1, sizeof *a->uplinks);
    int r = a->uplinks ? 0 : -ENOMEM;
    for (size_t i = 0; r == 0 && i < count && !in->failed; i++) {
        r = get_uplink(in, &a->uplinks[a->uplink_count++]);
    }
    return r < 0 ? r : in->failed ? -EBADMSG : 0;
}

int account_get(struct get *in, struct account **ret_account)
{
    struct account *a = account_create();
    if (!a) {
        return -ENOMEM;
    }
    a->group = get_u64(in);
    a->counter = get_u64(in);
    get_id(in, a->boot_id);
    a->made.ns = get_i64(in);
    a->clock = get_clock(in);
    a->newest_synced_ns = get_i64(in);
    int r = get_lists(in, a);
    if (r < 0) {
        account_destroy(a);
        return r;
    }
    *ret_account = a;
    return 0;
}

/* ---- epochs */

static int compare(const struct account_epoch *e, const char *bus, uint64_t order, uint64_t epoch)
{
    int c = strcmp(e->bus, bus);
    if (c == 0 && e->order != order) {
        c = e->order < order ? -1 : 1;
    }
    return c == 0 && e->epoch != epoch ? (e->epoch < epoch ? -1 : 1) : c;
}

struct account_epoch *account_find(const struct account *account, const char *bus, uint64_t epoch)
{
    for (size_t i = 0; i < account->epoch_count; i++) {
        if (account->epochs[i].epoch == epoch && !strcmp(account->epochs[i].bus, bus)) {
            return &account->epochs[i];
        }
    }
    return NULL;
}

struct account_epoch *account_epoch(struct account *account, const char *bus, uint64_t order,
                                    uint64_t epoch)
{
    struct account_epoch *found = account_find(account, bus, epoch);
    if (found) {
        return found;
    }
    struct account_epoch *more =
        realloc(account->epochs, (account->epoch_count + 1) * sizeof *more);
    if (!more) {
        return NULL;
    }
    account->epochs = more;
    size_t i = 0;
    while (i < account->epoch_count && compare(&more[i], bus, order, epoch) < 0) {
        i++;
    }
    memmove(&more[i + 1], &more[i], (account->epoch_count - i) * sizeof *more);
    account->epoch_count++;
    more[i] = (struct account_epoch){ .order = order, .epoch = epoch };
    snprintf(more[i].bus, sizeof more[i].bus, "%s", bus);
    return &more[i];
}

void account_remove(struct account *account, struct account_epoch *epoch)
{
    size_t i = (size_t)(epoch - account->epochs);
    memmove(epoch, epoch + 1, (account->epoch_count - i - 1) * sizeof *epoch);
    account->epoch_count--;
}

/* ---- gone */

static void insert_range(struct account_epoch *e, struct range range)
{
    struct range all[RANGES_PER_EPOCH + 1];
    size_t n = 0, i = 0;
    while (i < e->gone_count && e->gone[i].first < range.first) {
        all[n++] = e->gone[i++];
    }
    all[n++] = range;
    while (i < e->gone_count) {
        all[n++] = e->gone[i++];
    }
    size_t kept = 0;
    for (i = 1; i < n; i++) {
        struct range *last = &all[kept];
        if (last->why == all[i].why && last->last + 1 >= all[i].first) {
            last->last = all[i].last > last->last ? all[i].last : last->last;
        } else {
            all[++kept] = all[i];
        }
    }
    n = kept + 1;
    if (n > RANGES_PER_EPOCH) {
        all[1].first = all[0].first;
        all[1].why = WHY_UNKNOWN;
        memmove(all, all + 1, --n * sizeof *all);
    }
    memcpy(e->gone, all, n * sizeof *all);
    e->gone_count = n;
}

const struct range *account_gone_find(const struct account_epoch *epoch, uint64_t seq)
{
    for (size_t i = 0; i < epoch->gone_count; i++) {
        if (epoch->gone[i].first <= seq && seq <= epoch->gone[i].last) {
            return &epoch->gone[i];
        }
    }
    return NULL;
}

void account_gone(struct account_epoch *epoch, struct range range)
{
    range.epoch = epoch->epoch;
    uint64_t at = range.first;
    while (at <= range.last) {
        const struct range *known = account_gone_find(epoch, at);
        if (known) {
            at = known->last + 1;
            continue;
        }
        struct range part = { range.epoch, at, range.last, range.why };
        for (size_t i = 0; i < epoch->gone_count; i++) {
            if (epoch->gone[i].first > at && epoch->gone[i].first <= part.last) {
                part.last = epoch->gone[i].first - 1;
            }
        }
        insert_range(epoch, part);
        at = part.last + 1;
    }
}

/* ---- uplinks */

struct account_uplink *account_uplink(struct account *account, const char *name)
{
    for (size_t i = 0; i < account->uplink_count; i++) {
        if (!strcmp(account->uplinks[i].name, name)) {
            return &account->uplinks[i];
        }
    }
    struct account_uplink *more =
        realloc(account->uplinks, (account->uplink_count + 1) * sizeof *more);
    if (!more) {
        return NULL;
    }
    account->uplinks = more;
    struct account_uplink *uplink = &more[account->uplink_count++];
    *uplink = (struct account_uplink){ 0 };
    snprintf(uplink->name, sizeof uplink->name, "%s", name);
    return uplink;
}

int account_uplink_add(struct account_uplink *uplink, const struct cursor_entry *entry)
{
    uint8_t slot[CURSOR_SLOT_BYTES];
    size_t len = cursor_encode(entry, slot);
    return len ? add_slot(uplink, slot, len) : -EINVAL;
}

void account_uplink_remove(struct account *account, struct account_uplink *uplink)
{
    account_uplink_clear(uplink);
    size_t i = (size_t)(uplink - account->uplinks);
    memmove(uplink, uplink + 1, (account->uplink_count - i - 1) * sizeof *uplink);
    account->uplink_count--;
}

/* ---- in tmpfs */

static int read_file(int fd, uint8_t **ret_data, size_t *ret_len)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return -errno;
    }
    if (st.st_size < FILE_HEAD || st.st_size > FILE_MAX) {
        return -EBADMSG;
    }
    uint8_t *data = malloc((size_t)st.st_size);
    ssize_t n = data ? pread(fd, data, (size_t)st.st_size, 0) : -1;
    if (n != st.st_size) {
        int r = !data ? -ENOMEM : n < 0 ? -errno : -EBADMSG;
        free(data);
        return r;
    }
    *ret_data = data;
    *ret_len = (size_t)n;
    return 0;
}

int account_load(const char *ram, struct account **ret_account)
{
    char path[FOLDER_PATH_MAX + 16];
    uint8_t *data = NULL;
    size_t len = 0;
    snprintf(path, sizeof path, "%s/store/account", ram);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    int r = read_file(fd, &data, &len);
    close(fd);
    if (r < 0) {
        return r;
    }
    struct get in = get_init(data + 8, len - 8);
    uint32_t sum = get_u32(&in);
    bool good = !memcmp(data, magic, sizeof magic) &&
                sum == (uint32_t)crc32(0, data + FILE_HEAD, (uInt)(len - FILE_HEAD));
    r = good ? account_get(&in, ret_account) : -EBADMSG;
    free(data);
    return r;
}

static int write_file(const char *path, const uint8_t *data, size_t len)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0) {
        return -errno;
    }
    ssize_t n = write(fd, data, len);
    int r = n < 0 ? -errno : n != (ssize_t)len ? -ENOSPC : 0;
    close(fd);
    return r;
}

int account_save(const char *ram, const struct account *account)
{
    char folder[FOLDER_PATH_MAX], path[FOLDER_PATH_MAX + 16], temporary[FOLDER_PATH_MAX + 16];
    uint8_t *data = malloc(FILE_MAX);
    if (!data) {
        return -ENOMEM;
    }
    struct put out = put_init(data + FILE_HEAD, FILE_MAX - FILE_HEAD);
    account_put(&out, account);
    size_t len = put_len(&out);
    memcpy(data, magic, sizeof magic);
    struct put head = put_init(data + 8, 4);
    put_u32(&head, (uint32_t)crc32(0, data + FILE_HEAD, (uInt)len));
    snprintf(folder, sizeof folder, "%s/store", ram);
    snprintf(path, sizeof path, "%s/account", folder);
    snprintf(temporary, sizeof temporary, "%s/account.new", folder);
    int r = out.failed ? -E2BIG : folder_make(folder);
    if (r == 0) {
        r = write_file(temporary, data, FILE_HEAD + len);
    }
    if (r == 0 && rename(temporary, path) != 0) {
        r = -errno;
    }
    if (r < 0) {
        unlink(temporary);
    }
    free(data);
    return r;
}
