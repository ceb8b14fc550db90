# SPDX-License-Identifier: Apache-2.0
"""Moves, copies and transfers, demand by demand (checklist.txt: OP-60 to OP-87, PT, VW, XS-6, XS-10, XS-13)."""

import io
import os
import tarfile
import urllib.parse
import xml.etree.ElementTree as ET
import zipfile

from quartet_test import CORE, main, wait_until
from standards_test import FITS, PACKAGE, StandardsTest, uws, vos
from transfers import BY_TLS, FORM, XML, protocol, transfer

BASIC = "ivo://ivoa.net/sso#BasicAA"
OLD_BASIC = "http://www.w3.org/Protocols/HTTP/1.0/spec/html#BasicAA"


def view(uri, **params):
    inner = "".join(f'<vos:param uri="{CORE}{name}">{value}</vos:param>' for name, value in params.items())
    return f'<vos:view uri="{uri}">{inner}</vos:view>'


class MoveAndCopy(StandardsTest):
    def tree(self):
        """A container with one of each in it."""
        path = self.fresh("ContainerNode")
        for kind in ("ContainerNode", "LinkNode", "StructuredDataNode"):
            self.bed.create(kind, f"{path}/{kind}", target=self.bed.uri("/alice"))
        self.bed.create("ContainerNode", path + "/ContainerNode/deep")
        self.bed.put(path + "/ContainerNode/deep/f", b"bytes")
        return path

    def shape(self, path):
        node = self.node(path)
        found = {child.get("uri").removeprefix(self.bed.uri(path)): self.type_of(child)
                 for child in node.findall(f"{vos('nodes')}/{vos('node')}")}
        for name, kind in list(found.items()):
            if kind == "ContainerNode":
                found |= {name + inner: k for inner, k in self.shape(path + name).items()}
        return found

    def test_OP_60_a_transfer_with_a_node_as_direction(self):
        for keep in ("false", "true"):
            source, destination = self.file(b"moved"), self.fresh()
            url = self.job(transfer(self.bed.uri(source), self.bed.uri(destination), keep=keep))
            self.assertRegex(url, r"^https://[^/]+/vault/transfers/[a-z0-9]+$")
            self.assertEqual(self.run_job(url).findtext(uws("phase")), "COMPLETED")
            self.assertEqual(self.bed.get(destination).body, b"moved")
            self.assertEqual(self.send("GET", source, headers=None).status, 200 if keep == "true" else 404)

    def test_OP_61_with_all_descendants_and_types_kept(self):
        for keep in ("true", "false"):
            source, destination = self.tree(), self.fresh()
            shape = self.shape(source)
            self.assertEqual(len(shape), 5)
            self.assertEqual(self.relocate(source, destination, keep=keep)[0], "COMPLETED")
            self.assertEqual(self.shape(destination), shape)
            self.assertEqual(self.bed.get(destination + "/ContainerNode/deep/f").body, b"bytes")
            self.assertEqual(self.type_of(self.node(destination)), "ContainerNode")

    def test_OP_62_into_a_container_under_the_same_name(self):
        for keep in ("true", "false"):
            source, folder = self.file(), self.fresh("ContainerNode")
            phase, results, _, _ = self.relocate(source, folder, keep=keep)
            inside = folder + "/" + source.rpartition("/")[2]
            self.assertEqual((phase, results), ("COMPLETED", [("destination", self.bed.uri(inside))]))
            self.assertEqual(self.bed.get(inside).body, b"some bytes")

    def test_OP_63_its_faults_are_the_jobs(self):
        there, other = self.file(), self.file()
        hidden = self.fresh("ContainerNode")
        for keep in ("true", "false"):
            for source, destination, user, word, message in [
                    (there, other, "alice", "DuplicateNode.", "DuplicateNode: "),
                    (there + "no", self.fresh(), "alice", "NodeNotFound", "NodeNotFound: "),
                    (there, "/alice/not-there/x", "alice", "NodeNotFound", "NodeNotFound: |ContainerNotFound: "),
                    (there, "/bob/x", "alice", "PermissionDenied", "PermissionDenied: "),
                    (hidden, "/bob/x", "bob", "PermissionDenied", "PermissionDenied: ")]:
                phase, results, error, said = self.relocate(source, destination, user, keep)
                self.assertEqual((phase, results, error), ("ERROR", [], word), (source, destination))
                self.assertRegex(said, message)
            job = self.run_job(self.job(transfer(self.bed.uri(there), "vos://" + self.bed.env["QUARTET_AUTHORITY"] +
                                                 "/alice/../x", keep=keep)))
            self.assertEqual(job.findtext(uws("phase")), "ERROR")
            self.assertRegex(job.findtext(f"{uws('errorSummary')}/{uws('message')}"), "^InvalidURI: ")
        self.assertEqual(self.bed.get(other).body, b"some bytes")

    def test_OP_64_another_services_authority(self):
        source = self.file()
        job = self.run_job(self.job(transfer(self.bed.uri(source), "vos://example.net~vault/alice/x", keep="false")))
        self.assertEqual(job.findtext(uws("phase")), "ERROR")
        self.assertRegex(job.findtext(f"{uws('errorSummary')}/{uws('message')}"), "^Invalid(URI|Argument): ")
        self.node(source)

    def test_OP_65_not_below_itself(self):
        path = self.tree()
        for keep in ("true", "false"):
            phase, _, _, said = self.relocate(path, path + "/ContainerNode", keep=keep)
            self.assertEqual(phase, "ERROR")
            self.assertIn("Cannot move container node into its descendants" if keep == "false" else "descendant", said)
        # A name that only begins the same is none.
        sibling = path + "b"
        self.bed.create("ContainerNode", sibling)
        self.assertEqual(self.relocate(path, sibling)[0], "COMPLETED")

    def test_OP_66_one_result_the_destination(self):
        for keep in ("true", "false"):
            destination = self.fresh()
            self.assertEqual(self.relocate(self.file(), destination, keep=keep)[1],
                             [("destination", self.bed.uri(destination))])
            _, results, _, _ = self.relocate(self.file(), "/alice/.auto", keep=keep)
            (name, uri), = results
            self.assertEqual(name, "destination")
            self.assertNotIn(".auto", uri)
            self.assertTrue(self.node(uri.removeprefix(self.bed.uri("")).rstrip("/") or "/").get("uri") == uri)

    def test_OP_67_a_move_touches_no_bytes(self):
        source, destination = self.file(os.urandom(100_000)), self.fresh()
        before, stored = self.values(self.node(source)), self.stored()
        self.relocate(source, destination)
        after = self.values(self.node(destination))
        for name in ("MD5", "content-date", "length"):
            self.assertEqual(after[CORE + name], before[CORE + name])
        self.assertEqual(self.stored(), stored)

    def test_OP_68_a_copy_keeps_the_bytes_once(self):
        source, destination = self.file(os.urandom(100_000)), self.fresh()
        stored = self.stored()
        self.relocate(source, destination, keep="true")
        self.assertEqual(self.stored(), stored)
        data = self.bed.get(source).body
        self.send("DELETE", source, headers=None)
        self.assertEqual(self.bed.get(destination).body, data)
        self.bed.put(destination, b"other")
        self.assertEqual(self.bed.get(destination).body, b"other")

    def stored(self):
        """The files of 100,000 bytes and more at the first location."""
        found = set()
        for folder, _, names in os.walk(self.bed.locations[0]):
            found |= {(name, os.path.getsize(os.path.join(folder, name))) for name in names
                      if os.path.getsize(os.path.join(folder, name)) >= 100_000 and "tmp" not in folder}
        return found


