# SPDX-License-Identifier: Apache-2.0
"""vosfs, the file system of fsspec: scenarios 30 to 33 and 35 to 39 of the client contract."""

import os

from client_env import ClientTest, main, md5

LARGE = 50 * 1000 * 1000
MANY = 4500
UNREADABLE = 20


class FileSystem(ClientTest):
    def raises(self, user, kind, script, *arguments):
        """The script must end with this exception, or one derived from it: what it says."""
        last = user.vosfs(script, *arguments).splitlines()[-1]
        self.assertTrue(last.startswith("raised: "), last)
        self.assertIn(kind, last.split(), last)
        return last

    def test_30_a_tree_is_made_filled_looked_at_and_removed(self):
        data = os.urandom(30_000)
        local = self.alice.write("local", data)
        printed = self.alice.vosfs(
            "top, local = sys.argv[1:]\n"
            "fs.mkdir(top + '/d')\n"
            "fs.makedirs(top + '/a/b/c')\n"
            "fs.pipe(top + '/a/piped', b'piped bytes')\n"
            "fs.put(local, top + '/a/b/put')\n"
            "fs.touch(top + '/d/empty')\n"
            "fs.get(top + '/a/b/put', 'got')\n"
            "print(fs.cat(top + '/a/piped').decode())\n"
            "print(sorted(path[len(top):] for path in fs.find(top)))\n"
            "print(fs.du(top), fs.info(top + '/a/piped')['size'], fs.isdir(top + '/a'))\n"
            "print(sorted(os.path.basename(path) for path in fs.ls(top, detail=False)))\n",
            self.at(), local)
        self.assertEqual(printed.splitlines(), [
            "piped bytes", "['/a/b/put', '/a/piped', '/d/empty']", "30011 11 True",
            "['a', 'd']"])
        self.assertEqual(self.alice.read("got"), data)
        self.holds("a/b/put", data)
        self.holds("a/piped", b"piped bytes")
        self.holds("d/empty", b"")
        self.assertEqual(self.alice.vosfs("fs.rm(sys.argv[1], recursive=True)", self.at("a")), "")
        self.assertEqual(self.names(), ["d", "d/empty"])

    def test_30b_anybody_reads_what_is_public(self):
        self.put("f", b"for all")
        self.alice("vchmod", "o+r", self.vos("f"))
        public = "/public/30b"
        self.assertEqual(self.bed.create("ContainerNode", public).status, 201)
        self.assertEqual(self.bed.put(public + "/f", b"for all").status, 201)
        self.assertEqual(self.nobody.vosfs("print(fs.cat(sys.argv[1] + '/f').decode())\n"
                                           "print(fs.ls(sys.argv[1], detail=False))", public),
                         f"for all\n['{public}/f']\n")
        self.raises(self.nobody, "PermissionError", "fs.pipe(sys.argv[1] + '/g', b'x')", public)
        self.raises(self.nobody, "PermissionError", "fs.cat(sys.argv[1])", self.at("f"))

    def test_31_a_large_folder_is_listed_whole_whoever_asks(self):
        # Below /public, since a home hides everything in it.
        top = "/public/31"
        self.assertEqual(self.bed.create("ContainerNode", top).status, 201)
        with self.bed.nodes("alice") as create:
            for i in range(MANY):
                hidden = i % (MANY // UNREADABLE) == 0
                create("DataNode", f"{top}/n{i:04d}",
                       {"ispublic": "false", "groupread": "ivo://cadc.nrc.ca/gms?team-a"}
                       if hidden else {})
        script = "names = fs.ls(sys.argv[1], detail=False)\nprint(len(names), len(set(names)))"
        for user in (self.alice, self.bob):
            requests = self.requests()
            self.assertEqual(user.vosfs(script, top), f"{MANY} {MANY}\n")
            self.assertLessEqual(len(requests.take("GET", "/nodes")), 4)

    def test_32_parts_of_a_file(self):
        data = os.urandom(300_000)
        self.put("f", data)
        self.put("empty", b"")
        script = "sys.stdout.write(fs.cat_file(sys.argv[1], {}, {}).hex())"
        for first, end in ((10, 20), (-5, None), (299_990, 400_000), (400_000, 400_010)):
            with self.subTest((first, end)):
                requests = self.requests()
                self.assertEqual(self.alice.vosfs(script.format(first, end), self.at("f")),
                                 data[first:end].hex())
                self.assertLessEqual(len(requests.take("POST", "/synctrans")), 1)
        self.assertEqual(self.alice.vosfs(script.format(0, 10), self.at("empty")), "")

        requests = self.requests()
        printed = self.alice.vosfs(
            "f = sys.argv[1]\n"
            "starts = [i * 9000 for i in range(20)]\n"
            "parts = fs.cat_ranges([f] * 20, starts, [i + 100 for i in starts])\n"
            "sys.stdout.write(b''.join(parts).hex())", self.at("f"))
        self.assertEqual(printed, b"".join(data[i * 9000:i * 9000 + 100] for i in range(20)).hex())
        reads = requests.take("GET", "/files/")
        self.assertEqual({read["status"] for read in reads}, {"206"}, reads)

        printed = self.alice.vosfs(
            "with fs.open(sys.argv[1], block_size=65536) as f:\n"
            "    f.seek(200_000)\n"
            "    sys.stdout.write(f.read(70_000).hex())", self.at("f"))
        self.assertEqual(printed, data[200_000:270_000].hex())

    def test_33_a_read_is_negotiated_once(self):
        self.put("f", b"in one round trip")
        requests = self.requests()
        self.assertEqual(self.alice.vosfs("print(fs.cat(sys.argv[1]).decode())", self.at("f")),
                         "in one round trip\n")
        posts = requests.take("POST")
        self.assertEqual([post["status"] for post in posts], ["303"], posts)
        self.assertEqual(requests.take("GET", "/xfer"), [])

    def test_35_a_copy_of_a_large_file_is_the_same_file(self):
        data = os.urandom(LARGE)
        self.put("f", data)
        self.assertEqual(self.alice.vosfs("fs.cp(sys.argv[1], sys.argv[2])", self.at("f"),
                                          self.at("g")), "")
        self.assertEqual(self.node("g")["MD5"], md5(data))
        self.alice("vcp", self.vos("g"), "down")
        self.assertEqual(self.alice.read("down"), data)
        os.unlink(self.alice.path("down"))

    def test_36_a_refused_write_says_why_by_its_kind(self):
        script = "fs.pipe(sys.argv[1], b'new bytes')"
        self.make("t")
        self.put("t/f", b"locked")
        before = self.tree()
        self.raises(self.alice, "FileNotFoundError", "fs.cat(sys.argv[1])", self.at("none"))
        self.raises(self.alice, "FileExistsError", "fs.mkdir(sys.argv[1])", self.at("t"))
        self.raises(self.bob, "PermissionError", script, self.at("t/g"))
        self.raises(self.alice, "PermissionError", script, "/bob/g")
        self.assertEqual(self.tree(), before)

        self.alice("vlock", "--lock", self.vos("t/f"))
        self.raises(self.alice, "BlockingIOError", script, self.at("t/f"))
        self.alice("vlock", "--unlock", self.vos("t/f"))

        self.put("full", bytes(1000))
        self.assertEqual(self.bed.tool("quota", self.at(), "1006")[0], 0)
        said = self.raises(self.alice, "OSError", script, self.at("t/g"))
        self.assertIn("Errno 28", said)
        self.holds("t/f", b"locked")
        self.assertEqual(self.names(), ["full", "t", "t/f"])

    def test_37_names_with_marks_make_the_round_trip(self):
        names = ["a b", "a#b", "a?b", "a%b", "aéb", "a&b", "a[b]", "100%", "a%20b"]
        printed = self.alice.vosfs(
            "top, *names = sys.argv[1:]\n"
            "for name in names:\n"
            "    fs.pipe_file(f'{top}/{name}', name.encode())\n"
            "print(sorted(os.path.basename(path) for path in fs.ls(top, detail=False)))\n"
            "print([fs.cat_file(f'{top}/{name}').decode() for name in names])\n",
            self.at(), *names)
        self.assertEqual(printed.splitlines(), [repr(sorted(names)), repr(names)])
        self.assertEqual(self.names(), sorted(names))
        shown = self.alice("vls", self.vos()).splitlines()
        self.assertEqual(len(shown), len(names))
        self.assertIn("a%20b", shown)
        self.alice.vosfs("for name in sys.argv[2:]:\n"
                         "    fs.rm_file(f'{sys.argv[1]}/{name}')", self.at(), *names)
        self.assertEqual(self.names(), [])

    def test_38_a_link_is_read_through(self):
        self.put("f", b"behind the link")
        self.alice("vln", self.vos("f"), self.vos("l"))
        self.assertEqual(self.alice.vosfs("print(fs.cat(sys.argv[1]).decode())", self.at("l")),
                         "behind the link\n")

    def test_39_what_exceeds_the_quota_is_refused_with_that_word(self):
        old = os.urandom(30_000)
        self.put("f", old)
        self.assertEqual(self.bed.tool("quota", self.at(), "1000000")[0], 0)
        local = self.alice.write("local", bytes(LARGE))
        for name in ("f", "g"):
            said = self.raises(self.alice, "OSError", "fs.put(sys.argv[1], sys.argv[2])", local,
                               self.at(name))
            self.assertIn("QuotaExceeded", said)
            self.assertIn("413", said)
            self.assertNotIn("connection failed", said)
        self.holds("f", old)
        self.assertEqual(self.names(), ["f"])


main()
