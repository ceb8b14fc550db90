# SPDX-License-Identifier: Apache-2.0
"""Cutouts over the wire: files go up, sections come down, astropy has the last word.

The cases of cutout_cases.py run against a server here; what only HTTP knows comes after
them. Needs numpy and astropy; exit 77 without.
"""

import concurrent.futures
import contextlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse

import cutout_cases
from cutout_cases import CutoutCases, Reply, parse
from quartet_test import Testbed, main, unittest, wait_until

# Fault word -> status, of all a cutout can be refused with.
STATUS = {"InvalidArgument": 400, "InvalidData": 422, "RequestEntityTooLarge": 413}
NOT_UPLOADED = {"sparse.fits"}  # 6 GiB four times: cut by the library alone
PAGE = 4096

BED = None
URL = {}  # the byte URL of each file


def setUpModule():
    global BED
    folder = tempfile.mkdtemp(prefix="cutouts-")
    unittest.addModuleCleanup(shutil.rmtree, folder)
    cutout_cases.make_inputs(folder)
    BED = Testbed.start()
    unittest.addModuleCleanup(BED.close)
    names = sorted(set(os.listdir(folder)) - NOT_UPLOADED)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for name, url in zip(names, pool.map(upload, names)):
            URL[name] = url


def upload(name, source=None, **headers):
    """The byte URL of the file, now stored."""
    with open(os.path.join(cutout_cases.INPUT, source or name), "rb") as f:
        answer = BED.put(f"/alice/{name}", f, headers=headers)
    assert answer.status == 201, answer.text
    return byte_url(name)


def byte_url(name):
    answer = BED.ask("GET", "/files/alice/" + urllib.parse.quote(name), "alice")
    assert answer.status == 303, answer.text
    return answer.headers["Location"]


def query_of(subs):
    return "?" + "&".join("SUB=" + urllib.parse.quote(sub) for sub in subs)


def get(url, **headers):
    return BED.ask("GET", url, headers=headers)


class OverTheWire(CutoutCases, unittest.TestCase):
    maxDiff = 2000

    def setUp(self):
        self.connection = BED.connect()
        self.addCleanup(self.connection.close)

    def fetch(self, url):
        parts = urllib.parse.urlsplit(url)
        self.connection.request("GET", f"{parts.path}?{parts.query}")
        answer = self.connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def ask(self, name, *subs, meta=False):
        status, headers, body = self.fetch(URL[name] + ("?META=true" if meta else query_of(subs)))
        if status != 200:
            fault, _, text = body.decode().partition(": ")
            self.assertEqual(status, STATUS.get(fault), body)
            self.assertEqual(headers.get_content_type(), "text/plain")
            return Reply(fault=fault, text=text.rstrip("\n"))
        self.assertIsNone(headers["Digest"])
        self.assertEqual(headers["Accept-Ranges"], "none")
        name = re.fullmatch('inline; filename="([^"]+)"', headers["Content-Disposition"])
        return Reply(blob=body, length=int(headers["Content-Length"]),
                     type=headers["Content-Type"], name=name.group(1))


