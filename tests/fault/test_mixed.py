# SPDX-License-Identifier: Apache-2.0
"""Everything at once on several loops, without a fault: what is left must be right.

Writers as in the kill test; beside them readers of whole files, ranges, listings and
cutouts, uploads that break off, the operator's questions and reloads. Made for the thread
and address sanitizers, whose reports fail the test.

QUARTET_MIXED_SECONDS (15; 60 in a sanitizer's build).
"""

import contextlib
import os
import random
import signal
import sys
import threading
import urllib.parse

from fault_load import Load
from fault_test import Client, ENGINES, FaultBed, sanitizer_of_build
from quartet_test import main, unittest

SECONDS = float(os.environ.get("QUARTET_MIXED_SECONDS", "60" if sanitizer_of_build() else "15"))
SECTION = "?SUB=" + urllib.parse.quote("[1:10,1:10]")


def fits_image(columns, rows):
    cards = ["SIMPLE  =                    T", "BITPIX  =                    8",
             "NAXIS   =                    2", f"NAXIS1  = {columns:20d}", f"NAXIS2  = {rows:20d}",
             "END"]
    data = bytes(i % 251 for i in range(columns * rows))
    return "".join(card.ljust(80) for card in cards).ljust(2880).encode() + data + \
        bytes(-len(data) % 2880)


class Bystander:
    """Does what changes nothing, as long as the load runs."""

    def __init__(self, load, act):
        self.load = load
        self.act = act
        self.count = 0
        self.wrong = None
        self.thread = threading.Thread(target=self.run)

    def run(self):
        client = Client(self.load.bed)
        rng = random.Random(id(self))
        try:
            while not self.load.stopping.is_set():
                self.act(client, rng)
                self.count += 1
        except Exception as e:  # pylint: disable=broad-except
            self.wrong = e
        finally:
            client.close()


class Mixed(unittest.TestCase):
    def reads(self, client, rng):
        """Files come and go meanwhile: 404 is an answer, wrong bytes are not."""
        path = rng.choice(["/alice/hot-0", "/alice/hot-1"])
        status, data = client.get(path)
        assert status in (200, 404), status
        if status == 200 and len(data) > 10:
            first = rng.randrange(len(data))
            status, _ = client.get(path, {"Range": f"bytes={first}-{first + 5000}"})
            assert status in (200, 206, 416), status
        status, cut = client.get("/bob/image.fits", query=SECTION)
        assert status == 200 and cut == self.cut, status

    def lists(self, client, rng):
        number = rng.randrange(4)
        status, _, _ = client.ask("GET", f"/nodes/alice/t{number}?detail=max")
        assert status in (200, 404), status
        status, _, _ = client.ask("GET", "/nodes/alice?sort=ivo://ivoa.net/vospace/core%23date")
        assert status in (200, 400), status

    def breaks_off(self, client, rng):
        """An upload whose client goes away."""
        with contextlib.closing(self.bed.socket("alice")) as s:
            s.sendall(f"PUT /vault/files/alice/broken HTTP/1.1\r\nHost: {self.bed.env['QUARTET_HOST']}"
                      "\r\nContent-Length: 3000000\r\n\r\n".encode()
                      + bytes(rng.randrange(0, 2_000_000)))
        status, _, _ = client.ask("GET", "/nodes/alice/broken")
        assert status == 404, status

    def operates(self, _, rng):
        status, _ = self.bed.health()
        assert status in (0, 1), status
        if rng.random() < 0.2:
            os.kill(self.bed.pid, signal.SIGHUP)

    def mix(self, engine):
        self.bed = FaultBed.start(settings=["gc_delay=100ms", "loops=4"], io=engine)
        self.addCleanup(self.bed.close)
        load = Load(self.bed, random.randrange(10**9))
        image = fits_image(500, 500)
        bob = Client(self.bed, "bob")
        self.assertEqual(bob.put("/bob/image.fits", image), 201)
        self.assertEqual(bob.document("POST", "DataNode", "/bob/image.fits",
                                      {"ispublic": "true"}), 200)
        self.assertEqual(bob.document("POST", "ContainerNode", "/bob", {"ispublic": "true"}), 200)
        status, self.cut = bob.get("/bob/image.fits", query=SECTION)
        self.assertEqual(status, 200)
        self.assertEqual(self.cut[2880:2890], image[2880:2890])
        beside = [Bystander(load, act) for act in
                  (self.reads, self.reads, self.lists, self.breaks_off, self.operates)]
        for b in beside:
            b.thread.start()
        load.run(SECONDS / 2, load.stop)
        for b in beside:
            b.thread.join(60)
            self.assertFalse(b.thread.is_alive())
            if b.wrong is not None:
                raise b.wrong
        self.assertIn(bob.delete("/bob/image.fits"), (200, 204))
        bob.close()
        nodes = load.check()
        print(f"{load.done} changes, {sum(b.count for b in beside)} other requests, {nodes} nodes",
              file=sys.stderr)
        self.assertGreater(load.done, 10)

    def test_with_io_uring(self):
        self.mix(ENGINES[0])

    def test_with_threads(self):
        self.mix(ENGINES[1])


if __name__ == "__main__":
    main()
