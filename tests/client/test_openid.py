# SPDX-License-Identifier: Apache-2.0
"""An OpenID Connect provider that others wrote: its bearer tokens, and signing in through it."""

import html.parser
import http.cookiejar
import json
import os
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

from openid_provider import API, OpenIdProvider
from quartet_test import Testbed, main, unittest, wait_until


def bearer(token):
    return {"Authorization": "Bearer " + token}


class OpenId(unittest.TestCase):
    settings = {}

    @classmethod
    def setUpClass(cls):
        folder = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="quartet-openid-"))
        cls.provider = OpenIdProvider.or_skip(folder)
        cls.bed = Testbed.start(settings=cls.provider.settings(**cls.settings))
        cls.addClassCleanup(cls.bed.close)
        cls.base = f"https://{cls.bed.host}:{cls.bed.port}"
        cls.provider.redirect = cls.base + "/account/openid/callback"
        cls.provider.up()
        cls.addClassCleanup(cls.provider.down)

    def who(self, token):
        answer = self.bed.ask("GET", "/nodes/public?limit=0", headers=bearer(token))
        return answer.status, answer.headers["X-VO-Authenticated"]

    def claims(self, **other):
        now = int(time.time())
        return {"iss": self.provider.issuer, "aud": API, "sub": "x", "preferred_username": "alice", "iat": now, "exp": now + 600} | other


class BearerTokens(OpenId):
    def test_one_of_the_provider_is_its_users(self):
        token = self.provider.bearer()
        self.assertEqual(self.who(token), (200, "alice"))
        answer = self.bed.ask("PUT", "/files/alice/by-openid", None, b"x", bearer(token))
        self.assertEqual(answer.status, 201)
        self.assertEqual(self.bed.ask("GET", "/nodes/bob", headers=bearer(token)).status, 403)

    def test_whom_nobody_knows_here_is_refused(self):
        answer = self.bed.ask("GET", "/nodes/public", headers=bearer(self.provider.bearer("nobody")))
        self.assertEqual(answer.status, 401)
        self.assertIn("nobody", answer.text)
        self.assertIn('Bearer error="invalid_token"', answer.headers.get_all("WWW-Authenticate"))

    def test_one_for_another_service_is_refused(self):
        self.assertEqual(self.who(self.provider.bearer(resource="urn:another:service"))[0], 401)

    def test_what_the_provider_would_not_say(self):
        now = int(time.time())
        wrong = {
            "another issuer": ({}, self.claims(iss="https://elsewhere.example"), "key"),
            "no issuer": ({}, {k: v for k, v in self.claims().items() if k != "iss"}, "key"),
            "another audience": ({}, self.claims(aud=["urn:a", "urn:b"]), "key"),
            "no audience": ({}, self.claims(aud=None), "key"),
            "expired": ({}, self.claims(exp=now - 60), "key"),
            "no end": ({}, {k: v for k, v in self.claims().items() if k != "exp"}, "key"),
            "not yet": ({}, self.claims(nbf=now + 600), "key"),
            "from the future": ({}, self.claims(iat=now + 600), "key"),
            "of nobody": ({}, self.claims(preferred_username=""), "key"),
            "of a number": ({}, self.claims(preferred_username=7), "key"),
            "another key": ({}, self.claims(), "other"),
            "another key, unknown": ({"kid": "unknown"}, self.claims(), "other"),
            "no signature": ({}, self.claims(), "none"),
            "a public key as a secret": ({}, self.claims(), "hmac"),
            "extensions": ({"crit": ["x"], "x": 1}, self.claims(), "key"),
        }
        tokens = self.provider.sign(*wrong.values(), ({}, self.claims(aud=["urn:a", API]), "key"))
        for what, token in zip(wrong, tokens):
            self.assertEqual(self.who(token), (401, None), what)
        good = tokens[-1]
        self.assertEqual(self.who(good), (200, "alice"))
        head, body, end = good.split(".")
        for what, token in (("cut", f"{head}.{body}"), ("another body", f"{head}.{tokens[0].split('.')[1]}.{end}"), ("dots", ".."),
                            ("not ours", "x.y.z"), ("empty parts", f"{head}..{end}"), ("long", f"{head}.{body * 100}.{end}")):
            self.assertEqual(self.who(token)[0], 401, what)

    def test_it_changes_no_account_and_gets_no_other_token(self):
        token = bearer(self.provider.bearer())
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        for method, target, body in (("POST", "/account/tokens", "label=x"), ("POST", "/account/session", ""), ("POST", "/gms/login", ""),
                                     ("POST", "/account", "revoke=yes"), ("POST", "/account/links", "path=/alice")):
            self.assertEqual(self.bed.ask(method, target, None, body, token | form).status, 403, target)

    def test_a_disabled_account_stays_out_and_revoking_counts(self):
        token = self.provider.sign(({}, self.claims(preferred_username="carol", iat=int(time.time()) - 5), "key"))[0]
        self.assertEqual(self.who(token), (200, "carol"))
        self.bed.tool("user", "disable", "carol")
        self.assertEqual(self.who(token)[0], 401)
        self.bed.tool("user", "enable", "carol")
        self.assertEqual(self.who(token), (200, "carol"))
        self.bed.tool("user", "revoke", "carol")
        self.assertEqual(self.who(token)[0], 401)

    def test_tokens_are_in_no_log(self):
        token = self.provider.bearer()
        self.who(token)
        self.assertNotIn(token, self.bed.log() + self.bed.access_log())


