# SPDX-License-Identifier: Apache-2.0
"""UWS 1.1 (and what DALI and VOSpace say of jobs), rule by rule.

A test is named after the rule it holds the service to: UW and its number.
"""

import base64
import datetime
import threading
import time
import unittest
import urllib.parse
import xml.etree.ElementTree as ET

from quartet_test import VOS, XSI, Testbed, main, wait_until
from schemas import validate
from transfers import BY_TLS, CORE, FORM, UWS, XLINK, XML, protocol, transfer

LISTS = ("transfers", "async-delete", "async-setprops")
PHASES = ("PENDING", "QUEUED", "EXECUTING", "COMPLETED", "ERROR", "ABORTED", "UNKNOWN", "HELD", "SUSPENDED", "ARCHIVED")
ORDER = ["jobId", "runId", "ownerId", "phase", "quote", "creationTime", "startTime", "endTime", "executionDuration",
         "destruction", "parameters", "results", "errorSummary", "jobInfo"]
TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"
BY_PASSWORD = "ivo://ivoa.net/sso#BasicAA"
PACKAGE = '<vos:view uri="vos://cadc.nrc.ca~vospace/CADC/std/Pkg-1.0"/>'


def name_of(element):
    return element.tag.split("}")[1]


def child(root, name):
    return root.find(f"{{{UWS}}}{name}")


def is_nil(element):
    return element.get(f"{{{XSI}}}nil") == "true" and not element.text


def in_future(**delta):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**delta)
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


class Asking:
    """Jobs of every kind and phase, for test cases with a testbed in self.bed."""

    def make(self, user="alice", query="", document=None):
        """A transfer that is PENDING: a move of what does not exist."""
        document = document or transfer(self.bed.uri("/alice/none"), self.bed.uri("/alice/other"), keep="false")
        made = self.bed.ask("POST", "/transfers" + query, user, document, XML)
        self.assertEqual(made.status, 303, made.text)
        return made.headers["Location"]

    def push(self, name, user="alice"):
        """A transfer that waits for bytes, in phase EXECUTING when it is run."""
        return self.make(user, document=transfer(self.bed.uri(f"/{user}/{name}"), "pushToVoSpace",
                                                 protocol("httpsput")))

    def executing(self, name, user="alice"):
        return self.run_it(self.push(name, user), user)

    def completed(self, name):
        self.assertEqual(self.bed.put(f"/alice/{name}", b"x").status, 201)
        return self.run_it(self.make(document=transfer(
            self.bed.uri(f"/alice/{name}"), self.bed.uri(f"/alice/{name}-moved"), keep="false")))

    def delete_job(self, body="", user="alice", query="", headers=None):
        made = self.bed.ask("POST", "/async-delete" + query, user, body, headers or FORM)
        self.assertEqual(made.status, 303, made.text)
        return made.headers["Location"]

    def post(self, url, user="alice", **fields):
        return self.bed.ask("POST", url, user, urllib.parse.urlencode(fields), FORM)

    def run_it(self, url, user="alice"):
        ran = self.post(url + "/phase", user, PHASE="RUN")
        self.assertEqual((ran.status, ran.headers["Location"]), (303, url))
        return url

    def get(self, url, user="alice"):
        return self.bed.ask("GET", url, user)

    def phase(self, url, user="alice"):
        return self.get(url + "/phase", user).text

    def job(self, url, user="alice"):
        answer = self.get(url, user)
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "text/xml"))
        return validate("job", answer.body)

    def listed(self, target="/transfers", user="alice"):
        answer = self.get(target, user)
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "text/xml"))
        return validate("jobs", answer.body)

    def ids(self, query, user="alice"):
        return [r.get("id") for r in self.listed("/transfers" + query, user)]

    def timed(self, url):
        begin = time.monotonic()
        answer = self.get(url)
        self.assertEqual(answer.status, 200)
        return time.monotonic() - begin, answer

    def assert_waits(self, url, least_s, most_s):
        took, answer = self.timed(url)
        self.assertTrue(least_s - 0.1 <= took < most_s, f"{url} took {took} s")
        return answer

    def assert_absolute(self, answer, tail):
        location = urllib.parse.urlsplit(answer.headers["Location"])
        self.assertEqual(answer.status, 303)
        self.assertEqual((location.scheme, location.netloc), ("https", self.bed.env["QUARTET_HOST"]))
        self.assertEqual(location.path, "/vault" + tail)

    def assert_becomes(self, url, phase):
        def it_is_so():
            return self.phase(url) == phase
        wait_until(it_is_so)


