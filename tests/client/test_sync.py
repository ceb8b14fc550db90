# SPDX-License-Identifier: Apache-2.0
"""vsync: scenario 26 of the client contract."""

from client_env import ClientTest, main


class Sync(ClientTest):
    def test_26_only_what_changed_is_sent(self):
        files = {"a": b"first", "sub/b": b"second", "sub/deep/c": b"third" * 1000, "sub/d": b"4"}
        for name, data in files.items():
            self.alice.write("dir/" + name, data)
        self.alice("vmkdir", self.vos("s"))

        def sync():
            requests = self.requests()
            self.alice("vsync", "-r", "dir", self.vos("s"))
            return sorted(put["path"].rpartition("/")[2] for put in requests.puts())

        def check():
            top = self.names("s")[0]
            self.assertEqual(self.names("s"), sorted(
                [top, f"{top}/sub", f"{top}/sub/deep"] + [f"{top}/{name}" for name in files]))
            for name, data in files.items():
                self.holds(f"s/{top}/{name}", data)

        self.assertEqual(sync(), ["a", "b", "c", "d"])
        check()
        self.assertEqual(sync(), [])
        files["sub/b"] = b"changed"
        self.alice.write("dir/sub/b", files["sub/b"])
        self.assertEqual(sync(), ["b"])
        check()
        files["sub/new"] = b"new"
        self.alice.write("dir/sub/new", files["sub/new"])
        self.assertEqual(sync(), ["new"])
        check()

    def test_26b_the_target_must_be_there(self):
        self.alice.write("dir/a", b"first")
        self.alice.fails("vsync", "-r", "dir", self.vos("none"), status=2)
        self.assertEqual(self.names(), [])


main()
