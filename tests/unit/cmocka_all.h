/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * cmocka wants these before itself, and in this order.
 */
#ifndef CMOCKA_ALL_H
#define CMOCKA_ALL_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
/* then */
#include <cmocka.h>

#endif
