# SPDX-License-Identifier: Apache-2.0
"""A disk is replaced by an empty one while clients read and write (F28).

The drill of the README's operator chapter, step by step with the commands given there;
afterwards every file has four good copies, which `quartet fsck` and `quartet verify`
confirm. What must not be done is refused, and changes nothing. The operator's other orders
hold over restarts until they are taken back.
"""

import os
import random
import shutil
import subprocess
import threading
import urllib.parse

from fault_test import Client, FaultBed, QUORUM, own_file_system, sanitizer_of_build
from prometheus import parse
from quartet_test import main, unittest, wait_until

SETTINGS = ["gc_delay=100ms", "probe_period=200ms", "repair_files=200", "repair_rate=20MiB",
            "repair_pause=200ms"]
CLIENTS = 8


class Load:
    """Clients that write, replace, delete and read files, each in a folder's worth of names."""

    def __init__(self, bed):
        self.bed = bed
        self.over = threading.Event()
        self.there = [{} for _ in range(CLIENTS)]
        self.faults = []
        self.done = 0
        self.threads = [threading.Thread(target=self.run, args=(n,)) for n in range(CLIENTS)]

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *exc):
        self.over.set()
        for t in self.threads:
            t.join()

    def run(self, n):
        dice, there, client = random.Random(n), self.there[n], Client(self.bed)
        try:
            while not self.over.wait(0.01):
                self.act(client, dice, there, n)
                self.done += 1
        except Exception as e:  # pylint: disable=broad-exception-caught
            self.faults.append(repr(e))
        finally:
            client.close()

    def act(self, client, dice, there, n):
        path = f"/alice/l{n}-{dice.randrange(12)}"
        what = dice.random()
        if what < 0.5 or path not in there:
            data = dice.randbytes(dice.choice((0, 100, 5_000, 70_000, 1_500_000)))
            status = client.put(path, data)
            assert status in (200, 201), (path, status)
            there[path] = data
        elif what < 0.6:
            status = client.delete(path)
            assert status in (200, 204), (path, status)
            del there[path]
        else:
            status, data = client.get(path)
            assert (status, data) == (200, there[path]), (path, status, len(data))

    def files(self):
        return {path: data for there in self.there for path, data in there.items()}


class Bed(unittest.TestCase):
    engine = "auto"

    def setUp(self):
        self.bed = FaultBed.start(settings=SETTINGS, io=self.engine)
        self.addCleanup(self.bed.close)
        self.client = Client(self.bed)
        self.addCleanup(self.client.close)
        self.there = {}

    def tool(self, status, *words):
        got, text = self.bed.tool(*words)
        self.assertEqual(got, status, text)
        return text

    def fill(self, n=40):
        for i in range(n):
            data = os.urandom(1000 + 977 * i)
            self.assertEqual(self.client.put(f"/alice/f{i}", data), 201)
            self.there[f"/alice/f{i}"] = data

    def place(self, number):
        return self.bed.locations[number - 1]

    def state(self, number):
        return self.bed.health()[1]["locations"][number - 1]["state"]

    def take_away(self, number):
        """The disk is pulled, and an empty one put in its place: the folder it is mounted on."""
        os.rename(self.place(number), self.place(number) + ".old")
        os.mkdir(self.place(number))

    def restart(self):
        self.client.close()
        self.bed.kill()
        self.bed.up()

    def check_all(self, there):
        self.bed.settle(60)
        for path, data in there.items():
            self.assertEqual(self.client.get(path), (200, data), path)
            if data:
                self.assertEqual(len(self.bed.copies(data)), 4, path)
                text = self.tool(0, "verify", urllib.parse.quote(path))
                self.assertEqual(text.count("good"), 4, text)
        self.tool(0, "fsck")


class Replace(Bed):
    def test_F28_the_drill_while_eight_clients_read_and_write(self):
        self.fill()
        with Load(self.bed) as load:
            self.tool(0, "location", "offline", "2")
            self.assertEqual(self.state(2), "offline")
            # No file of the old disk is open any more: it can be unmounted.
            held = [os.readlink(f"/proc/{self.bed.pid}/fd/{fd}")
                    for fd in os.listdir(f"/proc/{self.bed.pid}/fd")
                    if os.path.islink(f"/proc/{self.bed.pid}/fd/{fd}")]
            self.assertEqual([h for h in held if h.startswith(self.place(2) + "/")
                              or h == self.place(2)], [])
            self.take_away(2)
            self.assertIn("is new", self.tool(0, "location", "replace", "2"))
            self.assertIn("new", self.tool(0, "locations"))
            status, text = self.bed.tool("health")
            self.assertEqual(status, 1, text)
            self.assertIn("is new", text)
            self.bed.wait_state(2, "online", 60)
            before = load.done

            def they_go_on():
                return load.done > before + CLIENTS or load.faults
            wait_until(they_go_on)
        self.assertEqual(load.faults, [])
        self.check_all({**self.there, **load.files()})
        self.assertEqual(self.bed.tool("health")[0], 0)


