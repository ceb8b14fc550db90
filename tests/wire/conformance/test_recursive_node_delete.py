# SPDX-License-Identifier: Apache-2.0
"""RecursiveNodeDeleteTest of the OpenCADC conformance suite."""

from conformance_test import GROUP2, MEMBER, ConformanceTest
from quartet_test import main


class RecursiveNodeDeleteTest(ConformanceTest):
    def test_recursive_delete(self):
        base = "testRecursiveDelete/"
        folder = base + "subdir/"
        tree = [base, base + "file1", folder, folder + "file2"]
        self.create_tree(tree)
        job = self.recursive_delete(self.uri(base))
        self.assertEqual((job.phase, self.counts(job)), ("COMPLETED", {"successcount": 4}))
        self.create_tree(tree)
        locked = self.get(folder)
        locked.locked = True
        self.post(folder, locked)
        # The suite's target is no URI of this service at all: 303, and then an error.
        self.assertEqual(self.recursive_delete(self.uri(None) + "/" + self.url(folder) + "file2").phase, "ERROR")
        job = self.recursive_delete(self.uri(base))
        self.assertEqual((job.phase, self.counts(job)), ("ABORTED", {"successcount": 1, "errorcount": 1}))
        locked.locked = False
        self.post(folder, locked)
        self.fresh(*reversed(tree))

    def test_recursive_delete_permissions(self):
        base = "testRecursiveDelPerm/"
        top = base + "testDir/"
        folder = top + "subdir/"
        tree = [base, top, top + "file1", folder, folder + "file2"]
        self.create_tree(tree)
        self.make_writable([base], GROUP2)
        self.assertEqual(self.recursive_delete(self.uri(top), MEMBER).phase, "ERROR")
        self.make_writable([top], GROUP2)
        job = self.recursive_delete(self.uri(top), MEMBER)
        self.assertEqual((job.phase, self.counts(job)), ("ABORTED", {"successcount": 1, "errorcount": 1}))
        self.make_writable([folder, folder + "file2"], GROUP2)
        job = self.recursive_delete(self.uri(top), MEMBER)
        self.assertEqual((job.phase, self.counts(job)), ("COMPLETED", {"successcount": 3}))
        self.fresh(*reversed(tree))


if __name__ == "__main__":
    main()
