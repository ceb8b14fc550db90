# SPDX-License-Identifier: Apache-2.0
"""Random operations by several users against a model of the tree in memory: rights, sizes and quotas."""

import os
import random
import unittest
import urllib.parse
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field

from quartet_test import CORE, VOS, Testbed, main
from transfers import FORM, UWS, XML, protocol, transfer

SEED = int(os.environ.get("QUARTET_MODEL_SEED", random.SystemRandom().randrange(1 << 32)))
STEPS = int(os.environ.get("QUARTET_MODEL_STEPS", "3000"))
XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
USERS = ["alice", "bob", "carol", None]
GROUPS = {"staff": {"alice", "bob"}, "team-a": {"alice"}, "team-b": {"bob"}, "team-c": {"carol"}}
INHERIT = "ivo://cadc.nrc.ca/vospace/core#inheritPermissions"
LOCKED = "ivo://cadc.nrc.ca/vospace/core#islocked"
NAMES = ["a", "b", "c", "x y", "é"]


@dataclass
class Node:
    kind: str  # container, data
    owner: str
    public: bool = False
    read: tuple = ()
    write: tuple = ()
    inherits: bool = False
    locked: bool = False
    data: bytes = b""
    quota: int = None
    children: dict = field(default_factory=dict)

    @property
    def size(self):
        return sum(c.size for c in self.children.values()) if self.kind == "container" else len(self.data)


def member(user, groups):
    return any(user in GROUPS[g] for g in groups)


class Refused(Exception):
    pass


class Model:
    """server-contract 5, architecture D33 to D47, for what the test does; one method for each change."""

    def __init__(self, root):
        self.root = root

    def trail(self, path):
        found = [self.root]
        for name in path:
            node = found[-1]
            if node.kind != "container" or name not in node.children:
                break
            found.append(node.children[name])
        return found

    @staticmethod
    def can_write(user, trail, at):
        node = trail[at]
        if user is None:
            return False
        allocation = len(trail) > 1 and at >= 1 and trail[1].owner == user
        return node.owner == user or allocation or member(user, node.write)

    def can_read(self, user, trail, at):
        node = trail[at]
        return node.public or (user is not None and member(user, node.read)) or self.can_write(user, trail, at)

    def pass_way(self, user, trail, end):
        for at in range(1, end):
            if not self.can_read(user, trail, at):
                raise Refused

    def parent_to_write(self, user, path, lock=True):
        trail = self.trail(path[:-1])
        self.pass_way(user, trail, len(trail) - 1)
        if len(trail) < len(path) or trail[-1].kind != "container":
            raise Refused
        if not self.can_write(user, trail, len(trail) - 1) or not self.can_read(user, trail, len(trail) - 1):
            raise Refused
        if lock and trail[-1].locked:
            raise Refused
        return trail

    @staticmethod
    def check_quota(trail, more):
        for node in trail:
            if node.quota is not None and more > 0 and node.size + more > node.quota:
                raise Refused

    @staticmethod
    def inherit(node, parent):
        if parent.inherits:
            node.public = node.public if node.public is not None else parent.public
            node.read = node.read or parent.read
            node.write = node.write or parent.write
        node.public = bool(node.public)
        if node.kind == "container" and node.inherits is None:
            node.inherits = parent.inherits
        node.inherits = bool(node.inherits)
        return node

    def create(self, user, path, node):
        trail = self.parent_to_write(user, path)
        if path[-1] in trail[-1].children:
            raise Refused
        trail[-1].children[path[-1]] = self.inherit(node, trail[-1])

    def put(self, user, path, data):
        trail = self.trail(path)
        if len(trail) == len(path) + 1:
            self.pass_way(user, trail, len(trail) - 1)
            node = trail[-1]
            if node.kind != "data" or not self.can_write(user, trail, len(trail) - 1) or node.locked:
                raise Refused
            self.check_quota(trail[:-1], len(data) - len(node.data))
            node.data = data
            return
        trail = self.parent_to_write(user, path)
        self.check_quota(trail, len(data))
        trail[-1].children[path[-1]] = self.inherit(Node("data", user, None, data=data), trail[-1])

    def delete(self, user, path):
        trail = self.trail(path)
        if len(trail) != len(path) + 1:
            raise Refused
        self.pass_way(user, trail, len(trail) - 1)
        if not self.can_write(user, trail, len(trail) - 2) or trail[-1].locked or trail[-2].locked:
            raise Refused
        if trail[-1].children:
            raise Refused
        del trail[-2].children[path[-1]]

    def set(self, user, path, change):
        trail = self.trail(path)
        if len(trail) != len(path) + 1:
            raise Refused
        self.pass_way(user, trail, len(trail) - 1)
        if not self.can_write(user, trail, len(trail) - 1):
            raise Refused
        for name, value in change.items():
            setattr(trail[-1], name, value)

    def read(self, user, path):
        trail = self.trail(path)
        if len(trail) != len(path) + 1 or trail[-1].kind != "data":
            raise Refused
        self.pass_way(user, trail, len(trail) - 1)
        if not self.can_read(user, trail, len(trail) - 1):
            raise Refused
        return trail[-1].data

    def relocate(self, user, source, target, keep):
        trail = self.trail(source)
        if len(trail) != len(source) + 1:
            raise Refused
        self.pass_way(user, trail, len(trail) - 1)
        node, holder = trail[-1], trail[-2]
        there = self.trail(target)
        name = target[-1]
        if len(there) == len(target) + 1:
            if there[-1].kind != "container":
                raise Refused
            name = source[-1]
        elif len(there) == len(target):
            pass
        else:
            raise Refused
        self.pass_way(user, there, len(there) - 1)
        container = there[-1]
        if container.kind != "container" or any(n is node for n in there):
            raise Refused
        if keep:
            self.check_readable(user, node, trail[1].owner == user and user is not None)
        else:
            if not self.can_write(user, trail, len(trail) - 2) or node.locked or holder.locked:
                raise Refused
            same = len(there) > 1 and trail[1] is there[1]
            if not same and not (node.owner == user or trail[1].owner == user):
                raise Refused
        if not self.can_write(user, there, len(there) - 1) or not self.can_read(user, there, len(there) - 1):
            raise Refused
        if container.locked or name in container.children:
            raise Refused
        grown = there if keep else [n for n in there if not any(n is t for t in trail)]
        self.check_quota(grown, node.size)
        if keep:
            copy = self.copy(node, user)
            if container.inherits:
                copy.read = copy.read or container.read
                copy.write = copy.write or container.write
            container.children[name] = copy
        else:
            del holder.children[source[-1]]
            container.children[name] = node

    def check_readable(self, user, node, owns_allocation):
        readable = (node.public or owns_allocation or
                    (user is not None and (node.owner == user or member(user, node.read + node.write))))
        if not readable:
            raise Refused
        for child in node.children.values():
            self.check_readable(user, child, owns_allocation)

    def copy(self, node, owner):
        return Node(node.kind, owner, node.public, node.read, node.write, node.inherits, False, node.data, None,
                    {name: self.copy(c, owner) for name, c in node.children.items()})


