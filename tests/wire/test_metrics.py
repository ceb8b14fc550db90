# SPDX-License-Identifier: Apache-2.0
"""/metrics: the format to the letter, numbers that move with what happens, who may see them."""

import contextlib
import http.client
import os
import socket

from prometheus import parse
from quartet_test import Testbed, main, unittest, wait_until

TYPE = "text/plain; version=0.0.4; charset=utf-8"


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def by_admin_socket(bed, method="GET"):
    with open(bed.env["QUARTET_CONF"], encoding="utf-8") as f:
        path = next(line.split("=")[1].strip().strip('"') for line in f if line.startswith("admin_socket"))
    with contextlib.closing(UnixConnection(path)) as connection:
        connection.request(method, "/metrics")
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


def root_url(bed, path):
    return f"https://{bed.env['QUARTET_HOST']}{path}"


def metrics(bed):
    return parse(bed.ask("GET", root_url(bed, "/metrics"), "admin").text)


class Parser(unittest.TestCase):
    """The judge itself."""

    HEAD = "# HELP a b\n# TYPE a counter\n"

    def test_what_is_right_is_taken(self):
        families = parse(self.HEAD + 'a{x="1\\n\\"\\\\",y=""} 2\na +Inf\n')
        self.assertEqual(families["a"].value(x='1\n"\\', y=""), 2)
        self.assertEqual(families["a"].value(), float("inf"))

    def test_what_is_wrong_is_refused(self):
        histogram = "# HELP a b\n# TYPE a histogram\n"
        for text in ("a 1\n", self.HEAD + "a 1", self.HEAD + "a 1\na 2\n", self.HEAD + "b 1\n",
                     self.HEAD + self.HEAD, "# TYPE a counter\na 1\n", self.HEAD + "\n",
                     self.HEAD + "a{} x\n", self.HEAD + 'a{x="1",} 1\n', self.HEAD + 'a{x="1"y="2"} 1\n',
                     self.HEAD + 'a{x="1",x="1"} 1\n', "# HELP a b\na 1\n",
                     histogram + 'a_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\na_sum 1\na_count 1\n',
                     histogram + 'a_bucket{le="1"} 1\na_bucket{le="+Inf"} 2\na_sum 1\na_count 1\n',
                     histogram + 'a_bucket{le="1"} 1\na_sum 1\na_count 1\n'):
            with self.assertRaises(ValueError, msg=text):
                parse(text)


