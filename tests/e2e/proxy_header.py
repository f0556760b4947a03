# SPDX-License-Identifier: BSD-2-Clause
"""Headers of the PROXY protocol, written from its specification: what a balancer sends, and what an endpoint reads."""
import ipaddress
import socket
import struct

from harness import check, same

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LOCAL = SIGNATURE + b"\x20\0\0\0"
NAME, FINGERPRINT = 0xE0, 0xE1


def v1(source, destination="192.0.2.250", ports=(40000, 2245)):
    family = "TCP6" if ":" in source else "TCP4"
    return f"PROXY {family} {source} {destination} {ports[0]} {ports[1]}\r\n".encode()


def v2(source, destination="192.0.2.250", ports=(40000, 2245), tlvs=()):
    source, destination = ipaddress.ip_address(source), ipaddress.ip_address(destination)
    block = source.packed + destination.packed + struct.pack(">HH", *ports)
    block += b"".join(struct.pack(">BH", kind, len(value)) + value for kind, value in tlvs)
    return SIGNATURE + bytes([0x21, 0x21 if source.version == 6 else 0x11]) + struct.pack(">H", len(block)) + block


def checksummed(*args, **kwargs):
    """The same with the TLV of a CRC32c, and one of an unknown type before it."""
    header = bytearray(v2(*args, **kwargs, tlvs=[(0xEE, b"x" * 300), (3, bytes(4))]))
    crc = 0xFFFFFFFF
    for byte in header:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    header[-4:] = struct.pack(">I", crc ^ 0xFFFFFFFF)
    return bytes(header)


def exactly(connection, n):
    data = b""
    while len(data) < n and (more := connection.recv(n - len(data))):
        data += more
    same(len(data), n, "bytes of a header")
    return data


def read(connection):
    """(source, destination, {type: value}) of a header of version 2; reads no byte behind it."""
    start = exactly(connection, 16)
    same((start[:12], start[12]), (SIGNATURE, 0x21), "the beginning of a header of version 2")
    check(start[13] in (0x11, 0x21), f"family {start[13]:#x}")
    size = 4 if start[13] == 0x11 else 16
    block = exactly(connection, struct.unpack(">H", start[14:])[0])
    hosts = [str(ipaddress.ip_address(block[at:at + size])) for at in (0, size)]
    ports, tlvs, rest = struct.unpack(">HH", block[2 * size:2 * size + 4]), {}, block[2 * size + 4:]
    while rest:
        kind, length = struct.unpack(">BH", rest[:3])
        tlvs[kind], rest = rest[3:3 + length].decode(), rest[3 + length:]
    return (hosts[0], ports[0]), (hosts[1], ports[1]), tlvs


def in_pieces(connection, data, size=1):
    """Each in a segment of its own."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for at in range(0, len(data), size):
        connection.sendall(data[at:at + size])
