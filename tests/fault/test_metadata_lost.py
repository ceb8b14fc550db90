# SPDX-License-Identifier: Apache-2.0
"""The metadata store is lost, damaged or older than the journals (F33, F38, F39).

Whatever was acknowledged is there after the next start, and nothing else.
"""

import os
import shutil
import subprocess
import time

from fault_test import Client, FaultBed, sanitizer_of_build
from quartet_test import main, unittest, wait_until

SETTINGS = ["gc_delay=100ms", "probe_period=200ms", "meta_copy_period=1s", "journal_file=64KiB"]


class MetadataLost(unittest.TestCase):
    def setUp(self):
        self.bed = FaultBed.start(settings=SETTINGS)
        self.addCleanup(self.bed.close)
        self.data = os.path.join(self.bed.env["QUARTET_META"], "data.mdb")
        self.there = {}
        self.gone = set()
        self.client = Client(self.bed)
        self.addCleanup(self.client.close)

    def change(self, name, n=20):
        """Folders, files, replaced ones, moved ones and deleted ones."""
        self.assertEqual(self.client.document("PUT", "ContainerNode", f"/alice/{name}"), 201)
        for number in range(n):
            path, data = f"/alice/{name}/f{number}", os.urandom(1000 + number * 997)
            self.assertEqual(self.client.put(path, data), 201)
            self.there[path] = data
        for number in range(0, n, 4):
            path, data = f"/alice/{name}/f{number}", os.urandom(3000)
            self.assertEqual(self.client.put(path, data), 201)
            self.there[path] = data
            path = f"/alice/{name}/f{number + 1}"
            self.assertIn(self.client.delete(path), (200, 204))
            del self.there[path]
            self.gone.add(path)

    def assert_all_there(self):
        for path, data in self.there.items():
            self.assertEqual(self.client.get(path), (200, data), path)
        for path in self.gone:
            self.assertEqual(self.client.get(path)[0], 404, path)
        self.bed.settle()
        names = {name for here in self.bed.blobs() for name in here}
        self.assertEqual(len(names), len(self.there))
        status, text = self.bed.tool("fsck")
        self.assertEqual(status, 0, text)

    def again(self):
        self.client.close()
        self.bed.up()

    def copies(self):
        return [name for place in self.bed.locations
                for name in os.listdir(os.path.join(place, "meta"))
                if name.startswith("copy-") and not name.endswith(".tmp")]

    def wait_new_copy(self):
        before = set(self.copies())

        def there_is_a_new_copy():
            return set(self.copies()) - before
        wait_until(there_is_a_new_copy, 60)

    def test_F33_lost(self):
        self.change("a")
        self.wait_new_copy()
        self.change("b")
        self.bed.kill()
        os.unlink(self.data)
        began = time.monotonic()
        self.again()
        print(f"restored and started in {time.monotonic() - began:.1f} s")
        self.assert_all_there()
        # And what comes after it is as safe.
        self.change("c")
        self.bed.kill()
        shutil.rmtree(self.bed.env["QUARTET_META"])
        self.again()
        self.assert_all_there()

    def test_F33_damaged(self):
        self.change("a")
        self.bed.kill()
        with open(self.data, "r+b") as f:
            f.write(bytes(8192))
        self.again()
        self.assert_all_there()
        self.assertTrue([name for name in os.listdir(self.bed.env["QUARTET_META"])
                         if name.startswith("data.mdb.")], "the damaged one is kept")

    @unittest.skipIf(sanitizer_of_build(), "a sanitizer takes the signal that leaves the mark")
    def test_F33_damaged_while_running(self):
        """A page that is no page ends the process; the start after it finds out why."""
        self.change("a")
        self.client.close()
        with open(self.data, "r+b") as f:
            f.truncate(8192)  # what is mapped behind that is a bus error
        for _ in range(20):
            try:
                self.client.ask("GET", "/nodes/alice/a")
                self.client.put("/alice/x", b"more")
            except OSError:
                break
            finally:
                self.client.close()
        self.bed.wait_dead()
        self.again()
        if self.client.get("/alice/x")[0] == 200:
            self.there["/alice/x"] = b"more"
        self.assert_all_there()

    def test_F38_an_older_store(self):
        self.change("a")
        self.client.close()
        self.bed.down()
        shutil.copy(self.data, self.data + ".old")
        self.again()
        self.change("b")
        self.bed.kill()
        os.rename(self.data + ".old", self.data)
        self.again()
        self.assert_all_there()

    def test_F39_a_journal_that_is_behind(self):
        self.change("a")
        away = self.bed.locations[2]
        os.rename(away, away + ".away")
        self.bed.wait_state(3, "offline")
        self.change("b")
        os.rename(away + ".away", away)
        self.bed.wait_state(3, "online")
        self.change("c")
        self.bed.kill()
        os.unlink(self.data)
        # Each change is in two journals at least: one of them may go as well.
        shutil.rmtree(os.path.join(self.bed.locations[0], "meta"))
        os.mkdir(os.path.join(self.bed.locations[0], "meta"))
        self.again()
        self.assert_all_there()

    def test_too_few_journals_are_refused_unless_it_is_accepted(self):
        self.change("a")
        self.bed.kill()
        self.client.close()
        os.unlink(self.data)
        for number in (1, 2):
            os.rename(self.bed.locations[number], self.bed.locations[number] + ".away")
        with self.assertRaises(Exception):
            self.bed.up()
        status, text = self.bed.tool("restore")
        self.assertEqual(status, 1)
        self.assertIn("2 of 4 journals", text)
        status, text = self.bed.tool("restore", "--accept-loss")
        self.assertEqual(status, 0, text)
        for number in (1, 2):
            os.rename(self.bed.locations[number] + ".away", self.bed.locations[number])
        self.again()
        self.assert_all_there()

    def test_files_of_lost_changes_are_kept_until_released(self):
        self.change("a", 4)
        self.wait_new_copy()
        data = os.urandom(10_000)
        self.client.put("/alice/lost", data)
        self.bed.kill()
        self.client.close()
        os.unlink(self.data)
        for place in self.bed.locations:
            for name in os.listdir(os.path.join(place, "meta")):
                if not name.startswith("copy-"):
                    os.unlink(os.path.join(place, "meta", name))
        os.rename(self.bed.locations[0], self.bed.locations[0] + ".away")
        os.rename(self.bed.locations[1], self.bed.locations[1] + ".away")
        self.assertEqual(self.bed.tool("restore", "--accept-loss")[0], 0)
        os.rename(self.bed.locations[0] + ".away", self.bed.locations[0])
        os.rename(self.bed.locations[1] + ".away", self.bed.locations[1])
        self.again()
        self.bed.settle(repaired=False)
        self.client.put("/alice/later", b"the sweep's end is stored with this change")
        self.assertGreaterEqual(len(self.bed.copies(data)), 3)
        status, line = self.bed.tool("health")
        self.assertEqual(status, 1)
        self.assertIn("--release-unknown", line)
        self.client.close()
        self.bed.down()
        self.assertEqual(self.bed.tool("restore", "--release-unknown")[0], 0)
        self.bed.up()
        self.bed.settle(repaired=False)
        if self.client.get("/alice/lost")[0] == 404:  # unless the last copy had it
            self.assertEqual(self.bed.copies(data), [])

    def test_a_backup_taken_while_serving(self):
        self.change("a")
        backup = os.path.join(self.bed.env["QUARTET_META"], "..", "backup")
        status, text = self.bed.tool("backup", backup)
        self.assertEqual(status, 0, text)
        self.assertEqual(self.bed.tool("check-copy", backup)[0], 0)
        self.change("b")
        self.assertEqual(self.bed.tool("restore", "--from", backup)[0], 1, "a server runs")
        self.bed.kill()
        os.unlink(self.data)
        status, text = self.bed.tool("restore", "--from", backup)
        self.assertEqual(status, 0, text)
        self.again()
        self.assert_all_there()

    def test_an_export_made_while_serving_is_imported(self):
        self.change("a")
        text = os.path.join(self.bed.env["QUARTET_META"], "..", "export")
        status, output = self.bed.tool("export", text)
        self.assertEqual(status, 0, output)
        self.assertEqual(os.stat(text).st_mode & 0o777, 0o600)
        self.assertEqual(self.bed.tool("export", text)[0], 1, "there is such a file")
        self.change("b")
        self.assertEqual(self.bed.tool("import", text)[0], 1, "a server runs")
        self.bed.kill()
        os.unlink(self.data)
        with open(text, encoding="ascii") as f:
            lines = f.readlines()
        with open(text + ".cut", "w", encoding="ascii") as f:
            f.writelines(lines[:-1])
        status, output = self.bed.tool("import", text + ".cut")
        self.assertEqual(status, 1)
        self.assertIn("the end is missing", output)
        status, output = self.bed.tool("import", text)
        self.assertEqual(status, 0, output)
        self.assertEqual([name for name in os.listdir(self.bed.env["QUARTET_META"])
                          if name.startswith("import")], [])
        self.again()
        self.assert_all_there()

    def lose_all_metadata(self):
        self.bed.kill()
        self.client.close()
        shutil.rmtree(self.bed.env["QUARTET_META"])
        for place in self.bed.locations:
            shutil.rmtree(os.path.join(place, "meta"))
            os.mkdir(os.path.join(place, "meta"))

    def as_administrator(self):
        """Of the accounts only the administrator's is left, and it has no certificate yet."""
        subject = subprocess.run(
            ["openssl", "x509", "-noout", "-subject", "-nameopt", "RFC2253",
             "-in", self.bed.env["QUARTET_CERT_ADMIN"]],
            check=True, capture_output=True, text=True).stdout.removeprefix("subject=").strip()
        status, text = self.bed.tool("user", "dn-add", "admin", subject)
        self.assertEqual(status, 0, text)
        self.client = Client(self.bed, user="admin")
        self.addCleanup(self.client.close)

    def test_without_any_copy_the_files_say_what_they_are(self):
        self.change("a")
        self.change("a b/ü".replace("/", "~"), 4)
        kept = os.urandom(5000)
        self.assertEqual(self.client.put("/alice/a/moved", kept), 201)
        self.client.move("/alice/a/moved", "/alice/elsewhere")
        new = os.urandom(6000)
        self.assertEqual(self.client.put("/alice/a/moved", new), 201)
        self.bed.settle()
        self.assertEqual(self.bed.tool("rebuild")[0], 1, "a server runs")
        self.lose_all_metadata()
        leaf = os.path.dirname(self.bed.copies(new)[1])
        with open(os.path.join(leaf, "stray"), "wb") as f:
            f.write(bytes(8192))
        os.rename(self.bed.locations[3], self.bed.locations[3] + ".away")
        self.assertEqual(self.bed.tool("restore")[0], 1, "there is nothing to restore from")
        status, text = self.bed.tool("rebuild")
        self.assertEqual(status, 0, text)
        self.assertIn("stray is passed over", text)
        self.assertIn(f"{len(self.there) + 2} files", text)
        self.assertEqual(self.bed.tool("rebuild")[0], 1, "what is there is not made again")
        os.rename(self.bed.locations[3] + ".away", self.bed.locations[3])
        self.again()
        self.as_administrator()
        self.there["/alice/a/moved"] = new
        for path, data in self.there.items():
            self.assertEqual(self.client.get(path), (200, data), path)
        old = [name for name in self.client.children("/alice/a")[1] if name.startswith("moved~")]
        self.assertEqual(len(old), 1)
        self.assertEqual(self.client.get("/alice/a/" + old[0]), (200, kept))
        # It is a store like any other: changes count, and survive the next loss.
        self.assertEqual(self.client.put("/alice/a/more", b"more"), 201)
        self.there["/alice/a/more"] = b"more"
        self.bed.kill()
        os.unlink(self.data)
        self.again()
        self.client.close()
        for path, data in self.there.items():
            self.assertEqual(self.client.get(path), (200, data), path)
        self.bed.settle()
        status, text = self.bed.tool("fsck")
        self.assertEqual(status, 0, text)

    def test_old_copies_and_journals_go(self):
        for name in "abcdef":
            self.change(name, 4)
            self.wait_new_copy()

        def journal():
            return sum(not name.startswith("copy-")
                       for name in os.listdir(os.path.join(self.bed.locations[0], "meta")))
        before = journal()
        self.change("more", 60)
        for name in "ghij":
            self.change(name, 4)
            self.wait_new_copy()
        self.assertLess(journal(), before + 10)
        self.bed.kill()
        os.unlink(self.data)
        self.again()
        self.assert_all_there()


if __name__ == "__main__":
    main()
