# SPDX-License-Identifier: BSD-2-Clause
"""Failing, skipping, waiting; and what /proc says about a process."""
import contextlib
import os
import re
import sys
import time


class Failure(AssertionError):
    pass


def check(condition, what):
    if not condition:
        raise Failure(what)


def same(got, want, what):
    check(got == want, f"{what}: got {got!r}, wanted {want!r}")


def skip(reason):
    print(reason)
    sys.exit(77)


def wait_for(what, condition, timeout=15):
    """Polls condition() until it is true and returns its value."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        check(time.monotonic() < deadline, f"after {timeout} s still not: {what}")
        time.sleep(0.01)
    return value


def proc(pid, name):
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/{name}", encoding="utf-8", errors="replace") as f:
            return f.read()
    return ""


def status(pid, field):
    found = re.search(rf"^{field}:\s*(.*)$", proc(pid, "status"), re.M)
    return found.group(1) if found else None


def alive(pid):
    return (status(pid, "State") or "Z")[0] not in "ZX"


def children(pid):
    pids = [int(p) for p in os.listdir("/proc") if p.isdigit()]
    return [p for p in pids if status(p, "PPid") == str(pid) and alive(p)]


def descendants(pid):
    return [d for c in children(pid) for d in [c, *descendants(c)]]


def title(pid):
    return proc(pid, "cmdline").replace("\0", " ").strip()


def descriptors(pid):
    """fd -> what it is."""
    found = {}
    try:
        fds = os.listdir(f"/proc/{pid}/fd")
    except PermissionError:
        skip(f"must be allowed to read /proc/PID/fd of {title(pid)}")
    for fd in fds:
        with contextlib.suppress(FileNotFoundError):
            found[int(fd)] = os.readlink(f"/proc/{pid}/fd/{fd}")
    return found


def cpu(pid):
    """Seconds of CPU used so far."""
    user, system = proc(pid, "stat").rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def heap(pid):
    """KiB of anonymous memory."""
    return int(status(pid, "RssAnon").split()[0])
