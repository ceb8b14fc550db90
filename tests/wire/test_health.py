# SPDX-License-Identifier: Apache-2.0
"""scripts/check-health: one line and the four exit statuses of a monitoring system."""

import os
import subprocess

from quartet_test import TOP, Testbed, main, unittest, wait_until

CHECK = os.path.join(TOP, "scripts", "check-health")


class Health(unittest.TestCase):
    def setUp(self):
        self.bed = Testbed.start(settings=["probe_period=100ms"])
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

    def test_four_states(self):
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

    def test_what_cannot_be_asked_is_unknown(self):
        for words in (("-c", "/no/such/file"), ("-c",), ("--sideways",)):
            status, line = self.check(*words)
            self.assertEqual(status, 3, words)
            self.assertTrue(line.startswith("UNKNOWN: "), line)


if __name__ == "__main__":
    main()
