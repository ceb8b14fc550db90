# SPDX-License-Identifier: Apache-2.0
"""Who may do what: scenarios 13 to 17 and 28 of the client contract.

Below /public, which everybody may read and alice and bob (group staff) may write, so that
what a test's own folder says decides. team-b is bob, team-c is carol.
"""

from client_env import ClientTest, main

GMS = "ivo://cadc.nrc.ca/gms?"
DENIED = "PermissionDenied"


class Permissions(ClientTest):
    home = "/public"

    def set(self, kind, name, properties):
        """Change a node as alice, without a client: the status."""
        document = self.bed.document(kind, self.at(name), properties)
        return self.bed.ask("POST", "/nodes" + self.at(name), "alice", document,
                            {"Content-Type": "text/xml"}).status

    def make_private(self, name):
        """In a new node even "no groups" means those of the parent: two steps."""
        self.make(name)
        nothing = {"ispublic": "false", "groupread": None, "groupwrite": None}
        self.assertEqual(self.set("ContainerNode", name, nothing), 200)

    def listed(self, name):
        """mode, owner, readers, writers of a node, as `vls -l` of its parent shows them."""
        for line in self.alice("vls", "-l", self.vos()).splitlines():
            if line.split()[-1] == name:
                return line.split()[:4]
        raise AssertionError(f"{name} is not listed")

    def test_13_what_is_not_public_is_closed_to_anonymous_users(self):
        self.make("t")
        self.nobody("vls", self.vos("t"))
        self.alice("vchmod", "o-r", self.vos("t"))
        self.nobody.fails("vls", self.vos("t"), status=13)
        self.alice("vchmod", "o+r", self.vos("t"))
        self.nobody("vls", self.vos("t"))

    def test_14_a_read_group_reads_and_does_not_write(self):
        self.make_private("t")
        self.bob.fails("vls", self.vos("t"), text=DENIED)
        self.alice("vchmod", "g+r", self.vos("t"), "team-b")
        self.alice("vcp", self.alice.write("f", b"shared"), self.vos("t/f"))
        self.assertEqual(self.bob("vls", self.vos("t")), "f\n")
        self.bob("vcp", self.vos("t/f"), "down")
        self.assertEqual(self.bob.read("down"), b"shared")
        before = self.tree("t")
        self.bob.fails("vcp", self.bob.write("g", b"new"), self.vos("t/g"), text=DENIED)
        self.bob.fails("vcp", self.bob.write("f", b"other"), self.vos("t/f"), text=DENIED)
        self.bob.fails("vrm", self.vos("t/f"), text=DENIED)
        self.assertEqual(self.tree("t"), before)
        self.carol.fails("vls", self.vos("t"), text=DENIED)
        self.carol.fails("vcp", self.vos("t/f"), "down", text=DENIED)

    def test_15_a_write_group_writes_and_removes(self):
        self.make_private("t")
        self.alice("vchmod", "g+rw", self.vos("t"), "team-b", "team-b")
        self.put("t/f", b"of alice")
        self.bob("vcp", self.bob.write("g", b"of bob"), self.vos("t/g"))
        self.holds("t/g", b"of bob")
        self.bob("vcp", self.bob.write("f", b"changed by bob"), self.vos("t/f"))
        self.holds("t/f", b"changed by bob")
        self.assertEqual(self.node("t/f")["creator"], "alice")
        for name in ("t/f", "t/g"):
            self.bob("vrm", self.vos(name))
        self.assertEqual(self.names("t"), [])

    def test_16_groups_taken_away_are_gone(self):
        self.make_private("t")
        self.alice("vchmod", "g+rw", self.vos("t"), "team-b", "team-b")
        self.assertEqual(self.listed("t"), ["drw-rw----", "alice", "team-b", "team-b"])
        self.alice("vchmod", "g-rw", self.vos("t"))
        self.assertEqual(self.listed("t"), ["drw-------", "alice", "NONE", "NONE"])
        self.bob.fails("vls", self.vos("t"), text=DENIED)
        self.bob.fails("vcp", self.bob.write("g", b"new"), self.vos("t/g"), text=DENIED)
        self.assertEqual(self.names("t"), [])

    def test_17_a_whole_tree_changes_its_permissions(self):
        for folder in ("tree", "tree/sub", "tree/sub/deep"):
            self.make_private(folder)
        for name in ("tree/f", "tree/sub/g", "tree/sub/deep/h"):
            self.put(name, name.encode())
        self.alice("vchmod", "-R", "g+r", self.vos("tree"), "team-b team-c")
        nodes = self.tree("tree").values()
        self.assertEqual(len(nodes), 6)
        for each in nodes:
            self.assertEqual(each["groupread"], f"{GMS}team-b {GMS}team-c")
            self.assertEqual(each["ispublic"], "false")
        self.assertEqual(self.carol.cat(self.vos("tree/sub/deep/h")), "tree/sub/deep/h")
        self.alice("vchmod", "-R", "o+r", self.vos("tree"))
        for each in self.tree("tree").values():
            self.assertEqual(each["ispublic"], "true")
            self.assertEqual(each["groupread"], f"{GMS}team-b {GMS}team-c")
        self.assertEqual(self.nobody.cat(self.vos("tree/sub/g")), "tree/sub/g")

    def test_16b_what_no_group_is_called_is_refused(self):
        """vchmod puts its prefix before a whole URI too: nobody could be in that group."""
        self.make_private("t")
        before = self.tree()
        said = self.alice.fails("vchmod", "g+r", self.vos("t"), GMS + "team-b")
        self.assertIn("is not a group URI", said)
        self.assertIn("the NAME alone", said)
        self.assertEqual(self.tree(), before)

    def test_17b_what_is_new_is_like_its_folder(self):
        self.make_private("t")
        self.alice("vchmod", "g+rw", self.vos("t"), "team-b", "team-b")
        self.alice("vmkdir", self.vos("t/d"))
        self.alice("vcp", self.alice.write("f", b"new"), self.vos("t/d/f"))
        for name in ("t/d", "t/d/f"):
            node = self.node(name)
            self.assertEqual((node["groupread"], node["groupwrite"]), (GMS + "team-b",) * 2)
            self.assertEqual(node["ispublic"], "false")

    def test_17c_a_tree_moves_with_its_permissions(self):
        self.make_private("t")
        self.make("t/deep")
        self.put("t/deep/f", b"moved")
        self.alice("vchmod", "-R", "g+r", self.vos("t"), "team-b")
        self.make("d")
        self.alice("vmv", self.vos("t"), self.vos("d"))
        self.assertEqual(self.bob.cat(self.vos("d/t/deep/f")), "moved")
        self.carol.fails("vcat", self.vos("d/t/deep/f"), text=DENIED)

    def test_15b_removal_is_denied_without_a_write_group_and_allowed_with_one(self):
        self.make_private("t")
        self.alice("vchmod", "g+r", self.vos("t"), "team-b")
        self.make("t/d")
        self.put("t/f", b"stays")
        before = self.tree()
        self.bob.fails("vrm", self.vos("t/f"), text=DENIED)
        self.bob.fails("vrmdir", self.vos("t/d"), text=DENIED)
        self.assertEqual(self.tree(), before)
        self.alice("vchmod", "-R", "g+w", self.vos("t"), "team-b")
        self.bob("vrm", self.vos("t/f"))
        self.bob("vrmdir", self.vos("t/d"))
        self.assertEqual(self.names(), ["t"])

    def test_28_the_fourth_of_four_groups_reads(self):
        self.make_private("t")
        self.put("t/f", b"for four")
        groups = [GMS + name for name in ("staff", "team-a", "team-b", "team-c")]

        def set_groups(some):
            return [self.set(kind, name, {"groupread": " ".join(some)})
                    for kind, name in (("ContainerNode", "t"), ("DataNode", "t/f"))]

        self.assertEqual(set_groups(groups[:3]), [200, 200])
        self.carol.fails("vls", self.vos("t"), text=DENIED)
        self.carol.fails("vcp", self.vos("t/f"), "down", text=DENIED)
        self.assertEqual(set_groups(groups), [200, 200])
        self.assertEqual(self.carol("vls", self.vos("t")), "f\n")
        self.carol("vcp", self.vos("t/f"), "down")
        self.assertEqual(self.carol.read("down"), b"for four")
        self.assertEqual(self.bed.get(self.at("t/f"), "carol").status, 200)
        self.assertEqual(set_groups(groups + [GMS + "more"]), [400, 400])
        self.assertEqual(self.node("t")["groupread"], " ".join(groups))


main()
