# SPDX-License-Identifier: Apache-2.0
"""What one account owns becomes another's: a job, its doors, and what it leaves alone."""

import json
import os
import signal
import tempfile
import threading
import urllib.parse
import xml.etree.ElementTree as ET

from quartet_test import CORE, VOS, Testbed, main, unittest, wait_until
from transfers import UWS, XLINK

DOOR = "/manage/hand-over"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
XML = {"Content-Type": "text/xml"}
STAFF = "ivo://cadc.nrc.ca/gms?staff"
OVER = ("COMPLETED", "ERROR", "ABORTED")


class HandOver(unittest.TestCase):
    settings = ("registration=approval",)

    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="quartet-audit-"))
        cls.audit_log = os.path.join(cls.folder, "audit.log")
        cls.bed = Testbed.start(settings=(*cls.settings, f"audit_log={cls.audit_log}"))
        cls.addClassCleanup(cls.bed.close)

    def post(self, target=DOOR, user="admin", headers=None, **fields):
        return self.bed.ask("POST", target, user, urllib.parse.urlencode({k.rstrip("_"): v for k, v in fields.items()}),
                            {**FORM, **(headers or {})})

    def look(self, job):
        return json.loads(self.bed.ask("GET", f"{DOOR}/{job}", "admin").text)

    def begin(self, giver, taker):
        answer = self.post(from_=giver, to=taker)
        self.assertEqual(answer.status, 200, answer.text)
        return json.loads(answer.text)

    def end_of(self, job):
        wait_until(lambda: self.look(job)["phase"] in OVER)
        return self.look(job)

    def hand_over(self, giver, taker):
        return self.end_of(self.begin(giver, taker)["id"])

    def audited(self, job):
        with open(self.audit_log, encoding="utf-8") as f:
            return [line for line in map(json.loads, f) if line["event"] == "hand-over" and line["job"] == job]

    def assert_audited(self, job, **wanted):
        wait_until(lambda: self.audited(job))
        (line,) = self.audited(job)
        self.assertEqual({key: line[key] for key in wanted}, wanted)
        self.assertEqual(set(line), {"time", "event", "user", "from", "to", "job", "phase", "nodes", "groups", "failed"})

    def account(self, name):
        """A new account with a home; what it asks with."""
        self.assertEqual(self.bed.tool("user", "add", name, "--home")[0], 0)
        return {"Authorization": "Bearer " + self.bed.tool("user", "token", name)[1].strip()}

    def make(self, path, token, kind="DataNode"):
        answer = self.bed.ask("PUT", "/nodes" + path, None, self.bed.document(kind, path), {**XML, **token})
        self.assertEqual(answer.status, 201, answer.text)

    def properties(self, path, user="admin"):
        root = ET.fromstring(self.bed.ask("GET", f"/nodes{path}?limit=0", user).body)
        return {p.get("uri").removeprefix(CORE): p.text for p in root.iter(f"{{{VOS}}}property")}

    def owners(self, path):
        """Of a container and everything below it, by the path below it."""
        found = {"": self.properties(path)["creator"]}
        mark = ""
        while True:
            text = self.bed.ask("GET", f"/nodes{path}?depth=9&limit=5000{mark}", "admin").body
            nodes = ET.fromstring(text).findall(f"{{{VOS}}}nodes/{{{VOS}}}node")
            before = len(found)
            for node in nodes:
                owner = [p.text for p in node.iter(f"{{{VOS}}}property") if p.get("uri") == CORE + "creator"]
                found[node.get("uri").removeprefix(self.bed.uri(path))] = owner[0]
            if len(found) == before:
                return found
            mark = "&uri=" + urllib.parse.quote(nodes[-1].get("uri"), safe="")


