# SPDX-License-Identifier: Apache-2.0
"""RecursiveNodePropsTest of the OpenCADC conformance suite."""

from conformance_test import GROUP1, GROUP2, MEMBER, ConformanceTest
from opencadc import Node
from quartet_test import CORE, main

TITLE, DESCRIPTION, CUSTOM = CORE + "title", CORE + "description", "custom:secret-meaning"


class RecursiveNodePropsTest(ConformanceTest):
    def test_recursive_node_props(self):
        base = "testRecursiveNodeProps/"
        folder = base + "subdir/"
        tree = [base, base + "file1", folder, folder + "file2"]
        self.create_tree(tree)
        job = self.recursive_properties(base, Node(
            "ContainerNode", base, {TITLE: "title", DESCRIPTION: "description", CUSTOM: "my secret info"},
            public=True, read=[GROUP1], write=[GROUP2]))
        self.assertEqual((job.phase, self.counts(job)), ("COMPLETED", {"successcount": 4}))
        for path in tree:
            node = self.get(path)
            self.assertEqual([node.properties[n] for n in (TITLE, DESCRIPTION, CUSTOM)],
                             ["title", "description", "my secret info"])
            self.assertEqual((node.public, node.read, node.write), (True, [GROUP1], [GROUP2]))
        locked = self.get(folder)
        locked.locked = True
        self.post(folder, locked)  # which does not stop a change of properties
        job = self.recursive_properties(base, Node("ContainerNode", base, {TITLE: "better title", CUSTOM: None}))
        self.assertEqual((job.phase, self.counts(job)), ("COMPLETED", {"successcount": 4}))
        for path in tree:
            node = self.get(path)
            self.assertEqual((node.properties[TITLE], node.properties[DESCRIPTION]), ("better title", "description"))
            self.assertNotIn(CUSTOM, node.properties)
        locked = self.get(folder)
        locked.locked = False
        self.post(folder, locked)
        job = self.recursive_properties(base, Node("ContainerNode", base, {CORE + "quota": "100000"}))
        self.assertEqual((job.phase, job.results), ("ERROR", {}))
        for path in tree:
            self.assertNotIn(CORE + "quota", self.get(path).properties)
        self.fresh(*reversed(tree))

    def test_recursive_node_props_permissions(self):
        base = "testRecursivePropsPerm/"
        top = base + "testDir/"
        folder = top + "subdir/"
        tree = [base, top, top + "file1", folder, folder + "file2"]
        self.create_tree(tree)
        change = Node("ContainerNode", base, {TITLE: "title"})
        self.assertEqual(self.recursive_properties(base, change, MEMBER).phase, "ERROR")
        self.make_writable(tree[:2], GROUP2)
        job = self.recursive_properties(base, change, MEMBER)
        self.assertEqual((job.phase, self.counts(job)), ("ABORTED", {"successcount": 2, "errorcount": 2}))
        for path in tree:
            self.assertEqual(TITLE in self.get(path).properties, path in tree[:2], path)
        self.make_writable(tree[2:], GROUP2)
        change.properties[TITLE] = "better title"
        job = self.recursive_properties(base, change, MEMBER)
        self.assertEqual((job.phase, self.counts(job)), ("COMPLETED", {"successcount": 5}))
        for path in tree:
            self.assertEqual(self.get(path).properties[TITLE], "better title")
        self.fresh(*reversed(tree))


if __name__ == "__main__":
    main()
