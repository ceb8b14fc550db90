# SPDX-License-Identifier: Apache-2.0
"""Jobs as UWS resources: phases, waiting, lists, owners, ends, restarts."""

import datetime
import threading
import time
import unittest
import urllib.parse
import xml.etree.ElementTree as ET

from quartet_test import VOS, XSI, Testbed, main, wait_until
from schemas import validate

CORE = "ivo://ivoa.net/vospace/core#"
UWS = "http://www.ivoa.net/xml/UWS/v1.0"
XLINK = "http://www.w3.org/1999/xlink"
XML = {"Content-Type": "text/xml"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def child(root, name):
    return root.find(f"{{{UWS}}}{name}")


class Jobs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bed = Testbed.start(settings=["job_wait_max=3s", "jobs_per_user=30"])
        cls.addClassCleanup(cls.bed.close)

    def document(self, source="/alice/none", destination="/alice/other"):
        return (f'<vos:transfer xmlns:vos="{VOS}" version="2.1"><vos:target>{self.bed.uri(source)}'
                f'</vos:target><vos:direction>{self.bed.uri(destination)}</vos:direction>'
                f'<vos:protocol uri="{CORE}httpsget"/><vos:keepBytes>false</vos:keepBytes></vos:transfer>')

    def make(self, user="alice", query="", **paths):
        made = self.bed.ask("POST", "/transfers" + query, user, self.document(**paths), XML)
        self.assertEqual(made.status, 303, made.body)
        return made.headers["Location"]

    def post(self, url, user="alice", **fields):
        return self.bed.ask("POST", url, user, urllib.parse.urlencode(fields), FORM)

    def get(self, url, user="alice"):
        return self.bed.ask("GET", url, user)

    def job(self, url, user="alice"):
        answer = self.get(url, user)
        self.assertEqual(answer.status, 200)
        self.assertTrue(answer.headers["Content-Type"].startswith("text/xml"))
        return ET.fromstring(answer.body)

    # The document

    def test_a_job_shows_the_elements_of_the_schema_in_order(self):
        url = self.make(query="?RUNID=mine")
        root = validate("job", self.get(url).body)
        validate("jobs", self.get("/transfers").body)
        self.assertEqual(root.get("version"), "1.1")
        self.assertEqual([e.tag.split("}")[1] for e in root],
                         ["jobId", "runId", "ownerId", "phase", "quote", "creationTime", "startTime",
                          "endTime", "executionDuration", "destruction", "parameters", "results", "jobInfo"])
        self.assertEqual(child(root, "phase").text, "PENDING")
        self.assertEqual((child(root, "runId").text, child(root, "ownerId").text), ("mine", "alice"))
        for name in ["quote", "startTime", "endTime"]:
            self.assertEqual(child(root, name).get(f"{{{XSI}}}nil"), "true")
        self.assertIsNotNone(child(root, "jobInfo").find(f"{{{VOS}}}transfer/{{{VOS}}}protocol"))
        self.assertRegex(child(root, "creationTime").text, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")

    def test_a_job_without_run_id_has_none(self):
        self.assertIsNone(child(self.job(self.make()), "runId"))

    def test_ids_are_not_alike(self):
        ids = {self.make().rsplit("/", 1)[1] for _ in range(5)}
        self.assertEqual(len({i[7:] for i in ids}), 5)
        for i in ids:
            self.assertRegex(i, r"^[a-z][a-z0-9]{15}$")

    def test_children_are_bare_text_without_newline(self):
        url = self.make()
        for name, pattern in [("phase", "PENDING"), ("owner", "alice"), ("executionduration", "604800"), ("quote", ""),
                              ("destruction", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")]:
            answer = self.get(f"{url}/{name}")
            self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "text/plain"))
            self.assertRegex(answer.text, f"^{pattern}$")
            self.assertFalse(answer.text.endswith("\n"))

    def test_parameters_and_results_are_documents(self):
        url = self.make()
        self.assertEqual(self.job(url + "/parameters").tag, f"{{{UWS}}}parameters")
        self.assertEqual(self.job(url + "/results").tag, f"{{{UWS}}}results")

    def test_the_error_summary_and_the_bare_word(self):
        url = self.make(source="/alice/missing")
        self.post(url + "/phase", PHASE="RUN")
        root = self.job(url)
        summary = child(root, "errorSummary")
        self.assertEqual((summary.get("type"), summary.get("hasDetail")), ("fatal", "true"))
        self.assertEqual(summary.findtext(f"{{{UWS}}}message"),
                         f"NodeNotFound: {self.bed.uri('/alice/missing')} not found")
        self.assertEqual(self.get(url + "/error").body, b"NodeNotFound")
        self.assertIsNotNone(child(root, "endTime").text)

    def test_what_does_not_exist_is_404(self):
        url = self.make()
        for missing in [url + "/error", url + "/nothing", url + "/results/none",
                        url[:-16] + "aaaaaaaaaaaaaaaa", url[:-16] + "x", url[:-1] + ("b" if url[-1] == "a" else "a")]:
            self.assertEqual(self.get(missing).status, 404, missing)

    def test_a_job_is_in_its_own_list_only(self):
        url = self.make()
        self.assertEqual(self.get(url.replace("transfers", "async-delete")).status, 404)
        self.assertEqual(self.get(url.replace("transfers", "synctrans")).status, 404)

    # Owners

    def test_anothers_job_is_403_and_anonymous_401(self):
        url = self.make()
        for user, status in [("bob", 403), (None, 401)]:
            self.assertEqual(self.get(url, user).status, status)
            self.assertEqual(self.get(url + "/phase", user).status, status)
            self.assertEqual(self.post(url + "/phase", user, PHASE="RUN").status, status)
            self.assertEqual(self.bed.ask("DELETE", url, user).status, status)
        self.assertEqual(self.get(url + "/phase").body, b"PENDING")

    def test_the_administrator_may_use_all(self):
        url = self.make()
        self.assertEqual(self.post(url + "/phase", "admin", PHASE="ABORT").status, 303)
        self.assertEqual(self.get(url + "/phase").body, b"ABORTED")

    def test_an_anonymous_job_is_everybodys(self):
        url = self.make(None)
        self.assertEqual(self.get(url + "/phase", "bob").status, 200)
        self.assertEqual(self.get(url + "/phase", None).status, 200)
        self.assertEqual(self.get(url + "/owner", None).body, b"")

    # Phases

    def test_a_run_in_the_creating_request_is_taken(self):
        self.assertEqual(self.get(self.make(query="?PHASE=RUN") + "/phase").body, b"ERROR")

    def test_names_and_values_of_a_phase_in_any_case(self):
        for fields in [{"PHASE": "RUN"}, {"phase": "RUN"}, {"phase": "run"}]:
            url = self.make()
            answer = self.post(url + "/phase", **fields)
            self.assertEqual((answer.status, answer.headers["Location"]), (303, url))
            self.assertEqual(self.get(url + "/phase").body, b"ERROR")

    def test_only_a_pending_job_runs(self):
        url = self.make()
        self.post(url + "/phase", PHASE="RUN")
        self.assertEqual(self.post(url + "/phase", PHASE="RUN").status, 403)

    def test_an_abort_ends_a_pending_job_and_leaves_others(self):
        url = self.make()
        self.assertEqual(self.post(url + "/phase", PHASE="ABORT").status, 303)
        self.assertEqual(self.get(url + "/phase").body, b"ABORTED")
        ended = self.make()
        self.post(ended + "/phase", PHASE="RUN")
        self.assertEqual(self.post(ended + "/phase", PHASE="ABORT").status, 303)
        self.assertEqual(self.get(ended + "/phase").body, b"ERROR")

    def test_other_values_are_400(self):
        url = self.make()
        self.assertEqual(self.post(url + "/phase", PHASE="JUMP").status, 400)
        self.assertEqual(self.post(url + "/phase", OTHER="RUN").status, 400)

    # Waiting

    def timed(self, url):
        begin = time.monotonic()
        answer = self.get(url)
        self.assertEqual(answer.status, 200)
        return time.monotonic() - begin, answer

    def test_a_wait_blocks_until_its_time_is_over(self):
        url = self.make()
        self.assertGreaterEqual(self.timed(url + "?WAIT=2")[0], 1.9)
        self.assertGreaterEqual(self.timed(url + "/phase?WAIT=1")[0], 0.9)

    def test_a_wait_is_never_longer_than_allowed(self):
        url = self.make()
        for seconds in ["1000", "-1"]:
            took, _ = self.timed(f"{url}?WAIT={seconds}")
            self.assertTrue(2.9 <= took < 20, took)

    def test_a_wait_ends_with_a_change(self):
        url = self.make()
        got = []
        waiting = threading.Thread(target=lambda: got.append(self.timed(url + "?WAIT=3")))
        waiting.start()
        time.sleep(0.3)
        self.post(url + "/phase", PHASE="ABORT")
        waiting.join(30)
        self.assertLess(got[0][0], 2.5)
        self.assertIn(b"ABORTED", got[0][1].body)

    def test_a_wait_for_another_phase_than_it_is_returns_at_once(self):
        url = self.make()
        self.assertLess(self.timed(url + "?WAIT=3&PHASE=EXECUTING")[0], 2)
        self.assertGreaterEqual(self.timed(url + "?WAIT=1&PHASE=PENDING")[0], 0.9)

    def test_a_wait_for_a_job_that_is_over_returns_at_once(self):
        url = self.make()
        self.post(url + "/phase", PHASE="RUN")
        self.assertLess(self.timed(url + "?WAIT=3")[0], 2)

    def test_bad_waits_are_400(self):
        url = self.make()
        for query in ["WAIT=x", "WAIT=", "WAIT=1.5", "WAIT=1&PHASE=NEVER"]:
            self.assertEqual(self.get(f"{url}?{query}").status, 400, query)

    def test_a_stop_does_not_wait_for_the_waiting(self):
        bed = Testbed.start()
        self.addCleanup(bed.close)
        made = bed.ask("POST", "/transfers", "alice", self.document(), XML)
        got = []
        waiting = threading.Thread(
            target=lambda: got.append(bed.ask("GET", made.headers["Location"] + "?WAIT=50", "alice").status))
        waiting.start()
        time.sleep(0.5)
        begin = time.monotonic()
        bed.down()
        waiting.join(30)
        self.assertEqual(got, [200])
        self.assertLess(time.monotonic() - begin, 15)

    # What can be changed

    def test_a_destruction_can_be_brought_forward_only(self):
        url = self.make()
        before = self.get(url + "/destruction").text
        self.assertEqual(self.post(url + "/destruction", DESTRUCTION="2199-01-01T00:00:00.000Z").status, 303)
        self.assertEqual(self.get(url + "/destruction").text, before)
        soon = (datetime.datetime.utcnow() + datetime.timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S")
        self.assertEqual(self.post(url + "/destruction", DESTRUCTION=soon).status, 303)
        self.assertEqual(self.get(url + "/destruction").text, soon + ".000Z")
        self.assertEqual(self.post(url + "/destruction", DESTRUCTION="tomorrow").status, 400)

    def test_a_job_goes_at_its_destruction(self):
        url = self.make()
        soon = (datetime.datetime.utcnow() + datetime.timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        self.post(url + "/destruction", DESTRUCTION=soon)

        def it_is_gone():
            return self.get(url).status == 404
        wait_until(it_is_gone)

    def test_an_execution_duration(self):
        url = self.make()
        self.assertEqual(self.post(url + "/executionduration", EXECUTIONDURATION="60").status, 303)
        self.assertEqual(self.get(url + "/executionduration").body, b"60")
        self.assertEqual(self.post(url + "/executionduration", EXECUTIONDURATION="long").status, 400)

    def test_parameters_are_added_while_pending(self):
        made = self.bed.ask("POST", "/async-delete", "alice", "a=1", FORM)
        url = made.headers["Location"]
        self.assertEqual(self.post(url + "/parameters", b="2").status, 303)
        self.assertEqual(self.post(url, target=self.bed.uri("/alice/none")).status, 303)
        found = [(p.get("id"), p.text) for p in self.job(url + "/parameters")]
        self.assertEqual(found, [("a", "1"), ("b", "2"), ("target", self.bed.uri("/alice/none"))])
        self.post(url + "/phase", PHASE="RUN")
        self.assertEqual(self.get(url + "/error").body, b"NodeNotFound")
        self.assertEqual(self.post(url + "/parameters", c="3").status, 403)

    def test_parameters_have_a_bound(self):
        made = self.bed.ask("POST", "/async-delete", "alice", "a=1", FORM)
        for status in [303, 413]:
            self.assertEqual(self.post(made.headers["Location"], b="x" * 40_000).status, status)

    def test_the_head_of_a_job(self):
        answer = self.bed.ask("HEAD", self.make(), "alice")
        self.assertEqual((answer.status, answer.body), (200, b""))

    def test_the_rest_is_not_modifiable(self):
        url = self.make()
        for name in ["owner", "quote", "error", "results"]:
            answer = self.post(f"{url}/{name}", X="1")
            self.assertEqual((answer.status, f"not modifiable: {name}" in answer.text), (400, True))
        self.assertEqual(self.post(url + "/nothing", X="1").status, 404)

    def test_a_job_is_removed_in_two_ways(self):
        for remove in [lambda u: self.bed.ask("DELETE", u, "alice"), lambda u: self.post(u, ACTION="DELETE")]:
            url = self.make()
            answer = remove(url)
            self.assertEqual(answer.status, 303)
            self.assertTrue(answer.headers["Location"].endswith("/vault/transfers"))
            self.assertEqual(self.get(url).status, 404)
        self.assertEqual(self.bed.ask("DELETE", "/transfers", "alice").status, 400)
        self.assertEqual(self.bed.ask("DELETE", self.make() + "/phase", "alice").status, 400)

    # Lists

    def listed(self, query="", user="carol", target="/transfers"):
        root = self.job(target + query, user)
        self.assertEqual((root.tag, root.get("version")), (f"{{{UWS}}}jobs", "1.1"))
        return [(r.get("id"), child(r, "phase").text) for r in root]

    def test_lists_and_their_filters(self):
        for user in ["carol"]:
            urls = [self.make(user) for _ in range(4)]
        ids = [u.rsplit("/", 1)[1] for u in urls]
        self.post(urls[0] + "/phase", "carol", PHASE="ABORT")
        self.post(urls[1] + "/phase", "carol", PHASE="RUN")
        phases = dict(self.listed())
        self.assertEqual([phases[i] for i in ids], ["ABORTED", "ERROR", "PENDING", "PENDING"])
        self.assertEqual([i for i, _ in self.listed()], ids[::-1])
        self.assertEqual([i for i, _ in self.listed("?LAST=2")], ids[:1:-1])
        self.assertEqual([i for i, _ in self.listed("?PHASE=ABORTED&PHASE=error")], [ids[1], ids[0]])
        self.assertEqual([i for i, _ in self.listed("?PHASE=PENDING&LAST=1")], [ids[3]])
        created = child(self.job(urls[1], "carol"), "creationTime").text
        self.assertEqual([i for i, _ in self.listed(f"?AFTER={created}")], ids[:1:-1])
        self.assertEqual(self.listed("?AFTER=2199-01-01T00:00:00Z"), [])
        for phase in ("HELD", "ARCHIVED", "UNKNOWN"):  # phases of UWS that no job here is ever in
            self.assertEqual(self.listed(f"?PHASE={phase}"), [])
        self.assertEqual(self.listed(target="/async-delete"), [])

    def test_bad_filters_are_400_and_an_anonymous_list_401(self):
        for query in ["?LAST=0", "?LAST=x", "?AFTER=x", "?PHASE=x"]:
            self.assertEqual(self.get("/transfers" + query).status, 400, query)
        self.assertEqual(self.get("/transfers", None).status, 401)

    # Bounds

    def test_the_oldest_that_is_over_makes_room(self):
        first = self.make("bob")
        self.post(first + "/phase", "bob", PHASE="ABORT")
        for _ in range(29):
            self.make("bob")
        self.assertEqual(self.get(first, "bob").status, 200)
        self.make("bob")
        self.assertEqual(self.get(first, "bob").status, 404)
        refused = self.bed.ask("POST", "/transfers", "bob", self.document(), XML)
        self.assertEqual(refused.status, 503)  # none of them is over
        self.assertIn("Retry-After", refused.headers)
        for url in [i for i, _ in self.listed(user="bob")]:
            self.bed.ask("DELETE", f"/transfers/{url}", "bob")

    def test_synchronous_jobs_make_room_for_each_other(self):
        document = self.document(destination="/x").replace(self.bed.uri("/x"), "pullFromVoSpace")
        for _ in range(35):
            self.assertEqual(self.bed.ask("POST", "/synctrans", "admin", document, XML).status, 303)
        self.assertEqual(len(self.listed(user="admin", target="/synctrans")), 30)


class Restart(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bed = Testbed.start()
        cls.addClassCleanup(cls.bed.close)

    def test_jobs_survive(self):
        bed = self.bed
        document = (f'<vos:transfer xmlns:vos="{VOS}" version="2.1"><vos:target>{bed.uri("/alice/f")}'
                    f'</vos:target><vos:direction>%s</vos:direction>'
                    f'<vos:protocol uri="{CORE}httpsget"/><vos:keepBytes>false</vos:keepBytes></vos:transfer>')
        bed.put("/alice/f", b"bytes")
        pending = bed.ask("POST", "/transfers?RUNID=later", "alice", document % bed.uri("/alice/g"), XML)
        failed = bed.ask("POST", "/transfers", "alice", document % bed.uri("/bob/x"), XML)
        bed.ask("POST", failed.headers["Location"] + "/phase", "alice", "PHASE=RUN", FORM)
        sync = bed.ask("POST", "/synctrans", "alice", document % "pullFromVoSpace", XML)
        bed.down()
        bed.up()
        url = failed.headers["Location"]
        self.assertEqual(bed.ask("GET", url + "/phase", "alice").body, b"ERROR")
        self.assertEqual(bed.ask("GET", url + "/error", "alice").body, b"PermissionDenied")
        self.assertEqual(bed.ask("GET", url, "bob").status, 403)
        url = sync.headers["Location"]
        details = bed.ask("GET", bed.ask("GET", url, "alice").headers["Location"], "alice")
        self.assertIn("/files/preauth:", details.text)
        url = pending.headers["Location"]
        self.assertIn("later", bed.ask("GET", url, "alice").text)
        bed.ask("POST", url + "/phase", "alice", "PHASE=RUN", FORM)
        self.assertEqual(bed.ask("GET", url + "/phase", "alice").body, b"COMPLETED")
        self.assertEqual(bed.get("/alice/g").body, b"bytes")
        made = {bed.ask("POST", "/transfers", "alice", document % "x", XML).headers["Location"] for _ in range(3)}
        self.assertEqual(len(made - {url}), 3)


if __name__ == "__main__":
    main()
