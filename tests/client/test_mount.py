# SPDX-License-Identifier: Apache-2.0
"""mountvofs: the space as a directory. The form and the operations that work with the unmodified client (client
contract, section 9)."""

import os
import subprocess
import sys
import unittest

from client_env import ClientTest, main
from quartet_test import wait_until

FILL = os.urandom(40_000)


def why_not():
    """What a mount needs of the kernel and the system; "" when all is there."""
    if not os.path.exists("/dev/fuse"):
        return "kernel: there is no /dev/fuse"
    try:
        with open("/dev/fuse", "rb"):
            pass
    except OSError as why:
        return f"kernel: /dev/fuse: {why}"
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode != 0:
        return "kernel: nothing can be mounted here"
    return ""


class Mount(ClientTest):
    def setUp(self):
        super().setUp()
        if why_not():
            self.skipTest(why_not())

    def mount(self, user, space):
        point = user.path("mnt")
        os.makedirs(point)
        self.addCleanup(self.unmount, point)
        user.run("mountvofs", "--vospace", space, "--mountpoint", point, "--log", user.path("vofs.log"), "-d",
                 "--cache_dir", user.path("cache"))
        wait_until(lambda: os.path.ismount(point), 30)
        return point

    @staticmethod
    def unmount(point):
        for _ in range(20):
            if not os.path.ismount(point):
                return
            subprocess.run(["fusermount", "-u", "-z", point], capture_output=True, check=False)
        raise AssertionError(f"{point} cannot be unmounted")

    @property
    def space(self):
        return "vos://" + self.bed.env["QUARTET_AUTHORITY"] + self.folder

    def test_29_files_and_folders(self):
        self.put("there", FILL)
        self.make("d")
        point = self.mount(self.alice, self.space)
        self.assertEqual(sorted(os.listdir(point)), ["d", "there"])
        with open(os.path.join(point, "there"), "rb") as f:
            self.assertEqual(f.read(), FILL)
        with open(os.path.join(point, "new"), "wb") as f:
            f.write(FILL[:20_000])
        with open(os.path.join(point, "new"), "rb") as f:
            self.assertEqual(f.read(), FILL[:20_000])
        os.mkdir(os.path.join(point, "made"))
        os.rmdir(os.path.join(point, "d"))
        os.unlink(os.path.join(point, "there"))
        space = os.statvfs(point)
        self.assertGreater(space.f_blocks, 0)
        self.unmount(point)
        self.assertEqual(self.names(), ["made", "new"])
        self.holds("new", FILL[:20_000])

    def test_29_the_tail_of_a_large_file_is_a_range(self):
        data = os.urandom(6_000_000)
        self.put("large", data)
        point = self.mount(self.alice, self.space)
        requests = self.requests()
        with open(os.path.join(point, "large"), "rb") as f:
            f.seek(5_990_000)
            self.assertEqual(f.read(), data[5_990_000:])
        self.unmount(point)
        sent = [int(r["out"]) for r in requests.take("GET", "/files/preauth")]
        self.assertLess(min(sent), 1_000_000, sent)

    def test_29_df_shows_the_quota(self):
        self.assertEqual(self.bed.tool("quota", self.folder, "123456789")[0], 0)
        point = self.mount(self.alice, self.space)
        space = os.statvfs(point)
        self.assertEqual(space.f_blocks * space.f_frsize // 1_000_000, 123)

    def test_29_anonymous_reads_only(self):
        self.bed.create("ContainerNode", "/public/mounted", properties={"ispublic": "true"})
        self.bed.put("/public/mounted/f", b"public")
        self.bed.ask("POST", "/nodes/public/mounted/f", "alice", self.bed.document(
            "DataNode", "/public/mounted/f", {"ispublic": "true"}), {"Content-Type": "text/xml"})
        point = self.mount(self.nobody, "vos://" + self.bed.env["QUARTET_AUTHORITY"] + "/public/mounted")
        with open(os.path.join(point, "f"), "rb") as f:
            self.assertEqual(f.read(), b"public")
        with self.assertRaises(OSError):
            with open(os.path.join(point, "g"), "wb") as f:
                f.write(b"x")


if __name__ == "__main__":
    main()
