# SPDX-License-Identifier: BSD-2-Clause
"""What a process holds in memory."""
import re

from harness import proc


def memory(pid):
    """Everything writable that the process has mapped."""
    found = b""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:
        for start, end in re.findall(r"^([0-9a-f]+)-([0-9a-f]+) rw", proc(pid, "maps"), re.M):
            try:
                mem.seek(int(start, 16))
                found += mem.read(int(end, 16) - int(start, 16))
            except (OSError, OverflowError):
                pass  # guard pages and [vvar]
    return found