class Owners(HandOver):
    def test_everything_of_one_account_and_nothing_else(self):
        shared = {"groupwrite": STAFF, "ispublic": "true"}
        with self.bed.nodes("alice") as create:
            for folder in ("/alice/t", "/alice/t/a", "/alice/t/a/b", "/public/open"):
                create("ContainerNode", folder, shared if folder == "/public/open" else None)
            for i in range(3000):
                create("DataNode", f"/{['alice/t', 'alice/t/a', 'alice/t/a/b', 'public/open'][i % 4]}/n{i:04}")
        with self.bed.nodes("bob") as create:
            create("ContainerNode", "/public/open/bobs", shared)
            for i in range(300):
                create("DataNode", f"/public/open/{'bobs/' if i % 2 else ''}b{i:03}")
            create("ContainerNode", "/bob/own")
            create("DataNode", "/bob/own/x")
        with self.bed.nodes("alice") as create:
            create("ContainerNode", "/public/open/bobs/alices")  # hers in his in hers
            create("DataNode", "/public/open/bobs/alices/x")
            create("DataNode", "/public/alices")
        # Hers in his home, where she cannot even look.
        self.bed.create("DataNode", "/bob/own/hers", "bob")
        document = self.bed.document("DataNode", "/bob/own/hers", {"creator": "alice"})
        self.assertEqual(self.bed.ask("POST", "/nodes/bob/own/hers", "admin", document, XML).status, 200)
        self.bed.create("LinkNode", "/alice/t/link", target=self.bed.uri("/alice/t/a"))
        self.bed.put("/alice/t/bytes", b"hers", headers={"Content-Type": "text/plain"})
        # By a certificate that became hers later.
        dn = "CN=Alice Elsewhere,O=Grid,C=CA"
        for path in ("/alice/t/a/n0001", "/public/elsewhere"):
            self.bed.create("DataNode", path)
            document = self.bed.document("DataNode", path, {"creator": dn})
            self.assertEqual(self.bed.ask("POST", "/nodes" + path, "admin", document, XML).status, 200)
        self.assertEqual(self.bed.tool("user", "dn-add", "alice", dn)[0], 0)
        self.bed.tool("quota", "/alice", "7000000")
        document = self.bed.document("DataNode", "/alice/t/a/n0005", {"islocked": "true", "groupread": STAFF, "title": "mine"})
        self.assertEqual(self.bed.ask("POST", "/nodes/alice/t/a/n0005", "alice", document, XML).status, 200)
        self.bed.tool("group", "create", "hers", "alice")
        self.bed.tool("group", "add", "hers", "alice")
        self.bed.tool("group", "create", "his", "bob")

        places = ("/alice", "/bob", "/public")
        before = {place: self.owners(place) for place in places}
        allocation, node = self.properties("/alice"), self.properties("/alice/t/a/n0005")
        hers = sum(owner == "alice" for place in places for owner in before[place].values())
        self.assertGreater(hers, 3000)

        begun = self.begin("alice", "carol")
        self.assertIn("'alice' is still active", begun["warning"])
        outcome = self.end_of(begun["id"])
        self.assertEqual((outcome["phase"], outcome["nodes"], outcome["groups"], outcome["failed"]), ("COMPLETED", hers, 1, 0))
        for place in places:
            self.assertEqual(self.owners(place),
                             {path: "carol" if owner == "alice" else owner for path, owner in before[place].items()})
        # It is the owner that has changed, and the date.
        after = self.properties("/alice/t/a/n0005")
        self.assertGreater(after.pop("date"), node.pop("date"))
        self.assertEqual(after, {**node, "creator": "carol"})
        after = self.properties("/alice")
        self.assertEqual((after["quota"], after["length"]), ("7000000", allocation["length"]))
        # The new owner has its rights, and the old one has none.
        self.assertEqual(self.bed.get("/alice/t/bytes", "carol").body, b"hers")
        self.assertEqual(self.bed.put("/alice/t/more", b"carols", "carol").status, 201)
        self.assertEqual(self.bed.ask("GET", "/nodes/alice", "alice").status, 403)
        self.assertEqual(self.bed.get("/alice/t/bytes", "alice").status, 403)
        groups = json.loads(self.bed.tool("--json", "group", "show", "hers")[1])
        self.assertEqual((groups["owner"], groups["members"]), ("carol", ["alice"]))
        self.assertEqual(json.loads(self.bed.tool("--json", "group", "show", "his")[1])["owner"], "bob")
        self.assertEqual(self.bed.ask("PUT", "/gms/groups/hers/userMembers/bob?idType=HTTP", "carol").status, 201)
        self.assert_audited(begun["id"], user="admin", **{"from": "alice"}, to="carol", phase="COMPLETED", nodes=hers, groups=1, failed=0)

        self.assertIn(f"admin handed over {hers} nodes and 1 groups from alice to carol: COMPLETED, 0 failed", self.bed.log())

        # It is a change like any other: the journals have it.
        self.bed.down()
        os.unlink(os.path.join(self.bed.env["QUARTET_META"], "data.mdb"))
        self.bed.up()
        self.assertEqual(self.owners("/bob"),
                         {path: "carol" if owner == "alice" else owner for path, owner in before["/bob"].items()})
        self.assertEqual(self.hand_over("alice", "carol")["nodes"], 0)
        self.assertEqual(self.bed.tool("fsck")[0], 0)


