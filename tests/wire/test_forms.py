# SPDX-License-Identifier: Apache-2.0
"""What the space says it speaks, and node documents in JSON."""

import json
import unittest
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape

from quartet_test import CORE, VOS, Testbed, main
from transfers import XML, protocol, transfer

JSON = "application/json"

PACKAGE = "vos://cadc.nrc.ca~vospace/CADC/std/Pkg-1.0"


class Lists(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bed = Testbed.start()
        cls.addClassCleanup(cls.bed.close)

    def parts(self, name, item):
        answer = self.bed.ask("GET", f"/{name}")
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "text/xml"))
        root = ET.fromstring(answer.body)
        self.assertEqual(root.tag, f"{{{VOS}}}{name}")
        return {part.tag.removeprefix(f"{{{VOS}}}"): [e.get("uri") for e in part.findall(f"{{{VOS}}}{item}")]
                for part in root}

    def test_protocols(self):
        self.assertEqual(self.parts("protocols", "protocol"),
                         {"accepts": [], "provides": [CORE + "httpsget", CORE + "httpsput"]})

    def test_views_that_are_listed_are_taken(self):
        views = self.parts("views", "view")
        self.assertEqual(views["accepts"][:2], [CORE + "anyview", CORE + "binaryview"])
        self.assertIn(CORE + "defaultview", views["provides"])
        self.assertIn(PACKAGE, views["accepts"])
        self.assertIn(PACKAGE, views["provides"])
        self.bed.put("/alice/v.fits", b"x")
        for direction, kind, uris in [("pushToVoSpace", "httpsput", views["accepts"]),
                                      ("pullFromVoSpace", "httpsget", views["provides"])]:
            for uri in uris:
                to = "/alice" if (uri, kind) == (PACKAGE, "httpsput") else "/alice/v.fits"
                param = '<vos:param uri="x">[1]</vos:param>' if uri.endswith("cutout") else ""
                posted = self.bed.ask("POST", "/synctrans", "alice", transfer(
                    self.bed.uri(to), direction, protocol(kind),
                    view=f'<vos:view uri="{uri}">{param}</vos:view>'), XML)
                self.assertEqual(posted.status, 303)
                answer = self.bed.ask("GET", posted.headers["Location"], "alice")
                while answer.status == 303:
                    answer = self.bed.ask("GET", answer.headers["Location"], "alice")
                self.assertEqual(answer.status, 200, (uri, answer.text))

    def test_properties_that_are_accepted_are_kept(self):
        properties = self.parts("properties", "property")
        self.assertIn(CORE + "length", properties["provides"])
        self.assertEqual(set(properties["contains"]), set(properties["accepts"]) | set(properties["provides"]))
        values = {uri: "text" for uri in properties["accepts"]}
        values |= {uri: "true" for uri in values if uri.endswith(("islocked", "inheritPermissions", "ispublic",
                                                                  "publicread"))}
        values |= {CORE + name: "ivo://cadc.nrc.ca/gms?staff" for name in ("groupread", "groupwrite")}
        values.pop(CORE + "quota")  # the administrator's
        self.assertEqual(self.bed.create("ContainerNode", "/alice/all", properties=values).status, 201)
        root = ET.fromstring(self.bed.ask("GET", "/nodes/alice/all?limit=0", "alice").body)
        kept = {p.get("uri"): p.text for p in root.iter(f"{{{VOS}}}property")}
        for uri, value in values.items():
            if not uri.endswith("publicread"):  # another name of ispublic
                self.assertEqual(kept.get(uri), value, uri)

    def test_capabilities_have_a_date(self):
        self.assertRegex(self.bed.ask("HEAD", "/capabilities").headers["Last-Modified"], r" GMT$")


