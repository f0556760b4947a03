# SPDX-License-Identifier: BSD-2-Clause
"""Paramiko as a client: HOST PORT USER KEY DESTINATION-HOST DESTINATION-PORT [REKEY-BYTES] carries stdin and stdout over a channel;
and as a server: serve HOSTKEY AUTHORIZED DESTINATION [REKEY-BYTES] opens this one destination.  With "ignore" before all that it answers
no global request (keepalives are such), and does not say that it is paramiko, which is asked seldom.  tests/interop/run runs it."""
import logging
import os
import socket
import sys
import threading
import time

import paramiko

CHUNK = 64 * 1024
exchanges = 0


class Count(logging.Handler):
    def emit(self, record):
        global exchanges
        exchanges += "Switch to new keys" in record.getMessage()


def carry(channel, read, write, end):
    """Both directions, each to its own end."""
    def up():
        while data := read(CHUNK):
            channel.sendall(data)
        channel.shutdown_write()

    def down():
        while data := channel.recv(CHUNK):
            write(data)
        end()

    ways = [threading.Thread(target=way, daemon=True) for way in (up, down)]
    for way in ways:
        way.start()
    for way in ways:
        way.join()


def write_all(data):
    while data:
        data = data[os.write(1, data):]


def limit(transport, size):
    if size:
        transport.packetizer.REKEY_BYTES = int(size)


def ignore():
    paramiko.Transport._CLIENT_ID = "deaf"
    paramiko.Transport._parse_global_request = lambda transport, message: None
    if table := getattr(paramiko.Transport, "_handler_table", None):  # of version 2
        table[paramiko.common.MSG_GLOBAL_REQUEST] = paramiko.Transport._parse_global_request


def client(host, port, user, key, to, to_port, rekey=None):
    transport = paramiko.Transport((host, int(port)))
    limit(transport, rekey)
    transport.start_client()
    transport.auth_publickey(user, paramiko.Ed25519Key.from_private_key_file(key))
    try:
        channel = transport.open_channel("direct-tcpip", (to, int(to_port)), ("127.0.0.1", 1))
    except paramiko.ChannelException as e:
        sys.exit(f"open: {e}")
    carry(channel, lambda n: os.read(0, n), write_all, lambda: os.close(1))
    channel.recv_exit_status()  # the server has all, and has closed: what it has not read is lost where this closes with unread packets
    print(f"{exchanges} key exchanges", file=sys.stderr)
    transport.close()


class Policy(paramiko.ServerInterface):
    def __init__(self, authorized, destination):
        with open(authorized, encoding="ascii") as f:
            self.keys = [line.split()[1] for line in f]
        self.destination = destination

    def get_allowed_auths(self, username):
        return "publickey"

    def check_auth_publickey(self, username, key):
        return paramiko.AUTH_SUCCESSFUL if key.get_base64() in self.keys else paramiko.AUTH_FAILED

    def check_channel_direct_tcpip_request(self, chanid, origin, destination):
        host, port = destination
        return paramiko.OPEN_SUCCEEDED if f"{host}:{port}" == self.destination else paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED


def relay(channel, destination):
    host, port = destination.rsplit(":", 1)
    with socket.create_connection((host, int(port))) as endpoint:
        carry(channel, endpoint.recv, endpoint.sendall, lambda: endpoint.shutdown(socket.SHUT_WR))
    channel.close()
    transport = channel.get_transport()
    while not transport.clear_to_send.is_set() or (transport.packetizer.need_rekey() and not transport.in_kex):
        time.sleep(0.01)
    print("at rest", file=sys.stderr, flush=True)


def serve(hostkey, authorized, destination, rekey=None):
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"listening on 127.0.0.1:{listener.getsockname()[1]}", file=sys.stderr, flush=True)
    while True:
        transport = paramiko.Transport(listener.accept()[0])
        limit(transport, rekey)
        transport.add_server_key(paramiko.Ed25519Key.from_private_key_file(hostkey))
        transport.start_server(server=Policy(authorized, destination))

        def channels(of=transport):
            while of.is_active():
                if channel := of.accept(1):
                    print(f"{exchanges} key exchanges", file=sys.stderr, flush=True)
                    threading.Thread(target=relay, args=(channel, destination), daemon=True).start()
        threading.Thread(target=channels, daemon=True).start()


logger = logging.getLogger("paramiko")
logger.setLevel(logging.DEBUG)
logger.addHandler(Count())
args = sys.argv[1:]
if args[0] == "ignore":
    ignore()
    del args[0]
(serve if args[0] == "serve" else client)(*args[args[0] == "serve":])
