/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * `weir spool send`: a folder in RAM in which an uplink finds what it would find in {ram} after a
 * boot of the gateway: the account that the store gives, its cursor, a folder for each bus. The
 * store itself is seen through a link:
 *
 *   PATH/ram/store/account   PATH/ram/cursor/UPLINK   PATH/ram/queue/BUS/   PATH/flash/spool ->
 * store
 */
#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/say.h"
#include "cli/cmd_spool_send.h"
#include "cli/cmd_spool_status.h"
#include "log/folder.h"

/* ---- the folder */

static int make_folder(struct send_work *work)
{
    const char *places[] = { getenv("XDG_RUNTIME_DIR"), "/dev/shm", getenv("TMPDIR"), "/tmp" };
    int r = -ENOENT;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (!places[i] || snprintf(work->path, sizeof work->path, "%s/weir-spool-XXXXXX",
                                   places[i]) >= (int)sizeof work->path) {
            continue;
        }
        if (mkdtemp(work->path)) {
            return 0;
        }
        r = -errno;
    }
    work->path[0] = 0;
    return r;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

void send_clean(struct send_work *work)
{
    if (work->config_fd >= 0) {
        close(work->config_fd);
    }
    if (work->path[0]) {
        nftw(work->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    }
    work->path[0] = 0;
}

static int link_store(const struct send_work *work, const struct spool_store *store)
{
    char path[SEND_PATH_MAX + 32];
    char *real = realpath(store->path, NULL);
    snprintf(path, sizeof path, "%s/flash", work->path);
    int r = real ? folder_make(path) : -errno;
    snprintf(path, sizeof path, "%s/flash/spool", work->path);
    if (r == 0 && symlink(real, path) != 0) {
        r = -errno;
    }
    free(real);
    return r;
}

/* ---- what the store knows */

/* Epochs that were given out after the newest account that can be read. */
static int add_forgotten(struct account *account, const struct counter *counter)
{
    for (size_t i = 0; i < counter->count; i++) {
        const struct counter_epoch *c = &counter->epochs[i];
        uint64_t order = c->epoch >> 32;
        if (order > account->counter && strlen(c->bus) < COUNTER_BUS_MAX &&
            !account_find(account, c->bus, c->epoch)) {
            struct account_epoch *e = account_epoch(account, c->bus, order, c->epoch);
            if (!e) {
                return -ENOMEM;
            }
            e->flags = ACCOUNT_OPEN;
        }
    }
    return 0;
}

static int read_account(struct spool_store *store, struct account **ret_account)
{
    struct spool_state state = { 0 };
    struct counter counter;
    int r = spool_state_read(store->disk, SPOOL_SEGMENT_BYTES, &state);
    r = r < 0 ? r : counter_load(store->disk, &counter);
    if (r == 0 && state.account) {
        r = add_forgotten(state.account, &counter);
        spool_state_settle(state.account, counter.value, state.damage);
        *ret_account = state.account;
        state.account = NULL;
    } else if (r == 0) {
        *ret_account = account_create();
        r = *ret_account ? 0 : -ENOMEM;
    }
    spool_state_finish(&state);
    return r;
}

/* ---- where to begin */

static bool before(struct place a, struct place b)
{
    return a.order < b.order || (a.order == b.order && a.seq < b.seq);
}

/* What the uplinks of the gateway had confirmed, all of them. */
static struct place lowest_confirmed(const struct account *a, const char *bus)
{
    struct place lowest = { 0 };
    for (size_t i = 0; i < a->uplink_count; i++) {
        for (size_t k = 0; k < a->uplinks[i].cursor_count; k++) {
            const struct account_cursor *slot = &a->uplinks[i].cursors[k];
            struct cursor_entry c;
            if (cursor_decode(slot->slot, slot->len, &c) == 0 && !strcmp(c.bus, bus) &&
                (!lowest.order || before(c.confirmed, lowest))) {
                lowest = c.confirmed;
            }
        }
    }
    return lowest;
}

/* As store gives a new uplink its first cursor: what is not there below `started` had been
 * delivered. */
static struct cursor_entry from_oldest(const struct account *a, const struct account_epoch *oldest)
{
    struct cursor_entry c = { .version = 1 };
    struct place lowest = lowest_confirmed(a, oldest->bus);
    memcpy(c.bus, oldest->bus, sizeof c.bus);
    c.confirmed = (struct place){ oldest->order, oldest->epoch, 0 };
    c.started = before(c.confirmed, lowest) ? lowest : c.confirmed;
    return c;
}

static void from_place(struct cursor_entry *c, struct place place)
{
    c->confirmed = c->started = place;
    c->ranges.count = 0;
    if (place.seq) {
        ranges_add(&c->ranges, (struct range){ place.epoch, 1, place.seq, WHY_EARLIER });
    }
}

/* The place of the uplink of that name. False: it has none for this bus. */
static bool from_uplink(const struct account *a, const char *name, struct cursor_entry *cursor)
{
    for (size_t i = 0; i < a->uplink_count; i++) {
        const struct account_uplink *u = &a->uplinks[i];
        for (size_t k = 0; !strcmp(u->name, name) && k < u->cursor_count; k++) {
            struct cursor_entry c;
            if (cursor_decode(u->cursors[k].slot, u->cursors[k].len, &c) == 0 &&
                !strcmp(c.bus, cursor->bus)) {
                *cursor = c;
                return true;
            }
        }
    }
    return false;
}

static bool has_uplink(const struct account *a, const char *name)
{
    for (size_t i = 0; i < a->uplink_count; i++) {
        if (!strcmp(a->uplinks[i].name, name)) {
            return true;
        }
    }
    return false;
}

struct starts {
    struct cursor_entry *cursors;
    bool *found; /* --since: its first record has been met */
    size_t count;
};

/* --since: each bus begins with its first record of that time or later. */
static void look_for_start(struct starts *starts, const struct spool_records *records,
                           int64_t since_ns)
{
    const struct item *item = &records->item;
    for (size_t i = 0; i < starts->count; i++) {
        if (starts->found[i] || strcmp(starts->cursors[i].bus, records->of->bus) != 0) {
            continue;
        }
        starts->found[i] = spool_records_when(records).time.ns >= since_ns;
        uint64_t upto = starts->found[i] ? item->first - 1 : item->first;
        from_place(&starts->cursors[i], (struct place){ item->order, item->epoch, upto });
    }
}

static int find_since(struct starts *starts, const struct spool_store *store,
                      const struct account *account, int64_t since_ns)
{
    struct spool_records records;
    struct spool_walk *walk = NULL;
    int r = spool_records_init(&records, store, account);
    r = r < 0 ? r : spool_walk_create(store->disk, &walk);
    int segment = r == 0;
    while (r == 0 && segment && (segment = spool_walk_segment(walk)) != 0) {
        if (segment < 0 && segment != -EPROTO) {
            r = segment;
        }
        while (segment == 1 && (r = spool_walk_group(walk)) == 1) {
            spool_records_shapes(&records, walk);
            for (size_t i = 0; i < walk->group.section_count; i++) {
                struct spool_frames frames = spool_records_section(&records, walk, i);
                while (spool_records_next(&records, walk, i, &frames) == 1) {
                    look_for_start(starts, &records, since_ns);
                }
            }
        }
    }
    spool_walk_destroy(walk);
    spool_records_finish(&records);
    return r < 0 ? r : 0;
}

static int make_starts(const struct send_options *options, const struct spool_store *store,
                       const struct account *a, struct starts *starts)
{
    starts->cursors = calloc(a->epoch_count + 1, sizeof *starts->cursors);
    starts->found = calloc(a->epoch_count + 1, sizeof *starts->found);
    if (!starts->cursors || !starts->found) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < a->epoch_count; i++) { /* those of one bus stand together */
        if (i == 0 || strcmp(a->epochs[i].bus, a->epochs[i - 1].bus) != 0) {
            struct cursor_entry *c = &starts->cursors[starts->count++];
            *c = from_oldest(a, &a->epochs[i]);
            if (options->as) {
                from_uplink(a, options->as, c);
            }
        }
    }
    return options->since_ns ? find_since(starts, store, a, options->since_ns) : 0;
}

