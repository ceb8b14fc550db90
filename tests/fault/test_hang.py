# SPDX-License-Identifier: Apache-2.0
"""A location hangs: its file system is frozen under the server (F10 to F12).

Nobody waits for it longer than the deadline, the others serve as ever, memory stays
bounded, and what the kernel writes after the thaw leaves nothing visible.
"""

import contextlib
import os
import threading
import time

from fault_test import Client, FaultBed, QUORUM, frozen, own_file_system, sanitizer_of_build
from quartet_test import main, unittest

DEADLINE_S = 2
MIB = 1 << 20


class Hang(unittest.TestCase):
    engine = "auto"

    def start(self, *numbers):
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        self.roots = {n: stack.enter_context(own_file_system(256)) for n in numbers}
        self.bed = FaultBed.start(io=self.engine, settings=[
            "gc_delay=100ms", "probe_period=200ms", f"io_deadline={DEADLINE_S}s",
            "read_deadline=500ms", "slow_time=500ms", "straggler_wait=100ms",
            "repair_pause=200ms"])
        self.addCleanup(self.bed.close)
        self.bed.down()
        for n, root in self.roots.items():
            self.bed.place(n, root)
        self.bed.up()
        self.client = Client(self.bed)
        self.addCleanup(self.client.close)

    def put(self, path, data):
        began = time.monotonic()
        self.assertEqual(self.client.put(path, data), 201)
        # Wide: the machine may be busy. A hang would last as long as the freeze.
        self.assertLess(time.monotonic() - began, DEADLINE_S + 10)
        return data

    def frozen(self, *numbers):
        stack = contextlib.ExitStack()
        for n in numbers:
            stack.enter_context(frozen(self.roots[n]))
        return stack

    def assert_nothing_left(self, there):
        self.bed.settle()
        self.assertEqual(self.bed.unfinished(), [])
        for path, data in there.items():
            self.assertEqual(self.client.get(path), (200, data), path)
            self.assertGreaterEqual(len(self.bed.copies(data)), QUORUM)
        names = {name for here in self.bed.blobs() for name in here}
        self.assertEqual(len(names), len(there))

    def test_F10_one_hangs_before_and_in_the_middle(self):
        self.start(4)
        there = {"/alice/before": self.put("/alice/before", os.urandom(100_000))}
        data = os.urandom(8 * MIB)
        with contextlib.ExitStack() as freeze:
            def body():
                yield data[:2 * MIB]
                freeze.enter_context(self.frozen(4))
                yield data[2 * MIB:]
            there["/alice/middle"] = self.put("/alice/middle", body()) and data
            there["/alice/small"] = self.put("/alice/small", os.urandom(1000))
            there["/alice/large"] = self.put("/alice/large", os.urandom(5 * MIB))
            self.bed.wait_state(4, "hung")
            status, text = self.bed.tool("health")
            self.assertEqual(status, 1, text)
            self.assertIn(self.bed.locations[3], text)
            there["/alice/hung"] = self.put("/alice/hung", os.urandom(100_000))
            for path in there:
                self.assertEqual(self.client.get(path), (200, there[path]))
        self.bed.wait_state(4, "online")
        there["/alice/after"] = self.put("/alice/after", os.urandom(100_000))
        self.assertEqual(len(self.bed.copies(there["/alice/after"])), 4)
        self.assert_nothing_left(there)

    def test_F11_two_hang_in_the_middle(self):
        self.start(3, 4)
        old = self.put("/alice/f", os.urandom(100_000))
        data = os.urandom(6 * MIB)
        with contextlib.ExitStack() as freeze:
            def body():
                yield data[:2 * MIB]
                freeze.enter_context(self.frozen(3, 4))
                yield data[2 * MIB:]
            self.assertEqual(self.client.put("/alice/f", body()), 500)
            self.assertEqual(self.client.get("/alice/f"), (200, old))
            self.assertEqual(self.bed.tool("health")[0], 2)
        self.bed.wait_state(3, "online")
        self.bed.wait_state(4, "online")
        self.assert_nothing_left({"/alice/f": old})
        self.assertEqual(len(self.bed.copies(self.put("/alice/f", data))), 4)

    def test_F12_many_uploads_beside_one_that_hangs(self):
        self.start(2)
        there = {f"/alice/f{i}": os.urandom(300_000) for i in range(64)}
        answers = []

        def upload(path, data):
            client = Client(self.bed)
            answers.append(client.put(path, data))
            client.close()
        with self.frozen(2):
            threads = [threading.Thread(target=upload, args=item) for item in there.items()]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            self.assertEqual(answers, [201] * len(there))
            self.put("/alice/one", b"more")
            there["/alice/one"] = b"more"
            for path, data in there.items():
                self.assertEqual(self.client.get(path), (200, data))
            if not sanitizer_of_build():
                self.assertLess(self.bed.memory(), 160 * MIB)
        self.bed.wait_state(2, "online")
        self.assert_nothing_left(there)


@unittest.skipIf(sanitizer_of_build(), "one engine is enough here; mixed runs both")
class HangThreads(Hang):
    engine = "threads"


class HangUring(Hang):
    engine = "uring"


del Hang


if __name__ == "__main__":
    main()
