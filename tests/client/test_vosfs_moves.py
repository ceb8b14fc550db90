# SPDX-License-Identifier: Apache-2.0
"""Moves with vosfs: scenario 34 of the client contract."""

import os
import time

from client_env import ClientTest, main

FILES = 1000
MOVE_LIMIT_S = 60  # the client itself gives up a move after 30 s


class Moves(ClientTest):
    def move(self, user, source, destination):
        """What the exception says, or nothing."""
        return user.vosfs("fs.mv(sys.argv[1], sys.argv[2], recursive=True)", source,
                          destination).strip()

    def by_one_job(self, requests):
        self.assertEqual(len(requests.take("POST", "/transfers")), 2)  # the job, and its start
        self.assertEqual(requests.take(below="/files"), [])
        self.assertEqual(requests.take("POST", "/synctrans"), [])

    def test_34_a_file_moves_without_its_bytes(self):
        data = os.urandom(100_000)
        self.put("f", data)
        requests = self.requests()
        self.assertEqual(self.move(self.alice, self.at("f"), self.at("g")), "")
        self.by_one_job(requests)
        self.assertEqual(self.names(), ["g"])
        self.holds("g", data)

    def test_34b_a_tree_of_many_files_moves_in_seconds(self):
        self.make("tree")
        for i in range(10):
            self.make(f"tree/d{i}")
        with self.bed.nodes("alice") as create:
            for i in range(FILES):
                create("DataNode", self.at(f"tree/d{i % 10}/f{i}"), {})
        self.put("tree/d0/full", b"bytes")
        before = self.names("tree")
        self.assertEqual(len(before), FILES + 11)
        requests, start = self.requests(), time.monotonic()
        self.assertEqual(self.move(self.alice, self.at("tree"), self.at("moved")), "")
        self.assertLess(time.monotonic() - start, MOVE_LIMIT_S)
        self.by_one_job(requests)
        self.assertEqual(self.names("moved"), before)
        self.assertTrue(self.missing("tree"))
        self.holds("moved/d0/full", b"bytes")

    def test_34c_a_refused_move_leaves_the_source(self):
        self.put("f", b"here")
        self.put("g", b"in the way")
        self.put("locked", b"locked")
        self.alice("vlock", "--lock", self.vos("locked"))
        before = self.tree()
        for source, destination, kind in (("f", self.at("g"), "FileExistsError"),
                                          ("f", "/bob/f", "PermissionError"),
                                          ("locked", self.at("h"), "OSError")):
            with self.subTest(kind):
                said = self.move(self.alice, self.at(source), destination)
                self.assertIn(kind, said.split(), said)
                self.assertEqual(self.tree(), before)


main()
