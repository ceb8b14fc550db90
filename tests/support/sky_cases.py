# SPDX-License-Identifier: Apache-2.0
"""What a cutout by a shape on the sky must be, whoever makes it.

    class OfTheLibrary(SkyCases, unittest.TestCase):
        def ask(self, name, *subs): ...                 # a Reply (cutout_cases.py)
        def ask_shape(self, name, parameter, value): ...

make_inputs() fills a folder. The judge is astropy: the outline of the shape in many points,
each through its own coordinates to pixels, and every corner of a pixel back to the sky. The
bytes must be those that SUB gives with the box found so. Importing this ends the program
with status 77 when numpy or astropy is missing.
"""

import math
import os
import random
import warnings

import cutout_cases
from cutout_cases import Reply  # noqa: F401  for those who use this
import numpy as np
from astropy import units as u
from astropy.coordinates import ICRS, SkyCoord
from astropy.io import fits
from astropy.wcs import WCS, WCSSUB_LATITUDE, WCSSUB_LONGITUDE, FITSFixedWarning
from astropy.wcs.utils import wcs_to_celestial_frame

INPUT = ""
CIRCLE_POINTS = 20000
EDGE_POINTS = 4000
UNSURE = 1e-3  # pixels: the judge's own error
CENTRE = (150.25, 2.125)
# A reference half the sky away, which astropy does not take; the same image, said plainly.
PLAINLY = {"shifted.fits": {"CRVAL1": 190.0, "CRPIX1": 200.5}}

# --- inputs ---------------------------------------------------------------------------


def sky(projection="TAN", centre=CENTRE, pixel=(300.5, 250), step=5e-5, names=("RA", "DEC"), **cards):
    """The cards of two axes."""
    h = fits.Header()
    for i, name in enumerate(names):
        h[f"CTYPE{i + 1}"] = f"{name:-<4}-{projection}"
        h[f"CRVAL{i + 1}"] = centre[i]
        h[f"CRPIX{i + 1}"] = pixel[i]
        h[f"CDELT{i + 1}"] = -step if i == 0 else step
    h.update(cards)
    return h


def turned(h, step, degrees):
    """The same with a matrix that turns the image."""
    c, s = step * math.cos(math.radians(degrees)), step * math.sin(math.radians(degrees))
    for key in "CDELT1", "CDELT2":
        del h[key]
    h.update({"CD1_1": -c, "CD1_2": s, "CD2_1": s, "CD2_2": c})
    return h


def pixels(shape):
    return np.arange(np.prod(shape), dtype=np.uint32).reshape(shape).astype(np.int16)


def image(name, header, shape=(500, 600)):
    fits.PrimaryHDU(pixels(shape), header).writeto(name)


def distorted():
    sip = turned(sky(pixel=(190.5, 161), step=2e-4), 2e-4, 20)
    sip["CTYPE1"], sip["CTYPE2"] = "RA---TAN-SIP", "DEC--TAN-SIP"
    sip.update({"A_ORDER": 3, "B_ORDER": 3, "A_2_0": 2e-5, "A_0_2": -1e-5, "A_1_1": 3e-5, "A_3_0": 4e-8,
                "B_2_0": -2e-5, "B_0_2": 1e-5, "B_1_1": 1.5e-5, "B_0_3": -3e-8})
    image("sip.fits", sip, (300, 400))
    tpv = turned(sky("TPV", pixel=(190.5, 161), step=2e-4), 2e-4, -15)
    for axis in 1, 2:
        tpv.update({f"PV{axis}_0": 1e-5, f"PV{axis}_1": 1.002, f"PV{axis}_2": 1e-3, f"PV{axis}_4": 0.02,
                    f"PV{axis}_5": -0.01, f"PV{axis}_7": 0.05})
    image("tpv.fits", tpv, (300, 400))


