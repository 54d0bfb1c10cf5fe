/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See log_rig.h.
 */
#include "log_rig.h"

#include "cmocka_all.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *rig_make(void)
{
    static char path[64];
    snprintf(path, sizeof path, "/dev/shm/weir-test-XXXXXX");
    assert_non_null(mkdtemp(path));
    return path;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    return remove(path);
}

void rig_remove(const char *ram)
{
    nftw(ram, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

struct queue *rig_open(const char *ram)
{
    struct queue_place place = { .ram = ram, .gateway = "gw", .bus = "meters" };
    struct queue *queue;
    int pid = 0;
    assert_int_equal(queue_open(&place, (struct clock_offset){ 1000, CLOCK_SYNCED }, &queue, &pid),
                     0);
    return queue;
}

struct shape *rig_shape(const char *device, size_t count)
{
    static struct weir_point points[WEIR_POINTS_MAX];
    static char names[WEIR_POINTS_MAX][24];
    struct shape *shape;
    for (size_t i = 0; i < count; i++) {
        snprintf(names[i], sizeof names[i], "p%zu", i);
        points[i] = (struct weir_point){ names[i], "V", WEIR_FLOAT32 };
    }
    struct weir_shape view = {
        .device = device, .kind = "reading", .model = "", .points = points, .point_count = count
    };
    assert_int_equal(shape_create(&view, &shape), 0);
    return shape;
}

int rig_append(struct queue *queue, const struct shape *shape, float number)
{
    struct weir_value values[WEIR_POINTS_MAX];
    for (size_t i = 0; i < shape->view.point_count; i++) {
        values[i] = (struct weir_value){ .float32 = number + (float)i };
    }
    return queue_append(queue, shape, (struct boot_time){ (int64_t)number * 1000 }, values, NULL);
}
