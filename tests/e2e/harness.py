# SPDX-License-Identifier: BSD-2-Clause
"""What every end-to-end test needs: a Scene owns a folder, keys, endpoints and processes, ends all of them by pid, shows
their logs when the test fails, and checks on the way out that ours ended in order."""
import contextlib
import glob
import os
import pwd
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

from basics import Failure, alive, check, children, cpu, descendants, descriptors, heap, proc, same, skip, status, title, wait_for
from programs import Client, Process, Server, Sshd, Terminal
from sockets import LONG, Endpoint, dial, fate, free_port, outcome, parse_address, reset

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))
SERVER, SESSION, CLIENT = (os.path.join(BUILD, p) for p in ("sshipc-server", "sshipc-session", "sshipc-client"))
AS_ROOT = os.geteuid() == 0
USER = "nobody" if AS_ROOT else pwd.getpwuid(os.geteuid()).pw_name  # who endpoints see
USER_ID = pwd.getpwnam(USER).pw_uid
__all__ = ["LONG", "Client", "Failure", "Key", "Scene", "Server", "Terminal", "alive", "check", "children", "cpu", "descendants", "descriptors",
           "dial", "fate", "free_port", "heap", "outcome", "parse_address", "proc", "reset", "same", "skip", "status", "title", "wait_for"]
CRASH = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|SIGSYS|SIGSEGV|SIGABRT|signal (?:6|11|31)\b")


def sanitized():
    with open(SERVER, "rb") as binary:
        return b"__asan_init" in binary.read()


class Key:
    def __init__(self, path, name, passphrase="", kind="ed25519"):
        self.path, self.name = path, name
        subprocess.run(["ssh-keygen", "-q", "-t", *kind.split(), "-N", passphrase, "-C", name, "-f", path], check=True)
        with open(path + ".pub", encoding="ascii") as f:
            self.line = f.read().strip()
        self.type, self.base64 = self.line.split()[:2]
        listed = subprocess.run(["ssh-keygen", "-l", "-f", path + ".pub"], check=True, capture_output=True, text=True)
        self.fingerprint = listed.stdout.split()[1]


