# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
weir_system_test(demo ../demo/demo.py --seconds 15 ROLES)
weir_system_test(demo-city ../demo/city.py --seconds 12 --page ${PROJECT_BINARY_DIR}/city.html)
