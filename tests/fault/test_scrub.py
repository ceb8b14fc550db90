# SPDX-License-Identifier: Apache-2.0
"""Copies are checked without anybody asking for them (F20, F29, F30).

Whatever byte of a copy is wrong, one pass finds it; one that only reports changes nothing. A location of which much is
bad is left alone until somebody says go on. After a kill it goes on where it was.
"""

import hashlib
import json
import os
import shutil

from fault_test import Client, FaultBed, FaultyBed, has_kill_points, md5
from quartet_test import main, unittest, wait_until

FILES = 100
PAGE = 4096
SETTINGS = ["gc_delay=100ms", "probe_period=200ms", "repair_pause=200ms", "scrub_rate=1GiB", "scrub_save=10ms",
            "scrub_bad_max=5", "scrub_bad_percent=100"]


def flip(path, at):
    """One bit; a negative place is counted from the end."""
    with open(path, "r+b") as f:
        f.seek(at, os.SEEK_SET if at >= 0 else os.SEEK_END)
        byte = f.read(1)
        f.seek(-1, os.SEEK_CUR)
        f.write(bytes([byte[0] ^ 0x04]))


class ScrubTest(unittest.TestCase):
    settings = ()

    @classmethod
    def setUpClass(cls):
        cls.bed = FaultBed.start(settings=[*SETTINGS, *cls.settings])
        cls.addClassCleanup(cls.bed.close)
        cls.there = {}
        client = Client(cls.bed)
        for number in range(FILES):
            path, data = f"/alice/f{number}", os.urandom(1 + number * 397)
            assert client.put(path, data) == 201
            cls.there[path] = data
        for path, size in (("/alice/large", 5_000_001), ("/alice/even", 2 << 20)):
            data = os.urandom(size)
            assert client.put(path, data) == 201
            cls.there[path] = data
        client.close()
        cls.bed.settle()

    def setUp(self):
        self.client = Client(self.bed)
        self.addCleanup(self.client.close)

    def copy(self, location, path):
        return self.copies(path)[location - 1]

    def copies(self, path):
        copies = self.bed.copies(self.there[path])
        self.assertEqual(len(copies), 4)
        return copies

    def scrub(self, *words):
        status, text = self.bed.tool("--json", "scrub", *words)
        self.assertEqual(status, 0, text)
        return json.loads(text)["locations"]

    def wait_over(self, kind, states=("idle",), limit_s=60):
        found = []

        def every_pass_is_over():
            found[:] = [location[kind] for location in self.scrub("status")]
            return all(found_pass["state"] in states for found_pass in found)
        wait_until(every_pass_is_over, limit_s, 0.05)
        return found

    def run_pass(self, kind, *words, states=("idle",)):
        self.scrub("start", "--" + kind, *words)
        return self.wait_over(kind, states)

    def disks(self):
        """What lies where, to the last byte."""
        found = {}
        for location in self.bed.locations:
            for folder in ("blob", "bad", "tmp"):
                for place, _, names in os.walk(os.path.join(location, folder)):
                    for name in names:
                        if name != "probe":
                            with open(os.path.join(place, name), "rb") as f:
                                found[place, name] = hashlib.md5(f.read()).hexdigest()
        return found

    def bad_files(self):
        return [len(os.listdir(os.path.join(location, "bad"))) for location in self.bed.locations]

    def assert_all_is_well(self):
        for path, data in self.there.items():
            files = []
            for copy in self.copies(path):
                with open(copy, "rb") as f:
                    files.append(f.read())
            self.assertEqual(len(set(files)), 1, path)
            self.assertTrue(files[0].startswith(data), path)


