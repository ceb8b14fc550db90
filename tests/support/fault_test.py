# SPDX-License-Identifier: Apache-2.0
"""What the fault tests share: an instance that is killed, damaged and looked into.

    bed = FaultBed.start(settings=["gc_delay=200ms"])
    bed.kill()                 # kill -9, no good-bye
    bed.up()                   # again, with its data
    bed.settle()               # sweep, removal and repair have nothing left to do
    bed.blobs()                # what really lies in the locations
"""

import contextlib
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
import urllib.parse
import xml.etree.ElementTree as ET

from quartet_test import Testbed, VOS, XSI, wait_until

QUORUM = 3
NAME = re.compile(r"^[0-9a-f]{16}-[0-9a-f]{32}$")
ENGINES = ("uring", "threads")


def md5(data):
    return hashlib.md5(data).hexdigest()


def has_kill_points():
    """True if the programs under test were built with them."""
    build = os.environ.get("QUARTET_BUILD")
    if not build:
        return False
    with open(os.path.join(build, "service", "quartetd"), "rb") as f:
        return b"QUARTET_KILL_AT" in f.read()


def sanitizer_of_build():
    """"address", "thread" or "", from the build tree's cache."""
    build = os.environ.get("QUARTET_BUILD")
    if not build:
        return ""
    with open(os.path.join(build, "CMakeCache.txt"), encoding="utf-8") as f:
        for line in f:
            if line.startswith("QUARTET_SANITIZE:"):
                return line.split("=", 1)[1].strip().split(",")[0]
    return ""


