# SPDX-License-Identifier: Apache-2.0
"""What the tests in Python share: a testbed of the build under test, and ways to ask it.

    from quartet_test import Testbed, main, unittest

    class Listing(unittest.TestCase):
        @classmethod
        def setUpClass(cls):
            cls.bed = Testbed.start(settings=["idle_timeout=1s"])
            cls.addClassCleanup(cls.bed.close)

        def test_a_missing_node_is_404(self):
            self.assertEqual(self.bed.ask("GET", "/nodes/none", "alice").status, 404)

    main()

QUARTET_BUILD names the build tree whose programs run (ctest sets it); without it the
release preset is used. Exit status: 0 all passed, 1 some failed, 77 all were skipped.
"""

import contextlib
import http.client
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse
from dataclasses import dataclass

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TESTBED = os.path.join(TOP, "scripts", "testbed")
UP_LIMIT_S = 600
DOWN_LIMIT_S = 90
REQUEST_LIMIT_S = 60
SKIPPED = 77

CORE = "ivo://ivoa.net/vospace/core#"
VOS = "http://www.ivoa.net/xml/VOSpace/v2.0"
XSI = "http://www.w3.org/2001/XMLSchema-instance"


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage  # names compare without case
    body: bytes

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")


def read_environment(path):
    """The QUARTET_ variables a shell has after sourcing the file."""
    done = subprocess.run(["sh", "-c", 'set -a && . "$1" && exec env -0', "sh", path],
                          env={"PATH": os.defpath}, capture_output=True, timeout=10, check=True)
    pairs = (entry.partition("=") for entry in done.stdout.decode().split("\0"))
    return {name: value for name, _, value in pairs if name.startswith("QUARTET_")}


