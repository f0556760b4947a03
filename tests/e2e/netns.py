# SPDX-License-Identifier: BSD-2-Clause
"""Three network namespaces in a row: client, router, server; the router can be told to drop everything, as a dead path does."""
import os
import subprocess

from harness import AS_ROOT, skip

CLIENT, SERVER = "10.231.1.2", "10.231.2.2"


class Path:
    def __init__(self, scene):
        if not AS_ROOT:
            skip("network namespaces take root")
        self.names = [f"sshipc-{os.getpid()}-{which}" for which in ("c", "r", "s")]
        scene.closers.append(self.close)
        for name in self.names:
            if not self._ip("netns", "add", name):
                skip("no network namespaces here")
        client, self.router, server = self.names
        for side, net, name in ((client, 1, "c"), (server, 2, "s")):
            if not self._ip("-n", side, "link", "add", "near", "type", "veth", "peer", "name", name, "netns", self.router):
                skip("no veth here")
            for where, link, last in ((side, "near", 2), (self.router, name, 1)):
                self._ip("-n", where, "addr", "add", f"10.231.{net}.{last}/24", "dev", link)
                self._ip("-n", where, "link", "set", link, "up")
            self._ip("-n", side, "link", "set", "lo", "up")
            self._ip("-n", side, "route", "add", "default", "via", f"10.231.{net}.1")
        self.open()

    def _ip(self, *words):
        return subprocess.run(["ip", *words], capture_output=True, timeout=20, check=False).returncode == 0

    def _forward(self, value):
        if not self._ip("netns", "exec", self.router, "sh", "-c", f"echo {value} >/proc/sys/net/ipv4/ip_forward"):
            skip("forwarding cannot be set here")

    def open(self):
        self._forward(1)

    def cut(self):
        self._forward(0)

    def within(self, which):
        """The words before a command that is to run at "client" or "server"."""
        return ["ip", "netns", "exec", self.names[0 if which == "client" else 2]]

    def server(self, scene, endpoints, **kwargs):
        made = scene.server(endpoints, listen=f"{SERVER}:0", wrap=self.within("server"), **kwargs)
        made.host = SERVER
        return made

    def close(self):
        for name in self.names:
            self._ip("netns", "delete", name)
