# SPDX-License-Identifier: Apache-2.0
"""Links, locks and tags: scenarios 23 to 25 of the client contract."""

import os

from client_env import ClientTest, main

ISLOCKED = "ivo://cadc.nrc.ca/vospace/core#islocked"


class Marks(ClientTest):
    def test_23_a_link_is_shown_followed_and_skipped(self):
        self.make("t")
        self.put("t/f", b"behind the link")
        self.alice("vln", self.vos("t/f"), self.vos("l"))
        self.assertIn(f" l -> {self.bed.uri(self.at('t/f'))}\n",
                      self.alice("vls", "-l", self.vos()))
        self.alice("vcp", "-L", self.vos("l"), "followed")
        self.assertEqual(self.alice.read("followed"), b"behind the link")
        self.alice("vcp", self.vos("l"), "skipped")
        self.assertFalse(os.path.exists(self.alice.path("skipped")))
        self.assertEqual(self.alice.cat(self.vos("l")), "behind the link")
        self.alice("vrm", self.vos("l"))
        self.assertEqual(self.names(), ["t", "t/f"])

    def test_23b_a_link_to_a_folder_is_a_part_of_a_path(self):
        self.make("t")
        self.put("t/f", b"there")
        self.alice("vln", self.vos("t"), self.vos("l"))
        self.assertEqual(self.alice("vls", self.vos("l")), "f\n")
        self.assertRegex(self.alice("vls", "-l", self.vos("l")), r"^lrw.* l -> vos://\S+/t$")
        self.alice("vcp", self.vos("l/f"), "down")
        self.assertEqual(self.alice.read("down"), b"there")
        self.alice("vcp", self.alice.write("g", b"new"), self.vos("l/g"))
        self.assertEqual(self.names(), ["l", "t", "t/f", "t/g"])
        self.holds("t/g", b"new")

    def test_23c_a_link_opens_no_door(self):
        self.put("secret", b"of alice")
        link = "vos:public/link-to-secret"
        self.alice("vln", self.vos("secret"), link)
        self.bob.fails("vcp", "-L", link, "down", text="PermissionDenied")
        self.bob.fails("vcat", link, text="PermissionDenied")
        self.alice("vrm", link)

    def test_23e_a_link_to_a_folder_opens_no_door_either(self):
        self.make("t")
        self.put("t/f", b"of alice")
        link = "vos:public/link-to-folder"
        self.alice("vln", self.vos("t"), link)
        for words in (["vls", link + "/"], ["vcat", link + "/f"], ["vcp", link + "/f", "down"],
                      ["vcp", self.bob.write("g", b"new"), link + "/g"]):
            self.bob.fails(*words, text="PermissionDenied")
        self.assertEqual(self.names("t"), ["f"])
        self.alice("vrm", link)

    def test_23d_a_link_may_lead_anywhere_and_fails_when_followed(self):
        self.alice("vln", "https://example.org/a?b=c", self.vos("outside"))
        self.alice("vln", self.vos("none"), self.vos("nowhere"))
        self.alice("vln", "unknown://somewhere/else", self.vos("strange"))
        self.assertEqual(self.node("strange")["target"], "unknown://somewhere/else")
        self.assertEqual(self.node("outside")["target"], "https://example.org/a?b=c")
        for name in ("outside", "nowhere", "strange"):
            self.alice.fails("vcp", "-L", self.vos(name), "down")
            self.assertFalse(os.path.exists(self.alice.path("down")))

    def test_24_a_locked_file_stays_as_it_is(self):
        self.put("f", b"locked")
        self.alice.fails("vlock", self.vos("f"), status=255)
        self.alice("vlock", "--lock", self.vos("f"))
        self.alice("vlock", self.vos("f"))
        self.assertIn("LOCKED", self.alice("vls", "-l", self.vos()))
        before = self.tree()
        new = self.alice.write("f", b"changed")
        for command in (["vcp", new, self.vos("f")], ["vrm", self.vos("f")],
                        ["vmv", self.vos("f"), self.vos("g")]):
            with self.subTest(command[0]):
                self.alice.fails(*command, text="NodeLocked")
                self.assertEqual(self.tree(), before)
        self.alice("vcp", self.vos("f"), "down")
        self.assertEqual(self.alice.read("down"), b"locked")

        self.alice("vlock", "--unlock", self.vos("f"))
        self.alice("vcp", new, self.vos("f"))
        self.holds("f", b"changed")
        self.alice("vmv", self.vos("f"), self.vos("g"))
        self.alice("vrm", self.vos("g"))
        self.assertEqual(self.names(), [])

    def test_24b_a_locked_folder_takes_nothing_in(self):
        self.make("t")
        self.put("t/f", b"inside")
        self.alice("vlock", "--lock", self.vos("t"))
        before = self.tree()
        new = self.alice.write("g", b"new")
        for command in (["vmkdir", self.vos("t/d")], ["vcp", new, self.vos("t/g")],
                        ["vrm", self.vos("t/f")], ["vmv", self.vos("t/f"), self.vos("f")]):
            with self.subTest(command[0]):
                self.alice.fails(*command, text="NodeLocked")
                self.assertEqual(self.tree(), before)
        self.alice("vlock", "--unlock", self.vos("t"))
        self.alice("vmkdir", self.vos("t/d"))

    def test_25_a_tag_is_set_read_and_taken_away(self):
        self.put("f", b"tagged")
        self.alice("vtag", self.vos("f"), "quality=good")
        self.assertEqual(self.alice("vtag", self.vos("f"), "quality").strip().strip("'"), "good")
        self.assertIn("quality", self.alice("vtag", self.vos("f")))
        self.alice("vtag", self.vos("f"), "quality=")
        self.assertEqual(self.alice("vtag", self.vos("f"), "quality").strip(), "None")
        self.holds("f", b"tagged")

    def test_25b_the_lock_is_a_tag(self):
        self.put("f", b"tagged")
        self.assertEqual(self.alice("vtag", self.vos("f"), ISLOCKED).strip(), "None")
        self.alice("vlock", "--lock", self.vos("f"))
        self.assertEqual(self.alice("vtag", self.vos("f"), ISLOCKED).strip(), "'true'")
        self.alice("vlock", "--unlock", self.vos("f"))

    def test_25c_a_whole_tree_is_tagged(self):
        for folder in ("t", "t/sub"):
            self.make(folder)
        self.put("t/sub/f", b"tagged")
        self.alice("vtag", "-R", self.vos("t"), "ivo://example.org/vocabulary#night=12")
        nodes = self.tree("t").values()
        self.assertEqual([each.get("night") for each in nodes], ["12"] * 3)


main()
