# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
weir_system_test(modbus-matrix test_modbus_matrix.py SECONDS 500)