class Keys(OpenId):
    def test_a_new_key_counts_and_the_old_one_does_not(self):
        old = self.provider.bearer()
        self.assertEqual(self.who(old), (200, "alice"))
        self.provider.down()
        self.provider.new_key()
        self.provider.up()
        new = self.provider.bearer()

        def it_counts():
            return self.who(new) == (200, "alice")
        wait_until(it_counts)
        self.assertEqual(self.who(old)[0], 401)


class Away(OpenId):
    def test_only_who_comes_by_the_provider_notices_that_it_is_away(self):
        token = self.provider.bearer()
        self.provider.down()
        self.assertEqual(self.who(token)[0], 503, "nothing was fetched yet")
        began = time.monotonic()
        self.assertEqual(self.bed.ask("GET", "/nodes/alice", "alice").status, 200)
        self.assertLess(time.monotonic() - began, 10)
        answer = self.bed.ask("GET", "/account/openid")
        self.assertEqual(answer.status, 503)
        self.provider.up()

        def it_counts():
            return self.who(token) == (200, "alice")
        wait_until(it_counts)
        self.provider.down()
        time.sleep(1)  # openid_retry is over
        self.assertEqual(self.who(token), (200, "alice"), "keys that are there go on counting")
        self.provider.up()


class Forms(html.parser.HTMLParser):
    """The one form of a page."""

    def __init__(self, text):
        super().__init__()
        self.action, self.fields = None, {}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "form":
            self.action = given["action"]
        if tag == "input" and given.get("name"):
            self.fields[given["name"]] = given.get("value") or ""


