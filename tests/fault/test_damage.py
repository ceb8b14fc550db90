# SPDX-License-Identifier: Apache-2.0
"""Copies are damaged on disk: right bytes come from another one, or an error (F18-F20).

Flipped bits, truncation and removal of one, two, three and four copies, read whole, in
ranges and as cutouts, by a server that has the files open and by one just started.
"""

import contextlib
import http.client
import os
import struct
import urllib.parse

from fault_test import Client, FaultBed, retry
from quartet_test import main, unittest, wait_until

SMALL, LARGE = 5_000, 9_000_000
PAGE = 4096


def flip(path, at):
    with open(path, "r+b") as f:
        f.seek(at)
        byte = f.read(1)
        f.seek(at)
        f.write(bytes([byte[0] ^ 0x10]))


def flip_first(path, length):
    flip(path, 0)


def flip_middle(path, length):
    flip(path, length // 2)


def flip_last(path, length):
    flip(path, length - 1)


def flip_table(path, length):
    """The checksum of the first block."""
    flip(path, (length + PAGE - 1) // PAGE * PAGE)


def truncate(path, length):
    os.truncate(path, length // 2)


def cut_off_table(path, length):
    os.truncate(path, length)


def empty(path, length):
    os.truncate(path, 0)


def remove(path, length):
    os.unlink(path)


KINDS = [flip_first, flip_middle, flip_last, flip_table, truncate, cut_off_table, empty, remove]


def fits(columns, rows):
    """(file, pixel rows): an image of 16-bit integers."""
    cards = ["SIMPLE  =                    T", "BITPIX  =                   16",
             "NAXIS   =                    2", f"NAXIS1  = {columns:20d}", f"NAXIS2  = {rows:20d}",
             "END"]
    header = "".join(card.ljust(80) for card in cards).ljust(2880).encode()
    pixels = [struct.pack(f">{columns}h", *((x * 7 + y * 13) % 30000 for x in range(columns)))
              for y in range(rows)]
    data = b"".join(pixels)
    return header + data + bytes(-len(data) % 2880), pixels


class Damage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bed = FaultBed.start(settings=["gc_delay=100ms"])
        cls.addClassCleanup(cls.bed.close)

    def setUp(self):
        self.client = Client(self.bed)
        self.addCleanup(self.client.close)

    def put(self, path, data):
        self.assertEqual(self.client.put(path, data), 201)
        copies = self.bed.copies(data)
        self.assertEqual(len(copies), 4)
        # The copy that is read first is the first to be damaged.
        home = int(os.path.basename(copies[0])[:16], 16) % 4
        return copies[home:] + copies[:home]

    def restart(self):
        self.client.close()
        self.bed.kill()
        self.bed.up()

    def check(self, path, data):
        self.assertEqual(self.client.get(path), (200, data), path)
        for first, last in ((0, 0), (len(data) // 2 - 10, len(data) // 2 + 10),
                            (len(data) - 5000, len(data) - 1)):
            first = max(first, 0)
            self.assertEqual(self.client.get(path, {"Range": f"bytes={first}-{last}"}),
                             (206, data[first:last + 1]), (path, first, last))

    def bad_files(self):
        return sum(len(os.listdir(os.path.join(place, "bad"))) for place in self.bed.locations)

    def right_bytes_although(self, n_damaged, is_cold):
        files = {}
        before = self.bad_files()
        for kind in KINDS:
            for size in (SMALL, LARGE):
                path = f"/alice/{kind.__name__}-{size}-{n_damaged}-{is_cold}"
                data = os.urandom(size)
                copies = self.put(path, data)
                if not is_cold:
                    self.check(path, data)
                for copy in copies[:n_damaged]:
                    kind(copy, size)
                files[path] = data
        if is_cold:
            self.restart()
        for path, data in files.items():
            with self.subTest(path=path):
                self.check(path, data)
                self.check(path, data)
        # What was found is out of the way, and known to be missing.
        self.assertGreater(self.bad_files(), before)
        wait_until(lambda: self.bed.health()[1]["store"]["repairs_due"] > 0, 30, 0.05)
        for path in files:
            self.client.delete(path)

    def test_F18_F19_one_damaged_warm(self):
        self.right_bytes_although(1, False)

    def test_F18_F19_one_damaged_cold(self):
        self.right_bytes_although(1, True)

    def test_F18_F19_two_damaged_warm(self):
        self.right_bytes_although(2, False)

    def test_F18_F19_two_damaged_cold(self):
        self.right_bytes_although(2, True)

    def test_F18_F19_three_damaged_warm(self):
        self.right_bytes_although(3, False)

    def test_F18_F19_three_damaged_cold(self):
        self.right_bytes_although(3, True)

    def test_damaged_while_it_is_read(self):
        data = os.urandom(40_000_000)
        copies = self.put("/alice/slow", data)
        url = self.client.ask("GET", "/files/alice/slow")[1]["Location"]
        parts = urllib.parse.urlsplit(url)
        with contextlib.closing(self.bed.connect()) as connection:
            connection.request("GET", parts.path)
            answer = connection.getresponse()
            got = answer.read(100_000)
            for copy in copies[:3]:
                flip(copy, 35_000_000)
            got += answer.read()
        self.assertEqual(len(got), len(data))
        self.assertTrue(got == data)

    def test_different_blocks_in_each_of_three(self):
        data = os.urandom(LARGE)
        copies = self.put("/alice/mixed", data)
        for i, copy in enumerate(copies[:3]):
            flip(copy, (i + 1) * 2_000_000)
        self.check("/alice/mixed", data)

    def test_cutouts(self):
        for n_damaged in (1, 2, 3):
            for kind in (flip_first, flip_middle, flip_table, truncate, remove):
                data, pixels = fits(300 + n_damaged, 1000 + KINDS.index(kind))
                with self.subTest(n=n_damaged, kind=kind.__name__):
                    copies = self.put("/alice/image.fits", data)
                    for copy in copies[:n_damaged]:
                        kind(copy, len(data))
                    status, cut = self.client.get("/alice/image.fits",
                                                  query="?SUB=" + urllib.parse.quote("[11:20,400:600]"))
                    self.assertEqual(status, 200)
                    wanted = b"".join(row[20:40] for row in pixels[399:600])
                    self.assertEqual(cut[2880:2880 + len(wanted)], wanted)

    def whole(self, path):
        """(status, bytes that came): a broken answer is one that is too short."""
        url = self.client.ask("GET", "/files" + path)[1]["Location"]
        with contextlib.closing(self.bed.connect()) as connection:
            connection.request("GET", urllib.parse.urlsplit(url).path)
            answer = connection.getresponse()
            try:
                return answer.status, answer.read()
            except http.client.IncompleteRead as e:
                return answer.status, e.partial

    def assert_lost(self):
        """What a read found bad is counted a moment after its answer."""
        status, text = self.bed.tool("health")
        self.assertEqual(status, 2, text)

    def test_F20_all_damaged_is_an_error_and_never_wrong_bytes(self):
        for kind in KINDS:
            for size in (SMALL, LARGE):
                path, data = f"/alice/lost-{kind.__name__}-{size}", os.urandom(size)
                with self.subTest(kind=kind.__name__, size=size):
                    for copy in self.put(path, data):
                        kind(copy, size)
                    for _ in range(2):
                        status, got = self.whole(path)
                        if status == 200:  # it broke in the middle
                            self.assertLess(len(got), size)
                            self.assertTrue(data.startswith(got))
                        else:
                            self.assertEqual(status, 500)
                    retry(10, self.assert_lost)
        # Still so for the next process, and until the file is replaced or deleted.
        self.restart()
        status, text = self.bed.tool("health")
        self.assertEqual(status, 2, text)
        self.assertIn("without a good copy", text)
        for kind in KINDS:
            for size in (SMALL, LARGE):
                path, data = f"/alice/lost-{kind.__name__}-{size}", os.urandom(size)
                self.assertIn(self.whole(path)[0], (200, 500))
                self.assertEqual(self.client.put(path, data), 201)
                self.assertEqual(self.client.get(path), (200, data))

    def test_a_cutout_of_what_is_lost_is_an_error(self):
        data, pixels = fits(1000, 1000)
        for copy in self.put("/alice/lost.fits", data):
            flip(copy, 2880 + 500 * 2000 + 100)
        query = "?SUB=" + urllib.parse.quote("[1:10,500:502]")
        status, text = self.client.get("/alice/lost.fits", query=query)
        self.assertEqual(status, 500, text[:200])
        self.assertNotIn(pixels[500][:20], text)


if __name__ == "__main__":
    main()
