/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See output.h.
 */
#include "report/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* What any new file would have: mkstemp's is for its owner alone. */
static mode_t new_mode(void)
{
    mode_t mask = umask(0);

    umask(mask);
    return 0666 & ~mask;
}

int output_open(struct output *output, const char *path)
{
    struct stat info;
    bool there = stat(path, &info) == 0;
    mode_t mode = there ? info.st_mode & 07777 : new_mode();
    int fd;

    *output = (struct output){ .path = path };
    if (there && !S_ISREG(info.st_mode)) {
        output->file = S_ISDIR(info.st_mode) ? NULL : fopen(path, "we");
        return output->file != NULL ? 0 : S_ISDIR(info.st_mode) ? -EISDIR : -errno;
    }
    if (snprintf(output->temporary, sizeof(output->temporary), "%s.XXXXXX", path) >=
        (int)sizeof(output->temporary)) {
        return -ENAMETOOLONG;
    }
    fd = mkostemp(output->temporary, O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    output->file = fchmod(fd, mode) < 0 ? NULL : fdopen(fd, "w");
    if (output->file == NULL) {
        int error = -errno;

        close(fd);
        unlink(output->temporary);
        return error;
    }
    return 0;
}

int output_close(struct output *output, int error)
{
    errno = EIO; /* in case an earlier write failed, whose errno is gone */
    if (error == 0 && (fflush(output->file) == EOF || ferror(output->file))) {
        error = -errno;
    }
    if (error == 0 && output->temporary[0] != '\0' && fsync(fileno(output->file)) < 0) {
        error = -errno;
    }
    if (fclose(output->file) == EOF && error == 0) {
        error = -errno;
    }
    if (output->temporary[0] == '\0') {
        return error;
    }
    if (error == 0 && rename(output->temporary, output->path) < 0) {
        error = -errno;
    }
    if (error != 0) {
        unlink(output->temporary);
    }
    return error;
}
