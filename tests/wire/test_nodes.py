# SPDX-License-Identifier: Apache-2.0
"""The nodes resource: every type made, read, changed and deleted; statuses and texts;
properties; the forms of documents that real clients send; names."""

import unittest
import urllib.parse
import xml.etree.ElementTree as ET

from quartet_test import CORE, VOS, XSI, Testbed, main

CADC = "ivo://cadc.nrc.ca/vospace/core#"
TYPES = ("ContainerNode", "DataNode", "LinkNode", "StructuredDataNode", "UnstructuredDataNode")
GROUP = "ivo://cadc.nrc.ca/gms?"


def properties(answer):
    """URI -> (value, readOnly) of the document's own properties, as a dict."""
    root = ET.fromstring(answer.body)
    found = {}
    for p in root.find(f"{{{VOS}}}properties"):
        assert p.get("uri") not in found, p.get("uri")
        found[p.get("uri")] = (p.text or "", p.get("readOnly") == "true")
    return found


def value(answer, name):
    uri = name if ":" in name or "#" in name else CORE + name
    return properties(answer).get(uri, (None,))[0]


def setUpModule():
    NodesTest.bed = Testbed.start()
    unittest.addModuleCleanup(NodesTest.bed.close)


class NodesTest(unittest.TestCase):
    bed = None  # one for all classes
    count = 0

    def fresh(self, kind=None, props=None, user="alice", parent="/alice", target=None):
        """A path nobody used, with a node there if a kind is given."""
        NodesTest.count += 1
        path = f"{parent}/n{NodesTest.count}"
        if kind is not None:
            answer = self.bed.create(kind, path, user, props, target)
            self.assertEqual(answer.status, 201, answer.text)
        return path

    def node(self, path, user="alice", query="?limit=0"):
        return self.bed.ask("GET", "/nodes" + urllib.parse.quote(path) + query, user)

    def post(self, kind, path, props=None, user="alice", target=None):
        return self.bed.ask("POST", "/nodes" + urllib.parse.quote(path), user,
                            self.bed.document(kind, path, props, target))

    def send(self, method, path, text, user="alice", headers=None):
        return self.bed.ask(method, "/nodes" + path, user, text, headers)

    def delete(self, path, user="alice"):
        return self.bed.ask("DELETE", "/nodes" + urllib.parse.quote(path), user)

    def fault(self, answer, status, text):
        self.assertEqual((answer.status, answer.text.rstrip("\n")), (status, text))
        self.assertEqual(answer.headers["Content-Type"], "text/plain")

    def fault_like(self, answer, status, pattern):
        self.assertEqual(answer.status, status, answer.text)
        self.assertRegex(answer.text, "^" + pattern)
        self.assertEqual(answer.headers["Content-Type"], "text/plain")


