# SPDX-License-Identifier: BSD-2-Clause
"""A peer that breaks the rules (tests/hostile), many of them, and the honest client that must not notice."""
import base64
import ctypes
import os
import re
import socket
import struct
import subprocess
import threading
import time

from harness import BUILD, ROOT, Failure, check, descriptors, heap, same, sanitized, wait_for
from traffic import ask

PEER = os.path.join(BUILD, "hostile-peer")
UNAUTHENTICATED = 100  # max_unauthenticated
SOURCES = 60000  # sources of fuzzed sessions: none fails so often that a limit would end it sooner


def seed(key):
    """The secret half of an unencrypted Ed25519 key, in hex."""
    with open(key.path, encoding="ascii") as f:
        blob = base64.b64decode("".join(f.read().split("\n")[1:-2]))
    at = blob.rindex(b"ssh-ed25519") + len(b"ssh-ed25519") + 4 + 32 + 4
    return blob[at:at + 32].hex()


def peer(scene, server, *steps, key=None, source="127.0.0.2", spread=1, args=()):
    """Starts one that does the steps, from spread addresses in turn."""
    check(os.path.exists(PEER), f"{PEER} is missing: make unit")
    who = ["-k", seed(key)] if key else []
    return scene.start([PEER, *who, "-b", source, "-s", spread, *args, f"{server.host}:{server.port}", *steps], stdin=subprocess.PIPE)


def answers(scene, server, *steps, timeout=60, **kwargs):
    """Does the steps; the lines that tell what the server answered."""
    p = peer(scene, server, *steps, **kwargs)
    same(p.wait(timeout), 0, f"exit code of {p.name}: {p.log()}")
    return p.output().splitlines()


class Honest:
    """The client from 127.0.0.1: makes request after request, and a new login when told."""

    def __init__(self, scene, server, client, login_grace=30):
        self.scene, self.server, self.client, self.grace = scene, server, client, login_grace
        self.took, self.logins, self.failure, self.stop = [], [], None, threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.stop.is_set():
            begun = time.monotonic()
            try:
                ask(self.client.at[0])
            except Exception as failure:  # pylint: disable=broad-except
                self.failure = failure
                return
            self.took.append(time.monotonic() - begun)
            self.stop.wait(0.02)  # else their lines fill the disk

    def log_in(self):
        begun = time.monotonic()
        same(self.scene.run(self.scene.ssh_argv(self.server, "-W", ".status:1"), timeout=self.grace).code, 0, "code of a new login")
        self.logins.append(time.monotonic() - begun)

    def finish(self, what):
        self.stop.set()
        self.thread.join(60)
        check(not self.failure and not self.thread.is_alive(), f"a request failed or stalled: {self.failure}")
        check(self.took, "no request was made")
        print(f"{what}: requests: {figures(self.took)}; new logins: {figures(self.logins)}")


def figures(seconds):
    """How many, and how long they took."""
    ordered = sorted(seconds)
    return f"{len(ordered)} (median {ordered[len(ordered) // 2] * 1000:.1f} ms, longest {ordered[-1] * 1000:.1f} ms)" if ordered else "no"


class Rest:
    """What the server has at rest, and must have again: its processes, the monitor's descriptors, memory."""

    GROWTH = 8192  # KiB, of monitor and spawner each: what the allocator keeps of the worst moment

    def __init__(self, server):
        self.server = server
        self.kept = set(server.sessions())
        self.pids = (server.pid, server.monitor, server.spawner())
        self.before = self._now()
        self.peak_sessions = self.peak_descriptors = 0
        self.heaps = [heap(p) for p in self.pids]

    def _now(self):
        return (set(self.server.sessions()), sorted(re.sub(r"\d+", "N", d) for d in descriptors(self.server.monitor).values()))

    def watch(self):
        """Keeps the highest figures."""
        self.peak_sessions = max(self.peak_sessions, len(self.server.sessions()))
        self.peak_descriptors = max(self.peak_descriptors, len(descriptors(self.server.monitor)))

    def check(self, what, sessions):
        """sessions: more than these and the ones before there never were."""
        print(f"{what}: at most {self.peak_sessions} sessions, {self.peak_descriptors} descriptors of the monitor")
        check(self.peak_sessions <= sessions + len(self.kept), f"{self.peak_sessions} sessions with {what}")
        # Who waits for his session has three, a session one; the processes were counted at another moment than the descriptors.
        most = len(self.before[1]) + 3 * sessions + 16
        check(self.peak_descriptors <= most, f"{self.peak_descriptors} descriptors with {what}")
        wait_for(f"the server has what it had before {what}", lambda: self._now() == self.before, 60)
        check(self.server.running() and self.pids == (self.server.pid, self.server.monitor, self.server.spawner()), "the monitor and the spawner are the same")
        for pid, then in zip(self.pids, [] if sanitized() else self.heaps):  # the sanitizer gives nothing back
            check(heap(pid) <= then + self.GROWTH, f"memory of {pid} after {what}: {heap(pid)} KiB, before: {then} KiB")


