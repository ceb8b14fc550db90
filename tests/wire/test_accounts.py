# SPDX-License-Identifier: Apache-2.0
"""Signing in, sessions, tokens, one's own account, and asking for one (architecture D12, D41, D50, D51)."""

import base64
import json
import os
import re
import signal
import tempfile
import time
import urllib.parse

from quartet_test import Testbed, main, unittest, wait_until

LOGIN, SESSION, TOKENS, ACCOUNT, REGISTER = (
    "/gms/login", "/account/session", "/account/tokens", "/account", "/account/register")
FORM = "application/x-www-form-urlencoded"


def bearer(token):
    return {"Authorization": "Bearer " + token}


def basic(name, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


class Accounts(unittest.TestCase):
    settings = ("registration=approval", "registrations_pending=3", "tokens_per_account=20", "home_quota=1MiB")

    @classmethod
    def setUpClass(cls):
        cls.bed = Testbed.start(settings=cls.settings)
        cls.addClassCleanup(cls.bed.close)

    def ask(self, method, target, user=None, fields=None, headers=None, cookie=None):
        headers = dict(headers or {})
        if cookie:
            headers["Cookie"] = cookie
        body = None
        if fields is not None:
            body, headers["Content-Type"] = urllib.parse.urlencode(fields), FORM
        return self.bed.ask(method, target, user, body, headers)

    def password(self, name):
        return self.bed.env[f"QUARTET_PASS_{name.upper()}"]

    def login(self, name="alice"):
        answer = self.ask("POST", LOGIN, fields={"username": name, "password": self.password(name)})
        self.assertEqual(answer.status, 200, answer.text)
        return answer.text

    def sign_in(self, name="alice"):
        """The cookie as a browser sends it."""
        answer = self.ask("POST", SESSION, fields={"username": name, "password": self.password(name)})
        self.assertEqual(answer.status, 200, answer.text)
        return answer.headers["Set-Cookie"].partition(";")[0]

    def make(self, user="bob", **fields):
        answer = self.ask("POST", TOKENS, user, fields)
        self.assertEqual(answer.status, 201, answer.text)
        return json.loads(answer.text)

    def who(self, **how):
        answer = self.ask("GET", "/nodes/public", **how)
        return answer.status, answer.headers["X-VO-Authenticated"]


class Login(Accounts):
    def test_a_password_gets_a_token_that_is_its_owners(self):
        answer = self.ask("POST", LOGIN, fields={"username": "alice", "password": self.password("alice")})
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["X-VO-Bearer"], answer.text)
        self.assertEqual(answer.headers["X-VO-Authenticated"], "alice")
        self.assertEqual(answer.headers["Cache-Control"], "no-store")
        self.assertTrue(answer.headers["Content-Type"].startswith("text/plain"))
        self.assertNotIn("WWW-Authenticate", answer.headers)
        self.assertRegex(answer.text, r"\A[A-Za-z0-9_-]+\Z")
        for scheme in ("Bearer", "bearer", "BEARER"):
            self.assertEqual(self.who(headers={"Authorization": f"{scheme} {answer.text}"}), (200, "alice"))
        self.assertEqual(self.ask("GET", "/nodes/alice", headers=bearer(answer.text)).status, 200)
        self.assertEqual(self.ask("GET", "/nodes/bob", headers=bearer(answer.text)).status, 403)

    def test_what_is_wrong_gets_none(self):
        for fields in ({"username": "alice", "password": "wrong"}, {"username": "nobody", "password": "x"},
                       {"username": "alice", "password": ""}, {"username": "", "password": ""}):
            answer = self.ask("POST", LOGIN, fields=fields)
            self.assertEqual((answer.status, answer.text),
                             (401, "NotAuthenticated: the name or the password is wrong"), fields)
            self.assertNotIn("X-VO-Bearer", answer.headers)
        self.assertEqual(self.ask("POST", LOGIN, fields={"username": "alice"}).status, 400)
        self.assertEqual(self.ask("POST", LOGIN, fields={}).status, 401)
        self.assertEqual(self.ask("GET", LOGIN).status, 405)

    def test_a_certificate_gets_one_too_and_a_token_does_not(self):
        answer = self.ask("POST", LOGIN, "bob", {})
        self.assertEqual((answer.status, answer.headers["X-VO-Authenticated"]), (200, "bob"))
        self.assertEqual(self.ask("POST", LOGIN, fields={}, headers=bearer(answer.text)).status, 403)

    def test_challenges_name_every_way(self):
        answer = self.ask("GET", "/nodes/alice")
        self.assertEqual(answer.status, 401)
        found = answer.headers.get_all("WWW-Authenticate")
        self.assertEqual(found[0], "ivoa_x509")
        base = f"https://{self.bed.host}:{self.bed.port}"
        self.assertEqual(found[1], 'ivoa_bearer standard_id="ivo://ivoa.net/sso#tls-with-password", '
                                   f'access_url="{base}/gms/login"')
        self.assertIn('Basic realm="quartet"', found)
        # A browser would open a window of its own.
        found = self.ask("GET", "/nodes/alice", headers={"Sec-Fetch-Mode": "cors"}).headers.get_all("WWW-Authenticate")
        self.assertFalse([c for c in found if c.startswith("Basic")])
        found = self.ask("GET", "/nodes/alice", headers=bearer("x" * 54)).headers.get_all("WWW-Authenticate")
        self.assertIn('Bearer error="invalid_token"', found)

    def test_capabilities_name_the_login_and_the_methods(self):
        text = self.ask("GET", "/gms/capabilities").text
        self.assertIn("ivo://ivoa.net/std/UMS#login-0.1", text)
        self.assertIn("/gms/login", text)
        for method in ("#token", "#cookie", "#tls-with-certificate", "#BasicAA"):
            self.assertIn("ivo://ivoa.net/sso" + method, self.ask("GET", "/capabilities").text)

    def test_the_token_of_the_environment_is_alices(self):
        self.assertEqual(self.who(headers=bearer(self.bed.env["QUARTET_TOKEN_ALICE"])), (200, "alice"))

    def test_many_wrong_passwords_make_the_next_wait(self):
        for _ in range(8):
            self.ask("POST", LOGIN, fields={"username": "carol", "password": "guess"})
        began = time.monotonic()
        answer = self.ask("POST", LOGIN, fields={"username": "carol", "password": self.password("carol")})
        self.assertEqual(answer.status, 200)  # nobody is locked out
        self.assertLess(time.monotonic() - began, 30)


