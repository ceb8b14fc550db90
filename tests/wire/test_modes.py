# SPDX-License-Identifier: Apache-2.0
"""What the service does at all, as the operator says: read-write, read-only, offline."""

import unittest
import urllib.parse
import xml.etree.ElementTree as ET

from quartet_test import Testbed, main
from transfers import FORM, UWS, XML, TransferJobs, protocol, transfer


class Modes(unittest.TestCase, TransferJobs):
    @classmethod
    def setUpClass(cls):
        cls.bed = Testbed.start()
        cls.addClassCleanup(cls.bed.close)
        cls.bed.create("ContainerNode", "/alice/c")
        cls.bed.put("/alice/c/f", b"bytes")

    def setUp(self):
        self.addCleanup(self.mode, "read-write")

    def mode(self, *words):
        status, output = self.bed.tool("mode", *words)
        self.assertEqual(status, 0, output)
        return output.strip()

    def fault(self, answer, status, text):
        self.assertEqual(answer.status, status, answer.text)
        self.assertIn(text, answer.text)

    def phase(self, url):
        return ET.fromstring(self.bed.ask("GET", url + "?WAIT=10", "alice").body).findtext(f"{{{UWS}}}phase")

    def error_type(self, url):
        return ET.fromstring(self.bed.ask("GET", url, "alice").body).find(f"{{{UWS}}}errorSummary").get("type")

    def test_read_only_reads_and_changes_nothing(self):
        self.assertEqual(self.mode(), "read-write")
        self.mode("read-only", "new disks until Friday")
        self.assertEqual(self.mode(), "read-only: new disks until Friday")
        self.assertEqual(self.bed.get("/alice/c/f").body, b"bytes")
        self.assertEqual(self.bed.ask("GET", "/nodes/alice/c", "alice").status, 200)
        text = "read-only mode for maintenance: new disks until Friday"
        for answer in [self.bed.ask("DELETE", "/nodes/alice/c/f", "alice"),
                       self.bed.ask("POST", "/nodes/alice/c", "alice",
                                    self.bed.document("ContainerNode", "/alice/c", {"title": "x"}), XML)]:
            self.fault(answer, 503, text)
            self.assertGreater(int(answer.headers["Retry-After"]), 0)
        created = self.bed.create("ContainerNode", "/alice/n")
        self.fault(created, 500, text)
        self.assertIsNone(created.headers["Retry-After"])
        # A client that hears 503 after a PUT's body would send an empty one.
        answer = self.bed.put("/alice/c/f", b"other")
        self.fault(answer, 500, "InternalFault")
        self.fault(answer, 500, text)
        self.fault(self.bed.put("/alice/c/f", b"", headers={"x-put-txn-op": "start"}), 503, text)
        self.assertEqual(self.bed.get("/alice/c/f").body, b"bytes")

    def test_read_only_jobs(self):
        self.mode("read-only")
        pull = self.bed.ask("POST", "/synctrans", "alice",
                            transfer(self.bed.uri("/alice/c/f"), "pullFromVoSpace", protocol("httpsget")), XML)
        self.assertEqual(pull.status, 303)
        for keep in ("true", "false"):
            phase, _, error, summary = self.relocate("/alice/c/f", "/alice/c/g", keep=keep)
            self.assertEqual((phase, error), (
                "ERROR", "ServiceBusy: the service is in read-only mode for maintenance"))
            self.assertIn("read-only", summary)
        made = self.bed.ask("POST", "/async-delete", "alice",
                            urllib.parse.urlencode({"target": self.bed.uri("/alice/c")}), FORM)
        self.bed.ask("POST", made.headers["Location"] + "/phase", "alice", "PHASE=RUN", FORM)
        self.assertEqual(self.phase(made.headers["Location"]), "ERROR")
        self.assertEqual(self.error_type(made.headers["Location"]), "transient")
        self.assertEqual(self.bed.get("/alice/c/f").body, b"bytes")

    def test_offline_answers_for_itself_only(self):
        self.mode("offline", "moving house")
        for target in ["/nodes/alice?limit=0", "/files/alice/c/f", "/transfers"]:
            answer = self.bed.ask("GET", target, "alice")
            self.fault(answer, 503, "offline for maintenance: moving house")
            self.assertGreater(int(answer.headers["Retry-After"]), 0)
        self.fault(self.bed.put("/alice/c/f", b"x"), 500, "offline")
        for target in ["/capabilities", "/reg/resource-caps"]:
            self.assertEqual(self.bed.ask("GET", target).status, 200)
        self.fault(self.bed.ask("GET", "/availability"), 200, "note>the service is offline: moving house<")
        self.assertIn("available>false<", self.bed.ask("GET", "/availability").text)

    def test_it_is_seen_and_outlives_a_restart(self):
        self.mode("read-only", "why & <how>")
        self.bed.down()
        self.bed.up()
        self.assertEqual(self.mode(), "read-only: why & <how>")
        text = self.bed.ask("GET", "/availability").text
        self.assertIn("available>true<", text)
        self.assertIn("the service is read-only: why &amp; &lt;how&gt;", text)
        status, line = self.bed.tool("health")
        self.assertEqual(status, 1, line)
        self.assertIn("read-only by order", line)
        self.mode("read-write")
        self.assertEqual(self.bed.put("/alice/c/f", b"bytes").status, 201)

    def test_what_is_no_mode(self):
        status, output = self.bed.tool("mode", "closed")
        self.assertEqual(status, 1)
        self.assertIn("is not read-write, read-only or offline", output)
        self.assertEqual(self.bed.tool("mode", "a", "b", "c")[0], 64)
        status, output = self.bed.tool("mode", "read-only", "x" * 1000)
        self.assertEqual(status, 1)
        self.assertEqual(self.mode(), "read-write")


if __name__ == "__main__":
    main()
