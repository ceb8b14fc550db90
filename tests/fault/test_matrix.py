# SPDX-License-Identifier: Apache-2.0
"""The rows of the failure matrix (matrix.txt) that need a disk which does what it is told.

The faults are those of storage/fault.h, on both I/O engines; scripts/coverage-faults says
which test is which row's. Bounds on time tell stuck from slow: ten times what the same
took undisturbed, and never less than two seconds.
"""

import base64
import contextlib
import hashlib
import os
import shutil
import subprocess
import threading
import time
import urllib.parse

from fault_test import (Client, FaultBed, FaultyBed, frozen, has_kill_points, own_file_system, retry,
                        sanitizer_of_build)
from quartet_test import TOP, main, unittest, wait_until

MIB = 1 << 20
DEADLINE_S = 4
SETTINGS = ["gc_delay=100ms", "probe_period=100ms", "repair_pause=100ms", "repair_files=1000",
            f"io_deadline={DEADLINE_S}s", "reserve_bytes=0", "reserve_inodes=0"]
UNFINISHED = "tmp/0"  # files being written, not the probe's
PROBE = "tmp/probe"


def timed(act):
    began = time.monotonic()
    act()
    return time.monotonic() - began


class Faults(unittest.TestCase):
    """One bed for all tests of a class; each begins with healthy disks and an empty folder."""

    engine = "auto"
    settings = SETTINGS

    @classmethod
    def setUpClass(cls):
        cls.bed = FaultyBed.start(io=cls.engine, settings=cls.settings)
        cls.addClassCleanup(cls.bed.close)

    def setUp(self):
        self.bed.heal()
        self.wait_all_online()
        self.client = Client(self.bed)
        self.addCleanup(self.client.close)
        self.addCleanup(self.bed.heal)

    def wait_all_online(self):
        for number in (1, 2, 3, 4):
            self.bed.wait_state(number, "online")

    def put(self, path, data):
        self.assertEqual(self.client.put(path, data), 201)
        return data

    def file(self, name, size=100_000):
        """A file with four copies: (path, bytes, number of the location it is read from)."""
        path, data = f"/alice/{self._testMethodName}-{name}", os.urandom(size)
        self.put(path, data)
        copies = self.bed.copies(data)
        self.assertEqual(len(copies), 4)
        return path, data, int(os.path.basename(copies[0])[:16], 16) % 4 + 1

    def read_first(self, *numbers):
        """From the others only when these do not answer: they are suspects until healed."""
        others = {1, 2, 3, 4} - set(numbers)
        for number in others:
            self.bed.fault(location=number, op="fsync", path=PROBE, errno="EIO")
        for number in others:
            self.bed.wait_state(number, "suspect")

    def path(self):
        return f"/alice/{self._testMethodName}"

    def state(self, number):
        return self.bed.health()[1]["locations"][number - 1]["state"]

    def holding(self, data):
        """Numbers of the locations with a copy of it."""
        return [number for number, place in enumerate(self.bed.locations, 1)
                if any(copy.startswith(place + "/") for copy in self.bed.copies(data))]

    def assert_four_alike(self, data):
        copies = self.bed.copies(data)
        self.assertEqual(len(copies), 4)
        contents = set()
        for copy in copies:
            with open(copy, "rb") as f:
                contents.add(f.read())
        self.assertEqual(len(contents), 1)
        self.assertTrue(contents.pop().startswith(data))

    def assert_no_trace(self, data):
        self.bed.settle(repaired=False)
        self.assertEqual(self.bed.copies(data), [])
        self.assertEqual(self.bed.unfinished(), [])

    def assert_stored_without(self, number, path, data):
        """Three copies, not that one, and a row for it; made again when the disk is well."""
        self.assertEqual(self.client.get(path), (200, data))
        self.bed.settle(repaired=False)
        self.assertEqual(self.holding(data), [n for n in (1, 2, 3, 4) if n != number])
        self.assertEqual(self.bed.health()[1]["store"]["repairs_due"], 1)
        self.assertEqual(self.bed.unfinished(), [])
        self.bed.heal()
        self.wait_all_online()
        self.bed.settle()
        self.assert_four_alike(data)


