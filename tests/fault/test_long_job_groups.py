# SPDX-License-Identifier: Apache-2.0
"""A job that takes longer than an answer of the outside group service is worth asks it again."""

import re

from fault_test import FaultyBed, has_kill_points
from gms_service import GmsService
from quartet_test import main, unittest, wait_until
from transfers import FORM

NODES = 1500
COMMIT_MS = 400  # of so many nodes at a time as a tree has under way: some seconds altogether


@unittest.skipUnless(has_kill_points(), "the build has no faults")
class LongJob(unittest.TestCase):
    def setUp(self):
        self.service = GmsService.start()
        self.addCleanup(self.service.close)
        self.bed = FaultyBed.start(settings=self.service.settings(gms_life="1s", gms_negative_life="1s"))
        self.addCleanup(self.bed.close)
        groups = {"groupread": self.service.uri("w"), "groupwrite": self.service.uri("w")}
        self.assertEqual(self.bed.create("ContainerNode", "/open", "admin", {"ispublic": "true"} | groups).status, 201)
        with self.bed.nodes("admin") as create:
            create("ContainerNode", "/open/tree", groups)
            for i in range(NODES):
                create("DataNode", f"/open/tree/n{i}", groups)

    def change_all(self):
        """A job of bob's, begun while he may."""
        document = self.bed.document("ContainerNode", "/open/tree", {"title": "changed"})
        url = self.bed.ask("POST", "/async-setprops", "bob", document, {"Content-Type": "text/xml"}).headers["Location"]
        self.assertEqual(self.bed.ask("POST", url + "/phase", "bob", "PHASE=RUN", FORM).status, 303)
        return url

    def over(self, url):
        """(phase, how many were changed, how many not)"""
        def it_is():
            return self.bed.ask("GET", url + "/phase", "bob").text not in ("QUEUED", "EXECUTING")
        wait_until(it_is, limit_s=180)
        job = self.bed.ask("GET", url, "bob").text
        counts = [int((re.search(rf'{name}.*?final:(\d+)', job, re.S) or [0, 0])[1]) for name in ("successcount", "errorcount")]
        return self.bed.ask("GET", url + "/phase", "bob").text, *counts

    def test_it_goes_on_as_long_as_its_owner_may(self):
        self.service.members["w"] = {"bob"}
        self.bed.fault(op="commit", delay=COMMIT_MS)
        self.assertEqual(self.over(self.change_all()), ("COMPLETED", NODES + 1, 0))
        self.assertGreaterEqual(self.service.calls_about("bob"), 3)

    def test_it_stops_changing_what_he_may_no_longer(self):
        self.service.members["w"] = {"bob"}
        self.bed.fault(op="commit", delay=COMMIT_MS)
        url = self.change_all()
        wait_until(lambda: self.service.calls_about("bob") > 1)
        self.service.members["w"] = set()
        phase, changed, refused = self.over(url)
        self.assertEqual(phase, "ABORTED")
        self.assertGreater(changed, 0)
        self.assertGreater(refused, 0)
        self.bed.heal()

    def test_it_ends_when_it_is_told_to_while_the_service_hangs(self):
        self.service.members["w"] = {"bob"}
        self.bed.fault(op="commit", delay=COMMIT_MS)
        url = self.change_all()
        wait_until(lambda: self.service.calls_about("bob") > 0)
        self.service.gate.clear()
        wait_until(lambda: self.service.calls_about("bob") > 1)
        self.assertEqual(self.bed.ask("POST", url + "/phase", "bob", "PHASE=ABORT", FORM).status, 303)
        self.assertEqual(self.over(url)[0], "ABORTED")
        self.service.gate.set()
        self.bed.heal()


main()
