# SPDX-License-Identifier: BSD-2-Clause
"""Reads what "ctl metrics" prints, and holds it to the form: OpenMetrics 1.0, or that of Prometheus, where a counter's type has its _total."""
import re

from harness import check, same

SAMPLE = re.compile(r'([a-z_]+)\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*)\} (-?[0-9]+(?:\.[0-9]+)?)$')
SUFFIXES = {"gauge": [""], "counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"]}


def read(text, strict=False, generation="1", others=()):
    """{(name, labels without generation as a frozenset of pairs): value} of one generation; the others that are in it, too."""
    check(text.endswith("\n# EOF\n") and "\n\n" not in text, "the end of the text, or an empty line")
    found, families, samples, kind, family, beside = {}, [], [], None, None, set()
    for line in text.splitlines()[:-1]:
        if line.startswith("# HELP "):
            family, kind = line.split()[2], None
            check(re.fullmatch(r"# HELP sshipc_[a-z_]+ [A-Z].*\.", line) and family not in families, line)
            families.append(family)
        elif line.startswith("# TYPE "):
            same(line.split()[2], family, "whose type")
            kind = line.split()[3]
            check(kind in SUFFIXES and (kind == "counter" and not strict) == family.endswith("_total"), line)
        elif line.startswith("# UNIT "):
            same(line, f"# UNIT {family} {family.rsplit('_', 1)[1]}", "a unit")
        else:
            name, labels, value = (SAMPLE.fullmatch(line) or check(False, line)).groups()
            check(kind and name in [family.removesuffix("_total") + s for s in SUFFIXES[kind]], f"{line} in {family}")
            pairs = re.findall(r'([a-z_]+)="((?:[^"\\]|\\.)*)"', labels)
            same(pairs[0][0], "generation", line)
            if pairs[0][1] != generation:
                beside.add(pairs[0][1])
                continue
            key = (name, frozenset(pairs[1:]))
            check(key not in found and float(value) >= 0, line)
            found[key] = float(value)
            samples.append(line)
    same(beside, set(others), "other generations")
    same(check_histogram(samples), True, "histograms")
    return found


def check_histogram(samples):
    """Buckets grow, and the last one has all."""
    buckets = {}
    for line in samples:
        if found := re.match(r'(\w+)_bucket\{(.*),le="([^"]+)"\} (\d+)$', line):
            buckets.setdefault((found[1], found[2]), []).append((float(found[3]), int(found[4])))
    for (name, labels), pairs in buckets.items():
        same(pairs, sorted(pairs), f"buckets of {labels}")
        same([n for _, n in pairs], sorted(n for _, n in pairs), f"buckets of {labels}")
        same(pairs[-1][0], float("inf"), "the last bucket")
        check(f"{name}_count{{{labels}}} {pairs[-1][1]}" in samples, f"the count of {labels}")
    return bool(buckets)


def value(found, name, **labels):
    return found[("sshipc_" + name, frozenset(labels.items()))]
