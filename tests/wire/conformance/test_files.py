# SPDX-License-Identifier: Apache-2.0
"""FilesTest of the OpenCADC conformance suite."""

import email.utils
import time

from conformance_test import MEMBER, USER, ConformanceTest
from opencadc import BY_CERTIFICATE, TEXT_TYPE, Node, digest, transfer_document
from quartet_test import main


class FilesTest(ConformanceTest):
    def described(self, answer, name, data):
        self.assertEqual(int(answer.headers["Content-Length"]), len(data))
        self.assertEqual(answer.headers["Content-Disposition"], f'inline; filename="{name}"')

    def test_file(self):
        name, data = "files-data-node", b"test content for files endpoint\n"
        self.fresh(name)
        direction, endpoints = self.negotiate(transfer_document(
            [self.uri(name)], "pushToVoSpace", [("httpsput", None), ("httpsput", BY_CERTIFICATE)]))
        self.assertEqual(direction, "pushToVoSpace")
        self.assertGreater(len(endpoints), 0)
        sent = self.client.send("PUT", endpoints[0][0], None, data, {"Content-Type": TEXT_TYPE}, chunked=True)
        self.assertEqual(sent.status, 201)
        for method in ("HEAD", "GET"):
            answer = self.client.follow(method, self.url(name, self.files_url), USER)
            self.assertEqual(answer.status, 200)
            self.described(answer, name, data)
            self.assertEqual((answer.headers["Digest"], answer.headers["Content-Type"]), (digest(data), TEXT_TYPE))
            modified = email.utils.parsedate_to_datetime(answer.headers["Last-Modified"]).timestamp()
            self.assertLess(modified, time.time() + 1)
        self.assertEqual(answer.body, data)
        # What it does not know goes with the redirect, as it was.
        passed = self.client.send("GET", self.url(name, self.files_url) + "?FOO=1&FOO=2&BAR=%5B3%5D", USER)
        self.assertEqual(passed.status, 303)
        self.assertEqual(passed.headers["Location"].partition("?")[2], "FOO=1&FOO=2&BAR=%5B3%5D")
        self.delete(name)

    def test_empty_file(self):
        name = "empty-files-data-node"
        self.fresh(name)
        self.put(name, Node("DataNode", name))
        head = self.client.send("HEAD", self.url(name, self.files_url), USER)
        self.assertEqual(head.status, 200)
        self.described(head, name, b"")
        got = self.client.follow("GET", self.url(name, self.files_url), USER)
        # The suite wants 204, which breaks vcat: the one deviation (architecture D17).
        self.assertEqual((got.status, got.body), (200, b""))
        self.described(got, name, b"")
        self.delete(name)

    def test_data_node_permission(self):
        name = "files-data-node-permissions"
        self.fresh(name)
        self.put(name, Node("DataNode", name, public=False))
        self.assertEqual(self.client.follow("HEAD", self.url(name, self.files_url), MEMBER).status, 200)
        self.assertEqual(self.client.follow("GET", self.url(name, self.files_url), MEMBER).status, 403)
        self.delete(name)

    def test_link_node_external_file(self):
        name = "testLinkNodeExternalFile"
        for target in ("file:///path/to/external/data", "file:///../../something-above"):
            self.fresh(name)
            self.get(name, 404)
            self.put(name, Node("LinkNode", name, target=target))
            self.assertEqual(self.client.follow("GET", self.url(name, self.files_url), USER).status, 400)
            self.delete(name)


if __name__ == "__main__":
    main()
