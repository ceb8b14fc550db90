# SPDX-License-Identifier: Apache-2.0
"""Copies that were missed or lost are made again, without anybody asking (F01, F18-F20, F24).

A location that was away while files were written, replaced and deleted has all of them when it is back, and is then
enough alone. Damaged and removed copies come back. A kill in the middle leaves nothing that is not accounted for.
"""

import os
import shutil

from fault_test import Client, ENGINES, FaultBed, has_kill_points, md5
from quartet_test import main, unittest, wait_until

# One journal is enough here, so that a bad copy is struck off with one location there.
SETTINGS = ["gc_delay=100ms", "probe_period=200ms", "repair_files=1000", "repair_pause=200ms",
            "journal_copies=1"]


class Repair(unittest.TestCase):
    engine = "auto"

    def setUp(self):
        self.bed = FaultBed.start(settings=SETTINGS, io=self.engine)
        self.addCleanup(self.bed.close)
        self.client = Client(self.bed)
        self.addCleanup(self.client.close)
        self.there = {}

    def put(self, path, size):
        data = os.urandom(size)
        self.assertEqual(self.client.put(path, data), 201)
        self.there[path] = data

    def delete(self, path):
        self.assertEqual(self.client.delete(path), 200)
        del self.there[path]

    def take_away(self, number):
        os.rename(self.bed.locations[number - 1], self.bed.locations[number - 1] + ".away")
        self.bed.wait_state(number, "offline")

    def bring_back(self, number):
        os.rename(self.bed.locations[number - 1] + ".away", self.bed.locations[number - 1])
        self.bed.wait_state(number, "online")

    def wait_repaired(self):
        def nothing_is_due():
            store = self.bed.health()[1]["store"]
            return store["repairs_due"] == 0 and store["removals_due"] == 0
        wait_until(nothing_is_due, 60)
        self.bed.settle()

    def assert_four_of_each(self):
        """Each file four times, byte for byte alike, and nothing else anywhere."""
        wanted = {md5(data) for data in self.there.values()}
        for here in self.bed.blobs():
            self.assertEqual({name.partition("-")[2] for name in here}, wanted)
        for data in self.there.values():
            files = []
            for path in self.bed.copies(data):
                with open(path, "rb") as f:
                    files.append(f.read())
            self.assertEqual(len(files), 4)
            self.assertEqual(len(set(files)), 1)
            self.assertTrue(files[0].startswith(data))
        self.assertEqual(self.bed.unfinished(), [])

    def fill(self):
        for number in range(40):
            self.put(f"/alice/f{number}", 1 + number * 977)
        self.put("/alice/large", 5_000_001)

    def test_F01_F24_a_location_that_was_away_gets_what_it_missed(self):
        self.fill()
        self.take_away(2)
        for number in range(0, 40, 4):
            self.put(f"/alice/f{number}", 3000 + number)
            self.delete(f"/alice/f{number + 1}")
        self.put("/alice/new", 2_000_000)
        self.put("/alice/short-lived", 70_000)
        self.delete("/alice/short-lived")
        self.bring_back(2)
        self.wait_repaired()
        self.assert_four_of_each()
        # It is enough alone.
        for number in (1, 3, 4):
            self.take_away(number)
        for path, data in self.there.items():
            self.assertEqual(self.client.get(path), (200, data), path)
        for number in (1, 3, 4):
            self.bring_back(number)

    def damage(self, copy, how):
        if how == 0:
            os.unlink(copy)
        elif how == 1:
            os.truncate(copy, os.path.getsize(copy) // 2)
        else:
            with open(copy, "r+b") as f:
                byte = f.read(1)[0]
                f.seek(0)
                f.write(bytes([byte ^ 1]))

    def test_F18_F19_damaged_and_removed_copies_come_back(self):
        self.fill()
        bad = {1: [], 2: [], 3: [], 4: []}
        flipped = set()
        for number, path in enumerate(sorted(self.there)):
            location = number % 4 + 1
            here = self.bed.blobs()[location - 1]
            self.damage(next(copy for name, copy in here.items() if name.endswith(md5(self.there[path]))), number // 4 % 3)
            bad[location].append(path)
            if number // 4 % 3 == 2:
                flipped.add(path)
        for location, paths in bad.items():
            # Where the bad copy is the only one that can be read it is met for certain.
            others = [n for n in (1, 2, 3, 4) if n != location]
            for other in others:
                self.take_away(other)
            for path in paths:
                try:
                    status, data = self.client.get(path)
                except OSError:
                    continue
                if status == 200 and path not in flipped:
                    # It was missing or short, and was made when its location came back.
                    self.assertEqual(data, self.there[path], path)
                    continue
                self.assertGreaterEqual(status, 500, path)
                self.assertTrue(data.startswith(b"InternalFault: "), data[:100])
            for other in others:
                self.bring_back(other)
        self.wait_repaired()
        self.assert_four_of_each()
        for path, data in self.there.items():
            self.assertEqual(self.client.get(path), (200, data), path)

    def test_a_kill_in_the_middle_leaves_nothing_behind(self):
        if not has_kill_points():
            self.skipTest("built without kill points")
        self.fill()
        for point in ("s1:1", "s2:2", "s3:3", "s4:2", "s5:2", "repair:3"):
            with self.subTest(point=point):
                self.bed.down()
                shutil.move(self.bed.locations[3], self.bed.locations[3] + ".away")
                self.bed.up()
                self.client.close()
                for number in range(8):
                    self.put(f"/alice/{point[:2]}-{number}", 5000 + number)
                self.put(f"/alice/{point[:2]}-large", 3_000_000)
                self.bed.down()
                shutil.move(self.bed.locations[3] + ".away", self.bed.locations[3])
                self.client.close()
                self.bed.up_to_die(point)
                self.bed.wait_dead(60)
                self.bed.up()
                # What was being made when the process died is deleted before it is made again, or not.
                self.delete(f"/alice/{point[:2]}-2")
                self.wait_repaired()
                self.assert_four_of_each()


class RepairOnThreads(Repair):
    engine = ENGINES[1]


if __name__ == "__main__":
    main()
