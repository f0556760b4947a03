# SPDX-License-Identifier: BSD-2-Clause
"""The results as JSON, as a Markdown table and as a plot (SVG); README.md has the table between two comments."""
import json
import math
import os
import re
import statistics
from xml.sax.saxutils import escape

from harness import ROOT

OURS, SSH, NO_PEERS = "sshipc", ("OpenSSH", "OpenSSH gcm"), ("sshipc", "direct")
MARKS = ("<!-- bench: tests/bench/results.md -->\n", "<!-- /bench -->\n")
LOWER, HIGHER = False, True
# What a row says, whether more is better, its metrics, and what the plot calls them.
LINES = (
    ("start of the client to first echo, ms", LOWER, {"setup": "start to first echo"}),
    ("request/response 64 B, 1 conn, p50 us", LOWER, {"request_p50": "request, 1 conn, p50"}),
    ("requests/s, 64 conns", HIGHER, {"requests": "requests/s, 64 conns"}),
    ("connect + request + close, 1 at a time, per s", HIGHER, {"churn1": "connections/s, 1 at a time"}),
    ("the same, 32 at a time, per s", HIGHER, {"churn32": "connections/s, 32 at a time"}),
    ("bulk up / down, 1 conn, MB/s", HIGHER, {"bulk1_up": "bulk up, 1 conn", "bulk1_down": "bulk down, 1 conn"}),
    ("bulk up / down, 8 conns, MB/s", HIGHER, {"bulk8_up": "bulk up, 8 conns", "bulk8_down": "bulk down, 8 conns"}),
    ("small request beside a bulk download, p50 / p99 us", LOWER, {"beside_p50": "request beside bulk, p50", "beside_p99": "request beside bulk, p99"}),
    ("the bulk download beside it, MB/s", HIGHER, {"beside_bulk": "bulk beside requests"}),
    ("CPU us per request (64 conns), client / server", LOWER, {"request_cpu_client": "CPU per request, client", "request_cpu_server": "CPU per request, server"}),
    ("CPU us per connection (32 at a time), client / server", LOWER,
     {"connection_cpu_client": "CPU per connection, client", "connection_cpu_server": "CPU per connection, server"}),
    ("CPU s per GiB, client / server", LOWER, {"gib_cpu_client": "CPU per GiB, client", "gib_cpu_server": "CPU per GiB, server"}),
    ("KiB (PSS) per idle connection, client / server", LOWER, {"idle_client": "idle connection, client", "idle_server": "idle connection, server"}),
    ("MiB (PSS) of one of 300 sessions on the server", LOWER, {"session_pss": "session of 300, server"}),
    ("at 50 ms RTT: bulk up / down, 1 conn, MB/s", HIGHER, {"bulk1_50_up": "50 ms: bulk up, 1 conn", "bulk1_50_down": "50 ms: bulk down, 1 conn"}),
    ("at 50 ms RTT: bulk up / down, 8 conns, MB/s", HIGHER, {"bulk8_50_up": "50 ms: bulk up, 8 conns", "bulk8_50_down": "50 ms: bulk down, 8 conns"}),
    ("at 50 ms RTT: client start to first echo, ms", LOWER, {"setup_50": "50 ms: start to first echo"}),
    ("10,000 idle connections: alive", HIGHER, {"idle10k_alive": "10,000 idle: alive"}),
    ("10,000 idle connections: KiB (PSS) of each, client / server", LOWER, {"idle10k_client": "10,000 idle: client", "idle10k_server": "10,000 idle: server"}),
    ("10,000 idle connections: bulk down without / beside them, MB/s", HIGHER, {"idle10k_alone": "bulk alone", "idle10k_bulk": "bulk beside 10,000"}),
)
COLOURS = {"OpenSSH": "#0072b2", "OpenSSH gcm": "#56b4e9", "stunnel": "#e69f00", "HAProxy": "#d55e00", "dropbear": "#999999", "spiped": "#009e73"}


def medians(results):
    """{metric: {peer: median}}"""
    return {metric: {peer: statistics.median(values) for peer, values in peers.items() if values} for metric, peers in results["values"].items()}


def ratio(ours, theirs, higher):
    """Above 1 ours is the better one."""
    better, worse = (ours, theirs) if higher else (theirs, ours)
    return better / worse if better > 0 and worse > 0 else None


def best(values, higher, among=None):
    """(peer, value) of the best encrypted peer."""
    rest = {p: v for p, v in values.items() if p not in NO_PEERS and (not among or p in among)}
    return (max if higher else min)(rest.items(), key=lambda item: item[1]) if rest else (None, None)


def number(value):
    if value is None:
        return "-"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def cells(values, metrics, peer):
    texts = [number(values.get(m, {}).get(peer)) for m in metrics]
    return "-" if set(texts) == {"-"} else " / ".join(texts)


