# SPDX-License-Identifier: Apache-2.0
"""Groups of an outside group service: asked about, kept for a while, and missed only where they matter."""

import concurrent.futures
import itertools
import json
import os
import re
import subprocess
import tempfile
import time
import urllib.parse
import xml.etree.ElementTree as ET

from gms_service import AUTHORITY, GmsService
from https_peer import Peer
from quartet_test import TOP, VOS, Testbed, main, unittest, wait_until
from transfers import CORE, FORM, TransferJobs, transfer

MAKE_CA = os.path.join(TOP, "scripts", "make-test-ca")
CADC = "ivo://cadc.nrc.ca/vospace/core#"
LIFE_S, RETRY_S, TIMEOUT_S = 2, 1, 1
SOON_S = 0.9  # less than a timeout: nobody waited
numbers = itertools.count(1)


class OutsideTest(unittest.TestCase):
    bed = service = None

    @classmethod
    def begin(cls, service, **settings):
        cls.service = service
        cls.addClassCleanup(service.close)
        cls.bed = Testbed.start(settings=service.settings(**settings))
        cls.addClassCleanup(cls.bed.close)
        # An allocation of somebody else's that all may enter, where nothing is inherited.
        assert cls.bed.tool("user", "add", "dora")[0] == 0
        assert cls.bed.create("ContainerNode", "/open", "admin", {
            "creator": "dora", "ispublic": "true", "groupwrite": cls.local("staff"),
            CADC + "inheritPermissions": "false"}).status == 201

    @classmethod
    def local(cls, group):
        authority = cls.bed.env["QUARTET_AUTHORITY"].partition("~")[0]
        return f"ivo://{authority}/gms?{group}"

    def person(self):
        """A new account: (name, what a request of its brings along)."""
        name = f"p{next(numbers)}"
        status, text = self.bed.tool("user", "add", name)
        self.assertEqual(status, 0, text)
        status, text = self.bed.tool("user", "token", name)
        self.assertEqual(status, 0, text)
        return name, {"Authorization": "Bearer " + text.split()[0]}

    def fresh(self, kind="DataNode", **props):
        path = f"/open/n{next(numbers)}"
        answer = self.bed.create(kind, path, "alice", props)
        self.assertEqual(answer.status, 201, answer.text)
        return path

    def read(self, path, who=None):
        """A listing: it takes the right to read, not only that to come there."""
        return self.bed.ask("GET", f"/nodes{path}?limit=1", None, headers=who[1] if who else None)

    def container(self, **props):
        return self.fresh("ContainerNode", **props)

    def timed(self, path, who):
        begin = time.monotonic()
        answer = self.read(path, who)
        return answer.status, time.monotonic() - begin

    def well(self):
        """The service answers, and the server knows that again."""
        s = self.service
        s.gate.set()
        s.say, s.heeds = None, True
        s.headers.clear()
        s.refuses.clear()
        if s.server is None:
            s.up()
        who, path = self.person(), self.container(groupread=s.uri("anything"))

        def it_is_asked_again():
            return self.read(path, who).status == 403
        wait_until(it_is_asked_again)


