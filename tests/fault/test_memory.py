# SPDX-License-Identifier: Apache-2.0
"""The server's own memory stays bounded, whatever its clients do (architecture D67).

Many large uploads at once; downloads that nobody reads; uploads that come by drops. What
counts is RssAnon + RssShmem: pages of the metadata map are the kernel's to take back.

QUARTET_MEMORY_MB: size of each of the 64 uploads (16; the acceptance test wants 100).
"""

import contextlib
import os
import select
import socket
import sys
import threading
import time
import urllib.parse

from fault_test import Client, FaultBed, md5, sanitizer_of_build
from quartet_test import main, unittest, wait_until

MIB = 1 << 20
LIMIT = 160 * MIB
UPLOADS = 64
UPLOAD_MB = int(os.environ.get("QUARTET_MEMORY_MB", "16"))
SLOW_READERS = 200
SLOW_WRITERS = 200


class Watch:
    """The highest value of the server's memory while it is looked at."""

    def __init__(self, bed):
        self.bed = bed
        self.highest = bed.memory()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.over.wait(0.02):
            self.highest = max(self.highest, self.bed.memory())

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


@unittest.skipIf(sanitizer_of_build(), "a sanitizer's memory is not the server's")
class Memory(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bed = FaultBed.start(settings=["listen_plain=127.0.0.1:0", "gc_delay=100ms"])
        cls.addClassCleanup(cls.bed.close)
        cls.plain = urllib.parse.urlsplit(cls.bed.env["QUARTET_PLAIN"])

    def setUp(self):
        self.client = Client(self.bed)
        self.addCleanup(self.client.close)
        self.start = self.bed.memory()

    def say(self, what, watch):
        print(f"{what}: {watch.highest / MIB:.0f} MiB (idle {self.start / MIB:.0f})",
              file=sys.stderr)

    def url(self, path):
        """The path of the file's byte URL."""
        return urllib.parse.urlsplit(
            self.client.ask("GET", "/files" + path)[1]["Location"]).path

    def dial(self):
        return socket.create_connection((self.plain.hostname, self.plain.port), timeout=60)

    def test_uploads_in_parallel(self):
        block = os.urandom(MIB)
        answers = []

        def upload(number):
            client = Client(self.bed, limit_s=300)
            size = UPLOAD_MB * MIB
            answers.append(client.put(f"/alice/m{number}", (block for _ in range(UPLOAD_MB)),
                                      {"Content-Length": str(size)}))
            client.close()
        threads = [threading.Thread(target=upload, args=(i,)) for i in range(UPLOADS)]
        with Watch(self.bed) as watch:
            for t in threads:
                t.start()
            for t in threads:
                t.join()
        self.say(f"{UPLOADS} uploads of {UPLOAD_MB} MiB", watch)
        self.assertEqual(answers, [201] * UPLOADS)
        self.assertLess(watch.highest, LIMIT)
        whole = md5(block * UPLOAD_MB)
        tree = self.client.tree("/alice")
        for i in range(UPLOADS):
            values = tree[f"/alice/m{i}"][1]
            self.assertEqual(values["ivo://ivoa.net/vospace/core#MD5"], whole)
            self.client.delete(f"/alice/m{i}")
        # Back in the pool or with the system, and nothing is left open.
        self.assertEqual(self.bed.settle()["mirror"]["transfers"], 0)

    def test_readers_that_stop_reading(self):
        data = os.urandom(64 * MIB)
        self.assertEqual(self.client.put("/alice/big", data), 201)
        path = self.url("/alice/big")
        request = (f"GET {path} HTTP/1.1\r\nHost: {self.plain.netloc}\r\n\r\n").encode()
        with contextlib.ExitStack() as stack, Watch(self.bed) as watch:
            readers = []
            for _ in range(SLOW_READERS):
                s = stack.enter_context(contextlib.closing(self.dial()))
                s.sendall(request)
                readers.append(s)
            wait_until(lambda: len(select.select(readers, [], [], 1)[0]) > 0)
            for _ in range(5):  # the others are served meanwhile
                began = time.monotonic()
                status, got = self.client.get("/alice/big")
                self.assertEqual((status, md5(got)), (200, md5(data)))
                self.assertEqual(self.client.put("/alice/small", b"x" * 1000), 201)
                self.assertLess(time.monotonic() - began, 30)
            # One that goes on gets the right bytes.
            readers[0].settimeout(60)
            text = b""
            while b"\r\n\r\n" not in text:
                text += readers[0].recv(65536)
            self.assertIn(b" 200 ", text.split(b"\r\n")[0])
            text = text.partition(b"\r\n\r\n")[2]
            while len(text) < len(data):
                part = readers[0].recv(MIB)
                self.assertTrue(part)
                text += part
            self.assertTrue(text == data)
        self.say(f"{SLOW_READERS} readers that do not read", watch)
        self.assertLess(watch.highest, LIMIT)

    def test_writers_that_stop_writing(self):
        """Each holds what it was promised and no more; others get through."""
        with contextlib.ExitStack() as stack, Watch(self.bed) as watch:
            for i in range(SLOW_WRITERS):
                s = stack.enter_context(contextlib.closing(self.bed.socket("alice")))
                s.sendall(f"PUT /vault/files/alice/w{i} HTTP/1.1\r\n"
                          f"Host: {self.bed.env['QUARTET_HOST']}\r\n"
                          f"Content-Length: {50 * MIB}\r\n\r\n".encode() + b"x" * 10_000)
            data = os.urandom(5 * MIB)
            for i in range(3):
                self.assertEqual(self.client.put(f"/alice/other{i}", data), 201)
                self.assertEqual(self.client.get(f"/alice/other{i}"), (200, data))
        self.say(f"{SLOW_WRITERS} writers that do not write", watch)
        self.assertLess(watch.highest, LIMIT)
        health = self.bed.settle()
        self.assertEqual(health["mirror"]["transfers"], 0)
        self.assertEqual(self.bed.unfinished(), [])
        for i in range(SLOW_WRITERS):
            self.assertEqual(self.client.ask("GET", f"/nodes/alice/w{i}?limit=0")[0], 404)


if __name__ == "__main__":
    main()
