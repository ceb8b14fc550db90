# SPDX-License-Identifier: Apache-2.0
"""The operations on nodes, demand by demand (checklist.txt: OP-10 to OP-54)."""

import json
import urllib.parse
import xml.etree.ElementTree as ET

from quartet_test import CORE, VOS, XSI, main
from standards_test import CADC, FITS, StandardsTest, uws, vos
from transfers import FORM

GMS_A, GMS_B, GMS_STAFF = (f"ivo://cadc.nrc.ca/gms?{name}" for name in ("team-a", "team-b", "staff"))


class Create(StandardsTest):
    def test_OP_10_the_document_names_the_node_of_the_url(self):
        path = self.fresh()
        for other in (self.fresh(), path + "x", "/alice", path.upper()):
            self.assert_fault(self.send("PUT", path, self.bed.document("DataNode", other)), 400, "InvalidURI")
        foreign = self.bed.document("DataNode", path).replace(self.bed.env["QUARTET_AUTHORITY"], "example.net~other")
        self.assert_fault(self.send("PUT", path, foreign), 400, "InvalidURI")
        nameless = self.bed.document("DataNode", path).replace(f'uri="{self.bed.uri(path)}"', "")
        self.assertEqual(self.send("PUT", path, nameless).status, 400)
        self.assert_is_gone(path)
        # Compared decoded, and with either separator in the authority.
        spelled = self.bed.document("DataNode", path).replace("~vault", "!vault").replace("/alice", "/%61lice")
        self.assertEqual(self.send("PUT", path, spelled).status, 201)

    def test_OP_11_created_is_201(self):
        for kind in ("ContainerNode", "DataNode", "UnstructuredDataNode", "StructuredDataNode", "LinkNode"):
            path = self.fresh()
            self.assertEqual(self.bed.create(kind, path, target=self.bed.uri("/alice")).status, 201)

    def test_OP_12_the_answer_is_the_new_node(self):
        path = self.fresh()
        made = self.bed.create("DataNode", path, properties={"title": "a title"})
        node = self.document(made)
        self.assertEqual((made.headers["Content-Type"], node.get("uri"), self.type_of(node)),
                         ("text/xml", self.bed.uri(path), "DataNode"))
        self.assertEqual(self.values(node)[CORE + "title"], "a title")
        self.assertIn(CORE + "anyview", self.views(node, "accepts"))
        self.assertEqual(self.values(node), self.values(self.node(path)))

    def test_OP_13_a_node_that_exists_is_a_duplicate(self):
        for kind in ("ContainerNode", "DataNode", "LinkNode"):
            path = self.fresh(kind, target=self.bed.uri("/alice"))
            answer = self.bed.create("DataNode", path)
            self.assert_fault(answer, 409, "DuplicateNode")
            self.assertIn(self.bed.uri(path), answer.text)
            self.assertEqual(self.type_of(self.node(path)), kind)

    def test_OP_14_any_missing_ancestor_is_container_not_found(self):
        path = self.fresh()
        for below in ("/x", "/x/y", "/x/y/z"):
            answer = self.bed.create("ContainerNode", path + below)
            self.assert_fault(answer, 404, "ContainerNotFound")
            self.assertIn(self.bed.uri(path), answer.text)

    def test_OP_15_an_ancestor_that_is_a_link_is_followed(self):
        folder = self.fresh("ContainerNode")
        link = self.fresh("LinkNode", target=self.bed.uri(folder))
        self.assertEqual(self.bed.create("DataNode", link + "/x").status, 201)
        self.assertEqual(self.children(self.node(folder)), ["x"])
        broken = self.fresh("LinkNode", target=self.bed.uri("/alice/not-there"))
        self.assertEqual(self.bed.create("DataNode", broken + "/x").status, 404)
        outside = self.fresh("LinkNode", target="https://example.org/x")
        self.assert_fault(self.bed.create("DataNode", outside + "/x"), 400, "InvalidArgument")

    def test_OP_16_no_permission_bad_type_bad_uri(self):
        path = self.fresh()
        self.assert_fault(self.bed.create("DataNode", path, user="bob"), 403, "PermissionDenied")
        self.assert_fault(self.bed.create("DataNode", path, user=None), 401, "NotAuthenticated")
        for kind in ("vos:ImageNode", "vos:", "other:DataNode"):
            text = self.bed.document("DataNode", path).replace("vos:DataNode", kind)
            self.assertEqual(self.send("PUT", path, text).status, 400, kind)
        unknown = self.bed.document("DataNode", path).replace("vos:DataNode", "vos:ImageNode")
        answer = self.send("PUT", path, unknown)
        self.assert_fault(answer, 400, "TypeNotSupported")
        self.assertIn("ImageNode", answer.text)
        for uri in ("no uri at all", "vos:", "http://example.org/x", self.bed.uri(path) + "/../x",
                    self.bed.uri(path) + "//y"):
            text = self.bed.document("DataNode", path).replace(self.bed.uri(path), uri)
            self.assert_fault(self.send("PUT", path, text), 400, "InvalidURI")
        self.assert_is_gone(path)

    def test_OP_17_views_and_capabilities_of_the_document_are_ignored(self):
        path = self.fresh()
        text = self.bed.document("DataNode", path).replace(
            "</vos:node>", '<vos:accepts><vos:view uri="custom:mine"/></vos:accepts>'
            '<vos:provides><vos:view uri="custom:mine"/></vos:provides>'
            '<vos:capabilities><vos:capability uri="custom:mine"/></vos:capabilities></vos:node>')
        made = self.send("PUT", path, text)
        self.assertEqual(made.status, 201, made.text)
        self.assertNotIn("custom:mine", made.text)
        self.assertNotIn("custom:mine", self.send("GET", path, headers=None).text)

    def test_OP_18_who_may_not_read_the_parent_learns_nothing(self):
        folder = self.fresh("ContainerNode")
        self.bed.put(folder + "/there", b"x")
        answers = [self.bed.create("DataNode", f"{folder}/{name}", "bob") for name in ("there", "not-there")]
        self.assertEqual([a.status for a in answers], [403, 403])
        self.assertEqual(answers[0].text.replace("/there", "/X"), answers[1].text.replace("/not-there", "/X"))

    def test_OP_19_a_parent_that_is_no_container(self):
        self.assert_fault(self.bed.create("DataNode", self.file() + "/x"), 404, "ContainerNotFound")


