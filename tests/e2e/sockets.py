# SPDX-License-Identifier: BSD-2-Clause
"""Addresses, connections as a test sees them, and the endpoints behind the tunnel."""
import contextlib
import os
import queue
import random
import socket
import struct
import threading

from basics import Failure

LONG = 60  # seconds after which a socket that does not move is a failure
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close is a reset


def free_port():
    """For programs that cannot take port 0; below the ephemeral range, so that no connection of a neighbour takes it."""
    while True:
        port = random.SystemRandom().randrange(20000, 32000)
        with socket.socket() as s:
            with contextlib.suppress(OSError):
                s.bind(("127.0.0.1", port))
                return port


def parse_address(text):
    if text.startswith("/"):
        return socket.AF_UNIX, text
    if text.startswith("@"):
        return socket.AF_UNIX, "\0" + text[1:]
    host, port = text.rsplit(":", 1)
    return (socket.AF_INET6, (host[1:-1], int(port))) if host.startswith("[") else (socket.AF_INET, (host, int(port)))


def dial(address, timeout=LONG):
    family, where = parse_address(address)
    s = socket.socket(family)
    s.settimeout(timeout)
    s.connect(where)
    return s


def reset(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    s.close()


def outcome(s):
    """What a reader sees next: the bytes, "eof" or "reset"."""
    try:
        return s.recv(65536) or "eof"
    except (ConnectionResetError, BrokenPipeError):
        return "reset"


def fate(address):
    """What becomes of a connection that says nothing; it may be reset before connect(2) has returned."""
    try:
        with dial(address) as s:
            return outcome(s)
    except ConnectionResetError:
        return "reset"


class Endpoint:
    """Listens on "tcp", "tcp6" or "unix"; hands each connection to serve(connection) in a thread, or to accept()."""

    def __init__(self, scene, kind="tcp", serve=None, address=None, backlog=1024):
        self.scene, self.serve, self.accepted = scene, serve, queue.Queue()
        self.count, self.open, self.peak = 0, 0, 0
        self.lock = threading.Lock()
        default = {"tcp": "127.0.0.1:0", "tcp6": "[::1]:0", "unix": scene.path("endpoint.sock")}
        family, where = parse_address(address or default[kind])
        self.listener = socket.socket(family)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(where)
        if family == socket.AF_UNIX:
            self.address = address or where
            if self.address.startswith("/"):
                os.chmod(where, 0o666)
        else:
            host, port = self.listener.getsockname()[:2]
            self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.listener.listen(backlog)
        if backlog:
            threading.Thread(target=self._accept, daemon=True).start()

    def begin(self, serve):
        """One of backlog 0 accepts from now on."""
        self.serve = serve
        self.listener.listen(1024)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            connection.settimeout(LONG)
            with self.lock:
                self.count += 1
                self.open += 1
                self.peak = max(self.peak, self.open)
            if self.serve:
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()
            else:
                self.accepted.put(connection)

    def _serve(self, connection):
        try:
            self.serve(connection)
        except OSError:
            pass  # the test sees it at its own end
        finally:
            connection.close()
            with self.lock:
                self.open -= 1

    def accept(self, timeout=15):
        try:
            return self.accepted.get(timeout=timeout)
        except queue.Empty:
            raise Failure(f"no connection reached the endpoint {self.address} within {timeout} s") from None

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        if self.address.startswith("/"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.address)
