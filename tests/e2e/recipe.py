# SPDX-License-Identifier: BSD-2-Clause
"""The recipes of etc/recipes, followed as a reader does: on machines of their own, with the commands and the files as they stand there.

A machine is a network and a mount namespace: its own 127.0.0.1, /etc, /run, /tmp, /root and /usr/local (where our programs are installed), so that
no address and no path of a recipe has to be another one in its test.  All machines see the recipe's folder, in which the commands run: what
one leaves there another finds, which stands for carrying a file over.

A block of commands begins with ```sh MACHINE.  Commands run to their end with exit code 0, but for those that stay: they are left running once
they have said what STAYS has for them."""
import contextlib
import os
import re
import shutil
import signal
import subprocess
import time

from harness import AS_ROOT, CLIENT, ROOT, SERVER, SESSION, check, same, skip, wait_for

STAYS = {"sshipc-server": "listening on ", "sshipc-client": "ready: "}
ENDS = re.compile(r"sshipc-server (.*-[tT]|--generate-hostkey|ctl|.*--explain)\b|sshipc-client (.*-[tT]|.*--check|.*--keygen|.* -- |.*--print)")
SET_UP = """set -eu
{mounts}
ip link set lo up
mkdir -p /run/lock
echo up
exec sleep infinity
"""


def _namespaces(scene, name, script):
    """A process that holds a network and a mount namespace, once its script has said "up"."""
    held = scene.start(["unshare", "--net", "--mount", "--propagation", "private", "sh", "-c", script])
    wait_for(f"the namespaces of {name}", lambda: "up\n" in held.output() or not held.running())
    check(held.running(), f"the namespaces of {name}: {held.log()}")
    return held


class Machine:
    def __init__(self, recipe, name, host, own=()):
        """own: further folders of its own, empty at first."""
        self.recipe, self.scene, self.name, self.host = recipe, recipe.scene, name, host
        self.root, self.bin = self.scene.path(f"machine-{name}"), self.scene.path(f"bin-{name}")
        os.mkdir(self.root)
        os.mkdir(self.bin)
        seen = self.root if self.scene.folder.startswith("/tmp/") else ""  # the scene's folder must stay in sight
        folders = " ".join(self.root + path for path in ("/home", "/run", "/tmp", *own))
        mounts = [f"mount -t tmpfs -o mode=755 none {self.root}", f"mkdir -p {folders}", f"chmod 1777 {self.root}/tmp", f"cp -a /etc {self.root}"]
        if seen:
            mounts += [f"mkdir {seen}{self.scene.folder}", f"mount --bind {self.scene.folder} {seen}{self.scene.folder}"]
        mounts += [f"mount --bind /usr/local {seen}{recipe.local}", f"mount --bind {recipe.installed} /usr/local", f"mount --bind {self.root}/home /root"]
        mounts += [f"mount --rbind {self.root}{path} {path}" for path in ("/etc", "/run", *own, "/tmp")]
        self.held = _namespaces(self.scene, name, SET_UP.format(mounts="\n".join(mounts)))
        self.namespace = os.readlink(f"/proc/{self.held.pid}/ns/mnt")
        self.scene.closers.append(self.end)
        self.address = recipe.network.join(self)
        self.env = {"HOME": "/root", "PATH": f"{self.bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:{recipe.local}/bin"}

    def within(self):
        """The words before a command that is to run here."""
        return ["nsenter", f"--mount=/proc/{self.held.pid}/ns/mnt", f"--net=/proc/{self.held.pid}/ns/net"]

    def start(self, line, user=None, env=None, stdin=subprocess.DEVNULL):
        """Starts a line of shell in the recipe's folder."""
        command = line if re.search(r"[|;&]", line) else f"exec env {line}"  # what stays is then ended by its own pid
        who = ["setpriv", f"--reuid={user}", "--regid=nogroup", "--clear-groups"] if user else []
        argv = [*self.within(), *who, "sh", "-c", f"cd {self.recipe.folder} && {command}"]
        p = self.scene.start(argv, env={**self.env, **(env or {})}, stdin=stdin)
        p.ours, p.name = line.startswith("sshipc-"), f"{self.name}: {line}"
        return p

    def run(self, line, code=0, timeout=30, **kwargs):
        """Runs it to its end and returns what it printed."""
        p = self.start(line, **kwargs)
        same(p.wait(timeout), code, f"exit code on {self.name} of {line}: {p.output()}{p.log()}")
        p.ours = False
        return p.output()

    def stay(self, line, says=None, **kwargs):
        """Starts what stays, and waits for what it says first."""
        p = self.start(line, **kwargs)
        says = says or self.recipe.stays[line.split()[0]]
        wait_for(f"{self.name}: {line} says {says!r}", lambda: says in p.log() + p.output() or not p.running(), 30)
        check(says in p.log() + p.output(), f"{self.name}: {line} ended ({p.popen.returncode}): {p.log()}")
        return p

    def end(self):
        """Ends what has put itself into the background here, and what that has started meanwhile."""
        while any([self._end(pid) for pid in filter(str.isdigit, os.listdir("/proc"))]):
            time.sleep(0.01)

    def _end(self, pid):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{pid}/ns/mnt") == self.namespace:
                os.kill(int(pid), signal.SIGKILL)
                return True
        return False

    def path(self, path):
        """Where a file of this machine is seen from outside."""
        return f"/proc/{self.held.pid}/root{path}"

    def program(self, name, text):
        """A program that only this machine has."""
        return self.scene.write(f"bin-{self.name}/{name}", text, 0o755)


