# SPDX-License-Identifier: Apache-2.0
"""Recursive deletion and recursive change of properties, as jobs."""

import os
import signal
import time
import unittest
import urllib.parse
import xml.etree.ElementTree as ET

from quartet_test import Testbed, main

UWS = "http://www.ivoa.net/xml/UWS/v1.0"
XLINK = "http://www.w3.org/1999/xlink"
XML = {"Content-Type": "text/xml"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
READ = "ivo://cadc.nrc.ca/gms?team-b"
# Writable by a group, but not what is put into it.
SHARED = {"groupwrite": "ivo://cadc.nrc.ca/gms?staff", "ispublic": "true",
          "ivo://cadc.nrc.ca/vospace/core#inheritPermissions": "false"}


class Outcome:
    def __init__(self, document):
        root = ET.fromstring(document)
        self.phase = root.findtext(f"{{{UWS}}}phase")
        self.message = root.findtext(f"{{{UWS}}}errorSummary/{{{UWS}}}message")
        self.counts = {r.get("id"): r.get(f"{{{XLINK}}}href").replace("final:", "")
                       for r in root.iter(f"{{{UWS}}}result")}


class Recursive(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bed = Testbed.start()
        cls.addClassCleanup(cls.bed.close)

    def run_job(self, url, user="alice"):
        self.assertEqual(self.bed.ask("GET", url + "/phase", user).body, b"PENDING")
        ran = self.bed.ask("POST", url + "/phase", user, "phase=RUN&", FORM)
        self.assertEqual((ran.status, ran.headers["Location"]), (303, url))
        return self.end_of(url, user)

    def end_of(self, url, user="alice"):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            outcome = Outcome(self.bed.ask("GET", url + "?WAIT=6", user).body)
            if outcome.phase not in ("QUEUED", "EXECUTING"):
                return outcome
        raise AssertionError("the job does not end")

    def delete_job(self, uri, user="alice"):
        made = self.bed.ask("POST", "/async-delete", user, urllib.parse.urlencode({"target": uri}), FORM)
        self.assertEqual(made.status, 303, made.body)
        self.assertRegex(made.headers["Location"], r"/vault/async-delete/[a-z][a-z0-9]{15}$")
        return made.headers["Location"]

    def delete(self, path, user="alice"):
        return self.run_job(self.delete_job(self.bed.uri(path), user), user)

    def setprops_job(self, path, properties, user="alice", kind="ContainerNode"):
        made = self.bed.ask("POST", "/async-setprops", user, self.bed.document(kind, path, properties), XML)
        self.assertEqual(made.status, 303, made.body)
        return made.headers["Location"]

    def setprops(self, path, properties, user="alice", kind="ContainerNode"):
        return self.run_job(self.setprops_job(path, properties, user, kind), user)

    def tree(self, top, user="alice"):
        """Seven nodes: three containers, three files, a link."""
        for path in ["", "/a", "/a/b"]:
            self.bed.create("ContainerNode", top + path, user)
        for path in ["/f", "/a/f", "/a/b/f"]:
            self.assertEqual(self.bed.put(top + path, b"x", user).status, 201)
        self.bed.create("LinkNode", top + "/l", user, target=self.bed.uri(top + "/f"))

    def lock(self, path, kind="ContainerNode"):
        self.bed.ask("POST", "/nodes" + path, "alice", self.bed.document(kind, path, {"islocked": "true"}), XML)

    def status(self, path, user="alice"):
        return self.bed.ask("GET", f"/nodes{path}?limit=0", user).status

    def node(self, path, user="alice"):
        return self.bed.ask("GET", f"/nodes{path}?limit=0", user).text

    def error(self, url, user="alice"):
        return self.bed.ask("GET", url + "/error", user).text

    # Deletion

    def test_a_tree_is_deleted_and_counted(self):
        self.tree("/alice/d1")
        outcome = self.delete("/alice/d1")
        self.assertEqual((outcome.phase, outcome.counts), ("COMPLETED", {"successcount": "7"}))
        self.assertEqual(self.status("/alice/d1"), 404)

    def test_a_file_alone_is_deleted(self):
        self.bed.put("/alice/d2", b"x")
        outcome = self.delete("/alice/d2")
        self.assertEqual((outcome.phase, outcome.counts), ("COMPLETED", {"successcount": "1"}))
        self.assertEqual(self.status("/alice/d2"), 404)

    def test_a_link_is_deleted_not_followed(self):
        self.tree("/alice/d3")
        self.bed.create("LinkNode", "/alice/d3link", target=self.bed.uri("/alice/d3"))
        self.bed.create("LinkNode", "/alice/d3/out", target=self.bed.uri("/alice"))
        self.assertEqual(self.delete("/alice/d3link").counts, {"successcount": "1"})
        self.assertEqual((self.status("/alice/d3link"), self.status("/alice/d3/a/b/f")), (404, 200))
        self.assertEqual(self.delete("/alice/d3").counts, {"successcount": "8"})
        self.assertEqual(self.status("/alice"), 200)

    def test_a_locked_folder_is_not_entered(self):
        self.tree("/alice/d4")
        self.lock("/alice/d4/a/b")
        outcome = self.delete("/alice/d4")
        self.assertEqual(outcome.phase, "ABORTED")
        self.assertEqual(outcome.counts, {"successcount": "3", "errorcount": "1"})  # f, l, a/f
        self.assertEqual(self.status("/alice/d4/a/b/f"), 200)
        self.assertEqual(self.status("/alice/d4/f"), 404)

    def test_a_locked_file_keeps_its_containers(self):
        self.tree("/alice/d5")
        self.lock("/alice/d5/a/f", "DataNode")
        outcome = self.delete("/alice/d5")
        self.assertEqual((outcome.phase, outcome.counts),
                         ("ABORTED", {"successcount": "4", "errorcount": "1"}))  # f, l, a/b, a/b/f
        self.assertEqual(self.status("/alice/d5/a/f"), 200)

    def test_nothing_deleted_is_an_error_with_a_message(self):
        self.bed.create("ContainerNode", "/alice/d6")
        self.lock("/alice/d6")
        outcome = self.delete("/alice/d6")
        self.assertEqual((outcome.phase, outcome.counts), ("ERROR", {}))
        self.assertIn("NodeLocked", outcome.message)

    def test_other_peoples_nodes_stay(self):
        self.bed.create("ContainerNode", "/public/d7", "alice", SHARED)
        self.bed.create("ContainerNode", "/public/d7/mine", "alice", {"ispublic": "true"})
        self.bed.put("/public/d7/mine/f", b"x", "alice")
        self.bed.put("/public/d7/any", b"x", "bob")
        # bob may delete what lies in a container he may write to, and nothing else.
        outcome = self.delete("/public/d7", "bob")
        self.assertEqual(outcome.phase, "ABORTED")
        self.assertEqual(outcome.counts, {"successcount": "1", "errorcount": "1"})
        self.assertEqual(self.status("/public/d7/mine/f", "alice"), 200)

    def test_without_rights_nothing_goes(self):
        self.tree("/alice/d8")
        url = self.delete_job(self.bed.uri("/alice/d8"), "bob")
        outcome = self.run_job(url, "bob")
        self.assertEqual((outcome.phase, outcome.counts), ("ERROR", {}))
        self.assertEqual(self.error(url, "bob"), "PermissionDenied")
        self.assertEqual(self.status("/alice/d8/a/b/f"), 200)
        anonymous = self.delete_job(self.bed.uri("/alice/d8"), None)
        self.assertEqual(self.run_job(anonymous, None).phase, "ERROR")
        self.assertEqual(self.error(anonymous, None), "PermissionDenied")

    def test_missing_malformed_and_absent_targets_are_the_jobs_errors(self):
        for uri, word in [(self.bed.uri("/alice/none"), "NodeNotFound"), ("nonsense", "InvalidURI"),
                          ("vos://elsewhere.org~vault/a", "InvalidURI")]:
            url = self.delete_job(uri)
            self.assertEqual(self.run_job(url).phase, "ERROR")
            self.assertEqual(self.error(url), word)
        made = self.bed.ask("POST", "/async-delete", "alice", "a=b", FORM)
        self.assertEqual(self.run_job(made.headers["Location"]).phase, "ERROR")
        self.assertEqual(self.error(made.headers["Location"]), "InvalidArgument")

    def test_the_root_and_homes_stay(self):
        self.assertEqual(self.delete("/", "carol").phase, "ERROR")
        self.assertEqual(self.delete("/alice", "carol").phase, "ERROR")
        self.assertEqual(self.status("/alice"), 200)

    def test_an_owner_empties_his_home_but_keeps_it(self):
        self.bed.put("/carol/x", b"x", "carol")
        outcome = self.delete("/carol", "carol")
        self.assertEqual((outcome.phase, outcome.counts),
                         ("ABORTED", {"successcount": "1", "errorcount": "1"}))
        self.assertEqual(self.status("/carol", "carol"), 200)

    # Properties

    def test_properties_are_set_on_every_node(self):
        self.tree("/alice/p1")
        outcome = self.setprops("/alice/p1", {"groupread": READ, "ispublic": "true", "title": "t"})
        self.assertEqual((outcome.phase, outcome.counts), ("COMPLETED", {"successcount": "7"}))
        for path in ["", "/f", "/l", "/a", "/a/f", "/a/b", "/a/b/f"]:
            text = self.node("/alice/p1" + path)
            self.assertIn(READ, text)
            self.assertRegex(text, r'core#ispublic"[^>]*>true<')
        self.setprops("/alice/p1", {"groupread": None, "ispublic": "false"})
        self.assertNotIn(READ, self.node("/alice/p1/a/b/f"))

    def test_locks_do_not_stop_properties(self):
        self.tree("/alice/p2")
        self.lock("/alice/p2/a")
        self.assertEqual(self.setprops("/alice/p2", {"title": "t"}).counts, {"successcount": "7"})

    def test_a_refused_node_counts_once_with_its_subtree(self):
        self.bed.create("ContainerNode", "/public/p3", "alice", SHARED)
        for path in ["/public/p3/closed", "/public/p3/closed/sub"]:
            self.bed.create("ContainerNode", path, "alice", {"ispublic": "true"})
        self.bed.put("/public/p3/f", b"x", "bob")
        outcome = self.setprops("/public/p3", {"title": "t"}, "bob")
        self.assertEqual((outcome.phase, outcome.counts),
                         ("ABORTED", {"successcount": "2", "errorcount": "1"}))
        self.assertNotIn("core#title", self.node("/public/p3/closed"))

    def test_nothing_changed_is_an_error(self):
        self.tree("/alice/p4")
        outcome = self.setprops("/alice/p4", {"title": "t"}, "bob")
        self.assertEqual((outcome.phase, outcome.counts), ("ERROR", {}))
        self.assertIn("PermissionDenied", outcome.message)

    def test_a_quota_cannot_be_set_recursively(self):
        self.tree("/alice/p5")
        outcome = self.setprops("/alice/p5", {"quota": "1000"}, "admin")
        self.assertEqual((outcome.phase, outcome.counts), ("ERROR", {}))
        self.assertIn("Cannot recursively change admin props", outcome.message)
        self.assertEqual(self.setprops("/alice/p5", {"quota": "1"}).counts, {"successcount": "7"})
        self.assertNotIn("core#quota", self.node("/alice/p5"))

    def test_wrong_values_and_targets_are_the_jobs_errors(self):
        self.tree("/alice/p6")
        self.assertEqual(self.setprops("/alice/p6", {"groupread": "nonsense"}).phase, "ERROR")
        url = self.setprops_job("/alice/none", {"title": "t"})
        self.assertEqual(self.run_job(url).phase, "ERROR")
        self.assertEqual(self.error(url), "NodeNotFound")

    def test_a_broken_document_is_400(self):
        for text in ["", "<a/>", "no xml"]:
            self.assertEqual(self.bed.ask("POST", "/async-setprops", "alice", text, XML).status, 400)

    # Large ones

    def test_a_wide_tree_stops_at_an_abort_and_goes_on_with_a_new_job(self):
        self.bed.create("ContainerNode", "/alice/wide")
        for i in range(300):
            self.bed.create("ContainerNode" if i % 3 == 0 else "DataNode", f"/alice/wide/n{i:04}")
        url = self.delete_job(self.bed.uri("/alice/wide"))
        self.bed.ask("POST", url + "/phase", "alice", "PHASE=RUN", FORM)
        aborted = self.bed.ask("POST", url + "/phase", "alice", "PHASE=ABORT", FORM)
        self.assertEqual(aborted.status, 303)
        self.assertIn(self.end_of(url).phase, ("ABORTED", "COMPLETED"))  # it may have been quicker
        if self.status("/alice/wide") == 200:
            self.assertEqual(self.delete("/alice/wide").phase, "COMPLETED")
        self.assertEqual(self.status("/alice/wide"), 404)

    def test_a_killed_server_goes_on_with_the_work(self):
        # Sent and not waited for: some of them run and others wait when the end comes.
        urls, sockets = [], []
        for i in range(8):
            self.bed.create("ContainerNode", f"/alice/k{i}")
            for k in range(25):
                self.bed.create("ContainerNode", f"/alice/k{i}/n{k}")
            urls.append(self.delete_job(self.bed.uri(f"/alice/k{i}")))
        for url in urls:
            connection = self.bed.connect("alice")
            connection.request("POST", urllib.parse.urlsplit(url).path + "/phase", "PHASE=RUN", FORM)
            sockets.append(connection)
        os.kill(self.bed.pid, signal.SIGKILL)
        for connection in sockets:
            connection.close()
        self.bed.down()
        self.bed.up()
        for i, url in enumerate(urls):
            if self.bed.ask("GET", url + "/phase", "alice").body == b"PENDING":
                self.bed.ask("POST", url + "/phase", "alice", "PHASE=RUN", FORM)  # it came too late
            self.assertEqual(self.end_of(url).phase, "COMPLETED")
            self.assertEqual(self.status(f"/alice/k{i}"), 404)

    def test_more_jobs_than_run_at_a_time_wait_their_turn(self):
        urls = []
        for i in range(10):
            self.tree(f"/alice/q{i}")
            urls.append(self.delete_job(self.bed.uri(f"/alice/q{i}")))
        for url in urls:
            self.bed.ask("POST", url + "/phase", "alice", "PHASE=RUN", FORM)
        for url in urls:
            self.assertEqual(self.end_of(url).counts, {"successcount": "7"})


if __name__ == "__main__":
    main()