class Numbers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bed = Testbed.start(settings=["probe_period=100ms"])
        cls.addClassCleanup(cls.bed.close)

    def test_the_answer_is_what_prometheus_takes(self):
        answer = self.bed.ask("GET", root_url(self.bed, "/metrics"), "admin")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["Content-Type"], TYPE)
        for family in parse(answer.text).values():
            self.assertTrue(family.name.startswith("quartet_"), family.name)
            if family.kind == "counter":
                self.assertTrue(family.name.endswith("_total"), family.name)
            else:
                self.assertFalse(family.name.endswith("_total"), family.name)

    def test_head_has_the_head_only(self):
        answer = self.bed.ask("HEAD", root_url(self.bed, "/metrics"), "admin")
        self.assertEqual((answer.status, answer.body), (200, b""))
        self.assertEqual(answer.headers["Content-Type"], TYPE)
        self.assertGreater(int(answer.headers["Content-Length"]), 1000)
        self.assertEqual(self.bed.ask("POST", root_url(self.bed, "/metrics"), "admin", b"x").status, 405)

    def test_requests_are_counted_by_operation_and_class(self):
        before = metrics(self.bed)
        for _ in range(3):
            self.assertEqual(self.bed.ask("GET", "/nodes/none", "alice").status, 404)
        self.assertEqual(self.bed.ask("GET", "/nodes/alice", "alice").status, 200)
        self.assertEqual(self.bed.ask("GET", "/no/such/place").status, 404)

        def counted():
            after = metrics(self.bed)
            return [after[name].value(suffix, **labels) - before[name].value(suffix, **labels)
                    for name, suffix, labels in (
                        ("quartet_http_requests_total", "", {"op": "node-get", "class": "4xx"}),
                        ("quartet_http_requests_total", "", {"op": "node-get", "class": "2xx"}),
                        ("quartet_http_requests_total", "", {"op": "none", "class": "4xx"}),
                        ("quartet_http_request_seconds", "_count", {"op": "node-get"}))] == [3, 1, 1, 4]
        wait_until(counted)

    def test_bytes_and_uploads_are_counted(self):
        before = metrics(self.bed)
        data = os.urandom(700_000)
        self.assertEqual(self.bed.put("/alice/bytes", data).status, 201)
        self.assertEqual(self.bed.get("/alice/bytes").body, data)

        def moved(after, name, **labels):
            return after[name].total(**labels) - before[name].total(**labels)

        def counted():
            after = metrics(self.bed)
            return (moved(after, "quartet_http_received_bytes_total", door="public") >= len(data)
                    and moved(after, "quartet_http_sent_bytes_total", door="public") >= len(data)
                    and moved(after, "quartet_put_bytes_total") == len(data)
                    and moved(after, "quartet_read_bytes_total") == len(data)
                    and moved(after, "quartet_nodes") == 1
                    and moved(after, "quartet_blobs") == 1)
        wait_until(counted)

        after = metrics(self.bed)
        for suffix, op in (("_count", "begin"), ("_count", "finish")):
            for location in "1234":
                name = "quartet_location_latency_seconds"
                self.assertGreater(after[name].value(suffix, loc=location, op=op),
                                   before[name].value(suffix, loc=location, op=op))
        for name in ("quartet_meta_commit_seconds", "quartet_meta_batch_size"):
            self.assertGreater(after[name].value("_count"), before[name].value("_count"))
        self.assertGreater(after["quartet_meta_commit_seconds"].value("_sum"),
                           before["quartet_meta_commit_seconds"].value("_sum"))

    def test_connections_are_those_that_are_open(self):
        with contextlib.ExitStack() as stack:
            for _ in range(5):
                connection = stack.enter_context(contextlib.closing(self.bed.connect("alice")))
                connection.connect()
                connection.request("HEAD", "/vault/availability")
                connection.getresponse().read()
            self.assertGreaterEqual(metrics(self.bed)["quartet_http_connections"].value(door="public"), 6)

        def only_mine():
            return metrics(self.bed)["quartet_http_connections"].value(door="public") == 1
        wait_until(only_mine)

    def test_jobs_are_counted_by_phase(self):
        before = metrics(self.bed)["quartet_jobs"]
        for number in range(3):
            self.assertEqual(self.bed.create("ContainerNode", f"/alice/job{number}").status, 201)
        jobs = [self.bed.ask("POST", "/async-delete", "alice", f"target={self.bed.uri(f'/alice/job{n}')}",
                             {"Content-Type": "application/x-www-form-urlencoded"}).headers["Location"]
                for n in range(3)]

        def counts(now):
            return [now.value(phase=phase) - before.value(phase=phase) for phase in ("PENDING", "COMPLETED")]
        self.assertEqual(counts(metrics(self.bed)["quartet_jobs"]), [3, 0])
        for job in jobs[:2]:
            self.assertEqual(self.bed.ask("POST", job + "/phase", "alice", "PHASE=RUN", {
                "Content-Type": "application/x-www-form-urlencoded"}).status, 303)

        def two_are_done():
            return counts(metrics(self.bed)["quartet_jobs"]) == [1, 2]
        wait_until(two_are_done)
        self.assertEqual(self.bed.ask("DELETE", jobs[2], "alice").status, 303)
        self.assertEqual(counts(metrics(self.bed)["quartet_jobs"]), [0, 2])

    def test_gauges_have_the_size_of_things(self):
        now = metrics(self.bed)
        disk = os.statvfs(self.bed.locations[0])
        for location in "1234":
            self.assertEqual(now["quartet_location_size_bytes"].value(loc=location),
                             disk.f_blocks * disk.f_frsize)
            self.assertGreater(now["quartet_location_free_bytes"].value(loc=location), 0)
            self.assertGreater(now["quartet_location_free_inodes"].value(loc=location), 0)
            self.assertEqual(now["quartet_location_info"].total(
                loc=location, path=self.bed.locations[int(location) - 1]), 1)
        self.assertTrue(0 < now["quartet_meta_map_used_ratio"].value() < 1)
        self.assertTrue(0 <= now["quartet_meta_oldest_reader_seconds"].value() < 60)
        self.assertTrue(0 < now["quartet_pool_used_bytes"].value() <= now["quartet_pool_limit_bytes"].value())
        self.assertEqual(now["quartet_mode"].value(mode="read-write"), 1)
        self.assertEqual(now["quartet_mode"].total(), 1)


