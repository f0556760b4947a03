# SPDX-License-Identifier: BSD-2-Clause
"""A real ssh-agent of the scene."""
import os
import subprocess

from basics import check, wait_for


class Agent:
    def __init__(self, scene, env=None, args=()):
        self.socket = scene.path("agent.sock")
        scene.start(["ssh-agent", "-D", "-a", self.socket, *args], env=env)
        wait_for("the socket of ssh-agent", lambda: os.path.exists(self.socket))

    def add(self, *arguments):
        """ssh-add with these arguments."""
        got = subprocess.run(["ssh-add", "-q", *arguments], env={**os.environ, "SSH_AUTH_SOCK": self.socket}, stdin=subprocess.DEVNULL,
                             capture_output=True, text=True, check=False)
        check(got.returncode == 0, f"ssh-add {arguments}: {got.stderr}")
