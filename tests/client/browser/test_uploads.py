# SPDX-License-Identifier: Apache-2.0
"""Uploads by a browser: several, whole folders, conflicts, and a connection that is lost."""

import os
import signal
import time

from browser import BrowserTest, main, wait_until
from crc32c import crc32c
from quartet_test import TOP


class Uploads(BrowserTest):
    def setUp(self):
        self.top = f"/alice/{self._testMethodName}"
        self.bed.create("ContainerNode", self.top)
        self.local = os.path.join(self.bed.dir, self._testMethodName)
        os.makedirs(self.local)

    def write(self, name, data):
        path = os.path.join(self.local, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data)
        return path

    def open(self):
        page = self.sign_in("alice", "/browse" + self.top)
        page.one("#pick-files")
        return page

    def holds(self, name, data):
        self.assertEqual(self.bed.get(f"{self.top}/{name}").body, data, name)

    def test_several_at_once_and_each_is_verified(self):
        data = {f"f{n}.bin": os.urandom(n * 1_700_000) for n in range(8)}  # small, empty, in transactions
        page = self.open()
        page.upload(*(self.write(name, bytes_) for name, bytes_ in data.items()))
        for name, bytes_ in data.items():
            page.row(name)
        wait_until(lambda: not page.all("#tasks progress:not([hidden])"), 60)
        for name, bytes_ in data.items():
            self.holds(name, bytes_)

    def test_a_folder_with_all_that_is_in_it(self):
        tree = {"a.txt": b"a", "sub/b.txt": b"b", "sub/deeper/c & d.txt": b"c"}
        for name, data in tree.items():
            self.write("tree/" + name, data)
        page = self.open()
        page.upload(os.path.join(self.local, "tree"), folder=True)
        page.row("tree")
        for name, data in tree.items():
            wait_until(lambda n=name: self.bed.ask("GET", f"/nodes{self.top}/tree/" + n.replace(" ", "%20").replace("&", "%26"), "alice").status == 200)
            self.holds("tree/" + name, data)

    def test_a_folder_dropped_onto_the_list(self):
        """What the page makes of what the browser's drop event holds."""
        page = self.open()
        page.js("""
            const file = (name, text) => ({ isFile: true, name, file: (yes) => yes(new File([text], name)) });
            const folder = (name, children) => ({ isFile: false, name, createReader: () => {
                const left = [children, []]; return { readEntries: (yes) => yes(left.shift()) }; } });
            const tree = folder('dropped', [file('f', 'one'), folder('empty', []), folder('full', [file('g', 'two')])]);
            const event = new Event('drop', { bubbles: true, cancelable: true });
            event.dataTransfer = { types: ['Files'], items: [{ webkitGetAsEntry: () => tree }] };
            document.querySelector('.files').dispatchEvent(event);""")
        page.row("dropped")
        wait_until(lambda: self.bed.ask("GET", f"/nodes{self.top}/dropped/full/g", "alice").status == 200)
        self.holds("dropped/f", b"one")
        self.holds("dropped/full/g", b"two")
        self.assertEqual(self.bed.ask("GET", f"/nodes{self.top}/dropped/empty", "alice").status, 200)

    def test_conflicts_are_asked_about_once(self):
        for name in ("x.txt", "y.txt"):
            self.bed.put(f"{self.top}/{name}", b"old")
        new = [self.write(name, b"new " + name.encode()) for name in ("x.txt", "y.txt", "z.txt")]
        page = self.open()
        page.upload(*new)
        page.sees("2 files are there already")
        page.in_dialog("skip.them")
        page.row("z.txt")
        self.holds("x.txt", b"old")
        page.driver.refresh()
        page.upload(*new[:2])
        page.in_dialog("rename.them")
        page.row("x (2).txt")
        self.holds("y.txt", b"old")
        self.holds("x (2).txt".replace(" ", "%20").replace("%20", " "), b"new x.txt")
        page.driver.refresh()
        page.upload(new[0])
        page.in_dialog("replace.them")
        wait_until(lambda: self.bed.get(f"{self.top}/x.txt").body == b"new x.txt")

    def test_it_goes_on_where_the_connection_was_lost(self):
        """The server is stopped and started again in the middle of a large file."""
        path = os.path.join(self.local, "large.bin")
        block = os.urandom(1 << 20)
        with open(path, "wb") as f:
            for n in range(300):
                f.write(n.to_bytes(4, "big") + block[4:])
        page = self.open()
        page.js("XMLHttpRequest.prototype.send = (send => function (body) {"
                " this.timeout = 0; return send.call(this, body); })(XMLHttpRequest.prototype.send)")
        page.upload(path)
        wait_until(lambda: float(page.js("return document.querySelector('#tasks progress')?.value ?? 0")) > 20e6, 60)
        os.kill(self.bed.pid, signal.SIGKILL)
        wait_until(lambda: not os.path.exists(f"/proc/{self.bed.pid}"))
        time.sleep(0.5)
        self.bed.up()
        wait_until(lambda: "checksum right" in page.text("#tasks") or page.js(
            "return [...document.querySelectorAll('tr.item')].some(r => r.cells[1].title === 'large.bin')"), 120)
        with open(path, "rb") as f:
            self.holds("large.bin", f.read())

    # What goes wrong on the way goes wrong inside the page here: `bad` says which of the large
    # bodies, counted from 0, leave with a byte changed, `lost` whose answers never come.

    LARGE = 9_000_011
    WRONG_WAY = """
        const send = XMLHttpRequest.prototype.send, [bad, lost] = arguments;
        window.sent = 0;
        XMLHttpRequest.prototype.send = function (body) {
          if (!(body instanceof Blob) || body.size < 1e6) return send.call(this, body);
          const n = window.sent++;
          if (lost.includes(n)) this.onload = this.onerror;
          if (!bad.includes(n)) return send.call(this, body);
          body.slice(4e6, 4e6 + 1).arrayBuffer().then((one) => {
            new Uint8Array(one)[0] ^= 1;
            send.call(this, new Blob([body.slice(0, 4e6), one, body.slice(4e6 + 1)], { type: body.type }));
          });
        };"""

    def upload_wrongly(self, bad, lost=()):
        data = os.urandom(self.LARGE)
        page = self.open()
        page.js(self.WRONG_WAY, list(bad), list(lost))
        page.upload(self.write("large.bin", data))
        return page, data

    def test_a_part_that_came_damaged_is_sent_again(self):
        page, data = self.upload_wrongly(bad=[0, 1])
        page.sees("checksum right")
        self.assertEqual(page.js("return window.sent"), 3)
        self.holds("large.bin", data)

    def test_one_that_is_always_damaged_never_becomes_a_file(self):
        page, _ = self.upload_wrongly(bad=range(99))
        page.sees("The bytes that arrived are not those of the file")
        self.assertEqual(page.js("return window.sent"), 5)
        self.assertEqual(self.bed.ask("GET", f"/nodes{self.top}/large.bin", "alice").status, 404)

    def test_what_came_without_an_answer_is_compared_as_a_whole(self):
        page, data = self.upload_wrongly(bad=[], lost=[0])
        page.sees("checksum right")
        self.assertEqual(page.js("return window.sent"), 1)
        self.assertTrue(page.js("return performance.getEntriesByType('resource').some(r => r.name.endsWith('/ui/md5.js'))"))
        self.holds("large.bin", data)

    def test_what_came_damaged_and_without_an_answer_is_refused(self):
        page, _ = self.upload_wrongly(bad=[0], lost=[0])
        page.sees("The bytes that arrived are not those of the file")
        self.assertEqual(self.bed.ask("GET", f"/nodes{self.top}/large.bin", "alice").status, 404)

    def test_it_can_be_cancelled(self):
        path = os.path.join(self.local, "large.bin")
        with open(path, "wb") as f:
            f.truncate(600 << 20)
        page = self.open()
        page.upload(path)
        page.one("#tasks progress")
        page.click("cancel", "//section[@id='tasks']")
        page.sees("cancelled")
        self.assertEqual(self.bed.ask("GET", f"/nodes{self.top}/large.bin", "alice").status, 404)

    def test_what_the_quota_does_not_allow_is_said(self):
        self.bed.tool("quota", self.top, "100000")
        page = self.open()
        page.sees("of 100 kB used")
        page.upload(self.write("too-large.bin", os.urandom(200_000)))
        page.sees("The quota does not allow it")