class Outside(OutsideTest):
    @classmethod
    def setUpClass(cls):
        cls.begin(GmsService.start())

    def setUp(self):
        self.service.members.clear()
        self.addCleanup(self.well)

    def log_lines(self, text):
        return self.bed.log().count(text)

    def assertLogged(self, text, times):
        """So often, and not more often; lines are written a moment later."""
        def it_is_there():
            return self.log_lines(text) >= times
        wait_until(it_is_there)
        self.assertEqual(self.log_lines(text), times)

    # Who is in a group

    def test_members_read_and_others_do_not(self):
        path = self.container(groupread=self.service.uri("readers"))
        inside, outside = self.person(), self.person()
        self.service.members["readers"] = {inside[0]}
        self.assertEqual(self.read(path, inside).status, 200)
        self.assertEqual(self.read(path, outside).status, 403)
        before = len(self.service.calls)
        self.assertEqual(self.read(path).status, 401)
        self.assertEqual(self.bed.ask("GET", "/nodes/public").status, 200)
        self.assertEqual(len(self.service.calls), before)

    def test_one_of_four_groups_of_both_kinds_is_enough(self):
        s = self.service
        path = self.container(groupread=" ".join((s.uri("one"), self.local("team-b"), "ivo://nobody.knows/gms?three",
                                                  AUTHORITY.upper().replace("IVO", "ivo") + "?four")))
        who = [self.person() for _ in range(4)]
        s.members.update(one={who[0][0]}, three={who[1][0]}, four={who[2][0]}, **{"team-b": {who[3][0]}})
        self.assertEqual([self.read(path, w).status for w in who], [200, 403, 200, 403])
        self.assertEqual(self.bed.ask("GET", f"/nodes{path}?limit=1", "bob").status, 200)
        self.assertEqual(self.bed.ask("GET", f"/nodes{path}?limit=1", "carol").status, 403)

    def test_a_certificate_is_asked_about_by_its_name(self):
        path = self.container(groupread=self.service.uri("by-name"))
        self.service.members["by-name"] = {"carol"}

        def carol_is_in_it():
            return self.bed.ask("GET", f"/nodes{path}?limit=1", "carol").status == 200
        wait_until(carol_is_in_it, limit_s=10 * LIFE_S)
        self.assertIn("carol", self.service.calls)

    def test_who_has_no_account_is_asked_about_by_his_certificate(self):
        pki = os.path.dirname(self.bed.env["QUARTET_CA"])
        subprocess.run([MAKE_CA, pki, "--user", "guest=CN=visitor,OU=users,O=else"], check=True, stdout=subprocess.DEVNULL,
                       timeout=60)
        self.bed.env["QUARTET_CERT_VISITOR"] = os.path.join(pki, "guest.pem")
        path = self.container(groupread=self.service.uri("visitors"))
        self.service.members["visitors"] = {"visitor"}
        self.assertEqual(self.bed.ask("GET", f"/nodes{path}?limit=1", "visitor").status, 200)

    def test_somebody_with_two_names_is_in_the_groups_of_each(self):
        s, who = self.service, self.person()
        second = who[0] + "-too"
        for name in (who[0], second):
            self.assertEqual(self.bed.tool("user", "dn-add", who[0], f"CN={name},OU=users,O=else")[0], 0)
        s.members.update(one={who[0]}, two={second})
        for group, status in (("one", 200), ("two", 200), ("three", 403)):
            self.assertEqual(self.read(self.container(groupread=s.uri(group)), who).status, status, group)
        # Another name is another question at once, whatever is kept.
        self.assertEqual(self.bed.tool("user", "dn-remove", who[0], f"CN={second},OU=users,O=else")[0], 0)
        self.assertEqual(self.read(self.container(groupread=s.uri("two")), who).status, 403)

    def test_write_groups_write(self):
        s = self.service
        path = self.container(groupread=s.uri("r"), groupwrite=s.uri("w"), ispublic="false")
        reader, writer = self.person(), self.person()
        s.members.update(r={reader[0]}, w={writer[0]})
        for who, status in ((reader, 403), (writer, 201)):
            self.assertEqual(self.bed.put(path + "/file", b"bytes", None, who[1]).status, status)
        self.assertEqual(self.bed.ask("GET", f"/files{path}/file", None, headers=reader[1]).status, 403)  # its own groups count
        self.assertEqual(self.bed.ask("DELETE", f"/nodes{path}/file", None, headers=reader[1]).status, 403)
        self.assertEqual(self.bed.ask("DELETE", f"/nodes{path}/file", None, headers=writer[1]).status, 200)

    def flags(self, path, who):
        text = self.bed.ask("GET", f"/nodes{path}?detail=max", None, headers=who[1]).body
        found = {}
        for node in ET.fromstring(text).iter(f"{{{VOS}}}node"):
            uris = {p.get("uri") for p in node.iter(f"{{{VOS}}}property")}
            found[node.get("uri").rpartition("/")[2]] = [CADC + f in uris for f in ("readable", "writable")]
        return found

    def test_flags_of_a_listing_know_them(self):
        s = self.service
        path = self.container(ispublic="true")
        for name, props in (("r", {"groupread": s.uri("r")}), ("w", {"groupwrite": s.uri("w")}), ("n", {})):
            self.assertEqual(self.bed.create("DataNode", f"{path}/{name}", "alice", props).status, 201)
        who = self.person()
        s.members.update(r={who[0]}, w={who[0]})
        found = self.flags(path, who)
        self.assertEqual([found[n] for n in "rwn"], [[True, False], [True, True], [False, False]])
        s.down()
        found = self.flags(path, self.person())
        self.assertEqual([found[n] for n in "rwn"], [[False, False]] * 3)

    def finished(self, url, who):
        def it_is():
            return self.bed.ask("GET", url + "/phase", None, headers=who[1]).text not in ("PENDING", "QUEUED", "EXECUTING")
        wait_until(it_is)
        return self.bed.ask("GET", url + "/phase", None, headers=who[1]).text

    def job(self, endpoint, body, kind, who):
        answer = self.bed.ask("POST", endpoint, None, body, {"Content-Type": kind, **who[1]})
        self.assertEqual(answer.status, 303, answer.text)
        url = answer.headers["Location"]
        self.assertEqual(self.bed.ask("POST", url + "/phase", None, "PHASE=RUN", {
            "Content-Type": "application/x-www-form-urlencoded", **who[1]}).status, 303)
        return url

    def tree(self):
        s = self.service
        props = {"groupwrite": s.uri("w"), "groupread": s.uri("w")}
        path = self.container(**props)
        for child in ("a", "b"):
            self.assertEqual(self.bed.create("ContainerNode", f"{path}/{child}", "alice", props).status, 201)
            self.assertEqual(self.bed.create("DataNode", f"{path}/{child}/x", "alice", props).status, 201)
        return path

    def test_jobs_know_them(self):
        path, who, other = self.tree(), self.person(), self.person()
        self.service.members["w"] = {who[0]}
        document = self.bed.document("ContainerNode", path, {"title": "changed"})
        self.assertEqual(self.finished(self.job("/async-setprops", document, "text/xml", other), other), "ERROR")
        self.assertEqual(self.finished(self.job("/async-setprops", document, "text/xml", who), who), "COMPLETED")
        self.assertIn("changed", self.bed.ask("GET", f"/nodes{path}/b/x", "alice").text)
        form, target = "application/x-www-form-urlencoded", "target=" + self.bed.uri(path + "/a")
        self.assertEqual(self.finished(self.job("/async-delete", target, form, other), other), "ERROR")
        self.assertEqual(self.finished(self.job("/async-delete", target, form, who), who), "COMPLETED")
        self.assertEqual(self.bed.ask("GET", f"/nodes{path}/a", "alice").status, 404)

    def test_a_job_without_the_service_says_so(self):
        path, who = self.tree(), self.person()
        self.service.down()
        url = self.job("/async-setprops", self.bed.document("ContainerNode", path, {"title": "x"}), "text/xml", who)
        self.assertEqual(self.finished(url, who), "ERROR")
        self.assertIn("group service", self.bed.ask("GET", url, None, headers=who[1]).text)

    def test_a_move_and_a_copy_know_them(self):
        s, who = self.service, self.person()
        place = self.container(groupread=s.uri("w"), groupwrite=s.uri("w"))
        self.assertEqual(self.bed.create("DataNode", place + "/x", "alice", {"groupread": s.uri("w")}).status, 201)
        s.members["w"] = {who[0]}
        for keep in ("true", "false"):
            body = (f'<vos:transfer xmlns:vos="{VOS}"><vos:target>{self.bed.uri(place + "/x")}</vos:target><vos:direction>'
                    f'{self.bed.uri(place + "/y" + keep)}</vos:direction><vos:keepBytes>{keep}</vos:keepBytes></vos:transfer>')
            self.assertEqual(self.finished(self.job("/transfers", body, "text/xml", who), who), "COMPLETED", keep)

    def archive(self, path, who):
        return self.bed.ask("POST", "/synctrans", None,
                            "DIRECTION=pullFromVoSpace&PROTOCOL=ivo://ivoa.net/vospace/core%23httpsget"
                            "&VIEW=vos://cadc.nrc.ca~vospace/CADC/std/Pkg-1.0&RESPONSEFORMAT=application/x-tar"
                            "&TARGET=" + self.bed.uri(path),
                            {"Content-Type": "application/x-www-form-urlencoded", **who[1]})

    def test_archives_know_them(self):
        s, who = self.service, self.person()
        path = self.container(ispublic="true")
        for name, props in (("r", {"groupread": s.uri("r")}), ("n", {})):
            self.assertEqual(self.bed.create("DataNode", f"{path}/{name}", "alice", props).status, 201)
            self.assertEqual(self.bed.put(f"{path}/{name}", name.encode() * 100).status, 201)
        s.members["r"] = {who[0]}
        answer = self.archive(path, who)
        self.assertEqual(answer.status, 303, answer.text)
        tar = self.bed.ask("GET", answer.headers["Location"], None, headers=who[1])
        self.assertEqual(tar.status, 200)
        self.assertIn(b"r" * 100, tar.body)
        self.assertNotIn(b"n" * 100, tar.body)
        s.down()
        late = self.person()
        answer = self.archive(path, late)
        self.assertEqual(answer.status, 303, answer.text)
        self.assertEqual(self.bed.ask("GET", answer.headers["Location"], None, headers=late[1]).status, 503)

    def test_a_deep_listing_leaves_nothing_out_without_a_word(self):
        s, path = self.service, self.container(ispublic="true")
        self.assertEqual(self.bed.create("ContainerNode", path + "/d", "alice", {"groupread": s.uri("r")}).status, 201)
        who = self.person()
        s.down()
        self.assertEqual(self.bed.ask("GET", f"/nodes{path}?depth=3", None, headers=who[1]).status, 503)
        self.assertEqual(self.bed.ask("GET", f"/nodes{path}", None, headers=who[1]).status, 200)

    def test_a_group_of_it_is_set_without_asking_whether_it_is_there(self):
        s, path = self.service, self.container()
        s.down()
        text = f"{s.uri('not-there')} {s.uri('nor-this')}"
        self.assertEqual(self.bed.ask("POST", "/nodes" + path, "alice", self.bed.document(
            "ContainerNode", path, {"groupread": text}), {"Content-Type": "text/xml"}).status, 200)
        self.assertIn(text, self.bed.ask("GET", f"/nodes{path}", "alice").text)

    # How often it is asked

    def test_many_who_ask_at_once_make_one_call(self):
        path, who = self.container(groupread=self.service.uri("many")), self.person()
        self.service.members["many"] = {who[0]}
        self.service.gate.clear()
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            answers = [pool.submit(self.read, path, who) for _ in range(20)]

            def it_is_asked():
                return self.service.calls_about(who[0]) > 0
            wait_until(it_is_asked)
            time.sleep(0.3)  # the others come, too
            self.service.gate.set()
            self.assertEqual([a.result().status for a in answers], [200] * 20)
        self.assertEqual(self.service.calls_about(who[0]), 1)

    def test_yes_and_no_are_both_kept(self):
        path, inside, outside = self.container(groupread=self.service.uri("kept")), self.person(), self.person()
        self.service.members["kept"] = {inside[0]}
        begin = time.monotonic()
        for _ in range(5):
            self.assertEqual(self.read(path, inside).status, 200)
            self.assertEqual(self.read(path, outside).status, 403)
        if time.monotonic() - begin < LIFE_S:
            self.assertEqual([self.service.calls_about(w[0]) for w in (inside, outside)], [1, 1])

    def test_a_change_there_takes_effect(self):
        path, who = self.container(groupread=self.service.uri("changing")), self.person()
        for members, status in ((set(), 403), ({who[0]}, 200), (set(), 403)):
            self.service.members["changing"] = members
            begin = time.monotonic()

            def it_counts():
                return self.read(path, who).status == status
            wait_until(it_counts)
            self.assertLess(time.monotonic() - begin, LIFE_S + 3)

    def test_on_a_kept_connection_it_ends_too(self):
        path, who = self.container(groupread=self.service.uri("held")), self.person()
        self.service.members["held"] = {who[0]}
        connection = self.bed.connect()
        self.addCleanup(connection.close)

        def status():
            connection.request("GET", f"/vault/nodes{path}?limit=1", headers=who[1])
            answer = connection.getresponse()
            answer.read()
            return answer.status
        self.assertEqual(status(), 200)
        self.service.members["held"] = set()

        def it_ends():
            return status() == 403
        wait_until(it_ends, limit_s=LIFE_S + 10)
        self.assertLessEqual(self.service.calls_about(who[0]), 12)

    def test_what_it_says_about_how_long_counts(self):
        path, who = self.container(groupread=self.service.uri("short")), self.person()
        self.service.members["short"] = {who[0]}
        self.service.headers["Expires"] = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() - 1000))
        self.assertEqual([self.read(path, who).status for _ in range(3)], [200] * 3)
        self.assertEqual(self.service.calls_about(who[0]), 1)

    def test_connections_to_it_are_kept(self):
        path, before = self.container(groupread=self.service.uri("x")), self.service.connections
        for _ in range(8):
            self.assertEqual(self.read(path, self.person()).status, 403)
        self.assertLessEqual(self.service.connections - before, 4)

    # When it is not there

    def everything_else(self, who, group_path):
        """Goes on, and at once."""
        own = f"/{who[0]}"
        self.assertEqual(self.bed.tool("group", "add", "team-c", who[0])[0], 0)
        ours = self.container(groupread=f"{self.service.uri('any')} {self.local('team-c')}")
        public = self.container(ispublic="true", groupread=self.service.uri("any"))
        self.assertEqual(self.bed.create("ContainerNode", own, "admin", {"creator": who[0]}).status, 201)
        for path in (ours, public, own, "/public"):
            status, took = self.timed(path, who)
            self.assertEqual(status, 200, path)
            self.assertLess(took, SOON_S, path)
        self.assertEqual(self.bed.put(own + "/mine", b"bytes", None, who[1]).status, 201)
        self.assertEqual(self.read(group_path, who).status, 503)

    def test_without_it_only_who_depends_on_it_is_told(self):
        s = self.service
        path = self.container(groupread=s.uri("gone"))
        known, late = self.person(), self.person()
        s.members["gone"] = {known[0]}
        told, back = (self.log_lines(t) for t in ("cannot be asked: ", "answers again"))
        begin = time.monotonic()
        self.assertEqual(self.read(path, known).status, 200)
        s.down()
        answer = self.read(path, late)
        self.assertEqual(answer.status, 503)
        self.assertIn(AUTHORITY, answer.text)
        self.assertIn("Retry-After", answer.headers)
        again = self.read(path, known).status
        if time.monotonic() - begin < LIFE_S:
            self.assertEqual(again, 200)
        self.everything_else(self.person(), path)
        for _ in range(10):
            self.assertEqual(self.read(path, late).status, 503)
        self.assertEqual(self.read(path).status, 401)

        def it_ends_for_whom_it_counted_too():
            return self.read(path, known).status == 503
        wait_until(it_ends_for_whom_it_counted_too)
        self.assertLogged("cannot be asked: ", told + 1)
        self.assertIn(AUTHORITY, self.bed.ask("GET", "/availability").text)
        s.up()

        def it_is_back():
            return self.read(path, late).status == 403
        wait_until(it_is_back)
        self.assertLogged("answers again", back + 1)
        self.assertEqual(self.read(path, known).status, 200)
        self.assertNotIn(AUTHORITY, self.bed.ask("GET", "/availability").text)

    def test_an_upload_whose_body_has_begun_gets_500(self):
        path = self.container(groupwrite=self.service.uri("w"), groupread=self.service.uri("w"))
        self.service.down()
        answer = self.bed.put(path + "/x", b"bytes", None, self.person()[1])
        self.assertEqual(answer.status, 500, answer.text)
        self.assertIn("group service", answer.text)

    def test_while_it_hangs_nobody_else_waits(self):
        s = self.service
        path, public = self.container(groupread=s.uri("any")), self.container(ispublic="true")
        known, others = self.person(), [self.person() for _ in range(12)]
        self.assertEqual(self.read(path, known).status, 403)
        s.gate.clear()
        begin = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            waiting = [pool.submit(self.read, path, w) for w in others]

            def it_hangs():
                return len(set(s.calls) & {w[0] for w in others}) >= 4
            wait_until(it_hangs)
            for _ in range(5):
                status, took = self.timed(public, None)
                self.assertEqual(status, 200)
                self.assertLess(took, SOON_S)
            self.assertEqual([w.result().status for w in waiting], [503] * 12)
        self.assertLess(time.monotonic() - begin, 3 * TIMEOUT_S + 2)
        # Those who had to wait for their turn were not asked about any more.
        self.assertLessEqual(len(set(s.calls) & {w[0] for w in others}), 4)
        for who in others:
            status, took = self.timed(path, who)
            self.assertEqual(status, 503)
            self.assertLess(took, SOON_S)
        self.everything_else(self.person(), path)

    def test_it_is_not_asked_again_before_its_time(self):
        s, path, who = self.service, self.container(groupread=self.service.uri("any")), self.person()
        s.say = (500, "text/plain", "out of order")
        self.assertEqual(self.read(path, who).status, 503)
        begin, before = time.monotonic(), len(s.calls)
        for _ in range(30):
            self.assertEqual(self.read(path, who).status, 503)
        wait_until(lambda: len(s.calls) > before or self.read(path, who).status != 503)
        self.assertGreater(time.monotonic() - begin, RETRY_S * 0.8)
        self.assertLessEqual(len(s.calls) - before, 1 + (time.monotonic() - begin) / RETRY_S)

    def test_nonsense_is_no_answer(self):
        path = self.container(groupread=self.service.uri("any"))
        for say in ((200, "text/html", "<html>sign in</html>"), (200, "text/plain", "<html>\n"), (200, "text/plain", "any"),
                    (200, "text/xml", "<group/>"), (200, "text/xml", "<groups>"), (302, "text/plain", ""),
                    (404, "text/html", "no such page"), (401, "text/plain", ""), (403, "text/plain", "who are you?"),
                    (503, "text/plain", "later"), (200, "text/plain", "any\r\n" * 20000)):
            with self.subTest(say[:2]):
                self.service.say = say
                self.assertEqual(self.read(path, self.person()).status, 503)
                self.well()

    def test_a_user_it_does_not_know_is_in_no_group(self):
        path, who = self.container(groupread=self.service.uri("any")), self.person()
        self.service.refuses[who[0]] = (404, "text/plain", "no such user")
        self.assertEqual(self.read(path, who).status, 403)

    def test_a_question_it_refuses_spoils_no_other(self):
        path, odd, who = self.container(groupread=self.service.uri("any")), self.person(), self.person()
        self.service.members["any"] = {who[0]}
        self.service.refuses[odd[0]] = (400, "text/plain", "no user is called so")
        self.assertEqual([self.read(path, odd).status for _ in range(3)], [503] * 3)
        self.assertEqual(self.service.calls_about(odd[0]), 1)
        self.assertEqual(self.read(path, who).status, 200)

    def test_one_that_answers_for_whoever_asks_is_not_believed(self):
        s, path = self.service, self.container(groupread=self.service.uri("ours"))
        s.own_groups, s.heeds = {"ours"}, False

        def it_is_looked_at_again():
            return self.read(path, self.person()).status == 503
        wait_until(it_is_looked_at_again)
        for _ in range(3):
            self.assertEqual(self.read(path, self.person()).status, 503)
        self.assertIn("it says that nobody is in groups", self.bed.log())

    # What it comes with

    def test_a_token_of_less_reaches_no_further(self):
        s = self.service
        path, other = (self.container(groupread=s.uri("w"), groupwrite=s.uri("w")) for _ in range(2))
        s.members["w"] = {"bob"}
        made = self.bed.ask("POST", "/account/tokens", "bob", f"access=read&path={path}",
                            {"Content-Type": "application/x-www-form-urlencoded"})
        limited = ("bob", {"Authorization": "Bearer " + json.loads(made.text)["token"]})

        def bob_is_in_it():
            return self.read(path, limited).status == 200
        wait_until(bob_is_in_it)
        self.assertEqual(self.bed.put(path + "/x", b"bytes", "bob").status, 201)
        self.assertEqual(self.bed.put(path + "/y", b"bytes", None, limited[1]).status, 403)
        self.assertEqual(self.read(other, limited).status, 403)

    def test_a_link_reads_in_the_name_of_whose_it_is(self):
        s, form = self.service, {"Content-Type": "application/x-www-form-urlencoded"}
        path = self.container(groupread=s.uri("w"), groupwrite=s.uri("w"))
        s.members["w"] = {"bob"}

        def bob_shares_it():
            self.made = self.bed.ask("POST", "/account/links", "bob", urllib.parse.urlencode({"path": path}), form)
            return self.made.status != 403
        wait_until(bob_shares_it)
        address, _, text = json.loads(self.made.text)["url"].partition("#")
        top = urllib.parse.urlsplit(address).path
        opened = self.bed.ask("POST", top + "/open", None, urllib.parse.urlencode({"link": text}), form)
        cookie = {"Cookie": opened.headers["Set-Cookie"].partition(";")[0]}

        def status():
            return self.bed.ask("GET", f"{top}/vault/nodes{path}?limit=1", None, headers=cookie).status
        self.assertEqual(status(), 200)
        s.members["w"] = set()
        wait_until(lambda: status() == 403)

    def test_metrics_count_it(self):
        path, who = self.container(groupread=self.service.uri("any")), self.person()

        def value(name):
            text = self.bed.ask("GET", f"https://{self.bed.env['QUARTET_HOST']}/metrics", "admin").text
            return float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.M)[1])
        ok, failed, hits = ('quartet_gms_calls_total{outcome="ok"}', 'quartet_gms_calls_total{outcome="failed"}',
                            "quartet_gms_cache_hits_total")
        before = [value(n) for n in (ok, failed, hits)]
        for _ in range(2):
            self.read(path, who)
        self.assertEqual([value(ok) - before[0], value(failed) - before[1]], [1, 0])
        self.assertGreaterEqual(value(hits), before[2] + 1)
        self.assertEqual(value("quartet_gms_up"), 1)
        self.service.down()
        unknown = value("quartet_gms_unknown_total")
        self.read(path, self.person())
        self.assertEqual(value("quartet_gms_up"), 0)
        self.assertEqual(value("quartet_gms_unknown_total"), unknown + 1)
        self.assertGreater(value(failed), before[1])

    def test_the_registry_names_it(self):
        text = self.bed.ask("GET", "/reg/resource-caps").text
        lines = dict(line.split(" = ") for line in text.splitlines() if line and not line.startswith("#"))
        self.assertEqual(lines[AUTHORITY], f"https://localhost:{self.service.port}/ac/capabilities")
        ours = f"https://{self.bed.env['QUARTET_HOST']}/gms/capabilities"
        self.assertEqual(lines["ivo://cadc.nrc.ca/gms"], ours)
        self.assertEqual(lines[self.local("").rstrip("?")], ours)


