# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random moments under mixed load; the same with SIGTERM.

Several threads create, overwrite, delete, change and move, each below a container of its
own and all together on a few hot files. A model holds what was acknowledged; what was
under way when the server died may have happened or not, whole or not at all. After each
restart the tree, the bytes, the sizes of containers and the files in the locations are
compared with the model. The I/O engine changes from round to round; sometimes the server
is killed once more while it sweeps.

QUARTET_KILL_ROUNDS (50), QUARTET_KILL_SEED (random, printed).
"""

import os
import random
import sys
import threading
import time

from fault_test import Client, ENGINES, FaultBed, QUORUM, md5, sanitizer_of_build
from quartet_test import CORE, main, unittest

ROUNDS = int(os.environ.get("QUARTET_KILL_ROUNDS", "50"))
TERM_ROUNDS = 5
SEED = int(os.environ.get("QUARTET_KILL_SEED", str(random.SystemRandom().randrange(10**9))))
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

    def __init__(self, bed, number, seed, hot, moves):
        self.rng = random.Random(seed)
        self.client = Client(bed)
        self.root = f"/alice/t{number}"
        self.known = {}
        self.flight = None
        self.hot = hot
        self.moves = moves
        self.next = 0
        self.done = 0
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

    def put(self, path):
        data = random_bytes(self.rng)
        mark = self.known[path][3] if path in self.known else None
        body = in_parts(data, self.rng) if len(data) > 100_000 and self.rng.random() < 0.5 else data
        self.change(path, (FILE, md5(data), len(data), mark),
                    lambda: self.client.put(path, body), (201, 200))

    def put_hot(self):
        path = self.rng.choice(HOT)
        data = random_bytes(self.rng)
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
        elif dice < 0.36 and self.moves and folder != self.root:
            self.move_folder(folder)
        elif file is not None and (dice < 0.50 or n_files >= FILES_PER_THREAD):
            self.delete(file)
        elif file is not None and dice < 0.70:
            self.put(file)
        else:
            self.put(self.fresh(folder))

    def run(self):
        try:
            while True:
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


class Kill(unittest.TestCase):
    def setUp(self):
        print(f"\nseed {SEED}", file=sys.stderr)
        self.rng = random.Random(SEED)
        self.bed = FaultBed.start(settings=["gc_delay=100ms", "probe_period=1s"])
        self.addCleanup(self.bed.close)
        self.client = Client(self.bed)
        self.hot = {path: Hot() for path in HOT}
        moves = self.client.can_move()
        self.client.close()
        self.workers = [Worker(self.bed, i, self.rng.randrange(2**60), self.hot, moves)
                        for i in range(THREADS)]

    def load(self, seconds, end):
        """Load for a while, then `end` the server under it."""
        threads = [threading.Thread(target=w.run) for w in self.workers]
        for t in threads:
            t.start()
        time.sleep(seconds)
        end()
        for t in threads:
            t.join(60)
            self.assertFalse(t.is_alive(), "a request hangs")
        for w in self.workers:
            if w.wrong is not None:
                raise w.wrong

    def check_sizes(self, tree):
        for path, (kind, values) in tree.items():
            if kind == FOLDER:
                below = sum(int(v[CORE + "length"]) for p, (k, v) in tree.items()
                            if k == FILE and p.startswith(path + "/"))
                self.assertEqual(int(values[CORE + "length"]), below, path)

    def check_bytes(self, tree):
        for path, (kind, values) in tree.items():
            if kind == FILE:
                status, data = self.client.get(path)
                self.assertEqual((status, md5(data)), (200, values[CORE + "MD5"]), path)

    def check_locations(self, tree):
        """Nothing but what the catalogue names, each file at least W times."""
        health = self.bed.settle()
        wanted = {values[CORE + "MD5"] for kind, values in tree.values()
                  if kind == FILE and int(values[CORE + "length"]) > 0}
        blobs = self.bed.blobs()
        names = {name for here in blobs for name in here}
        self.assertEqual(self.bed.unfinished(), [])
        self.assertEqual({name[17:] for name in names}, wanted)
        self.assertEqual(len(names), len(wanted), "two versions of a file")
        self.assertEqual(health["store"]["blobs"], len(wanted))
        copies = {name: sum(name in here for here in blobs) for name in names}
        self.assertGreaterEqual(min(copies.values(), default=QUORUM), QUORUM)
        self.assertEqual(health["store"]["repairs_due"], 4 * len(names) - sum(copies.values()))
        for here in blobs:
            for name, path in here.items():
                with open(path, "rb") as f:
                    length = next(int(v[CORE + "length"]) for _, v in tree.values()
                                  if v.get(CORE + "MD5") == name[17:])
                    self.assertEqual(md5(f.read(length)), name[17:], path)

    def check(self):
        tree = self.client.tree("/alice")
        for w in self.workers:
            w.verify(tree)
        for path, hot in self.hot.items():
            state = seen(tree, path)
            found = state[1] if state is not None else None
            self.assertIn(found, hot.possible(), path)
            hot.settled(found)
        self.check_sizes(tree)
        self.check_bytes(tree)
        self.check_locations(tree)
        self.client.close()
        return len(tree)

    def restart(self, number):
        self.bed.set("io", ENGINES[number % 2])
        if self.rng.random() < 0.25:
            self.bed.up()
            time.sleep(self.rng.random() * 0.2)
            self.bed.kill()
        self.bed.up()

    def rounds(self, n, end):
        nodes = 0
        for number in range(n):
            self.load(0.1 + self.rng.random(), end)
            self.restart(number)
            try:
                nodes = self.check()
            except AssertionError as e:
                raise AssertionError(f"round {number}, seed {SEED}: {e}") from e
        done = sum(w.done for w in self.workers)
        print(f"{n} rounds, {done} changes acknowledged, {nodes} nodes at the end", file=sys.stderr)
        self.assertGreater(done, n)

    def test_what_was_acknowledged_outlives_kill_9(self):
        rounds = max(1, ROUNDS // 5) if sanitizer_of_build() else ROUNDS
        self.rounds(rounds, self.bed.kill)

    def test_what_was_acknowledged_outlives_a_stop_under_load(self):
        for w in self.workers:
            w.refusals = (503, 500, None)
        self.rounds(TERM_ROUNDS, self.bed.down)


if __name__ == "__main__":
    main()
