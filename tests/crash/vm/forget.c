/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Loaded before weir by `vm.py --forget-sync`: a weir that forgets to sync. The campaign must find
 * it, or it finds nothing.
 */
int fsync(int fd);
int fdatasync(int fd);

int fsync(int fd)
{
    return 0;
}

int fdatasync(int fd)
{
    return 0;
}
