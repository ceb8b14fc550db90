#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""compare_sky.py PROGRAM WORKER - check cutouts by shapes on the sky with astropy.

PROGRAM is fits-cutout, WORKER quartet-fits. The cases are those of sky_cases.py, without a
server around the library. Exit 77 when numpy or astropy is missing.
"""

import os
import subprocess
import sys
import tempfile
import unittest

import sky_cases
from sky_cases import Reply, SkyCases

PROGRAM = WORKER = ""


class OfTheLibrary(SkyCases, unittest.TestCase):
    maxDiff = 2000

    def run_on(self, name, *arguments):
        done = subprocess.run([PROGRAM, os.path.join(sky_cases.INPUT, name), *arguments], capture_output=True, check=False)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        text = done.stderr.decode().strip()
        if done.returncode == 1:
            fault, _, text = text.partition(": ")
            return Reply(fault=fault, text=text)
        length, kind, result = text.split(" ")[:3]
        return Reply(blob=done.stdout, length=int(length), type=kind, name=result)

    def ask(self, name, *subs):
        return self.run_on(name, *subs)

    def ask_shape(self, name, parameter, value):
        return self.run_on(name, "--shape", WORKER, parameter, value)


def main():
    global PROGRAM, WORKER
    if len(sys.argv) < 3 or sys.argv[1].startswith("-"):
        print(__doc__.strip())
        return 0 if sys.argv[1:] in (["--help"], ["-h"]) else 2
    PROGRAM, WORKER = (os.path.abspath(sys.argv.pop(1)) for _ in range(2))
    with tempfile.TemporaryDirectory() as folder:
        sky_cases.make_inputs(folder)
        return not unittest.main(exit=False, verbosity=1).result.wasSuccessful()


if __name__ == "__main__":
    sys.exit(main())
