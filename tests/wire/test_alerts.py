# SPDX-License-Identifier: Apache-2.0
"""The alert rules and the dashboard: they can be read, and speak of nothing that is not in /metrics."""

import json
import os
import re

from prometheus import parse
from quartet_test import TOP, Testbed, main, unittest

ALERTS = os.path.join(TOP, "conf", "quartet-alerts.yml")
DASHBOARD = os.path.join(TOP, "conf", "quartet-dashboard.json")
RULE_KEYS = {"alert", "expr", "for", "labels", "annotations"}
USE = re.compile(r"\b(quartet_[a-z_]+)(?:\{([^}]*)\})?")
PAIR = re.compile(r'(\w+)(=~|!=|!~|=)"([^"]*)"')
GROUPED = re.compile(r"\b(?:by|ignoring|on) \(([^)]*)\)")
FROM_PROMETHEUS = {"job", "instance"}


def plain_rules(text):
    """The rules of a file as plain as ours, where there is no library that reads YAML."""
    rules, key = [], None
    for line in text.splitlines():
        found = re.match(r"^( {6}- | {8})(\w+): (.*)$", line)
        if found and found[1] == "      - ":
            rules.append({})
        if found:
            key = found[2]
            rules[-1][key] = "" if found[3] == ">-" else found[3]
        elif rules and re.match(r"^ {10}\S", line) and key == "expr":
            rules[-1][key] += " " + line.strip()
        elif rules and line == "        annotations:":
            key = "annotations"
            rules[-1][key] = ""
    return rules


def read_rules(text):
    try:
        import yaml
    except ImportError:
        return plain_rules(text)
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


class Files(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        bed = Testbed.start()
        cls.addClassCleanup(bed.close)
        cls.metrics = parse(bed.ask("GET", f"https://{bed.env['QUARTET_HOST']}/metrics", "admin").text)
        with open(ALERTS, encoding="utf-8") as f:
            cls.text = f.read()
        cls.rules = read_rules(cls.text)
        with open(DASHBOARD, encoding="utf-8") as f:
            cls.dashboard = json.load(f)

    def samples_of(self, name):
        """The labels of each."""
        for suffix in ("_bucket", "_sum", "_count"):
            base = self.metrics.get(name.removesuffix(suffix))
            if name.endswith(suffix) and base is not None and base.kind == "histogram":
                return [set(labels) for sample, labels in base.samples if sample == name]
        self.assertIn(name, self.metrics)
        self.assertNotEqual(self.metrics[name].kind, "histogram", f"{name} has no samples of its own")
        return [set(labels) for _, labels in self.metrics[name].samples]

    def check_labels(self, name, labels, samples):
        pairs = PAIR.findall(labels)
        self.assertEqual(",".join(f'{a}{b}"{c}"' for a, b, c in pairs), labels, name)
        wanted = {(label, value) for label, how, value in pairs if how == "=" and label not in FROM_PROMETHEUS}
        known = {label for sample in samples for label, _ in sample} | FROM_PROMETHEUS
        if samples:  # one of errors has none while there are none
            self.assertLessEqual({label for label, _, _ in pairs}, known, name)
            self.assertTrue(any(wanted <= sample for sample in samples), f"{name}: nothing has {wanted}")

    def check_expression(self, text):
        used = USE.findall(text)
        self.assertTrue(used or text.startswith("up{"), text)
        known = set(FROM_PROMETHEUS)
        for name, labels in used:
            samples = self.samples_of(name)
            self.check_labels(name, labels, samples)
            known |= {label for sample in samples for label, _ in sample}
            if name == "quartet_location_errors_total":
                known |= {"loc", "op", "errno"}
        for names in GROUPED.findall(text):
            self.assertLessEqual({name.strip() for name in names.split(",")}, known, text)
        self.assertEqual(text.count("("), text.count(")"), text)

    def test_rules_speak_of_metrics_there_are(self):
        self.assertGreater(len(self.rules), 15)
        for rule in self.rules:
            self.check_expression(rule["expr"])

    def test_rules_are_whole(self):
        names = [rule["alert"] for rule in self.rules]
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual(len(names), self.text.count("- alert:"))
        for rule in self.rules:
            self.assertLessEqual(set(rule), RULE_KEYS)
            self.assertIn("annotations", rule)
            self.assertRegex(str(rule["labels"]), r"severity'?: '?(warning|critical)")

    def test_the_plain_reader_sees_what_the_library_sees(self):
        plain = plain_rules(self.text)
        self.assertEqual([(r["alert"], r["expr"].strip()) for r in plain],
                         [(r["alert"], r["expr"].strip()) for r in self.rules])

    def test_the_dashboard_shows_metrics_there_are(self):
        panels = [panel for panel in self.dashboard["panels"] if panel["type"] != "row"]
        self.assertGreater(len(panels), 15)
        for panel in panels:
            self.assertTrue(panel["targets"], panel["title"])
            for target in panel["targets"]:
                self.check_expression(target["expr"])

    def test_panels_have_a_place_and_a_number_of_their_own(self):
        panels = self.dashboard["panels"]
        self.assertEqual(len({panel["id"] for panel in panels}), len(panels))
        taken = set()
        for panel in panels:
            at = panel["gridPos"]
            self.assertLessEqual(at["x"] + at["w"], 24)
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            self.assertFalse(taken & cells, panel["title"])
            taken |= cells

    def test_a_metric_that_is_not_there_would_be_noticed(self):
        for wrong in ("quartet_nonsense > 0", 'quartet_jobs{phase="NONE"} > 0', 'quartet_jobs{face="PENDING"} > 0',
                      "sum by (phrase) (quartet_jobs)", "quartet_meta_commit_seconds > 1", "quartet_jobs_bucket > 1"):
            with self.assertRaises(AssertionError, msg=wrong):
                self.check_expression(wrong)


if __name__ == "__main__":
    main()
