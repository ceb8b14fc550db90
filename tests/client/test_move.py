# SPDX-License-Identifier: Apache-2.0
"""Moving and renaming: scenarios 11 and 12 of the client contract."""

import os

from client_env import ClientTest, main


class Move(ClientTest):
    def test_11_rename_then_move_into_a_container(self):
        data = os.urandom(20_000)
        for folder in ("t", "d"):
            self.make(folder)
        self.put("t/f", data)
        before = self.node("t/f")
        self.alice("vmv", self.vos("t/f"), self.vos("t/g"))
        self.assertEqual(self.names(), ["d", "t", "t/g"])
        self.alice("vmv", self.vos("t/g"), self.vos("d/"))
        self.assertEqual(self.names(), ["d", "d/g", "t"])
        self.assertEqual(self.node("d/g")["MD5"], before["MD5"])
        self.alice("vcp", self.vos("d/g"), "out")
        self.assertEqual(self.alice.read("out"), data)
        self.holds("d/g", data)

    def test_11b_a_tree_moves_as_one(self):
        for folder in ("t", "t/deep", "t/deep/deeper", "d"):
            self.make(folder)
        self.put("t/deep/deeper/f", b"deep")
        self.alice("vmv", self.vos("t"), self.vos("d"))
        self.assertEqual(self.names(), ["d", "d/t", "d/t/deep", "d/t/deep/deeper",
                                        "d/t/deep/deeper/f"])
        self.alice("vmv", self.vos("d/t"), self.vos("u"))
        self.assertEqual(self.alice.cat(self.vos("u/deep/deeper/f")), "deep")
        self.assertEqual(self.names("d"), [])

    def test_12_a_refused_move_changes_nothing(self):
        for folder in ("t", "t/sub"):
            self.make(folder)
        self.put("t/f", b"source")
        self.put("g", b"another")
        before = self.tree()
        for source, target, status, word in (
                ("t/f", "g", 17, "DuplicateNode"),  # onto a file
                ("t", "t/sub", 22, "InvalidArgument"),  # into its own tree
                ("t", "t/sub/new", 22, "InvalidArgument"),
                ("none", "t/new", 2, "NodeNotFound"),
                ("t/f", "none/new", 2, "NodeNotFound")):
            with self.subTest(f"{source} to {target}"):
                self.alice.fails("vmv", self.vos(source), self.vos(target),
                                 status=status, text=word)
                self.assertEqual(self.tree(), before)

    def test_12b_others_move_nothing(self):
        self.make("t")
        self.put("t/f", b"source")
        before = self.tree()
        self.bob.fails("vmv", self.vos("t/f"), "vos:bob/f", text="PermissionDenied")
        self.alice.fails("vmv", self.vos("t/f"), "vos:bob/f", text="PermissionDenied")
        self.assertEqual(self.tree(), before)


main()
