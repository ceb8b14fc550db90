# SPDX-License-Identifier: Apache-2.0
"""The server that is measured: a throw-away instance of scripts/testbed.

Requests that prepare or check a measurement go through here (http.client, plain HTTP on
loopback); what is timed goes through the C programs, or through Job for moves.
"""

import base64
import contextlib
import http.client
import json
import os
import subprocess
import threading
import time
import urllib.parse

from .errors import BenchError

UP_LIMIT_S = 1200
DOWN_LIMIT_S = 60
REQUEST_LIMIT_S = 120
JOB_LIMIT_S = 60
FORM = "application/x-www-form-urlencoded"
SETTINGS = ["listen_plain=127.0.0.1:0"]
LOCATIONS = ["QUARTET_LOC1", "QUARTET_LOC2", "QUARTET_LOC3", "QUARTET_LOC4"]
NEEDED = ["QUARTET_PLAIN", "QUARTET_BASE", "QUARTET_AUTHORITY", "QUARTET_CA", "QUARTET_CERT_ALICE",
          "QUARTET_PASS_ALICE", "QUARTET_PID", *LOCATIONS]

NODE_NAMESPACE = "http://www.ivoa.net/xml/VOSpace/v2.0"

# The form vos sends: both the default namespace and a prefix, views, an absent type as nil.
NODE_DOCUMENT = """\
<node xmlns="{ns}" xmlns:ns1="{ns}" xmlns:vos="{ns}" \
xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" \
xsi:type="vos:{kind}" uri="{uri}"><ns1:properties>{properties}</ns1:properties>\
<ns1:accepts><view uri="ivo://ivoa.net/vospace/core#defaultview" /></ns1:accepts>\
<ns1:provides><view uri="ivo://ivoa.net/vospace/core#defaultview" /></ns1:provides>\
{nodes}</node>"""

PROPERTY = '<ns1:property readOnly="false" uri="ivo://ivoa.net/vospace/core#{name}"{more}</ns1:property>'

MOVE_DOCUMENT = """\
<vos:transfer xmlns:vos="{ns}" version="2.1"><vos:target>{source}</vos:target>\
<vos:direction>{destination}</vos:direction><vos:keepBytes>{keep}</vos:keepBytes></vos:transfer>"""


def node_document(kind, uri, **properties):
    """`kind` is ContainerNode or DataNode; {n} in `uri` stays for bench-load."""
    texts = [PROPERTY.format(name=name, more=f">{value}") for name, value in properties.items()]
    texts.append(PROPERTY.format(name="type", more=' xsi:nil="true">'))
    nodes = "<ns1:nodes />" if kind == "ContainerNode" else ""
    return NODE_DOCUMENT.format(ns=NODE_NAMESPACE, kind=kind, uri=uri, nodes=nodes,
                                properties="".join(texts))


def read_environment(path):
    """The QUARTET_ variables a shell has after sourcing the file."""
    done = subprocess.run(["sh", "-c", 'set -a && . "$1" && exec env -0', "sh", path],
                          capture_output=True, timeout=10, check=False)
    if done.returncode != 0:
        raise BenchError(f"{path}: {done.stderr.decode(errors='replace').strip()}")
    pairs = (entry.partition("=") for entry in done.stdout.decode().split("\0"))
    return {name: value for name, _, value in pairs if name.startswith("QUARTET_")}


