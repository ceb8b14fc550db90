# SPDX-License-Identifier: Apache-2.0
"""Put transactions: a file sent in several requests."""

import base64
import hashlib
import os
import signal
import time
import unittest

from crc32c import crc32c
from quartet_test import Testbed, main, wait_until

START, COMMIT, ABORT, REVERT = ({"x-put-txn-op": op} for op in ("start", "commit", "abort", "revert"))


def md5(data):
    return "md5=" + base64.b64encode(hashlib.md5(data).digest()).decode()


class Transactions(unittest.TestCase):
    settings = ["put_segments=4", "put_segment_max=20MiB", "put_join_max=10MiB", "put_txns=50", "gc_delay=0s"]

    @classmethod
    def setUpClass(cls):
        cls.bed = Testbed.start(settings=cls.settings)
        cls.addClassCleanup(cls.bed.close)
        cls.count = 0

    def path(self, data=None):
        type(self).count += 1
        path = f"/alice/t{self.count}"
        if data is not None:
            self.bed.put(path, data)
        return path

    def start(self, path, data=b"", user="alice", **headers):
        answer = self.bed.put(path, data, user, {**START, **headers})
        self.assertEqual(answer.status, 202, answer.text)
        return {"x-put-txn-id": answer.headers["x-put-txn-id"]}

    def append(self, path, txn, data, so_far, **headers):
        answer = self.bed.put(path, data, headers={**txn, **headers})
        self.assertEqual((answer.status, answer.headers["Digest"]), (202, md5(so_far)), answer.text)
        self.assertEqual(answer.headers["x-put-txn-id"], txn["x-put-txn-id"])
        self.assertEqual(answer.headers["x-put-segment-digest"], crc32c(data))

    def commit(self, path, txn, **headers):
        return self.bed.put(path, b"", headers={**txn, **COMMIT, **headers})

    def post(self, path, headers, user="alice"):
        return self.bed.ask("POST", "/files" + path, user, None, headers)

    def state(self, path, txn):
        answer = self.bed.ask("HEAD", "/files" + path, "alice", None, txn)
        return answer.status, int(answer.headers["Content-Length"]), answer.headers["Digest"]

    def fault(self, answer, status, text):
        self.assertEqual(answer.status, status, answer.text)
        self.assertIn(text, answer.text)

    def test_a_whole_file_in_one_segment(self):
        path, data = self.path(), os.urandom(300_000)
        answer = self.bed.put(path, data, headers={**START, "Content-Type": "image/fits", "Digest": md5(data)})
        self.assertEqual((answer.status, answer.headers["Digest"], answer.body), (202, md5(data), b""))
        self.assertRegex(answer.headers["x-put-txn-id"], r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
        self.assertEqual(answer.headers["x-put-segment-minbytes"], "1")
        self.assertEqual(answer.headers["x-put-segment-maxbytes"], str(20 << 20))
        self.assertEqual(self.bed.ask("GET", "/nodes" + path, "alice").status, 404)
        done = self.commit(path, {"x-put-txn-id": answer.headers["x-put-txn-id"]})
        self.assertEqual((done.status, done.headers["Digest"]), (201, md5(data)))
        found = self.bed.get(path)
        self.assertEqual((found.body, found.headers["Content-Type"]), (data, "image/fits"))

    def test_segments_of_any_length_join(self):
        path = self.path(b"the old bytes")
        parts = [os.urandom(n) for n in (1, 70_001, 3_000_000, 17)]
        txn = self.start(path, **{"x-total-length": str(sum(map(len, parts))), "Content-Length": "0"})
        self.assertEqual(self.state(path, txn), (200, 0, None))
        so_far = b""
        for part in parts:
            so_far += part
            self.append(path, txn, part, so_far)
            self.assertEqual(self.state(path, txn), (200, len(so_far), md5(so_far)))
        self.assertEqual(self.bed.get(path).body, b"the old bytes")
        done = self.commit(path, txn, **{"Content-Encoding": "gzip"})
        self.assertEqual((done.status, done.headers["Digest"]), (201, md5(so_far)))
        found = self.bed.get(path)
        self.assertEqual((found.body, found.headers["Content-Encoding"]), (so_far, "gzip"))
        self.fault(self.commit(path, txn), 400, "unknown transaction")

    def test_segments_of_whole_pieces_join(self):
        """The last byte of the last segment is the last that fits into a piece of memory."""
        path, part = self.path(), os.urandom(8 << 20)
        txn = self.start(path)
        for i in (1, 2):
            self.append(path, txn, part, part * i)
        done = self.commit(path, txn)
        self.assertEqual((done.status, done.headers["Digest"]), (201, md5(part * 2)))
        self.assertEqual(self.bed.get(path).body, part * 2)

    def test_what_would_take_long_to_join_is_asked_for_in_one_segment(self):
        mib = 1 << 20
        for total, least in ((10 * mib, 1), (10 * mib + 1, 10 * mib + 1), (30 * mib, 20 * mib)):
            answer = self.bed.put(self.path(), b"", headers={**START, "x-total-length": str(total)})
            self.assertEqual(answer.status, 202, answer.text)
            self.assertEqual(answer.headers["x-put-segment-minbytes"], str(least))

    def test_the_checksum_of_a_segment_is_that_of_its_bytes_alone(self):
        name, path = "x-put-segment-digest", self.path()
        check = "crc32c=4waSgw=="  # 0xe3069283
        self.assertEqual(self.bed.put(self.path(), b"123456789", headers=START).headers[name], check)
        txn = self.start(path)
        self.assertEqual(self.bed.put(path, b"123456789", headers=txn).headers[name], check)
        self.assertEqual(self.bed.put(path, b"\0" * 32, headers=txn).headers[name], "crc32c=ipE2qg==")  # RFC 3720 B.4
        for without in (self.bed.ask("HEAD", "/files" + path, "alice", None, txn), self.post(path, {**txn, **REVERT}),
                        self.commit(path, txn), self.bed.put(self.path(), b"", headers=START), self.bed.put(self.path(), b"1")):
            self.assertIn(without.status, (200, 201, 202))
            self.assertNotIn(name, without.headers)
        self.assertEqual(self.bed.get(path).body, b"123456789")

    def test_one_that_came_damaged_is_taken_back_and_sent_again(self):
        path, parts = self.path(), [os.urandom(n) for n in (9_000, 200_003, 77)]
        txn = self.start(path, parts[0], **{"x-total-length": str(sum(map(len, parts)))})
        bad = b"\0" + parts[1][1:] if parts[1][0] else b"\1" + parts[1][1:]
        answer = self.bed.put(path, bad, headers=txn)
        self.assertNotEqual(answer.headers["x-put-segment-digest"], crc32c(parts[1]))
        self.assertEqual(self.post(path, {**txn, **REVERT}).status, 202)
        self.append(path, txn, parts[1], parts[0] + parts[1])
        self.append(path, txn, parts[2], b"".join(parts))
        self.assertEqual(self.commit(path, txn).status, 201)
        self.assertEqual(self.bed.get(path).body, b"".join(parts))

    def test_an_empty_transaction_makes_an_empty_file(self):
        path = self.path()
        txn = self.start(path)
        self.assertEqual(self.commit(path, txn).status, 201)
        self.assertEqual(self.bed.get(path).body, b"")

    def test_the_last_segment_can_be_taken_back_once(self):
        path = self.path()
        txn = self.start(path, b"one", **{"x-total-length": "11"})
        self.append(path, txn, b"two", b"onetwo")
        self.append(path, txn, b"xxxxx", b"onetwoxxxxx")
        answer = self.post(path, {**txn, **REVERT})
        self.assertEqual((answer.status, answer.headers["Digest"]), (202, md5(b"onetwo")))
        self.fault(self.post(path, {**txn, **REVERT}), 400, "transaction not revertable")
        self.append(path, txn, b"three", b"onetwothree")
        self.assertEqual(self.commit(path, txn).status, 201)
        self.assertEqual(self.bed.get(path).body, b"onetwothree")

    def test_an_aborted_one_is_gone(self):
        path = self.path(b"old")
        txn = self.start(path, b"new")
        self.assertEqual(self.post(path, txn).status, 204)
        self.assertEqual(self.post(path, {**txn, **ABORT}).status, 204)
        self.fault(self.post(path, {**txn, **ABORT}), 400, "unknown transaction")
        self.fault(self.commit(path, txn), 400, "unknown transaction")
        self.assertEqual(self.bed.get(path).body, b"old")

    def test_what_is_claimed_is_compared(self):
        path, data = self.path(), b"0123456789"
        self.fault(self.bed.put(path, data, headers={**START, "Digest": md5(b"x")}), 412, "MD5")
        txn = self.start(path, data[:4], **{"x-total-length": "10"})
        self.fault(self.bed.put(path, data[4:], headers={**txn, "Digest": md5(b"x")}), 412, "MD5")
        self.assertEqual(self.state(path, txn), (200, 4, md5(data[:4])))
        self.fault(self.commit(path, txn), 412, "4 != 10")
        self.fault(self.bed.put(path, data, headers=txn), 412, "14 != 10")
        alone = self.path()
        single = self.start(alone, b"all of it")  # its length is that of the body
        self.fault(self.bed.put(alone, b"x", headers=single), 412, "10 != 9")
        self.append(path, txn, data[4:], data, Digest=md5(data))
        self.fault(self.commit(path, txn, Digest=md5(b"x")), 412, "MD5")
        self.assertEqual(self.commit(path, txn, Digest=md5(data)).status, 201)
        self.assertEqual(self.bed.get(path).body, data)

    def test_a_broken_segment_changes_nothing(self):
        path = self.path()
        txn = self.start(path, b"whole", **{"x-total-length": "9"})
        with self.bed.socket("alice") as sock:
            sock.sendall(f"PUT /vault/files{path} HTTP/1.1\r\nHost: {self.bed.host}:{self.bed.port}\r\n"
                         f"x-put-txn-id: {txn['x-put-txn-id']}\r\nContent-Length: 4\r\n\r\nmo".encode())
            time.sleep(0.3)
        self.assertEqual(self.state(path, txn), (200, 5, md5(b"whole")))
        self.append(path, txn, b"more", b"wholemore")
        self.assertEqual(self.commit(path, txn).status, 201)
        self.assertEqual(self.bed.get(path).body, b"wholemore")

    def test_questions_that_make_no_sense(self):
        path = self.path(b"old")
        txn = self.start(path)
        for headers, data, text in [
                ({**txn, **START}, b"", "takes no x-put-txn-id"), (COMMIT, b"", "needs an x-put-txn-id"),
                ({**txn, **COMMIT}, b"x", "no body"), ({**txn, **REVERT}, b"", "nothing a PUT"),
                (txn, b"", "no content"), ({"x-put-txn-id": "../../x"}, b"x", "unknown transaction"),
                ({"x-put-txn-id": "0" * 36}, b"x", "unknown transaction"),
                ({"x-put-txn-id": "00000000-0000-0000-0000-000000000000"}, b"x", "unknown transaction"),
                ({**START, "x-total-length": "many"}, b"", "no number of bytes")]:
            with self.subTest(headers=headers):
                self.fault(self.bed.put(path, data, headers=headers), 400, text)
        for headers in [{**txn, **START}, {**txn, **COMMIT}, {}]:
            self.assertEqual(self.post(path, headers).status, 400)
        other = self.path()
        self.fault(self.bed.put(other, b"x", headers=txn), 400, "unknown transaction")
        self.assertEqual(self.bed.get(path).body, b"old")

    def test_rights(self):
        path = "/public/txn"
        self.fault(self.bed.put(path, b"", "carol", START), 403, "PermissionDenied")
        self.assertEqual(self.bed.put(path, b"", None, START).status, 401)
        txn = self.start(path, b"alices")
        self.fault(self.bed.put(path, b"x", "bob", txn), 400, "unknown transaction")
        locked = self.path(b"x")
        txn = self.start(locked, b"y")
        self.bed.ask("POST", "/nodes" + locked, "alice", self.bed.document("DataNode", locked, {"islocked": "true"}),
                     {"Content-Type": "text/xml"})
        self.assertEqual(self.commit(locked, txn).status, 423)
        self.assertEqual(self.bed.get(locked).body, b"x")

    def test_limits(self):
        path = self.path()
        txn = self.start(path, b"1", **{"x-total-length": "9"})
        for _ in range(3):
            self.assertEqual(self.bed.put(path, b"x", headers=txn).status, 202)
        self.fault(self.bed.put(path, b"x", headers=txn), 400, "which is the limit")
        self.fault(self.bed.put(path, b"", headers={**START, "x-total-length": str(1 << 60)}), 413, "the limit is")
        self.assertEqual(self.bed.tool("quota", "/bob", "1000")[0], 0)
        self.fault(self.bed.put("/bob/f", b"", "bob", {**START, "x-total-length": "1001"}), 413, "limit=1000")
        big = self.start("/bob/f", b"x" * 600, "bob")
        self.assertEqual(self.bed.put("/bob/g", b"x" * 600, "bob").status, 201)
        answer = self.bed.put("/bob/f", b"", "bob", {**big, **COMMIT})
        self.fault(answer, 413, "used=600 limit=1000 requested=600")

    def test_through_a_preauthorised_url(self):
        from transfers import XML, protocol, transfer
        path = self.path()
        posted = self.bed.ask("POST", "/synctrans", "alice", transfer(
            self.bed.uri(path), "pushToVoSpace", protocol("httpsput")), XML)
        details = self.bed.ask("GET", self.bed.ask("GET", posted.headers["Location"], "alice").headers["Location"],
                               "alice").text
        url = details.partition("<vos:endpoint>")[2].partition("</vos:endpoint>")[0]
        started = self.bed.ask("PUT", url, None, b"abc", {**START, "x-total-length": "6"})
        self.assertEqual(started.status, 202, started.text)
        txn = {"x-put-txn-id": started.headers["x-put-txn-id"]}
        self.assertEqual(self.bed.ask("HEAD", url, None, None, txn).headers["Content-Length"], "3")
        self.assertEqual(self.bed.ask("PUT", url, None, b"def", txn).headers["Digest"], md5(b"abcdef"))
        self.assertEqual(self.bed.ask("POST", url, None, None, {**txn, **REVERT}).status, 202)
        self.assertEqual(self.bed.ask("PUT", url, None, b"xyz", txn).status, 202)
        self.assertEqual(self.bed.ask("PUT", url, None, b"", {**txn, **COMMIT}).status, 201)
        self.assertEqual(self.bed.get(path).body, b"abcxyz")

    def test_two_at_once_do_not_mix(self):
        path = self.path()
        txn = self.start(path, b"a", **{"x-total-length": "5"})
        with self.bed.socket("alice") as slow:
            slow.sendall(f"PUT /vault/files{path} HTTP/1.1\r\nHost: {self.bed.host}:{self.bed.port}\r\n"
                         f"x-put-txn-id: {txn['x-put-txn-id']}\r\nContent-Length: 4\r\n\r\nsl".encode())
            time.sleep(0.2)
            self.append(path, txn, b"fast", b"afast")
            slow.sendall(b"ow")
            self.assertIn(b" 409 ", slow.recv(4096))
        self.assertEqual(self.commit(path, txn).status, 201)
        self.assertEqual(self.bed.get(path).body, b"afast")


class Restart(Transactions):
    """A transaction goes on after the server was killed between two requests."""

    settings = []

    def kill(self):
        pid = self.bed.pid
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not os.path.exists(f"/proc/{pid}") or
                   open(f"/proc/{pid}/stat", encoding="ascii").read().rpartition(")")[2].split()[0] == "Z", 30)
        self.bed.up()

    def test_a_transaction_outlives_a_kill(self):
        path = self.path(b"old")
        parts = [os.urandom(n) for n in (100_001, 65_536, 5)]
        txn = self.start(path, parts[0], **{"x-total-length": str(sum(map(len, parts)))})
        self.kill()
        self.assertEqual(self.state(path, txn), (200, len(parts[0]), md5(parts[0])))
        self.append(path, txn, parts[1], parts[0] + parts[1])
        self.kill()
        self.append(path, txn, parts[2], b"".join(parts))
        self.assertEqual(self.bed.get(path).body, b"old")
        self.assertEqual(self.commit(path, txn).status, 201)
        self.assertEqual(self.bed.get(path).body, b"".join(parts))


