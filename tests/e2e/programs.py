# SPDX-License-Identifier: BSD-2-Clause
"""The programs of a scene: ours, the stock ones, and one on a terminal.  Each is ended by its pid."""
import os
import pty
import pwd
import re
import select
import shutil
import signal
import socket
import subprocess
import threading

from basics import Failure, check, children, skip, title, wait_for


class Process:
    """A program with its log; everything it writes to stderr is in log(), to stdout in output()."""

    def __init__(self, scene, argv, user=None, stdin=subprocess.DEVNULL, env=None):
        self.name = f"{len(scene.processes)}-{os.path.basename(argv[0])}"
        self.ours = os.path.basename(argv[0]) in ("sshipc-server", "sshipc-client")
        self.err, self.out = scene.path(self.name + ".err"), scene.path(self.name + ".out")
        who = ["--reuid", user, "--regid", str(pwd.getpwnam(user).pw_gid), "--clear-groups"] if user else []
        with open(self.err, "wb") as err, open(self.out, "wb") as out:
            self.popen = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *who, *argv], stdin=stdin, stdout=out, stderr=err,
                                          env={**os.environ, "HOME": scene.folder, **(env or {})})
        self.pid = self.popen.pid
        scene.processes.append(self)

    def log(self):
        with open(self.err, encoding="utf-8", errors="replace") as f:
            return f.read()

    def output(self):
        with open(self.out, encoding="utf-8", errors="replace") as f:
            return f.read()

    def running(self):
        return self.popen.poll() is None

    def expect(self, *words, timeout=15, text=None):
        """Waits for one line that holds all the words and returns it."""
        def line():
            ended = not self.running()
            for found in (text or self.log)().splitlines():
                if all(w in found for w in words):
                    return found
            check(not ended, f"{self.name} ended ({self.popen.returncode}) without a line with {words}")
            return None
        return wait_for(f"a line of {self.name} with {words}", line, timeout)

    def wait(self, timeout=20):
        try:
            return self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} did not end within {timeout} s") from None

    def end(self, number=signal.SIGTERM):
        """Sends the signal, waits, returns the exit code (negative: the signal)."""
        if self.running():
            os.kill(self.pid, number)
        return self.wait()


class Server(Process):
    def __init__(self, scene, argv, hostkey, timeout=15, **kwargs):
        super().__init__(scene, argv, **kwargs)
        self.hostkey, self.host = hostkey, "127.0.0.1"
        self.address = re.search(r"listening on (\S+:\d+)", self.expect("listening on ", timeout=timeout)).group(1)
        self.port = int(self.address.rsplit(":", 1)[1])

    @property
    def monitors(self):
        """Those of all generations, the newest first."""
        return sorted(children(self.pid), reverse=True)

    @property
    def monitor(self):
        """That of the newest generation; pid is the keeper."""
        return self.monitors[0]

    def role(self, word):
        return [p for m in self.monitors for p in children(m) if title(p).startswith(f"sshipc-server: {word}")]

    def spawner(self):
        return wait_for("one spawner", lambda: self.role("spawner"))[-1]

    def sessions(self):
        return [s for p in self.role("spawner") for s in children(p)]

    def session(self):
        """The one session there is."""
        return wait_for("exactly one session", lambda: len(now := self.sessions()) == 1 and now)[0]


class Client(Process):
    def __init__(self, scene, argv, count, **kwargs):
        super().__init__(scene, argv, **kwargs)
        self.count = count

    def ready(self, timeout=15):
        """Waits until every listener is announced; keeps their addresses in at."""
        pattern = re.compile(r"^ready: (.+) -> (.+) via (\S+)$", re.M)

        def lines():
            check(self.running(), f"{self.name} ended ({self.popen.returncode}) before it was ready")
            return len(found := pattern.findall(self.output())) >= self.count and found
        self.announced = wait_for(f"{self.count} ready lines of {self.name}", lines, timeout)
        self.at = [local for local, _, _ in self.announced]
        return self


class Sshd:
    """A private stock sshd: one `sshd -i` for each connection, so that no port has to be guessed."""

    def __init__(self, scene, authorized, *settings):
        """settings: lines of its configuration, before ours: the first of a kind counts."""
        binary = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if not binary:
            skip("no sshd here")
        if pwd.getpwuid(os.geteuid()).pw_shell.endswith(("/nologin", "/false")):
            skip("sshd takes no login of a system user")
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        self.scene, self.hostkey, self.host, self.processes = scene, scene.key("sshd-host"), "127.0.0.1", []
        config = scene.write("sshd_config", "\n".join([
            *settings,
            f"HostKey {self.hostkey.path}", f"AuthorizedKeysFile {scene.write('authorized', authorized)}", "StrictModes no",
            "UsePAM no", "PasswordAuthentication no", "KbdInteractiveAuthentication no", "PermitRootLogin yes",
            "AllowTcpForwarding yes", "AllowStreamLocalForwarding yes", "PidFile none", "LogLevel VERBOSE", ""]))
        self.argv = [binary, "-i", "-e", "-f", config]
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            with connection, open(self.scene.path("sshd.err"), "ab") as log:
                self.processes.append(subprocess.Popen(self.argv, stdin=connection, stdout=connection, stderr=log))

    def log(self):
        with open(self.scene.path("sshd.err"), encoding="utf-8", errors="replace") as f:
            return f.read()

    def end(self):
        self.listener.close()
        for p in self.processes:
            p.terminate()
            p.wait()


class Terminal:
    """Runs a program with a terminal of its own; what it shows is in text()."""

    def __init__(self, scene, argv):
        self.seen, (self.pid, self.fd) = b"", pty.fork()
        if self.pid == 0:
            try:
                os.execvpe(argv[0], argv, {**os.environ, "HOME": scene.folder})
            finally:
                os._exit(127)
        scene.closers.append(self.end)
        self.code = None

    def poll(self):
        """Takes what is there; false once the program has ended and all is read."""
        try:
            if select.select([self.fd], [], [], 0.05)[0]:
                self.seen += os.read(self.fd, 65536)
            return True
        except OSError:  # EIO: the last writer is gone
            return False

    def expect(self, word):
        wait_for(f"{word!r} on the terminal, which shows {self.seen!r}", lambda: self.poll() is not None and word.encode() in self.seen)

    def type(self, text, end="\n"):
        os.write(self.fd, (text + end).encode())

    def wait(self):
        wait_for(f"the end of the program on the terminal, which shows {self.seen!r}", lambda: not self.poll())
        self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.code

    def end(self):
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)
