# SPDX-License-Identifier: Apache-2.0
"""Upload and download: scenarios 2 to 6, 20 and the vcp half of 39 of the client contract;
vcat."""

import os

from client_env import ClientTest, main

LARGE = 50 * 1000 * 1000


class Bytes(ClientTest):
    def download(self, name):
        self.alice("vcp", self.vos(name), "downloaded")
        data = self.alice.read("downloaded")
        os.unlink(self.alice.path("downloaded"))
        return data

    def test_02_a_file_goes_up_and_comes_back(self):
        data = os.urandom(20_000)
        self.make("t")
        self.alice("vcp", self.alice.write("f", data), self.vos("t/f"))
        self.holds("t/f", data)
        self.assertEqual(self.download("t/f"), data)
        self.assertRegex(self.alice("vls", "-l", self.vos("t")),
                         r"^-rw-------\s+alice\s+NONE\s+NONE\s+20000 .* f$")

    def test_03_other_bytes_replace_the_old_ones(self):
        old, new = os.urandom(30_000), os.urandom(70_001)
        self.put("f", old)
        self.alice("vcp", self.alice.write("f", new), self.vos("f"))
        self.holds("f", new)
        self.assertEqual(self.download("f"), new)

    def test_04_a_large_file_is_sent_once(self):
        data = os.urandom(LARGE)
        requests = self.requests()
        self.alice("vcp", self.alice.write("f", data), self.vos("f"))
        puts = requests.puts()
        # Its bytes, and the commit that makes them the file.
        self.assertEqual([(int(put["in"]), put["status"]) for put in puts], [(LARGE, "202"), (0, "201")], puts)
        self.holds("f", data)
        self.assertEqual(self.download("f"), data)

    def test_05_an_unchanged_file_is_not_sent_again(self):
        data = os.urandom(20_000)
        self.put("f", data)
        before = self.node("f")
        requests = self.requests()
        self.alice("vcp", self.alice.write("f", data), self.vos("f"))
        self.assertEqual(requests.puts(), [])
        after = self.node("f")
        self.assertGreater(after.pop("date"), before.pop("date"))
        self.assertEqual(after, before)
        self.holds("f", data)

    def test_06_an_empty_file_is_a_file(self):
        self.make("t")
        empty = self.alice.write("empty", b"")
        for _ in range(2):
            self.alice("vcp", empty, self.vos("t/"))
            self.holds("t/empty", b"")
        self.assertEqual(self.download("t/empty"), b"")
        self.assertEqual(self.alice.cat(self.vos("t/empty")), "")

    def test_06b_a_file_may_become_empty_and_full_again(self):
        self.put("f", b"something")
        self.alice("vcp", self.alice.write("f", b""), self.vos("f"))
        self.holds("f", b"")
        self.alice("vcp", self.alice.write("f", b"something else"), self.vos("f"))
        self.holds("f", b"something else")

    def test_20_wildcards_and_trees_go_both_ways(self):
        files = {"t/a.dat": b"a", "t/b.dat": b"bb", "t/c.txt": b"ccc",
                 "tree/top": b"top", "tree/sub/one": b"one", "tree/sub/deep/two": b"two"}
        for folder in ("t", "tree", "tree/sub", "tree/sub/deep", "tree/nothing"):
            self.make(folder)
        for name, data in files.items():
            self.put(name, data)
        os.mkdir(self.alice.path("down"))
        self.alice("vcp", self.vos("t/*.dat"), "down")
        self.assertEqual(sorted(os.listdir(self.alice.path("down"))), ["a.dat", "b.dat"])
        self.assertEqual(self.alice.read("down/b.dat"), b"bb")
        self.alice("vcp", self.vos("tree"), "down")
        self.assertEqual(self.alice.read("down/tree/sub/deep/two"), b"two")
        self.assertTrue(os.path.isdir(self.alice.path("down/tree/nothing")))

        self.make("up")
        self.alice("vcp", self.alice.path("down/tree"), self.vos("up/"))
        self.assertEqual(self.names("up/tree"), self.names("tree"))
        for name, data in files.items():
            if name.startswith("tree/"):
                self.holds("up/" + name, data)

    def test_20b_all_names_the_clients_allow_make_the_round_trip(self):
        names = sorted(f"a{mark}b" for mark in "-_=+!,;:@&$.~") + ["plain"]
        for name in names:
            self.alice.write("dir/" + name, name.encode())
        self.alice("vcp", self.alice.path("dir"), self.vos())
        self.assertEqual(self.alice("vls", self.vos("dir")).splitlines(), names)
        os.mkdir(self.alice.path("down"))
        self.alice("vcp", self.vos("dir"), "down")
        self.assertEqual(sorted(os.listdir(self.alice.path("down/dir"))), names)
        for name in names:
            self.assertEqual(self.alice.read("down/dir/" + name), name.encode())

    def test_39b_whoever_may_not_write_for_a_while_hears_why(self):
        self.put("f", b"as it was")
        path = self.alice.write("f", b"other bytes")
        self.assertEqual(self.bed.tool("mode", "read-only", "new disks until Friday")[0], 0)
        try:
            # Not vrm: it repeats what is answered 503, and then fails over its own message.
            for words in (["vcp", path, self.vos("f")], ["vmv", self.vos("f"), self.vos("g")],
                          ["vmkdir", self.vos("d")]):
                self.alice.fails(*words, text="new disks until Friday")
            self.assertEqual(self.alice.cat(self.vos("f")), "as it was")
        finally:
            self.assertEqual(self.bed.tool("mode", "read-write")[0], 0)
        self.assertEqual(self.names(), ["f"])

    def test_39_what_exceeds_the_quota_is_refused_with_that_word(self):
        old = os.urandom(30_000)
        self.put("f", old)
        self.assertEqual(self.bed.tool("quota", self.at(), "1000000")[0], 0)
        before = self.tree()
        for size in (2_000_000, LARGE):  # with an MD5 known in advance, and without
            new = self.alice.write("new", os.urandom(size))
            for name in ("f", "g"):
                said = self.alice.fails("vcp", new, self.vos(name), status=14)
                self.assertIn("QuotaExceeded", said)
                self.assertEqual(self.tree(), before)
        self.holds("f", old)
        self.alice("vcp", self.alice.write("new", old + old), self.vos("f"))
        self.holds("f", old + old)

    def test_vcat_prints_a_file(self):
        self.put("f", "Sirius\nαΨ\n".encode())
        self.assertEqual(self.alice.cat(self.vos("f")), "Sirius\nαΨ\n")

    def test_a_file_without_a_folder_is_refused(self):
        path = self.alice.write("f", b"bytes")
        self.alice.fails("vcp", path, self.vos("none/f"), status=2, text="NodeNotFound")
        self.assertEqual(self.names(), [])


main()
