# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 as real clients speak it, and as they should not have to wait for it."""

import base64
import hashlib
import os
import re
import socket
import threading
import time

from quartet_test import Testbed, main, unittest, wait_until
from raw_http import Ended, Raw

NODE = "/vault/nodes/alice?limit=0"


def rss_anon_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("RssAnon"))


class Messages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bed = Testbed.start()
        cls.addClassCleanup(cls.bed.close)

    def test_one_connection_serves_many_requests(self):
        with Raw(self.bed, "alice") as raw:
            for _ in range(5):
                raw.request("GET", NODE)
                answer = raw.answer()
                self.assertEqual(answer.status, 200)
                self.assertEqual(answer.headers["connection"], "keep-alive")
                self.assertRegex(answer.headers["server"], r"^quartet/\d+\.\d+$")
                self.assertIn("GMT", answer.headers["date"])

    def test_pipelined_requests_are_answered_in_order(self):
        with Raw(self.bed, "alice") as raw:
            one = f"GET {NODE} HTTP/1.1\r\nHost: h\r\n\r\n"
            two = "GET /vault/nodes/alice/none HTTP/1.1\r\nHost: h\r\n\r\n"
            three = "PUT /vault/files/alice/piped HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
            raw.send((one + two + three + one).encode())
            self.assertEqual([raw.answer().status for _ in range(4)], [200, 404, 201, 200])
        self.assertEqual(self.bed.get("/alice/piped").body, b"abc")

    def test_a_thousand_pipelined_requests(self):
        with Raw(self.bed, "alice") as raw:
            one = f"GET {NODE} HTTP/1.1\r\nHost: h\r\n\r\n".encode()
            sender = threading.Thread(target=lambda: raw.send(one * 1000))
            sender.start()
            for _ in range(1000):
                self.assertEqual(raw.answer().status, 200)
            sender.join()

    def test_a_head_byte_by_byte(self):
        with Raw(self.bed, "alice") as raw:
            for byte in f"GET {NODE} HTTP/1.1\r\nHost: h\r\n\r\n".encode():
                raw.send(bytes([byte]))
            self.assertEqual(raw.answer().status, 200)

    def test_connection_close_ends_cleanly(self):
        with Raw(self.bed, "alice") as raw:
            raw.request("GET", NODE, ["Connection: close"])
            answer = raw.answer()
            self.assertEqual((answer.status, answer.headers["connection"]), (200, "close"))
            self.assertTrue(raw.ends_cleanly())

    def test_http_1_0_closes_unless_asked(self):
        with Raw(self.bed, "alice") as raw:
            raw.request("GET", NODE, ["Connection: keep-alive"], version="1.0")
            self.assertEqual(raw.answer().headers["connection"], "keep-alive")
            raw.request("GET", "/vault/nodes/alice", version="1.0")
            status, headers = raw.head()
            self.assertEqual((status, headers["connection"]), (200, "close"))
            self.assertNotIn("transfer-encoding", headers)
            self.assertTrue(raw.rest().rstrip().endswith(b"</vos:node>"))

    def test_listings_are_chunked_and_keep_the_connection(self):
        with Raw(self.bed, "alice") as raw:
            for _ in range(2):
                raw.request("GET", "/vault/nodes/alice")
                answer = raw.answer()
                self.assertTrue(answer.body.rstrip().endswith(b"</vos:node>"))

    def test_head_tells_what_get_would(self):
        data = os.urandom(1000)
        self.bed.put("/alice/headed", data)
        with Raw(self.bed, "alice") as raw:
            raw.request("HEAD", "/vault/files/alice/headed")
            answer = raw.answer(is_head=True)
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.headers["content-length"], "1000")
            digest = base64.b64encode(hashlib.md5(data).digest()).decode()
            self.assertEqual(answer.headers["digest"], f"md5={digest}")
            raw.request("HEAD", NODE)
            self.assertEqual(raw.answer(is_head=True).status, 200)
            raw.request("HEAD", "/vault/files/alice/none")
            answer = raw.answer(is_head=True)
            self.assertEqual(answer.status, 404)
            raw.request("GET", NODE)
            self.assertEqual(raw.answer().status, 200)

    def test_unknown_methods_are_405_with_allow(self):
        with Raw(self.bed, "alice") as raw:
            for method in ("PATCH", "OPTIONS", "TRACE", "BREW", "get", "MKCOL"):
                raw.request(method, "/vault/nodes/alice")
                answer = raw.answer()
                self.assertEqual(answer.status, 405, method)
                self.assertEqual(answer.headers["allow"], "GET, HEAD, PUT, POST, DELETE")
                self.assertIn(method, answer.text)
            raw.request("DELETE", "/vault/files/alice")
            answer = raw.answer()
            self.assertEqual((answer.status, answer.headers["allow"]), (405, "GET, HEAD, PUT, POST"))
            raw.request("BREW", "/coffee")
            self.assertEqual(raw.answer().status, 404)

    def test_too_long_a_target_is_414_and_too_large_a_head_431(self):
        with Raw(self.bed, "alice") as raw:
            raw.request("GET", "/vault/nodes/" + "a" * 20000)
            self.assertEqual(raw.answer().status, 414)
            self.assertTrue(raw.ends_cleanly())
        with Raw(self.bed, "alice") as raw:
            raw.request("GET", NODE, ["X: " + "a" * 40000])
            self.assertEqual(raw.answer().status, 431)
            self.assertTrue(raw.ends_cleanly())
        with Raw(self.bed, "alice") as raw:
            raw.request("GET", NODE, [f"X-{i}: y" for i in range(500)])
            self.assertEqual(raw.answer().status, 431)

    def test_errors_carry_the_request_id(self):
        with Raw(self.bed, "alice") as raw:
            raw.request("GET", "/vault/nodes/alice/none")
            answer = raw.answer()
            self.assertEqual(answer.status, 404)
            self.assertRegex(answer.headers["x-request-id"], r"^[0-9a-f]{8}-[0-9a-f]{2}-[0-9a-f]{6}$")
            raw.send(b"nonsense\r\n\r\n")
            self.assertIn("x-request-id", raw.answer().headers)


