# SPDX-License-Identifier: BSD-2-Clause
"""System calls and allocations of a program that fail by rule: the test's side of tests/shim/faults.c."""
import mmap
import os
import struct

from harness import BUILD, check, sanitized, skip

KINDS = ("alloc", "recv-eintr", "recv-eagain", "recv-short", "send-eintr", "send-eagain", "send-short", "wait-eintr", "accept-emfile",
         "socket-emfile", "fork-eagain")


class Faults:
    """wrap goes before the program's arguments.  The server hands it on to its helpers where it runs with --unsafe-no-sandbox;
    forked: only its sessions have the faults."""

    def __init__(self, scene, name, forked=False):
        shim = os.path.join(BUILD, "faults.so")
        if sanitized():
            skip("the sanitizer has an allocator of its own and must be loaded first")
        check(os.path.exists(shim), f"{shim} is missing: make unit builds it")
        # Helpers become another user and then execute the program anew, which fails unseen below /root: they start without the shim.
        scene.programs = tuple(scene.copied(p) for p in scene.programs)
        shim = scene.copied(shim)
        path = scene.path(name)
        with open(path, "wb") as f:
            f.write(bytes(4096))
        os.chmod(path, 0o666)
        with open(path, "r+b") as f:
            self.page = mmap.mmap(f.fileno(), 4096)
        self.wrap = ["env", f"LD_PRELOAD={shim}", f"FAULTS={path}", *(["FAULTS_FORKED=1"] if forked else [])]

    def set(self, **every):
        """Kind -> period, 0 for never; counting begins anew."""
        for kind, period in every.items():
            struct.pack_into("III", self.page, 12 * KINDS.index(kind.replace("_", "-")), period, 0, 0)

    def set_clock(self, seconds):
        """The program's clock is wrong by so much."""
        struct.pack_into("q", self.page, 2048, seconds)

    def made(self, kind):
        return struct.unpack_from("III", self.page, 12 * KINDS.index(kind))[2]
