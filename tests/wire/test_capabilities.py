# SPDX-License-Identifier: Apache-2.0
"""What the service says about itself: registry file, capabilities, availability."""

import re
import shutil
import urllib.parse
import xml.etree.ElementTree as ET

from quartet_test import XSI, Testbed, main, unittest, wait_until

VOSI_CAPS = "http://www.ivoa.net/xml/VOSICapabilities/v1.0"
VOSI_AVAIL = "http://www.ivoa.net/xml/VOSIAvailability/v1.0"
USES = {
    "ivo://ivoa.net/std/VOSI#capabilities": ("/capabilities", "full"),
    "ivo://ivoa.net/std/VOSI#availability": ("/availability", "full"),
    "ivo://ivoa.net/std/VOSpace/v2.0#nodes": ("/nodes", "base"),
    "ivo://ivoa.net/std/VOSpace#files-proto": ("/files", "base"),
    "ivo://ivoa.net/std/VOSpace/v2.0#transfers": ("/transfers", "base"),
    "ivo://ivoa.net/std/VOSpace#sync-2.1": ("/synctrans", "full"),
    "ivo://ivoa.net/std/VOSpace/v2.0#sync": ("/synctrans", "full"),
    "ivo://ivoa.net/std/VOSpace#recursive-delete-proto": ("/async-delete", None),
    "ivo://ivoa.net/std/VOSpace#recursive-nodeprops-proto": ("/async-setprops", None),
    "vos://cadc.nrc.ca~vospace/CADC/std/Pkg-1.0": ("/pkg", "full"),
    "ivo://ivoa.net/std/VOSpace/v2.0#protocols": ("/protocols", "full"),
    "ivo://ivoa.net/std/VOSpace/v2.0#views": ("/views", "full"),
    "ivo://ivoa.net/std/VOSpace/v2.0#properties": ("/properties", "full"),
    "vos://cadc.nrc.ca~vospace/CADC/std/VOSpace#nodeprops": ("/async-setprops", None),
}


