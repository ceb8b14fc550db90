# SPDX-License-Identifier: Apache-2.0
"""The files resource: bytes up and down, checksums, pre-authorised URLs."""

import base64
import email.utils
import hashlib
import os
import socket
import time
import urllib.parse
import xml.etree.ElementTree as ET

from quartet_test import CORE, VOS, Testbed, main, unittest, wait_until

CADC = "ivo://cadc.nrc.ca/vospace/core#"


def md5(data):
    return "md5=" + base64.b64encode(hashlib.md5(data).digest()).decode()


def setUpModule():
    FileTest.bed = Testbed.start()
    unittest.addModuleCleanup(FileTest.bed.close)


class FileTest(unittest.TestCase):
    bed = None
    count = 0

    def path(self, data=None, **headers):
        FileTest.count += 1
        path = f"/alice/f{FileTest.count}"
        if data is not None:
            answer = self.bed.put(path, data, headers={k.replace("_", "-"): v
                                                       for k, v in headers.items()})
            self.assertEqual(answer.status, 201, answer.text)
        return path

    def head(self, path, user="alice"):
        return self.bed.ask("HEAD", "/files" + path, user)

    def value(self, path, name):
        root = ET.fromstring(self.bed.ask("GET", f"/nodes{path}?limit=0", "alice").body)
        for p in root.find(f"{{{VOS}}}properties"):
            if p.get("uri") == CORE + name:
                return p.text or ""
        return None

    def names(self):
        return self.bed.ask("GET", "/nodes/alice?detail=min", "alice").text

    def fault(self, answer, status, pattern):
        self.assertEqual(answer.status, status, answer.text)
        self.assertRegex(answer.text, "^" + pattern)
        self.assertEqual(answer.headers["Content-Type"], "text/plain")


