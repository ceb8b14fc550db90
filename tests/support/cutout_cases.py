# SPDX-License-Identifier: Apache-2.0
"""What a cutout must be, whoever makes it: the cases of the FITS tests.

    class OfTheLibrary(CutoutCases, unittest.TestCase):
        def ask(self, name, *subs, meta=False): ...     # a Reply

`ask` cuts the file `name` of the folder that make_inputs() filled. The cases compare the
bytes of every pixel with a numpy slice of the input's bytes; positions on the sky through
the new header with those through the old one; every card that a cut does not concern with
the original card. Importing this ends the program with status 77 when numpy or astropy is
missing.
"""

import io
import os
import subprocess
import sys
import warnings
from dataclasses import dataclass

try:
    import numpy as np
    from astropy.io import fits
    from astropy.wcs import WCS
except ImportError as missing:
    print(f"skipped: {missing}; on Debian: apt install python3-astropy python3-numpy")
    sys.exit(77)

MAKE_FITS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "make-fits")
INPUT = ""


def make_inputs(folder):
    global INPUT
    INPUT = folder
    subprocess.run([sys.executable, MAKE_FITS, folder], check=True)


@dataclass
class Reply:
    """Either bytes with what was said about them, or a fault word and its text."""

    blob: bytes = None
    length: int = 0
    type: str = ""
    name: str = ""
    fault: str = ""
    text: str = ""


def plain_image(side):
    """A square of floats, each telling its place; the bytes of the file."""
    f = io.BytesIO()
    fits.PrimaryHDU(np.arange(side * side, dtype=np.float32).reshape(side, side)).writeto(f)
    return f.getvalue()


class Hdu:
    """Cards and data unit as they stand in the file."""

    def __init__(self, cards, data, header):
        self.cards, self.data, self.header = cards, data, header

    def pixels(self):
        shape = [self.header[f"NAXIS{i}"] for i in range(self.header["NAXIS"], 0, -1)]
        size = abs(self.header["BITPIX"]) // 8
        count = int(np.prod(shape)) * size
        return np.frombuffer(self.data[:count], dtype=f"V{size}").reshape(shape)


