# SPDX-License-Identifier: Apache-2.0
"""The resources and what the service says about itself, demand by demand (checklist.txt: RS, OP-1 to OP-4, VI, DA)."""

import io
import shutil
import tarfile
import xml.etree.ElementTree as ET

from quartet_test import CORE, XSI, main, wait_until
from standards_test import PACKAGE, StandardsTest, vos
from transfers import XML, protocol, transfer

VOSI = "{http://www.ivoa.net/xml/VOSIAvailability/v1.0}"


class Resources(StandardsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.capabilities = {}
        for capability in ET.fromstring(cls.bed.ask("GET", "/capabilities").body):
            access = capability.find("interface/accessURL")
            cls.capabilities[capability.get("standardID")] = (access.text, access.get("use"))

    def there(self, standard, path, use=None, status=200, user="alice"):
        url, given = self.capabilities[standard]
        self.assertEqual(url, self.bed.env["QUARTET_BASE"] + path)
        if use is not None:
            self.assertEqual(given, use)
        self.assertEqual(self.bed.ask("GET", url, user).status, status)

    def test_RS_1_nodes(self):
        self.there("ivo://ivoa.net/std/VOSpace/v2.0#nodes", "/nodes", "base")
        path = self.fresh("ContainerNode")
        self.assertEqual([self.send("GET", path, headers=None).status, self.post("ContainerNode", path).status,
                          self.send("DELETE", path, headers=None).status], [200, 200, 200])

    def test_RS_2_transfers(self):
        self.there("ivo://ivoa.net/std/VOSpace/v2.0#transfers", "/transfers")

    def test_RS_3_synctrans_by_both_ids(self):
        for standard in ("ivo://ivoa.net/std/VOSpace/v2.0#sync", "ivo://ivoa.net/std/VOSpace#sync-2.1"):
            self.assertEqual(self.capabilities[standard][0], self.bed.env["QUARTET_BASE"] + "/synctrans")

    def test_RS_4_protocols(self):
        self.there("ivo://ivoa.net/std/VOSpace/v2.0#protocols", "/protocols", user=None)

    def test_RS_5_views(self):
        self.there("ivo://ivoa.net/std/VOSpace/v2.0#views", "/views", user=None)

    def test_RS_6_properties(self):
        self.there("ivo://ivoa.net/std/VOSpace/v2.0#properties", "/properties", user=None)

    def test_RS_7_transfer_details(self):
        n = self.pull(self.file())
        job = n.hops[-1].replace("xfer", "transfers")
        answer = self.bed.ask("GET", job + "/results/transferDetails", "alice")
        self.assertEqual((answer.status, answer.headers["Location"]), (303, n.hops[-1]))

    def test_RS_8_error(self):
        n = self.pull(self.fresh(), protocol("httpsget", "ivo://ivoa.net/sso#tls-with-certificate"))
        self.assertEqual((n.error.status, n.error.headers["Content-Type"], n.error.body),
                         (200, "text/plain", b"NodeNotFound"))

    def test_RS_10_vosi(self):
        self.there("ivo://ivoa.net/std/VOSI#capabilities", "/capabilities", "full", user=None)
        self.there("ivo://ivoa.net/std/VOSI#availability", "/availability", "full", user=None)

    def test_RS_11_files(self):
        url, use = self.capabilities["ivo://ivoa.net/std/VOSpace#files-proto"]
        self.assertEqual((url, use), (self.bed.env["QUARTET_BASE"] + "/files", "base"))
        path = self.fresh()
        self.assertEqual(self.bed.put(path, b"x").status, 201)
        self.assertEqual(self.bed.ask("HEAD", "/files" + path, "alice").status, 200)

    def test_RS_12_async_delete(self):
        self.there("ivo://ivoa.net/std/VOSpace#recursive-delete-proto", "/async-delete")

    def test_RS_13_async_setprops(self):
        self.there("ivo://ivoa.net/std/VOSpace#recursive-nodeprops-proto", "/async-setprops")

    def test_RS_15_pkg(self):
        self.assertEqual(self.capabilities[PACKAGE][0], self.bed.env["QUARTET_BASE"] + "/pkg")

    def test_RS_16_xfer_is_the_details(self):
        n = self.pull(self.file())
        self.assertEqual(self.bed.ask("GET", n.hops[-1], "alice").headers["Content-Type"], "text/xml")
        self.assertEqual(n.hops[-1].count("xfer"), 1)

    def test_RS_18_the_base_path(self):
        for url, _ in self.capabilities.values():
            self.assertNotIn("/vospace/", url)

    def test_RS_19_the_resource_id(self):
        registry = self.bed.ask("GET", "/reg/resource-caps").text
        self.assertIn("ivo://" + self.bed.env["QUARTET_AUTHORITY"].replace("~", "/"), registry)
        self.assertIn("vault", self.bed.env["QUARTET_AUTHORITY"])

    def test_RS_20_other_methods(self):
        for method, path in [("PATCH", "/nodes/alice"), ("POST", "/capabilities"), ("PUT", "/transfers"),
                             ("DELETE", "/files/alice/x"), ("PUT", "/availability")]:
            answer = self.bed.ask(method, path, "alice", b"")
            self.assertEqual((answer.status, answer.headers["Content-Type"]), (405, "text/plain"), (method, path))
            self.assertNotIn(method, answer.headers["Allow"])
            self.assertRegex(answer.headers["Allow"], r"^[A-Z]+(, [A-Z]+)*$")


class Lists(StandardsTest):
    def lists(self, name, item):
        answer = self.bed.ask("GET", "/" + name)
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "text/xml"))
        root = self.document(answer, name)
        return {part.tag.partition("}")[2]: [e.get("uri") for e in part.findall(vos(item))] for part in root}

    def test_OP_1_protocols(self):
        lists = self.lists("protocols", "protocol")
        self.assertEqual(set(lists), {"accepts", "provides"})
        self.assertEqual(lists["provides"], [CORE + "httpsget", CORE + "httpsput"])
        self.assertEqual(lists["accepts"], [])  # it is nobody's client unless the operator allows it

    def test_OP_2_views(self):
        lists = self.lists("views", "view")
        self.assertLessEqual({CORE + "anyview", CORE + "binaryview"}, set(lists["accepts"]))
        self.assertLessEqual({CORE + "defaultview", CORE + "binaryview", PACKAGE,
                              "ivo://cadc.nrc.ca/vospace/view#cutout", "ivo://cadc.nrc.ca/vospace/view#header"},
                             set(lists["provides"]))

    def test_OP_3_properties(self):
        lists = self.lists("properties", "property")
        self.assertEqual(set(lists), {"accepts", "provides", "contains"})
        self.assertLessEqual({CORE + "title", CORE + "groupread", CORE + "ispublic"}, set(lists["accepts"]))
        self.assertLessEqual({CORE + "length", CORE + "MD5", CORE + "date"}, set(lists["provides"]))
        self.assertLessEqual({CORE + "length", CORE + "ispublic"}, set(lists["contains"]))
        mine = {"custom:one", "https://example.org/two?x=1&y=2#z"}
        self.assertFalse(mine & set(lists["contains"]))
        path = self.fresh("DataNode", {"custom:one": "1"})
        self.post("DataNode", path, {"https://example.org/two?x=1&amp;y=2#z": "2", "custom:one": "again"})
        contained = self.lists("properties", "property")["contains"]
        self.assertLessEqual(mine, set(contained))
        self.assertEqual(len(contained), len(set(contained)))

    def test_OP_4_what_is_listed_is_accepted(self):
        path = self.file()
        for name, direction in [("accepts", self.push), ("provides", self.pull)]:
            for uri in self.lists("views", "view")[name]:
                if uri == PACKAGE:
                    continue  # of several nodes: VW-4
                param = '<vos:param uri="custom:cut">[0]</vos:param>' if uri.endswith("#cutout") else ""
                n = direction(path, view=f'<vos:view uri="{uri}">{param}</vos:view>')
                self.assertEqual(n.phase, "EXECUTING", (name, uri))
        for uri in self.lists("protocols", "protocol")["provides"]:
            kind = uri.removeprefix(CORE)
            self.assertEqual((self.push if kind.endswith("put") else self.pull)(path, protocol(kind)).phase, "EXECUTING")
        for uri in self.lists("properties", "property")["accepts"]:
            value = {"ispublic": "true", "publicread": "true", "islocked": "false", "inheritPermissions": "false",
                     "groupread": "ivo://cadc.nrc.ca/gms?staff", "groupwrite": "ivo://cadc.nrc.ca/gms?staff",
                     "quota": None}.get(uri.partition("#")[2], "a text")
            if value is not None:
                answer = self.post("ContainerNode", "/alice", {uri: value})
                self.assertEqual(answer.status, 200, (uri, answer.text))
        self.post("ContainerNode", "/alice", {"ispublic": "false", "groupread": None, "groupwrite": None})

    def test_XS_4_lists_are_nested(self):
        for name, item in [("protocols", "protocol"), ("views", "view"), ("properties", "property")]:
            root = ET.fromstring(self.bed.ask("GET", "/" + name).body)
            self.assertEqual({part.tag for part in root} - {vos("accepts"), vos("provides"), vos("contains")}, set())
            self.assertEqual({e.tag for part in root for e in part}, {vos(item)})


