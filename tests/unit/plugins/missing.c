/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The library that a plugin was linked with and that is nowhere to be found when it is loaded.
 */
__attribute__((visibility("default"))) extern int missing_call(void);
int missing_call(void)
{
    return 0;
}
