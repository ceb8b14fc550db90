# SPDX-License-Identifier: Apache-2.0
"""kill -9 at each step of a put transaction: it goes on from the acknowledged length.

The server dies at a named point (service/core/kill_point.h) in a segment or in the
commit. Afterwards the transaction holds what was acknowledged and goes on; the old
bytes are there until the commit; and nothing else is left in the locations.
"""

import base64
import os

from fault_test import Client, FaultBed, QUORUM, has_kill_points, md5
from quartet_test import main, unittest, wait_until

POINTS = ["s1:1", "s1:4", "s2:1", "s2:4", "s3:1", "s3:3", "s4:1", "s4:3", "s5:1", "s5:3"]
PATH = "/alice/f"
OLD = b"the old bytes"
FIRST, SECOND = os.urandom(700_001), os.urandom(3_000_000)


@unittest.skipUnless(has_kill_points(), "the build has no kill points")
class TransactionCrash(unittest.TestCase):
    def setUp(self):
        self.bed = FaultBed.start(settings=["gc_delay=50ms"])
        self.addCleanup(self.bed.close)
        self.client = Client(self.bed)
        self.addCleanup(self.client.close)
        self.assertEqual(self.client.put(PATH, OLD), 201)

    def step(self, method, txn, data=None, op=None):
        headers = {**({"x-put-txn-id": txn} if txn else {}), **({"x-put-txn-op": op} if op else {})}
        return self.client.ask(method, "/files" + PATH, data, headers)

    def start(self, data):
        status, headers, _ = self.step("PUT", None, data, "start")
        self.assertEqual(status, 202)
        return headers["x-put-txn-id"]

    def start_two(self):
        """One whose first segment is there; the total is said, so that a second may come."""
        headers = {"x-put-txn-op": "start", "x-total-length": str(len(FIRST + SECOND))}
        status, headers, _ = self.client.ask("PUT", "/files" + PATH, FIRST, headers)
        self.assertEqual(status, 202)
        return headers["x-put-txn-id"]

    def die(self, point, act):
        self.client.close()
        self.bed.kill()
        self.bed.up_to_die(point)
        with self.assertRaises(OSError):
            print(f"{point}: the answer came: {act()}")
        self.bed.wait_dead()
        self.client.close()
        self.bed.up()

    def length(self, txn):
        status, headers, _ = self.step("HEAD", txn)
        self.assertEqual(status, 200)
        length = int(headers["Content-Length"])
        sum_of_it = base64.b64encode(bytes.fromhex(md5((FIRST + SECOND)[:length]))).decode()
        self.assertEqual(headers["Digest"], "md5=" + sum_of_it)
        return length

    def clean(self, *contents):
        """The locations hold these and nothing else, W copies at least, each right."""
        self.bed.settle()
        self.assertEqual(self.bed.unfinished(), [])
        self.assertEqual({name[17:] for here in self.bed.blobs() for name in here},
                         {md5(data) for data in contents})
        for data in contents:
            copies = self.bed.copies(data)
            self.assertGreaterEqual(len(copies), QUORUM)
            for path in copies:
                with open(path, "rb") as f:
                    self.assertEqual(f.read(len(data)), data)

    def commit(self, txn, whole):
        self.assertEqual(self.step("PUT", txn, b"", "commit")[0], 201)
        self.assertEqual(self.client.get(PATH), (200, whole))
        self.bed.settle()
        self.assertEqual(self.client.put(PATH, OLD), 201)

    def test_F36_in_a_segment(self):
        for point in POINTS:
            with self.subTest(point=point):
                txn = self.start_two()
                self.die(point, lambda t=txn: self.step("PUT", t, SECOND))
                self.assertEqual(self.client.get(PATH), (200, OLD))
                self.assertEqual(self.length(txn), len(FIRST))
                self.clean(OLD, FIRST)
                self.assertEqual(self.step("PUT", txn, SECOND)[0], 202)
                self.commit(txn, FIRST + SECOND)
                self.clean(OLD)

    def test_F36_in_the_commit_of_several(self):
        for point in ("s1:1", "s3:3", "s5:3", "s6"):
            with self.subTest(point=point):
                txn = self.start_two()
                self.assertEqual(self.step("PUT", txn, SECOND)[0], 202)
                self.die(point, lambda t=txn: self.step("PUT", t, b"", "commit"))
                self.assertEqual(self.client.get(PATH), (200, OLD))
                self.assertEqual(self.length(txn), len(FIRST + SECOND))
                self.clean(OLD, FIRST, SECOND)
                self.commit(txn, FIRST + SECOND)
                self.clean(OLD)

    def test_in_the_commit_of_one(self):
        txn = self.start(FIRST)
        self.die("s6", lambda: self.step("PUT", txn, b"", "commit"))
        self.assertEqual(self.client.get(PATH), (200, OLD))
        self.commit(txn, FIRST)
        self.clean(OLD)

    def test_what_expires_is_gone_from_the_locations(self):
        self.bed.down()
        self.bed.set("put_txn_lifetime", "1s")
        self.bed.up()
        self.client.close()
        self.start_two()
        self.clean(OLD, FIRST)

        def only_the_old_bytes_are_there():
            return all(name.endswith(md5(OLD)) for here in self.bed.blobs() for name in here)
        wait_until(only_the_old_bytes_are_there, 150, 1)
        self.clean(OLD)


if __name__ == "__main__":
    main()
