# SPDX-License-Identifier: Apache-2.0
"""Quotas: seen, reserved when an upload begins, never exceeded."""

import concurrent.futures
import re
import threading
import time
import unittest

from quartet_test import CORE, Testbed, main, wait_until


class Quota(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bed = Testbed.start()
        cls.addClassCleanup(cls.bed.close)
        cls.count = 0

    def folder(self, quota):
        type(self).count += 1
        path = f"/alice/q{self.count}"
        self.bed.create("ContainerNode", path)
        self.assertEqual(self.bed.tool("quota", path, str(quota))[0], 0)
        return path

    def shown(self, path):
        text = self.bed.ask("GET", f"/nodes{path}?limit=0", "alice").text
        return {name: int(found.group(1)) for name in ("length", "quota", "availableSpace")
                if (found := re.search(re.escape(CORE + name) + r'"[^>]*>(\d+)<', text))}

    def test_a_container_shows_size_limit_and_what_is_left(self):
        path = self.folder(1000)
        self.bed.put(path + "/f", b"x" * 300)
        self.assertEqual(self.shown(path), {"length": 300, "quota": 1000, "availableSpace": 700})
        self.bed.tool("quota", path, "100")
        self.assertEqual(self.shown(path), {"length": 300, "quota": 100, "availableSpace": 0})
        self.bed.tool("quota", path, "none")
        self.assertEqual(self.shown(path), {"length": 300})

    def begin(self, path, announced, sent=b"x"):
        sock = self.bed.socket("alice")
        sock.sendall(f"PUT /vault/files{path} HTTP/1.1\r\nHost: {self.bed.host}:{self.bed.port}\r\n"
                     f"Content-Length: {announced}\r\n\r\n".encode() + sent)
        time.sleep(0.3)
        return sock

    def test_room_is_kept_for_an_upload_under_way(self):
        path = self.folder(1000)
        with self.begin(path + "/slow", 900) as slow:
            answer = self.bed.put(path + "/fast", b"y" * 200)
            self.assertEqual(answer.status, 413)
            self.assertIn("QuotaExceeded: used=900 limit=1000 requested=200", answer.text)
            self.assertEqual(self.bed.put(path + "/fits", b"y" * 100).status, 201)
            slow.sendall(b"x" * 899)
            self.assertIn(b" 201 ", slow.recv(4096))
        self.assertEqual(self.shown(path)["length"], 1000)

    def test_an_upload_that_breaks_off_gives_its_room_back(self):
        path = self.folder(1000)
        self.begin(path + "/broken", 900).close()
        wait_until(lambda: self.bed.put(path + "/f", b"y" * 200).status == 201, 20)

    def test_other_bytes_for_a_file_need_room_for_the_difference(self):
        path = self.folder(1000)
        self.bed.put(path + "/f", b"x" * 900)
        with self.begin(path + "/f", 950) as slow:
            self.assertEqual(self.bed.put(path + "/g", b"y" * 51).status, 413)
            self.assertEqual(self.bed.put(path + "/g", b"y" * 50).status, 201)
            slow.sendall(b"x" * 949)
            self.assertIn(b" 201 ", slow.recv(4096))
        self.assertEqual(self.shown(path)["availableSpace"], 0)

    def test_many_at_once_never_exceed_it(self):
        path = self.folder(50_000)
        barrier = threading.Barrier(16)

        def upload(i):
            barrier.wait()
            return [self.bed.put(f"{path}/{i}-{k}", b"z" * 1000).status for k in range(6)]

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            statuses = [s for found in pool.map(upload, range(16)) for s in found]
        self.assertEqual(set(statuses), {201, 413})
        self.assertEqual(self.shown(path), {"length": 50_000, "quota": 50_000, "availableSpace": 0})
        self.assertEqual(statuses.count(201), 50)


if __name__ == "__main__":
    main()
