# SPDX-License-Identifier: Apache-2.0
"""A location that was away is looked through before it is believed again.

Its disk may have been anywhere: files are gone, others have come, some are not what they
were. All that is found and put right by itself, and a restart in between, even one that
begins when the disk is back, does not forget that it was away.
"""

import os
import shutil

from fault_test import Client, FaultBed, md5
from quartet_test import main, unittest, wait_until

SETTINGS = ["gc_delay=100ms", "probe_period=200ms", "repair_files=1000", "repair_pause=200ms"]


class Rejoin(unittest.TestCase):
    def setUp(self):
        self.bed = FaultBed.start(settings=SETTINGS)
        self.addCleanup(self.bed.close)
        self.client = Client(self.bed)
        self.addCleanup(self.client.close)
        self.there = {}

    def put(self, path, size=20_000):
        data = os.urandom(size)
        self.assertEqual(self.client.put(path, data), 201)
        self.there[path] = data

    def copy(self, location, data):
        return next(path for name, path in self.bed.blobs()[location - 1].items()
                    if name.endswith(md5(data)))

    def restart(self):
        self.client.close()
        self.bed.kill()
        self.bed.up()

    def take_away(self, number):
        os.rename(self.bed.locations[number - 1], self.bed.locations[number - 1] + ".away")
        self.bed.wait_state(number, "offline")

    def away(self, path):
        """The same file where the disk is meanwhile."""
        place = self.bed.locations[1]
        return place + ".away" + path[len(place):]

    def bring_back(self, number):
        os.rename(self.bed.locations[number - 1] + ".away", self.bed.locations[number - 1])

    def stale_file(self):
        """A file that nobody names any more, in a leaf that no sweep will come to: (where, bytes)."""
        self.put("/alice/gone")
        path = self.copy(2, self.there["/alice/gone"])
        with open(path, "rb") as f:
            content = f.read()
        self.assertEqual(self.client.delete("/alice/gone"), 200)
        del self.there["/alice/gone"]
        self.bed.settle()
        self.restart()  # ids go on in the next leaf
        self.bed.settle()
        self.put("/alice/next")
        self.bed.settle()
        return path, content

    def check_all(self):
        self.bed.settle()
        for path, data in self.there.items():
            self.assertEqual(self.client.get(path), (200, data), path)
            self.assertEqual(len(self.bed.copies(data)), 4, path)
        names = {name for here in self.bed.blobs() for name in here}
        self.assertEqual(len(names), len(self.there))
        status, text = self.bed.tool("fsck")
        self.assertEqual(status, 0, text)

    def test_what_lies_there_is_laid_beside_the_catalogue(self):
        for i in range(12):
            self.put(f"/alice/f{i}")
        stale, content = self.stale_file()
        self.take_away(2)
        self.put("/alice/late")
        # Gone, cut short, come from nowhere, and one that is right but was never counted.
        os.unlink(self.away(self.copy(1, self.there["/alice/f0"]).replace(
            self.bed.locations[0], self.bed.locations[1])))
        cut = self.away(self.copy(1, self.there["/alice/f1"]).replace(
            self.bed.locations[0], self.bed.locations[1]))
        os.truncate(cut, 5000)
        with open(self.away(stale), "wb") as f:
            f.write(content)
        source = self.copy(1, self.there["/alice/late"])
        late = self.away(source.replace(self.bed.locations[0], self.bed.locations[1]))
        os.makedirs(os.path.dirname(late), exist_ok=True)
        shutil.copy(source, late)
        inode = os.stat(late).st_ino
        self.bring_back(2)
        self.bed.wait_state(2, "online")
        self.assertFalse(os.path.exists(stale))
        self.check_all()
        # It was counted, not made again.
        self.assertEqual(os.stat(self.copy(2, self.there["/alice/late"])).st_ino, inode)
        self.assertEqual([name.endswith(md5(self.there["/alice/f1"]))
                          for name in os.listdir(os.path.join(self.bed.locations[1], "bad"))], [True])

    def test_a_restart_does_not_forget_that_it_was_away(self):
        self.put("/alice/f")
        stale, content = self.stale_file()
        before = self.bed.health()[1]["journal"]["seq"]
        self.take_away(2)

        def it_is_written_down():
            return self.bed.health()[1]["journal"]["seq"] > before
        wait_until(it_is_written_down)
        self.client.close()
        self.bed.kill()
        with open(self.away(stale), "wb") as f:
            f.write(content)
        self.bring_back(2)
        self.bed.up()
        self.bed.wait_state(2, "online")
        self.assertFalse(os.path.exists(stale))
        self.check_all()

    def test_one_that_was_never_away_is_not_looked_through(self):
        self.put("/alice/f")
        stale, content = self.stale_file()
        self.client.close()
        self.bed.down()
        with open(stale, "wb") as f:
            f.write(content)
        self.bed.up()
        self.bed.wait_state(2, "online")
        self.bed.settle()
        self.assertTrue(os.path.exists(stale))
        self.bed.tool("scrub", "start", "--shallow", "--location", "2")

        def it_is_removed():
            return not os.path.exists(stale)
        wait_until(it_is_removed)
        self.check_all()


if __name__ == "__main__":
    main()
