# SPDX-License-Identifier: Apache-2.0
"""Transfers with other services: pullToVoSpace and pushFromVoSpace (VOSpace 2.1 6.4)."""

import base64
import gzip
import hashlib
import os
import signal
import socket
import tempfile
import threading
import time
import urllib.parse
import xml.etree.ElementTree as ET

from https_peer import Peer
from quartet_test import Testbed, main, unittest, wait_until
from transfers import CORE, FORM, UWS, TransferJobs, transfer

MIB = 1 << 20
OVER = ("COMPLETED", "ERROR", "ABORTED")


def offer(name, endpoint, *methods):
    inner = "" if endpoint is None else f"<vos:endpoint>{endpoint}</vos:endpoint>"
    inner += "".join(f'<vos:securityMethod uri="{m}"/>' for m in methods)
    return f'<vos:protocol uri="{CORE}{name}">{inner}</vos:protocol>'


def md5_of(data):
    return base64.b64encode(hashlib.md5(data).digest()).decode()


class RemoteJobs(TransferJobs):
    """With a testbed in self.bed."""

    def begin(self, path, direction, *protocols, user="alice", view=""):
        url = self.job(transfer(self.bed.uri(path), direction, *protocols, view=view), user)
        self.assertEqual(self.bed.ask("POST", url + "/phase", user, "PHASE=RUN", FORM).status, 303)
        return url

    def end(self, url, user="alice", limit_s=60):
        """(phase, fault word, message)"""
        until = time.monotonic() + limit_s
        phase = ""
        while phase not in OVER and time.monotonic() < until:
            job = ET.fromstring(self.bed.ask("GET", url + "?WAIT=10", user).body)
            phase = job.findtext(f"{{{UWS}}}phase")
        error = self.bed.ask("GET", url + "/error", user)
        return (phase, error.text if error.status == 200 else None,
                job.findtext(f"{{{UWS}}}errorSummary/{{{UWS}}}message") or "")

    def pull(self, path, *endpoints, user="alice"):
        protocols = [offer("httpsget", endpoint) for endpoint in endpoints]
        return self.end(self.begin(path, "pullToVoSpace", *protocols, user=user), user)

    def push(self, path, *endpoints, user="alice"):
        protocols = [offer("httpsput", endpoint) for endpoint in endpoints]
        return self.end(self.begin(path, "pushFromVoSpace", *protocols, user=user), user)

    def assert_failed(self, ended, *words, fault="TransferFailed"):
        self.assertEqual(ended[:2], ("ERROR", fault), ended)
        for word in words:
            self.assertIn(word, ended[2])

    def assert_missing(self, path):
        self.assertEqual(self.bed.ask("GET", f"/nodes{path}", "alice").status, 404)

    def blobs(self):
        """Files at the locations that hold, or will hold, bytes of users."""
        return sum(len(files) for place in self.bed.locations for folder, _, files in os.walk(place)
                   if "journal" not in folder)


