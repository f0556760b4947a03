# SPDX-License-Identifier: BSD-2-Clause
"""Users that only a program of ours sees, in /etc/passwd and /etc/group of a mount namespace of its own."""
from types import SimpleNamespace

from harness import AS_ROOT, skip

ANN = SimpleNamespace(name="ann", uid=64001, gid=64101, groups=[64101, 64110, 64111])
BEN = SimpleNamespace(name="ben", uid=64002, gid=64102, groups=[64102, 64111])
# toor and wheel are root by another name.
PASSWD = "".join(f"{u.name}:x:{u.uid}:{u.gid}::/nonexistent:/bin/sh\n" for u in (ANN, BEN)) + "toor:x:0:64101::/:/bin/sh\nwheel:x:64003:0::/:/bin/sh\n"
GROUP = "ann:x:64101:\nben:x:64102:\nengines:x:64110:ann\ntools:x:64111:ann,ben\n"
BIND = 'mount --bind "$1" /etc/passwd && mount --bind "$2" /etc/group && shift 2 && exec "$@"'


def wrap(scene):
    """The words before the arguments of a program."""
    if not AS_ROOT:
        skip("only root can become another user")
    words = ["unshare", "-m", "sh", "-c", BIND, "sh"]
    for name, more in (("passwd", PASSWD), ("group", GROUP)):
        with open(f"/etc/{name}", encoding="utf-8") as f:
            words.append(scene.write(name, f.read() + more, 0o644))
    return words
