# SPDX-License-Identifier: Apache-2.0
"""Locations are full or read-only (F08, F09, F31): small file systems of their own.

With W locations left an upload succeeds there; with fewer it is refused with 507 (503
before the body when more than space is the cause), nothing is left behind, what is stored
stays readable, and all is well again when there is room again.
"""

import contextlib
import os
import subprocess
import tempfile

from fault_test import Client, FaultBed, QUORUM
from quartet_test import main, unittest

MIB = 1 << 20


def call(words):
    done = subprocess.run(words, capture_output=True, timeout=60, check=False)
    return done.returncode, done.stderr.decode().strip()


@contextlib.contextmanager
def mounted(root, size_mib):
    """A tmpfs at `root`; skips without the right to mount one."""
    os.mkdir(root)
    try:
        status, text = call(["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "quartet-test",
                             root])
        if status != 0:
            raise unittest.SkipTest(f"cannot mount: {text}")
        try:
            yield root
        finally:
            call(["umount", "-l", root])
    finally:
        os.rmdir(root)


class Full(unittest.TestCase):
    def start(self, small, settings=()):
        """An instance whose locations in `small` (number: MiB) have a file system each."""
        top = tempfile.mkdtemp(prefix="quartet-full-")
        self.addCleanup(os.rmdir, top)
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        self.roots = {number: stack.enter_context(mounted(os.path.join(top, str(number)), size))
                      for number, size in small.items()}
        self.bed = FaultBed.start(settings=["gc_delay=100ms", "probe_period=200ms",
                                            "reserve_bytes=0", "reserve_inodes=0", *settings])
        self.addCleanup(self.bed.close)
        if small:
            self.bed.down()
            for number, root in self.roots.items():
                self.bed.place(number, root)
            self.bed.up()
        self.client = Client(self.bed)
        self.addCleanup(self.client.close)

    def fill(self, *numbers):
        for n in numbers:
            fd = os.open(os.path.join(self.roots[n], "filler"), os.O_WRONLY | os.O_CREAT)
            with contextlib.suppress(OSError):
                while True:
                    os.write(fd, bytes(4096))
            os.close(fd)

    def make_room(self, *numbers):
        for n in numbers:
            os.unlink(os.path.join(self.roots[n], "filler"))
        for n in numbers:
            self.bed.wait_state(n, "online")

    def put(self, path, size, copies):
        data = os.urandom(size)
        self.assertEqual(self.client.put(path, data), 201)
        self.assertEqual(len(self.bed.copies(data)), copies)
        self.assertEqual(self.client.get(path), (200, data))
        return data

    def assert_no_trace(self, data):
        self.bed.settle()
        self.assertEqual(self.bed.copies(data), [])
        self.assertEqual(self.bed.unfinished(), [])

    def test_F08_one_fills_up_in_the_middle(self):
        self.start({3: 8})
        data = self.put("/alice/large", 20 * MIB, QUORUM)
        status, text = self.bed.tool("health")
        self.assertIn(status, (0, 1), text)
        self.bed.settle(repaired=False)  # the file is too large for that one
        self.assertEqual(self.bed.unfinished(), [])
        self.bed.wait_state(3, "online")
        self.put("/alice/small", 1000, 4)
        self.assertEqual(self.client.get("/alice/large"), (200, data))
        self.assertEqual(self.bed.health()[1]["store"]["repairs_due"], 1)

    def test_F08_two_fill_up_in_the_middle(self):
        self.start({2: 8, 3: 8})
        old = self.put("/alice/f", 100_000, 4)
        for path in ("/alice/f", "/alice/new"):
            data = os.urandom(20 * MIB)
            status, _, text = self.client.ask("PUT", "/files" + path, data)
            self.assertEqual(status, 507, text)
            self.assertIn(b"InternalFault", text)
            self.assert_no_trace(data)
        self.assertEqual(self.client.get("/alice/f"), (200, old))
        self.assertEqual(self.client.get("/alice/new")[0], 404)
        self.bed.wait_state(2, "online")
        self.bed.wait_state(3, "online")
        self.put("/alice/small", 1000, 4)

    def test_full_before_the_upload(self):
        self.start({1: 8, 2: 8})
        old = self.put("/alice/f", 100_000, 4)
        self.fill(1)
        self.bed.wait_state(1, "full")
        self.put("/alice/g", 100_000, QUORUM)
        self.assertEqual(self.bed.tool("health")[0], 1)
        self.fill(2)
        self.bed.wait_state(2, "full")
        status, text = self.bed.tool("health")
        self.assertEqual(status, 2, text)
        for size in (1000, 3 * MIB):
            data = os.urandom(size)
            self.assertEqual(self.client.put("/alice/f", data), 507)
            self.assert_no_trace(data)
        self.assertEqual(self.client.get("/alice/f"), (200, old))
        # Deleting works, and is what makes room.
        self.assertIn(self.client.delete("/alice/g"), (200, 204))
        self.make_room(1, 2)
        self.put("/alice/f", 100_000, 4)

    def test_F09_read_only(self):
        self.start({1: 16, 4: 16})
        old = self.put("/alice/f", 100_000, 4)
        self.remount("ro", 4)
        self.bed.wait_state(4, "readonly")
        self.put("/alice/g", 100_000, QUORUM)
        self.put("/alice/f2", 5 * MIB, QUORUM)
        status, text = self.bed.tool("health")
        self.assertEqual(status, 1, text)
        self.assertIn(self.bed.locations[3], text)
        self.assertEqual(self.client.get("/alice/f"), (200, old))
        self.remount("ro", 1)
        self.bed.wait_state(1, "readonly")
        self.assertEqual(self.client.put("/alice/f", b"new"), 500)  # D21: no 503 with a body
        self.assertEqual(self.client.get("/alice/f"), (200, old))
        # What is deleted now is unlinked there when it can be.
        self.assertIn(self.client.delete("/alice/f"), (200, 204))
        self.remount("rw", 1, 4)
        self.bed.wait_state(1, "online")
        self.bed.wait_state(4, "online")
        self.bed.settle()
        self.assertEqual(self.bed.copies(old), [])
        self.put("/alice/f", 100_000, 4)

    def remount(self, how, *numbers):
        for n in numbers:
            status, text = call(["mount", "-o", f"remount,{how}", self.roots[n]])
            self.assertEqual(status, 0, text)

    def test_the_reserve_is_kept(self):
        self.start({2: 64}, ["reserve_bytes=48MiB", "reserve_percent=50"])
        self.put("/alice/f", 1000, 4)
        for i in range(3):
            self.client.put(f"/alice/f{i}", os.urandom(12 * MIB))
        self.bed.wait_state(2, "full")
        self.put("/alice/g", 1000, QUORUM)
        self.assertGreater(self.bed.health()[1]["locations"][1]["free_bytes"], 10 * MIB)

    def test_F32_the_map_of_the_metadata_is_full(self):
        """F31, F32: changes are refused, reads go on, room makes it well again."""
        self.start({}, ["meta_map_size=16MiB"])
        data = self.put("/alice/f", 1000, 4)
        filler = "x" * 30_000
        n, status = 0, 201
        while status == 201:
            n += 1
            status = self.client.document("PUT", "ContainerNode", f"/alice/d{n}",
                                          {"ivo://example.org/x#filler": filler})
        self.assertEqual(status, 500)  # D21: no 503 with a body
        self.assertEqual(self.client.document("POST", "DataNode", "/alice/f",
                                              {"ivo://example.org/x#filler": filler}), 503)
        self.assertGreater(n, 100)
        self.assertEqual(self.client.get("/alice/f"), (200, data))
        self.assertEqual(self.bed.tool("health")[0], 2)
        self.assertTrue(self.bed.is_running())
        self.client.close()
        self.bed.down()
        self.bed.up()
        self.assertEqual(self.client.ask("GET", f"/nodes/alice/d{n}?limit=0")[0], 404)
        self.assertEqual(self.client.get("/alice/f"), (200, data))


if __name__ == "__main__":
    main()