class Negotiation(StandardsTest):
    def test_OP_70_pull_is_there_and_the_rest_says_what_it_is(self):
        path = self.file()
        self.assertEqual(self.pull(path).phase, "EXECUTING")
        self.assertEqual(self.push(path).phase, "EXECUTING")
        for direction, name in [("pullToVoSpace", "httpsget"), ("pushFromVoSpace", "httpsput")]:
            endpoint = f'<vos:protocol uri="{CORE}{name}"><vos:endpoint>https://example.org/x</vos:endpoint></vos:protocol>'
            job = self.run_job(self.job(transfer(self.bed.uri(path), direction, endpoint)))
            self.assertEqual(job.findtext(uws("phase")), "ERROR")
            self.assertRegex(job.findtext(f"{uws('errorSummary')}/{uws('message')}"), "^OperationNotSupported: ")

    def test_OP_71_the_asynchronous_way(self):
        path = self.file(b"pulled")
        document = transfer(self.bed.uri(path), "pullFromVoSpace", protocol("httpsget"))
        url = self.job(document)
        job = self.run_job(url)
        self.assertEqual(job.findtext(uws("phase")), "EXECUTING")
        details = self.results(job)["transferDetails"]
        answer = self.follow(details)
        self.assertEqual(self.bed.ask("GET", self.endpoints(answer)[0]).body, b"pulled")
        wait_until(lambda: self.bed.ask("GET", url + "/phase", "alice").body == b"COMPLETED")
        url = self.job(document)
        self.bed.ask("POST", url + "/phase", "alice", "PHASE=ABORT", FORM)
        self.assertEqual(self.bed.ask("GET", url + "/phase", "alice").body, b"ABORTED")

    def follow(self, url, user="alice"):
        answer = self.bed.ask("GET", url, user)
        while answer.status == 303:
            answer = self.bed.ask("GET", answer.headers["Location"], user)
        return answer

    @staticmethod
    def endpoints(answer):
        return [e.text for e in ET.fromstring(answer.body).iter(vos("endpoint"))]

    def test_OP_72_the_synchronous_way(self):
        n = self.pull(self.file())
        self.assertEqual(n.posted.status, 303)
        self.assertRegex(n.hops[0], r"/vault/transfers/[a-z0-9]+/results/transferDetails$")
        self.assertRegex(n.hops[1], r"/vault/xfer/[a-z0-9]+$")
        self.assertEqual((n.details.status, len(n.hops)), (200, 2))

    def ask(self, method="GET", user="alice", **parameters):
        text = urllib.parse.urlencode(parameters)
        if method == "GET":
            return self.bed.ask("GET", "/synctrans?" + text, user)
        return self.bed.ask("POST", "/synctrans", user, text, FORM)

    def test_OP_73_the_parameter_form(self):
        path = self.file(b"by parameter")
        for method in ("GET", "POST"):
            for names in (str.upper, str.lower, str.capitalize):
                for more in ({}, {"request": "redirect"}, {"view": CORE + "defaultview"}):
                    answer = self.ask(method, **{names(name): value for name, value in {
                        "target": self.bed.uri(path), "direction": "pullFromVoSpace",
                        "protocol": CORE + "httpsget", **more}.items()})
                    self.assertEqual(answer.status, 303, answer.text)
                    got = self.bed.ask("GET", answer.headers["Location"], "alice")
                    self.assertEqual(got.body, b"by parameter")
        new = self.fresh()
        answer = self.ask(TARGET=self.bed.uri(new), DIRECTION="pushToVoSpace", PROTOCOL=CORE + "httpsput")
        self.assertEqual(answer.status, 303, answer.text)
        self.assertEqual(self.bed.ask("PUT", answer.headers["Location"], None, b"x").status, 201)
        by_certificate = self.ask(TARGET=self.bed.uri(path), DIRECTION="pullFromVoSpace", PROTOCOL=CORE + "httpsget",
                                  SECURITYMETHOD=BY_TLS)
        self.assertEqual(by_certificate.status, 303, by_certificate.text)

    def test_OP_74_errors_of_the_parameter_form(self):
        path = self.file()
        good = {"TARGET": self.bed.uri(path), "DIRECTION": "pullFromVoSpace", "PROTOCOL": CORE + "httpsget"}
        for wrong, status, word in [
                ({"TARGET": "no uri"}, 400, "InvalidURI|InvalidArgument"), ({"TARGET": ""}, 400, "InvalidArgument|InvalidURI"),
                ({"DIRECTION": "sideways"}, 400, "InvalidArgument"), ({"DIRECTION": ""}, 400, "InvalidArgument"),
                ({"PROTOCOL": "custom:none"}, 400, "ProtocolNotSupported"), ({"VIEW": "custom:none"}, 400, "ViewNotSupported"),
                ({"TARGET": self.bed.uri("/alice/none")}, 404, "NodeNotFound")]:
            answer = self.ask(**good | wrong)
            self.assertEqual((answer.status, answer.headers["Content-Type"]), (status, "text/plain"), answer.text)
            self.assertRegex(answer.text, f"^({word}): ")
        # With REQUEST=redirect a refusal is the byte resource's to say (architecture D29).
        for user, status in [("bob", 403), (None, 401)]:
            answer = self.ask(user=user, REQUEST="redirect", **good)
            if answer.status == 303:
                answer = self.bed.ask("GET", answer.headers["Location"], user)
            self.assertEqual(answer.status, status, answer.text)

    def test_OP_75_the_result_document(self):
        path = self.file()
        n = self.pull(path, protocol("httpsget", BY_TLS), protocol("httpsget"), view=view(CORE + "defaultview"),
                      more=f'<vos:param uri="custom:x">y</vos:param>')
        document = self.document(n.details, "transfer")
        self.assertEqual([e.text for e in document.findall(vos("target"))], [self.bed.uri(path)])
        self.assertEqual(document.findtext(vos("direction")), "pullFromVoSpace")
        self.assertEqual(document.find(vos("view")).get("uri"), CORE + "defaultview")
        self.assertGreaterEqual(len(n.endpoints), 2)
        self.assertTrue(all(endpoint for endpoint, _ in n.endpoints))
        results = self.results(n.job)
        self.assertTrue(results["transferDetails"].endswith("/results/transferDetails"))
        self.assertEqual(results["dataNode"], self.bed.uri(path))

    def test_OP_76_a_refused_transfer_has_no_protocols(self):
        n = self.pull(self.fresh(), protocol("httpsget", BY_TLS))
        self.assertEqual(n.details.status, 200)
        self.assertEqual(list(self.document(n.details, "transfer").iter(vos("protocol"))), [])
        self.assert_refused(n, "NodeNotFound")

    def test_OP_77_a_push_keeps_the_properties(self):
        path = self.file()
        self.post("DataNode", path, {"title": "kept", "groupread": "ivo://cadc.nrc.ca/gms?team-a", "ispublic": "true"})
        before = self.values(self.node(path))
        self.assertEqual(self.bed.ask("PUT", self.push(path).endpoints[0][0], None, b"other bytes").status, 201)
        after = self.values(self.node(path))
        for name in ("title", "groupread", "ispublic", "creator"):
            self.assertEqual(after[CORE + name], before[CORE + name])
        self.assertEqual(self.bed.get(path).body, b"other bytes")

    def test_OP_78_a_push_to_a_new_name_makes_a_data_node(self):
        path = self.fresh()
        url = self.push(path).endpoints[0][0]
        self.assert_is_gone(path)
        self.assertEqual(self.bed.ask("PUT", url, None, b"x").status, 201)
        self.assertEqual(self.type_of(self.node(path)), "DataNode")
        n = self.push("/alice/not-there/x")
        self.assertEqual((n.phase, n.error.text), ("ERROR", "NodeNotFound"))

    def test_OP_79_a_push_onto_a_container(self):
        folder = self.fresh("ContainerNode")
        self.assert_refused(self.push(folder), "InvalidArgument")
        n = self.push(folder + "/.auto")
        self.assertEqual(self.bed.ask("PUT", n.endpoints[0][0], None, b"inside").status, 201)
        name, = self.children(self.node(folder))
        self.assertEqual(self.bed.get(f"{folder}/{name}").body, b"inside")
        chosen = self.bed.uri(f"{folder}/{name}")
        self.assertEqual(self.results(n.job)["target"], chosen)
        self.assertEqual(self.document(n.details, "transfer").findtext(vos("target")), chosen)

    def test_OP_81_only_what_is_offered_here(self):
        path = self.file()
        n = self.pull(path, *(protocol(name) for name in ("httpget", "httpsget", "httpput", "httpsput")))
        self.assertEqual({urllib.parse.urlsplit(endpoint).scheme for endpoint, _ in n.endpoints}, {"https"})

    def test_OP_83_the_announced_length_counts(self):
        self.assertEqual(self.bed.tool("quota", "/bob", "1000")[0], 0)
        self.addCleanup(self.bed.tool, "quota", "/bob", "none")
        for size, refused in [(2000, True), (10, False)]:
            n = self.push("/bob/announced", user="bob", more=f'<vos:param uri="{CORE}length">{size}</vos:param>')
            self.assertEqual(n.phase, "ERROR" if refused else "EXECUTING")

    def test_OP_84_a_transfer_ends_with_its_bytes(self):
        path = self.fresh()
        for n, send in [(self.push(path), lambda url: self.bed.ask("PUT", url, None, b"12345")),
                        (None, lambda url: self.bed.ask("GET", url))]:
            n = n or self.pull(path)
            self.assertEqual(n.phase, "EXECUTING")
            self.assertIn(send(n.endpoints[0][0]).status, (200, 201))
            job = n.hops[-1].replace("xfer", "transfers")
            wait_until(lambda job=job: self.bed.ask("GET", job + "/phase", "alice").body == b"COMPLETED")

    def test_OP_85_executing_is_the_word(self):
        self.assertEqual(self.pull(self.file()).phase, "EXECUTING")

    def test_OP_86_anybody_pulls_public_data(self):
        path = self.fresh(parent="/public")
        self.bed.put(path, b"public")
        n = self.pull(path, user=None)
        self.assertEqual(self.bed.ask("GET", n.endpoints[0][0]).body, b"public")

    def test_OP_87_the_preauthorised_url_first(self):
        path = self.file()
        n = self.pull(path, protocol("httpsget", BY_TLS, "ivo://ivoa.net/sso#cookie"), protocol("httpsget"))
        self.assertIn("/files/preauth:", n.endpoints[0][0])
        self.assertIsNone(n.endpoints[0][1])
        self.assertIn(BY_TLS, [method for _, method in n.endpoints])


