/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See when.h: the offset of a zone at a time. The C library knows it but takes its time over
 * it, so offsets are kept for stretches of six hours; a stretch in which it changes (the same at
 * both ends means it does not) is asked for second by second.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "report/cells.h"
#include "report/when.h"

#define STRETCH_S INT64_C(21600)
#define KEPT      4096 /* stretches: nearly three years */

struct zone {
    char name[256];
    bool fixed;
    int64_t offset_s; /* if it is fixed */
    struct {
        int64_t stretch;
        int32_t offset_s;
        bool known;
        bool changes;
    } kept[KEPT];
};

/* "+05:30", "-03:00" */
static bool fixed_read(const char *name, int64_t *ret_s)
{
    char time[64];
    int64_t utc_s;

    if ((name[0] != '+' && name[0] != '-') || strlen(name) > 6) {
        return false;
    }
    snprintf(time, sizeof(time), "1970-01-01T00:00:00%s", name);
    if (when_read(time, strlen(time), &utc_s) != WHEN_UTC) {
        return false;
    }
    *ret_s = -utc_s;
    return true;
}

/* The C library takes any name that it does not know for UTC, so the file is looked for first. */
static bool is_installed(const char *name)
{
    const char *folder = getenv("TZDIR");
    char path[PATH_MAX];
    struct stat info;

    if (strcmp(name, "UTC") == 0) {
        return true;
    }
    if (name[0] == '\0' || name[0] == '/' || strstr(name, "..") != NULL) {
        return false;
    }
    folder = folder == NULL || folder[0] == '\0' ? "/usr/share/zoneinfo" : folder;
    return snprintf(path, sizeof(path), "%s/%s", folder, name) < (int)sizeof(path) &&
           stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

static void name_of_machine(char *name, size_t size)
{
    char target[PATH_MAX];
    ssize_t length = readlink("/etc/localtime", target, sizeof(target) - 1);
    const char *found;

    target[length < 0 ? 0 : length] = '\0';
    found = strstr(target, "zoneinfo/");
    snprintf(name, size, "%s", found != NULL ? found + strlen("zoneinfo/") : "this machine");
}

/* $TZ may also be a file, or a rule such as CET-1CEST,M3.5.0,M10.5.0/3: no rule is without a digit.
 */
static bool is_known(const char *value)
{
    struct stat info;
    struct cell cell = { value, strlen(value) };

    if (!cell_is_text(&cell) || cell.size >= sizeof(((struct zone *)0)->name)) {
        return false;
    }
    return is_installed(value) || (value[0] == '/' && stat(value, &info) == 0) ||
           (value[0] != '/' && strpbrk(value, "0123456789") != NULL);
}

static int take_environment(struct zone *zone, const char *value)
{
    value += value[0] == ':';
    if (value[0] != '\0' && !is_known(value)) {
        return -ENOENT;
    }
    snprintf(zone->name, sizeof(zone->name), "%s", value[0] == '\0' ? "UTC" : value);
    tzset();
    return 0;
}

static int choose(struct zone *zone, const char *name)
{
    if (name == NULL && getenv("TZ") != NULL) {
        return take_environment(zone, getenv("TZ"));
    }
    if (name == NULL) {
        name_of_machine(zone->name, sizeof(zone->name));
        tzset();
        return 0;
    }
    snprintf(zone->name, sizeof(zone->name), "%s", name);
    zone->fixed = fixed_read(name, &zone->offset_s);
    if (!zone->fixed && (!is_installed(name) || setenv("TZ", name, 1) < 0)) {
        return -ENOENT;
    }
    tzset();
    return 0;
}

int zone_create(const char *name, struct zone **ret_zone)
{
    struct zone *zone = calloc(1, sizeof(*zone));
    int error = zone == NULL ? -ENOMEM : choose(zone, name);

    if (error < 0) {
        free(zone);
        return error;
    }
    *ret_zone = zone;
    return 0;
}

void zone_destroy(struct zone *zone)
{
    free(zone);
}

const char *zone_name(const struct zone *zone)
{
    return zone->name;
}

static int32_t ask(int64_t utc_s)
{
    time_t time = (time_t)utc_s;
    struct tm parts;

    return localtime_r(&time, &parts) == NULL ? 0 : (int32_t)parts.tm_gmtoff;
}

int64_t zone_local(struct zone *zone, int64_t utc_s)
{
    int64_t stretch = (utc_s >= 0 ? utc_s : utc_s - (STRETCH_S - 1)) / STRETCH_S;
    size_t at = (size_t)stretch % KEPT;

    if (zone->fixed) {
        return utc_s + zone->offset_s;
    }
    if (!zone->kept[at].known || zone->kept[at].stretch != stretch) {
        zone->kept[at].known = true;
        zone->kept[at].stretch = stretch;
        zone->kept[at].offset_s = ask(stretch * STRETCH_S);
        zone->kept[at].changes =
            zone->kept[at].offset_s != ask(stretch * STRETCH_S + STRETCH_S - 1);
    }
    return utc_s + (zone->kept[at].changes ? ask(utc_s) : zone->kept[at].offset_s);
}
