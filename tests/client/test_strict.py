# SPDX-License-Identifier: Apache-2.0
"""Clients that check certificates as strictly as Python 3.13 does: scenario 40 of the
client contract.

They run on a Python from 3.13 on where there is one, `$QUARTET_STRICT_PYTHON` or on the
path. Elsewhere the interpreter of the other tests is told to check as that one does.
"""

import os
import shutil
import subprocess
import sys

from client_env import ClientTest, main
from client_packages import NEWEST, NEWEST_WORDS, Packages

NAMES = ("python3.14", "python3.13")

# Found by every Python that has its folder on PYTHONPATH.
SITE = """\
import ssl

_make = ssl.SSLContext.__new__


def _strict(cls, *arguments, **more):
    context = _make(cls, *arguments, **more)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


ssl.SSLContext.__new__ = _strict
"""


def runs(python):
    return python is not None and subprocess.run(
        [python, "-c", "import venv"], capture_output=True, check=False, timeout=60).returncode == 0


def strict_python():
    """An interpreter that is strict by itself, or None."""
    names = [os.environ.get("QUARTET_STRICT_PYTHON"), *map(shutil.which, NAMES)]
    return next((name for name in names if runs(name)), None)


PYTHON = strict_python()
PACKAGES = Packages("-strict", NEWEST_WORDS, PYTHON) if PYTHON else NEWEST


class Strict(ClientTest):
    packages = PACKAGES

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if PYTHON is None:
            with open(os.path.join(cls.trust, "sitecustomize.py"), "w", encoding="ascii") as f:
                f.write(SITE)

    def test_40_they_are_strict(self):
        said = self.alice("python", "-c", "import ssl\n"
                          "made = ssl.create_default_context().verify_flags\n"
                          "print(bool(made & ssl.VERIFY_X509_STRICT))")
        self.assertEqual(said, "True\n")

    def test_40b_the_commands_work(self):
        data = os.urandom(20_000)
        self.alice("vcp", self.alice.write("f", data), self.vos("f"))
        self.assertEqual(self.alice("vls", self.vos()), "f\n")
        self.alice("vcp", self.vos("f"), "down")
        self.assertEqual(self.alice.read("down"), data)
        self.alice("vmv", self.vos("f"), self.vos("g"))
        self.nobody("vls", "vos:public")

    def test_40c_vosfs_works(self):
        self.assertEqual(self.alice.vosfs("fs.pipe(sys.argv[1], b'bytes')\n"
                                          "print(fs.cat(sys.argv[1]).decode())", self.at("f")),
                         "bytes\n")
        self.holds("f", b"bytes")
        self.assertEqual(self.nobody.vosfs("print(fs.isdir('/public'))"), "True\n")


print(f"checked with {PYTHON or sys.executable}", file=sys.stderr)
main(PACKAGES)
