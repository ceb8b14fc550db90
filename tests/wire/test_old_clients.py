# SPDX-License-Identifier: Apache-2.0
"""What clients of older generations send, word by word: the parameter form of a transfer, the
names before SODA, no checksum in base64, other names for the same thing."""

import hashlib
import os
import unittest
import urllib.parse
import xml.etree.ElementTree as ET

from quartet_test import CORE, Testbed, main
from transfers import FORM, XML

CADC_VIEW = "ivo://cadc.nrc.ca/vospace/view#"
NODEPROPS = "vos://cadc.nrc.ca~vospace/CADC/std/VOSpace#nodeprops"
BLOCK = 2880
ROW = bytes(range(100))


def image():
    """One byte a pixel, 100 by 2; both rows are ROW."""
    cards = ("SIMPLE  =                    T", "BITPIX  =                    8",
             "NAXIS   =                    2", "NAXIS1  =                  100",
             "NAXIS2  =                    2", "END")
    return "".join(card.ljust(80) for card in cards).ljust(BLOCK).encode() + (ROW * 2).ljust(BLOCK, b"\0")


class OldClients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bed = Testbed.start()
        cls.addClassCleanup(cls.bed.close)
        cls.bed.put("/alice/x.fits", image())

    def shortcut(self, path, direction, *protocols, user="alice", **more):
        """GET with the parameters in the order of the client, and the type of a form."""
        query = [("TARGET", self.bed.uri(path).replace("~", "!")), ("DIRECTION", direction),
                 *[("PROTOCOL", CORE + name) for name in protocols], *more.items()]
        return self.bed.ask("GET", "/synctrans?" + urllib.parse.urlencode(query), user,
                            headers={**FORM, "Accept": "text/plain"})

    def bytes_of(self, answer):
        self.assertEqual(answer.status, 303, answer.text)
        found = self.bed.ask("GET", answer.headers["Location"])
        self.assertEqual(found.status, 200, found.text)
        return found

    def test_a_download_is_one_redirect(self):
        found = self.bytes_of(self.shortcut("/alice/x.fits", "pullFromVoSpace", "httpsget", "httpget",
                                            view="data"))
        self.assertEqual(found.body, image())
        # They compare hexadecimal digits, or nothing: base64, as the RFC has it, would fail.
        self.assertIn(found.headers["Content-MD5"], (None, hashlib.md5(image()).hexdigest()))

    def test_an_upload_is_one_redirect(self):
        data = os.urandom(1000)
        answer = self.shortcut("/alice/up", "pushToVoSpace", "httpsput", "httpput")
        self.assertEqual(answer.status, 303, answer.text)
        self.assertEqual(self.bed.ask("PUT", answer.headers["Location"], None, data).status, 201)
        self.assertEqual(self.bed.get("/alice/up").body, data)

    def test_a_cutout_by_its_old_name(self):
        expected = self.bed.get("/alice/x.fits", query="?SUB=" + urllib.parse.quote("[0][11:20,2:2]")).body
        self.assertEqual(expected[BLOCK:BLOCK + 10], ROW[10:20])
        for view in ("cutout", CADC_VIEW + "cutout"):
            found = self.bytes_of(self.shortcut("/alice/x.fits", "pullFromVoSpace", "httpsget",
                                                view=view, cutout="[0][11:20,2:2]"))
            self.assertEqual(found.body, expected)
        by_url = self.bed.get("/alice/x.fits", query="?view=cutout&cutout=" + urllib.parse.quote("[0][11:20,2:2]"))
        self.assertEqual(by_url.body, expected)

    def test_headers_by_their_old_name(self):
        expected = self.bed.get("/alice/x.fits", query="?META=true").body
        self.assertIn(b"NAXIS1  =                  100", expected)
        for view in ("header", CADC_VIEW + "header"):
            found = self.bytes_of(self.shortcut("/alice/x.fits", "pullFromVoSpace", "httpsget", view=view))
            self.assertEqual(found.body, expected)
        self.assertEqual(self.bed.get("/alice/x.fits", query="?view=header").body, expected)

    def test_statuses_stand_for_errors(self):
        for status, path, user, direction, protocol in (
                (404, "/alice/none", "alice", "pullFromVoSpace", "httpsget"),
                (403, "/alice/x.fits", "bob", "pullFromVoSpace", "httpsget"),
                (404, "/alice/none/f", "alice", "pushToVoSpace", "httpsput")):
            self.assertEqual(self.shortcut(path, direction, protocol, user=user).status, status, path)

    def test_recursive_changes_under_their_old_name(self):
        capabilities = ET.fromstring(self.bed.ask("GET", "/capabilities").body)
        url = next(each.findtext("interface/accessURL") for each in capabilities.iter("capability")
                   if each.get("standardID") == NODEPROPS)
        self.bed.create("ContainerNode", "/alice/tree")
        self.bed.put("/alice/tree/f", b"x")
        posted = self.bed.ask("POST", url, "alice", self.bed.document(
            "ContainerNode", "/alice/tree", {"ispublic": "true"}), XML)
        self.assertEqual(posted.status, 303, posted.text)
        job = posted.headers["Location"]
        self.assertEqual(self.bed.ask("POST", job + "/phase", "alice", "PHASE=RUN", FORM).status, 303)
        self.bed.ask("GET", job + "?WAIT=20", "alice")
        self.assertEqual(self.bed.ask("GET", job + "/phase", "alice").body, b"COMPLETED")
        node = ET.fromstring(self.bed.ask("GET", "/nodes/alice/tree/f", "alice").body)
        self.assertIn("true", [p.text for p in node.iter() if (p.get("uri") or "").endswith("#ispublic")])


main()
