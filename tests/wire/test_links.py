# SPDX-License-Identifier: Apache-2.0
"""Links: followed inside a path, and at its end where bytes are meant."""

import urllib.parse
import xml.etree.ElementTree as ET

from quartet_test import VOS, Testbed, main, unittest

CADC = "ivo://cadc.nrc.ca/vospace/core#"
GROUP = "ivo://cadc.nrc.ca/gms?"


def setUpModule():
    LinkTest.bed = Testbed.start()
    unittest.addModuleCleanup(LinkTest.bed.close)


class LinkTest(unittest.TestCase):
    bed = None
    count = 0

    def fresh(self, kind="ContainerNode", props=None, parent="/alice", user="alice"):
        LinkTest.count += 1
        path = f"{parent}/n{LinkTest.count}"
        answer = self.bed.create(kind, path, user, props)
        self.assertEqual(answer.status, 201, answer.text)
        return path

    def link(self, target, parent="/alice", user="alice"):
        LinkTest.count += 1
        path = f"{parent}/l{LinkTest.count}"
        if target.startswith("/"):
            target = self.bed.uri(target)
        answer = self.bed.create("LinkNode", path, user, None, target)
        self.assertEqual(answer.status, 201, answer.text)
        return path

    def node(self, path, user="alice"):
        return self.bed.ask("GET", "/nodes" + path, user)

    def fault(self, answer, status, text):
        self.assertEqual((answer.status, answer.text.rstrip()), (status, text))


class InsideAPath(LinkTest):
    def test_a_link_to_a_container_is_a_path_element(self):
        real = self.fresh()
        link = self.link(real)
        self.assertEqual(self.bed.put(link + "/f", b"bytes").status, 201)
        self.assertEqual(self.bed.get(real + "/f").body, b"bytes")
        self.assertEqual(self.bed.get(link + "/f").body, b"bytes")
        self.assertEqual(ET.fromstring(self.node(link + "/f").body).get("uri"),
                         self.bed.uri(real + "/f"))
        self.assertEqual(self.bed.ask("POST", f"/nodes{link}/f", "alice", self.bed.document(
            "DataNode", link + "/f", {"title": "t"})).status, 200)
        made = self.bed.create("ContainerNode", link + "/sub")
        self.assertEqual(made.status, 201, made.text)
        self.assertEqual(self.node(real + "/sub").status, 200)
        self.assertEqual(self.bed.create("ContainerNode", link + "/sub").status, 409)
        self.assertEqual(self.bed.ask("DELETE", f"/nodes{link}/f", "alice").status, 200)
        self.assertEqual(self.node(real + "/f").status, 404)

    def test_the_link_itself_is_shown_changed_and_deleted(self):
        real = self.fresh()
        link = self.link(real)
        self.assertIn("vos:LinkNode", self.node(link).text)
        self.assertIn("vos:LinkNode", self.node(link + "/").text)
        self.assertEqual(self.bed.ask("DELETE", "/nodes" + link, "alice").status, 200)
        self.assertEqual(self.node(real).status, 200)

    def test_links_to_links(self):
        real = self.fresh()
        self.bed.put(real + "/f", b"bytes")
        link = real
        for _ in range(20):
            link = self.link(link)
        self.assertEqual(self.bed.get(link + "/f").body, b"bytes")
        link = self.link(link)
        answer = self.node(link + "/f")
        self.fault(answer, 404, "UnreadableLinkTarget: Exceeded link limit.")
        self.assertEqual(answer.headers["Content-Type"], "text/plain")

    def test_a_circle_is_noticed(self):
        one = self.link("/alice/two-of-a-circle")
        self.bed.create("LinkNode", "/alice/two-of-a-circle", "alice", None, self.bed.uri(one))
        me = self.link("/alice/x")
        self.bed.ask("POST", "/nodes" + me, "alice",
                     self.bed.document("LinkNode", me, None, self.bed.uri(me)))
        for path in (one, "/alice/two-of-a-circle", me):
            answer = self.node(path + "/f")
            self.fault(answer, 404, "UnreadableLinkTarget: detected link node cycle: "
                       f"already followed link -> {path}")
            self.assertEqual(self.bed.get(path).status, 404)
            self.assertEqual(self.node(path).status, 200)

    def test_a_link_below_its_own_target(self):
        """a/b -> a: a/b/b/b/x has no end by names, but one by the limit."""
        real = self.fresh()
        self.bed.create("LinkNode", real + "/b", "alice", None, self.bed.uri(real))
        self.bed.put(real + "/f", b"bytes")
        self.assertEqual(self.bed.get(real + "/b/f").body, b"bytes")
        self.assertEqual(self.node(real + "/b/b/f").status, 404)  # followed once already

    def test_a_broken_link_is_not_found(self):
        link = self.link("/alice/none")
        self.fault(self.node(link + "/f"), 404, "NodeNotFound: " + self.bed.uri("/alice/none/f"))
        self.assertEqual(self.node(link).status, 200)

    def test_a_link_out_of_the_space_cannot_be_followed(self):
        for target in ("https://example.org/x", "vos://elsewhere.org~vault/x", "file:///etc",
                       "ivo://elsewhere/x"):
            link = self.link(target)
            for answer in (self.node(link + "/f"), self.bed.put(link + "/f", b"x")):
                self.fault(answer, 400, f"InvalidArgument: cannot navigate external link {target}")
            self.assertEqual(self.node(link).status, 200)

    def test_a_link_to_a_file_is_no_container(self):
        self.bed.put("/alice/plain-file", b"x")
        link = self.link("/alice/plain-file")
        self.assertEqual(self.node(link + "/f").status, 404)
        self.assertEqual(self.bed.create("DataNode", link + "/f").status, 404)

    def test_a_link_to_the_root(self):
        link = self.link("/")
        self.assertEqual(self.node(link + "/alice").status, 200)

    def test_names_in_a_target_are_decoded(self):
        self.bed.create("ContainerNode", "/alice/a b#c")
        self.bed.put("/alice/a b#c/f", b"bytes")
        link = self.link("/alice/a b#c")
        self.assertEqual(self.bed.get(link + "/f").body, b"bytes")


