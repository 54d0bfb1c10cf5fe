# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
weir_test(uplink-trail uplink_trail.c LIBS weir_uplink)
weir_test(uplink-window uplink_window.c LIBS weir_uplink)
weir_test(uplink-meter uplink_meter.c LIBS weir_uplink)
weir_test(uplink-cursor uplink_cursor.c LIBS weir_uplink)
weir_test(uplink-when uplink_when.c LIBS weir_uplink)
