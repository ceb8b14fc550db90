# SPDX-License-Identifier: Apache-2.0
"""What people change besides files, as a worker of fault_load.Load: tokens, links to share, a
group's member, a name; and whether all that was acknowledged of it is there."""

import json
import random
import urllib.parse

from fault_test import Client

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
KEPT = 5  # tokens, and links
GROUP = "/gms/groups/outlives"


class People:
    """`known` maps what was changed to what it is; `flight` is the one request without an answer."""

    def __init__(self, load, seed):
        self.load, self.rng = load, random.Random(seed)
        self.client = Client(load.bed)
        self.known = {}
        self.ids = {}  # of tokens and links, by label
        self.flight = None
        self.done = self.n_moves = 0
        self.wrong = None
        self.refusals = ()  # statuses that may come while the server ends

    def change(self, key, value, method, target, fields=None, body=None):
        self.flight = (key, value)
        if fields is not None:
            body = urllib.parse.urlencode(fields)
        status, _, text = self.client.ask(method, target, body, FORM if fields is not None else {"Content-Type": "text/xml"})
        self.flight = None
        if status in self.refusals:
            return None
        assert status < 300, f"{method} {target}: {status} {text}"
        self.done += 1
        self.known[key] = value
        return text

    def row(self, kind, **more):
        """A token or a link comes; with enough of them one goes."""
        there = [key for key, value in self.known.items() if key[0] == kind and value and key in self.ids]
        if len(there) >= KEPT:
            key = self.rng.choice(there)
            self.change(key, None, "DELETE", f"/account/{kind}/{self.ids[key]}")
            return
        key = (kind, f"n{self.rng.randrange(10**9)}")
        text = self.change(key, key[1], "POST", f"/account/{kind}", {"label": key[1], **more})
        if text is not None:
            self.ids[key] = json.loads(text)["id"]

    def act(self):
        if ("group",) not in self.known:
            self.change(("group",), True, "PUT", "/gms/groups", body='<group uri="ivo://cadc.nrc.ca/gms?outlives"/>')
            return
        dice = self.rng.random()
        if dice < 0.4:
            self.row("tokens")
        elif dice < 0.7:
            self.row("links", path="/alice")
        elif dice < 0.85:
            come = self.rng.random() < 0.5
            self.change(("member",), come, "PUT" if come else "DELETE", GROUP + "/userMembers/carol?idType=HTTP")
        else:
            name = f"n{self.rng.randrange(10**9)}"
            self.change(("name",), name, "POST", "/account", {"display": name})

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

    def found(self):
        def ask(target):
            status, _, text = self.client.ask("GET", target)
            return text.decode() if status == 200 else None
        rows = {(kind, one["label"]): one["label"] for kind in ("tokens", "links") for one in json.loads(ask(f"/account/{kind}"))
                if one["label"].startswith("n")}  # the testbed has one of its own
        group = ask(GROUP)
        return rows | {("group",): group is not None or None, ("member",): bool(group) and ">carol<" in group,
                       ("name",): json.loads(ask("/account"))["display"] or None}

    def verify(self, tree):
        del tree  # of files
        found = self.found()
        if self.flight is not None:
            key, value = self.flight
            self.flight = None
            if found.get(key) == value:
                self.known[key] = value
        for key in {*self.known, *(k for k in found if k[0] in ("tokens", "links"))}:
            assert found.get(key) == self.known.get(key), f"{key}: {found.get(key)!r}, not {self.known.get(key)!r}"
        self.known = {key: value for key, value in self.known.items() if value is not None}