class Bodies(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bed = Testbed.start()
        cls.addClassCleanup(cls.bed.close)

    def test_continue_comes_after_authorization(self):
        with Raw(self.bed, "alice") as raw:
            raw.request("PUT", "/vault/files/alice/expected",
                        ["Expect: 100-continue", "Content-Length: 5"])
            self.assertEqual(raw.head()[0], 100)
            raw.send(b"hello")
            answer = raw.answer()
            self.assertEqual(answer.status, 201)
            self.assertEqual(answer.headers["connection"], "keep-alive")
        self.assertEqual(self.bed.get("/alice/expected").body, b"hello")

    def test_a_refused_put_gets_its_status_and_no_100(self):
        cases = [("bob", "/alice/f", 403), (None, "/alice/f", 401), ("alice", "/none/f", 404),
                 ("alice", "/alice/%ff", 400)]
        for user, path, status in cases:
            with Raw(self.bed, user) as raw:
                raw.request("PUT", "/vault/files" + path,
                            ["Expect: 100-continue", "Content-Length: 1000000"])
                self.assertEqual(raw.answer().status, status, path)
                self.assertTrue(raw.ends_cleanly())

    def test_expect_on_requests_without_body_is_of_no_consequence(self):
        with Raw(self.bed, "alice") as raw:
            for _ in range(2):
                raw.request("GET", NODE, ["Expect: 100-continue"])
                self.assertEqual(raw.answer().status, 200)

    def test_other_expectations_are_417(self):
        with Raw(self.bed, "alice") as raw:
            raw.request("GET", NODE, ["Expect: wonders"])
            self.assertEqual(raw.answer().status, 417)

    def test_chunked_uploads(self):
        data = os.urandom(3_000_000)
        for size in (1, 1000, 8192, 1_000_000):
            part = data[:size * 40] if size < 1000 else data
            body = b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in
                            (part[i:i + size] for i in range(0, len(part), size)))
            with Raw(self.bed, "alice") as raw:
                raw.request("PUT", "/vault/files/alice/chunked", ["Transfer-Encoding: chunked"],
                            body + b"0\r\n\r\n")
                self.assertEqual(raw.answer().status, 201)
                raw.request("GET", NODE)
                self.assertEqual(raw.answer().status, 200)
            self.assertEqual(self.bed.get("/alice/chunked").body, part)

    def test_a_short_body_changes_nothing(self):
        self.bed.put("/alice/kept", b"old")
        failed = re.compile(r'method="PUT" path="/vault/files/alice/kept" status=[45]')
        for n, (head, body) in enumerate(((["Content-Length: 100"], b"new"),
                                          (["Transfer-Encoding: chunked"], b"3\r\nnew\r\n"))):
            with Raw(self.bed, "alice") as raw:
                raw.request("PUT", "/vault/files/alice/kept", head, body)
            wait_until(lambda n=n: len(failed.findall(self.bed.access_log())) > n)
            self.assertEqual(self.bed.get("/alice/kept").body, b"old")

    def test_an_early_refusal_arrives_while_the_body_is_sent(self):
        data = bytes(8_000_000)
        for headers, body in (([f"Content-Length: {len(data)}"], data),
                              (["Transfer-Encoding: chunked"],
                               b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data))):
            with Raw(self.bed, "bob") as raw:
                # All of it is taken, although nobody wants it; only then the answer is read.
                raw.request("PUT", "/vault/files/alice/refused", headers, body)
                answer = raw.answer()
                self.assertEqual(answer.status, 403)
                self.assertEqual(answer.headers["connection"], "close")
                self.assertTrue(raw.ends_cleanly())

    def test_http_client_sees_the_refusal(self):
        answer = self.bed.put("/alice/refused", bytes(5_000_000), "bob")
        self.assertEqual(answer.status, 403)
        self.assertIn("PermissionDenied", answer.text)

    def test_a_get_with_a_body_is_answered_and_the_next_one_too(self):
        with Raw(self.bed, "alice") as raw:
            raw.request("GET", NODE, ["Content-Length: 5"], b"hello")
            answer = raw.answer()
            self.assertEqual(answer.status, 200)
            if answer.headers["connection"] == "keep-alive":
                raw.request("GET", NODE)
                self.assertEqual(raw.answer().status, 200)

    def test_slow_readers_hold_neither_memory_nor_others(self):
        data = os.urandom(1 << 20) * 64
        self.assertEqual(self.bed.put("/alice/large", data).status, 201)
        url = self.bed.ask("GET", "/files/alice/large", "alice").headers["Location"]
        target = "/vault" + url.partition("/vault")[2]
        before = rss_anon_kib(self.bed.pid)
        readers = [Raw(self.bed, receive_buffer=4096) for _ in range(20)]
        try:
            for raw in readers:
                raw.request("GET", target)
                self.assertEqual(raw.head()[0], 200)
            time.sleep(0.5)
            grown = rss_anon_kib(self.bed.pid) - before
            start = time.monotonic()
            self.assertEqual(self.bed.put("/alice/small", b"x" * 100_000).status, 201)
            self.assertEqual(len(self.bed.get("/alice/small").body), 100_000)
            self.assertLess(time.monotonic() - start, 10)
            if "asan" not in os.environ.get("QUARTET_BUILD", ""):
                self.assertLess(grown, 110 << 10)
            # And each of them gets more, when it wants it.
            self.assertEqual(readers[7].take(2 << 20), data[:2 << 20])
        finally:
            for raw in readers:
                raw.close()