static int write_starts(struct send_work *work, const char *ram, const struct account *a,
                        const struct starts *starts)
{
    uint8_t(*bytes)[CURSOR_SLOT_BYTES] = calloc(starts->count + 1, sizeof *bytes);
    struct cursor_slot *slots = calloc(starts->count + 1, sizeof *slots);
    int r = bytes && slots ? 0 : -ENOMEM;
    for (size_t i = 0; r == 0 && i < starts->count; i++) {
        char path[FOLDER_PATH_MAX];
        slots[i] = (struct cursor_slot){ bytes[i], cursor_encode(&starts->cursors[i], bytes[i]) };
        work->numbers += spool_waiting(a, &starts->cursors[i]);
        r = folder_bus(ram, starts->cursors[i].bus, path);
        r = r < 0 ? r : folder_make(path);
    }
    r = r < 0 ? r : cursor_restore(ram, SEND_UPLINK, slots, starts->count);
    free(bytes);
    free(slots);
    return r;
}

/* ---- the configuration */

/* Settings that are texts even if they look like numbers. */
static bool is_text(const char *key, size_t len)
{
    static const char *const texts[] = { "username", "password", "client_id", "topic", "prefix" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (strlen(texts[i]) == len && !strncmp(texts[i], key, len)) {
            return true;
        }
    }
    return false;
}

