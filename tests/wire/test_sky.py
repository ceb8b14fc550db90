# SPDX-License-Identifier: Apache-2.0
"""Cutouts by shapes on the sky, over the wire: CIRCLE, POLYGON and POS.

The cases of sky_cases.py run against a server here; what comes after them is what only HTTP
knows, and what becomes of a request when the program that reads coordinates is ended, hangs
or is not there. Needs numpy and astropy; exit 77 without.
"""

import concurrent.futures
import contextlib
import os
import re
import shutil
import signal
import tempfile
import time
import urllib.parse

import cutout_cases  # noqa: F401  says what is missing, and ends the program
import sky_cases
from sky_cases import Reply, SkyCases
from quartet_test import Testbed, main, unittest, wait_until

STATUS = {"InvalidArgument": 400, "InvalidData": 422}
HERE = "150 2 0.005"  # in dec2.fits

BED = None
URL = {}


def setUpModule():
    global BED
    folder = tempfile.mkdtemp(prefix="sky-")
    unittest.addModuleCleanup(shutil.rmtree, folder)
    sky_cases.make_inputs(folder)
    BED = Testbed.start()
    unittest.addModuleCleanup(BED.close)
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as f:
            URL[name] = upload(BED, name, f)


def upload(bed, name, data):
    """The byte URL of the file, now stored."""
    answer = bed.put(f"/alice/{name}", data)
    assert answer.status == 201, answer.text
    answer = bed.ask("GET", "/files/alice/" + name, "alice")
    assert answer.status == 303, answer.text
    return answer.headers["Location"]


def query_of(**parameters):
    return "?" + urllib.parse.urlencode(parameters, doseq=True)


