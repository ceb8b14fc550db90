# SPDX-License-Identifier: Apache-2.0
"""Bad input: each request of the table gets its documented answer or is cut, and leaves
nothing behind: no memory, no descriptor, no node, no harm to the next one."""

import base64
import collections
import concurrent.futures
import contextlib
import os
import re
import socket
import ssl
import struct
from dataclasses import dataclass

from quartet_test import CORE, VOS, XSI, Testbed, main, unittest, wait_until
from raw_http import Ended, Raw

CUT = "cut"            # the connection ends without an answer
TEXT_MAX = 64 << 10    # of a document or form, in this instance
GROWTH_MAX_KIB = 64 << 10


@dataclass
class Row:
    name: str
    data: bytes
    expected: set
    user: str = "alice"


def head(line, *fields, body=b"", host=True):
    lines = [line, *(["Host: localhost"] if host else []), *fields, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def get(target, *fields):
    return head(f"GET {target} HTTP/1.1", *fields)


def put(target, body, *fields):
    return head(f"PUT {target} HTTP/1.1", f"Content-Length: {len(body)}", *fields, body=body)


def chunked(body):
    return head("PUT /vault/files/alice/chunks HTTP/1.1", "Transfer-Encoding: chunked", body=body)


NODE = "/vault/nodes/alice"
FILE = "/vault/files/alice/f"


def framing_rows():
    ok = get(NODE)
    yield Row("bare LF in the head", ok.replace(b"\r\n", b"\n") + b"\r\n\r\n", {400})
    yield Row("bare LF only", ok.replace(b"\r\n", b"\n"), {408})
    yield Row("one bare LF", ok.replace(b"\r\n", b"\n", 1), {400})
    yield Row("bare CR", get(NODE, "X: a\rb"), {400})
    yield Row("folded header", get(NODE, "X: a", " b"), {400})
    yield Row("folded first header", head(f"GET {NODE} HTTP/1.1", " X: y"), {400})
    yield Row("blank before the colon", get(NODE, "X : a"), {400})
    yield Row("header without colon", get(NODE, "nonsense"), {400})
    yield Row("header without name", get(NODE, ": a"), {400})
    yield Row("NUL in a header", get(NODE, "X: a\0b"), {400})
    yield Row("control byte in a header", get(NODE, "X: a\x01b"), {400})
    yield Row("NUL in the target", get(NODE + "/a\0b"), {400})
    yield Row("tab in the target", get(NODE + "/a\tb"), {400})
    yield Row("blank in the target", get(NODE + "/a b"), {400})
    yield Row("two blanks", head(f"GET  {NODE} HTTP/1.1"), {400})
    yield Row("fragment in the target", head(f"DELETE {NODE}#x HTTP/1.1"), {400})
    yield Row("no target", head("GET HTTP/1.1"), {400})
    yield Row("no version", head(f"GET {NODE}"), {400})
    yield Row("HTTP/0.9", f"GET {NODE}\r\n\r\n".encode(), {400})
    yield Row("HTTP/1.2", head(f"GET {NODE} HTTP/1.2"), {505})
    yield Row("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {505})
    yield Row("HTTP/99999999999.1", head(f"GET {NODE} HTTP/99999999999.1"), {505})
    yield Row("lower-case http", head(f"GET {NODE} http/1.1"), {400})
    yield Row("no Host", head(f"GET {NODE} HTTP/1.1", host=False), {400})
    yield Row("two Hosts", get(NODE, "Host: other"), {400})
    yield Row("authority form", head("CONNECT localhost:443 HTTP/1.1"), {400})
    yield Row("asterisk form", head("OPTIONS * HTTP/1.1"), {400})
    yield Row("TRACE", head(f"TRACE {NODE} HTTP/1.1"), {405})
    yield Row("unknown method", head(f"BREW {NODE} HTTP/1.1"), {405})
    yield Row("method that is no token", head(f"G@T {NODE} HTTP/1.1"), {400})
    yield Row("method of 10,000 letters", head(f"{'G' * 10000} {NODE} HTTP/1.1"), {405})
    yield Row("absolute form of another host", get("http://evil.example/etc/passwd"), {404})
    yield Row("absolute form of another scheme", get("ftp://evil.example/x"), {400})
    yield Row("head of 100 kB", get(NODE, "X: " + "a" * 100_000), {431})
    yield Row("10,000 headers", get(NODE, *["A: b"] * 10_000), {431})
    yield Row("1,000 headers", get(NODE, *["A: b"] * 1000), {431})
    yield Row("target of 20 kB", get("/vault/nodes/" + "a" * 20_000), {414})
    yield Row("10,000 empty lines", b"\r\n" * 20_000, {431})
    yield Row("noise", os.urandom(200).replace(b"\n", b"x") + b"\r\n\r\n", {400})
    yield Row("a TLS hello inside TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 4, {408})
    yield Row("upgrade", get(NODE + "?limit=0", "Connection: Upgrade", "Upgrade: h2c"), {200})


def body_rows():
    put_line = "PUT /vault/files/alice/h HTTP/1.1"
    for value in ("-1", "+5", "0x5", "5 5", "5,5", "", "five", "5.0", "99999999999999999999",
                  "18446744073709551616"):
        yield Row(f"Content-Length {value!r}",
                  head(put_line, f"Content-Length: {value}", body=b"hello"), {400})
    yield Row("more than may be uploaded", head(put_line, f"Content-Length: {2**63}"), {413})
    yield Row("2^64-1 bytes", head(put_line, f"Content-Length: {2**64 - 1}"), {400, 413})
    yield Row("two lengths", head(put_line, "Content-Length: 5", "Content-Length: 6", body=b"hello!"),
              {400})
    yield Row("the same length twice",
              head(put_line, "Content-Length: 5", "Content-Length: 5", body=b"hello"), {400})
    yield Row("length and chunks",
              head(put_line, "Content-Length: 5", "Transfer-Encoding: chunked",
                   body=b"0\r\n\r\n"), {400})
    yield Row("chunks and length",
              head(put_line, "Transfer-Encoding: chunked", "Content-Length: 5",
                   body=b"0\r\n\r\n"), {400})
    yield Row("gzip, chunked", head(put_line, "Transfer-Encoding: gzip, chunked"), {501})
    yield Row("chunked twice", head(put_line, *["Transfer-Encoding: chunked"] * 2), {501})
    yield Row("identity", head(put_line, "Transfer-Encoding: identity"), {400})
    yield Row("chunked by tab", head(put_line, "Transfer-Encoding: chunked\t"), {400})
    yield Row("chunks in HTTP/1.0", head("PUT /vault/files/alice/h HTTP/1.0",
                                         "Transfer-Encoding: chunked"), {400})
    yield Row("chunk size of letters", chunked(b"xyz\r\n"), {400})
    yield Row("negative chunk", chunked(b"-5\r\nhello\r\n"), {400})
    yield Row("chunk of 2^64", chunked(b"10000000000000000\r\n"), {400})
    yield Row("chunk of 2^63", chunked(b"8000000000000000\r\nabc"), {400, 413})
    yield Row("chunk without its CRLF", chunked(b"5\r\nhello0\r\n\r\n"), {400})
    yield Row("chunk with other bytes for its CRLF", chunked(b"5\r\nhelloXX0\r\n\r\n"), {400})
    yield Row("chunk size with bare LF", chunked(b"5\nhello\r\n0\r\n\r\n"), {400})
    yield Row("trailer with bare LF", chunked(b"5\r\nhello\r\n0\r\nA: b\n\r\n"), {400})
    yield Row("chunk extension without end", chunked(b"5;" + b"x" * 200_000), {400})
    yield Row("trailer without end", chunked(b"0\r\nA: " + b"x" * 200_000), {400})
    yield Row("Expect of something else", head(put_line, "Expect: cake", "Content-Length: 0"), {417})
    yield Row("short body", head(put_line, "Content-Length: 500", body=b"short"), {400})
    yield Row("short document", head(f"PUT {NODE}/h HTTP/1.1", "Content-Length: 500",
                                     body=b"<vos:node"), {400})


def xml_rows(bed):
    def create(document, name="x"):
        body = document if isinstance(document, bytes) else document.encode()
        return put(f"{NODE}/{name}", body, "Content-Type: text/xml")

    good = bed.document("ContainerNode", "/alice/x")
    root = f'<vos:node xmlns:vos="{VOS}" xmlns:xsi="{XSI}" uri="{bed.uri("/alice/x")}"'
    bomb = ('<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa">' +
            "".join(f'<!ENTITY {c} "{("&" + p + ";") * 10}">' for p, c in zip("abcdefgh", "bcdefghi")) +
            "]>")
    yield Row("no document", create(b""), {400})
    yield Row("no XML", create(b"hello"), {400})
    yield Row("broken XML", create(good[:-5]), {400})
    yield Row("entity bomb", create(bomb + good.replace("<vos:nodes/>", "&i;")), {400})
    yield Row("external entity", create('<!DOCTYPE n [<!ENTITY e SYSTEM "file:///etc/passwd">]>' +
                                        good.replace("<vos:nodes/>", "&e;")), {400})
    yield Row("external DTD", create('<!DOCTYPE n SYSTEM "http://127.0.0.1:1/x.dtd">' + good), {400})
    yield Row("parameter entity", create('<!DOCTYPE n [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]>'
                                         + good), {400})
    yield Row("unknown entity", create(good.replace("<vos:nodes/>", "&unknown;")), {400})
    yield Row("deep nesting", create("<a>" * 9000 + "</a>" * 100), {400})
    yield Row("deep and unfinished", create("<a>" * 10_000), {400})
    yield Row("document too large", create(good + " " * TEXT_MAX), {413})
    yield Row("document too large, in chunks",
              head(f"PUT {NODE}/x HTTP/1.1", "Transfer-Encoding: chunked",
                   body=b"%x\r\n%s\r\n0\r\n\r\n" % (TEXT_MAX + 1, b" " * (TEXT_MAX + 1))), {413})
    yield Row("bytes of no encoding", create(good.encode().replace(b"<vos:nodes/>", b"\xff\xfe\0")), {400})
    yield Row("a lie about the encoding, and no end",
              create(b'<?xml version="1.0" encoding="UTF-16"?>' + good.encode()[:-5]), {400})
    yield Row("unknown encoding, and no end",
              create(b'<?xml version="1.0" encoding="klingon"?>' + good.encode()[:-5]), {400})
    yield Row("NUL in the document", create(good.encode().replace(b"<vos:nodes/>", b"\0")), {400})
    yield Row("another root", create('<html xmlns="http://www.w3.org/1999/xhtml"/>'), {400})
    yield Row("unknown type", create(root + ' xsi:type="vos:EvilNode"/>'), {400})
    yield Row("no uri", create(f'<vos:node xmlns:vos="{VOS}" xmlns:xsi="{XSI}" '
                               'xsi:type="vos:ContainerNode"/>'), {400})
    yield Row("uri of another path", create(bed.document("ContainerNode", "/alice/y")), {400})
    yield Row("uri of another service", create(good.replace(bed.env["QUARTET_AUTHORITY"], "evil.example~vault")),
              {400})
    yield Row("link to nowhere", create(bed.document("LinkNode", "/alice/x", target="nonsense")), {400})
    yield Row("five read groups", create(bed.document("ContainerNode", "/alice/x", {
        "groupread": " ".join(f"ivo://cadc.nrc.ca/gms?g{i}" for i in range(5))})), {400})
    yield Row("1,000 properties", create(bed.document("ContainerNode", "/alice/x", {
        f"ivo://example.org/p#{i}": "v" for i in range(1000)})), {400, 413})
    yield Row("property of 40 kB", create(bed.document("ContainerNode", "/alice/x", {
        CORE + "description": "x" * 40_000})), {400, 413})


def name_rows(bed):
    for name in ("/..", "/../bob", "/a/../../bob", "/%2e%2e", "/%2e%2e/bob", "/.", "/a/./b",
                 "/%2E/x"):
        yield Row(f"path {name}", get(NODE + name), {400, 404})
        yield Row(f"file {name}", put("/vault/files/alice" + name, b"x"), {400, 404})
    for name in ("/a%00b", "/a%2fb", "/a%2Fb", "/%", "/%4", "/%zz", "/%ff", "/%c0%af", "/%ed%a0%80",
                 "/" + "n" * 256, "/" + "%C3%A9" * 128):
        yield Row(f"path {name[:16]}", get(NODE + name), {400})
        yield Row(f"file {name[:16]}", put("/vault/files/alice" + name, b"x"), {400})
        yield Row(f"delete {name[:16]}", head(f"DELETE {NODE}{name} HTTP/1.1"), {400})
    yield Row("2,000 components", get("/vault/nodes" + "/a" * 2000), {400})
    yield Row("reserved name", put("/vault/files/alice/.null", b"x"), {400})
    yield Row("preauth as a name", put("/vault/files/preauth:", b"x"), {400, 403})
    yield Row("broken escape in the query", get(NODE + "?limit=%zz"), {400})
    yield Row("limit below nothing", get(NODE + "?limit=-1"), {400})
    yield Row("limit beyond numbers", get(NODE + "?limit=99999999999999999999999"), {400})
    yield Row("unknown detail", get(NODE + "?detail=everything&limit=0"), {200})
    yield Row("start elsewhere", get(NODE + "?uri=vos://evil.example~vault/x"), {400})
    yield Row("8,000 parameters", get(NODE + "?" + "a&" * 8000), {200, 400})
    yield Row("the root deleted", head("DELETE /vault/nodes HTTP/1.1"), {400, 403})
    yield Row("the root deleted, by slash", head("DELETE /vault/nodes/ HTTP/1.1"), {400, 403})
    yield Row("bytes onto a container", put("/vault/files/alice", b"x"), {400})
    yield Row("out of the house", get("/vault/../etc/passwd"), {404})
    yield Row("the admin's door", get("/admin/users"), {404})
    yield Row("the admin's door, to change", head("POST /admin/users/alice HTTP/1.1",
                                                  "Content-Length: 0"), {404})


def bad_targets(mine):
    return {"up and out": mine + "/../../bob/x", "escaped up and out": mine + "/%2e%2e/%2e%2e/bob/x",
            "NUL": mine + "%00", "slash in a name": mine + "%2fx", "broken escape": mine + "%zz",
            "no UTF-8": mine + "%ff", "long name": mine.rpartition("/")[0] + "/" + "n" * 256,
            "another service": "vos://evil.example~vault/alice/t", "no URI": "nonsense",
            "a file URL": "file:///etc/passwd"}


def transfer(target, direction):
    return (f'<vos:transfer xmlns:vos="{VOS}" version="2.1"><vos:target>{target}</vos:target>'
            f'<vos:direction>{direction}</vos:direction>'
            f'<vos:protocol uri="ivo://ivoa.net/vospace/core#httpsput"/></vos:transfer>')


def transfer_rows(bed):
    def post(place, document, kind="text/xml"):
        body = document if isinstance(document, bytes) else document.encode()
        return head(f"POST /vault/{place} HTTP/1.1", f"Content-Length: {len(body)}",
                    f"Content-Type: {kind}", body=body)

    bomb = ('<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>')
    mine, push = bed.uri("/alice/t"), "pushToVoSpace"
    for place in ("synctrans", "transfers"):
        yield Row(f"{place}: nothing", post(place, b""), {400})
        yield Row(f"{place}: no XML", post(place, b"hello"), {400})
        yield Row(f"{place}: broken XML", post(place, transfer(mine, push)[:-9]), {400})
        yield Row(f"{place}: entity bomb", post(place, bomb + transfer("&b;", push)), {400})
        yield Row(f"{place}: external entity",
                  post(place, '<!DOCTYPE n [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + transfer("&e;", push)),
                  {400})
        yield Row(f"{place}: deep nesting", post(place, "<a>" * 9000), {400})
        yield Row(f"{place}: a node", post(place, bed.document("DataNode", "/alice/t")), {400})
        yield Row(f"{place}: noise", post(place, os.urandom(500)), {400})
        yield Row(f"{place}: too large", post(place, " " * (TEXT_MAX + 1)), {413})
        yield Row(f"{place}: no target", post(place, transfer("", push)), {303, 400})
    # Refused negotiations are told in the details (architecture D29).
    for name, target in bad_targets(mine).items():
        yield Row(f"push to {name}", post("synctrans", transfer(target, push)), {303, 400})
        yield Row(f"move of {name}", post("transfers", transfer(target, mine)), {303, 400})
        yield Row(f"move to {name}", post("transfers", transfer(mine, target)), {303, 400})
        yield Row(f"delete {name}", post("async-delete", f"target={target.replace('%', '%25')}",
                                         "application/x-www-form-urlencoded"), {303, 400, 404})
        yield Row(f"form with {name}", post("synctrans", "DIRECTION=pushToVoSpace&TARGET=" + target,
                                            "application/x-www-form-urlencoded"), {303, 400})
    yield Row("form with broken escapes", post("synctrans", "TARGET=%zz&DIRECTION=%",
                                               "application/x-www-form-urlencoded"), {400})
    yield Row("form too large", post("transfers", "target=" + "x" * (TEXT_MAX + 1),
                                     "application/x-www-form-urlencoded"), {413})
    for job in ("nonsense", "..", "%2e%2e", "%00", "9" * 400, "-1"):
        yield Row(f"job {job[:8]!r}", get(f"/vault/transfers/{job}/phase"), {400, 404})
        yield Row(f"results of job {job[:8]!r}", get(f"/vault/xfer/{job}"), {400, 404})
    yield Row("endless wait for a job", get("/vault/transfers/none?WAIT=99999999999999999999"), {400, 404})


def digest_rows():
    md5 = base64.b64encode(bytes(16)).decode()
    rows = {"not base64": ("md5=???", {400}), "too short": ("md5=AAAA", {400}),
            "too long": ("md5=" + md5 + md5, {400}), "another's": ("md5=" + md5, {412}),
            "empty": ("md5=", {400})}
    for name, (value, expected) in rows.items():
        yield Row(f"digest {name}", put("/vault/files/alice/digest", b"hello", f"Digest: {value}"),
                  expected)
    yield Row("part of a file", put("/vault/files/alice/digest", b"x", "Content-Range: bytes 0-0/5"), {400})
    yield Row("type that is none", put("/vault/files/alice/digest", b"x", "Content-Type: nonsense"), {400})
    yield Row("unknown transaction", put("/vault/files/alice/digest", b"x", "X-Put-Txn-Id: 1"), {400})
    yield Row("foreign page", put("/vault/files/alice/digest", b"x", "Origin: https://evil.example"), {403})
    yield Row("foreign page, by fetch", head(f"DELETE {NODE} HTTP/1.1", "Sec-Fetch-Site: cross-site"), {403})
    yield Row("unknown bearer", get(NODE, "Authorization: Bearer nonsense"), {401})
    yield Row("unknown scheme", get(NODE, "Authorization: Magic x"), {401})
    yield Row("Authorization without value", get(NODE, "Authorization:"), {401})


def token_rows(url, other_url, foreign_url):
    front, _, rest = url.partition("preauth:")
    front = "/vault" + front.partition("/vault")[2] + "preauth:"
    token, _, path = rest.partition("/")
    other = other_url.partition("preauth:")[2].partition("/")[0]
    foreign = foreign_url.partition("preauth:")[2].partition("/")[0]

    def row(name, token, path=path, expected=frozenset({403})):
        return Row("token " + name, get(f"{front}{token}/{path}"), set(expected), None)

    yield row("of another server", foreign)
    yield row("of another file", other)
    yield row("for another path", token, path + "2")
    yield row("for the parent", token, path.rpartition("/")[0])
    yield row("for a way round", token, "alice/../" + path, {400, 403})
    yield row("cut short", token[:-1])
    yield row("cut to half", token[:len(token) // 2])
    yield row("empty", "")
    yield row("with more behind it", token + "A")
    yield row("padded", token + "=")
    yield row("of noise", base64.urlsafe_b64encode(os.urandom(80)).decode().rstrip("="))
    yield row("of 10 kB", "A" * 10_000)
    yield row("with strange letters", token[:-2] + "!*")
    for at in range(0, len(token), 7):
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1:]
        yield row(f"changed at {at}", changed)
    yield Row("token for reading used to write", put(f"{front}{token}/{path}", b"x"), {403}, None)
    yield Row("token without path", get(front + token), {400, 403}, None)


def bad_ranges(target):
    for value in ("bytes=99999-", "bytes=-0"):
        yield Row(f"range {value}", get(target, f"Range: {value}"), {416}, None)
    for value in ("bytes=5-1", "bytes=0-0," * 1000 + "1-1", "bytes=" + "9" * 1000 + "-" + "1" * 5,
                  "lines=1-2", "bytes=\x80"):
        yield Row(f"range {value[:12]}", get(target, f"Range: {value}"), {200, 416}, None)


class Hostile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bed = Testbed.start(settings=[
            "head_timeout=2s", "stall_timeout=2s", f"node_xml_max={TEXT_MAX}", f"transfer_xml_max={TEXT_MAX}", f"form_max={TEXT_MAX}",
            f"upload_max={1 << 40}", "preauth_lifetime=3600s"])
        cls.addClassCleanup(cls.bed.close)
        assert cls.bed.put("/alice/f", b"0123456789").status == 201
        assert cls.bed.put("/alice/other", b"other").status == 201

    def location(self, path):
        return self.bed.ask("GET", "/files" + path, "alice").headers["Location"]

    def foreign_url(self):
        """A token of another server, where it was good for a second and no longer."""
        short = Testbed.start(settings=["preauth_lifetime=1s"])
        self.addCleanup(short.close)
        assert short.put("/alice/f", b"0123456789").status == 201
        url = short.ask("GET", "/files/alice/f", "alice").headers["Location"]
        self.assertEqual(short.ask("GET", url).status, 200)
        wait_until(lambda: short.ask("GET", url).status != 200, 10)
        self.assertEqual(short.ask("GET", url).status, 403)
        return url

    def rows(self):
        url = self.location("/alice/f")
        self.assertEqual(self.bed.ask("GET", url).body, b"0123456789")
        yield from framing_rows()
        yield from body_rows()
        yield from xml_rows(self.bed)
        yield from name_rows(self.bed)
        yield from digest_rows()
        yield from transfer_rows(self.bed)
        yield from token_rows(url, self.location("/alice/other"), self.foreign_url())
        yield from bad_ranges("/vault" + url.partition("/vault")[2])

    def outcome(self, row):
        try:
            with Raw(self.bed, row.user) as raw:
                raw.send(row.data)
                return raw.answer()
        except (Ended, ConnectionError, ssl.SSLError):
            return None

    def check(self, row):
        answer = self.outcome(row)
        status = CUT if answer is None else answer.status
        if status not in row.expected:
            return f"{row.name}: {status} instead of {row.expected}: {answer and answer.text[:200]}"
        if answer is not None and "x-request-id" not in answer.headers:
            return f"{row.name}: no request id"
        return None

    def descriptors(self):
        """What the server holds open, and how often."""
        folder, held = f"/proc/{self.bed.pid}/fd", collections.Counter()
        for name in os.listdir(folder):
            with contextlib.suppress(FileNotFoundError):
                held[re.sub(r":\[\d+\]$", "", os.readlink(os.path.join(folder, name)))] += 1
        # A location keeps a few of the files it has read open.
        return collections.Counter({name: n for name, n in held.items() if "/blob/" not in name})

    def assert_none_leaked(self, before):
        """One more may be a probe of a location that is under way."""
        with contextlib.suppress(AssertionError):
            wait_until(lambda: (self.descriptors() - before).total() <= 1, 20)
            return
        self.fail(f"still open: {self.descriptors() - before}")

    def rss_anon_kib(self):
        with open(f"/proc/{self.bed.pid}/status", encoding="ascii") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("RssAnon"))

    def test_each_gets_its_answer_and_nothing_is_left(self):
        rows = list(self.rows())
        self.assertGreater(len(rows), 60)
        tree = self.bed.ask("GET", "/nodes/alice?detail=min", "alice").body
        descriptors, memory = self.descriptors(), self.rss_anon_kib()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            failures = [f for f in pool.map(self.check, rows) if f]
        self.assertEqual(failures, [], "\n" + "\n".join(failures))
        self.assert_none_leaked(descriptors)
        if "asan" not in os.environ.get("QUARTET_BUILD", ""):
            self.assertLess(self.rss_anon_kib() - memory, GROWTH_MAX_KIB)
        self.assertEqual(self.bed.ask("GET", "/nodes/alice?detail=min", "alice").body, tree)
        self.assertEqual(self.bed.put("/alice/after", b"fine").status, 201)
        self.assertEqual(self.bed.get("/alice/after").body, b"fine")

    def negotiate(self, target):
        """What the details of a push say in the end."""
        answer = self.bed.ask("POST", "/synctrans", "alice", transfer(target, "pushToVoSpace"),
                              {"Content-Type": "text/xml"})
        for _ in range(3):
            if answer.status != 303:
                break
            answer = self.bed.ask("GET", answer.headers["Location"], "alice")
        return answer

    def test_refused_negotiations_offer_nothing(self):
        good = self.negotiate(self.bed.uri("/alice/t"))
        self.assertEqual(good.status, 200)
        self.assertIn("endpoint>https://", good.text)
        for name, target in bad_targets(self.bed.uri("/alice/t")).items():
            self.assertNotIn("endpoint>", self.negotiate(target).text, name)

    def test_clients_that_leave_at_any_moment_leave_nothing(self):
        descriptors = self.descriptors()
        requests = [put(FILE + "2", bytes(5000)), chunked(b"1000\r\n" + bytes(4096) + b"\r\n"),
                    get(NODE), put(f"{NODE}/left", b"<vos:node"), b"GET / HT", b"\r\n"]
        for data in requests:
            for n in (1, len(data) // 3, len(data) - 1, len(data)):
                raw = Raw(self.bed, "alice")
                raw.send(data[:max(n, 1)])
                if n % 2:  # a reset instead of an end
                    raw.tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                raw.close()
        self.assert_none_leaked(descriptors)
        self.assertEqual(self.bed.ask("GET", "/nodes/alice/left", "alice").status, 404)

    def test_noise_instead_of_tls_is_cut(self):
        descriptors = self.descriptors()
        for noise in (b"GET / HTTP/1.1\r\n\r\n", os.urandom(500), b"\x16\x03\x01", b""):
            with socket.create_connection(("127.0.0.1", self.bed.port), timeout=20) as raw:
                raw.sendall(noise)
                try:
                    while raw.recv(4096):
                        pass
                except ConnectionError:
                    pass
        self.assert_none_leaked(descriptors)
        self.assertEqual(self.bed.ask("GET", NODE[6:], "alice").status, 200)


if __name__ == "__main__":
    main()
