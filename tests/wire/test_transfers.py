# SPDX-License-Identifier: Apache-2.0
"""Transfers as the clients make them: negotiation, refusals, moves."""

import base64
import contextlib
import http.client
import os
import re
import time
import unittest
import urllib.parse
import xml.etree.ElementTree as ET

from quartet_test import VOS, Testbed, main
from transfers import BY_TLS, CORE, FORM, UWS, XLINK, XML, Negotiated, TransferJobs, protocol, transfer


PUSH = [protocol("httpsput", BY_TLS), protocol("httpsput")]
PULL = [protocol("httpsget", BY_TLS), protocol("httpsget")]


class Transfers(unittest.TestCase, TransferJobs):
    @classmethod
    def setUpClass(cls):
        cls.bed = Testbed.start()
        cls.addClassCleanup(cls.bed.close)

    def negotiate(self, path, direction, protocols, user="alice", **more):
        return Negotiated(self.bed, user, transfer(self.bed.uri(path), direction, *protocols, **more))

    def push(self, path, user="alice", protocols=None, **more):
        return self.negotiate(path, "pushToVoSpace", protocols or PUSH, user, **more)

    def pull(self, path, user="alice", protocols=None, **more):
        return self.negotiate(path, "pullFromVoSpace", protocols or PULL, user, **more)

    def assert_refused(self, n, word):
        """As vos hears it: details without endpoints, and a job in ERROR."""
        self.assertEqual(n.posted.status, 303)
        self.assertEqual((n.details.status, n.endpoints), (200, []))
        self.assertEqual(n.phase, "ERROR")
        self.assertEqual((n.error.status, n.error.body.decode()), (200, word))

    # Push

    def test_the_chain_is_post_303_303_200(self):
        n = self.push("/alice/chain")
        self.assertEqual(n.posted.status, 303)
        self.assertEqual(len(n.hops), 2)
        self.assertRegex(n.hops[0], r"/vault/transfers/[a-z][a-z0-9]{15}/results/transferDetails$")
        self.assertRegex(n.hops[1], r"/vault/xfer/[a-z][a-z0-9]{15}$")
        self.assertEqual(n.details.status, 200)
        self.assertTrue(n.details.headers["Content-Type"].startswith("text/xml"))
        self.assertEqual(n.phase, "EXECUTING")
        self.assertEqual(n.error.status, 404)

    def test_a_push_offers_the_preauthorised_url_first(self):
        first, second = self.push("/alice/order").endpoints
        self.assertIn("/files/preauth:", first[0])
        self.assertIsNone(first[1])
        self.assertTrue(second[0].endswith("/vault/files/alice/order"))
        self.assertEqual(second[1], BY_TLS)

    def test_a_pushed_file_is_not_there_before_its_bytes(self):
        url = self.push("/alice/pushed").endpoints[0][0]
        self.assertEqual(self.bed.ask("GET", "/nodes/alice/pushed?limit=0", "alice").status, 404)
        self.assertEqual(self.bed.ask("HEAD", url).status, 404)
        data = os.urandom(10_000)
        self.assertEqual(self.bed.ask("PUT", url, None, data).status, 201)
        self.assertEqual(self.bed.get("/alice/pushed").body, data)

    def test_bytes_go_to_the_plain_url_with_a_certificate(self):
        url = self.push("/alice/plain").endpoints[1][0]
        self.assertEqual(self.bed.ask("PUT", url, None, b"x").status, 401)
        self.assertEqual(self.bed.ask("PUT", url, "alice", b"x").status, 201)

    def test_one_anonymous_protocol_gives_one_endpoint_for_a_push_and_two_for_a_pull(self):
        self.bed.put("/alice/counted", b"x")
        push = self.push("/alice/counted", protocols=[protocol("httpsput")]).endpoints
        pull = self.pull("/alice/counted", protocols=[protocol("httpsget")]).endpoints
        self.assertEqual([m for _, m in push], [None])
        self.assertEqual([m for _, m in pull], [None, None])
        self.assertIn("/files/preauth:", pull[0][0])
        self.assertTrue(pull[1][0].endswith("/vault/files/alice/counted"))

    def test_the_protocol_of_the_other_direction_will_do(self):
        self.bed.put("/alice/other-way", b"x")
        pull = self.pull("/alice/other-way", protocols=[protocol("httpsput")])
        self.assertEqual(len(pull.endpoints), 2)
        self.assertEqual(self.bed.ask("GET", pull.endpoints[0][0]).body, b"x")
        self.assertIn("core#httpsget", pull.details.text)

    def test_an_explicitly_anonymous_method_counts_as_none(self):
        push = self.push("/alice/anon", protocols=[protocol("httpsput", "ivo://ivoa.net/sso#anon")])
        self.assertEqual([m for _, m in push.endpoints], [None])

    def test_a_password_is_a_method_like_a_certificate(self):
        """Under the name the client knows it by; 2.1 has another in its examples."""
        secret = base64.b64encode(f"alice:{self.bed.env['QUARTET_PASS_ALICE']}".encode()).decode()
        for number, name in enumerate(("ivo://ivoa.net/sso#BasicAA",
                                       "http://www.w3.org/Protocols/HTTP/1.0/spec/html#BasicAA")):
            push = self.push(f"/alice/password{number}", protocols=[protocol("httpsput", name)])
            (endpoint, method), = push.endpoints
            self.assertTrue(endpoint.endswith(f"/vault/files/alice/password{number}"))
            self.assertEqual(method, name)
            self.assertEqual(self.bed.ask("PUT", endpoint, None, b"x").status, 401)
            self.assertEqual(self.bed.ask("PUT", endpoint, None, b"x",
                                          {"Authorization": f"Basic {secret}"}).status, 201)
        both = self.pull("/alice/password0", protocols=[
            protocol("httpsget", BY_TLS, "ivo://ivoa.net/sso#BasicAA"), protocol("httpsget")])
        self.assertEqual([m for _, m in both.endpoints],
                         [None, BY_TLS, "ivo://ivoa.net/sso#BasicAA", None])

    def test_a_locked_file_refuses_a_push(self):
        self.bed.put("/alice/locked", b"x")
        self.bed.ask("POST", "/nodes/alice/locked", "alice",
                     self.bed.document("DataNode", "/alice/locked", {"islocked": "true"}), XML)
        self.assert_refused(self.push("/alice/locked"), "NodeLocked")

    def test_a_missing_parent_refuses_a_push(self):
        self.assert_refused(self.push("/alice/none/f"), "NodeNotFound")

    def test_a_container_refuses_a_push(self):
        self.bed.create("ContainerNode", "/alice/folder")
        self.assert_refused(self.push("/alice/folder"), "InvalidArgument")

    def test_others_may_not_push(self):
        self.assert_refused(self.push("/alice/theirs", "bob"), "PermissionDenied")
        self.assert_refused(self.push("/public/theirs", "carol"), "PermissionDenied")
        self.assert_refused(self.push("/public/theirs", None), "PermissionDenied")

    def test_a_full_quota_refuses_a_push(self):
        self.bed.put("/carol/f", b"12345", "carol")
        self.assertEqual(self.bed.tool("quota", "/carol", "5")[0], 0)
        self.assert_refused(self.push("/carol/g", "carol"), "QuotaExceeded")
        n = self.push("/carol/g", "carol", [protocol("httpsput")])
        self.assertEqual(n.details.status, 413)
        self.assertEqual(self.bed.tool("quota", "/carol", "none")[0], 0)

    def test_an_announced_length_is_held_against_the_quota(self):
        self.assertEqual(self.bed.tool("quota", "/bob", "1000")[0], 0)
        length = f'<vos:param uri="{CORE}length">2000</vos:param>'
        self.assert_refused(self.push("/bob/long", "bob", more=length), "QuotaExceeded")
        self.assertEqual(len(self.push("/bob/long", "bob").endpoints), 2)

    def test_a_reserved_name_refuses_a_push(self):
        self.assert_refused(self.push("/alice/.null"), "InvalidArgument")

    # Pull

    def test_a_pull_gives_the_bytes(self):
        data = os.urandom(5000)
        self.bed.put("/alice/pulled", data)
        n = self.pull("/alice/pulled")
        self.assertEqual([m for _, m in n.endpoints], [None, BY_TLS, None])
        for url, user in zip([e for e, _ in n.endpoints], [None, "alice", "alice"]):
            answer = self.bed.ask("GET", url, user)
            if answer.status == 303:
                answer = self.bed.ask("GET", answer.headers["Location"])
            self.assertEqual(answer.body, data)

    def test_a_link_is_followed(self):
        self.bed.put("/alice/target", b"abc")
        self.bed.create("LinkNode", "/alice/link", target=self.bed.uri("/alice/target"))
        n = self.pull("/alice/link")
        self.assertEqual(self.bed.ask("GET", n.endpoints[0][0]).body, b"abc")
        results = {r.get("id"): r.get(f"{{{XLINK}}}href") for r in n.job.iter(f"{{{UWS}}}result")}
        self.assertEqual(results["dataNode"], self.bed.uri("/alice/target"))
        self.assertEqual(results["linkNode"], self.bed.uri("/alice/link"))
        self.assertTrue(results["transferDetails"].endswith("/results/transferDetails"))

    def test_a_push_through_a_link_writes_its_target(self):
        self.bed.create("ContainerNode", "/alice/real")
        self.bed.create("LinkNode", "/alice/way", target=self.bed.uri("/alice/real"))
        n = self.push("/alice/way/new")
        self.assertEqual(self.bed.ask("PUT", n.endpoints[0][0], None, b"1").status, 201)
        self.assertEqual(self.bed.get("/alice/real/new").body, b"1")

    def test_what_is_missing_or_a_container_refuses_a_pull(self):
        self.bed.create("ContainerNode", "/alice/nobytes")
        self.assert_refused(self.pull("/alice/missing"), "NodeNotFound")
        self.assert_refused(self.pull("/alice/nobytes"), "InvalidArgument")

    def test_others_may_not_pull(self):
        self.bed.put("/alice/mine", b"x")
        self.assert_refused(self.pull("/alice/mine", "bob"), "PermissionDenied")
        self.assert_refused(self.pull("/alice/mine", None), "PermissionDenied")

    def test_anybody_may_pull_what_is_public(self):
        self.bed.put("/public/open", b"x")
        self.bed.ask("POST", "/nodes/public/open", "alice",
                     self.bed.document("DataNode", "/public/open", {"ispublic": "true"}), XML)
        self.assertEqual(self.bed.ask("GET", self.pull("/public/open", None).endpoints[0][0]).body, b"x")

    # Refusals for clients that read no jobs (vosfs)

    def test_without_security_methods_the_details_carry_the_status(self):
        self.bed.put("/alice/private", b"x")
        get, put = [protocol("httpsget")], [protocol("httpsput")]
        for n, status, word in [
                (self.pull("/alice/missing", protocols=get), 404, "NodeNotFound: "),
                (self.pull("/alice/private", "bob", get), 403, "PermissionDenied: "),
                (self.pull("/alice/private", None, get), 401, "NotAuthenticated: "),
                (self.push("/alice/no/f", protocols=put), 404, "ContainerNotFound: "),
                (self.push("/alice/private", "bob", put), 403, "PermissionDenied: ")]:
            self.assertEqual(n.posted.status, 303)
            self.assertEqual(n.details.status, status)
            self.assertTrue(n.details.body.decode().startswith(word), n.details.body)
            self.assertEqual(n.phase, "ERROR")

    # The end of a negotiated transfer

    def phase_of(self, n):
        """After a moment: the bytes and the job are on different threads."""
        url = n.hops[-1].replace("xfer", "transfers")
        return self.bed.ask("GET", url + "/phase?WAIT=20", "alice").text

    def test_a_transfer_is_completed_when_its_bytes_have_moved(self):
        push = self.push("/alice/completed")
        self.assertEqual(push.phase, "EXECUTING")
        self.bed.ask("PUT", push.endpoints[0][0], None, b"x", {"Digest": "md5=AAAAAAAAAAAAAAAAAAAAAA=="})
        time.sleep(0.3)
        job = push.hops[-1].replace("xfer", "transfers")
        self.assertEqual(self.bed.ask("GET", job + "/phase", "alice").text, "EXECUTING")  # it can be tried again
        self.assertEqual(self.bed.ask("PUT", push.endpoints[0][0], None, b"0123456789").status, 201)
        self.assertEqual(self.phase_of(push), "COMPLETED")
        pull = self.pull("/alice/completed")
        self.bed.ask("GET", pull.endpoints[0][0], None, None, {"Range": "bytes=0-4"})
        time.sleep(0.3)
        job = pull.hops[-1].replace("xfer", "transfers")
        self.assertEqual(self.bed.ask("GET", job + "/phase", "alice").text, "EXECUTING")
        self.bed.ask("GET", pull.endpoints[0][0], None, None, {"Range": "bytes=5-9"})
        self.assertEqual(self.phase_of(pull), "COMPLETED")
        self.assertEqual(self.bed.ask("GET", pull.endpoints[0][0]).status, 200)  # and once more

    def test_a_transaction_completes_its_transfer_with_the_commit(self):
        push = self.push("/alice/segments")
        url = push.endpoints[0][0]
        started = self.bed.ask("PUT", url, None, b"abc", {"x-put-txn-op": "start"})
        txn = {"x-put-txn-id": started.headers["x-put-txn-id"]}
        job = push.hops[-1].replace("xfer", "transfers")
        self.assertEqual(self.bed.ask("GET", job + "/phase", "alice").text, "EXECUTING")
        self.assertEqual(self.bed.ask("PUT", url, None, b"", {**txn, "x-put-txn-op": "commit"}).status, 201)
        self.assertEqual(self.phase_of(push), "COMPLETED")

    # What is not offered

    def test_unknown_protocols_views_and_targets_are_refused(self):
        self.bed.put("/alice/v", b"x")
        ftp = protocol("ftpget", BY_TLS)
        self.assert_refused(self.pull("/alice/v", protocols=[ftp]), "ProtocolNotSupported")
        view = '<vos:view uri="ivo://example.org/views#thumbnail"/>'
        self.assert_refused(self.pull("/alice/v", view=view), "ViewNotSupported")
        pkg = '<vos:view uri="vos://cadc.nrc.ca~vospace/CADC/std/Pkg-1.0"/>'
        self.assert_refused(self.push("/alice/v", view=pkg), "ViewNotSupported")
        other = Negotiated(self.bed, "alice", transfer("vos://elsewhere.org~vault/x", "pullFromVoSpace", *PULL))
        self.assert_refused(other, "InvalidURI")
        for direction in ["pullToVoSpace", "pushFromVoSpace", "ivo://cadc.nrc.ca/vospace#biDirectional"]:
            self.assert_refused(self.negotiate("/alice/v", direction, PULL), "OperationNotSupported")

    def test_default_views_are_accepted(self):
        self.bed.put("/alice/dv", b"x")
        for uri in [CORE + "defaultview", "ivo://cadc.nrc.ca/vospace/view#data"]:
            self.assertEqual(len(self.pull("/alice/dv", view=f'<vos:view uri="{uri}"/>').endpoints), 3)

    def test_a_cutout_view_goes_into_the_url(self):
        self.bed.put("/alice/c.fits", b"x")
        view = ('<vos:view uri="ivo://cadc.nrc.ca/vospace/view#cutout">'
                '<vos:param uri="ivo://cadc.nrc.ca/vospace/view#cutout">[1]</vos:param></vos:view>')
        url = self.pull("/alice/c.fits", view=view).endpoints[0][0]
        self.assertTrue(url.endswith("?cutout=%5B1%5D"), url)

    def test_broken_documents_are_400_at_once(self):
        for text in ["", "no xml", "<a/>", f'<vos:transfer xmlns:vos="{VOS}"/>']:
            self.assertEqual(self.bed.ask("POST", "/synctrans", "alice", text, XML).status, 400)

    # Parameters

    def by_params(self, method, user="alice", form=False, **params):
        text = urllib.parse.urlencode(params)
        if form:
            return self.bed.ask(method, "/synctrans", user, text, FORM)
        return self.bed.ask(method, "/synctrans?" + text, user, headers=XML)

    def test_parameters_are_sent_straight_to_the_bytes(self):
        self.bed.put("/alice/params", b"abc")
        ask = {"TARGET": self.bed.uri("/alice/params"), "DIRECTION": "pullFromVoSpace",
               "PROTOCOL": CORE + "httpsget"}
        for answer in [self.by_params("GET", **ask), self.by_params("POST", **ask),
                       self.by_params("POST", form=True, **ask),
                       self.by_params("POST", REQUEST="redirect", SECURITYMETHOD="", **ask)]:
            self.assertEqual(answer.status, 303)
            self.assertIn("/files/preauth:", answer.headers["Location"])
            self.assertEqual(self.bed.ask("GET", answer.headers["Location"]).body, b"abc")

    def test_the_headers_alone_by_parameters(self):
        self.bed.put("/alice/headed", b"abc")
        answer = self.by_params("GET", TARGET=self.bed.uri("/alice/headed"), view="header",
                                DIRECTION="pullFromVoSpace", PROTOCOL=CORE + "httpsget")
        self.assertEqual(answer.status, 303)
        self.assertTrue(answer.headers["Location"].endswith("?META=true"), answer.headers["Location"])

    def test_a_push_by_parameters(self):
        answer = self.by_params("POST", form=True, TARGET=self.bed.uri("/alice/bypush"),
                                DIRECTION="pushToVoSpace", PROTOCOL=CORE + "httpsput")
        self.assertEqual(self.bed.ask("PUT", answer.headers["Location"], None, b"1").status, 201)

    def test_refused_parameters_have_a_status(self):
        self.bed.put("/alice/hidden", b"x")
        self.bed.create("ContainerNode", "/alice/dir")
        pull = {"DIRECTION": "pullFromVoSpace", "PROTOCOL": CORE + "httpsget"}
        push = {"DIRECTION": "pushToVoSpace", "PROTOCOL": CORE + "httpsput"}
        uri = self.bed.uri
        for status, user, ask in [
                (404, "alice", {**pull, "TARGET": uri("/alice/missing")}),
                (403, "bob", {**pull, "TARGET": uri("/alice/hidden")}),
                (401, None, {**pull, "TARGET": uri("/alice/hidden")}),
                (400, "alice", {**pull, "TARGET": uri("/alice/dir")}),
                (404, "alice", {**push, "TARGET": uri("/alice/no/f")}),
                (400, "alice", {**push, "TARGET": uri("/alice/dir")}),
                (400, "alice", {**pull, "TARGET": uri("/alice/hidden"), "DIRECTION": "sideways"}),
                (400, "alice", {**pull, "TARGET": uri("/alice/hidden"), "PROTOCOL": "gopher"}),
                (400, "alice", {**pull, "TARGET": "vos://"}),
                (400, "alice", pull), (400, "alice", {"TARGET": uri("/alice/hidden")})]:
            self.assertEqual(self.by_params("GET", user, **ask).status, status, ask)

    def test_refused_redirects_go_to_where_the_status_is(self):
        self.bed.put("/alice/secret", b"x")
        for path, user, status in [("/alice/secret", "bob", 403), ("/alice/secret", None, 401),
                                   ("/alice/missing", "alice", 404)]:
            answer = self.by_params("POST", user, TARGET=self.bed.uri(path), DIRECTION="pullFromVoSpace",
                                    PROTOCOL=CORE + "httpsget", REQUEST="redirect")
            self.assertEqual(answer.status, 303)
            self.assertTrue(answer.headers["Location"].endswith("/vault/files" + path))
            self.assertEqual(self.bed.ask("GET", answer.headers["Location"], user).status, status)

    def test_names_with_strange_characters(self):
        for name in ["a b", "c#d", "e?f", "g%h", "é&<i", "j[k]"]:
            path = "/alice/" + name
            url = self.push(path).endpoints[0][0]
            self.assertEqual(self.bed.ask("PUT", url, None, name.encode()).status, 201)
            self.assertEqual(self.bed.ask("GET", self.pull(path).endpoints[0][0]).body, name.encode())

    # Moves

    def assert_moved(self, source, destination, final=None, user="alice"):
        phase, results, error, _ = self.relocate(source, destination, user)
        self.assertEqual((phase, error), ("COMPLETED", None))
        self.assertEqual(results, [("destination", self.bed.uri(final or destination))])

    def assert_not_moved(self, source, destination, word, user="alice", text=None, keep="false"):
        phase, results, error, summary = self.relocate(source, destination, user, keep)
        self.assertEqual((phase, results, error), ("ERROR", [], word))
        if text is not None:
            self.assertIn(text, summary)

    def status(self, path, user="alice"):
        return self.bed.ask("GET", f"/nodes{urllib.parse.quote(path)}?limit=0", user).status

    def test_a_file_is_renamed_and_moved_into_a_container(self):
        self.bed.put("/alice/m1", b"data")
        self.bed.create("ContainerNode", "/alice/mdir")
        self.assert_moved("/alice/m1", "/alice/m2")
        self.assertEqual((self.status("/alice/m1"), self.bed.get("/alice/m2").body), (404, b"data"))
        self.assert_moved("/alice/m2", "/alice/mdir", "/alice/mdir/m2")
        self.assertEqual(self.bed.get("/alice/mdir/m2").body, b"data")

    def test_a_tree_moves_with_everything_below_it(self):
        for path in ["/alice/t1", "/alice/t1/a", "/alice/t1/a/b"]:
            self.bed.create("ContainerNode", path)
        self.bed.put("/alice/t1/a/b/f", b"deep")
        self.assert_moved("/alice/t1", "/alice/t2")
        self.assertEqual(self.bed.get("/alice/t2/a/b/f").body, b"deep")
        self.assertEqual(self.status("/alice/t1"), 404)

    def test_the_owner_stays_the_owner(self):
        self.bed.create("ContainerNode", "/public/shared")
        self.bed.put("/public/owned", b"x", "alice")
        self.assert_moved("/public/owned", "/public/moved", user="bob")
        node = self.bed.ask("GET", "/nodes/public/moved?limit=0", "alice").body.decode()
        self.assertRegex(node, r"core#creator\"[^>]*>alice<")

    def test_a_link_itself_is_moved(self):
        self.bed.put("/alice/lt", b"x")
        self.bed.create("LinkNode", "/alice/l1", target=self.bed.uri("/alice/lt"))
        self.assert_moved("/alice/l1", "/alice/l2")
        self.assertEqual((self.status("/alice/l1"), self.status("/alice/lt")), (404, 200))

    def test_a_destination_through_a_link(self):
        self.bed.create("ContainerNode", "/alice/ld")
        self.bed.create("LinkNode", "/alice/ll", target=self.bed.uri("/alice/ld"))
        self.bed.put("/alice/lf", b"x")
        self.assert_moved("/alice/lf", "/alice/ll", "/alice/ld/lf")

    def test_an_existing_node_is_never_overwritten(self):
        self.bed.put("/alice/e1", b"1")
        self.bed.put("/alice/e2", b"2")
        self.bed.create("ContainerNode", "/alice/ed")
        self.bed.put("/alice/ed/e1", b"3")
        self.assert_not_moved("/alice/e1", "/alice/e2", "DuplicateNode.", text="already exists")
        self.assert_not_moved("/alice/e1", "/alice/ed", "DuplicateNode.")
        self.assertEqual(self.bed.get("/alice/e2").body, b"2")
        self.assertEqual(self.bed.get("/alice/ed/e1").body, b"3")

    def test_what_is_missing_cannot_be_moved(self):
        self.bed.put("/alice/there", b"x")
        self.assert_not_moved("/alice/gone", "/alice/x", "NodeNotFound", text="not found")
        self.assert_not_moved("/alice/there", "/alice/nodir/x", "NodeNotFound", text="not found")

    def test_a_container_cannot_move_below_itself(self):
        self.bed.create("ContainerNode", "/alice/cy")
        self.bed.create("ContainerNode", "/alice/cy/a")
        text = "Cannot move container node into its descendants"
        self.assert_not_moved("/alice/cy", "/alice/cy/a", "InvalidArgument", text=text)
        self.assert_not_moved("/alice/cy", "/alice/cy/a/new", "InvalidArgument", text=text)
        self.assert_not_moved("/alice/cy", "/alice/cy", "InvalidArgument", text=text)
        self.bed.create("ContainerNode", "/alice/cyb")
        self.assert_moved("/alice/cy", "/alice/cyb", "/alice/cyb/cy")  # no prefix of a name

    def test_locks_stop_a_move(self):
        self.bed.create("ContainerNode", "/alice/lock")
        self.bed.put("/alice/lock/f", b"x")
        self.bed.put("/alice/free", b"x")
        lock = self.bed.document("ContainerNode", "/alice/lock", {"islocked": "true"})
        self.bed.ask("POST", "/nodes/alice/lock", "alice", lock, XML)
        self.assert_not_moved("/alice/lock", "/alice/lock2", "NodeLocked")
        self.assert_not_moved("/alice/lock/f", "/alice/f2", "NodeLocked")
        self.assert_not_moved("/alice/free", "/alice/lock", "NodeLocked")

    def test_rights_at_both_ends(self):
        self.bed.put("/alice/r", b"x")
        self.bed.put("/bob/r", b"x", "bob")
        self.assert_not_moved("/alice/r", "/bob/in", "PermissionDenied", "alice", "PermissionDenied")
        self.assert_not_moved("/alice/r", "/bob/in", "PermissionDenied", "bob")
        self.assert_not_moved("/alice/r", "/public/in", "PermissionDenied", None)

    def test_a_group_writer_cannot_carry_files_into_his_home(self):
        self.bed.put("/public/alices", b"x", "alice")
        self.assert_not_moved("/public/alices", "/bob/stolen", "PermissionDenied", "bob")
        self.assert_moved("/public/alices", "/alice/back")

    def test_a_quota_stops_a_move(self):
        self.bed.put("/public/heavy", b"x" * 2000, "bob")
        self.assertEqual(self.bed.tool("quota", "/bob", "1000")[0], 0)
        self.assert_not_moved("/public/heavy", "/bob/heavy", "QuotaExceeded", "bob")

    def test_the_server_chooses_the_name_for_auto(self):
        self.bed.put("/alice/named", b"mine")
        phase, results, _, _ = self.relocate("/alice/named", "/alice/.auto")
        self.assertEqual(phase, "COMPLETED")
        path = results[0][1].removeprefix(self.bed.uri(""))
        self.assertRegex(path, r"^/alice/[0-9a-f]{16}$")
        self.assertEqual(self.bed.get(path).body, b"mine")

    def test_a_link_that_is_no_way_to_a_container_is_in_the_way(self):
        self.bed.put("/alice/w", b"w")
        self.bed.put("/alice/wt", b"t")
        for name, target, word in [("dangling", self.bed.uri("/alice/nowhere"), "UnreadableLinkTarget"),
                                   ("lost", self.bed.uri("/alice/no/where"), "UnreadableLinkTarget"),
                                   ("tofile", self.bed.uri("/alice/wt"), "DuplicateNode."),
                                   ("outside", "https://example.org/x", "DuplicateNode.")]:
            with self.subTest(link=name):
                self.bed.create("LinkNode", f"/alice/{name}", target=target)
                self.assert_not_moved("/alice/w", f"/alice/{name}", word)
        self.assertEqual((self.status("/alice/w"), self.status("/alice/nowhere")), (200, 404))

    def test_reserved_names_and_foreign_places(self):
        self.bed.put("/alice/n", b"x")
        self.assert_not_moved("/alice/n", "/alice/.null", "InvalidArgument")
        url = self.job(transfer(self.bed.uri("/alice/n"), "vos://elsewhere.org~vault/x", keep="false"))
        self.run_job(url)
        self.assertEqual(self.bed.ask("GET", url + "/error", "alice").body, b"InvalidURI")

    def test_transfers_with_other_services_say_so(self):
        for direction in ["pullToVoSpace", "pushFromVoSpace"]:
            url = self.job(transfer(self.bed.uri("/alice/x"), direction, *PULL))
            self.run_job(url)
            self.assertEqual(self.bed.ask("GET", url + "/error", "alice").body, b"OperationNotSupported")

    def test_a_push_as_an_asynchronous_job(self):
        url = self.job(transfer(self.bed.uri("/alice/later"), "pushToVoSpace", *PUSH))
        self.assertEqual(self.bed.ask("GET", url + "/results/transferDetails", "alice").status, 404)
        job = self.run_job_executing(url)
        details = job.find(f"{{{UWS}}}results/{{{UWS}}}result").get(f"{{{XLINK}}}href")
        hop = self.bed.ask("GET", details, "alice").headers["Location"]
        document = self.bed.ask("GET", hop, "alice").body.decode()
        endpoint = re.search(r"<vos:endpoint>([^<]+)", document).group(1)
        self.assertEqual(self.bed.ask("PUT", endpoint, None, b"1").status, 201)
        self.assertEqual(self.bed.ask("GET", url + "/phase?WAIT=20", "alice").body, b"COMPLETED")

    def run_job_executing(self, url):
        self.bed.ask("POST", url + "/phase", "alice", "phase=RUN", FORM)
        self.assertEqual(self.bed.ask("GET", url + "/phase", "alice").body, b"EXECUTING")
        return ET.fromstring(self.bed.ask("GET", url, "alice").body)

    def test_a_refused_push_as_an_asynchronous_job(self):
        url = self.job(transfer(self.bed.uri("/alice/no/where"), "pushToVoSpace", *PUSH))
        self.run_job(url)
        self.assertEqual(self.bed.ask("GET", url + "/error", "alice").body, b"NodeNotFound")


