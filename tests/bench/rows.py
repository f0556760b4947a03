# SPDX-License-Identifier: BSD-2-Clause
"""The rows: what is measured of a peer, with bench-load.  Each function is one row and returns {metric: value}; report.py has the words."""
import dataclasses
import json
import math
import os
import re
import resource
import signal
import statistics
import subprocess
import sys
import time

from harness import Client, alive, check, dial, proc, wait_for
from peers import LOAD, free_ports, helper

GIB = 1 << 30


@dataclasses.dataclass
class Sizes:
    warm: int = 100  # ms before each measurement, and its length
    length: int = 400
    far_warm: int = 500  # the same for long paths, where windows open
    far_length: int = 400
    one_way: int = 25  # ms
    idle: int = 500
    many: int = 10000
    sessions: int = 300


QUICK = Sizes(length=250, far_length=300, idle=200)
SMOKE = Sizes(warm=5, length=20, far_warm=15, far_length=20, one_way=3, idle=10, many=50, sessions=3)


def trees(pids):
    """The processes, and all that they have started."""
    above = {}
    for pid in (int(p) for p in os.listdir("/proc") if p.isdigit()):
        if stat := proc(pid, "stat"):
            state, parent = stat.rpartition(")")[2].split()[:2]
            if state not in "ZX":
                above[pid] = int(parent)
    found, new = set(), set(pids) & set(above)
    while new:
        found |= new
        new = {p for p, parent in above.items() if parent in found} - found
    return sorted(found)


def pss(pids):
    """KiB of memory of their own, and their shares of what they share; NaN if one may not be looked at."""
    found = {p: re.search(r"^Pss:\s+(\d+)", proc(p, "smaps_rollup"), re.M) for p in pids}
    return sum(int(f.group(1)) if f else math.nan for p, f in found.items() if f or alive(p))


def cpu(pids):
    """Seconds; the kernel's clock of each process, as clock_getcpuclockid(3) makes its number."""
    return sum(time.clock_gettime(~p << 3 | 2) for p in pids if proc(p, "stat"))


def settle(pids):
    """Waits until what one measurement left behind has been dealt with."""
    deadline, before = time.monotonic() + 3, cpu(pids)
    while time.monotonic() < deadline:
        time.sleep(0.02)
        now = cpu(pids)
        if now - before < 0.0005:
            return
        before = now


class Tunnel:
    """A running client of a peer, or, for "direct", nothing but the port."""

    def __init__(self, scene, peer, one_way):
        server_port = helper(scene, "relay", str(peer.port), str(one_way))[1] if one_way else peer.port
        self.name, self.server_port, self.client, self.port, self.far = peer.name, server_port, None, server_port, one_way > 0
        self.roots = [peer.server.pid] if peer.server else []
        if peer.server:
            self.port = free_ports(scene)
            self.client = scene.start(peer.argv(self.port, server_port))
            wait_for(f"{peer.name} carries a connection", self.carries, 30)

    def carries(self):
        check(self.client.running(), f"{self.client.name} ended: {self.client.log()}")
        try:
            with dial(f"127.0.0.1:{self.port}", 10) as s:
                s.sendall(b"E")
                return s.recv(1) == b"E"
        except OSError:
            return False

    def clients(self):
        return trees([self.client.pid]) if self.client else []

    def servers(self):
        return trees(self.roots)

    def end(self):
        self.client.end(signal.SIGKILL)  # some take their time to end in order
        settle(self.servers())


class Bench:
    """The peers with their tunnels, which are started when a row first asks for them and stay."""

    def __init__(self, scene, peers, sizes):
        self.scene, self.peers, self.sizes, self.tunnels = scene, peers, sizes, {}

    def tunnel(self, peer, far=False):
        if (peer.name, far) not in self.tunnels:
            self.tunnels[peer.name, far] = Tunnel(self.scene, peer, self.sizes.one_way if far else 0)
        return self.tunnels[peer.name, far]

    def load(self, tunnel, mode, connections=1):
        """One measurement of bench-load, with the CPU time of both sides of the tunnel."""
        clients, servers, sizes = tunnel.clients(), tunnel.servers(), self.sizes
        times = (sizes.far_warm, sizes.far_length) if tunnel.far else (sizes.warm, sizes.length)
        got = run_load("-n", connections, "-w", times[0], "-t", times[1], "-c", ",".join(map(str, clients)), "-s", ",".join(map(str, servers)),
                       mode, tunnel.port)
        if got["seconds"] > times[1] / 1e3 + 0.5:
            print(f"\n{mode} took {got['seconds']:.1f} s in place of {times[1]} ms: something stood still ({tunnel.name})", file=sys.stderr)
        settle(clients + servers)
        return got


