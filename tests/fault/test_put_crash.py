# SPDX-License-Identifier: Apache-2.0
"""kill -9 at each step of a PUT and of a removal (storage 2.2, 2.3).

The server dies at a named point (service/core/kill_point.h). Afterwards the new bytes
are there whole or not at all, the old ones are there until then, at least W copies back
what is there, and nothing else is left in the locations.
"""

import contextlib
import os

from fault_test import (Client, FaultBed, QUORUM, frozen, has_kill_points, md5,
                        own_file_system, sanitizer_of_build)
from quartet_test import main, unittest

OLD, NEW = "old", "new"

# Point, and what is there afterwards when the answer did not come.
POINTS = [
    ("s1:1", OLD), ("s1:4", OLD), ("s2:1", OLD), ("s2:4", OLD),
    ("s3:1", OLD), ("s3:3", OLD), ("s4:1", OLD), ("s4:3", OLD),
    ("s5:1", OLD), ("s5:3", OLD), ("s6", OLD), ("s7", NEW),
]
SMALL, LARGE = 5_000, 3_000_000  # one call to a location, and many


@unittest.skipUnless(has_kill_points(), "the build has no kill points")
class Crash(unittest.TestCase):
    def bed_of(self, engine, settings=(), options=()):
        bed = FaultBed.start(settings=["gc_delay=50ms", "repair_files=0", *settings],
                             options=options, io=engine)
        self.addCleanup(bed.close)
        return bed

    def assert_clean(self, bed, files):
        """The locations hold `files` (bytes objects), W copies at least, and nothing else."""
        health = bed.settle(repaired=False)
        blobs = bed.blobs()
        found = [name for here in blobs for name in here]
        self.assertEqual(bed.unfinished(), [])
        self.assertEqual({name[17:] for name in found}, {md5(data) for data in files})
        for data in files:
            copies = bed.copies(data)
            self.assertGreaterEqual(len(copies), QUORUM)
            for path in copies:
                with open(path, "rb") as f:
                    self.assertEqual(f.read(len(data)), data)
        self.assertEqual(health["store"]["blobs"], len(files))
        self.assertEqual(health["store"]["repairs_due"], 4 * len(files) - len(found))

    def die(self, bed, point, act):
        """Run `act` on a server that dies at `point` in it, then start it again."""
        bed.kill()
        bed.up_to_die(point)
        client = Client(bed)
        with self.assertRaises(OSError):
            print(f"{point}: the answer came: {act(client)}")
        bed.wait_dead()
        client.close()
        bed.up()

    def crash_in_put(self, bed, client, there, point, path, size):
        data = os.urandom(size)
        self.die(bed, point, lambda c: c.put(path, data))
        if dict(POINTS)[point] == NEW:
            there[path] = data
        status, got = client.get(path)
        if path in there:
            self.assertEqual((status, md5(got)), (200, md5(there[path])))
        else:
            self.assertEqual(status, 404)
        self.assert_clean(bed, list(there.values()))
        # The client's repetition succeeds.
        self.assertEqual(client.put(path, data), 201)
        there[path] = data
        self.assertEqual(client.get(path), (200, data))

    def puts(self, engine, new, over):
        """At each point a new file of the size `new` and one of the size `over` replaced."""
        bed = self.bed_of(engine)
        client = Client(bed)
        there = {"/alice/over": os.urandom(over)}
        self.assertEqual(client.put("/alice/over", there["/alice/over"]), 201)
        for point, _ in POINTS:
            for path, size in (("/alice/new", new), ("/alice/over", over)):
                client.close()
                with self.subTest(engine=engine, point=point, path=path, size=size):
                    self.crash_in_put(bed, client, there, point, path, size)
            self.assertIn(client.delete("/alice/new"), (200, 204))
            del there["/alice/new"]
        client.close()

    def test_F16_at_each_step_of_a_put_uring(self):
        self.puts("uring", SMALL, LARGE)

    @unittest.skipIf(sanitizer_of_build(), "one engine is enough here; mixed runs both")
    def test_F16_at_each_step_of_a_put_threads(self):
        self.puts("threads", LARGE, SMALL)

    def test_F16_while_files_are_unlinked(self):
        bed = self.bed_of("auto")
        client = Client(bed)
        kept, gone, replaced = (os.urandom(70_000) for _ in range(3))
        for point in ("gc:1", "gc:2", "gc:4"):
            with self.subTest(point=point):
                self.assertEqual(client.put("/alice/kept", replaced), 201)
                self.assertEqual(client.put("/alice/gone", gone), 201)
                client.close()
                bed.settle()
                bed.down()
                bed.up_to_die(point)
                with contextlib.suppress(OSError):  # it may die before the second
                    self.assertEqual(client.put("/alice/kept", kept), 201)
                    self.assertIn(client.delete("/alice/gone"), (200, 204))
                bed.wait_dead()
                client.close()
                bed.up()
                there = {path: client.get(f"/alice/{path}")[1] for path in ("kept", "gone")
                         if client.get(f"/alice/{path}")[0] == 200}
                self.assertEqual(there["kept"], kept)
                self.assert_clean(bed, list(there.values()))
                client.close()

    def test_after_the_answer_with_a_location_away(self):
        """S7 is over, a copy is missing: the promise holds, a repair row stands."""
        bed = self.bed_of("auto", ["probe_period=200ms"])
        client = Client(bed)
        data = os.urandom(300_000)
        away = bed.locations[3]
        os.rename(away, away + ".away")

        bed.wait_state(4, "offline")
        self.assertEqual(client.put("/alice/f", data), 201)
        bed.kill()
        os.rename(away + ".away", away)
        client.close()
        bed.up()
        self.assertEqual(client.get("/alice/f"), (200, data))
        self.assert_clean(bed, [data])
        self.assertEqual(bed.health()[1]["store"]["repairs_due"], 1)
        client.close()


@unittest.skipUnless(has_kill_points(), "the build has no kill points")
class LateCopy(unittest.TestCase):
    """S8: one location comes late, after the answer."""

    def late(self, kill_at):
        with own_file_system() as root, contextlib.ExitStack() as stack:
            bed = FaultBed.start(settings=["gc_delay=50ms", "straggler_wait=100ms",
                                           "probe_period=10min", "repair_files=0"])
            stack.callback(bed.close)
            client = Client(bed)
            stack.callback(client.close)
            bed.down()
            bed.place(4, root)
            if kill_at:
                bed.up_to_die(kill_at)
            else:
                bed.up()
            data = os.urandom(5_000)
            with frozen(root):
                self.assertEqual(client.put("/alice/late", data), 201)
                self.assertEqual(client.get("/alice/late"), (200, data))
            if kill_at:
                bed.wait_dead()
                client.close()
                bed.up()
            health = bed.settle(repaired=False)
            copies = len(bed.copies(data))
            self.assertEqual(client.get("/alice/late"), (200, data))
            self.assertEqual(bed.unfinished(), [])
            self.assertEqual(health["store"]["repairs_due"], 4 - copies)
            return copies

    def test_F16_a_late_copy_is_counted_when_it_comes(self):
        self.assertEqual(self.late(None), 4)

    def test_F16_a_crash_before_a_late_copy_is_counted_leaves_its_row(self):
        self.assertEqual(self.late("s8"), QUORUM)


if __name__ == "__main__":
    main()
