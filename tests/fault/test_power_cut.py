# SPDX-License-Identifier: Apache-2.0
"""The power fails, at every sync of a recording (architecture D74).

A server with a load of uploads, replacements, deletions, moves and property changes, and of
changes of tokens, group members and accounts is recorded (support/power_cut.py). Then for
each of many moments the disks are made as a power cut at that moment leaves them, a server
is started on them, and what it has is compared with what it had acknowledged until then. At some of them it goes on working, is killed and
started once more; at others the power fails again while it starts, at every record.

QUARTET_POWER_CUTS: how many (2000; "all": every record), QUARTET_POWER_SEED (random, printed).
"""

import contextlib
import http.client
import json
import multiprocessing
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

import power_cut
from fault_load import HOT, Load, MARK, Worker, seen
from fault_test import Client, FaultBed, md5, sanitizer_of_build
from quartet_test import CORE, main, unittest, wait_until

CUTS = os.environ.get("QUARTET_POWER_CUTS", "2000")
SEED = os.environ.get("QUARTET_POWER_SEED", str(random.SystemRandom().randrange(10**9)))
PROCESSES = 2
GOES_ON_EACH = 10  # of so many cuts the server at one goes on working
FAILS_AGAIN_EACH = 250  # of so many, at one the power fails again and again while it starts
RECORDER = os.path.join(os.environ.get("QUARTET_BUILD", ""), "tests", "libdisk-recorder.so")
SHARED_MEMORY = "/dev/shm"  # fsync costs nothing there
START_LIMIT_S = 60
LISTENS = "listening on [::1]"  # the last of its doors
RECORDING_LIMIT_S = 120


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """A quartetd on the data of a testbed, or on others laid out like them, without scripts."""

    def __init__(self, bed, data=None):
        self.bed = bed
        self.data = data or bed.dir
        self.host, self.port = "localhost", free_port()
        self.tls, self.connect, self.uri, self.document = bed.tls, self._connect, bed.uri, bed.document
        self.conf = os.path.join(self.data, "cut.conf")
        self.process = None

    def _connect(self, user):
        connection = self.bed.connect(user)
        connection.host, connection.port = self.host, self.port
        return connection

    def configure(self):
        """The testbed's configuration, but for the port and where the data are."""
        keys = ("meta_dir", "locations", "admin_socket", "access_log")
        with open(self.bed.env["QUARTET_CONF"], encoding="utf-8") as f:
            lines = f.read().splitlines()
        with open(self.conf, "w", encoding="utf-8") as f:
            for line in lines:
                if line.startswith(keys):
                    line = line.replace(f'"{self.bed.dir}/', f'"{self.data}/')
                f.write(line.replace(f":{self.bed.port}\"", f":{self.port}\"") + "\n")

    def start(self, environment=None):
        self.configure()
        before = self.log().count(LISTENS)
        with open(os.path.join(self.data, "cut.log"), "ab") as log:
            self.process = subprocess.Popen(
                [os.path.join(os.environ["QUARTET_BUILD"], "service", "quartetd"), "-c", self.conf],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **(environment or {})})
        end = time.monotonic() + START_LIMIT_S
        while True:
            assert self.process.poll() is None, f"it does not start: {self.log()[-1500:]}"
            assert time.monotonic() < end, f"it does not listen: {self.log()[-1500:]}"
            # Trying to connect would take the port itself one day.
            if self.log().count(LISTENS) > before:
                return
            time.sleep(0.004)

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.process = None

    def log(self):
        if not os.path.exists(os.path.join(self.data, "cut.log")):
            return ""
        with open(os.path.join(self.data, "cut.log"), encoding="utf-8", errors="replace") as f:
            return f.read()