class Vosi(StandardsTest):
    settings = ("probe_period=200ms",)

    def test_VI_1_capabilities(self):
        answer = self.bed.ask("GET", "/capabilities")
        self.assertEqual(answer.headers["Content-Type"], "text/xml")
        root = self.document(answer, "capabilities")
        for capability in root:
            self.assertIsNotNone(capability.get("standardID"))
            for interface in capability.findall("interface"):
                self.assertEqual(interface.get(f"{{{XSI}}}type"), "vs:ParamHTTP")
                self.assertIn(interface.find("accessURL").get("use"), ("full", "base"))

    def test_VI_2_anonymous_dated_and_by_head(self):
        got, head = (self.bed.ask(method, "/capabilities") for method in ("GET", "HEAD"))
        self.assertEqual((got.status, head.status, head.body), (200, 200, b""))
        self.assertRegex(got.headers["Last-Modified"], r"^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$")
        again = self.bed.ask("GET", "/capabilities", headers={"If-Modified-Since": got.headers["Last-Modified"]})
        self.assertEqual((again.status, again.body), (304, b""))
        older = self.bed.ask("GET", "/capabilities", headers={"If-Modified-Since": "Thu, 01 Jan 2015 00:00:00 GMT"})
        self.assertEqual(older.status, 200)

    def availability(self):
        answer = self.bed.ask("GET", "/availability")
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "text/xml"))
        return self.document(answer, "availability")

    def test_VI_3_availability(self):
        root = self.availability()
        self.assertEqual(root.findtext(VOSI + "available"), "true")
        self.assertRegex(root.findtext(VOSI + "upSince"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
        self.assertEqual(self.bed.ask("GET", "/availability?detail=min").status, 200)
        self.assertEqual(self.bed.tool("mode", "offline")[0], 0)
        self.addCleanup(self.bed.tool, "mode", "read-write")
        root = self.availability()
        self.assertEqual(root.findtext(VOSI + "available"), "false")
        self.assertNotEqual(root.findall(VOSI + "note"), [])

    def test_VI_5_notes_name_what_is_degraded(self):
        shutil.rmtree(self.bed.locations[3])
        def noted():
            return [note.text for note in self.availability().findall(VOSI + "note")]
        wait_until(lambda: any("location 4" in note for note in noted()))
        self.assertEqual(self.availability().findtext(VOSI + "available"), "true")


class Dali(StandardsTest):
    def test_DA_4_headers_of_data(self):
        path = self.file(b"12345", headers={"Content-Type": "text/csv", "Content-Encoding": "x-custom"})
        answer = self.bed.get(path)
        self.assertEqual([answer.headers[name] for name in ("Content-Type", "Content-Encoding", "Content-Length")],
                         ["text/csv", "x-custom", "5"])
        self.assertRegex(answer.headers["Last-Modified"], " GMT$")

    def test_DA_5_the_format_of_archives(self):
        path = self.file(b"x")
        url = self.bed.ask("POST", "/synctrans", "alice", transfer(
            self.bed.uri(path), "pullFromVoSpace", protocol("httpsget"), view=f'<vos:view uri="{PACKAGE}"><vos:param '
            f'uri="{CORE}format">application/x-tar</vos:param></vos:view>'), XML).headers["Location"]
        answer = self.bed.ask("GET", url, "alice")
        while answer.status == 303:
            answer = self.bed.ask("GET", answer.headers["Location"], "alice")
        self.assertEqual(answer.headers["Content-Type"], "application/x-tar")
        self.assertEqual(len(tarfile.open(fileobj=io.BytesIO(answer.body)).getnames()), 1)


if __name__ == "__main__":
    main()