class FaultBed(Testbed):
    @classmethod
    def start(cls, settings=(), options=(), directory=None, io=None):
        """As any testbed, but files are at the locations at once, however small, unless
        the settings say something else of them."""
        if not any(setting.startswith("small_file=") for setting in settings):
            settings = ["small_file=0", *settings]
        return super().start(settings, [*options, *(("--io", io) if io else ())], directory)

    def set(self, key, value):
        """Another value for a setting; from the next start on."""
        path = self.env["QUARTET_CONF"]
        with open(path, encoding="utf-8") as f:
            lines = [line for line in f if not line.startswith(f"{key} = ")]
        with open(path, "w", encoding="utf-8") as f:
            f.writelines([*lines, f'{key} = "{value}"\n'])

    def up_to_die(self, kill_at):
        """Start it so that it dies at a named point (service/core/kill_point.h)."""
        os.environ["QUARTET_KILL_AT"] = kill_at
        try:
            self.up()
        finally:
            del os.environ["QUARTET_KILL_AT"]

    def is_running(self):
        try:
            with open(f"/proc/{self.pid}/stat", encoding="ascii", errors="replace") as f:
                return f.read().rpartition(")")[2].split()[0] not in "ZX"
        except (FileNotFoundError, ProcessLookupError):
            return False

    def wait_dead(self, limit_s=30):
        def it_has_died():
            return not self.is_running()
        wait_until(it_has_died, limit_s, 0.01)
        # A zombie would look alive to scripts/testbed.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.env["QUARTET_PID"])

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        self.wait_dead()

    def health(self):
        """(exit status, the document)."""
        for _ in range(3):  # on a busy machine an answer may take longer than the tool waits
            status, text = self.tool("--json", "health")
            if text.startswith("{"):
                break
        return status, json.loads(text)

    def place(self, number, root):
        """Put a location (1 to 4) on another file system; the server must be down."""
        here = self.locations[number - 1]
        shutil.move(here, os.path.join(root, "loc"))
        os.symlink(os.path.join(root, "loc"), here)

    def place_metadata(self, root):
        """The same with the metadata."""
        here = self.env["QUARTET_META"]
        shutil.move(here, os.path.join(root, "meta"))
        os.symlink(os.path.join(root, "meta"), here)

    def wait_state(self, number, state, limit_s=120):
        """Until health says so of a location (1 to 4)."""
        def the_location_is_in_that_state():
            return self.health()[1]["locations"][number - 1]["state"] == state
        wait_until(the_location_is_in_that_state, limit_s)

    def settle(self, limit_s=120, repaired=True):
        """Wait until nothing happens by itself any more; the health then.

        The sweep is over, nothing waits for removal, and with all locations there every
        missing copy has been made again, unless `repaired` is False.
        """
        found = {}

        def all_is_quiet():
            found.update(self.health()[1])
            assert not any(l["sweep"] == "stopped" for l in found["locations"]), found
            away = not repaired or any(l["state"] != "online" for l in found["locations"])
            return (all(l["sweep"] == "done" for l in found["locations"])
                    and found["store"]["removals_due"] == 0
                    and (away or found["store"]["repairs_due"] == 0)
                    and found["mirror"]["small_files"] == 0
                    and found["mirror"]["transfers"] == 0)
        wait_until(all_is_quiet, limit_s)
        return found

    def blobs(self):
        """For each location a map from file name to path; anything else there is an error."""
        result = []
        for location in self.locations:
            here = {}
            for folder, _, names in os.walk(os.path.join(location, "blob")):
                for name in names:
                    assert NAME.match(name), f"stray file {folder}/{name}"
                    here[name] = os.path.join(folder, name)
            result.append(here)
        return result

    def copies(self, data):
        """Paths of the copies of a file with these bytes, one for each location that has it."""
        digest = md5(data)
        return [path for here in self.blobs() for name, path in here.items()
                if name.endswith(digest)]

    def unfinished(self):
        return [os.path.join(location, "tmp", name) for location in self.locations
                if os.path.isdir(location)
                for name in os.listdir(os.path.join(location, "tmp")) if name != "probe"]

    def memory(self):
        """RssAnon + RssShmem of the server in bytes: what it has, LMDB's map left out."""
        with open(f"/proc/{self.pid}/status", encoding="ascii", errors="replace") as f:
            return sum(int(line.split()[1]) * 1024 for line in f
                       if line.startswith(("RssAnon:", "RssShmem:")))

    def open_files(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def sockets(self):
        """How many the server has open."""
        count = 0
        for name in os.listdir(f"/proc/{self.pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                count += os.readlink(f"/proc/{self.pid}/fd/{name}").startswith("socket:")
        return count


class FaultyBed(FaultBed):
    """One whose disks do what they are told (storage/fault.h); only where has_kill_points().

        rule = bed.fault(location=2, op="fsync", errno="EIO", nth=1, times=1)
        bed.acted(rule)            # on how many operations
        bed.heal()                 # no rule any more; what hangs goes on

    Rules are in force when `fault` returns, and stay over a restart.
    """

    def __init__(self, directory, arguments, keep):
        self.rules = []
        self.generation = 0
        self.file = os.path.join(directory, "faults")
        self.write_rules()
        super().__init__(directory, arguments, keep)

    def up(self):
        os.environ["QUARTET_FAULTS"] = self.file
        try:
            super().up()
        finally:
            del os.environ["QUARTET_FAULTS"]

    def write_rules(self):
        self.generation += 1
        lines = [f"generation {self.generation}", *self.rules]
        with open(self.file + ".new", "w", encoding="ascii") as f:
            f.writelines(line + "\n" for line in lines)
        os.rename(self.file + ".new", self.file)

    def state(self):
        """[(seen, acted)] of the rules, as of now."""
        found = []

        def the_server_has_read_the_rules():
            with contextlib.suppress(FileNotFoundError), open(self.file + ".state", encoding="ascii") as f:
                found[:] = [line.split() for line in f]
            return found[:1] == [["generation", str(self.generation)]]
        self.write_rules()
        if self.is_running():
            wait_until(the_server_has_read_the_rules, 30, 0.002)
        return [(int(seen), int(acted)) for seen, acted in found[1:]]

    def fault(self, **words):
        """One more rule; its number."""
        self.rules.append(" ".join(f"{key}={value}" for key, value in words.items()))
        self.state()
        return len(self.rules) - 1

    def heal(self):
        self.rules = []
        self.state()

    def seen(self, rule):
        return self.state()[rule][0]

    def acted(self, rule):
        return self.state()[rule][1]


class Client:
    """One user on kept-alive connections; a lost connection raises OSError."""

    def __init__(self, bed, user="alice", limit_s=60):
        self.bed = bed
        self.user = user
        self.limit_s = limit_s
        self.connection = None

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def ask(self, method, target, body=None, headers=None):
        """(status, headers, bytes); `target` is below /vault, or a path or URL of ours."""
        if target.startswith("https://"):
            url = urllib.parse.urlsplit(target)
            target = url.path + ("?" + url.query if url.query else "")
        elif not target.startswith(("/vault", "/account", "/gms")):
            target = "/vault" + target
        if self.connection is None:
            self.connection = self.bed.connect(self.user)
            self.connection.timeout = self.limit_s
        try:
            self.connection.request(method, target, body=body, headers=headers or {})
            answer = self.connection.getresponse()
            data = answer.read()
            if answer.will_close:
                self.close()
            return answer.status, answer.headers, data
        except http.client.HTTPException as e:
            self.close()
            raise ConnectionError(str(e)) from e
        except OSError:
            self.close()
            raise

    def put(self, path, data, headers=None):
        return self.ask("PUT", "/files" + urllib.parse.quote(path), data, headers)[0]

    def get(self, path, headers=None, query=""):
        status, fields, data = self.ask("GET", "/files" + urllib.parse.quote(path))
        if status != 303:
            return status, data
        status, _, data = self.ask("GET", fields["Location"] + query, headers=headers)
        return status, data

    def delete(self, path):
        return self.ask("DELETE", "/nodes" + urllib.parse.quote(path))[0]

    def document(self, method, kind, path, properties=None):
        return self.ask(method, "/nodes" + urllib.parse.quote(path),
                        self.bed.document(kind, path, properties).encode(),
                        {"Content-Type": "text/xml"})[0]

    def can_move(self):
        return self.ask("POST", "/transfers", b"")[0] not in (404, 405)

    def move(self, path, to):
        """The phase in which the job ends; None: it was refused."""
        text = (f'<vos:transfer xmlns:vos="{VOS}" version="2.1"><vos:target>{self.bed.uri(path)}'
                f'</vos:target><vos:direction>{self.bed.uri(to)}</vos:direction>'
                '<vos:keepBytes>false</vos:keepBytes></vos:transfer>')
        status, fields, _ = self.ask("POST", "/transfers", text.encode(),
                                     {"Content-Type": "text/xml"})
        if status != 303:
            return None
        job = fields["Location"]
        self.ask("POST", job + "/phase", b"PHASE=RUN",
                 {"Content-Type": "application/x-www-form-urlencoded"})
        end = time.monotonic() + self.limit_s
        while time.monotonic() < end:
            phase = self.ask("GET", job + "/phase")[2].decode().strip()
            if phase not in ("PENDING", "QUEUED", "EXECUTING"):
                return phase
            time.sleep(0.01)
        raise AssertionError(f"{job} does not end")

    def children(self, path):
        """(own properties, {name: (kind, properties)}) of a container, paged as clients do."""
        found, own, start = {}, None, ""
        while True:
            status, _, text = self.ask("GET", f"/nodes{urllib.parse.quote(path)}"
                                              f"?detail=max&limit=500{start}")
            assert status == 200, (path, status, text)
            root = ET.fromstring(text)
            own = properties(root)
            page = [(urllib.parse.unquote(node.get("uri").rpartition("/")[2]), node)
                    for node in root.findall(f"{{{VOS}}}nodes/{{{VOS}}}node")]
            for name, node in page:
                found[name] = (node.get(f"{{{XSI}}}type").removeprefix("vos:"), properties(node))
            if len(page) < 500:
                return own, found
            start = "&uri=" + urllib.parse.quote(page[-1][1].get("uri"), safe="")

    def tree(self, path):
        """Everything below a container: {path: (kind, properties)}, itself included."""
        own, found = self.children(path)
        result = {path: ("ContainerNode", own)}
        for name, (kind, values) in found.items():
            if kind == "ContainerNode":
                result.update(self.tree(f"{path}/{name}"))
            else:
                result[f"{path}/{name}"] = (kind, values)
        return result


def properties(node):
    return {p.get("uri"): p.text or "" for p in node.findall(f"{{{VOS}}}properties/{{{VOS}}}property")}


def retry(limit_s, act):
    """Until it does not raise AssertionError any more."""
    end = time.monotonic() + limit_s
    while True:
        try:
            return act()
        except AssertionError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


@contextlib.contextmanager
def own_file_system(size_mib=64):
    """A directory on a file system of its own that can be frozen; skips without the right."""
    with tempfile.TemporaryDirectory(prefix="quartet-loop-") as top:
        image, root = os.path.join(top, "image"), os.path.join(top, "root")
        os.mkdir(root)
        with open(image, "wb") as f:
            f.truncate(size_mib << 20)
        for words in (["mkfs.ext4", "-q", "-F", image], ["mount", "-o", "loop", image, root]):
            try:
                done = subprocess.run(words, capture_output=True, timeout=60, check=False)
            except FileNotFoundError as e:
                raise unittest.SkipTest(f"kernel: no {words[0]} here") from e
            if done.returncode != 0:
                raise unittest.SkipTest(f"kernel: {words[0]}: {done.stderr.decode().strip()}")
        try:
            yield root
        finally:
            subprocess.run(["umount", root], timeout=60, check=False)


@contextlib.contextmanager
def frozen(root):
    subprocess.run(["fsfreeze", "-f", root], timeout=30, check=True)
    try:
        yield
    finally:
        subprocess.run(["fsfreeze", "-u", root], timeout=30, check=True)