class Sessions(Accounts):
    def test_a_cookie_is_bound_to_the_page(self):
        answer = self.ask("POST", SESSION, fields={"username": "alice", "password": self.password("alice")})
        cookie = answer.headers["Set-Cookie"]
        self.assertTrue(cookie.startswith("__Host-quartet="))
        rules = {rule.strip() for rule in cookie.split(";")[1:]}
        self.assertLessEqual({"Path=/", "Secure", "HttpOnly", "SameSite=Strict"}, rules)
        self.assertNotIn("Domain", cookie)
        self.assertEqual(json.loads(answer.text)["name"], "alice")
        value = cookie.partition(";")[0]
        self.assertEqual(self.who(cookie=value), (200, "alice"))
        self.assertEqual(self.who(cookie=f"a=b; {value}; c=d"), (200, "alice"))
        told = json.loads(self.ask("GET", SESSION, cookie=value).text)
        self.assertEqual((told["name"], told["by"], told["admin"]), ("alice", "session", False))

    def test_signing_out_ends_it_everywhere(self):
        cookie = self.sign_in()
        answer = self.ask("DELETE", SESSION, cookie=cookie)
        self.assertEqual(answer.status, 204)
        self.assertIn("Max-Age=0", answer.headers["Set-Cookie"])
        self.assertEqual(self.who(cookie=cookie), (200, None))
        self.assertEqual(self.ask("GET", "/nodes/alice", cookie=cookie).status, 401)
        self.assertIn("Max-Age=0", self.ask("GET", SESSION, cookie=cookie).headers["Set-Cookie"])
        self.assertEqual(self.ask("DELETE", SESSION).status, 204)

    def test_who_is_nobody_is_told_so(self):
        answer = self.ask("GET", SESSION)
        told = json.loads(answer.text)
        self.assertEqual((answer.status, told["name"], told["by"]), (200, None, "nothing"))
        self.assertEqual(told["registration"], "approval")
        self.assertNotIn("Set-Cookie", answer.headers)
        self.assertEqual(json.loads(self.ask("GET", SESSION, "bob").text)["by"], "certificate")

    def test_a_certificate_begins_one(self):
        cookie = self.ask("POST", SESSION, "bob", {}).headers["Set-Cookie"].partition(";")[0]
        self.assertEqual(self.who(cookie=cookie), (200, "bob"))
        # The first credential present decides.
        self.assertEqual(self.who(user="alice", cookie=cookie), (200, "bob"))
        self.assertEqual(self.who(cookie=cookie, headers=bearer(self.login())), (200, "alice"))

    def test_each_sign_in_has_a_cookie_of_its_own(self):
        first, second = self.sign_in(), self.sign_in()
        self.assertNotEqual(first, second)
        # One that is brought along is not taken over (session fixation).
        answer = self.ask("POST", SESSION, fields={"username": "alice", "password": self.password("alice")},
                          cookie="__Host-quartet=" + "A" * 54)
        self.assertNotIn("A" * 54, answer.headers["Set-Cookie"])

    def test_cookies_and_tokens_do_not_stand_for_each_other(self):
        cookie = self.sign_in().partition("=")[2]
        self.assertEqual(self.ask("GET", "/nodes/alice", headers=bearer(cookie)).status, 401)
        for token in (self.login(), self.bed.env["QUARTET_TOKEN_ALICE"]):
            self.assertEqual(self.ask("GET", "/nodes/alice", cookie="__Host-quartet=" + token).status, 401)

    def test_another_site_cannot_use_them(self):
        cookie = self.sign_in()
        for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
                        {"Sec-Fetch-Site": "same-site"}):
            for method, target, fields in (("DELETE", "/nodes/alice/x", None), ("POST", ACCOUNT, {"display": "x"}),
                                           ("POST", TOKENS, {}), ("DELETE", SESSION, None),
                                           ("POST", "/async-delete", {"target": "x"})):
                answer = self.ask(method, target, fields=fields, cookie=cookie, headers=headers)
                self.assertEqual(answer.status, 403, (target, headers))
        # Signing somebody in behind his back neither.
        answer = self.ask("POST", SESSION, fields={"username": "alice", "password": self.password("alice")},
                          headers={"Origin": "https://evil.example"})
        self.assertEqual(answer.status, 403)
        base = f"https://{self.bed.host}:{self.bed.port}"
        self.assertEqual(self.ask("POST", ACCOUNT, fields={"display": "A"}, cookie=cookie,
                                  headers={"Origin": base, "Sec-Fetch-Site": "same-origin"}).status, 200)