class Get(StandardsTest):
    def test_OP_20_the_whole_record_if_nothing_else_is_asked(self):
        path = self.file()
        node = self.node(path)
        self.assertLessEqual({CORE + name for name in ("length", "MD5", "date", "creator")}, set(self.values(node)))
        self.assertNotEqual(self.views(node, "provides"), {})
        folder = self.fresh("ContainerNode")
        self.bed.put(folder + "/x", b"x")
        self.assertEqual(self.children(self.node(folder)), ["x"])

    def test_OP_21_detail(self):
        folder = self.fresh("ContainerNode", {"title": "a title"})
        self.bed.put(folder + "/x", b"x")
        self.bed.create("LinkNode", folder + "/y", target="custom:z")
        least = self.node(folder, "?detail=min")
        for node in least.iter(vos("node")):
            self.assertIsNone(node.find(vos("properties")))
            self.assertIn(self.type_of(node), ("ContainerNode", "DataNode", "LinkNode"))
            self.assertIsNone(node.get("busy"))
        self.assertEqual(self.children(least), ["x", "y"])
        middle, unknown = (self.node(folder, "?detail=" + word) for word in ("properties", "whatever"))
        self.assertEqual(ET.tostring(middle), ET.tostring(unknown))
        full = self.node(folder, "?detail=max")
        for node in middle.iter(vos("node")):
            self.assertIn(CORE + "date", self.values(node))
            self.assertNotIn(CORE + "readable", self.values(node))
        for node in full.iter(vos("node")):
            self.assertEqual([v for u, v in self.values(node).items() if u.endswith(("#readable", "#writable"))],
                             ["true", "true"])

    def test_OP_22_direct_children_with_their_types(self):
        folder = self.fresh("ContainerNode")
        for kind, name in [("ContainerNode", "c"), ("DataNode", "d"), ("LinkNode", "l"),
                           ("StructuredDataNode", "s"), ("UnstructuredDataNode", "u")]:
            self.bed.create(kind, f"{folder}/{name}", target=self.bed.uri("/alice"))
        self.bed.create("DataNode", folder + "/c/deep")
        node = self.node(folder)
        self.assertEqual([(c.get("uri"), self.type_of(c)) for c in node.find(vos("nodes"))],
                         [(self.bed.uri(f"{folder}/{name}"), kind) for name, kind in
                          [("c", "ContainerNode"), ("d", "DataNode"), ("l", "LinkNode"),
                           ("s", "StructuredDataNode"), ("u", "UnstructuredDataNode")]])

    def test_OP_23_limit_and_uri(self):
        folder = self.fresh("ContainerNode")
        for name in "edcba":
            self.bed.create("DataNode", f"{folder}/{name}")
        def names(limit, start=None):
            query = f"?limit={limit}" + (f"&uri={urllib.parse.quote(self.bed.uri(folder + '/' + start), '')}"
                                         if start else "")
            return "".join(self.children(self.node(folder, query)))
        self.assertEqual([names(n) for n in (0, 1, 3, 5, 9)], ["", "a", "abc", "abcde", "abcde"])
        self.assertEqual([names(2, start) for start in "acde"], ["ab", "cd", "de", "e"])
        self.send("DELETE", folder + "/c", headers=None)
        self.assertEqual(names(2, "c"), "de")  # gone meanwhile: the next one
        for uri in (self.bed.uri("/alice"), self.bed.uri(folder + "/a/b"), "custom:x", ""):
            self.assert_fault(self.send("GET", folder, headers=None, query="?limit=2&uri=" + urllib.parse.quote(uri, "")),
                              400, "Invalid(URI|Argument)")
        for limit in ("-1", "x", "1.5", ""):
            self.assert_fault(self.send("GET", folder, headers=None, query="?limit=" + limit), 400, "InvalidArgument")

    def test_OP_24_no_pages_unless_asked_for(self):
        folder = self.fresh("ContainerNode")
        with self.bed.nodes() as create:
            for number in range(1200):
                create("DataNode", f"{folder}/{number:04}")
        self.assertEqual(self.children(self.node(folder)), [f"{number:04}" for number in range(1200)])

    def test_OP_25_what_is_not_there_and_what_is_not_yours(self):
        answer = self.send("GET", "/alice/not-there", headers=None)
        self.assert_fault(answer, 404, "NodeNotFound")
        self.assertIn(self.bed.uri("/alice/not-there"), answer.text)
        folder = self.fresh("ContainerNode")
        self.bed.create("DataNode", folder + "/x")
        self.assert_fault(self.send("GET", folder + "/x", user="bob", headers=None), 403, "PermissionDenied")
        self.assert_fault(self.send("GET", folder + "/x", user=None, headers=None), 401, "NotAuthenticated")

    def test_OP_26_view_data_goes_to_the_bytes(self):
        path = self.file(b"these")
        answer = self.send("GET", path, headers=None, query="?view=data")
        self.assertEqual((answer.status, answer.headers["Location"]),
                         (303, f"{self.bed.env['QUARTET_BASE']}/files{path}"))

    def test_OP_27_other_views_are_refused(self):
        self.assert_fault(self.send("GET", self.file(), headers=None, query="?view=rss"), 400, "ViewNotSupported")

    def test_OP_29_sort_and_order(self):
        folder = self.fresh("ContainerNode")
        for name, size in [("a", 2), ("b", 3), ("c", 1)]:
            self.bed.put(f"{folder}/{name}", b"x" * size)
        length = urllib.parse.quote(CORE + "length", "")
        for order, names in [("", "cab"), ("&order=asc", "cab"), ("&order=desc", "bac")]:
            self.assertEqual("".join(self.children(self.node(folder, f"?sort={length}{order}"))), names)
        self.assert_fault(self.send("GET", folder, headers=None, query="?sort=custom:x"), 400, "OptionNotSupported")
        self.assert_fault(self.send("GET", folder, headers=None, query="?order=up"), 400, "OptionNotSupported")

    def test_OP_30_head(self):
        for path, status in [(self.file(), 200), ("/alice", 200), ("/alice/not-there", 404)]:
            answer = self.send("HEAD", path, headers=None)
            self.assertEqual((answer.status, answer.body), (status, b""))

    def test_OP_31_a_link_is_itself(self):
        link = self.fresh("LinkNode", target=self.bed.uri("/alice"))
        node = self.node(link)
        self.assertEqual((self.type_of(node), node.get("uri"), node.findtext(vos("target"))),
                         ("LinkNode", self.bed.uri(link), self.bed.uri("/alice")))

    def test_OP_32_json_where_asked_for(self):
        path = self.file()
        for headers, query in [({"Accept": "application/json"}, ""), (None, "?Accept=application/json")]:
            answer = self.send("GET", path, None, "alice", headers, query)
            self.assertEqual(answer.headers["Content-Type"], "application/json")
            self.assertEqual(json.loads(answer.body)["vos:node"]["@uri"], self.bed.uri(path))
        preferred = {"text/xml;q=0.5, application/json": "application/json",
                     "application/json;q=0.1, text/xml": "text/xml",
                     "application/json;q=0, */*": "text/xml",
                     "application/json; charset=utf-8": "application/json",
                     "text/html,application/xhtml+xml,*/*;q=0.8": "text/xml"}
        for accept, wanted in preferred.items():
            answer = self.send("GET", path, None, "alice", {"Accept": accept})
            self.assertEqual(answer.headers["Content-Type"], wanted, accept)