class Stays(urllib.request.HTTPRedirectHandler):
    """Follows to the provider, and stops before it comes back."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        return None if "/account/openid/callback" in newurl else super().redirect_request(req, fp, code, msg, headers, newurl)


class SigningIn(OpenId):
    def begin(self, next_page="/browse/alice"):
        answer = self.bed.ask("GET", "/account/openid?next=" + urllib.parse.quote(next_page, safe=""))
        self.assertEqual(answer.status, 303, answer.text)
        self.assertRegex(answer.headers["Set-Cookie"],
                         r"\A__Host-quartet-openid=\S+; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=600\Z")
        return answer.headers["Location"], answer.headers["Set-Cookie"].partition(";")[0]

    def at_provider(self, url, name="alice"):
        """What a person does there; where it sends the browser then."""
        opener = urllib.request.build_opener(Stays, urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
        page = opener.open(url, timeout=20)
        for _ in range(4):
            form = Forms(page.read().decode())
            fields = form.fields | ({"login": name, "password": "any"} if "login" in form.fields else {})
            try:
                page = opener.open(urllib.parse.urljoin(page.url, form.action), urllib.parse.urlencode(fields).encode(), timeout=20)
            except urllib.error.HTTPError as stop:
                return stop.headers["Location"]
        raise AssertionError("the provider does not come to an end")

    def back(self, url, cookie):
        target = urllib.parse.urlsplit(url)
        return self.bed.ask("GET", f"{target.path}?{target.query}", None, None, {"Cookie": cookie} if cookie else {})

    def session_of(self, answer):
        for text in answer.headers.get_all("Set-Cookie"):
            if text.startswith("__Host-quartet="):
                return text.partition(";")[0]
        return None

    def test_who_signs_in_there_is_signed_in_here(self):
        url, cookie = self.begin()
        asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
        self.assertTrue(url.startswith(self.provider.issuer + "/"))
        self.assertEqual((asked["code_challenge_method"], asked["response_type"]), ("S256", "code"))
        answer = self.back(self.at_provider(url), cookie)
        self.assertEqual(answer.status, 200, answer.text)
        self.assertIn('content="0;url=/browse/alice"', answer.text)
        session = self.session_of(answer)
        own = json.loads(self.bed.ask("GET", "/account/session", headers={"Cookie": session}).text)
        self.assertEqual((own["account"], own["by"], own["openid"]), ("alice", "session", "Elsewhere"))
        self.assertEqual(self.bed.ask("POST", "/account/tokens", None, "label=x", {
            "Cookie": session, "Content-Type": "application/x-www-form-urlencoded"}).status, 201, "it is a session like any other")

    def test_what_does_not_match_is_refused(self):
        url, cookie = self.begin()
        back = self.at_provider(url)
        other_url, other_cookie = self.begin()
        parts = cookie.split(".")
        for what, one_url, one_cookie in (
                ("without a cookie", back, None), ("in another browser", back, other_cookie),
                ("another state", back.replace("state=", "state=x"), cookie), ("without a code", back.replace("code=", "c="), cookie),
                ("another code", back.replace("code=", "code=x"), cookie), ("another nonce", back, ".".join([parts[0], "x", *parts[2:]])),
                ("refused there", back.partition("?")[0] + "?error=access_denied&state=" + parts[0].partition("=")[2], cookie),
                ("a cookie of rubbish", back, "__Host-quartet-openid=x"), ("an empty one", back, "__Host-quartet-openid=")):
            answer = self.back(one_url, one_cookie)
            self.assertEqual((answer.status, answer.headers["Location"]), (303, self.base + "/page/signin?openid=refused"), what)
            self.assertIsNone(self.session_of(answer), what)

    def test_a_code_counts_once_and_with_its_verifier(self):
        url, cookie = self.begin()
        back, parts = self.at_provider(url), cookie.split(".")
        self.assertIsNone(self.session_of(self.back(back, ".".join([*parts[:2], "A" * 43, *parts[3:]]))))
        url, cookie = self.begin()
        back = self.at_provider(url)
        self.assertIsNotNone(self.session_of(self.back(back, cookie)))
        self.assertIsNone(self.session_of(self.back(back, cookie)))

    def test_whom_nobody_knows_here_has_no_session(self):
        url, cookie = self.begin()
        answer = self.back(self.at_provider(url, "mallory"), cookie)
        self.assertEqual(answer.status, 303)
        self.assertIsNone(self.session_of(answer))

    def test_it_leads_nowhere_else(self):
        for place in ("https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example", "/browse/\"><script>", "/browse\r\nX: y",
                      "/account/openid/callback", "browse", "/browse;Domain=x"):
            url, cookie = self.begin(place)
            self.assertTrue(cookie.endswith("./"), (place, cookie))
        answer = self.back(self.at_provider(url), cookie)
        self.assertIn('content="0;url=/"', answer.text)
        url, cookie = self.begin()
        answer = self.back(self.at_provider(url), cookie.rpartition(".")[0] + ".//elsewhere.example")
        self.assertIn('content="0;url=/"', answer.text)


class BySubject(OpenId):
    settings = {"openid_claim": "sub"}

    def test_the_identity_is_the_issuers_subject(self):
        token = self.provider.sign(({}, self.claims(sub="7,x+1"), "key"))[0]
        self.assertEqual(self.who(token)[0], 401)
        status, text = self.bed.tool("user", "dn-add", "bob", f"CN=7\\,x\\+1,O={self.provider.issuer}")
        self.assertEqual(status, 0, text)
        self.assertEqual(self.who(token), (200, "bob"))


class Off(unittest.TestCase):
    def test_without_a_provider_there_is_none(self):
        bed = Testbed.start()
        self.addCleanup(bed.close)
        self.assertEqual(bed.ask("GET", "/account/openid").status, 404)
        self.assertEqual(bed.ask("GET", "/account/openid/callback?code=x&state=y").status, 404)
        self.assertEqual(bed.ask("GET", "/nodes/public", headers=bearer("a.b.c")).status, 401)


if __name__ == "__main__":
    main()
