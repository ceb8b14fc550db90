# SPDX-License-Identifier: Apache-2.0
"""The table of attempts (architecture D12, D38-D42, D50, D51): each row is one that must fail.

A row is a method of Attempts whose name says what somebody tries. What a browser alone shows (script in
names, where signing in leads to) is in tests/client/browser.
"""

import base64
import contextlib
import hashlib
import hmac
import http.client
import json
import os
import re
import ssl
import subprocess
import time
import urllib.parse

from quartet_test import TOP, Testbed, main, unittest, wait_until

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
XML = {"Content-Type": "text/xml"}
LEAST = 60


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwt(header, claims, key=b""):
    head = b64url(json.dumps(header).encode()) + "." + b64url(json.dumps(claims).encode())
    return head + "." + (b64url(hmac.new(key, head.encode(), hashlib.sha256).digest()) if key else "")


class Attempts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bed = Testbed.start(settings=["registration=approval"])
        cls.addClassCleanup(cls.bed.close)
        bed = cls.bed
        bed.create("ContainerNode", "/alice/private")
        assert bed.put("/alice/private/f", b"the secret bytes").status == 201
        cls.ca = os.path.join(bed.dir, "more")
        dn = "CN=alice,OU=users,O=example.org"
        with open(os.path.join(bed.dir, "alice.pem"), encoding="ascii") as f:
            alice = f.read()
        # Certificates of the testbed's own authority, and of one nobody here knows.
        for folder, words in ((bed.dir, ["--user", f"victim={dn}", "--expired", f"expired={dn}", "--proxy", "proxy=victim",
                                         "--limited-proxy", "limited=victim", "--user", "almost=CN=alice,OU=users,O=example.org,C=CA",
                                         "--user", "nested=CN=mallory/CN=alice,OU=users,O=example.org",
                                         "--user", "proxylike=CN=mallory,CN=alice,OU=users,O=example.org"]),
                              (cls.ca, ["--user", f"foreign={dn}"])):
            subprocess.run([os.path.join(TOP, "scripts", "make-test-ca"), folder, *words], check=True, capture_output=True,
                           timeout=120)
        with open(os.path.join(bed.dir, "alice.pem"), encoding="ascii") as f:
            assert f.read() == alice
        cls.own = os.path.join(bed.dir, "self-signed.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", "/O=example.org/OU=users/CN=alice", "-keyout", cls.own, "-out", cls.own + ".crt"],
                       check=True, capture_output=True, timeout=60)
        with open(cls.own, "a", encoding="ascii") as f, open(cls.own + ".crt", encoding="ascii") as crt:
            f.write(crt.read())

    def form(self, target, fields, user=None, headers=None, method="POST"):
        return self.bed.ask(method, target, user, urllib.parse.urlencode(fields), FORM | (headers or {}))

    def by(self, certificate, method="GET", target="/vault/nodes/alice/private", body=None, headers=None):
        """A request with this certificate file."""
        context = ssl.create_default_context(cafile=self.bed.env["QUARTET_CA"])
        context.load_cert_chain(certificate)
        with contextlib.closing(http.client.HTTPSConnection(self.bed.host, self.bed.port, context=context, timeout=60)) as c:
            c.request(method, target, body, headers or {})
            answer = c.getresponse()
            return answer.status, answer.headers, answer.read().decode("utf-8", "replace")

    def login(self, name="bob"):
        return self.form("/gms/login", {"username": name, "password": self.bed.env[f"QUARTET_PASS_{name.upper()}"]}).text

    def cookie(self, name="bob"):
        answer = self.form("/account/session", {"username": name, "password": self.bed.env[f"QUARTET_PASS_{name.upper()}"]})
        return answer.headers["Set-Cookie"].partition(";")[0]

    def raw(self, text):
        """What comes back for these bytes."""
        with self.bed.socket("alice", 20) as s:
            s.sendall(text)
            with contextlib.suppress(TimeoutError, ssl.SSLError, ConnectionError):
                return s.recv(65536).decode("latin-1")
        return ""

    def preauth(self, path="/alice/private/f", user="alice", method="GET"):
        answer = self.bed.ask(method, "/files" + path, user)
        return answer.headers["Location"]

    def refused(self, answer, *status):
        self.assertIn(answer.status, status or (401, 403, 404), answer.text[:300])
        self.assertNotIn("the secret bytes", answer.text)

    def nobody(self, headers):
        """These headers make nobody somebody."""
        answer = self.bed.ask("GET", "/nodes/alice/private", headers=headers)
        self.refused(answer, 401)
        self.assertIsNone(answer.headers["X-VO-Authenticated"])

    # Tokens

    def test_a_token_made_up(self):
        self.nobody(bearer(b64url(os.urandom(40))))

    def test_a_token_of_zeros_and_of_ones(self):
        for byte in (b"\0", b"\xff"):
            self.nobody(bearer(b64url(byte * 40)))

    def test_anothers_account_number_in_ones_own_token(self):
        token = bytearray(base64.urlsafe_b64decode(self.login() + "=="))
        for account in range(1, 12):
            token[7] = account
            answer = self.bed.ask("GET", "/nodes/alice/private", headers=bearer(b64url(bytes(token))))
            self.refused(answer, 401, 403)

    def test_every_bit_of_a_token_turned(self):
        token = base64.urlsafe_b64decode(self.bed.env["QUARTET_TOKEN_ALICE"] + "==")
        with contextlib.closing(self.bed.connect()) as c:
            for bit in range(0, 8 * len(token)):
                spoilt = bytearray(token)
                spoilt[bit // 8] ^= 1 << bit % 8
                c.request("GET", "/vault/nodes/alice/private", headers=bearer(b64url(bytes(spoilt))))
                answer = c.getresponse()
                answer.read()
                self.assertEqual(answer.status, 401, bit)

    def test_a_token_cut_short_or_with_more_behind_it(self):
        token = self.bed.env["QUARTET_TOKEN_ALICE"]
        for text in (token[:-1], token + "A", token + "=", token + "." + token, token + " x", token + ",", " ", "", token.lower()):
            self.nobody(bearer(text))

    def test_a_jwt_without_a_signature(self):
        claims = {"sub": "alice", "aud": "quartet", "exp": int(time.time()) + 3600, "scope": "read write"}
        for alg in ("none", "None", "NONE", "nOnE", ""):
            self.nobody(bearer(jwt({"alg": alg, "typ": "JWT"}, claims)))

    def test_a_jwt_signed_with_what_is_public(self):
        claims = {"sub": "alice", "aud": "quartet", "exp": int(time.time()) + 3600}
        with open(self.bed.env["QUARTET_CA"], "rb") as f:
            pem = f.read()
        for key in (pem, b"secret", b"quartet", b"\0"):
            self.nobody(bearer(jwt({"alg": "HS256"}, claims, key)))

    def test_a_jwt_that_names_its_own_key(self):
        header = {"alg": "HS256", "jku": "https://evil.example/keys", "kid": "../../../../dev/null", "jwk": {"kty": "oct", "k": b64url(b"x")}}
        self.nobody(bearer(jwt(header, {"sub": "alice"}, b"x")))

    def test_a_signed_token_of_the_classic_service(self):
        text = f"expirytime={int(time.time() * 1000) + 10 ** 8}&userid=alice&scope=&domain=example.org&signature=AAAA"
        self.nobody(bearer(base64.b64encode(text.encode()).decode()))
        self.nobody({"Cookie": f'CADC_SSO="{base64.b64encode(text.encode()).decode()}"'})

    def test_a_delegation_token_header(self):
        self.nobody({"X-CADC-DelegationToken": self.bed.env["QUARTET_TOKEN_ALICE"]})

    def test_a_revoked_token_again(self):
        made = json.loads(self.form("/account/tokens", {}, "bob").text)
        self.assertEqual(self.bed.ask("GET", "/nodes/bob", headers=bearer(made["token"])).status, 200)
        self.bed.ask("DELETE", f"/account/tokens/{made['id']}", "bob")
        self.refused(self.bed.ask("GET", "/nodes/bob", headers=bearer(made["token"])), 401)

    def test_anothers_token_revoked(self):
        made = json.loads(self.form("/account/tokens", {}, "alice").text)
        self.refused(self.bed.ask("DELETE", f"/account/tokens/{made['id']}", "bob"), 404)
        self.assertEqual(self.bed.ask("GET", "/nodes/alice", headers=bearer(made["token"])).status, 200)

    def test_a_token_makes_a_longer_one(self):
        self.refused(self.form("/account/tokens", {"days": "366"}, headers=bearer(self.login())), 403)
        self.refused(self.form("/gms/login", {}, headers=bearer(self.login())), 403)

    def test_a_token_in_the_query(self):
        token = self.bed.env["QUARTET_TOKEN_ALICE"]
        for query in (f"access_token={token}", f"token={token}", f"bearer={token}"):
            self.refused(self.bed.ask("GET", f"/nodes/alice/private?{query}"), 401)

    def test_two_authorizations(self):
        token = self.bed.env["QUARTET_TOKEN_ALICE"]
        said = self.raw(b"GET /vault/nodes/bob HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token.encode() +
                        b"\r\nAuthorization: Bearer x\r\nConnection: close\r\n\r\n")
        self.assertRegex(said, r"^HTTP/1.1 (400|401|403) ")

    # Cookies

    def test_a_cookie_made_up(self):
        self.nobody({"Cookie": "__Host-quartet=" + b64url(os.urandom(40))})

    def test_a_bearer_token_as_a_cookie(self):
        self.nobody({"Cookie": "__Host-quartet=" + self.bed.env["QUARTET_TOKEN_ALICE"]})

    def test_a_cookie_as_a_bearer_token(self):
        self.nobody(bearer(self.cookie("alice").partition("=")[2]))

    def test_a_cookie_by_another_name(self):
        value = self.cookie("alice").partition("=")[2]
        for name in ("quartet", "__Secure-quartet", "__host-quartet", "x__Host-quartet"):
            self.nobody({"Cookie": f"{name}={value}"})

    def test_a_cookie_after_signing_out(self):
        cookie = self.cookie("alice")
        self.bed.ask("DELETE", "/account/session", headers={"Cookie": cookie})
        self.nobody({"Cookie": cookie})

    def test_a_cookie_for_another_host_or_path(self):
        answer = self.form("/account/session", {"username": "bob", "password": self.bed.env["QUARTET_PASS_BOB"]}, headers={"Host": "evil.example"})
        cookie = answer.headers["Set-Cookie"]
        self.assertTrue(cookie.startswith("__Host-") and "Secure" in cookie and "Path=/;" in cookie and "omain" not in cookie)

    def test_a_session_chosen_by_the_attacker(self):
        chosen = "__Host-quartet=" + b64url(os.urandom(40))
        answer = self.form("/account/session", {"username": "bob", "password": self.bed.env["QUARTET_PASS_BOB"]}, headers={"Cookie": chosen})
        self.assertNotIn(chosen, answer.headers["Set-Cookie"])
        self.nobody({"Cookie": chosen})

    def test_the_attackers_own_session_before_the_victims(self):
        """He signs in, and his cookie is in her browser: she gets one of her own, his stays his."""
        his = self.cookie("bob")
        answer = self.form("/account/session", {"username": "alice", "password": self.bed.env["QUARTET_PASS_ALICE"]}, headers={"Cookie": his})
        self.assertNotEqual(answer.headers["Set-Cookie"].partition(";")[0], his)
        self.assertEqual(self.bed.ask("GET", "/nodes/public", headers={"Cookie": his}).headers["X-VO-Authenticated"], "bob")

    # Another site's page

    def forged(self, method, target, body=None, how=None, headers=None):
        cookie = {"Cookie": self.cookie("alice")}
        for site in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
                     {"Origin": f"https://{self.bed.host}:{self.bed.port}.evil.example"}, {"Origin": f"http://{self.bed.host}:{self.bed.port}"}):
            answer = self.bed.ask(method, target, how, body, (headers or FORM) | site | ({} if how else cookie))
            self.refused(answer, 403)

    def test_a_foreign_page_deletes(self):
        self.forged("DELETE", "/nodes/alice/private/f")
        self.assertEqual(self.bed.get("/alice/private/f").status, 200)

    def test_a_foreign_page_uploads(self):
        self.forged("PUT", "/files/alice/private/forged", b"x")

    def test_a_foreign_page_makes_something_public(self):
        self.forged("POST", "/nodes/alice/private", self.bed.document("ContainerNode", "/alice/private", {"ispublic": "true"}), headers=XML)

    def test_a_foreign_page_starts_a_job(self):
        self.forged("POST", "/async-delete?PHASE=RUN", "target=" + self.bed.uri("/alice/private"))

    def test_a_foreign_page_makes_a_token(self):
        self.forged("POST", "/account/tokens", "label=x")

    def test_a_foreign_page_changes_the_account(self):
        self.forged("POST", "/account", "revoke=yes")

    def test_a_foreign_page_uses_the_certificate(self):
        self.forged("DELETE", "/nodes/alice/private/f", how="alice")

    def test_a_foreign_page_changes_a_group(self):
        self.forged("DELETE", "/gms/groups/team-a")

    def test_a_foreign_page_administers(self):
        self.forged("POST", "/manage/users/bob", "state=disabled", how="admin")
        self.forged("POST", "/manage/hand-over", "from=alice&to=bob", how="admin")

    def test_a_foreign_page_signs_somebody_in(self):
        answer = self.form("/account/session", {"username": "bob", "password": self.bed.env["QUARTET_PASS_BOB"]}, headers={"Origin": "https://evil.example"})
        self.refused(answer, 403)

    def test_a_foreign_page_reads_answers(self):
        answer = self.bed.ask("GET", "/nodes/alice", "alice", headers={"Origin": "https://evil.example"})
        self.assertIsNone(answer.headers["Access-Control-Allow-Origin"])
        self.assertNotIn(self.bed.ask("OPTIONS", "/nodes/alice", headers={
            "Origin": "https://evil.example", "Access-Control-Request-Method": "PUT"}).status, (200, 204))

    def test_a_foreign_page_frames_ours(self):
        for target in ("/", "/browse/alice", "/page/account"):
            answer = self.bed.ask("GET", f"https://{self.bed.host}:{self.bed.port}{target}")
            self.assertIn("frame-ancestors 'none'", answer.headers["Content-Security-Policy"])

    # Script, stored and reflected

    def test_a_stored_page_of_html(self):
        for name, kind in (("x.html", "text/html"), ("x.svg", "image/svg+xml"), ("x.xhtml", "application/xhtml+xml"), ("x.js", "text/javascript")):
            self.assertEqual(self.bed.put(f"/alice/{name}", b"<script>alert(1)</script>", headers={"Content-Type": kind}).status, 201)
            answer = self.bed.get(f"/alice/{name}")
            self.assertEqual(answer.headers["Content-Security-Policy"], "sandbox; default-src 'none'")
            self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")

    def test_script_reflected_in_errors(self):
        evil = "%3Cscript%3Ealert(1)%3C/script%3E"
        for target in (f"/nodes/{evil}", f"/files/{evil}", f"/nope/{evil}", f"/nodes?uri={evil}", f"/nodes?limit={evil}", f"/synctrans?TARGET={evil}",
                       f"/transfers/{evil}"):
            answer = self.bed.ask("GET", target, "alice")
            self.assertGreaterEqual(answer.status, 400, target)
            self.assertTrue(answer.headers["Content-Type"].startswith("text/plain"), target)

    def test_script_in_properties_stays_text(self):
        text = "</vos:property><script>alert(1)</script>"
        document = self.bed.document("ContainerNode", "/alice/script", {"title": text.replace("<", "&lt;").replace(">", "&gt;")})
        self.assertEqual(self.bed.ask("PUT", "/nodes/alice/script", "alice", document, XML).status, 201)
        self.assertNotIn("<script>", self.bed.ask("GET", "/nodes/alice/script", "alice").text)
        self.assertIn("script", json.dumps(json.loads(self.bed.ask("GET", "/nodes/alice/script", "alice", headers={"Accept": "application/json"}).text)))

    def test_script_in_the_name_of_who_is_signed_in(self):
        self.bed.tool("user", "describe", "carol", "</script><script>alert(1)</script>")
        page = self.bed.ask("GET", f"https://{self.bed.host}:{self.bed.port}/", "carol").text
        self.assertNotIn("</script><script>", page)
        session = re.search(r'id="session">(.*?)</script>', page)[1]
        self.assertEqual(json.loads(session)["display"], "</script><script>alert(1)</script>")

    def test_no_script_of_elsewhere(self):
        policy = self.bed.ask("GET", f"https://{self.bed.host}:{self.bed.port}/").headers["Content-Security-Policy"]
        self.assertIn("script-src 'self'", policy)
        self.assertNotIn("unsafe", policy)
        self.assertIn("default-src 'none'", policy)

    # Redirects and hosts

    def test_a_redirect_to_a_host_of_the_clients_choice(self):
        for host in ("evil.example", f"{self.bed.host}:{self.bed.port}@evil.example", "evil.example:443"):
            answer = self.bed.ask("GET", "/files/alice/private/f", "alice", headers={"Host": host})
            self.assertIn(answer.status, (303, 400))
            self.assertNotIn("evil", answer.headers["Location"] or "")

    def test_forwarded_hosts_are_not_believed(self):
        answer = self.bed.ask("GET", "/files/alice/private/f", "alice", headers={"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"})
        self.assertNotIn("evil", answer.headers["Location"])

    def test_a_negotiated_address_elsewhere(self):
        answer = self.form("/synctrans", {"TARGET": "https://evil.example/x", "DIRECTION": "pullFromVoSpace", "REQUEST": "redirect",
                                          "PROTOCOL": "ivo://ivoa.net/vospace/core#httpsget"}, "alice")
        self.assertNotIn("evil", answer.headers["Location"] or "")

    def test_a_double_slash_as_a_host(self):
        for target in ("//evil.example/vault/nodes", "/\\evil.example", "//evil.example/%2e%2e"):
            said = self.raw(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            self.assertRegex(said, r"^HTTP/1.1 4\d\d ")
            self.assertNotIn("Location", said)

    # Paths and headers

    def test_dots_in_paths(self):
        for path in ("/alice/private/../../bob", "/public/../alice/private/f", "/public/%2e%2e/alice/private/f", "/public/.%2e/alice"):
            for kind in ("/nodes", "/files"):
                answer = self.bed.ask("GET", kind + path, "bob")
                self.refused(answer, 400, 404)

    def test_encoded_slashes_and_nuls(self):
        for path in ("/public%2f..%2falice%2fprivate%2ff", "/alice%00", "/alice/private%00/f", "/alice%2fprivate%2ff", "/%ff%fe"):
            self.refused(self.bed.ask("GET", "/files" + path, "bob"), 400)

    def test_the_scope_of_a_url_left_by_dots(self):
        url = self.preauth()
        for path in ("/alice/private/../private/f", "/alice/private/f/../../..", "/alice/private/./f", "/alice/private//f", "/alice/private/g"):
            self.refused(self.bed.ask("GET", re.sub(r"(preauth:[^/]+)/.*", r"\1" + path, url)), 400, 403)

    def test_line_ends_in_a_name(self):
        answer = self.bed.ask("PUT", "/files/alice/x%0d%0aSet-Cookie:%20__Host-quartet=evil", "alice", b"x")
        if answer.status == 201:
            answer = self.bed.get("/alice/x\r\nSet-Cookie: __Host-quartet=evil")
        self.assertNotIn("Set-Cookie", answer.headers)

    def test_line_ends_in_what_is_sent_back(self):
        for target in ("/nodes?view=%0d%0aX-Evil:%201", "/synctrans?TARGET=%0d%0aX-Evil:%201&DIRECTION=x&PROTOCOL=y",
                       "/files/alice/private/f?%0d%0aX-Evil:%201"):
            self.assertNotIn("X-Evil", self.bed.ask("GET", target, "alice").headers)

    def test_a_content_type_with_a_header_in_it(self):
        said = self.raw(b"PUT /vault/files/alice/ct HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Type: a/b\rX-Evil: 1\r\nConnection: close\r\n\r\nx")
        self.assertNotIn("X-Evil", self.bed.get("/alice/ct").headers)
        self.assertIn("HTTP/1.1", said)

    def test_two_lengths_and_two_codings(self):
        for head in (b"Content-Length: 1\r\nContent-Length: 2", b"Content-Length: 5\r\nTransfer-Encoding: chunked", b"Transfer-Encoding: xchunked"):
            said = self.raw(b"PUT /vault/files/alice/smuggled HTTP/1.1\r\nHost: x\r\n" + head +
                            b"\r\n\r\n0\r\n\r\nGET /vault/nodes/alice HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            self.assertRegex(said, r"^HTTP/1.1 [45]\d\d ")
            self.assertEqual(said.count("HTTP/1.1 "), 1)

    # Passwords

    def test_guessing_passwords(self):
        """Each guess waits, the later the longer; nobody is locked out."""
        took = []
        for n in range(9):
            began = time.monotonic()
            self.refused(self.form("/gms/login", {"username": "carol", "password": f"guess {n}"}), 401)
            took.append(time.monotonic() - began)
        self.assertGreater(min(took), 0.9)
        self.assertEqual(self.form("/gms/login", {"username": "carol", "password": self.bed.env["QUARTET_PASS_CAROL"]}).status, 200)

    def test_which_accounts_there_are(self):
        answers = {(a.status, a.text) for a in (self.form("/gms/login", {"username": n, "password": "x" * 12}) for n in ("bob", "nobody-here"))}
        self.assertEqual(len(answers), 1)

    def test_a_password_in_the_query(self):
        answer = self.bed.ask("GET", f"/gms/login?username=bob&password={self.bed.env['QUARTET_PASS_BOB']}")
        self.refused(answer, 405)

    def test_an_endless_password(self):
        for n in (2000, 60_000):
            self.refused(self.form("/gms/login", {"username": "bob", "password": "x" * n}), 401, 413)
        self.assertEqual(self.form("/gms/login", {"username": "bob", "password": self.bed.env["QUARTET_PASS_BOB"]}).status, 200)

    def test_a_password_over_an_open_line(self):
        bed = Testbed.start(settings=["listen_plain=127.0.0.1:0"])
        self.addCleanup(bed.close)
        port = int(bed.env["QUARTET_PLAIN"].rsplit(":", 1)[1].partition("/")[0])
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as c:
            c.request("POST", "/account/session", urllib.parse.urlencode({"username": "bob", "password": bed.env["QUARTET_PASS_BOB"]}), FORM)
            answer = c.getresponse()
            answer.read()
            # From this machine it is taken; the cookie is for TLS all the same.
            self.assertIn("Secure", answer.headers["Set-Cookie"] or "Secure")

    def test_the_present_password_is_needed_for_a_new_one(self):
        cookie = {"Cookie": self.cookie("bob")}
        for fields in ({"password": "a new password"}, {"password": "a new password", "old": ""}, {"password": "a new password", "old": "wrong"}):
            self.refused(self.form("/account", fields, headers=cookie), 403)

    # Other people's things

    def test_anothers_job(self):
        answer = self.form("/async-delete", {"target": self.bed.uri("/alice/private")}, "alice")
        job = answer.headers["Location"]
        for method, target, body in (("GET", job, None), ("GET", job + "/phase", None), ("POST", job + "/phase", "PHASE=RUN"), ("DELETE", job, None),
                                     ("POST", job + "/destruction", "DESTRUCTION=2000-01-01T00:00:00")):
            self.refused(self.bed.ask(method, target, "bob", body, FORM), 403)
            self.refused(self.bed.ask(method, target, None, body, FORM), 401)
        self.bed.ask("DELETE", job, "alice")

    def test_anothers_files_by_a_link_of_ones_own(self):
        self.bed.create("LinkNode", "/bob/to-alice", "bob", target=self.bed.uri("/alice/private/f"))
        self.refused(self.bed.get("/bob/to-alice", "bob"), 403)

    def test_anothers_file_moved_into_ones_own_folder(self):
        document = (f'<vos:transfer xmlns:vos="http://www.ivoa.net/xml/VOSpace/v2.0"><vos:target>{self.bed.uri("/alice/private/f")}</vos:target>'
                    f'<vos:direction>{self.bed.uri("/bob/stolen")}</vos:direction><vos:keepBytes>true</vos:keepBytes></vos:transfer>')
        answer = self.bed.ask("POST", "/transfers?PHASE=RUN", "bob", document, XML)
        job = answer.headers["Location"]
        wait_until(lambda: "ERROR" in self.bed.ask("GET", job + "/phase", "bob").text)
        self.assertEqual(self.bed.ask("GET", "/nodes/bob/stolen", "bob").status, 404)

    def test_ownership_taken_by_saying_so(self):
        document = self.bed.document("ContainerNode", "/public/mine", {"creator": "alice"})
        self.assertEqual(self.bed.ask("PUT", "/nodes/public/mine", "bob", document, XML).status, 201)
        self.assertIn(">bob<", self.bed.ask("GET", "/nodes/public/mine", "bob").text)

    def test_anothers_groups(self):
        for method, target in (("DELETE", "/gms/groups/team-a"), ("PUT", "/gms/groups/team-a/userMembers/bob?idType=HTTP"), ("DELETE", "/gms/groups/team-a/userMembers/alice?idType=HTTP")):
            self.refused(self.bed.ask(method, target, "bob"), 403)

    def test_the_operators_pages(self):
        for method, target in (("GET", "/manage/users"), ("POST", "/manage/users/alice"), ("GET", "/manage/health"), ("POST", "/manage/quota"), ("POST", "/manage/hand-over"), ("GET", "/vault/async-hand-over"), ("GET", "/admin/users"), ("POST", "/admin/mode")):
            self.refused(self.bed.ask(method, target, "bob", "" if method == "POST" else None, FORM), 403, 404)

    def test_an_administrators_name(self):
        for name in ("admin", "Admin", "admin ", "ADMIN", "admin\u0000"):
            answer = self.form("/account/register", {"username": name, "password": "a long password"})
            self.assertIn(answer.status, (400, 409), name)

    # Pre-authorised URLs

    def test_a_url_for_reading_used_for_writing(self):
        url = self.preauth()
        for method in ("PUT", "POST", "DELETE"):
            self.refused(self.bed.ask(method, url, None, b"x" if method == "PUT" else None), 403, 405)

    def test_a_url_for_another_file(self):
        self.bed.put("/alice/private/g", b"the secret bytes")
        self.refused(self.bed.ask("GET", self.preauth().replace("/private/f", "/private/g")), 403)

    def test_a_url_whose_end_was_moved(self):
        url = self.preauth()
        token = bytearray(base64.urlsafe_b64decode(re.search(r"preauth:([^/]+)/", url)[1]))
        for at in range(len(token)):
            spoilt = bytearray(token)
            spoilt[at] ^= 1
            self.refused(self.bed.ask("GET", re.sub(r"preauth:[^/]+", "preauth:" + b64url(bytes(spoilt)), url)), 403)

    def test_a_url_after_its_owner_lost_the_right(self):
        self.bed.put("/public/shared", b"x", "alice")
        document = self.bed.document("DataNode", "/public/shared", {"ispublic": "false", "groupread": "ivo://cadc.nrc.ca/gms?team-c"})
        self.bed.ask("POST", "/nodes/public/shared", "alice", document, XML)
        url = self.preauth("/public/shared", "carol")
        self.assertEqual(self.bed.ask("GET", url).status, 200)
        document = self.bed.document("DataNode", "/public/shared", {"ivo://ivoa.net/vospace/core#groupread": None})
        self.bed.ask("POST", "/nodes/public/shared", "alice", document, XML)
        self.refused(self.bed.ask("GET", url), 403)

    def test_a_url_after_its_account_is_disabled(self):
        self.bed.tool("user", "add", "leaver", "--home")
        self.bed.tool("user", "password", "leaver", stdin="leavers password\n")
        token = self.form("/gms/login", {"username": "leaver", "password": "leavers password"}).text
        self.bed.ask("PUT", "/files/leaver/f", None, b"the secret bytes", bearer(token))
        url = self.bed.ask("GET", "/files/leaver/f", headers=bearer(token)).headers["Location"]
        self.assertEqual(self.bed.ask("GET", url).status, 200)
        self.bed.tool("user", "disable", "leaver")
        self.refused(self.bed.ask("GET", url), 401, 403)

    # Certificates

    def denied(self, certificate, name=None):
        status, headers, text = self.by(certificate)
        self.assertIn(status, (401, 403), text)
        self.assertEqual(headers["X-VO-Authenticated"], name)
        self.assertEqual(self.by(certificate, target="/vault/nodes/public")[0], 200)  # and nothing else breaks
        return text

    def test_a_certificate_of_an_unknown_authority(self):
        self.denied(os.path.join(self.ca, "foreign.pem"))

    def test_a_certificate_signed_by_itself(self):
        self.denied(self.own)

    def test_an_expired_certificate(self):
        text = self.denied(os.path.join(self.bed.dir, "expired.pem"))
        self.assertIn("expired on", text)
        self.assertIn("cadc-get-cert", text)

    def test_a_name_that_is_almost_the_victims(self):
        status, headers, _ = self.by(os.path.join(self.bed.dir, "almost.pem"))
        self.assertEqual(status, 403)
        self.assertNotEqual(headers["X-VO-Authenticated"], "alice")

    def test_a_name_with_the_victims_inside(self):
        for name in ("nested", "proxylike"):
            status, headers, _ = self.by(os.path.join(self.bed.dir, f"{name}.pem"))
            self.assertEqual(status, 403)
            self.assertNotEqual(headers["X-VO-Authenticated"], "alice")

    def test_a_limited_proxy_gets_credentials_or_changes_groups(self):
        proxy = os.path.join(self.bed.dir, "limited.pem")
        self.assertEqual(self.by(proxy)[0], 200)  # files it may
        for method, target in (("GET", "/cred/proxyCert"), ("POST", "/gms/login"), ("POST", "/account/tokens"), ("POST", "/account/session"),
                               ("DELETE", "/gms/groups/team-a"), ("POST", "/account"), ("GET", "/account/tokens")):
            self.assertEqual(self.by(proxy, method, target, "" if method == "POST" else None, FORM)[0], 403, target)

    def test_a_certificate_from_before_a_revocation(self):
        self.bed.tool("user", "add", "careless", "--home")
        self.bed.tool("user", "password", "careless", stdin="careless password\n")
        token = self.form("/gms/login", {"username": "careless", "password": "careless password"}).text
        path = os.path.join(self.bed.dir, "careless.pem")
        with open(path, "w", encoding="ascii") as f:
            f.write(self.bed.ask("GET", "/cred/proxyCert", headers=bearer(token)).text)
        self.assertEqual(self.by(path, target="/vault/nodes/careless")[0], 200)
        time.sleep(1.1)
        self.bed.tool("user", "revoke", "careless")
        status, headers, text = self.by(path, target="/vault/nodes/careless")
        self.assertEqual((status, headers["X-VO-Authenticated"]), (401, None))
        self.assertIn("revoked", text)

    def test_a_certificate_in_a_header(self):
        with open(self.bed.certificate("alice"), encoding="ascii") as f:
            pem = urllib.parse.quote(f.read())
        self.nobody({"X-Client-Certificate": pem})

    def test_no_secret_is_in_any_log(self):
        token, cookie = self.login("bob"), self.cookie("bob")
        self.bed.ask("GET", self.preauth())
        text = self.bed.log() + self.bed.access_log()
        for secret in (token, cookie.partition("=")[2], self.bed.env["QUARTET_PASS_BOB"], re.search(r"preauth:([^/]+)", self.preauth())[1][:40]):
            self.assertNotIn(secret, text)

    def test_the_table_is_long_enough(self):
        self.assertGreaterEqual(len([name for name in dir(self) if name.startswith("test_")]) - 1, LEAST)


main()