# Those of Transactions are run once.
for name in [n for n in dir(Transactions) if n.startswith("test_")]:
    setattr(Restart, name, None)


class Expiry(unittest.TestCase):
    def test_one_that_nobody_goes_on_with_is_unknown(self):
        bed = Testbed.start(settings=["put_txn_lifetime=1s"])
        self.addCleanup(bed.close)
        txn = {"x-put-txn-id": bed.put("/alice/f", b"x", headers=START).headers["x-put-txn-id"]}
        time.sleep(1.2)
        answer = bed.put("/alice/f", b"y", headers=txn)
        self.assertEqual((answer.status, "unknown transaction" in answer.text), (400, True))

    def test_one_user_does_not_take_all(self):
        bed = Testbed.start(settings=["put_txns_per_user=2"])
        self.addCleanup(bed.close)
        txns = [bed.put(f"/alice/f{n}", b"x", headers=START).headers["x-put-txn-id"] for n in range(2)]
        refused = bed.put("/alice/f2", b"x", headers=START)
        self.assertEqual(refused.status, 507)
        self.assertIn("2 put transactions of yours are unfinished", refused.text)
        self.assertEqual(bed.put("/bob/f", b"x", "bob", START).status, 202)
        self.assertEqual(bed.put("/alice/f0", b"", headers={"x-put-txn-id": txns[0], **COMMIT}).status, 201)
        self.assertEqual(bed.put("/alice/f2", b"x", headers=START).status, 202)


if __name__ == "__main__":
    main()