class Doors(HandOver):
    settings = (*HandOver.settings, "administrators=admin,chief")

    def test_a_leaver_is_disabled_first(self):
        token = self.account("leaver")
        self.make("/leaver/f", token)
        self.assertEqual(self.bed.tool("user", "disable", "leaver")[0], 0)
        begun = self.begin("leaver", "bob")
        self.assertNotIn("warning", begun)
        self.assertEqual(self.end_of(begun["id"])["nodes"], 2)
        self.assertEqual(self.properties("/leaver/f", "bob")["creator"], "bob")

    def test_what_was_made_meanwhile_takes_another_job(self):
        token = self.account("busy")
        self.make("/busy/f", token)
        self.assertEqual(self.hand_over("busy", "bob")["nodes"], 2)
        answer = self.bed.ask("PUT", "/nodes/busy/late", None, self.bed.document("DataNode", "/busy/late"), {**XML, **token})
        self.assertEqual(answer.status, 403)
        document = self.bed.document("DataNode", "/busy/late", {"creator": "busy"})
        self.bed.create("DataNode", "/busy/late", "bob")
        self.bed.ask("POST", "/nodes/busy/late", "admin", document, XML)
        self.assertEqual(self.hand_over("busy", "bob")["nodes"], 1)
        self.assertEqual(self.hand_over("busy", "bob")["nodes"], 0)

    def test_what_is_wrong_is_refused_and_said(self):
        self.account("gone")
        self.bed.tool("user", "disable", "gone")
        asked = self.post("/account/register", None, username="waiting", password="a long password")
        self.assertEqual(asked.status, 201, asked.text)
        for fields, status, words in (
                ({"to": "bob"}, 400, "from is missing"), ({"from": "alice"}, 400, "to is missing"),
                ({"from": "", "to": "bob"}, 400, "from is missing"),
                ({"from": "alice", "to": "alice"}, 400, "'alice' cannot take over what is its own"),
                ({"from": "nobody", "to": "bob"}, 404, "no account 'nobody'"),
                ({"from": "alice", "to": "nobody"}, 404, "no account 'nobody'"),
                ({"from": "alice", "to": "CN=bob"}, 404, "no account 'CN=bob'"),
                ({"from": "alice", "to": "gone"}, 409, "the account 'gone' is disabled"),
                ({"from": "alice", "to": "waiting"}, 409, "the account 'waiting' is not approved yet"),
                ({"from": "admin", "to": "bob"}, 409, "'admin' owns '/', where allocations are made")):
            answer = self.bed.ask("POST", DOOR, "admin", urllib.parse.urlencode(fields), FORM)
            self.assertEqual(answer.status, status, answer.text)
            self.assertIn(words, answer.text)
        answer = self.bed.ask("POST", DOOR, "admin", "from=alice&to=bob&to=carol", FORM)
        self.assertEqual(answer.status, 400, answer.text)
        self.assertEqual(self.properties("/alice")["creator"], "alice")

    def test_administrators_only(self):
        token = json.loads(self.bed.ask("POST", "/account/tokens", "admin", "access=read", FORM).text)["token"]
        self.account("nora")
        job = self.hand_over("nora", "bob")["id"]
        for user, headers, status in ((None, {}, 401), ("bob", {}, 403), (None, {"Authorization": "Bearer " + token}, 403)):
            self.assertEqual(self.post(user=user, headers=headers, from_="alice", to="bob").status, status)
            self.assertEqual(self.post(f"{DOOR}/{job}", user, headers, action="abort").status, status)
            self.assertEqual(self.post(f"/async-hand-over/{job}/phase", user, headers, PHASE="ABORT").status, status)
            for target in (f"{DOOR}/{job}", "/async-hand-over", f"/async-hand-over/{job}"):
                self.assertEqual(self.bed.ask("GET", target, user, None, headers).status, status, target)
            self.assertEqual(self.bed.ask("DELETE", f"/async-hand-over/{job}", user, None, headers).status, status)
        self.assertEqual(self.properties("/alice")["creator"], "alice")

    def test_an_administrator_hands_the_root_to_another(self):
        self.account("chief")
        self.assertEqual(self.properties("/")["creator"], "admin")
        self.assertEqual(self.hand_over("admin", "chief")["phase"], "COMPLETED")
        self.assertEqual(self.properties("/")["creator"], "chief")
        answer = self.post(from_="chief", to="bob")
        self.assertEqual((answer.status, self.properties("/")["creator"]), (409, "chief"), answer.text)
        self.assertEqual(self.hand_over("chief", "admin")["phase"], "COMPLETED")

    def test_it_is_a_job_of_uws(self):
        self.make("/uwsa/f", self.account("uwsa"))
        self.account("uwsb")
        job = self.hand_over("uwsa", "uwsb")
        url = f"/async-hand-over/{job['id']}"
        root = ET.fromstring(self.bed.ask("GET", url, "admin").body)
        self.assertEqual((root.findtext(f"{{{UWS}}}phase"), root.findtext(f"{{{UWS}}}ownerId")), ("COMPLETED", "admin"))
        self.assertEqual({p.get("id"): p.text for p in root.iter(f"{{{UWS}}}parameter")}, {"from": "uwsa", "to": "uwsb"})
        self.assertEqual({r.get("id"): r.get(f"{{{XLINK}}}href") for r in root.iter(f"{{{UWS}}}result")},
                         {"successcount": "final:2", "groupcount": "final:0"})
        self.assertIn(job["id"], self.bed.ask("GET", "/async-hand-over", "admin").text)
        # It is begun at its own door, where what is wrong is said at once.
        self.assertEqual(self.post("/async-hand-over?PHASE=RUN", from_="carol", to="bob").status, 400)
        self.assertEqual(self.bed.ask("GET", f"{DOOR}/none", "admin").status, 404)
        self.assertEqual(self.post(f"{DOOR}/none", action="abort").status, 404)
        self.assertEqual(self.post(f"{DOOR}/{job['id']}", action="go").status, 400)
        self.assertEqual(self.bed.ask("DELETE", url, "admin").status, 303)
        self.assertEqual(self.bed.ask("GET", f"{DOOR}/{job['id']}", "admin").status, 404)

    def test_the_operators_program(self):
        self.make("/old/f", self.account("old"))
        self.account("young")
        status, text = self.bed.tool("user", "hand-over", "old", "young")
        self.assertEqual(status, 0, text)
        self.assertRegex(text, r"(?m)^[a-z0-9]{16}  COMPLETED  from old to young  2 nodes  0 groups  0 failed$")
        self.assertIn("quartet: 'old' is still active", text)
        self.assertEqual(self.properties("/old/f")["creator"], "young")
        self.bed.tool("user", "disable", "young")
        status, text = self.bed.tool("--json", "user", "hand-over", "young", "old", "--no-wait")
        self.assertEqual(status, 0, text)
        job = json.loads(text)
        self.assertEqual(self.end_of(job["id"])["nodes"], 3)
        status, text = self.bed.tool("user", "hand-over-show", job["id"])
        self.assertEqual((status, text), (0, f"{job['id']}  COMPLETED  from young to old  3 nodes  0 groups  0 failed\n"))
        self.assertEqual(self.bed.tool("user", "hand-over-abort", job["id"]), (0, text))  # it is over
        self.assert_audited(job["id"], user="operator", nodes=3)
        # His jobs are no stranger's, as those made without a name would be.
        for user, status in ((None, 401), ("bob", 403), ("admin", 200)):
            self.assertEqual(self.bed.ask("GET", f"/async-hand-over/{job['id']}", user).status, status)
        for words, status, said in ((("hand-over", "old", "young"), 1, "the account 'young' is disabled"),
                                    (("hand-over", "old"), 64, "usage:"), (("hand-over", "old", "bob", "now"), 64, "usage:"),
                                    (("hand-over-show",), 64, "usage:"), (("hand-over-show", "none"), 1, "not found: none"),
                                    (("hand-over-abort", "none"), 1, "not found: none")):
            found, text = self.bed.tool("user", *words)
            self.assertEqual(found, status, text)
            self.assertIn(said, text)

    def test_a_service_that_is_read_only_changes_no_owner(self):
        self.bed.tool("mode", "read-only", "until Friday")
        try:
            answer = self.post(from_="alice", to="bob")
            self.assertEqual(answer.status, 503, answer.text)
            self.assertIn("until Friday", answer.text)
        finally:
            self.bed.tool("mode", "read-write")