class Uws(unittest.TestCase, Asking):
    @classmethod
    def setUpClass(cls):
        cls.bed = Testbed.start(settings=["job_wait_max=3s", "job_execution_max=1h"])
        cls.addClassCleanup(cls.bed.close)

    # Resources

    def test_UW_1_every_resource_below_a_job_exists(self):
        failed = self.run_it(self.make())
        for name in ["phase", "executionduration", "destruction", "error", "quote", "results", "parameters", "owner"]:
            answer = self.get(f"{failed}/{name}")
            self.assertEqual(answer.status, 200, name)
            head = self.bed.ask("HEAD", f"{failed}/{name}", "alice")
            self.assertEqual((head.status, head.body), (200, b""), name)
        self.assertEqual(self.get(failed).status, 200)
        for target in LISTS:
            self.listed("/" + target)

    def test_UW_1_what_is_not_below_a_job_is_404(self):
        url = self.make()
        for name in ["nothing", "Phase", "phase/phase", "results/none", "owner/x"]:
            self.assertEqual(self.get(f"{url}/{name}").status, 404, name)

    def test_UW_2_times_are_utc_with_t_and_z(self):
        url = self.completed("times")
        job = self.job(url)
        for name in ["creationTime", "startTime", "endTime", "destruction"]:
            self.assertRegex(child(job, name).text, TIME, name)
        self.assertRegex(self.get(url + "/destruction").text, TIME)
        self.assertLessEqual(child(job, "creationTime").text, child(job, "startTime").text)
        self.assertLessEqual(child(job, "startTime").text, child(job, "endTime").text)
        for entry in self.listed():
            self.assertRegex(child(entry, "creationTime").text, TIME)
        now = datetime.datetime.now(datetime.timezone.utc)
        created = datetime.datetime.fromisoformat(child(job, "creationTime").text.replace("Z", "+00:00"))
        self.assertLess(abs((now - created).total_seconds()), 600)

    def test_UW_3_documents_say_their_version(self):
        job = self.job(self.make())
        self.assertEqual((name_of(job), job.get("version")), ("job", "1.1"))
        self.assertIsNotNone(child(job, "creationTime").text)
        jobs = self.listed()
        self.assertEqual((name_of(jobs), jobs.get("version")), ("jobs", "1.1"))
        for entry in jobs:
            self.assertIsNotNone(child(entry, "creationTime").text)

    # Making, changing, removing

    def test_UW_4_a_post_to_a_list_makes_a_pending_job(self):
        document = transfer(self.bed.uri("/alice/none"), self.bed.uri("/alice/other"), keep="false")
        properties = self.bed.document("ContainerNode", "/alice")
        for target, body, kind in [("transfers", document, XML), ("async-delete", "target=x", FORM),
                                   ("async-setprops", properties, XML)]:
            made = self.bed.ask("POST", "/" + target, "alice", body, kind)
            job_id = made.headers["Location"].rsplit("/", 1)[1]
            self.assert_absolute(made, f"/{target}/{job_id}")
            job = self.job(made.headers["Location"])
            self.assertEqual((child(job, "jobId").text, child(job, "phase").text), (job_id, "PENDING"))

    def test_UW_4_what_is_no_job_is_refused(self):
        before = len(self.listed())
        for body in [b"", b"no document", b"<a/>", b"<vos:transfer"]:
            self.assertEqual(self.bed.ask("POST", "/transfers", "alice", body, XML).status, 400, body)
        self.assertEqual(self.bed.ask("POST", "/async-setprops", "alice", b"<a/>", XML).status, 400)
        self.assertEqual(len(self.listed()), before)

    def test_UW_5_changes_answer_303_to_the_job(self):
        url = self.push("changed")
        tail = "/transfers/" + url.rsplit("/", 1)[1]
        for name, fields in [("destruction", {"DESTRUCTION": in_future(hours=1)}),
                             ("executionduration", {"EXECUTIONDURATION": "60"}),
                             ("parameters", {"A": "1"}), ("phase", {"PHASE": "RUN"}), ("phase", {"PHASE": "ABORT"})]:
            self.assert_absolute(self.post(f"{url}/{name}", **fields), tail)

    def test_UW_6_a_job_is_deleted_in_two_ways(self):
        for ask in [lambda u: self.bed.ask("DELETE", u, "alice"), lambda u: self.post(u, ACTION="DELETE"),
                    lambda u: self.post(u, action="DELETE")]:
            for url in [self.make(), self.executing("deleted"), self.run_it(self.make())]:
                self.assert_absolute(ask(url), "/transfers")
                for gone in [url, url + "/phase", url + "/results"]:
                    self.assertEqual(self.get(gone).status, 404)
                self.assertNotIn(url.rsplit("/", 1)[1], self.ids(""))
                self.assertEqual(ask(url).status, 404)

    # Phases

    def test_UW_7_phases_have_the_names_of_the_standard(self):
        for phase in PHASES:
            self.listed(f"/transfers?PHASE={phase}")
        self.assertEqual(self.get("/transfers?PHASE=RUNNING").status, 400)
        self.bed.put("/alice/packed", b"x")
        package = self.make(document=transfer(self.bed.uri("/alice/packed"), "pullFromVoSpace",
                                              protocol("httpsget"), view=PACKAGE))
        for url, phase in [(self.make(), "PENDING"), (self.executing("seven"), "EXECUTING"),
                           (self.completed("seven-done"), "COMPLETED"), (self.run_it(self.make()), "ERROR"),
                           (self.run_it(package), "SUSPENDED")]:
            self.assertEqual(self.phase(url), phase)
            self.assertEqual(child(self.job(url), "phase").text, phase)

    def test_UW_7_an_abort_is_taken_in_every_active_phase(self):
        for url in [self.make(), self.executing("aborted")]:
            self.assertEqual(self.post(url + "/phase", PHASE="ABORT").status, 303)
            self.assertEqual(self.phase(url), "ABORTED")
            self.assertRegex(child(self.job(url), "endTime").text, TIME)
        ended = self.completed("not-aborted")
        self.assertEqual(self.post(ended + "/phase", PHASE="ABORT").status, 303)
        self.assertEqual(self.phase(ended), "COMPLETED")

    def test_UW_8_run_only_when_pending(self):
        aborted = self.make()
        self.post(aborted + "/phase", PHASE="ABORT")
        for url in [self.executing("running"), self.completed("done"), self.run_it(self.make()), aborted]:
            before = self.get(url).body
            refused = self.post(url + "/phase", PHASE="RUN")
            self.assertEqual(refused.status, 403, self.phase(url))
            self.assertTrue(refused.text.startswith("PermissionDenied"), refused.text)
            self.assertEqual(self.get(url).body, before)

    def test_UW_8_other_values_are_no_phases(self):
        url = self.make()
        for fields in [{"PHASE": "JUMP"}, {"PHASE": ""}, {"PHASE": "COMPLETED"}, {"OTHER": "RUN"}]:
            self.assertEqual(self.post(url + "/phase", **fields).status, 400, fields)
        self.assertEqual(self.phase(url), "PENDING")

    # Failures

    def test_UW_9_a_failed_job_is_found(self):
        url = self.run_it(self.make())
        self.assertEqual(child(self.job(url), "phase").text, "ERROR")
        self.assertEqual(self.phase(url), "ERROR")

    def test_UW_9_an_unknown_job_is_404(self):
        for target in LISTS:
            for job_id in ["aaaaaaaaaaaaaaaa", "x", "0", "%2e%2e", "a" * 300]:
                answer = self.get(f"/{target}/{job_id}")
                self.assertEqual((answer.status, answer.headers["Content-Type"]), (404, "text/plain"), job_id)
        self.assertEqual(self.post("/transfers/aaaaaaaaaaaaaaaa/phase", PHASE="RUN").status, 404)
        self.assertEqual(self.bed.ask("DELETE", "/transfers/aaaaaaaaaaaaaaaa", "alice").status, 404)

    def test_UW_9_what_is_not_allowed_is_403(self):
        url = self.make()
        for user, status in [("bob", 403), (None, 401)]:
            for name in ["", "/phase", "/results", "/parameters", "/owner", "/error", "/destruction"]:
                self.assertEqual(self.get(url + name, user).status, status, name)
            self.assertEqual(self.post(url + "/phase", user, PHASE="RUN").status, status)
            self.assertEqual(self.post(url + "/destruction", user, DESTRUCTION=in_future(hours=1)).status, status)
            self.assertEqual(self.post(url, user, ACTION="DELETE").status, status)
            self.assertEqual(self.bed.ask("DELETE", url, user).status, status)
        self.assertEqual(self.phase(url), "PENDING")

    # Lists

    def test_UW_10_an_entry_has_its_children_in_order(self):
        url = self.make(query="?RUNID=ten")
        bare = self.make()
        entries = {e.get("id"): e for e in self.listed()}
        entry = entries[url.rsplit("/", 1)[1]]
        self.assertEqual([name_of(e) for e in entry], ["phase", "runId", "ownerId", "creationTime"])
        self.assertEqual([child(entry, n).text for n in ("phase", "runId", "ownerId")], ["PENDING", "ten", "alice"])
        self.assertEqual((entry.get(f"{{{XLINK}}}href"), entry.get(f"{{{XLINK}}}type")), (url, "simple"))
        self.assertIsNone(child(entries[bare.rsplit("/", 1)[1]], "runId"))
        self.assertEqual(child(entry, "creationTime").text, child(self.job(url), "creationTime").text)

    def test_UW_10_a_list_holds_the_callers_jobs_only(self):
        mine, others = self.make("carol"), self.make("bob")
        self.assertIn(mine.rsplit("/", 1)[1], self.ids("", "carol"))
        self.assertNotIn(others.rsplit("/", 1)[1], self.ids("", "carol"))
        self.assertEqual({child(e, "ownerId").text for e in self.listed(user="carol")}, {"carol"})
        anonymous = self.get("/transfers", None)
        self.assertEqual(anonymous.status, 401)
        self.assertIn("anonymous job listing not permitted", anonymous.text)
        self.assertNotIn(mine.rsplit("/", 1)[1], [e.get("id") for e in self.listed("/async-delete", "carol")])

    def test_UW_10_filters_are_joined(self):
        for job_id in self.ids("", "bob"):  # of other tests
            self.bed.ask("DELETE", "/transfers/" + job_id, "bob")
        jobs = [self.make("bob") for _ in range(5)]
        ids = [u.rsplit("/", 1)[1] for u in jobs]
        self.post(jobs[0] + "/phase", "bob", PHASE="ABORT")
        self.run_it(jobs[1], "bob")
        self.post(jobs[2] + "/phase", "bob", PHASE="ABORT")
        created = [child(self.job(u, "bob"), "creationTime").text for u in jobs]
        for query, found in [
                ("PHASE=ABORTED", [2, 0]), ("PHASE=ABORTED&PHASE=ERROR", [2, 1, 0]), ("phase=aborted", [2, 0]),
                ("PHASE=HELD", []), ("LAST=2", [4, 3]), ("LAST=1000", [4, 3, 2, 1, 0]),
                (f"AFTER={created[1]}", [4, 3, 2]), (f"AFTER={created[4]}", []),
                ("PHASE=ABORTED&LAST=1", [2]), (f"PHASE=PENDING&AFTER={created[3]}", [4]),
                (f"PHASE=ABORTED&PHASE=PENDING&AFTER={created[0]}&LAST=2", [4, 3]),
                (f"PHASE=ABORTED&AFTER={created[0]}&LAST=9", [2])]:
            self.assertEqual(self.ids("?" + query, "bob"), [ids[i] for i in found], query)

    def test_UW_10_bad_filters_are_400(self):
        for query in ["LAST=0", "LAST=-1", "LAST=x", "LAST=", "AFTER=x", "AFTER=", "PHASE=", "PHASE=NEVER",
                      "PHASE=PENDING&PHASE=x"]:
            self.assertEqual(self.get("/transfers?" + query).status, 400, query)

    # Waiting

    def test_UW_11_a_wait_lasts_while_nothing_changes(self):
        for url in [self.make(), self.executing("waited")]:
            answer = self.assert_waits(url + "?WAIT=1", 1, 20)
            validate("job", answer.body)
            self.assert_waits(url + "/phase?WAIT=1", 1, 20)
            self.assert_waits(url + "?wait=1", 1, 20)
        self.assert_waits(self.make() + "?WAIT=0", 0, 1)

    def test_UW_11_a_wait_is_as_long_as_the_service_allows(self):
        url = self.make()
        for seconds in ["-1", "1000", "99999999999999999999"[:18]]:
            self.assert_waits(f"{url}?WAIT={seconds}", 3, 20)
        self.assert_waits(url + "/phase?WAIT=-1", 3, 20)

    def test_UW_11_a_wait_ends_with_any_change_of_phase(self):
        for change, becomes in [("ABORT", "ABORTED"), ("RUN", "EXECUTING")]:
            url = self.push("woken")
            for tail in ["?WAIT=3", "?WAIT=3&PHASE=PENDING", "/phase?WAIT=3"]:
                url, got = self.push("woken"), []
                waiting = threading.Thread(target=lambda u=url + tail, g=got: g.append(self.timed(u)))
                waiting.start()
                time.sleep(0.3)
                self.post(url + "/phase", PHASE=change)
                waiting.join(30)
                self.assertLess(got[0][0], 2.9, tail)
                self.assertIn(becomes, got[0][1].text)

    def test_UW_11_a_wait_with_a_phase_that_is_past_returns_at_once(self):
        url = self.executing("past")
        answer = self.assert_waits(url + "?WAIT=3&PHASE=PENDING", 0, 2)
        self.assertEqual(child(validate("job", answer.body), "phase").text, "EXECUTING")
        self.assert_waits(url + "/phase?WAIT=3&PHASE=QUEUED", 0, 2)
        self.assert_waits(url + "?WAIT=1&PHASE=EXECUTING", 1, 20)

    def test_UW_11_a_wait_blocks_in_active_phases_only(self):
        self.bed.put("/alice/wait-packed", b"x")
        suspended = self.run_it(self.make(document=transfer(
            self.bed.uri("/alice/wait-packed"), "pullFromVoSpace", protocol("httpsget"), view=PACKAGE)))
        self.assertEqual(self.phase(suspended), "SUSPENDED")
        for url in [suspended, self.completed("wait-done"), self.run_it(self.make())]:
            self.assert_waits(url + "?WAIT=3", 0, 2)
            self.assert_waits(url + "/phase?WAIT=3", 0, 2)

    def test_UW_11_bad_waits_are_400(self):
        url = self.make()
        for query in ["WAIT=x", "WAIT=", "WAIT=1.5", "WAIT=1&PHASE=NEVER"]:
            self.assertEqual(self.get(f"{url}?{query}").status, 400, query)
            self.assertEqual(self.get(f"{url}/phase?{query}").status, 400, query)

    # Forms

    def test_UW_12_media_types_are_exact_and_atoms_bare(self):
        url = self.run_it(self.make(query="?RUNID=r"))
        for name in ["", "/results", "/parameters"]:
            self.assertEqual(self.get(url + name).headers["Content-Type"], "text/xml", name)
        self.assertEqual(self.get("/transfers").headers["Content-Type"], "text/xml")
        for name, text in [("phase", "ERROR"), ("owner", "alice"), ("executionduration", "3600"), ("quote", ""),
                           ("error", "NodeNotFound")]:
            answer = self.get(f"{url}/{name}")
            self.assertEqual((answer.headers["Content-Type"], answer.text), ("text/plain", text), name)
            self.assertEqual(int(answer.headers["Content-Length"]), len(text), name)
        self.assertRegex(self.get(url + "/destruction").text, TIME.replace("$", r"\Z"))

    # Limits

    def test_UW_13_an_execution_duration_is_clamped(self):
        url = self.make()
        self.assertEqual(self.get(url + "/executionduration").text, "3600")
        for asked, got in [("60", "60"), ("99", "99"), ("0", "3600"), ("1", "1"), ("3601", "3600"),
                           ("4294967295", "3600")]:
            self.assertEqual(self.post(url + "/executionduration", EXECUTIONDURATION=asked).status, 303)
            self.assertEqual(self.get(url + "/executionduration").text, got, asked)
            self.assertEqual(child(self.job(url), "executionDuration").text, got, asked)
        for bad in ["long", "-1", "1.5", ""]:
            self.assertEqual(self.post(url + "/executionduration", EXECUTIONDURATION=bad).status, 400, bad)
        self.assertEqual(self.post(url + "/executionduration", OTHER="1").status, 400)

    def test_UW_13_a_destruction_is_brought_forward_and_never_put_off(self):
        url = self.executing("destroyed")
        first = self.get(url + "/destruction").text
        soon = in_future(hours=1)
        for asked, got in [("2199-01-01T00:00:00Z", first), (soon, soon), (in_future(hours=2), soon)]:
            self.assertEqual(self.post(url + "/destruction", DESTRUCTION=asked).status, 303)
            self.assertEqual(self.get(url + "/destruction").text, got)
            self.assertEqual(child(self.job(url), "destruction").text, got)
        for bad in ["tomorrow", "", "2026-13-01T00:00:00Z"]:
            self.assertEqual(self.post(url + "/destruction", DESTRUCTION=bad).status, 400, bad)
        self.post(url + "/destruction", DESTRUCTION="2001-01-01T00:00:00Z")

        def it_is_gone():
            return self.get(url).status == 404
        wait_until(it_is_gone)

    def test_UW_13_what_runs_too_long_is_aborted(self):
        url = self.executing("slow")
        self.post(url + "/executionduration", EXECUTIONDURATION="1")
        self.assert_becomes(url, "ABORTED")
        self.assertRegex(child(self.job(url), "endTime").text, TIME)

    # Documents

    def test_UW_14_a_job_has_the_elements_in_order(self):
        for url in [self.make(), self.make(query="?RUNID=x"), self.run_it(self.make()), self.executing("ordered"),
                    self.completed("order-done"), self.delete_job("target=x")]:
            names = [name_of(e) for e in self.job(url)]
            self.assertEqual(names, [n for n in ORDER if n in names])
            self.assertEqual(set(ORDER) - set(names) - {"runId", "errorSummary", "jobInfo"}, set())

    def test_UW_14_what_is_not_known_is_nil(self):
        job = self.job(self.make())
        for name in ["quote", "startTime", "endTime"]:
            self.assertTrue(is_nil(child(job, name)), name)
        self.assertIsNone(child(job, "runId"))  # not nillable
        self.assertTrue(is_nil(child(self.job(self.make(None), None), "ownerId")))
        self.assertFalse(is_nil(child(self.job(self.run_it(self.make())), "endTime")))

    def test_UW_15_results_have_ids_and_links(self):
        url = self.completed("resulting")
        for root in [child(self.job(url), "results"), validate("results", self.get(url + "/results").body)]:
            (result,) = root
            self.assertEqual((result.get("id"), result.get(f"{{{XLINK}}}type"), result.get(f"{{{XLINK}}}href")),
                             ("destination", "simple", self.bed.uri("/alice/resulting-moved")))
        several = [r.get("id") for r in child(self.job(self.executing("several")), "results")]
        self.assertEqual(several, ["transferDetails", "dataNode"])

    def test_UW_16_an_error_summary_says_what_went_wrong(self):
        url = self.run_it(self.make())
        summary = child(self.job(url), "errorSummary")
        self.assertEqual((summary.get("type"), summary.get("hasDetail")), ("fatal", "true"))
        self.assertEqual([name_of(e) for e in summary], ["message"])
        self.assertIn("NodeNotFound", child(summary, "message").text)
        self.assertEqual(self.get(url + "/error").status, 200)
        for fine in [self.make(), self.completed("no-error")]:
            self.assertIsNone(child(self.job(fine), "errorSummary"))
            self.assertEqual(self.get(fine + "/error").status, 404)

    def test_UW_17_the_error_itself_is_served_with_200(self):
        answer = self.get(self.run_it(self.make()) + "/error")
        self.assertEqual((answer.status, answer.headers["Content-Type"], answer.text),
                         (200, "text/plain", "NodeNotFound"))

    def test_UW_18_the_namespace_and_where_jobs_are(self):
        self.assertEqual(self.job(self.make()).tag, f"{{{UWS}}}job")
        self.assertEqual(self.listed().tag, f"{{{UWS}}}jobs")
        self.assertEqual(UWS, "http://www.ivoa.net/xml/UWS/v1.0")
        capabilities = ET.fromstring(self.get("/capabilities", None).body)
        announced = {e.text.rsplit("/", 1)[1]: e.get("use") for e in capabilities.iter("accessURL")}
        for target in LISTS:
            self.assertEqual(announced[target], "base")

    def test_UW_19_a_result_by_its_id(self):
        url = self.completed("nineteen")
        answer = self.get(url + "/results/destination")
        self.assertEqual((answer.status, answer.headers["Location"]), (303, self.bed.uri("/alice/nineteen-moved")))
        self.assertEqual(self.get(url + "/results/none").status, 404)
        waiting = self.executing("nineteen-push")
        details = self.get(waiting + "/results/transferDetails")
        self.assert_absolute(details, "/xfer/" + waiting.rsplit("/", 1)[1])
        self.assertEqual(self.get(details.headers["Location"]).status, 200)
        deleted = self.delete_job(urllib.parse.urlencode({"target": self.bed.uri("/alice/nineteen-moved")}))
        self.run_it(deleted)
        self.assert_becomes(deleted, "COMPLETED")
        self.assertEqual(self.get(deleted + "/results/successcount").headers["Location"], "final:1")

    def test_UW_20_parameters_are_taken_while_pending(self):
        url = self.delete_job("a=1")
        self.assertEqual(self.post(url + "/parameters", b="2").status, 303)
        self.assertEqual(self.post(url, target=self.bed.uri("/alice/none")).status, 303)
        for root in [validate("parameters", self.get(url + "/parameters").body), child(self.job(url), "parameters")]:
            self.assertEqual([(p.get("id"), p.text) for p in root],
                             [("a", "1"), ("b", "2"), ("target", self.bed.uri("/alice/none"))])
        self.run_it(url)
        self.assert_becomes(url, "ERROR")
        self.assertEqual(self.post(url + "/parameters", c="3").status, 403)
        self.assertEqual(self.post(url, c="3").status, 403)

    def test_UW_21_an_id_fits_into_a_url_as_it_is(self):
        for url in [self.make(), self.delete_job()]:
            self.assertRegex(url.rsplit("/", 1)[1], r"^[a-z][a-z0-9]{15}$")

    def test_UW_22_a_move_is_over_when_its_run_is_answered(self):
        self.assertEqual(self.phase(self.completed("quick")), "COMPLETED")

    def test_UW_23_a_run_id_is_kept(self):
        by_form = self.delete_job("RUNID=by+form&target=x")
        for url, text in [(self.make(query="?RUNID=mine"), "mine"), (self.make(query="?runid=lower"), "lower"),
                          (self.delete_job(query="?RUNID=query"), "query"), (by_form, "by form"),
                          (self.make(query="?RUNID=" + "%C3%BC" * 64), "ü" * 64)]:
            self.assertEqual(child(self.job(url), "runId").text, text)
        self.assertEqual([p.get("id") for p in child(self.job(by_form), "parameters")], ["target"])
        self.assertIsNone(child(self.job(self.make(query="?RUNID=")), "runId"))

    def test_UW_24_the_transfer_is_in_job_info(self):
        document = transfer(self.bed.uri("/alice/info"), "pushToVoSpace", protocol("httpsput"),
                            more='<vos:param uri="ivo://ivoa.net/vospace/core#length">7</vos:param>')
        url = self.make(document=document)
        for _ in range(2):
            (held,) = child(self.job(url), "jobInfo")
            validate("transfer", ET.tostring(held))
            self.assertEqual(held.findtext(f"{{{VOS}}}target"), self.bed.uri("/alice/info"))
            self.assertEqual(held.findtext(f"{{{VOS}}}direction"), "pushToVoSpace")
            self.assertEqual(held.find(f"{{{VOS}}}protocol").get("uri"), CORE + "httpsput")
            self.assertEqual(held.findtext(f"{{{VOS}}}param"), "7")
            if self.phase(url) == "PENDING":
                self.run_it(url)
        sync = self.bed.ask("POST", "/synctrans", "alice", document, XML).headers["Location"]
        (held,) = child(self.job(sync.split("/results/")[0]), "jobInfo")
        self.assertEqual(held.findtext(f"{{{VOS}}}target"), self.bed.uri("/alice/info"))

    def test_UW_25_anothers_job_is_forbidden(self):
        url = self.make()
        self.assertEqual(self.get(url, "bob").status, 403)
        self.assertEqual(self.get(url, None).status, 401)
        self.assertEqual(self.get(url, "admin").status, 200)
        anonymous = self.make(None)
        for user in ["bob", None]:
            self.assertEqual(self.phase(anonymous, user), "PENDING")

    # VOSpace and its test suite, DALI

    def test_OP_71_a_transfer_is_run_and_aborted_by_its_phase(self):
        url = self.push("seventy-one")
        self.assertEqual(self.phase(url), "PENDING")
        self.run_it(url)
        self.assertEqual(self.phase(url), "EXECUTING")
        self.assert_absolute(self.post(url + "/phase", PHASE="ABORT"), "/transfers/" + url.rsplit("/", 1)[1])
        self.assertEqual(self.phase(url), "ABORTED")

    def test_OP_71_a_job_runs_with_its_creation_when_asked(self):
        document = transfer(self.bed.uri("/alice/at-once"), "pushToVoSpace", protocol("httpsput"))
        for query in ["?PHASE=RUN", "?phase=run&RUNID=x"]:
            made = self.bed.ask("POST", "/transfers" + query, "alice", document, XML)
            self.assert_absolute(made, "/transfers/" + made.headers["Location"].rsplit("/", 1)[1])
            self.assertEqual(self.phase(made.headers["Location"]), "EXECUTING")
        failed = self.make(query="?PHASE=RUN")
        self.assertEqual(self.phase(failed), "ERROR")
        self.bed.create("ContainerNode", "/alice/at-once-gone")
        fields = urllib.parse.urlencode({"target": self.bed.uri("/alice/at-once-gone"), "PHASE": "RUN"})
        self.assert_becomes(self.delete_job(fields), "COMPLETED")
        self.assertEqual(self.get("/nodes/alice/at-once-gone").status, 404)
        for phase in ["ABORT", "EXECUTING", ""]:
            refused = self.bed.ask("POST", "/transfers?PHASE=" + phase, "alice", document, XML)
            self.assertEqual(refused.status, 400, phase)

    def test_OP_84_a_transfer_is_executing_until_its_bytes_are_there(self):
        url = self.executing("bytes-in")
        details = ET.fromstring(self.get(self.get(url + "/results/transferDetails").headers["Location"]).body)
        endpoint = details.findtext(f"{{{VOS}}}protocol/{{{VOS}}}endpoint")
        self.assertEqual(self.bed.ask("PUT", endpoint, None, b"bytes").status, 201)
        self.assert_becomes(url, "COMPLETED")
        self.assertRegex(child(self.job(url), "endTime").text, TIME)
        self.assertEqual(self.bed.get("/alice/bytes-in").body, b"bytes")

    def negotiated(self, path, direction, is_sync, user="alice"):
        """A job that is EXECUTING, and its endpoints by security method; None: without one."""
        name = "httpsput" if direction == "pushToVoSpace" else "httpsget"
        document = transfer(self.bed.uri(path), direction, protocol(name, BY_TLS, BY_PASSWORD), protocol(name))
        if is_sync:
            made = self.bed.ask("POST", "/synctrans", user, document, XML)
            url = made.headers["Location"].split("/results/")[0]
        else:
            url = self.run_it(self.make(user, document=document), user)
        self.assertEqual(self.phase(url, user), "EXECUTING")
        details = self.get(self.get(url + "/results/transferDetails", user).headers["Location"], user)
        endpoints = {}
        for element in ET.fromstring(details.body).iter(f"{{{VOS}}}protocol"):
            method = element.find(f"{{{VOS}}}securityMethod")
            endpoints.setdefault(None if method is None else method.get("uri"), element.findtext(f"{{{VOS}}}endpoint"))
        return url, endpoints

    def test_OP_84_bytes_may_come_by_any_of_the_endpoints(self):
        secret = base64.b64encode(f"alice:{self.bed.env['QUARTET_PASS_ALICE']}".encode()).decode()
        for number, is_sync in enumerate([True, False]):
            for method, user, headers in [(None, None, {}), (BY_TLS, "alice", {}),
                                          (BY_PASSWORD, None, {"Authorization": f"Basic {secret}"})]:
                path = f"/alice/any-endpoint{number}"
                url, endpoints = self.negotiated(path, "pushToVoSpace", is_sync)
                self.assertEqual(self.bed.ask("PUT", endpoints[method], user, b"bytes", headers).status, 201)
                self.assert_becomes(url, "COMPLETED")
                url, endpoints = self.negotiated(path, "pullFromVoSpace", is_sync)
                answer = self.bed.ask("GET", endpoints[method], user, None, headers)
                if answer.status == 303:
                    self.assertEqual(self.phase(url), "EXECUTING")
                    answer = self.bed.ask("GET", answer.headers["Location"])
                self.assertEqual((answer.status, answer.body), (200, b"bytes"))
                self.assert_becomes(url, "COMPLETED")

    def test_OP_84_a_link_a_new_name_and_a_transaction_are_found_too(self):
        self.bed.create("LinkNode", "/alice/awaited-link", target=self.bed.uri("/alice/awaited"))
        self.bed.put("/alice/awaited", b"x")
        for path, headers in [("/alice/awaited-link", {}), ("/alice/.auto", {}),
                              ("/alice/awaited", {"x-put-txn-op": "start"})]:
            url, endpoints = self.negotiated(path, "pushToVoSpace", True)
            put = self.bed.ask("PUT", endpoints[BY_TLS], "alice", b"bytes", headers)
            if headers:
                self.assertEqual(self.phase(url), "EXECUTING")
                put = self.bed.ask("PUT", endpoints[BY_TLS], "alice", b"", {
                    "x-put-txn-op": "commit", "x-put-txn-id": put.headers["x-put-txn-id"]})
            self.assertEqual(put.status, 201, put.text)
            self.assert_becomes(url, "COMPLETED")

    def test_OP_84_the_bytes_of_others_complete_nothing(self):
        self.bed.create("ContainerNode", "/public/shared", properties={"ispublic": "true"})
        self.bed.put("/public/shared/file", b"x")
        self.bed.ask("POST", "/nodes/public/shared/file", "alice",
                     self.bed.document("DataNode", "/public/shared/file", {"ispublic": "true"}), XML)
        self.bed.put("/public/shared/other", b"x")
        url, endpoints = self.negotiated("/public/shared/file", "pullFromVoSpace", True)
        self.assertEqual(self.bed.get("/public/shared/file", "bob").status, 200)  # another user
        self.assertEqual(self.bed.get("/public/shared/other").status, 200)  # another file
        self.assertEqual(self.bed.put("/public/shared/file", b"y").status, 201)  # the other way
        later, _ = self.negotiated("/public/shared/file", "pullFromVoSpace", True)
        redirect = self.bed.ask("GET", endpoints[BY_TLS], "alice")
        self.assertEqual(self.bed.ask("GET", redirect.headers["Location"]).body, b"y")
        self.assert_becomes(later, "COMPLETED")  # one request is one transfer
        self.assertEqual(self.phase(url), "EXECUTING")
        self.bed.ask("GET", self.bed.ask("GET", endpoints[BY_TLS], "alice").headers["Location"])
        self.assert_becomes(url, "COMPLETED")

    def test_TS_22_a_document_is_valid_from_the_first_get_on(self):
        for url in [self.make(), self.make(None), self.delete_job("target=x")]:
            user = None if "ownerId xsi:nil" in self.get(url, None).text else "alice"
            job = self.job(url, user)
            self.assertEqual(child(job, "phase").text, "PENDING")
            names = [name_of(e) for e in job]
            for name in ["ownerId", "quote", "startTime", "endTime", "executionDuration", "destruction", "parameters",
                         "results"]:
                self.assertIn(name, names)
            self.assertNotIn("runId", names)

    def multipart(self, **fields):
        edge = "not-in-the-fields"
        parts = [f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
                 for name, value in fields.items()]
        return "".join(parts) + f"--{edge}--\r\n", {"Content-Type": f"multipart/form-data; boundary={edge}"}

    def test_DA_1_names_in_any_case_and_values_as_they_are(self):
        url = self.delete_job("tArGeT=A&other=B&OTHER=c")
        self.assertEqual([(p.get("id"), p.text) for p in child(self.job(url), "parameters")],
                         [("tArGeT", "A"), ("other", "B"), ("OTHER", "c")])
        self.assertEqual(self.post(url + "/phase", pHaSe="ABORT").status, 303)
        self.bed.put("/alice/any-case", b"x")
        fields = {"target": self.bed.uri("/alice/any-case"), "Direction": "pullFromVoSpace",
                  "protocol": CORE + "httpsget"}
        for names in [fields, {k.upper(): v for k, v in fields.items()}]:
            self.assertEqual(self.get("/synctrans?" + urllib.parse.urlencode(names)).status, 303)

    def test_DA_1_what_can_be_there_once_is_refused_twice(self):
        url = self.make()
        for target, name in [("?WAIT=1&wait=1", "WAIT"), ("?WAIT=1&PHASE=PENDING&PHASE=ERROR", "PHASE")]:
            refused = self.get(url + target)
            self.assertEqual((refused.status, name in refused.text), (400, True), target)
        for query, name in [("LAST=1&LAST=2", "LAST"), ("AFTER=2026-01-01T00:00:00Z&after=2026-01-02T00:00:00Z", "AFTER")]:
            refused = self.get("/transfers?" + query)
            self.assertEqual((refused.status, name in refused.text), (400, True), query)
        for tail, body, name in [("/phase", "PHASE=RUN&PHASE=ABORT", "PHASE"), ("/phase?PHASE=RUN", "phase=ABORT", "PHASE"),
                                 ("", "ACTION=DELETE&ACTION=x", "ACTION"),
                                 ("/executionduration", "EXECUTIONDURATION=1&EXECUTIONDURATION=2", "EXECUTIONDURATION")]:
            refused = self.bed.ask("POST", url + tail, "alice", body, FORM)
            self.assertEqual((refused.status, name in refused.text), (400, True), body)
        self.assertEqual(self.phase(url), "PENDING")
        for body, name in [("target=a&TARGET=b", "target"), ("RUNID=a&RUNID=b", "RUNID"), ("PHASE=RUN&PHASE=RUN", "PHASE")]:
            refused = self.bed.ask("POST", "/async-delete", "alice", body, FORM)
            self.assertEqual((refused.status, name in refused.text), (400, True), body)
        once = urllib.parse.urlencode({"TARGET": self.bed.uri("/alice"), "DIRECTION": "pullFromVoSpace",
                                       "PROTOCOL": CORE + "httpsget", "REQUEST": "redirect", "VIEW": "data"})
        for name in ["TARGET", "DIRECTION", "VIEW", "REQUEST"]:
            for refused in [self.get(f"/synctrans?{once}&{name.lower()}=x"),
                            self.bed.ask("POST", "/synctrans", "alice", f"{once}&{name}=x", FORM)]:
                self.assertEqual(refused.status, 400)
                self.assertIn(f"{name} is given more than once", refused.text)

    def test_DA_1_multipart_is_a_form_too(self):
        body, kind = self.multipart(target=self.bed.uri("/alice/none"), RUNID="in parts", note="a&b=c%20+\r\n")
        url = self.delete_job(body, headers=kind)
        job = self.job(url)
        self.assertEqual(child(job, "runId").text, "in parts")
        self.assertEqual([(p.get("id"), p.text) for p in child(job, "parameters")],
                         [("target", self.bed.uri("/alice/none")), ("note", "a&b=c%20+\r\n")])
        body, kind = self.multipart(PHASE="RUN")
        self.assertEqual(self.bed.ask("POST", url + "/phase", "alice", body, kind).status, 303)
        self.assert_becomes(url, "ERROR")
        self.assertEqual(self.get(url + "/error").text, "NodeNotFound")
        other = self.make()
        body, kind = self.multipart(ACTION="DELETE")
        self.assertEqual(self.bed.ask("POST", other, "alice", body, kind).status, 303)
        self.assertEqual(self.get(other).status, 404)
        self.bed.put("/alice/in-parts", b"parts")
        body, kind = self.multipart(TARGET=self.bed.uri("/alice/in-parts"), DIRECTION="pullFromVoSpace",
                                    PROTOCOL=CORE + "httpsget")
        sent = self.bed.ask("POST", "/synctrans", "alice", body, kind)
        self.assertEqual(sent.status, 303)
        self.assertEqual(self.get(sent.headers["Location"], None).body, b"parts")

    def test_DA_1_a_broken_multipart_is_400(self):
        body, kind = self.multipart(target="x")
        for broken in [body[:-6], body.replace("name=", "nam="), body.replace("--not", "--no")]:
            self.assertEqual(self.bed.ask("POST", "/async-delete", "alice", broken, kind).status, 400)
        for bad in ["multipart/form-data", "multipart/form-data; boundary="]:
            self.assertEqual(self.bed.ask("POST", "/async-delete", "alice", body, {"Content-Type": bad}).status, 400)

    def test_DA_2_children_of_a_job(self):
        url = self.run_it(self.make())
        self.assertEqual(self.get(url + "/error").status, 200)
        self.assertEqual(self.get(url + "/child").status, 404)
        self.assertEqual(self.post(url + "/child", A="1").status, 404)
        self.assertEqual(self.post(self.delete_job(), A="1").status, 303)  # lenient, as its clients need it
        for name in ["owner", "quote", "error", "results"]:
            refused = self.post(f"{url}/{name}", A="1")
            self.assertEqual((refused.status, f"not modifiable: {name}" in refused.text), (400, True), name)

    def test_DA_3_a_run_id_has_64_characters_at_most(self):
        document = transfer(self.bed.uri("/alice/none"), "pullFromVoSpace", protocol("httpsget"))
        long = "x" * 65
        for target, body, kind in [("/transfers?RUNID=" + long, document, XML),
                                   ("/synctrans?RUNID=" + long, document, XML),
                                   ("/async-delete", f"target=x&RUNID={long}", FORM)]:
            refused = self.bed.ask("POST", target, "alice", body, kind)
            self.assertEqual(refused.status, 400, target)
            self.assertRegex(refused.text, "^InvalidArgument: RUNID")
        self.make(query="?RUNID=" + long[1:])

    def test_DA_3_a_run_id_is_in_the_log(self):
        self.make(query="?RUNID=seen%20in%20the%20log")

        def it_is_logged():
            return 'run="seen in the log"' in self.bed.access_log()
        wait_until(it_is_logged)


