# SPDX-License-Identifier: Apache-2.0
"""A location's directory goes away while the server serves, and comes back (F01, F02, F24-F27).

Uploads and downloads go on with three; with two uploads are refused before the body and
everything that is stored stays readable. Nothing is written into a directory without the
right marker, and health names what is wrong.
"""

import contextlib
import os
import shutil
import ssl

from fault_test import Client, FaultBed, QUORUM, sanitizer_of_build
from quartet_test import main, unittest

SETTINGS = ["gc_delay=100ms", "probe_period=200ms"]


def entries(directory):
    return sorted(os.path.relpath(os.path.join(folder, name), directory)
                  for folder, folders, names in os.walk(directory) for name in folders + names)


class Gone(unittest.TestCase):
    engine = "auto"

    def setUp(self):
        self.bed = FaultBed.start(settings=SETTINGS, io=self.engine)
        self.addCleanup(self.bed.close)
        self.client = Client(self.bed)
        self.addCleanup(self.client.close)
        self.there = {}

    def put(self, path, size=100_000, copies=None):
        data = os.urandom(size)
        self.assertEqual(self.client.put(path, data), 201)
        self.there[path] = data
        if copies is not None:
            self.assertEqual(len(self.bed.copies(data)), copies)

    def check_bytes(self):
        for path, data in self.there.items():
            self.assertEqual(self.client.get(path), (200, data), path)

    def take_away(self, *numbers):
        for n in numbers:
            os.rename(self.bed.locations[n - 1], self.bed.locations[n - 1] + ".away")
        for n in numbers:
            self.bed.wait_state(n, "offline")

    def bring_back(self, *numbers):
        for n in numbers:
            os.rename(self.bed.locations[n - 1] + ".away", self.bed.locations[n - 1])
        for n in numbers:
            self.bed.wait_state(n, "online")

    def assert_health(self, code, *words):
        status, text = self.bed.tool("health")
        self.assertEqual(status, code, text)
        for word in words:
            self.assertIn(word, text)

    def put_expecting(self, path, size):
        """A PUT that waits for 100 Continue: (the first line of the answer, all of it)."""
        with contextlib.closing(self.bed.socket("alice", 20)) as s:
            s.sendall(f"PUT /vault/files{path} HTTP/1.1\r\nHost: {self.bed.env['QUARTET_HOST']}\r\n"
                      f"Content-Length: {size}\r\nExpect: 100-continue\r\n\r\n".encode())
            text = b""
            with contextlib.suppress(ssl.SSLEOFError, ConnectionResetError):
                while b"\r\n\r\n" not in text:
                    part = s.recv(65536)
                    if not part:
                        break
                    text += part
        return text.split(b"\r\n", 1)[0].decode(), text.decode("latin-1")

    def test_F01_F24_F25_one_gone_is_a_warning_that_names_it(self):
        self.assert_health(0, "OK")
        self.put("/alice/before", copies=4)
        self.take_away(2)
        self.assert_health(1, "WARNING", self.bed.locations[1], "offline")
        self.check_bytes()
        self.put("/alice/after", copies=3)
        self.put("/alice/large", 5_000_000, copies=3)
        self.put("/alice/before", copies=3)  # F25: the stale version must never be served
        self.put("/alice/deleted")
        self.assertIn(self.client.delete("/alice/deleted"), (200, 204))
        del self.there["/alice/deleted"]
        self.check_bytes()
        self.bring_back(2)
        self.assert_health(0, "OK")  # repair may be through already
        self.check_bytes()
        self.put("/alice/again", copies=4)
        self.bed.settle()
        # F24: what was replaced or deleted meanwhile is gone there too.
        names = {name for here in self.bed.blobs() for name in here}
        self.assertEqual(len(names), len(self.there))
        self.client.close()
        self.bed.kill()
        self.bed.up()
        self.check_bytes()

    def test_uploads_and_downloads_under_way_end_well(self):
        self.put("/alice/large", 20_000_000)
        data = os.urandom(8_000_000)

        def body():
            for at in range(0, len(data), 1_000_000):
                if at == 2_000_000:
                    self.take_away(3)
                yield data[at:at + 1_000_000]
        fds = self.bed.open_files()
        self.assertEqual(self.client.put("/alice/f", body()), 201)
        self.there["/alice/f"] = data
        self.check_bytes()
        self.bring_back(3)
        self.check_bytes()
        self.bed.settle()
        # A few files and folders stay open at each location, but not more each time.
        self.assertLess(self.bed.open_files(), fds + 60)
        # What the upload had begun there is swept at the next start.
        self.client.close()
        self.bed.kill()
        self.bed.up()
        self.bed.settle()
        self.assertEqual(self.bed.unfinished(), [])
        self.check_bytes()

    def test_F26_a_directory_without_marker_stays_empty(self):
        """F26: as if the file system were not mounted."""
        self.put("/alice/before", copies=4)
        place = self.bed.locations[0]
        os.rename(place, place + ".away")
        os.mkdir(place)
        self.bed.wait_state(1, "offline")
        for i in range(20):
            self.put(f"/alice/f{i}", 10_000, copies=3)
        self.assert_health(1, "WARNING", place)
        self.check_bytes()
        self.assertEqual(entries(place), [])
        for name in ("blob", "tmp", "bad", "part", "meta"):
            os.mkdir(os.path.join(place, name))
        self.put("/alice/g", 10_000, copies=3)
        self.client.close()
        self.bed.kill()
        self.bed.up()
        self.put("/alice/h", 10_000, copies=3)
        self.check_bytes()
        self.assertEqual(entries(place), ["bad", "blob", "meta", "part", "tmp"])
        shutil.rmtree(place)
        self.bring_back(1)
        self.check_bytes()

    def test_a_directory_removed_for_good(self):
        for i in range(10):
            self.put(f"/alice/f{i}", 10_000, copies=4)
        shutil.rmtree(self.bed.locations[3])
        for i in range(10):
            self.put(f"/alice/g{i}", 10_000, copies=3)
        self.check_bytes()
        self.bed.wait_state(4, "offline")
        self.assert_health(1, "WARNING", self.bed.locations[3])
        self.check_bytes()

    def test_F27_two_swapped_are_refused(self):
        """F27: each holds what the other should; the marker says so."""
        self.put("/alice/f", copies=4)
        self.client.close()
        self.bed.down()
        one, two = self.bed.locations[:2]
        os.rename(one, one + ".x")
        os.rename(two, one)
        os.rename(one + ".x", two)
        self.bed.up()
        self.assert_health(2, "CRITICAL", one, two)
        before = entries(one), entries(two)
        self.check_bytes()
        self.assertNotEqual(self.client.put("/alice/f", b"x"), 201)
        self.check_bytes()
        self.assertEqual((entries(one), entries(two)), before)

    def test_F02_two_gone_refuse_uploads_and_nothing_else(self):
        self.put("/alice/f")
        self.assertEqual(self.client.document("PUT", "ContainerNode", "/alice/d"), 201)
        self.take_away(1, 4)
        self.assert_health(2, "CRITICAL", self.bed.locations[0], self.bed.locations[3])
        line, text = self.put_expecting("/alice/f", 1_000_000)
        self.assertIn(" 503 ", line)
        self.assertIn("Retry-After:", text)
        # Without Expect the body is on its way: the client must not repeat it (D21).
        self.assertEqual(self.client.put("/alice/f", os.urandom(200_000)), 500)
        self.assertEqual(self.client.put("/alice/new", b"small"), 500)
        self.assertEqual(self.client.get("/alice/new")[0], 404)
        self.check_bytes()
        self.assertEqual(self.bed.unfinished(), [])
        # For metadata and deletes two locations are enough.
        self.assertEqual(self.client.document("PUT", "ContainerNode", "/alice/e"), 201)
        self.assertIn(self.client.delete("/alice/d"), (200, 204))
        self.bring_back(4)
        self.assert_health(1, "WARNING", self.bed.locations[0])
        self.put("/alice/f", copies=3)
        self.bring_back(1)
        self.put("/alice/new", copies=4)
        self.check_bytes()

    def test_all_gone_and_back(self):
        self.put("/alice/f")
        self.take_away(1, 2, 3, 4)
        self.assert_health(2, "CRITICAL")
        status, _ = self.client.get("/alice/f")
        self.assertEqual(status, 500)
        # A change must be in two journals; listing and looking need none.
        self.assertEqual(self.client.document("PUT", "ContainerNode", "/alice/d"), 500)
        self.assertEqual(self.client.ask("GET", "/nodes/alice")[0], 200)
        self.bring_back(1)
        self.check_bytes()
        self.assertEqual(self.client.document("PUT", "ContainerNode", "/alice/d"), 500)
        self.bring_back(2)
        self.assertEqual(self.client.document("PUT", "ContainerNode", "/alice/d"), 201)
        self.bring_back(3, 4)
        self.put("/alice/g", copies=4)
        self.check_bytes()
        self.assert_health(0, "OK")

    def test_the_server_starts_without_one(self):
        self.put("/alice/f")
        self.client.close()
        self.bed.down()
        os.rename(self.bed.locations[2], self.bed.locations[2] + ".away")
        self.bed.up()
        self.assert_health(1, self.bed.locations[2])
        self.check_bytes()
        self.put("/alice/g", copies=QUORUM)
        self.bring_back(3)
        self.put("/alice/h", copies=4)
        self.check_bytes()
        self.bed.settle()


@unittest.skipIf(sanitizer_of_build(), "one engine is enough here; mixed runs both")
class GoneThreads(Gone):
    engine = "threads"


class GoneUring(Gone):
    engine = "uring"


del Gone


if __name__ == "__main__":
    main()