class Http(unittest.TestCase):
    """What the library does not know of."""

    def assertRefused(self, answer, text, fault="InvalidArgument"):
        self.assertEqual(answer.status, STATUS[fault], answer.text[:200])
        self.assertTrue(answer.text.startswith(fault + ": "), answer.text)
        self.assertIn(text, answer.text)

    def test_head_says_what_get_says(self):
        for query in query_of(["[0][3:12,4:9]"]), "?META=true":
            got = get(URL["f32.fits"] + query)
            for url, user in (URL["f32.fits"], None), ("/files/alice/f32.fits", "alice"):
                said = BED.ask("HEAD", url + query, user)
                self.assertEqual((said.status, said.body), (200, b""))
                for header in ("Content-Length", "Content-Type", "Content-Disposition", "ETag",
                               "Accept-Ranges", "Last-Modified"):
                    self.assertEqual(said.headers[header], got.headers[header], header)
                self.assertIsNone(said.headers["Digest"])
        said = BED.ask("HEAD", URL["f32.fits"] + query_of(["[9]"]))
        self.assertEqual((said.status, said.body), (400, b""))

    def test_a_range_is_ignored(self):
        url = URL["f32.fits"] + query_of(["[0][3:12,4:9]"])
        answer = get(url, Range="bytes=0-9")
        self.assertEqual((answer.status, answer.body), (200, get(url).body))
        self.assertIsNone(answer.headers["Content-Range"])

    def test_browsers_run_nothing(self):
        headers = get(URL["f32.fits"] + "?META=true").headers
        self.assertIn("sandbox", headers["Content-Security-Policy"])
        self.assertEqual(headers["X-Content-Type-Options"], "nosniff")

    def test_tags_of_cutouts(self):
        def tag(*subs):
            return get(URL["f32.fits"] + query_of(subs)).headers["ETag"]

        same = tag("[0][1:2,:]")
        self.assertEqual(same, tag(" [ 0 ] [ +1 : 2 , * ] "))
        self.assertEqual(same, tag("[1:2,*]"))
        tags = {same, tag("[0][2:1,*]"), tag("[0][1:2]", "[0]"), tag("[0]"),
                get(URL["f32.fits"]).headers["ETag"], get(URL["f32.fits"] + "?META=true").headers["ETag"]}
        self.assertEqual(len(tags), 6)
        url = URL["f32.fits"] + query_of(["[1:2,*]"])
        answer = get(url, **{"If-None-Match": same})
        self.assertEqual((answer.status, answer.body), (304, b""))
        self.assertEqual(get(url, **{"If-None-Match": '"other"'}).status, 200)

    def test_parameters_on_files_come_back_with_the_redirect(self):
        query = query_of(["[ERR,3][1:2,1:2]", "[SCI,1][1:2,1:2]"])
        answer = BED.ask("GET", "/files/alice/mef.fits" + query, "alice")
        self.assertEqual(answer.status, 303)
        self.assertEqual(len(parse(get(answer.headers["Location"]).body)), 3)
        # As clients do: asked without, appended to what came.
        self.assertEqual(get(URL["mef.fits"] + query).body, get(answer.headers["Location"]).body)

    def test_spellings(self):
        url, expected = URL["f32.fits"], get(URL["f32.fits"] + query_of(["[0][3:12,4:9]"])).body
        for query in ("SUB=[0][3:12,4:9]", "sub=%5B0%5D%5B3:12,4:9%5D", "SUB=[0]+[+%2B3:12,4:+9]",
                      "cutout=[0][3:12,4:9]", "CUTOUT=[3:12,4:9]", "RUNID=x&SUB=[3:12,4:9]",
                      "SUB=[3:12,4:9]&META=false"):
            with self.subTest(query):
                answer = get(f"{url}?{query}")
                self.assertEqual((answer.status, answer.body), (200, expected))
        self.assertEqual(get(f"{url}?META=no").body, get(url).body)
        meta = get(f"{url}?meta=true")
        self.assertEqual(meta.headers["Content-Type"], "text/plain")
        self.assertEqual(meta.headers["Content-Disposition"], 'inline; filename="f32.fits.txt"')

    def test_what_the_headers_were_called_before(self):
        answer = BED.ask("GET", "/files/alice/f32.fits?view=header", "alice")
        self.assertEqual(answer.status, 303)
        self.assertEqual(get(answer.headers["Location"]).body, get(URL["f32.fits"] + "?META=true").body)

    def test_names(self):
        for name, shown in (("plain", "plain.0__3_12_4_9.fits"), ("a.b", "a.b.0__3_12_4_9.fits"),
                            ("x.FITS", "x.0__3_12_4_9.fits")):
            url = upload(name, "f32.fits", **{"Content-Type": "application/octet-stream"})
            answer = get(url + query_of(["[0][3:12,4:9]"]))
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.headers["Content-Type"], "application/fits")
            self.assertEqual(answer.headers["Content-Disposition"], f'inline; filename="{shown}"')
        url = upload("gr\u00fcn x.fits", "f32.fits")
        self.assertEqual(get(url + query_of(["[0]"])).headers["Content-Disposition"],
                         "inline; filename=\"gr__n x.0.fits\"; filename*=utf-8''gr%C3%BCn%20x.0.fits")

    def test_what_is_not_done_yet_says_so(self):
        for query in ("BAND=1e-7 2e-7", "TIME=5000 6000", "POL=I", "band=", "SUB=[0]&BAND=1 2",
                      "CIRCLE=10 20 0.1&POL=I", "cutout=BAND 1 2"):
            with self.subTest(query):
                answer = get(f"{URL['f32.fits']}?{urllib.parse.quote(query, safe='=&')}")
                self.assertRefused(answer, "not supported here yet")
        self.assertRefused(get(URL["packed.fits.fz"] + query_of(["[1][1:2,1:2]"])), "tile-compressed")

    def test_conflicts(self):
        self.assertRefused(get(URL["f32.fits"] + "?META=true&SUB=[0]"), "exclude")
        self.assertRefused(get(URL["f32.fits"] + "?SUB="), "")
        self.assertRefused(get(URL["f32.fits"] + "?SUB"), "")
        self.assertRefused(get(URL["f32.fits"] + "?cutout=abc"), "")

    def test_an_empty_file(self):
        answer = get(URL["m1-empty.fits"])
        self.assertEqual((answer.status, answer.body), (200, b""))
        for query in "?META=true", "?SUB=[0]":
            self.assertRefused(get(URL["m1-empty.fits"] + query), "empty")

    def test_without_parameters_the_file_comes_as_it_is(self):
        for name in "m1-text.fits", "m5-naxis99.fits", "packed.fits.fz":
            with open(os.path.join(cutout_cases.INPUT, name), "rb") as f:
                self.assertEqual(get(URL[name]).body, f.read())

    def test_oversize_requests(self):
        for query in ("?SUB=" + "1" * (1 << 20), "?" + "&".join(["SUB=[0]"] * 10000)):
            with contextlib.closing(BED.socket()) as s:
                path = urllib.parse.urlsplit(URL["f32.fits"]).path
                request = f"GET {path}{query} HTTP/1.1\r\nHost: {BED.env['QUARTET_HOST']}\r\n\r\n"
                with contextlib.suppress(OSError):  # the server may hang up before the end
                    s.sendall(request.encode())
                status = s.recv(100).split(b" ")[1]
                self.assertIn(status, (b"414", b"431"))
        for sub in "[0]%00", "[0%00]", "%00", "[0][1:2%00,*]", "[0]%", "[%ff]":
            self.assertRefused(get(f"{URL['f32.fits']}?SUB={sub}"), "")

    def test_who_may_not_read_gets_no_cutout(self):
        for method in "GET", "HEAD":
            self.assertEqual(BED.ask(method, "/files/alice/f32.fits?SUB=[0]", "bob").status, 403)
            self.assertEqual(BED.ask(method, "/files/alice/f32.fits?SUB=[0]").status, 401)
        self.assertEqual(BED.ask("GET", "/files/alice/none.fits?SUB=[0]", "alice").status, 404)


