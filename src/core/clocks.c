/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Which epochs of this boot have records from before the clock was right. When it is, an event for
 * each of them tells receivers what they need to repair the times. The list stands in
 * {ram}/clock-epochs too, since the clock may become right while weir is being started again, and
 * an epoch may have ended long before: its boot's id, then a line for each epoch.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/say.h"
#include "core/private.h"
#include "log/account.h"
#include "log/folder.h"

enum { EPOCHS_MAX = 1024, BOOT_TEXT = 33 };

static void file_path(const struct core *core, char *path)
{
    snprintf(path, FOLDER_PATH_MAX, "%s/clock-epochs", core->settings.ram);
}

static bool boot_text(char text[BOOT_TEXT])
{
    uint8_t id[16];
    if (boot_id(id) < 0) {
        return false;
    }
    for (size_t i = 0; i < sizeof id; i++) {
        snprintf(text + 2 * i, 3, "%02x", id[i]);
    }
    return true;
}

/* False: it is there already, or there is no room. */
static bool add(struct core *core, const char *bus, uint64_t epoch)
{
    for (size_t i = 0; i < core->unsure_count; i++) {
        if (core->unsure[i].epoch == epoch && !strcmp(core->unsure[i].bus, bus)) {
            return false;
        }
    }
    struct unsure_epoch *more =
        core->unsure_count < EPOCHS_MAX
            ? realloc(core->unsure, (core->unsure_count + 1) * sizeof *core->unsure)
            : NULL;
    if (!more) {
        return false;
    }
    core->unsure = more;
    struct unsure_epoch *e = &core->unsure[core->unsure_count++];
    snprintf(e->bus, sizeof e->bus, "%s", bus);
    e->epoch = epoch;
    return true;
}

static bool write_list(const struct core *core, const char *path)
{
    char boot[BOOT_TEXT];
    FILE *f = boot_text(boot) ? fopen(path, "we") : NULL;
    bool good = f && fprintf(f, "%s\n", boot) > 0;
    for (size_t i = 0; good && i < core->unsure_count; i++) {
        good = fprintf(f, "%s %" PRIu64 "\n", core->unsure[i].bus, core->unsure[i].epoch) > 0;
    }
    return (!f || fclose(f) == 0) && good;
}

static void note_all(struct core *core)
{
    char path[FOLDER_PATH_MAX], fresh[FOLDER_PATH_MAX + 4];
    bool more = core->stats->epoch && add(core, "weir", core->stats->epoch);
    for (size_t i = 0; i < core->child_count; i++) {
        const struct child *child = core->children[i];
        const struct stats_bus *bus = (const struct stats_bus *)child->head;
        more |= child->role == ROLE_BUS && bus->epoch && add(core, child->name, bus->epoch);
    }
    file_path(core, path);
    snprintf(fresh, sizeof fresh, "%s.new", path);
    if (more && (!write_list(core, fresh) || rename(fresh, path) != 0)) {
        say(SAY_WARNING, "cannot write %s: %s", path, strerror(errno));
    }
}

/* A kill may come before the list has an epoch; store knows all that it gave out. */
static void load_account(struct core *core)
{
    struct account *account;
    uint8_t id[16];
    if (boot_id(id) < 0 || account_load(core->settings.ram, &account) < 0) {
        return;
    }
    for (size_t i = 0; i < account->epoch_count; i++) {
        const struct account_epoch *e = &account->epochs[i];
        if (e->clock.state != CLOCK_SYNCED && !memcmp(e->boot_id, id, sizeof id)) {
            add(core, e->bus, e->epoch);
        }
    }
    account_destroy(account);
}

static void load_list(struct core *core)
{
    char path[FOLDER_PATH_MAX], boot[BOOT_TEXT], line[WEIR_NAME_MAX + 32], bus[sizeof line];
    uint64_t epoch;
    file_path(core, path);
    FILE *f = fopen(path, "re");
    if (!f) {
        return;
    }
    bool ours = boot_text(boot) && fgets(line, sizeof line, f) &&
                !strncmp(line, boot, BOOT_TEXT - 1) && line[BOOT_TEXT - 1] == '\n';
    while (ours && fgets(line, sizeof line, f)) {
        if (sscanf(line, "%s %" SCNu64, bus, &epoch) == 2 && strlen(bus) <= WEIR_NAME_MAX) {
            add(core, bus, epoch);
        }
    }
    fclose(f);
}

void clocks_load(struct core *core)
{
    load_list(core);
    load_account(core);
}

void clocks_watch(struct core *core)
{
    char path[FOLDER_PATH_MAX];
    bool synced = core->clock.state == CLOCK_SYNCED;
    if (!synced || !core->was_synced) {
        note_all(core);
    }
    core->was_synced = synced;
    if (!synced || !core->unsure_count) {
        return;
    }
    struct event event = { .event = "clock",
                           .was = "unsynced",
                           .has_offset = true,
                           .offset_s = (double)core->clock.ns / (double)NS_PER_S };
    for (size_t i = 0; i < core->unsure_count; i++) {
        event.of_bus = core->unsure[i].bus;
        event.of_epoch = core->unsure[i].epoch;
        events_add(core, &event);
    }
    say(SAY_NOTICE, "the clock is synchronised epochs=%zu", core->unsure_count);
    core->unsure_count = 0;
    file_path(core, path);
    unlink(path);
}
