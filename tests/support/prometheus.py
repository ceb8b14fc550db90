# SPDX-License-Identifier: Apache-2.0
"""The text format of Prometheus, version 0.0.4, read as strictly as it is written down.

    families = parse(text)
    families["quartet_jobs"].value(phase="PENDING")

Refused, with ValueError: a sample without HELP and TYPE before it, a family in two places, two
samples with the same labels, a histogram whose buckets do not ascend or whose last is not its count.
"""

import re

KINDS = ("counter", "gauge", "histogram", "summary", "untyped")
NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\Z")
SAMPLE = re.compile(r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?P<labels>.*)\})? (?P<value>[^ ]+)\Z")
LABEL = re.compile(r'(?P<name>[a-zA-Z_][a-zA-Z0-9_]*)="(?P<value>(?:[^"\\\n]|\\\\|\\"|\\n)*)"(?P<comma>,|\Z)')
NUMBER = re.compile(r"[+-]?(Inf|NaN|[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?)\Z")
ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


class Family:
    def __init__(self, name, text):
        self.name, self.help, self.kind = name, text, None
        self.samples = {}  # (name, frozenset of labels) -> value

    def value(self, suffix="", **labels):
        return self.samples[(self.name + suffix, frozenset(labels.items()))]

    def total(self, suffix="", **labels):
        """The sum of all samples that have these labels among theirs."""
        return sum(value for (name, have), value in self.samples.items()
                   if name == self.name + suffix and set(labels.items()) <= have)

    def takes(self, name):
        if self.kind == "histogram":
            return name in (self.name + suffix for suffix in ("_bucket", "_sum", "_count"))
        return name == self.name


def parse_labels(text):
    labels, at = {}, 0
    while at < len(text):
        found = LABEL.match(text, at)
        if not found or found["name"] in labels:
            raise ValueError(f"labels: {text}")
        labels[found["name"]] = re.sub(r'\\[\\"n]', lambda m: ESCAPES[m[0]], found["value"])
        at = found.end()
        if found["comma"] and at == len(text):
            raise ValueError(f"labels end with a comma: {text}")
    return labels


def check_histogram(family):
    rows = {}
    for (name, labels), value in family.samples.items():
        rest = frozenset(pair for pair in labels if pair[0] != "le")
        row = rows.setdefault(rest, {"buckets": []})
        if name == family.name + "_bucket":
            row["buckets"].append((float(dict(labels)["le"]), value))
        else:
            row[name[len(family.name):]] = value
    for labels, row in rows.items():
        bounds = [bound for bound, _ in row["buckets"]]
        counts = [count for _, count in row["buckets"]]
        if bounds != sorted(bounds) or len(set(bounds)) != len(bounds) or bounds[-1] != float("inf"):
            raise ValueError(f"{family.name} {set(labels)}: bounds {bounds}")
        if counts != sorted(counts) or counts[-1] != row["_count"] or "_sum" not in row:
            raise ValueError(f"{family.name} {set(labels)}: counts {counts} of {row}")


def parse(text):
    """The families by name."""
    families, family = {}, None
    if not text.endswith("\n"):
        raise ValueError("the last line has no end")
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            name, _, words = line[len("# HELP "):].partition(" ")
            if not NAME.match(name) or name in families or not words:
                raise ValueError(line)
            family = families[name] = Family(name, words)
        elif line.startswith("# TYPE "):
            name, _, kind = line[len("# TYPE "):].partition(" ")
            if family is None or name != family.name or family.kind or family.samples or kind not in KINDS:
                raise ValueError(line)
            family.kind = kind
        else:
            found = SAMPLE.match(line)
            if not found or not NUMBER.match(found["value"]):
                raise ValueError(line)
            key = (found["name"], frozenset(parse_labels(found["labels"] or "").items()))
            if family is None or not family.kind or not family.takes(found["name"]) or key in family.samples:
                raise ValueError(f"out of place, or twice: {line}")
            family.samples[key] = float(found["value"])
    for family in families.values():
        if family.kind == "histogram":
            check_histogram(family)
    return families
