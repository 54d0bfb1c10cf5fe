/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See labels.h.
 */
#include "receive/labels.h"

#include <errno.h>
#include <stdio.h>

#define KEY_SIZE 160 /* two names of at most 64 bytes */

void labels_finish(struct labels *labels)
{
    json_decref(labels->devices);
    labels->devices = NULL;
}

static int make_key(char *key, const char *gateway, const char *device)
{
    if (gateway == NULL || device == NULL) {
        return 0;
    }
    return snprintf(key, KEY_SIZE, "%s/%s", gateway, device) < KEY_SIZE ? 1 : 0;
}

int labels_learn(struct labels *labels, const json_t *meta)
{
    json_t *told = json_object_get(meta, "labels");
    char key[KEY_SIZE];
    json_t *copy;

    if (!json_is_object(told) ||
        make_key(key, json_string_value(json_object_get(meta, "gateway")),
                 json_string_value(json_object_get(meta, "device"))) == 0) {
        return 0;
    }
    if (labels->devices == NULL) {
        labels->devices = json_object();
    }
    if (json_dumpb(told, NULL, 0, JSON_COMPACT) > LABELS_BYTES_MAX ||
        (json_object_size(labels->devices) >= LABELS_MAX &&
         json_object_get(labels->devices, key) == NULL)) {
        return -E2BIG;
    }
    copy = json_deep_copy(told);
    return copy == NULL || json_object_set_new_nocheck(labels->devices, key, copy) < 0 ? -ENOMEM
                                                                                       : 1;
}

json_t *labels_find(const struct labels *labels, const char *gateway, const char *device,
                    const char *label)
{
    char key[KEY_SIZE];

    if (make_key(key, gateway, device) == 0) {
        return NULL;
    }
    return json_object_get(json_object_get(labels->devices, key), label);
}
