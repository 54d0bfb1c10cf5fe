/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The bus process: hosts one adapter for one port, polls or listens, appends records to its queue.
 * Core starts it (link, configuration and stats page as descriptors 3, 4 and 5, WEIR_CHILD in the
 * environment); by hand it is `weir bus NAME [-c FILE]`.
 */
#ifndef BUS_BUS_H
#define BUS_BUS_H

/* argv[0] is "bus". Returns the exit status. */
int bus_main(int argc, char **argv);

#endif
