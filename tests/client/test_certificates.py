# SPDX-License-Identifier: Apache-2.0
"""Proxy certificates and expired ones: scenario 41 of the client contract."""

import os
import subprocess

from client_env import ClientTest, main
from quartet_test import TOP

EXPIRED = "2024-01-02T03:04:05"  # by scripts/make-test-ca


class Certificates(ClientTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pki = os.path.dirname(cls.bed.env["QUARTET_CA"])
        said = subprocess.run(["openssl", "x509", "-noout", "-subject", "-nameopt", "RFC2253",
                               "-in", cls.bed.certificate("alice")],
                              capture_output=True, text=True, check=True, timeout=60).stdout
        cls.name = said.strip().removeprefix("subject=")
        subprocess.run([os.path.join(TOP, "scripts", "make-test-ca"), cls.pki,
                        "--proxy", "of-alice=alice", "--proxy", "of-proxy=of-alice",
                        "--expired", f"old-alice={cls.name}"],
                       check=True, timeout=60, capture_output=True)

    def with_certificate(self, name):
        return self.user(name, os.path.join(self.pki, name + ".pem"))

    def test_41_a_proxy_is_who_made_it(self):
        for name in ("of-alice", "of-proxy"):
            with self.subTest(name):
                user = self.with_certificate(name)
                user("vcp", user.write("f", name.encode()), self.vos(name))
                self.assertEqual(self.node(name)["creator"], "alice")
                self.assertIn(name, user("vls", self.vos()).splitlines())
                printed = user.vosfs("fs.pipe(sys.argv[1], b'by vosfs')\n"
                                     "print(fs.cat(sys.argv[1]).decode())", self.at(name + "2"))
                self.assertEqual(printed, "by vosfs\n")
                self.assertEqual(self.node(name + "2")["creator"], "alice")

    def test_41b_an_expired_certificate_still_reads_what_is_public(self):
        user = self.with_certificate("old-alice")
        user("vls", "vos:public")
        self.assertEqual(user.vosfs("print(fs.isdir('/public'))"), "True\n")

    def test_41c_an_expired_certificate_is_told_what_to_do(self):
        self.put("f", b"private")
        user = self.with_certificate("old-alice")
        for command in (["vls", self.vos()], ["vcat", self.vos("f")], ["vrm", self.vos("f")]):
            with self.subTest(command[0]):
                said = user.fails(*command)
                self.assertIn(f"your certificate expired on {EXPIRED}", said)
                self.assertIn("cadc-get-cert", said)
        last = user.vosfs("fs.cat(sys.argv[1])", self.at("f")).splitlines()[-1]
        self.assertIn("PermissionError", last.split())
        self.holds("f", b"private")


main()