class Protocols(StandardsTest):
    def test_PT_1_order_and_the_endpoint(self):
        path = self.file()
        n = self.pull(path, f'<vos:protocol uri="{CORE}httpsget"><vos:endpoint>https://example.org/evil</vos:endpoint>'
                            f'<vos:param uri="custom:x">y</vos:param><vos:securityMethod uri="{BY_TLS}"/></vos:protocol>')
        self.assertNotIn("evil", n.details.text)
        for p in self.document(n.details, "transfer").iter(vos("protocol")):  # the schema has the order
            self.assertEqual(p[0].tag, vos("endpoint"))

    def test_PT_2_the_four_protocols(self):
        path = self.file()
        for name, offered in [("httpsget", True), ("httpget", False)]:
            self.assertEqual(len(self.pull(path, protocol(name)).endpoints) > 0 if offered
                             else self.pull(path, protocol(name, BY_TLS)).phase == "ERROR", True, name)
        self.assertEqual(self.push(path, protocol("httpsput")).phase, "EXECUTING")

    def test_PT_4_unknown_ones_are_ignored(self):
        path = self.file()
        strange = '<vos:protocol uri="custom:carrier-pigeon"/>'
        n = self.pull(path, strange, protocol("httpsget", "custom:handshake", BY_TLS))
        self.assertEqual([method for _, method in n.endpoints], [BY_TLS])
        for protocols in ([strange], [protocol("httpsget", "custom:handshake")], [strange, strange]):
            n = self.pull(path, *protocols)
            self.assertEqual((n.phase, n.error.text), ("ERROR", "ProtocolNotSupported"))

    def test_PT_5_a_method_in_the_answer_if_one_was_in_the_question(self):
        path = self.file()
        self.assertEqual({method for _, method in self.pull(path).endpoints}, {None})
        n = self.pull(path, protocol("httpsget", BY_TLS, BASIC))
        self.assertEqual([method for _, method in n.endpoints], [BY_TLS, BASIC])
        for p in self.document(n.details, "transfer").iter(vos("protocol")):
            self.assertEqual(len(p.findall(vos("securityMethod"))), 1)

    def test_PT_6_both_names_of_basic_authentication(self):
        path = self.file()
        for name in (BASIC, OLD_BASIC):
            self.assertEqual([method for _, method in self.pull(path, protocol("httpsget", name)).endpoints], [name])

    def test_PT_7_an_endpoint_works_again(self):
        path = self.fresh()
        url = self.push(path).endpoints[0][0]
        self.assertEqual([self.bed.ask("PUT", url, None, data).status for data in (b"1", b"2")], [201, 201])
        url = self.pull(path).endpoints[0][0]
        self.assertEqual([self.bed.ask("GET", url).body for _ in range(3)], [b"2"] * 3)

    def test_PT_8_sshfs_is_ignored(self):
        n = self.pull(self.file(), '<vos:protocol uri="ivo://cadc.nrc.ca/vospace#SSHFS"/>', protocol("httpsget"))
        self.assertEqual(n.phase, "EXECUTING")


