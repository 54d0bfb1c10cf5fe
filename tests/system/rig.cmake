# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
weir_system_test(rig.meters test_rig_meters.py)
weir_system_test(rig.wire test_rig_wire.py)
weir_system_test(rig.mqtt test_rig_mqtt.py)
