# SPDX-License-Identifier: BSD-2-Clause
"""A real HAProxy in TCP mode."""
import contextlib
import os
import shutil
import socket

from harness import check, skip, wait_for

BINARY = shutil.which("haproxy", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
HEAD = """global
    stats socket {socket} mode 600 level admin
defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout check 5s
"""


def ask(path, command):
    """What its stats socket answers; "" where there is none."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect(path)
        s.sendall(command.encode() + b"\n")
        return b"".join(iter(lambda: s.recv(65536), b"")).decode()
    return ""


def servers(path):
    """"BACKEND/SERVER" -> the row of "show stat"."""
    lines = ask(path, "show stat").lstrip("# ").splitlines()
    rows = [dict(zip(lines[0].split(","), line.split(","))) for line in lines[1:] if line]
    return {f"{r['pxname']}/{r['svname']}": r for r in rows if r["svname"] not in ("FRONTEND", "BACKEND")}


class HAProxy:
    def __init__(self, scene, config):
        """config: the sections after global and defaults."""
        if not BINARY:
            skip("no haproxy here")
        self.socket = scene.path(f"haproxy-{len(scene.processes)}.sock")
        path = scene.write(os.path.basename(self.socket)[:-4] + "cfg", HEAD.format(socket=self.socket) + config)
        self.process = scene.start([BINARY, "-db", "-f", path])
        wait_for("HAProxy answers", lambda: self.ask("show info") or not self.process.running())
        check(self.process.running(), f"HAProxy ended: {self.process.log()}")

    def ask(self, command):
        return ask(self.socket, command)

    def servers(self):
        return servers(self.socket)
