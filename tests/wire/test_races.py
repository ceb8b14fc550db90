# SPDX-License-Identifier: Apache-2.0
"""Opposite changes from many clients at once: the tree stays a tree, sizes stay exact, no quota is exceeded."""

import os
import random
import re
import threading
import time
import unittest
import xml.etree.ElementTree as ET

from quartet_test import CORE, VOS, Testbed, main
from transfers import FORM, XML, protocol, transfer

CLIENTS = 16
SECONDS = float(os.environ.get("QUARTET_RACE_SECONDS", "8"))
SEED = int(os.environ.get("QUARTET_RACE_SEED", random.SystemRandom().randrange(1 << 32)))
QUOTA = 60_000
ALLOWED = {200, 201, 202, 204, 303, 400, 403, 404, 409, 413, 423}


class Races(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        print(f"QUARTET_RACE_SEED={SEED}", flush=True)
        cls.bed = Testbed.start(settings=["jobs_per_user=100000"])
        cls.addClassCleanup(cls.bed.close)

    def setUp(self):
        self.statuses, self.problems = {}, []
        self.lock = threading.Lock()

    def note(self, what, status):
        with self.lock:
            self.statuses.setdefault(what, set()).add(status)
            if status not in ALLOWED:
                self.problems.append((what, status))

    def run_job(self, document):
        made = self.bed.ask("POST", "/transfers", "alice", document, XML)
        self.note("job", made.status)
        if made.status == 303:
            self.note("run", self.bed.ask("POST", made.headers["Location"] + "/phase", "alice", "PHASE=RUN",
                                          FORM).status)

    def race(self, act):
        """`act(random, i)` over and over by every client until the time is over."""
        end = time.monotonic() + SECONDS
        failures = []

        def client(i):
            rng = random.Random(SEED + i)
            try:
                while time.monotonic() < end:
                    act(rng, i)
            except BaseException as why:  # pylint: disable=broad-except  # told by the main thread
                failures.append(why)

        threads = [threading.Thread(target=client, args=(i,)) for i in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SECONDS + 120)
            self.assertFalse(thread.is_alive(), "a request never ended")
        if failures:
            raise failures[0]
        self.assertEqual(self.problems, [])

    def walk(self, path):
        """Everything below, each node once: (bytes, paths); sizes are checked on the way."""
        answer = self.bed.ask("GET", f"/nodes{path}", "alice")
        self.assertEqual(answer.status, 200, path)
        root = ET.fromstring(answer.body)
        total, paths = 0, [path]
        for node in root.find(f"{{{VOS}}}nodes"):
            child = path + "/" + node.get("uri").rpartition("/")[2]
            self.assertLess(child.count("/"), 60, "the tree has become a circle")
            if node.get("{http://www.w3.org/2001/XMLSchema-instance}type") == "vos:ContainerNode":
                below, found = self.walk(child)
                total += below
                paths += found
            else:
                total += self.property(node, "length")
                paths.append(child)
        self.assertEqual(self.property(root, "length"), total, path)
        return total, paths

    @staticmethod
    def property(node, name):
        found = node.find(f"{{{VOS}}}properties/{{{VOS}}}property[@uri='{CORE}{name}']")
        return 0 if found is None else int(found.text)

    def test_opposite_moves_make_no_circle_and_lose_nothing(self):
        top = "/alice/moves"
        self.bed.create("ContainerNode", top)
        names = [f"d{i}" for i in range(6)]
        for name in names:
            self.bed.create("ContainerNode", f"{top}/{name}")
            self.bed.put(f"{top}/{name}/f-{name}", name.encode() * 10)

        def somewhere(rng):
            return top + "".join("/" + n for n in rng.sample(names, rng.randrange(1, 4)))

        def act(rng, _):
            source, target = somewhere(rng), somewhere(rng) if rng.random() < 0.8 else top
            self.run_job(transfer(self.bed.uri(source), self.bed.uri(target), protocol("httpsget"), keep="false"))

        self.race(act)
        total, paths = self.walk(top)
        leaves = [p.rpartition("/")[2] for p in paths]
        self.assertEqual(sorted(n for n in leaves if n.startswith("f-")), [f"f-{n}" for n in names])
        self.assertEqual(len(leaves), 13)  # a move may rename, so folders have any of the names
        self.assertEqual(total, 6 * 20)

    def test_everything_at_once_leaves_exact_sizes_within_the_quota(self):
        top = "/alice/all"
        self.bed.create("ContainerNode", top)
        self.assertEqual(self.bed.tool("quota", top, str(QUOTA))[0], 0)

        def path(rng):
            return top + "".join(f"/{rng.choice('abc')}" for _ in range(rng.randrange(1, 4)))

        def act(rng, _):
            what, one, two = rng.random(), path(rng), path(rng)
            if what < 0.25:
                self.note("create", self.bed.create("ContainerNode", one).status)
            elif what < 0.5:
                self.note("put", self.bed.put(one + f"-{rng.randrange(9)}", b"x" * rng.randrange(9000)).status)
            elif what < 0.6:
                self.note("delete", self.bed.ask("DELETE", f"/nodes{one}-{rng.randrange(9)}", "alice").status)
            elif what < 0.7:
                self.note("delete", self.bed.ask("DELETE", "/nodes" + one, "alice").status)
            elif what < 0.95:
                keep = "true" if what < 0.82 else "false"
                self.run_job(transfer(self.bed.uri(one), self.bed.uri(two), protocol("httpsget"), keep=keep))
            else:
                made = self.bed.ask("POST", "/async-delete", "alice", "target=" + self.bed.uri(one), FORM)
                self.note("async-delete", self.bed.ask("POST", made.headers["Location"] + "/phase", "alice",
                                                       "PHASE=RUN", FORM).status)
            if rng.random() < 0.1:
                shown = self.bed.ask("GET", f"/nodes{top}?limit=0", "alice").text
                used = int(re.search(r'core#length"[^>]*>(\d+)<', shown).group(1))
                if used > QUOTA:
                    self.problems.append(("quota", used))

        self.race(act)
        time.sleep(1)  # recursive deletions end
        total, _ = self.walk(top)
        self.assertLessEqual(total, QUOTA)
        self.assertIn(413, self.statuses["put"] | {413})
        self.assertEqual(self.bed.tool("health")[0], 0)

    def test_one_name_has_one_winner(self):
        top = "/alice/names"
        self.bed.create("ContainerNode", top)
        won = {}

        def act(rng, i):
            name = f"{top}/n{rng.randrange(200)}"
            status = self.bed.create("ContainerNode", name).status
            self.note("create", status)
            if status == 201:
                with self.lock:
                    won.setdefault(name, []).append(i)

        self.race(act)
        self.assertTrue(all(len(who) == 1 for who in won.values()), won)


if __name__ == "__main__":
    main()