class Set(StandardsTest):
    def test_OP_40_the_answer_is_the_node(self):
        path = self.fresh("ContainerNode")
        answer = self.post("ContainerNode", path, {"title": "new"})
        node = self.document(answer)
        self.assertEqual((answer.status, answer.headers["Content-Type"], self.values(node)[CORE + "title"]),
                         (200, "text/xml", "new"))

    def test_OP_41_what_a_document_does_not_change(self):
        path = self.file()
        for kind in ("ContainerNode", "LinkNode"):
            self.assert_fault(self.post(kind, path, target="custom:x"), 400, "InvalidArgument")
        folder = self.fresh("ContainerNode")
        self.bed.create("DataNode", folder + "/kept")
        text = self.bed.document("ContainerNode", folder).replace(
            "<vos:nodes/>", f'<vos:accepts><vos:view uri="custom:v"/></vos:accepts><vos:nodes><vos:node '
            f'uri="{self.bed.uri(folder)}/more" xsi:type="vos:DataNode"/></vos:nodes>')
        answer = self.send("POST", folder, text)
        self.assertEqual(answer.status, 200, answer.text)
        self.assertNotIn("custom:v", answer.text)
        self.assertEqual(self.children(self.node(folder)), ["kept"])
        link = self.fresh("LinkNode", target=self.bed.uri("/alice"))
        self.assertEqual(self.post("LinkNode", link, target=self.bed.uri("/public")).status, 200)
        self.assertEqual(self.node(link).findtext(vos("target")), self.bed.uri("/public"))

    def test_OP_42_its_faults(self):
        path = self.fresh("ContainerNode")
        self.assert_fault(self.post("ContainerNode", path, user="bob"), 403, "PermissionDenied")
        self.assert_fault(self.post("ContainerNode", "/alice/not-there"), 404, "NodeNotFound")
        self.assertEqual(self.post("ContainerNode", "/alice/not-there/x").status, 404)
        self.assert_fault(self.post("ContainerNode", path, {"ispublic": "perhaps"}), 400, "InvalidArgument")
        self.assert_fault(self.post("ContainerNode", path, {"nosuchthing": "x"}), 400, "InvalidArgument")
        self.assert_fault(self.send("POST", path, self.bed.document("ContainerNode", "/alice")), 400,
                          "Invalid(Argument|URI)")

    def test_OP_43_a_lock_does_not_stop_it(self):
        path = self.fresh("ContainerNode", {CADC + "islocked": "true"})
        self.assertEqual(self.post("ContainerNode", path, {"title": "x"}).status, 200)
        self.assertEqual(self.post("ContainerNode", path, {CADC + "islocked": "false"}).status, 200)
        self.assertNotEqual(self.value(path, CADC + "islocked"), "true")