class Scrub(ScrubTest):
    def wait_repaired(self):
        self.bed.settle()
        self.assert_all_is_well()

    def damage(self):
        """Four files at each location, each in another place of it; one good copy of each is left."""
        large = len(self.there["/alice/large"])
        table = (large + PAGE - 1) // PAGE * PAGE
        places = {1: [("/alice/large", 0), ("/alice/f10", 0), ("/alice/f20", -2 * PAGE), ("/alice/f30", -PAGE)],
                  2: [("/alice/large", 3_000_000), ("/alice/f11", 1 + 11 * 397 - 1), ("/alice/f21", 1 + 21 * 397), ("/alice/f31", -1)],
                  3: [("/alice/even", 0), ("/alice/f0", 0), ("/alice/f0", 3), ("/alice/f22", -2000), ("/alice/f32", -PAGE - 1)],
                  4: [("/alice/large", table), ("/alice/even", (2 << 20) - 1), ("/alice/f0", PAGE - 1), ("/alice/f33", -PAGE - 3000)]}
        for location, files in places.items():
            for path, at in files:
                flip(self.copy(location, path), at)

    def test_F29_every_flip_is_found_in_one_pass_and_mended(self):
        self.damage()
        wanted = [4] * 4
        before, facts = self.disks(), self.bed.health()[1]["store"]
        found = self.run_pass("deep", "--report-only")
        self.assertEqual([p["bad"] for p in found], wanted)
        self.assertTrue(all(p["report_only"] for p in found))
        self.assertEqual(self.disks(), before)
        self.assertEqual(self.bed.health()[1]["store"], facts)
        bad = self.bad_files()
        found = self.run_pass("deep")
        self.assertEqual([p["bad"] for p in found], wanted)
        self.assertEqual([p["files"] for p in found], [len(self.there)] * 4)
        self.wait_repaired()
        self.assertEqual([n - m for n, m in zip(self.bad_files(), bad)], wanted)
        found = self.run_pass("deep")
        self.assertEqual([p["bad"] + p["missing"] for p in found], [0] * 4)

    def test_what_is_gone_or_has_another_size_is_found_by_listing(self):
        os.unlink(self.copy(1, "/alice/f10"))
        os.truncate(self.copy(2, "/alice/f11"), 100)
        os.truncate(self.copy(3, "/alice/f12"), 0)
        with open(self.copy(4, "/alice/f13"), "ab") as f:
            f.write(b"more")
        before = self.disks()
        found = self.run_pass("shallow", "--report-only")
        self.assertEqual([(p["missing"], p["bad"]) for p in found], [(1, 0), (0, 1), (0, 1), (0, 1)])
        self.assertEqual(self.disks(), before)
        found = self.run_pass("shallow")
        self.assertEqual([(p["missing"], p["bad"]) for p in found], [(1, 0), (0, 1), (0, 1), (0, 1)])
        self.wait_repaired()

    def test_F20_what_is_lost_everywhere_is_known_before_anybody_reads_it(self):
        self.assertEqual(self.client.put("/alice/lost", b"x" * 10_000), 201)
        for copy in self.bed.copies(b"x" * 10_000):
            flip(copy, 5000)
        self.run_pass("deep")
        status, text = self.bed.tool("health")
        self.assertEqual(status, 2, text)
        self.assertIn("without a good copy", text)
        self.assertEqual(self.client.get("/alice/lost")[0], 500)
        self.client.delete("/alice/lost")
        self.wait_repaired()

    def test_F30_much_damage_stops_it_until_told_to_go_on(self):
        damaged = [f"/alice/f{60 + number}" for number in range(8)]  # 8 % of a location
        for path in damaged:
            flip(self.copy(2, path), 0)
        bad = self.bad_files()[1]
        found = self.run_pass("deep", states=("idle", "stopped"))
        self.assertEqual([p["state"] for p in found], ["idle", "stopped", "idle", "idle"])
        self.bed.settle()
        self.assertEqual(self.bad_files()[1] - bad, 5)
        status, text = self.bed.tool("health")
        self.assertEqual(status, 2, text)
        self.assertIn("checking copies stopped", text)
        # Over a restart, too; and nothing is touched.
        before = self.disks()
        self.client.close()
        self.bed.kill()
        self.bed.up()
        self.assertEqual(self.scrub("status")[1]["deep"]["state"], "stopped")
        self.assertEqual(self.scrub("stop", "--deep", "--location", "2")[1]["deep"]["state"], "stopped")
        self.assertEqual(self.disks(), before)
        found = self.run_pass("deep", "--location", "2")
        self.assertEqual(found[1]["bad"], 8)
        self.assertEqual(found[1]["files"], len(self.there))
        self.wait_repaired()
        self.assertEqual(self.bed.tool("health")[0], 0)

    def test_after_a_kill_it_goes_on_where_it_was(self):
        self.client.close()
        self.bed.down()
        self.bed.set("scrub_rate", "512KiB")
        self.bed.up()
        flip(self.copy(3, "/alice/f1"), 0)
        flip(self.copy(3, "/alice/f98"), 0)
        self.scrub("start", "--deep")

        def some_were_read():
            return all(l["deep"]["done"] > 10 for l in self.scrub("status"))
        wait_until(some_were_read, 30, 0.02)
        self.bed.kill()
        self.bed.up()
        after = self.scrub("status")
        for location in after:
            self.assertEqual(location["deep"]["state"], "running")
            self.assertGreater(location["deep"]["done"], 5)
        self.assertGreaterEqual(after[2]["deep"]["bad"], 1)  # on a slow machine both are found by now
        # A stop holds over a restart.
        self.assertEqual(self.scrub("stop")[0]["deep"]["state"], "off")
        self.bed.down()
        self.bed.set("scrub_rate", "1GiB")
        self.bed.up()
        self.assertEqual([l["deep"]["state"] for l in self.scrub("status")], ["off"] * 4)
        done = [l["deep"]["done"] for l in self.scrub("status")]
        found = self.run_pass("deep")
        for location, p in enumerate(found):
            self.assertGreater(len(self.there), done[location])
            self.assertEqual(p["files"], len(self.there))
        self.assertEqual([p["bad"] for p in found], [0, 0, 2, 0])
        self.scrub("start", "--shallow")
        self.wait_over("shallow")
        self.wait_repaired()

    def verify(self, path):
        status, text = self.bed.tool("--json", "verify", path)
        return status, [copy["result"] for copy in json.loads(text)["copies"]] if status < 3 else text

    def test_the_copies_of_one_file_are_verified(self):
        self.assertEqual(self.verify("/alice/large"), (0, ["good"] * 4))
        self.assertEqual(self.verify("/alice/f70"), (0, ["good"] * 4))
        copies = self.copies("/alice/large")
        flip(copies[1], 4_999_999)
        os.unlink(copies[3])
        before = self.disks()
        self.assertEqual(self.verify("/alice/large"), (1, ["good", "bad", "good", "missing"]))
        status, text = self.bed.tool("verify", "/alice/large")
        self.assertEqual(status, 1)
        self.assertEqual([line.split()[:2] for line in text.splitlines()],
                         [["1", "good"], ["2", "bad"], ["3", "good"], ["4", "missing"]])
        self.assertEqual(self.disks(), before)
        flip(copies[0], 0)
        flip(copies[2], -1)
        self.assertEqual(self.verify("/alice/large"), (2, ["bad", "bad", "bad", "missing"]))
        flip(copies[0], 0)
        flip(copies[2], -1)
        self.run_pass("deep")
        self.wait_repaired()
        self.assertEqual(self.verify("/alice/large"), (0, ["good"] * 4))
        self.assertEqual(self.client.put("/alice/empty", b""), 201)
        self.assertEqual(self.verify("/alice/empty"), (0, []))
        self.client.delete("/alice/empty")
        for path in ("/alice", "/alice/none", "alice"):
            self.assertEqual(self.bed.tool("verify", path)[0], 3, path)

    def test_repair_and_removal_wait_while_they_are_stopped(self):
        for what in ("repair", "gc"):
            self.assertEqual(self.bed.tool(what, "begin")[0], 64)
            status, text = self.bed.tool(what, "stop")
            self.assertEqual((status, text.splitlines()[0]), (0, "stopped, 0 due"))
        status, text = self.bed.tool("health")
        self.assertEqual(status, 1, text)
        self.assertIn("by order", text)
        os.unlink(self.copy(1, "/alice/f80"))
        self.assertEqual(self.run_pass("shallow")[0]["missing"], 1)
        self.assertEqual(self.client.put("/alice/gone", b"gone"), 201)
        self.client.delete("/alice/gone")

        def due(what):
            return json.loads(self.bed.tool("--json", what, "status")[1])["due"]

        def both_are_due():
            return (due("repair"), due("gc")) == (1, 4)
        wait_until(both_are_due)
        self.run_pass("shallow")  # takes longer than either would
        self.assertEqual((due("repair"), due("gc")), (1, 4))
        for what in ("repair", "gc"):
            self.assertEqual(self.bed.tool(what, "start")[0], 0)
        self.wait_repaired()
        done = json.loads(self.bed.tool("--json", "repair", "status")[1])
        self.assertEqual((done["state"], done["due"]), ("running", 0))
        self.assertGreater(done["locations"][0]["done"], 0)
        self.assertEqual(self.bed.tool("health")[0], 0)

    def test_the_status_is_a_line_for_each_location_and_kind(self):
        self.run_pass("deep")
        self.run_pass("shallow")
        status, text = self.bed.tool("scrub", "status")
        self.assertEqual(status, 0)
        lines = [line.split() for line in text.splitlines() if " reads " not in line]
        self.assertEqual([line[:5] for line in lines],
                         [[str(location), kind, "idle", str(len(self.there)), "copies"]
                          for location in (1, 2, 3, 4) for kind in ("shallow", "deep")])

    def test_wrong_words_are_refused(self):
        for words in ([], ["status", "x"], ["start", "--fast"], ["start", "--location"], ["begin"]):
            self.assertEqual(self.bed.tool("scrub", *words)[0], 64, words)
        for words in (["start", "--location", "5"], ["start", "--location", "0"], ["stop", "--deep", "--shallow"]):
            self.assertEqual(self.bed.tool("scrub", *words)[0], 1, words)


