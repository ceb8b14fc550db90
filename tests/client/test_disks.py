# SPDX-License-Identifier: Apache-2.0
"""Real disks' faults under load from real clients.

Four locations on four file systems of their own. While some people keep uploading,
replacing and downloading with vcp, one disk after the other runs full, becomes read-only,
freezes, and is damaged byte by byte. Nobody sees wrong bytes, nobody's upload fails, and
in the end every file lies complete at all four.
"""

import contextlib
import os
import random
import subprocess
import threading
import time

import copies
from client_env import ClientTest, _trust, main
from fault_test import FaultBed, own_file_system
from quartet_test import wait_until

PEOPLE = 3
FILES = 4  # of each
SETTINGS = ["small_file=56KiB", "probe_period=200ms", "io_deadline=2s", "read_deadline=500ms",
            "repair_pause=200ms", "repair_files=1000", "gc_delay=200ms", "reserve_inodes=10",
            "scrub_bad_max=1000", "scrub_bad_percent=100"]  # an operator who knows what happened
IMAGE_MIB = 192


def run(*words):
    subprocess.run(words, check=True, timeout=60, capture_output=True)


class Person(threading.Thread):
    """Uploads, replaces and downloads files that nobody else touches."""

    def __init__(self, user, folder, stop):
        super().__init__()
        self.user, self.folder, self.stop = user, folder, stop
        self.has = {}  # name: bytes
        self.wrong = None
        self.done = 0

    def uri(self, name):
        return f"vos:{self.folder[1:]}/{name}"

    def upload(self, name):
        data = os.urandom(random.choice([200, 5000, 70_000, 900_000]))
        self.user("vcp", self.user.write(name, data), self.uri(name))
        self.has[name] = data

    def download(self, name):
        self.user("vcp", self.uri(name), "got-" + name)
        assert self.user.read("got-" + name) == self.has[name], f"{name}: wrong bytes"
        os.unlink(self.user.path("got-" + name))

    def run(self):
        try:
            while not self.stop.is_set():
                name = f"{self.user.name}-{random.randrange(FILES)}"
                if name in self.has and random.random() < 0.6:
                    self.download(name)
                else:
                    self.upload(name)
                self.done += 1
        except BaseException as e:  # pylint: disable=broad-except
            self.wrong = e


class Disks(ClientTest):
    @classmethod
    def setUpClass(cls):
        cls.roots = [cls.enterClassContext(own_file_system(IMAGE_MIB)) for _ in range(4)]
        cls.bed = FaultBed.start(settings=SETTINGS)
        cls.addClassCleanup(cls.bed.close)
        cls.trust = _trust(cls.bed, cls.packages)
        cls.bed.down()
        for number, root in enumerate(cls.roots, 1):
            cls.bed.place(number, root)
        cls.bed.up()

    def tearDown(self):
        pass  # looked at in the test itself: the locations are symbolic links

    @contextlib.contextmanager
    def people_at_work(self):
        stop = threading.Event()
        self.people = [Person(self.user(name), self.folder, stop)
                       for name in ("alice",) * PEOPLE]
        for number, person in enumerate(self.people):
            person.user.name = f"p{number}"
            person.start()
        try:
            yield
            self.enough()
        finally:
            stop.set()
            for person in self.people:
                person.join(120)
        self.assertEqual([p.wrong for p in self.people if p.wrong], [])

    def enough(self):
        """Some more of the load has come and gone."""
        before = [p.done for p in self.people]

        def all_have_gone_on():
            self.assertEqual([p.wrong for p in self.people if p.wrong], [])
            return all(p.done > b for p, b in zip(self.people, before))
        wait_until(all_have_gone_on, 60)

    def online(self, number):
        self.bed.wait_state(number, "online")

    def run_full(self, number):
        filler = os.path.join(self.roots[number - 1], "filler")
        with open(filler, "wb", buffering=0) as f, contextlib.suppress(OSError):
            while True:
                f.write(bytes(1 << 20))
        self.bed.wait_state(number, "full")
        self.enough()
        os.unlink(filler)
        self.online(number)

    def become_read_only(self, number):
        root = self.roots[number - 1]
        run("mount", "-o", "remount,ro", root)
        try:
            self.bed.wait_state(number, "readonly")
            self.enough()
        finally:
            run("mount", "-o", "remount,rw", root)
        self.online(number)

    def freeze(self, number):
        root = self.roots[number - 1]
        run("fsfreeze", "-f", root)
        try:
            self.bed.wait_state(number, "hung")
            self.enough()
        finally:
            run("fsfreeze", "-u", root)
        self.online(number)

    def damage(self, number):
        """Another byte in each page of each file, past what the server has in memory."""
        n = 0
        for folder, _, names in os.walk(os.path.join(self.roots[number - 1], "loc", "blob")):
            for name in names:
                with contextlib.suppress(FileNotFoundError), \
                        open(os.path.join(folder, name), "r+b") as f:
                    size = os.fstat(f.fileno()).st_size
                    for at in range(random.randrange(4096), size, 4096):
                        f.seek(at)
                        byte = f.read(1)
                        f.seek(at)
                        f.write(bytes([byte[0] ^ 0x40]))
                    n += 1
        self.assertGreater(n, 0)
        run("sync")
        with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as f:
            f.write("3")
        self.enough()

    def scrubbed(self, number):
        status, text = self.bed.tool("scrub", "start", "--location", str(number), "--deep")
        self.assertEqual(status, 0, text)

    def test_disks_fail_one_after_the_other(self):
        with self.people_at_work():
            self.enough()
            self.run_full(1)
            self.become_read_only(2)
            self.freeze(3)
            self.damage(4)
        began = time.monotonic()
        self.bed.settle(120)
        self.scrubbed(4)

        def every_copy_is_good():
            for person in self.people:
                for name in person.has:
                    if self.bed.tool("verify", f"{self.folder}/{name}")[0] != 0:
                        return False
            return True
        wait_until(every_copy_is_good, 120)
        self.bed.settle(120)
        self.assertEqual([l["state"] for l in self.bed.health()[1]["locations"]], ["online"] * 4)
        for person in self.people:
            for name, data in person.has.items():
                person.download(name)
                copies.check_file(self.bed, data)
        status, text = self.bed.tool("fsck")
        self.assertEqual(status, 0, text)
        print(f"{sum(p.done for p in self.people)} commands, {len(self.people) * FILES} files, "
              f"all good {time.monotonic() - began:.1f} s after the last fault")


if __name__ == "__main__":
    main()
