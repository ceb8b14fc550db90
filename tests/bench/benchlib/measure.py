# SPDX-License-Identifier: Apache-2.0
"""Rounds, medians, and the line that is printed for a row."""

import json
import statistics
import sys


def emit(record):
    json.dump(record, sys.stdout)
    sys.stdout.write("\n")
    sys.stdout.flush()


def rounded(value):
    return None if value is None else float(f"{value:.4g}")


def summary(values):
    """(median, [smallest, largest]), or Nones where nothing was measured."""
    if not values:
        return None, None
    return statistics.median(values), [rounded(min(values)), rounded(max(values))]


def race(rounds, ours, peers):
    """Measure in turn; the values of ours, and those of each peer by name.

    The order turns round each time, so that neither side always finds the disk as the
    other one left it.
    """
    own_values = []
    peer_values = {name: [] for name in peers}
    for number in range(rounds):
        turns = [(run, peer_values[name]) for name, run in peers.items()]
        if ours is not None:
            turns.insert(0, (ours, own_values))
        if number % 2 == 1:
            turns.reverse()
        for run, values in turns:
            values.append(run())
    return own_values, peer_values


def best_peer(peer_values, better):
    """The strongest peer by its median: nothing weaker is a floor."""
    choose = max if better == "more" else min
    return choose(peer_values, key=lambda name: statistics.median(peer_values[name]))


def paired_ratio(own_values, peer_values):
    """The median of the ratios of each round: steadier than the ratio of the medians when
    something else uses the machine, since the sides of a round are close in time."""
    pairs = [own / peer for own, peer in zip(own_values, peer_values) if peer]
    return statistics.median(pairs) if pairs else None


def report(name, unit, own_values, peer_values, better="more", **more):
    """One line. `better` says whether more or less of the unit is good."""
    peer = best_peer(peer_values, better)
    value, own_range = summary(own_values)
    against, peer_range = summary(peer_values[peer])
    emit({
        "bench": name,
        "value": rounded(value),
        "unit": unit,
        "vs": rounded(against),
        "ratio": None if value is None or not against else rounded(value / against),
        "paired_ratio": rounded(paired_ratio(own_values, peer_values[peer])),
        "better": better,
        "peer": peer,
        "range": own_range,
        "vs_range": peer_range,
        "rounds": len(peer_values[peer]),
        **more,
    })
