/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Any bytes as the template's answer: no crash, and every number that is taken is finite.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct weir_value values[POINT_COUNT];
    char *line = malloc(size + !size); /* just so much, for the sanitizer to see */
    if (size) {
        memcpy(line, data, size);
    }
    if (decode_line(line, size, values) == WEIR_R_OK) {
        for (int i = 0; i < POINT_COUNT; i++) {
            if (values[i].quality == WEIR_QUALITY_GOOD && !isfinite(values[i].float64)) {
                abort();
            }
        }
    }
    free(line);
    return 0;
}