class Views(StandardsTest):
    def test_VW_1_uri_original_and_parameters(self):
        path = self.file(FITS, headers={"Content-Type": "application/fits"})
        asked = '<vos:view uri="ivo://cadc.nrc.ca/vospace/view#header" original="false"><vos:param uri="custom:x">1' \
                '</vos:param></vos:view>'
        n = self.pull(path, view=asked)
        answered = self.document(n.details, "transfer").find(vos("view"))
        self.assertEqual(answered.get("uri"), "ivo://cadc.nrc.ca/vospace/view#header")
        self.assertEqual([(p.get("uri"), p.text) for p in answered], [("custom:x", "1")])

    def test_VW_2_any_binary_default(self):
        path = self.file()
        for name in ("anyview", "binaryview"):
            self.assertEqual(self.push(path, view=view(CORE + name)).phase, "EXECUTING")
        for name in ("binaryview", "defaultview"):
            n = self.pull(path, view=view(CORE + name))
            self.assertEqual(self.bed.ask("GET", n.endpoints[0][0]).body, b"some bytes")

    def test_VW_3_the_default_view_in_both_directions_and_none(self):
        path = self.file()
        for more in ({"view": view(CORE + "defaultview")}, {}):
            self.assertEqual(self.push(path, **more).phase, "EXECUTING")
            self.assertEqual(self.pull(path, **more).phase, "EXECUTING")

    def archive(self, path, media):
        document = transfer(self.bed.uri(path), "pullFromVoSpace", protocol("httpsget"), view=view(PACKAGE, format=media))
        posted = self.bed.ask("POST", "/synctrans", "alice", document, XML)
        answer = self.bed.ask("GET", posted.headers["Location"], "alice")
        while answer.status == 303:
            answer = self.bed.ask("GET", answer.headers["Location"], "alice")
        self.assertEqual(answer.status, 200, answer.text)
        return answer

    def test_VW_4_a_container_as_an_archive(self):
        folder = self.fresh("ContainerNode")
        self.bed.create("ContainerNode", folder + "/sub")
        for name in ("/a", "/sub/b"):
            self.bed.put(folder + name, name.encode())
        top = folder.rpartition("/")[2]
        tar = tarfile.open(fileobj=io.BytesIO(self.archive(folder, "application/x-tar").body))
        self.assertEqual({m.name: tar.extractfile(m).read() for m in tar if m.isfile()},
                         {f"{top}/a": b"/a", f"{top}/sub/b": b"/sub/b"})
        with zipfile.ZipFile(io.BytesIO(self.archive(folder, "application/zip").body)) as z:
            self.assertEqual({n: z.read(n) for n in z.namelist() if not n.endswith("/")},
                             {f"{top}/a": b"/a", f"{top}/sub/b": b"/sub/b"})

    def test_VW_5_a_view_that_is_not_offered(self):
        path = self.file()
        for direction in (self.push, self.pull):
            self.assert_refused(direction(path, view=view("custom:none")), "ViewNotSupported")
        self.assert_refused(self.push(path, view=view("ivo://cadc.nrc.ca/vospace/view#cutout")), "ViewNotSupported")

    def test_VW_7_the_media_type_is_in_the_header(self):
        folder = self.fresh("ContainerNode")
        self.bed.put(folder + "/a", b"x", headers={"Content-Type": "text/csv"})
        for media in ("application/x-tar", "application/zip"):
            self.assertEqual(self.archive(folder, media).headers["Content-Type"], media)
        self.assertEqual(self.bed.get(folder + "/a").headers["Content-Type"], "text/csv")

    def test_VW_8_the_old_spelling(self):
        self.assertEqual(self.push(self.file(), view=view("ivo://net.ivoa.vospace/views/any")).phase, "EXECUTING")


