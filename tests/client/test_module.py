# SPDX-License-Identifier: Apache-2.0
"""The Python module of the clients, as programs use it: vos.Client."""

import os

from client_env import ClientTest, main


class Module(ClientTest):
    def test_children_come_in_pages_of_any_size(self):
        names = [f"n{i:02d}" for i in range(10)]
        for name in names:
            self.put(name, name.encode())
        script = ("node = client.get_node(sys.argv[1], limit=0)\n"
                  "for child in node.get_children(client, None, None, limit=int(sys.argv[2])):\n"
                  "    print(child.name)")
        for limit in (2, 3, 9, 10, 11):
            with self.subTest(limit):
                requests = self.requests()
                self.assertEqual(self.alice.python(script, self.vos(), str(limit)).split(), names)
                self.assertLess(len(requests.take("GET", "/nodes")), 15)

    def test_children_come_sorted(self):
        for name, size in (("a", 2), ("b", 3), ("c", 1)):
            self.put(name, bytes(size))
        script = ("node = client.get_node(sys.argv[1], limit=0)\n"
                  "by_length = vos.vos.SortNodeProperty.LENGTH\n"
                  "for child in node.get_children(client, by_length, 'desc', 2):\n"
                  "    print(child.name)")
        self.assertEqual(self.alice.python(script, self.vos()).split(), ["b", "a", "c"])

    def test_a_part_of_a_file_is_read(self):
        data = os.urandom(200_000)
        self.put("f", data)
        script = ("data = client.open(sys.argv[1], view='data', byte_range=sys.argv[2]).read()\n"
                  "sys.stdout.buffer.write(data.hex().encode())")
        for byte_range, expected in (("bytes=0-9", data[:10]),
                                     ("bytes=70000-79999", data[70000:80000]),
                                     ("bytes=199990-", data[-10:]),
                                     ("bytes=-5", data[-5:])):
            with self.subTest(byte_range):
                requests = self.requests()
                self.assertEqual(self.alice.python(script, self.vos("f"), byte_range),
                                 expected.hex())
                reads = requests.take("GET", "/files/preauth")
                self.assertEqual([int(read["out"]) for read in reads], [len(expected)])
                self.assertEqual(reads[0]["status"], "206")

    def test_a_copy_goes_up_and_down(self):
        data = os.urandom(50_000)
        path = self.alice.write("f", data)
        script = ("print(client.copy(sys.argv[1], sys.argv[2], send_md5=True))\n"
                  "client.copy(sys.argv[2], sys.argv[3])\n"
                  "print(client.copy(sys.argv[2], sys.argv[4], disposition=True))\n")
        os.mkdir(self.alice.path("down"))
        printed = self.alice.python(script, path, self.vos("f"), self.alice.path("copy"),
                                    self.alice.path("down"))
        self.holds("f", data)
        self.assertEqual(printed.split()[0], self.node("f")["MD5"])
        self.assertEqual(self.alice.read("copy"), data)
        # A directory as the destination: the name comes from the server.
        self.assertEqual(self.alice.read("down/f"), data)

    def test_a_copy_of_the_headers_alone(self):
        cards = ("SIMPLE  =                    T", "BITPIX  =                    8",
                 "NAXIS   =                    1", "NAXIS1  =                 2880", "END")
        self.put("x.fits", "".join(card.ljust(80) for card in cards).ljust(2880).encode() +
                 bytes(2880))
        self.alice.python("client.copy(sys.argv[1], sys.argv[2], head=True)",
                          self.vos("x.fits"), self.alice.path("head"))
        text = self.alice.read("head").decode("ascii")
        self.assertIn("NAXIS1  =                 2880", text)
        self.assertNotIn("\0", text)

    def test_what_programs_ask_before_they_act(self):
        self.make("t")
        self.put("t/f", b"12345")
        printed = self.alice.python(
            "u = sys.argv[1]\n"
            "print(client.isdir(u), client.isfile(u))\n"
            "print(client.isdir(u + '/f'), client.isfile(u + '/f'))\n"
            "print(client.access(u + '/f'), client.access(u + '/g'))\n"
            "print(client.listdir(u), client.glob(u + '/?'))\n"
            "print(client.size(u + '/f'), client.status(u + '/f'))\n", self.vos("t"))
        lines = printed.splitlines()
        self.assertEqual(lines[:3], ["True False", "False True", "True False"])
        self.assertEqual(lines[3], f"['f'] ['{self.vos('t/f')}']")
        self.assertEqual(lines[4].split()[0], "5.0")


main()