def fuzzed(scene, sessions, workers=8):
    """So many fuzzed sessions beside an honest client; then nothing crashed, hangs or stays."""
    endpoint, server, client = scene.tunnel(serve=_serve, args=("-q",))
    ask(client.at[0])
    key, at_rest = scene.key(), Rest(server)
    honest = Honest(scene, server, client)
    each, begun = -(-sessions // workers), time.monotonic()
    peers = [peer(scene, server, key=key, source="127.1.0.1", spread=SOURCES, args=("-f", f"{1 + n * each}-{(n + 1) * each}")) for n in range(workers)]
    while any(p.running() for p in peers):
        at_rest.watch()
        time.sleep(0.1)
    for p in peers:
        same(p.wait(), 0, f"exit code of {p.name}: {p.output()}{p.log()}")
    sums = [sum(int(n) for n in column) for column in zip(*(re.findall(r"\d+", p.output()) for p in peers))]
    print(f"{sums[0]} fuzzed sessions in {time.monotonic() - begun:.0f} s: {sums[1]} logged in, {sums[2]} were told why they were disconnected")
    check(sums[1] > sessions // 4, "hardly one logged in: they do not reach what is behind the login")
    honest.log_in()
    honest.finish("beside them")
    at_rest.check("fuzzed sessions", workers * 4)
    check(not re.search(r"died of signal|exited with|broke the protocol", server.log()), "a session crashed, or broke the protocol")
    check(endpoint.count > len(honest.took), "no fuzzed session reached the endpoint")


def _serve(connection):
    """An echo that is not surprised by anything."""
    while data := connection.recv(65536):
        connection.sendall(data)
    connection.shutdown(1)


def floods(scene, silent, half, garbage, keys):
    """Strangers from 127.0.0.2-9, so many of each kind, one kind after the other, beside an honest client from 127.0.0.1."""
    endpoint, server, client = scene.tunnel(serve=_serve, args=("-q",))
    ask(client.at[0])
    kept = {"spread": 8, "args": ("-n", silent, "-r", 1000)}, {"spread": 8, "args": ("-n", half, "-r", 100)}
    kinds = [
        (f"{silent} connections that send nothing", ["keep"], kept[0], 1),
        (f"{half} half-done key exchanges", ["half", "keep"], kept[1], 1),
        (f"{garbage} garbage banners, 200 a second", ["raw:" + b"GET / HTTP/1.1\r\n\r\n".hex()], {"spread": 8, "args": ("-n", garbage, "-r", 200)}, 1),
        (f"{keys} wrong keys", ["version", "kex", "auth"], {"args": ("-w", 5000, "-n", -(-keys // 8))}, 8)]
    for what, steps, kwargs, count in kinds:
        at_rest, honest = Rest(server), Honest(scene, server, client)
        peers = [peer(scene, server, *steps, source=f"127.0.0.{2 + n}", **kwargs) for n in range(count)]
        if steps[-1] == "keep":
            peers[0].expect("kept", timeout=120, text=peers[0].output)
        for _ in range(3):
            honest.log_in()
            at_rest.watch()
        while steps[-1] != "keep" and any(p.running() for p in peers):
            honest.log_in()
            at_rest.watch()
        for p in peers:
            p.popen.stdin.close()
            same(p.wait(60), 0, f"exit code of {p.name}: {p.log()}")
        honest.finish(what)
        at_rest.check(what, UNAUTHENTICATED + 1)
        same(re.findall(r"died of signal.*|broke the protocol.*", server.log()), [], f"crashes with {what}")


def borrow(session):
    """The socket with which a session process (its pid) talks to the monitor, as root may take it: a session that lies can be made of one."""
    syscall = ctypes.CDLL(None, use_errno=True).syscall
    process = os.pidfd_open(session)
    for fd in (fd for fd, what in descriptors(session).items() if what.startswith("socket:")):
        mine = syscall(438, process, fd, 0)  # pidfd_getfd
        if mine < 0:
            raise OSError(ctypes.get_errno(), f"pidfd_getfd of descriptor {fd} of process {session}")
        taken = socket.socket(fileno=mine)
        if taken.type == socket.SOCK_SEQPACKET:
            os.close(process)
            return taken
        taken.close()
    raise Failure(f"no socket to the monitor in {descriptors(session)}")


def message(name, *fields, text=b""):
    """One of sshipc-server/proto/message.h: its number is its place there; fields are 32 bits each, and follow the id, which is 0."""
    with open(f"{ROOT}/sshipc-server/proto/message.h", encoding="utf-8") as f:
        names = re.findall(r"\bMESSAGE_(\w+)", re.search(r"^enum message_type \{(.*?)MESSAGE_TYPES", f.read(), re.M | re.S).group(1))
    return struct.pack(f"={2 + len(fields)}I", 1 + names.index(name), 0, *fields) + (text + b"\0" if text else b"")
