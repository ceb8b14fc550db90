# SPDX-License-Identifier: Apache-2.0
"""The clients as packages: virtual environments below build/, made when a test first wants
them and brought up to date once a day.

    with NEWEST.prepare():
        subprocess.run([NEWEST.path("bin", "vls"), ...])

Nothing in them is changed. Where the package index or an interpreter is missing, `prepare`
raises Unavailable with the reason: the tests are then skipped, never passed.
"""

import fcntl
import os
import subprocess
import sys
import time

from quartet_test import TOP

VENVS = os.environ.get("QUARTET_CLIENT_VENV") or os.path.join(TOP, "build", "client-venv")
REFRESH_S = 24 * 3600
INSTALL_LIMIT_S = 400


class Unavailable(Exception):
    """There are no clients to test with, and why."""


class Packages:
    """Packages that work together, in an environment of their own.

    `suffix` is added to the environment's folder; `words` are for pip; `python` makes the
    environment."""

    def __init__(self, suffix, words, python=sys.executable):
        self.folder = VENVS + suffix
        self.python = python
        self._words = words
        # What an environment must have been made with to be this one.
        self._made_with = "\n".join([python, sys.version, *words])
        self._stamp = os.path.join(self.folder, "made-with")

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def _run(self, *words):
        try:
            done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  timeout=INSTALL_LIMIT_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as why:
            raise Unavailable(str(why)) from why
        if done.returncode != 0:
            said = " ".join((done.stdout + done.stderr).split())
            raise Unavailable(f"{' '.join(words)}: {said[-300:]}")

    def _install(self, state):
        if state == "absent":
            self._run(self.python, "-m", "venv", "--clear", self.folder)
        self._run(self.path("bin", "pip"), "install", "--quiet", "--upgrade", "--retries", "1",
                  "--disable-pip-version-check", *self._words)
        with open(self._stamp, "w", encoding="utf-8") as f:
            f.write(self._made_with)

    def _state(self):
        """absent, old or ready"""
        try:
            with open(self._stamp, encoding="utf-8") as f:
                same = f.read() == self._made_with
                age = time.time() - os.fstat(f.fileno()).st_mtime
        except OSError:
            return "absent"
        if not same:
            return "absent"
        return "ready" if age < REFRESH_S else "old"

    def prepare(self):
        """Make sure they are there. The lock that is returned keeps them in place."""
        os.makedirs(os.path.dirname(self.folder), exist_ok=True)
        lock = open(self.folder + ".lock", "w", encoding="utf-8")  # pylint: disable=consider-using-with
        fcntl.flock(lock, fcntl.LOCK_SH)
        if self._state() == "ready":
            return lock
        fcntl.flock(lock, fcntl.LOCK_EX)
        state = self._state()
        try:
            if state != "ready":
                self._install(state)
        except Unavailable as why:
            if state == "absent":
                lock.close()
                raise
            print(f"the clients may not be the newest: {why}", file=sys.stderr)
        fcntl.flock(lock, fcntl.LOCK_SH)
        return lock


# What the commands, mountvofs and vosfs need; the last two are modules that vofs uses and
# does not name.
NEWEST_WORDS = ["vos", "cadcutils", "vosfs", "vofs", "fusepy", "BitVector", "six"]
NEWEST = Packages("", NEWEST_WORDS)
# The last of the generation that asks for bytes and recursive changes in the older forms.
OLD = Packages("-old", ["vos==3.1.3", "six"])
