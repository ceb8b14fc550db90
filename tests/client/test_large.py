# SPDX-License-Identifier: Apache-2.0
"""A file so large that vcp sends it in segments: killed, and sent again.

The client does so from 5 GiB on. QUARTET_LARGE_MIB=6144 does just that, and takes minutes and
40 GiB of disk; by default a smaller file is sent by a client that is told to begin earlier.
"""

import contextlib
import hashlib
import os
import re
import subprocess
import threading

from client_env import ClientTest, main
from quartet_test import unittest, wait_until

MIB = 1 << 20
SIZE = int(os.environ.get("QUARTET_LARGE_MIB", "96")) * MIB
SEGMENTED_FROM = 5 << 30  # by the client itself
N_SEGMENTS = 3
MEMORY_LIMIT = 160 * MIB
LIMIT_S = 1800
SMALLER = f"""\
import sys, time
import cadcutils.net.ws as ws
from vos.commands.vcp import vcp
ws.FILE_SEGMENT_THRESHOLD = {SIZE // 2}
ws.PREFERRED_SEGMENT_SIZE = {-(-SIZE // N_SEGMENTS)}
"""
# One that stops before its second segment, so that it is never done before it is killed.
HELD = """\
send, puts = ws.RetrySession.send, []
def held(self, request, **more):
    puts.extend([request] if request.method == "PUT" else [])
    time.sleep(600 if len(puts) == 3 else 0)
    return send(self, request, **more)
ws.RetrySession.send = held
"""
BY_ITSELF = SIZE >= SEGMENTED_FROM
VCP = ["vcp"] if BY_ITSELF else ["python", "-c", SMALLER + "vcp()"]
VCP_TO_KILL = ["vcp"] if BY_ITSELF else ["python", "-c", SMALLER + HELD + "vcp()"]


class Memory:
    """The most that a process has had of memory of its own, while the block lasts."""

    def __init__(self, pid):
        self._path = f"/proc/{pid}/status"
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.most = 0

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()

    def _watch(self):
        while True:
            with open(self._path, encoding="ascii") as f:
                parts = re.findall(r"^Rss(?:Anon|Shmem):\s+(\d+) kB$", f.read(), re.M)
            assert len(parts) == 2, parts
            self.most = max(self.most, 1024 * sum(map(int, parts)))
            if self._end.wait(0.1):
                return


class LargeFiles(ClientTest):
    def write_large(self, name):
        """A local file of noise, most of it the same, and its MD5."""
        block = os.urandom(8 * MIB)
        digest = hashlib.md5()
        with open(self.alice.path(name), "wb") as f:
            for i in range(SIZE // len(block)):
                piece = i.to_bytes(8, "big") + block[8:]
                digest.update(piece)
                f.write(piece)
        return self.alice.path(name), digest.hexdigest()

    @contextlib.contextmanager
    def sending(self, *words):
        process = subprocess.Popen([*VCP_TO_KILL, *words], cwd=self.alice.home, env=self.alice.environment,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def taken(self, requests):
        """The segments that were taken so far."""
        return [put for put in requests.puts() if put["status"] == "202" and int(put["in"])]


class Large(LargeFiles):
    def test_a_large_file_is_sent_in_segments_killed_and_sent_again(self):
        path, md5 = self.write_large("large")
        self.put("f", b"the old bytes")
        before = self.tree()
        with Memory(self.bed.pid) as memory:
            requests = self.requests()
            with self.sending(path, self.vos("f")) as process:
                def one_is_there():
                    return self.taken(requests) or process.poll() is not None
                wait_until(one_is_there, LIMIT_S, period_s=0.02)
                self.assertIsNone(process.poll())
            self.assertLess(len(self.taken(requests)), N_SEGMENTS)
            self.assertEqual(self.tree(), before)
            self.holds("f", b"the old bytes")

            requests = self.requests()
            done = self.alice.run(*VCP, path, self.vos("f"), limit_s=LIMIT_S)
            self.assertEqual(done.status, 0, done)
            self.assertEqual(len(self.taken(requests)), N_SEGMENTS)
            os.unlink(path)
            self.assertEqual(self.node("f")["MD5"], md5)
            self.assertEqual(self.node("f")["length"], str(SIZE))
            done = self.alice.run("vcp", self.vos("f"), "down", limit_s=LIMIT_S)
            self.assertEqual(done.status, 0, done)
        with open(self.alice.path("down"), "rb") as f:
            self.assertEqual(hashlib.file_digest(f, "md5").hexdigest(), md5)
        os.unlink(self.alice.path("down"))
        print(f"{memory.most // MIB} MiB of memory at most")
        self.assertLess(memory.most, MEMORY_LIMIT)


@unittest.skipIf(BY_ITSELF, "once is enough")
class TooLargeToJoin(LargeFiles):
    settings = (f"put_join_max={SIZE // 2}",)

    def test_a_file_that_would_take_long_to_join_is_sent_in_one_segment(self):
        path, md5 = self.write_large("large")
        requests = self.requests()
        done = self.alice.run(*VCP, path, self.vos("f"), limit_s=LIMIT_S)
        self.assertEqual(done.status, 0, done)
        self.assertEqual([int(put["in"]) for put in self.taken(requests)], [SIZE])
        self.assertEqual(self.node("f")["MD5"], md5)


main()