class Remote(RemoteJobs, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.peer = Peer.start()
        cls.addClassCleanup(cls.peer.close)
        cls.bed = Testbed.start(settings=[
            f"remote_hosts={cls.peer.name}", "remote_private=127.0.0.0/8", f"remote_ca={cls.peer.ca}",
            "remote_bytes_max=8MiB", "remote_time_max=20s", "remote_connect_timeout=5s",
            "remote_endpoints_max=4", "remote_jobs_max=2"])
        cls.addClassCleanup(cls.bed.close)

    # Pulling

    def test_OP_70_pull_to_vospace_fetches_the_bytes(self):
        data = os.urandom(3 * MIB + 12345)
        url = self.peer.serves("/good", data, {"Content-Type": "image/fits", "Digest": "md5=" + md5_of(data)})
        self.assertEqual(self.pull("/alice/good", url), ("COMPLETED", None, ""))
        answer = self.bed.get("/alice/good")
        self.assertEqual((answer.body, answer.headers["Content-Type"]), (data, "image/fits"))
        self.assertEqual(answer.headers["Digest"], "md5=" + md5_of(data))
        request = self.peer.seen("/good")[0]
        self.assertEqual(request.method, "GET")
        for name in ["Authorization", "Cookie"]:
            self.assertIsNone(request.headers[name])

    def test_small_and_empty_files(self):
        for size in [0, 1, 4096, 65536, 65537]:
            data = os.urandom(size)
            url = self.peer.serves(f"/size{size}", data)
            self.assertEqual(self.pull(f"/alice/size{size}", url)[0], "COMPLETED")
            self.assertEqual(self.bed.get(f"/alice/size{size}").body, data)

    def test_a_body_of_unknown_length(self):
        data = os.urandom(2 * MIB + 5)

        def chunked(request):
            request.send_response(200)
            request.send_header("Transfer-Encoding", "chunked")
            request.end_headers()
            for at in range(0, len(data), 100000):
                part = data[at:at + 100000]
                request.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            request.wfile.write(b"0\r\n\r\n")
        self.peer.answers["/chunked"] = chunked
        self.assertEqual(self.pull("/alice/chunked", self.peer.url("/chunked"))[0], "COMPLETED")
        self.assertEqual(self.bed.get("/alice/chunked").body, data)

    def test_OP_77_properties_and_type_stay_when_a_file_is_overwritten(self):
        self.bed.create("DataNode", "/alice/over", properties={"title": "kept"})
        self.bed.put("/alice/over", b"old", headers={"Content-Type": "text/x-mine"})
        url = self.peer.serves("/over", b"new bytes", {"Content-Type": "image/fits"})
        self.assertEqual(self.pull("/alice/over", url)[0], "COMPLETED")
        answer = self.bed.get("/alice/over")
        self.assertEqual((answer.body, answer.headers["Content-Type"]), (b"new bytes", "text/x-mine"))
        self.assertIn("kept", self.bed.ask("GET", "/nodes/alice/over", "alice").text)

    def test_the_job_names_the_node_and_links_are_followed(self):
        self.bed.put("/alice/linked", b"old")
        self.bed.create("LinkNode", "/alice/link", target=self.bed.uri("/alice/linked"))
        url = self.begin("/alice/link", "pullToVoSpace", offer("httpsget", self.peer.serves("/l", b"by link")))
        self.assertEqual(self.end(url)[0], "COMPLETED")
        self.assertIn(self.bed.uri("/alice/linked"), self.bed.ask("GET", url, "alice").text)
        self.assertEqual(self.bed.get("/alice/linked").body, b"by link")

    def test_OP_82_the_next_endpoint_is_tried_when_one_fails(self):
        good = self.peer.serves("/second", b"second")
        self.assertEqual(self.pull("/alice/second", self.peer.url("/none"), good)[0], "COMPLETED")
        self.assertEqual(self.bed.get("/alice/second").body, b"second")
        self.assertEqual(len(self.peer.seen("/second")), 1)

    def test_OP_82_the_first_success_ends_it(self):
        first = self.peer.serves("/first", b"first")
        after = self.peer.serves("/after", b"after")
        self.assertEqual(self.pull("/alice/first", first, after)[0], "COMPLETED")
        self.assertEqual((self.bed.get("/alice/first").body, self.peer.seen("/after")), (b"first", []))

    def test_OP_82_what_was_tried_is_told_when_all_have_failed(self):
        self.peer.answers["/busy"] = lambda request: request.answer(503)
        ended = self.pull("/alice/all", self.peer.url("/missing"), self.peer.url("/busy"))
        self.assert_failed(ended, f"{self.peer.name}: it answered with status 404",
                           f"{self.peer.name}: it answered with status 503")
        self.assertNotIn("secret", ended[2])
        self.assertEqual((len(self.peer.seen("/missing")), len(self.peer.seen("/busy"))), (1, 1))
        self.assert_missing("/alice/all")

    def test_endpoints_beyond_the_limit_are_not_tried(self):
        last = self.peer.serves("/fifth", b"x")
        self.assert_failed(self.pull("/alice/fifth", *[self.peer.url("/none")] * 4, last))
        self.assertEqual(self.peer.seen("/fifth"), [])

    def test_OP_82_a_document_without_endpoint_is_refused(self):
        self.assert_failed(self.end(self.begin("/alice/e", "pullToVoSpace", offer("httpsget", None))),
                           fault="InvalidArgument")

    def test_PT_4_unknown_protocols_are_ignored(self):
        good = offer("httpsget", self.peer.serves("/known", b"k"))
        other = '<vos:protocol uri="ivo://example.org/gopher"><vos:endpoint>gopher://x</vos:endpoint></vos:protocol>'
        self.assertEqual(self.end(self.begin("/alice/known", "pullToVoSpace", other, good))[0], "COMPLETED")
        for protocol in [other, offer("httpget", "http://localhost/x"), offer("httpsput", self.peer.url("/known")),
                         offer("httpsget", self.peer.url("/known"), "ivo://ivoa.net/sso#BasicAA")]:
            self.assert_failed(self.end(self.begin("/alice/unknown", "pullToVoSpace", protocol)),
                               fault="ProtocolNotSupported")

    # What a peer may not do

    def test_a_redirect_is_not_followed(self):
        target = self.peer.serves("/there", b"x")
        self.peer.answers["/moved"] = lambda request: request.answer(302, b"", {"Location": target})
        self.assert_failed(self.pull("/alice/moved", self.peer.url("/moved")), "status 302")
        self.assertEqual(self.peer.seen("/there"), [])

    def test_a_part_is_no_file(self):
        self.peer.answers["/part"] = lambda request: request.answer(
            206, b"abc", {"Content-Range": "bytes 0-2/10"})
        self.assert_failed(self.pull("/alice/part", self.peer.url("/part")), "status 206")

    def test_a_short_body_leaves_nothing(self):
        def short(request):
            request.send_response(200)
            request.send_header("Content-Length", str(MIB))
            request.end_headers()
            request.wfile.write(b"x" * 500000)
        self.peer.answers["/short"] = short
        self.assert_failed(self.pull("/alice/short", self.peer.url("/short")), self.peer.name)
        self.assert_missing("/alice/short")
        self.bed.put("/alice/stays", b"old")
        self.assert_failed(self.pull("/alice/stays", self.peer.url("/short")))
        self.assertEqual(self.bed.get("/alice/stays").body, b"old")

    def test_wrong_checksums_leave_nothing(self):
        wrong = md5_of(b"other")
        sha = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
        for name, value in [("Digest", "md5=" + wrong), ("Digest", "sha-256=" + sha), ("Content-MD5", wrong), ("Repr-Digest", f"md5=:{wrong}:"),
                            ("Content-Digest", f"md5=:{wrong}:"), ("Digest", "md5=nonsense")]:
            with self.subTest(header=name, value=value):
                url = self.peer.serves("/wrong", b"bytes", {name: value})
                self.assert_failed(self.pull("/alice/wrong", url))
                self.assert_missing("/alice/wrong")

    def test_right_checksums_are_taken(self):
        sums = {"Digest": "md5=" + md5_of(b"bytes"), "Content-MD5": md5_of(b"bytes")}
        self.assertEqual(self.pull("/alice/right", self.peer.serves("/right", b"bytes", sums))[0], "COMPLETED")

    def test_an_announced_length_beyond_the_limit_is_not_read(self):
        def large(request):
            request.send_response(200)
            request.send_header("Content-Length", str(9 * MIB))
            request.end_headers()
            self.peer.gate.wait(20)
        self.peer.answers["/large"] = large
        self.assert_failed(self.pull("/alice/large", self.peer.url("/large")), str(9 * MIB), str(8 * MIB))
        self.assert_missing("/alice/large")

    def test_a_type_that_could_not_be_shown_is_not_kept(self):
        for value in ["text/\x01plain", "text/\xe9", "nonsense", "/", "x" * 100]:
            with self.subTest(type=value):
                url = self.peer.serves("/type", b"t", {"Content-Type": value})
                self.assertEqual(self.pull("/alice/type", url)[0], "COMPLETED")
                self.assertEqual(self.bed.get("/alice/type").headers["Content-Type"], "application/octet-stream")
                ET.fromstring(self.bed.ask("GET", "/nodes/alice/type", "alice").body)

    def test_an_endless_body_is_cut(self):
        def endless(request):
            request.send_response(200)
            request.send_header("Transfer-Encoding", "chunked")
            request.end_headers()
            while True:
                request.wfile.write(b"10000\r\n" + bytes(65536) + b"\r\n")
        self.peer.answers["/endless"] = endless
        self.assert_failed(self.pull("/alice/endless", self.peer.url("/endless")), self.peer.name)
        self.assert_missing("/alice/endless")

    def test_an_endless_head_is_cut(self):
        def endless(request):
            request.send_response(200)
            for i in range(100000):
                request.send_header(f"X-{i}", "x" * 1000)
                request.flush_headers()
        self.peer.answers["/head"] = endless
        self.assert_failed(self.pull("/alice/head", self.peer.url("/head")), "head is too large")

    def test_two_lengths_are_damage(self):
        def two(request):
            request.send_response(200)
            request.send_header("Content-Length", "3")
            request.send_header("Content-Length", "4")
            request.end_headers()
            request.wfile.write(b"abcd")
        self.peer.answers["/two"] = two
        self.assert_failed(self.pull("/alice/two", self.peer.url("/two")))
        self.assert_missing("/alice/two")

    # Whom it may ask

    def test_only_listed_hosts_and_ports_are_asked(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            for url in [f"https://localhost:{other.getsockname()[1]}/x", f"https://127.0.0.1:{self.peer.port}/x",
                        "https://localhost/x", f"https://localhost.example.org:{self.peer.port}/x"]:
                with self.subTest(url=url):
                    self.assert_failed(self.pull("/alice/host", url), "none of those")

    def test_a_name_is_the_same_in_capitals_and_with_a_dot(self):
        self.peer.serves("/name", b"n")
        for name in ["LOCALHOST", "localhost."]:
            self.assertEqual(self.pull("/alice/name", f"https://{name}:{self.peer.port}/name")[0], "COMPLETED")

    def test_what_is_no_plain_https_url_is_refused(self):
        for url in [f"http://{self.peer.name}/x", f"https://user@{self.peer.name}/x",
                    f"https://user:pass@{self.peer.name}/x", f"https://{self.peer.name}\\@elsewhere/x",
                    f"https://{self.peer.name}/a b", "file:///etc/passwd", f"https://{self.peer.name}/x#y",
                    f"https://{self.peer.name}:0/x", "https://127.1/x", "https:///x", "nonsense"]:
            with self.subTest(url=url):
                self.assert_failed(self.pull("/alice/url", url), fault="InvalidArgument")

    # Rights and room

    def test_who_may_not_write_there_is_refused_and_nobody_is_asked(self):
        url = self.peer.serves("/private", b"x")
        self.assert_failed(self.pull("/alice/private", url, user="bob"), fault="PermissionDenied")
        self.assert_failed(self.pull("/alice/no/where", url), fault="NodeNotFound")
        self.assert_failed(self.pull("/alice", url), fault="InvalidArgument")
        self.assert_failed(self.pull("/alice/.null", url), fault="InvalidArgument")
        self.bed.put("/alice/locked", b"old")
        self.bed.ask("POST", "/nodes/alice/locked", "alice",
                     self.bed.document("DataNode", "/alice/locked", {"islocked": "true"}), {"Content-Type": "text/xml"})
        self.assert_failed(self.pull("/alice/locked", url), fault="NodeLocked")
        self.assertEqual(self.peer.seen("/private"), [])

    def test_the_server_chooses_a_name(self):
        url = self.begin("/alice/.auto", "pullToVoSpace", offer("httpsget", self.peer.serves("/auto", b"auto")))
        self.assertEqual(self.end(url)[0], "COMPLETED")
        self.assertRegex(self.bed.ask("GET", url, "alice").text, self.bed.uri("/alice/") + "[0-9a-f]{16}")

    def test_a_quota_is_kept_with_and_without_a_length(self):
        self.bed.create("ContainerNode", "/alice/small")
        self.assertEqual(self.bed.tool("quota", "/alice/small", "1000")[0], 0)
        url = self.peer.serves("/quota", b"x" * 2000)
        self.assert_failed(self.pull("/alice/small/f", url), fault="QuotaExceeded")

        def chunked(request):
            request.send_response(200)
            request.send_header("Transfer-Encoding", "chunked")
            request.end_headers()
            request.wfile.write(b"7d0\r\n" + b"x" * 2000 + b"\r\n0\r\n\r\n")
        self.peer.answers["/quota2"] = chunked
        self.assert_failed(self.pull("/alice/small/f", self.peer.url("/quota2")), fault="QuotaExceeded")
        self.assert_missing("/alice/small/f")
        more = f'<vos:param uri="{CORE}length">2000</vos:param>'
        url = self.job(transfer(self.bed.uri("/alice/small/f"), "pullToVoSpace",
                                offer("httpsget", self.peer.serves("/quota4", b"x")), more=more))
        self.bed.ask("POST", url + "/phase", "alice", "PHASE=RUN", FORM)
        self.assert_failed(self.end(url), fault="QuotaExceeded")
        self.assertEqual(self.peer.seen("/quota4"), [])
        self.assertEqual(self.pull("/alice/small/g", self.peer.serves("/quota3", b"x" * 1000))[0], "COMPLETED")

    # Time

    def hangs(self, path, before=100000):
        """An answer that stops half-way."""
        def stop(request):
            request.send_response(200)
            request.send_header("Content-Length", str(MIB))
            request.end_headers()
            request.wfile.write(b"x" * before)
            self.peer.gate.wait(60)
        self.peer.answers[path] = stop
        return self.peer.url(path)

    def test_a_slow_peer_is_given_up_when_time_is_over(self):
        begun = time.monotonic()
        self.assert_failed(self.pull("/alice/slow", self.hangs("/slow")), self.peer.name)
        self.assertGreater(time.monotonic() - begun, 15)
        self.assert_missing("/alice/slow")

    def test_an_abort_ends_it_and_leaves_nothing(self):
        before = self.blobs()
        url = self.begin("/alice/aborted", "pullToVoSpace", offer("httpsget", self.hangs("/abort")))
        wait_until(lambda: self.peer.seen("/abort") and self.blobs() > before)
        begun = time.monotonic()
        self.bed.ask("POST", url + "/phase", "alice", "PHASE=ABORT", FORM)
        self.assertEqual(self.end(url)[0], "ABORTED")
        self.assertLess(time.monotonic() - begun, 10)
        self.assert_missing("/alice/aborted")
        wait_until(lambda: self.blobs() <= before)

    def test_a_job_that_waits_for_its_turn_can_be_aborted(self):
        running = [self.begin(f"/alice/turn{i}", "pullToVoSpace", offer("httpsget", self.hangs(f"/turn{i}")))
                   for i in range(2)]
        wait_until(lambda: self.peer.seen("/turn0") and self.peer.seen("/turn1"))
        good = self.peer.serves("/turn", b"turn")
        aborted, waiting = [self.begin("/alice/turn", "pullToVoSpace", offer("httpsget", good)) for _ in range(2)]
        self.bed.ask("POST", aborted + "/phase", "alice", "PHASE=ABORT", FORM)
        self.assertEqual(self.end(aborted)[0], "ABORTED")
        self.assertEqual(self.peer.seen("/turn"), [])
        for url in running:
            self.bed.ask("POST", url + "/phase", "alice", "PHASE=ABORT", FORM)
        self.assertEqual(self.end(waiting)[0], "COMPLETED")
        self.assertEqual(self.bed.get("/alice/turn").body, b"turn")

    def test_who_asks_for_many_keeps_nobody_waiting_for_all(self):
        many = [self.begin(f"/alice/many{i}", "pullToVoSpace", offer("httpsget", self.hangs(f"/many{i}")))
                for i in range(4)]
        wait_until(lambda: self.peer.seen("/many0") and self.peer.seen("/many1"))
        url = self.begin("/bob/one", "pullToVoSpace", offer("httpsget", self.peer.serves("/one", b"1")), user="bob")
        self.bed.ask("POST", many[0] + "/phase", "alice", "PHASE=ABORT", FORM)
        self.assertEqual(self.end(url, "bob")[0], "COMPLETED")
        wait_until(lambda: self.peer.seen("/many2"))
        for url in many[1:]:
            self.bed.ask("POST", url + "/phase", "alice", "PHASE=ABORT", FORM)
            self.assertEqual(self.end(url)[0], "ABORTED")

    def test_a_job_that_is_removed_ends(self):
        before = self.blobs()
        url = self.begin("/alice/removed", "pullToVoSpace", offer("httpsget", self.hangs("/removed")))
        wait_until(lambda: self.peer.seen("/removed") and self.blobs() > before)
        self.bed.ask("DELETE", url, "alice")
        self.assertEqual(self.bed.ask("GET", url, "alice").status, 404)
        wait_until(lambda: self.blobs() <= before)
        self.assert_missing("/alice/removed")

    def test_its_execution_duration_ends_it(self):
        protocols = offer("httpsget", self.hangs("/duration"))
        url = self.job(transfer(self.bed.uri("/alice/duration"), "pullToVoSpace", protocols))
        self.bed.ask("POST", url + "/executionduration", "alice", "EXECUTIONDURATION=1", FORM)
        self.bed.ask("POST", url + "/phase", "alice", "PHASE=RUN", FORM)
        self.assertEqual(self.end(url, limit_s=15)[0], "ABORTED")
        self.assert_missing("/alice/duration")

    def held(self, path, body):
        """An answer that waits for the event that is returned, before its last byte."""
        event = threading.Event()

        def wait(request):
            request.send_response(200)
            request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            request.wfile.write(body[:-1])
            event.wait(60)
            request.wfile.write(body[-1:])
        self.peer.answers[path] = wait
        return event

    def test_a_node_that_goes_meanwhile_is_made_anew(self):
        self.bed.put("/alice/gone", b"old")
        event = self.held("/gone", b"new bytes")
        url = self.begin("/alice/gone", "pullToVoSpace", offer("httpsget", self.peer.url("/gone")))
        wait_until(lambda: self.peer.seen("/gone"))
        self.assertLess(self.bed.ask("DELETE", "/nodes/alice/gone", "alice").status, 300)
        event.set()
        self.assertEqual(self.end(url)[0], "COMPLETED")
        self.assertEqual(self.bed.get("/alice/gone").body, b"new bytes")

    def test_a_container_that_goes_meanwhile_is_told(self):
        self.bed.create("ContainerNode", "/alice/folder")
        event = self.held("/folder", b"new bytes")
        url = self.begin("/alice/folder/f", "pullToVoSpace", offer("httpsget", self.peer.url("/folder")))
        wait_until(lambda: self.peer.seen("/folder"))
        self.assertLess(self.bed.ask("DELETE", "/nodes/alice/folder", "alice").status, 300)
        event.set()
        self.assert_failed(self.end(url), fault="NodeNotFound")

    # Pushing

    def accepts(self, path, status=201):
        self.peer.answers[path] = lambda request: request.answer(status, b"thank you")
        return self.peer.url(path)

    def test_OP_70_push_from_vospace_sends_the_bytes(self):
        data = os.urandom(3 * MIB + 777)
        self.bed.put("/alice/out", data, headers={"Content-Type": "image/fits"})
        self.assertEqual(self.push("/alice/out", self.accepts("/out")), ("COMPLETED", None, ""))
        request = self.peer.seen("/out")[0]
        self.assertEqual((request.method, request.body == data), ("PUT", True))
        self.assertEqual(request.headers["Content-Length"], str(len(data)))
        self.assertEqual(request.headers["Digest"], "md5=" + md5_of(data))
        self.assertEqual(request.headers["Content-Type"], "image/fits")
        for name in ["Authorization", "Cookie"]:
            self.assertIsNone(request.headers[name])

    def test_small_and_empty_files_are_sent(self):
        for size in [0, 1, 65536, 65537]:
            data = os.urandom(size)
            self.bed.put(f"/alice/out{size}", data)
            self.assertEqual(self.push(f"/alice/out{size}", self.accepts(f"/out{size}", 200))[0], "COMPLETED")
            self.assertEqual(self.peer.seen(f"/out{size}")[0].body, data)

    def test_OP_82_a_refused_push_goes_to_the_next_endpoint(self):
        self.bed.put("/alice/refused", b"r" * (2 * MIB))
        refused = self.accepts("/refused", 403)
        self.peer.refuses_early.add("/early")
        early = self.accepts("/early", 403)
        self.assertEqual(self.push("/alice/refused", refused, early, self.accepts("/taken"))[0], "COMPLETED")
        self.assertEqual(self.peer.seen("/taken")[0].body, b"r" * (2 * MIB))

    def test_OP_82_a_push_that_all_refuse_fails(self):
        self.bed.put("/alice/unwanted", b"u")
        self.peer.refuses_early.add("/liar")
        ended = self.push("/alice/unwanted", self.accepts("/unwanted", 403), self.accepts("/elsewhere", 307))
        self.assert_failed(ended, "status 403", "status 307")
        self.assertNotIn("thank you", ended[2])

    def test_a_yes_before_everything_was_sent_is_none(self):
        self.bed.put("/alice/early", b"e" * (4 * MIB))
        self.peer.refuses_early.add("/yes")
        self.assert_failed(self.push("/alice/early", self.accepts("/yes")), "before it had everything")

    def test_who_may_not_read_it_cannot_send_it(self):
        self.bed.put("/alice/own", b"o")
        self.assert_failed(self.push("/alice/own", self.accepts("/own"), user="bob"), fault="PermissionDenied")
        self.assert_failed(self.push("/alice/nothing", self.accepts("/own")), fault="NodeNotFound")
        self.assert_failed(self.push("/alice", self.accepts("/own")), fault="InvalidArgument")
        self.assertEqual(self.peer.seen("/own"), [])

    def test_an_aborted_push_ends(self):
        self.bed.put("/alice/held", b"h" * (4 * MIB))
        self.peer.refuses_early.add("/held")
        self.peer.answers["/held"] = lambda request: (request.send_response_only(100), request.end_headers(),
                                                      self.peer.gate.wait(60))
        url = self.begin("/alice/held", "pushFromVoSpace", offer("httpsput", self.peer.url("/held")))
        wait_until(lambda: self.peer.seen("/held"))
        self.bed.ask("POST", url + "/phase", "alice", "PHASE=ABORT", FORM)
        self.assertEqual(self.end(url)[0], "ABORTED")
        self.assertEqual(self.bed.get("/alice/held").body, b"h" * (4 * MIB))

    def test_what_is_packed_stays_so(self):
        packed = gzip.compress(b"hello " * 1000)
        url = self.peer.serves("/packed", packed, {"Content-Encoding": "gzip", "Content-Type": "text/plain"})
        self.assertEqual(self.pull("/alice/packed", url)[0], "COMPLETED")
        answer = self.bed.get("/alice/packed")
        self.assertEqual((answer.body, answer.headers["Content-Encoding"]), (packed, "gzip"))
        self.assertEqual(self.push("/alice/packed", self.accepts("/packed2"))[0], "COMPLETED")
        request = self.peer.seen("/packed2")[0]
        self.assertEqual((request.body, request.headers["Content-Encoding"]), (packed, "gzip"))

    # What is told

    def test_OP_4_the_list_of_protocols_is_true(self):
        accepts = ET.fromstring(self.bed.ask("GET", "/protocols").body)[0]
        self.assertEqual([p.get("uri") for p in accepts], [CORE + "httpsget", CORE + "httpsput"])


class Tight(RemoteJobs, unittest.TestCase):
    """Little memory for bytes, many transfers at once: each waits for the others' pieces."""

    @classmethod
    def setUpClass(cls):
        cls.peer = Peer.start()
        cls.addClassCleanup(cls.peer.close)
        cls.bed = Testbed.start(settings=[f"remote_hosts={cls.peer.name}", "remote_private=127.0.0.1",
                                          f"remote_ca={cls.peer.ca}", "remote_jobs_max=6", "buffer_memory=4MiB"])
        cls.addClassCleanup(cls.bed.close)

    def test_many_at_once_share_little_memory(self):
        files = [os.urandom(12 * MIB + i) for i in range(6)]
        pulls = [self.begin(f"/alice/{i}", "pullToVoSpace", offer("httpsget", self.peer.serves(f"/{i}", data)))
                 for i, data in enumerate(files)]
        self.assertEqual({self.end(url)[0] for url in pulls}, {"COMPLETED"})
        for i, data in enumerate(files):
            self.assertTrue(self.bed.get(f"/alice/{i}").body == data)
            self.peer.answers[f"/{i}"] = lambda request: request.answer(201)
        self.peer.requests.clear()
        pushes = [self.begin(f"/alice/{i}", "pushFromVoSpace", offer("httpsput", self.peer.url(f"/{i}")))
                  for i in range(6)]
        self.assertEqual({self.end(url)[0] for url in pushes}, {"COMPLETED"})
        for i, data in enumerate(files):
            self.assertTrue(self.peer.seen(f"/{i}")[0].body == data)


class TwoServices(RemoteJobs, unittest.TestCase):
    """One of these servers with another, by the URLs it gives."""

    @classmethod
    def setUpClass(cls):
        cls.other = Testbed.start()
        cls.addClassCleanup(cls.other.close)
        cls.bed = Testbed.start(settings=["remote_hosts=" + cls.other.env["QUARTET_HOST"],
                                          "remote_private=127.0.0.1", "remote_ca=" + cls.other.env["QUARTET_CA"]])
        cls.addClassCleanup(cls.bed.close)

    def endpoint(self, path, direction, name):
        params = urllib.parse.urlencode({"TARGET": self.other.uri(path), "DIRECTION": direction,
                                         "PROTOCOL": CORE + name})
        return self.other.ask("GET", "/synctrans?" + params, "alice").headers["Location"]

    def test_a_file_goes_from_one_to_the_other_and_back(self):
        data = os.urandom(3 * MIB + 1)
        self.other.put("/alice/there", data, headers={"Content-Type": "image/fits"})
        self.assertEqual(self.pull("/alice/here", self.endpoint("/alice/there", "pullFromVoSpace", "httpsget")),
                         ("COMPLETED", None, ""))
        answer = self.bed.get("/alice/here")
        self.assertEqual((answer.body, answer.headers["Content-Type"]), (data, "image/fits"))
        self.assertEqual(self.push("/alice/here", self.endpoint("/alice/back", "pushToVoSpace", "httpsput")),
                         ("COMPLETED", None, ""))
        answer = self.other.get("/alice/back")
        self.assertEqual((answer.body, answer.headers["Content-Type"]), (data, "image/fits"))

    def test_a_refusal_of_the_other_is_told(self):
        url = f"https://{self.other.env['QUARTET_HOST']}/vault/files/alice/none"
        self.assert_failed(self.pull("/alice/none", url), "status 40")
        self.bed.put("/alice/mine", b"m" * (3 * MIB))
        self.assert_failed(self.push("/alice/mine", url), "status 40")


class Closed(RemoteJobs, unittest.TestCase):
    """Listed, but at an address that was not opened; and an authority that is not believed."""

    @classmethod
    def setUpClass(cls):
        cls.peer = Peer.start()
        cls.addClassCleanup(cls.peer.close)
        cls.settings = [f"remote_hosts={cls.peer.name},127.0.0.1:{cls.peer.port},[::1]:{cls.peer.port},"
                        f"[::ffff:127.0.0.1]:{cls.peer.port}"]

    def test_an_address_that_is_not_public_is_refused(self):
        bed = self.bed = Testbed.start(settings=self.settings + [f"remote_ca={self.peer.ca}"])
        self.addCleanup(bed.close)
        for host in ["localhost", "127.0.0.1", "[::1]", "[::ffff:7f00:1]"]:
            with self.subTest(host=host):
                ended = self.pull("/alice/x", f"https://{host}:{self.peer.port}/x")
                self.assert_failed(ended, "is not a public one")
        self.assertEqual(self.peer.requests, [])

    def test_who_is_not_there_is_told_so(self):
        away = Peer.start()
        away.close()
        with tempfile.TemporaryDirectory(prefix="quartet-test-") as folder:
            self.bed = Testbed.start(settings=[f"remote_hosts={away.name}", "remote_private=127.0.0.1"],
                                     directory=folder)
            try:
                self.assert_failed(self.pull("/alice/away", away.url("/x")), away.name, "onnect")
            finally:
                self.bed.close()

    def test_a_certificate_of_another_authority_is_refused(self):
        bed = self.bed = Testbed.start(settings=self.settings + ["remote_private=127.0.0.1"])
        self.addCleanup(bed.close)
        self.assert_failed(self.pull("/alice/x", self.peer.url("/x")), "certificate")
        self.assertEqual(self.peer.requests, [])

    def test_wrong_settings_are_refused_at_start(self):
        for setting, word in [("remote_hosts=a b", "remote_hosts"), ("remote_hosts=https://x", "remote_hosts"),
                              ("remote_hosts=*.example.org", "remote_hosts"),
                              ("remote_private=10.0.0.1/8", "remote_private"),
                              ("remote_ca=/nowhere", "remote_ca")]:
            with self.subTest(setting=setting):
                settings = [setting] if setting.startswith("remote_hosts") else ["remote_hosts=localhost", setting]
                with tempfile.TemporaryDirectory(prefix="quartet-test-") as folder:
                    with self.assertRaisesRegex(AssertionError, word):
                        Testbed.start(settings=settings, directory=folder)


class Off(RemoteJobs, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bed = Testbed.start()
        cls.addClassCleanup(cls.bed.close)

    def test_OP_70_what_is_off_is_not_supported(self):
        self.bed.put("/alice/off", b"x")
        self.assert_failed(self.pull("/alice/off", "https://example.org/x"), fault="OperationNotSupported")
        self.assert_failed(self.push("/alice/off", "https://example.org/x"), fault="OperationNotSupported")

    def test_OP_4_nothing_is_accepted(self):
        self.assertEqual(len(ET.fromstring(self.bed.ask("GET", "/protocols").body)[0]), 0)


class Restart(RemoteJobs, unittest.TestCase):
    def setUp(self):
        self.peer = Peer.start()
        self.addCleanup(self.peer.close)
        self.bed = Testbed.start(settings=[f"remote_hosts={self.peer.name}", "remote_private=127.0.0.1",
                                           f"remote_ca={self.peer.ca}"])
        self.addCleanup(self.bed.close)

        def stop(request):
            request.send_response(200)
            request.send_header("Content-Length", str(MIB))
            request.end_headers()
            request.wfile.write(b"x" * 100000)
            self.peer.gate.wait(60)
        self.peer.answers["/stop"] = stop
        self.url = self.begin("/alice/restart", "pullToVoSpace", offer("httpsget", self.peer.url("/stop")))
        wait_until(lambda: self.peer.seen("/stop"))

    def assert_over(self):
        job = "/transfers/" + self.url.rsplit("/", 1)[1]
        self.assertEqual(self.end(job)[0], "ERROR")
        self.assert_missing("/alice/restart")

    def test_a_stop_in_the_middle_ends_in_error(self):
        self.bed.down()
        self.bed.up()
        self.assert_over()

    def test_a_crash_in_the_middle_ends_in_error(self):
        os.kill(self.bed.pid, signal.SIGKILL)
        self.bed.down()
        self.bed.up()
        self.assert_over()


main()