class Network:
    """A router that joins the machines: the n-th is 192.0.2.n."""

    def __init__(self, scene):
        self.machines, self.router = [], _namespaces(scene, "the router", "ip link set lo up; echo 1 >/proc/sys/net/ipv4/ip_forward; echo up; exec sleep infinity")

    def _ip(self, held, *lines):
        subprocess.run(["nsenter", f"--net=/proc/{held.pid}/ns/net", "ip", "-batch", "-"], check=True, timeout=20, input="\n".join(lines), text=True)

    def join(self, machine):
        self.machines.append(machine)
        n = len(self.machines)
        self._ip(self.router, f"link add m{n} type veth peer name eth0 netns {machine.held.pid}", f"addr add 10.232.{n}.1/24 dev m{n}", f"link set m{n} up",
                 f"route add 192.0.2.{n}/32 via 10.232.{n}.2")
        self._ip(machine.held, f"addr add 10.232.{n}.2/24 dev eth0", f"addr add 192.0.2.{n}/32 dev eth0", "link set eth0 up",
                 f"route add default via 10.232.{n}.1 src 192.0.2.{n}")
        return f"192.0.2.{n}"

    def cut(self, machine):
        """Nothing reaches this machine any more, and its own end of the link does not know."""
        self._ip(self.router, f"route replace blackhole 192.0.2.{self.machines.index(machine) + 1}/32")

    def mend(self, machine):
        n = self.machines.index(machine) + 1
        self._ip(self.router, f"route del blackhole 192.0.2.{n}/32", f"route replace 192.0.2.{n}/32 via 10.232.{n}.2")


class Recipe:
    def __init__(self, scene, name, machines, own=()):
        """machines: name in the README -> host name there, or "" for one that nobody names."""
        if not AS_ROOT:
            skip("machines of their own (namespaces) take root")
        probe = subprocess.run(["unshare", "--net", "--mount", "mount", "-t", "tmpfs", "none", "/run"], capture_output=True, text=True, check=False)
        if probe.returncode:
            skip(f"no namespaces here: {probe.stderr.strip()}")
        self.scene, self.name, self.processes, self.stays = scene, name, {}, dict(STAYS)
        self.source, self.folder = f"{ROOT}/etc/recipes/{name}", scene.path(f"clone/etc/recipes/{name}")
        shutil.copytree(self.source, self.folder)
        shutil.copytree(ROOT + "/scripts", scene.path("clone/scripts"))
        self.local, self.installed = scene.path("host-local"), scene.path("installed")
        os.mkdir(self.local)
        for source, to in ((SERVER, "sbin"), (SESSION, "libexec/sshipc"), (CLIENT, "bin")):
            os.makedirs(f"{self.installed}/{to}")
            shutil.copy(source, f"{self.installed}/{to}")
        self.network = Network(scene)
        self.machines = {m: Machine(self, m, host, own) for m, host in machines.items()}
        for machine in self.machines.values():
            with open(machine.path("/etc/hosts"), "a", encoding="ascii") as f:
                f.write("".join(f"{m.address} {m.host}\n" for m in self.machines.values() if m.host))
        with open(self.source + "/README.md", encoding="utf-8") as f:
            self.readme = f.read()
        self.blocks = [(head.split(), body) for head, body in re.findall(r"^```([^\n]*)\n(.*?)^```$", self.readme, re.M | re.S)]
        for head, body in self.blocks:
            check(head and (head[0] != "sh" or (len(head) == 2 and head[1] in machines)), f"a block that nobody runs: {head} {body}")
        self.todo = [(head[1], line) for head, body in self.blocks if head[0] == "sh" for line in body.splitlines()]

    def __getitem__(self, name):
        return self.machines[name]

    def block(self, language):
        """The text of the one block of this language, which the test runs by itself."""
        found = [body for head, body in self.blocks if head == [language]]
        same(len(found), 1, f"blocks of {language}")
        return found[0]

    def follow(self, until=None):
        """Runs the commands of the README, from where the last call stopped; until: the beginning of the line to stop after.
        Returns what the last one printed, or its process if it stays."""
        result = None
        while self.todo:
            machine, line = self.todo.pop(0)
            word = line.split()[0]
            if word in self.stays and not ENDS.match(line):
                result = self.processes[line] = self[machine].stay(line)
            else:
                result = self[machine].run(line)
            if until and line.startswith(until):
                return result
        check(not until, f"no line left that begins with {until}")
        return result

    def again(self, line):
        """A command that stays, ended by SIGTERM and started once more."""
        machine = next(m for m, command in ((h[1], c) for h, b in self.blocks if h[0] == "sh" for c in b.splitlines()) if command == line)
        if self.processes[line].running():
            self.processes[line].end(signal.SIGTERM)
        self.processes[line] = self[machine].stay(line)
        return self.processes[line]