class Capabilities(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bed = Testbed.start()
        cls.addClassCleanup(cls.bed.close)

    def test_the_registry_names_us_by_all_our_ids(self):
        answer = self.bed.ask("GET", "/reg/resource-caps")
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "text/plain"))
        url = self.bed.env["QUARTET_BASE"] + "/capabilities"
        entries = {}
        self.assertNotIn("\r", answer.text)
        self.assertTrue(answer.text.endswith("\n"))
        for line in answer.text.removesuffix("\n").split("\n"):
            if line.startswith("#") or line == "":
                continue
            self.assertEqual(line.count("="), 1, line)
            name, _, target = line.partition(" = ")
            self.assertNotIn(name, entries)
            entries[name] = target
        for name in ("ivo://example.org/vault", "ivo://cadc.nrc.ca/vault",
                     "ivo://opencadc.org/vault"):
            self.assertEqual(entries[name], url)

    def test_head_works(self):
        for target in ("/capabilities", "/availability", "/reg/resource-caps"):
            answer = self.bed.ask("HEAD", target)
            self.assertEqual((answer.status, answer.body), (200, b""))

    def document(self):
        answer = self.bed.ask("GET", "/capabilities")
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "text/xml"))
        return answer.text

    def test_the_layout_is_the_one_all_clients_read(self):
        text = self.document()
        self.assertIn(f'xmlns:xsi="{XSI}"', text)
        root = ET.fromstring(text)
        self.assertEqual(root.tag, f"{{{VOSI_CAPS}}}capabilities")
        seen = set()
        for capability in root:
            self.assertEqual(capability.tag, "capability")
            standard = capability.get("standardID")
            self.assertRegex(standard, r"^(ivo|vos)://[^/]+/.+")
            self.assertNotIn(standard, seen)
            seen.add(standard)
            interfaces = [part for part in capability if part.tag != "description"]
            self.assertEqual([i.tag for i in interfaces], ["interface"] * 2)
            urls = set()
            for interface in interfaces:
                self.assertEqual(interface.get("role"), "std")
                self.assertEqual(interface.get(f"{{{XSI}}}type"), "vs:ParamHTTP")
                access, *methods = interface
                self.assertEqual(access.tag, "accessURL")
                self.assertEqual({m.tag for m in methods}, {"securityMethod"})
                urls.add((access.text, access.get("use")))
            self.assertEqual(len(urls), 1)
            if standard in USES:
                path, use = USES[standard]
                url, given = urls.pop()
                self.assertEqual(url, self.bed.env["QUARTET_BASE"] + path)
                if use is not None:
                    self.assertEqual(given, use, standard)
            anonymous, named = ([m.get("standardID") for m in i if m.tag == "securityMethod"]
                                for i in interfaces)
            self.assertEqual(anonymous, [None])
            self.assertLessEqual({"ivo://ivoa.net/sso#tls-with-certificate",
                                  "ivo://ivoa.net/sso#BasicAA"}, set(named))
        self.assertLessEqual(set(USES), seen)
        self.assertRegex(text, r"xmlns:vs=\"http://www.ivoa.net/xml/VODataService/v1.1\"")

    def test_what_is_offered_is_there(self):
        for capability in ET.fromstring(self.document()):
            url = capability.find("interface/accessURL").text
            answer = self.bed.ask("GET", url, "alice")
            self.assertNotEqual(answer.status, 404, url)

    def test_the_name_a_client_uses_is_kept_if_it_is_ours(self):
        port = self.bed.env["QUARTET_HOST"].partition(":")[2]
        for host, wanted in ((f"127.0.0.1:{port}", f"127.0.0.1:{port}"),
                             ("evil.example", self.bed.env["QUARTET_HOST"])):
            answer = self.bed.ask("GET", "/capabilities", headers={"Host": host})
            self.assertIn(f">https://{wanted}/vault/nodes<", answer.text)
            self.assertNotIn("evil", answer.text)
            answer = self.bed.ask("GET", "/reg/resource-caps", headers={"Host": host})
            self.assertIn(f"= https://{wanted}/vault/capabilities", answer.text)

    def test_the_server_header_says_nothing_clients_would_parse(self):
        for target in ("/capabilities", "/nodes", "/nodes/none", "/files/none"):
            server = self.bed.ask("GET", target).headers["Server"] or ""
            self.assertNotRegex(server, "vault|cavern|minoc|storage-inventory|ac|cred")
            self.assertRegex(server, r"^quartet/\d+\.\d+$")

    def test_challenges_name_certificate_and_login(self):
        """TS-26: besides the bare ivoa_x509 there is a login by password, and it works."""
        for target in ("/capabilities", "/nodes", "/nodes/alice", "/files/alice/x",
                       "/reg/resource-caps", "/availability"):
            answer = self.bed.ask("GET", target)
            challenges = answer.headers.get_all("WWW-Authenticate")
            self.assertEqual(challenges[0], "ivoa_x509", target)
            login = re.fullmatch(r'ivoa_bearer standard_id="ivo://ivoa.net/sso#tls-with-password", '
                                 r'access_url="([^"=, ]+)"', challenges[1])
            self.assertIsNotNone(login, challenges)
            answer = self.bed.ask("GET", target, "alice")
            self.assertIsNone(answer.headers["WWW-Authenticate"])
            self.assertEqual(answer.headers["X-VO-Authenticated"], "alice")
        form = urllib.parse.urlencode({"username": "bob", "password": self.bed.env["QUARTET_PASS_BOB"]})
        token = self.bed.ask("POST", login[1], None, form,
                             {"Content-Type": "application/x-www-form-urlencoded"}).headers["x-vo-bearer"]
        answer = self.bed.ask("GET", "/nodes/bob", headers={"Authorization": "bearer " + token})
        self.assertEqual((answer.status, answer.headers["X-VO-Authenticated"]), (200, "bob"))

    def test_available(self):
        answer = self.bed.ask("GET", "/availability")
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "text/xml"))
        root = ET.fromstring(answer.body)
        self.assertEqual(root.tag, f"{{{VOSI_AVAIL}}}availability")
        self.assertEqual(root.find(f"{{{VOSI_AVAIL}}}available").text, "true")
        self.assertRegex(root.find(f"{{{VOSI_AVAIL}}}upSince").text, r"^\d{4}-\d\d-\d\dT")
        self.assertEqual(root.findall(f"{{{VOSI_AVAIL}}}note"), [])
        self.assertRegex(answer.text, r"<!--<clientip>[0-9a-f.:]+</clientip>-->")
        self.assertTrue(re.search(r"<clientip>(127\.0\.0\.1|::1)</clientip>", answer.text),
                        answer.text)
        answer = self.bed.ask("GET", "/availability?detail=min")
        self.assertEqual((answer.status, answer.body), (200, b""))


class Availability(unittest.TestCase):
    def setUp(self):
        self.bed = Testbed.start(settings=["probe_period=200ms"])
        self.addCleanup(self.bed.close)

    def state(self):
        root = ET.fromstring(self.bed.ask("GET", "/availability").body)
        return (root.find(f"{{{VOSI_AVAIL}}}available").text,
                [n.text for n in root.findall(f"{{{VOSI_AVAIL}}}note")])

    def test_locations_are_really_looked_at(self):
        self.assertEqual(self.state(), ("true", []))
        for i, location in enumerate(self.bed.locations[:2]):
            shutil.rmtree(location)
            wait_until(lambda n=i + 1: len(self.state()[1]) >= n)
            available, notes = self.state()
            self.assertRegex(notes[i], f"^location {i + 1} is [a-z]+$")
            self.assertNotIn(location, "".join(notes))  # everybody can read this
            # Three of four are enough to write, two are not.
            if i == 0:
                self.assertEqual(available, "true")
                self.assertEqual(self.bed.put("/alice/x", b"x").status, 201)
        wait_until(lambda: self.state()[0] == "false")
        available, notes = self.state()
        self.assertEqual(len(notes), 3, notes)
        self.assertIn("fewer than 3 locations", notes[2])
        answer = self.bed.ask("GET", "/availability?detail=min")
        self.assertEqual(answer.status, 503)
        # Never 503 to a PUT: it would send its body again.
        answer = self.bed.put("/alice/y", b"x")
        self.assertGreaterEqual(answer.status, 500)
        self.assertNotIn(answer.status, (503, 504))
        self.assertTrue(answer.text.startswith("InternalFault: "), answer.text)
        self.assertEqual(self.bed.get("/alice/x").body, b"x")


if __name__ == "__main__":
    main()