static void put_string(FILE *out, const char *text, size_t len)
{
    putc('"', out);
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '"' || text[i] == '\\') {
            putc('\\', out);
        }
        putc(text[i], out);
    }
    putc('"', out);
}

static void put_setting(FILE *out, const char *setting)
{
    size_t len = strcspn(setting, "=");
    const char *value = setting + len + 1;
    bool number = value[0] && strspn(value, "0123456789.-") == strlen(value);
    bool raw = !is_text(setting, len) &&
               (number || value[0] == '{' || value[0] == '(' || value[0] == '[' ||
                !strcmp(value, "true") || !strcmp(value, "false"));
    fprintf(out, "    %.*s = ", (int)len, setting);
    if (raw) {
        fputs(value, out);
    } else {
        put_string(out, value, strlen(value));
    }
    fputs(";\n", out);
}

/* Below what the topic begins with, where a gateway that lives says nothing. */
static void put_prefix(FILE *out, const struct send_options *options)
{
    const char *topic = "weir/{gateway}/{device}";
    char prefix[512];
    for (size_t i = 0; i < options->setting_count; i++) {
        if (!strncmp(options->settings[i], "prefix=", 7)) {
            return;
        }
        if (!strncmp(options->settings[i], "topic=", 6)) {
            topic = options->settings[i] + 6;
        }
    }
    const char *device = strstr(topic, "{device}"), *other = topic;
    while ((other = strchr(other, '{')) && !strncmp(other, "{gateway}", 9)) {
        other++;
    }
    if (!device || device == topic || other != device) {
        topic = "weir/{gateway}/";
        device = topic + strlen(topic);
    }
    snprintf(prefix, sizeof prefix, "prefix=%.*srescued/", (int)(device - topic), topic);
    put_setting(out, prefix);
}

static int write_config(struct send_work *work, const struct send_options *options,
                        const struct spool_store *store)
{
    work->config_fd = memfd_create("weir-spool-send", MFD_CLOEXEC);
    int copy = work->config_fd < 0 ? -1 : dup(work->config_fd);
    FILE *out = copy < 0 ? NULL : fdopen(copy, "w");
    if (!out) {
        return -errno;
    }
    char url[1024];
    snprintf(url, sizeof url, "url=%s", options->url);
    fprintf(out, "gateway = { name = \"%s\"; clock = \"%s\"; };\n", store->gateway,
            store->clock.state == CLOCK_SYNCED ? "system" : "auto");
    fprintf(out, "spool = { directory = \"%s/flash\"; ram = \"%s/ram\"; };\n", work->path,
            work->path);
    fprintf(out, "uplinks = { %s = {\n    uplink = \"mqtt\";\n", SEND_UPLINK);
    put_setting(out, url);
    for (size_t i = 0; i < options->setting_count; i++) {
        put_setting(out, options->settings[i]);
    }
    put_prefix(out, options);
    fputs("}; };\n", out);
    int r = ferror(out) ? -EIO : 0;
    return fclose(out) == 0 && r == 0 && lseek(work->config_fd, 0, SEEK_SET) == 0 ? 0 : -EIO;
}

/* ---- */

static int fill(const struct send_options *options, struct spool_store *store,
                const struct account *account, struct send_work *work)
{
    char ram[SEND_PATH_MAX + 8];
    struct starts starts = { 0 };
    int r = make_folder(work);
    snprintf(ram, sizeof ram, "%s/ram", work->path);
    r = r < 0 ? r : link_store(work, store);
    r = r < 0 ? r : account_save(ram, account);
    r = r < 0 ? r : make_starts(options, store, account, &starts);
    r = r < 0 ? r : write_starts(work, ram, account, &starts);
    r = r < 0 ? r : write_config(work, options, store);
    free(starts.cursors);
    free(starts.found);
    return r;
}

int send_prepare(const struct send_options *options, struct spool_store *store,
                 struct send_work *ret_work)
{
    struct account *account = NULL;
    int r = read_account(store, &account), status = 0;
    if (r == 0 && !store->gateway[0] && store->segments) {
        fprintf(stderr, "weir: %s: no segment has a header that can be read\n", store->path);
        status = EXIT_CANNOT;
    } else if (r == 0 && options->as && !has_uplink(account, options->as)) {
        fprintf(stderr, "weir: %s: no uplink %s is in it; weir spool status lists them\n",
                store->path, options->as);
        status = EXIT_CANNOT;
    } else if (r == 0) {
        bool ours = !memcmp(account->boot_id, store->boot_id, sizeof store->boot_id);
        ret_work->foreign = store->given && !ours;
        r = fill(options, store, account, ret_work);
        if (ours) {
            fprintf(stderr,
                    "weir: %s was written since this machine started; what a gateway that runs has "
                    "in RAM is not sent\n",
                    store->path);
        }
    }
    account_destroy(account);
    return r < 0 ? spool_cannot(store, r, NULL) : status;
}
