# SPDX-License-Identifier: Apache-2.0
"""Certificates from the service itself: scenario 27 of the client contract."""

import os
import stat
import subprocess

import copies
from client_env import ClientTest, main


class GetCert(ClientTest):
    def newcomer(self, name="bob", password=None):
        """Somebody with a password in .netrc, and no certificate yet."""
        user = self.user(None)
        host = self.bed.env["QUARTET_HOST"]
        password = password or self.bed.env[f"QUARTET_PASS_{name.upper()}"]
        path = user.write(".netrc", f"machine {host} login {name} password {password}\n".encode())
        os.chmod(path, stat.S_IRUSR | stat.S_IWUSR)
        return user

    def days_left(self, path):
        """Is it good for so many days, and not for a day more?"""
        return [days for days in range(60) if subprocess.run(
            ["openssl", "x509", "-noout", "-checkend", str(days * 86400), "-in", path],
            capture_output=True, timeout=60, check=False).returncode == 0][-1] + 1

    def test_27_a_certificate_by_password(self):
        user = self.newcomer()
        host = self.bed.env["QUARTET_HOST"]
        user("cadc-get-cert", "--host", host, "-n", "--days-valid", "7")
        certificate = user.path(".ssl/cadcproxy.pem")
        self.assertEqual(self.days_left(certificate), 7)
        os.unlink(user.path(".netrc"))
        user("vcp", user.write("f", b"by certificate"), "vos:bob/27")
        self.assertEqual(user.cat("vos:bob/27"), "by certificate")
        self.assertEqual(copies.node(self.bed, "/bob/27")["creator"], "bob")
        user("vrm", "vos:bob/27")

    def test_27b_a_wrong_password_gets_none(self):
        user = self.newcomer(password="wrong")
        said = user.run("cadc-get-cert", "--host", self.bed.env["QUARTET_HOST"], "-n")
        self.assertIn("invalid username/password", said.out + said.err)
        self.assertFalse(os.path.exists(user.path(".ssl/cadcproxy.pem")))

    def test_27c_more_days_than_there_are(self):
        user = self.newcomer()
        said = user.fails("cadc-get-cert", "--host", self.bed.env["QUARTET_HOST"], "-n",
                          "--days-valid", "400")
        self.assertIn("from 1 to 30", said)


main()
