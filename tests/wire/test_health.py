# SPDX-License-Identifier: Apache-2.0
"""scripts/check-health: one line and the four exit statuses of a monitoring system."""

import os
import subprocess

from quartet_test import TOP, Testbed, main, unittest, wait_until

CHECK = os.path.join(TOP, "scripts", "check-health")


class HealthTest(unittest.TestCase):
    def start(self, *settings):
        self.bed = Testbed.start(settings=["probe_period=100ms", *settings])
        self.addCleanup(self.bed.close)

    def check(self, *words):
        """(exit status, the line)"""
        words = words or ("-c", self.bed.env["QUARTET_CONF"])
        done = subprocess.run([CHECK, *words], capture_output=True, text=True, timeout=60,
                              check=False, env={**os.environ, "QUARTET_TOOL":
                                                self.bed.env["QUARTET_TOOL"]})
        self.assertEqual(done.stdout.count("\n"), 1, done.stdout + done.stderr)
        return done.returncode, done.stdout.rstrip("\n")

    def wait_for(self, status):
        def health_says_so():
            return self.check()[0] == status
        wait_until(health_says_so)
        return self.check()[1]

    def take_away(self, number):
        path = self.bed.locations[number - 1]
        os.rename(path, path + ".gone")
        return path

    def put_without(self, target, numbers):
        """A file that these locations lack, which are back when this returns."""
        def state():
            return [" online " in line for line in self.bed.tool("locations")[1].splitlines()]

        def they_are_away():
            return state() == [number not in numbers for number in range(1, 5)]

        def they_are_back():
            return all(state())
        paths = [self.take_away(number) for number in numbers]
        wait_until(they_are_away)
        self.assertEqual(self.bed.put(target, b"x" * 1000).status, 201)
        for path in paths:
            os.rename(path + ".gone", path)
        wait_until(they_are_back)


class Health(HealthTest):
    def test_four_states(self):
        self.start()
        self.assertEqual(self.check(), (0, "OK: 4 of 4 locations online"))

        second = self.take_away(2)
        line = self.wait_for(1)
        self.assertTrue(line.startswith("WARNING: 3 of 4 locations online"), line)
        self.assertIn(second, line)
        self.assertEqual(self.bed.put("/alice/f", b"x" * 1000).status, 201)
        self.assertEqual(self.bed.get("/alice/f").body, b"x" * 1000)

        fourth = self.take_away(4)
        line = self.wait_for(2)
        self.assertTrue(line.startswith("CRITICAL: 2 of 4 locations online"), line)
        self.assertIn(second, line)
        self.assertIn(fourth, line)

        self.bed.down()
        status, line = self.check()
        self.assertEqual(status, 3)
        self.assertTrue(line.startswith("UNKNOWN: "), line)

    def test_missing_copies_are_told_of_and_a_warning_later(self):
        self.start("repair_files=0", "small_file=0", "health_missing_late=2s")
        self.put_without("/alice/f", [2])
        self.assertEqual(self.wait_for(1), "WARNING: 4 of 4 locations online; 1 copies of files are missing; "
                                           "copies have been missing for 0 min")

    def test_missing_copies_that_are_not_late_are_no_warning(self):
        self.start("repair_files=0", "small_file=0")
        self.put_without("/alice/f", [2])
        self.assertEqual(self.check(), (0, "OK: 4 of 4 locations online; 1 copies of files are missing"))

    def test_a_file_with_one_copy_for_too_long_is_critical(self):
        self.start("repair_files=0", "small_file=0", "write_quorum=1", "journal_copies=1",
                   "health_single_late=1s")
        self.put_without("/alice/two", [3, 4])
        self.assertEqual(self.check()[0], 0)
        self.put_without("/alice/one", [1, 3, 4])
        self.assertEqual(self.wait_for(2), "CRITICAL: 4 of 4 locations online; 5 copies of files are missing; "
                                           "files with one good copy for 0 min: 1")
        self.assertEqual(self.bed.ask("DELETE", "/nodes/alice/one", "alice").status, 200)
        self.wait_for(0)

    def test_limits_are_settings(self):
        self.start("health_free_percent=100", "health_scrub_late=1s", "scrub_deep_period=0",
                   "meta_map_size=16MiB", "health_map_percent=1")
        self.assertEqual(self.bed.put("/alice/f", b"x").status, 201)
        with self.bed.nodes() as create:
            for number in range(500):
                create("DataNode", f"/alice/n{number}")

        def the_metadata_are_too_many():
            return "the metadata fill more than 1 % of meta_map_size" in self.check()[1]
        wait_until(the_metadata_are_too_many)
        status, line = self.check()
        self.assertEqual(status, 2, line)
        self.assertIn(f"location 1 ({self.bed.locations[0]}) has less than 100 % free", line)

        def a_copy_was_not_read():
            return "has copies that were not read for 0 days" in self.check()[1]
        wait_until(a_copy_was_not_read)

    def test_what_cannot_be_asked_is_unknown(self):
        self.start()
        for words in (("-c", "/no/such/file"), ("-c",), ("--sideways",)):
            status, line = self.check(*words)
            self.assertEqual(status, 3, words)
            self.assertTrue(line.startswith("UNKNOWN: "), line)


if __name__ == "__main__":
    main()