@unittest.skipUnless(has_kill_points(), "the build has no faults")
class Uploads(Faults):
    def breaking(self, data, *faults):
        """A body in whose middle the faults begin."""
        yield data[:len(data) // 2]
        for fault in faults:
            self.bed.fault(**fault)
        yield data[len(data) // 2:]

    def writes_fail(self, number, errno):
        """The probe's too: or the location would be well again in a moment."""
        return {"location": number, "op": "write", "path": "tmp/", "errno": errno}

    def upload_with_one_failing(self, errno, state):
        data = os.urandom(4 * MIB)
        self.assertEqual(self.client.put(
            self.path(), self.breaking(data, self.writes_fail(2, errno))), 201)
        self.assertEqual(self.state(2), state)
        self.assert_stored_without(2, self.path(), data)

    def upload_with_two_failing(self, errno, status):
        path, old, _ = self.file("old")
        data = os.urandom(4 * MIB)
        self.assertEqual(self.client.put(path, self.breaking(
            data, self.writes_fail(2, errno), self.writes_fail(4, errno))), status)
        self.assertEqual(self.client.get(path), (200, old))
        self.bed.heal()
        self.assert_no_trace(data)
        self.assertEqual(self.client.get(path), (200, old))

    def test_F03_a_write_fails_at_one(self):
        self.upload_with_one_failing("EIO", "suspect")

    def test_F03_a_write_comes_short_at_one(self):
        data = os.urandom(4 * MIB)
        self.bed.fault(location=2, op="write", path=UNFINISHED, nth=2, act="short")
        self.bed.fault(location=2, op="write", path=PROBE, nth=2, errno="ENOSPC")
        self.put(self.path(), data)
        self.assert_stored_without(2, self.path(), data)

    def test_F04_writes_fail_at_two(self):
        self.upload_with_two_failing("EIO", 500)

    def test_F08_no_space_at_one(self):
        self.upload_with_one_failing("ENOSPC", "full")

    def test_F08_no_space_at_two(self):
        self.upload_with_two_failing("ENOSPC", 507)

    def test_F09_one_becomes_read_only_and_is_still_read_from(self):
        path, old, home = self.file("old")
        data = os.urandom(4 * MIB)
        self.assertEqual(self.client.put(
            self.path(), self.breaking(data, self.writes_fail(home, "EROFS"))), 201)
        self.assertEqual(self.state(home), "readonly")
        reads = self.bed.fault(location=home, op="read", path="blob/", delay=0)
        self.read_first(home)
        self.assertEqual(self.client.get(path), (200, old))
        self.assertGreater(self.bed.seen(reads), 0)
        self.assert_stored_without(home, self.path(), data)

    def end_fails(self, op, path, errno="EIO"):
        """The first such step of location 2 fails; it stays a suspect until it is healed."""
        data = os.urandom(100_000)
        self.bed.fault(location=2, op="fsync", path=PROBE, nth=3, errno=errno)
        rule = self.bed.fault(location=2, op=op, path=path, errno=errno)
        self.put(self.path(), data)
        seen = self.bed.seen(rule)
        self.assert_stored_without(2, self.path(), data)
        return seen

    def test_F05_the_fsync_of_the_file_fails_and_is_not_repeated(self):
        self.assertEqual(self.end_fails("fsync", UNFINISHED), 1)

    def test_F06_the_rename_fails(self):
        self.assertEqual(self.end_fails("rename", UNFINISHED), 1)

    def test_F06_no_space_for_the_rename(self):
        self.assertEqual(self.end_fails("rename", UNFINISHED, "ENOSPC"), 1)

    def test_F07_the_fsync_of_the_directory_fails(self):
        self.assertGreater(self.end_fails("fsyncdir", "blob/"), 0)

    def test_F10_one_hangs_and_others_are_as_quick_as_ever(self):
        path, data, home = self.file("read", MIB)
        other = Client(self.bed, "bob")
        self.addCleanup(other.close)

        def others():
            self.assertEqual(other.put("/bob/f", data), 201)
            self.assertEqual(other.ask("GET", "/nodes/bob?limit=0")[0], 200)
            self.assertEqual(other.delete("/bob/f"), 200)
            self.assertEqual(self.client.get(path), (200, data))
        limit = max(2, 10 * max(timed(others) for _ in range(3)))
        hung = home % 4 + 1
        new, outcome, it_hangs = os.urandom(4 * MIB), [], threading.Event()
        uploader = Client(self.bed)
        self.addCleanup(uploader.close)

        def body():
            yield from self.breaking(new, {"location": hung, "op": "any", "act": "hang"})
            it_hangs.set()

        def upload():
            outcome.append(timed(lambda: outcome.append(uploader.put(self.path(), body()))))
        thread = threading.Thread(target=upload)
        thread.start()
        it_hangs.wait()
        while thread.is_alive() or self.state(hung) != "hung":
            self.assertLess(timed(others), limit)
        thread.join()
        self.assertEqual(outcome[0], 201)
        self.assertLess(outcome[1], DEADLINE_S + limit)
        for _ in range(3):
            self.assertLess(timed(others), limit)
        if not sanitizer_of_build():
            self.assertLess(self.bed.memory(), 160 * MIB)
        self.assertEqual(self.client.get(self.path()), (200, new))
        self.bed.heal()
        self.bed.wait_state(hung, "online")
        self.bed.settle()
        self.assert_four_alike(new)

    def test_F13_one_is_slow(self):
        data = os.urandom(24 * MIB)
        undisturbed = timed(lambda: self.put(self.path(), os.urandom(24 * MIB)))
        waited_for_s = 40 * max(undisturbed, 1)
        self.bed.fault(location=3, op="write", path=UNFINISHED, delay=int(waited_for_s * 1000 / 24))
        self.assertLess(timed(lambda: self.put(self.path(), data)), waited_for_s / 3)
        self.assertEqual(self.holding(data), [1, 2, 4])
        self.bed.heal()
        self.bed.settle()
        self.assert_four_alike(data)

    def test_F14_the_client_goes_away(self):
        path, old, _ = self.file("old")
        node = self.client.ask("GET", "/nodes" + path)[2]
        size = 3 * MIB
        data = os.urandom(size)
        before = self.bed.sockets()
        for sent in (0, 1, 4096, MIB + 1, size - 1):
            for target in (path, self.path() + "-new"):
                with self.subTest(sent=sent, target=target), \
                        contextlib.closing(self.bed.socket("alice")) as s:
                    s.sendall(f"PUT /vault/files{target} HTTP/1.1\r\nHost: x\r\n"
                              f"Content-Length: {size}\r\n\r\n".encode() + data[:sent])
        # The server may see them go long after the last of them is closed here.
        wait_until(lambda: self.bed.sockets() <= before)
        wait_until(lambda: self.bed.unfinished() == [])
        self.assert_no_trace(data)
        self.assertEqual(self.client.ask("GET", "/nodes" + path)[2], node)
        self.assertEqual(self.client.get(path), (200, old))
        self.assertEqual(self.client.get(self.path() + "-new")[0], 404)

    def test_F15_what_comes_is_not_what_was_announced(self):
        path, old, _ = self.file("old")
        wrong = base64.b64encode(hashlib.md5(b"another").digest()).decode()
        for size in (1000, 3 * MIB):
            data = os.urandom(size)
            for target in (path, self.path() + "-new"):
                self.assertEqual(self.client.put(target, data, {"Digest": f"md5={wrong}"}), 412)
                self.assertEqual(self.client.put(target, data, {"Digest": "md5=short"}), 400)
                self.client.close()
                with contextlib.closing(self.bed.socket("alice")) as s:
                    s.sendall(f"PUT /vault/files{target} HTTP/1.1\r\nHost: x\r\n"
                              "Transfer-Encoding: chunked\r\n\r\n"
                              f"{size + 1:x}\r\n".encode() + data)
            self.assert_no_trace(data)
        self.assertEqual(self.client.get(path), (200, old))
        self.assertEqual(self.client.get(self.path() + "-new")[0], 404)

    def test_what_was_acknowledged_outlives_a_power_cut(self):
        """Nothing written or renamed is there before it was synced, and then the power fails."""
        self.bed.fault(op="write,rename", act="unsynced")
        there = {f"{self.path()}-{size}": self.put(f"{self.path()}-{size}", os.urandom(size))
                 for size in (1, 5000, 100_000, 3 * MIB)}
        self.client.close()
        self.bed.kill()
        self.bed.heal()
        self.bed.up()
        for path, data in there.items():
            self.assertEqual(self.client.get(path), (200, data), path)
        self.bed.settle()
        for data in there.values():
            self.assert_four_alike(data)


    def test_what_was_acknowledged_is_in_the_journals_when_the_power_fails(self):
        """The same, and the metadata's own disk is as it was before."""
        self.client.close()
        self.bed.down()
        data = os.path.join(self.bed.env["QUARTET_META"], "data.mdb")
        shutil.copyfile(data, data + ".before")
        self.bed.up()
        self.bed.fault(op="write,rename", act="unsynced")
        there = {f"{self.path()}-{number}": self.put(f"{self.path()}-{number}", os.urandom(5000))
                 for number in range(20)}
        self.client.close()
        self.bed.kill()
        os.rename(data + ".before", data)
        self.bed.heal()
        self.bed.up()
        for path, content in there.items():
            self.assertEqual(self.client.get(path), (200, content), path)
        self.bed.settle()


@unittest.skipUnless(has_kill_points(), "the build has no faults")
class Downloads(Faults):
    settings = [*SETTINGS, "repair_files=0"]

    def rows(self):
        return self.bed.health()[1]["store"]["repairs_due"]

    def bad_files(self):
        return sum(len(os.listdir(os.path.join(place, "bad"))) for place in self.bed.locations)

    def meet(self, n, harm):
        """Read a file of which `n` copies are harmed, and those first."""
        path, data, _ = self.file(n)
        copies = self.bed.copies(data)
        for copy in copies[:n]:
            harm(copy)
        rows = self.rows()
        self.read_first(*range(1, n + 1))
        self.assertEqual(self.client.get(path), (200, data))
        retry(10, lambda: self.assertEqual(self.rows() - rows, n))
        self.bed.heal()
        self.wait_all_online()

    def flip(self, copy):
        with open(copy, "r+b") as f:
            f.seek(50_000)
            byte = f.read(1)[0]
            f.seek(50_000)
            f.write(bytes([byte ^ 1]))

    def test_F18_copies_are_gone(self):
        for n in (1, 2, 3):
            with self.subTest(n=n):
                self.meet(n, os.unlink)

    def test_F19_a_bit_is_another_one(self):
        for n in (1, 2, 3):
            with self.subTest(n=n):
                before = self.bad_files()
                self.meet(n, self.flip)
                retry(10, lambda b=before, k=n: self.assertEqual(self.bad_files() - b, k))

    def test_F19_a_bit_is_another_one_on_its_way(self):
        path, data, home = self.file("f")
        self.read_first(home)
        rule = self.bed.fault(location=home, op="read", path="blob/", act="flip", at=70_000)
        self.assertEqual(self.client.get(path), (200, data))
        self.assertGreater(self.bed.acted(rule), 0)

    def test_F20_all_are_damaged(self):
        path, data, _ = self.file("f")
        for copy in self.bed.copies(data):
            self.flip(copy)
        status, text = self.client.get(path)
        self.assertEqual(status, 500)
        self.assertNotIn(data[:20], text)

        def one_is_lost():
            return self.bed.health()[1]["store"]["blobs_lost"] == 1
        wait_until(one_is_lost)
        self.assertEqual(self.bed.tool("health")[0], 2)
        self.assertEqual(self.client.delete(path), 200)
        self.bed.settle(repaired=False)
        self.assertNotEqual(self.bed.tool("health")[0], 2)

    def test_F21_the_read_of_the_chosen_copy_hangs(self):
        files = [self.file(number, 1000) for number in range(4)]
        self.read_first(1)
        rule = self.bed.fault(location=1, op="read", path="blob/", act="hang")
        for path, data, _ in files:
            took = timed(lambda p=path, d=data: self.assertEqual(self.client.get(p), (200, d)))
            self.assertLess(took, 1)
        self.assertGreaterEqual(self.bed.acted(rule), 4)

    @contextlib.contextmanager
    def being_read(self, path, data):
        """A download that has begun and is far from its end; it must end well."""
        url = urllib.parse.urlsplit(self.client.ask("GET", "/files" + path)[1]["Location"])
        with contextlib.closing(self.bed.connect()) as connection:
            connection.request("GET", url.path)
            answer = connection.getresponse()
            got = answer.read(100_000)
            yield
            got += answer.read()
        self.assertEqual(answer.status, 200)
        self.assertTrue(got == data)

    def test_F22_replaced_meanwhile(self):
        path, old, _ = self.file("f", 32 * MIB)
        with self.being_read(path, old):
            new = self.put(path, os.urandom(3 * MIB))
            self.assertEqual(self.client.get(path), (200, new))
            time.sleep(0.3)  # more than gc_delay: it is the reader that keeps the old one
        self.assertEqual(self.client.get(path), (200, new))
        self.assert_no_trace(old)

    def test_F23_deleted_meanwhile_and_the_copy_fails(self):
        path, old, home = self.file("f", 32 * MIB)
        self.read_first(home)
        with self.being_read(path, old):
            self.assertEqual(self.client.delete(path), 200)
            self.assertEqual(self.client.get(path)[0], 404)
            time.sleep(0.3)  # as above
            rule = self.bed.fault(location=home, op="read", path="blob/", errno="EIO")
        self.assertGreater(self.bed.acted(rule), 0)
        self.bed.heal()
        self.assert_no_trace(old)

    def test_F35_one_is_ten_times_slower(self):
        files = [self.file(number, 1000) for number in range(12)]

        def read_all():
            for path, data, _ in files:
                self.assertEqual(self.client.get(path), (200, data))
        took = max(timed(read_all) for _ in range(2)) / len(files)
        slow = {"location": 1, "op": "read", "path": "blob/", "delay": max(200, int(took * 10_000))}
        self.read_first(1)
        self.bed.fault(**slow)
        self.assertEqual(self.client.get(files[0][0])[0], 200)  # and so it is known
        self.bed.heal()
        rule = self.bed.fault(**slow)
        self.wait_all_online()
        for _ in range(4):
            read_all()
        self.assertLessEqual(self.bed.acted(rule), 4)  # of 12 that are its share
        # It is not forgotten when it is as quick as the others again.
        self.bed.heal()
        rule = self.bed.fault(location=1, op="read", path="blob/", nth=10**9, errno="EIO")

        def it_is_read_from_again():
            read_all()
            return self.bed.seen(rule) > 0
        wait_until(it_is_read_from_again)


class WithoutUring(FaultBed):
    wrapper = (os.path.join(TOP, "tests", "support", "without-uring"),)


class Starts(unittest.TestCase):
    def test_F34_the_kernel_refuses_io_uring(self):
        done = subprocess.run([*WithoutUring.wrapper, "true"], capture_output=True, check=False)
        if done.returncode != 0:
            self.skipTest(f"kernel: {done.stderr.decode().strip()}")
        bed = WithoutUring.start(settings=SETTINGS)
        self.addCleanup(bed.close)
        self.assertIn("io_uring is refused", bed.log())
        self.assertEqual({location["engine"] for location in bed.health()[1]["locations"]}, {"threads"})
        client = Client(bed)
        self.addCleanup(client.close)
        there = {f"/alice/f{size}": os.urandom(size) for size in (0, 1, 70_000, 3 * MIB)}
        for path, data in there.items():
            self.assertEqual(client.put(path, data), 201)
        client.close()
        bed.kill()
        bed.up()
        for path, data in there.items():
            self.assertEqual(client.get(path), (200, data))
            self.assertEqual(len(bed.copies(data)), 4 if data else 0)

    def test_F37_after_a_kill_while_one_is_frozen(self):
        with own_file_system(128) as root, contextlib.ExitStack() as stack:
            bed = FaultBed.start(settings=[*SETTINGS, "io_deadline=1s"])
            stack.callback(bed.close)
            bed.down()
            bed.place(4, root)
            bed.up()
            client = Client(bed)
            stack.callback(client.close)
            old, new = os.urandom(100_000), os.urandom(6 * MIB)
            self.assertEqual(client.put("/alice/f", old), 201)
            with frozen(root):
                with contextlib.closing(bed.socket("alice")) as s:
                    s.sendall(f"PUT /vault/files/alice/f HTTP/1.1\r\nHost: x\r\n"
                              f"Content-Length: {len(new)}\r\n\r\n".encode() + new[:-1])
                    bed.kill()
                client.close()
                bed.up()
                for _ in range(40):
                    one = Client(bed)
                    self.assertEqual(one.get("/alice/f"), (200, old))
                    one.close()
                bed.wait_state(4, "hung")
                self.assertEqual(client.put("/alice/g", old), 201)
            bed.wait_state(4, "online")
            bed.settle()
            self.assertEqual(bed.unfinished(), [])
            self.assertEqual(bed.copies(new), [])
            self.assertEqual({len(bed.copies(old))}, {8})
            for path in ("/alice/f", "/alice/g"):
                self.assertEqual(client.get(path), (200, old))


class Metadata(unittest.TestCase):
    """The disk of the metadata is full, or hangs; a full map is in test_full."""

    def start(self, kind):
        self.bed = kind.start(settings=[*SETTINGS, "loops=2"])
        self.addCleanup(self.bed.close)
        self.client = Client(self.bed)
        self.addCleanup(self.client.close)
        self.old = os.urandom(1000)
        for path in ("/alice/f", "/alice/g"):
            self.assertEqual(self.client.put(path, self.old), 201)

    def check(self, *refused):
        """What was there is there, what was refused is not; the same after a restart."""
        for path in ("/alice/f", "/alice/g"):
            self.assertEqual(self.client.get(path), (200, self.old), path)
        self.assertNotIn(b"late", self.client.ask("GET", "/nodes/alice/f")[2])
        for path in refused:
            self.assertEqual(self.client.ask("GET", f"/nodes{path}?limit=0")[0], 404, path)
        self.assertTrue(self.bed.is_running())

    def check_restarted(self, *refused):
        self.client.close()
        self.bed.kill()
        self.bed.up()
        self.check(*refused)

    def folder(self, path, filler=""):
        return self.client.document("PUT", "ContainerNode", path, {"ivo://example.org/x#filler": filler})

    def test_F31_the_disk_of_the_metadata_is_full(self):
        root = self.enterContext(own_file_system(32))
        self.start(FaultBed)
        self.client.close()
        self.bed.down()
        self.bed.place_metadata(root)
        self.bed.up()
        filler = os.path.join(root, "filler")
        with open(filler, "wb", buffering=0) as f, contextlib.suppress(OSError):
            while True:
                f.write(bytes(4096))
        made = 0
        while (status := self.folder(f"/alice/d{made}", "x" * 30_000)) == 201:
            made += 1
            self.assertLess(made, 1000)
        self.assertEqual(status, 500)
        refused = f"/alice/d{made}"
        self.check(refused)
        os.unlink(filler)
        self.assertEqual(self.folder("/alice/later", "x" * 30_000), 201)
        self.check(refused)
        self.check_restarted(refused)
        self.assertEqual(self.client.delete("/alice/later"), 200)

    @unittest.skipUnless(has_kill_points(), "the build has no faults")
    def test_F31_a_commit_finds_no_room(self):
        self.start(FaultyBed)
        rule = self.bed.fault(op="commit", errno="ENOSPC")
        late = os.urandom(200_000)
        # With a body on its way 503 would have it sent again (D21).
        self.assertEqual(self.folder("/alice/late"), 500)
        self.assertEqual(self.client.put("/alice/f", late), 500)
        self.assertEqual(self.client.put("/alice/new", b"new"), 500)
        self.assertEqual(self.client.document("POST", "DataNode", "/alice/f",
                                              {"ivo://example.org/x#late": "x"}), 503)
        status, headers, text = self.client.ask("DELETE", "/nodes/alice/g")
        self.assertEqual((status, text.split(b":")[0]), (503, b"ServiceBusy"))
        self.assertIn("Retry-After", headers)
        self.assertGreaterEqual(self.bed.acted(rule), 5)
        self.check("/alice/late", "/alice/new")
        self.bed.heal()
        self.bed.settle()
        self.assertEqual(self.bed.copies(late), [])
        self.assertEqual(self.bed.unfinished(), [])
        self.check_restarted("/alice/late", "/alice/new")
        self.assertEqual(self.client.put("/alice/new", late), 201)
        self.assertEqual(self.client.delete("/alice/g"), 200)

    def availability(self):
        """What it says, asked on a connection of its own; None: it does not answer."""
        try:
            with contextlib.closing(self.bed.connect()) as connection:
                connection.timeout = 2
                connection.request("GET", "/vault/availability")
                return "available>true<" in connection.getresponse().read().decode()
        except OSError:
            return None

    def wait_alarm(self, limit_s=15):
        """Health CRITICAL, /availability false."""
        def it_is_said_to_be_unavailable():
            return self.availability() is False
        wait_until(it_is_said_to_be_unavailable, limit_s)
        self.assertEqual(self.bed.tool("health")[0], 2)
        self.assertIn("metadata store does not answer", self.bed.tool("health")[1])

    def wait_all_well(self):
        def it_is_available():
            return self.availability() is True
        wait_until(it_is_available)
        self.assertEqual(self.bed.tool("health")[0], 0)

    def meanwhile(self, act):
        """On a thread and a connection of its own: (the thread, the list its answer comes into)."""
        answers = []
        other = Client(self.bed)
        self.addCleanup(other.close)
        thread = threading.Thread(target=lambda: answers.append(act(other)))
        thread.start()
        return thread, answers

    def upload_meanwhile(self):
        return self.meanwhile(lambda client: client.put("/alice/new", b"new"))

    def begin_upload(self, path, data):
        """A socket on which the half of it has come, and has been let in."""
        s = self.enterContext(contextlib.closing(self.bed.socket("alice")))
        s.sendall(f"PUT /vault/files{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                  f"Content-Length: {len(data)}\r\n\r\n".encode() + data[:len(data) // 2])
        wait_until(lambda: len(self.bed.unfinished()) == 4)
        return s

    def finish_upload(self, s, data):
        s.sendall(data[len(data) // 2:])
        return int(s.makefile("rb").readline().split()[1])

    @unittest.skipUnless(has_kill_points(), "the build has no faults")
    def test_F40_a_commit_hangs(self):
        """Changes wait, reads do not."""
        self.start(FaultyBed)
        self.bed.fault(op="commit", act="hang")
        upload, answers = self.upload_meanwhile()
        for _ in range(20):
            self.check()
        self.wait_alarm()
        self.check()
        self.assertEqual(answers, [])
        self.bed.heal()
        upload.join()
        self.assertEqual(answers, [201])
        self.assertEqual(self.client.get("/alice/new"), (200, b"new"))
        self.wait_all_well()

    def test_F40_the_disk_of_the_metadata_hangs(self):
        root = self.enterContext(own_file_system(32))
        new = os.urandom(100_000)
        self.start(FaultBed)
        self.client.close()
        self.bed.down()
        self.bed.place_metadata(root)
        self.bed.up()
        self.check()
        begun = self.begin_upload("/alice/new", new)
        with frozen(root):
            upload, answers = self.meanwhile(lambda _: self.finish_upload(begun, new))
            self.wait_alarm()
            readers = [self.meanwhile(lambda client: client.get("/alice/f")) for _ in range(12)]

            def both_loops_are_silent():
                return all(f"loop-{n} has not answered for" in self.bed.log() for n in (0, 1))
            wait_until(both_loops_are_silent)
            # Nobody who comes now is left without an answer, or gets a wrong one.
            for _ in range(8):
                one = Client(self.bed)
                self.assertEqual(one.ask("GET", "/files/alice/f")[0], 503)
                self.assertEqual(one.put("/alice/late", b"late"), 500)  # D21
                one.close()
            self.assertEqual(answers, [])
        upload.join()
        self.assertEqual(answers, [201])
        for reader, answers in readers:
            reader.join()
            # 503: it had not been let in when its loop fell silent.
            self.assertTrue(answers[0] == (200, self.old) or answers[0][0] == 503, answers[0][0])
        self.wait_all_well()
        self.client.close()
        self.check("/alice/late")
        self.assertEqual(self.client.get("/alice/new"), (200, new))
        self.check_restarted("/alice/late")
        self.assertEqual(self.client.get("/alice/new"), (200, new))


class UploadsUring(Uploads):
    engine = "uring"


@unittest.skipIf(sanitizer_of_build(), "one engine is enough here; mixed runs both")
class UploadsThreads(Uploads):
    engine = "threads"


class DownloadsUring(Downloads):
    engine = "uring"


@unittest.skipIf(sanitizer_of_build(), "one engine is enough here; mixed runs both")
class DownloadsThreads(Downloads):
    engine = "threads"


del Faults, Uploads, Downloads


if __name__ == "__main__":
    main()
