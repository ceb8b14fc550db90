# SPDX-License-Identifier: Apache-2.0
"""A recording of what a server did to its disks, and the disks as a power cut leaves them.

    with Recording(folder, base) as recording:     # `base`: the disks before, durable
        ... a server with recording.environment() runs; recording.mark(what) ...
    for cut in recording.cuts(seed): cut.place, cut.marks, cut.write(target)

disk_recorder.c says what is recorded. The model (architecture D74):

- A write is durable when its file has been synced since, or came by a descriptor with
  O_DSYNC. Of the others any part may be there, in pieces of a sector.
- A name - made, removed or given by a rename - is durable when its directory has been
  synced since, for a rename the one it leads to. Of the others any may be there.
- What a directory without a durable name holds is lost.
"""

import os
import pickle
import random
import struct

HEADER = struct.Struct("<IiQQ")
OPEN, CLOSE, WRITE, SYNC, RENAME, UNLINK, MKDIR, RMDIR, TRUNCATE = range(1, 10)
MARK = 100
SECTOR = 512

NONE, ALL, SOME = "none", "all", "some"  # what becomes of that which is not durable


class File:
    def __init__(self, data=b""):
        self.data = bytearray(data)  # durable
        self.pending = []  # (offset, bytes), or (length, None)

    def apply(self, change, data=None):
        at, piece = change
        data = self.data if data is None else data
        if piece is None:
            del data[at:]
            data.extend(bytes(at - len(data)))
            return
        if len(data) < at:
            data.extend(bytes(at - len(data)))
        data[at:at + len(piece)] = piece

    def sync(self):
        for change in self.pending:
            self.apply(change)
        self.pending.clear()


class Folder:
    def __init__(self):
        self.names = {}  # as the server sees them
        self.durable = {}
        self.pending = []  # of those that a sync of this folder makes durable

    def sync(self):
        for change in self.pending[:]:
            change.apply(lambda folder: folder.durable)
            change.forget()


class Naming:
    """`thing` gets the name `name` in `folder`, None: loses it; and loses `old`."""

    made = 0

    def __init__(self, folder, name, thing, old=None):
        self.folder, self.name, self.thing, self.old = folder, name, thing, old
        Naming.made += 1
        self.number = Naming.made
        folder.pending.append(self)

    def apply(self, names):
        if self.old is not None:
            folder, name = self.old
            if names(folder).get(name) is self.thing:
                del names(folder)[name]
        if self.thing is None:
            names(self.folder).pop(self.name, None)
        else:
            names(self.folder)[self.name] = self.thing

    def forget(self):
        """Durable; and so is what came before under the names that are gone."""
        self.folder.pending.remove(self)
        if self.old is not None:
            folder, name = self.old
            folder.pending = [c for c in folder.pending
                              if not (c.name == name and c.thing is self.thing)]


class Disks:
    """Everything below one folder."""

    def __init__(self, base):
        self.base = base
        self.root = self.read(base)
        self.open = {}  # descriptor: (thing, is it O_DSYNC?)

    @classmethod
    def read(cls, path):
        folder = Folder()
        for entry in os.scandir(path):
            if entry.is_dir():
                folder.names[entry.name] = cls.read(entry.path)
            elif entry.is_file():
                with open(entry.path, "rb") as f:
                    folder.names[entry.name] = File(f.read())
        folder.durable = dict(folder.names)
        return folder

    def find(self, path):
        """(folder, last name)"""
        *way, name = os.path.relpath(path, self.base).split("/")
        folder = self.root
        for step in way:
            folder = folder.names[step]
        return folder, name

    def thing(self, path):
        folder, name = self.find(path)
        return folder if name == "." else folder.names.get(name)

    def take(self, kind, fd, at, data):
        """One record."""
        if kind == OPEN:
            path = data.decode()
            thing = self.thing(path)
            if thing is None:
                thing = self.name(path, File())
            if at & os.O_TRUNC and isinstance(thing, File):
                thing.pending.append((0, None))
            self.open[fd] = (thing, bool(at & os.O_DSYNC))
        elif kind == CLOSE:
            self.open.pop(fd, None)
        elif kind in (WRITE, TRUNCATE):
            thing, is_durable = self.open[fd]
            change = (at, data if kind == WRITE else None)
            if is_durable:
                thing.apply(change)
            else:
                thing.pending.append(change)
        elif kind == SYNC:
            self.open[fd][0].sync()
        elif kind == MKDIR:
            self.name(data.decode(), Folder())
        elif kind in (UNLINK, RMDIR):
            folder, name = self.find(data.decode())
            del folder.names[name]
            Naming(folder, name, None)
        elif kind == RENAME:
            self.rename(*data.decode().split("\0"))
        else:
            raise AssertionError(f"record of kind {kind}")

    def name(self, path, thing):
        folder, name = self.find(path)
        folder.names[name] = thing
        Naming(folder, name, thing)
        return thing

    def rename(self, from_path, to_path):
        from_folder, from_name = self.find(from_path)
        to_folder, to_name = self.find(to_path)
        thing = from_folder.names.pop(from_name)
        to_folder.names[to_name] = thing
        Naming(to_folder, to_name, thing, (from_folder, from_name))