class Files(ScrubTest):
    """What lies there without being counted; nothing is repaired meanwhile."""

    settings = ("repair_files=0",)

    def wait_repairs_due(self, count):
        """What a pass finds is in its figures at once, in the store with the next change."""
        wait_until(lambda: self.bed.health()[1]["store"]["repairs_due"] == count, 30, 0.05)

    def test_an_uncounted_copy_is_verified_and_counted_or_put_aside(self):
        copy = self.copy(3, "/alice/f30")
        kept = os.path.join(self.bed.locations[2], "kept")
        shutil.move(copy, kept)
        self.assertEqual(self.run_pass("shallow")[2]["missing"], 1)
        self.wait_repairs_due(1)
        # Back, but with a wrong byte: no copy, and out of the way.
        shutil.copyfile(kept, copy)
        flip(copy, 7)
        found = self.run_pass("shallow", "--report-only")
        self.assertTrue(os.path.exists(copy))
        found = self.run_pass("shallow")
        self.assertEqual((found[2]["missing"], found[2]["found"]), (0, 0))
        self.assertFalse(os.path.exists(copy))
        self.wait_repairs_due(1)
        # Back as it was.
        shutil.move(kept, copy)
        self.assertEqual(self.run_pass("shallow", "--report-only")[2]["found"], 1)
        self.wait_repairs_due(1)
        self.assertEqual(self.run_pass("shallow")[2]["found"], 1)
        self.wait_repairs_due(0)
        self.assert_all_is_well()

    def test_a_file_nobody_knows_is_removed_if_it_is_ours(self):
        self.client.close()
        self.bed.down()
        self.bed.up()  # ids of an earlier process now
        self.bed.settle(repaired=False)  # which the sweep does not see any more
        copy = self.copy(1, "/alice/f40")
        folder, name = os.path.split(copy)
        ours, not_ours = (os.path.join(folder, f"{number:016x}" + name[16:]) for number in (900, 901))
        shutil.copyfile(copy, ours)
        with open(not_ours, "wb") as f:
            f.write(b"no trailer")
        before = self.disks()
        self.assertEqual(self.run_pass("shallow", "--report-only")[0]["unknown"], 1)
        self.assertEqual(self.disks(), before)
        found = self.run_pass("shallow")
        self.assertEqual([p["unknown"] for p in found], [1, 0, 0, 0])
        self.assertFalse(os.path.exists(ours))
        self.assertTrue(os.path.exists(not_ours))
        os.unlink(not_ours)
        self.assert_all_is_well()

    def test_deletes_and_uploads_meanwhile_are_no_damage(self):
        self.scrub("start")
        for number in range(60):
            self.assertEqual(self.client.put("/alice/new", os.urandom(3000 + number)), 201)
            if number % 20 == 0:
                self.scrub("start")
        self.wait_over("deep")
        self.wait_over("shallow")
        self.client.delete("/alice/new")
        for location in self.scrub("status"):
            for kind in ("deep", "shallow"):
                self.assertEqual((location[kind]["bad"], location[kind]["missing"]), (0, 0))
        self.wait_repairs_due(0)
        self.assertEqual(self.bad_files()[0], self.bad_files()[1])
        self.bed.settle()
        self.assert_all_is_well()


