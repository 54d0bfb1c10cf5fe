/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Any bytes as a message on a link: what decodes must encode to the same bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "link/link.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct link_message message;
    uint8_t again[LINK_MESSAGE_MAX];
    if (link_decode(data, size, &message) == 0 &&
        (link_encode(&message, again) != size || memcmp(again, data, size) != 0)) {
        abort();
    }
    return 0;
}