class Put(FileTest):
    def test_201_with_the_digest_and_nothing_else(self):
        for data in (b"x", b"hello" * 1000, os.urandom(3_000_001)):
            path = self.path()
            answer = self.bed.put(path, data)
            self.assertEqual((answer.status, answer.body), (201, b""))
            self.assertEqual(answer.headers["Digest"], md5(data))
            self.assertEqual(answer.headers["Content-Length"], "0")
            got = self.bed.get(path)
            self.assertEqual((got.status, got.body), (200, data))

    def test_the_right_digest_in_any_form_is_fine(self):
        data = b"some bytes"
        plain = md5(data)[4:]
        sha = base64.b64encode(hashlib.sha256(data).digest()).decode()
        for digest in (f"md5={plain}", f"MD5={plain}", f"sha-256={sha},md5={plain}",
                       f"md5={plain}, sha-256={sha}", f"sha-256={sha}", f"SHA-256={sha}",
                       "unixsum=30637"):
            self.assertEqual(self.bed.put(self.path(), data, headers={"Digest": digest}).status,
                             201, digest)

    def test_a_wrong_digest_is_412_and_the_old_bytes_stay(self):
        path = self.path(b"old bytes", Content_Type="text/plain")
        before = self.bed.ask("GET", "/nodes" + path, "alice").body
        wrong = base64.b64encode(hashlib.sha256(b"others").digest()).decode()
        for digest in (md5(b"others"), f"sha-256={wrong}", f"{md5(b'new')},sha-256={wrong}"):
            self.fault(self.bed.put(path, b"new", headers={"Digest": digest}), 412,
                       "PreconditionFailed: ")
            self.assertEqual(self.bed.get(path).body, b"old bytes", digest)
        self.assertEqual(self.bed.ask("GET", "/nodes" + path, "alice").body, before)
        fresh = self.path()
        self.assertEqual(self.bed.put(fresh, b"x", headers={"Digest": md5(b"y")}).status, 412)
        self.assertEqual(self.bed.ask("GET", "/nodes" + fresh, "alice").status, 404)

    def test_a_digest_that_is_none_is_400(self):
        for digest in ("md5=", "md5=zzz", "md5=" + md5(b"x")[4:-4], "md5=" + "A" * 44, "md5",
                       "=x", "sha-256=AAAA"):
            path = self.path()
            self.fault(self.bed.put(path, b"x", headers={"Digest": digest}), 400,
                       "InvalidArgument: ")
            self.assertEqual(self.bed.ask("GET", "/nodes" + path, "alice").status, 404)

    def half_a_body(self, path, head=b""):
        with self.bed.socket("alice") as sock:
            sock.sendall(f"PUT /vault/files{path} HTTP/1.1\r\nHost: x\r\n".encode() + head
                         + b"Content-Length: 100000\r\n\r\n" + b"x" * 50000)
            time.sleep(0.2)
            sock.shutdown(socket.SHUT_RDWR)

    def test_a_body_that_breaks_off_leaves_the_old_bytes(self):
        path = self.path(b"old bytes")
        before = self.bed.ask("GET", "/nodes" + path, "alice").body
        self.half_a_body(path)
        fresh = self.path()
        self.half_a_body(fresh)
        self.assertEqual(self.bed.get(path).body, b"old bytes")
        self.assertEqual(self.bed.ask("GET", "/nodes" + path, "alice").body, before)
        self.assertEqual(self.bed.ask("GET", "/nodes" + fresh, "alice").status, 404)

        def no_temporary_file_is_left():
            return not any(os.listdir(os.path.join(location, "tmp"))
                           for location in self.bed.locations
                           if os.path.isdir(os.path.join(location, "tmp")))
        wait_until(no_temporary_file_is_left)

    def test_a_chunked_body(self):
        data = os.urandom(200_000)
        path = self.path()
        answer = self.bed.put(path, iter([data[:70_001], data[70_001:70_002], data[70_002:]]))
        self.assertEqual((answer.status, answer.headers["Digest"]), (201, md5(data)))
        self.assertEqual(self.bed.get(path).body, data)

    def test_an_empty_file(self):
        for body in (b"", iter([])):
            path = self.path()
            answer = self.bed.put(path, body)
            self.assertEqual((answer.status, answer.headers["Digest"]), (201, md5(b"")))
            self.empty(path)
            self.assertEqual(self.value(path, "MD5"), hashlib.md5().hexdigest())
        path = self.path(b"something")
        self.assertEqual(self.bed.put(path, b"", headers={"Digest": md5(b"")}).status, 201)
        self.empty(path)

    def test_an_empty_body_is_checked_as_well(self):
        path = self.path(b"old")
        wrong = base64.b64encode(hashlib.sha256(b"x").digest()).decode()
        for digest in (md5(b"x"), "sha-256=" + wrong):
            self.assertEqual(self.bed.put(path, b"", headers={"Digest": digest}).status, 412)
        self.assertEqual(self.bed.get(path).body, b"old")

    def empty(self, path):
        got = self.bed.get(path)
        self.assertEqual((got.status, got.body, got.headers["Content-Length"]), (200, b"", "0"))
        head = self.head(path)
        self.assertEqual((head.status, head.headers["Content-Length"]), (200, "0"))
        self.assertEqual(self.value(path, "length"), "0")

    def test_a_node_without_bytes_is_an_empty_file(self):
        path = self.path()
        self.bed.create("DataNode", path)
        self.empty(path)
        self.assertIsNone(self.value(path, "MD5"))

    def test_the_parent_must_be_there_and_a_container(self):
        self.fault(self.bed.put("/alice/none/x", b"x"), 404,
                   "ContainerNotFound: " + self.bed.uri("/alice/none/x"))
        path = self.path(b"x") + "/x"
        self.fault(self.bed.put(path, b"x"), 404, "ContainerNotFound: ")

    def test_containers_take_no_bytes(self):
        for path in ("/alice", "/"):
            self.assertEqual(self.bed.put(path, b"x", "admin" if path == "/" else "alice").status,
                             400)

    def test_type_and_encoding_are_kept_and_belong_to_the_bytes(self):
        path = self.path(b"x", Content_Type="application/fits", Content_Encoding="gzip")
        got = self.bed.get(path)
        self.assertEqual(got.headers["Content-Type"], "application/fits")
        self.assertEqual(got.headers["Content-Encoding"], "gzip")
        self.assertEqual(self.value(path, "type"), "application/fits")
        self.assertEqual(self.value(path, "encoding"), "gzip")
        self.bed.put(path, b"y")
        got = self.bed.get(path)
        self.assertEqual(got.headers["Content-Type"], "application/fits")  # not said otherwise
        self.assertIsNone(got.headers["Content-Encoding"])
        self.bed.put(path, b"z", headers={"Content-Type": "text/x; charset=utf-8"})
        self.assertEqual(self.bed.get(path).headers["Content-Type"], "text/x; charset=utf-8")

    def test_a_type_that_is_none_is_400(self):
        for bad in ("None", "/", "text/", "/plain"):
            self.fault(self.bed.put(self.path(), b"x", headers={"Content-Type": bad}), 400,
                       "InvalidArgument: ")

    def test_parts_cannot_be_uploaded(self):
        path = self.path(b"old")
        self.fault(self.bed.put(path, b"x", headers={"Content-Range": "bytes 0-0/3"}), 400,
                   "InvalidArgument: ")
        self.assertEqual(self.bed.get(path).body, b"old")

    def test_properties_survive_new_bytes(self):
        path = self.path(b"x")
        self.bed.ask("POST", "/nodes" + path, "alice", self.bed.document(
            "DataNode", path, {"title": "t", "ispublic": "true"}))
        self.bed.put(path, b"yy")
        self.assertEqual((self.value(path, "title"), self.value(path, "ispublic"),
                          self.value(path, "length")), ("t", "true", "2"))

    def test_auto_is_a_name_of_the_servers(self):
        seen = set()
        for _ in range(2):
            answer = self.bed.put("/alice/.auto", b"auto bytes")
            self.assertEqual(answer.status, 201, answer.text)
            url = answer.headers["Location"]
            self.assertTrue(url.startswith(self.bed.env["QUARTET_BASE"] + "/files/alice/"), url)
            path = url.partition("/files")[2]
            self.assertEqual(self.bed.get(path).body, b"auto bytes")
            seen.add(path)
        self.assertEqual(len(seen), 2)
        self.assertNotIn(".auto", self.names())

    def test_null_is_refused(self):
        self.fault(self.bed.put("/alice/.null", b"x"), 400, "InvalidArgument: ")
        self.assertNotIn(".null", self.names())
        self.assertEqual(self.bed.get("/alice/.null").status, 404)

    def test_a_put_without_length_is_no_upload(self):
        with self.bed.socket("alice") as sock:
            sock.sendall(f"PUT /vault/files{self.path()} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            head = sock.recv(4096)
        self.assertIn(head.split()[1], (b"201", b"411"))


class Get(FileTest):
    def test_303_to_the_bytes_with_the_query(self):
        path = self.path(b"bytes")
        answer = self.bed.ask("GET", "/files" + path, "alice")
        self.assertEqual((answer.status, answer.body), (303, b""))
        self.assertRegex(answer.headers["Location"],
                         f"^{self.bed.env['QUARTET_BASE']}/files/preauth:[A-Za-z0-9_-]+{path}$")
        query = "?a=b&a=c&SUB=%5B1%5D"
        answer = self.bed.ask("GET", f"/files{path}{query}", "alice")
        self.assertTrue(answer.headers["Location"].endswith(path + query))

    def test_what_the_headers_say(self):
        data = b"hello world"
        path = self.path(data, Content_Type="text/plain")
        for answer in (self.head(path), self.bed.get(path)):
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.headers["Content-Length"], "11")
            self.assertEqual(answer.headers["Content-Type"], "text/plain")
            self.assertEqual(answer.headers["Digest"], md5(data))
            self.assertEqual(answer.headers["Accept-Ranges"], "bytes")
            self.assertEqual(answer.headers["Content-Disposition"],
                             f'inline; filename="{path.rpartition("/")[2]}"')
            self.assertEqual(answer.headers["ETag"], '"5eb63bbbe01eeed093cb22bb8f5acdc3"')
            self.assertEqual(answer.headers["Content-Security-Policy"],
                             "sandbox; default-src 'none'")
            self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
            self.assertEqual(answer.headers["Referrer-Policy"], "no-referrer")
            self.assertIsNone(answer.headers["Content-Encoding"])
            when = email.utils.parsedate_to_datetime(answer.headers["Last-Modified"])
            self.assertLessEqual(when.timestamp(), time.time())
        self.assertEqual(self.head(path).body, b"")

    def test_head_needs_the_way_and_get_the_right(self):
        self.bed.create("DataNode", "/public/of-alice", "alice", {"ispublic": "false"})
        self.bed.put("/public/of-alice", b"x")
        self.bed.ask("POST", "/nodes/public/of-alice", "alice", self.bed.document(
            "DataNode", "/public/of-alice", {"groupwrite": "", "groupread": ""}))
        self.assertEqual(self.head("/public/of-alice", "carol").status, 200)
        self.assertEqual(self.bed.get("/public/of-alice", "carol").status, 403)
        self.assertEqual(self.head("/public/of-alice", None).status, 200)
        self.assertEqual(self.bed.get("/public/of-alice", None).status, 401)

    def test_a_public_file_needs_no_credential(self):
        self.bed.put("/public/for-all", b"bytes")
        self.bed.ask("POST", "/nodes/public/for-all", "alice", self.bed.document(
            "DataNode", "/public/for-all", {"ispublic": "true"}))
        self.assertEqual(self.bed.get("/public/for-all", None).body, b"bytes")

    def test_names_in_the_disposition(self):
        for name, wanted in (('a"b', 'inline; filename="a\\"b"; filename*=utf-8\'\'a%22b'),
                             ("é f", "inline; filename=\"__ f\"; filename*=utf-8''%C3%A9%20f")):
            self.bed.put("/alice/" + name, b"x")
            self.assertEqual(self.head("/alice/" + urllib.parse.quote(name))
                             .headers["Content-Disposition"], wanted)

    def test_missing_and_no_files(self):
        self.fault(self.bed.get("/alice/none"), 404, "NodeNotFound: ")
        self.assertEqual(self.head("/alice/none").status, 404)
        self.fault(self.bed.get("/alice"), 400, "InvalidArgument: GET for directories")
        self.assertEqual(self.head("/alice").status, 400)

    def test_bytes_are_never_coded_on_the_way(self):
        data = b"a" * 100_000
        answer = self.bed.get(self.path(data), headers={"Accept-Encoding": "gzip, deflate"})
        self.assertEqual(answer.body, data)
        self.assertIsNone(answer.headers["Content-Encoding"])

    def test_ranges(self):
        data = bytes(range(256)) * 1000
        path = self.path(data)
        n = len(data)
        for asked, first, end in (("0-0", 0, 1), ("5-9", 5, 10), ("255990-", 255990, n),
                                  ("-3", n - 3, n), ("100000-999999999", 100000, n),
                                  ("-999999999", 0, n)):
            answer = self.bed.get(path, headers={"Range": "bytes=" + asked})
            self.assertEqual((answer.status, answer.body), (206, data[first:end]), asked)
            self.assertEqual(answer.headers["Content-Range"], f"bytes {first}-{end - 1}/{n}")
            self.assertEqual(answer.headers["Digest"], md5(data))
        for asked in (f"{n}-", f"{n + 5}-{n + 9}", "-0"):
            answer = self.bed.get(path, headers={"Range": "bytes=" + asked})
            self.fault(answer, 416, "RangeNotSatisfiable: ")
            self.assertEqual(answer.headers["Content-Range"], f"bytes */{n}")
        for asked in ("items=0-1", "bytes=5-2", "bytes=x"):
            answer = self.bed.get(path, headers={"Range": asked})
            self.assertEqual((answer.status, answer.body), (200, data), asked)
        answer = self.bed.get(self.path(b""), headers={"Range": "bytes=0-"})
        self.assertEqual((answer.status, answer.headers["Content-Range"]), (416, "bytes */0"))

    def test_conditions(self):
        path = self.path(b"hello")
        etag = self.head(path).headers["ETag"]
        date = self.head(path).headers["Last-Modified"]
        for headers in ({"If-None-Match": etag}, {"If-None-Match": "*"},
                        {"If-Modified-Since": date}):
            answer = self.bed.get(path, headers=headers)
            self.assertEqual((answer.status, answer.body), (304, b""), headers)
        for headers in ({"If-None-Match": '"x"'},
                        {"If-Modified-Since": "Mon, 01 Jan 2001 00:00:00 GMT"}):
            self.assertEqual(self.bed.get(path, headers=headers).status, 200)
        part = {"Range": "bytes=1-2"}
        self.assertEqual(self.bed.get(path, headers=part | {"If-Range": etag}).body, b"el")
        self.assertEqual(self.bed.get(path, headers=part | {"If-Range": '"x"'}).body, b"hello")


