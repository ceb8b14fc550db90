# SPDX-License-Identifier: Apache-2.0
"""The real, unmodified clients (`vos`, `cadcutils`, `vofs`, `vosfs`) against a testbed.

    from client_env import ClientTest, main

    class Folders(ClientTest):
        def test_01_make_a_folder_and_list_it(self):
            self.alice("vmkdir", self.vos("t"))

    main()

The clients live in a virtual environment (client_packages.py); without them the file is
skipped, never passed. Nothing in them is changed: they trust the testbed's CA because a
copy of the certifi package, which holds nothing but a list of CAs, has that CA appended and
comes first.

Each test has users with fresh homes and a folder of its own, and ends with a look at the
disks: whatever the test left in its folder lies complete and alike at four locations.
"""

import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass

import copies
import quartet_test
from client_packages import NEWEST, Unavailable
from quartet_test import SKIPPED, Testbed, unittest, wait_until

COMMAND_LIMIT_S = 120
USERS = ("alice", "bob", "carol")

HOME_FILES = {
    # What says "asked lately": the clients then do not ask the public index for updates.
    ".config/vos/caches/.pypi_versions.json": '{"releases": {}}',
    ".config/cadcutils/caches/.pypi_versions.json": '{"releases": {}}',
}


def _trust(bed, packages):
    """A directory for PYTHONPATH with a certifi package that knows the testbed's CA."""
    folder = os.path.join(bed.dir, "trust")
    done = subprocess.run([packages.path("bin", "python"), "-c",
                           "import certifi; print(certifi.__path__[0])"],
                          capture_output=True, text=True, timeout=60, check=True)
    package = os.path.join(folder, "certifi")
    shutil.copytree(done.stdout.strip(), package,
                    ignore=shutil.ignore_patterns("__pycache__"))
    with open(bed.env["QUARTET_CA"], encoding="ascii") as f, \
            open(os.path.join(package, "cacert.pem"), "a", encoding="ascii") as bundle:
        bundle.write("\n" + f.read())
    return folder


@dataclass
class Done:
    status: int
    out: str
    err: str

    def __str__(self):
        return f"exit {self.status}\n{self.out}\n{self.err}"


VOSFS = """\
import os, sys, fsspec
fs = fsspec.filesystem("vos", endpoint_url={base!r}, certfile={certificate!r})
try:
{script}
except Exception as why:
    names = [each.__name__ for each in type(why).__mro__]
    print("raised:", " ".join(names[:-1]), why)
"""


class User:
    """Somebody at a terminal: a home, a certificate in it or none, a current directory."""

    def __init__(self, bed, packages, trust, home, name, certificate=None):
        self.home = home
        self.name = name
        self.base = bed.env["QUARTET_BASE"]
        files = dict(HOME_FILES)
        if name is not None:
            with open(certificate or bed.certificate(name), encoding="ascii") as f:
                files[".ssl/cadcproxy.pem"] = f.read()
        for path, text in files.items():
            os.makedirs(os.path.dirname(os.path.join(home, path)), exist_ok=True)
            with open(os.open(os.path.join(home, path), os.O_CREAT | os.O_WRONLY, 0o600), "w",
                      encoding="ascii") as f:
                f.write(text)
        self.environment = {
            "PATH": packages.path("bin") + ":/usr/bin:/bin",
            "HOME": home,
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "PYTHONPATH": trust,
            "SSL_CERT_FILE": bed.env["QUARTET_CA"],  # for vosfs; the commands do not look at it
            "VOSPACE_WEBSERVICE": bed.env["QUARTET_HOST"],
        }

    def run(self, *words, limit_s=COMMAND_LIMIT_S):
        done = subprocess.run(words, cwd=self.home, env=self.environment, capture_output=True,
                              text=True, stdin=subprocess.DEVNULL, timeout=limit_s, check=False)
        return Done(done.returncode, done.stdout, done.stderr)

    def __call__(self, *words):
        """Run a command that must succeed: what it printed."""
        done = self.run(*words)
        assert done.status == 0, f"{self.name}: {' '.join(words)}: {done}"
        return done.out

    def fails(self, *words, status=None, text=""):
        """Run a command that must fail, with this exit status and this in what it says."""
        done = self.run(*words)
        assert done.status != 0, f"{self.name}: {' '.join(words)}: {done}"
        assert status in (None, done.status), f"not {status}: {' '.join(words)}: {done}"
        assert text in done.out + done.err, f"no {text}: {' '.join(words)}: {done}"
        return done.out + done.err

    def cat(self, uri):
        """What vcat prints of a file: it adds two ends of line to each."""
        printed = self("vcat", uri)
        assert printed.endswith("\n\n"), repr(printed)
        return printed[:-2]

    def python(self, script, *arguments):
        """What a script prints that uses the Python module: `client`, `sys.argv` are ready."""
        return self("python", "-c", "import sys, vos\nclient = vos.Client()\n" + script,
                    *arguments)

    def vosfs(self, script, *arguments):
        """What a script prints that uses vosfs: `fs`, `sys.argv` are ready. An exception it
        raises is its last line, as `raised: NAME: TEXT`."""
        certificate = self.path(".ssl/cadcproxy.pem") if self.name else None
        return self("python", "-c", VOSFS.format(base=self.base, certificate=certificate,
                                                 script=textwrap.indent(script, "    ")),
                    *arguments)

    def path(self, name):
        return os.path.join(self.home, name)

    def write(self, name, data):
        """A local file: its path."""
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "wb") as f:
            f.write(data)
        return self.path(name)

    def read(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()


FIELD = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|\S+)')


