#!/bin/sh
# Takes out of a Debian root file system what no process of ours runs: the package manager, Perl,
# documentation, the C library's tables of old character sets (Python has its own), and the parts
# of Python that install or develop. For the Dockerfile alone. What packages were installed stays on
# record in /var/lib/dpkg, for those who look for known flaws.
set -eu

rm -rf /usr/bin/apt* /usr/bin/dpkg* /usr/bin/perl* /usr/lib/apt /usr/lib/dpkg /etc/apt \
  /usr/lib/*-linux-gnu/gconv /usr/lib/*-linux-gnu/perl* /usr/lib/*-linux-gnu/libperl.so* /usr/lib/*-linux-gnu/libapt-*.so* \
  /usr/share/perl* /usr/share/doc /usr/share/info /usr/share/man /usr/share/locale \
  /usr/share/lintian /usr/share/bash-completion /usr/share/python-wheels \
  /var/cache /var/lib/apt /var/lib/dpkg/info /var/log
for python in /usr/lib/python3* /usr/local/lib/python3*; do
  rm -rf "$python/ensurepip" "$python/idlelib" "$python/lib2to3" "$python/pydoc_data" \
    "$python/test" "$python/tkinter" "$python/turtledemo" "$python"/config-3*
done
# The official image has pip and setuptools here, and nothing else.
rm -rf /usr/local/bin/pip* /usr/local/bin/idle* /usr/local/bin/2to3* /usr/local/include \
  /usr/local/lib/python3*/site-packages/*
mkdir -p /var/cache /var/log

echo 'trellis:x:65532:65532:Trellis:/tmp:/usr/sbin/nologin' >> /etc/passwd
echo 'trellis:x:65532:' >> /etc/group
