# SPDX-License-Identifier: BSD-2-Clause
"""A container without an engine: a root of nothing but our programs and their libraries, which is read-only, and in which a program is process 1 of
a user that no file knows.  Settings and secrets are mounted as an orchestrator does: root's, for a group of the process."""
import os
import re
import shutil
import subprocess

from basics import children, skip, wait_for
from harness import AS_ROOT, CLIENT, SERVER, SESSION

UID, GROUP = 10001, 20001
SET_UP = """
unset HOME # as where a uid has no account
set -eu
mount --bind "$1" "$1" && cd "$1"
mount -t proc proc proc
mount -t tmpfs -o mode=755 dev dev
mknod -m 666 dev/null c 1 3; mknod -m 666 dev/urandom c 1 9
for folder in $2; do mount -t tmpfs -o mode=755,uid=$3 tmpfs .$folder; done
mount -o remount,bind,ro .
user=$3; shift 3
exec chroot --userspec=$user:$user --groups=20001 . "$@"
"""
PLACES = {"/usr/sbin/sshipc-server": SERVER, "/usr/libexec/sshipc/sshipc-session": SESSION, "/usr/bin/sshipc-client": CLIENT}


class Container:
    def __init__(self, scene, name):
        if not AS_ROOT:
            skip("a container without an engine takes root")
        self.scene, self.root = scene, scene.path(name)
        for path, source in PLACES.items():
            self.take(source, path)
            for library in re.findall(r"(?:=> |^\s+)(/\S+) \(0x", subprocess.run(["ldd", source], check=True, capture_output=True, text=True).stdout, re.M):
                self.take(library, library)
        for folder in ("proc", "dev", "run/sshipc", "etc/sshipc"):
            os.makedirs(f"{self.root}/{folder}", exist_ok=True)

    def take(self, source, path, mode=0o755, group=0):
        os.makedirs(os.path.dirname(self.root + path), exist_ok=True)
        if not os.path.exists(self.root + path):
            shutil.copy(source, self.root + path)
            os.chown(self.root + path, 0, group)
            os.chmod(self.root + path, mode)

    def write(self, path, text, mode=0o440, group=GROUP):
        self.take(self.scene.write("mounted", text), path, mode, group)
        os.unlink(self.scene.path("mounted"))

    def start(self, *argv, user=UID, tmpfs=()):
        """Returns the process of unshare; its child is process 1."""
        return self.scene.start(["unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "--propagation", "private", "sh", "-c", SET_UP, "sh",
                                 self.root, " ".join(tmpfs), user, *argv])

    def execute(self, p, *argv):
        """As "podman exec" does, beside process 1."""
        return self.scene.run(["nsenter", f"--target={first(p)}", "--mount", "--pid", "--root", "--wd", f"--setuid={UID}", f"--setgid={UID}", *argv])

    def run(self, *argv, **kwargs):
        p = self.start(*argv, **kwargs)
        p.code = p.wait()
        return p


def first(p):
    """Process 1, once it is ours."""
    def ours():
        found = [c for c in children(p.pid) if os.path.basename(os.readlink(f"/proc/{c}/exe")).startswith("sshipc-")]
        return found and found[0]
    return wait_for(f"process 1 of {p.name}", ours)
