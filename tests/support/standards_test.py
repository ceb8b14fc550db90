# SPDX-License-Identifier: Apache-2.0
"""What the tests named after demands of the standards share (tests/wire/standards/checklist.txt): one testbed for each
file, nodes of their own for each test, documents that are validated wherever one is read."""

import unittest
import urllib.parse

from quartet_test import CORE, VOS, XSI, Testbed
from schemas import validate
from transfers import UWS, XLINK, XML, Negotiated, TransferJobs, protocol, transfer

CADC = "ivo://cadc.nrc.ca/vospace/core#"
GMS = "ivo://cadc.nrc.ca/gms?"
PACKAGE = "vos://cadc.nrc.ca~vospace/CADC/std/Pkg-1.0"
FITS_CARDS = ["SIMPLE  =                    T", "BITPIX  =                    8", "NAXIS   =                    0", "END"]
FITS = "".join(f"{card:80}" for card in FITS_CARDS).ljust(2880).encode()


def vos(name):
    return f"{{{VOS}}}{name}"


def uws(name):
    return f"{{{UWS}}}{name}"


class StandardsTest(unittest.TestCase, TransferJobs):
    settings = ()
    count = 0

    @classmethod
    def setUpClass(cls):
        cls.bed = Testbed.start(settings=cls.settings)
        cls.addClassCleanup(cls.bed.close)

    # Nodes

    def fresh(self, kind=None, properties=None, user="alice", parent="/alice", target=None):
        """A path nobody used, with a node there if a kind is given."""
        StandardsTest.count += 1
        path = f"{parent}/n{StandardsTest.count}"
        if kind is not None:
            answer = self.bed.create(kind, path, user, properties, target)
            self.assertEqual(answer.status, 201, answer.text)
        return path

    def file(self, data=b"some bytes", user="alice", headers=None):
        path = self.fresh()
        self.assertEqual(self.bed.put(path, data, user, headers).status, 201)
        return path

    def send(self, method, path, text=None, user="alice", headers=XML, query=""):
        return self.bed.ask(method, "/nodes" + urllib.parse.quote(path) + query, user, text, headers)

    def post(self, kind, path, properties=None, user="alice", target=None):
        return self.send("POST", path, self.bed.document(kind, path, properties, target), user)

    def node(self, path, query="", user="alice"):
        """The document of a node that is there, valid, as an element."""
        answer = self.send("GET", path, None, user, None, query)
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "text/xml"), answer.text)
        return self.document(answer)

    def document(self, answer, kind="node"):
        return validate(kind, answer.body)

    @staticmethod
    def type_of(node):
        prefix, _, name = node.get(f"{{{XSI}}}type").rpartition(":")
        assert prefix == "vos"
        return name

    @staticmethod
    def values(node):
        """URI -> text of a node's own properties."""
        return {p.get("uri"): p.text or "" for p in node.findall(f"{vos('properties')}/{vos('property')}")}

    @staticmethod
    def read_only(node):
        return {p.get("uri") for p in node.findall(f"{vos('properties')}/{vos('property')}")
                if p.get("readOnly") == "true"}

    def value(self, path, name):
        return self.values(self.node(path, "?limit=0")).get(name if ":" in name else CORE + name)

    @staticmethod
    def children(node):
        return [child.get("uri").rpartition("/")[2] for child in node.findall(f"{vos('nodes')}/{vos('node')}")]

    @staticmethod
    def views(node, list_name):
        return {view.get("uri"): view for view in node.findall(f"{vos(list_name)}/{vos('view')}")}

    # Faults

    def assert_fault(self, answer, status, word):
        """The word, a colon, what was wrong; as plain text and nothing more."""
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (status, "text/plain"), answer.text)
        self.assertRegex(answer.text, rf"^{word}: \S")

    def assert_is_gone(self, path):
        self.assertEqual(self.send("GET", path, headers=None).status, 404)

    # Transfers

    def negotiate(self, path, direction, *protocols, user="alice", **more):
        return Negotiated(self.bed, user, transfer(self.bed.uri(path), direction, *protocols, **more))

    def push(self, path, *protocols, user="alice", **more):
        return self.negotiate(path, "pushToVoSpace", *(protocols or [protocol("httpsput")]), user=user, **more)

    def pull(self, path, *protocols, user="alice", **more):
        return self.negotiate(path, "pullFromVoSpace", *(protocols or [protocol("httpsget")]), user=user, **more)

    def assert_refused(self, negotiated, word):
        """A refused transfer: no endpoints, a job in ERROR that says why."""
        self.assertEqual(negotiated.posted.status, 303)
        self.assertEqual(negotiated.phase, "ERROR")
        self.assertEqual((negotiated.error.status, negotiated.error.text), (200, word))
        self.assertEqual(negotiated.job.find(uws("errorSummary")).get("hasDetail"), "true")
        self.assertRegex(negotiated.job.findtext(f"{uws('errorSummary')}/{uws('message')}"),
                         rf"^{word.rstrip('.')}: \S")
        if negotiated.details.status == 200:
            self.assertEqual(negotiated.endpoints, [])

    @staticmethod
    def results(job):
        return {r.get("id"): r.get(f"{{{XLINK}}}href") for r in job.iter(uws("result"))}
