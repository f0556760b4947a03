# SPDX-License-Identifier: BSD-2-Clause
"""The programs that sshipc meets: how each is started, and how a connection through it is opened."""
import glob
import os
import pwd
import re
import shutil
import subprocess
import sys

from harness import AS_ROOT, BUILD, check, dial, fate, free_port, same, wait_for
from programs import Client

HERE = os.path.dirname(os.path.abspath(__file__))
ELSEWHERE = "127.0.0.1:1"  # a destination that is refused
ME = pwd.getpwuid(os.geteuid())


def said(*argv, pattern=r"[\d.]*\d"):
    """The version that a program tells of itself."""
    got = subprocess.run(argv, capture_output=True, text=True, check=False)
    return re.search(pattern, got.stdout + got.stderr).group()


def paramiko_python():
    """An interpreter that has paramiko: Debian's package is for Debian's own."""
    for python in (sys.executable, "/usr/bin/python3"):
        if subprocess.run([python, "-c", "import paramiko"], capture_output=True, check=False).returncode == 0:
            return python
    return None


def compiled(name):
    """The program of a library's probe, or None where the library is not installed."""
    library, program = name.split("_")[0], os.path.join(BUILD, "interop", name)
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", library], capture_output=True, text=True, check=False)
    if flags.returncode:
        return None
    os.makedirs(os.path.dirname(program), exist_ok=True)
    subprocess.run(["cc", "-std=c11", "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra", "-o", program, f"{HERE}/{name}.c", *flags.stdout.split()], check=True)
    return program


def listens(port):
    with open("/proc/net/tcp", encoding="ascii") as f:
        return any(re.match(rf"\s*\d+: 0100007F:{port:04X} \S+ 0A ", line) for line in f)


