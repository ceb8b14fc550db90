# SPDX-License-Identifier: Apache-2.0
"""Cutouts and headers: scenario 18 of the client contract, and the headers of 19."""

import os
import struct

from client_env import ClientTest, main

BLOCK = 2880
WIDTH, HEIGHT = 200, 100


def header(*cards):
    lines = [f"{key:<8}= {value:>20}" for key, value in cards] + ["END"]
    text = "".join(line.ljust(80) for line in lines).encode("ascii")
    return text + b" " * (-len(text) % BLOCK)


def pixel(x, y):
    """Of FITS coordinates, from 1: no two of an image are the same."""
    return x + 250 * y


def image(width, height, first_x=1, first_y=1):
    """Big-endian 16-bit pixels, row by row."""
    columns = range(first_x, first_x + width)
    return b"".join(struct.pack(f">{width}h", *(pixel(x, y) for x in columns))
                    for y in range(first_y, first_y + height))


def fits_file():
    """An empty primary HDU and one image."""
    data = image(WIDTH, HEIGHT)
    return (header(("SIMPLE", "T"), ("BITPIX", 8), ("NAXIS", 0), ("EXTEND", "T")) +
            header(("XTENSION", "'IMAGE   '"), ("BITPIX", 16), ("NAXIS", 2), ("NAXIS1", WIDTH),
                   ("NAXIS2", HEIGHT), ("PCOUNT", 0), ("GCOUNT", 1), ("CRPIX1", "50.0"),
                   ("CRPIX2", "20.0"), ("CRVAL1", "10.0"), ("CRVAL2", "-20.0"),
                   ("CDELT1", "-0.01"), ("CDELT2", "0.01"), ("CTYPE1", "'RA---TAN'"),
                   ("CTYPE2", "'DEC--TAN'")) +
            data + bytes(-len(data) % BLOCK))


def hdus(data):
    """The (cards, pixels) of each HDU of a file, which must be well formed."""
    found = []
    assert len(data) % BLOCK == 0, len(data)
    while data:
        cards = {}
        at = 0
        while data[at:at + 8] != b"END     ":
            card = data[at:at + 80].decode("ascii")
            if card[8:10] == "= ":
                cards[card[:8].strip()] = card[10:].split(" /")[0].strip()
            at += 80
        at += 80 + -(at + 80) % BLOCK
        size = abs(int(cards["BITPIX"])) // 8 if int(cards["NAXIS"]) else 0
        for axis in range(1, int(cards["NAXIS"]) + 1):
            size *= int(cards[f"NAXIS{axis}"])
        found.append((cards, data[at:at + size]))
        data = data[at + size + -size % BLOCK:]
    return found


class Cutouts(ClientTest):
    def setUp(self):
        super().setUp()
        self.put("x.fits", fits_file())

    def is_section(self, data, x, y, width, height):
        cards, pixels = [each for each in hdus(data) if each[1]][0]
        self.assertEqual((cards["BITPIX"], cards["NAXIS1"], cards["NAXIS2"]),
                         ("16", str(width), str(height)))
        self.assertEqual(float(cards["CRPIX1"]), 50.0 - (x - 1))
        self.assertEqual(float(cards["CRPIX2"]), 20.0 - (y - 1))
        self.assertEqual(pixels, image(width, height, x, y))

    def test_18_a_section_of_an_image(self):
        for section, x, y, width, height in (("1:100,1:50", 1, 1, 100, 50),
                                             ("11:20,31:50", 11, 31, 10, 20)):
            with self.subTest(section):
                self.alice("vcp", f"{self.vos('x.fits')}[1][{section}]", "c.fits")
                self.is_section(self.alice.read("c.fits"), x, y, width, height)
                os.unlink(self.alice.path("c.fits"))

    def test_18b_a_whole_extension(self):
        self.alice("vcp", self.vos("x.fits") + "[1]", "c.fits")
        self.is_section(self.alice.read("c.fits"), 1, 1, WIDTH, HEIGHT)

    def test_18c_wildcard_and_cutout_together(self):
        self.put("y.fits", fits_file())
        self.put("other", b"not an image")
        os.mkdir(self.alice.path("down"))
        self.alice("vcp", self.vos("*.fits") + "[1][11:20,31:50]", "down")
        names = sorted(os.listdir(self.alice.path("down")))
        self.assertEqual(names, ["x.fits[1][11:20,31:50]", "y.fits[1][11:20,31:50]"])
        for name in names:
            self.is_section(self.alice.read("down/" + name), 11, 31, 10, 20)

    def test_18d_a_section_that_is_not_there_is_refused(self):
        for section, reason in (("[7]", "the file has no HDU"),
                                ("[1][500:600,1:10]", "No overlap")):
            with self.subTest(section):
                self.alice.fails("vcp", self.vos("x.fits") + section, "c.fits",
                                 status=14, text="InvalidArgument: " + reason)
                self.assertFalse(os.path.exists(self.alice.path("c.fits")))

    def test_19_the_headers_come_as_text(self):
        self.alice("vcp", "--head", self.vos("x.fits"), "h")
        text = self.alice.read("h").decode("ascii")
        self.assertIn("SIMPLE  =", text)
        self.assertIn("CTYPE1  =", text)
        self.assertLess(len(text), 10_000)


main()