class Create(NodesTest):
    def test_every_type_is_made_and_answered_as_it_is(self):
        for kind in TYPES:
            path = self.fresh()
            made = self.bed.create(kind, path, target="https://example.org/x")
            self.assertEqual(made.status, 201, made.text)
            self.assertEqual(made.headers["Content-Type"], "text/xml")
            self.assertIsNone(made.headers["Location"])
            root = ET.fromstring(made.body)
            self.assertEqual(root.tag, f"{{{VOS}}}node")
            self.assertEqual(root.get("uri"), self.bed.uri(path))
            self.assertEqual(root.get("version"), "2.1")
            self.assertIn(f'xsi:type="vos:{kind}"', made.text)
            self.assertEqual(value(made, "creator"), "alice")
            self.assertRegex(value(made, "date"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}$")
            # A link is as long as its target's text, as with lstat.
            self.assertEqual(value(made, "length"),
                             str(len("https://example.org/x")) if kind == "LinkNode" else "0")
            got = self.node(path)
            self.assertEqual(got.status, 200)
            self.assertEqual(got.headers["Content-Type"], "text/xml")
            self.assertEqual(got.body, made.body)

    def test_a_document_keeps_the_order_of_the_schema(self):
        wanted = {"ContainerNode": ["properties", "nodes"], "LinkNode": ["properties", "target"]}
        for kind in TYPES:
            root = ET.fromstring(self.node(self.fresh(kind, target="file:/x")).body)
            names = [child.tag.partition("}")[2] for child in root]
            self.assertEqual(names, wanted.get(kind, ["properties", "accepts", "provides"]))
            self.assertEqual(root.get("busy"), "false" if "Data" in kind else None)

    def test_properties_ascend_by_uri_and_only_derived_ones_are_read_only(self):
        path = self.fresh("DataNode", {"urn:zz": "1", "custom:a": "2", "title": "t", "type": "a/b",
                                       "ispublic": "true", "groupread": GROUP + "staff"})
        found = properties(self.node(path))
        self.assertEqual(list(found), sorted(found))
        read_only = {uri.partition("#")[2] for uri, (_, flag) in found.items() if flag}
        self.assertEqual(read_only, {"creator", "date", "length"})

    def test_what_exists_is_409_for_who_may_see_it(self):
        path = self.fresh("DataNode")
        self.fault(self.bed.create("ContainerNode", path), 409,
                   "DuplicateNode: " + self.bed.uri(path))
        # Also for somebody who may not write there: looked at first.
        public = self.fresh("DataNode", parent="/public")
        self.fault(self.bed.create("DataNode", public, "carol"), 409,
                   "DuplicateNode: " + self.bed.uri(public))
        # And not for who may not know.
        self.fault_like(self.bed.create("DataNode", path, "bob"), 403, "PermissionDenied: ")

    def test_the_root_exists(self):
        self.fault(self.bed.create("ContainerNode", "/", "admin"), 409,
                   "DuplicateNode: " + self.bed.uri("/").rstrip("/"))

    def test_a_missing_container_is_404(self):
        for path in ("/alice/none/x", "/alice/none/deeper/x"):
            self.fault(self.bed.create("DataNode", path), 404,
                       "ContainerNotFound: " + self.bed.uri(path))
        self.assertEqual(self.node("/alice/none").status, 404)  # nothing in between was made

    def test_a_data_node_is_no_container(self):
        path = self.fresh("DataNode") + "/x"
        self.fault(self.bed.create("DataNode", path), 404,
                   "ContainerNotFound: " + self.bed.uri(path))

    def test_without_the_right_to_write_it_is_403_and_anonymous_401(self):
        path = self.fresh(parent="/public")
        self.fault(self.bed.create("DataNode", path, "carol"), 403,
                   "PermissionDenied: " + self.bed.uri(path))
        self.fault(self.bed.create("DataNode", path, None), 401,
                   "NotAuthenticated: " + self.bed.uri(path))
        self.assertEqual(self.node(path).status, 404)

    def test_only_the_administrator_makes_allocations(self):
        self.fault_like(self.bed.create("ContainerNode", "/dora", "alice"), 403,
                        "PermissionDenied: ")
        self.assertEqual(self.bed.create("ContainerNode", "/dora", "admin").status, 201)

    def test_a_self_made_allocation_is_refused_by_name(self):
        """A group may write into the root and still make no home of its own."""
        self.assertEqual(self.post("ContainerNode", "/", {"groupwrite": GROUP + "staff"},
                                   "admin").status, 200)
        self.addCleanup(self.post, "ContainerNode", "/", {"groupwrite": None}, "admin")
        self.fault(self.bed.create("ContainerNode", "/selfmade", "alice"), 403,
                   "PermissionDenied: self-allocate is not enabled")
        self.assertEqual(self.bed.create("DataNode", "/data-in-the-root", "alice").status, 201)
        self.assertEqual(self.delete("/data-in-the-root").status, 200)

    def test_the_uri_must_be_that_of_the_request(self):
        path = self.fresh()
        other = self.bed.document("DataNode", "/alice/other")
        self.fault(self.send("PUT", path, other), 400,
                   f"InvalidURI: invalid input: vos URI mismatch: doc={self.bed.uri('/alice/other')}"
                   f" and path={self.bed.uri(path)}")
        for uri in ("vos://elsewhere~vault" + path, "https://example.org/x", "x", "vos:/x",
                    "vos://example.org~vault/alice/%zz"):
            text = self.bed.document("DataNode", path).replace(self.bed.uri(path), uri)
            self.fault_like(self.send("PUT", path, text), 400, "InvalidURI: ")
        self.assertEqual(self.node(path).status, 404)

    def test_a_document_must_be_there_and_be_one(self):
        path = self.fresh()
        self.fault(self.send("PUT", path, b""), 400, "InvalidArgument: no node document")
        for text in (b"x", b"<a", b"<a/>", b"<vos:node/>", b"\0", b"<!DOCTYPE x><x/>",
                     b'<node xmlns="http://www.ivoa.net/xml/VOSpace/v1.0"/>',
                     f'<node xmlns="{VOS}"/>'.encode(), b"{}", b"\xff\xfe\x00"):
            self.fault_like(self.send("PUT", path, text), 400, "InvalidArgument: ")
        self.assertEqual(self.node(path).status, 404)

    def test_an_unknown_type_is_named(self):
        path = self.fresh()
        text = self.bed.document("DataNode", path).replace("vos:DataNode", "vos:FunnyNode")
        self.fault(self.send("PUT", path, text), 400,
                   "TypeNotSupported: unsupported node type: vos:FunnyNode")

    def test_without_a_type_it_is_a_data_node(self):
        for old in (' xsi:type="vos:DataNode"', '"vos:DataNode"'):
            path = self.fresh()
            text = self.bed.document("DataNode", path).replace(
                old, "" if old.startswith(" ") else '"vos:Node"')
            made = self.send("PUT", path, text)
            self.assertEqual(made.status, 201, made.text)
            self.assertIn('xsi:type="vos:DataNode"', made.text)

    def test_a_document_beyond_the_limit_is_413(self):
        path = self.fresh()
        text = self.bed.document("DataNode", path, {"custom:x": "x" * 300_000})
        self.fault_like(self.send("PUT", path, text), 413, "RequestEntityTooLarge: ")
        self.assertEqual(self.node(path).status, 404)

    def test_children_in_a_posted_container_are_ignored(self):
        path = self.fresh()
        child = self.bed.document("DataNode", path + "/child")
        text = self.bed.document("ContainerNode", path).replace(
            "<vos:nodes/>", f"<vos:nodes>{child}</vos:nodes>")
        self.assertEqual(self.send("PUT", path, text).status, 201)
        self.assertNotIn("<vos:node ", self.node(path, query="").text.partition("<vos:nodes>")[2])

    def test_a_link_needs_an_absolute_target(self):
        path = self.fresh()
        for target in ("", "relative/x", "/alice/x"):
            self.fault_like(self.bed.create("LinkNode", path, target=target), 400,
                            "InvalidArgument: ")
        text = self.bed.document("LinkNode", path, target="x").replace(
            "<vos:target>x</vos:target>", "")
        self.fault_like(self.send("PUT", path, text), 400, "InvalidArgument: ")

    def test_a_link_keeps_any_uri_and_ours_is_written_with_a_tilde(self):
        authority = self.bed.env["QUARTET_AUTHORITY"]
        for target, stored in (
                ("https://example.org/a?b=c#d", "https://example.org/a?b=c#d"),
                ("file:///etc/passwd", "file:///etc/passwd"), ("foo:bar", "foo:bar"),
                ("vos://cadc.nrc.ca!vault/alice/x", f"vos://{authority}/alice/x"),
                ("vos://CADC.nrc.ca~vault/alice/a%20b", f"vos://{authority}/alice/a%20b"),
                ("vos://example.org!vault/", f"vos://{authority}"),
                ("vos://elsewhere.org!vault/x", "vos://elsewhere.org!vault/x")):
            made = self.bed.create("LinkNode", self.fresh(), target=target)
            self.assertEqual(made.status, 201, made.text)
            self.assertEqual(ET.fromstring(made.body).find(f"{{{VOS}}}target").text, stored)

    def test_properties_of_a_link_stay_with_it(self):
        target = self.fresh("DataNode")
        path = self.fresh("LinkNode", {"custom:x": "of the link"}, target=self.bed.uri(target))
        self.assertEqual(value(self.node(path), "custom:x"), "of the link")
        self.assertIsNone(value(self.node(target), "custom:x"))

    def test_reserved_names_are_refused(self):
        for path in ("/alice/.null", "/preauth:x"):
            answer = self.bed.create("DataNode", path, "admin" if path[1] == "p" else "alice")
            self.assertEqual(answer.status, 400, answer.text)

    def test_auto_becomes_a_name_of_the_servers(self):
        seen = set()
        for kind in ("DataNode", "ContainerNode", "LinkNode"):
            made = self.bed.create(kind, "/alice/.auto", target="foo:bar")
            self.assertEqual(made.status, 201, made.text)
            uri = ET.fromstring(made.body).get("uri")
            self.assertTrue(uri.startswith(self.bed.uri("/alice/")), uri)
            name = uri.rpartition("/")[2]
            self.assertNotEqual(name, ".auto")
            seen.add(name)
            self.assertEqual(self.node("/alice/" + urllib.parse.unquote(name)).status, 200)
        self.assertEqual(len(seen), 3)
        self.assertEqual(self.node("/alice/.auto").status, 404)


class SetProperties(NodesTest):
    def test_what_is_not_named_stays(self):
        path = self.fresh("DataNode", {"custom:a": "1", "title": "t", "type": "text/plain"})
        answer = self.post("DataNode", path, {"custom:b": "2"})
        self.assertEqual(answer.status, 200, answer.text)
        self.assertEqual(answer.headers["Content-Type"], "text/xml")
        for name, wanted in (("custom:a", "1"), ("custom:b", "2"), ("title", "t"),
                             ("type", "text/plain")):
            self.assertEqual(value(answer, name), wanted)
        self.assertEqual(self.node(path).body, answer.body)

    def test_nil_removes(self):
        props = {"custom:a": "1", "title": "t", "type": "text/plain", "encoding": "gzip",
                 "groupread": GROUP + "staff", "ispublic": "true", CADC + "islocked": "true"}
        path = self.fresh("DataNode", props)
        answer = self.post("DataNode", path, dict.fromkeys(props))
        self.assertEqual(answer.status, 200, answer.text)
        for name in props:
            self.assertIsNone(value(answer, name), name)

    def test_nil_of_what_is_not_there_is_fine(self):
        path = self.fresh("DataNode")
        self.assertEqual(self.post("DataNode", path, {"custom:none": None}).status, 200)

    def test_nil_in_the_namespace_of_the_standards_examples(self):
        path = self.fresh("DataNode", {"custom:a": "1"})
        text = self.bed.document("DataNode", path, {"custom:a": None}).replace(
            'xsi:nil="true"', 'xs:nil="true" xmlns:xs="http://www.w3.org/2001/XMLSchema"')
        self.assertIsNone(value(self.send("POST", path, text), "custom:a"))

    def test_an_empty_group_list_clears_it_and_no_empty_one_is_shown(self):
        path = self.fresh("ContainerNode", {"groupread": GROUP + "staff",
                                            "groupwrite": GROUP + "staff"})
        answer = self.post("ContainerNode", path, {"groupread": "", "groupwrite": " "})
        self.assertEqual(answer.status, 200)
        self.assertNotIn("groupread", answer.text)
        self.assertNotIn("groupwrite", answer.text)

    def test_what_the_server_makes_is_ignored_and_not_lost(self):
        path = self.fresh()
        self.bed.put(path, b"12345", headers={"Content-Type": "text/plain"})
        before = properties(self.node(path))
        ours = {"length": "77", "MD5": "0" * 32, "date": "1999-01-01T00:00:00.000",
                "content-date": "1999-01-01T00:00:00.000", "creator": "bob",
                "availableSpace": "1", "quota": "5", "mtime": "1999-01-01T00:00:00.000",
                "ctime": "x", "btime": "x", CADC + "readable": "false",
                CADC + "writable": "false", "ivo://opencadc.org/vospace/core#creatorJWT": "x"}
        for props in (ours, dict.fromkeys(ours)):
            answer = self.post("DataNode", path, props)
            self.assertEqual(answer.status, 200, answer.text)
            after = properties(answer)
            self.assertNotEqual(after.pop(CORE + "date"), before[CORE + "date"])
            self.assertEqual(after, {k: v for k, v in before.items() if k != CORE + "date"})
        made = self.bed.create("DataNode", self.fresh(), properties=ours)
        self.assertEqual(made.status, 201, made.text)
        self.assertEqual((value(made, "length"), value(made, "creator")), ("0", "alice"))
        self.assertIsNone(value(made, "quota"))

    def test_a_quota_survives_a_writer_who_posts_back(self):
        path = self.fresh("ContainerNode")
        self.assertEqual(self.post("ContainerNode", path, {"quota": "1000000"}, "admin").status,
                         200)
        fetched = self.node(path)
        self.assertEqual(value(fetched, "quota"), "1000000")
        answer = self.send("POST", path, fetched.body)
        self.assertEqual(value(answer, "quota"), "1000000")
        self.assertEqual(value(self.post("ContainerNode", path, {"quota": None}), "quota"),
                         "1000000")
        self.assertIsNone(value(self.post("ContainerNode", path, {"quota": None}, "admin"),
                                "quota"))

    def test_a_bad_quota_is_400(self):
        path = self.fresh("ContainerNode")
        for bad in ("x", "-1", "1.5", "99999999999999999999999"):
            self.fault_like(self.post("ContainerNode", path, {"quota": bad}, "admin"), 400,
                            "InvalidArgument: ")

    def test_the_date_moves_with_every_post(self):
        path = self.fresh("DataNode")
        dates = [value(self.send("POST", path, self.node(path).body), "date") for _ in range(3)]
        self.assertEqual(dates, sorted(set(dates)))

    def test_unknown_names_of_the_core_are_400(self):
        path = self.fresh("DataNode")
        for uri in (CORE + "nonsense", "ivo://ivoa.net/vospacecore#foo",
                    "ivo://ivoa.net/vospace/other#title"):
            wanted = f"InvalidArgument: unrecognized property URI in vospace namespace: {uri}"
            self.fault(self.post("DataNode", path, {uri: "x"}), 400, wanted)
            self.fault(self.bed.create("DataNode", self.fresh(), properties={uri: "x"}), 400, wanted)

    def test_all_known_texts_of_the_core_are_kept(self):
        names = ("contributor coverage description format identifier language publisher relation "
                 "rights runid source subject title").split()
        path = self.fresh("DataNode", {name: "v of " + name for name in names})
        for name in names:
            self.assertEqual(value(self.node(path), name), "v of " + name)

    def test_free_names_come_back_as_they_were(self):
        props = {"custom:x": "a b", "http://example.org/p#q": "é &amp; &lt;ü&gt;",
                 "ivo://elsewhere/core#title": " blanks stay ", "urn:1": "line\nline\ttab"}
        path = self.fresh()
        text = self.bed.document("DataNode", path, props).replace(
            "</vos:properties>", '<vos:property uri="quality">good</vos:property>'
            "</vos:properties>")
        self.assertEqual(self.send("PUT", path, text.encode()).status, 201)
        got = self.node(path)
        for name in ("custom:x", "ivo://elsewhere/core#title", "urn:1"):
            self.assertEqual(value(got, name), props[name])
        self.assertEqual(value(got, "http://example.org/p#q"), "é & <ü>")
        self.assertEqual(properties(got)["quality"], ("good", False))

    def test_an_empty_free_value_is_a_value(self):
        path = self.fresh("DataNode", {"custom:x": ""})
        self.assertEqual(value(self.node(path), "custom:x"), "")

    def test_of_duplicates_the_last_counts(self):
        path = self.fresh("DataNode")
        text = self.bed.document("DataNode", path).replace(
            "<vos:properties>", '<vos:properties><vos:property uri="custom:x">1</vos:property>'
            '<vos:property uri="custom:y">2</vos:property>'
            '<vos:property uri="custom:x">3</vos:property>'
            f'<vos:property uri="{CORE}title">a</vos:property>'
            f'<vos:property uri="{CORE}title">b</vos:property>'
            f'<vos:property uri="{CORE}groupread">{GROUP}team-a</vos:property>'
            f'<vos:property uri="{CORE}groupread">{GROUP}team-b</vos:property>')
        answer = self.send("POST", path, text)
        self.assertEqual(answer.status, 200, answer.text)
        self.assertEqual((value(answer, "custom:x"), value(answer, "custom:y"),
                          value(answer, "title"), value(answer, "groupread")),
                         ("3", "2", "b", GROUP + "team-b"))

    def test_a_property_without_a_name_is_400(self):
        path = self.fresh("DataNode")
        for attribute in ("", ' uri=""'):
            text = self.bed.document("DataNode", path).replace(
                "<vos:properties>", f"<vos:properties><vos:property{attribute}>1</vos:property>")
            self.fault_like(self.send("POST", path, text), 400, "InvalidArgument: ")

    def test_flags_are_true_in_any_case_and_false_or_refused(self):
        for text, wanted in (("true", "true"), ("TRUE", "true"), (" true ", "true"),
                             ("false", "false"), ("False", "false")):
            path = self.fresh("DataNode", {"ispublic": text})
            self.assertEqual(value(self.node(path), "ispublic"), wanted)
        self.fault_like(self.post("DataNode", path, {"ispublic": "perhaps"}), 400,
                        "InvalidArgument: ")

    def test_publicread_is_ispublic_which_wins(self):
        path = self.fresh("DataNode", {"publicread": "true"})
        self.assertEqual(value(self.node(path), "ispublic"), "true")
        self.assertIsNone(value(self.node(path), "publicread"))
        for props in ({"publicread": "true", "ispublic": "false"},
                      {"ispublic": "false", "publicread": "true"}):
            self.assertEqual(value(self.post("DataNode", path, props), "ispublic"), "false")

    def test_a_lock_is_shown_only_while_it_holds(self):
        for lock in (CADC + "islocked", "islocked"):
            path = self.fresh("DataNode", {lock: "true"})
            self.assertEqual(value(self.node(path), CADC + "islocked"), "true")
            self.assertIsNone(value(self.node(path), "islocked"))
            self.assertIsNone(value(self.post("DataNode", path, {lock: "false"}),
                                    CADC + "islocked"))

    def test_inheritance_is_kept_on_containers(self):
        path = self.fresh("ContainerNode", {CADC + "inheritPermissions": "true"})
        self.assertEqual(value(self.node(path), CADC + "inheritPermissions"), "true")
        self.assertEqual(value(self.post("ContainerNode", path,
                                         {CADC + "inheritPermissions": "false"}),
                               CADC + "inheritPermissions"), "false")
        path = self.fresh("DataNode", {CADC + "inheritPermissions": "true"})
        self.assertIsNone(value(self.node(path), CADC + "inheritPermissions"))

    def test_four_groups_each_and_not_five(self):
        four = " ".join(GROUP + f"g{i}" for i in range(4))
        path = self.fresh("DataNode", {"groupread": four, "groupwrite": four})
        self.assertEqual(value(self.node(path), "groupread"), four)
        self.assertEqual(value(self.node(path), "groupwrite"), four)
        for name in ("groupread", "groupwrite"):
            answer = self.post("DataNode", path, {name: four + " " + GROUP + "g5"})
            self.fault_like(answer, 400, "InvalidArgument: .*4 groups")
        self.assertEqual(value(self.node(path), "groupread"), four)

    def test_group_lists_may_be_parted_by_any_blank_or_comma(self):
        path = self.fresh("DataNode", {"groupread": f" {GROUP}a,{GROUP}b\n\t{GROUP}c "})
        self.assertEqual(value(self.node(path), "groupread"), f"{GROUP}a {GROUP}b {GROUP}c")

    def test_duplicates_and_aliases_are_one_group_as_first_written(self):
        ours = "ivo://example.org/gms?"
        path = self.fresh("DataNode", {"groupread": " ".join(
            [GROUP + "staff", ours + "staff", GROUP + "staff", ours + "team-a", "ivo://o/gms?x",
             "ivo://o/gms?x", GROUP + "team-b"])})
        self.assertEqual(value(self.node(path), "groupread"), " ".join(
            [GROUP + "staff", ours + "team-a", "ivo://o/gms?x", GROUP + "team-b"]))

    def test_groups_of_an_unknown_authority_are_kept(self):
        path = self.fresh("DataNode", {"groupread": "ivo://myauth/gms?gr1"})
        self.assertEqual(value(self.node(path), "groupread"), "ivo://myauth/gms?gr1")

    def test_what_is_no_group_uri_is_400(self):
        for bad in ("staff", "https://example.org/gms?x", "ivo://cadc.nrc.ca/gms",
                    "ivo://cadc.nrc.ca/gms?"):
            self.fault_like(self.bed.create("DataNode", self.fresh(), properties={"groupread": bad}),
                            400, "InvalidArgument: ")

    def test_the_type_cannot_change(self):
        for kind in TYPES:
            path = self.fresh(kind, target="foo:bar")
            for other in TYPES:
                answer = self.post(other, path, target="foo:bar")
                if other == kind:
                    self.assertEqual(answer.status, 200, answer.text)
                else:
                    self.fault(answer, 400, "InvalidArgument: invalid input: cannot change type "
                               f"of node {path} from {kind} to {other}")

    def test_a_document_without_type_is_taken(self):
        path = self.fresh("ContainerNode")
        text = self.bed.document("ContainerNode", path, {"title": "t"}).replace(
            ' xsi:type="vos:ContainerNode"', "")
        self.assertEqual(value(self.send("POST", path, text), "title"), "t")

    def test_the_target_of_a_link_can_change(self):
        path = self.fresh("LinkNode", target="foo:bar")
        answer = self.post("LinkNode", path, target="vos://cadc.nrc.ca!vault/alice")
        self.assertEqual(ET.fromstring(answer.body).find(f"{{{VOS}}}target").text,
                         self.bed.uri("/alice"))
        self.fault_like(self.post("LinkNode", path, target="relative"), 400, "InvalidArgument: ")

    def test_another_uri_is_400(self):
        path = self.fresh("DataNode")
        text = self.bed.document("DataNode", "/alice/other")
        self.fault_like(self.send("POST", path, text), 400,
                        "InvalidArgument: invalid input: vos URI mismatch: ")

    def test_missing_denied_and_empty(self):
        path = self.fresh("DataNode")
        self.fault(self.post("DataNode", "/alice/none"), 404,
                   "NodeNotFound: " + self.bed.uri("/alice/none"))
        self.fault_like(self.post("DataNode", path, user="bob"), 403, "PermissionDenied: ")
        self.fault_like(self.post("DataNode", path, user=None), 401, "NotAuthenticated: ")
        self.fault(self.send("POST", path, b""), 400, "InvalidArgument: no node document")

    def test_property_limits(self):
        path = self.fresh("DataNode")
        many = {f"custom:{i}": "x" for i in range(257)}
        self.fault_like(self.post("DataNode", path, many), 413, "RequestEntityTooLarge: ")
        for part in range(2):
            self.assertEqual(self.post("DataNode", path, {
                f"custom:{part}-{i}": "x" for i in range(128)}).status, 200)
        self.fault_like(self.post("DataNode", path, {"custom:more": "x"}), 400,
                        "InvalidArgument: ")
        self.fault_like(self.post("DataNode", path, {"custom:0-0": "x" * 33000}), 413,
                        "RequestEntityTooLarge: ")


class Get(NodesTest):
    def test_a_missing_node_is_404_with_its_uri(self):
        for path in ("/alice/none", "/alice/none/deeper", "/none", "/a b"):
            self.fault(self.node(path), 404, "NodeNotFound: " + self.bed.uri(path))

    def test_a_child_of_a_file_is_404(self):
        path = self.fresh("DataNode") + "/x"
        self.fault(self.node(path), 404, "NodeNotFound: " + self.bed.uri(path))

    def test_what_may_not_be_known_is_not_404(self):
        for path in ("/alice/none", "/alice/n/n/n"):
            self.fault_like(self.node(path, "bob"), 403, "PermissionDenied: vos://.*/alice$")
            self.fault_like(self.node(path, None), 401, "NotAuthenticated: vos://.*/alice$")

    def test_wrong_parameters_tell_nothing_about_what_may_not_be_known(self):
        self.bed.create("ContainerNode", "/alice/hidden")
        for query in ("?limit=1&uri=x", "?sort=x", "?limit=0&sort=x", "?order=x"):
            self.assertEqual(self.node("/alice/hidden", "bob", query).status, 403, query)
            self.assertEqual(self.node("/alice/none", "bob", query).status, 403, query)

    def test_head_answers_as_get_without_a_body(self):
        path = self.fresh("DataNode")
        answer = self.bed.ask("HEAD", "/nodes" + path, "alice")
        self.assertEqual((answer.status, answer.body), (200, b""))
        self.assertEqual(answer.headers["Content-Type"], "text/xml")
        self.assertEqual(self.bed.ask("HEAD", "/nodes/alice/none", "alice").status, 404)
        self.assertEqual(self.bed.ask("HEAD", "/nodes/alice", "alice").status, 200)

    def test_view_data_leads_to_the_file_unseen(self):
        for path in ("/alice/none", "/alice/a%20b%3Fc", "/alice"):
            answer = self.bed.ask("GET", f"/nodes{path}?view=data&x=y", None)
            self.assertEqual(answer.status, 303)
            self.assertEqual(answer.headers["Location"],
                             f"{self.bed.env['QUARTET_BASE']}/files{path}")

    def test_another_view_is_not_supported(self):
        self.fault_like(self.bed.ask("GET", "/nodes/alice?view=rss", "alice"), 400,
                        "ViewNotSupported: ")

    def test_the_media_type_is_a_parameter_and_then_the_header(self):
        path = "/nodes" + self.fresh("DataNode")
        for query, form in [("?Accept=text/xml", "text/xml"), ("?view=&Accept=", "application/json"),
                            ("", "application/json")]:
            answer = self.bed.ask("GET", path + query, "alice",
                                  headers={"Accept": "application/json"})
            self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, form))
        self.fault(self.bed.ask("GET", path + "?accept=text/html", "alice"), 400,
                   "InvalidArgument: Media type text/html not supported")

    def test_detail_levels(self):
        path = self.fresh("DataNode", {"title": "t"})
        least = self.node(path, query="?detail=min")
        self.assertNotIn("properties", least.text)
        self.assertNotIn("busy", least.text)
        for detail in ("properties", "raw", "nonsense", ""):
            self.assertEqual(self.node(path, query=f"?detail={detail}").body,
                             self.node(path, query="").body)
        most = properties(self.node(path, query="?detail=max"))
        self.assertEqual(most[CADC + "readable"], ("true", True))
        self.assertEqual(most[CADC + "writable"], ("true", True))
        public = self.fresh("DataNode", {"ispublic": "true"}, parent="/public")
        most = properties(self.node(public, "carol", "?detail=max"))
        self.assertIn(CADC + "readable", most)
        self.assertNotIn(CADC + "writable", most)
        private = self.fresh("DataNode", {"ispublic": "false"}, parent="/public")
        most = properties(self.node(private, "carol", "?detail=max"))
        self.assertNotIn(CADC + "readable", most)
        self.assertEqual(most[CORE + "creator"][0], "alice")  # stat_unreadable = all

    def test_parameter_names_are_case_insensitive(self):
        self.assertNotIn("properties", self.node("/alice", query="?DETAIL=min&LIMIT=0").text)

    def test_a_broken_escape_in_a_parameter_is_400(self):
        self.fault_like(self.node("/alice", query="?limit=%zz"), 400, "InvalidArgument: ")

    def test_the_root_is_there_in_all_spellings(self):
        for target in ("/vault/nodes", "/vault/nodes/", "/vault/nodes?limit=0"):
            answer = self.bed.ask("GET", target, None)
            self.assertEqual(answer.status, 200, target)
            self.assertEqual(ET.fromstring(answer.body).get("uri"),
                             "vos://" + self.bed.env["QUARTET_AUTHORITY"])

    def test_unknown_methods_are_405_and_say_what_there_is(self):
        answer = self.bed.ask("PATCH", "/nodes/alice", "alice")
        self.assertIn(answer.status, (405, 501))
        answer = self.bed.ask("POST", "/capabilities", None)
        self.assertEqual(answer.status, 405)
        self.assertEqual(answer.headers["Allow"], "GET, HEAD")

    def test_nothing_at_the_top_says_so(self):
        for target in ("/index.html", "/vault/nowhere", "/vault/nodesx"):
            connection = self.bed.connect()
            connection.request("GET", target)
            answer = connection.getresponse()
            text = answer.read().decode()
            connection.close()
            self.assertEqual(answer.status, 404)
            self.assertEqual(answer.headers["Content-Type"], "text/plain")
            self.assertIn(target, text)
            self.assertIn("/vault/", text)


