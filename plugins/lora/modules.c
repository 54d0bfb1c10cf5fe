/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Every kind of module that the adapter knows.
 */
#include "module.h"

extern const struct module reyax_rylr896, reyax_rylr998, rak_rui3, microchip_rn2483,
    microchip_rn2903, seeed_wio_e5, ebyte_e22, ebyte_e220, ebyte_e32;

const struct module *const modules[] = {
    &reyax_rylr896, &reyax_rylr998, &rak_rui3,   &microchip_rn2483, &microchip_rn2903,
    &seeed_wio_e5,  &ebyte_e22,     &ebyte_e220, &ebyte_e32,        NULL,
};
