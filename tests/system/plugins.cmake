# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
weir_system_test(plugins test_plugins.py SECONDS 300 ROLES)
weir_system_test(reload test_reload.py SECONDS 300 ROLES)
weir_system_test(configuration test_configuration.py)