class Documents(StandardsTest):
    def test_XS_6_order_of_a_transfers_elements(self):
        path = self.file()
        n = self.pull(path, view=view(CORE + "defaultview"), keep="true")
        self.document(n.details, "transfer")  # the schema has the order
        two = f"<vos:target>{self.bed.uri(path)}</vos:target>"
        document = transfer(self.bed.uri(path), "pullFromVoSpace", protocol("httpsget")).replace("<vos:direction", two + "<vos:direction")
        posted = self.bed.ask("POST", "/synctrans", "alice", document, XML)
        if posted.status == 303:
            job = posted.headers["Location"].partition("/results")[0]
            self.assertEqual(self.bed.ask("GET", job + "/phase", "alice").body, b"ERROR")
            self.assertEqual(self.bed.ask("GET", job + "/error", "alice").body, b"InvalidArgument")
        else:
            self.assert_fault(posted, 400, "InvalidArgument")

    def test_XS_10_directions_in_any_case(self):
        for direction in ("pullFromVoSpace", "PULLFROMVOSPACE"):
            self.assertEqual(self.negotiate(self.file(), direction, protocol("httpsget")).phase, "EXECUTING")
        n = self.negotiate(self.file(), "pull", protocol("httpsget"))
        self.assertEqual((n.phase, n.error.text), ("ERROR", "InvalidArgument"))

    def test_XS_13_the_document_is_the_jobs_info(self):
        path = self.file()
        job = self.pull(path).job
        self.assertEqual(job.find(f"{uws('jobInfo')}/{vos('transfer')}/{vos('target')}").text, self.bed.uri(path))
        pending = self.document(self.bed.ask("GET", self.job(transfer(
            self.bed.uri(path), "pullFromVoSpace", protocol("httpsget"))), "alice"), "job")
        self.assertEqual(pending.find(f"{uws('jobInfo')}/{vos('transfer')}/{vos('target')}").text, self.bed.uri(path))


class Replacing(StandardsTest):
    def begin(self, path, data, length):
        s = self.bed.socket("alice")
        self.addCleanup(s.close)
        s.sendall(f"PUT /vault/files{path} HTTP/1.1\r\nHost: {self.bed.env['QUARTET_HOST']}\r\n"
                  f"Content-Length: {length}\r\n\r\n".encode() + data)
        return s

    def test_OP_80_the_old_bytes_for_readers_and_the_last_writer_wins(self):
        path = self.file(b"old")
        slow, never = self.begin(path, b"12345", 10), self.begin(path, b"x", 100)
        self.assertEqual(self.bed.get(path).body, b"old")
        self.assertEqual(self.bed.put(path, b"quick").status, 201)
        self.assertEqual(self.bed.get(path).body, b"quick")
        slow.sendall(b"67890")
        self.assertIn(b" 201 ", slow.recv(4096))
        never.close()
        self.assertEqual(self.bed.get(path).body, b"1234567890")


if __name__ == "__main__":
    main()
