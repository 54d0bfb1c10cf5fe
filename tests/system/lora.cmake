# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
weir_system_test(lora test_lora.py SECONDS 600 ROLES)
