# SPDX-License-Identifier: Apache-2.0
"""The shortest way through the house: a file up and down again, four copies on disk."""

import os

from quartet_test import Testbed, main, unittest


class Smoke(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bed = Testbed.start()
        cls.addClassCleanup(cls.bed.close)

    def test_a_file_comes_back_and_lies_in_four_places(self):
        data = os.urandom(300_001)
        self.assertEqual(self.bed.put("/alice/f.bin", data).status, 201)
        self.assertEqual(self.bed.get("/alice/f.bin").body, data)
        copies = 0
        for location in self.bed.locations:
            for folder, _, names in os.walk(os.path.join(location, "blob")):
                for name in names:
                    with open(os.path.join(folder, name), "rb") as f:
                        copies += f.read(len(data)) == data
        self.assertEqual(copies, 4)

    def test_nobody_else_may_read_it(self):
        self.bed.put("/alice/secret", b"x")
        self.assertEqual(self.bed.get("/alice/secret", "bob").status, 403)
        self.assertEqual(self.bed.get("/alice/secret", None).status, 401)


if __name__ == "__main__":
    main()