class Scene:
    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="sshipc-e2e-")
        os.chmod(self.folder, 0o755)  # the user that endpoints see must reach their sockets
        self.processes, self.closers, self.keys, self.allow_crash = [], [], {}, False
        self.user, self.programs = None, (SERVER, CLIENT)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard != resource.RLIM_INFINITY else max(soft, 65536), hard))
        threading.stack_size(256 * 1024)
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):  # nohup and a script's & leave them ignored
            if signal.getsignal(number) == signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by the runner: took too long"))
        return self

    def __exit__(self, kind, error, trace):
        failed = error is not None and not (kind is SystemExit and error.code == 77)
        try:
            if not failed:
                self._end_in_order()
        except BaseException:
            failed = True
            raise
        finally:
            if failed:
                self._dump()
            for p in self.processes:
                if p.running():
                    with contextlib.suppress(Failure):
                        p.end(signal.SIGKILL)
            for closer in self.closers:
                closer()
            if os.environ.get("KEEP"):
                print(f"kept: {self.folder}", file=sys.stderr)
            else:
                shutil.rmtree(self.folder, ignore_errors=True)

    def _end_in_order(self):
        """SIGTERM ends both programs with 0; no child and no crash report stays behind."""
        for p in reversed(self.processes):
            known = descendants(p.pid) if p.running() else []
            stopped_here = p.running()
            code = p.end()
            if p.ours and stopped_here:
                same(code, 0, f"exit code of {p.name} after SIGTERM")
            wait_for(f"the children of {p.name} have ended", lambda: not any(alive(c) for c in known), 5)
            crash = None if self.allow_crash else CRASH.search(p.log())
            check(not crash, f"{p.name} reports a crash: {crash and crash.group(0)}")

    def _dump(self):
        for path in sorted(glob.glob(self.folder + "/*.err") + glob.glob(self.folder + "/*.out")):
            with open(path, encoding="utf-8", errors="replace") as f:
                if text := f.read():
                    sys.stderr.write(f"---- {os.path.basename(path)}\n{text[-20000:]}\n")
        sys.stderr.flush()

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text, mode=0o600):
        path = self.path(name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def key(self, name="blade7", **kwargs):
        if name not in self.keys:
            self.keys[name] = Key(self.path("key-" + name), name, **kwargs)
        return self.keys[name]

    def endpoint(self, *args, **kwargs):
        made = Endpoint(self, *args, **kwargs)
        self.closers.append(made.close)
        return made

    def start(self, argv, **kwargs):
        return Process(self, [str(a) for a in argv], **kwargs)

    def run(self, argv, timeout=30, **kwargs):
        """Runs to its end; exit code, stdout and stderr are in what it returns."""
        p = self.start(argv, **kwargs)
        p.code = p.wait(timeout)
        return p

    def copied(self, path):
        """A copy that every user can reach, which a clone below /root is not; made once."""
        copy = self.path(os.path.basename(path))
        if path == SERVER:
            self.copied(SESSION)
        return copy if os.path.exists(copy) else shutil.copy(path, copy)

    def ordinary_user(self):
        """From here on our two programs are started by USER, who owns all files of the scene."""
        if AS_ROOT:
            self.programs = tuple(self.copied(p) for p in self.programs)
            self.user = USER

    def _hand_over(self):
        if self.user:
            for path in (self.folder, *map(self.path, os.listdir(self.folder))):
                os.chown(path, USER_ID, pwd.getpwnam(USER).pw_gid)
        return self.user

    def server_argv(self, endpoints, allow=None, listen="127.0.0.1:0", args=()):
        """endpoints: name -> Endpoint or address.  allow: lines, by default the one key "blade7".  SIGTERM ends channels at once, but
        where args have --drain."""
        lines = [self.key().line] if allow is None else allow
        allowed = self.write("allowed_keys", "".join(line + "\n" for line in lines))
        argv = [self.programs[0], "-k", self.key("hostkey").path, "-a", allowed, "-l", listen]
        for name, at in endpoints.items():
            argv += ["-e", f"{name}={getattr(at, 'address', at)}"]
        drain = [] if "--drain" in args else ["--drain", "0"]
        return argv + (["-u", USER] if AS_ROOT and not self.user else []) + drain + list(args)

    def server(self, endpoints, wrap=(), timeout=15, **kwargs):
        argv = [*wrap, *self.server_argv(endpoints, **kwargs)]
        return Server(self, argv, self.key("hostkey"), timeout, user=self._hand_over())

    def client_argv(self, server, *specs, key=None, args=(), pin=True):
        argv = [self.programs[1], "-i", (key or self.key()).path] + [a for spec in specs for a in ("-L", spec)]
        argv += [] if "--drain" in args else ["--drain", "0"]  # SIGTERM ends connections at once
        return argv + (["--hostkey", server.hostkey.fingerprint] if pin else []) + list(args) + [f"{server.host}:{server.port}"]

    def client(self, server, *specs, wrap=(), timeout=15, **kwargs):
        argv = [*wrap, *self.client_argv(server, *specs, **kwargs)]
        return Client(self, argv, len(specs), user=self._hand_over()).ready(timeout)

    def tunnel(self, kind="tcp", local="127.0.0.1:0", serve=None, **kwargs):
        """The usual scene: one endpoint "confd", a server, a client with one listener."""
        endpoint = self.endpoint(kind, serve)
        server = self.server({"confd": endpoint}, **kwargs)
        client = self.client(server, local)
        return endpoint, server, client

    def sshd(self, authorized, *settings):
        made = Sshd(self, authorized, *settings)
        self.closers.append(made.end)
        return made

    def ssh_argv(self, server, *args, key=None, user=None):
        """The stock client, without a configuration of its own and knowing this server's key."""
        line = f"[{server.host}]:{server.port} {server.hostkey.type} {server.hostkey.base64}\n"
        known = self.path(f"ssh_known_hosts-{server.port}")
        if not os.path.exists(known):  # another ssh may be reading it
            self.write(os.path.basename(known), line)
        options = ["BatchMode=yes", "IdentitiesOnly=yes", "IdentityAgent=none", f"UserKnownHostsFile={known}",
                   "GlobalKnownHostsFile=none", "StrictHostKeyChecking=yes", "ExitOnForwardFailure=yes", "UpdateHostKeys=no"]
        who = user or pwd.getpwuid(os.geteuid()).pw_name
        return ["ssh", "-F", "none", *[a for o in options for a in ("-o", o)], "-i", (key or self.key()).path,
                "-p", str(server.port), "-l", who, *args, server.host]

    def ssh_forward(self, server, target, local=None, args=(), env=None, **kwargs):
        """ssh -N -L LOCAL:TARGET; returns the address to dial (LOCAL: a path, or a free port)."""
        local = local or f"127.0.0.1:{free_port()}"
        ssh = self.start(self.ssh_argv(server, "-v", "-N", "-L", f"{local}:{target}", *args, **kwargs), env=env)
        ssh.expect("Local ", "orwarding listening on ")
        ssh.expect("Entering interactive session")
        return local

