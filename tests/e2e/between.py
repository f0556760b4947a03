# SPDX-License-Identifier: BSD-2-Clause
"""A TCP relay in front of a server, which a test can hold up, cut or change; to a scene it looks like that server."""
import contextlib
import queue
import socket
import threading
import time


class Queued:
    """A socket that is read at once; what was read waits in a queue, as it does on a path."""

    def __init__(self, source):
        self.source, self.queue = source, queue.SimpleQueue()
        self.came, self.gone = 0, 0  # bytes; each is written by one thread
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        data = b"begun"
        while data:
            try:
                data = self.source.recv(16384)
            except OSError:
                data = b""
            self.came += len(data)
            self.queue.put((time.monotonic(), data))

    def recv(self, _):
        came, data = self.queue.get()
        time.sleep(max(0, self.due(came, len(data)) - time.monotonic()))
        self.gone += len(data)
        return data

    def waiting(self):
        return self.came - self.gone

    def shutdown(self, how):
        self.source.shutdown(how)


class Late(Queued):
    """Its bytes are received later, however many there are."""

    def __init__(self, source, delay):
        self.due = lambda came, n: came + delay
        super().__init__(source)


class Narrow(Queued):
    """Its bytes are received at so many a second."""

    def __init__(self, source, rate):
        self.due = lambda came, n: time.monotonic() + n / rate
        super().__init__(source)


class Between:
    def __init__(self, scene, server, delay=0, rate=0):
        """delay: seconds that all bytes are under way, in either direction; rate: bytes a second towards the client, 0: any."""
        self.host, self.hostkey, self.target = server.host, server.hostkey, ("127.0.0.1", server.port)
        self.flowing = {"up": threading.Event(), "down": threading.Event()}
        self.rate, self.narrow = rate, None
        self.delay, self.passed = delay, {"up": 0, "down": 0}  # bytes, of all connections
        self.count, self.sent_up = 0, 0  # connections; bytes of the newest towards the server
        self.cuts = []  # for each connection to come: it ends after so many bytes upwards
        self.newest = ()
        self.tap = lambda way, data: None  # sees what passes
        self.begin = lambda far: None  # is given each connection to the server before anything passes
        self.source = None  # where they come from
        self.flips = {}  # way -> (offset, bit, least) of the next bytes that go there
        self.resume()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        scene.closers.append(self.listener.close)
        threading.Thread(target=self._accept, daemon=True).start()

    def hold(self, way):
        """What comes from now on waits: "up" is towards the server."""
        self.flowing[way].clear()

    def resume(self):
        for flowing in self.flowing.values():
            flowing.set()

    def cut(self):
        """Ends the newest connection."""
        for s in self.newest:
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)

    def flip(self, way, offset, bit, least):
        """Changes one bit of what goes that way next in a piece of at least so many bytes, which begins with a packet."""
        self.flips[way] = offset, bit, least

    def _accept(self):
        while True:
            try:
                near = self.listener.accept()[0]
                far = socket.create_connection(self.target, source_address=self.source and (self.source, 0))
                self.begin(far)
            except OSError:
                return
            self.newest, self.sent_up = (near, far), 0
            cut_after = self.cuts.pop(0) if self.cuts else None
            for way, source, sink in (("up", near, far), ("down", far, near)):
                if self.delay:
                    source = Late(source, self.delay)
                if self.rate and way == "down":
                    source = self.narrow = Narrow(source, self.rate)
                threading.Thread(target=self._pump, args=(way, source, sink, cut_after), daemon=True).start()
            self.count += 1

    def _pump(self, way, source, sink, cut_after):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self.last = time.monotonic()
                self.flowing[way].wait()
                if way == "up" and cut_after is not None:
                    data = data[:cut_after - self.sent_up]
                if way in self.flips and len(data) >= self.flips[way][2]:
                    offset, bit, _ = self.flips.pop(way)
                    data = bytearray(data)
                    data[offset] ^= bit
                self.tap(way, data)
                sink.sendall(data)
                self.passed[way] += len(data)
                if way == "up":
                    self.sent_up += len(data)
                    if self.sent_up == cut_after:
                        break
        for s in (source, sink):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)
