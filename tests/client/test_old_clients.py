# SPDX-License-Identifier: Apache-2.0
"""Clients of an older generation, which ask for bytes by parameters of a transfer, read a
file's checksum from Content-MD5, and know recursive changes by another name: vos 3.1."""

import os

from client_env import ClientTest, main, md5
from client_packages import OLD
from fits_file import HEIGHT, WIDTH, fits_file, hdus, image


class OldClients(ClientTest):
    packages = OLD

    def test_files_go_up_and_come_back(self):
        for size in (0, 1, 20_000, 6_000_000):
            with self.subTest(size):
                data = os.urandom(size)
                name = f"f{size}"
                self.alice("vcp", self.alice.write(name, data), self.vos(name))
                self.holds(name, data)
                self.alice("vcp", self.vos(name), "down")
                self.assertEqual(self.alice.read("down"), data)
                os.unlink(self.alice.path("down"))

    def test_bytes_are_asked_for_by_parameters(self):
        data = os.urandom(20_000)
        certificate = self.alice.path(".ssl/cadcproxy.pem")
        script = ("client = vos.Client(vospace_certfile=sys.argv[1], transfer_shortcut=True)\n"
                  "print(client.copy(*sys.argv[2:], send_md5=True))\n")
        path = self.alice.write("f", data)
        for words in ((path, self.vos("f")), (self.vos("f"), self.alice.path("down"))):
            requests = self.requests()
            self.assertEqual(self.alice.python(script, certificate, *words).strip(), md5(data))
            asked = requests.take("GET", "/synctrans")
            self.assertEqual([ask["status"] for ask in asked], ["303"], asked)
            self.assertEqual(requests.take("POST"), [])
        self.holds("f", data)
        self.assertEqual(self.alice.read("down"), data)

    def test_other_bytes_replace_the_old_ones_and_the_same_are_not_sent(self):
        self.put("f", b"old")
        path = self.alice.write("f", b"new bytes")
        self.alice("vcp", path, self.vos("f"))
        self.holds("f", b"new bytes")
        requests = self.requests()
        self.alice("vcp", path, self.vos("f"))
        self.assertEqual(requests.puts(), [])

    def test_folders_are_made_listed_moved_and_removed(self):
        self.alice("vmkdir", "-p", self.vos("a/b/c"))
        self.put("a/f", b"bytes")
        self.assertEqual(self.alice("vls", self.vos("a")).split(), ["b", "f"])
        self.assertRegex(self.alice("vls", "-l", self.vos("a")), r"(?m)^-rw.*alice.* f$")
        self.alice("vmv", self.vos("a"), self.vos("z"))
        self.assertEqual(self.names(), ["z", "z/b", "z/b/c", "z/f"])
        self.alice("vrm", self.vos("z/f"))
        self.alice("vrmdir", self.vos("z/b/c"))
        self.assertEqual(self.names(), ["z", "z/b"])

    def test_rights_of_one_node_and_of_a_tree(self):
        self.make("t")
        self.make("t/sub")
        self.put("t/sub/f", b"bytes")
        self.alice("vchmod", "o+r", self.vos("t"))
        self.assertEqual(self.node("t")["ispublic"], "true")
        self.alice("vchmod", "-R", "g+r", self.vos("t"), "team-b")
        self.assertEqual({each["groupread"] for each in self.tree("t").values()},
                         {"ivo://cadc.nrc.ca/gms?team-b"})

    def test_a_tag_a_lock_and_a_link(self):
        self.put("f", b"tagged")
        self.alice("vtag", self.vos("f"), "ivo://example.org/vocabulary#quality=good")
        self.assertEqual(self.node("f")["quality"], "good")
        self.alice("vlock", "--lock", self.vos("f"))
        self.alice.fails("vrm", self.vos("f"), text="NodeLocked")
        self.alice("vlock", "--unlock", self.vos("f"))
        self.alice("vln", self.vos("f"), self.vos("l"))
        self.assertEqual(self.node("l")["target"], self.bed.uri(self.at("f")))

    def test_a_tree_is_brought_up_to_date(self):
        self.make("s")
        for name in ("dir/a", "dir/sub/b"):
            self.alice.write(name, name.encode())
        self.alice("vsync", "-r", self.alice.path("dir"), self.vos("s"))
        self.assertEqual(self.names("s"), ["dir", "dir/a", "dir/sub", "dir/sub/b"])
        self.holds("s/dir/sub/b", b"dir/sub/b")

    def test_cutouts_and_headers(self):
        self.put("x.fits", fits_file())
        self.alice("vcp", self.vos("x.fits") + "[1][11:20,31:50]", "c.fits")
        self.assertEqual([pixels for _, pixels in hdus(self.alice.read("c.fits")) if pixels],
                         [image(10, 20, 11, 31)])
        self.alice("vcp", self.vos("x.fits") + "[1]", "whole.fits")
        self.assertEqual([pixels for _, pixels in hdus(self.alice.read("whole.fits")) if pixels],
                         [image(WIDTH, HEIGHT)])
        self.alice("vcp", "--head", self.vos("x.fits"), "h")
        text = self.alice.read("h").decode("ascii")
        self.assertIn("CTYPE1  =", text)
        self.assertLess(len(text), 10_000)

    def test_what_is_missing_or_denied_is_said(self):
        self.put("f", b"private")
        self.alice.fails("vls", self.vos("none"), text="NodeNotFound")
        self.alice.fails("vcp", self.vos("none"), "down")
        self.bob.fails("vcp", self.vos("f"), "down")
        self.assertFalse(os.path.exists(self.bob.path("down")))


main(OLD)
