# SPDX-License-Identifier: Apache-2.0
"""quartetd as a process: its settings, signals, log, and what is left when it ends."""

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time

from quartet_test import TOP, Testbed, main, unittest, wait_until
from raw_http import Ended, Raw

CONFIG_FAULT = 78
ID = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{2}-[0-9a-f]{6}$")


def daemon(bed):
    return os.path.join(os.path.dirname(bed.env["QUARTET_TOOL"]), "..", "quartetd")


def run_daemon(bed, *words):
    done = subprocess.run([daemon(bed), *words], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def exists(pid):
    """Runs, as more than a zombie that nobody has collected."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            return f.read().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return [int(word) for word in f.read().split()]


class Settings(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bed = Testbed.start()
        cls.addClassCleanup(cls.bed.close)
        with open(cls.bed.env["QUARTET_CONF"], encoding="utf-8") as f:
            cls.good = f.read()

    def check(self, text):
        """What -n says to these settings."""
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as f:
            f.write(text)
            f.flush()
            status, output = run_daemon(self.bed, "-c", f.name, "-n")
            return status, output.replace(f.name, "FILE")

    def test_good_settings_pass(self):
        self.assertEqual(self.check(self.good), (0, "quartetd: FILE: the settings are in order\n"))

    def test_bad_settings_are_refused_with_file_line_and_reason(self):
        line = self.good.count("\n") + 1
        cases = ["no_such_setting = 1", 'loops = "many"', 'loops = "257"', "loops = -1", 'min_rate = "5 apples"',
                 'idle_timeout = "1 parsec"', 'log_level = "loud"', 'inherit_homes = "perhaps"',
                 'drain_max = "99999999999999999999"', "loops = {1, 2}", "loops 5", "loops = ",
                 'log_level = "info', "loops = 1\nloops = 2"]
        for case in cases:
            with self.subTest(case=case):
                status, output = self.check(self.good + case + "\n")
                self.assertEqual(status, CONFIG_FAULT, output)
                self.assertRegex(output, rf"^quartetd: FILE:({line}|{line + 1}): .{{5}}")
                self.assertEqual(output.count("\n"), 1)

    def test_settings_that_contradict_each_other_are_refused(self):
        for name, text in {"resource_id": 'resource_id = "ivo://example.org/other"',
                           "locations": "locations = {}"}.items():
            kept = "".join(l for l in self.good.splitlines(True) if not l.startswith(name))
            status, output = self.check(kept + text + "\n")
            self.assertEqual(status, CONFIG_FAULT, text)
            self.assertIn(name, output)

    def test_it_does_not_start_with_them_either(self):
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as f:
            f.write(self.good + "no_such_setting = 1\n")
            f.flush()
            status, output = run_daemon(self.bed, "-c", f.name)
        self.assertEqual(status, CONFIG_FAULT)
        self.assertIn("no_such_setting", output)

    def test_a_missing_file_and_wrong_words(self):
        self.assertEqual(run_daemon(self.bed, "-c", "/nonexistent.conf")[0], CONFIG_FAULT)
        self.assertEqual(run_daemon(self.bed)[0], CONFIG_FAULT)
        self.assertEqual(run_daemon(self.bed, "--nonsense")[0], CONFIG_FAULT)
        self.assertEqual(run_daemon(self.bed, "--help")[0], 0)
        self.assertRegex(run_daemon(self.bed, "--version")[1], r"^quartetd \d+\.\d+")

    def test_settings_in_effect_are_settings(self):
        status, output = run_daemon(self.bed, "-c", self.bed.env["QUARTET_CONF"], "--settings")
        self.assertEqual(status, 0)
        self.assertEqual(self.check(output)[0], 0)

    def test_a_second_server_ends_and_leaves_the_first_alone(self):
        status, output = run_daemon(self.bed, "-c", self.bed.env["QUARTET_CONF"])
        self.assertEqual(status, CONFIG_FAULT, output)
        self.assertIn("another server", output)
        for _ in range(10):
            self.assertEqual(self.bed.ask("GET", "/nodes/alice?limit=0", "alice").status, 200)
        self.assertIn(self.bed.tool("health")[0], (0, 1))


class Log(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bed = Testbed.start(settings=["probe_period=200ms", "read_deadline=200ms"])
        cls.addClassCleanup(cls.bed.close)

    def line(self, answer):
        """The access line of an answer, by its id."""
        request_id = answer.headers["X-Request-Id"]
        self.assertRegex(request_id, ID)
        wait_until(lambda: f"id={request_id} " in self.bed.access_log(), 40)
        lines = [l for l in self.bed.access_log().splitlines() if f"id={request_id} " in l]
        self.assertEqual(len(lines), 1)
        return lines[0]

    def test_one_line_per_request_with_its_id(self):
        answer = self.bed.put("/alice/logged", b"hello")
        line = self.line(answer)
        for part in ('user="alice"', 'method="PUT"', 'path="/vault/files/alice/logged"', "status=201",
                     "in=5", "copies=", "ms=", "peer=127.0.0.1"):
            self.assertIn(part, line)
        line = self.line(self.bed.ask("GET", "/nodes/alice/none", "bob"))
        for part in ('user="bob"', "status=403"):
            self.assertIn(part, line)
        line = self.line(self.bed.get("/alice/logged"))
        for part in ("out=5", "preauth=yes", "status=200"):
            self.assertIn(part, line)

    def test_what_a_client_writes_cannot_make_lines(self):
        answer = self.bed.ask("GET", '/nodes/alice/%0a"x=y"\\%1b', "alice")
        self.assertIn('path="/vault/nodes/alice/%0a\\"x=y\\"\\\\%1b"', self.line(answer))

    def test_long_paths_are_logged_too(self):
        with Raw(self.bed, "alice") as raw:
            raw.send(b"GET /vault/nodes/" + b"\xff" * 16000 + b" HTTP/1.1\r\nHost: h\r\n\r\n")
            answer = raw.answer()
        self.assertEqual(answer.status, 400)
        wait_until(lambda: f"id={answer.headers['x-request-id']} " in self.bed.access_log(), 40)

    def test_refused_heads_are_logged_too(self):
        with Raw(self.bed, "alice") as raw:
            raw.send(b"nonsense\r\n\r\n")
            answer = raw.answer()
        wait_until(lambda: f"id={answer.headers['x-request-id']} " in self.bed.access_log(), 40)

    def test_tokens_are_never_logged(self):
        self.bed.put("/alice/secret", b"hello")
        url = self.bed.ask("GET", "/files/alice/secret", "alice").headers["Location"]
        token = url.partition("preauth:")[2].partition("/")[0]
        last = None
        for target in (url, url + "x", url.replace("preauth:", "preauth%3A"),
                       url.replace("preauth:", "%70reauth:"), url.replace("/preauth:", "//preauth:"),
                       url.replace("/files/", "/nodes/"), url[:-3] + "%zz"):
            last = self.bed.ask("GET", target)
        self.bed.ask("PUT", url, None, b"x")
        self.line(last)
        for part in (token, token[:40], token[-40:]):
            self.assertNotIn(part, self.bed.access_log())
            self.assertNotIn(part, self.bed.log())
        self.assertIn("preauth:...", self.bed.access_log())

    def test_zz_faults_of_ours_name_the_request(self):
        moved = [(location, location + ".gone") for location in self.bed.locations[:2]]
        for old, new in moved:
            os.rename(old, new)
        try:
            wait_until(lambda: self.bed.put("/alice/fault", b"x").status != 201, 20)
            answer = self.bed.put("/alice/fault", b"hello")
            # Never 503 to a body (architecture D21).
            self.assertEqual(answer.status, 500)
            self.assertIn(f"(request {answer.headers['X-Request-Id']})", answer.text)
            self.assertIn("status=500", self.line(answer))
            wait_until(lambda: answer.headers["X-Request-Id"] in self.bed.log(), 40)
            with Raw(self.bed, "alice") as raw:  # but before it
                raw.request("PUT", "/vault/files/alice/fault", ["Expect: 100-continue", "Content-Length: 5"])
                self.assertEqual(raw.answer().status, 503)
        finally:
            for old, new in moved:
                os.rename(new, old)


class Signals(unittest.TestCase):
    def setUp(self):
        self.messages = []
        self.notify_dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.notify_dir)
        path = os.path.join(self.notify_dir, "notify")
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(path)
        listener = threading.Thread(target=self.listen, args=(notify,), daemon=True)
        self.addCleanup(self.end_listening, notify, listener)
        listener.start()
        os.environ["NOTIFY_SOCKET"] = path
        try:
            self.bed = Testbed.start(settings=["stop_grace=4s"])
        finally:
            del os.environ["NOTIFY_SOCKET"]
        self.addCleanup(self.bed.close)

    def listen(self, notify):
        while message := notify.recv(4096):
            self.messages += message.decode().splitlines()

    @staticmethod
    def end_listening(notify, listener):
        # A thread still in recv would take the messages of the next test from the socket that
        # gets this one's number.
        notify.shutdown(socket.SHUT_RD)
        listener.join(30)
        notify.close()
        assert not listener.is_alive()

    def await_ready(self, times):
        wait_until(lambda: self.messages.count("READY=1") >= times, 60)

    def await_reload(self, times):
        wait_until(lambda: self.bed.log().count("were read again") >= times, 60)

    def end(self, sig=signal.SIGTERM):
        pid = self.bed.pid
        kept = children(pid)
        os.kill(pid, sig)
        return pid, kept

    def test_readiness_reload_and_stop_are_told(self):
        self.await_ready(1)
        os.kill(self.bed.pid, signal.SIGHUP)
        self.await_ready(2)
        self.assertIn("RELOADING=1", self.messages)
        pid, _ = self.end()
        wait_until(lambda: not exists(pid), 30)
        self.assertIn("STOPPING=1", self.messages)

    def test_sigterm_finishes_what_is_in_flight(self):
        data = os.urandom(600_000)
        self.bed.put("/alice/down", data * 20)
        url = self.bed.ask("GET", "/files/alice/down", "alice").headers["Location"]
        with Raw(self.bed, "alice") as up, Raw(self.bed, receive_buffer=4096) as down, \
                Raw(self.bed, "alice") as idle:
            idle.request("GET", "/vault/nodes/alice?limit=0")
            self.assertEqual(idle.answer().status, 200)
            down.request("GET", "/vault" + url.partition("/vault")[2])
            self.assertEqual(down.head()[0], 200)
            up.request("PUT", "/vault/files/alice/up", [f"Content-Length: {len(data)}"], data[:1000])
            time.sleep(0.2)
            pid, kept = self.end()
            self.assertTrue(idle.ends_cleanly())
            wait_until(self.refuses, 40)
            for i in range(1000, len(data), 100_000):  # slowly, but it gets there
                up.send(data[i:i + 100_000])
                time.sleep(0.1)
            answer = up.answer()
            self.assertEqual((answer.status, answer.headers["connection"]), (201, "close"))
            self.assertTrue(up.ends_cleanly())
        wait_until(lambda: not exists(pid) and not any(map(exists, kept)), 40)
        self.assertIn("stopped", self.bed.log())
        self.bed.up()
        self.assertEqual(self.bed.get("/alice/up").body, data)

    def test_sigterm_does_not_wait_for_ever(self):
        with Raw(self.bed, "alice") as stuck, Raw(self.bed, "alice") as half:
            stuck.request("PUT", "/vault/files/alice/stuck", ["Content-Length: 5000"], b"x")
            half.send(b"GET /vault/nod")
            time.sleep(0.2)
            start = time.monotonic()
            pid, kept = self.end()
            wait_until(lambda: not exists(pid) and not any(map(exists, kept)), 40)
            self.assertGreater(time.monotonic() - start, 3.5)
            self.assertLess(time.monotonic() - start, 20)
        self.bed.up()
        self.assertEqual(self.bed.ask("GET", "/nodes/alice/stuck", "alice").status, 404)

    def refuses(self):
        try:
            socket.create_connection(("127.0.0.1", self.bed.port), timeout=5).close()
            return False
        except ConnectionRefusedError:
            return True
        except ConnectionResetError:  # it was waiting at a door that is closed now
            return False

    def test_killed_it_leaves_no_open_door(self):
        pid, kept = self.end(signal.SIGKILL)
        self.assertEqual(len(kept), 1)
        wait_until(self.refuses, 40)
        wait_until(lambda: not exists(pid) and not any(map(exists, kept)), 40)
        self.bed.up()
        for _ in range(20):
            self.assertEqual(self.bed.ask("GET", "/nodes/alice?limit=0", "alice").status, 200)

    def test_sigint_and_sighup_to_all_do_not_end_the_keeper_first(self):
        keeper = children(self.bed.pid)[0]
        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(keeper, sig)
        time.sleep(0.2)
        self.assertTrue(exists(keeper))
        self.assertEqual(self.bed.ask("GET", "/nodes/alice?limit=0", "alice").status, 200)

    def certificate(self):
        with Raw(self.bed) as raw:
            return raw.tls.getpeercert(binary_form=True)

    def renew(self):
        for name in ("server.pem", "server.key"):
            os.rename(os.path.join(self.bed.dir, name), os.path.join(self.bed.dir, "old-" + name))
        subprocess.run([os.path.join(TOP, "scripts", "make-test-ca"), self.bed.dir],
                       check=True, capture_output=True, timeout=60)

    def test_sighup_reloads_certificates(self):
        old = self.certificate()
        with Raw(self.bed, "alice") as raw:
            raw.request("GET", "/vault/nodes/alice?limit=0")
            self.assertEqual(raw.answer().status, 200)
            self.renew()
            self.assertEqual(self.certificate(), old)
            os.kill(self.bed.pid, signal.SIGHUP)
            self.await_reload(1)
            for _ in range(8):  # whichever loop it is
                self.assertNotEqual(self.certificate(), old)
            raw.request("GET", "/vault/nodes/alice?limit=0")
            self.assertEqual(raw.answer().status, 200)
            self.assertEqual(raw.tls.getpeercert(binary_form=True), old)

    def test_a_bad_certificate_leaves_the_old_one_in_use(self):
        old = self.certificate()
        with open(os.path.join(self.bed.dir, "server.pem"), "w", encoding="ascii") as f:
            f.write("nonsense\n")
        os.kill(self.bed.pid, signal.SIGHUP)
        wait_until(lambda: "server.pem" in self.bed.log(), 40)
        self.assertEqual(self.certificate(), old)

    def test_authorities_are_reloaded_for_open_connections_too(self):
        with Raw(self.bed, "alice") as raw:
            raw.request("GET", "/vault/nodes/alice?limit=0")
            self.assertEqual(raw.answer().headers["x-vo-authenticated"], "alice")
            # Once for nothing, so that the third set of authorities may lie in memory
            # where the first one was.
            os.kill(self.bed.pid, signal.SIGHUP)
            self.await_reload(1)
            # With its key: it is the one that signs, too.
            names = ("ca.pem", "ca.key")
            with tempfile.TemporaryDirectory() as other:
                subprocess.run([os.path.join(TOP, "scripts", "make-test-ca"), other],
                               check=True, capture_output=True, timeout=60)
                for name in names:
                    path = os.path.join(self.bed.dir, name)
                    shutil.copy(path, path + ".old")
                    shutil.copy(os.path.join(other, name), path)
            os.kill(self.bed.pid, signal.SIGHUP)
            self.await_reload(2)
            raw.request("GET", "/vault/nodes/alice?limit=0")
            self.assertNotIn("x-vo-authenticated", raw.answer().headers)
            for name in names:
                path = os.path.join(self.bed.dir, name)
                shutil.copy(path + ".old", path)

    def test_sighup_reopens_the_access_log(self):
        path = os.path.join(self.bed.dir, "access.log")
        os.rename(path, path + ".1")
        os.kill(self.bed.pid, signal.SIGHUP)
        wait_until(lambda: os.path.exists(path), 40)
        answer = self.bed.ask("GET", "/nodes/alice?limit=0", "alice")
        wait_until(lambda: answer.headers["X-Request-Id"] in self.bed.access_log(), 40)


if __name__ == "__main__":
    main()