class Cut:
    """The disks at one moment of a recording; valid until the next one is asked for."""

    def __init__(self, place, disks, marks, under_way, fate, rng):
        self.place = place  # number of the record that was not done any more
        self.marks = marks  # (number of the record, what), all before it
        self.fate = fate
        self._disks = disks
        self._under_way = under_way  # (file, change) of the write that was cut off
        self._rng = rng

    def __str__(self):
        return f"cut at record {self.place}, {self.fate} of what was not synced"

    def write(self, target):
        """The folder as the next start finds it."""
        self._names, changes = {}, []
        if self.fate != NONE:
            self._gather(self._disks.root, changes)
        for change in sorted(changes, key=lambda c: c.number):
            if self._happens():
                change.apply(self._of)
        self._write_folder(self._disks.root, target)

    def _happens(self):
        return self.fate == ALL or self._rng.random() < 0.5

    def _of(self, folder):
        return self._names.get(id(folder), folder.durable)

    def _gather(self, folder, changes):
        """Copies of all durable names, to be changed, and the changes that may be."""
        self._names[id(folder)] = dict(folder.durable)
        changes += folder.pending
        below = {id(t): t for t in (*folder.names.values(), *folder.durable.values())}
        for thing in below.values():
            if isinstance(thing, Folder):
                self._gather(thing, changes)

    def _write_folder(self, folder, path):
        os.mkdir(path, 0o750)
        for name, thing in self._of(folder).items():
            below = os.path.join(path, name)
            if isinstance(thing, Folder):
                self._write_folder(thing, below)
            else:
                with open(os.open(below, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640), "wb") as f:
                    f.write(self._bytes(thing))

    def _bytes(self, file):
        changes = list(file.pending) if self.fate != NONE else []
        if self._under_way is not None and self._under_way[0] is file and self.fate == SOME:
            changes.append(self._under_way[1])
        if not changes:
            return file.data
        data = bytearray(file.data)
        for at, piece in changes:
            if piece is None or self.fate == ALL:
                if self._happens():
                    file.apply((at, piece), data)
                continue
            for first in range(0, len(piece), SECTOR):
                if self._happens():
                    file.apply((at + first, piece[first:first + SECTOR]), data)
        return data


class Recording:
    def __init__(self, folder, base):
        """`base` is copied into memory here; the recording is a file in `folder`."""
        self.path = os.path.join(folder, "recording")
        self.base = base
        self._disks_before = pickle.dumps(Disks(base))
        self._marks = open(self.path, "ab", buffering=0)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._marks.close()

    def environment(self, recorder):
        """What the server needs to be recorded."""
        return {"LD_PRELOAD": recorder, "QUARTET_RECORD": self.path,
                "QUARTET_RECORD_UNDER": self.base}

    def mark(self, what):
        """Something a cut is to know of: it has happened now. Any thread."""
        data = pickle.dumps(what)
        self._marks.write(HEADER.pack(MARK, -1, 0, len(data)) + data)

    def records(self):
        with open(self.path, "rb") as f:
            while head := f.read(HEADER.size):
                kind, fd, at, n = HEADER.unpack(head)
                yield kind, fd, at, f.read(n)

    def boundaries(self):
        """Numbers of the records that are syncs and those behind them; of all records."""
        syncs, total = set(), 0
        for number, (kind, *_) in enumerate(self.records()):
            total = number + 1
            if kind == SYNC:
                syncs.update((number, number + 1))
        return syncs, total

    def cuts(self, places, seed, lies=lambda path: False):
        """A cut at each of the places, in their order. A sync of a file of whose path
        `lies` says True does nothing: for a test of the test."""
        disks = pickle.loads(self._disks_before)
        marks, untrue = [], {}
        for number, (kind, fd, at, data) in enumerate(self.records()):
            if number in places:
                under_way = None
                if kind == WRITE:
                    under_way = (disks.open[fd][0], (at, data))
                rng = random.Random(f"{seed} {number}")
                fate = rng.choice((NONE, ALL, SOME, SOME))
                yield Cut(number, disks, marks, under_way, fate, rng)
            if kind == MARK:
                marks.append((number, pickle.loads(data)))
                continue
            if kind == OPEN:
                untrue[fd] = lies(data.decode())
                if untrue[fd]:
                    at &= ~os.O_DSYNC
            if kind != SYNC or not untrue[fd]:
                disks.take(kind, fd, at, data)
