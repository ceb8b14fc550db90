# SPDX-License-Identifier: Apache-2.0
"""The sequences of the Java web client (client contract 12), by cookie as it makes them; its documents are held
against the schemas, because it does the same."""

import io
import os
import urllib.parse
import xml.etree.ElementTree as ET
import zipfile

from quartet_test import CORE, VOS, Testbed, main, unittest
from schemas import UWS, validate
from transfers import FORM, XML, protocol, transfer

BY_COOKIE, BY_TLS = "ivo://ivoa.net/sso#cookie", "ivo://ivoa.net/sso#tls-with-certificate"
PACKAGE = "vos://cadc.nrc.ca~vospace/CADC/std/Pkg-1.0"
PAGE = 35


class WebClient(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bed = Testbed.start()
        cls.addClassCleanup(cls.bed.close)

    def setUp(self):
        fields = {"username": "alice", "password": self.bed.env["QUARTET_PASS_ALICE"]}
        answer = self.bed.ask("POST", "/account/session", None, urllib.parse.urlencode(fields), FORM)
        self.cookie = {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}
        self.top = f"/alice/{self._testMethodName}"
        self.assertEqual(self.create("ContainerNode", self.top).status, 201)

    def ask(self, method, target, body=None, headers=None):
        return self.bed.ask(method, target, None, body, self.cookie | (headers or {}))

    def create(self, kind, path, **more):
        answer = self.ask("PUT", "/nodes" + urllib.parse.quote(path), self.bed.document(kind, path, **more), XML)
        if answer.status == 201:
            validate("node", answer.body)
        return answer

    def node(self, path, query="?limit=0"):
        answer = self.ask("GET", "/nodes" + urllib.parse.quote(path) + query)
        self.assertEqual(answer.status, 200, answer.text)
        return validate("node", answer.body)

    def value(self, node, name):
        found = [p.text for p in node.iter(f"{{{VOS}}}property") if p.get("uri").endswith("#" + name)]
        return found[0] if found else None

    def follow(self, answer):
        """As Java's URLConnection does: the last answer, and where it was."""
        url = None
        while answer.status in (302, 303):
            url = answer.headers["Location"]
            answer = self.ask("GET", url)
        return answer, url

    def upload(self, path, data):
        """Create, negotiate with three protocols, put in chunks, look at the job."""
        self.assertEqual(self.ask("GET", "/nodes" + path).status, 404)
        self.assertEqual(self.create("DataNode", path).status, 201)
        document = transfer(self.bed.uri(path), "pushToVoSpace", protocol("httpsput"), protocol("httpsput", BY_TLS),
                            protocol("httpsput", BY_COOKIE))
        answer, url = self.follow(self.ask("POST", "/synctrans", document, XML))
        details = validate("transfer", answer.body)
        endpoints = {(p.find(f"{{{VOS}}}securityMethod").get("uri") if p.find(f"{{{VOS}}}securityMethod") is not None else None):
                     p.findtext(f"{{{VOS}}}endpoint") for p in details.iter(f"{{{VOS}}}protocol")}
        self.assertLessEqual({None, BY_COOKIE}, set(endpoints))
        put = self.ask("PUT", endpoints[BY_COOKIE], iter([data[i:i + 8192] for i in range(0, len(data), 8192)]),
                       {"Content-Type": "application/octet-stream"})
        self.assertIn(put.status, (200, 201), put.text)
        job = self.ask("GET", url.replace("/xfer/", "/transfers/").partition("/results")[0])
        self.assertNotEqual(validate("job", job.body).findtext(f"{{{UWS}}}phase"), "ERROR")

    def test_a_listing_in_pages_of_35(self):
        names = [f"n{i:03d}" for i in range(2 * PAGE + 5)]
        for name in names:
            self.create("DataNode", f"{self.top}/{name}")
        seen, start = [], None
        while True:
            query = f"?detail=max&limit={PAGE}" + (f"&uri={urllib.parse.quote(self.bed.uri(self.top + '/' + start))}" if start else "")
            page = [n.get("uri").rsplit("/", 1)[1] for n in self.node(self.top, query).iter(f"{{{VOS}}}node")][1:]
            fresh = page[1:] if start and page and page[0] == start else page
            if not fresh:
                break
            seen += fresh
            start = seen[-1]
        self.assertEqual(seen, names)
        validate("node", self.ask("GET", f"/nodes?detail=raw&limit={PAGE}").body)

    def test_the_quota_line(self):
        self.bed.tool("quota", self.top, "1000000")
        self.create("ContainerNode", self.top + "/sub")
        self.upload(self.top + "/sub/f", b"x" * 1234)
        for path in ("/alice", self.top):
            node = self.node(path, "?detail=properties&limit=0")
            if self.value(node, "quota"):
                break
        self.assertEqual((self.value(node, "quota"), self.value(node, "length")), ("1000000", "1234"))

    def test_folders_and_links(self):
        self.assertEqual(self.create("ContainerNode", self.top + "/new folder").status, 201)
        for name, target in (("inside", self.bed.uri(self.top + "/new folder")), ("outside", "https://example.org/")):
            self.assertEqual(self.create("LinkNode", f"{self.top}/{name}", target=target).status, 201)
            self.assertEqual(self.node(f"{self.top}/{name}").findtext(f"{{{VOS}}}target"), target)

    def test_an_upload_and_its_download(self):
        data = os.urandom(200_000)
        self.upload(self.top + "/f", data)
        self.assertEqual(self.value(self.node(self.top + "/f"), "length"), str(len(data)))
        answer, _ = self.follow(self.ask("GET", "/files" + self.top + "/f"))
        self.assertEqual(answer.body, data)
        document = transfer(self.bed.uri(self.top + "/f"), "pullFromVoSpace", protocol("httpsget", BY_COOKIE))
        answer, _ = self.follow(self.ask("POST", "/synctrans", document, XML))
        url = validate("transfer", answer.body).find(f".//{{{VOS}}}endpoint").text
        self.assertEqual(self.follow(self.ask("GET", url))[0].body, data)

    def test_many_are_downloaded_as_an_archive(self):
        for name in ("a", "b"):
            self.upload(f"{self.top}/{name}", name.encode())
        view = f'<vos:view uri="{PACKAGE}"><vos:param uri="{CORE}format">application/zip</vos:param></vos:view>'
        document = (f'<vos:transfer xmlns:vos="{VOS}" version="2.1">' + "".join(
            f"<vos:target>{self.bed.uri(self.top + '/' + n)}</vos:target>" for n in ("a", "b")) +
            f"<vos:direction>pullFromVoSpace</vos:direction>{view}{protocol('httpsget', BY_COOKIE)}</vos:transfer>")
        answer, _ = self.follow(self.ask("POST", "/synctrans", document, XML))
        self.assertIn(".zip", answer.headers["Content-Disposition"])
        with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
            self.assertEqual(sorted(archive.read(n) for n in archive.namelist()), [b"a", b"b"])

    def job(self, url):
        return validate("job", self.ask("GET", url + "?WAIT=20").body).findtext(f"{{{UWS}}}phase")

    def start(self, target, body, headers):
        answer = self.ask("POST", target, body, headers)
        self.assertEqual(answer.status, 303, answer.text)
        job = answer.headers["Location"]
        self.assertEqual(self.ask("POST", job + "/phase", "PHASE=RUN", FORM).status, 303)
        while self.job(job) in ("PENDING", "QUEUED", "EXECUTING"):
            pass
        return self.job(job)

    def test_deleting(self):
        self.create("ContainerNode", self.top + "/empty")
        self.create("ContainerNode", self.top + "/full")
        self.upload(self.top + "/full/f", b"x")
        page = self.node(self.top + "/full", "?detail=min&limit=1")
        self.assertEqual(len(list(page.iter(f"{{{VOS}}}node"))), 2)
        self.assertIn(self.ask("DELETE", "/nodes" + self.top + "/empty").status, (200, 204))
        body = urllib.parse.urlencode({"target": self.bed.uri(self.top + "/full")})
        self.assertEqual(self.start("/async-delete", body, FORM), "COMPLETED")
        self.assertEqual(self.ask("GET", "/nodes" + self.top + "/full").status, 404)

    def test_permissions_of_one_and_of_a_tree(self):
        self.create("ContainerNode", self.top + "/sub")
        properties = {"ispublic": "true", "groupread": "ivo://cadc.nrc.ca/gms?staff", "groupwrite": "ivo://cadc.nrc.ca/gms?team-a"}
        document = self.bed.document("ContainerNode", self.top, properties)
        answer = self.ask("POST", "/nodes" + self.top, document, XML)
        self.assertEqual(answer.status, 200)
        validate("node", answer.body)
        self.assertIsNone(self.value(self.node(self.top + "/sub"), "groupread"))
        self.assertEqual(self.start("/async-setprops", document, XML), "COMPLETED")
        node = self.node(self.top + "/sub")
        self.assertEqual((self.value(node, "ispublic"), self.value(node, "groupread")), ("true", "ivo://cadc.nrc.ca/gms?staff"))

    def test_a_move_is_a_job_that_is_awaited(self):
        self.create("ContainerNode", self.top + "/to")
        self.upload(self.top + "/f", b"moved")
        document = transfer(self.bed.uri(self.top + "/f"), self.bed.uri(self.top + "/to/f"), keep="false")
        self.assertEqual(self.start("/transfers", document, XML), "COMPLETED")
        self.assertEqual(self.follow(self.ask("GET", "/files" + self.top + "/to/f"))[0].body, b"moved")

    def test_names_of_groups_are_searched(self):
        answer = self.ask("GET", "/gms/search")
        self.assertIn("staff\r\n", answer.text)
        root = ET.fromstring(self.ask("GET", "/gms/search?role=member").body)
        self.assertIn("ivo://cadc.nrc.ca/gms?staff", [g.get("uri") for g in root])



main()