class Delete(NodesTest):
    def test_every_type_can_go(self):
        for kind in TYPES:
            path = self.fresh(kind, target="foo:bar")
            answer = self.delete(path)
            self.assertEqual((answer.status, answer.body), (200, b""))
            self.fault(self.node(path), 404, "NodeNotFound: " + self.bed.uri(path))

    def test_a_missing_node_is_404(self):
        self.fault(self.delete("/alice/none"), 404,
                   "NodeNotFound: " + self.bed.uri("/alice/none"))

    def test_a_container_must_be_empty(self):
        path = self.fresh("ContainerNode")
        self.bed.create("DataNode", path + "/x")
        self.fault(self.delete(path), 400, "InvalidArgument: container node "
                   f"'{path.rpartition('/')[2]}' is not empty")
        self.assertEqual(self.delete(path + "/x").status, 200)
        self.assertEqual(self.delete(path).status, 200)

    def test_a_link_goes_and_not_its_target(self):
        target = self.fresh("DataNode")
        path = self.fresh("LinkNode", target=self.bed.uri(target))
        self.assertEqual(self.delete(path).status, 200)
        self.assertEqual(self.node(target).status, 200)

    def test_the_right_is_that_of_the_container(self):
        mine = self.fresh("ContainerNode", {"groupwrite": GROUP + "staff", "ispublic": "true"},
                          parent="/public")
        self.bed.create("DataNode", mine + "/x", "alice")
        self.fault_like(self.delete(mine + "/x", "carol"), 403, "PermissionDenied: ")
        self.fault_like(self.delete(mine + "/x", None), 401, "NotAuthenticated: ")
        self.assertEqual(self.delete(mine + "/x", "bob").status, 200)

    def test_the_root_stays(self):
        self.fault_like(self.delete("/", "admin"), 403, "PermissionDenied: ")

    def test_bytes_go_with_it(self):
        path = self.fresh()
        self.bed.put(path, b"x" * 1000)
        used = int(value(self.node("/alice"), "length"))
        self.assertEqual(self.delete(path).status, 200)
        self.assertEqual(int(value(self.node("/alice"), "length")), used - 1000)