class MarkingWorker(Worker):
    """Says in the recording what is under way, and what was acknowledged."""

    def __init__(self, load, number, seed, moves):
        super().__init__(load, number, seed, moves)
        self.number = number
        self.files_max = 6

    def random_bytes(self):
        size = self.rng.choice([0, self.rng.randrange(1, 3000), self.rng.randrange(1, 3000),
                                self.rng.randrange(3000, 50_000), self.rng.randrange(60_000, 120_000)])
        return self.rng.randbytes(size)

    def mark(self):
        self.load.mark(("worker", self.number, self.root, dict(self.known), self.flight))

    def change(self, path, state, request, good):
        def marked():
            self.mark()
            return request()
        super().change(path, state, marked, good)
        self.mark()

    def move_folder(self, path):
        move = self.client.move

        def marked(old, new):
            self.mark()
            return move(old, new)
        self.client.move = marked
        try:
            super().move_folder(path)
        finally:
            self.client.move = move
        self.mark()

    def put_hot(self):
        path = self.rng.choice(HOT)
        data = self.random_bytes()
        self.load.mark(("hot", self.number, path, md5(data)))
        assert self.client.put(path, data) == 201
        self.load.mark(("hot", self.number, path, None))
        self.done += 1


def ask(server, method, target, fields=None):
    """(status, text) of a request of alice's for something else than files."""
    body = urllib.parse.urlencode(fields) if fields is not None else None
    with contextlib.closing(server.connect("alice")) as connection:
        connection.request(method, target, body, {"Content-Type": "application/x-www-form-urlencoded"} if body else {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


class People(threading.Thread):
    """Tokens that come and go, a group whose member does, and a name that changes."""

    def __init__(self, load, seed):
        super().__init__(daemon=True)
        self.load, self.rng = load, random.Random(seed)
        self.tokens = []
        self.wrong = None

    def change(self, key, value, method, target, fields=None):
        self.load.mark(("people", "begin", key, value))
        status, text = ask(self.load.bed, method, target, fields)
        assert status < 300, f"{method} {target}: {status} {text}"
        self.load.mark(("people", "end", key, value))
        return text

    def token(self):
        if len(self.tokens) > 5:
            number, name = self.tokens.pop(0)
            self.change(("token", name), None, "DELETE", f"/account/tokens/{number}")
            return
        name = f"t{self.rng.randrange(10**9)}"
        text = self.change(("token", name), name, "POST", "/account/tokens", {"label": name})
        self.tokens.append((json.loads(text)["id"], name))

    def member(self):
        come = self.rng.random() < 0.5
        self.change("member", come, "PUT" if come else "DELETE", "/gms/groups/cut/userMembers/carol?idType=HTTP")

    def name(self):
        name = f"n{self.rng.randrange(10**9)}"
        self.change("name", name, "POST", "/account", {"display": name})

    def run(self):
        try:
            self.make_group()
            while not self.load.stopping.is_set():
                self.rng.choice([self.token, self.token, self.member, self.name])()
        except (OSError, http.client.HTTPException):
            pass  # the server is gone
        except AssertionError as why:
            self.wrong = why

    def make_group(self):
        self.load.mark(("people", "begin", "group", True))
        document = '<group uri="ivo://cadc.nrc.ca/gms?cut"/>'
        with contextlib.closing(self.load.bed.connect("alice")) as connection:
            connection.request("PUT", "/gms/groups", document, {"Content-Type": "text/xml"})
            answer = connection.getresponse()
            assert answer.status == 201, answer.read()
        self.load.mark(("people", "end", "group", True))


class MarkedLoad(Load):
    worker, threads = MarkingWorker, 3

    def __init__(self, bed, seed, mark):
        self.mark = mark
        super().__init__(bed, seed)
        self.people = People(self, seed)

    def run(self, seconds, end):
        self.people.start()
        super().run(seconds, end)
        self.people.join(60)
        if self.people.wrong is not None:
            raise self.people.wrong


class Expected:
    """What the marks before a cut say of the tree."""

    def __init__(self, marks):
        self.workers = {}
        self.hot = {path: [(0, 0, None)] for path in HOT}  # begin, end, what; as Hot
        self.people = {"member": {False}}  # what each may be
        under_way = {}
        for place, (what, number, *more) in marks:
            if what == "people":
                key, value = more
                if number == "begin":
                    self.people[key] = {value, *self.people.get(key, {None})}
                else:
                    self.people[key] = {value}
                continue
            if what == "worker":
                self.workers[number] = more
                continue
            path, digest = more
            if digest is not None:
                under_way[number] = (place, path, digest)
            else:
                begin, path, digest = under_way.pop(number)
                self.hot[path].append((begin, place, digest))
        for begin, path, digest in under_way.values():
            self.hot[path].append((begin, None, digest))

    def check_people(self, client):
        """Tokens, the group and the name are as acknowledged, or as was just asked for."""
        def get(target):
            return client.ask("GET", "https://localhost" + target)
        tokens = {t["label"] for t in json.loads(get("/account/tokens")[2])}
        status, _, group = get("/gms/groups/cut")
        found = {"group": True if status == 200 else None, "member": b">carol<" in group,
                 "name": json.loads(get("/account")[2])["display"] or None}
        for key, possible in self.people.items():
            value = found[key] if isinstance(key, str) else key[1] if key[1] in tokens else None
            assert value in possible, f"{key}: {value}, not of {possible}"

    def check(self, client):
        """Raises AssertionError; the tree, which is what may be kept of it from now on."""
        self.check_people(client)
        tree = client.tree("/alice")
        for root, known, flight in self.workers.values():
            worker = Worker.__new__(Worker)
            worker.root, worker.known, worker.flight = root, dict(known), flight
            worker.verify(tree)
        for path, writes in self.hot.items():
            latest = max(begin for begin, end, _ in writes if end is not None)
            possible = {what for _, end, what in writes if end is None or end >= latest}
            state = seen(tree, path)
            found = state[1] if state is not None else None
            assert found in possible, f"{path}: {found}, not of {possible}"
        Load.check_sizes(None, tree)
        for path, (kind, values) in tree.items():
            if kind == "DataNode":
                status, data = client.get(path)
                assert status == 200 and md5(data) == values[CORE + "MD5"], f"{path}: {status}"
        return {path: seen(tree, path) for path in tree}


class Explorer:
    """Looks at a part of the cuts, in a process of its own."""

    def __init__(self, bed, folder):
        self.bed, self.folder = bed, folder
        self.again = 0  # cuts while a server started

    def explore(self, cuts, goes_on):
        """(how many cuts, what was wrong)"""
        count, wrong = 0, []
        for count, cut in enumerate(cuts, 1):
            wrong += self.on_disks_of(cut, "data", lambda server, cut=cut: self.look(
                server, cut.marks, goes_on and count % GOES_ON_EACH == 0))
            if goes_on and count % FAILS_AGAIN_EACH == FAILS_AGAIN_EACH // 2:
                wrong += self.on_disks_of(cut, "data", lambda server, cut=cut: self.fail_again(
                    server, cut.marks))
            if len(wrong) >= 5:
                break
        return count + self.again, wrong

    def on_disks_of(self, cut, name, act):
        """What was wrong, as a list."""
        data = os.path.join(self.folder, name)
        cut.write(data)
        server = Server(self.bed, data)
        try:
            act(server)
        except (AssertionError, OSError) as e:
            return [f"{cut}: {e!r}; its log ends with {server.log()[-1000:]}"]
        finally:
            server.kill()
            shutil.rmtree(data)
        return []

    def fail_again(self, server, marks):
        """The power fails while the server starts, anywhere."""
        with power_cut.Recording(self.folder, server.data) as recording:
            server.start(recording.environment(RECORDER))
            server.kill()
            _, total = recording.boundaries()
            for cut in recording.cuts(set(range(total)), f"{SEED} again"):
                wrong = self.on_disks_of(cut, "again", lambda s: self.look(s, marks, False))
                assert not wrong, f"again: {wrong[0]}"
                self.again += 1
        os.unlink(recording.path)

    def look(self, server, marks, goes_on):
        server.start()
        client = Client(server)
        try:
            tree = Expected(marks).check(client)
            if not goes_on:
                return
            assert client.put("/alice/after", b"after the cut") == 201
            assert client.document("POST", "ContainerNode", "/alice", {MARK: "after"}) == 200
        finally:
            client.close()
        server.kill()
        server.start()
        try:
            again = {path: seen(found, path) for found in [client.tree("/alice")] for path in found}
            assert again.pop("/alice/after")[1] == md5(b"after the cut"), "what came after is lost"
            assert again["/alice"][3] == "after", again["/alice"]
            again["/alice"] = tree["/alice"]
            assert again == tree, "the second start has another tree"
        finally:
            client.close()


def run_parts(bed, recording, places, seed, lies=lambda path: False, goes_on=True):
    """All cuts, by some processes: (how many, what was wrong)."""
    places = sorted(places)
    pipes = []
    for part in range(PROCESSES):
        ours, theirs = multiprocessing.Pipe(False)
        pid = os.fork()
        if pid == 0:
            answer = (0, ["the process ended"])
            folder = tempfile.mkdtemp(prefix=f"quartet-cut-{part}-", dir=os.path.dirname(bed.dir))
            try:
                cuts = recording.cuts(set(places[part::PROCESSES]), seed, lies)
                answer = Explorer(bed, folder).explore(cuts, goes_on)
            except BaseException as e:  # pylint: disable=broad-except
                answer = (0, [repr(e)])
            finally:
                shutil.rmtree(folder, ignore_errors=True)
                theirs.send(answer)
                os._exit(0)
        theirs.close()
        pipes.append((pid, ours))
    count, wrong = 0, []
    for pid, pipe in pipes:
        part, errors = pipe.recv()
        os.waitpid(pid, 0)
        count += part
        wrong += errors
    return count, wrong


@unittest.skipIf(sanitizer_of_build(), "a sanitizer and the recorder both want to be the first library")
class PowerCut(unittest.TestCase):
    small_file = 0

    @classmethod
    def setUpClass(cls):
        print(f"\nseed {SEED}", file=sys.stderr)
        base = SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else None
        cls.folder = tempfile.mkdtemp(prefix="quartet-power-", dir=base)
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)

    def record(self, small_file, changes):
        """A load of so many changes: (bed, recording)."""
        bed = FaultBed.start([f"small_file={small_file}", "small_delay=200ms", "gc_delay=100ms", "probe_period=1s",
                              "meta_copy_period=2s", "small_pack=4"], io="threads",
                             directory=os.path.join(self.folder, f"bed-{small_file}"))
        self.addCleanup(shutil.rmtree, bed.dir)
        bed.down()
        recording = self.enterContext(power_cut.Recording(self.folder, bed.dir))
        self.addCleanup(os.unlink, recording.path)
        server = Server(bed)
        server.start(recording.environment(RECORDER))
        try:
            load = MarkedLoad(server, SEED, recording.mark)

            def there_are_enough():
                return load.done >= changes or any(w.wrong for w in load.workers)

            def end():
                wait_until(there_are_enough, RECORDING_LIMIT_S)
                load.stop()
            load.run(0, end)
            time.sleep(0.5)  # what is done afterwards is recorded, too
        finally:
            server.kill()
        self.assertGreaterEqual(load.done, changes)
        return bed, recording, load.done

    def places(self, recording, share):
        """The syncs, and a third more between them."""
        syncs, total = recording.boundaries()
        rng = random.Random(SEED)
        if CUTS == "all":
            return set(range(total))
        wanted = int(int(CUTS) * share)
        between = rng.sample(sorted(set(range(total)) - syncs), wanted // 4)
        chosen = sorted(syncs) if len(syncs) <= wanted - len(between) else rng.sample(
            sorted(syncs), wanted - len(between))
        return {*chosen, *between}

    def check(self, small_file, changes, share):
        bed, recording, done = self.record(small_file, changes)
        places = self.places(recording, share)
        syncs, total = recording.boundaries()
        count, wrong = run_parts(bed, recording, places, SEED)
        print(f"{done} changes, {total} records, {len(syncs)} at syncs; {count} cuts",
              file=sys.stderr)
        self.assertEqual(wrong, [], "\n".join(wrong))
        self.assertGreaterEqual(count, len(places))

    def test_what_was_acknowledged_outlives_a_power_cut_anywhere(self):
        self.check(0, 110, 0.6)

    def test_small_files_outlive_a_power_cut_anywhere(self):
        self.check(57344, 110, 0.4)

    def test_a_disk_that_lies_is_found_out(self):
        """Were a sync left out, this test would say so."""
        bed, recording, _ = self.record(57344, 30)
        syncs, _ = recording.boundaries()
        some = set(sorted(syncs)[::8])
        _, wrong = run_parts(bed, recording, some, SEED, lambda path: True, goes_on=False)
        self.assertTrue(wrong)


if __name__ == "__main__":
    main()