class Delete(StandardsTest):
    def delete(self, path, user="alice"):
        return self.send("DELETE", path, None, user, None)

    def test_OP_50_success_is_200(self):
        for kind in ("ContainerNode", "DataNode"):
            path = self.fresh(kind)
            answer = self.delete(path)
            self.assertEqual((answer.status, answer.body), (200, b""))
            self.assert_is_gone(path)

    def test_OP_51_a_container_with_children_is_refused(self):
        path = self.fresh("ContainerNode")
        self.bed.create("DataNode", path + "/x")
        answer = self.delete(path)
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (400, "text/plain"))
        self.assertIn("not empty", answer.text)
        self.assertEqual(self.children(self.node(path)), ["x"])

    def test_OP_52_its_faults(self):
        self.assert_fault(self.delete("/alice/not-there"), 404, "NodeNotFound")
        self.assertEqual(self.delete("/alice/not-there/x").status, 404)
        path = self.fresh("ContainerNode")
        self.assert_fault(self.delete(path, "bob"), 403, "PermissionDenied")
        self.assert_fault(self.delete(path, None), 401, "NotAuthenticated")
        link = self.fresh("LinkNode", target=self.bed.uri(path))
        self.bed.create("DataNode", path + "/x")
        self.assertEqual(self.delete(link + "/x").status, 200)
        self.assertEqual(self.children(self.node(path)), [])

    def test_OP_53_a_link_is_deleted_itself(self):
        path = self.fresh("ContainerNode")
        link = self.fresh("LinkNode", target=self.bed.uri(path))
        self.assertEqual(self.delete(link).status, 200)
        self.assert_is_gone(link)
        self.node(path)

    def test_OP_54_recursive_deletion_counts(self):
        path = self.fresh("ContainerNode")
        self.bed.create("ContainerNode", path + "/a")
        self.bed.create("DataNode", path + "/a/x")
        self.bed.create("ContainerNode", path + "/b", properties={CADC + "islocked": "true"})
        self.bed.create("DataNode", path + "/y")
        made = self.bed.ask("POST", "/async-delete", "alice",
                            "target=" + urllib.parse.quote(self.bed.uri(path), ""), FORM)
        job = self.run_job(made.headers["Location"])
        self.assertEqual(job.findtext(uws("phase")), "ABORTED")
        counts = self.results(job)
        self.assertEqual(set(counts), {"successcount", "errorcount"})
        self.assertRegex(counts["successcount"], r"^final:3$")
        self.assertEqual(self.children(self.node(path)), ["b"])


