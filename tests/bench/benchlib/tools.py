# SPDX-License-Identifier: Apache-2.0
"""The C programs of tests/bench: building them, running them, reading their JSON.

Every program runs in the foreground with a time limit, is ended by its process id when
the limit is over, and answers with one JSON object on standard output.
"""

import contextlib
import json
import os
import signal
import subprocess
import time

from .errors import BenchError

BUILD_LIMIT_S = 900


class Clock:
    """The time left for the whole run."""

    def __init__(self, limit_s):
        self._end = time.monotonic() + limit_s

    def limit(self, wanted_s):
        left = self._end - time.monotonic()
        if left <= 0:
            raise BenchError("the time limit of the whole run is over")
        return min(wanted_s, left)


def run_command(command, limit_s, **options):
    """Run to the end; (exit code, stdout, stderr). Its children end with it."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, start_new_session=True,
                          **options) as process:
        try:
            out, error = process.communicate(timeout=limit_s)
        except BaseException as problem:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            if isinstance(problem, subprocess.TimeoutExpired):
                raise BenchError(f"{command[0]}: not done after {limit_s:.0f} s") from None
            raise
    return process.returncode, out, error


def must_run(command, limit_s, **options):
    code, out, error = run_command(command, limit_s, **options)
    if code != 0:
        tail = (error or out).strip().splitlines()[-8:]
        raise BenchError(f"{' '.join(map(str, command))}: exit code {code}: " + " | ".join(tail))
    return out


class Tools:
    """The programs in one build directory."""

    def __init__(self, build, clock):
        self._bin = os.path.join(build, "tests", "bench")
        self._build = build
        self._clock = clock

    def build(self, root):
        """Configure when needed, then build what changed."""
        if not os.path.exists(os.path.join(self._build, "build.ninja")):
            must_run(["cmake", "--preset", "release", "-B", self._build, "-DQUARTET_BENCH=ON"],
                     self._clock.limit(BUILD_LIMIT_S), cwd=root)
        must_run(["cmake", "--build", self._build, "--target", "bench-tools"],
                 self._clock.limit(BUILD_LIMIT_S), cwd=root)

    def run(self, name, *arguments, limit_s=300):
        """One program; its JSON object as a dict."""
        command = [os.path.join(self._bin, name), *map(str, arguments)]
        out = must_run(command, self._clock.limit(limit_s))
        try:
            return json.loads(out)
        except ValueError:
            raise BenchError(f"{name}: no JSON: {out[:200]!r}") from None