class Json(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bed = Testbed.start()
        cls.addClassCleanup(cls.bed.close)
        cls.bed.create("ContainerNode", "/alice/j", properties={"title": escape('say "hé" \\ <b>&')})
        cls.bed.put("/alice/j/f", b"12345", headers={"Content-Type": "image/fits"})
        cls.bed.create("LinkNode", "/alice/j/l", target=cls.bed.uri("/alice/j/f"))

    def get(self, target, headers=None):
        answer = self.bed.ask("GET", "/nodes" + target, "alice", None, headers)
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, JSON), answer.text)
        return json.loads(answer.body)["vos:node"]

    @staticmethod
    def properties(node):
        return {p["property"]["@uri"].removeprefix(CORE): p["property"]["$"]
                for p in node["vos:properties"]["$"]}

    def test_a_listing_by_parameter_and_by_header(self):
        listing = self.get("/alice/j?Accept=application/json")
        self.assertEqual(self.get("/alice/j", {"Accept": JSON}), listing)
        self.assertEqual((listing["@uri"], listing["@xsi:type"]), (self.bed.uri("/alice/j"), "vos:ContainerNode"))
        self.assertEqual(self.properties(listing)["title"], 'say "hé" \\ <b>&')
        children = [c["node"] for c in listing["vos:nodes"]["$"]]
        self.assertEqual([c["@uri"] for c in children], [self.bed.uri("/alice/j/f"), self.bed.uri("/alice/j/l")])
        self.assertEqual((children[0]["@busy"], self.properties(children[0])["length"]), (False, "5"))
        self.assertEqual(children[1]["vos:target"]["$"], self.bed.uri("/alice/j/f"))

    def test_an_empty_listing_and_a_page(self):
        self.bed.create("ContainerNode", "/alice/j0")
        self.assertEqual(self.get("/alice/j0?accept=application/json")["vos:nodes"]["$"], [])
        self.assertEqual(len(self.get("/alice/j?limit=1", {"Accept": JSON})["vos:nodes"]["$"]), 1)
        sorted_ = self.get(f"/alice/j?sort={CORE.replace('#', '%23')}length&order=desc", {"Accept": JSON})
        self.assertEqual(len(sorted_["vos:nodes"]["$"]), 2)

    def test_a_single_node_says_what_views_it_has(self):
        node = self.get("/alice/j/f", {"Accept": JSON})
        views = [v["view"]["@uri"] for v in node["vos:provides"]["$"]]
        self.assertIn("ivo://cadc.nrc.ca/vospace/view#cutout", views)
        xml = ET.fromstring(self.bed.ask("GET", "/nodes/alice/j/f", "alice").body)
        self.assertEqual([v.get("uri") for v in xml.find(f"{{{VOS}}}provides")], views)
        self.assertNotEqual(len(xml.find(f"{{{VOS}}}accepts")), 0)
        self.assertIsInstance(self.get("/alice/j/f?detail=min", {"Accept": JSON})["@uri"], str)

    def test_xml_is_the_answer_to_everything_else(self):
        for headers in [None, {"Accept": "*/*"}, {"Accept": "text/html,application/json;q=0"}, {"Accept": "x/y"}]:
            answer = self.bed.ask("GET", "/nodes/alice/j", "alice", None, headers)
            self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "text/xml"))
        answer = self.bed.ask("GET", "/nodes/alice/j?Accept=text/xml", "alice", None, {"Accept": JSON})
        self.assertEqual(answer.headers["Content-Type"], "text/xml")
        answer = self.bed.ask("GET", "/nodes/alice/j?Accept=image/png", "alice")
        self.assertEqual(answer.status, 400)
        self.assertIn("Media type image/png not supported", answer.text)


class HeaderView(unittest.TestCase):
    def test_a_negotiated_header_view_is_the_headers(self):
        bed = Testbed.start()
        self.addCleanup(bed.close)
        card = "SIMPLE  =                    T"
        fits = "".join(f"{c:80}" for c in [card, "BITPIX  =                    8", "NAXIS   =                    0",
                                           "END"]).ljust(2880).encode()
        bed.put("/alice/h.fits", fits)
        posted = bed.ask("POST", "/synctrans", "alice", transfer(
            bed.uri("/alice/h.fits"), "pullFromVoSpace", protocol("httpsget"),
            view='<vos:view uri="ivo://cadc.nrc.ca/vospace/view#header"/>'), XML)
        answer = bed.ask("GET", bed.ask("GET", posted.headers["Location"], "alice").headers["Location"], "alice")
        url = ET.fromstring(answer.body).find(f".//{{{VOS}}}endpoint").text
        got = bed.ask("GET", url)
        self.assertEqual(got.status, 200)
        self.assertTrue(got.text.startswith(card), got.text[:200])


if __name__ == "__main__":
    main()