class Damage(unittest.TestCase):
    """Files and requests that are broken disturb nobody else."""

    ASKED = ["?SUB=[0]", "?SUB=[0][*]", "?SUB=[1]", "?SUB=[SCI,2][1:9,1:9]", "?META=true"]
    REFUSAL_LIMIT_S = 30  # stuck, not slow
    GROWTH_MAX_KIB = 50 * 1024

    def good_requests(self, stop, failures):
        expected = get(URL["mef.fits"] + query_of(["[SCI,2][5:9,5:9]"])).body
        while not stop.is_set():
            answer = get(URL["mef.fits"] + query_of(["[SCI,2][5:9,5:9]"]))
            if (answer.status, answer.body) != (200, expected):
                failures.append(answer)

    @contextlib.contextmanager
    def others_undisturbed(self):
        stop, failures = threading.Event(), []
        threads = [threading.Thread(target=self.good_requests, args=(stop, failures))
                   for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(failures, [])

    def peak_kib(self):
        with open(f"/proc/{BED.pid}/status", encoding="ascii") as f:
            return int(re.search(r"VmHWM:\s+(\d+)", f.read()).group(1))

    def test_broken_files(self):
        pid = BED.pid
        with open(f"/proc/{pid}/clear_refs", "w", encoding="ascii") as f:
            f.write("5\n")  # the peak counts from here
        before = self.peak_kib()
        broken = sorted(name for name in URL if name.startswith("m"))
        with self.others_undisturbed():
            for name in broken:
                for query in self.ASKED:
                    began = time.monotonic()
                    status = get(URL[name] + query).status
                    self.assertIn(status, (200, 400, 413, 422), (name, query))
                    self.assertLess(time.monotonic() - began, self.REFUSAL_LIMIT_S)
        self.assertEqual(BED.pid, pid)
        with open(f"/proc/{pid}/maps", encoding="utf-8") as f:
            sanitized = "asan" in f.read()
        if not sanitized:
            self.assertLess(self.peak_kib() - before, self.GROWTH_MAX_KIB)

    def test_broken_requests(self):
        with self.others_undisturbed():
            for sub in "[", "[0][1:2:0]", "[99999999999999999999:1]", "[0]" * 20, "*" * 4000:
                self.assertEqual(get(URL["f32.fits"] + query_of([sub])).status, 400)


class OtherToolsSyntax(unittest.TestCase):
    """What other FITS tools would open, run or overwrite is nothing but a wrong request."""

    MARK = "quartet-mark"

    def setUp(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.listener.close)
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        port = self.listener.getsockname()[1]
        mark = os.path.join(self.folder, self.MARK)
        with open(mark + ".txt", "w", encoding="ascii") as f:
            f.write("A > 1\n")
        self.subs = [
            f"[!{mark}]", f"!{mark}[0]", f"{mark}.txt[0]", f"[0]({mark})", f"[0({mark})]",
            f"[http://127.0.0.1:{port}/{self.MARK}]", f"http://127.0.0.1:{port}/{self.MARK}[0]",
            f"[@{mark}.txt]", f"[0][@{mark}.txt]", "[0;1]", "[0][1:2;1:2]", "[#]", "[0][#ROW<5]",
            "[0][bin X]", "[bin X,Y]", "[0][col A]", "[col A=B]", f"[regfilter('{mark}.txt')]",
            f"shmem://{self.MARK}", "-", "stdin", "[0][compress R]", f"[0][1:2,1:2]({mark})",
        ]

    def ask_all(self):
        for sub in self.subs:
            for query in query_of([sub]), "?cutout=" + urllib.parse.quote(sub):
                answer = get(URL["mef.fits"] + query)
                self.assertEqual(answer.status, 400, sub)

    def assertUntouched(self):
        self.assertEqual(os.listdir(self.folder), [self.MARK + ".txt"])
        self.listener.settimeout(0.2)
        with self.assertRaises(TimeoutError):
            self.listener.accept()

    def open_files(self):
        folder = f"/proc/{BED.pid}/fd"
        links = []
        for fd in os.listdir(folder):
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                links.append(os.readlink(os.path.join(folder, fd)))
        # Its own files it opens and closes as it likes: copies, probes.
        return sorted(link for link in links if not link.startswith(("socket:", BED.dir)))

    def test_no_file_is_opened(self):
        get(URL["mef.fits"] + query_of(["[0]"]))
        before = self.open_files()
        self.ask_all()
        self.assertEqual(self.open_files(), before)
        self.assertUntouched()

    def test_no_system_call_sees_a_name(self):
        strace = shutil.which("strace")
        if strace is None:
            self.skipTest("strace is not installed; on Debian: apt install strace")
        calls = os.path.join(tempfile.mkdtemp(), "calls")
        self.addCleanup(shutil.rmtree, os.path.dirname(calls))
        with open(calls, "x", encoding="ascii"):
            pass
        with subprocess.Popen(
                [strace, "-f", "-qq", "-s", "4096", "-e", "trace=%file,socket,connect,bind,accept4",
                 "-o", calls, "-p", str(BED.pid)], stderr=subprocess.PIPE, text=True) as tracer:

            def attached():
                return tracer.poll() is not None or traces_accept()

            def traces_accept():
                get(URL["mef.fits"] + query_of(["[0]"]))
                with open(calls, encoding="utf-8", errors="replace") as f:
                    return "accept4(" in f.read()

            try:
                wait_until(attached)
                if tracer.poll() is not None:
                    self.skipTest(f"strace: {tracer.stderr.read().strip()}")
                self.ask_all()
            finally:
                with contextlib.suppress(ProcessLookupError):
                    tracer.terminate()
        with open(calls, encoding="utf-8", errors="replace") as f:
            trace = f.read()
        self.assertNotIn(self.MARK, trace)
        self.assertNotRegex(trace, r"\b(socket|connect|bind)\(")
        self.assertUntouched()


class LargeImage(unittest.TestCase):
    """Results of many pieces; cold ones read hardly more pages than their pixels lie on."""

    SIDE, CUT, FIRST = 4096, 500, 1701
    WINDOW = 24 * PAGE  # what is read to find a header, and its checksums
    MORE = 1.2
    CROWD = 40

    @classmethod
    def setUpClass(cls):
        cls.data = cutout_cases.plain_image(cls.SIDE)
        with open(os.path.join(cutout_cases.INPUT, "big.fits"), "wb") as f:
            f.write(cls.data)
        last = cls.FIRST + cls.CUT - 1
        cls.whole = upload("big.fits") + query_of(["[0]"])
        cls.part = byte_url("big.fits") + query_of([f"[0][{cls.FIRST}:{last},{cls.FIRST}:{last}]"])

    def rows(self):
        """Where the pixels of the part are: (offset, bytes) in the file."""
        for y in range(self.FIRST - 1, self.FIRST - 1 + self.CUT):
            yield 2880 + (y * self.SIDE + self.FIRST - 1) * 4, self.CUT * 4

    def assertIsPart(self, answer):
        self.assertEqual(answer.status, 200)
        pixels = b"".join(self.data[at:at + n] for at, n in self.rows())
        self.assertTrue(answer.body[2880:].rstrip(b"\0") == pixels.rstrip(b"\0"))

    def test_many_at_once(self):
        with concurrent.futures.ThreadPoolExecutor(self.CROWD) as pool:
            for answer in pool.map(get, [self.part] * (3 * self.CROWD)):
                self.assertIsPart(answer)

    def test_clients_that_leave(self):
        path = urllib.parse.urlsplit(self.whole)
        request = (f"GET {path.path}?{path.query} HTTP/1.1\r\n"
                   f"Host: {BED.env['QUARTET_HOST']}\r\n\r\n").encode()
        for read in 0, 1, 5000, 100_000, 3_000_000:
            with contextlib.closing(BED.socket()) as s:
                s.sendall(request)
                while read > 0:
                    read -= len(s.recv(min(read, 65536)))
        self.assertIsPart(get(self.part))

    def drop_caches(self):
        for location in BED.locations:
            for folder, _, names in os.walk(os.path.join(location, "blob")):
                for name in names:
                    fd = os.open(os.path.join(folder, name), os.O_RDONLY)
                    os.fsync(fd)
                    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
                    os.close(fd)

    def read_bytes(self):
        with open(f"/proc/{BED.pid}/io", encoding="ascii") as f:
            return int(re.search(r"^read_bytes: (\d+)", f.read(), re.M).group(1))

    def read_cold(self, url):
        """The answer, and how many bytes were read from the device for it."""
        get(url)
        self.drop_caches()
        before = self.read_bytes()
        answer = get(url)
        read = self.read_bytes() - before
        if read == 0:
            self.skipTest("this file system counts no bytes from a device")
        return answer, read

    def test_pages_read(self):
        pages = set()
        for at, n in self.rows():
            pages.update(range(at // PAGE, (at + n - 1) // PAGE + 1))
        answer, read = self.read_cold(self.part)
        self.assertIsPart(answer)
        self.assertGreaterEqual(read, len(pages) * PAGE)
        self.assertLessEqual(read, self.MORE * len(pages) * PAGE + self.WINDOW)

    def test_headers_are_read_alone(self):
        answer, read = self.read_cold(byte_url("big.fits") + "?META=true")
        self.assertEqual(answer.status, 200)
        self.assertLessEqual(read, self.WINDOW)


if __name__ == "__main__":
    main()
