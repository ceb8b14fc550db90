# SPDX-License-Identifier: Apache-2.0
"""Signing in and out, asking for an account, and one's own account, in a browser."""

from browser import BrowserTest, main, wait_until


class SigningIn(BrowserTest):
    settings = ("registration=approval",)

    def test_a_password_leads_home_and_out_again(self):
        page = self.page()
        page.go("/page/signin")
        page.fill("username", "alice")
        page.fill("password", "wrong")
        page.click("signin", "//main")
        page.sees("the name or the password is wrong")
        page.fill("password", self.password("alice"))
        page.click("signin", "//main")
        wait_until(lambda: page.path == "/browse/alice")
        page.sees("Sign out")
        self.assertTrue(page.js("return document.cookie === ''"))  # no script reads it
        page.click("signout")
        page.sees("Sign in")
        page.go("/browse/alice")
        page.sees("Sign in to see this")

    def test_afterwards_one_is_where_one_wanted_to_be_but_nowhere_else(self):
        self.bed.create("ContainerNode", "/alice/wanted")
        page = self.page()
        page.go("/browse/alice/wanted")
        page.click("signin", "//main")
        page.fill("username", "alice")
        page.fill("password", self.password("alice"))
        page.click("signin", "//main")
        wait_until(lambda: page.path == "/browse/alice/wanted")
        for evil in ("https://evil.example/", "//evil.example/browse/", "javascript:alert(1)", "/gms/login", "/\\evil.example"):
            page.click("signout")
            page.sees("Sign in")
            self.sign_in("alice", evil, page=page)
            self.assertTrue(page.driver.current_url.startswith(page.base + "/browse/"), (evil, page.driver.current_url))

    def test_a_session_that_is_over_says_so(self):
        page = self.sign_in("bob")
        self.bed.tool("user", "revoke", "bob")
        page.click("all")
        page.row("bob")
        page.js("document.querySelector('a[href=\"/browse/bob\"]').click()")
        page.sees("You are not signed in any more")
        self.sign_in("bob", page=page)

    def test_an_account_is_asked_for_and_approved(self):
        page = self.page()
        page.go("/page/register")
        for name, value in (("username", "nora"), ("display", "Nora <b>N.</b>"), ("email", "n@example.org"), ("password", "noras password")):
            page.fill(name, value)
        page.click("register", "//main")
        page.sees("as soon as an administrator has approved")
        admin = self.sign_in("admin", "/page/admin")
        admin.sees("Nora <b>N.</b>")
        admin.sees("waits for approval")
        admin.click("Approve: nora")
        wait_until(lambda: "waits for approval" not in admin.text("main"))
        page.go("/page/signin")
        page.fill("username", "nora")
        page.fill("password", "noras password")
        page.click("signin", "//main")
        wait_until(lambda: page.path == "/browse/nora")

    def test_ones_own_account(self):
        page = self.sign_in("carol", "/page/account")
        page.sees("CN=carol")
        page.fill("display", "Carol C.")
        page.click("save", "//main")
        page.sees("Done")
        page.fill("old", "not it")
        page.one("form [name=password]")
        page.fill("password", "carols new password")
        page.click("password.change", "//main")
        page.sees("that is not the password so far")
        page.fill("label", "a script")
        page.click("token.new", "//main")
        token = page.text("#token-text")
        self.assertEqual(self.bed.ask("GET", "/nodes/carol", headers={"Authorization": "Bearer " + token}).status, 200)
        page.in_dialog("close")
        page.click("Revoke a script")
        wait_until(lambda: "a script" not in page.text("main"))
        self.assertEqual(self.bed.ask("GET", "/nodes/carol", headers={"Authorization": "Bearer " + token}).status, 401)
        page.click("certificate.get")
        self.assertIn(b"BEGIN CERTIFICATE", page.downloaded("cadcproxy.pem"))

    def test_in_french(self):
        page = self.page(language="fr")
        page.go("/")
        self.assertEqual(page.js("return document.documentElement.lang"), "fr")
        page.sees("Se connecter")
        page.js("const s = document.querySelector('#nav select'); s.value = 'en'; s.dispatchEvent(new Event('change'))")
        page.sees("Sign in")
        page.go("/browse/")
        page.sees("Sign in")


main()
