# SPDX-License-Identifier: BSD-2-Clause
"""Bytes that can be told apart at every offset, moved and compared; what the traffic tests share with their long variants."""
import contextlib
import random
import socket
import threading

from harness import check, descendants, descriptors, dial, heap, outcome, same, sanitized, title, wait_for

MIB = 1 << 20
CHUNK = 256 * 1024
BLOCK = random.Random(2245).randbytes(MIB + 7)  # not a power of two: a chunk out of place never compares equal
VIEW = memoryview(BLOCK + BLOCK[:CHUNK])


def piece(seed, offset, size):
    start = (seed * 7919 + offset) % len(BLOCK)
    return VIEW[start:start + size]


def send_bytes(s, seed, total, progress=None):
    for offset in range(0, total, CHUNK):
        s.sendall(piece(seed, offset, min(CHUNK, total - offset)))
        if progress is not None:
            progress[0] = offset


def receive_bytes(s, seed, total):
    buffer, offset = bytearray(CHUNK), 0
    view = memoryview(buffer)
    while offset < total:
        n = s.recv_into(view[:min(CHUNK, total - offset)])
        check(n, f"end of file after {offset} of {total} bytes")
        check(view[:n] == piece(seed, offset, n), f"bytes differ between {offset} and {offset + n}")
        offset += n


def receive_end(s):
    same(outcome(s), "eof", "after the last byte")


def send_all(s, seed, total):
    send_bytes(s, seed, total)
    s.shutdown(socket.SHUT_WR)


def receive_all(s, seed, total):
    receive_bytes(s, seed, total)
    receive_end(s)


def together(*jobs):
    """Runs callables in threads; the first failure is raised here."""
    failures = []

    def run(job):
        try:
            job()
        except BaseException as failure:
            failures.append(failure)
    threads = [threading.Thread(target=run, args=(job,), daemon=True) for job in jobs]
    for t in threads:
        t.start()
    for t in threads:
        while t.is_alive() and not failures:
            t.join(0.1)
    if failures:
        raise failures[0]


def echo(connection):
    buffer = bytearray(CHUNK)
    view = memoryview(buffer)
    while n := connection.recv_into(buffer):
        connection.sendall(view[:n])
    connection.shutdown(socket.SHUT_WR)


def hold(connection):
    """Reads nothing until the peer is gone."""
    connection.settimeout(None)
    connection.recv(1, socket.MSG_PEEK)


def both_ways(address, endpoint, size):
    """size bytes in each direction at once, each ended in order, compared byte for byte."""
    carry_both_ways(dial(address), endpoint, size)


def carry_both_ways(local, endpoint, size):
    """The same over an open connection."""
    remote = endpoint.accept()
    with local, remote:
        together(lambda: send_all(local, 1, size), lambda: receive_all(remote, 1, size),
                 lambda: send_all(remote, 2, size), lambda: receive_all(local, 2, size))


def ask(address, seed=3, size=100):
    """One short request to an echo endpoint, to its end."""
    with dial(address) as s:
        send_all(s, seed, size)
        receive_all(s, seed, size)


def at_once(address, endpoint, count, size=16 * 1024):
    """count connections to an echo endpoint, all open at the same time, each with bytes of its own."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(dial(address)) for _ in range(count)]
        for seed, s in enumerate(sockets):
            s.sendall(piece(seed, 0, size))
        for seed, s in enumerate(sockets):
            receive_bytes(s, seed, size)
        same(endpoint.open, count, "connections open at the endpoint")
        for s in sockets:
            s.shutdown(socket.SHUT_WR)
        for s in sockets:
            receive_end(s)


def half_close(address, endpoint, order, size=MIB):
    """The four orders in which two directions can end.  address: or what opens a connection."""
    local = address() if callable(address) else dial(address)
    remote = endpoint.accept()
    with local, remote:
        if order == "local first":
            together(lambda: send_all(local, 1, size), lambda: receive_all(remote, 1, size))
            together(lambda: send_all(remote, 2, size), lambda: receive_all(local, 2, size))
        elif order == "endpoint first":
            together(lambda: send_all(remote, 2, size), lambda: receive_all(local, 2, size))
            together(lambda: send_all(local, 1, size), lambda: receive_all(remote, 1, size))
        elif order == "local first, answer under way":
            remote.sendall(piece(2, 0, 1000))
            together(lambda: send_all(local, 1, size), lambda: receive_all(remote, 1, size))
            together(lambda: remote.sendall(piece(2, 1000, 5000)))
            remote.shutdown(socket.SHUT_WR)
            receive_all(local, 2, 6000)
        else:  # both before either is read
            send_all(local, 1, 5000)
            send_all(remote, 2, 5000)
            receive_all(local, 2, 5000)
            receive_all(remote, 1, 5000)


HALF_CLOSES = ("local first", "endpoint first", "local first, answer under way", "both at once")


def one_after_another(scene, count):
    """count short connections; afterwards no process has a descriptor more, nor memory that grows with their number."""
    endpoint, server, client = scene.tunnel(serve=echo)

    def state(carried):
        """At rest: the endpoint is done before session and client have closed their own, and they tell of it last."""
        wait_for("both have closed", lambda: endpoint.open == 0 and all(p.log().count(" closed: ") == carried for p in (client, server)))
        pids = [client.pid, server.pid, *descendants(server.pid)]
        return {title(p).split("/")[-1].split(" -")[0] + f" [{p}]": (len(descriptors(p)), heap(p)) for p in pids}

    for seed in range(count):
        ask(client.at[0], seed)
    before = state(count)
    for seed in range(count):
        ask(client.at[0], seed)
    after = state(2 * count)
    for who, (fds, kib) in after.items():
        same(fds, before[who][0], f"descriptors of {who}")
        grown = kib - before[who][1]
        check(sanitized() or grown < 128 + count / 8, f"{who} grew by {grown} KiB over {count} connections")
