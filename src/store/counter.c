/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The epoch counter: see counter.h. A cut during the first write leaves the second file with the
 * value before, which was used; the new one was not. A cut during the second leaves the first.
 */
#include "store/counter.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/bytes.h"
#include "base/step.h"

static const char magic[8] = { 'W', 'E', 'I', 'R', 'C', 'N', 'T', '1' };
static const char *const names[] = { "counter-1", "counter-2" };
enum { HEAD_BYTES = 12 };

static int decode(const uint8_t raw[COUNTER_BYTES], struct counter *ret_counter)
{
    struct get in = get_init(raw + 8, COUNTER_BYTES - 8);
    uint32_t sum = get_u32(&in);
    if (memcmp(raw, magic, sizeof magic) != 0 ||
        sum != (uint32_t)crc32(0, raw + HEAD_BYTES, COUNTER_BYTES - HEAD_BYTES)) {
        return -EBADMSG;
    }
    struct counter c = { .value = get_u64(&in) };
    c.count = get_u8(&in);
    for (size_t i = 0; i < c.count && c.count <= COUNTER_EPOCHS; i++) {
        get_string(&in, c.epochs[i].bus, sizeof c.epochs[i].bus);
        c.epochs[i].epoch = get_u64(&in);
    }
    if (in.failed || c.count > COUNTER_EPOCHS) {
        return -EBADMSG;
    }
    *ret_counter = c;
    return 0;
}

int counter_read(struct disk *disk, int file, struct counter *ret_counter)
{
    uint8_t raw[COUNTER_BYTES] = { 0 };
    int handle = disk->ops->open(disk, names[file], DISK_READ);
    if (handle < 0) {
        return handle;
    }
    int64_t n = disk->ops->read(disk, handle, raw, sizeof raw, 0);
    disk->ops->close(disk, handle);
    return n == COUNTER_BYTES ? decode(raw, ret_counter) : -EBADMSG;
}

int counter_load(struct disk *disk, struct counter *ret_counter)
{
    *ret_counter = (struct counter){ 0 };
    for (int i = 0; i < 2; i++) {
        struct counter found;
        int r = counter_read(disk, i, &found);
        if (r == 0 && found.value >= ret_counter->value) {
            *ret_counter = found;
        } else if (r < 0 && r != -ENOENT && r != -EBADMSG) {
            return r;
        }
    }
    return 0;
}

static int save_one(struct disk *disk, const char *name, const uint8_t raw[COUNTER_BYTES])
{
    int handle = disk->ops->open(disk, name, DISK_WRITE);
    bool created = handle == -ENOENT;
    if (created) {
        handle = disk->ops->open(disk, name, DISK_CREATE);
    }
    int r = handle < 0 ? handle : disk->ops->write(disk, handle, raw, COUNTER_BYTES, 0);
    if (r == 0) {
        r = disk->ops->sync(disk, handle);
    }
    if (handle >= 0) {
        disk->ops->close(disk, handle);
    }
    return r == 0 && created ? disk->ops->sync_folder(disk) : r;
}

int counter_save(struct disk *disk, const struct counter *counter)
{
    uint8_t raw[COUNTER_BYTES] = { 0 };
    struct put out = put_init(raw + HEAD_BYTES, sizeof raw - HEAD_BYTES);
    put_u64(&out, counter->value);
    put_u8(&out, (uint8_t)counter->count);
    for (size_t i = 0; i < counter->count; i++) {
        put_text(&out, counter->epochs[i].bus);
        put_u64(&out, counter->epochs[i].epoch);
    }
    if (out.failed) {
        return -EINVAL;
    }
    memcpy(raw, magic, sizeof magic);
    struct put head = put_init(raw + 8, 4);
    put_u32(&head, (uint32_t)crc32(0, raw + HEAD_BYTES, sizeof raw - HEAD_BYTES));
    int r = save_one(disk, names[0], raw);
    STEP("counter-between");
    return r < 0 ? r : save_one(disk, names[1], raw);
}

void counter_add(struct counter *counter, const char *bus, uint64_t epoch)
{
    if (counter->count == COUNTER_EPOCHS) {
        memmove(counter->epochs, counter->epochs + 1,
                (COUNTER_EPOCHS - 1) * sizeof *counter->epochs);
        counter->count--;
    }
    struct counter_epoch *e = &counter->epochs[counter->count++];
    snprintf(e->bus, sizeof e->bus, "%s", bus);
    e->epoch = epoch;
}
