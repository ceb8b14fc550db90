# SPDX-License-Identifier: Apache-2.0
"""Mixed load by several threads, and a model of what it must have left behind.

    load = Load(bed, seed)
    load.run(seconds, end)    # `end` stops the server, or the load (load.stop)
    load.check()              # tree, bytes, sizes and the files in the locations

Each thread creates, overwrites, deletes, changes and moves below a container of its own;
all together write a few hot files. The model holds what was acknowledged; what was under
way when the server went may have happened or not, whole or not at all.
"""

import random
import threading
import time

from fault_test import Client, QUORUM, md5
from quartet_test import CORE

THREADS = 4
FILES_PER_THREAD = 14
HOT = ["/alice/hot-0", "/alice/hot-1"]
MARK = "ivo://example.org/kill#mark"
FILE, FOLDER = "DataNode", "ContainerNode"


def random_bytes(rng):
    size = rng.choice([0, rng.randrange(1, 5000), rng.randrange(1, 5000),
                       rng.randrange(60_000, 70_000), rng.randrange(100_000, 400_000),
                       rng.randrange(1_000_000, 3_000_000)])
    return rng.randbytes(size)


def in_parts(data, rng):
    """A body that takes its time."""
    for at in range(0, len(data), 65536):
        yield data[at:at + 65536]
        time.sleep(rng.random() * 0.01)


class Hot:
    """A file that everybody writes: which contents may be there in the end?"""

    def __init__(self):
        self.lock = threading.Lock()
        self.writes = [(0, 0, None)]  # begin, end (None: not acknowledged), what

    def wrote(self, begin, end, what):
        with self.lock:
            self.writes.append((begin, end, what))

    def possible(self):
        latest = max(begin for begin, end, _ in self.writes if end is not None)
        return {what for _, end, what in self.writes if end is None or end >= latest}

    def settled(self, what):
        self.writes = [(0, 0, what)]


class Worker:
    """The load of one thread, and what it knows of its subtree.

    `known` maps a path to (kind, MD5, length, mark); `flight` is the one request whose
    answer did not come: (path, state or None), or ("move", from, to).
    """

    def __init__(self, load, number, seed, moves):
        self.load = load
        self.rng = random.Random(seed)
        self.client = Client(load.bed)
        self.root = f"/alice/t{number}"
        self.known = {}
        self.flight = None
        self.hot = load.hot
        self.moves = moves
        self.next = 0
        self.files_max = FILES_PER_THREAD
        self.done = self.n_moves = 0
        self.wrong = None
        self.refusals = ()  # statuses that may come while the server ends

    def fresh(self, folder):
        self.next += 1
        return f"{folder}/n{self.next}"

    def pick(self, kind):
        names = [path for path, state in self.known.items() if state[0] == kind]
        return self.rng.choice(names) if names else None

    def change(self, path, state, request, good):
        """One request that makes `path` be `state`."""
        self.flight = (path, state)
        status = request()
        self.flight = None
        if status in self.refusals:
            return
        assert status in good, f"{path}: {status}"
        self.done += 1
        if state is None:
            del self.known[path]
        else:
            self.known[path] = state

    def random_bytes(self):
        return random_bytes(self.rng)

    def put(self, path):
        data = self.random_bytes()
        mark = self.known[path][3] if path in self.known else None
        body = in_parts(data, self.rng) if len(data) > 100_000 and self.rng.random() < 0.5 else data
        self.change(path, (FILE, md5(data), len(data), mark),
                    lambda: self.client.put(path, body), (201, 200))

    def put_hot(self):
        path = self.rng.choice(HOT)
        data = self.random_bytes()
        begin = time.monotonic()
        try:
            status = self.client.put(path, data)
        except OSError:
            self.hot[path].wrote(begin, None, md5(data))
            raise
        if status in self.refusals:
            return
        assert status == 201, status
        self.done += 1
        self.hot[path].wrote(begin, time.monotonic(), md5(data))

    def make_folder(self, path):
        self.change(path, (FOLDER, None, None, None),
                    lambda: self.client.document("PUT", FOLDER, path), (201, 200))

    def set_mark(self, path):
        kind, digest, length, _ = self.known[path]
        mark = str(self.rng.randrange(10**9))
        self.change(path, (kind, digest, length, mark),
                    lambda: self.client.document("POST", kind, path, {MARK: mark}), (200,))

    def delete(self, path):
        self.change(path, None, lambda: self.client.delete(path), (200, 204))

    def move_folder(self, path):
        to = self.fresh(self.root)
        self.flight = ("move", path, to)
        phase = self.client.move(path, to)
        self.flight = None
        if phase in self.refusals:
            return
        assert phase == "COMPLETED", phase
        self.done += 1
        self.n_moves += 1
        self.moved(path, to)

    def moved(self, path, to):
        for old in [p for p in self.known if p == path or p.startswith(path + "/")]:
            self.known[to + old[len(path):]] = self.known.pop(old)

    def act(self):
        dice = self.rng.random()
        file, folder = self.pick(FILE), self.pick(FOLDER)
        n_files = sum(state[0] == FILE for state in self.known.values())
        if self.root not in self.known:
            self.make_folder(self.root)
        elif dice < 0.08 and len(self.known) - n_files < 6:
            self.make_folder(self.fresh(folder))
        elif dice < 0.20:
            self.put_hot()
        elif dice < 0.30:
            self.set_mark(self.rng.choice([file, folder] if file else [folder]))
        elif dice < 0.38 and self.moves and folder != self.root:
            self.move_folder(folder)
        elif file is not None and (dice < 0.50 or n_files >= self.files_max):
            self.delete(file)
        elif file is not None and dice < 0.70:
            self.put(file)
        else:
            self.put(self.fresh(folder))

    def run(self):
        try:
            while not self.load.stopping.is_set():
                self.act()
        except OSError:
            pass  # the server is gone
        except Exception as e:  # pylint: disable=broad-except
            self.wrong = e
        finally:
            self.client.close()

    def resolve(self, tree):
        """What became of the request whose answer did not come?"""
        if self.flight is None:
            return
        flight, self.flight = self.flight, None
        if flight[0] == "move":
            _, old, new = flight
            assert (old in tree) != (new in tree), f"half moved: {flight}"
            if new in tree:
                self.moved(old, new)
            return
        path, state = flight
        if seen(tree, path) == state:
            self.known[path] = state
            if state is None:
                del self.known[path]

    def verify(self, tree):
        self.resolve(tree)
        mine = {path for path in tree if path == self.root or path.startswith(self.root + "/")}
        assert mine == set(self.known), (
            f"{self.root}: lost {set(self.known) - mine}, too many {mine - set(self.known)}")
        for path, state in self.known.items():
            assert seen(tree, path) == state, f"{path}: {seen(tree, path)}, not {state}"