class Tokens(Accounts):
    def test_one_is_made_listed_and_revoked(self):
        made = self.make(label="<script>alert(1)</script>", days="3")
        self.assertEqual(self.who(headers=bearer(made["token"])), (200, "bob"))
        listed = [t for t in json.loads(self.ask("GET", TOKENS, "bob").text) if t["id"] == made["id"]]
        self.assertEqual(listed[0]["label"], "<script>alert(1)</script>")
        self.assertNotIn("token", listed[0])
        self.assertEqual(self.ask("DELETE", f"{TOKENS}/{made['id']}", "carol").status, 404)
        self.assertEqual(self.ask("DELETE", f"{TOKENS}/{made['id']}", "bob").status, 204)
        self.assertEqual(self.ask("DELETE", f"{TOKENS}/{made['id']}", "bob").status, 404)
        answer = self.ask("GET", "/nodes/public", headers=bearer(made["token"]))
        self.assertEqual(answer.status, 401)
        self.assertIn("revoked", answer.text)

    def test_what_makes_no_sense_is_named(self):
        for fields, word in (({"days": "0"}, "days"), ({"days": "367"}, "days"), ({"days": "x"}, "days"),
                             ({"access": "all"}, "access"), ({"path": "/a//b"}, "empty"),
                             ({"label": "x" * 201}, "label")):
            answer = self.ask("POST", TOKENS, "bob", fields)
            self.assertEqual(answer.status, 400, fields)
            self.assertIn(word, answer.text)
        for bad in ("", "/", "/xyz", "/" + "0" * 16, "/" + "f" * 17):
            self.assertIn(self.ask("DELETE", TOKENS + bad, "bob").status, (404, 405), bad)

    def test_one_that_only_reads_changes_nothing(self):
        self.bed.put("/bob/read-me", b"bytes", "bob")
        reader = bearer(self.make(access="read")["token"])
        self.assertEqual(self.ask("GET", "/nodes/bob", headers=reader).status, 200)
        self.assertEqual(self.ask("GET", "/files/bob/read-me", headers=reader).status, 303)
        document = self.bed.document("ContainerNode", "/bob/new")
        for method, target, body in (("PUT", "/nodes/bob/new", document), ("POST", "/nodes/bob", document),
                                     ("DELETE", "/nodes/bob/read-me", None), ("PUT", "/files/bob/new", b"x"),
                                     ("POST", "/async-delete", "target=" + self.bed.uri("/bob/read-me")),
                                     ("POST", "/transfers", "<x/>"), ("POST", "/async-setprops", document)):
            answer = self.bed.ask(method, target, None, body, reader | {"Content-Type": "text/xml"})
            self.assertEqual(answer.status, 403, (method, target, answer.text))
        self.assertEqual(self.bed.get("/bob/read-me", "bob").body, b"bytes")

    def test_one_for_a_path_reaches_no_further(self):
        for folder in ("/bob/in", "/bob/in/deeper", "/bob/in side", "/bob/out"):
            self.assertEqual(self.bed.create("ContainerNode", folder, "bob").status, 201)
        self.bed.put("/bob/out/f", b"secret", "bob")
        self.bed.create("LinkNode", "/bob/in/way-out", "bob", target=self.bed.uri("/bob/out/f"))
        scoped = bearer(self.make(path="/bob/in")["token"])
        self.assertEqual(self.ask("PUT", "/files/bob/in/f", headers=scoped, fields={}).status, 201)
        self.assertEqual(self.ask("GET", "/nodes/bob/in", headers=scoped).status, 200)
        self.assertEqual(self.ask("GET", "/nodes/bob/in/deeper", headers=scoped).status, 200)
        for target in ("/nodes/bob", "/nodes/", "/nodes/public", "/nodes/bob/out/f", "/nodes/bob/in%20side",
                       "/files/bob/out/f", "/nodes/bob/in/../out", "/files/bob/in/way-out"):
            answer = self.ask("GET", target, headers=scoped)
            self.assertIn(answer.status, (400, 403), (target, answer.status))
            self.assertNotIn("secret", answer.text)
        self.assertEqual(self.ask("PUT", "/files/bob/out/f", headers=scoped, fields={}).status, 403)
        self.assertEqual(self.bed.get("/bob/out/f", "bob").body, b"secret")

    def test_a_limited_one_negotiates_no_more_than_it_may(self):
        self.bed.put("/bob/negotiated", b"x", "bob")
        reader = bearer(self.make(access="read")["token"])
        ask = {"TARGET": self.bed.uri("/bob/negotiated"), "REQUEST": "redirect"}
        pull = self.ask("POST", "/synctrans", headers=reader,
                        fields=ask | {"DIRECTION": "pullFromVoSpace", "PROTOCOL": "ivo://ivoa.net/vospace/core#httpsget"})
        self.assertEqual(pull.status, 303)
        self.assertEqual(self.bed.ask("GET", pull.headers["Location"]).body, b"x")
        push = self.ask("POST", "/synctrans", headers=reader,
                        fields=ask | {"DIRECTION": "pushToVoSpace", "PROTOCOL": "ivo://ivoa.net/vospace/core#httpsput"})
        self.assertNotIn("preauth", push.headers["Location"] or "")

    def test_a_token_changes_no_account_groups_or_certificates(self):
        narrow, wide = (bearer(self.make(**f)["token"]) for f in ({"access": "read"}, {}))
        for headers in (narrow, wide):
            self.assertEqual(self.ask("POST", TOKENS, fields={}, headers=headers).status, 403)
            self.assertEqual(self.ask("POST", ACCOUNT, fields={"revoke": "yes"}, headers=headers).status, 403)
            self.assertEqual(self.ask("POST", SESSION, fields={}, headers=headers).status, 403)
        self.assertEqual(self.ask("GET", "/cred/proxyCert", headers=narrow).status, 403)
        self.assertEqual(self.ask("GET", "/cred/proxyCert", headers=wide).status, 200)
        self.assertEqual(self.ask("DELETE", "/gms/groups/team-b", headers=narrow).status, 403)

    def test_there_are_not_endlessly_many(self):
        made = []
        for _ in range(25):
            answer = self.ask("POST", TOKENS, "carol", {})
            made.append(answer.status)
        self.assertEqual(made, [201] * 20 + [409] * 5)

    def test_texts_are_in_no_log(self):
        token = self.make(label="quiet")["token"]
        cookie = self.sign_in("bob")
        self.ask("GET", "/nodes/bob", headers=bearer(token))
        self.ask("GET", "/nodes/bob", cookie=cookie)
        logs = self.bed.log() + self.bed.access_log()
        for secret in (token, cookie.partition("=")[2], self.password("bob")):
            self.assertNotIn(secret, logs)


