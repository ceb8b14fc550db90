# SPDX-License-Identifier: Apache-2.0
"""Unmodified clients with tokens, and the first day of somebody new (issue: people)."""

import os
import subprocess
import textwrap
import urllib.parse

import copies
from client_env import ClientTest, main

FORM = {"Content-Type": "application/x-www-form-urlencoded"}

VOSFS_BY_TOKEN = """\
import os, sys, fsspec
fs = fsspec.filesystem("vos", endpoint_url={base!r}, token={token!r})
try:
{script}
except Exception as why:
    print("raised:", type(why).__name__, why)
"""


class Tokens(ClientTest):
    settings = ["registration=approval"]

    def post(self, target, headers=None, user=None, **fields):
        answer = self.bed.ask("POST", target, user, urllib.parse.urlencode(fields), FORM | (headers or {}))
        self.assertLess(answer.status, 300, answer.text)
        return answer.text

    def login(self, name):
        return self.post("/gms/login", username=name, password=self.bed.env[f"QUARTET_PASS_{name.upper()}"])

    def test_the_commands_take_a_token(self):
        """scenario 27: `vls --token`, and everything else that carries one."""
        user = self.user(None)
        for token in (self.login("alice"), self.bed.env["QUARTET_TOKEN_ALICE"]):
            with self.subTest(token[-4:]):
                by = ("--token", token)
                user("vmkdir", *by, self.vos("by-token"))
                user("vcp", *by, user.write("local", b"by token"), self.vos("by-token/f"))
                self.assertIn("f", user("vls", *by, self.vos("by-token")))
                user("vmv", *by, self.vos("by-token/f"), self.vos("by-token/g"))
                user("vchmod", *by, "g+r", self.vos("by-token/g"), "staff")
                user("vcp", *by, self.vos("by-token/g"), "back")
                self.assertEqual(user.read("back"), b"by token")
                self.assertEqual(copies.node(self.bed, self.at("by-token/g"))["creator"], "alice")
                user("vrm", *by, self.vos("by-token/g"))
                user("vrmdir", *by, self.vos("by-token"))

    def test_a_wrong_one_is_refused(self):
        self.user(None).fails("vls", "--token", "A" * 54, self.vos())

    def test_vosfs_takes_a_token(self):
        user = self.user(None)
        script = textwrap.indent(
            "fs.makedirs(sys.argv[1] + '/d/e')\n"
            "fs.pipe(sys.argv[1] + '/d/f', b'by token')\n"
            "fs.mv(sys.argv[1] + '/d/f', sys.argv[1] + '/d/e/g')\n"
            "print(fs.cat(sys.argv[1] + '/d/e/g').decode(), len(fs.ls('/bob')))\n", "    ")
        for token, wanted in ((self.login("alice"), "raised: PermissionError"),):
            said = user("python", "-c", VOSFS_BY_TOKEN.format(base=self.bed.env["QUARTET_BASE"], token=token,
                                                             script=script), self.at())
            self.assertTrue(said.startswith(wanted), said)  # at the last line: not her folder
        self.holds("d/e/g", b"by token")

    def test_a_token_gets_a_certificate(self):
        user = self.user(None)
        user("cadc-get-cert", "--host", self.bed.env["QUARTET_HOST"], "--token", self.login("bob"))
        subject = subprocess.run(["openssl", "x509", "-noout", "-subject", "-in", user.path(".ssl/cadcproxy.pem")],
                                 check=True, capture_output=True, text=True, timeout=60).stdout
        self.assertIn("bob", subject)

    def test_the_first_day_of_somebody_new(self):
        """register -> approve -> certificate -> group -> share -> another reads."""
        host = self.bed.env["QUARTET_HOST"]
        self.post("/account/register", username="nina", password="ninas-password", display="Nina N.")
        self.assertEqual(self.bed.tool("user", "enable", "nina"), (0, ""))
        nina = self.user(None)
        path = nina.write(".netrc", f"machine {host} login nina password ninas-password\n".encode())
        os.chmod(path, 0o600)
        nina("cadc-get-cert", "--host", host, "-n", "--days-valid", "2")
        os.unlink(path)
        nina("vmkdir", "vos:nina/shared")
        nina("vcp", nina.write("data", b"for friends"), "vos:nina/shared/f")
        self.bob.fails("vcat", "vos:nina/shared/f")
        by = ("--cert", nina.path(".ssl/cadcproxy.pem"), "--host", host)
        nina("cadc-groups", "create", *by, "nina-friends")
        nina("cadc-groups", "members", *by, "nina-friends", "--add-user", "bob")
        for node in ("vos:nina", "vos:nina/shared", "vos:nina/shared/f"):
            nina("vchmod", "g+r", node, "nina-friends")
        self.assertEqual(self.bob.cat("vos:nina/shared/f"), "for friends")
        self.carol.fails("vcat", "vos:nina/shared/f")


main()
