# SPDX-License-Identifier: Apache-2.0
"""Signing in through an outside provider, in a browser."""

import tempfile

from browser import BrowserTest, main, wait_until
from openid_provider import OpenIdProvider


class OpenId(BrowserTest):
    @classmethod
    def setUpClass(cls):
        folder = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="quartet-openid-"))
        cls.provider = OpenIdProvider.or_skip(folder)
        cls.settings = cls.provider.settings()
        super().setUpClass()
        cls.provider.redirect = f"https://{cls.bed.host}:{cls.bed.port}/account/openid/callback"
        cls.provider.up()
        cls.addClassCleanup(cls.provider.down)

    def test_one_signs_in_there_and_is_back_where_one_was(self):
        self.bed.create("ContainerNode", "/alice/where")
        self.bed.put("/alice/where/f", b"x")
        page = self.page()
        page.go("/page/signin?next=/browse/alice/where")
        page.shot("signin-openid")
        page.click("Sign in with Elsewhere")
        page.fill("login", "alice")
        page.fill("password", "any")
        page.one("button[type=submit]").click()  # the provider's own pages
        wait_until(lambda: page.js("return document.querySelector('button[type=submit], tr.item')?.textContent.includes('Continue')"))
        page.one("button[type=submit]").click()
        page.row("f")
        self.assertEqual(page.path, "/browse/alice/where")
        page.driver.refresh()
        page.row("f")
        page.click("signout")
        page.sees("Sign in")

    def test_whom_nobody_knows_here_is_told_so(self):
        page = self.page()
        page.go("/page/signin")
        page.click("Sign in with Elsewhere")
        page.fill("login", "mallory")
        page.fill("password", "any")
        page.one("button[type=submit]").click()
        wait_until(lambda: page.js("return document.querySelector('button[type=submit]')?.textContent.includes('Continue')"))
        page.one("button[type=submit]").click()
        page.sees("you have no account here")


if __name__ == "__main__":
    main()
