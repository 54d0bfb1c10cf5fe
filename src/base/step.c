/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Stopping at a step: see step.h. The file is 64 bytes that all processes map: a name, zeros, and
 * in the last byte how often the step is still to be passed.
 */
#include "base/step.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE_BYTES = 64 };

static char *map_page(void)
{
    const char *path = getenv("WEIR_STEP_FILE");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) {
        return NULL;
    }
    char *page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return page == MAP_FAILED ? NULL : page;
}

void step_here(const char *name)
{
    static char *page;
    if (!page && !(page = map_page())) {
        return;
    }
    if (strncmp(page, name, PAGE_BYTES - 1) != 0) {
        return;
    }
    if (__atomic_sub_fetch(&page[PAGE_BYTES - 1], 1, __ATOMIC_SEQ_CST) == 0) {
        page[0] = 0; /* one process is enough */
        raise(SIGSTOP);
    }
}
