# SPDX-License-Identifier: Apache-2.0
"""scripts/serve: the first thing a newcomer runs."""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from quartet_test import TOP, main, unittest

SERVE = os.path.join(TOP, "scripts", "serve")
LAST_LINE = "Ctrl-C ends the server"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Serve(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="quartet-serve-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        if "QUARTET_BUILD" not in os.environ:
            self.skipTest("QUARTET_BUILD names no build tree")

    def serve(self, port, *words):
        process = subprocess.Popen(
            [SERVE, "--dir", self.dir, "--port", str(port), "--build", os.environ["QUARTET_BUILD"],
             *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, start_new_session=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait, 60)
        self.addCleanup(lambda: process.poll() is None and process.terminate())
        return process

    def text_until_ready(self, process):
        lines = []
        for line in process.stdout:
            lines.append(line)
            if LAST_LINE in line:
                return "".join(lines)
        self.fail("".join(lines))

    def press_ctrl_c(self, process):
        os.killpg(process.pid, signal.SIGINT)
        rest = process.stdout.read()
        self.assertEqual(process.wait(timeout=60), 0, rest)
        self.assertIn("stopped", rest)

    def curl(self, *words):
        done = subprocess.run(["curl", "-sS", "-m", "30", "-L", "--fail", "--cacert",
                               self.dir + "/ca.pem", "--cert", self.dir + "/alice.pem", *words],
                              capture_output=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_store_stop_start_and_read(self):
        process = self.serve(free_port())
        text = self.text_until_ready(process)
        base = re.search(r"https://localhost:\d+/vault", text)[0]
        for page in re.findall(r"^    (https://\S+)$", text, re.M):
            self.curl(page)
        field = os.path.join(self.dir, "demo", "home", "field.fits")
        self.curl("-T", field, f"{base}/files/alice/field.fits")
        self.press_ctrl_c(process)

        other = free_port()
        process = self.serve(other)
        self.assertIn(f"https://localhost:{other}/vault", self.text_until_ready(process))
        with open(field, "rb") as f:
            self.assertEqual(self.curl(f"https://localhost:{other}/vault/files/alice/field.fits"),
                             f.read())
        second = self.serve(free_port())
        self.assertNotEqual(second.wait(timeout=60), 0)
        self.assertIn("runs in", second.stdout.read())
        self.press_ctrl_c(process)

    def test_a_taken_port_is_said(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen()
            process = self.serve(s.getsockname()[1])
            self.assertEqual(process.wait(timeout=60), 1)
        self.assertIn("see --port", process.stdout.read())

    def test_a_closed_terminal_ends_it(self):
        process = self.serve(free_port())
        self.text_until_ready(process)
        with open(os.path.join(self.dir, "quartetd.pid"), encoding="ascii") as f:
            server = int(f.read())
        os.killpg(process.pid, signal.SIGHUP)
        process.wait(timeout=60)
        end = time.monotonic() + 30
        while os.path.exists(f"/proc/{server}") and time.monotonic() < end:
            time.sleep(0.05)
        self.assertFalse(os.path.exists(f"/proc/{server}"))


if __name__ == "__main__":
    main()
