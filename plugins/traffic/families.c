/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * See families.def.
 */
#include "family.h"

#define FAMILY(name) extern const struct family family_##name;
#include "families.def"
#undef FAMILY

#define FAMILY(name) &family_##name,
const struct family *const families[] = {
#include "families.def"
    NULL
};