class AtTheEnd(LinkTest):
    def test_bytes_come_through_a_link(self):
        real = self.fresh("DataNode")
        self.bed.put(real, b"bytes", headers={"Content-Type": "text/plain"})
        link = self.link(self.link(real))
        answer = self.bed.get(link)
        self.assertEqual((answer.status, answer.body), (200, b"bytes"))
        self.assertEqual(answer.headers["Content-Type"], "text/plain")
        head = self.bed.ask("HEAD", "/files" + link, "alice")
        self.assertEqual((head.status, head.headers["Content-Length"]), (200, "5"))
        self.assertEqual(self.bed.put(link, b"new bytes").status, 201)
        self.assertEqual(self.bed.get(real).body, b"new bytes")
        self.assertIn("vos:LinkNode", self.node(link).text)

    def test_a_put_through_a_link_makes_the_file_it_points_to(self):
        link = self.link("/alice/made-by-link")
        self.assertEqual(self.bed.put(link, b"bytes").status, 201)
        self.assertEqual(self.bed.get("/alice/made-by-link").body, b"bytes")
        nowhere = self.link("/alice/none/x")
        self.assertEqual(self.bed.put(nowhere, b"x").status, 404)

    def test_a_link_to_a_container_has_no_bytes(self):
        link = self.link(self.fresh())
        self.assertEqual(self.bed.get(link).status, 400)
        self.assertEqual(self.bed.put(link, b"x").status, 400)

    def test_a_link_to_elsewhere_has_no_bytes(self):
        for target in ("file:///etc/passwd", "https://example.org/x"):
            link = self.link(target)
            self.assertEqual(self.bed.get(link).status, 400)
            self.assertEqual(self.bed.put(link, b"x").status, 400)

    def test_reserved_names_behind_a_link(self):
        for name in (".null", ".auto"):
            link = self.link("/alice/" + name)
            self.assertEqual(self.bed.put(link, b"x").status, 400)
            self.assertEqual(self.node("/alice/" + name).status, 404)