class Stdio:
    """A program whose stdin and stdout are the connection, with the calls of a socket that the tests need."""

    def __init__(self, scene, argv, log):
        self.log = open(scene.path(log + ".err"), "ab")  # noqa: SIM115
        self.program = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log,
                                        bufsize=0, env={**os.environ, "HOME": scene.folder})
        scene.closers.append(self.close)

    def sendall(self, data):
        view = memoryview(data)
        while view:
            view = view[self.program.stdin.write(view):]

    def shutdown(self, how):
        self.program.stdin.close()

    def recv_into(self, view):
        return self.program.stdout.readinto(view)

    def recv(self, size):
        return self.program.stdout.read(size)

    def close(self):
        for stream in (self.program.stdin, self.program.stdout, self.log):
            stream.close()
        try:
            self.program.wait(5)
        except subprocess.TimeoutExpired:
            self.program.terminate()
            self.program.wait(20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Peer:
    """What is asked of a peer.  begin() starts it in a scene beside sshipc, with how: None, "us" or "peer" asks for new keys,
    or "ignores": it answers no request that is not of a channel.  serve: of the endpoint."""
    package, settings = "", ""
    lacks = ("ignored",)  # columns that it cannot do, or cannot be told to
    slow = ()  # columns for which a GiB is needed: its limit is fixed, or ours is
    several = True  # connections over one session

    def missing(self):
        """None, or why this one cannot be tried here."""
        return None if self.program() else f"{self.package} is not installed"

    def begin(self, scene, how, serve):
        self.scene, self.endpoint = scene, scene.endpoint("tcp", serve)
        self.start(how)

    def open(self):
        return dial(self.local)

    def refused(self):
        """A destination that is not ours is refused; the session goes on."""
        check(fate(self.elsewhere) in ("eof", "reset"), "a refused connection carries bytes")

    def exchanges(self):
        """How often it got keys, as far as it tells; None: it does not."""
        return None

    def rest(self):
        """Waits until it opens channels again, where it does not while keys are exchanged."""


# ---- clients of sshipc-server ----

class ClientPeer(Peer):
    side = "client"

    def start(self, how):
        settings = f"keepalive = 4;\nlogin_grace = 30;\n{self.settings}" + ("rekey_data = 1;\n" if how == "us" else "")
        self.server = self.ours = self.scene.server({"confd": self.endpoint}, args=["-f", self.scene.write("server.conf", settings)])
        self.connect(how)

    def refused(self):
        super().refused()
        self.server.expect("refused", "127.0.0.1:1")

    def forward(self, argv, **kwargs):
        """argv: of ARGV(local, destination) twice; waits until both are listened on."""
        ports = [free_port() for _ in range(2)]
        self.local, self.elsewhere = (f"127.0.0.1:{port}" for port in ports)
        self.process = self.scene.start(argv(["-L", f"{self.local}:confd:1", "-L", f"{self.elsewhere}:{ELSEWHERE}"]), **kwargs)
        wait_for(f"{self.process.name} listens", lambda: all(listens(p) for p in ports))


class OpenSsh(ClientPeer):
    package = "openssh-client"

    def program(self):
        return shutil.which("ssh")

    def name(self):
        return f"OpenSSH {said('ssh', '-V', pattern=r'(?<=OpenSSH_)[0-9.]+')}, `ssh -L`"

    def connect(self, how):
        limit = ["-o", "RekeyLimit=1M"] if how == "peer" else []
        self.forward(lambda forwards: self.scene.ssh_argv(self.server, "-v", "-N", *limit, *forwards))

    def exchanges(self):
        return self.process.log().count("SSH2_MSG_NEWKEYS received")


class OpenSshMaster(OpenSsh):
    """Connections are asked for over a master.  Not by -W: that loses bytes where its stdin ends first, at any server."""

    def name(self):
        return f"OpenSSH {said('ssh', '-V', pattern=r'(?<=OpenSSH_)[0-9.]+')}, ControlMaster and `ssh -O forward`"

    def connect(self, how):
        self.control = ["-S", self.scene.path("master")]
        limit = ["-o", "RekeyLimit=1M"] if how == "peer" else []
        master = self.scene.start(self.scene.ssh_argv(self.server, "-v", "-M", "-N", *limit, *self.control))
        master.expect("Entering interactive session")
        self.forward(lambda forwards: self.scene.ssh_argv(self.server, *self.control, "-O", "forward", *forwards))
        self.process = master

    def refused(self):
        super().refused()
        got = self.scene.run(self.scene.ssh_argv(self.server, *self.control, "-W", ELSEWHERE))
        check(got.code != 0, "exit code of ssh -W to a destination that is refused")
        self.server.expect("refused", "127.0.0.1:1")


class Dbclient(ClientPeer):
    package, slow = "dropbear-bin", ("rekey by the peer",)

    def program(self):
        return shutil.which("dbclient") and shutil.which("dropbearconvert")

    def name(self):
        return f"Dropbear {said('dbclient', '-V')}, `dbclient`"

    def connect(self, how):
        key = self.scene.path("dropbear-key")
        same(self.scene.run(["dropbearconvert", "openssh", "dropbear", self.scene.key().path, key]).code, 0, "dropbearconvert")
        self.forward(lambda forwards: ["dbclient", "-y", "-y", "-N", "-T", "-i", key, "-p", str(self.server.port), *forwards, f"{ME.pw_name}@127.0.0.1"])


class Plink(ClientPeer):
    package = "putty-tools"

    def program(self):
        return shutil.which("plink") and shutil.which("puttygen")

    def name(self):
        return f"PuTTY {said('plink', '-V')}, `plink`"

    def connect(self, how):
        key = self.scene.path("key.ppk")
        same(self.scene.run(["puttygen", self.scene.key().path, "-o", key]).code, 0, "puttygen")
        os.makedirs(self.scene.path(".putty/sessions"), exist_ok=True)
        self.scene.write(".putty/sessions/interop", "Protocol=ssh\n" + ("RekeyBytes=1M\n" if how == "peer" else ""))
        self.forward(lambda forwards: ["plink", "-load", "interop", "-v", "-batch", "-ssh", "-P", str(self.server.port), "-i", key, "-N",
                                       "-hostkey", self.server.hostkey.fingerprint, *forwards, "-l", ME.pw_name, "127.0.0.1"])

    def exchanges(self):
        return self.process.log().count("Initialised ") // 2 or None


class Library(ClientPeer):
    """A probe on a library: its stdin and stdout are the connection."""
    several = False

    def connect(self, how):
        self.more = [str(1 << 20)] if how == "peer" else []
        self.manner = ["ignore"] if how == "ignores" else []
        self.n = 0

    def argv(self, destination):
        return [*self.command(), "127.0.0.1", str(self.server.port), ME.pw_name, self.scene.key().path, *destination.split(":"), *self.more]

    def open(self):
        self.n += 1
        return Stdio(self.scene, self.argv("confd:1"), f"probe-{self.n}")

    def refused(self):
        got = self.scene.run(self.argv(ELSEWHERE))
        same(got.code, 1, f"exit code of the probe: {got.log()}")
        check("open: " in got.log(), f"why the probe ended: {got.log()}")
        self.server.expect("refused", "127.0.0.1:1")

    def exchanges(self):
        """Told by a probe that has ended."""
        found = []
        for path in glob.glob(self.scene.path("probe-*.err")):
            with open(path, encoding="utf-8") as f:
                found += re.findall(r"^(\d+) key exchanges", f.read(), re.M)
        return max(map(int, found)) if found else None

    def command(self):
        return [self.program()]


class Paramiko(Library):
    package, lacks = "python3-paramiko", ()

    def program(self):
        return paramiko_python()

    def name(self):
        return f"paramiko {said(self.program(), '-c', 'import paramiko; print(paramiko.__version__)')}"

    def command(self):
        return [self.program(), f"{HERE}/paramiko_peer.py", *self.manner]


class Libssh(Library):
    package = "libssh-dev"

    def program(self):
        return compiled("libssh_peer")

    def name(self):
        return f"libssh {said('pkg-config', '--modversion', 'libssh')}"


class Libssh2(Library):
    package, settings = "libssh2-1-dev", 'algorithms = "compatible";\n'
    lacks = ("rekey by the peer", "ignored")  # it never asks

    def program(self):
        return compiled("libssh2_peer")

    def name(self):
        return f"libssh2 {said('pkg-config', '--modversion', 'libssh2')}, with `algorithms = \"compatible\"`"


# ---- servers of sshipc-client ----

class ServerPeer(Peer):
    side, slow = "server", ("rekey by us",)

    def start(self, how):
        self.scene.key()
        at = self.serve(how)
        argv = self.scene.client_argv(at, f"127.0.0.1:0:{self.endpoint.address}", f"127.0.0.1:0:{ELSEWHERE}", args=["--keepalive", "4"])
        argv[-1] = f"{ME.pw_name}@{argv[-1]}"
        self.client = self.ours = Client(self.scene, argv, 2).ready()
        self.local, self.elsewhere = self.client.at

    def refused(self):
        same(fate(self.elsewhere), "reset", "a refused connection")


class At:
    def __init__(self, port, hostkey):
        self.host, self.port, self.hostkey = "127.0.0.1", port, hostkey


class Sshd(ServerPeer):
    package = "openssh-server"

    def program(self):
        return shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")

    def name(self):
        return f"OpenSSH {said(self.program(), '-V', pattern=r'(?<=OpenSSH_)[0-9.]+')}, `sshd`"

    def serve(self, how):
        more = ["RekeyLimit 1M"] if how == "peer" else []
        self.sshd = self.scene.sshd(f'restrict,port-forwarding,permitopen="{self.endpoint.address}" {self.scene.key().line}\n', "LogLevel DEBUG1", *more)
        return self.sshd

    def exchanges(self):
        return self.sshd.log().count("SSH2_MSG_NEWKEYS received")


class Dropbear(ServerPeer):
    package, slow = "dropbear-bin", ("rekey by us", "rekey by the peer")

    def program(self):
        return shutil.which("dropbear", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") and shutil.which("dropbearconvert")

    def missing(self):
        return super().missing() or (None if AS_ROOT else "it reads ~/.ssh, in whose place only root can put another folder")

    def name(self):
        return f"Dropbear {said('dbclient', '-V')}, `dropbear`"

    def serve(self, how):
        s, hostkey, port = self.scene, self.scene.key("dropbear-host"), free_port()
        home = s.path("home")
        os.makedirs(home + "/.ssh", mode=0o700)
        s.write("home/.ssh/authorized_keys", f'no-pty,permitopen="{self.endpoint.address}" {s.key().line}\n')
        same(s.run(["dropbearconvert", "openssh", "dropbear", hostkey.path, home + "/hostkey"]).code, 0, "dropbearconvert")
        dropbear = shutil.which("dropbear", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        s.start(["unshare", "--mount", "sh", "-c", 'mount --bind "$1" "$2" && shift 2 && exec "$@"', "sh", home, ME.pw_dir, dropbear, "-F", "-E",
                 "-r", ME.pw_dir + "/hostkey", "-p", f"127.0.0.1:{port}", "-P", ME.pw_dir + "/pid"])
        wait_for("dropbear listens", lambda: listens(port))
        return At(port, hostkey)


class ParamikoServer(ServerPeer):
    package, lacks = "python3-paramiko", ()

    def program(self):
        return paramiko_python()

    def name(self):
        return f"paramiko {said(self.program(), '-c', 'import paramiko; print(paramiko.__version__)')}, a server"

    def serve(self, how):
        s, hostkey = self.scene, self.scene.key("paramiko-host")
        argv = [self.program(), f"{HERE}/paramiko_peer.py", *(["ignore"] if how == "ignores" else []), "serve", hostkey.path, s.write("authorized", s.key().line + "\n"), self.endpoint.address]
        self.process = s.start(argv + ([str(1 << 20)] if how == "peer" else []))
        return At(int(self.process.expect("listening on").rsplit(":", 1)[1]), hostkey)

    def exchanges(self):
        with self.open(), self.endpoint.accept():  # it tells with each channel
            counts = [int(line.split()[0]) for line in self.process.log().splitlines() if line.endswith("key exchanges")]
        return max(counts, default=0)

    def rest(self):
        """It confirms an open after its own KEXINIT, which RFC 4253 section 7.1 forbids and libssh ends the session for."""
        self.process.expect("at rest")


PEERS = [OpenSsh(), OpenSshMaster(), Dbclient(), Plink(), Paramiko(), Libssh(), Libssh2(), Sshd(), Dropbear(), ParamikoServer()]
