# SPDX-License-Identifier: BSD-2-Clause
"""Thousands of connections through one client and one server that are open and say nothing, and bulk beside them."""
import contextlib
import os
import select
import signal
import socket
import threading
import traceback

from harness import LONG, dial, reset, same, wait_for
from traffic import receive_all, send_all, together

BULK = b"B"  # the first byte of a connection that carries bulk; any other byte is echoed
BACKLOG = 4096


def carry(connection, size):
    """The endpoint's side of bulk(); the test sees a failure here as a reset, and its text on stderr."""
    connection.settimeout(LONG)
    with connection:
        try:
            together(lambda: receive_all(connection, 1, size), lambda: send_all(connection, 2, size))
        except BaseException:
            traceback.print_exc()
            reset(connection)


def serve(listener, size):
    poll, open_now = select.epoll(), {}
    poll.register(listener, select.EPOLLIN)
    listener.setblocking(False)
    while True:
        for fd, _ in poll.poll():
            if fd == listener.fileno():
                with contextlib.suppress(BlockingIOError):
                    connection = listener.accept()[0]
                    open_now[connection.fileno()] = connection
                    poll.register(connection, select.EPOLLIN)
                continue
            connection = open_now[fd]
            word = connection.recv(1)
            if word not in (b"", BULK):
                connection.sendall(word)
                continue
            poll.unregister(connection)
            del open_now[fd]
            if word:
                threading.Thread(target=carry, args=(connection, size), daemon=True).start()
            else:
                connection.close()


def endpoint(scene, size):
    """Its address; a process of its own, since each process has its own limit of descriptors."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
    pid = os.fork()
    if pid == 0:
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            serve(listener, size)
        finally:
            os._exit(1)

    def end():
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    scene.closers.append(end)
    at = "127.0.0.1:%d" % listener.getsockname()[1]
    listener.close()
    return at


def bulk(s, size):
    """size bytes in each direction at once, compared byte for byte at both ends."""
    s.sendall(BULK)
    together(lambda: send_all(s, 1, size), lambda: receive_all(s, 2, size))


def ask_each(sockets):
    words = [b"%c" % (ord("a") + i % 26) for i in range(len(sockets))]
    for s, word in zip(sockets, words):
        s.sendall(word)
    for i, (s, word) in enumerate(zip(sockets, words)):
        same(s.recv(2), word, f"the answer to connection {i}")


def crowd(scene, count, size):
    """count idle connections, bulk beside them on one that is older and then on one that is younger; each is alive before and after."""
    config = scene.write("server.conf", f"max_channels = {count + 2};\n")
    server = scene.server({"confd": endpoint(scene, size)}, args=["-f", config])
    client = scene.client(server, "127.0.0.1:0")
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(dial(client.at[0])) for _ in range(count + 1)]
        ask_each(sockets)
        older, *idle = sockets
        bulk(older, size)
        bulk(stack.enter_context(dial(client.at[0])), size)
        ask_each(idle)
        wait_for("the two of the bulk are closed", lambda: server.log().count(" closed: ") >= 2)
        same(server.log().count(" closed: "), 2, "channels closed while the idle ones were open")
    wait_for("all are closed", lambda: server.log().count(" closed: ") == count + 2, LONG)