class Alias(OutsideTest):
    """With the authority all clients write, by names of accounts, a bearer token and documents; two answers are kept."""

    @classmethod
    def setUpClass(cls):
        service = GmsService.start("HTTP", "xml")
        service.authority = "ivo://cadc.nrc.ca/gms"
        cls.begin(service, gms_authorities="ivo://CADC.nrc.ca/gms,ivo://gms.example.org/gms", gms_certificate=None,
                  gms_token=service.file("token"), gms_cache="2", gms_life="5min", gms_negative_life="5min")

    def test_the_alias_is_that_service(self):
        inside, outside = self.person(), self.person()
        self.service.members["staff"] = {inside[0]}
        for authority in ("ivo://cadc.nrc.ca/gms", AUTHORITY):
            path = self.container(groupread=authority + "?staff")
            self.assertEqual([self.read(path, w).status for w in (inside, outside)], [200, 403])
            self.assertEqual(self.bed.ask("GET", f"/nodes{path}?limit=1", "bob").status, 403)
        path = self.container(groupread=self.local("staff"))
        self.assertEqual(self.bed.ask("GET", f"/nodes{path}?limit=1", "bob").status, 200)
        self.assertEqual(self.read(path, inside).status, 403)
        # Two groups, no longer two names of one.
        both = f"ivo://cadc.nrc.ca/gms?staff {self.local('staff')}"
        path = self.container(groupread=both)
        self.assertIn(both, self.bed.ask("GET", f"/nodes{path}", "alice").text)

    def test_our_own_group_service_goes_on_under_its_own_name(self):
        text = self.bed.ask("GET", "/gms/groups/staff", "alice").text
        self.assertIn(f'uri="{self.local("staff")}"', text)
        self.assertNotIn("cadc.nrc.ca", text)
        self.assertEqual(self.bed.ask("PUT", "/gms/groups", "alice", f'<group uri="{self.local("made")}"/>',
                                      {"Content-Type": "text/xml"}).status, 201)
        answer = self.bed.ask("PUT", "/gms/groups", "alice", '<group uri="ivo://cadc.nrc.ca/gms?theirs"/>',
                              {"Content-Type": "text/xml"})
        self.assertEqual(answer.status, 400, answer.text)
        self.assertIn("staff", self.bed.ask("GET", "/gms/search", "alice").text)

    def test_the_registry_sends_clients_there(self):
        text = self.bed.ask("GET", "/reg/resource-caps").text
        lines = [line.split(" = ") for line in text.splitlines() if line and not line.startswith("#")]
        found = [url for name, url in lines if name.lower() == "ivo://cadc.nrc.ca/gms"]
        self.assertEqual(found, [f"https://localhost:{self.service.port}/ac/capabilities"])

    def test_no_more_answers_are_kept_than_that(self):
        s, path = self.service, self.container(groupread=self.service.uri("few"))
        people = [self.person() for _ in range(3)]
        s.members["few"] = {w[0] for w in people}
        for who in (people[0], people[1], people[0], people[2], people[0], people[1]):
            self.assertEqual(self.read(path, who).status, 200)
        self.assertEqual([s.calls_about(w[0]) for w in people], [1, 2, 1])

    def test_an_answer_may_count_for_less(self):
        path, who = self.container(groupread=self.service.uri("short")), self.person()
        self.service.members["short"] = {who[0]}
        self.service.headers["Expires"] = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 3))
        self.addCleanup(self.service.headers.clear)
        self.assertEqual(self.read(path, who).status, 200)
        self.service.members["short"] = set()

        def it_is_over():
            return self.read(path, who).status == 403
        wait_until(it_is_over)

    def test_a_certificate_without_account_has_no_name_there(self):
        pki = os.path.dirname(self.bed.env["QUARTET_CA"])
        subprocess.run([MAKE_CA, pki, "--user", "nameless=CN=nameless,O=else"], check=True,
                       stdout=subprocess.DEVNULL, timeout=60)
        self.bed.env["QUARTET_CERT_NAMELESS"] = os.path.join(pki, "nameless.pem")
        path, before = self.container(groupread=self.service.uri("few")), len(self.service.calls)
        self.assertEqual(self.bed.ask("GET", f"/nodes{path}?limit=1", "nameless").status, 403)
        self.assertEqual(len(self.service.calls), before)


