# SPDX-License-Identifier: Apache-2.0
"""Every page, wide and narrow, light and dark, in both languages, before a checker of accessibility (axe-core).

With QUARTET_SCREENSHOTS=DIR pictures of all of them go there, to be looked at.
"""

import glob
import sys

from browser import BrowserTest, main, wait_until
from client_packages import Packages, Unavailable

PAGES = {
    "signin": (None, "/page/signin"), "forgot": (None, "/page/forgot"), "renew": (None, "/page/renew#x"), "register": (None, "/page/register"), "nothing": (None, "/page/nothing"),
    "anonymous": (None, "/browse/"), "refused": (None, "/browse/alice"), "folder": ("alice", "/browse/alice/look"),
    "empty": ("alice", "/browse/alice/look/empty"), "root": ("alice", "/browse/"), "account": ("alice", "/page/account"),
    "groups": ("alice", "/page/groups"), "admin": ("admin", "/page/admin"),
}
DIALOGS = {"menu": ["Actions for a file.txt"], "details": ["Actions for a file.txt", "details"],
           "share": ["Actions for a file.txt", "share"], "permissions": ["permissions"],
           "new-folder": ["folder.new"], "new-link": ["link.new"], "urls": ["urls"], "download": ["download"]}
LOOKS = [("en", (1200, 800), False), ("fr", (400, 800), True)]

AXE = Packages("-axe", ["axe-core-python"])


class Looks(BrowserTest):
    settings = ("registration=approval",)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        bed = cls.bed
        for path in ("/alice/look", "/alice/look/empty"):
            bed.create("ContainerNode", path)
        bed.put("/alice/look/a file.txt", b"x" * 1234)
        bed.put("/alice/look/" + "long-name-" * 20, b"x")
        bed.create("LinkNode", "/alice/look/a link", target="https://example.org/")
        bed.create("DataNode", "/alice/look/shared", properties={
            "ispublic": "true", "groupread": "ivo://cadc.nrc.ca/gms?staff ivo://cadc.nrc.ca/gms?team-a"})
        bed.tool("quota", "/alice/look", "1000000")
        bed.tool("user", "describe", "alice", "Alice A.", "alice@example.org")

    def check(self, page, name):
        """No findings of axe's that are serious; each names the rule and the elements."""
        page.js(AXE_SOURCE)
        found = page.driver.execute_async_script(
            "const done = arguments[0]; axe.run(document, { resultTypes: ['violations'] })"
            ".then(r => done(r.violations.map(v => [v.impact, v.id, v.nodes.map(n => n.html.slice(0, 200))])), e => done([['critical', String(e), []]]))")
        serious = [f for f in found if f[0] in ("serious", "critical")]
        self.assertEqual(serious, [], name)
        page.shot(name)

    def test_the_checker_finds_what_is_wrong(self):
        page = self.page()
        page.go("/page/signin")
        page.js("document.querySelector('label[for=username]').remove(); document.querySelector('main h1').style.color = '#eee'")
        with self.assertRaises(AssertionError) as found:
            self.check(page, "spoilt")
        self.assertIn("label", str(found.exception))
        self.assertIn("color-contrast", str(found.exception))

    def test_every_page_is_accessible(self):
        for language, size, dark in LOOKS:
            look = f"{language}-{size[0]}-{'dark' if dark else 'light'}"
            users = {None: self.page(language=language, size=size, dark=dark)}
            for name in ("alice", "admin"):
                users[name] = self.sign_in(name, page=self.page(language=language, size=size, dark=dark))
            for name, (user, path) in PAGES.items():
                with self.subTest(f"{name} {look}"):
                    page = users[user]
                    page.go(path)
                    wait_until(lambda p=page: p.js("return document.querySelector('main').innerText.length > 10"))
                    if path.startswith("/browse/alice/look") and user and name == "folder":
                        page.row("shared")
                    wait_until(lambda p=page: p.js("return document.querySelector('main section:empty') === null"))
                    self.check(page, f"{name}-{look}")
                    # Nothing sticks out at the side.
                    self.assertTrue(page.js("return document.documentElement.scrollWidth <= innerWidth"), name)
            page = users["alice"]
            for name, keys in DIALOGS.items():
                with self.subTest(f"{name} {look}"):
                    page.go("/browse/alice/look")
                    page.pick("a file.txt", *(["shared"] if name == "download" else []))
                    first = keys[0]
                    if first.startswith("Actions for"):
                        first = page.words["actions.of"].replace("{name}", "a file.txt")
                    page.click(first)
                    for key in keys[1:]:
                        page.in_dialog(key)
                    page.dialog()
                    wait_until(lambda p=page: p.js("return document.querySelector('dialog[open]').innerText.length > 5"))
                    self.check(page, f"dialog-{name}-{look}")


def source():
    """The checker, or the reason why there is none."""
    with AXE.prepare():
        (path,) = glob.glob(AXE.path("lib", "python*", "site-packages", "axe_core_python", "axe.min.js"))
        with open(path, encoding="utf-8") as f:
            return f.read()


try:
    AXE_SOURCE = source()
except Unavailable as why:
    print(f"skipped: the checker cannot be installed: {why}", file=sys.stderr)
    sys.exit(77)
main()