class Requests:
    """What the access log says from now on."""

    def __init__(self, bed):
        self._bed = bed
        self._path = os.path.join(bed.dir, "access.log")
        self._settle()
        self._start = os.path.getsize(self._path)

    def _lines(self, start=0):
        with open(self._path, encoding="utf-8") as f:
            f.seek(start)
            return f.read().splitlines()

    def _settle(self):
        """Lines are written a moment later: one of our own says that all before it are."""
        mark = f"/vault/nodes/mark-{base64.b16encode(os.urandom(8)).decode()}"
        self._bed.ask("GET", mark)

        def marked():
            return any(mark in line for line in self._lines(getattr(self, "_start", 0)))
        wait_until(marked)

    def take(self, method=None, below=""):
        """Those since the start, or with this method, below this path of the service."""
        self._settle()
        found = []
        for line in self._lines(self._start):
            fields = {name: value.strip('"') for name, value in FIELD.findall(line)}
            if fields["path"].startswith("/vault/nodes/mark-"):
                continue
            if method in (None, fields["method"]) and fields["path"].startswith("/vault" + below):
                found.append(fields)
        return found

    def puts(self):
        """Uploads of bytes."""
        return self.take("PUT", "/files/")


def md5(data):
    return hashlib.md5(data).hexdigest()


class ClientTest(unittest.TestCase):
    """One testbed for all tests of a class."""

    packages = NEWEST
    settings = ()
    home = "/alice"  # where the tests' folders are made

    @classmethod
    def setUpClass(cls):
        cls.bed = Testbed.start(settings=cls.settings)
        cls.addClassCleanup(cls.bed.close)
        cls.trust = _trust(cls.bed, cls.packages)

    def setUp(self):
        number = re.match(r"test_(\w+)", self._testMethodName).group(1)
        self.folder = f"{self.home}/{number}"
        self.assertEqual(self.bed.create("ContainerNode", self.folder).status, 201)
        for name in USERS:
            setattr(self, name, self.user(name))
        self.nobody = self.user(None)

    def tearDown(self):
        copies.check(self.bed, self.folder)

    def user(self, name, certificate=None):
        """A user with a fresh home and this certificate file; None: without one."""
        home = os.path.join(self.bed.dir, "homes", self._testMethodName, name or "nobody")
        return User(self.bed, self.packages, self.trust, home, name, certificate)

    def at(self, name=""):
        """A path in this test's folder."""
        return self.folder + ("/" + name if name else "")

    def vos(self, name=""):
        """The same, as users type it."""
        return "vos:" + self.at(name)[1:]

    def make(self, name, properties=None):
        """A container of alice, made without a client."""
        answer = self.bed.create("ContainerNode", self.at(name), properties=properties)
        self.assertEqual(answer.status, 201, answer.text)

    def put(self, name, data):
        """A file of alice, made without a client."""
        answer = self.bed.put(self.at(name), data)
        self.assertEqual(answer.status, 201, answer.text)

    def requests(self):
        return Requests(self.bed)

    def node(self, name=""):
        """Properties by their short names."""
        return copies.node(self.bed, self.at(name))

    def tree(self, name=""):
        """Everything the service knows of what lies there: to compare."""
        return copies.tree(self.bed, self.at(name))

    def names(self, name=""):
        """The paths below, relative."""
        top = self.at(name)
        return sorted(path[len(top) + 1:] for path in self.tree(name) if path != top)

    def missing(self, name):
        return self.bed.ask("GET", "/nodes" + self.at(name), "admin").status == 404

    def holds(self, name, data):
        """This file has these bytes, in the catalogue and at each location."""
        properties = self.node(name)
        self.assertEqual(properties["length"], str(len(data)))
        # A file that never had a byte has no MD5 either.
        self.assertEqual(properties.get("MD5", md5(b"")), md5(data))
        copies.check_file(self.bed, data)


def main(packages=NEWEST):
    """Run the tests of the calling file, or skip them if there are no clients."""
    try:
        lock = packages.prepare()
    except Unavailable as why:
        print(f"skipped: the clients cannot be installed: {why}", file=sys.stderr)
        sys.exit(SKIPPED)
    with lock:
        quartet_test.main()