def parse(blob):
    """Splits a FITS file into its HDUs without any help of the FITS library."""
    hdus, at = [], 0
    while at < len(blob):
        cards = []
        start = at
        while not cards or not cards[-1].startswith(b"END     "):
            cards.append(blob[at : at + 80])
            at += 80
        at = start + -(-(at - start) // 2880) * 2880
        text = b"".join(cards).decode("latin-1")
        header = fits.Header.fromstring(text)
        n = header["NAXIS"]
        size = abs(header["BITPIX"]) // 8 * header.get("GCOUNT", 1) if n else 0
        pixels = 1
        for i in range(header.get("GROUPS", False), n):
            pixels *= header[f"NAXIS{i + 1}"]
        size *= header.get("PCOUNT", 0) + pixels
        hdus.append(Hdu(cards, blob[at : at + size], header))
        at += -(-size // 2880) * 2880
    assert at == len(blob), "the result does not end with its last HDU"
    return hdus


def original(name):
    with open(os.path.join(INPUT, name), "rb") as f:
        return parse(f.read())


# (first, step, count) of each axis; None: the whole axis.
def whole(n):
    return (1, 1, n)


def take(pixels, axes):
    for place, (first, step, count) in enumerate(axes):
        index = first - 1 + step * np.arange(count)
        pixels = np.take(pixels, index, axis=pixels.ndim - 1 - place)
    return pixels


ASKED = "InvalidArgument"  # the fault is in the request

# Keywords that a cut, or another place in the file, may change, add or remove.
CHANGES = (
    "SIMPLE XTENSION NAXIS1 NAXIS2 NAXIS3 NAXIS4 NAXIS5 NAXIS6 PCOUNT GCOUNT EXTEND "
    "NEXTEND INHERIT CHECKSUM DATASUM DATAMIN DATAMAX LTV1 LTV2 LTM1_1 LTM2_2 CNPIX1 "
    "CNPIX2 A_DMAX B_DMAX"
).split()
CHANGED_STARTS = ("CRPIX", "CD1_", "CD2_", "PC", "CDELT", "A_", "B_", "AP_", "BP_", "AMD")


def untouched(cards):
    keys = [(c[:8].decode("latin-1").strip(), c) for c in cards]
    return [
        c
        for key, c in keys
        if key not in CHANGES
        and not (key.startswith(CHANGED_STARTS) and not key.endswith("ORDER"))
    ]


class CutoutCases:
    maxDiff = 2000

    def bytes_of(self, name, *subs):
        reply = self.ask(name, *subs)
        self.assertIsNotNone(reply.blob, f"{name} {subs}: {reply.fault} {reply.text}")
        self.assertEqual(reply.length, len(reply.blob))
        self.assertEqual(reply.type, "application/fits")
        return reply.blob

    def cut(self, name, *subs):
        blob = self.bytes_of(name, *subs)
        self.assertEqual(len(blob) % 2880, 0)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.filterwarnings("ignore", "(?s).*(HIERARCH|non-ASCII).*")
            with fits.HDUList.fromstring(blob) as hdus:
                hdus.verify("exception")
        return parse(blob)

    def refused(self, fault, word, name, *subs):
        reply = self.ask(name, *subs)
        self.assertIsNone(reply.blob, f"{name} {subs} was not refused")
        self.assertEqual(reply.fault, fault)
        self.assertIn(word, reply.text)

    def same_sky(self, before, after, axes):
        """Nine points and more: corners, middle and edges of the new pixel grid."""
        counts = [count for _, _, count in axes]
        points = np.array(
            np.meshgrid(*[[1.0, (n + 1) / 2, n] for n in counts], indexing="ij")
        )
        points = points.reshape(len(counts), -1).T
        first = np.array([a[0] for a in axes])
        step = np.array([a[1] for a in axes])
        for key in " AP":
            suffix = key.strip()
            if f"CTYPE1{suffix}" not in before:
                continue
            old = WCS(before, key=key, fix=False)
            new = WCS(after, key=key, fix=False)
            np.testing.assert_allclose(
                new.all_pix2world(points, 1),
                old.all_pix2world(first + (points - 1) * step, 1),
                rtol=0 if before["NAXIS"] == 2 else 1e-13,
                atol=1e-9,
                err_msg=f"WCS '{key}'",
            )

    def same_inverse(self, before, after, axes):
        """SIP's own polynomial from the sky to pixels (AP, BP) follows as well."""

        def to_pixel(h, u, v):
            def correction(name):
                return sum(
                    h.get(f"{name}_{p}_{q}", 0) * u**p * v**q
                    for p in range(4)
                    for q in range(4)
                )

            return np.array([h["CRPIX1"] + u + correction("AP"),
                             h["CRPIX2"] + v + correction("BP")])

        step = np.array([a[1] for a in axes])
        first = np.array([a[0] for a in axes])
        for u, v in (0.0, 0.0), (7.0, -4.0), (-9.0, 9.0):
            new = to_pixel(after, u / step[0], v / step[1])
            np.testing.assert_allclose(
                first + (new - 1) * step, to_pixel(before, u, v), rtol=0, atol=1e-9
            )

    def check(self, name, sub, axes, index=0):
        """One section of one image, completely."""
        before, (after,) = original(name)[index], self.cut(name, sub)
        expected = take(before.pixels(), axes)
        self.assertEqual(after.pixels().shape, expected.shape)
        self.assertTrue(after.data == expected.tobytes())
        self.assertEqual(untouched(after.cards), untouched(before.cards))
        self.same_sky(before.header, after.header, axes)
        return after

    # --- pixels -------------------------------------------------------------------

    def test_every_type_of_pixel(self):
        for name in "b8", "b16", "b32", "b64", "f32", "f64":
            with self.subTest(name):
                after = self.check(
                    f"{name}.fits", "[0][3:12,4:9]", [(3, 1, 10), (4, 1, 6)]
                )
                self.assertEqual(after.header["CRPIX1"], 10.5)
                self.assertEqual(after.header["CRPIX2"], 6)
                self.assertIsInstance(after.header["CRPIX2"], int)
                self.assertNotIn("DATAMIN", after.header)
                self.assertNotIn("DATAMAX", after.header)

    def test_flips_and_steps_of_every_type(self):
        for name in "b8", "b16", "b32", "b64", "f32", "f64":
            for sub, axes in (
                ("[0][12:3,4:9]", [(12, -1, 10), (4, 1, 6)]),
                ("[-*,*]", [(30, -1, 30), (1, 1, 20)]),
                ("[*,-*]", [(1, 1, 30), (20, -1, 20)]),
                ("[-*:7,-*:3]", [(30, -7, 5), (20, -3, 7)]),
                ("[1:29:3,1:20:2]", [(1, 3, 10), (1, 2, 10)]),
                ("[5:5,:]", [(5, 1, 1), (1, 1, 20)]),
                ("[30:1:29,7:8]", [(30, -29, 2), (7, 1, 2)]),
            ):
                with self.subTest(name=name, sub=sub):
                    self.check(f"{name}.fits", sub, axes)

    def test_special_values_survive(self):
        for name in "special32.fits", "special64.fits":
            self.check(name, "[0][*,*]", [whole(8), whole(6)])
            self.check(name, "[0][2:7,2:5]", [(2, 1, 6), (2, 1, 4)])
            self.check(name, "[0][7:2:2,5:2]", [(7, -2, 3), (5, -1, 4)])

    def test_scaling_is_not_applied(self):
        after = self.check("uint16.fits", "[0][2:9,3:4]", [(2, 1, 8), (3, 1, 2)])
        self.assertEqual(after.header["BZERO"], 32768)
        self.assertEqual(after.header["BLANK"], -32768)
        after = self.check("scaled.fits", "[0][2:9,3:4]", [(2, 1, 8), (3, 1, 2)])
        self.assertEqual(after.header["BSCALE"], 0.1)

    def test_clipping(self):
        for sub, axes in (
            ("[0][-5:10,15:999]", [(1, 1, 10), (15, 1, 6)]),
            ("[0][0:5,20:20]", [(1, 1, 5), (20, 1, 1)]),
            ("[0][30:30,1:1]", [(30, 1, 1), (1, 1, 1)]),
            ("[0][99:28,1:2]", [(30, -1, 3), (1, 1, 2)]),
            ("[0][-4:30:4]", [(1, 4, 8), whole(20)]),
            ("[0][28:]", [(28, 1, 3), whole(20)]),
            ("[0][3,4]", [(3, 1, 1), (4, 1, 1)]),
            ("[0][*,*,1:1,*]", [whole(30), whole(20)]),
            ("[ 0 ] [ 1 : 2 , * ]", [(1, 1, 2), whole(20)]),
        ):
            with self.subTest(sub):
                self.check("f32.fits", sub, axes)

    def test_no_overlap(self):
        for sub in "[0][31:40,*]", "[0][-9:0,*]", "[0][0:0]", "[0][*,21:]", "[0][:0]":
            with self.subTest(sub):
                self.refused(ASKED, "No overlap found.", "f32.fits", sub)
        self.refused(ASKED, "No overlap found.", "mef.fits", "[1][1:2,1:2]", "[2][99:100]")

    def test_any_number_of_axes(self):
        self.check("d1.fits", "[0][10:20]", [(10, 1, 11)])
        self.check("d1.fits", "[-*:4]", [(50, -4, 13)])
        self.check("d3.fits", "[0][2:5]", [(2, 1, 4), whole(6), whole(5)])
        self.check("d3.fits", "[*,*,2:4]", [whole(7), whole(6), (2, 1, 3)])
        self.check("d3.fits", "[3:3,2:2,-*]", [(3, 1, 1), (2, 1, 1), (5, -1, 5)])
        self.check("d3.fits", "[*,1:6:2,*]", [whole(7), (1, 2, 3), whole(5)])
        self.check(
            "d4.fits", "[2:4,*,3:8:2,4:1]",
            [(2, 1, 3), whole(9), (3, 2, 3), (4, -1, 4)],
        )
        self.check("d4.fits", "[*,*,*,2:2]", [whole(10), whole(9), whole(8), (2, 1, 1)])
        self.check(
            "d6.fits", "[1:5:2,*,4:2,2:2,-*,1:2]",
            [(1, 2, 3), whole(3), (4, -1, 3), (2, 1, 1), (3, -1, 3), whole(2)],
        )

    def test_steps_wider_than_a_piece(self):
        self.check("wide.fits", "[2:3000:3,*]", [(2, 3, 1000), whole(40)])
        self.check("wide.fits", "[3000:1,-*]", [(3000, -1, 3000), (40, -1, 40)])
        self.check("wide.fits", "[1:3000:2999,*]", [(1, 2999, 2), whole(40)])
        self.check("wide.fits", "[100:900,*]", [(100, 1, 801), whole(40)])

    # --- headers ------------------------------------------------------------------

    def test_linear_transformations(self):
        for name in "cd", "pc", "pcdiag", "pcpart", "crota", "tpv", "sip", "alternates":
            for sub, axes in (
                ("[4:20,3:9]", [(4, 1, 17), (3, 1, 7)]),
                ("[1:29:3,1:20:2]", [(1, 3, 10), (1, 2, 10)]),
                ("[25:2:4,*]", [(25, -4, 6), whole(20)]),
                ("[-*,-*:2]", [(30, -1, 30), (20, -2, 10)]),
                ("[*,2:20]", [whole(30), (2, 1, 19)]),
            ):
                with self.subTest(name=name, sub=sub):
                    after = self.check(f"{name}.fits", sub, axes)
                    if name == "sip":
                        before = original("sip.fits")[0]
                        self.same_inverse(before.header, after.header, axes)

    def test_physical_coordinates(self):
        after = self.check("alternates.fits", "[11:29:2,20:2]", [(11, 2, 10), (20, -1, 19)])
        h = after.header
        self.assertEqual((h["LTV1"], h["LTM1_1"]), ((-100 - 11) / 2 + 1, 0.5))
        self.assertEqual((h["LTV2"], h["LTM2_2"]), ((-200 - 20) / -1 + 1, -1))
        self.assertIsInstance(h["LTV2"], int)

    def test_plate_coordinates(self):
        h = self.check("dss.fits", "[11:20,3:4]", [(11, 1, 10), (3, 1, 2)]).header
        self.assertEqual((h["CNPIX1"], h["CNPIX2"]), (1510, 1602))
        self.assertIn("AMDX1", h)
        h = self.check("dss.fits", "[11:20:2,3:4]", [(11, 2, 5), (3, 1, 2)]).header
        self.assertNotIn("CNPIX1", h)
        self.assertNotIn("AMDX1", h)

    def test_distortion_limits(self):
        h = self.check("sip.fits", "[-*:2,1:20:5]", [(30, -2, 15), (1, 5, 4)]).header
        self.assertAlmostEqual(h["A_DMAX"], 0.25)
        self.assertAlmostEqual(h["B_DMAX"], 0.05)

    def positions(self, source, index, points):
        """World coordinates with the help of the other HDUs of the file."""
        with fits.open(source) as hdus:
            return WCS(hdus[index].header, hdus, fix=False).all_pix2world(points, 1)

    def test_distortion_images_go_along(self):
        points = np.array([[1.0, 1.0], [3.5, 2.25], [5.0, 4.0]])
        path = os.path.join(INPUT, "lookup.fits")
        for subs, corners in (
            (("[SCI,1][5:20,4:12]",), ((1, 0, (5, 4), (1, 1)),)),
            (("[SCI,2]",), ((2, 0, (1, 1), (1, 1)),)),
            (("[1][5:20,4:12]", "[2][9:30,2:10]"),
             ((1, 1, (5, 4), (1, 1)), (2, 2, (9, 2), (1, 1)))),
            (("[1][5:20,4:12]", "[2]"), ((1, 1, (5, 4), (1, 1)), (2, 2, (1, 1), (1, 1)))),
            (("[1][1:20:2,*]",), ((1, 0, (1, 1), (2, 1)),)),
            (("[1][3:20:3,18:2:2]",), ((1, 0, (3, 18), (3, -2)),)),
            (("[2][20:2,-*:3]", "[1]"), ((1, 1, (1, 1), (1, 1)), (2, 2, (20, 20), (-1, -3)))),
        ):
            with self.subTest(subs):
                blob = self.bytes_of("lookup.fits", *subs)
                for before, after, first, step in corners:
                    np.testing.assert_allclose(
                        self.positions(io.BytesIO(blob), after, points),
                        self.positions(path, before, first + (points - 1) * step),
                        rtol=0,
                        atol=1e-10,
                    )
        self.assertEqual(len(self.cut("lookup.fits", "[1][5:20,4:12]")), 5)
        self.assertEqual(len(self.cut("lookup.fits", "[1]", "[2]", "[WCSDVARR,2]")), 7)
        self.assertEqual(len(self.cut("lookup.fits", "[1][1:20:2,*]")), 5)

    def test_coordinate_tables_go_along(self):
        points = np.array([[1.0, 1.0, 1.0], [5.0, 6.0, 2.0]])
        blob = self.bytes_of("tab.fits", "[0][4:29,20:3,2:6:2]")
        new = self.positions(io.BytesIO(blob), 0, points)
        first, step = np.array([4, 20, 2]), np.array([1, -1, 2])
        path = os.path.join(INPUT, "tab.fits")
        old = self.positions(path, 0, first + (points - 1) * step)
        np.testing.assert_allclose(new[:, :2], old[:, :2], rtol=0, atol=1e-10)
        np.testing.assert_allclose(new[:, 2], old[:, 2], rtol=1e-12)
        self.assertEqual(len(parse(blob)), 2)

    # --- the shape of the result ----------------------------------------------------

    def test_extension_becomes_primary(self):
        axes = [(5, 1, 5), (5, 1, 5)]
        for sub in "[SCI,2][5:9,5:9]", "[sci,2,i][5:9,5:9]", "[4][5:9,5:9]":
            h = self.check("mef.fits", sub, axes, index=4).header
            self.assertEqual(list(h)[0], "SIMPLE")
            self.assertEqual((h["EXTNAME"], h["EXTVER"]), ("SCI", 2))
            for key in "CHECKSUM", "DATASUM", "INHERIT", "EXTEND", "NEXTEND", "PCOUNT":
                self.assertNotIn(key, h)

    def test_whole_image_becomes_primary(self):
        before = original("mef.fits")[4]
        for sub in "[SCI,2]", "[4]":
            (after,) = self.cut("mef.fits", sub)
            self.assertEqual(after.data, before.data)
            self.assertEqual(untouched(after.cards), untouched(before.cards))
        self.check("f32.fits", "[0]", [whole(30), whole(20)])

    def test_several_sections_keep_the_order_of_the_file(self):
        before = original("mef.fits")
        after = self.cut("mef.fits", "[ERR,3][1:2,1:2]", "[SCI,1][1:2,1:2]")
        self.assertEqual([h.header.get("EXTNAME") for h in after], [None, "SCI", "ERR"])
        self.assertEqual(after[0].header["NEXTEND"], 2)
        self.assertIs(after[0].header["EXTEND"], True)
        self.assertEqual(after[0].header["TELESCOP"], "none")
        for a, b in zip(after[1:], (before[1], before[8])):
            self.assertEqual(a.data, take(b.pixels(), [(1, 1, 2), (1, 1, 2)]).tobytes())
            self.assertEqual(a.header["XTENSION"], "IMAGE")
            self.assertEqual(a.header["INHERIT"], b.header["INHERIT"])
            self.assertNotIn("CHECKSUM", a.header)

    def test_whole_extensions_stay_as_they_are(self):
        before = original("mef.fits")
        after = self.cut("mef.fits", "[DQ,2]", "[1]")
        for a, b in zip(after[1:], (before[1], before[6])):
            self.assertTrue((a.cards, a.data) == (b.cards, b.data))

    def test_the_same_hdu_twice(self):
        after = self.cut("mef.fits", "[1][3:4,3:4]", "[1][1:2,1:2]")
        self.assertEqual(after[1].header["CRPIX1"], 10.5)
        self.assertEqual(after[2].header["CRPIX1"], 12.5)

    def test_primary_with_data_leads(self):
        before = original("mefdata.fits")
        after = self.cut("mefdata.fits", "[TWO][1:3]", "[0][2:3,2:3]", "[Other Name]")
        self.assertEqual(len(after), 3)
        self.assertEqual(
            after[0].data, take(before[0].pixels(), [(2, 1, 2), (2, 1, 2)]).tobytes()
        )
        self.assertEqual(after[0].header["NEXTEND"], 2)
        self.assertEqual(after[1].header["EXTNAME"], "ONE")
        after = self.cut("mefdata.fits", "[TWO]", "[ONE][1:1]")
        self.assertEqual([h.header["EXTNAME"] for h in after], ["ONE", "TWO"])
        self.assertEqual(list(after[0].header)[0], "SIMPLE")

    def test_primary_becomes_extension(self):
        after = self.cut("f32.fits", "[1:2,1:2]", "[PRIMARY][29:30,*]", "[0]")
        self.assertEqual(
            [list(h.header)[0] for h in after], ["SIMPLE", "XTENSION", "XTENSION"]
        )
        self.assertEqual(after[1].header["CRPIX1"], 12.5 - 28)
        self.assertEqual(after[2].data, original("f32.fits")[0].data)

    def test_empty_primary_alone(self):
        (after,) = self.cut("mef.fits", "[0]")
        self.assertEqual((after.header["NAXIS"], after.data), (0, b""))
        self.assertNotIn("NEXTEND", after.header)
        after = self.cut("mef.fits", "[0]", "[1]")
        self.assertEqual(after[0].header["NEXTEND"], 1)

    def test_tables_are_copied(self):
        before = original("tables.fits")
        for sub, index in ("[1]", 1), ("[CATALOG,1,B]", 1), ("[text]", 2):
            after = self.cut("tables.fits", sub)
            self.assertEqual((after[1].cards, after[1].data),
                             (before[index].cards, before[index].data))
            self.assertEqual(after[0].header["NEXTEND"], 1)
        self.assertEqual(len(self.cut("tables.fits", "[2]", "[3][1:2]", "[1]")), 4)
        after = self.cut("catalog.fits", "[1]")
        self.assertEqual(after[0].header["NAXIS"], 0)
        self.refused(ASKED, "HDU 1 is not an image", "tables.fits", "[1][1:2,1:2]")

    def test_compressed_images_are_copied_whole(self):
        after = self.cut("packed.fits.fz", "[PACKED]")
        before = original("packed.fits.fz")
        self.assertEqual((after[1].cards, after[1].data), (before[1].cards, before[1].data))
        self.assertEqual(self.ask("packed.fits.fz", "[packed]").name, "packed.PACKED.fits.fz")
        self.refused(ASKED, "not supported", "packed.fits.fz", "[1][1:2,1:2]")

    def test_random_groups(self):
        (after,) = self.cut("groups.fits", "[0]")
        self.assertEqual(after.data, bytes(range(160)))
        self.refused(ASKED, "not an image", "groups.fits", "[0][1:2]")

    def test_headers_as_text(self):
        for name in "mef.fits", "tables.fits", "m3-cut-off.fits", "m1-simple-f.fits":
            reply = self.ask(name, meta=True)
            blob = reply.blob
            expected = b"\n".join(
                b"".join(c.rstrip(b" ") + b"\n" for c in h.cards)
                for h in original(name)
            ) if name != "m3-cut-off.fits" else blob
            self.assertTrue(blob == expected)
            self.assertTrue(blob.startswith(b"SIMPLE  ="))
            self.assertTrue(blob.endswith(b"\nEND\n"))
            self.assertEqual((reply.length, reply.type, reply.name),
                             (len(blob), "text/plain", f"{name}.txt"))

    # --- what is refused ------------------------------------------------------------

    def test_malformed_files(self):
        self.refused(ASKED, "", "m1-empty.fits", "[0]")
        self.refused(ASKED, "not a FITS file", "m1-text.fits", "[0]")
        self.refused(ASKED, "gzip", "m1-gzip.fits.gz", "[0]")
        self.refused("RequestEntityTooLarge", "more than 10000 HDUs", "m8-many.fits", "[12000]")
        self.refused(ASKED, "no HDU", "m8-garbage.fits", "[1]")
        for name, sub, word in (
            ("m1-short.fits", "[0]", "END card"),
            ("m2-no-end.fits", "[0]", "END card"),
            ("m2-endless.fits", "[0]", "END card"),
            ("m3-cut-off.fits", "[0][1:10,11:12]", "beyond the file's end"),
            ("m3-cut-off.fits", "[0]", "beyond the file's end"),
            ("m3-cut-off.fits", "[1]", "beyond the file's end"),
            ("m4-square.fits", "[0][1:1]", "overflow"),
            ("m4-cube.fits", "[0][1:1]", "overflow"),
            ("m4-beyond.fits", "[0][*,*]", "beyond the file's end"),
            ("m5-naxis-1.fits", "[0]", "NAXIS "),
            ("m5-naxis33.fits", "[0]", "NAXIS "),
            ("m5-naxis99.fits", "[0]", "NAXIS "),
            ("m5-naxis1000.fits", "[0]", "NAXIS "),
            ("m5-negative.fits", "[0]", "NAXIS2 "),
            ("m5-missing.fits", "[0]", "NAXIS2 "),
            ("m5-duplicate.fits", "[0]", "NAXIS2 "),
            ("m5-string.fits", "[0]", "NAXIS1 "),
            ("m6-bitpix17.fits", "[0]", "BITPIX "),
            ("m6-sixteen.fits", "[0]", "BITPIX "),
            ("m6-lower.fits", "[0]", "BITPIX "),
            ("m7-pcount-negative.fits", "[1]", "PCOUNT "),
            ("m7-pcount-huge.fits", "[1]", "beyond the file's end"),
            ("m7-gcount-huge.fits", "[1]", "overflow"),
            ("m7-gcount-zero.fits", "[1]", "GCOUNT "),
            ("m9-nul.fits", "[0]", "NAXIS1 "),
            ("m9-8-bit.fits", "[0]", "NAXIS1 "),
        ):
            with self.subTest(name=name, sub=sub):
                self.refused("InvalidData", word, name, sub)

    def test_what_is_sound_in_damaged_files(self):
        for name in (
            "m1-simple-f.fits", "m7-pcount-negative.fits", "m7-pcount-huge.fits",
            "m7-gcount-huge.fits", "m7-gcount-zero.fits", "m8-garbage.fits",
        ):
            with self.subTest(name):
                (after,) = self.cut(name, "[0][2:3,*]")
                expected = np.arange(12, dtype=">i2").reshape(3, 4)[:, 1:3]
                self.assertTrue(after.data == expected.tobytes())
        (after,) = self.cut("m3-cut-off.fits", "[0][2:3,9:10]")
        self.assertEqual(after.data, np.array([81, 82, 91, 92], ">i2").tobytes())
        blob = self.bytes_of("m9-bytes.fits", "[0][2:3,*]")
        self.assertIn(b"COMMENT  \0\xe4\xff", blob)
        self.assertEqual(len(self.cut("m8-many.fits", "[9000]")), 1)

    def test_wrong_requests(self):
        for sub in (
            "", "[", "]", "[]", "[,]", "[[0]]", "[0]]", "[0", "0]", "[0]x", "x[0]",
            "[1:3][1:2,2:3]", "[0][1:2][3:4]", "[0][]", "[0][1:2:0]", "[0][1:2:-1]",
            "[0][1:2:]", "[0][1:2:3:4]", "[0][1;2]", "[0][a:b]", "[0][* 1]", "[0][--1:2]",
            "[0][99999999999999999999:1]", "[0][1:99999999999999999999]",
            "[0][1:2:99999999999999999999]", "[99999999999999999999]", "[SCI,-1]",
            "[SCI,1,X]", "[SCI,1,I,2]", "%5B0%5D[1:2]", "[0][" + "*," * 40 + "*]",
            "[" + "1:2," * 1200 + "1:2]", "[!out.fits]", "[f(x)]", "[http://x/]", "[@x]",
            "[a;b]", "[0][col A]", "[0][bin 2]", "[#1]", "[x(out.fits)]", "[0][1:2,*][bin]",
            "[0][1:2,1:2,1:2]", "[0][1:2\x0b]",
        ):
            with self.subTest(sub[:40]):
                self.refused(ASKED, "", "f32.fits", sub)
        for sub in "[bin]", "[col]", "[NOPE]", "[10]", "[SCI,9]":
            self.refused(ASKED, "no HDU for ", "mef.fits", sub)
        self.refused(ASKED, "limit is 100", "f32.fits", *["[0]"] * 101)
