# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
"""Every crash state of a real file system: what ../blocks.py is made of.

    kernel   what Python's library lacks: mount, name spaces, loop devices, memcmp
    record   a writer on ext4 on a logged disk; what reached the disk, in order
    log      reads such a recording
    states   the contents that the disk may have after a power cut
    replay   mounts them, one after the other, and asks the checker
"""