class Sectors(unittest.TestCase):
    """Disks that cannot read what they were given (storage/fault.h)."""

    def setUp(self):
        if not has_kill_points():
            self.skipTest("built without faults")
        self.bed = FaultyBed.start(settings=SETTINGS)
        self.addCleanup(self.bed.close)
        client = Client(self.bed)
        self.there = [os.urandom(3000 + number) for number in range(30)]
        for number, data in enumerate(self.there):
            self.assertEqual(client.put(f"/alice/f{number}", data), 201)
        client.close()
        self.bed.settle()

    def status(self, location):
        return json.loads(self.bed.tool("--json", "scrub", "status")[1])["locations"][location - 1]["deep"]

    def start(self):
        self.assertEqual(self.bed.tool("scrub", "start", "--deep")[0], 0)

    def wait_over(self):
        def every_pass_is_over():
            return all(self.status(location)["state"] == "idle" for location in (1, 2, 3, 4))
        wait_until(every_pass_is_over, 60)

    def test_a_copy_that_cannot_be_read_is_made_again(self):
        name = os.path.basename(self.bed.copies(self.there[7])[1])
        self.bed.fault(location=2, op="read", path=name, errno="EIO")
        self.start()

        def it_was_put_aside():
            return os.listdir(os.path.join(self.bed.locations[1], "bad")) == [name]
        wait_until(it_was_put_aside, 60)
        self.bed.heal()
        self.wait_over()
        self.assertEqual(self.status(2)["bad"], 1)
        self.bed.settle()
        self.assertEqual(len(self.bed.copies(self.there[7])), 4)

    def test_a_disk_that_fails_a_while_loses_nothing(self):
        rule = self.bed.fault(location=3, op="read", path="blob/", nth=5, times=1, errno="EIO")
        self.start()
        self.wait_over()
        self.assertEqual(self.bed.acted(rule), 1)
        self.assertEqual((self.status(3)["bad"], self.status(3)["files"]), (0, len(self.there)))
        self.assertEqual(os.listdir(os.path.join(self.bed.locations[2], "bad")), [])

    def test_a_location_that_goes_away_in_the_middle_is_waited_for(self):
        self.bed.fault(location=4, op="read", path="blob/", delay=50)
        self.start()

        def it_has_begun():
            return self.status(4)["done"] > 2
        wait_until(it_has_begun, 30, 0.02)
        here = self.bed.locations[3]
        os.rename(here, here + ".away")
        self.bed.wait_state(4, "offline")
        done = self.status(4)["done"]
        self.assertLess(done, len(self.there))
        self.assertEqual(self.status(4)["state"], "running")
        os.rename(here + ".away", here)
        self.bed.wait_state(4, "online")
        self.wait_over()
        last = self.status(4)
        self.assertEqual((last["bad"], last["missing"], last["files"]), (0, 0, len(self.there)))


class Due(unittest.TestCase):
    def test_without_being_told_it_begins_when_a_copy_is_old_enough(self):
        bed = FaultBed.start(settings=[*SETTINGS, "scrub_deep_period=2s", "scrub_shallow_period=2s"])
        self.addCleanup(bed.close)
        client = Client(bed)
        data = os.urandom(70_000)
        self.assertEqual(client.put("/alice/f", data), 201)
        client.close()
        flip(bed.copies(data)[1], 60_000)

        def the_copy_was_put_aside():
            return os.listdir(os.path.join(bed.locations[1], "bad")) != []
        wait_until(the_copy_was_put_aside)
        bed.settle()
        self.assertEqual(len(bed.copies(data)), 4)
        self.assertTrue(os.listdir(os.path.join(bed.locations[1], "bad"))[0].endswith(md5(data)))

        def every_location_had_a_full_pass():
            locations = json.loads(bed.tool("--json", "scrub", "status")[1])["locations"]
            return all(location[kind]["last_full"] for location in locations for kind in ("deep", "shallow"))
        wait_until(every_location_had_a_full_pass)


if __name__ == "__main__":
    main()