class Damaged(HandOver):
    def test_what_cannot_be_read_is_counted_and_the_rest_handed_over(self):
        marked = "a text that is nowhere else"
        for name in ("f1", "f2", "f3"):
            self.bed.create("DataNode", f"/alice/{name}", "alice", {"title": marked} if name == "f2" else None)
        self.bed.down()
        path = os.path.join(self.bed.env["QUARTET_META"], "data.mdb")
        with open(path, "r+b") as f:
            text = f.read()
            self.assertIn(marked.encode(), text)
            f.seek(0)
            f.write(text.replace(marked.encode(), marked.upper().encode()))
        self.bed.up()
        outcome = self.hand_over("alice", "carol")
        self.assertEqual((outcome["phase"], outcome["nodes"], outcome["failed"]), ("ERROR", 3, 1))
        self.assertEqual(outcome["message"], "1 could not be handed over, the first: the record of a node is damaged")
        self.assertEqual(self.properties("/alice/f3")["creator"], "carol")
        text = self.bed.ask("GET", f"/async-hand-over/{outcome['id']}", "admin").text
        for words in ("final:3", "final:1", "errorcount", "could not be handed over"):
            self.assertIn(words, text)
        self.assert_audited(outcome["id"], phase="ERROR", nodes=3, failed=1)
        status, text = self.bed.tool("user", "hand-over", "alice", "carol")
        self.assertEqual(status, 1, text)
        self.assertIn("1 failed: 1 could not be handed over", text)


