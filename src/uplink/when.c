/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The wall time of a record: see when.h.
 */
#include <stdlib.h>

#include "uplink/when.h"

/* Less is no step of the clock, only how well the offset can be read. */
#define STEP_NS 100000000LL

static struct when exact(struct boot_time time, struct clock_offset offset)
{
    return (struct when){ wall_from_boot(time, offset), JSON_CLOCK_SYNCED, 0 };
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Of an earlier boot that never knew the time: it ended before this one began. */
static struct when estimate(struct boot_time time, int64_t claimed_ns, int64_t least_ns,
                            const struct when_boot *boot, struct clock_offset now)
{
    int64_t rest_ns = boot->until.ns > time.ns ? boot->until.ns - time.ns : 0;
    int64_t most_ns = now.ns - rest_ns;
    if (most_ns < least_ns) {
        claimed_ns = most_ns;
        least_ns = most_ns < clock_built().ns ? most_ns : clock_built().ns;
    }
    int64_t at_ns = claimed_ns < least_ns ? least_ns : claimed_ns > most_ns ? most_ns : claimed_ns;
    int64_t early_ns = at_ns - least_ns, late_ns = most_ns - at_ns;
    return (struct when){ { at_ns },
                          JSON_CLOCK_ESTIMATED,
                          (double)(early_ns > late_ns ? early_ns : late_ns) / (double)NS_PER_S };
}

/* What a clock that nobody vouches for says. Unless it was set in between, what was noted with the
 * record: then whoever prints the record says the same. */
static int64_t claim(struct clock_offset noted, struct clock_offset known)
{
    return known.ns && llabs(known.ns - noted.ns) >= STEP_NS ? known.ns : noted.ns;
}

struct when when_of(struct boot_time time, struct clock_offset noted, const struct when_boot *boot,
                    struct clock_offset now)
{
    struct clock_offset known = boot->this_boot ? now : boot->clock;
    if (noted.state == CLOCK_SYNCED) {
        return exact(time, noted);
    }
    if (known.state == CLOCK_SYNCED) {
        return exact(time, known);
    }
    int64_t claimed_ns = time.ns + claim(noted, known);
    int64_t least_ns = boot->floor_ns + time.ns;
    if (!boot->this_boot && now.state == CLOCK_SYNCED) {
        return estimate(time, claimed_ns, least_ns, boot, now);
    }
    if (boot->clock.state == CLOCK_SYNCED) {
        least_ns = later(least_ns, time.ns + boot->clock.ns); /* this boot did know the time once */
    }
    return (struct when){ { later(claimed_ns, least_ns) }, JSON_CLOCK_UNSYNCED, 0 };
}
