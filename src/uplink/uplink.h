/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The uplink process: delivers to one destination. Started by core as `weir uplink NAME`, or by
 * hand, in the foreground. Returns the exit status.
 */
#ifndef UPLINK_UPLINK_H
#define UPLINK_UPLINK_H

int uplink_main(int argc, char **argv);

#endif
