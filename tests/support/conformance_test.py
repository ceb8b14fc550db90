# SPDX-License-Identifier: Apache-2.0
"""What the conformance tests share: the administrator is the user under test, a member of a group the other one; the
top folder is the administrator's and an allocation. The helpers assert what the suite's own assert."""

import unittest
import urllib.parse
import xml.etree.ElementTree as ET

from opencadc import TEXT_TYPE, XML_TYPE, Client, Job, Node, read_transfer, transfer_document
from quartet_test import Testbed

TOP = "int-tests"
USER, MEMBER = "admin", "alice"
GROUP1, GROUP2 = "ivo://cadc.nrc.ca/gms?staff", "ivo://cadc.nrc.ca/gms?team-a"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
XML = {"Content-Type": XML_TYPE}


class ConformanceTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bed = Testbed.start()
        cls.addClassCleanup(cls.bed.close)
        cls.client = Client(cls.bed)
        cls.nodes_url = cls.client.capability("ivo://ivoa.net/std/VOSpace/v2.0#nodes")
        cls.files_url = cls.client.capability("ivo://ivoa.net/std/VOSpace#files-proto")
        cls.sync_url = cls.client.capability("ivo://ivoa.net/std/VOSpace#sync-2.1")

    def setUp(self):
        top = Node("ContainerNode", TOP, public=True)
        if self.client.send("GET", f"{self.nodes_url}/{TOP}", USER).status == 404:
            self.put(None, top)
        else:
            self.post(None, top)

    @staticmethod
    def where(path):
        return TOP if path is None else f"{TOP}/{path}"

    def url(self, path, service=None):
        return f"{service or self.nodes_url}/{self.where(path)}"

    def uri(self, path):
        return self.bed.uri("/" + self.where(path)).rstrip("/")

    def put(self, path, node, user=USER, status=201):
        answer = self.client.send("PUT", self.url(path), user, node.document(self.uri(path)), XML, chunked=True)
        self.assertEqual(answer.status, status, answer.text)
        return answer

    def post(self, path, node, status=200, user=USER):
        answer = self.client.send("POST", self.url(path), user, node.document(self.uri(path)), XML)
        self.assertEqual(answer.status, status, answer.text)
        return answer

    def get(self, path, status=200, user=USER, query=""):
        answer = self.client.send("GET", self.url(path) + query, user)
        self.assertEqual((answer.status, answer.headers["Content-Type"]),
                         (status, XML_TYPE if status == 200 else TEXT_TYPE), answer.text)
        if status != 200:
            return None
        node = Node.read_document(ET.fromstring(answer.body))
        self.assertEqual(node.uri, self.uri(path))
        return node

    def delete(self, path, verify=True, user=USER):
        answer = self.client.send("DELETE", self.url(path), user)
        if verify or answer.status != 404:
            self.assertEqual(answer.status, 200, answer.text)

    def fresh(self, *paths):
        """Remove what an earlier run left; the deepest is named first."""
        for path in paths:
            self.delete(path, verify=False)

    def create_tree(self, paths):
        self.fresh(*reversed(paths))
        for path in paths:
            self.put(path, Node("ContainerNode" if path.endswith("/") else "DataNode", path))

    def make_writable(self, paths, group):
        for path in paths:
            node = self.get(path)
            node.write.append(group)
            self.post(path, node)

    # Transfers and jobs

    def negotiate(self, document, user=USER):
        """A synchronous transfer: (direction, endpoints)."""
        posted = self.client.send("POST", self.sync_url, user, document, XML)
        self.assertEqual(posted.status, 303, posted.text)
        answer = self.client.follow("GET", posted.headers["Location"], user)
        self.assertEqual(answer.status, 200, answer.text)
        self.assertTrue(answer.headers["Content-Type"].startswith(XML_TYPE))
        return read_transfer(answer.body)

    def upload(self, path, data, content_type):
        _, endpoints = self.negotiate(transfer_document([self.uri(path)], "pushToVoSpace", [("httpsput", None)]))
        answer = self.client.send("PUT", endpoints[0][0], None, data, {"Content-Type": content_type}, chunked=True)
        self.assertEqual(answer.status, 201, answer.text)

    def run_job(self, url, user, phase=None):
        """A job in phase PENDING is run and polled until it is over."""
        answer = self.client.send("GET", url, user)
        self.assertEqual(answer.status, 200, answer.text)
        self.assertTrue(answer.headers["Content-Type"].startswith(XML_TYPE))
        self.assertEqual(Job.read_document(answer.body).phase, "PENDING")
        ran = self.client.send("POST", url + "/phase", user, phase or "PHASE=RUN&", FORM)
        self.assertEqual(ran.status, 303, ran.text)
        for _ in range(10):
            job = Job.read_document(self.client.send("GET", url + "?WAIT=6", user).body)
            if job.phase not in ("QUEUED", "EXECUTING"):
                return job
        raise AssertionError("the job does not end")

    def counts(self, job):
        return {name: int(href.partition(":")[2]) for name, href in job.results.items()}

    def recursive_delete(self, uri, user=USER):
        service = self.client.capability("ivo://ivoa.net/std/VOSpace#recursive-delete-proto")
        posted = self.client.send("POST", service, user, urllib.parse.urlencode({"target": uri}) + "&", FORM)
        self.assertEqual(posted.status, 303, posted.text)
        return self.run_job(posted.headers["Location"], user, "phase=RUN&")

    def recursive_properties(self, path, node, user=USER):
        service = self.client.capability("ivo://ivoa.net/std/VOSpace#recursive-nodeprops-proto")
        posted = self.client.send("POST", service, user, node.document(self.uri(path)), XML)
        self.assertEqual(posted.status, 303, posted.text)
        return self.run_job(posted.headers["Location"], user, "phase=RUN&")
