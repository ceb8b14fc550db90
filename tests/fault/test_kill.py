# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random moments under mixed load; the same with SIGTERM.

After each restart the tree, the bytes and the sizes of containers are compared with the
model of fault_load.py, and tokens, links, a group and a name with that of fault_people.py; the files in the locations, which have to come to rest for that, in
each fifth round, so that what one round leaves behind meets the next ones, too, and at the
end, where the quota must be exact to a byte. The I/O engine changes from round to round;
sometimes the server is killed once more while it sweeps.

QUARTET_KILL_ROUNDS (200), QUARTET_KILL_SEED (random, printed).
"""

import os
import random
import sys
import time

from fault_load import Load
from fault_people import People
from fault_test import Client, ENGINES, FaultBed, sanitizer_of_build
from quartet_test import CORE, main, unittest

ROUNDS = int(os.environ.get("QUARTET_KILL_ROUNDS", "200"))
TERM_ROUNDS = 5
SEED = int(os.environ.get("QUARTET_KILL_SEED", str(random.SystemRandom().randrange(10**9))))


class Kill(unittest.TestCase):
    def setUp(self):
        print(f"\nseed {SEED}", file=sys.stderr)
        self.rng = random.Random(SEED)
        self.bed = FaultBed.start(settings=["gc_delay=100ms", "probe_period=1s", "tokens_per_account=10000"])
        self.addCleanup(self.bed.close)
        self.load = Load(self.bed, SEED)
        self.load.workers.append(People(self.load, SEED))

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
            self.load.run(0.02 + 0.3 * self.rng.random(), end)
            self.restart(number)
            try:
                nodes = self.load.check(at_rest=number % 5 == 4 or number == n - 1)
            except AssertionError as e:
                raise AssertionError(f"round {number}, seed {SEED}: {e}") from e
        self.check_quota()
        print(f"{n} rounds, {self.load.done} changes acknowledged ({self.load.n_moves} moves), "
              f"{nodes} nodes at the end", file=sys.stderr)
        self.assertGreater(self.load.done, n)

    def check_quota(self):
        """To the byte, though uploads had room reserved when they were cut off."""
        client = Client(self.bed)
        used = int(client.children("/alice")[0][CORE + "length"])
        status, text = self.bed.tool("quota", "/alice", str(used + 1000))
        self.assertEqual(status, 0, text)
        self.assertEqual(client.put("/alice/last", b"x" * 1001), 413)
        self.assertEqual(client.put("/alice/last", b"x" * 1000), 201)
        self.assertEqual(client.put("/alice/none", b"x"), 413)
        client.close()

    def test_F17_what_was_acknowledged_outlives_kill_9(self):
        rounds = max(1, ROUNDS // 5) if sanitizer_of_build() else ROUNDS
        self.rounds(rounds, self.bed.kill)

    def test_what_was_acknowledged_outlives_a_stop_under_load(self):
        for w in self.load.workers:
            w.refusals = (503, 500, None)
        self.rounds(TERM_ROUNDS, self.bed.down)


if __name__ == "__main__":
    main()