def several():
    """Two images side by side, one elsewhere, one without coordinates, a table."""
    def extension(name, pixel, **more):
        return fits.ImageHDU(pixels((80, 100)), sky(pixel=pixel, step=1e-3, **more), name=name)
    table = fits.BinTableHDU.from_columns([fits.Column("N", "J", array=np.arange(5))], name="LIST")
    fits.HDUList([fits.PrimaryHDU(), extension("LEFT", (105, 40)), table, fits.ImageHDU(pixels((9, 9)), name="FLAT"),
                  extension("RIGHT", (-5, 40)), extension("AWAY", (50, 40), centre=(10, -60)),
                  ]).writeto("several.fits")
    packed = fits.CompImageHDU(pixels((80, 100)), sky(pixel=(50, 40), step=1e-3), name="PACKED")
    fits.HDUList([fits.PrimaryHDU(), packed]).writeto("packed.fits.fz")


def more_axes():
    h = sky(pixel=(30, 20), step=1e-3)
    h.update({"CTYPE3": "FREQ", "CRVAL3": 1.4e9, "CRPIX3": 1.0, "CDELT3": 1e6, "CUNIT3": "Hz",
              "CTYPE4": "STOKES", "CRVAL4": 1.0, "CRPIX4": 1.0, "CDELT4": 1.0})
    image("cube.fits", h, (2, 3, 40, 60))
    h = fits.Header()
    for i, (kind, value, at, step) in enumerate((("FREQ", 1.4e9, 1, 1e6), ("DEC--TAN", CENTRE[1], 20, 1e-3),
                                                ("RA---TAN", CENTRE[0], 30, -1e-3)), 1):
        h.update({f"CTYPE{i}": kind, f"CRVAL{i}": value, f"CRPIX{i}": at, f"CDELT{i}": step})
    image("last.fits", h, (60, 40, 3))
    h = sky(pixel=(30, 20), step=1e-3)
    h = fits.Header([(c.keyword + "A", c.value) for c in h.cards])
    h.update({"CTYPE1": "XPIX", "CTYPE2": "YPIX", "CRVAL1": 5.0, "CRVAL2": 6.0})
    image("alternate.fits", h, (40, 60))


def unusable():
    def spoiled(name, **cards):
        h = sky(step=1e-3, pixel=(30, 20))
        h.update(cards)
        image(name, h, (40, 60))
    spoiled("no-matrix.fits", PC1_1=0.0, PC2_2=0.0)
    spoiled("no-projection.fits", CTYPE1="RA---XYZ", CTYPE2="DEC--XYZ")
    spoiled("one-axis.fits", CTYPE2="LINEAR")
    spoiled("ecliptic.fits", CTYPE1="ELON-TAN", CTYPE2="ELAT-TAN")
    spoiled("table.fits", CTYPE1="RA---TAB", CTYPE2="DEC--TAB")
    spoiled("lookup.fits", CPDIS1="Lookup", CPDIS2="Lookup")
    h = sky(pixel=(30, 20), step=1e-3)
    h.update({"CTYPE3": "FREQ", "CRVAL3": 1.4e9, "CRPIX3": 1.0, "CDELT3": 1e6, "PC1_3": 0.5, "PC3_3": 1.0})
    image("mixed.fits", h, (3, 40, 60))


def make_inputs(folder):
    global INPUT
    INPUT = cutout_cases.INPUT = folder
    before = os.getcwd()
    os.chdir(folder)
    try:
        image("dec2.fits", sky(centre=(150, 2)))
        image("dec89.fits", sky(centre=(150, 89.99)))
        image("zero.fits", turned(sky(centre=(0.0, 30.0), pixel=(201.3, 149.2), step=1e-4), 1e-4, 40), (300, 400))
        image("galactic.fits", sky("CAR", (45.0, 0.0), (200.5, 150.5), 0.1, ("GLON", "GLAT")), (300, 400))
        image("shifted.fits", sky("CAR", (0.0, 0.0), (2100.5, 150.5), 0.1, ("GLON", "GLAT")), (300, 400))
        image("allsky.fits", sky("CAR", (180.0, 0.0), (180.5, 90.5), 1.0), (180, 360))
        image("aitoff.fits", sky("AIT", (0.0, 0.0), (180.5, 90.5), 0.9, ("GLON", "GLAT")), (180, 360))
        image("polar.fits", sky("ARC", (77.0, 90.0), (150.2, 160.7), 0.05), (300, 300))
        image("half.fits", sky("SIN", (40.0, 20.0), (120.5, 120.5), 0.5), (240, 240))
        image("fk4.fits", sky(centre=(83.2, 21.9), pixel=(200, 150), step=1e-4, RADESYS="FK4", EQUINOX=1950.0), (300, 400))
        image("fk5.fits", sky(centre=(83.2, 21.9), pixel=(200, 150), step=1e-4, RADESYS="FK5", EQUINOX=1975.0), (300, 400))
        distorted()
        several()
        more_axes()
        unusable()
    finally:
        os.chdir(before)


