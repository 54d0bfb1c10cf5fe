/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See report.h.
 */
#include "receive/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "receive/state.h"

static char *beside(const char *path, const char *suffix)
{
    char *name = NULL;

    return asprintf(&name, "%s%s", path, suffix) < 0 ? NULL : name;
}

static int lock(struct report *report)
{
    char *name = beside(report->path, ".lock");
    int fd;
    int error = 0;

    if (name == NULL) {
        return -ENOMEM;
    }
    fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    free(name);
    if (fd < 0) {
        return -errno;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        error = -errno;
        close(fd);
        return error;
    }
    report->lock_fd = fd;
    return 0;
}

static int restore(const char *path, struct verify *verify, bool *ret_continued)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    json_t *state;
    bool ended = false;
    int64_t saved_ms = 0;
    int error;

    if (fd < 0) {
        return errno == ENOENT ? 0 : -errno;
    }
    state = json_loadfd(fd, JSON_REJECT_DUPLICATES, NULL);
    close(fd);
    if (state == NULL) {
        return -EBADMSG;
    }
    error = state_restore(verify, state, &ended, &saved_ms);
    json_decref(state);
    if (error < 0) {
        return error;
    }
    if (!ended) {
        verify_doubt(verify); /* what came after the last save is forgotten */
    }
    verify_away(verify, saved_ms);
    *ret_continued = true;
    return 0;
}

int report_open(struct report *report, const char *path, struct verify *verify, bool *ret_continued)
{
    int error;

    *report = (struct report){ .path = path, .lock_fd = -1 };
    error = lock(report);
    if (error == 0) {
        error = restore(path, verify, ret_continued);
    }
    if (error < 0) {
        report_close(report);
    }
    return error;
}

/* The new name is only safe once its folder is. */
static int sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash == NULL ? strdup(".") : strndup(path, (size_t)(slash - path) + 1);
    int error = 0;
    int fd;

    if (folder == NULL) {
        return -ENOMEM;
    }
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(folder);
    if (fd < 0) {
        return -errno;
    }
    if (fsync(fd) < 0 && errno != EINVAL && errno != EROFS) {
        error = -errno;
    }
    close(fd);
    return error;
}

static int write_file(const char *name, const json_t *state)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    FILE *out;
    int error = 0;

    if (fd < 0) {
        return -errno;
    }
    out = fdopen(fd, "w");
    if (out == NULL) {
        error = -errno;
        close(fd);
        return error;
    }
    errno = EIO;
    if (json_dumpf(state, out, JSON_INDENT(1)) < 0 || fputc('\n', out) == EOF ||
        fflush(out) == EOF || fsync(fd) < 0) {
        error = -errno;
    }
    if (fclose(out) == EOF && error == 0) {
        error = -errno;
    }
    return error;
}

int report_write(const struct report *report, const struct verify *verify, bool ended,
                 int64_t now_ms)
{
    char *name = beside(report->path, ".new");
    json_t *state = state_save(verify, ended, now_ms);
    int error = name == NULL || state == NULL ? -ENOMEM : write_file(name, state);

    if (error == 0 && rename(name, report->path) < 0) {
        error = -errno;
    }
    if (error == 0) {
        error = sync_folder(report->path);
    } else if (name != NULL) {
        unlink(name);
    }
    json_decref(state);
    free(name);
    return error;
}

void report_close(struct report *report)
{
    if (report->lock_fd >= 0) {
        close(report->lock_fd);
        report->lock_fd = -1;
    }
}