@unittest.skipIf(sanitizer_of_build(), "one engine is enough here; mixed runs both")
class ReplaceThreads(Replace):
    engine = "threads"


class ReplaceUring(Replace):
    engine = "uring"


del Replace


class Orders(Bed):
    def test_F28_the_drill_with_a_disk_that_is_mounted(self):
        with own_file_system(128) as root:
            try:
                self.replace_mounted(root)
            finally:
                self.client.close()
                self.bed.down()  # before it is unmounted

    def replace_mounted(self, root):
        self.bed.down()
        self.bed.place(2, root)
        self.bed.up()
        self.fill(20)
        for path, data in self.there.items():
            self.assertEqual(self.client.get(path), (200, data), path)
        self.tool(0, "location", "offline", "2")
        image = os.path.join(os.path.dirname(root), "image")
        for words in (["umount", root], ["mkfs.ext4", "-q", "-F", image],
                      ["mount", "-o", "loop", image, root]):
            subprocess.run(words, check=True, timeout=60)
        os.mkdir(os.path.join(root, "loc"))
        self.assertIn("is new", self.tool(0, "location", "replace", "2"))
        self.bed.wait_state(2, "online")
        self.check_all(self.there)

    def test_F28_a_restart_in_the_middle_and_the_old_disk_back(self):
        self.fill(60)
        self.bed.set("repair_files", "10")  # slow enough to be seen
        self.bed.down()
        self.client.close()
        self.take_away(3)
        self.bed.up()
        self.bed.wait_state(3, "offline")
        self.tool(0, "location", "replace", "3")
        self.assertEqual(self.state(3), "new")
        self.restart()
        self.bed.wait_state(3, "new")
        for path, data in self.there.items():
            self.assertEqual(self.client.get(path), (200, data), path)
        new = os.urandom(10_000)
        self.assertEqual(self.client.put("/alice/new", new), 201)
        self.assertEqual(len(self.bed.copies(new)), 4)
        self.there["/alice/new"] = new
        # The old disk in its place has the right marker, but is not the one any more.
        os.rename(self.place(3), self.place(3) + ".new")
        os.rename(self.place(3) + ".old", self.place(3))
        self.bed.wait_state(3, "offline")
        self.assertIn("another disk", self.tool(1, "health"))
        self.assertIn("not empty", self.tool(1, "location", "replace", "3"))
        os.rename(self.place(3), self.place(3) + ".old")
        os.rename(self.place(3) + ".new", self.place(3))
        self.bed.wait_state(3, "new")
        self.bed.set("repair_files", "1000")
        self.restart()
        self.bed.wait_state(3, "online")
        self.check_all(self.there)

    def test_F28_a_new_root_elsewhere(self):
        self.fill(10)
        elsewhere = self.place(4) + ".elsewhere"
        os.mkdir(elsewhere)
        self.tool(1, "location", "replace", "4", "--root", elsewhere)  # the old one works
        self.assertEqual(os.listdir(elsewhere), [])
        self.tool(0, "location", "replace", "4", "--root", elsewhere, "--force")
        self.assertIn(elsewhere, self.tool(0, "locations"))
        self.bed.locations[3] = elsewhere
        self.bed.wait_state(4, "online")
        # With the old configuration the old disk is not taken; with the new one all is well.
        self.restart()
        self.assertEqual(self.state(4), "offline")
        old = os.path.join(os.path.dirname(elsewhere), os.path.basename(elsewhere).partition(".")[0])
        shutil.rmtree(old)
        os.symlink(elsewhere, old)
        self.bed.wait_state(4, "online")
        self.check_all(self.there)

    def test_what_must_not_be_done_is_refused(self):
        self.fill(5)
        self.assertIn("works", self.tool(1, "location", "replace", "1"))
        self.tool(1, "location", "replace", "9")
        self.assertEqual(self.state(1), "online")
        # Not empty; or of another store.
        self.take_away(1)
        self.bed.wait_state(1, "offline")
        with open(os.path.join(self.place(1), "photo.jpg"), "w", encoding="ascii"):
            pass
        self.assertIn("photo.jpg", self.tool(1, "location", "replace", "1"))
        self.assertEqual(os.listdir(self.place(1)), ["photo.jpg"])
        os.unlink(os.path.join(self.place(1), "photo.jpg"))
        other = FaultBed.start()
        self.addCleanup(other.close)
        other.down()
        shutil.copy(os.path.join(other.locations[0], "LOCATION"), self.place(1))
        self.assertIn("another store", self.tool(1, "location", "replace", "1"))
        os.unlink(os.path.join(self.place(1), "LOCATION"))
        # The only copy of a file would be lost.
        data = self.there["/alice/f3"]
        for copy in self.bed.copies(data):
            if not copy.startswith(self.place(1)):
                os.unlink(copy)
        self.assertEqual(self.client.get("/alice/f3")[0], 500)

        def only_the_old_disk_has_it():
            return self.bed.health()[1]["lacking"]["by_copies"][1] == 1
        wait_until(only_the_old_disk_has_it)
        self.assertIn("lost", self.tool(1, "location", "replace", "1"))
        self.assertEqual(os.listdir(self.place(1)), [])
        os.rmdir(self.place(1))
        os.rename(self.place(1) + ".old", self.place(1))
        self.bed.wait_state(1, "online")
        self.check_all(self.there)

    def test_orders_hold_until_they_are_taken_back(self):
        self.fill(5)
        for action, state in (("drain", "drain"), ("readonly", "readonly")):
            self.assertIn(state, self.tool(0, "location", action, "2"))
            self.assertIn("too few", self.tool(1, "location", action, "3"))
            self.assertEqual(self.state(3), "online")
            self.restart()
            self.bed.wait_state(2, state)
            self.assertIn(f"is {state}", self.tool(1, "health"))
            text = self.client.ask("GET", "/availability")[2].decode()
            self.assertIn(f"location 2 is {state}", text)
            self.assertIn(state, self.tool(0, "locations"))
            url = self.bed.env["QUARTET_BASE"].removesuffix("/vault") + "/metrics"
            metrics = parse(self.bed.ask("GET", url, "admin").text)
            self.assertEqual(metrics["quartet_location_state"].value(loc="2", state=state), 1)
            data = os.urandom(50_000)
            self.assertEqual(self.client.put(f"/alice/{action}", data), 201)
            self.assertEqual(len(self.bed.copies(data)), QUORUM)
            self.there[f"/alice/{action}"] = data
            for path, have in self.there.items():
                self.assertEqual(self.client.get(path), (200, have), path)
            self.tool(0, "location", "online", "2")
            self.bed.wait_state(2, "online")
        self.check_all(self.there)


    def test_a_new_disk_is_no_witness_when_the_metadata_are_lost(self):
        """What the disk before had of the journal may be nowhere else but where nobody can look."""
        self.fill(5)
        self.take_away(2)
        self.bed.wait_state(2, "offline")
        self.tool(0, "location", "replace", "2")
        self.client.close()
        self.bed.kill()
        self.assertFalse([name for name in os.listdir(os.path.join(self.place(2), "meta"))
                          if name.startswith("copy-")])
        shutil.rmtree(self.bed.env["QUARTET_META"])
        os.rename(self.place(1), self.place(1) + ".away")
        self.assertIn("2 of 4 journals", self.tool(1, "restore"))
        os.rename(self.place(1) + ".away", self.place(1))
        self.bed.up()
        self.bed.wait_state(2, "online")
        self.check_all(self.there)

    def test_another_disk_is_taken_when_the_operator_says_so(self):
        self.fill(5)
        self.take_away(2)
        self.bed.wait_state(2, "offline")
        self.tool(0, "location", "replace", "2")
        self.bed.wait_state(2, "online")
        self.fill(10)
        self.bed.settle()  # what was replaced is struck off; the old disk has it still
        shutil.rmtree(self.place(2))
        os.rename(self.place(2) + ".old", self.place(2))
        self.bed.wait_state(2, "offline")
        self.tool(0, "location", "online", "2")
        self.assertEqual(self.state(2), "offline")
        self.tool(0, "location", "online", "2", "--force")
        self.bed.wait_state(2, "online")
        self.check_all(self.there)


if __name__ == "__main__":
    main()
