# SPDX-License-Identifier: Apache-2.0
"""Small files, whose bytes ride in the journal and are moved to the locations later.

What was acknowledged is there whenever the server or the metadata go, and whatever the
locations do: before it is moved, while it is, and after that, alone or in a pack.
"""

import glob
import os
import random
import shutil
import threading
import time

from fault_test import Client, FaultBed, retry, sanitizer_of_build
from quartet_test import main, unittest, wait_until

SETTINGS = ["small_file=56KiB", "gc_delay=100ms", "probe_period=200ms", "repair_pause=100ms",
            "meta_copy_period=1s"]
PACKS = ["small_pack=4", "small_delay=50ms"]
STAYS = "small_moves=0"
ROUNDS = 4 if sanitizer_of_build() else 10


class Small(unittest.TestCase):
    def start(self, *settings):
        self.bed = FaultBed.start(settings=[*SETTINGS, *settings])
        self.addCleanup(self.bed.close)
        self.client = Client(self.bed)
        self.addCleanup(self.client.close)
        self.there = {}

    def put(self, path, data):
        self.assertEqual(self.client.put(path, data), 201)
        self.there[path] = data

    def burst(self, name, n, size=4000):
        """By eight clients, each with one at a time."""
        self.assertEqual(self.client.document("PUT", "ContainerNode", f"/alice/{name}"), 201)
        files = {f"/alice/{name}/f{i}": os.urandom(random.randrange(1, size)) for i in range(n)}
        left, answers = list(files.items()), []

        def send():
            client = Client(self.bed)
            while left:
                try:
                    path, data = left.pop()
                except IndexError:
                    break
                answers.append(client.put(path, data))
            client.close()
        threads = [threading.Thread(target=send) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(answers, [201] * n)
        self.there.update(files)

    def waiting(self):
        return self.bed.health()[1]["mirror"]["small_files"]

    def moved(self):
        wait_until(lambda: self.waiting() == 0, 120)

    def assert_all_there(self):
        for path, data in self.there.items():
            self.assertEqual(self.client.get(path), (200, data), path)

    def assert_in_order(self):
        self.bed.settle()
        status, text = self.bed.tool("fsck")
        self.assertEqual(status, 0, text)

    def again(self):
        self.client.close()
        self.bed.up()

    def files_at(self, number):
        return self.bed.blobs()[number - 1]

    def test_one_file_becomes_a_file_at_each_location(self):
        self.start()
        data = os.urandom(3000)
        self.put("/alice/one", data)
        retry(10, lambda: self.assertEqual(len(self.bed.copies(data)), 4))
        for copy in self.bed.copies(data):
            with open(copy, "rb") as f:
                self.assertEqual(f.read(len(data)), data)
        self.assert_all_there()
        self.assertEqual(self.client.delete("/alice/one"), 200)
        self.bed.settle()
        self.assertEqual(self.bed.copies(data), [])
        self.assert_in_order()

    def test_many_go_into_packs_and_out_of_them(self):
        self.start(*PACKS)
        self.burst("a", 200)
        self.moved()
        self.assertLess(len(self.files_at(1)), 150)
        self.assert_all_there()
        self.assert_in_order()
        # Ranges, copies, deletion: as of any other file.
        path, data = max(self.there.items(), key=lambda item: len(item[1]))
        self.assertEqual(self.client.get(path, {"Range": "bytes=5-99"}), (206, data[5:100]))
        for path in list(self.there)[:150]:
            self.assertIn(self.client.delete(path), (200, 204))
            del self.there[path]
        self.assert_all_there()
        self.assert_in_order()
        for path in list(self.there):
            self.assertIn(self.client.delete(path), (200, 204))
        self.assert_in_order()
        self.assertEqual(self.files_at(1), {})

    def test_a_damaged_pack_is_read_from_another_location_and_repaired(self):
        self.start(*PACKS)
        self.burst("a", 100)
        self.moved()
        for number in (1, 2, 3):
            for path in self.files_at(number).values():
                with open(path, "r+b") as f:
                    f.seek(0)
                    f.write(b"no longer what it was")
        self.assert_all_there()
        self.assert_in_order()
        self.assert_all_there()

    def let_them_move(self):
        self.client.close()
        self.bed.down()
        self.bed.set("small_moves", "16")
        self.bed.up()
        self.moved()

    def test_before_they_are_moved_everything_works_as_after(self):
        self.start(STAYS)
        self.burst("a", 30)
        self.assertEqual(self.waiting(), 30)
        self.assertEqual(self.files_at(1), {})
        self.assert_all_there()
        path, data = max(self.there.items(), key=lambda item: len(item[1]))
        self.assertEqual(self.client.get(path, {"Range": "bytes=0-0"}), (206, data[:1]))
        self.client.move(path, "/alice/elsewhere")
        self.there["/alice/elsewhere"] = self.there.pop(path)
        path = next(iter(self.there))
        self.put(path, b"replaced")
        self.assertIn(self.client.delete("/alice/elsewhere"), (200, 204))
        del self.there["/alice/elsewhere"]
        self.assertEqual(self.client.get("/alice/elsewhere")[0], 404)
        self.assert_all_there()
        self.let_them_move()
        self.assert_all_there()
        self.assert_in_order()

    def test_killed_at_any_moment(self):
        self.start("small_pack=8", "small_delay=20ms")
        self.assertEqual(self.client.document("PUT", "ContainerNode", "/alice/k"), 201)
        for number in range(ROUNDS):
            self.kill_while_busy(number)
            self.again()
            self.assert_all_there()
        self.moved()
        self.assert_all_there()
        self.assert_in_order()
        for copy in glob.glob(os.path.join(self.bed.locations[0], "tmp", "0*")):
            self.fail(f"{copy} is left")

    def kill_while_busy(self, number):
        """What nobody answered may be so or so; of each path the last answer counts."""
        dead = threading.Event()

        def work(mine):
            client, n = Client(self.bed), 0
            while not dead.is_set():
                path = f"/alice/k/{number}-{mine}-{n % 40}"
                data = os.urandom(random.randrange(1, 8000))
                before = self.there.pop(path, None)
                try:
                    if before is not None and n % 5 == 0:
                        if client.delete(path) in (200, 204):
                            continue
                    elif client.put(path, data) == 201:
                        self.there[path] = data
                except OSError:
                    break
                finally:
                    n += 1
            client.close()
        threads = [threading.Thread(target=work, args=(mine,)) for mine in range(6)]
        for thread in threads:
            thread.start()
        time.sleep(random.uniform(0.05, 0.6))
        self.bed.kill()
        dead.set()
        for thread in threads:
            thread.join()

    def test_the_metadata_are_lost_before_they_are_moved(self):
        self.start(STAYS)
        self.burst("a", 60)
        self.bed.kill()
        self.client.close()
        os.unlink(os.path.join(self.bed.env["QUARTET_META"], "data.mdb"))
        self.again()
        self.assert_all_there()
        self.let_them_move()
        self.assert_all_there()
        self.assert_in_order()

    def test_a_catalogue_made_anew_has_what_is_in_packs(self):
        self.start(*PACKS)
        self.burst("a", 60)
        self.put("/alice/one", os.urandom(500))
        self.moved()
        self.bed.settle()
        self.bed.kill()
        self.client.close()
        shutil.rmtree(self.bed.env["QUARTET_META"])
        for place in self.bed.locations:
            shutil.rmtree(os.path.join(place, "meta"))
            os.mkdir(os.path.join(place, "meta"))
        status, text = self.bed.tool("rebuild")
        self.assertEqual(status, 0, text)
        self.assertIn(f"{len(self.there)} files", text)
        self.bed.up()
        status, text = self.bed.tool("fsck")
        self.assertEqual(status, 0, text)
        for path in self.there:
            self.assertEqual(self.bed.tool("verify", path)[0], 0, path)

    def test_locations_fail_while_they_are_moved(self):
        self.start(*PACKS)
        away = self.bed.locations[1]
        os.rename(away, away + ".away")
        self.bed.wait_state(2, "offline")
        self.burst("a", 60)
        self.put("/alice/one", os.urandom(500))
        self.moved()
        self.assert_all_there()
        os.rename(away + ".away", away)
        self.bed.wait_state(2, "online")
        self.assert_in_order()
        # Too few locations: refused as any upload is.
        for number in (1, 2):
            os.rename(self.bed.locations[number], self.bed.locations[number] + ".away")
            self.bed.wait_state(number + 1, "offline")
        self.assertIn(self.client.put("/alice/two", b"refused"), (500, 503))
        for number in (1, 2):
            os.rename(self.bed.locations[number] + ".away", self.bed.locations[number])
            self.bed.wait_state(number + 1, "online")
        self.assertEqual(self.client.get("/alice/two")[0], 404)
        self.assert_all_there()

    def test_beyond_the_backlog_they_go_straight_to_the_locations(self):
        self.start("small_backlog=10KiB", STAYS)
        data = [os.urandom(9000) for _ in range(3)]
        for number, one in enumerate(data):
            self.put(f"/alice/{number}", one)
        self.assertEqual(self.waiting(), 1)
        self.assertEqual(self.bed.copies(data[0]), [])
        for one in data[1:]:
            self.assertGreaterEqual(len(self.bed.copies(one)), 3)
        self.assert_all_there()
        self.let_them_move()
        self.assert_in_order()

    def test_what_is_moved_has_the_sum_it_should(self):
        self.start()
        self.put("/alice/sum", b"x" * 1000)
        self.moved()
        status, text = self.bed.tool("verify", "/alice/sum")
        self.assertEqual(status, 0, text)
        self.assertEqual(text.count(" good "), 4)
        shutil.rmtree(os.path.join(self.bed.locations[0], "blob"))
        os.mkdir(os.path.join(self.bed.locations[0], "blob"))
        self.assert_all_there()


if __name__ == "__main__":
    main()