class Plain(unittest.TestCase):
    """The door without TLS: only its own protocols, and no certificate to ask for."""

    @classmethod
    def setUpClass(cls):
        cls.bed = Testbed.start(settings=["listen_plain=127.0.0.1:0"])
        cls.addClassCleanup(cls.bed.close)

    def ask(self, method, url, body=None, headers=None):
        parts = urllib.parse.urlsplit(url)
        with contextlib.closing(http.client.HTTPConnection(parts.netloc, timeout=30)) as connection:
            connection.request(method, parts._replace(scheme="", netloc="").geturl(), body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()

    def test_endpoints_are_of_the_door_they_were_asked_at(self):
        bed = self.bed
        bed.put("/public/open", b"abc")
        base, uri = bed.env["QUARTET_PLAIN"], bed.uri("/public/open")
        document = transfer(uri, "pullFromVoSpace", protocol("httpsget", BY_TLS), protocol("httpget", BY_TLS),
                            protocol("httpget"))
        _, headers, _ = self.ask("POST", base + "/synctrans", document, XML)
        _, headers, _ = self.ask("GET", headers["Location"])
        status, _, text = self.ask("GET", headers["Location"])
        endpoints = re.findall("<vos:endpoint>([^<]+)", text)
        self.assertEqual((status, len(endpoints)), (200, 2))
        for url in endpoints:
            self.assertTrue(url.startswith(base + "/files/"), url)
        self.assertNotIn("securityMethod", text)
        self.assertEqual(self.ask("GET", endpoints[0])[2], "abc")

    def test_a_tls_protocol_is_not_to_be_had_there(self):
        query = urllib.parse.urlencode({"TARGET": self.bed.uri("/public"), "DIRECTION": "pullFromVoSpace",
                                        "PROTOCOL": CORE + "httpsget"})
        status, _, text = self.ask("GET", f"{self.bed.env['QUARTET_PLAIN']}/synctrans?{query}")
        self.assertEqual(status, 400, text)


if __name__ == "__main__":
    main()