class Documents(StandardsTest):
    def test_XS_1_one_namespace_and_the_version_is_written(self):
        for version in ('version="2.1"', 'version="2.0"', ""):
            path = self.fresh()
            text = self.bed.document("DataNode", path).replace('version="2.1"', version)
            self.assertEqual(self.send("PUT", path, text).status, 201)
            self.assertEqual(self.node(path).get("version"), "2.1")
        other = self.bed.document("DataNode", self.fresh()).replace("VOSpace/v2.0", "VOSpace/v2.1")
        self.assertEqual(self.send("PUT", self.fresh(), other).status, 400)

    def test_XS_2_every_document_of_a_node_is_valid(self):
        folder = self.fresh("ContainerNode", {"title": "&lt;&amp;&gt;", "custom:x": "é"})
        for kind in ("ContainerNode", "DataNode", "LinkNode", "StructuredDataNode", "UnstructuredDataNode"):
            self.bed.create(kind, f"{folder}/a name, {kind} [1] & ü", target=self.bed.uri("/alice"))
        for detail in ("min", "properties", "max", "raw", ""):
            for path in ("", "/alice", folder, f"{folder}/a name, LinkNode [1] & ü"):
                self.node(path, f"?detail={detail}")  # validates

    def test_XS_3_the_root_is_a_global_node(self):
        self.assertEqual(self.node("/alice").tag, vos("node"))

    def test_XS_5_order_of_elements(self):
        def order(path):
            return [e.tag.partition("}")[2] for e in self.node(path)]
        self.assertEqual(order(self.file()), ["properties", "accepts", "provides"])
        self.assertEqual(order(self.fresh("LinkNode", target="custom:x")), ["properties", "target"])
        self.assertEqual(order(self.fresh("ContainerNode"))[-1], "nodes")
        path = self.fresh()
        text = (f'<vos:node xmlns:vos="{VOS}" xmlns:xsi="{XSI}" uri="{self.bed.uri(path)}" xsi:type="vos:ContainerNode">'
                f'<vos:nodes/><vos:provides/><vos:accepts/><vos:properties><vos:property uri="{CORE}title">t'
                f'</vos:property></vos:properties></vos:node>')
        self.assertEqual(self.send("PUT", path, text).status, 201)
        self.assertEqual(self.value(path, "title"), "t")

    def test_XS_7_nil_properties(self):
        path = self.fresh("DataNode", {"title": "t", "custom:x": "x"})
        self.assertEqual(self.post("DataNode", path, {"title": None, "custom:x": None}).status, 200)
        self.assertNotIn(CORE + "title", self.values(self.node(path)))
        self.assertNotIn("custom:x", self.values(self.node(path)))

    def test_XS_8_no_capabilities_on_links(self):
        self.assertIsNone(self.node(self.fresh("LinkNode", target=self.bed.uri("/"))).find(vos("capabilities")))

    def test_XS_11_children_carry_type_and_uri(self):
        folder = self.fresh("ContainerNode")
        self.bed.create("DataNode", folder + "/x")
        for detail in ("min", "properties", "max"):
            child = self.node(folder, f"?detail={detail}").find(f"{vos('nodes')}/{vos('node')}")
            self.assertEqual((child.get("uri"), self.type_of(child)), (self.bed.uri(folder + "/x"), "DataNode"))

    def test_XS_12_documents_are_told_by_their_first_character(self):
        for kind in ("application/x-www-form-urlencoded", "text/plain", "application/xml", None):
            path = self.fresh()
            headers = {"Content-Type": kind} if kind else {}
            answer = self.send("PUT", path, " \r\n" + self.bed.document("DataNode", path), "alice", headers)
            self.assertEqual(answer.status, 201, kind)

    def test_XS_14_no_dtd_no_entities_and_bounds(self):
        path = self.fresh()
        text = self.bed.document("DataNode", path, {"title": "&x;"})
        answer = self.send("PUT", path, '<!DOCTYPE n [<!ENTITY x "y">]>' + text)
        self.assertEqual(answer.status, 400)
        self.assertEqual(self.send("PUT", path, text).status, 400)
        long = self.bed.document("DataNode", path, {"title": "x" * 300_000})
        self.assert_fault(self.send("PUT", path, long), 413, "RequestEntityTooLarge")
        self.assert_is_gone(path)


