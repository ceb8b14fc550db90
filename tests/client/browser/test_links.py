# SPDX-License-Identifier: Apache-2.0
"""Links to share in a browser: made by one person, opened by another without an account."""

import os
import tempfile
import urllib.parse

from browser import BrowserTest, main, wait_until


class Links(BrowserTest):
    def setUp(self):
        self.top = f"/alice/{self._testMethodName}"
        self.local = self.enterContext(tempfile.TemporaryDirectory())
        for folder in (self.top, self.top + "/sub"):
            self.bed.create("ContainerNode", folder)
        self.bed.put(self.top + "/f.txt", b"shared bytes")
        self.bed.put(self.top + "/sub/g.txt", b"deeper")

    def share(self, name, folder="/alice", **wish):
        """What the dialog gives for these wishes."""
        page = self.sign_in("alice", "/browse" + folder)
        page.click(f"Actions for {name}")
        page.in_dialog("share")
        for field, value in wish.items():
            if field == "access":
                page.js("const s = document.querySelector('#s-access'); s.value = arguments[0]", value)
            else:
                page.fill(f"s-{field}", value)
        page.in_dialog("share.make")
        page.sees("whoever has it can open it")
        url = page.text("#link-text").strip()
        page.shot(f"link-made-{name}")
        page.in_dialog("close")
        return page, url

    def opened(self, url, password=None, **how):
        guest = self.page(**how)
        guest.go(url.removeprefix(guest.base))
        guest.shot("link-open")
        guest.click("link.open")
        if password:
            guest.sees("Password")
            guest.fill("link-password", password)
            guest.click("link.open")
        return guest

    def test_a_folder_is_read_by_who_has_no_account(self):
        name = self.top.rpartition("/")[2]
        page, url = self.share(name, password="let me in", count="1")
        guest = self.opened(url, "let me in")
        guest.row("f.txt")
        guest.shot("link-folder")
        self.assertNotIn("#", guest.driver.current_url)
        self.assertEqual([e.text for e in guest.all("main .crumbs li")], [name])
        guest.follow("sub")
        guest.row("g.txt")
        guest.driver.back()
        guest.follow("f.txt")
        self.assertEqual(guest.downloaded("f.txt"), b"shared bytes")
        before = set(os.listdir(guest.downloads))
        guest.click("download")
        guest.in_dialog("tar")
        wait_until(lambda: any(n.endswith(".tar") for n in set(os.listdir(guest.downloads)) - before), 60)
        guest.driver.refresh()  # whoever is in stays in
        guest.row("f.txt")
        other = self.opened(url, "let me in")
        other.sees("which is its limit")
        # She sees that it was opened, and ends it.
        page.go("/page/account")
        page.sees("1 / 1")
        page.shot("link-list")
        page.click(f"Revoke {self.top}")
        page.sees("You share nothing by a link")
        guest.driver.refresh()
        guest.sees("the part behind the # is missing")

    def test_one_file_is_one_page(self):
        _, url = self.share("f.txt", self.top, label="The figure you asked for")
        guest = self.opened(url)
        guest.sees("The figure you asked for")
        guest.shot("link-file")
        guest.click("download")
        self.assertEqual(guest.downloaded("f.txt"), b"shared bytes")

    def test_files_are_dropped_in(self):
        _, url = self.share(self.top.rpartition("/")[2], access="drop")
        guest = self.opened(url)
        guest.sees("Drop files here")
        guest.shot("link-drop")
        paths = []
        for name, data in (("f.txt", b"another f"), ("new.bin", os.urandom(20 << 20))):
            paths.append(os.path.join(self.local, name))
            with open(paths[-1], "wb") as f:
                f.write(data)
        guest.upload(*paths)
        guest.sees("f (2).txt", 60)
        guest.sees("new.bin")
        wait_until(lambda: self.bed.ask("GET", f"/nodes{self.top}/new.bin", "alice").status == 200, 60)
        with open(paths[1], "rb") as f:
            wait_until(lambda: self.bed.get(self.top + "/new.bin").body != b"", 60)
            self.assertEqual(self.bed.get(self.top + "/new.bin").body, f.read())
        self.assertEqual(self.bed.get(self.top + "/f (2).txt").body, b"another f")
        self.assertEqual(self.bed.get(self.top + "/f.txt").body, b"shared bytes")
        self.assertTrue(urllib.parse.urlsplit(guest.driver.current_url).path.startswith("/share/"))

    def test_half_an_address_opens_nothing(self):
        _, url = self.share("f.txt", self.top)
        guest = self.page()
        guest.go(url.removeprefix(guest.base).partition("#")[0])
        guest.sees("the part behind the # is missing")


if __name__ == "__main__":
    main()
