# SPDX-License-Identifier: BSD-2-Clause
"""Programs that stand in for those that the recipes are for and that cannot be had: ConfD and NSO, whose IPC is alike."""

# sys.argv: HOST:PORT or a path, and the file of a secret.  A backlog of 25, a challenge where there is a secret, an answer for each line.
DAEMON = """
import hashlib, hmac, os, socket, sys, threading
secret = open(sys.argv[2], "rb").read() if len(sys.argv) > 2 else None
def serve(c):
    with c, c.makefile("rwb") as f:
        nonce = os.urandom(16).hex().encode() if secret else b"none"
        f.write(nonce + b"\\n"), f.flush()
        if secret and f.readline().strip() != hmac.new(secret, nonce, hashlib.sha256).hexdigest().encode():
            return
        for line in f:
            f.write(b"daemon %d: " % os.getpid() + line), f.flush()
def run(c):
    try:
        serve(c)
    except OSError:
        pass
threading.stack_size(256 * 1024)
at = sys.argv[1]
if at.startswith("/"):
    if os.path.exists(at):
        os.unlink(at)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(at), listener.listen(25)
else:
    listener = socket.create_server((at.split(":")[0], int(at.split(":")[1])), backlog=25)
print("listens", flush=True)
while True:
    threading.Thread(target=run, args=(listener.accept()[0],), daemon=True).start()
"""

COMMAND = """#!/usr/bin/env -S python3 -B
import hashlib, hmac, os, socket, sys
env = {name.removeprefix("@_IPC_"): value for name, value in os.environ.items() if name.startswith("@_IPC_")}
host, _, port = "#".rpartition(":")
path = env.get("PATH") or ("" if host or "ADDR" in env or "PORT" in env else "#")
s = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
s.settimeout(60)
s.connect(path or (env.get("ADDR", host or "127.0.0.1"), int(env.get("PORT", port))))
with s, s.makefile("rwb") as f:
    nonce = f.readline().strip()
    if nonce != b"none":
        secret = open(env["ACCESS_FILE"], "rb").read() if "ACCESS_FILE" in env else b""
        f.write(hmac.new(secret, nonce, hashlib.sha256).hexdigest().encode() + b"\\n")
    elif "ACCESS_FILE" in env:
        sys.exit("the daemon has no access check")
    for n in range(int(os.environ.get("REPEAT", 1))):
        f.write(sys.argv[-1].encode() + b"\\n"), f.flush()
        answer = f.readline().decode()
        if not answer:
            sys.exit("closed by the daemon")
        print(answer, end="", flush=True)
        if "WAIT" in os.environ:
            sys.stdin.readline()
"""


def command(prefix, default):
    """A client of it, with the variables PREFIX_IPC_ADDR, _PORT, _PATH (which comes before the others) and _ACCESS_FILE.  It sends its last
    argument REPEAT times, and each time prints the answer."""
    return COMMAND.replace("@", prefix).replace("#!/", "\0").replace("#", default).replace("\0", "#!/")

# What the two sides of BlueChi have of sd-bus, by libsystemd itself: peers that speak D-Bus without a bus between them.
SDBUS = """
import ctypes, os, socket, sys, threading, time
sd = ctypes.CDLL("libsystemd.so.0")
HANDLER = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
class Id(ctypes.Structure):
    _fields_ = [("bytes", ctypes.c_uint8 * 16)]
def say(text):
    os.write(1, text.encode() + b"\\n")
def must(code, what):
    if code < 0:
        raise OSError(-code, what + ": " + os.strerror(-code))
    return code
def bus():
    made = ctypes.c_void_p()
    must(sd.sd_bus_new(ctypes.byref(made)), "sd_bus_new")
    return made
def connect(address, is_bus=False):
    made = bus()
    must(sd.sd_bus_set_address(made, address.encode()), address)
    sd.sd_bus_set_bus_client(made, is_bus)
    must(sd.sd_bus_start(made), address)
    return made
def call(on, member, text, interface="org.example.Controller", dest=None, timeout=10):
    request, reply = ctypes.c_void_p(), ctypes.c_void_p()
    must(sd.sd_bus_message_new_method_call(on, ctypes.byref(request), dest and dest.encode(), b"/org/example", interface.encode(), member.encode()), member)
    must(sd.sd_bus_message_append(request, b"s", text.encode()), member)
    must(sd.sd_bus_call(on, request, ctypes.c_uint64(timeout * 1000000), None, ctypes.byref(reply)), member)
    return word(reply)
def word(message):
    got = ctypes.c_char_p()
    must(sd.sd_bus_message_read(ctypes.c_void_p(message) if isinstance(message, int) else message, b"s", ctypes.byref(got)), "read")
    return got.value.decode()
def loop(on):
    while (code := sd.sd_bus_process(on, None)) >= 0:
        if code == 0:
            sd.sd_bus_wait(on, ctypes.c_uint64(-1))
"""

