# SPDX-License-Identifier: Apache-2.0
"""Folders in a browser: looking, choosing, changing, by mouse and by keyboard."""

import concurrent.futures
import io
import os
import subprocess
import tarfile
import zipfile

from browser import BrowserTest, Keys, main, wait_until
from quartet_test import TOP

MANY = 100_000
MAKERS = 16


class Folders(BrowserTest):
    def setUp(self):
        self.top = f"/alice/{self._testMethodName}"
        self.bed.create("ContainerNode", self.top)

    def put(self, name, data=b"x"):
        self.assertEqual(self.bed.put(f"{self.top}/{name}", data).status, 201)

    def names(self, path=""):
        text = self.bed.ask("GET", f"/nodes{self.top}{path}?detail=min", "alice").text
        return sorted(part.split('"')[0].rsplit("/", 1)[1] for part in text.split('uri="vos:')[2:])

    def open(self, **how):
        return self.sign_in("alice", "/browse" + self.top, **how)

    def test_an_address_is_a_place(self):
        self.bed.create("ContainerNode", self.top + "/sub")
        self.bed.create("ContainerNode", self.top + "/sub/deep & <odd> 100%")
        page = self.open()
        page.follow("sub")
        page.follow("deep & <odd> 100%")
        page.sees("This folder is empty")
        self.assertIn("deep & <odd> 100%", page.text(".crumbs"))
        page.driver.refresh()
        page.sees("This folder is empty")
        page.driver.back()
        page.row("deep & <odd> 100%")
        page.driver.back()
        page.row("sub")
        page.driver.forward()
        page.row("deep & <odd> 100%")
        page.click("all")
        page.row("public")
        page.go("/browse/alice/there-is-none")
        page.sees("does not exist")

    def test_what_is_made_renamed_moved_copied_and_deleted(self):
        self.put("f.txt", b"bytes")
        page = self.open()
        page.click("folder.new")
        page.fill("asked", "a/b")
        page.in_dialog("folder.new")
        page.sees("A name has no /")
        page.fill("asked", "made here")
        page.in_dialog("folder.new")
        page.row("made here")
        page.click("Actions for f.txt")
        page.in_dialog("rename")
        page.fill("asked", "renamed.txt")
        page.in_dialog("rename")
        page.row("renamed.txt")
        page.pick("renamed.txt")
        page.click("copy")
        page.sees("made here/")
        page.in_dialog("made here/")
        page.sees(f"{self.top}/made here")
        page.in_dialog("copy.here")
        page.no_dialog()
        wait_until(lambda: self.names("/made%20here") == ["renamed.txt"])
        self.put("g.txt")
        page.driver.refresh()
        page.pick("g.txt")
        page.click("move")
        page.in_dialog("made here/")
        page.sees(f"{self.top}/made here")
        page.in_dialog("move.here")
        page.no_row("g.txt")
        wait_until(lambda: self.names("/made%20here") == ["g.txt", "renamed.txt"])
        page.click("link.new")
        page.fill("link-name", "to the file")
        page.fill("link-target", self.top + "/renamed.txt")
        page.in_dialog("link.new")
        page.row("to the file")
        page.click("select.all")
        page.click("delete")
        page.sees("This cannot be undone")
        page.in_dialog("delete")
        page.sees("This folder is empty")
        self.assertEqual(self.names(), [])

    def test_what_fails_is_said_of_each(self):
        for name in ("a", "b", "c"):
            self.put(name)
        for name in ("a", "c"):
            document = self.bed.document("DataNode", f"{self.top}/{name}", {"ivo://cadc.nrc.ca/vospace/core#islocked": "true"})
            self.assertEqual(self.bed.ask("POST", f"/nodes{self.top}/{name}", "alice", document, {"Content-Type": "text/xml"}).status, 200)
        page = self.open()
        page.sees("locked")
        page.click("select.all")
        page.click("delete")
        page.in_dialog("delete")
        page.sees("2 could not be done")
        page.sees("It is locked")
        page.in_dialog("close")
        page.no_row("b")
        self.assertEqual(self.names(), ["a", "c"])

    def test_it_is_sorted_filtered_and_chosen_from(self):
        for n in range(30):
            self.put(f"file-{n:02d}.dat", b"x" * (1 + (n * 7) % 30))
        page = self.open()
        page.row("file-00.dat")
        page.click("size", "//thead")
        wait_until(lambda: page.rows()[0] == "file-00.dat")
        page.click("size", "//thead")
        wait_until(lambda: page.rows()[0] == "file-17.dat")  # 1 + 119 % 30 = 30 bytes
        page.one("input[type=search]").send_keys("-2")
        wait_until(lambda: sorted(page.rows()) == [f"file-2{n}.dat" for n in range(10)])
        page.sees("10 entries")
        page.click("select.all")
        page.sees("10 of 10 selected")
        page.at_row("file-20.dat", "r.click()")
        page.sees("1 of 10 selected")

    def test_by_keyboard_alone(self):
        self.bed.create("ContainerNode", self.top + "/1 folder")
        for name in ("2", "3", "4", "5"):
            self.put(name)
        page = self.open()
        page.focus("1 folder")
        page.press(Keys.ARROW_DOWN)
        page.press(Keys.SPACE)
        page.sees("1 of 5 selected")
        page.chord(Keys.SHIFT, Keys.ARROW_DOWN)
        page.sees("2 of 5 selected")
        page.chord(Keys.CONTROL, "a")
        page.sees("5 of 5 selected")
        page.press(Keys.ESCAPE)
        page.sees("5 entries")
        page.press(Keys.HOME)
        page.press(Keys.ENTER)
        page.sees("This folder is empty")
        page.driver.back()
        page.focus("5")
        page.press(Keys.F2)
        page.fill("asked", "five")
        page.press(Keys.ENTER)
        page.focus("five")
        page.press(Keys.DELETE)
        page.in_dialog("delete")
        page.no_row("five")

    def test_it_is_fetched_one_by_one_or_as_an_archive(self):
        self.put("one.txt", b"first")
        self.bed.create("ContainerNode", self.top + "/d")
        self.put("d/two.txt", b"second")
        page = self.open()
        page.follow("one.txt")
        self.assertEqual(page.downloaded("one.txt"), b"first")
        for verb, read in (("zip", lambda data: {i: zipfile.ZipFile(io.BytesIO(data)).read(i) for i in zipfile.ZipFile(io.BytesIO(data)).namelist()}),
                           ("tar", lambda data: {m.name: m for m in tarfile.open(fileobj=io.BytesIO(data))})):
            before = set(os.listdir(page.downloads))
            page.go("/browse" + self.top)
            page.row("one.txt")
            page.click("select.all")
            page.click("download")
            page.in_dialog(verb)

            def there():
                new = set(os.listdir(page.downloads)) - before
                return new and not any(n.startswith(".") or n.endswith(".crdownload") for n in new)
            wait_until(there)
            name = (set(os.listdir(page.downloads)) - before).pop()
            found = [n for n in read(page.downloaded(name))]
            self.assertTrue(any(n.endswith("one.txt") for n in found) and any(n.endswith("d/two.txt") for n in found), found)
        page.click("urls")
        self.assertIn(f"vcp 'vos:{self.top[1:]}/d' 'vos:{self.top[1:]}/one.txt' .", page.one("#vcp-line").get_property("value"))

    def test_a_fits_file_shows_its_headers_and_gives_cutouts(self):
        made = os.path.join(self.bed.dir, "fits")
        os.makedirs(made)
        subprocess.run(["/usr/bin/python3", os.path.join(TOP, "tests", "support", "make-fits"), made], check=True,
                       capture_output=True, timeout=120)
        name = sorted(n for n in os.listdir(made) if n.startswith("f32") and n.endswith(".fits"))[0]
        with open(os.path.join(made, name), "rb") as f:
            self.put("image.fits", f.read())
        page = self.open()
        page.click("Actions for image.fits")
        page.in_dialog("details")
        page.sees("Good copies")
        page.in_dialog("fits")
        wait_until(lambda: "SIMPLE" in page.js("return document.querySelector('dialog pre')?.textContent ?? ''"))
        page.fill("fits-ranges", "2:3,4:6")
        page.in_dialog("fits.cut")
        wait_until(lambda: any(n.endswith(".fits") for n in os.listdir(page.downloads)))
        page.fill("fits-ranges", "900000:900001,1:2")
        page.in_dialog("fits.cut")
        page.sees("There is no such cutout: look at the ranges")
        before = set(os.listdir(page.downloads))
        page.fill("fits-circle", "150.25, 2.125, 0.0002")
        page.in_dialog("fits.cut.circle")
        wait_until(lambda: any("circle_150_25_2_125_0_0002.fits" in n for n in set(os.listdir(page.downloads)) - before))
        page.fill("fits-circle", "10 20 0.1")
        page.in_dialog("fits.cut.circle")
        page.sees("the circle has to meet an image")

    def test_script_in_names_is_text(self):
        """Stored script: in names, groups, owners and link targets nothing of it runs."""
        evil = "<img src=x onerror=document.title='pwned'>"
        self.put(evil)
        document = self.bed.document("ContainerNode", self.top, {
            "ivo://ivoa.net/vospace/core#groupread": "ivo://cadc.nrc.ca/gms?&lt;script&gt;alert(1)&lt;/script&gt;",
            "ivo://ivoa.net/vospace/core#title": "&lt;script&gt;alert(1)&lt;/script&gt;"})
        self.bed.ask("POST", "/nodes" + self.top, "alice", document, {"Content-Type": "text/xml"})
        page = self.open()
        page.row(evil)
        page.click(f"Actions for {evil}")
        page.in_dialog("details")
        page.sees("Who can do what")
        page.in_dialog("close")
        page.go("/browse/" + "%3Cscript%3Edocument.title='pwned'%3C")
        page.sees("does not exist")
        page.go("/page/%3Cscript%3Ealert(1)%3C%2Fscript%3E")
        page.sees("There is no page here")
        self.assertNotIn("pwned", page.driver.title)
        self.assertEqual(page.all("main script, main img"), [])

    def test_nobody_sees_what_is_public_and_no_more(self):
        self.bed.create("ContainerNode", "/public/shown", "alice")
        page = self.page()
        page.go("/browse/public")
        page.row("shown")
        self.assertEqual([b for b in page.all("main button") if b.text in ("Upload files", "New folder", "Delete")], [])


