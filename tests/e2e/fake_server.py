# SPDX-License-Identifier: BSD-2-Clause
"""A server that lies: libssh through ctypes in a process of its own.  It takes every login, unless its argument is "deny TEXT": then it
sends that as a banner and takes none.  What it does with an open is told by the name of the destination (OPENS, below), and of ".status"
by its argument."""
import ctypes
import ctypes.util
import os
import socket
import sys
import threading
import time

AUTH, OPEN, CHANNEL, SERVICE = 1, 2, 3, 4  # ssh_message_type
HOSTKEY, BANNER, PROCESS_CONFIG = 3, 6, 19  # ssh_bind_options_e
HOSTKEYS, REKEY_TIME = 25, 40  # ssh_options_e
ANSWER = (b'{"version":"9","endpoint":{"name":"confd","kind":"confd","present":null,"last_dial":null},'
          b'"key":{"name":"k","fingerprint":"SHA256:x","expires":null},"source":"127.0.0.1","last_refusal":null}\n')
OPENS = {
    "void": "never answered",
    "refuse": "refused",
    "refuse-late": "refused two seconds later",
    "echo": "confirmed, and bytes come back",
    "rekey": "confirmed; a second later new keys are made, signed by the other host key",
    ".status": "as the argument says: sound, silent, dribble, endless, empty, refuse, unanswered, or the text itself",
}


def start(scene, status="sound", banner="sshipc_9", max_packet=None, other_hostkey=None):
    """To a scene it looks like a server of ours.  other_hostkey: a second one, ecdsa-sha2-nistp256."""
    from harness import BUILD, Server, check, skip
    from libssh import name as library
    env, hostkey = {}, scene.key("hostkey")
    if max_packet is not None:
        shim = os.path.join(BUILD, "max_packet.so")
        check(os.path.exists(shim), f"{shim} is missing: make unit builds it")
        if os.environ.get("LD_PRELOAD"):
            skip("something else is preloaded")
        env = {"LD_PRELOAD": shim, "MAX_PACKET": str(max_packet)}
    return Server(scene, [sys.executable, "-B", __file__, library, hostkey.path, banner, status, *([other_hostkey.path] if other_hostkey else [])],
                  hostkey, env=env)


class Connection:
    def __init__(self, lib, bind, fd, status):
        self.lib, self.status = lib, status
        self.session = ctypes.c_void_p(lib.ssh_new())
        if lib.ssh_bind_accept_fd(bind, self.session, fd) == 0 and lib.ssh_handle_key_exchange(self.session) == 0:
            while message := lib.ssh_message_get(self.session):
                self.answer(ctypes.c_void_p(message))

    def answer(self, message):
        kind = self.lib.ssh_message_type(message)
        if kind == AUTH and self.status.startswith("deny "):
            text = ctypes.c_void_p(self.lib.ssh_string_from_char(self.status[5:].encode() + b"\r\n"))
            self.lib.ssh_send_issue_banner(self.session, text)
            self.lib.ssh_message_reply_default(message)
        elif kind == AUTH:
            self.lib.ssh_message_auth_reply_success(message, 0)
        elif kind == SERVICE:
            self.lib.ssh_message_service_reply_success(message)
        elif kind == OPEN:
            self.open(message, self.lib.ssh_message_channel_request_open_destination(message).decode())
        else:
            self.lib.ssh_message_reply_default(message)

    def open(self, message, to):
        how = {".status": self.status}.get(to, to)
        print(f"open {to}", file=sys.stderr, flush=True)
        if how == "refuse-late":
            time.sleep(2)
        if how in ("refuse", "refuse-late"):
            self.lib.ssh_message_reply_default(message)
        elif how not in ("void", "unanswered"):
            self.carry(ctypes.c_void_p(self.lib.ssh_message_channel_request_open_reply_accept(message)), how)

    def carry(self, channel, how):
        """One channel at a time: a server that does nothing else while it dribbles."""
        buffer = ctypes.create_string_buffer(4096)
        if how == "echo":
            while (n := self.lib.ssh_channel_read(channel, buffer, 4096, 0)) > 0:
                self.lib.ssh_channel_write(channel, buffer, n)
        elif how == "rekey":
            self.lib.ssh_options_set(self.session, HOSTKEYS, ctypes.c_char_p(b"ecdsa-sha2-nistp256"))
            self.lib.ssh_options_set(self.session, REKEY_TIME, ctypes.byref(ctypes.c_uint32(1)))
            while self.lib.ssh_channel_write(channel, b"x", 1) > 0:
                self.lib.ssh_channel_read_timeout(channel, buffer, 4096, 0, 100)
        elif how in ("dribble", "endless"):
            piece = b"{" if how == "dribble" else b"{" * 4096
            while self.lib.ssh_channel_write(channel, piece, len(piece)) > 0:
                time.sleep(0.3 if how == "dribble" else 0)
        elif how != "silent":
            text = {"sound": ANSWER, "empty": b""}.get(how, how.encode())
            self.lib.ssh_channel_write(channel, text, len(text))
        if how != "silent":
            self.lib.ssh_channel_send_eof(channel)
            self.lib.ssh_channel_close(channel)


def serve(library, hostkey, banner, status, *other_hostkeys):
    lib = ctypes.CDLL(library, ctypes.RTLD_GLOBAL)  # the shim looks for it there
    for call in ("ssh_new", "ssh_bind_new", "ssh_message_get", "ssh_message_channel_request_open_reply_accept",
                 "ssh_string_from_char"):
        getattr(lib, call).restype = ctypes.c_void_p
    lib.ssh_message_channel_request_open_destination.restype = ctypes.c_char_p
    lib.ssh_init()
    bind = ctypes.c_void_p(lib.ssh_bind_new())
    lib.ssh_bind_options_set(bind, PROCESS_CONFIG, ctypes.byref(ctypes.c_bool(False)))
    for key in (hostkey, *other_hostkeys):
        lib.ssh_bind_options_set(bind, HOSTKEY, ctypes.c_char_p(key.encode()))
    lib.ssh_bind_options_set(bind, BANNER, ctypes.c_char_p(banner.encode()))
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"listening on 127.0.0.1:{listener.getsockname()[1]}", file=sys.stderr, flush=True)
    while True:
        fd = listener.accept()[0].detach()
        threading.Thread(target=Connection, args=(lib, bind, fd, status), daemon=True).start()


if __name__ == "__main__":
    serve(*sys.argv[1:])