def ratios(values, metrics, higher, among=None):
    texts, names = [], []
    for metric in metrics:
        name, theirs = best(values.get(metric, {}), higher, among)
        ours = values.get(metric, {}).get(OURS)
        got = ratio(ours, theirs, higher) if None not in (ours, theirs) else None
        texts.append(f"**{got:.2f}**" if got and got < 1 else f"{got:.2f}" if got else "-")
        names += [name] if name and name not in names else []
    if set(texts) == {"-"}:
        return "-"
    return " / ".join(texts) + ("" if among else f" ({', '.join(names)})")


def markdown(results):
    values, peers = medians(results), results["peers"]
    head = ["", *peers, "to the best encrypted peer", "to OpenSSH"]
    rows = [head, ["---"] + ["---:"] * (len(head) - 1)]
    for text, higher, metrics in LINES:
        if any(m in values for m in metrics):
            rows.append([text, *(cells(values, metrics, p) for p in peers), ratios(values, metrics, higher), ratios(values, metrics, higher, SSH)])
    rounds = "one round" if results["rounds"] == 1 else f"medians of {results['rounds']} rounds"
    told = [f"Measured on {results['machine']}; {rounds}, in each of which every row was measured of all peers in turn. The last two columns: how many "
            "times as good sshipc is as the best encrypted peer, and as the better of OpenSSH's two; below 1 it loses.", ""]
    versions = [f"{p}: {v}" for p, v in results["versions"].items() if p not in ("direct", "OpenSSH gcm")]
    return "\n".join([*told, *("| " + " | ".join(row) + " |" for row in rows), "", "; ".join(versions) + ".", ""])


def svg(results):
    """A row for each metric; each dot is a peer, by how many times as good as sshipc it is."""
    values, peers = medians(results), [p for p in results["peers"] if p in COLOURS]
    rows = [(label, m, higher) for _, higher, metrics in LINES for m, label in metrics.items() if OURS in values.get(m, {}) and len(values[m]) > 1]
    left, width, step, top, most = 210, 560, 19, 64, 4  # 2^-most to 2^most
    height = top + step * len(rows) + 34

    def x(times):
        return left + width * (max(-most, min(most, math.log2(times))) + most) / (2 * most)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 20}" height="{height}" font-family="sans-serif" font-size="12">',
           '<rect width="100%" height="100%" fill="white"/>',
           f'<text x="{left}" y="18">how many times as good as sshipc: right of the line sshipc loses (log scale, cut at 1/{2 ** most} and {2 ** most})</text>']
    for n, peer in enumerate(peers):
        out.append(f'<circle cx="{left - 100 + 115 * n}" cy="36" r="5" fill="{COLOURS[peer]}"/><text x="{left - 91 + 115 * n}" y="40">{escape(peer)}</text>')
    for power in range(-most, most + 1):
        at, label = x(2.0 ** power), f"{2 ** power}" if power >= 0 else f"1/{2 ** -power}"
        out.append(f'<line x1="{at:.1f}" y1="{top - 10}" x2="{at:.1f}" y2="{height - 28}" stroke="{"#000" if power == 0 else "#ddd"}"/>'
                   f'<text x="{at:.1f}" y="{height - 12}" text-anchor="middle">{label}</text>')
    for n, (label, metric, higher) in enumerate(rows):
        y = top + step * n + 6
        out.append(f'<text x="{left - 10}" y="{y + 4}" text-anchor="end">{escape(label)}</text>')
        for peer in peers:
            theirs = values[metric].get(peer)
            if theirs is not None and (times := ratio(theirs, values[metric][OURS], higher)):
                out.append(f'<circle cx="{x(times):.1f}" cy="{y}" r="5" fill="{COLOURS[peer]}" fill-opacity="0.85">'
                           f'<title>{escape(peer)}: {number(theirs)}, sshipc: {number(values[metric][OURS])}</title></circle>')
    return "\n".join([*out, "</svg>", ""])


def in_readme(table, readme):
    """README.md with the table in its place."""
    begin, end = map(re.escape, MARKS)
    return re.sub(f"{begin}.*?{end}", lambda _: MARKS[0] + table + MARKS[1], readme, flags=re.S)


def write(path, text):
    if os.path.dirname(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def write_all(results, paths):
    """paths: those of JSON, Markdown and SVG."""
    text = json.dumps(results, indent=1)  # a list of figures on one line
    write(paths[0], re.sub(r"\[[^\[\]{}]*\]", lambda found: re.sub(r"\s+", " ", found.group()).replace("[ ", "[").replace(" ]", "]"), text) + "\n")
    write(paths[1], markdown(results))
    write(paths[2], svg(results))


def publish(results):
    write_all(results, [os.path.join(ROOT, f"tests/bench/results.{kind}") for kind in ("json", "md", "svg")])
    path = os.path.join(ROOT, "README.md")
    with open(path, encoding="utf-8") as f:
        readme = f.read()
    write(path, in_readme(markdown(results), readme))
