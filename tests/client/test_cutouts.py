# SPDX-License-Identifier: Apache-2.0
"""Cutouts and headers: scenario 18 of the client contract, and the headers of 19."""

import os

from client_env import ClientTest, main
from fits_file import HEIGHT, WIDTH, fits_file, hdus, image


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

    def test_18e_a_circle_on_the_sky(self):
        """Right ascension, declination and radius, in degrees."""
        for circle, x, y, width, height in (("10.0,-20.0,0.1", 40, 10, 21, 21),
                                            ("10.0,-20.17,.02", 48, 1, 5, 5)):
            with self.subTest(circle):
                self.alice("vcp", f"{self.vos('x.fits')}({circle})", "c.fits")
                self.is_section(self.alice.read("c.fits"), x, y, width, height)
                os.unlink(self.alice.path("c.fits"))

    def test_18f_a_circle_elsewhere_is_refused(self):
        self.alice.fails("vcp", self.vos("x.fits") + "(20.0,-20.0,0.1)", "c.fits", status=14,
                         text="InvalidArgument: No overlap found.")
        self.assertFalse(os.path.exists(self.alice.path("c.fits")))

    def test_19_the_headers_come_as_text(self):
        self.alice("vcp", "--head", self.vos("x.fits"), "h")
        text = self.alice.read("h").decode("ascii")
        self.assertIn("SIMPLE  =", text)
        self.assertIn("CTYPE1  =", text)
        self.assertLess(len(text), 10_000)


main()
