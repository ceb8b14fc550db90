#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""compare_astropy.py PROGRAM - check cutouts made by PROGRAM (fits-cutout) with astropy.

The cases are those of cutout_cases.py, without a server around the library. Exit 77 when
numpy or astropy is missing.
"""

import os
import subprocess
import sys
import tempfile
import unittest

import cutout_cases
from cutout_cases import CutoutCases, Reply

PROGRAM = ""


def run(name, *arguments):
    """The finished process."""
    path = os.path.join(cutout_cases.INPUT, name)
    done = subprocess.run([PROGRAM, path, *arguments], capture_output=True, check=False)
    if done.returncode not in (0, 1):
        raise AssertionError(f"{name} {arguments}: exit {done.returncode}, {done.stderr}")
    return done


class OfTheLibrary(CutoutCases, unittest.TestCase):
    maxDiff = 2000

    def ask(self, name, *subs, meta=False):
        done = run(name, *(["--meta"] if meta else subs))
        text = done.stderr.decode("utf-8", "replace").strip()
        if done.returncode == 1:
            fault, _, text = text.partition(": ")
            return Reply(fault=fault, text=text)
        length, kind, result = text.split(" ")[:3]
        return Reply(blob=done.stdout, length=int(length), type=kind, name=result)

    def test_file_beyond_4_gib(self):
        with open(os.path.join(cutout_cases.INPUT, "sparse.fits"), "rb") as f:
            f.seek(2880 + (40000 * 39990 + 39990) * 4)
            rows = []
            for _ in range(10):
                rows.append(f.read(40))
                f.seek(39990 * 4, 1)
        (after,) = self.cut("sparse.fits", "[39991:40000,39991:40000]")
        self.assertTrue(after.data == b"".join(rows))
        few = 1 << 20
        self.assertLess(self.read_bytes("sparse.fits", "[39991:40000,39991:40000]"), few)

    def read_bytes(self, *arguments):
        """How many bytes of the file were read."""
        return int(run(*arguments).stderr.split()[-1])


def main():
    global PROGRAM
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print(__doc__.strip())
        return 0 if sys.argv[1:] in (["--help"], ["-h"]) else 2
    PROGRAM = os.path.abspath(sys.argv.pop())
    with tempfile.TemporaryDirectory() as folder:
        cutout_cases.make_inputs(folder)
        return not unittest.main(exit=False, verbosity=1).result.wasSuccessful()


if __name__ == "__main__":
    sys.exit(main())