class Testbed:
    """One instance; `env` is what its env file says."""

    wrapper = ()  # a command that scripts/testbed is run by

    def __init__(self, directory, arguments, keep):
        self.dir = directory
        self._keep = keep
        self._arguments = arguments
        self.up()

    @classmethod
    def start(cls, settings=(), options=(), directory=None):
        """A new instance; `settings` are KEY=VALUE, `options` further words for `up`."""
        keep = directory is not None
        directory = directory or tempfile.mkdtemp(prefix="quartet-test-")
        arguments = [*options]
        for setting in settings:
            arguments += ["--set", setting]
        if os.environ.get("QUARTET_BUILD"):
            arguments += ["--build", os.environ["QUARTET_BUILD"]]
        return cls(directory, arguments, keep)

    def _call(self, words, limit_s):
        # The server inherits the output: a file, so that nobody waits for its end.
        with tempfile.TemporaryFile("w+", errors="replace") as log:
            done = subprocess.run([*self.wrapper, TESTBED, *words], stdin=subprocess.DEVNULL, stdout=log,
                                  stderr=log, timeout=limit_s, check=False)
            if done.returncode != 0:
                log.seek(0)
                raise AssertionError(f"testbed {words[0]}: {log.read().strip()[-2000:]}")

    def up(self):
        """Start it, or start it again with its data."""
        self._call(["up", self.dir, *self._arguments], UP_LIMIT_S)
        self.env = read_environment(os.path.join(self.dir, "env"))
        self.host, port = self.env["QUARTET_HOST"].split(":")
        self.port = int(port)

    def down(self):
        self._call(["down", self.dir], DOWN_LIMIT_S)

    def close(self):
        """The end: the server must stop by itself, and a sanitizer must have said nothing."""
        try:
            self.down()
            log = self.log()
            assert "Sanitizer" not in log and "runtime error" not in log, log[-4000:]
        finally:
            if not self._keep:
                shutil.rmtree(self.dir, ignore_errors=True)

    def log(self):
        with open(self.env["QUARTET_LOG"], encoding="utf-8", errors="replace") as f:
            return f.read()

    def access_log(self):
        with open(os.path.join(self.dir, "access.log"), encoding="utf-8", errors="replace") as f:
            return f.read()

    @property
    def pid(self):
        value = self.env["QUARTET_PID"]
        if value.isdigit():
            return int(value)
        with open(value, encoding="ascii") as f:
            return int(f.read())

    @property
    def locations(self):
        return [self.env[f"QUARTET_LOC{i}"] for i in range(1, 5) if f"QUARTET_LOC{i}" in self.env]

    def certificate(self, user):
        return self.env[f"QUARTET_CERT_{user.upper()}"]

    def tool(self, *words, stdin=""):
        """The operator's program: (exit status, output)."""
        done = subprocess.run([self.env["QUARTET_TOOL"], "-c", self.env["QUARTET_CONF"], *words],
                              input=stdin, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout + done.stderr

    # Asking

    def tls(self, user=None):
        context = ssl.create_default_context(cafile=self.env["QUARTET_CA"])
        if user is not None:
            context.load_cert_chain(self.certificate(user))
        return context

    def connect(self, user=None):
        """A TLS connection (http.client); None: anonymous."""
        return http.client.HTTPSConnection(self.host, self.port, context=self.tls(user),
                                           timeout=REQUEST_LIMIT_S)

    def socket(self, user=None, limit_s=REQUEST_LIMIT_S):
        """A TLS socket, for requests no client would send."""
        raw = socket.create_connection((self.host, self.port), timeout=limit_s)
        return self.tls(user).wrap_socket(raw, server_hostname=self.host)

    def ask(self, method, target, user=None, body=None, headers=None):
        """One request on a connection of its own. `target` is below /vault, or a whole URL
        or path of ours; redirects are not followed."""
        if target.startswith("https://"):
            url = urllib.parse.urlsplit(target)
            target = url.path + ("?" + url.query if url.query else "")
        elif not target.startswith(("/vault", "/reg", "/account", "/manage", "/gms", "/cred", "/share")):
            target = "/vault" + target
        with contextlib.closing(self.connect(user)) as connection:
            connection.request(method, target, body=body, headers=headers or {})
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())

    def uri(self, path):
        return f"vos://{self.env['QUARTET_AUTHORITY']}{urllib.parse.quote(path)}"

    def document(self, kind, path, properties=None, target=None):
        """A node document; a property's value None is nil, a plain name is a core one."""
        lines = []
        for name, value in (properties or {}).items():
            uri = name if "#" in name or ":" in name else CORE + name
            lines.append(f'<vos:property uri="{uri}" xsi:nil="true"/>' if value is None else
                         f'<vos:property uri="{uri}">{value}</vos:property>')
        tail = {"ContainerNode": "<vos:nodes/>",
                "LinkNode": f"<vos:target>{target}</vos:target>"}.get(kind, "")
        return (f'<vos:node xmlns:vos="{VOS}" xmlns:xsi="{XSI}" version="2.1" '
                f'uri="{self.uri(path)}" xsi:type="vos:{kind}">'
                f'<vos:properties>{"".join(lines)}</vos:properties>{tail}</vos:node>')

    def create(self, kind, path, user="alice", properties=None, target=None):
        return self.ask("PUT", "/nodes" + urllib.parse.quote(path), user,
                        self.document(kind, path, properties, target), {"Content-Type": "text/xml"})

    @contextlib.contextmanager
    def nodes(self, user="alice"):
        """For thousands of nodes: a function that makes one, all of them on one connection."""
        with contextlib.closing(self.connect(user)) as connection:
            def create(kind, path, properties=None):
                connection.request("PUT", "/vault/nodes" + urllib.parse.quote(path),
                                   body=self.document(kind, path, properties),
                                   headers={"Content-Type": "text/xml"})
                answer = connection.getresponse()
                text = answer.read()
                assert answer.status == 201, f"{path}: {answer.status} {text}"
            yield create

    def put(self, path, data, user="alice", headers=None):
        return self.ask("PUT", "/files" + urllib.parse.quote(path), user, data, headers)

    def get(self, path, user="alice", headers=None, query=""):
        """The bytes of a file: the redirect to the byte URL is followed, as clients do."""
        first = self.ask("GET", "/files" + urllib.parse.quote(path), user)
        if first.status != 303:
            return first
        return self.ask("GET", first.headers["Location"] + query, None, headers=headers)


def wait_until(condition, limit_s=90, period_s=0.05):
    """Bounds are wide: they tell stuck from slow."""
    end = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not so after {limit_s} s: {condition.__name__}")
        time.sleep(period_s)


def main():
    """Run the tests of the calling file."""
    program = unittest.main(module="__main__", exit=False, verbosity=2)
    result = program.result
    if not result.wasSuccessful():
        sys.exit(1)
    sys.exit(SKIPPED if result.testsRun and len(result.skipped) == result.testsRun else 0)
