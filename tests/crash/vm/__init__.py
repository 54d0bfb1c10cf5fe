# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""Parts of vm.py.

    tap.py       +-- the machine --------------------+
   meter-sim ----|-- weir --------------------------|---- mqtt_proxy.py --- mosquitto --- receive
     truth       |    |  /run/weir: RAM             |      up, down, mute                  judge.py
                 +----|------------------------------+
                      +-- /data: ext4 --- disk.py, which loses what was not flushed

image.py makes what the machine boots, machine.py runs it, judge.py compares both ends.
"""