# --- the judge ------------------------------------------------------------------------


def xyz(lon, lat):
    lon, lat = np.radians(lon), np.radians(lat)
    return np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])


def lonlat(v):
    return np.degrees(np.arctan2(v[1], v[0])), np.degrees(np.arctan2(v[2], np.hypot(v[0], v[1])))


class Circle:
    def __init__(self, *values):
        self.lon, self.lat, self.radius = values

    def outline(self):
        centre = SkyCoord(self.lon, self.lat, unit="deg")
        angles = np.linspace(0, 360, CIRCLE_POINTS, endpoint=False)
        points = centre.directional_offset_by(angles * u.deg, self.radius * u.deg)
        return points.ra.deg, points.dec.deg

    def holds(self, lon, lat):
        middle, points = xyz(self.lon, self.lat)[:, None], xyz(lon, lat)
        apart = np.linalg.norm(points - middle, axis=0)
        return apart <= 2 * np.sin(np.radians(self.radius) / 2)


class Range:
    def __init__(self, *values):
        self.lon1, self.lon2, self.lat1, self.lat2 = values
        if self.lon2 < self.lon1:
            self.lon2 += 360

    def outline(self):
        lon, lat = (np.linspace(a, b, EDGE_POINTS) for a, b in ((self.lon1, self.lon2), (self.lat1, self.lat2)))
        one = np.ones(EDGE_POINTS)
        return (np.concatenate([lon, lon, self.lon1 * one, self.lon2 * one]) % 360,
                np.concatenate([self.lat1 * one, self.lat2 * one, lat, lat]))

    def holds(self, lon, lat):
        return ((lon - self.lon1) % 360 <= self.lon2 - self.lon1) & (lat >= self.lat1) & (lat <= self.lat2)


class Polygon:
    def __init__(self, *values):
        self.corners = np.array([xyz(*values[i : i + 2]) for i in range(0, len(values), 2)])

    def outline(self):
        parts = []
        for a, b in zip(self.corners, np.roll(self.corners, -1, axis=0)):
            f = np.linspace(0, 1, EDGE_POINTS)[:, None]
            parts.append(a * (1 - f) + b * f)  # a chord: its direction is on the great circle
        return lonlat(np.concatenate(parts).T)

    def holds(self, lon, lat):
        """The angles under which the edges are seen go once around."""
        points, turn = xyz(lon, lat).T, 0
        for a, b in zip(self.corners, np.roll(self.corners, -1, axis=0)):
            pa, pb = np.cross(points, a), np.cross(points, b)
            turn = turn + np.arctan2(np.einsum("ij,ij->i", np.cross(pa, pb), points), np.einsum("ij,ij->i", pa, pb))
        return (abs(turn) > math.pi) & (points @ self.corners.sum(axis=0) > 0)


def galactic(lon, lat):
    there = SkyCoord(lon, lat, unit="deg", frame="galactic").icrs
    return there.ra.deg, there.dec.deg


SHAPES = {"CIRCLE": Circle, "RANGE": Range, "POLYGON": Polygon}


def shape_of(parameter, value):
    words = value.split()
    if parameter == "POS":
        parameter = words.pop(0)
    return SHAPES[parameter](*map(float, words))


class Unsure(Exception):
    """Too near to a border between two pixels for the judge to say."""


