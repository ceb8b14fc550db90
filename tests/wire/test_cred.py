# SPDX-License-Identifier: Apache-2.0
"""The certificate service, /cred (client contract 10, architecture D12, D42, D43)."""

import base64
import http.client
import os
import signal
import ssl
import subprocess
import tempfile
import threading

from quartet_test import TOP, Testbed, main, unittest, wait_until

CERTIFICATE = "/cred/proxyCert"


def basic(name, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


class Cred(unittest.TestCase):
    settings = ()

    @classmethod
    def setUpClass(cls):
        cls.bed = Testbed.start(settings=cls.settings)
        cls.addClassCleanup(cls.bed.close)
        cls.folder = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="quartet-cred-"))

    def get(self, target, headers=None, certificate=None):
        """(status, headers, text), of a path of the whole server."""
        context = ssl.create_default_context(cafile=self.bed.env["QUARTET_CA"])
        if certificate is not None:
            context.load_cert_chain(certificate)
        connection = http.client.HTTPSConnection(self.bed.host, self.bed.port, context=context, timeout=60)
        self.addCleanup(connection.close)
        connection.request("GET", target, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()

    def of(self, name):
        return basic(name, self.bed.env[f"QUARTET_PASS_{name.upper()}"])

    def keep(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
        return path

    def who(self, certificate):
        return self.get("/vault/nodes/public", certificate=certificate)[1]["X-VO-Authenticated"]

    def say(self, path, *words):
        return subprocess.run(["openssl", "x509", "-noout", *words, "-in", path], check=True,
                              capture_output=True, text=True, timeout=60).stdout


class Users(Cred):
    def test_a_password_gets_a_certificate_that_is_its_owners(self):
        for target in (CERTIFICATE, CERTIFICATE + "?daysValid=3", "/" + CERTIFICATE + "?daysValid=3"):
            with self.subTest(target):
                status, headers, text = self.get(target, self.of("bob"))
                self.assertEqual(status, 200, text)
                self.assertEqual(headers["Cache-Control"], "no-store")
                self.assertTrue(text.startswith("-----BEGIN PRIVATE KEY-----\n"))
                path = self.keep("bob.pem", text)
                self.assertEqual(self.who(path), "bob")
                self.assertIn("will not expire", self.say(path, "-checkend", str(3 * 86400 - 600)))
                subprocess.run(["openssl", "verify", "-CAfile", self.bed.env["QUARTET_CA"], "-purpose",
                                "sslclient", "-x509_strict", path], check=True, capture_output=True, timeout=60)

    def test_so_does_a_certificate_but_no_limited_proxy(self):
        status, _, text = self.get(CERTIFICATE, certificate=self.bed.certificate("alice"))
        self.assertEqual(status, 200, text)
        self.assertEqual(self.who(self.keep("alice.pem", text)), "alice")
        pki = os.path.dirname(self.bed.env["QUARTET_CA"])
        subprocess.run([os.path.join(TOP, "scripts", "make-test-ca"), pki, "--limited-proxy", "few=alice"], check=True,
                       timeout=60, capture_output=True)
        status, _, text = self.get(CERTIFICATE, certificate=os.path.join(pki, "few.pem"))
        self.assertEqual(status, 403, text)
        self.assertIn("limited proxy", text)

    def test_nobody_gets_none(self):
        status, headers, text = self.get(CERTIFICATE)
        self.assertEqual(status, 401)
        self.assertIn("ivoa_x509", headers["WWW-Authenticate"])
        self.assertEqual(self.get(CERTIFICATE, basic("bob", "wrong"))[0], 401)
        self.assertEqual(self.get(CERTIFICATE, basic("who", "wrong"))[0], 401)

    def test_days_are_a_number_within_the_limit(self):
        for days in ("", "0", "-1", "31", "1.5", "ten", "1e1", "99999999999999999999", "%201"):
            with self.subTest(days):
                status, _, text = self.get(f"{CERTIFICATE}?daysValid={days}", self.of("bob"))
                self.assertEqual(status, 400, text)
                self.assertIn("from 1 to 30", text)

    def test_an_account_without_a_name_for_certificates_gets_one(self):
        self.assertEqual(self.bed.tool("user", "add", "newcomer")[0], 0)
        self.assertEqual(self.bed.tool("user", "password", "newcomer", stdin="a long password\n")[0], 0)
        for _ in range(2):
            status, _, text = self.get(CERTIFICATE, basic("newcomer", "a long password"))
            self.assertEqual(status, 200, text)
            path = self.keep("newcomer.pem", text)
            self.assertEqual(self.who(path), "newcomer")
            self.assertIn("CN = newcomer", self.say(path, "-subject"))

    def test_any_name_an_account_may_have_can_be_in_a_certificate(self):
        for number, dn in enumerate(["CN=Jo Döe,OU=a\\,b,O=Grid,C=CA", "CN=x+UID=7,DC=example,DC=org",
                                     "EMAILADDRESS=jo@example.org,CN=jo,O=Grid", "/C=CA/O=Grid/OU=x=y/CN=Jo/Ann"]):
            with self.subTest(dn):
                name = f"odd{number}"
                self.assertEqual(self.bed.tool("user", "add", name, "--dn", dn)[0], 0)
                self.assertEqual(self.bed.tool("user", "password", name, stdin="a long password\n")[0], 0)
                status, _, text = self.get(CERTIFICATE, basic(name, "a long password"))
                self.assertEqual(status, 200, text)
                self.assertEqual(self.who(self.keep(f"{name}.pem", text)), name)

    def test_serial_numbers_are_logged_and_keys_are_not(self):
        _, _, text = self.get(CERTIFICATE, self.of("carol"))
        path = self.keep("carol.pem", text)
        serial = self.say(path, "-serial").strip().partition("=")[2].lower()

        def it_is_in_the_log():
            return f"certificate {serial} for carol " in self.bed.log()
        wait_until(it_is_in_the_log)
        self.assertNotIn(text.splitlines()[1], self.bed.log())

    def test_a_disabled_account_has_no_use_for_its_certificate(self):
        self.assertEqual(self.bed.tool("user", "add", "leaver")[0], 0)
        self.assertEqual(self.bed.tool("user", "password", "leaver", stdin="a long password\n")[0], 0)
        _, _, text = self.get(CERTIFICATE, basic("leaver", "a long password"))
        path = self.keep("leaver.pem", text)
        self.assertEqual(self.who(path), "leaver")
        self.assertEqual(self.bed.tool("user", "disable", "leaver")[0], 0)
        self.assertIsNone(self.who(path))
        self.assertEqual(self.get(CERTIFICATE, basic("leaver", "a long password"))[0], 401)

    def test_registry_and_capabilities_lead_to_it(self):
        status, _, text = self.get("/reg/resource-caps")
        base = f"https://{self.bed.env['QUARTET_HOST']}/cred"
        self.assertIn(f"ivo://cadc.nrc.ca/cred = {base}/capabilities", text.splitlines())
        status, _, text = self.get("/cred/capabilities")
        self.assertEqual(status, 200)
        self.assertIn("ivo://ivoa.net/std/CDP#proxy-1.0", text)
        self.assertIn(base + "/proxyCert", text)
        self.assertEqual(self.get("/cred/availability")[0], 200)


class Renewed(Cred):
    """The authority's own pair is replaced while the server serves."""

    @classmethod
    def setUpClass(cls):
        cls.place = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="quartet-ca-"))
        cls.certificate_file, cls.key_file = os.path.join(cls.place, "user-ca.pem"), os.path.join(cls.place, "user-ca.key")
        cls.settings = (f"user_ca_certificate={cls.certificate_file}", f"user_ca_key={cls.key_file}", "loops=3")
        cls.made = {name: cls.authority(name) for name in ("First", "Second")}
        cls.install(*cls.made["First"])
        super().setUpClass()

    @classmethod
    def authority(cls, name):
        """(certificate, key), as the README has it."""
        certificate, key = os.path.join(cls.place, name + ".pem"), os.path.join(cls.place, name + ".key")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650",
                        "-subj", f"/O=example/CN={name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", key,
                        "-out", certificate], check=True, capture_output=True, timeout=60)
        texts = []
        for path in (certificate, key):
            with open(path, encoding="ascii") as f:
                texts.append(f.read())
        return texts

    @classmethod
    def install(cls, certificate, key):
        for path, text in ((cls.certificate_file, certificate), (cls.key_file, key)):
            with open(path, "w", encoding="ascii") as f:
                f.write(text)

    def reload(self, words="were read again"):
        before = self.bed.log().count(words)
        os.kill(self.bed.pid, signal.SIGHUP)
        wait_until(lambda: self.bed.log().count(words) > before)

    def setUp(self):
        self.install(*self.made["First"])
        self.reload()

    def new(self, name="one.pem"):
        """A certificate just given: its file."""
        status, _, text = self.get(CERTIFICATE, certificate=self.bed.certificate("carol"))
        self.assertEqual(status, 200, text)
        return self.keep(name, text)

    def issuer(self, path):
        return self.say(path, "-issuer").strip().rpartition("CN = ")[2]

    def test_the_new_one_signs_and_the_old_one_is_believed_no_more(self):
        old = self.new("old.pem")
        self.assertEqual((self.issuer(old), self.who(old)), ("First", "carol"))
        context = ssl.create_default_context(cafile=self.bed.env["QUARTET_CA"])
        context.load_cert_chain(old)
        open_one = http.client.HTTPSConnection(self.bed.host, self.bed.port, context=context, timeout=60)
        self.addCleanup(open_one.close)

        def is_on_the_open_one():
            open_one.request("GET", "/vault/nodes/public?limit=0")
            answer = open_one.getresponse()
            answer.read()
            return answer.headers["X-VO-Authenticated"]
        self.assertEqual(is_on_the_open_one(), "carol")
        self.install(*self.made["Second"])
        self.assertEqual(self.issuer(self.new()), "First")  # it was not told yet
        self.reload()
        for _ in range(8):  # whichever loop it is
            new = self.new()
            self.assertEqual((self.issuer(new), self.who(new)), ("Second", "carol"))
            self.assertIsNone(self.who(old))
        self.assertIsNone(is_on_the_open_one())
        self.assertEqual(self.who(self.bed.certificate("alice")), "alice")  # of client_ca

    def test_the_old_one_is_believed_as_long_as_it_is_in_the_file(self):
        old = self.new("old.pem")
        (first, _), (second, key) = self.made["First"], self.made["Second"]
        self.install(second + first, key)
        self.reload()
        new = self.new()
        self.assertEqual(self.issuer(new), "Second")
        self.assertEqual((self.who(old), self.who(new)), ("carol", "carol"))
        self.install(second, key)
        self.reload()
        self.assertEqual((self.who(old), self.who(new)), (None, "carol"))

    def test_a_pair_that_is_none_leaves_the_old_one_in_use(self):
        old = self.new("old.pem")
        (first, first_key), (second, second_key) = self.made["First"], self.made["Second"]
        leaf = self.bed.certificate("alice")
        with open(leaf, encoding="ascii") as f:
            user = f.read()
        for certificate, key, words in ((second, first_key, f"{self.key_file} is not the key of {self.certificate_file}"),
                                        (first, second_key, f"{self.key_file} is not the key of {self.certificate_file}"),
                                        ("nonsense\n", second_key, f"{self.certificate_file} holds no certificate"),
                                        (second, "", f"{self.key_file} holds no private key without a password"),
                                        (user, user, f"{self.certificate_file}: the certificate is not that of an authority")):
            self.install(certificate, key)
            self.reload(words + "; what was in use stays in use")
            new = self.new()
            self.assertEqual((self.issuer(new), self.who(new), self.who(old)), ("First", "carol", "carol"), words)
        os.unlink(self.certificate_file)
        self.reload(f"cannot open {self.certificate_file}")
        self.assertEqual(self.issuer(self.new()), "First")
        self.assertNotIn("BEGIN", self.bed.log())

    def test_another_file_that_is_wrong_leaves_it_in_use_too(self):
        self.install(*self.made["Second"])
        path = os.path.join(self.bed.dir, "server.pem")
        os.rename(path, path + ".kept")
        try:
            self.reload("server.pem")
            new = self.new()
            self.assertEqual((self.issuer(new), self.who(new)), ("First", "carol"))
        finally:
            os.rename(path + ".kept", path)

    def test_every_certificate_given_meanwhile_is_good(self):
        (first, first_key), (second, second_key) = self.made["First"], self.made["Second"]
        over, wrong, given = threading.Event(), [], []

        def ask(number):
            while not over.is_set():
                try:
                    path = self.new(f"meanwhile{number}.pem")
                    given.append(self.issuer(path))
                    if self.who(path) != "carol":
                        raise AssertionError(f"of {given[-1]}, and is not believed")
                except Exception as fault:  # pylint: disable=broad-except
                    wrong.append(fault)
                    return
        threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        try:
            for i in range(20):
                self.install(*((second + first, second_key) if i % 2 == 0 else (first + second, first_key)))
                self.reload()
        finally:
            over.set()
            for thread in threads:
                thread.join()
        self.assertEqual(wrong, [])
        self.assertEqual(set(given), {"First", "Second"})


class Without(unittest.TestCase):
    def test_without_an_authority_none_is_issued(self):
        bed = Testbed.start(settings=["user_ca_certificate=", "user_ca_key="])
        self.addCleanup(bed.close)
        answer = bed.ask("GET", f"https://{bed.env['QUARTET_HOST']}{CERTIFICATE}", "alice")
        self.assertEqual(answer.status, 404)
        self.assertIn("user_ca_certificate is not set", answer.text)
        self.assertNotIn("/cred", bed.ask("GET", "/reg/resource-caps").text)

    def test_a_key_that_is_not_the_certificates_is_named(self):
        with self.assertRaisesRegex(AssertionError, "is not the key of"):
            with tempfile.TemporaryDirectory(prefix="quartet-cred-") as folder:
                key = os.path.join(folder, "key")
                subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt",
                                "ec_paramgen_curve:P-256", "-out", key], check=True, capture_output=True, timeout=60)
                Testbed.start(settings=[f"user_ca_key={key}"]).close()


if __name__ == "__main__":
    main()
