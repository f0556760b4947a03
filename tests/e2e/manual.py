# SPDX-License-Identifier: BSD-2-Clause
"""What the manual pages promise to programs: the events of the log, and the members of the JSON of sshipc-ctl(8)."""
import re

from harness import ROOT, same


def section(page, title):
    """Its text, to the next section or subsection."""
    with open(f"{ROOT}/sshipc-server/{page}", encoding="utf-8") as f:
        return re.search(rf"^\.S[hs] {title}\n(.*?)^\.S[hs] ", f.read(), re.M | re.S).group(1)


def events(program="SERVER"):
    """event -> [(of a connection, levels, fields it has, fields it may have)]"""
    found = {}
    connections, _, server = section("sshipc-log.5", f"EVENTS OF THE {program}").partition("Events of the server")
    for text, own in ((connections, program == "SERVER"), (server, False)):
        for event, levels, must, may in re.findall(r"^\.It Cm ([a-z-]+) No \(([a-z, ]+)\)(?:: ([\w, ]+))?(?:; also ([\w, ]+))?$", text, re.M):
            found.setdefault(event, []).append((own, levels.split(", "), _words(must), _words(may)))
    same(sum(len(rows) for rows in found.values()), (connections + server).count("\n.It "), "events that could be read")
    return found


def check_members(value, request):
    """An object that the control socket, or .status, answers has the members that are listed for the request, and no others."""
    text = re.search(rf"^\.It Li {request}\b.*?^\.Bd -literal\n(.*?)^\.Ed", section("sshipc-ctl.8", "THE SOCKET"), re.M | re.S).group(1)
    _compare(value, _parse(iter(re.findall(r"\w+|[{}]", text))), request)


def _words(text):
    return {w for w in text.split(", ") if w}


def _parse(tokens):
    names, last = {}, None
    for token in tokens:
        if token == "}":
            break
        if token == "{":
            names[last] = _parse(tokens)
        else:
            last, names[token] = token, {}
    return names


def _compare(value, names, where):
    same(set(value), set(names), f"members of {where}")
    for name in (n for n in names if names[n]):
        for one in value[name] if isinstance(value[name], list) else [value[name]]:
            if one is not None:
                _compare(one, names[name], f"{where}.{name}")
