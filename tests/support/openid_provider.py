# SPDX-License-Identifier: Apache-2.0
"""An OpenID Connect provider that others wrote, running for a test (openid_provider.mjs).

    with OpenIdProvider(folder) as provider:      # Unavailable without Node.js or npm's index
        provider.settings(bed port) ...
"""

import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import urllib.parse
import urllib.request

from client_packages import Unavailable
from quartet_test import SKIPPED, TOP, wait_until

MODULES = os.environ.get("QUARTET_CLIENT_NPM") or os.path.join(TOP, "build", "client-npm")
PACKAGES = ["oidc-provider@8", "jose@5"]
SCRIPT = os.path.join(TOP, "tests", "support", "openid_provider.mjs")
INSTALL_LIMIT_S = 400
API = "urn:quartet:files"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def _install():
    """Once for all tests of a tree."""
    os.makedirs(MODULES, exist_ok=True)
    with open(MODULES + ".lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = os.path.join(MODULES, "made-with")
        if os.path.exists(stamp):
            return
        with open(os.path.join(MODULES, "package.json"), "w", encoding="utf-8") as f:
            json.dump({"private": True, "type": "module"}, f)
        try:
            done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", *PACKAGES], cwd=MODULES, capture_output=True,
                                  text=True, stdin=subprocess.DEVNULL, timeout=INSTALL_LIMIT_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as why:
            raise Unavailable(str(why)) from why
        if done.returncode != 0:
            raise Unavailable("npm: " + " ".join((done.stdout + done.stderr).split())[-300:])
        with open(stamp, "w", encoding="utf-8") as f:
            f.write("\n".join(PACKAGES))


class OpenIdProvider:
    """Ends, and comes back, when a test says so."""

    def __init__(self, folder):
        _install()
        self.folder = folder
        os.symlink(os.path.join(MODULES, "node_modules"), os.path.join(folder, "node_modules"))
        with open(os.path.join(folder, "package.json"), "w", encoding="utf-8") as f:
            json.dump({"type": "module"}, f)
        shutil.copy(SCRIPT, folder)
        self.port = free_port()
        self.issuer = f"http://127.0.0.1:{self.port}"
        self.redirect = None
        self._process = None
        self._keys = 0
        self.secret = os.path.join(folder, "secret")
        with open(self.secret, "w", encoding="utf-8") as f:
            f.write("a secret of the client\n")
        self.new_key()

    @classmethod
    def or_skip(cls, folder):
        """For setUpClass: where it cannot be had, the tests are skipped."""
        try:
            return cls(folder)
        except Unavailable as why:
            print(f"skipped: {why}", file=sys.stderr)
            sys.exit(SKIPPED)

    def settings(self, **more):
        values = {"openid_issuer": self.issuer, "openid_client_id": "quartet", "openid_client_secret": self.secret,
                  "openid_audience": API, "openid_claim": "preferred_username", "openid_name": "Elsewhere", "openid_retry": "300ms", "openid_timeout": "2s"} | more
        return tuple(f"{name}={value}" for name, value in values.items())

    def _node(self, *words, **how):
        return subprocess.run(["node", "openid_provider.mjs", *words], cwd=self.folder, capture_output=True, text=True,
                              timeout=60, check=True, **how).stdout

    def new_key(self):
        """The old one does not count any more, once it is started again."""
        self._keys += 1
        self._node("key", f"key-{self._keys}")

    def up(self):
        log = open(os.path.join(self.folder, "provider.log"), "a", encoding="utf-8")
        with log:
            self._process = subprocess.Popen(["node", "openid_provider.mjs", "serve", str(self.port), self.redirect or "https://none.invalid/"],
                                             cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

        def it_answers():
            assert self._process.poll() is None, "the provider ended"
            try:
                with urllib.request.urlopen(self.issuer + "/.well-known/openid-configuration", timeout=5) as answer:
                    return answer.status == 200
            except OSError:
                return False
        wait_until(it_answers)

    def down(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def sign(self, *wishes):
        """Tokens as (header, payload, how) say."""
        lines = "".join(json.dumps({"header": h, "payload": p, "how": how}) + "\n" for h, p, how in wishes)
        return self._node("sign", input=lines).split("\n")[:len(wishes)]

    def bearer(self, name="alice", resource=API):
        """A token that the provider gives to a program."""
        body = urllib.parse.urlencode({"grant_type": "client_credentials", "resource": resource, "scope": "files",
                                       "client_id": f"{name}-script", "client_secret": "script"})
        with urllib.request.urlopen(self.issuer + "/token", data=body.encode(), timeout=20) as answer:
            return json.load(answer)["access_token"]