class Fetching(TransferJobs, OutsideTest):
    """Transfers with other services, one at a time: what was so when they began may not be when it is their turn."""

    @classmethod
    def setUpClass(cls):
        cls.peer = Peer.start()
        cls.addClassCleanup(cls.peer.close)
        cls.begin(GmsService.start(), remote_hosts=cls.peer.name, remote_private="127.0.0.0/8", remote_ca=cls.peer.ca,
                  remote_jobs_max="1")

    def setUp(self):
        self.well()
        self.addCleanup(self.service.gate.set)

    def fetch(self, path, name, user):
        url = self.job(transfer(self.bed.uri(path), "pullToVoSpace",
                                f'<vos:protocol uri="{CORE}httpsget"><vos:endpoint>{self.peer.url(name)}</vos:endpoint></vos:protocol>'),
                       user)
        self.assertEqual(self.bed.ask("POST", url + "/phase", user, "PHASE=RUN", FORM).status, 303)
        return url

    def test_rights_are_looked_at_again(self):
        s, w = self.service, self.service.uri("w")
        path = self.container(groupread=w, groupwrite=w)
        s.members["w"] = {"bob", "carol"}

        def slow(request):
            self.peer.gate.wait(60)
            request.answer(200, b"slow")
        self.peer.answers["/slow"] = slow
        self.peer.serves("/quick", b"quick")
        urls = [self.fetch("/alice/slow", "/slow", "alice")]
        wait_until(lambda: self.peer.seen("/slow"))
        urls += [self.fetch(f"{path}/{user}", "/quick", user) for user in ("bob", "carol")]
        wait_until(lambda: {"bob", "carol"} <= set(s.calls))
        s.members["w"] = {"carol"}
        time.sleep(LIFE_S + 0.5)  # while they wait for their turn
        self.peer.gate.set()
        ended = []
        for url, user in zip(urls, ("alice", "bob", "carol")):
            wait_until(lambda: self.bed.ask("GET", url + "/phase", user).text in ("COMPLETED", "ERROR"))
            ended.append(self.bed.ask("GET", url + "/phase", user).text)
        self.assertEqual(ended, ["COMPLETED", "ERROR", "COMPLETED"])
        self.assertEqual(self.bed.ask("GET", urls[1] + "/error", "bob").text, "PermissionDenied")

    def test_a_job_that_is_told_to_end_meanwhile_ends(self):
        s, w = self.service, self.service.uri("w")
        path = self.container(groupread=w, groupwrite=w)
        person, who = self.person()
        s.gate.clear()
        document = transfer(self.bed.uri(path + "/x"), "pullToVoSpace",
                            f'<vos:protocol uri="{CORE}httpsget"><vos:endpoint>{self.peer.url("/quick")}</vos:endpoint></vos:protocol>')
        url = self.bed.ask("POST", "/transfers", None, document, {"Content-Type": "text/xml", **who}).headers["Location"]
        self.assertEqual(self.bed.ask("POST", url + "/phase", None, "PHASE=RUN", FORM | who).status, 303)
        wait_until(lambda: person in s.calls)
        self.assertEqual(self.bed.ask("POST", url + "/phase", None, "PHASE=ABORT", FORM | who).status, 303)
        s.gate.set()
        wait_until(lambda: self.bed.ask("GET", url + "/phase", None, headers=who).text != "EXECUTING")
        self.assertEqual(self.bed.ask("GET", url + "/phase", None, headers=who).text, "ABORTED")


