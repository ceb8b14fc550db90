# SPDX-License-Identifier: Apache-2.0
"""TransferTest of the OpenCADC conformance suite, and the pre-authorised transfer of its users."""

import os

from conformance_test import GROUP2, MEMBER, USER, XML, ConformanceTest
from opencadc import BY_CERTIFICATE, Node, digest, transfer_document
from quartet_test import main

OCTETS = "application/octet-stream"


class TransferTest(ConformanceTest):
    def verify_push_pull(self, uri):
        direction, endpoints = self.negotiate(transfer_document(
            [uri], "pushToVoSpace", [("httpsput", None), ("httpsput", BY_CERTIFICATE)]))
        self.assertEqual(direction, "pushToVoSpace")
        put_url = endpoints[0][0]  # must serve who has no credential
        data, other = os.urandom(1024), os.urandom(1024)
        for claimed, status in [(other, 412), (data, 201)]:  # the same URL after a failure
            answer = self.client.send("PUT", put_url, None, data, {"Digest": digest(claimed), "Content-Type": OCTETS})
            self.assertEqual(answer.status, status)
        self.assertEqual(answer.headers["Digest"], digest(data))
        direction, endpoints = self.negotiate(transfer_document(
            [uri], "pullFromVoSpace", [("httpsget", None), ("httpsget", BY_CERTIFICATE)]))
        self.assertEqual(direction, "pullFromVoSpace")
        got = self.client.send("GET", endpoints[0][0], None)
        self.assertEqual((got.status, int(got.headers["Content-Length"]), got.headers["Content-Type"], got.body),
                         (200, len(data), OCTETS, data))

    def test_sync_push_pull(self):
        self.fresh("sync-push-pull-node")
        self.verify_push_pull(self.uri("sync-push-pull-node"))
        self.fresh("sync-push-pull-node")

    def test_sync_push_pull_via_data_link(self):
        folder, link = "syncPushPullViaDataLinkTest", "transfer-data-link"
        file = folder + "/data-node"
        self.fresh(file, link, folder)
        self.put(folder, Node("ContainerNode", folder))
        self.put(file, Node("DataNode", "data-node"))
        self.put(link, Node("LinkNode", link, target=self.uri(file)))
        self.verify_push_pull(self.uri(link))
        self.fresh(file, link, folder)

    def test_sync_push_pull_via_container_link(self):
        folder, link = "transfer-container", "transfer-container-link"
        file = folder + "/data-node"
        self.fresh(file, link, folder)
        self.put(folder, Node("ContainerNode", folder))
        self.put(link, Node("LinkNode", link, target=self.uri(folder)))
        self.verify_push_pull(self.uri(link + "/data-node"))
        self.fresh(file, link, folder)

    def move(self, source, destination):
        service = self.client.capability("ivo://ivoa.net/std/VOSpace/v2.0#transfers")
        document = transfer_document([self.uri(source)], self.uri(destination), [("httpget", None), ("httpsget", None)],
                                     keep=False, version=False)
        posted = self.client.send("POST", service, USER, document, XML)
        self.assertEqual(posted.status, 303, posted.text)
        return self.run_job(posted.headers["Location"], USER)

    def test_async_move(self):
        source, to = "move-source-node", "move-destination-node"
        names = ["move-source-container-child-node", "move-source-data-child-node1", "move-source-data-child-node2"]
        moved = f"{to}/{source}"
        self.fresh(*(f"{top}/{n}" for top in (source, moved) for n in names), source, moved, to)
        self.put(source, Node("ContainerNode", source))
        self.put(to, Node("ContainerNode", to))
        for name in names:
            self.put(f"{source}/{name}", Node("ContainerNode" if "container" in name else "DataNode", name))
        job = self.move(source, to)
        self.assertEqual((job.phase, list(job.results.values())), ("COMPLETED", [self.uri(moved)]))
        self.get(source, 404)
        self.assertEqual([n.name for n in self.get(to).nodes], [source])
        self.assertEqual([n.name for n in self.get(moved).nodes], names)
        job = self.move(f"{moved}/{names[1]}", f"{moved}/{names[2]}")
        self.assertEqual(job.phase, "ERROR")
        self.assertTrue(job.error)
        for path in [f"{moved}/{n}" for n in names] + [moved, to]:
            self.delete(path)

    def test_circular_move(self):
        tree = ["testMove", "testMove/dir", "testMove/dir/subdir"]
        self.fresh(*reversed(tree))
        for path in tree:
            self.put(path, Node("ContainerNode", path.rpartition("/")[2], public=False))
        job = self.move(tree[1], tree[2])
        self.assertEqual(job.phase, "ERROR")
        self.assertIn("Cannot move container node into its descendants", job.error)
        for path in reversed(tree):
            self.delete(path)

    def test_data_node_permission(self):
        top, child = "transfer-data-node-permissions-parent", "transfer-data-node-permissions-child"
        file = f"{top}/{child}"
        self.fresh(file, top)
        parent, node = Node("ContainerNode", top, public=False), Node("DataNode", child, public=False)
        self.put(top, parent)
        self.put(file, node)
        parent.read = [GROUP2]
        self.post(top, parent)
        pull = transfer_document([self.uri(file)], "pullFromVoSpace", [("httpsget", BY_CERTIFICATE)])
        push = transfer_document([self.uri(file)], "pushToVoSpace", [("httpsput", BY_CERTIFICATE)])
        for document in (pull, push):
            self.assertEqual(self.negotiate(document, MEMBER)[1], [])
        node.write = [GROUP2]
        self.post(file, node)
        self.assertNotEqual(self.negotiate(push, MEMBER)[1], [])
        self.fresh(file, top)

    def test_preauth_token(self):
        name = "sync-push-pull-preauth"
        self.fresh(name)
        protocols = [("httpsput", None)]  # for both directions, as the test has it
        _, endpoints = self.negotiate(transfer_document([self.uri(name)], "pushToVoSpace", protocols))
        self.assertEqual([method for _, method in endpoints], [None])
        sent = self.client.send("PUT", endpoints[0][0], None, b"pre-authorised", {"Content-Type": "text/plain"})
        self.assertEqual(sent.status, 201)
        _, endpoints = self.negotiate(transfer_document([self.uri(name)], "pullFromVoSpace", protocols))
        self.assertEqual([method for _, method in endpoints], [None, None])
        self.assertEqual(self.client.follow("GET", endpoints[0][0], None).body, b"pre-authorised")
        self.delete(name)


if __name__ == "__main__":
    main()
