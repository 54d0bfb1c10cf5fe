/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The families that this adapter knows, one a line.
 */
#include "family.h"

#define FAMILIES(X) X(natch) X(omnipresense_ops24x) X(adec_tdc) X(canoga_c900) X(wavetronix_ss125)

#define TEXT_FAMILIES(X) X(line)

#define FAMILY_EXTERN(name) extern const struct family family_##name;
FAMILIES(FAMILY_EXTERN)
TEXT_FAMILIES(FAMILY_EXTERN)

#define FAMILY_ENTRY(name) &family_##name,
const struct family *const families[] = { FAMILIES(FAMILY_ENTRY) TEXT_FAMILIES(FAMILY_ENTRY) NULL };