class Large(BrowserTest):
    """A folder of 100,000 entries: the first rows at once, and any place of it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bed.create("ContainerNode", "/alice/many")

        def some(first):
            with cls.bed.nodes("alice") as create:
                for n in range(first, MANY, MAKERS):
                    create("DataNode", f"/alice/many/n{n:06d}")
        with concurrent.futures.ThreadPoolExecutor(MAKERS) as pool:
            list(pool.map(some, range(MAKERS)))

    def test_any_place_of_it_is_soon_there(self):
        page = self.sign_in("alice", "/browse/alice/many")
        page.row("n000000")
        page.sees(f"{MANY} entries", 60)
        for place in (0.5, 0.999, 0.123, 0.77):
            took = page.driver.execute_async_script("""
                const [place, n, done] = arguments, box = document.querySelector('.files'), began = performance.now();
                box.scrollTop = place * (box.scrollHeight - box.clientHeight);
                const look = () => {
                    const row = [...document.querySelectorAll('tr.item')].find(r => {
                        const at = r.getBoundingClientRect().top - box.getBoundingClientRect().top;
                        return at > 40 && at < box.clientHeight && r.cells[3].textContent !== '';
                    });
                    row ? done([performance.now() - began, row.cells[1].title]) : requestAnimationFrame(look);
                };
                setTimeout(look, 0);""", place, MANY)
            self.assertAlmostEqual(int(took[1][1:]) / MANY, place, delta=0.01)
            self.assertLess(took[0], 10_000)
        memory = page.js("return performance.memory?.usedJSHeapSize ?? 0")
        self.assertLess(memory, 200e6)
        page.js("document.querySelector('.files').scrollTop = 1e9")
        page.row(f"n{MANY - 1:06d}")
        page.one("input[type=search]").send_keys("04242")
        wait_until(lambda: page.rows() == ["n004242", "n042420", "n042421", "n042422", "n042423", "n042424", "n042425",
                                           "n042426", "n042427", "n042428", "n042429"])

    def test_a_page_is_few_requests(self):
        self.bed.create("ContainerNode", "/alice/few")
        with self.bed.nodes("alice") as create:
            for n in range(35):
                create("DataNode", f"/alice/few/n{n}")
        page = self.sign_in("alice", "/browse/alice")
        page.go("/browse/alice/few")
        page.row("n0")
        seen = page.js("return performance.getEntriesByType('resource').map(r => [r.name, r.responseEnd, r.encodedBodySize])"
                       " .concat(performance.getEntriesByType('navigation').map(r => [r.name, r.responseEnd, r.encodedBodySize]))")
        listing = [i for i, s in enumerate(seen) if "/vault/nodes/alice/few" in s[0] and "limit=200" in s[0]]
        self.assertEqual(len(listing), 1, seen)
        until = [s for s in seen if s[1] <= seen[listing[0]][1] and not s[0].startswith("data:")]
        self.assertLessEqual(len(until), 5, until)
        self.assertLessEqual(sum(s[2] for s in until), 150_000, until)


main()
