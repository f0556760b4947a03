# SPDX-License-Identifier: BSD-2-Clause
"""Reads tests/mutants/list: what is changed to break a claim, and the test that must then fail."""
import collections
import os

Mutant = collections.namedtuple("Mutant", "claim file test old new")


def read_list():
    """A mutant is a line "CLAIM FILE TEST", then lines of the source with "-" before them, then with "+" what stands there instead."""
    found = []
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "list"), encoding="utf-8") as f:
        for number, line in enumerate(f.read().splitlines(), 1):
            if line.startswith("#") or not line:
                continue
            if line[0] not in "-+":
                claim, file, test = line.split()
                found.append(Mutant(int(claim), file, test, [], []))
            elif not found or (line[0] == "-" and found[-1].new):
                raise ValueError(f"tests/mutants/list:{number}: a line of the source without its mutant")
            else:
                (found[-1].old if line[0] == "-" else found[-1].new).append(line[1:])
    return [m._replace(old="\n".join(m.old), new="\n".join(m.new)) for m in found]
