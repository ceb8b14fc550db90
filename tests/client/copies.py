# SPDX-License-Identifier: Apache-2.0
"""Are the bytes at all four locations, and are they the right ones?

A location keeps the bytes of a file in blob/xx/yy/ID-MD5: the user's bytes, from the
start, then what the location needs to check them, which is the same at all locations. The
catalogue, asked over HTTP as the administrator, says which file has which MD5 and length.
"""

import filecmp
import hashlib
import json
import os
import urllib.parse
import xml.etree.ElementTree as ElementTree

from quartet_test import VOS, XSI, wait_until

NODES, PROPERTY, TARGET = (f"{{{VOS}}}{tag}" for tag in ("nodes", "property", "target"))
TYPE = f"{{{XSI}}}type"


def _properties(element):
    """The last part of a property's name is name enough here; `type` is the node's."""
    found = {}
    for one in element.iter(PROPERTY):
        found[one.get("uri").rpartition("#")[2]] = one.text or ""
    target = element.find(TARGET)
    if target is not None:
        found["target"] = target.text
    found["type"] = element.get(TYPE).removeprefix("vos:")
    return found


def _ask(bed, path, query):
    answer = bed.ask("GET", "/nodes" + urllib.parse.quote(path) + query, "admin")
    assert answer.status == 200, f"{path}: {answer.status} {answer.text}"
    return ElementTree.fromstring(answer.body)


def node(bed, path):
    return _properties(_ask(bed, path, "?limit=0"))


def tree(bed, path):
    """The properties of a node and of all below it, by path."""
    element = _ask(bed, path, "")
    children = element.find(NODES)
    if children is None:
        return {path: _properties(element)}
    element.remove(children)
    found = {path: _properties(element)}
    for child in children:
        name = urllib.parse.unquote(child.get("uri").rpartition("/")[2])
        below = f"{path.rstrip('/')}/{name}"
        if child.get(TYPE) == "vos:ContainerNode":
            found |= tree(bed, below)
        else:
            found[below] = _properties(child)
    return found


def _blobs(location):
    """The blob files of a location: path by name."""
    return {name: os.path.join(folder, name)
            for folder, _, names in os.walk(os.path.join(location, "blob")) for name in names}


def blobs(bed):
    """The same for all locations, once they hold the same: small files are moved to them,
    the fourth copy of a file may be late, and an old version goes a moment after it was
    replaced."""
    found = []

    def same_everywhere():
        if json.loads(bed.tool("--json", "health")[1])["mirror"]["small_files"] > 0:
            return False
        found[:] = [_blobs(location) for location in bed.locations]
        return all(each.keys() == found[0].keys() for each in found)
    wait_until(same_everywhere)
    return found


def _md5(path, length):
    """Of the first `length` bytes, which must be there."""
    digest = hashlib.md5()
    with open(path, "rb") as f:
        while length > 0:
            piece = f.read(min(length, 1 << 20))
            assert piece, f"{path} is too short"
            digest.update(piece)
            length -= len(piece)
    return digest.hexdigest()


def _check(at, md5, length):
    names = [name for name in at[0] if name.endswith("-" + md5)]
    assert names, f"no location has the {length} bytes with MD5 {md5}"
    for name in names:
        paths = [each[name] for each in at]
        assert len(paths) == 4
        assert _md5(paths[0], length) == md5, f"{paths[0]}: other bytes"
        for path in paths[1:]:
            assert filecmp.cmp(paths[0], path, shallow=False), f"{path} is not as {paths[0]}"


def check_file(bed, data):
    """These bytes lie at each location."""
    if data:
        _check(blobs(bed), hashlib.md5(data).hexdigest(), len(data))


def check(bed, top):
    """The bytes of each file below `top` lie at each location."""
    at = blobs(bed)
    for properties in tree(bed, top).values():
        if properties["type"] == "DataNode" and properties["length"] != "0":
            _check(at, properties["MD5"], int(properties["length"]))