class Ends(unittest.TestCase, Asking):
    """What time does, with little of it."""

    @classmethod
    def setUpClass(cls):
        cls.bed = Testbed.start(settings=["job_pending_lifetime=3s", "job_execution_max=3s", "job_archive=4s"])
        cls.addClassCleanup(cls.bed.close)

    def assert_gone(self, url):
        def it_is_gone():
            return self.get(url).status == 404
        wait_until(it_is_gone)

    def test_UW_7_what_has_ended_is_archived(self):
        url = self.completed("archived")
        job_id = url.rsplit("/", 1)[1]
        self.post(url + "/destruction", DESTRUCTION=in_future())
        self.assert_becomes(url, "ARCHIVED")
        job = self.job(url)
        self.assertEqual(len(child(job, "results")), 0)
        self.assertEqual(child(job, "ownerId").text, "alice")
        self.assertEqual(self.get(url + "/results/destination").status, 404)
        self.assertEqual(self.post(url + "/phase", PHASE="RUN").status, 403)
        self.assertNotIn(job_id, self.ids(""))
        self.assertIn(job_id, self.ids("?PHASE=ARCHIVED"))
        self.assertNotIn(job_id, self.ids("?PHASE=COMPLETED"))
        self.assert_gone(url)

    def test_UW_13_a_job_that_nobody_runs_is_destroyed(self):
        url = self.make()
        job = self.job(url)
        created, destroyed = (datetime.datetime.fromisoformat(child(job, n).text.replace("Z", "+00:00"))
                              for n in ("creationTime", "destruction"))
        self.assertEqual((destroyed - created).total_seconds(), 3)
        self.assertEqual(self.get(url + "/destruction").text, child(job, "destruction").text)
        run = self.executing("run-in-time")
        self.assertGreater(child(self.job(run), "destruction").text, in_future(days=1))
        self.assert_gone(url)
        self.assertNotIn(url.rsplit("/", 1)[1], self.ids("?PHASE=ARCHIVED"))
        self.assertEqual(self.get(run).status, 200)

    def test_UW_13_a_negotiated_transfer_does_not_wait_for_ever(self):
        url = self.executing("never-sent")
        sync = self.bed.ask("POST", "/synctrans", "alice", transfer(
            self.bed.uri("/alice/never-sent"), "pushToVoSpace", protocol("httpsput")), XML)
        sync_url = sync.headers["Location"].split("/results/")[0]
        self.assertEqual(self.get(url + "/executionduration").text, "3")
        self.assertEqual(self.phase(sync_url), "EXECUTING")
        self.assert_waits(url + "/phase?WAIT=20", 1, 15)
        for ended in [url, sync_url]:
            self.assert_becomes(ended, "ABORTED")


if __name__ == "__main__":
    main()
