# SPDX-License-Identifier: Apache-2.0
"""A long mixed load while disks fail at random, and what the server holds in between.

Every minute the load stops, the disks are well again, everything that was written is
compared with what was acknowledged, and memory, descriptors and queues are looked at: they
must come back to what they were in the first minutes. The server is never started again.

One disk is at fault at a time: with three of four nothing may be refused.
"""

import argparse
import os
import random
import sys
import threading
import time

from fault_load import Load
from fault_test import FaultyBed
from quartet_test import wait_until

MIB = 1 << 20
ROUND_S = 50
WARM_UP = 3  # minutes
FAULTS = [
    {"op": "write,fsync", "errno": "EIO"},
    {"op": "write", "errno": "ENOSPC"},
    {"op": "read", "errno": "EIO"},
    {"op": "read", "act": "flip", "at": 100, "times": 20},
    {"op": "read,write,fsync", "delay": 200},
    {"op": "write,fsync", "act": "hang"},
    {"op": "any", "act": "hang"},
    {"op": "rename,fsyncdir", "errno": "EIO"},
    {"op": "write", "act": "short"},
]
MEMORY_ROOM_MIB = 32  # what heaps keep
DESCRIPTOR_ROOM = 100  # copies stay open for a while for the next reader


class Trouble(threading.Thread):
    """One fault after the other, as long as the load runs."""

    def __init__(self, bed, load, rng):
        super().__init__()
        self.bed, self.load, self.rng = bed, load, rng
        self.count = 0
        self.last = ""
        self.wrong = None

    def run(self):
        try:
            while not self.load.stopping.is_set():
                fault = {"location": self.rng.randint(1, 4), **self.rng.choice(FAULTS)}
                self.bed.fault(**fault)
                self.last = f"{time.strftime('%H:%M:%S', time.gmtime())} {fault}"
                self.count += 1
                self.load.stopping.wait(self.rng.uniform(0.5, 6))
                self.bed.heal()
                wait_until(self.all_are_well, 60)
                # An upload that began without this disk is not to lose another one.
                self.load.stopping.wait(self.rng.uniform(3, 5))
        except Exception as e:  # pylint: disable=broad-except
            self.wrong = e

    def all_are_well(self):
        return all(l["state"] == "online" for l in self.bed.health()[1]["locations"])


def sample(bed):
    """What it holds when nothing happens."""
    health = bed.settle(limit_s=120)
    return {"memory_mib": round(bed.memory() / MIB, 1), "descriptors": bed.open_files(),
            "threads": len(os.listdir(f"/proc/{bed.pid}/task")),
            **{name: health["mirror"][name] for name in ("transfers", "small_files")},
            **{name: health["store"][name] for name in ("repairs_due", "removals_due")}}


def compare(base, now):
    """What has not come back."""
    grown = []
    if now["memory_mib"] > base["memory_mib"] + MEMORY_ROOM_MIB:
        grown.append("memory")
    if now["descriptors"] > base["descriptors"] + DESCRIPTOR_ROOM:
        grown.append("descriptors")
    grown += [name for name in ("transfers", "small_files", "repairs_due", "removals_due") if now[name] != 0]
    return grown


def soak(minutes, seed):
    rng = random.Random(seed)
    bed = FaultyBed.start(settings=["small_file=56KiB", "gc_delay=200ms", "probe_period=500ms", "io_deadline=2s",
                                    "meta_copy_period=20s", "scrub_deep_period=60s", "scrub_shallow_period=30s"])
    base, faults, done, trouble = None, 0, 0, None
    try:
        load = Load(bed, seed)
        for minute in range(1, minutes + 1):
            trouble = Trouble(bed, load, rng)
            load.stopping.clear()
            trouble.start()
            load.run(ROUND_S, load.stop)
            trouble.join()
            bed.heal()
            if trouble.wrong is not None:
                raise trouble.wrong
            wait_until(trouble.all_are_well, 60)
            nodes = load.check(at_rest=False)
            now = sample(bed)
            faults, done = faults + trouble.count, load.done
            print(f"minute {minute}: {done} changes, {faults} faults, {nodes} nodes, "
                  + ", ".join(f"{name} {value}" for name, value in now.items()), flush=True)
            if minute <= WARM_UP:
                base = {name: max(value, base[name]) for name, value in now.items()} if base else now
            grown = compare(base, now)
            if grown:
                raise AssertionError(f"has not come back: {', '.join(grown)}; it was {base}")
        status, text = bed.tool("fsck")
        if status != 0:
            raise AssertionError(f"fsck: {text}")
    except BaseException:
        print(f"the last fault: {trouble and trouble.last}; the log ends:\n{bed.log()[-6000:]}", file=sys.stderr)
        raise
    finally:
        bed.heal()
        bed.close()
    print(f"{done} changes, {faults} faults, {minutes} minutes: nothing lost, all came back")


def main():
    parser = argparse.ArgumentParser(prog="soak", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=30)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    began = time.monotonic()
    try:
        soak(options.minutes, options.seed)
    except AssertionError as e:
        print(f"after {time.monotonic() - began:.0f} s: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
