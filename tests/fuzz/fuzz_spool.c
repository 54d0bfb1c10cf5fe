/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Any bytes as what stands on flash beside records: a segment's header, the head of a group with
 * its account, a cursor's slot, the counter. The first byte says which; checksums are repaired, so
 * that mutations reach the decoders behind them. What decodes must encode to something that
 * decodes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "log/cursor.h"
#include "log/spool.h"
#include "store/counter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 8192 };

static void put_sum(uint8_t *at, uint32_t start, const uint8_t *data, size_t len)
{
    struct put out = put_init(at, 4);
    put_u32(&out, (uint32_t)crc32(start, data, (uInt)len));
}

/* Makes the bytes a frame that passes. */
static void as_frame(uint8_t *bytes, size_t size, uint8_t kind, uint32_t seed)
{
    size_t body = size - FRAME_HEAD_BYTES;
    struct put out = put_init(bytes + 4, 4);
    put_uint(&out, body, 3);
    put_u8(&out, kind);
    put_sum(bytes, seed, bytes + 4, size - 4);
}

static void try_header(uint8_t *bytes, size_t size)
{
    struct spool_header header;
    uint8_t block[SPOOL_BLOCK];
    if (size < FRAME_HEAD_BYTES) {
        return;
    }
    as_frame(bytes, size, FRAME_HEADER, 0);
    if (spool_header_get(bytes, size, &header) == 0 &&
        (spool_header_put(&header, block) < 0 ||
         spool_header_get(block, sizeof block, &header) < 0)) {
        abort();
    }
}

static void try_account(struct account *account)
{
    static uint8_t room[GROUP_HEAD_MAX];
    struct put out = put_init(room, sizeof room);
    struct account *again;
    account_put(&out, account);
    struct get in = get_init(room, put_len(&out));
    if (out.failed || account_get(&in, &again) < 0) {
        abort();
    }
    account_destroy(again);
    for (size_t i = 0; i < account->epoch_count; i++) {
        account_gone(&account->epochs[i], (struct range){ .first = i, .last = i + 5, .why = 2 });
    }
}

static void try_group(uint8_t *bytes, size_t size)
{
    struct group group;
    if (size < FRAME_HEAD_BYTES + 8) {
        return;
    }
    struct get in = get_init(bytes + FRAME_HEAD_BYTES, 8);
    uint64_t generation = get_u64(&in);
    as_frame(bytes, size, FRAME_GROUP, frame_seed(generation));
    if (group_get(bytes, size, generation, &group) == 1) {
        try_account(group.account);
        group_finish(&group);
    }
    in = get_init(bytes, size);
    struct account *account;
    if (account_get(&in, &account) == 0) {
        try_account(account);
        account_destroy(account);
    }
}

static void try_cursor(uint8_t *bytes, size_t size)
{
    struct cursor_entry entry;
    uint8_t slot[CURSOR_SLOT_BYTES];
    if (size < 9 || size > CURSOR_SLOT_BYTES) {
        return;
    }
    struct put out = put_init(bytes + 4, 4);
    put_u32(&out, (uint32_t)(size - 8));
    put_sum(bytes, 0, bytes + 4, size - 4);
    if (cursor_decode(bytes, size, &entry) == 0 && cursor_encode(&entry, slot) == 0) {
        abort();
    }
}

/* A folder that has one file, and no other use than to be read. */
struct one_file {
    struct disk disk;
    const uint8_t *bytes;
    size_t size;
};

static int one_open(struct disk *disk, const char *name, enum disk_mode mode)
{
    return strcmp(name, "counter-1") != 0 ? -ENOENT : 1;
}

static void one_close(struct disk *disk, int handle)
{
}

static int64_t one_read(struct disk *disk, int handle, void *buf, size_t len, uint64_t at)
{
    const struct one_file *file = (const struct one_file *)disk;
    size_t n = file->size < len ? file->size : len;
    memcpy(buf, file->bytes, n);
    return (int64_t)n;
}

static void try_counter(uint8_t *bytes, size_t size)
{
    static const struct disk_ops ops = { .open = one_open, .close = one_close, .read = one_read };
    struct one_file file = { .disk = { .ops = &ops }, .bytes = bytes, .size = size };
    struct counter counter;
    if (size == COUNTER_BYTES) {
        memcpy(bytes, "WEIRCNT1", 8);
        put_sum(bytes + 8, 0, bytes + 12, size - 12);
    }
    if (counter_load(&file.disk, &counter) < 0 || counter.count > COUNTER_EPOCHS) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const tries[])(uint8_t *, size_t) = { try_header, try_group, try_cursor,
                                                        try_counter };
    static uint8_t bytes[INPUT_MAX];
    if (size < 2 || size > INPUT_MAX) {
        return -1;
    }
    memcpy(bytes, data + 1, size - 1);
    tries[data[0] % (sizeof tries / sizeof *tries)](bytes, size - 1);
    uint64_t generation;
    char name[64];
    size_t len = size - 1 < sizeof name ? size - 1 : sizeof name - 1;
    memcpy(name, data + 1, len);
    name[len] = 0;
    spool_parse(name, &generation);
    return 0;
}
