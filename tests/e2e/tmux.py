# SPDX-License-Identifier: BSD-2-Clause
"""A real terminal, with a shell that has job control: what a person sees and types."""
import os
import shlex
import shutil
import subprocess

from harness import check, skip, wait_for


class Tmux:
    def __init__(self, scene, env=None):
        if not shutil.which("tmux"):
            skip("no tmux here")
        self.argv = ["tmux", "-S", scene.path("tmux.sock"), "-f", "/dev/null"]
        self.env = {**os.environ, "HOME": scene.folder, "PS1": "$ ", "ENV": "", "TERM": "screen", **(env or {})}
        self.env.pop("TMUX", None)
        self._do("new-session", "-d", "-x", "80", "-y", "24", "bash", "--norc", "--noprofile")
        scene.closers.append(self.close)
        self.expect("$")

    def _do(self, *words):
        got = subprocess.run([*self.argv, *words], env=self.env, capture_output=True, text=True, timeout=20, check=False)
        check(got.returncode == 0, f"tmux {words}: {got.stderr}")
        return got.stdout

    def close(self):
        subprocess.run([*self.argv, "kill-server"], capture_output=True, timeout=10, check=False)

    def shell(self):
        return int(self._do("list-panes", "-F", "#{pane_pid}"))

    def keys(self, *names):
        """As tmux names them: C-c, Enter."""
        self._do("send-keys", *names)

    def type(self, text):
        self._do("send-keys", "-l", text)
        self.keys("Enter")

    def run(self, argv, after=""):
        self.type("clear")
        wait_for("an empty screen", lambda: self.screen().strip() == "$")
        self.type(shlex.join(argv) + after)

    def resize(self, columns, lines):
        self._do("resize-window", "-x", str(columns), "-y", str(lines))

    def screen(self):
        return self._do("capture-pane", "-p", "-J")

    def expect(self, *words, timeout=15):
        """Waits until all the words are on the screen, and returns it."""
        seen = [""]

        def there():
            seen[0] = self.screen()
            return all(w in seen[0] for w in words)
        try:
            wait_for(f"{words} on the screen", there, timeout)
        except AssertionError as failure:
            raise AssertionError(f"{failure}; it shows:\n{seen[0]}") from None
        return seen[0]
