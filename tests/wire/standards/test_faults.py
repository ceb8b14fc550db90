# SPDX-License-Identifier: Apache-2.0
"""Every fault a client can cause: its status, its word, its details, its media type, the request's number; and faults
of jobs (checklist.txt: FA)."""

import shutil
import urllib.parse

from quartet_test import CORE, main, wait_until
from standards_test import CADC, StandardsTest, uws
from transfers import BY_TLS, FORM, protocol, transfer


class Faults(StandardsTest):
    settings = ("node_xml_max=64KiB",)

    def node_document(self, path, **replaced):
        text = self.bed.document("DataNode", path)
        for old, new in replaced.items():
            text = text.replace({"type": "vos:DataNode", "uri": self.bed.uri(path)}[old], new)
        return text

    def table(self):
        """(fault, status, what the details name, how it is caused)"""
        there, folder = self.file(), self.fresh("ContainerNode")
        locked = self.fresh("ContainerNode", {CADC + "islocked": "true"})
        self.bed.create("DataNode", folder + "/x")
        broken = self.fresh("LinkNode", target=self.bed.uri("/alice/not-there"))
        circle = self.fresh()
        self.bed.create("LinkNode", circle, target=self.bed.uri(circle))
        locked_file = self.file()
        self.post("DataNode", locked_file, {CADC + "islocked": "true"})
        none, new = self.bed.uri("/alice/none"), self.fresh()
        create, ask = self.bed.create, self.bed.ask
        return [
            ("PermissionDenied", 403, self.bed.uri("/alice"), lambda: self.send("GET", there, user="bob", headers=None)),
            ("PermissionDenied", 403, self.bed.uri(new), lambda: create("DataNode", new, "bob")),
            ("NotAuthenticated", 401, None, lambda: self.send("GET", there, user=None, headers=None)),
            ("NotAuthenticated", 401, None, lambda: create("DataNode", new, None)),
            ("InvalidURI", 400, "custom:x", lambda: self.send("PUT", new, self.node_document(new, uri="custom:x"))),
            ("InvalidURI", 400, self.bed.uri(there), lambda: self.send("PUT", new, self.node_document(there))),
            ("NodeNotFound", 404, none, lambda: self.send("GET", "/alice/none", headers=None)),
            ("NodeNotFound", 404, none, lambda: self.post("DataNode", "/alice/none")),
            ("NodeNotFound", 404, none, lambda: self.send("DELETE", "/alice/none", headers=None)),
            ("NodeNotFound", 404, none, lambda: ask("GET", "/files/alice/none", "alice")),
            ("ContainerNotFound", 404, none, lambda: create("DataNode", "/alice/none/x")),
            ("ContainerNotFound", 404, none, lambda: self.bed.put("/alice/none/x", b"x")),
            ("DuplicateNode", 409, self.bed.uri(there), lambda: create("DataNode", there)),
            ("InvalidArgument", 400, "limit", lambda: self.send("GET", folder, headers=None, query="?limit=x")),
            ("InvalidArgument", 400, "since", lambda: self.send("GET", folder, headers=None, query="?since=x")),
            ("InvalidArgument", 400, "ispublic", lambda: self.post("DataNode", there, {"ispublic": "x"})),
            ("InvalidArgument", 400, "groupread", lambda: self.post("DataNode", there, {"groupread": "x y"})),
            ("InvalidArgument", 400, "not empty", lambda: self.send("DELETE", folder, headers=None)),
            ("InvalidArgument", 400, None, lambda: self.send("PUT", new, "<not-xml")),
            ("InvalidArgument", 400, None, lambda: self.send("PUT", new, "")),
            ("TypeNotSupported", 400, "ImageNode",
             lambda: self.send("PUT", new, self.node_document(new, type="vos:ImageNode"))),
            ("UnreadableLinkTarget", 404, None, lambda: ask("GET", "/files" + circle, "alice")),
            ("NodeNotFound", 404, none.replace("none", "not-there"), lambda: ask("GET", "/files" + broken, "alice")),
            ("ViewNotSupported", 400, "rss", lambda: self.send("GET", there, headers=None, query="?view=rss")),
            ("ViewNotSupported", 400, "custom:v", lambda: self.negotiate_form(there, VIEW="custom:v")),
            ("OptionNotSupported", 400, "custom:x", lambda: self.send("GET", folder, headers=None, query="?sort=custom:x")),
            ("ProtocolNotSupported", 400, None, lambda: self.negotiate_form(there, PROTOCOL="custom:p")),
            ("NodeLocked", 423, None, lambda: self.send("DELETE", locked, headers=None)),
            ("NodeLocked", 423, None, lambda: self.bed.put(locked_file, b"x")),
            ("NodeLocked", 403, None, lambda: create("DataNode", locked + "/x")),
            ("RequestEntityTooLarge", 413, "65536",
             lambda: self.send("PUT", new, self.bed.document("DataNode", new, {"title": "x" * 70_000}))),
            ("QuotaExceeded", 413, "limit=", lambda: self.bed.put("/bob/big", b"x" * 2000, "bob")),
            ("PreconditionFailed", 412, None,
             lambda: self.bed.put(new, b"x", headers={"Digest": "md5=AAAAAAAAAAAAAAAAAAAAAA=="})),
            ("RangeNotSatisfiable", 416, None, lambda: self.bed.get(there, headers={"Range": "bytes=100-"})),
            ("ExpectationFailed", 417, None, lambda: self.bed.put(new, b"x", headers={"Expect": "200-ok"})),
            ("MethodNotAllowed", 405, None, lambda: ask("PATCH", "/nodes" + there, "alice", b"")),
            ("NotFound", 404, None, lambda: ask("GET", "/transfers/abcdefghijklmnop", "alice")),
            ("NotFound", 404, None, lambda: ask("GET", "/nothing-here", "alice")),
        ]

    def negotiate_form(self, path, **replaced):
        return self.bed.ask("POST", "/synctrans", "alice", urllib.parse.urlencode({
            "TARGET": self.bed.uri(path), "DIRECTION": "pullFromVoSpace", "PROTOCOL": CORE + "httpsget"} | replaced), FORM)

    def test_FA_1_the_word_then_what_was_wrong(self):
        self.assertEqual(self.bed.tool("quota", "/bob", "1000")[0], 0)
        self.addCleanup(self.bed.tool, "quota", "/bob", "none")
        for word, status, named, cause in self.table():
            with self.subTest(word=word, named=named):
                answer = cause()
                self.assert_fault(answer, status, word)
                if named is not None:
                    self.assertIn(named, answer.text)

    def test_FA_3_text_plain_and_the_requests_number(self):
        self.bed.tool("quota", "/bob", "1000")
        self.addCleanup(self.bed.tool, "quota", "/bob", "none")
        numbers = set()
        for word, _, _, cause in self.table():
            answer = cause()
            self.assertEqual(answer.headers["Content-Type"], "text/plain", word)
            self.assertRegex(answer.headers["X-Request-Id"], r"^[0-9a-z-]{8,}$", word)
            numbers.add(answer.headers["X-Request-Id"])
            # Nobody's word but its own: one client looks for any of them anywhere in the text.
            others = {"NodeNotFound", "PermissionDenied", "DuplicateNode", "NodeLocked", "QuotaExceeded"} - {word}
            self.assertFalse([other for other in others if other in answer.text], answer.text)
        self.assertGreater(len(numbers), 30)

    def test_FA_4_a_jobs_fault(self):
        n = self.push("/bob/x", protocol("httpsput", BY_TLS))
        self.assert_refused(n, "PermissionDenied")
        self.assertEqual(n.error.headers["Content-Type"], "text/plain")
        self.assertEqual(n.error.body, b"PermissionDenied")
        job = self.run_job(self.job(transfer(self.bed.uri("/alice/none"), self.bed.uri(self.fresh()), keep="false")))
        self.assertEqual(job.findtext(uws("phase")), "ERROR")
        self.assertEqual(job.find(uws("errorSummary")).get("type"), "fatal")

    def test_FA_5_the_summary(self):
        for direction, path, word, named in [("pullFromVoSpace", "/alice/none", "NodeNotFound", "/alice/none"),
                                             ("pushToVoSpace", "/bob/x", "PermissionDenied", "/bob"),
                                             ("pushToVoSpace", "/alice/.null", "InvalidArgument", ".null")]:
            n = self.negotiate(path, direction, protocol("httpsput", BY_TLS), protocol("httpsget", BY_TLS))
            self.assertRegex(n.job.findtext(f"{uws('errorSummary')}/{uws('message')}"), f"^{word}: .*{named}")

    def test_FA_6_duplicate_node(self):
        path = self.file()
        answer = self.bed.create("DataNode", path)
        self.assertTrue(answer.text.startswith("DuplicateNode: "))
        self.assertEqual(self.relocate(self.file(), path)[2], "DuplicateNode.")


class Failures(StandardsTest):
    settings = ("probe_period=200ms",)

    def test_FA_2_what_failed_here_is_internal(self):
        path = self.file()
        for location in self.bed.locations[:2]:
            shutil.rmtree(location)
        wait_until(lambda: self.bed.put(path, b"y").status >= 500)
        answer = self.bed.put(path, b"y")
        self.assert_fault(answer, 500, "InternalFault")
        # The operator finds the request in the log by the number the user reports.
        wait_until(lambda: answer.headers["X-Request-Id"] in self.bed.access_log())
        self.assertEqual(self.bed.get(path).body, b"some bytes")


if __name__ == "__main__":
    main()