class Testbed:
    """One instance, from `up` to `close`."""

    def __init__(self, program, directory, clock):
        if not os.path.exists(program):
            raise BenchError(f"{program} is missing; only --floors works without it")
        self._program = program
        self._dir = directory
        settings = [argument for setting in SETTINGS for argument in ("--set", setting)]
        try:
            self._call(["up", directory, *settings], clock.limit(UP_LIMIT_S))
            self.env = read_environment(os.path.join(directory, "env"))
            missing = [name for name in NEEDED if not self.env.get(name)]
            if missing:
                raise BenchError(f"the testbed's env lacks {', '.join(missing)}")
        except BaseException:
            with contextlib.suppress(BenchError):
                self.close()  # whatever part of it came up
            raise
        self.plain, self.tls = self.env["QUARTET_PLAIN"], self.env["QUARTET_BASE"]
        url = urllib.parse.urlsplit(self.plain)
        self._host, self._port, self._prefix = url.hostname, url.port, url.path

    def _call(self, arguments, limit_s):
        """Output goes to a file: the server may inherit it and must not hold us."""
        log_path = self._dir + ".log"
        with open(log_path, "w+", encoding="utf-8", errors="replace") as log:
            try:
                code = subprocess.run([self._program, *arguments], stdin=subprocess.DEVNULL,
                                      stdout=log, stderr=log, timeout=limit_s, check=False).returncode
            except subprocess.TimeoutExpired:
                raise BenchError(f"testbed {arguments[0]}: not done after {limit_s:.0f} s") from None
            if code != 0:
                log.seek(0)
                raise BenchError(f"testbed {arguments[0]}: {log.read().strip()[-500:]}")

    def close(self):
        self._call(["down", self._dir], DOWN_LIMIT_S)

    # Who asks

    @property
    def authorization(self):
        """The header's value for alice; a token spares the server a password hash."""
        token = self.env.get("QUARTET_TOKEN_ALICE")
        if token:
            return f"Bearer {token}"
        pair = f"alice:{self.env['QUARTET_PASS_ALICE']}".encode()
        return "Basic " + base64.b64encode(pair).decode()

    @property
    def as_alice(self):
        """For the C programs."""
        return ["-H", f"Authorization: {self.authorization}"]

    @property
    def with_certificate(self):
        return ["-E", self.env["QUARTET_CERT_ALICE"], "-A", self.env["QUARTET_CA"]]

    # What is asked

    def uri(self, path):
        return f"vos://{self.env['QUARTET_AUTHORITY']}{path}"

    def connect(self):
        return http.client.HTTPConnection(self._host, self._port, timeout=REQUEST_LIMIT_S)

    def ask(self, connection, method, path, body=None, kind="text/xml", alice=True):
        """(status, headers, body); `path` is below /vault or a whole URL of ours."""
        if path.startswith("http"):
            url = urllib.parse.urlsplit(path)
            path = url.path + ("?" + url.query if url.query else "")
        else:
            path = self._prefix + path
        headers = {"Authorization": self.authorization} if alice else {}
        if body is not None:
            headers["Content-Type"] = kind
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def must(self, expected, method, path, **more):
        """The same on a connection of its own, for one status only."""
        connection = self.connect()
        try:
            status, headers, body = self.ask(connection, method, path, **more)
        finally:
            connection.close()
        if status != expected:
            raise BenchError(f"{method} {path}: {status} instead of {expected}: {body[:200]!r}")
        return headers, body

    def create(self, kind, path, **properties):
        self.must(201, "PUT", f"/nodes{path}", body=node_document(kind, self.uri(path), **properties))

    def byte_url(self, path, alice=True):
        """The pre-authorised URL of a file, on the plain listener."""
        headers, _ = self.must(303, "GET", f"/files{path}", alice=alice)
        location = urllib.parse.urlsplit(headers["Location"])
        query = "?" + location.query if location.query else ""
        return f"http://{self._host}:{self._port}{location.path}{query}"

    # What operators do

    def tool(self, *words):
        """What the operator's program prints."""
        done = subprocess.run([self.env["QUARTET_TOOL"], "-c", self.env["QUARTET_CONF"], *words],
                              capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 0:
            raise BenchError(f"quartet {' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout

    def repairs_due(self):
        return json.loads(self.tool("--json", "repair", "status"))["due"]

    # What it uses

    @property
    def pid(self):
        value = self.env["QUARTET_PID"]
        if not value.isdigit():
            with open(value, encoding="ascii") as f:
                value = f.read().strip()
        return int(value)

    def memory_kib(self):
        """RssAnon and RssShmem: what LMDB has mapped is not the server's to keep small."""
        total = 0
        with open(f"/proc/{self.pid}/status", encoding="ascii", errors="replace") as lines:
            for line in lines:
                if line.startswith(("RssAnon:", "RssShmem:")):
                    total += int(line.split()[1])
        return total

    def _copies(self, at_least):
        """All copies of files of that size or more."""
        for variable in LOCATIONS:
            for folder, _, names in os.walk(self.env[variable]):
                for name in names:
                    path = os.path.join(folder, name)
                    # A deleted file's copies may go at any moment.
                    with contextlib.suppress(FileNotFoundError):
                        if os.stat(path).st_size >= at_least:
                            yield path

    def drop_caches(self, at_least):
        for path in self._copies(at_least):
            drop_cache(path)

    def fill_caches(self, at_least):
        """Whichever copy the server chooses, it is in the page cache."""
        for path in self._copies(at_least):
            fill_cache(path)


def drop_cache(path):
    with open(path, "rb") as f:
        os.fsync(f.fileno())  # only clean pages can be dropped
        os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def fill_cache(path):
    with open(path, "rb", buffering=0) as f:
        while f.read(1 << 20):
            pass


class MemoryWatch:
    """The largest memory_kib() while the block runs, looked at every few milliseconds."""

    PERIOD_S = 0.01

    def __init__(self, testbed):
        self._testbed = testbed
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.before_kib = self.peak_kib = testbed.memory_kib()

    def _run(self):
        while not self._end.wait(self.PERIOD_S):
            self.peak_kib = max(self.peak_kib, self._testbed.memory_kib())

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()


def run_job(testbed, path, body, kind):
    """A job posted, run and polled without a pause; seconds from first to last byte."""
    connection = testbed.connect()
    try:
        connection.connect()
        began = time.perf_counter()
        status, headers, answer = testbed.ask(connection, "POST", path, body=body, kind=kind)
        if status != 303:
            raise BenchError(f"POST {path}: {status}: {answer[:200]!r}")
        job = headers["Location"]
        status, _, answer = testbed.ask(connection, "POST", job + "/phase", body="PHASE=RUN", kind=FORM)
        if status not in (200, 303):
            raise BenchError(f"POST {job}/phase: {status}: {answer[:200]!r}")
        while True:
            _, _, phase = testbed.ask(connection, "GET", job + "/phase?WAIT=60")
            took = time.perf_counter() - began
            if phase == b"COMPLETED":
                return took
            if phase not in (b"PENDING", b"QUEUED", b"EXECUTING") or took > JOB_LIMIT_S:
                _, _, reason = testbed.ask(connection, "GET", job + "/error")
                raise BenchError(f"{path}: {phase!r} {reason[:200]!r}")
    finally:
        connection.close()


def move(testbed, source, destination, keep=False):
    """A move as vmv asks for it, or a copy."""
    document = MOVE_DOCUMENT.format(ns=NODE_NAMESPACE, source=testbed.uri(source),
                                    destination=testbed.uri(destination), keep=str(keep).lower())
    return run_job(testbed, "/transfers", document, "text/xml")


def delete_tree(testbed, path):
    return run_job(testbed, "/async-delete", urllib.parse.urlencode({"target": testbed.uri(path)}), FORM)


PACKAGE_DOCUMENT = """\
<vos:transfer xmlns:vos="{ns}" version="2.1"><vos:target>{source}</vos:target>\
<vos:direction>pullFromVoSpace</vos:direction>\
<vos:view uri="vos://cadc.nrc.ca~vospace/CADC/std/Pkg-1.0"/></vos:transfer>"""


def download_tar(testbed, path):
    """The package view of a container, read and dropped; (seconds, bytes)."""
    connection = testbed.connect()
    document = PACKAGE_DOCUMENT.format(ns=NODE_NAMESPACE, source=testbed.uri(path))
    try:
        connection.connect()
        began = time.perf_counter()
        status, headers, answer = testbed.ask(connection, "POST", "/synctrans", body=document)
        if status != 303:
            raise BenchError(f"POST /synctrans: {status}: {answer[:200]!r}")
        url = urllib.parse.urlsplit(headers["Location"])
        connection.request("GET", url.path, headers={"Authorization": testbed.authorization})
        stream = connection.getresponse()
        if stream.status != 200:
            raise BenchError(f"GET {url.path}: {stream.status}")
        size = 0
        while part := stream.read(1 << 20):
            size += len(part)
        return time.perf_counter() - began, size
    finally:
        connection.close()