def seen(tree, path):
    if path not in tree:
        return None
    kind, values = tree[path]
    if kind == FOLDER:
        return (kind, None, None, values.get(MARK))
    return (kind, values[CORE + "MD5"], int(values[CORE + "length"]), values.get(MARK))


class Load:
    """Parts of it can be other ones: `worker` and `threads` of a class derived from it."""

    worker, threads = Worker, THREADS

    def __init__(self, bed, seed):
        self.bed = bed
        self.client = Client(bed)
        self.stopping = threading.Event()
        self.hot = {path: Hot() for path in HOT}
        rng = random.Random(seed)
        moves = self.client.can_move()
        self.client.close()
        self.workers = [self.worker(self, i, rng.randrange(2**60), moves)
                        for i in range(self.threads)]

    @property
    def done(self):
        return sum(w.done for w in self.workers)

    @property
    def n_moves(self):
        return sum(w.n_moves for w in self.workers)

    def stop(self):
        self.stopping.set()

    def run(self, seconds, end):
        """Load for a while, then `end` it, or the server under it."""
        self.stopping.clear()
        threads = [threading.Thread(target=w.run) for w in self.workers]
        for t in threads:
            t.start()
        time.sleep(seconds)
        end()
        for t in threads:
            t.join(60)
            assert not t.is_alive(), "a request hangs"
        for w in self.workers:
            if w.wrong is not None:
                raise w.wrong

    def check(self, at_rest=True):
        """All of it, the locations when they have come to rest; the number of nodes."""
        tree = self.client.tree("/alice")
        for w in self.workers:
            w.verify(tree)
        for path, hot in self.hot.items():
            state = seen(tree, path)
            found = state[1] if state is not None else None
            assert found in hot.possible(), path
            hot.settled(found)
        self.check_sizes(tree)
        self.check_bytes(tree)
        if at_rest:
            self.check_locations(tree)
        self.client.close()
        return len(tree)

    def check_sizes(self, tree):
        for path, (kind, values) in tree.items():
            if kind == FOLDER:
                below = sum(int(v[CORE + "length"]) for p, (k, v) in tree.items()
                            if k == FILE and p.startswith(path + "/"))
                assert int(values[CORE + "length"]) == below, (path, values, below)

    def check_bytes(self, tree):
        for path, (kind, values) in tree.items():
            if kind == FILE:
                status, data = self.client.get(path)
                assert status == 200 and md5(data) == values[CORE + "MD5"], (path, status)

    def check_locations(self, tree):
        """Nothing but what the catalogue names, each file at least W times."""
        health = self.bed.settle()
        lengths = {values[CORE + "MD5"]: int(values[CORE + "length"])
                   for kind, values in tree.values()
                   if kind == FILE and int(values[CORE + "length"]) > 0}
        blobs = self.bed.blobs()
        names = {name for here in blobs for name in here}
        assert self.bed.unfinished() == []
        assert {name[17:] for name in names} == set(lengths)
        assert len(names) == len(lengths), "two versions of a file"
        assert health["store"]["blobs"] == len(lengths)
        copies = {name: sum(name in here for here in blobs) for name in names}
        assert min(copies.values(), default=QUORUM) >= QUORUM, copies
        assert health["store"]["repairs_due"] == 4 * len(names) - sum(copies.values())
        for here in blobs:
            for name, path in here.items():
                with open(path, "rb") as f:
                    assert md5(f.read(lengths[name[17:]])) == name[17:], path
