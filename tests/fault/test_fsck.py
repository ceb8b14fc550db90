# SPDX-License-Identifier: Apache-2.0
"""quartet fsck: the catalogue and the disks, beside a server that runs or without one.

Nothing is told where nothing is wrong, whatever clients do meanwhile; what is wrong on a disk, or in the catalogue, is.
"""

import json
import os
import shutil
import threading

from fault_test import Client, FaultBed, md5
from quartet_test import main, unittest, wait_until


class Fsck(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bed = FaultBed.start(settings=["gc_delay=100ms", "repair_files=0"])
        cls.addClassCleanup(cls.bed.close)
        cls.there = {}
        client = Client(cls.bed)
        for folder in ("/alice/a", "/alice/a/b"):
            assert client.document("PUT", "ContainerNode", folder) in (200, 201)
        for number in range(40):
            path, data = f"/alice/a/{'b/' if number % 2 else ''}f{number}", os.urandom(1 + number * 997)
            assert client.put(path, data) == 201
            cls.there[path] = data
        client.close()
        cls.bed.settle(repaired=False)

    def fsck(self, *words):
        """(status, lines) without those that say how far it is."""
        status, text = self.bed.tool("fsck", *words)
        return status, [line for line in text.splitlines() if not line.startswith("quartet: ")]

    def assert_clean(self):
        status, lines = self.fsck()
        self.assertEqual((status, len(lines)), (0, 1), lines)

    def copy(self, location, number):
        data = next(data for path, data in self.there.items() if path.endswith(f"f{number}"))
        return next(path for name, path in self.bed.blobs()[location - 1].items() if name.endswith(md5(data)))

    def test_nothing_is_wrong_with_a_server_and_without(self):
        self.assert_clean()
        facts = json.loads(self.bed.tool("--json", "fsck")[1])
        self.assertEqual((facts["blobs"], facts["copies"], facts["missing"]), (40, 160, 0))
        self.bed.down()
        self.assert_clean()
        # Who only looks leaves nothing behind that the server's user could not open.
        lock = os.path.join(self.bed.env["QUARTET_META"], "lock.mdb")
        os.unlink(lock)
        self.assert_clean()
        self.assertFalse(os.path.exists(lock))
        self.bed.up()
        self.assert_clean()

    def test_nothing_is_wrong_while_clients_change_everything(self):
        stop = threading.Event()

        def change(name):
            client = Client(self.bed)
            number = 0
            while not stop.is_set():
                number += 1
                self.assertEqual(client.put(f"/alice/{name}-{number % 7}", os.urandom(100 * number % 70_001)), 201)
                if number % 3 == 0:
                    client.delete(f"/alice/{name}-{number % 7}")
            for last in range(7):
                client.delete(f"/alice/{name}-{last}")
            client.close()
        threads = [threading.Thread(target=change, args=(name,)) for name in ("x", "y")]
        for thread in threads:
            thread.start()
        try:
            for _ in range(5):
                self.assert_clean()
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def test_an_upload_in_parts_names_its_bytes(self):
        client = Client(self.bed)
        self.addCleanup(client.close)
        status, fields, _ = client.ask("PUT", "/files/alice/parts", b"", {"x-put-txn-op": "start"})
        self.assertIn(status, (200, 201, 202))
        txn = {"x-put-txn-id": fields["x-put-txn-id"]}
        self.assertLess(client.ask("PUT", "/files/alice/parts", b"first", txn)[0], 300)
        self.assert_clean()
        self.assertLess(client.ask("POST", "/files/alice/parts", b"", {**txn, "x-put-txn-op": "abort"})[0], 300)
        self.assert_clean()

    def test_what_is_wrong_on_a_disk_is_told(self):
        copies = {number: self.copy(location, number) for location, number in ((1, 1), (2, 2))}
        kept = {}
        for number, path in copies.items():
            with open(path, "rb") as f:
                kept[number] = f.read()
        os.unlink(copies[1])
        os.truncate(copies[2], 10)
        for running in (True, False):
            if not running:
                self.bed.down()
            status, lines = self.fsck()
            self.assertEqual((status, len(lines)), (1, 3), lines)
            self.assertTrue(lines[0].startswith("location 1: ") and lines[0].endswith("its copy is missing"), lines)
            self.assertTrue(lines[1].startswith("location 2: ") and lines[1].endswith("its copy has another size"), lines)
        self.bed.up()
        # The server is asked to look itself; a copy that comes back is a difference, too.
        self.assertEqual(self.fsck("--repair")[0], 1)
        self.wait_due(2)
        status, lines = self.fsck()
        self.assertEqual((status, len(lines)), (0, 1), lines)
        self.assertIn("(2 missing)", lines[0])
        for number, path in copies.items():
            with open(path, "wb") as f:
                f.write(kept[number])
        status, lines = self.fsck()
        self.assertEqual((status, len(lines)), (1, 3), lines)
        self.assertIn("not counted", lines[0])
        self.bed.tool("scrub", "start", "--shallow")
        self.wait_due(0)
        self.assert_clean()

    def wait_due(self, number):
        def so_many_copies_are_due():
            return self.bed.health()[1]["store"]["repairs_due"] == number
        wait_until(so_many_copies_are_due)

    def test_a_location_that_is_away_or_anothers_is_told(self):
        here = self.bed.locations[3]
        os.rename(here, here + ".away")
        self.bed.wait_state(4, "offline")
        status, lines = self.fsck()
        self.assertEqual(status, 3, lines)
        self.assertTrue(lines[0].startswith("location 4: "), lines)
        self.bed.down()
        shutil.copytree(self.bed.locations[2], here)
        status, lines = self.fsck()
        self.assertEqual(status, 3, lines)
        self.assertIn("is not it", lines[0])
        shutil.rmtree(here)
        os.rename(here + ".away", here)
        self.bed.up()
        self.assert_clean()

    def test_a_damaged_catalogue_is_told_and_not_survived_by_its_reader(self):
        self.bed.down()
        store = os.path.join(self.bed.env["QUARTET_META"], "data.mdb")
        shutil.copyfile(store, store + ".kept")
        with open(store, "r+b") as f:
            size = os.path.getsize(store)
            for at in range(2 * 4096, size, 4096):  # all but the two that begin it
                f.seek(at)
                f.write(b"\xff" * 4096)
        status, lines = self.fsck()
        self.assertIn(status, (2, 3), lines)
        shutil.move(store + ".kept", store)
        self.bed.up()
        self.assert_clean()

    def test_wrong_words_are_refused(self):
        self.assertEqual(self.bed.tool("fsck", "--now")[0], 64)
        self.assertEqual(self.bed.tool("fsck", "--repair", "x")[0], 64)


if __name__ == "__main__":
    main()
