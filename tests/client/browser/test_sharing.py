# SPDX-License-Identifier: Apache-2.0
"""Sharing in a browser: permissions of one, of many, of a tree; groups; what administrators do."""

from browser import BrowserTest, Keys, main, wait_until

GROUP = "ivo://cadc.nrc.ca/gms?"


class Sharing(BrowserTest):
    def status(self, path, user="bob"):
        return self.bed.ask("GET", f"/nodes{path}?limit=1", user).status

    def test_a_tree_is_shared_with_a_group_made_for_it(self):
        for path in ("/alice/project", "/alice/project/sub"):
            self.bed.create("ContainerNode", path)
        self.bed.put("/alice/project/sub/f", b"x")
        page = self.sign_in("alice", "/page/groups")
        page.click("group.new")
        page.fill("asked", "project-x")
        page.in_dialog("group.new")
        page.sees("project-x")
        page.click("add", "//section[contains(., 'Members')][1]")
        page.fill("asked", "bob")
        page.in_dialog("add")
        page.sees("bob")
        page.go("/browse/")
        page.pick("alice")
        self.share(page, "project-x", tree=False)
        page.go("/browse/alice")
        page.pick("project")
        self.share(page, "project-x", tree=True)
        wait_until(lambda: self.status("/alice/project/sub/f") == 200)
        self.assertEqual(self.bed.get("/alice/project/sub/f", "bob").body, b"x")
        self.assertEqual(self.bed.get("/alice/project/sub/f", "carol").status, 403)
        # The other one sees it in his own browser.
        other = self.sign_in("bob", "/browse/alice/project/sub")
        other.row("f")
        other.click("Actions for f")
        other.in_dialog("details")
        other.sees("Members of project-x read it")
        other.sees("You: reading yes, writing no")
        # And not any more when she has taken him out again.
        page.go("/page/groups")
        page.click("Open project-x")
        page.click("Remove bob")
        wait_until(lambda: self.status("/alice/project/sub/f") == 403)

    def share(self, page, name, tree):
        page.click("permissions")
        wait_until(lambda: page.js("return [...document.querySelectorAll('#p-read-names option')].some(o => o.value === arguments[0])", name))
        page.one("#p-read").send_keys(name, Keys.ENTER)
        page.one("dialog .chips li")
        if tree:
            page.one("#p-tree").click()
        page.in_dialog("save")
        page.no_dialog()

    def test_one_file_is_locked_and_back(self):
        self.bed.create("ContainerNode", "/public/p", "alice")
        self.bed.put("/public/p/f", b"x", "alice")
        page = self.sign_in("alice", "/browse/public/p")
        page.pick("f")
        page.click("permissions")
        page.one("#p-locked").click()
        page.in_dialog("save")
        page.sees("locked")
        self.assertEqual(self.bed.ask("DELETE", "/nodes/public/p/f", "alice").status, 423)
        page.click("permissions")  # it is still the one that is chosen
        page.one("#p-locked").click()
        page.in_dialog("save")
        wait_until(lambda: self.bed.ask("DELETE", "/nodes/public/p/f", "alice").status in (200, 204))

    def test_a_fifth_group_is_not_to_be_typed(self):
        self.bed.create("ContainerNode", "/alice/five", "alice", {
            "ivo://ivoa.net/vospace/core#groupread": " ".join(GROUP + f"g{n}" for n in range(4))})
        page = self.sign_in("alice", "/browse/alice")
        page.pick("five")
        page.click("permissions")
        wait_until(lambda: len(page.all("dialog .chips li")) == 4)
        self.assertFalse(page.one("#p-read").is_enabled())
        self.assertTrue(page.one("#p-write").is_enabled())


class Administration(BrowserTest):
    def test_accounts_allocations_and_health(self):
        page = self.sign_in("admin", "/page/admin")
        page.sees("OK")
        page.sees("online")
        page.click("user.add")
        page.fill("user-name", "zoe")
        page.fill("user-password", "zoes password")
        page.in_dialog("user.add")
        page.sees("zoe")
        self.assertEqual(self.bed.ask("GET", "/nodes/zoe", "admin").status, 200)
        page.click("Set quota: zoe")
        page.fill("asked", "lots")
        page.in_dialog("quota.set")
        page.sees("A size is a number")
        page.fill("asked", "5 MB")
        page.in_dialog("quota.set")
        page.sees("5 MB")
        self.assertIn(">5000000<", self.bed.ask("GET", "/nodes/zoe?limit=0", "admin").text)
        page.click("Disable: zoe")
        page.sees("disabled")
        page.click("Enable: zoe")
        wait_until(lambda: "disabled" not in page.text("main"))

    def test_a_leavers_files_are_handed_over(self):
        self.bed.tool("user", "add", "leaver", "--home")
        token = self.bed.tool("user", "token", "leaver")[1].strip()
        for i in range(300):
            path = f"/leaver/f{i}"
            self.assertEqual(self.bed.ask("PUT", "/nodes" + path, None, self.bed.document("DataNode", path),
                                          {"Content-Type": "text/xml", "Authorization": "Bearer " + token}).status, 201)
        self.bed.tool("user", "add", "absent")
        self.bed.tool("user", "disable", "absent")
        for name in ("absent", "leaver"):
            self.addCleanup(self.bed.tool, "user", "enable", name)
        page = self.sign_in("admin", "/page/admin")
        page.click("Hand over: leaver")
        page.sees("leaver is still active")
        offered = [option.get_attribute("value") for option in page.all("#hand-over-to option")]
        self.assertIn("carol", offered)
        for name in ("leaver", "absent"):
            self.assertNotIn(name, offered)
        page.in_dialog("cancel")
        page.no_dialog()
        page.click("Disable: leaver")
        page.button("Enable: leaver")
        page.click("Hand over: leaver")
        page.one("#hand-over-to option[value=carol]").click()
        self.assertNotIn("is still active", page.text("dialog[open]"))
        page.in_dialog("hand.over")
        page.sees("everything that leaver owns")
        page.in_dialog("cancel")
        self.assertIn(">leaver<", self.bed.ask("GET", "/nodes/leaver?limit=0", "admin").text)
        page.no_dialog()
        page.click("Hand over: leaver")
        page.one("#hand-over-to option[value=carol]").click()
        page.in_dialog("hand.over")
        page.sees("everything that leaver owns")
        page.in_dialog("hand.over")
        page.sees("Hand over: leaver → carol")  # the task
        page.sees("carol owns it now: 301 files and folders, 0 groups")
        self.assertIn(">carol<", self.bed.ask("GET", "/nodes/leaver/f299?limit=0", "carol").text)
        # And what the server refuses is told.
        page.click("Hand over: admin")
        page.one("#hand-over-to option[value=carol]").click()
        page.in_dialog("hand.over")
        page.sees("everything that admin owns")
        page.in_dialog("hand.over")
        page.sees("only an administrator takes that")

    def test_it_is_nobody_elses(self):
        page = self.sign_in("bob")
        self.assertEqual([a for a in page.all("#nav a") if a.text == "Administration"], [])
        page.go("/page/admin")
        page.sees("only an administrator does that")


main()