class RightsOfTheTarget(LinkTest):
    def test_a_link_gives_no_right_to_its_target(self):
        secret = self.fresh("DataNode")
        self.bed.put(secret, b"secret")
        link = self.link(secret, "/public")
        self.assertEqual(self.node(link, "bob").status, 200)
        for answer in (self.bed.get(link, "bob"), self.bed.put(link, b"x", "bob"),
                       self.bed.ask("HEAD", "/files" + link, "bob")):
            self.assertEqual(answer.status, 403)
        self.assertEqual(self.bed.get(link, None).status, 401)

    def test_a_link_to_a_private_container(self):
        private = self.fresh()
        self.bed.put(private + "/f", b"x")
        link = self.link(private, "/public")
        for path in ("/f", "/none"):
            self.assertEqual(self.node(link + path, "bob").status, 403)
            self.assertEqual(self.node(link + path, None).status, 401)
        self.assertEqual(self.bed.create("DataNode", link + "/x", "bob").status, 403)

    def test_a_link_nobody_may_reach_leads_nowhere(self):
        """Rights on the target do not open the way to the link."""
        self.bed.put("/public/open-file", b"x")
        link = self.link("/public/open-file")  # in /alice, which is private
        self.assertEqual(self.bed.get("/public/open-file", "carol").status, 200)
        self.assertEqual(self.bed.get(link, "carol").status, 403)

    def test_what_the_target_allows_the_link_does(self):
        shared = self.fresh("ContainerNode", {"groupwrite": GROUP + "team-b"}, "/public")
        link = self.link(shared, "/public")
        self.assertEqual(self.bed.put(link + "/by-bob", b"x", "bob").status, 201)
        self.assertEqual(self.bed.get(shared + "/by-bob", "bob").body, b"x")

    def test_a_lock_of_the_target_holds_through_a_link(self):
        real = self.fresh("DataNode")
        self.bed.put(real, b"old")
        self.bed.ask("POST", "/nodes" + real, "alice", self.bed.document(
            "DataNode", real, {CADC + "islocked": "true"}))
        self.assertEqual(self.bed.put(self.link(real), b"new").status, 423)
        self.assertEqual(self.bed.get(real).body, b"old")


class Listing(LinkTest):
    def test_a_listing_shows_links_with_their_targets(self):
        top = self.fresh()
        self.link("/alice/somewhere", top)
        self.link("https://example.org/?a=b&amp;c", top)
        nodes = ET.fromstring(self.node(top).body).find(f"{{{VOS}}}nodes")
        targets = [n.find(f"{{{VOS}}}target").text for n in nodes]
        self.assertEqual(targets, [self.bed.uri("/alice/somewhere"), "https://example.org/?a=b&c"])
        for n in nodes:
            uris = {p.get("uri").rpartition("#")[2] for p in n.iter(f"{{{VOS}}}property")}
            self.assertLessEqual({"date", "length", "creator"}, uris)

    def test_the_listing_through_a_link_names_the_real_children(self):
        top = self.fresh()
        self.bed.create("ContainerNode", top + "/sub")
        self.bed.create("DataNode", top + "/sub/x")
        link = self.link(top)
        root = ET.fromstring(self.node(link + "/sub").body)
        self.assertEqual(root.get("uri"), self.bed.uri(top + "/sub"))
        self.assertEqual([n.get("uri") for n in root.find(f"{{{VOS}}}nodes")],
                         [urllib.parse.unquote(self.bed.uri(top + "/sub/x"))])


if __name__ == "__main__":
    main()