class Limits(OutsideTest):
    @classmethod
    def setUpClass(cls):
        cls.begin(GmsService.start(), gms_waiting="2", gms_answer_max="1KiB", gms_timeout="5s")

    def setUp(self):
        self.well()

    def test_only_so_many_wait(self):
        s, path = self.service, self.container(groupread=self.service.uri("any"))
        first, second, late = (self.person() for _ in range(3))
        s.gate.clear()
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            waiting = [pool.submit(self.read, path, who) for who in (first, second)]
            wait_until(lambda: {first[0], second[0]} <= set(s.calls))
            status, took = self.timed(path, late)
            self.assertEqual(status, 503)
            self.assertLess(took, 2)
            s.gate.set()
            self.assertEqual([w.result().status for w in waiting], [403, 403])
        self.assertEqual(self.read(path, late).status, 403)

    def test_an_answer_that_is_too_large_is_none(self):
        path, who = self.container(groupread=self.service.uri("any")), self.person()
        self.service.members.update((f"group-{i}-{'x' * 100}", {who[0]}) for i in range(11))
        self.addCleanup(self.service.members.clear)
        self.assertEqual(self.read(path, who).status, 503)
        self.assertIn("gms_answer_max", self.bed.log())


class Strangers(OutsideTest):
    """The service does not trust who asks, or is not the one it should be."""

    def status_with(self, **settings):
        service = GmsService.start()
        self.addCleanup(service.close)
        bed = Testbed.start(settings=service.settings(**{
            name: service.file(value) for name, value in settings.items()}))
        self.addCleanup(bed.close)
        self.assertEqual(bed.create("ContainerNode", "/alice/x", "alice", {"groupread": service.uri("g")}).status, 201)
        service.members["g"] = {"bob"}
        self.assertEqual(bed.ask("POST", "/nodes/alice", "alice", bed.document("ContainerNode", "/alice", {
            "groupread": service.uri("g")}), {"Content-Type": "text/xml"}).status, 200)
        return bed.ask("GET", "/nodes/alice/x?limit=1", "bob").status, bed.log()

    def test_another_certificate_is_refused_there(self):
        status, log = self.status_with(gms_certificate="stranger.pem")
        self.assertEqual(status, 503)
        self.assertIn("status 403", log)

    def test_another_authority_is_not_believed(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([MAKE_CA, folder], check=True, stdout=subprocess.DEVNULL, timeout=60)
            status, log = self.status_with(gms_ca=os.path.join(folder, "ca.pem"))
        self.assertEqual(status, 503)
        self.assertIn("cannot be asked", log)


main()