class Properties(StandardsTest):
    def test_PR_1_uri_text_and_read_only(self):
        path = self.file()
        self.post("DataNode", path, {"https://example.org/prop?x=1#y": "a &lt;text&gt;"})
        node = self.node(path)
        self.assertEqual(self.values(node)["https://example.org/prop?x=1#y"], "a <text>")
        self.assertIn(CORE + "length", self.read_only(node))
        self.assertNotIn("https://example.org/prop?x=1#y", self.read_only(node))
        bad = self.bed.document("DataNode", path).replace(
            "<vos:properties>", "<vos:properties><vos:property>x</vos:property>")
        self.assertEqual(self.send("POST", path, bad).status, 400)

    def test_PR_2_groups_with_any_delimiter(self):
        path = self.fresh("DataNode")
        for delimiter in (",", " ", "\t", "\n", ", "):
            self.post("DataNode", path, {"groupread": "ivo://x.org/gms?none"})
            answer = self.post("DataNode", path, {"groupread": f"{GMS_A}{delimiter}{GMS_B}"})
            self.assertEqual(answer.status, 200, answer.text)
            self.assertEqual(self.value(path, "groupread"), f"{GMS_A} {GMS_B}")

    def test_PR_3_unknown_properties(self):
        for uri in ("custom:x", "ivo://example.org/props#mine", "http://example.org/a"):
            self.assertEqual(self.value(self.fresh("DataNode", {uri: "kept"}), uri), "kept")
        for uri in (CORE + "nosuchthing", "ivo://ivoa.net/vospacecore#length", "ivo://ivoa.net/vospace/core"):
            self.assert_fault(self.bed.create("DataNode", self.fresh(), properties={uri: "x"}), 400, "InvalidArgument")

    def test_PR_4_values_of_the_wrong_form(self):
        path = self.fresh("ContainerNode")
        for name, value in [("ispublic", "maybe"), (CADC + "islocked", "2"), ("groupread", "not a uri"),
                            (CADC + "inheritPermissions", "yes please")]:
            answer = self.post("ContainerNode", path, {name: value})
            self.assert_fault(answer, 400, "InvalidArgument")
            self.assertIn(name.rpartition("#")[2], answer.text)

    def test_PR_5_read_only_properties_are_taken_and_ignored(self):
        path = self.file(b"12345")
        before = self.values(self.node(path))
        echo = {name: "999" for name in ("length", "MD5", "date", "creator", "content-date")}
        self.assertEqual(self.post("DataNode", path, echo | {"title": "t"}).status, 200)
        after = self.values(self.node(path))
        for name in ("length", "MD5", "creator", "content-date"):
            self.assertEqual(after[CORE + name], before[CORE + name])
        self.assertEqual(after[CORE + "title"], "t")
        made = self.values(self.node(self.fresh("DataNode", echo)))
        self.assertNotIn("999", made.values())

    def test_PR_6_setting_is_a_union(self):
        path = self.fresh("DataNode", {"title": "t", "subject": "s", "rights": "r", "custom:a": "a"})
        self.post("DataNode", path, {"title": "new", "subject": "", "rights": None})
        values = self.values(self.node(path))
        self.assertEqual((values[CORE + "title"], values["custom:a"]), ("new", "a"))
        self.assertEqual(values.get(CORE + "subject", ""), "")
        self.assertNotIn(CORE + "rights", values)
        other = self.bed.document("DataNode", path, {"custom:a": None}).replace(
            "xsi:nil", "xs:nil").replace("<vos:node ", '<vos:node xmlns:xs="http://www.w3.org/2001/XMLSchema" ')
        self.assertEqual(self.send("POST", path, other).status, 200)
        self.assertNotIn("custom:a", self.values(self.node(path)))

    def test_PR_7_the_standards_names(self):
        text = ("title subject description publisher contributor type format identifier source language relation "
                "coverage rights").split()
        made = ("date creator availableSpace quota length mtime ctime btime").split()
        path = self.fresh()
        answer = self.bed.create("ContainerNode", path, properties={name: "1" for name in text + made} | {
            "publicread": "false", "groupread": GMS_A, "groupwrite": GMS_B})
        self.assertEqual(answer.status, 201, answer.text)
        values = self.values(self.node(path))
        for name in text:
            self.assertEqual(values[CORE + name], "1")

    def test_PR_8_lengths_and_times(self):
        values = self.values(self.node(self.file(b"123")))
        self.assertEqual(values[CORE + "length"], "3")
        for name in ("date", "content-date"):
            self.assertRegex(values[CORE + name], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}$")

    def test_PR_9_four_groups(self):
        path = self.fresh("DataNode")
        groups = [f"ivo://example.org/gms?g{n}" for n in range(5)]
        for name in ("groupread", "groupwrite"):
            self.assertEqual(self.post("DataNode", path, {name: " ".join(groups[:4])}).status, 200)
            answer = self.post("DataNode", path, {name: " ".join(groups)})
            self.assert_fault(answer, 400, "InvalidArgument")
            self.assertRegex(answer.text, "four|4")
            self.assertEqual(self.value(path, name), " ".join(groups[:4]))
        # A write group reads too, a read group does not write.
        for name, writes in [("groupread", 403), ("groupwrite", 201)]:
            self.post("ContainerNode", "/alice", {"groupread": GMS_STAFF, "groupwrite": ""})
            shared = self.file()
            self.post("DataNode", shared, {"groupread": None, "groupwrite": None})
            self.post("DataNode", shared, {name: GMS_STAFF})
            self.assertEqual(self.bed.get(shared, "bob").status, 200)
            self.assertEqual(self.bed.put(shared, b"new", "bob").status, writes)
        self.post("ContainerNode", "/alice", {"groupread": None})

    def test_PR_10_publicread_and_ispublic_are_one(self):
        path = self.fresh("DataNode")
        for name, value in [("publicread", "true"), ("publicread", "false"), ("ispublic", "true")]:
            self.post("DataNode", path, {name: value})
            self.assertEqual(self.value(path, "ispublic"), value)
            self.assertIsNone(self.value(path, "publicread"))
        self.post("DataNode", path, {"publicread": "true", "ispublic": "false"})
        self.assertEqual(self.value(path, "ispublic"), "false")

    def test_PR_11_md5_in_hex(self):
        self.assertEqual(self.value(self.file(b"abc"), "MD5"), "900150983cd24fb0d6963f7d28e17f72")

    def test_PR_13_computed_for_who_asks(self):
        path = self.fresh("ContainerNode", parent="/public", user="alice")
        self.bed.put(path + "/x", b"x", "alice")
        for user, wanted in [("alice", {"readable", "writable"}), ("bob", {"readable", "writable"}),
                             ("carol", {"readable"}), (None, {"readable"})]:
            for node in self.node(path, "?detail=max", user).iter(vos("node")):
                said = {u.rpartition("#")[2] for u, v in self.values(node).items()
                        if u.endswith(("#readable", "#writable")) and v == "true"}
                self.assertEqual(said, wanted, user)
        self.post("ContainerNode", path, {CADC + "readable": "false"})
        self.assertNotIn(CADC + "readable", self.values(self.node(path)))


