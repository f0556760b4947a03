# SPDX-License-Identifier: BSD-2-Clause
"""denied.py CALL... -- COMMAND...: the command finds these system calls refused (EPERM), as in a container whose seccomp profile does not
know them."""
import ctypes
import os
import sys

ALLOW, ERRNO = 0x7FFF0000, 0x00050000


def argv(*calls):
    """The words before the arguments of a program (wrap)."""
    return [sys.executable, "-B", __file__, *calls, "--"]


def main(words):
    at = words.index("--")
    lib = ctypes.CDLL("libseccomp.so.2")
    lib.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(lib.seccomp_init(ctypes.c_uint32(ALLOW)))
    for call in words[:at]:
        number = lib.seccomp_syscall_resolve_name(call.encode())
        if lib.seccomp_rule_add(context, ctypes.c_uint32(ERRNO | 1), ctypes.c_int(number), ctypes.c_uint(0)) != 0:
            sys.exit(f"denied.py: {call}")
    if lib.seccomp_load(context) != 0:
        sys.exit("denied.py: no filter")
    os.execvp(words[at + 1], words[at + 1:])


if __name__ == "__main__":
    main(sys.argv[1:])