# Started by its first connection (LISTEN_FDS), as BlueChi's controller is: a node's name belongs to one connection.
CONTROLLER = SDBUS + """
say("controller started")
nodes, lock = set(), threading.Lock()
def serve(connection):
    name = None
    def handle(message, _, error):
        nonlocal name
        m = ctypes.c_void_p(message)
        if sd.sd_bus_message_is_method_call(m, b"org.example.Controller", b"Register") > 0:
            wanted = word(m)
            with lock:
                taken = wanted in nodes
                nodes.add(wanted)
            if taken:
                say(f"{wanted} refused: the name is taken")
                return sd.sd_bus_reply_method_errorf(m, b"org.example.Taken", b"the name is taken")
            name = wanted
            say(f"{name} online")
            return sd.sd_bus_reply_method_return(m, b"s", b"welcome")
        if sd.sd_bus_message_is_method_call(m, b"org.example.Controller", b"Heartbeat") > 0:
            return sd.sd_bus_reply_method_return(m, b"s", b"alive")
        return 0
    handler, peer = HANDLER(handle), bus()
    sd.sd_bus_set_fd(peer, connection, connection)
    sd.sd_bus_set_server.argtypes = [ctypes.c_void_p, ctypes.c_int, Id]
    sd.sd_bus_set_server(peer, 1, Id((ctypes.c_uint8 * 16)(*os.urandom(16))))
    must(sd.sd_bus_add_filter(peer, None, handler, None), "filter")
    must(sd.sd_bus_start(peer), "start")
    loop(peer)
    if name:
        with lock:
            nodes.remove(name)
        say(f"{name} offline")
listener = socket.socket(fileno=3)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0].detach(),), daemon=True).start()
"""

# sys.argv: the D-Bus address of the controller, our name.  It registers, sends heartbeats, and tries again for ever, as BlueChi's agent does.
AGENT = SDBUS + """
while True:
    up, on = False, None
    try:
        on = connect(sys.argv[1])
        call(on, "Register", sys.argv[2])
        up = True
        say("online")
        while True:
            call(on, "Heartbeat", "", timeout=60)
            time.sleep(0.2)
    except OSError as e:
        say(("offline: " if up else "refused: ") + str(e))
    if on:
        sd.sd_bus_close(on)
    time.sleep(0.2)
"""

# On the bus of sys.argv[1] it is systemd, as far as list-units goes.
SYSTEMD = SDBUS + """
def handle(message, _, error):
    m, reply = ctypes.c_void_p(message), ctypes.c_void_p()
    if sd.sd_bus_message_is_method_call(m, b"org.freedesktop.systemd1.Manager", b"ListUnitsByPatterns") <= 0:
        return 0
    row = b"(ssssssouso)"
    must(sd.sd_bus_message_new_method_return(m, ctypes.byref(reply)), "reply")
    must(sd.sd_bus_message_open_container(reply, ctypes.c_char(b"a"), row), "array")
    must(sd.sd_bus_message_append(reply, row, b"demo.service", b"A demo of node7", b"loaded", b"active", b"running", b"", b"/demo", 0, b"", b"/"), "row")
    must(sd.sd_bus_message_close_container(reply), "array")
    return sd.sd_bus_send(None, reply, None)
handler, on = HANDLER(handle), connect(sys.argv[1], True)
must(sd.sd_bus_add_filter(on, None, handler, None), "filter")
must(sd.sd_bus_request_name(on, b"org.freedesktop.systemd1", ctypes.c_uint64(0)), "name")
say("systemd is on the bus")
loop(on)
"""

# Tries to send a descriptor to the bus of sys.argv[1], and says how that went.
DESCRIPTOR = SDBUS + """
on, request = connect(sys.argv[1], True), ctypes.c_void_p()
say("logged in" if sd.sd_bus_can_send(on, ctypes.c_char(b"s")) > 0 else "not logged in")
say("descriptors agreed" if sd.sd_bus_can_send(on, ctypes.c_char(b"h")) > 0 else "no descriptors here")
must(sd.sd_bus_message_new_method_call(on, ctypes.byref(request), b"org.freedesktop.DBus", b"/", b"org.freedesktop.DBus", b"Nothing"), "new")
code = sd.sd_bus_message_append(request, b"h", 0)
if code >= 0:
    code = sd.sd_bus_call(on, request, ctypes.c_uint64(10000000), None, None)
say(os.strerror(-code))
"""

# The attach of Docker's API, of both sides: after 101 the connection is raw, stdin ends by a half-close, and the output still comes.
DOCKERD = """
import os, socket, sys, threading
def serve(c):
    with c, c.makefile("rwb") as f:
        request = b"".join(iter(f.readline, b"\\r\\n"))
        if not request.startswith(b"POST /containers/demo/attach?") or b"Upgrade: tcp" not in request:
            return f.write(b"HTTP/1.1 404 Not Found\\r\\nContent-Length: 0\\r\\n\\r\\n")
        f.write(b"HTTP/1.1 101 UPGRADED\\r\\nConnection: Upgrade\\r\\nUpgrade: tcp\\r\\n\\r\\nprompt> "), f.flush()
        got = f.read()
        f.write(b"%d bytes, then the end" % len(got))
listener = socket.socket(socket.AF_UNIX)
listener.bind("/run/docker.sock"), os.chmod("/run/docker.sock", 0o660), listener.listen(25)
print("listens", flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""

DOCKER = """#!/usr/bin/env -S python3 -B
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(60)
s.connect(sys.argv[2].removeprefix("unix://"))
with s, s.makefile("rwb") as f:
    f.write(f"POST /containers/{sys.argv[4]}/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\\r\\nHost: docker\\r\\nConnection: Upgrade\\r\\nUpgrade: tcp\\r\\n\\r\\n".encode())
    f.flush()
    status = b"".join(iter(f.readline, b"\\r\\n"))
    if b" 101 " not in status:
        sys.exit(status.decode())
    sys.stdout.write(f.read(8).decode()), sys.stdout.flush()
    while data := sys.stdin.buffer.read1(65536):
        s.sendall(data)
    s.shutdown(socket.SHUT_WR)
    print(f.read().decode())
"""
