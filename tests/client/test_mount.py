# SPDX-License-Identifier: Apache-2.0
"""mountvofs, the space as a folder: scenario 29 of the client contract.

What vofs 3.1 itself breaks on any server is not here: writing over a file, appending, `mv`,
links, and changes in place beyond a file's first block.
"""

import contextlib
import os
import re
import subprocess
import time

from client_env import ClientTest, main, md5
from quartet_test import unittest, wait_until

MOUNT_LIMIT_S = 30
LARGE = 20 * 1000 * 1000
TAIL = 1000
# What fusermount and the FUSE library say where nobody may mount.
NO_RIGHT = re.compile(r"fuse: device not found|mount failed: (Operation not permitted|Permission denied)"
                      r"|failed to open /dev/fuse")


class Mount(ClientTest):
    @classmethod
    def setUpClass(cls):
        try:
            os.close(os.open("/dev/fuse", os.O_RDWR))
        except OSError as why:
            raise unittest.SkipTest(f"kernel: no FUSE: {why.strerror}") from why
        super().setUpClass()

    def setUp(self):
        super().setUp()
        self.data = os.urandom(300_000)

    @contextlib.contextmanager
    def mounted(self, user, path=None, authority=None):
        """This test's folder, or another one, as a folder of the machine."""
        point = user.path("mount")
        os.makedirs(point)
        said = user.path("mountvofs.out")
        where = f"vos://{authority or self.bed.env['QUARTET_AUTHORITY']}{path or self.at()}"
        words = ["mountvofs", "--foreground", "--vospace", where, "--mountpoint", point,
                 "--log", user.path("mountvofs.log"), "--cache_dir", user.path("cache")]
        with open(said, "w", encoding="utf-8") as out:
            process = subprocess.Popen(words, cwd=user.home, env=user.environment, stdout=out,
                                       stderr=out, stdin=subprocess.DEVNULL)
        try:
            end = time.monotonic() + MOUNT_LIMIT_S
            while not os.path.ismount(point):
                if process.poll() is not None or time.monotonic() > end:
                    self.not_mounted(user.read(said).decode(errors="replace"))
                time.sleep(0.05)
            yield point
            # Also the moment when what is still to be sent is sent.
            subprocess.run(["fusermount", "-u", point], check=True, timeout=MOUNT_LIMIT_S)
            process.wait(MOUNT_LIMIT_S)
        finally:
            if process.poll() is None:
                subprocess.run(["fusermount", "-u", "-z", point], check=False,
                               timeout=MOUNT_LIMIT_S, capture_output=True)
                process.kill()
                process.wait()

    def not_mounted(self, said):
        right = NO_RIGHT.search(said)
        if right:
            self.skipTest(f"kernel: {right.group(0)}")
        self.fail(f"not mounted: {said[-2000:]}")

    def shell(self, point, *words):
        """A program of the machine, in the mounted folder: what it printed."""
        done = subprocess.run(words, cwd=point, capture_output=True, text=True, check=False,
                              timeout=120, env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"})
        self.assertEqual(done.returncode, 0, f"{words}: {done.stdout}{done.stderr}")
        return done.stdout

    def reads_back(self, point, name, data):
        """The kernel tells mountvofs of a file's end when it likes: not always at once."""
        def it_has_its_bytes():
            with open(os.path.join(point, name), "rb") as f:
                return f.read() == data
        wait_until(it_has_its_bytes)

    def test_29_it_is_used_like_a_local_disk(self):
        local = self.alice.write("local", self.data)
        with self.mounted(self.alice) as point:
            self.assertEqual(self.shell(point, "ls"), "")
            self.shell(point, "cp", local, "f")
            self.reads_back(point, "f", self.data)
            with open(os.path.join(point, "written"), "wb") as f:
                f.write(self.data[:20_000])
            self.reads_back(point, "written", self.data[:20_000])
            self.shell(point, "rm", "written")
            self.shell(point, "mkdir", "d")
            self.shell(point, "cp", local, "d/g")
            self.assertEqual(self.shell(point, "ls", "-1"), "d\nf\n")
            self.assertEqual(self.shell(point, "stat", "-c", "%s", "f"), "300000\n")
            self.shell(point, "cmp", local, "f")
            self.shell(point, "rm", "d/g")
            self.shell(point, "rmdir", "d")
            self.assertEqual(self.shell(point, "ls", "-1"), "f\n")
        self.assertEqual(self.names(), ["f"])
        self.holds("f", self.data)

    def test_29b_what_others_have_put_there_is_read(self):
        self.put("f", self.data)
        self.put("text", b"a line\n")
        local = self.alice.write("local", self.data)
        with self.mounted(self.alice) as point:
            self.assertEqual(self.shell(point, "cat", "text"), "a line\n")
            self.shell(point, "cmp", local, "f")

    def test_29c_the_end_of_a_large_file_does_not_cost_the_whole(self):
        data = os.urandom(LARGE)
        self.put("f", data)
        requests = self.requests()
        with self.mounted(self.alice) as point:
            with open(os.path.join(point, "f"), "rb") as f:
                f.seek(-TAIL, os.SEEK_END)
                self.assertEqual(f.read(), data[-TAIL:])
        reads = requests.take("GET", "/files/preauth")
        parts = [read for read in reads if read["status"] == "206"]
        self.assertEqual(len(parts), 1, reads)
        self.assertLess(int(parts[0]["out"]), LARGE // 100)
        # Opening begins to read from the start, and stops when the end is asked for.
        for read in reads:
            self.assertLess(int(read["out"]), LARGE)

    def test_29d_a_first_block_is_changed_in_place(self):
        self.put("f", b"0123456789")
        with self.mounted(self.alice) as point:
            with open(os.path.join(point, "f"), "r+b") as f:
                f.seek(2)
                f.write(b"two")
        self.holds("f", b"01two56789")

    def test_29e_rights_are_changed_by_chmod(self):
        self.put("f", b"mine")
        with self.mounted(self.alice) as point:
            for mode, public in (("644", "true"), ("600", "false")):
                self.shell(point, "chmod", mode, "f")
                self.assertEqual(self.node("f")["ispublic"], public)

    def test_29f_the_free_space_is_that_of_the_quota(self):
        self.put("f", self.data)
        self.assertEqual(self.bed.tool("quota", self.at(), "10000000")[0], 0)
        with self.mounted(self.alice) as point:
            disk = os.statvfs(point)
        block = disk.f_frsize
        self.assertEqual(disk.f_blocks, 10_000_000 // block)
        self.assertEqual(disk.f_bavail, (10_000_000 - len(self.data)) // block)

    def test_29g_a_full_quota_leaves_what_was_there(self):
        self.put("f", self.data)
        self.assertEqual(self.bed.tool("quota", self.at(), "310000")[0], 0)
        with self.mounted(self.alice) as point:
            done = subprocess.run(["cp", self.alice.write("g", self.data), "g"], cwd=point,
                                  check=False, capture_output=True, timeout=120)
            self.assertNotEqual(done.returncode, 0)
            self.shell(point, "cmp", self.alice.path("g"), "f")
        self.holds("f", self.data)
        self.assertNotEqual(self.node("g").get("MD5"), md5(self.data))

    def test_29h_without_a_certificate_it_is_read_only(self):
        top = "/public/29h"
        self.assertEqual(self.bed.create("ContainerNode", top).status, 201)
        self.assertEqual(self.bed.put(top + "/f", b"for all\n").status, 201)
        with self.mounted(self.nobody, top) as point:
            self.assertEqual(self.shell(point, "cat", "f"), "for all\n")
            with self.assertRaises(OSError) as caught:
                os.mkdir(os.path.join(point, "d"))
            self.assertEqual(caught.exception.strerror, "Read-only file system")

    def test_29i_the_name_that_the_commands_use_works_too(self):
        local = self.alice.write("local", self.data)
        self.put("text", b"a line\n")
        with self.mounted(self.alice, authority="cadc.nrc.ca~vault") as point:
            self.assertEqual(self.shell(point, "cat", "text"), "a line\n")
            self.shell(point, "cp", local, "f")
            self.shell(point, "cmp", local, "f")

            def sent():
                return not self.missing("f") and self.node("f")["length"] == str(len(self.data))
            wait_until(sent)
        self.holds("f", self.data)


main()
