# SPDX-License-Identifier: Apache-2.0
"""NodesTest of the OpenCADC conformance suite."""

from conformance_test import GROUP1, GROUP2, MEMBER, USER, XML, ConformanceTest
from opencadc import Node
from quartet_test import CORE, main

ENGLISH = {CORE + "language": "English"}
LENGTH = CORE + "length"


class NodesTest(ConformanceTest):
    def no_length(self, node):
        """A posted length is ignored."""
        self.assertIn(node.properties.get(LENGTH), (None, "0"))

    def test_noop(self):
        self.assertEqual(self.get(None).kind, "ContainerNode")

    def test_container_node(self):
        name = "testContainerNode"
        self.fresh(name)
        self.get(name, 404)
        node = Node("ContainerNode", name, {LENGTH: "123"})
        self.put(name, node)
        kept = self.get(name)
        self.assertEqual(kept, node)
        self.no_length(kept)
        node.properties |= ENGLISH
        node.locked = True
        self.post(name, node)
        kept = self.get(name)
        self.assertEqual((kept, kept.locked), (node, True))
        self.assertEqual(kept.properties[CORE + "language"], "English")
        self.no_length(kept)
        node.properties["ivo://ivoa.net/vospacecore#make-stuff-up"] = "that should not work"
        self.assertIn("InvalidArgument", self.post(name, node, 400).text)
        del node.properties["ivo://ivoa.net/vospacecore#make-stuff-up"]
        self.put(name + "/subDir", Node("ContainerNode", "subDir"), status=403)  # below a locked one
        node.locked = False
        self.post(name, node)
        self.delete(name)

    def test_data_node(self):
        name = "testDataNode"
        self.fresh(name)
        self.get(name, 404)
        node = Node("DataNode", name, {LENGTH: "123"})
        self.put(name, node)
        kept = self.get(name)
        self.assertEqual(kept, node)
        self.no_length(kept)
        node.properties |= ENGLISH
        self.post(name, node)
        kept = self.get(name)
        self.assertEqual(kept, node)
        self.assertEqual(kept.properties[CORE + "language"], "English")
        self.no_length(kept)
        node.properties["ivo://ivoa.net/vospacecore#make-stuff-up"] = "that should not work"
        self.post(name, node, 400)
        self.delete(name)

    def link_node(self, name, target):
        self.fresh(name)
        self.get(name, 404)
        node = Node("LinkNode", name, target=target)
        self.put(name, node)
        kept = self.get(name)
        self.assertEqual((kept, kept.target), (node, target))
        node.properties |= ENGLISH
        self.post(name, node)
        kept = self.get(name)
        self.assertEqual((kept, kept.target, kept.properties[CORE + "language"]), (node, target, "English"))
        self.delete(name)

    def test_link_node(self):
        self.link_node("testLinkNode", self.uri("target"))

    def test_link_node_external_file(self):
        self.link_node("testLinkNodeExternalFile", "file:///path/to/external/data")

    def test_node_property_updates(self):
        name = "testNodePropertyUpdates"
        self.fresh(name)
        title, description, custom = CORE + "title", CORE + "description", "custom:secret-meaning"
        node = Node("ContainerNode", name, {title: "title", description: "description", custom: "my secret info"},
                    public=True, inherits=True, read=[GROUP1], write=[GROUP2])
        self.get(name, 404)
        self.put(name, node)
        kept = self.get(name)
        self.assertEqual((kept, kept.public, kept.inherits, kept.read, kept.write),
                         (node, True, True, [GROUP1], [GROUP2]))
        for uri, value in node.properties.items():
            self.assertEqual(kept.properties[uri], value)
        node = Node("ContainerNode", name, {title: None, description: "modified description"},
                    public=False, inherits=False, read=[GROUP2], write=[GROUP1])
        self.post(name, node)
        kept = self.get(name)
        self.assertEqual((kept, kept.public, kept.inherits, kept.read, kept.write),
                         (node, False, False, [GROUP2], [GROUP1]))
        self.assertNotIn(title, kept.properties)
        self.assertEqual((kept.properties[description], kept.properties[custom]),
                         ("modified description", "my secret info"))
        self.delete(name)

    def test_inherit_permissions(self):
        top = "testInheritPermissions"
        folder, file = top + "/subdir", top + "/dataNode"
        self.fresh(file, folder, top)
        parent = Node("ContainerNode", top, public=False, inherits=False, read=[GROUP1], write=[GROUP2])
        self.put(top, parent)
        children = [(folder, Node("ContainerNode", "subdir")), (file, Node("DataNode", "dataNode"))]
        for path, child in children:
            self.put(path, child)
            kept = self.get(path)
            self.assertEqual((kept.public, kept.read, kept.write), (False, [], []))
        parent.inherits = True
        self.post(top, parent)
        for path, child in children:  # own permissions are kept
            self.delete(path)
            child.public, child.read, child.write = True, [GROUP2], [GROUP1]
            self.put(path, child)
            kept = self.get(path)
            self.assertEqual((kept.public, kept.read, kept.write), (True, [GROUP2], [GROUP1]))
        for path, child in children:  # without them those of the parent are taken
            self.delete(path)
            child.public, child.read, child.write = None, [], []
            self.put(path, child)
            kept = self.get(path)
            self.assertEqual((kept.public, kept.read, kept.write), (False, [GROUP1], [GROUP2]))
        for path in (file, folder, top):
            self.delete(path)

    def children(self, top, names):
        self.fresh(*(f"{top}/{n}" for n in names), top)
        self.put(top, Node("ContainerNode", top))
        for name in names:
            self.put(f"{top}/{name}", Node("ContainerNode", name))

    def test_list_batches(self):
        top, names = "testListBatches", [f"list-batches-child-{i}" for i in range(1, 7)]
        self.children(top, names)
        for start, count in [(0, 3), (2, 3), (4, 2)]:
            uri = self.uri(f"{top}/{names[start]}").replace(":", "%3A").replace("/", "%2F").replace("~", "%7E")
            page = self.get(top, query=f"?uri={uri}&limit=3")
            self.assertEqual([n.name for n in page.nodes], names[start:start + count])
        for path in [f"{top}/{n}" for n in names] + [top]:
            self.delete(path)

    def test_limit(self):
        top, names = "testLimit", [f"limit-nodes-child-{i}" for i in range(1, 7)]
        self.children(top, [])
        self.assertEqual(self.client.send("GET", self.url(top) + "?limit=0", USER).status, 200)
        self.children(top, names)
        self.assertEqual([n.name for n in self.get(top, query="?limit=2").nodes], names[:2])
        for path in [f"{top}/{n}" for n in names] + [top]:
            self.delete(path)

    def test_detail(self):
        top, child = "testDetail", "testDetail/node-detail-child-node"
        self.fresh(child, top)
        self.put(top, Node("ContainerNode", top, {CORE + "title": "title", CORE + "description": "description"},
                           public=True, read=[GROUP1], write=[GROUP2]))
        self.put(child, Node("ContainerNode", "node-detail-child-node"))
        least = self.get(top, query="?detail=min")
        self.assertEqual((least.properties, least.public, len(least.nodes)), ({}, None, 1))
        most = self.get(top)
        self.assertNotEqual(most.properties, {})
        self.assertEqual(len(most.nodes), 1)
        self.delete(child)
        self.delete(top)

    def test_data_view(self):
        name = "view-data-node"
        self.fresh(name)
        self.put(name, Node("DataNode", name))
        answer = self.client.send("GET", self.url(name) + "?view=data", USER)
        self.assertEqual(answer.status, 303)
        self.assertEqual(answer.headers["Location"].lower(), self.url(name).replace("/nodes/", "/files/").lower())
        self.delete(name)

    def test_permissions(self):
        top, child = "testPermissions", "testPermissions/testGroupUser"
        self.fresh(child, top)
        parent, node = Node("ContainerNode", top, public=False), Node("ContainerNode", "testGroupUser")
        self.put(top, parent)
        parent.read = [GROUP2]
        self.post(top, parent)
        self.assertEqual(self.client.send("GET", self.url(top), MEMBER).status, 200)
        self.put(child, node, MEMBER, 403)
        parent.write = [GROUP2]
        self.post(top, parent)
        self.put(child, node, MEMBER)
        parent.properties[CORE + "quota"] = "123456"
        self.post(top, parent)
        self.assertEqual(self.client.send("GET", self.url(child), USER).status, 200)
        self.post(child, node)
        self.assertEqual(self.get(child, user=MEMBER).nodes, [])
        self.assertEqual(self.client.send("DELETE", self.url(child), MEMBER).status, 200)
        self.delete(top)

    def test_a_put_without_content_type(self):
        """One of the suite's node PUTs has none."""
        self.fresh("untyped")
        document = Node("ContainerNode", "untyped").document(self.uri("untyped"))
        self.assertEqual(self.client.send("PUT", self.url("untyped"), USER, document, {}, chunked=True).status, 201)
        self.assertEqual(self.client.send("POST", self.url("untyped") + "/", USER, document, XML).status, 200)
        self.delete("untyped/")


if __name__ == "__main__":
    main()
