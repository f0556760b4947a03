# SPDX-License-Identifier: BSD-2-Clause
"""A real systemd as PID 1 of its own namespaces (processes, mounts, cgroups, network), with our programs and units where a package puts them."""
import os
import shutil
import subprocess

from harness import AS_ROOT, BUILD, ROOT, Failure, children, skip, wait_for

INIT = "/lib/systemd/systemd"
# /usr, /etc and /var are the machine's, and what is written there stays in a memory of its own.
BOOT = r"""
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=0755 none "$STAGE"
for d in usr etc var; do
    mkdir "$STAGE/$d.new" "$STAGE/$d.work"
    mount -t overlay -o "lowerdir=/$d,upperdir=$STAGE/$d.new,workdir=$STAGE/$d.work" overlay "/$d"
done
rm -rf /etc/systemd/system /etc/sshipc
mkdir -p /etc/systemd/system /etc/sshipc /usr/libexec/sshipc
install -m 755 "$BUILD/sshipc-server" /usr/sbin/
install -m 755 "$BUILD/sshipc-client" /usr/bin/
install -m 755 "$BUILD/sshipc-session" /usr/libexec/sshipc/
install -m 644 "$ROOT"/etc/systemd/* /etc/systemd/system/
printf '[Journal]\nStorage=volatile\nReadKMsg=no\n' >/etc/systemd/journald.conf
# A sanitizer's search for leaks traces its process, which the units do not permit.
mkdir -p /etc/systemd/system.conf.d
printf '[Manager]\nDefaultEnvironment=ASAN_OPTIONS=detect_leaks=0\n' >/etc/systemd/system.conf.d/sanitized.conf
printf '[Unit]\nDescription=nothing but the manager\n' >/etc/systemd/system/bare.target
ip link set lo up
exec "$ROOT/scripts/boot-systemd" --unit=bare.target
"""


class Manager:
    def __init__(self, scene):
        if not AS_ROOT:
            skip("a systemd of its own takes root")
        if not os.path.exists(INIT):
            skip("no systemd here")
        stage = scene.path("stage")
        os.mkdir(stage)
        self.process = scene.start(["unshare", "-p", "-f", "-m", "-n", "--mount-proc", "--kill-child", "sh", "-c", BOOT],
                                   env={"STAGE": stage, "BUILD": BUILD, "ROOT": ROOT})
        self.pid = wait_for("the first process of the namespaces", lambda: children(self.process.pid))[0]
        self.space = os.stat(f"/proc/{self.pid}/ns/pid").st_ino
        if wait_for("systemd runs, or does not", self._state, 60) == "ended":
            skip("no systemd can run here: " + (self.process.log().strip().splitlines() or ["it has ended"])[-1])

    def _state(self):
        if not self.process.running():
            return "ended"
        return self.run("systemctl", "is-active", "bare.target", code=None).strip() == "active"

    def argv(self, *argv):
        """A command in the namespaces."""
        return ["nsenter", "-t", str(self.pid), "-p", "-m", "-C", "-n", "-u", "-i", "--", *argv]

    def run(self, *argv, code=0, timeout=60):
        """What it prints, with its exit code (None: any)."""
        got = subprocess.run(self.argv(*argv), capture_output=True, text=True, timeout=timeout, check=False)
        if code is not None and got.returncode != code:
            raise Failure(f"{argv}: exit code {got.returncode}, not {code}: {got.stdout}{got.stderr}{self.process.log()}")
        return got.stdout + got.stderr

    def write(self, path, text, mode=0o644):
        self.run("sh", "-c", 'mkdir -p "$(dirname "$1")"; printf %s "$2" >"$1"; chmod "$3" "$1"', "sh", path, text, f"{mode:o}")

    def property(self, unit, name):
        return self.run("systemctl", "show", "--value", "-p", name, unit).strip()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        """Its end is that of all its processes."""
        if error is not None and not isinstance(error, SystemExit):
            print(self.run("journalctl", "--no-pager", "-n", "200", "-u", "sshipc-*", code=None) if shutil.which("journalctl") else "", self.process.log())
        if self.process.running():
            os.kill(self.pid, 9)
            self.process.wait()
        subprocess.run([ROOT + "/scripts/boot-systemd", "--forget", str(self.space)], check=False)


def security(unit):
    """What `systemd-analyze security` finds: 0 (safe) to 10."""
    tool = shutil.which("systemd-analyze")
    if not tool:
        skip("no systemd-analyze here")
    got = subprocess.run([tool, "security", "--offline=true", "--no-pager", unit], capture_output=True, text=True, timeout=60, check=False)
    return float(got.stdout.rsplit(": ", 1)[1].split()[0])
