# SPDX-License-Identifier: Apache-2.0
"""cadc-groups: everything it does (client contract 10)."""

import os

from client_env import ClientTest, main


class Groups(ClientTest):
    def setUp(self):
        super().setUp()
        self.group = "g-" + self._testMethodName[5:8].strip("_")

    def groups(self, user, *words):
        return user(*self.command(user, words))

    def refused(self, user, *words):
        return user.fails(*self.command(user, words))

    def command(self, user, words):
        return ("cadc-groups", words[0], "--cert", user.path(".ssl/cadcproxy.pem"),
                "--host", self.bed.env["QUARTET_HOST"], *words[1:])

    def listed(self, user, *words):
        return self.groups(user, "list", *words).split()

    def test_27_make_look_and_remove(self):
        self.groups(self.alice, "create", "--description", "my first <group>", self.group)
        shown = self.groups(self.alice, "get", self.group)
        self.assertIn(f"ID: {self.group}", shown)
        self.assertIn("Description: my first <group>", shown)
        self.assertIn("Owner: CN=alice", shown)
        self.assertIn("User Members: alice (CN=alice", shown)
        for role in ([], ["-r", "member"], ["-r", "owner"]):
            self.assertIn(self.group, self.listed(self.alice, *role))
        self.assertNotIn(self.group, self.listed(self.alice, "-r", "admin"))
        self.assertNotIn(self.group, self.listed(self.bob))
        self.refused(self.bob, "get", self.group)
        self.refused(self.bob, "remove", self.group)
        self.refused(self.alice, "create", self.group)
        self.groups(self.alice, "remove", self.group)
        self.assertIn("Not found", self.refused(self.alice, "get", self.group))
        self.assertNotIn(self.group, self.listed(self.alice))

    def test_27a_members_come_and_go_and_so_do_their_rights(self):
        self.groups(self.alice, "create", self.group)
        self.put("f", b"for the group")
        self.alice("vchmod", "g+r", self.vos("f"), self.group)
        self.alice("vchmod", "g+r", self.vos(), self.group)
        self.alice("vchmod", "g+r", "vos:alice", self.group)
        self.bob.fails("vcat", self.vos("f"))
        self.groups(self.alice, "members", "--add-user", "bob", self.group)
        self.assertIn("bob (CN=bob", self.groups(self.bob, "members", self.group))
        self.assertEqual(self.bob.cat(self.vos("f")), "for the group")
        self.refused(self.bob, "members", "--add-user", "carol", self.group)
        self.groups(self.alice, "members", "--remove-user", "bob", self.group)
        self.bob.fails("vcat", self.vos("f"))
        dn = "CN=bob,OU=users,O=" + self.bed.env["QUARTET_AUTHORITY"].partition("~")[0]
        self.groups(self.alice, "members", "--add-user", dn, self.group)
        self.assertEqual(self.bob.cat(self.vos("f")), "for the group")
        self.groups(self.alice, "members", "--remove-user", dn.lower(), self.group)
        self.bob.fails("vcat", self.vos("f"))
        self.assertIn("no user", self.refused(self.alice, "members", "--add-user", "nobody-is", self.group))
        self.groups(self.alice, "members", "--add-user", "carol", self.group)
        self.groups(self.alice, "members", "--clear", self.group)
        shown = self.groups(self.alice, "members", self.group)
        self.assertNotIn("carol", shown)
        self.assertNotIn("alice", shown)
        self.assertNotIn(self.group, self.listed(self.alice))
        self.assertIn(self.group, self.listed(self.alice, "-r", "owner"))

    def test_27b_groups_in_groups(self):
        inner = self.group + "-inner"
        self.groups(self.alice, "create", self.group)
        self.groups(self.bob, "create", inner)
        self.groups(self.alice, "members", "--add-group", inner, self.group)
        self.assertIn(self.group, self.listed(self.bob))
        self.assertIn(f"Group Members: {inner}", self.groups(self.alice, "members", self.group))
        self.refused(self.bob, "members", "--add-group", self.group, inner)
        self.groups(self.alice, "members", "--remove-group", inner, self.group)
        self.assertNotIn(self.group, self.listed(self.bob))

    def test_27c_administrators(self):
        inner = self.group + "-admins"
        self.groups(self.alice, "create", self.group)
        self.groups(self.alice, "create", inner)
        self.groups(self.alice, "members", "--add-user", "carol", inner)
        self.groups(self.alice, "admins", "--add-user", "bob", self.group)
        self.assertIn("bob (CN=bob", self.groups(self.alice, "admins", self.group))
        self.assertIn(self.group, self.listed(self.bob, "-r", "admin"))
        self.assertNotIn(self.group, self.listed(self.bob))
        self.groups(self.bob, "members", "--add-user", "carol", self.group)
        self.groups(self.bob, "members", "--remove-user", "carol", self.group)
        self.refused(self.bob, "remove", self.group)
        self.groups(self.alice, "admins", "--add-group", inner, self.group)
        self.assertIn(self.group, self.listed(self.carol, "-r", "admin"))
        self.assertIn(f"Group Administrators: {inner}", self.groups(self.carol, "admins", self.group))
        self.groups(self.alice, "admins", "--remove-group", inner, self.group)
        self.refused(self.carol, "admins", self.group)
        self.groups(self.alice, "admins", "--remove-user", "bob", self.group)
        self.assertNotIn(self.group, self.listed(self.bob, "-r", "admin"))
        self.groups(self.alice, "admins", "--add-user", "bob", self.group)
        self.groups(self.alice, "admins", "--clear", self.group)
        self.refused(self.bob, "get", self.group)

    def test_27d_with_a_certificate_from_the_service(self):
        user = self.user(None)
        host = self.bed.env["QUARTET_HOST"]
        password = self.bed.env["QUARTET_PASS_BOB"]
        os.chmod(user.write(".netrc", f"machine {host} login bob password {password}\n".encode()), 0o600)
        user("cadc-get-cert", "--host", host, "-n")
        self.groups(user, "create", self.group)
        self.assertIn(self.group, self.listed(user))


main()
