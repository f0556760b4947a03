# SPDX-License-Identifier: BSD-2-Clause
"""The tunnels that are compared, each with the settings it comes with, but for limits that would be measured in place of speed.
A peer is a running server, and the command of a client that listens on one local port and connects to another one."""
import dataclasses
import os
import pwd
import re
import shutil
import subprocess
import sys
import types
from typing import Callable

from harness import AS_ROOT, BUILD, CLIENT, check, dial, free_port, wait_for

LOAD = os.path.join(BUILD, "bench-load")
SYSTEM = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
NAMES = ("direct", "OpenSSH", "OpenSSH gcm", "stunnel", "HAProxy", "dropbear", "spiped", "sshipc")
# What of ours bounds a key's use; the bounds are no speed.
LIMITS = """control = ""; max_opens = 100000; max_channels = 16384; max_sessions = 2000; max_dials = 65535;
max_unauthenticated = 2000; max_unauthenticated_per_source = 2000;
"""


@dataclasses.dataclass
class Peer:
    name: str
    version: str
    server: object  # the Process; None without a tunnel
    port: int  # of the server
    argv: Callable  # (local port, server's port) -> the client's command
    encrypted: bool = True


def first_line(argv, word=""):
    """The first line with a word of what a program says about itself."""
    got = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    return next((line.strip() for line in got.stdout.splitlines() if word in line), "")


def answers(port):
    try:
        with dial(f"127.0.0.1:{port}", 5):
            return True
    except OSError:
        return False


def start(scene, argv, port):
    """A server, once it listens."""
    started = scene.start(argv)

    def listens():
        check(started.running(), f"{argv[0]} ended: {started.log()}")
        return answers(port)
    wait_for(f"{argv[0]} listens", listens)
    return started


def free_ports(scene):
    """A new port each: none is given out twice."""
    while True:
        if (port := free_port()) not in scene.ports:
            scene.ports.add(port)
            return port


def helper(scene, *args):
    """A part of bench-load that listens on a port: (process, port)"""
    started = scene.start([LOAD, *args])
    return started, int(started.expect("", text=started.output))


def openssh(scene, endpoint, name="OpenSSH", options=()):
    binary = shutil.which("sshd", path=SYSTEM)
    if not binary or not shutil.which("ssh") or pwd.getpwuid(os.geteuid()).pw_shell.endswith(("/nologin", "/false")):
        return None
    if AS_ROOT:
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
    port, key = free_ports(scene), scene.key("sshd-host")
    config = scene.write(f"sshd_config-{port}", "\n".join([
        f"HostKey {key.path}", f"AuthorizedKeysFile {scene.write('authorized', scene.key().line)}", "StrictModes no", "UsePAM no",
        "PasswordAuthentication no", "KbdInteractiveAuthentication no", "PermitRootLogin yes", "PidFile none", ""]))
    server = start(scene, [binary, "-D", "-e", "-p", str(port), "-o", "ListenAddress=127.0.0.1", "-f", config], port)
    return Peer(name, first_line(["ssh", "-V"]), server, port, lambda local, port: scene.ssh_argv(
        types.SimpleNamespace(host="127.0.0.1", port=port, hostkey=key), "-N", "-L", f"127.0.0.1:{local}:127.0.0.1:{endpoint}", *options))


def openssh_gcm(scene, endpoint):
    return openssh(scene, endpoint, "OpenSSH gcm", ["-c", "aes128-gcm@openssh.com"])


def stunnel(scene, endpoint):
    binary = shutil.which("stunnel", path=SYSTEM) or shutil.which("stunnel4", path=SYSTEM)
    if not binary:
        return None
    secret = scene.write("psk", f"bench:{os.urandom(32).hex()}\n")

    def config(accept, connect, client):  # without a syslogd its log would go to the console, which is slow
        return scene.write(f"stunnel-{accept}", f"foreground = yes\nsyslog = no\npid =\n[bench]\nclient = {client}\naccept = 127.0.0.1:{accept}\n"
                           f"connect = 127.0.0.1:{connect}\nPSKsecrets = {secret}\n" + ("PSKidentity = bench\n" if client == "yes" else ""))
    port = free_ports(scene)
    return Peer("stunnel", first_line([binary, "-version"], "stunnel "), start(scene, [binary, config(port, endpoint, "no")], port), port,
                lambda local, port: [binary, config(local, port, "yes")])


