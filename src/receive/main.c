/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * weir-receive, which `weir receive` runs: the other end, as a program of its own.
 */
#include "receive/options.h"
#include "receive/receive.h"

int main(int argc, char **argv)
{
    struct options options;
    int status = EXIT_OK;

    if (options_read(&options, argc, argv, &status) < 0) {
        return status;
    }
    return receive_run(&options);
}
