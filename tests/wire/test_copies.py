# SPDX-License-Identifier: Apache-2.0
"""The property that says how many good copies of a file there are: who sees it, and that it is true."""

import os
import xml.etree.ElementTree as ET

from quartet_test import CORE, VOS, Testbed, main, unittest, wait_until

COPIES = "ivo://quartet/vospace/core#copies"


def copies_of(node):
    """(value, readOnly) in a node element; None: it is not there."""
    found = [p for p in node.findall(f"{{{VOS}}}properties/{{{VOS}}}property") if p.get("uri") == COPIES]
    return (found[0].text, found[0].get("readOnly")) if found else None


class Copies(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bed = Testbed.start(settings=["probe_period=100ms", "repair_pause=100ms"])
        cls.addClassCleanup(cls.bed.close)

    def node(self, path, query="?detail=max", user="alice"):
        answer = self.bed.ask("GET", "/nodes" + path + query, user)
        self.assertEqual(answer.status, 200, answer.text)
        return ET.fromstring(answer.body)

    def wait_for(self, path, copies):
        def it_has_so_many():
            return copies_of(self.node(path)) == (copies, "true")
        wait_until(it_has_so_many)

    def put(self, path, data=b"some bytes"):
        answer = self.bed.put(path, data)
        self.assertEqual(answer.status, 201, answer.text)

    def test_a_file_has_four_and_only_who_asks_for_all_is_told(self):
        self.put("/alice/four")
        self.wait_for("/alice/four", "4")
        for query in ("", "?detail=properties", "?detail=min"):
            self.assertNotIn(COPIES.encode(), self.bed.ask("GET", "/nodes/alice/four" + query, "alice").body)
        answer = self.bed.ask("GET", "/nodes/alice/four?detail=max", "alice",
                              headers={"Accept": "application/json"})
        self.assertIn(COPIES, answer.text)

    def test_a_listing_shows_it_for_each_file(self):
        self.assertEqual(self.bed.create("ContainerNode", "/alice/list").status, 201)
        self.put("/alice/list/full")
        self.put("/alice/list/empty", b"")
        self.assertEqual(self.bed.create("DataNode", "/alice/list/none").status, 201)
        self.assertEqual(self.bed.create("ContainerNode", "/alice/list/folder").status, 201)
        self.assertEqual(self.bed.create("LinkNode", "/alice/list/link",
                                         target=self.bed.uri("/alice/list/full")).status, 201)
        self.wait_for("/alice/list/full", "4")
        root = self.node("/alice/list")
        self.assertIsNone(copies_of(root))
        shown = {child.get("uri").rpartition("/")[2]: copies_of(child)
                 for child in root.find(f"{{{VOS}}}nodes")}
        self.assertEqual(shown, {"full": ("4", "true"), "empty": None, "none": None,
                                 "folder": None, "link": None})

    def test_nobody_can_set_it(self):
        self.put("/alice/fixed")
        self.wait_for("/alice/fixed", "4")
        whole = self.bed.ask("GET", "/nodes/alice/fixed?detail=max", "alice").body
        for document in (whole, whole.replace(b'readOnly="true">4<', b">9<"),
                         self.bed.document("DataNode", "/alice/fixed", {COPIES: None})):
            answer = self.bed.ask("POST", "/nodes/alice/fixed", "alice", document, {"Content-Type": "text/xml"})
            self.assertEqual(answer.status, 200, answer.text)
            self.assertEqual(copies_of(self.node("/alice/fixed")), ("4", "true"))
        answer = self.bed.create("DataNode", "/alice/claims", properties={COPIES: "4", "title": "t"})
        self.assertEqual(answer.status, 201, answer.text)
        self.assertIsNone(copies_of(self.node("/alice/claims")))

    def test_the_list_of_properties_has_it_among_those_that_are_computed(self):
        root = ET.fromstring(self.bed.ask("GET", "/properties", "alice").body)
        lists = {child.tag.rpartition("}")[2]: [p.get("uri") for p in child] for child in root}
        self.assertIn(COPIES, lists["provides"])
        self.assertIn(CORE + "length", lists["provides"])
        self.assertNotIn(COPIES, lists["accepts"])

    def test_it_is_three_while_a_location_is_away(self):
        path = self.bed.locations[0]
        os.rename(path, path + ".away")

        def it_is_named():
            notes = [note.text for note in ET.fromstring(self.bed.ask("GET", "/availability").body)
                     if note.tag.endswith("note")]
            return "location 1 is offline" in notes
        wait_until(it_is_named)
        self.put("/alice/three")
        self.assertEqual(copies_of(self.node("/alice/three")), ("3", "true"))
        available = ET.fromstring(self.bed.ask("GET", "/availability").body)[0]
        self.assertEqual((available.tag.rpartition("}")[2], available.text), ("available", "true"))
        os.rename(path + ".away", path)
        self.wait_for("/alice/three", "4")


if __name__ == "__main__":
    main()