class Preauthorised(FileTest):
    def url(self, path, user="alice"):
        answer = self.bed.ask("GET", "/files" + path, user)
        self.assertEqual(answer.status, 303, answer.text)
        return answer.headers["Location"]

    def test_it_needs_no_credential_and_works_again_and_again(self):
        data = os.urandom(100_000)
        url = self.url(self.path(data))
        for _ in range(3):
            answer = self.bed.ask("GET", url)
            self.assertEqual((answer.status, answer.body), (200, data))
            self.assertIsNone(answer.headers["WWW-Authenticate"])
            self.assertIsNone(answer.headers["X-VO-Authenticated"])
        self.assertEqual(self.bed.ask("HEAD", url).headers["Content-Length"], "100000")
        self.assertEqual(self.bed.ask("GET", url, headers={"Range": "bytes=10-19"}).body,
                         data[10:20])

    def test_other_credentials_are_not_looked_at(self):
        url = self.url(self.path(b"bytes"))
        self.assertEqual(self.bed.ask("GET", url, "bob").body, b"bytes")
        self.assertEqual(self.bed.ask("GET", url, headers={"Authorization": "Bearer x"}).body,
                         b"bytes")

    def test_it_is_for_one_node(self):
        one, two = self.path(b"one"), self.path(b"two")
        url = self.url(one)
        self.fault(self.bed.ask("GET", url.replace(one, two)), 403, "PermissionDenied: ")
        # Deleted and made again it is another node.
        self.bed.ask("DELETE", "/nodes" + one, "alice")
        self.assertEqual(self.bed.ask("GET", url).status, 404)
        self.bed.put(one, b"another")
        self.assertEqual(self.bed.ask("GET", url).status, 403)

    def test_it_is_for_one_method(self):
        url = self.url(self.path(b"bytes"))
        for method in ("PUT", "POST", "DELETE"):
            answer = self.bed.ask(method, url, body=b"x" if method != "DELETE" else None)
            self.assertIn(answer.status, (403, 405), method)
        self.assertEqual(self.bed.ask("GET", url).body, b"bytes")

    def test_it_replaces_the_login_only(self):
        path = self.path(b"bytes")
        self.bed.ask("POST", "/nodes/alice", "alice", self.bed.document(
            "ContainerNode", "/alice", {"groupread": "ivo://cadc.nrc.ca/gms?team-b"}))
        self.bed.ask("POST", "/nodes" + path, "alice", self.bed.document(
            "DataNode", path, {"groupread": "ivo://cadc.nrc.ca/gms?team-b"}))
        url = self.url(path, "bob")
        self.assertEqual(self.bed.ask("GET", url).status, 200)
        self.bed.ask("POST", "/nodes" + path, "alice", self.bed.document(
            "DataNode", path, {"groupread": None}))
        self.assertEqual(self.bed.ask("GET", url).status, 403)
        self.assertEqual(self.bed.ask("GET", url, "alice").status, 403)  # still bob's

    def test_a_disabled_account_has_no_urls_either(self):
        self.bed.tool("user", "add", "dora")
        self.bed.tool("user", "password", "dora", stdin="doras-password\n")
        path = self.path(b"bytes")
        self.bed.ask("POST", "/nodes" + path, "admin", self.bed.document(
            "DataNode", path, {"creator": "dora"}))
        self.bed.tool("group", "create", "d")
        self.bed.tool("group", "add", "d", "dora")
        self.bed.ask("POST", "/nodes/alice", "alice", self.bed.document(
            "ContainerNode", "/alice", {"groupread": "ivo://cadc.nrc.ca/gms?d"}))
        text = base64.b64encode(b"dora:doras-password").decode()
        url = self.bed.ask("GET", "/files" + path, headers={
            "Authorization": "Basic " + text}).headers["Location"]
        self.assertEqual(self.bed.ask("GET", url).status, 200)
        self.bed.tool("user", "disable", "dora")
        self.assertIn(self.bed.ask("GET", url).status, (401, 403))

    def test_a_bad_token_is_403(self):
        path = self.path(b"bytes")
        url = self.url(path)
        token = url.partition("preauth:")[2].partition("/")[0]
        for bad in ("", "x", token[:-1], token + "A", token[:-1] + ("A" if token[-1] != "A" else "B"),
                    "A" * len(token), token[::-1], "%41" + token[1:]):
            answer = self.bed.ask("GET", url.replace(token, bad), "alice")
            self.fault(answer, 403, "PermissionDenied: ")
        self.assertIn(self.bed.ask("GET", f"/files/preauth:{token}").status, (400, 403))

    def test_it_is_not_logged(self):
        url = self.url(self.path(b"bytes"))
        token = url.partition("preauth:")[2].partition("/")[0]
        self.bed.ask("GET", url)
        access = os.path.join(self.bed.dir, "access.log")

        def it_is_written():
            with open(access, encoding="utf-8") as f:
                return url.rpartition("/")[2] in f.read()
        wait_until(it_is_written)
        with open(access, encoding="utf-8") as f:
            self.assertNotIn(token, f.read())
        self.assertNotIn(token, self.bed.log())


class Lifetime(unittest.TestCase):
    def test_a_url_ends(self):
        bed = Testbed.start(settings=["preauth_lifetime=3s"])
        self.addCleanup(bed.close)
        bed.put("/alice/f", b"bytes")
        began = time.monotonic()
        url = bed.ask("GET", "/files/alice/f", "alice").headers["Location"]
        before = bed.ask("GET", url)
        if time.monotonic() - began < 3:
            self.assertEqual((before.status, before.body), (200, b"bytes"))
        time.sleep(3.1)
        after = bed.ask("GET", url)
        self.assertEqual(after.status, 403)
        self.assertTrue(after.text.startswith("PermissionDenied: "), after.text)


if __name__ == "__main__":
    main()
