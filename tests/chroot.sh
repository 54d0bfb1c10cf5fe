#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the weir authors
#
# Tries commands on a bare Debian: an empty chroot with /proc, /sys, /dev/pts and /dev/shm, one user
# who may use sudo, and a fresh `git clone` of this tree's HEAD. Needs root (or sudo) and mmdebstrap.
#
#     tests/chroot.sh [SUITE] [COMMAND...]      default: bookworm "./dev demo --seconds 30" "./dev test"
#
# Everything happens in name spaces of its own (mounts, processes), so nothing outlives it; the chroot is
# removed. MIRROR names the archive, WEIR_CHROOT_DIR the folder (default /var/tmp).
set -euo pipefail

suite=${1:-bookworm}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- "./dev demo --seconds 30" "./dev test"
mirror=${MIRROR:-http://deb.debian.org/debian}
source_dir=$(dirname "$(dirname "$(readlink -f "$0")")")

if [ "$(id -u)" != 0 ]; then
    exec sudo -n "MIRROR=$mirror" "WEIR_CHROOT_DIR=${WEIR_CHROOT_DIR:-/var/tmp}" "$0" "$suite" "$@"
fi
if [ "${WEIR_CHROOT_INSIDE:-}" = "" ]; then
    WEIR_CHROOT_INSIDE=$(mktemp -d "${WEIR_CHROOT_DIR:-/var/tmp}/weir-chroot-XXXXXX")
    export WEIR_CHROOT_INSIDE
    trap 'rm -rf --one-file-system "$WEIR_CHROOT_INSIDE"' EXIT
    unshare --mount --pid --fork --kill-child "$0" "$suite" "$@"
    exit
fi

root=$WEIR_CHROOT_INSIDE/root
mmdebstrap --quiet --variant=minbase --include=ca-certificates,git,sudo "$suite" "$root" "$mirror"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mkdir -p "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts "$root/dev/pts"
ln -sf pts/ptmx "$root/dev/ptmx"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
cp /etc/resolv.conf "$root/etc/resolv.conf"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" # no service starts in here
chmod 0755 "$root/usr/sbin/policy-rc.d"

chroot "$root" useradd --create-home --shell /bin/bash tester
echo 'tester ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/tester"
git -C "$source_dir" -c "safe.directory=$source_dir" bundle create -q "$root/home/tester/weir.bundle" HEAD
chroot "$root" su - tester -c 'git -c advice.detachedHead=false -c init.defaultBranch=main clone -q weir.bundle weir'

status=0
for command in "$@"; do
    start=$SECONDS
    echo "chroot $suite: $command"
    if chroot "$root" su - tester -c "cd weir && $command"; then
        echo "chroot $suite: ok, $((SECONDS - start)) s: $command"
    else
        status=$?
        echo "chroot $suite: FAILED with status $status, $((SECONDS - start)) s: $command"
        break
    fi
done
exit $status