def children(bed):
    """The processes of quartet-fits that the server has."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
                name, rest = f.read().rpartition(")")[::2]
            if name.endswith("(quartet-fits") and int(rest.split()[1]) == bed.pid:
                found.append(int(pid))
    return found


class OverTheWire(SkyCases, unittest.TestCase):
    maxDiff = 2000
    ROUNDS = 6

    def setUp(self):
        self.connection = BED.connect()
        self.addCleanup(self.connection.close)

    def fetch(self, url):
        parts = urllib.parse.urlsplit(url)
        self.connection.request("GET", f"{parts.path}?{parts.query}")
        answer = self.connection.getresponse()
        status, body = answer.status, answer.read()
        if status != 200:
            fault, _, text = body.decode().partition(": ")
            self.assertEqual(status, STATUS.get(fault), body)
            return Reply(fault=fault, text=text.rstrip("\n"))
        self.assertIsNone(answer.headers["Digest"])
        self.assertEqual(answer.headers["Accept-Ranges"], "none")
        name = re.fullmatch('inline; filename="([^"]+)"', answer.headers["Content-Disposition"])
        return Reply(blob=body, length=int(answer.headers["Content-Length"]),
                     type=answer.headers["Content-Type"], name=name.group(1))

    def ask(self, name, *subs):
        return self.fetch(URL[name] + query_of(SUB=subs))

    def ask_shape(self, name, parameter, value):
        return self.fetch(URL[name] + query_of(**{parameter: value}))


class Http(unittest.TestCase):
    def get(self, query, name="dec2.fits", **headers):
        return BED.ask("GET", URL[name] + query, headers=headers)

    def assertRefused(self, query, text):
        answer = self.get(query)
        self.assertEqual(answer.status, 400, answer.text[:200])
        self.assertIn(text, answer.text)

    def test_what_vcp_sends(self):
        plain = self.get(query_of(CIRCLE="150 2 0.005"))
        self.assertEqual(plain.status, 200)
        for query in "?CIRCLE=150+2+0.005", "?CIRCLE=150+%2B2+.005", "?circle=150%202%200.005", "?RUNID=x&CIRCLE=150+2+.005":
            self.assertEqual(self.get(query).body, plain.body, query)
        answer = BED.ask("GET", "/files/alice/dec2.fits?CIRCLE=150+2+0.005", "alice")
        self.assertEqual(answer.status, 303)
        self.assertEqual(BED.ask("GET", answer.headers["Location"]).body, plain.body)

    def test_what_was_said_before(self):
        plain = self.get(query_of(CIRCLE=HERE)).body
        for value in "CIRCLE ICRS " + HERE, "CIRCLE=" + HERE, "circle " + HERE:
            self.assertEqual(self.get(query_of(cutout=value)).body, plain, value)
        polygon = "150 2 150.001 2 150 2.001"
        self.assertEqual(self.get(query_of(cutout="POLYGON ICRS " + polygon)).body,
                         self.get(query_of(POLYGON=polygon)).body)

    def test_DA_6_xtypes(self):
        around = [150, 2, 150.001, 2, 150, 2.001]
        back = around[4:] + around[2:4] + around[:2]
        one, other = (self.get(query_of(POLYGON=" ".join(map(str, v)))) for v in (around, back))
        self.assertEqual((one.status, one.body), (200, other.body))
        for parameter, value in (("CIRCLE", "150 2"), ("CIRCLE", "150 2 1 1"), ("POLYGON", "150 2 151 3"),
                                 ("POLYGON", "150 2 151 3 150 3 1"), ("POS", "RANGE 150 151 2")):
            self.assertRefused(query_of(**{parameter: value}), "")
        wide = self.get(query_of(POS="RANGE -Inf +Inf 1.99 2.01"))
        self.assertEqual((wide.status, wide.body), (200, self.get(query_of(POS="RANGE 0 360 1.99 2.01")).body))

    def test_SO_3_all_forms(self):
        for query in (query_of(CIRCLE=HERE), query_of(POS="CIRCLE " + HERE), query_of(POS="RANGE 149.99 150.01 1.99 2.01"),
                      query_of(POLYGON="150 2 150.001 2 150 2.001"), query_of(POS="POLYGON 150 2 150.001 2 150 2.001")):
            self.assertEqual(self.get(query).status, 200, query)

    def test_SO_7_the_media_type(self):
        self.assertEqual(self.get(query_of(CIRCLE=HERE)).headers["Content-Type"], "application/fits")

    def test_SO_4_one_shape_at_a_time(self):
        self.assertRefused(query_of(CIRCLE=[HERE, HERE]), "More than one CIRCLE provided.")
        self.assertRefused(query_of(POS=["CIRCLE " + HERE] * 2), "More than one POS provided.")
        self.assertRefused(query_of(CIRCLE=HERE, POS="CIRCLE " + HERE), "Conflicting SODA parameters found: [CIRCLE, POS]")
        self.assertRefused(query_of(POLYGON="1 2 3 4 5 6", CIRCLE=HERE), "Conflicting SODA parameters found: [POLYGON, CIRCLE]")
        self.assertRefused(query_of(CIRCLE=HERE, cutout="CIRCLE " + HERE), "More than one CIRCLE provided.")
        self.assertRefused(query_of(CIRCLE=HERE, BAND="1 2"), "BAND is not supported here yet")
        self.assertRefused("?CIRCLE=", "")
        self.assertRefused("?CIRCLE", "")

    def test_meta_goes_before_sub_and_sub_before_shapes(self):
        self.assertEqual(self.get(query_of(CIRCLE=HERE, SUB="[0][1:2,1:2]")).body, self.get(query_of(SUB="[0][1:2,1:2]")).body)
        self.assertEqual(self.get(query_of(CIRCLE=HERE, META="true")).body, self.get("?META=true").body)

    def test_head_and_tags(self):
        got = self.get(query_of(CIRCLE=HERE))
        said = BED.ask("HEAD", URL["dec2.fits"] + query_of(CIRCLE=HERE))
        self.assertEqual((said.status, said.body), (200, b""))
        for header in "Content-Length", "Content-Type", "Content-Disposition", "ETag", "Accept-Ranges":
            self.assertEqual(said.headers[header], got.headers[header], header)
        tag = got.headers["ETag"]
        self.assertEqual(self.get(query_of(POS="circle 150.0 2 5e-3")).headers["ETag"], tag)
        self.assertNotEqual(self.get(query_of(CIRCLE="150 2 0.006")).headers["ETag"], tag)
        self.assertEqual(self.get(query_of(CIRCLE=HERE), **{"If-None-Match": tag}).status, 304)
        said = BED.ask("HEAD", URL["dec2.fits"] + query_of(CIRCLE="10 2 1"))
        self.assertEqual((said.status, said.body), (400, b""))

    def test_no_fits_and_empty_files(self):
        for data, text in ((b"text\n" * 1000, "not a FITS file"), (b"", "empty")):
            answer = BED.ask("GET", upload(BED, "none.fits", data) + query_of(CIRCLE=HERE))
            self.assertEqual(answer.status, 400)
            self.assertIn(text, answer.text)

    def test_who_may_not_read_gets_nothing(self):
        self.assertEqual(BED.ask("GET", "/files/alice/dec2.fits" + query_of(CIRCLE=HERE), "bob").status, 403)
        self.assertEqual(BED.ask("GET", "/files/alice/dec2.fits" + query_of(CIRCLE=HERE)).status, 401)

    def test_many_at_once(self):
        expected = {HERE: self.get(query_of(CIRCLE=HERE)).body}
        shapes = [HERE, "150.002 2.001 0.002", "149.998 1.999 0.0031", "10 10 1"]
        for shape in shapes:
            expected[shape] = self.get(query_of(CIRCLE=shape)).body
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda shape: (shape, self.get(query_of(CIRCLE=shape)).body), shapes * 40))
        for shape, body in answers:
            self.assertTrue(body == expected[shape], shape)
        self.assertLessEqual(len(children(BED)), 2)


class TheProgram(unittest.TestCase):
    """What is done to quartet-fits is an error of the requests it was about, at most."""

    LONG_S = 60  # stuck, not slow

    @classmethod
    def setUpClass(cls):
        cls.bed = Testbed.start(settings=["cutout_workers=1", "cutout_time=3s"])
        cls.addClassCleanup(cls.bed.close)
        with open(os.path.join(sky_cases.INPUT, "dec2.fits"), "rb") as f:
            cls.url = upload(cls.bed, "dec2.fits", f)
        cls.expected = cls.get().body

    @classmethod
    def get(cls):
        return cls.bed.ask("GET", cls.url + query_of(CIRCLE=HERE))

    def worker(self):
        self.get()
        (pid,) = children(self.bed)
        return pid

    def assertGood(self, answer):
        self.assertEqual((answer.status, answer.body == self.expected), (200, True), answer.text[:200])

    def test_it_is_started_when_it_is_needed(self):
        self.assertLessEqual(len(children(BED)), 2)
        bed = Testbed.start()
        self.addCleanup(bed.close)
        self.assertEqual(children(bed), [])

    def test_it_has_given_up_everything(self):
        pid = self.worker()
        with open(f"/proc/{self.bed.pid}/maps", encoding="utf-8") as f:
            if "asan" in f.read():
                self.skipTest("a sanitizer wants more")
        with open(f"/proc/{pid}/status", encoding="ascii") as f:
            status = f.read()
        self.assertRegex(status, r"Seccomp:\s+2")
        self.assertRegex(status, r"NoNewPrivs:\s+1")

    def test_ended_while_it_waits(self):
        for _ in range(3):
            pid = self.worker()
            os.kill(pid, signal.SIGKILL)
            self.assertGood(self.get())
            self.assertNotEqual(self.worker(), pid)

    def test_ended_in_the_middle(self):
        pid = self.worker()
        os.kill(pid, signal.SIGSTOP)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            asked = pool.submit(self.get)
            time.sleep(0.3)
            os.kill(pid, signal.SIGKILL)
            self.assertGood(asked.result(self.LONG_S))
        self.assertGood(self.get())

    def test_one_that_hangs_is_ended(self):
        pid = self.worker()
        os.kill(pid, signal.SIGSTOP)
        answer = self.get()
        self.assertEqual((answer.status, answer.text.strip()),
                         (422, "InvalidData: the coordinates of HDU 0 take too long to read"))
        self.assertGood(self.get())
        self.assertNotIn(pid, children(self.bed))

    def test_a_hang_keeps_nobody_else_waiting(self):
        pid = self.worker()
        os.kill(pid, signal.SIGSTOP)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            asked = pool.submit(self.get)
            while not asked.done():
                self.assertEqual(self.bed.ask("GET", self.url + query_of(SUB="[0][1:2,1:2]")).status, 200)
            self.assertEqual(asked.result(self.LONG_S).status, 422)

    def test_who_goes_away_meanwhile_harms_nobody(self):
        pid = self.worker()
        os.kill(pid, signal.SIGSTOP)
        path = self.url[self.url.index("/", 8):] + query_of(CIRCLE=HERE)
        with contextlib.closing(self.bed.socket()) as s:
            s.sendall(f"GET {path} HTTP/1.1\r\nHost: {self.bed.env['QUARTET_HOST']}\r\n\r\n".encode())
            time.sleep(0.3)
        wait_until(lambda: pid not in children(self.bed))
        self.assertGood(self.get())


class TheEnd(unittest.TestCase):
    def start(self, *settings):
        bed = Testbed.start(settings=settings)
        self.addCleanup(bed.close)
        with open(os.path.join(sky_cases.INPUT, "dec2.fits"), "rb") as f:
            return bed, upload(bed, "dec2.fits", f)

    def test_it_ends_with_the_server(self):
        for how in signal.SIGTERM, signal.SIGKILL:
            bed, url = self.start()
            self.assertEqual(bed.ask("GET", url + query_of(CIRCLE=HERE)).status, 200)
            (pid,) = children(bed)
            os.kill(bed.pid, how)
            wait_until(lambda: not os.path.exists(f"/proc/{pid}"))

    def test_a_program_is_named_by_its_whole_path(self):
        with self.assertRaisesRegex(AssertionError, "cutout_program: 'quartet-fits' is no absolute path"):
            self.start("cutout_program=quartet-fits")

    def test_the_least_memory_is_enough(self):
        bed, url = self.start("cutout_memory=32MiB", "cutout_points_max=3")
        self.assertEqual(bed.ask("GET", url + query_of(CIRCLE=HERE)).status, 200)
        self.assertEqual(bed.ask("GET", url + query_of(POLYGON="150 2 150.01 2 150 2.01")).status, 200)
        answer = bed.ask("GET", url + query_of(POLYGON="150 2 150.01 2 150 2.01 149 1"))
        self.assertEqual((answer.status, "3 corners" in answer.text), (400, True), answer.text)

    def test_without_it_only_shapes_fail(self):
        bed, url = self.start("cutout_program=/nothing/is/here")
        for _ in range(2):
            answer = bed.ask("GET", url + query_of(CIRCLE=HERE))
            self.assertEqual(answer.status, 500)
            self.assertNotIn("/nothing", answer.text)
        self.assertEqual(bed.ask("GET", url + query_of(SUB="[0][1:2,1:2]")).status, 200)


if __name__ == "__main__":
    main()