class Documents(NodesTest):
    """The forms of client-contract 5.2, as the vos client writes them."""

    HEAD = ('<node xmlns:ns1="http://www.ivoa.net/xml/VOSpace/v2.0" '
            'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
            'xmlns="http://www.ivoa.net/xml/VOSpace/v2.0" '
            'xmlns:vos="http://www.ivoa.net/xml/VOSpace/v2.0" xsi:type="vos:{kind}" '
            'uri="vos://cadc.nrc.ca!vault{path}"><ns1:properties>'
            '<ns1:property readOnly="false" uri="ivo://ivoa.net/vospace/core#type">'
            'application/fits</ns1:property><ns1:property readOnly="false" uri="quality">'
            '{value}</ns1:property></ns1:properties>')
    VIEWS = ('<ns1:accepts><view uri="ivo://ivoa.net/vospace/core#defaultview" /></ns1:accepts>'
             '<ns1:provides><view uri="ivo://ivoa.net/vospace/core#defaultview" />'
             '<view uri="ivo://cadc.nrc.ca/vospace/view#rss" />{more}</ns1:provides>')

    def document(self, kind, path, text="good"):
        views = "" if kind == "LinkNode" else self.VIEWS.format(
            more='<view uri="ivo://cadc.nrc.ca/vospace/view#data" />' if kind == "DataNode" else "")
        tail = {"ContainerNode": "<ns1:nodes />",
                "LinkNode": "<target>vos://cadc.nrc.ca!vault/alice/there</target>"}.get(kind, "")
        return self.HEAD.format(kind=kind, path=path, value=text) + views + tail + "</node>"

    def test_vos_makes_each_of_its_types(self):
        for kind in ("ContainerNode", "DataNode", "LinkNode"):
            path = self.fresh()
            text = self.document(kind, path)
            headers = {"size": str(len(text))}
            if kind != "LinkNode":
                headers["Content-Type"] = "text/xml"
            made = self.send("PUT", path, text.encode(), headers=headers)
            self.assertEqual(made.status, 201, made.text)
            self.assertIn(f'xsi:type="vos:{kind}"', made.text)
            self.assertEqual(ET.fromstring(made.body).get("uri"), self.bed.uri(path))
            self.assertEqual(value(made, "type"), "application/fits")
            self.assertEqual(properties(made)["quality"], ("good", False))
            self.assertEqual("there" in made.text, kind == "LinkNode")

    def test_a_body_in_latin_1_is_read(self):
        for coding in ("latin-1", "utf-8"):
            path = self.fresh()
            made = self.send("PUT", path, self.document("DataNode", path, "Café").encode(coding),
                             headers={"Content-Type": "text/xml"})
            self.assertEqual(made.status, 201, made.text)
            self.assertEqual(value(made, "quality") or properties(made)["quality"][0], "Café")

    def test_a_fetched_document_is_posted_back_with_ns0(self):
        path = self.fresh("DataNode", {"title": "t"})
        before = properties(self.node(path))
        listed = "".join(
            f'<ns0:property uri="{uri}"{" readOnly=" + chr(34) + "true" + chr(34) if flag else ""}>'
            f'{text}</ns0:property>' for uri, (text, flag) in before.items())
        text = ('<ns0:node xmlns:ns0="http://www.ivoa.net/xml/VOSpace/v2.0" '
                'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" version="2.1" '
                f'uri="{self.bed.uri(path)}" xsi:type="vos:DataNode" busy="false" '
                'xmlns:vos="http://www.ivoa.net/xml/VOSpace/v2.0"><ns0:properties>' + listed +
                '<ns0:property readOnly="false" uri="quality">good</ns0:property>'
                '</ns0:properties><ns0:accepts /><ns0:provides /></ns0:node>')
        answer = self.send("POST", path, text)
        self.assertEqual(answer.status, 200, answer.text)
        self.assertEqual(properties(answer)["quality"][0], "good")
        gone = text.replace(
            '<ns0:property readOnly="false" uri="quality">good</ns0:property>',
            '<ns0:property readOnly="false" uri="quality" xsi:nil="true" '
            'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" />')
        answer = self.send("POST", path, gone)
        self.assertEqual(answer.status, 200, answer.text)
        self.assertNotIn("quality", properties(answer))
        self.assertEqual(value(answer, "title"), "t")

    def test_line_ends_of_other_systems(self):
        path = self.fresh()
        text = ('<?xml version="1.0" encoding="UTF-8"?>\r\n' + self.bed.document(
            "ContainerNode", path, {"custom:x": "a\r\nb", "title": "t"}).replace(
                "><", ">\r\n  <"))
        made = self.send("PUT", path, text.encode())
        self.assertEqual(made.status, 201, made.text)
        self.assertEqual(value(made, "custom:x"), "a\nb")  # XML 1.0 2.11
        self.assertEqual(value(made, "title"), "t")

    def test_chunks_without_a_content_type(self):
        path = self.fresh()
        text = self.bed.document("ContainerNode", path).encode()
        pieces = [text[i:i + 17] for i in range(0, len(text), 17)]
        made = self.send("PUT", path, iter(pieces))
        self.assertEqual(made.status, 201, made.text)

    def test_any_prefix_and_order_and_comments(self):
        path = self.fresh()
        text = (f'<!-- a --><a:node xmlns:a="{VOS}" xmlns:b="{XSI}" xmlns:c="{VOS}" '
                f'b:type="c:ContainerNode" uri="{self.bed.uri(path)}"><a:nodes/>'
                '<z:other xmlns:z="urn:z"><z:x/></z:other>'
                f'<c:properties><!-- b --><a:property uri="{CORE}title"><![CDATA[<t>]]>'
                '</a:property></c:properties></a:node>')
        made = self.send("PUT", path, text)
        self.assertEqual(made.status, 201, made.text)
        self.assertEqual(value(made, "title"), "<t>")
        self.assertIn("vos:ContainerNode", made.text)

    def test_authorities_are_equal_in_any_spelling(self):
        for authority in ("example.org~vault", "example.org!vault", "EXAMPLE.ORG!Vault",
                          "cadc.nrc.ca~vault", "opencadc.org!vault"):
            path = self.fresh()
            text = self.bed.document("DataNode", path).replace("example.org~vault", authority)
            made = self.send("PUT", path, text)
            self.assertEqual(made.status, 201, made.text)
            self.assertEqual(ET.fromstring(made.body).get("uri"), self.bed.uri(path))


