# SPDX-License-Identifier: Apache-2.0
"""Parts of files and conditional requests, on the URLs the clients use."""

import base64
import concurrent.futures
import email
import email.utils
import hashlib
import os

from quartet_test import Testbed, main, unittest

SIZE = 3_000_001


class Ranges(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bed = Testbed.start()
        cls.addClassCleanup(cls.bed.close)
        cls.data = os.urandom(SIZE)
        assert cls.bed.put("/alice/f", cls.data).status == 201
        assert cls.bed.put("/alice/empty", b"").status == 201
        cls.url = cls.bed.ask("GET", "/files/alice/f", "alice").headers["Location"]
        cls.empty = cls.bed.ask("GET", "/files/alice/empty", "alice").headers["Location"]

    def ask(self, url=None, method="GET", **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.bed.ask(method, url or self.url, None, headers=headers)

    def assert_part(self, answer, first, last):
        self.assertEqual(answer.status, 206)
        self.assertEqual(answer.headers["Content-Range"], f"bytes {first}-{last}/{SIZE}")
        self.assertEqual(answer.headers["Content-Length"], str(last - first + 1))
        self.assertEqual(answer.body, self.data[first:last + 1])

    def assert_whole(self, answer):
        self.assertEqual(answer.status, 200)
        self.assertNotIn("Content-Range", answer.headers)
        self.assertEqual(answer.body, self.data)

    def test_single_ranges(self):
        ranges = [(0, 0), (0, 99), (1, 1), (4095, 4096), (65_535, 65_536), (1_048_575, 1_048_577),
                  (1000, 2_999_999), (SIZE - 1, SIZE - 1), (0, SIZE - 1)]
        for first, last in ranges:
            with self.subTest(first=first, last=last):
                self.assert_part(self.ask(Range=f"bytes={first}-{last}"), first, last)

    def test_open_and_suffix_ranges(self):
        last = SIZE - 1
        self.assert_part(self.ask(Range="bytes=2999000-"), 2_999_000, last)
        self.assert_part(self.ask(Range="bytes=0-"), 0, last)
        self.assert_part(self.ask(Range="bytes=-1"), last, last)
        self.assert_part(self.ask(Range="bytes=-5000"), SIZE - 5000, last)
        self.assert_part(self.ask(Range=f"bytes=-{SIZE * 2}"), 0, last)

    def test_an_end_beyond_the_end_is_the_end(self):
        for end in (SIZE, SIZE + 5, 2**64 - 1, 2**70):
            self.assert_part(self.ask(Range=f"bytes=3000000-{end}"), SIZE - 1, SIZE - 1)

    def test_beyond_the_end_is_416(self):
        for value in (f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 1}", "bytes=-0", f"bytes={2**70}-"):
            answer = self.ask(Range=value)
            self.assertEqual(answer.status, 416, value)
            self.assertEqual(answer.headers["Content-Range"], f"bytes */{SIZE}")
            self.assertIn("RangeNotSatisfiable", answer.text)

    def test_what_is_no_range_is_ignored(self):
        for value in ("bytes=5-4", "bytes=", "bytes=-", "bytes=a-b", "items=0-1", "bytes 0-1",
                      "bytes=0-1-2", "0-1", "bytes=--1"):
            with self.subTest(value=value):
                self.assert_whole(self.ask(Range=value))

    def test_several_ranges_come_as_parts(self):
        asked = [(5, 6), (0, 70_000), (SIZE - 3, SIZE - 1), (2_000_000, 2_000_000)]
        answer = self.ask(Range="bytes=" + ", ".join(f"{a}-{b}" for a, b in asked) + f",{SIZE}-")
        self.assertEqual(answer.status, 206)
        self.assertEqual(int(answer.headers["Content-Length"]), len(answer.body))
        self.assertNotIn("Content-Range", answer.headers)
        kind = answer.headers["Content-Type"].encode()
        self.assertTrue(kind.startswith(b"multipart/byteranges; boundary="), kind)
        message = email.message_from_bytes(b"Content-Type: " + kind + b"\r\n\r\n" + answer.body)
        parts = message.get_payload()
        self.assertEqual(len(parts), len(asked))
        for part, (first, last) in zip(parts, asked):
            self.assertEqual(part["Content-Range"], f"bytes {first}-{last}/{SIZE}")
            self.assertEqual(part["Content-Type"], "application/octet-stream")
        boundary = kind.partition(b"boundary=")[2]
        bodies = [b.partition(b"\r\n\r\n")[2][:-2] for b in answer.body.split(b"--" + boundary)[1:-1]]
        self.assertEqual(bodies, [self.data[a:b + 1] for a, b in asked])

    def test_one_usable_range_of_several_is_a_plain_part(self):
        self.assert_part(self.ask(Range=f"bytes={SIZE}-, 7-9"), 7, 9)

    def test_too_many_or_overlapping_ranges_give_the_whole(self):
        self.assert_whole(self.ask(Range="bytes=" + ",".join(f"{i}-{i}" for i in range(33))))
        self.assert_whole(self.ask(Range="bytes=0-2999999,1-2999999"))

    def test_a_digest_in_the_newer_form_for_who_wants_it(self):
        digest = base64.b64encode(hashlib.md5(self.data).digest()).decode()
        self.assertEqual(self.ask(Want_Repr_Digest="md5=1").headers["Repr-Digest"], f"md5=:{digest}:")
        self.assertNotIn("Repr-Digest", self.ask().headers)
        for header in ("Repr-Digest", "Content-Digest"):
            good, bad = f"md5=:{digest}:", "md5=:AAAAAAAAAAAAAAAAAAAAAA==:"
            self.assertEqual(self.bed.put("/alice/d", self.data, headers={header: good}).status, 201)
            self.assertEqual(self.bed.put("/alice/d", self.data, headers={header: bad}).status, 412)
            self.assertEqual(self.bed.put("/alice/d", self.data, headers={header: "md5=x"}).status, 400)

    def test_ranges_of_an_empty_file(self):
        for value in ("bytes=0-", "bytes=0-0", "bytes=-1"):
            answer = self.ask(self.empty, Range=value)
            self.assertEqual(answer.status, 416)
            self.assertEqual(answer.headers["Content-Range"], "bytes */0")
        answer = self.ask(self.empty)
        self.assertEqual((answer.status, answer.headers["Content-Length"]), (200, "0"))

    def test_the_redirect_does_not_look_at_the_range(self):
        answer = self.bed.ask("GET", "/files/alice/f", "alice", headers={"Range": "bytes=0-1"})
        self.assertEqual(answer.status, 303)

    def test_range_counts_for_get_only(self):
        answer = self.ask(method="HEAD", Range="bytes=0-1")
        self.assertEqual((answer.status, answer.headers["Content-Length"]), (200, str(SIZE)))
        put = self.bed.ask("PUT", "/files/alice/g", "alice", b"abc", {"Range": "bytes=0-1"})
        self.assertEqual(put.status, 201)

    def test_answers_describe_the_file(self):
        whole, head = self.ask(), self.ask(method="HEAD")
        part = self.ask(Range="bytes=0-1")
        for name in ("ETag", "Last-Modified", "Digest", "Content-Disposition"):
            self.assertEqual(whole.headers[name], head.headers[name])
            self.assertEqual(whole.headers[name], part.headers[name])
        self.assertRegex(whole.headers["ETag"], r'^"[0-9a-f]{32}"$')
        self.assertEqual(whole.headers["Accept-Ranges"], "bytes")

    def test_if_range(self):
        whole = self.ask()
        etag, date = whole.headers["ETag"], whole.headers["Last-Modified"]
        for condition in (etag, date):
            self.assert_part(self.ask(Range="bytes=0-9", If_Range=condition), 0, 9)
        before = email.utils.formatdate(
            email.utils.mktime_tz(email.utils.parsedate_tz(date)) - 1, usegmt=True)
        for condition in ('"other"', "W/" + etag, before, "nonsense", etag.strip('"')):
            self.assert_whole(self.ask(Range="bytes=0-9", If_Range=condition))
        # Whatever is asked then, there is no 416 for another version.
        self.assert_whole(self.ask(Range=f"bytes={SIZE}-", If_Range='"other"'))

    def test_if_none_match(self):
        etag = self.ask().headers["ETag"]
        for method in ("GET", "HEAD"):
            for condition in (etag, "W/" + etag, f'"a", {etag}', "*"):
                answer = self.ask(method=method, If_None_Match=condition)
                self.assertEqual((answer.status, answer.body), (304, b""), condition)
                self.assertEqual(answer.headers["ETag"], etag)
                self.assertNotIn("Content-Length", answer.headers)
        self.assert_whole(self.ask(If_None_Match='"other"'))
        self.assertEqual(self.ask(If_None_Match=etag, Range="bytes=0-1").status, 304)

    def test_if_modified_since(self):
        date = self.ask().headers["Last-Modified"]
        stamp = email.utils.mktime_tz(email.utils.parsedate_tz(date))
        for method in ("GET", "HEAD"):
            for offset, status in ((0, 304), (100, 304), (-1, 200)):
                answer = self.ask(method=method, If_Modified_Since=email.utils.formatdate(
                    stamp + offset, usegmt=True))
                self.assertEqual(answer.status, status)
        self.assert_whole(self.ask(If_Modified_Since="yesterday"))
        # The tag decides when both are there.
        self.assert_whole(self.ask(If_Modified_Since=date, If_None_Match='"other"'))

    def test_a_new_version_has_new_validators(self):
        self.assertEqual(self.bed.put("/alice/v", b"one").status, 201)
        url = self.bed.ask("GET", "/files/alice/v", "alice").headers["Location"]
        old = self.ask(url).headers["ETag"]
        self.assertEqual(self.bed.put("/alice/v", b"two").status, 201)
        answer = self.ask(url, If_None_Match=old)
        self.assertEqual((answer.status, answer.body), (200, b"two"))
        answer = self.ask(url, Range="bytes=0-0", If_Range=old)
        self.assertEqual((answer.status, answer.body), (200, b"two"))

    def test_eight_ranges_at_once(self):
        step = SIZE // 8 + 1
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            parts = pool.map(lambda i: self.ask(
                Range=f"bytes={i * step}-{min((i + 1) * step, SIZE) - 1}").body, range(8))
            self.assertEqual(b"".join(parts), self.data)


if __name__ == "__main__":
    main()
