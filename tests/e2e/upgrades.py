# SPDX-License-Identifier: BSD-2-Clause
"""A server whose settings are in a file, which an upgrade reads anew, with a control socket; all in the scene's folder."""
import os
import signal

from harness import AS_ROOT, SERVER, USER, Server, same, status, wait_for


def config(s, endpoints, *more, listen=("127.0.0.1:0",)):
    """Writes the settings; more: further lines.  Returns the file's path."""
    lines = [f'hostkeys = ["{s.key("hostkey").path}"];', f'allowlist = "{s.path("allowed_keys")}";', "listen = [" + ", ".join(f'"{at}"' for at in listen) + "];", "drain = 0;",
             f'control = "{s.path("control")}";', *([f'user = "{USER}";'] if AS_ROOT else []),
             "endpoints = (" + ", ".join(f'{{ name = "{name}"; address = "{at.address}"; }}' for name, at in endpoints.items()) + ");",
             f'default = "{next(iter(endpoints))}";', *more]
    return s.write("server.conf", "\n".join(lines) + "\n")


def serve(s, endpoints, *more, keys=None, allow=None, program=SERVER, wrap=(), args=()):
    """allow: the lines of the list, in place of those of keys."""
    s.write("allowed_keys", "".join(line + "\n" for line in allow or [k.line for k in keys or [s.key()]]))
    return Server(s, [*wrap, program, "-f", config(s, endpoints, *more), *args], s.key("hostkey"))


def ctl(s, *words):
    return s.run([SERVER, "ctl", "--control", s.path("control"), *words], timeout=60)


def upgrade(s):
    got = ctl(s, "upgrade")
    same(got.code, 0, f"exit code of ctl upgrade: {got.log()}")


def short_session(s, server, key):
    """A session that asks for its .status, and ends: its exit code, and what it got."""
    return s.run(s.ssh_argv(server, "-W", ".status:1", key=key), timeout=20)


def ready(server):
    """Waits for the generation that is to take over: from then on it ignores signals."""
    def found():
        return [p for p in server.monitors if p not in was and int(status(p, "SigIgn"), 16) & 1 << signal.SIGTERM - 1]
    was = server.monitors
    os.kill(server.pid, signal.SIGUSR2)
    return wait_for("the next generation is ready", found)[0]
