# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
#
# No ROLES: faketime is a preloaded library, and so is AddressSanitizer.
weir_system_test(clock test_clock.py SECONDS 900)