class Large(HandOver):
    """More than is done at once: who else works meanwhile, an abort, the end of the server."""

    settings = ("meta_batch=1",)  # each change has a commit of its own, so that it takes a while
    NODES = 3000
    TOTAL = NODES + 2

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for name in ("one", "two"):
            cls.bed.tool("user", "add", name)
        with cls.bed.nodes("alice") as create:
            create("ContainerNode", "/alice/many")
            for i in range(cls.NODES):
                create("DataNode", f"/alice/many/n{i:04}")

    def setUp(self):
        for name in ("one", "two"):
            self.assertEqual(self.hand_over(name, "alice")["phase"], "COMPLETED")

    def begin_large(self):
        job = self.begin("alice", "one")
        self.assertEqual(job["phase"], "EXECUTING")
        return job["id"]

    def rest(self):
        """What an unfinished job has left."""
        outcome = self.hand_over("alice", "one")
        self.assertEqual(outcome["phase"], "COMPLETED")
        return outcome["nodes"]

    def test_others_go_on_meanwhile(self):
        made = []
        job = self.begin_large()
        with self.bed.nodes("bob") as create:
            while self.look(job)["phase"] == "EXECUTING":
                made.append(f"/bob/meanwhile{len(made)}")
                create("DataNode", made[-1])
        outcome = self.look(job)
        self.assertEqual((outcome["phase"], outcome["nodes"]), ("COMPLETED", self.TOTAL))
        self.assertGreater(len(made), 3)
        self.assertEqual(set(self.owners("/bob").values()), {"bob"})

    def test_an_abort_leaves_the_rest(self):
        job = self.begin_large()
        answer = self.post(f"{DOOR}/{job}", action="abort")
        self.assertEqual(answer.status, 200, answer.text)
        outcome = self.end_of(job)
        self.assertEqual(outcome["phase"], "ABORTED")
        self.assertGreater(outcome["nodes"], 0)
        self.assert_audited(job, phase="ABORTED", nodes=outcome["nodes"])
        rest = self.rest()
        self.assertGreater(rest, 0)
        self.assertEqual(outcome["nodes"] + rest, self.TOTAL)

    def test_an_abort_by_uws(self):
        job = self.begin_large()
        self.assertEqual(self.post(f"/async-hand-over/{job}/phase", PHASE="ABORT").status, 303)
        self.assertEqual(self.end_of(job)["phase"], "ABORTED")

    def test_a_target_disabled_meanwhile_gets_no_more(self):
        job = self.begin_large()
        self.bed.tool("user", "disable", "one")
        try:
            outcome = self.end_of(job)
            self.assertEqual(outcome["phase"], "ERROR")
            self.assertIn("the account 'one' is disabled", outcome["message"])
            self.assertLess(outcome["nodes"], self.TOTAL)
        finally:
            self.bed.tool("user", "enable", "one")

    def test_an_administrator_disabled_meanwhile_does_no_more(self):
        job = self.begin_large()
        self.bed.tool("user", "disable", "admin")
        try:
            def show():
                return json.loads(self.bed.tool("--json", "user", "hand-over-show", job)[1])
            wait_until(lambda: show()["phase"] in OVER)
            self.assertEqual(show()["phase"], "ERROR")
            self.assertIn("only an administrator does that", show()["message"])
        finally:
            self.bed.tool("user", "enable", "admin")

    def test_a_server_that_ends_goes_on_afterwards(self):
        job = self.begin_large()
        self.bed.down()
        self.bed.up()
        outcome = self.end_of(job)
        self.assertEqual((outcome["phase"], outcome["nodes"]), ("COMPLETED", self.TOTAL))
        self.assertEqual(self.rest(), 0)
        self.assert_audited(job, phase="COMPLETED", nodes=self.TOTAL)

    def test_a_killed_server_goes_on_afterwards(self):
        job = self.begin_large()
        os.kill(self.bed.pid, signal.SIGKILL)
        self.bed.down()
        self.bed.up()
        outcome = self.end_of(job)
        self.assertEqual(outcome["phase"], "COMPLETED")
        self.assertLessEqual(outcome["nodes"], self.TOTAL)  # the last half second is not counted
        self.assertGreater(outcome["nodes"], 0)
        self.assertEqual(self.rest(), 0)

    def test_two_at_once_leave_nothing_over(self):
        jobs = []
        threads = [threading.Thread(target=lambda to=to: jobs.append(self.begin("alice", to)["id"])) for to in ("one", "two")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        outcomes = [self.end_of(job) for job in jobs]
        self.assertEqual([o["phase"] for o in outcomes], ["COMPLETED", "COMPLETED"])
        self.assertEqual(sum(o["nodes"] for o in outcomes), self.TOTAL)
        self.assertEqual(self.rest(), 0)


if __name__ == "__main__":
    main()