class Capabilities(StandardsTest):
    def test_CP_1_a_nodes_capabilities_are_the_services(self):
        mine = '<vos:capabilities><vos:capability uri="custom:mine"/></vos:capabilities>'
        for kind in ("DataNode", "ContainerNode"):
            path = self.fresh()
            text = self.bed.document(kind, path).replace("</vos:properties>", "</vos:properties>" + mine)
            self.assertEqual(self.send("PUT", path, text).status, 201)
            self.assertEqual(self.send("POST", path, text).status, 200)
            self.assertNotIn("custom:mine", self.send("GET", path, headers=None).text)

    def test_CP_2_the_root_names_the_versions(self):
        capabilities = self.node("").find(vos("capabilities"))
        self.assertEqual([c.get("uri") for c in capabilities], [CORE + "vospace-2.0", CORE + "vospace-2.1"])
        self.assertIsNone(self.node("/alice").find(vos("capabilities")))
        self.assertIsNone(self.node("", "?detail=min").find(vos("capabilities")))

    def test_VW_6_accepts_from_the_start_provides_with_the_bytes(self):
        node = self.node(self.fresh("DataNode"))
        self.assertLessEqual({CORE + "anyview", CORE + "binaryview"}, set(self.views(node, "accepts")))
        node = self.node(self.file(FITS, headers={"Content-Type": "application/fits"}))
        self.assertLessEqual({"ivo://cadc.nrc.ca/vospace/view#cutout", "ivo://cadc.nrc.ca/vospace/view#header",
                              CORE + "defaultview", CORE + "binaryview"}, set(self.views(node, "provides")))

    def test_VW_9_cutouts_and_headers_are_not_the_original(self):
        views = self.views(self.node(self.file(FITS, headers={"Content-Type": "application/fits"})), "provides")
        for uri, view in views.items():
            self.assertEqual(view.get("original", "true"), str("view#" not in uri or "#data" in uri).lower(), uri)


if __name__ == "__main__":
    main()
