# SPDX-License-Identifier: Apache-2.0
"""A small FITS file whose pixels say where they were, and a reader of such files."""

import struct

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