def overlap(header, shape, parts=0):
    """(x1, x2, y1, y2) of the two axes of the sky, or None; each pixel is looked at in so many parts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)
        key = "A" if "CTYPE1A" in header else " "
        full = WCS(header, key=key)
        w = full.sub([WCSSUB_LONGITUDE, WCSSUB_LATITUDE])
    sizes = [header[f"NAXIS{i + 1}"] for i in (full.wcs.lng, full.wcs.lat)]
    frame = wcs_to_celestial_frame(w)

    def to_pixel(lon, lat):
        there = SkyCoord(lon, lat, unit="deg", frame=ICRS).transform_to(frame).spherical
        xy = np.array(w.all_world2pix(there.lon.deg, there.lat.deg, 1, quiet=True))
        return xy[:, np.isfinite(xy).all(axis=0)]

    edges = np.meshgrid(*[0.5 + (np.arange(n * parts) + 0.31) / parts if parts else np.arange(n + 1) + 0.5 for n in sizes])
    xy = np.array([e.ravel() for e in edges])
    with np.errstate(invalid="ignore"):
        lon, lat = w.all_pix2world(*xy, 1)
    good = np.isfinite(lon)
    there = SkyCoord(lon[good], lat[good], unit="deg", frame=frame).transform_to(ICRS)
    inside = xy[:, good][:, shape.holds(there.ra.deg, there.dec.deg)]
    around = to_pixel(*shape.outline())
    met = all_in = np.ones(around.shape[1], bool)
    for axis, n in enumerate(sizes):
        all_in = all_in & (around[axis] > 0.5) & (around[axis] < n + 0.5)
    met = all_in.any() or inside.shape[1] > 0
    if not met:
        return None
    both = np.concatenate([around, inside], axis=1)
    box = []
    for axis, n in enumerate(sizes):
        low, high = both[axis].min(), both[axis].max()
        for v in low, high:
            if 0.5 < v < n + 0.5 and abs(v - math.floor(v) - 0.5) < UNSURE:
                raise Unsure
        box += [max(1, math.floor(low + 0.5)), min(n, math.ceil(high - 0.5))]
    return box


# --- the cases ------------------------------------------------------------------------


class SkyCases:
    ROUNDS = 12  # random shapes for each file

    def header(self, name, hdu=0):
        with fits.open(os.path.join(INPUT, name)) as hdus:
            header = hdus[hdu].header.copy()
        header.update(PLAINLY.get(name, {}))
        return header

    def same_as(self, reply, name, *subs):
        self.assertIsNotNone(reply.blob, f"{name}: {reply.fault} {reply.text}")
        self.assertEqual(reply.length, len(reply.blob))
        self.assertTrue(reply.blob == self.ask(name, *subs).blob, f"{name}: not the bytes of {subs}")

    def misses(self, name, parameter, value):
        reply = self.ask_shape(name, parameter, value)
        self.assertIsNone(reply.blob, f"{name} {value}")
        self.assertEqual((reply.fault, reply.text), ("InvalidArgument", "No overlap found."))

    def refused(self, name, parameter, value, word):
        reply = self.ask_shape(name, parameter, value)
        self.assertIsNone(reply.blob, f"{name} {parameter} {value} was not refused")
        self.assertEqual(reply.fault, "InvalidArgument")
        self.assertIn(word, reply.text)

    def agrees(self, name, parameter, value, subs="[0][{0}:{1},{2}:{3}]", parts=0):
        """True if there is an overlap."""
        box = overlap(self.header(name), shape_of(parameter, value), parts)
        if box is None:
            self.misses(name, parameter, value)
            return False
        self.same_as(self.ask_shape(name, parameter, value), name, subs.format(*box))
        return True

    def random_shapes(self, name, centre, extent):
        """Shapes of all kinds about `centre`, in and out of a field of `extent` degrees."""
        random.seed(name)
        lon, lat = centre
        wide = math.cos(math.radians(min(abs(lat), 85)))
        hits = unsure = 0
        for i in range(self.ROUNDS):
            x, y = ((random.random() - 0.5) * extent * 1.6 for _ in range(2))
            at_lon, at_lat, size = (lon + x / wide) % 360, min(lat + y, 89.999), extent * random.uniform(0.01, 0.4)
            values = [at_lon, at_lat, size]
            if i % 3 == 1:
                values = [at_lon, (at_lon + size / wide) % 360, at_lat, min(at_lat + size, 90)]
            if i % 3 == 2:
                turns = sorted(random.random() * 2 * math.pi for _ in range(3 + i % 4))
                values = [v for a in turns
                          for v in ((at_lon + size * math.cos(a) / wide) % 360, min(at_lat + size * math.sin(a), 90))]
            kind = ("CIRCLE", "RANGE", "POLYGON")[i % 3]
            value = f"{kind} " + " ".join(repr(round(v, 9)) for v in values)
            with self.subTest(name=name, shape=value):
                try:
                    hits += self.agrees(name, "POS", value)
                except Unsure:
                    unsure += 1
        self.assertGreater(hits, self.ROUNDS // 6, f"{name}: the shapes say nothing")
        self.assertLessEqual(unsure, self.ROUNDS // 2, f"{name}: the shapes say nothing")

    def test_a_circle_in_a_tangent_plane_is_no_box_of_right_ascensions(self):
        """At declination 89.99 minutes of right ascension are short: the box is the same."""
        for name, dec in ("dec2.fits", 2), ("dec89.fits", 89.99):
            reply = self.ask_shape(name, "CIRCLE", f"150 {dec} 0.01")
            self.same_as(reply, name, "[0][100:501,50:450]")

    def test_random_shapes_agree_with_astropy(self):
        for name, centre, extent in (
            ("dec2.fits", (150, 2), 0.03), ("dec89.fits", (150, 89.99), 0.03), ("zero.fits", (0, 30), 0.03),
            ("galactic.fits", galactic(45, 0), 30.0), ("shifted.fits", galactic(190, 0), 30.0),
            ("sip.fits", CENTRE, 0.07), ("tpv.fits", CENTRE, 0.07), ("fk4.fits", (83.95, 21.93), 0.03),
            ("fk5.fits", (83.58, 21.92), 0.03), ("polar.fits", (20, 85), 12), ("half.fits", (40, 20), 50),
            ("allsky.fits", (200, 10), 60),
        ):
            self.random_shapes(name, centre, extent)

    def test_right_ascension_goes_through_zero(self):
        for lon in 0.001, 359.999, -0.001, 0.0:
            self.assertTrue(self.agrees("zero.fits", "CIRCLE", f"{lon} 30.0003 0.0031"))
        one, other = (self.ask_shape("zero.fits", "CIRCLE", f"{lon} 30 0.003") for lon in (-0.001, 359.999))
        self.assertTrue(one.blob == other.blob)
        self.assertTrue(self.agrees("zero.fits", "POS", "RANGE 359.9973 0.0041 29.9971 30.0023"))
        self.assertTrue(self.agrees("zero.fits", "POLYGON", "359.9973 29.9971 0.0041 29.9982 0.0012 30.0037"))

    def test_a_pole_inside(self):
        self.assertTrue(self.agrees("allsky.fits", "CIRCLE", "30 85.3 11.4"))
        self.assertTrue(self.agrees("allsky.fits", "CIRCLE", "30 -88.3 4.4"))
        self.assertTrue(self.agrees("allsky.fits", "POS", "RANGE 0 360 70.3 90"))
        self.assertTrue(self.agrees("polar.fits", "CIRCLE", "30 88.3 3.4"))
        self.assertTrue(self.agrees("polar.fits", "POLYGON", "10 87.1 130 86.2 250 88.3"))
        self.assertTrue(self.agrees("polar.fits", "POS", "RANGE 0 360 86.3 90"))
        reply = self.ask_shape("polar.fits", "POS", "RANGE -Inf +Inf 86.3 +Inf")
        self.assertTrue(reply.blob == self.ask_shape("polar.fits", "POS", "RANGE 0 360 86.3 90").blob)

    def test_the_whole_image_inside(self):
        for name, value in (("dec2.fits", "150 2 5"), ("sip.fits", "150.25 2.125 1"), ("galactic.fits", "288 11 60"),
                            ("allsky.fits", "12 34 180"), ("tpv.fits", "150 2 3")):
            with self.subTest(name):
                self.same_as(self.ask_shape(name, "CIRCLE", value), name, "[0][*,*]")
        self.assertTrue(self.agrees("half.fits", "CIRCLE", "40 20 120", parts=7))

    def test_the_edge_of_a_hemisphere(self):
        """Half of the circle has no pixels: the box ends where the sky does."""
        for value in "220 71 12", "128 10 15", "41 -62 9":
            self.assertTrue(self.agrees("half.fits", "CIRCLE", value, parts=7))

    def test_the_seam_of_the_whole_sky(self):
        self.same_as(self.ask_shape("aitoff.fits", "CIRCLE", "86.4 28.9 5"), "aitoff.fits",
                     "[0][{0}:{1},{2}:{3}]".format(*overlap(self.header("aitoff.fits"), Circle(86.4, 28.9, 5))))
        # On the other side of the sky nothing of a small image is met.
        self.misses("galactic.fits", "CIRCLE", "{} {} 3".format(*galactic(225, 0)))
        self.misses("shifted.fits", "CIRCLE", "{} {} 3".format(*galactic(10, 0)))

    def test_misses(self):
        for name in "dec2.fits", "sip.fits", "tpv.fits", "several.fits":
            for value in "150.25 12.125 0.01", "330.25 -2.125 0.1", "240 0 20", "160 2 1":
                self.misses(name, "CIRCLE", value)
        self.misses("dec2.fits", "POLYGON", "10 10 11 10 11 11")
        self.misses("dec2.fits", "POS", "RANGE 0 149 -Inf +Inf")

    def test_touching_the_first_column_only(self):
        """Its left side is at RA 150.015; 0.4 pixels of the circle are in."""
        step = 5e-5
        w = WCS(self.header("dec2.fits"))
        lon, lat = w.all_pix2world(0.5, 250.2, 1)
        away = SkyCoord(lon, lat, unit="deg").directional_offset_by(90 * u.deg, (0.005 - 0.4 * step) * u.deg)
        value = f"{away.ra.deg:.10f} {away.dec.deg:.10f} 0.005"
        self.assertTrue(self.agrees("dec2.fits", "CIRCLE", value, "[0][1:1,{2}:{3}]"))
        away = SkyCoord(lon, lat, unit="deg").directional_offset_by(90 * u.deg, (0.005 + 0.4 * step) * u.deg)
        self.misses("dec2.fits", "CIRCLE", f"{away.ra.deg:.10f} {away.dec.deg:.10f} 0.005")

    def test_a_point_is_a_pixel(self):
        self.same_as(self.ask_shape("dec2.fits", "CIRCLE", "150.00001 2.0001 0"), "dec2.fits", "[0][300:300,252:252]")

    def test_thin_shapes_are_not_missed(self):
        self.assertTrue(self.agrees("dec2.fits", "POS", "RANGE 100 200 1.9999991 2.0000032"))
        self.assertTrue(self.agrees("dec2.fits", "POLYGON", "149.9 1.9 150.1 2.1000123 150.1 2.1000203"))

    def test_other_axes_stay_whole(self):
        self.assertTrue(self.agrees("cube.fits", "CIRCLE", "150.251 2.127 0.0073", "[0][{0}:{1},{2}:{3},*,*]"))
        self.assertTrue(self.agrees("last.fits", "CIRCLE", "150.251 2.127 0.0073", "[0][*,{2}:{3},{0}:{1}]"))

    def test_another_description_counts_if_the_first_is_no_sky(self):
        self.assertTrue(self.agrees("alternate.fits", "CIRCLE", "150.251 2.127 0.0073"))

    def test_every_image_that_has_part_of_it(self):
        def box(hdu, shape):
            return "[{}][{}:{},{}:{}]".format(hdu, *overlap(self.header("several.fits", hdu), shape))

        middle, left = Circle(150.251, 2.127, 0.0173), Circle(150.31, 2.127, 0.0173)
        for shape, hdus in (middle, (1, 4)), (left, (1,)), (Circle(10, -60, 0.01), (5,)):
            reply = self.ask_shape("several.fits", "CIRCLE", f"{shape.lon} {shape.lat} {shape.radius}")
            self.same_as(reply, "several.fits", *[box(hdu, shape) for hdu in hdus])
        self.assertEqual(len(cutout_cases.parse(self.ask_shape("several.fits", "CIRCLE", "150.251 2.127 0.0173").blob)), 3)

    def test_the_corners_the_other_way_round(self):
        values = [150.241, 2.121, 150.263, 2.119, 150.255, 2.141]
        other = values[4:] + values[2:4] + values[:2]
        closed = values + values[:2]
        one, two, three = (self.ask_shape("cube.fits", "POLYGON", " ".join(map(str, v))) for v in (values, other, closed))
        self.assertTrue(one.blob == two.blob == three.blob)

    def test_all_spellings_are_one(self):
        plain = self.ask_shape("dec2.fits", "CIRCLE", "150 2 0.01")
        for parameter, value in (("POS", "CIRCLE 150 2 0.01"), ("POS", "  circle  1.5e2 +2.0   1E-2 "),
                                 ("CIRCLE", "-210 2 .01")):
            self.assertTrue(self.ask_shape("dec2.fits", parameter, value).blob == plain.blob, value)

    def test_names(self):
        for parameter, value, spec in (
            ("CIRCLE", "150 2 0.01", "circle_150_2_0_01"), ("POS", "RANGE 149 151 1.5 2.5", "range_149_151_1_5_2_5"),
            ("POLYGON", "149 1 151 1 150 3", "polygon_149_1_151_1_150_3"),
        ):
            self.assertEqual(self.ask_shape("dec2.fits", parameter, value).name, f"dec2.{spec}.fits")

    def test_what_cannot_be_used_is_skipped(self):
        for name in "no-matrix.fits", "no-projection.fits", "one-axis.fits":
            self.misses(name, "CIRCLE", "150.25 2.125 0.01")
            self.assertIsNotNone(self.ask(name, "[0][1:2,1:2]").blob)

    def test_what_is_not_supported_says_so(self):
        for name, word in (("ecliptic.fits", "the sky of ELON"), ("table.fits", "-TAB"), ("lookup.fits", "CPDIS"),
                           ("mixed.fits", "other axes are mixed"), ("packed.fits.fz", "tile-compressed")):
            self.refused(name, "CIRCLE", "150.25 2.125 0.01", word)

    def test_a_compressed_image_elsewhere_is_none_of_it(self):
        self.misses("packed.fits.fz", "CIRCLE", "10 20 1")

    def test_wrong_shapes(self):
        for parameter, value, word in (
            ("CIRCLE", "", "circle"), ("CIRCLE", " ", "circle"), ("CIRCLE", "1 2", "three numbers"),
            ("CIRCLE", "1 2 3 4", "three numbers"), ("CIRCLE", "1 2 3 4 5 6 7", "three numbers"),
            ("CIRCLE", "a 2 3", "number"), ("CIRCLE", "1,2,3", "number"), ("CIRCLE", "nan 2 3", "number"),
            ("CIRCLE", "1 2 Inf", "number"), ("CIRCLE", "0x10 2 3", "number"), ("CIRCLE", "1e999 2 3", "number"),
            ("CIRCLE", "1 90.1 3", "latitude"), ("CIRCLE", "361 0 3", "longitude"), ("CIRCLE", "1 2 -0.1", "radius"),
            ("CIRCLE", "1 2 181", "radius"), ("CIRCLE", "1" * 41 + " 2 3", "number"), ("CIRCLE", "1 2 3\x0b", "number"),
            ("POLYGON", "1 2 3 4", "3 corners"), ("POLYGON", "1 2 3 4 5 6 7", "3 corners"),
            ("POLYGON", "1 2 3 4 1 2", "twice"), ("POLYGON", "1 2 1 2 3 4", "twice"), ("POLYGON", "1 2 361 2 3 4", "longitude"),
            ("POLYGON", "0 0 120 0 240 0", "hemisphere"), ("POLYGON", " ".join(["1 2 3 4"] * 501), "1000 corners"),
            ("POS", "", "CIRCLE"), ("POS", "1 2 3", "CIRCLE"), ("POS", "BOX 1 2 3 4", "CIRCLE"),
            ("POS", "RANGE 1 2 3", "four numbers"), ("POS", "RANGE 1 2 4 3", "low to high"), ("POS", "CIRCLE 1 2", "three"),
        ):
            with self.subTest(parameter=parameter, value=value[:40]):
                self.refused("dec2.fits", parameter, value, word)
