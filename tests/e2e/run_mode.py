# SPDX-License-Identifier: BSD-2-Clause
"""A command of run mode, and the process that holds its tunnel."""
import glob
import os

from harness import alive, check, title, wait_for


def argv(scene, server, *command, specs=(), **kwargs):
    return [*scene.client_argv(server, *specs, **kwargs), "--", *command]


def run(scene, server, *command, specs=(), args=(), key=None, pin=True, **kwargs):
    """To its end; then nothing of it may be left."""
    got = scene.run(argv(scene, server, *command, specs=specs, args=args, key=key, pin=pin), **kwargs)
    check_gone(scene)
    return got


def tunnels(scene):
    """The processes that hold tunnels of this scene."""
    pids = [int(p) for p in os.listdir("/proc") if p.isdigit()]
    return [p for p in pids if scene.folder in title(p) and title(p).split(" ")[0].endswith("sshipc-client") and alive(p)]


def tunnel(scene):
    return wait_for("one tunnel", lambda: len(found := tunnels(scene)) == 1 and found)[0]


def environment(scene):
    """For what is started: private sockets go to a folder that is looked at afterwards."""
    os.makedirs(scene.path("xdg"), exist_ok=True)
    return {"XDG_RUNTIME_DIR": scene.path("xdg")}


def check_gone(scene):
    wait_for("the tunnel has ended", lambda: not tunnels(scene))
    check(not glob.glob(scene.path("xdg/*")), "a folder is left behind")