class Names(NodesTest):
    NAMES = ["a b", "a#b", "a?b", "a%b", "é", "日本語", "a&b", "[x]", "a+b", "a;b=c", "'\"", "\\", "a\nb", "\x01\x7f",
             "<x>", "..." , ".x", "~", "-", "a:b", "@", "x" * 255, "é" * 127, "%41", "*", "a|b",
             "{}", "^`", "\u00a0", "🔭", "a\u0301", "á", "$", "!", "CON", " lead", "trail ", "a,b",
             ".autox", "preauth:x"]

    def test_every_name_comes_back(self):
        parent = self.fresh("ContainerNode")
        for name in self.NAMES:
            path = f"{parent}/{name}"
            made = self.bed.create("DataNode", path)
            self.assertEqual(made.status, 201, (name, made.text))
            uri = ET.fromstring(made.body).get("uri")
            self.assertEqual(urllib.parse.unquote(uri), urllib.parse.unquote(self.bed.uri(parent))
                             + "/" + name)
            self.assertRegex(uri, r"^vos://[A-Za-z0-9.~-]+/[A-Za-z0-9._~%/!$&*+,;=:@-]+$")
            self.assertEqual(self.node(path).status, 200)
            self.assertEqual(self.bed.put(path, name.encode()).status, 201)
            self.assertEqual(self.bed.get(path).body, name.encode())
        root = ET.fromstring(self.node(parent, query="").body)
        listed = [urllib.parse.unquote(n.get("uri").rpartition("/")[2])
                  for n in root.find(f"{{{VOS}}}nodes")]
        self.assertEqual(listed, sorted(self.NAMES, key=str.encode))
        for name in self.NAMES:
            self.assertEqual(self.delete(f"{parent}/{name}").status, 200, name)

    def test_any_escape_of_a_character_is_that_character(self):
        path = self.fresh("DataNode")
        escaped = "".join(f"%{ord(c):02x}" if c != "/" else c for c in path)
        self.assertEqual(self.bed.ask("GET", "/nodes" + escaped, "alice").status, 200)

    def test_plus_is_a_plus_in_a_path(self):
        path = self.fresh() + "+x"
        self.assertEqual(self.bed.ask("PUT", "/nodes" + path, "alice", self.bed.document(
            "DataNode", path)).status, 201)
        self.assertEqual(self.node(path).status, 200)

    def test_what_is_no_name_is_400(self):
        for raw in ("/alice/a%2Fb", "/alice/a%00b", "/alice/.", "/alice/..", "/alice/%2e%2E",
                    "/alice/%ff", "/alice/%c3", "/alice/%ed%a0%80", "/alice//x", "//alice",
                    "/alice/" + "x" * 256, "/alice/" + "%C3%A9" * 128, "/alice/a%", "/alice/a%4",
                    "/alice/a%zz", "/../alice", "/alice/%c0%af"):
            for method in ("GET", "PUT", "POST", "DELETE"):
                answer = self.bed.ask(method, "/nodes" + raw, "alice",
                                      self.bed.document("DataNode", "/alice/x")
                                      if method in ("PUT", "POST") else None)
                self.fault_like(answer, 400, "InvalidURI: ")

    def test_a_trailing_slash_means_the_same(self):
        path = self.fresh()
        text = self.bed.document("ContainerNode", path)
        made = self.send("PUT", path + "/", text)
        self.assertEqual(made.status, 201, made.text)
        self.assertEqual(ET.fromstring(made.body).get("uri"), self.bed.uri(path))
        self.assertEqual(self.node(path + "/").status, 200)
        slashed = text.replace(self.bed.uri(path), self.bed.uri(path) + "/")
        self.assertEqual(self.send("POST", path, slashed).status, 200)
        self.assertEqual(self.send("POST", path + "/", text).status, 200)
        self.assertEqual(self.delete(path + "/").status, 200)

    def test_a_deep_path(self):
        path = self.fresh("ContainerNode")
        for _ in range(40):
            path += "/d"
            self.assertEqual(self.bed.create("ContainerNode", path).status, 201)
        self.assertEqual(self.node(path).status, 200)
        self.assertEqual(self.bed.ask("GET", "/nodes" + "/d" * 1001, "alice").status, 400)


class Sizes(NodesTest):
    def test_containers_know_what_is_below(self):
        top = self.fresh("ContainerNode")
        self.bed.create("ContainerNode", top + "/a")
        self.bed.create("ContainerNode", top + "/a/b")
        self.bed.put(top + "/a/b/f", b"x" * 100)
        self.bed.put(top + "/g", b"x" * 11)
        self.assertEqual([value(self.node(top + p), "length") for p in ("", "/a", "/a/b")],
                         ["111", "100", "100"])
        self.bed.put(top + "/a/b/f", b"x")
        self.assertEqual(value(self.node(top), "length"), "12")

    def test_length_md5_and_date_are_there_with_the_answer_of_a_put(self):
        path = self.fresh()
        self.assertEqual(self.bed.put(path, b"hello").status, 201)
        got = self.node(path)
        self.assertEqual(value(got, "length"), "5")
        self.assertEqual(value(got, "MD5"), "5d41402abc4b2a76b9719d911017c592")
        self.assertRegex(value(got, "content-date"), r"^\d{4}-.*\.\d{3}$")


if __name__ == "__main__":
    main()
