# SPDX-License-Identifier: BSD-2-Clause
"""A client that asks for what the stock one never would: libssh through ctypes."""
import ctypes
import ctypes.util

from harness import check, skip

OK, DENIED = 0, 1
HOST, PORT, USER, SSH_DIR, TIMEOUT, PROCESS_CONFIG = 0, 1, 4, 5, 9, 38

name = ctypes.util.find_library("ssh")
if not name:
    skip("no libssh to load")
lib = ctypes.CDLL(name)
for call in ("ssh_new", "ssh_channel_new"):
    getattr(lib, call).restype = ctypes.c_void_p
lib.ssh_get_error.restype = ctypes.c_char_p


class Session:
    def __init__(self, server, key=None, user="nobody"):
        """Connects; logs in when a key is given."""
        self.handle = ctypes.c_void_p(lib.ssh_new())
        for option, value in ((HOST, server.host.encode()), (USER, user.encode()), (SSH_DIR, b"/nonexistent")):
            lib.ssh_options_set(self.handle, option, ctypes.c_char_p(value))
        for option, number in ((PORT, server.port), (TIMEOUT, 20), (PROCESS_CONFIG, 0)):
            lib.ssh_options_set(self.handle, option, ctypes.byref(ctypes.c_long(number)))
        check(lib.ssh_connect(self.handle) == OK, f"no connection: {self.error()}")
        if key:
            check(self.login(key) == OK, f"no login: {self.error()}")

    def error(self):
        return lib.ssh_get_error(self.handle).decode(errors="replace")

    def login(self, key):
        private = ctypes.c_void_p()
        check(lib.ssh_pki_import_privkey_file(key.path.encode(), None, None, None, ctypes.byref(private)) == OK, "key not read")
        result = lib.ssh_userauth_publickey(self.handle, None, private)
        lib.ssh_key_free(private)
        return result

    def ask_for_logins(self):
        """The service of logins; its answer says that the server has taken our NEWKEYS, and that nothing of it is unread here."""
        return lib.ssh_service_request(self.handle, b"ssh-userauth") == OK

    def none(self):
        return lib.ssh_userauth_none(self.handle, None)

    def password(self, text):
        return lib.ssh_userauth_password(self.handle, None, text.encode())

    def keyboard(self):
        return lib.ssh_userauth_kbdint(self.handle, None, None)

    def open(self, kind, *args):
        """ssh_channel_open_KIND: true when the server confirms."""
        channel = ctypes.c_void_p(lib.ssh_channel_new(self.handle))
        call = getattr(lib, "ssh_channel_open_" + kind)
        return call(channel, *[a.encode() if isinstance(a, str) else a for a in args]) == OK

    def listen(self, port):
        """tcpip-forward"""
        return lib.ssh_channel_listen_forward(self.handle, b"127.0.0.1", port, None) == OK

    def connected(self):
        return bool(lib.ssh_is_connected(self.handle))

    def close(self):
        lib.ssh_disconnect(self.handle)
        lib.ssh_free(self.handle)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
