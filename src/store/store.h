/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * `weir store`: the only process that writes flash. See books.h for what it does.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

int store_main(int argc, char **argv);

#endif
