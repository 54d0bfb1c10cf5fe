/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What a plan would cost the card if the link were down all day: an estimate from the settings
 * alone, deadbands left out of account. docs/durability.md has what was measured.
 */
#include <math.h>

#include "base/clock.h"
#include "config/private.h"

/* A record of n values, and what a group has besides (its head, cursors, an epoch a bus). */
#define RECORD_BYTES(values) (13.0 + 5.0 * (double)(values))
#define GROUP_BYTES          300.0
#define GROUP_BUS_BYTES      100.0
#define BLOCK_BYTES          4096.0

#define DAY_S          86400.0
#define BACK_TO_BACK_S 0.01  /* every = "0s": as fast as a quick device answers */
#define AT_ONCE_S      0.005 /* persist_after = "0": groups follow each other so fast at most */
#define MOST_MB        100.0

void check_flash_bus(struct flash_plan *plan, const struct bus_config *bus)
{
    plan->buses++;
    for (size_t i = 0; i < bus->bus.device_count; i++) {
        double every_s = (double)bus->devices[i].every_ns / (double)NS_PER_S;
        size_t values = bus->bus.devices[i].point_count;
        const struct window_config *window = &bus->devices[i].window;
        if (window->period_ns) { /* points without window would come on top of it */
            every_s = (double)window->period_ns / (double)NS_PER_S;
            values *= (size_t)__builtin_popcount(window->functions);
        }
        if (values > 0) { /* a device that talks by itself has none: nobody knows how often */
            every_s = every_s > BACK_TO_BACK_S ? every_s : BACK_TO_BACK_S;
            plan->records_per_s += 1 / every_s;
            plan->bytes_per_s += RECORD_BYTES(values) / every_s;
        }
    }
}

double check_flash_mb_a_day(const struct flash_plan *plan, int64_t persist_after_ns)
{
    /* Records go to flash when four fifths of their time are up. */
    double period_s = 0.8 * (double)persist_after_ns / (double)NS_PER_S;
    double least_s = plan->records_per_s > 0 ? 1 / plan->records_per_s : DAY_S;
    least_s = least_s > AT_ONCE_S ? least_s : AT_ONCE_S;
    period_s = period_s > least_s ? period_s : least_s;
    double group = GROUP_BYTES + GROUP_BUS_BYTES * plan->buses + plan->bytes_per_s * period_s;
    return ceil(group / BLOCK_BYTES) * BLOCK_BYTES * DAY_S / period_s / 1e6;
}

void check_flash(struct config *config, struct findings *findings, const struct settings *settings,
                 const struct flash_plan *plan)
{
    config_setting_t *spool = config_group(config, "spool", NULL);
    double mb = check_flash_mb_a_day(plan, settings->persist_after_ns);
    if (settings->uplinks.count > 0 && mb > MOST_MB) {
        tree_find(findings, spool ? spool : config_root_setting(&config->tree), WEIR_LOG_WARNING,
                  "with the link down this plan writes about %.0f MB a day, and what the file "
                  "system adds; a longer persist_after or every makes it less",
                  mb);
    }
}