class Degraded(unittest.TestCase):
    def test_a_location_that_is_away_is_seen_and_what_it_missed_is_counted(self):
        bed = Testbed.start(settings=["probe_period=100ms", "gc_delay=0ms"])
        self.addCleanup(bed.close)
        self.assertEqual(bed.put("/alice/old", b"y" * 100).status, 201)
        os.rename(bed.locations[1], bed.locations[1] + ".away")

        def it_is_offline():
            return metrics(bed)["quartet_location_state"].value(loc="2", state="offline") == 1
        wait_until(it_is_offline)
        for number in range(3):
            self.assertEqual(bed.put(f"/alice/f{number}", b"x" * 1000).status, 201)
        self.assertEqual(bed.ask("DELETE", "/nodes/alice/old", "alice").status, 200)

        def it_is_counted():
            now = metrics(bed)
            return ([now["quartet_blobs_underreplicated"].value(copies=str(n)) for n in range(4)],
                    [now["quartet_repair_queue"].value(loc=str(n)) for n in range(1, 5)],
                    [now["quartet_gc_queue"].value(loc=str(n)) for n in range(1, 5)]) == (
                        [0, 0, 0, 3], [0, 3, 0, 0], [0, 1, 0, 0])
        wait_until(it_is_counted)
        now = metrics(bed)
        self.assertEqual(now["quartet_location_state"].total(), 4)
        self.assertEqual(now["quartet_locations_writable"].value(), 3)
        self.assertGreater(now["quartet_location_errors_total"].total(loc="2", op="probe"), 0)
        self.assertEqual(now["quartet_location_errors_total"].total(loc="1"), 0)

        os.rename(bed.locations[1] + ".away", bed.locations[1])

        def it_is_repaired():
            now = metrics(bed)
            return (now["quartet_repair_copies_total"].value(loc="2", result="made") == 3
                    and now["quartet_repair_bytes_total"].value() == 3000
                    and now["quartet_repair_queue"].total() == 0
                    and now["quartet_gc_queue"].total() == 0
                    and now["quartet_blobs_underreplicated"].total() == 0)
        wait_until(it_is_repaired)


    def test_what_scrubbing_finds_is_counted(self):
        bed = Testbed.start(settings=["probe_period=100ms"])
        self.addCleanup(bed.close)
        self.assertEqual(bed.put("/alice/f", b"x" * 1000).status, 201)

        def third_copies():
            return [os.path.join(folder, name) for folder, _, names in
                    os.walk(os.path.join(bed.locations[2], "blob")) for name in names]
        wait_until(third_copies)
        copies = third_copies()
        before = metrics(bed)
        self.assertEqual(before["quartet_scrub_errors_total"].total(), 0)
        self.assertEqual(before["quartet_scrub_state"].total(), 8)
        self.assertTrue(0 <= before["quartet_scrub_oldest_seconds"].value(loc="3") < 600)
        os.unlink(copies[0])
        self.assertEqual(bed.tool("scrub", "start", "--shallow")[0], 0)

        def it_is_counted_and_made_again():
            now = metrics(bed)
            return ([now["quartet_scrub_errors_total"].value(loc=str(n)) for n in range(1, 5)] == [0, 0, 1, 0]
                    and now["quartet_repair_copies_total"].value(loc="3", result="made") == 1)
        wait_until(it_is_counted_and_made_again)
        self.assertTrue(os.path.exists(copies[0]))

        self.assertEqual(metrics(bed)["quartet_work_held"].total(), 0)
        self.assertEqual(bed.tool("repair", "stop")[0], 0)
        self.assertEqual(metrics(bed)["quartet_work_held"].value(work="repair"), 1)
        self.assertEqual(metrics(bed)["quartet_work_held"].value(work="gc"), 0)


class Access(unittest.TestCase):
    def ask(self, bed, user):
        return bed.ask("GET", root_url(bed, "/metrics"), user).status

    def test_only_the_administrator_and_the_socket(self):
        bed = Testbed.start()
        self.addCleanup(bed.close)
        self.assertEqual([self.ask(bed, user) for user in (None, "alice", "admin")], [401, 403, 200])
        self.assertEqual(bed.ask("HEAD", root_url(bed, "/metrics")).status, 401)
        status, headers, body = by_admin_socket(bed)
        self.assertEqual((status, headers["Content-Type"]), (200, TYPE))
        self.assertGreater(parse(body.decode())["quartet_http_requests_total"].value(
            **{"op": "metrics", "class": "4xx"}), 0)
        self.assertEqual(by_admin_socket(bed, "HEAD")[0::2], (200, b""))

        self.assertEqual(bed.tool("mode", "offline", "a test")[0], 0)
        self.assertEqual(self.ask(bed, "admin"), 200)
        self.assertEqual(self.ask(bed, None), 401)
        self.assertEqual(metrics(bed)["quartet_mode"].value(mode="offline"), 1)

    def test_an_account_that_is_named(self):
        bed = Testbed.start(settings=["metrics_readers=bob,10.0.0.0/8,::2"])
        self.addCleanup(bed.close)
        self.assertEqual([self.ask(bed, user) for user in (None, "alice", "bob", "admin")],
                         [401, 403, 200, 200])

    def test_an_address_that_is_named(self):
        bed = Testbed.start(settings=["metrics_readers=127.0.0.0/24,::1"])
        self.addCleanup(bed.close)
        self.assertEqual([self.ask(bed, user) for user in (None, "alice", "admin")], [200, 200, 200])

    def test_what_is_neither_is_refused_at_the_start(self):
        with self.assertRaisesRegex(AssertionError, "metrics_readers: '10.0.0.1/8'"):
            Testbed.start(settings=["metrics_readers=10.0.0.1/8"])


if __name__ == "__main__":
    main()