def run_load(*args):
    done = subprocess.run([LOAD, *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    check(done.returncode == 0, f"{' '.join(map(str, args))}: {done.stderr.strip()[-2000:]}")
    return json.loads(done.stdout)


def cpu_each(peer, got, name, per=1e6):
    """us for each that was counted; a tunnel that is not there has none."""
    if not peer.server:
        return {}
    return {f"{name}_cpu_{side}": got[f"{side}_cpu"] / got["count"] * per for side in ("client", "server")}


def setup(bench, peer, far=False):
    if not peer.server:
        return {}
    port, tunnel = free_ports(bench.scene), bench.tunnel(peer, far)
    got = run_load("setup", port, *peer.argv(port, tunnel.server_port))
    settle(tunnel.servers())
    return {f"setup{'_50' if far else ''}": got["seconds"] * 1e3}


def request(bench, peer):
    return {"request_p50": bench.load(bench.tunnel(peer), "request")["p50_us"]}


def requests(bench, peer):
    got = bench.load(bench.tunnel(peer), "request", 64)
    return {"requests": got["count"] / got["seconds"], **cpu_each(peer, got, "request")}


def churn1(bench, peer):
    got = bench.load(bench.tunnel(peer), "churn")
    return {"churn1": got["count"] / got["seconds"]}


def churn32(bench, peer):
    got = bench.load(bench.tunnel(peer), "churn", 32)
    return {"churn32": got["count"] / got["seconds"], **cpu_each(peer, got, "connection")}


def bulk(bench, peer, connections=1, far=False):
    got = {way: bench.load(bench.tunnel(peer, far), way, connections) for way in ("up", "down")}
    name = f"bulk{connections}{'_50' if far else ''}"
    values = {f"{name}_{way}": g["bytes"] / g["seconds"] / 1e6 for way, g in got.items()}
    if peer.server and name == "bulk1":
        moved = sum(g["bytes"] for g in got.values())
        values |= {f"gib_cpu_{side}": sum(g[f"{side}_cpu"] for g in got.values()) / moved * GIB for side in ("client", "server")}
    return values


def beside(bench, peer):
    got = bench.load(bench.tunnel(peer), "beside-down")
    return {"beside_p50": got["p50_us"], "beside_p99": got["p99_us"], "beside_bulk": got["bytes"] / got["seconds"] / 1e6}


def hold(tunnel, count, meanwhile):
    """Opens count connections, calls meanwhile, and returns how many of them are alive then."""
    with subprocess.Popen([LOAD, "-n", str(count), "idle", str(tunnel.port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as load:
        line = load.stdout.readline()
        check(line, f"{count} idle connections cannot be opened")
        settle(tunnel.clients() + tunnel.servers())
        meanwhile()
        load.stdin.close()
        return json.loads(load.stdout.readline())["alive"]


def idle(bench, peer, count=0, name="idle", meanwhile=lambda tunnel: None):
    """KiB for each idle connection, of either side of a tunnel that nothing else has used; and how many were alive at the end."""
    tunnel, count, kib = Tunnel(bench.scene, peer, 0), count or bench.sizes.idle, {}
    before = {"client": pss(tunnel.clients()), "server": pss(tunnel.servers())}

    def measure():
        kib["client"] = (pss(tunnel.clients()) - before["client"]) / count
        kib["server"] = (pss(tunnel.servers()) - before["server"]) / count
        meanwhile(tunnel)
    alive = hold(tunnel, count, measure)
    tunnel.end()
    return alive, {f"{name}_{side}": value for side, value in kib.items() if not math.isnan(value)}


def idle_row(bench, peer):
    if not peer.server:
        return {}
    alive, values = idle(bench, peer)
    check(alive == bench.sizes.idle, f"{alive} of {bench.sizes.idle} idle connections were alive")
    return values


def idle10k(bench, peer):
    """10,000 connections through one client and one server, how many are alive, and bulk without and beside them."""
    count = bench.sizes.many
    if peer.name != "sshipc":
        return {}
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < count + 500:
        print(f"\nidle10k: not measured, as a process may have fewer than {count + 500} descriptors (ulimit -Hn)", file=sys.stderr)
        return {}

    def down(tunnel, times=3):
        got = [bench.load(tunnel, "down") for _ in range(times)]
        return statistics.median(g["bytes"] / g["seconds"] / 1e6 for g in got)
    beside_them = []
    alive, values = idle(bench, peer, count, "idle10k", lambda tunnel: beside_them.append(down(tunnel)))
    return {"idle10k_alive": alive, **values, "idle10k_alone": down(bench.tunnel(peer)), "idle10k_bulk": beside_them[0]}


def sessions(bench, peer):
    """MiB of one session process of the server, with as many as there are."""
    if peer.name != "sshipc":
        return {}
    server = peer.server
    clients = [Client(bench.scene, bench.scene.client_argv(server, "127.0.0.1:0"), 1) for _ in range(bench.sizes.sessions)]
    for client in clients:
        client.ready(60)
    running = server.sessions()
    check(len(running) >= len(clients), f"{len(running)} sessions run")
    settle(running)
    value = pss(running) / 1024 / len(running)
    for client in clients:
        client.end()
    return {} if math.isnan(value) else {"session_pss": value}


# name -> (function, whether each round repeats it)
ROWS = {
    "idle": (idle_row, False),  # the servers of some peers are one process for all connections: first, before they have had others
    "setup": (setup, True),
    "request": (request, True),
    "requests": (requests, True),
    "churn1": (churn1, True),
    "churn32": (churn32, True),
    "bulk1": (bulk, True),
    "bulk8": (lambda bench, peer: bulk(bench, peer, 8), True),
    "beside": (beside, True),
    "sessions": (sessions, False),
    "setup50": (lambda bench, peer: setup(bench, peer, far=True), True),
    "bulk1_50": (lambda bench, peer: bulk(bench, peer, far=True), True),
    "bulk8_50": (lambda bench, peer: bulk(bench, peer, 8, far=True), True),
    "idle10k": (idle10k, False),
}