class Random(unittest.TestCase):
    def setUp(self):
        print(f"QUARTET_MODEL_SEED={SEED}", flush=True)
        self.rng = random.Random(SEED)
        self.bed = Testbed.start(settings=["jobs_per_user=100000"])
        self.addCleanup(self.bed.close)
        root = Node("container", "admin", public=True)
        for name, owner in [("alice", "alice"), ("bob", "bob"), ("carol", "carol"), ("public", "admin")]:
            root.children[name] = self.look_at([name], owner)
        self.model = Model(root)
        for name, quota in [("alice", 4000), ("bob", 3000)]:
            self.assertEqual(self.bed.tool("quota", "/" + name, str(quota))[0], 0)
            root.children[name].quota = quota

    # The server

    def url(self, path):
        return "/" + "/".join(urllib.parse.quote(n) for n in path)

    def uri(self, path):
        return self.bed.uri("/" + "/".join(path))

    def document(self, path):
        return ET.fromstring(self.bed.ask("GET", f"/nodes{self.url(path)}?limit=0", "admin").body)

    @staticmethod
    def properties(node):
        return {p.get("uri").removeprefix(CORE): p.text or "" for p in node.iter(f"{{{VOS}}}property")}

    def look_at(self, path, owner):
        p = self.properties(self.document(path))
        groups = [tuple(g.partition("?")[2] for g in p.get(n, "").split()) for n in ("groupread", "groupwrite")]
        return Node("container", owner, p.get("ispublic") == "true", *groups, p.get(INHERIT) == "true")

    def compare(self, path, node):
        """All that is below a node, as the administrator sees it."""
        root = ET.fromstring(self.bed.ask("GET", f"/nodes{self.url(path)}", "admin").body)
        self.compare_one(path, root, node)
        if node.kind != "container":
            return
        listed = {urllib.parse.unquote(n.get("uri").rpartition("/")[2]): n for n in root.find(f"{{{VOS}}}nodes")}
        self.assertEqual(set(listed), set(node.children), path)
        for name, child in node.children.items():
            if child.kind == "container":
                self.compare(path + [name], child)
            else:
                self.compare_one(path + [name], listed[name], child)

    def compare_one(self, path, document, node):
        p = {q.get("uri").removeprefix(CORE): q.text or ""
             for q in document.find(f"{{{VOS}}}properties")}
        groups = [tuple(g.partition("?")[2] for g in p.get(n, "").split()) for n in ("groupread", "groupwrite")]
        kind = "container" if document.get(XSI_TYPE) == "vos:ContainerNode" else "data"
        seen = (kind, p["creator"], p.get("ispublic") == "true", *groups, p.get(LOCKED) == "true",
                int(p["length"]), p.get(INHERIT) == "true")
        self.assertEqual(seen, (node.kind, node.owner, bool(node.public), node.read, node.write, node.locked,
                                node.size, node.inherits), path)

    # One step: what the model says, what the server says

    def any_path(self, top=None):
        path = [top or self.rng.choice(["alice", "bob", "carol", "public"])]
        while self.rng.random() < 0.65 and len(path) < 4:
            path.append(self.rng.choice(NAMES))
        return path if len(path) > 1 else path + [self.rng.choice(NAMES)]

    def permissions(self):
        """A random choice as the model's fields and as properties of a document."""
        fields, properties = {}, {}
        if self.rng.random() < 0.5:
            fields["public"] = self.rng.random() < 0.5
            properties["ispublic"] = str(fields["public"]).lower()
        for name in ("read", "write"):
            if self.rng.random() < 0.3:
                fields[name] = tuple(self.rng.sample(sorted(GROUPS), self.rng.randrange(1, 3)))
                properties["group" + name] = " ".join(f"ivo://cadc.nrc.ca/gms?{g}" for g in fields[name])
        return fields, properties

    def actor(self):
        """Somebody and a path; mostly one where he may do something."""
        path = self.any_path()
        if path[0] in USERS and self.rng.random() < 0.6:
            return path[0], path
        return self.rng.choice(USERS), path

    def step(self):
        user, path = self.actor()
        what = self.rng.choices(["create", "put", "get", "delete", "set", "move", "copy"], [20, 25, 15, 12, 12, 10, 6])[0]
        return getattr(self, "do_" + what)(user, path)

    def do_create(self, user, path):
        fields, properties = self.permissions()
        node = Node("container", user, fields.get("public"), fields.get("read", ()), fields.get("write", ()), None)
        if self.rng.random() < 0.4:
            node.inherits = self.rng.random() < 0.7
            properties[INHERIT] = str(node.inherits).lower()
        body = self.bed.document("ContainerNode", "/" + "/".join(path), properties)
        return (lambda: self.model.create(user, path, node),
                lambda: self.bed.ask("PUT", "/nodes" + self.url(path), user, body, XML).status == 201)

    def do_put(self, user, path):
        data = os.urandom(self.rng.choice([0, 1, 100, 700]))
        return (lambda: self.model.put(user, path, data),
                lambda: self.bed.ask("PUT", "/files" + self.url(path), user, data).status == 201)

    def do_get(self, user, path):
        expected = []

        def server():
            answer = self.bed.ask("GET", "/files" + self.url(path), user)
            if answer.status == 303:
                answer = self.bed.ask("GET", answer.headers["Location"])
                self.assertEqual(answer.body, expected[0])
            return answer.status == 200

        return lambda: expected.append(self.model.read(user, path)), server

    def do_delete(self, user, path):
        return (lambda: self.model.delete(user, path),
                lambda: self.bed.ask("DELETE", "/nodes" + self.url(path), user).status == 200)

    def do_set(self, user, path):
        fields, properties = self.permissions()
        if self.rng.random() < 0.3:
            fields["locked"] = self.rng.random() < 0.4
            properties[LOCKED] = str(fields["locked"]).lower()
        trail = self.model.trail(path)
        kind = trail[-1].kind if len(trail) == len(path) + 1 else "container"
        body = self.bed.document({"container": "ContainerNode", "data": "DataNode"}[kind], "/" + "/".join(path),
                                 properties)
        return (lambda: self.model.set(user, path, fields),
                lambda: self.bed.ask("POST", "/nodes" + self.url(path), user, body, XML).status == 200)

    def relocate(self, user, path, keep):
        target = self.any_path(path[0] if self.rng.random() < 0.6 else None)
        document = transfer(self.uri(path), self.uri(target), protocol("httpsget"), keep=str(keep).lower())

        def server():
            made = self.bed.ask("POST", "/transfers", user, document, XML)
            url = made.headers["Location"]
            self.bed.ask("POST", url + "/phase", user, "PHASE=RUN", FORM)
            job = ET.fromstring(self.bed.ask("GET", url + "?WAIT=30", user).body)
            return job.findtext(f"{{{UWS}}}phase") == "COMPLETED"

        return lambda: self.model.relocate(user, path, target, keep), server

    def do_move(self, user, path):
        return self.relocate(user, path, False)

    def do_copy(self, user, path):
        return self.relocate(user, path, True)

    def test_no_difference(self):
        done = {}
        for i in range(STEPS):
            state = self.rng.getstate()
            model, server = self.step()
            name = model.__qualname__.split(".")[1]
            try:
                model()
                expected = True
            except Refused:
                expected = False
            done[name, expected] = done.get((name, expected), 0) + 1
            if server() != expected:
                self.rng.setstate(state)
                user, path = self.actor()
                self.fail(f"seed {SEED}, step {i}: {name} by {user} of {path}: the model says {expected}")
            if i % 250 == 249:
                for top, node in self.model.root.children.items():
                    self.compare([top], node)
        for top, node in self.model.root.children.items():
            self.compare([top], node)
        print(done, flush=True)
        if STEPS >= 3000:  # nothing was only ever refused
            self.assertGreaterEqual(min(done.get((n, True), 0) for n, _ in done), 5, done)


if __name__ == "__main__":
    main()
