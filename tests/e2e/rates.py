# SPDX-License-Identifier: BSD-2-Clause
"""Login requests as bytes (RFC 4252 section 7), and what sessions that have ended cost."""
import os
import struct

ODD_BITS = 3072


def string(data):
    data = data.encode() if isinstance(data, str) else data
    return struct.pack(">I", len(data)) + data


def login(algorithm, blob, signature=None):
    """The step of tests/hostile that sends such a request."""
    body = b"\x32" + string("somebody") + string("ssh-connection") + string("publickey")
    body += bytes([signature is not None]) + string(algorithm) + string(blob)
    return "login:" + (body + (string(signature) if signature is not None else b"")).hex()


def number(bits):
    return string(b"\0" + ((1 << bits - 1) | 1).to_bytes(bits // 8, "big"))


# Its exponent is as long as its modulus: a hundred times the usual price, were it checked.
ODD_REQUEST = login("rsa-sha2-256", string("ssh-rsa") + number(ODD_BITS - 8) + number(ODD_BITS),
                    string("rsa-sha2-256") + string(b"\0" + b"\x55" * (ODD_BITS // 8 - 1)))


def cpu_of_ended(pid):
    """Seconds of CPU of the children of pid that have ended."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        ticks = f.read().rsplit(")", 1)[1].split()[13:15]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
