# SPDX-License-Identifier: Apache-2.0
"""CRC32C (Castagnoli, RFC 3720 B.4), as a header has it."""

import base64


def _table():
    for c in range(256):
        for _ in range(8):
            c = c >> 1 ^ (0x82f63b78 if c & 1 else 0)
        yield c


TABLE = list(_table())


def crc32c(data):
    c = 0xffffffff
    for byte in data:
        c = c >> 8 ^ TABLE[(c ^ byte) & 255]
    return "crc32c=" + base64.b64encode((c ^ 0xffffffff).to_bytes(4, "big")).decode()
