/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The world of a campaign: a clock and a boot id that stand still until told otherwise, in place of
 * those of src/base, so that a seed gives the same bytes again; and a log that says nothing.
 */
#ifndef FILES_SIM_H
#define FILES_SIM_H

#include <stdint.h>

void sim_boot(uint64_t number); /* the boot with this number: its id, and time from 1 s on */
void sim_pass_ms(int64_t ms);
void sim_loud(void); /* log lines go to stderr */

#endif
