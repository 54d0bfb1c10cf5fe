# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
weir_system_test(receive test_receive.py ROLES)
weir_system_test(receive-any test_receive_any.py ROLES)
weir_system_test(receive-clock test_receive_clock.py ROLES)
weir_system_test(receive-kill test_receive_kill.py ROLES)