def certificates(scene):
    """A CA and two certificates of it, each with its key in one file, as HAProxy takes them."""
    def openssl(*args):
        subprocess.run(["openssl", *args], check=True, capture_output=True, cwd=scene.folder)
    new = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl(*new, "-x509", "-days", "2", "-subj", "/CN=ca", "-keyout", "ca.key", "-out", "ca.pem")
    for name in ("server", "client"):
        openssl(*new, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        openssl("x509", "-req", "-days", "2", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", f"{name}.crt")
        with open(scene.path(f"{name}.crt"), encoding="ascii") as crt, open(scene.path(f"{name}.key"), encoding="ascii") as key:
            scene.write(f"{name}.pem", crt.read() + key.read())


def haproxy(scene, endpoint):
    binary = shutil.which("haproxy", path=SYSTEM)
    if not binary or not shutil.which("openssl"):
        return None
    certificates(scene)

    def argv(accept, connect, accept_tls="", connect_tls=""):
        return [binary, "-db", "-f", scene.write(f"haproxy-{accept}", "\n".join([
            "defaults", "  mode tcp", "  timeout connect 10s", "  timeout client 1h", "  timeout server 1h",
            "frontend near", f"  bind 127.0.0.1:{accept} {accept_tls}", "  default_backend far",
            "backend far", f"  server far 127.0.0.1:{connect} {connect_tls}", ""]))]
    tls = f"ca-file {scene.path('ca.pem')} verify required"
    port = free_ports(scene)
    server = start(scene, argv(port, endpoint, accept_tls=f"ssl crt {scene.path('server.pem')} {tls}"), port)
    return Peer("HAProxy", first_line([binary, "-v"]).partition(" - ")[0], server, port,
                lambda local, port: argv(local, port, connect_tls=f"ssl crt {scene.path('client.pem')} {tls}"))


def dropbear(scene, endpoint):
    """Its server reads the authorized_keys of the user's home, and has no option for another place: root gives it a home of its own."""
    binary = shutil.which("dropbear", path=SYSTEM)
    if not binary or not AS_ROOT or not shutil.which("dbclient") or not shutil.which("dropbearkey"):
        return None
    for name in ("dropbear-host", "dropbear-key"):
        subprocess.run(["dropbearkey", "-t", "ed25519", "-f", scene.path(name)], check=True, capture_output=True)
    public = subprocess.run(["dropbearkey", "-y", "-f", scene.path("dropbear-key")], check=True, capture_output=True, text=True).stdout
    authorized = scene.write("dropbear-authorized", re.search(r"^ssh-ed25519 .*$", public, re.M).group() + "\n")
    port, me = free_ports(scene), pwd.getpwuid(os.geteuid())
    run = (f"mount -t tmpfs -o mode=700 bench {me.pw_dir} && mkdir -m 700 {me.pw_dir}/.ssh && "
           f"cp {authorized} {me.pw_dir}/.ssh/authorized_keys && exec {binary} -F -E -P '' -r {scene.path('dropbear-host')} -p 127.0.0.1:{port}")
    server = start(scene, ["unshare", "--mount", "sh", "-c", run], port)
    return Peer("dropbear", first_line([binary, "-V"]), server, port, lambda local, port: [
        "dbclient", "-N", "-y", "-y", "-i", scene.path("dropbear-key"), "-p", str(port), "-l", me.pw_name,
        "-L", f"127.0.0.1:{local}:127.0.0.1:{endpoint}", "127.0.0.1"])


def spiped(scene, endpoint):
    if not shutil.which("spiped"):
        return None
    with open(scene.path("spiped-key"), "wb") as f:
        f.write(os.urandom(32))

    def argv(side, accept, connect):  # -n 0: as many connections as come, not 100
        return ["spiped", side, "-F", "-n", "0", "-k", scene.path("spiped-key"), "-s", f"[127.0.0.1]:{accept}", "-t", f"[127.0.0.1]:{connect}"]
    port = free_ports(scene)
    return Peer("spiped", first_line(["spiped", "-v"]), start(scene, argv("-d", port, endpoint), port), port,
                lambda local, port: argv("-e", local, port))


def sshipc(scene, endpoint):
    server = scene.server({"bench": f"127.0.0.1:{endpoint}"}, args=["-f", scene.write("bench.conf", LIMITS, 0o644)])
    version = first_line([CLIENT, "--version"]).removeprefix("sshipc-client ") + ", " + first_line([CLIENT, "--version"], "libssh")
    return Peer("sshipc", version, server, server.port,
                lambda local, port: [*scene.client_argv(server, str(local))[:-1], f"127.0.0.1:{port}"])


def direct(scene, endpoint):
    return Peer("direct", "no tunnel: the client of the tunnels connects to the endpoint", None, endpoint, None, encrypted=False)


STARTERS = dict(zip(NAMES, (direct, openssh, openssh_gcm, stunnel, haproxy, dropbear, spiped, sshipc)))


def start_all(scene, names):
    """Those that are installed, each with an endpoint of its own."""
    scene.ports, found = set(), []
    for name in names:
        if peer := STARTERS[name](scene, helper(scene, "endpoint")[1]):
            found.append(peer)
        else:
            print(f"{name}: not here (scripts/install-deps bench installs it)", file=sys.stderr)
    return found