class Checksum(BrowserTest):
    """The worker that makes the CRC32C, and how it reads."""

    # In place of the worker's own surroundings: a stream as the browser has it, one whose
    # second read never ends, and none.
    RUN = """
        const [streams, done] = arguments, real = Blob.prototype.stream;
        const slow = function () {
          const reader = real.call(this).getReader({ mode: "byob" });
          let reads = 0;
          return { getReader: () => ({
            read: (view) => ++reads === 2 ? new Promise(() => {}) : reader.read(view),
            cancel: () => reader.cancel(),
          }) };
        };
        Blob.prototype.stream = { real, slow, none: () => { throw new TypeError("none"); } }[streams];
        let ask;
        const self = {
          addEventListener: (_, listener) => { ask = listener; },
          postMessage: (said) => { Blob.prototype.stream = real; done(said); },
        };
        %s
        ask({ data: new Blob([Uint8Array.from({ length: 9999991 }, (_, i) => i * 7 + (i >> 8))]) });
    """

    def test_it_is_right_however_the_file_is_read(self):
        with open(os.path.join(TOP, "service", "ui", "crc32c.js"), encoding="utf-8") as f:
            module = f.read()
        self.assertIn("STALLED_MS = 20000", module)
        module = module.replace("STALLED_MS = 20000", "STALLED_MS = 100")
        page = self.sign_in("alice")
        page.driver.set_script_timeout(60)
        expected = crc32c(bytes((i * 7 + (i >> 8)) & 255 for i in range(9999991))).partition("=")[2]
        for streams in ("real", "slow", "none"):
            self.assertEqual(page.driver.execute_async_script(self.RUN % module, streams), {"sum": expected}, streams)


main()
