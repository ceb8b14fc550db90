# SPDX-License-Identifier: Apache-2.0
"""copyNode: another node with the same bytes, in one change."""

import glob
import os
import time
import unittest
import urllib.parse
import xml.etree.ElementTree as ET

from quartet_test import CORE, VOS, Testbed, main, wait_until
from transfers import XML, TransferJobs

INHERIT = "ivo://cadc.nrc.ca/vospace/core#inheritPermissions"
TEAM_A = "ivo://cadc.nrc.ca/gms?team-a"


class Copies(unittest.TestCase, TransferJobs):
    @classmethod
    def setUpClass(cls):
        cls.bed = Testbed.start(settings=["copy_nodes_max=50", "gc_delay=0s"])
        cls.addClassCleanup(cls.bed.close)

    def copy(self, source, destination, user="alice"):
        return self.relocate(source, destination, user, keep="true")

    def assert_copied(self, source, destination, final=None, user="alice"):
        phase, results, error, summary = self.copy(source, destination, user)
        self.assertEqual((phase, error), ("COMPLETED", None), summary)
        self.assertEqual(results, [("destination", self.bed.uri(final or destination))])

    def assert_not_copied(self, source, destination, word, user="alice", text=""):
        phase, results, error, summary = self.copy(source, destination, user)
        self.assertEqual((phase, results, error), ("ERROR", [], word))
        self.assertIn(text, summary)

    def properties(self, path, user="alice"):
        answer = self.bed.ask("GET", f"/nodes{urllib.parse.quote(path)}?limit=0", user)
        if answer.status != 200:
            return None
        root = ET.fromstring(answer.body)
        return {p.get("uri").removeprefix(CORE): p.text for p in root.iter(f"{{{VOS}}}property")}

    def length(self, path, user="alice"):
        return int(self.properties(path, user)["length"])

    def stored(self):
        """The files of all locations."""
        return {name for location in self.bed.locations
                for name in glob.glob(os.path.join(location, "**"), recursive=True)
                if os.path.isfile(name) and os.path.getsize(name) > 100_000}

    def test_a_file_is_there_twice_and_stored_once(self):
        data = os.urandom(200_000)
        self.bed.put("/alice/c1", data, headers={"Content-Type": "image/fits"})
        before = self.stored()
        self.assert_copied("/alice/c1", "/alice/c2")
        self.assertEqual(self.stored(), before)
        self.assertEqual((self.bed.get("/alice/c1").body, self.bed.get("/alice/c2").body), (data, data))
        one, two = self.properties("/alice/c1"), self.properties("/alice/c2")
        for name in ["MD5", "length", "type"]:
            self.assertEqual(one[name], two[name])

    def test_either_can_be_changed_or_deleted_without_the_other(self):
        data = os.urandom(150_000)
        self.bed.put("/alice/d1", data)
        for name in ("d2", "d3"):
            self.assert_copied("/alice/d1", f"/alice/{name}")
        files = self.stored()
        self.assertEqual(self.bed.ask("DELETE", "/nodes/alice/d1", "alice").status, 200)
        self.bed.put("/alice/d2", b"other")
        time.sleep(1)
        self.assertEqual(self.bed.get("/alice/d3").body, data)
        self.assertEqual(self.stored(), files)
        self.assertEqual(self.bed.ask("DELETE", "/nodes/alice/d3", "alice").status, 200)
        wait_until(lambda: len(self.stored()) < len(files), 60)  # with the last one they go

    def test_a_tree_with_its_properties_links_and_sizes(self):
        for path in ["/alice/t", "/alice/t/a", "/alice/t/a/empty"]:
            self.bed.create("ContainerNode", path, properties={"title": path, "groupread": TEAM_A})
        self.bed.put("/alice/t/a/f", b"12345")
        self.bed.put("/alice/t/nothing", b"")
        self.bed.create("LinkNode", "/alice/t/l", target=self.bed.uri("/alice/t/a/f"))
        used = self.length("/alice")
        self.assert_copied("/alice/t", "/alice/u")
        self.assertEqual(self.bed.get("/alice/u/a/f").body, b"12345")
        self.assertEqual(self.bed.get("/alice/u/l").body, b"12345")
        copied = self.properties("/alice/u/a")
        self.assertEqual((copied["title"], copied["groupread"], copied["length"]), ("/alice/t/a", TEAM_A, "5"))
        self.assertEqual(self.length("/alice/u"), 5)
        self.assertEqual(self.length("/alice"), used + 5)
        self.bed.put("/alice/u/a/g", b"678")
        self.assertEqual((self.length("/alice/u"), self.length("/alice/t")), (8, 5))

    def test_into_a_container_it_keeps_its_name(self):
        self.bed.put("/alice/k", b"k")
        self.bed.create("ContainerNode", "/alice/into")
        self.assert_copied("/alice/k", "/alice/into", "/alice/into/k")
        self.assert_not_copied("/alice/k", "/alice/into", "DuplicateNode.")
        self.assert_not_copied("/alice/k", "/alice", "DuplicateNode.")

    def test_the_copy_is_the_copiers_without_lock_and_quota(self):
        self.bed.create("ContainerNode", "/public/orig", properties={"ispublic": "true"})
        self.bed.put("/public/orig/f", b"x", "alice")
        self.assertEqual(self.bed.tool("quota", "/public/orig", "1000")[0], 0)
        lock = self.bed.document("ContainerNode", "/public/orig", {"islocked": "true", "ispublic": "true"})
        self.bed.ask("POST", "/nodes/public/orig", "alice", lock, XML)
        self.assert_copied("/public/orig", "/bob/orig", user="bob")
        copied = self.properties("/bob/orig", "bob")
        self.assertEqual(copied["creator"], "bob")
        self.assertEqual(self.properties("/bob/orig/f", "bob")["creator"], "bob")
        self.assertNotIn("quota", copied)
        self.assertNotIn("ivo://cadc.nrc.ca/vospace/core#islocked", copied)
        self.assertEqual(self.bed.put("/bob/orig/g", b"y", "bob").status, 201)

    def test_what_cannot_be_read_refuses_the_whole_copy(self):
        self.bed.create("ContainerNode", "/public/mixed", "alice", {"ispublic": "true", INHERIT: "false"})
        self.bed.put("/public/mixed/open", b"x", "alice")
        self.bed.put("/public/mixed/shut", b"x", "alice")
        for name, public in [("open", "true"), ("shut", "false")]:
            self.bed.ask("POST", f"/nodes/public/mixed/{name}", "alice", self.bed.document(
                "DataNode", f"/public/mixed/{name}",
                {"ispublic": public, "groupread": None, "groupwrite": None}), XML)
        self.assert_not_copied("/public/mixed", "/bob/mixed", "PermissionDenied", "bob", "shut")
        self.assertIsNone(self.properties("/bob/mixed", "bob"))
        self.assert_copied("/public/mixed/open", "/bob/open", user="bob")
        self.assert_not_copied("/public/mixed/shut", "/bob/shut", "PermissionDenied", "bob")
        self.bed.put("/alice/hers", b"x")
        self.assert_not_copied("/alice/hers", "/hers", "PermissionDenied", "admin")  # bytes go by the rules

    def test_rights_locks_and_quota_of_the_destination(self):
        self.bed.put("/alice/r", b"x" * 2000)
        self.assert_not_copied("/alice/r", "/bob/r", "PermissionDenied")
        self.assert_not_copied("/alice/r", "/public/r", "PermissionDenied", None)
        self.bed.create("ContainerNode", "/alice/lk")
        self.bed.ask("POST", "/nodes/alice/lk", "alice",
                     self.bed.document("ContainerNode", "/alice/lk", {"islocked": "true"}), XML)
        self.assert_not_copied("/alice/r", "/alice/lk", "NodeLocked")
        self.bed.create("ContainerNode", "/alice/q")
        self.assertEqual(self.bed.tool("quota", "/alice/q", "1999")[0], 0)
        self.assert_not_copied("/alice/r", "/alice/q", "QuotaExceeded", text="limit=1999")

    def test_not_into_itself_nor_the_root_nor_nothing(self):
        self.bed.create("ContainerNode", "/alice/self")
        text = "Cannot copy container node into its descendants"
        self.assert_not_copied("/alice/self", "/alice/self", "InvalidArgument", text=text)
        self.assert_not_copied("/alice/self", "/alice/self/x", "InvalidArgument", text=text)
        self.assert_not_copied("/", "/alice/root", "PermissionDenied")
        self.assert_not_copied("/alice/gone", "/alice/x", "NodeNotFound")
        self.assert_not_copied("/alice/self", "/alice/no/x", "NodeNotFound")

    def test_a_tree_beyond_the_limit_is_refused(self):
        self.bed.create("ContainerNode", "/alice/big")
        for i in range(49):
            self.bed.create("ContainerNode", f"/alice/big/{i}")
        self.assert_copied("/alice/big", "/alice/big2")
        self.bed.create("ContainerNode", "/alice/big/more")
        self.assert_not_copied("/alice/big", "/alice/big3", "RequestEntityTooLarge", text="more than 50 nodes")
        self.assertIsNone(self.properties("/alice/big3"))

    def test_copies_outlive_a_restart(self):
        data = os.urandom(120_000)
        self.bed.put("/alice/s1", data)
        self.assert_copied("/alice/s1", "/alice/s2")
        self.bed.down()
        self.bed.up()
        self.assertEqual(self.bed.ask("DELETE", "/nodes/alice/s1", "alice").status, 200)
        self.assertEqual(self.bed.get("/alice/s2").body, data)


if __name__ == "__main__":
    main()
