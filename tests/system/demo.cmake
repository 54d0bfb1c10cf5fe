# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
weir_system_test(demo ../demo/demo.py --seconds 15 ROLES)
