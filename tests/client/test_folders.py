# SPDX-License-Identifier: Apache-2.0
"""Folders and listings: scenarios 1, 7 to 10, 21 and 22 of the client contract."""

import concurrent.futures
import contextlib
import random

from client_env import ClientTest, main

MANY = 2500


class Folders(ClientTest):
    def test_01_a_new_folder_is_listed_with_its_owner(self):
        self.alice("vmkdir", self.vos("t"))
        line = self.alice("vls", "-l", self.vos())
        self.assertRegex(line, r"^drw-------\s+alice\s+NONE\s+NONE\s+0 .* t$")

    def test_01b_a_new_folder_inherits_groups_and_public_flag(self):
        self.make("shared", {
            "ispublic": "true",
            "groupread": "ivo://cadc.nrc.ca/gms?team-b",
            "groupwrite": "ivo://cadc.nrc.ca/gms?team-c",
        })
        self.alice("vmkdir", self.vos("shared/t"))
        line = self.alice("vls", "-l", self.vos("shared"))
        self.assertRegex(line, r"^drw-rw-r--\s+alice\s+team-b\s+team-c\s+0 .* t$")

    def test_07_a_missing_node_is_said_to_be_missing(self):
        for command in ("vls", "vrm"):
            self.alice.fails(command, self.vos("none"), status=2, text="NodeNotFound")

    def test_08_a_folder_is_made_only_once(self):
        self.alice("vmkdir", self.vos("t"))
        self.alice.fails("vmkdir", self.vos("t"), status=17, text="DuplicateNode")

    def test_09_missing_parents_are_made_on_demand(self):
        self.alice("vmkdir", "-p", self.vos("p/q/r"))
        self.assertEqual(self.names(), ["p", "p/q", "p/q/r"])
        self.assertTrue(all(each["type"] == "ContainerNode" for each in self.tree().values()))

    def test_10_a_tree_is_removed(self):
        for name in ("p", "p/q", "p/q/r"):
            self.make(name)
        self.put("p/f", b"first")
        self.put("p/q/r/f", b"second")
        self.put("keep", b"third")
        self.alice("vrm", "-R", self.vos("p"))
        self.alice.fails("vls", self.vos("p"), status=2, text="NodeNotFound")
        self.assertEqual(self.names(), ["keep"])

    def test_10b_what_lies_in_a_folder_protects_it(self):
        self.make("p")
        self.put("p/f", b"bytes")
        self.alice.fails("vrmdir", self.vos("p"))
        self.holds("p/f", b"bytes")
        self.alice("vrm", self.vos("p/f"))
        self.alice("vrmdir", self.vos("p"))
        self.assertTrue(self.missing("p"))

    def test_21_all_of_2500_entries_are_listed_in_order(self):
        names = [f"{name:05d}" for name in random.Random(21).sample(range(100_000), MANY)]

        def make(some):
            with contextlib.closing(self.bed.connect("alice")) as connection:
                for name in some:
                    body = self.bed.document("DataNode", self.at(name))
                    connection.request("PUT", f"/vault/nodes{self.at(name)}", body,
                                       {"Content-Type": "text/xml"})
                    answer = connection.getresponse()
                    answer.read()
                    assert answer.status == 201, answer.status

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(make, (names[i::8] for i in range(8))))
        self.assertEqual(self.alice("vls", self.vos()).splitlines(), sorted(names))
        # The Python module asks page by page; each page begins with the last node before.
        paged = self.alice.python("node = client.get_node(sys.argv[1], limit=0)\n"
                                  "for child in node.get_children(client, None, None, limit=300):\n"
                                  "    print(child.name)", self.vos())
        self.assertEqual(paged.splitlines(), sorted(names))

    def test_22_the_server_orders_as_the_flags_say(self):
        by_date = [f"n{i:02d}" for i in range(20)]
        random.Random(22).shuffle(by_date)
        sizes = random.Random(23).sample(range(1, 1000), 20)
        for name, size in zip(by_date, sizes):
            self.put(name, bytes(size))
        by_size = [name for _, name in sorted(zip(sizes, by_date))]
        for flag, expected in (("-t", by_date[::-1]), ("-tr", by_date),
                               ("-S", by_size[::-1]), ("-Sr", by_size),
                               ("-r", sorted(by_date, reverse=True))):
            with self.subTest(flag):
                self.assertEqual(self.alice("vls", flag, self.vos()).splitlines(), expected)

    def test_22b_wildcards_name_some_of_the_entries(self):
        for name in ("a.fits", "b.fits", "c.txt", ".hidden.fits"):
            self.put(name, name.encode())
        self.assertEqual(self.alice("vls", self.vos("*.fits")).split(), ["a.fits", "b.fits"])
        self.assertEqual(self.alice("vls", self.vos("[ac]*")).split(), ["a.fits", "c.txt"])


main()