class Times(unittest.TestCase):
    """With small time-outs, so that being cut is worth waiting for."""

    @classmethod
    def setUpClass(cls):
        cls.bed = Testbed.start(settings=["head_timeout=1s", "idle_timeout=1s",
                                          "stall_timeout=1s", "connections=16"])
        cls.addClassCleanup(cls.bed.close)

    def seconds_until_cut(self, raw, trickle=None):
        """How long until the server ends the connection; `trickle` is sent ten times a second."""
        start = time.monotonic()
        raw.tls.settimeout(0.1 if trickle else 20)
        while time.monotonic() - start < 20:
            try:
                if trickle:
                    raw.tls.send(trickle)
                raw.more()
            except TimeoutError:
                continue
            except (Ended, OSError):
                return time.monotonic() - start
        self.fail("not cut")

    def test_a_slow_head_is_answered_408_and_cut(self):
        with Raw(self.bed) as raw:
            raw.send(b"GET /vault/nod")
            answer = raw.answer()
            self.assertEqual(answer.status, 408)
            self.assertTrue(raw.ends_cleanly())
        with Raw(self.bed) as raw:
            self.assertLess(self.seconds_until_cut(raw, b"a"), 10)

    def test_a_silent_connection_is_closed(self):
        with Raw(self.bed) as raw:
            start = time.monotonic()
            self.assertTrue(raw.ends_cleanly())
            self.assertLess(time.monotonic() - start, 10)

    def test_an_idle_connection_is_closed_cleanly(self):
        with Raw(self.bed, "alice") as raw:
            raw.request("GET", NODE)
            self.assertEqual(raw.answer().status, 200)
            self.assertTrue(raw.ends_cleanly())

    def test_a_handshake_that_never_comes_is_cut(self):
        with socket.create_connection(("127.0.0.1", self.bed.port), timeout=20) as raw:
            self.assertEqual(raw.recv(1), b"")

    def test_a_body_of_a_byte_at_a_time_is_cut(self):
        for path, headers in (("/vault/files/alice/slow", ["Content-Length: 100000"]),
                              ("/vault/nodes/alice/slow", ["Content-Length: 100000"]),
                              ("/vault/files/carol/refused", ["Content-Length: 100000"])):
            with Raw(self.bed, "alice") as raw:
                raw.request("PUT", path, headers)
                self.assertLess(self.seconds_until_cut(raw, b"a"), 15)
        self.assertEqual(self.bed.ask("GET", "/nodes/alice/slow", "alice").status, 404)

    def test_a_body_that_stops_is_cut_but_never_with_503_or_408(self):
        with Raw(self.bed, "alice") as raw:
            raw.request("PUT", "/vault/files/alice/stopped", ["Content-Length: 100000"], b"abc")
            try:
                self.assertEqual(raw.answer().status, 400)
            except Ended:
                pass

    def test_a_steady_sender_is_not_cut(self):
        data = os.urandom(40_000)
        with Raw(self.bed, "alice") as raw:
            raw.request("PUT", "/vault/files/alice/steady", [f"Content-Length: {len(data)}"])
            for i in range(0, len(data), 1000):  # 10 kB/s for four time-outs
                raw.send(data[i:i + 1000])
                time.sleep(0.1)
            self.assertEqual(raw.answer().status, 201)
        self.assertEqual(self.bed.get("/alice/steady").body, data)

    def test_beyond_the_limit_nobody_is_let_in_until_one_leaves(self):
        held = []
        try:
            for _ in range(16):
                held.append(socket.create_connection(("127.0.0.1", self.bed.port), timeout=20))
            # These wait in the kernel; those let in say nothing and are cut after a second.
            start = time.monotonic()
            self.assertEqual(self.bed.ask("GET", NODE[6:], "alice").status, 200)
            self.assertLess(time.monotonic() - start, 15)
        finally:
            for raw in held:
                raw.close()


if __name__ == "__main__":
    main()