class KeptConnections(Accounts):
    """Who asked last on a connection is remembered, and nothing that has ended."""

    def asking(self, user=None):
        connection = self.bed.connect(user)
        self.addCleanup(connection.close)

        def ask(**headers):
            connection.request("GET", "/vault/nodes/public?limit=0", headers=headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status, answer.headers["X-VO-Authenticated"]
        return ask

    def test_each_request_is_its_own_senders(self):
        ask, (alice, bob) = self.asking(), (bearer(self.login(name)) for name in ("alice", "bob"))
        cookie = self.sign_in("carol")
        for _ in range(3):
            self.assertEqual(ask(**alice), (200, "alice"))
            self.assertEqual(ask(**alice), (200, "alice"))
            self.assertEqual(ask(), (200, None))
            self.assertEqual(ask(**bob), (200, "bob"))
            self.assertEqual(ask(Cookie=cookie), (200, "carol"))
            self.assertEqual(ask(**bearer(cookie.partition("=")[2]))[0], 401, "a cookie is no bearer token")
            self.assertEqual(ask(Cookie="__Host-quartet=" + alice["Authorization"].split()[1]), (200, None), "nor the other way round")
            self.assertEqual(ask(**basic("bob", self.password("bob"))), (200, "bob"))
        certified = self.asking("alice")
        for _ in range(2):
            self.assertEqual(certified(), (200, "alice"))
            self.assertEqual(certified(**bob), (200, "bob"))
            self.assertEqual(certified(Cookie=cookie), (200, "carol"))

    def test_what_ends_ends_at_the_next_request(self):
        ask, made = self.asking(), self.make(user="bob")
        for _ in range(2):
            self.assertEqual(ask(**bearer(made["token"])), (200, "bob"))
        self.assertEqual(self.ask("DELETE", f"{TOKENS}/{made['id']}", "bob").status, 204)
        self.assertEqual(ask(**bearer(made["token"]))[0], 401)
        certified, token = self.asking("carol"), bearer(self.login("carol"))
        for _ in range(2):
            self.assertEqual(certified(), (200, "carol"))
            self.assertEqual(ask(**token), (200, "carol"))
        self.bed.tool("user", "disable", "carol")
        self.addCleanup(self.bed.tool, "user", "enable", "carol")
        self.assertEqual(certified(), (200, None))
        self.assertEqual(ask(**token)[0], 401)
        self.bed.tool("user", "enable", "carol")
        self.assertEqual(certified(), (200, "carol"))


class Own(Accounts):
    def test_a_new_password_needs_the_old_one(self):
        self.bed.tool("user", "add", "dora", "--home")
        self.bed.tool("user", "password", "dora", stdin="first password\n")
        token = self.ask("POST", LOGIN, fields={"username": "dora", "password": "first password"})
        cookie = self.ask("POST", SESSION, fields={"username": "dora", "password": "first password"})
        cookie = cookie.headers["Set-Cookie"].partition(";")[0]
        change = {"old": "no", "password": "second password"}
        self.assertEqual(self.ask("POST", ACCOUNT, fields=change, cookie=cookie).status, 403)
        change["old"] = "first password"
        self.assertEqual(self.ask("POST", ACCOUNT, fields=change | {"password": "short"}, cookie=cookie).status, 400)
        answer = self.ask("POST", ACCOUNT, fields=change | {"display": "Dora", "email": "d@example.org"}, cookie=cookie)
        self.assertEqual(answer.status, 200)
        told = json.loads(answer.text)
        self.assertEqual((told["display"], told["email"]), ("Dora", "d@example.org"))
        self.assertNotIn("scrypt", answer.text)
        self.assertEqual(self.ask("POST", LOGIN, fields={"username": "dora", "password": "first password"}).status, 401)
        self.assertEqual(self.ask("POST", LOGIN, fields={"username": "dora", "password": "second password"}).status, 200)
        self.assertEqual(token.status, 200)

    def test_revoking_ends_all_there_is(self):
        self.bed.tool("user", "add", "emil", "--home")
        self.bed.tool("user", "password", "emil", stdin="emils password\n")
        fields = {"username": "emil", "password": "emils password"}
        token = self.ask("POST", LOGIN, fields=fields).text
        cookie = self.ask("POST", SESSION, fields=fields).headers["Set-Cookie"].partition(";")[0]
        self.assertEqual(self.who(headers=bearer(token)), (200, "emil"))
        time.sleep(1.1)  # certificates begin with a second
        self.assertEqual(self.bed.tool("user", "revoke", "emil"), (0, ""))
        self.assertEqual(self.who(headers=bearer(token))[0], 401)
        self.assertEqual(self.who(cookie=cookie), (200, None))
        self.assertEqual(self.ask("POST", LOGIN, fields=fields).status, 200)

    def test_disabling_ends_them_for_good(self):
        self.bed.tool("user", "add", "fred", "--home")
        self.bed.tool("user", "password", "fred", stdin="freds password\n")
        fields = {"username": "fred", "password": "freds password"}
        token = self.ask("POST", LOGIN, fields=fields).text
        self.bed.tool("user", "disable", "fred")
        self.assertEqual(self.who(headers=bearer(token))[0], 401)
        answer = self.ask("POST", LOGIN, fields=fields)
        self.assertEqual((answer.status, answer.text), (401, "NotAuthenticated: the account 'fred' is disabled"))
        self.bed.tool("user", "enable", "fred")
        self.assertEqual(self.who(headers=bearer(token))[0], 401)
        self.assertEqual(self.ask("POST", LOGIN, fields=fields).status, 200)

    def test_a_restart_changes_nothing(self):
        token, cookie = self.login(), self.sign_in()
        self.bed.down()
        self.bed.up()
        self.assertEqual(self.who(headers=bearer(token)), (200, "alice"))
        self.assertEqual(self.who(cookie=cookie), (200, "alice"))


class Registration(Accounts):
    def register(self, name, password="a good password", **more):
        return self.ask("POST", REGISTER, fields={"username": name, "password": password} | more)

    def test_an_account_is_asked_for_approved_and_has_a_home(self):
        answer = self.register("gina", display="Gina G.", email="gina@example.org")
        self.assertEqual((answer.status, json.loads(answer.text)["state"]), (201, "pending"), answer.text)
        fields = {"username": "gina", "password": "a good password"}
        answer = self.ask("POST", LOGIN, fields=fields)
        self.assertEqual((answer.status, answer.text), (401, "NotAuthenticated: the account 'gina' is not approved yet"))
        self.assertEqual(self.ask("GET", "/nodes/public", headers=basic("gina", "a good password")).status, 401)
        self.assertEqual(self.register("gina").status, 409)
        self.assertEqual(self.ask("POST", "/manage/users/gina", "bob", {"state": "active"}).status, 403)
        self.assertEqual(self.ask("POST", "/manage/users/gina", None, {"state": "active"}).status, 401)
        answer = self.ask("POST", "/manage/users/gina", "admin", {"state": "active"})
        self.assertEqual((answer.status, json.loads(answer.text)["state"]), (200, "active"), answer.text)
        token = bearer(self.ask("POST", LOGIN, fields=fields).text)
        self.assertEqual(self.ask("PUT", "/files/gina/f", headers=token, fields={}).status, 201)
        self.assertIn(">1048576<", self.ask("GET", "/nodes/gina?limit=0", headers=token).text)
        pem = self.ask("GET", "/cred/proxyCert", headers=token)
        self.assertEqual(pem.status, 200)

    def test_bad_wishes_are_named(self):
        for name, password in (("Gina", "a good password"), ("x" * 33, "a good password"), ("hugo", "short")):
            self.assertEqual(self.register(name, password).status, 400, name)
        self.assertEqual(self.ask("POST", REGISTER, fields={"username": "hugo"}).status, 400)
        self.assertEqual(self.register("hugo", display="x" * 201).status, 400)

    def test_only_some_wait_at_a_time(self):
        found = [self.register(f"stranger{n}").status for n in range(6)]
        self.assertEqual(set(found), {201, 503}, found)


class Closed(Accounts):
    settings = ("registration=off", "session_life=1min")

    def test_nobody_asks_for_an_account(self):
        answer = self.ask("POST", REGISTER, fields={"username": "gina", "password": "a good password"})
        self.assertEqual(answer.status, 403)
        self.assertIn("Max-Age=60", self.ask("POST", SESSION, fields={
            "username": "alice", "password": self.password("alice")}).headers["Set-Cookie"])


class Open(Accounts):
    settings = ("registration=open", "registrations_per_hour=2")

    def test_an_account_is_there_at_once(self):
        made = [self.ask("POST", REGISTER, fields={"username": f"new{n}", "password": "a good password"}).status
                for n in range(3)]
        if sorted(made) == [201, 201, 201]:  # a new hour began in between
            return
        self.assertEqual(made, [201, 201, 503])
        token = bearer(self.ask("POST", LOGIN, fields={"username": "new0", "password": "a good password"}).text)
        self.assertEqual(self.ask("PUT", "/files/new0/f", headers=token, fields={}).status, 201)
        self.assertEqual(self.ask("GET", "/nodes/new0", "alice").status, 403)


class Audit(Accounts):
    """One JSON line for each request that matters later."""

    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="quartet-audit-"))
        cls.path = os.path.join(cls.folder, "audit.log")
        cls.settings = (f"audit_log={cls.path}",)
        super().setUpClass()

    def lines(self):
        with open(self.path, encoding="utf-8") as f:
            return [json.loads(line) for line in f]

    def sees(self, **wanted):
        def it_is_there():
            return any(all(line.get(key) == value for key, value in wanted.items()) for line in self.lines())
        wait_until(it_is_there)

    def test_what_matters_is_there_and_nothing_secret(self):
        self.bed.create("ContainerNode", "/alice/audited")
        self.bed.put("/alice/audited/f", b"x")
        before = len(self.lines())
        self.ask("GET", "/nodes/alice", "alice")
        self.assertEqual(len(self.lines()), before)
        token = self.login("bob")
        self.sees(event="sign-in", user="bob", subject="bob", status=200, path="/gms/login")
        self.ask("POST", LOGIN, fields={"username": "bob", "password": "a wrong one"})
        self.sees(event="sign-in", user="anonymous", subject="bob", status=401)
        self.ask("GET", "/nodes/bob", headers=basic("carol", "another wrong one"))
        self.sees(event="sign-in", subject="carol", status=401, path="/vault/nodes/bob")
        self.ask("GET", "/nodes/bob", headers=bearer("x" * 54))
        self.sees(event="sign-in", status=401, path="/vault/nodes/bob")
        for path in ("/alice", "/alice/audited"):
            self.bed.ask("POST", f"/nodes{path}", "alice", self.bed.document("ContainerNode", path, {"ispublic": "true"}), {"Content-Type": "text/xml"})
        self.sees(event="permissions", user="alice", status=200, path="/vault/nodes/alice/audited")
        self.ask("DELETE", "/nodes/alice/audited/none", "alice")
        self.sees(event="delete", user="alice", status=404)
        self.bed.create("DataNode", "/alice/shown", "alice", {"ispublic": "true"})
        self.bed.put("/alice/shown", b"x")
        url = self.ask("GET", "/files/alice/shown", "carol").headers["Location"]
        self.ask("GET", url)
        self.sees(event="read", user="carol", status=200, path="/vault/files/preauth:.../alice/shown")
        self.ask("DELETE", "/nodes/alice/shown", "alice")
        self.sees(event="delete", user="alice", path="/vault/nodes/alice/shown")
        self.ask("POST", TOKENS, "bob", {})
        self.sees(event="token", user="bob", status=201)
        self.ask("GET", "/cred/proxyCert", "bob")
        self.sees(event="certificate", user="bob", status=200)
        self.ask("POST", "/manage/users/carol", "admin", {"display": "Carol"})
        self.sees(event="account", user="admin", path="/manage/users/carol")
        text = json.dumps(self.lines())
        for secret in (token, "a wrong one", "another wrong one", self.password("bob"), re.search("preauth:([^/]+)", url)[1]):
            self.assertNotIn(secret, text)

    def test_it_is_rotated(self):
        self.login("bob")
        self.sees(user="bob")
        os.rename(self.path, self.path + ".1")
        os.kill(self.bed.pid, signal.SIGHUP)
        wait_until(lambda: os.path.exists(self.path), 10)
        self.login("carol")
        self.sees(user="carol")


class Administration(Accounts):
    def test_it_is_for_administrators(self):
        for target in ("/manage/users", "/manage/health", "/manage/quota?path=/bob", "/manage/scrub", "/manage/repair"):
            self.assertEqual(self.ask("GET", target).status, 401, target)
            self.assertEqual(self.ask("GET", target, "bob").status, 403, target)
            self.assertEqual(self.ask("GET", target, "admin").status, 200, target)
        for target in ("/manage/location", "/manage/mode", "/manage/gc", "/manage/verify"):
            self.assertEqual(self.ask("POST", target, "admin", {}).status, 404, target)
        listed = self.ask("GET", "/manage/users", "admin").text
        self.assertIn("alice", {u["name"] for u in json.loads(listed)})
        self.assertIsNone(re.search(r"scrypt|\$", listed))

    def test_a_limited_token_of_one_administers_nothing(self):
        token = json.loads(self.ask("POST", TOKENS, "admin", {"access": "read"}).text)["token"]
        self.assertEqual(self.ask("GET", "/manage/users", headers=bearer(token)).status, 403)


main()
