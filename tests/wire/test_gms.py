# SPDX-License-Identifier: Apache-2.0
"""The group service, /gms: IVOA GMS 1.0 and what cadc-groups asks (standards 12)."""

import http.client
import os
import ssl
import subprocess
import xml.etree.ElementTree as ET
from urllib.parse import quote

from quartet_test import TOP, Testbed, main, unittest

URI = "ivo://cadc.nrc.ca/gms?"


def document(name, **roles):
    """A group with lists of user names (userMembers, userAdmins) or of group names."""
    text = ""
    for role, names in roles.items():
        if role.startswith("user"):
            inner = "".join(f'<user><identities><identity type="HTTP">{n}</identity></identities></user>'
                            for n in names)
        else:
            inner = "".join(f'<group uri="{URI}{n}"/>' for n in names)
        text += f"<{role}>{inner}</{role}>"
    return f'<group uri="{URI}{name}">{text}</group>'


class Gms(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bed = Testbed.start(settings=["group_xml_max=64KiB", "groups_per_owner=40"])
        cls.addClassCleanup(cls.bed.close)

    def ask(self, method, path, user="alice", body=None, certificate=None):
        """(status, headers, text) of a path below /gms."""
        context = ssl.create_default_context(cafile=self.bed.env["QUARTET_CA"])
        if user is not None:
            context.load_cert_chain(certificate or self.bed.certificate(user))
        connection = http.client.HTTPSConnection(self.bed.host, self.bed.port, context=context, timeout=60)
        self.addCleanup(connection.close)
        connection.request(method, "/gms" + path, body=body, headers={"Content-Type": "text/xml"} if body else {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()

    def make(self, name, user="alice", **roles):
        status, _, text = self.ask("PUT", "/groups", user, document(name, **roles))
        self.assertEqual(status, 201, text)

    def people(self, name, role, user="alice"):
        status, _, text = self.ask("GET", f"/groups/{name}", user)
        self.assertEqual(status, 200, text)
        kind = "HTTP" if role.startswith("user") else None
        found = ET.fromstring(text).find(role)
        if kind is None:
            return sorted(g.get("uri").removeprefix(URI) for g in found.findall("group"))
        return sorted(i.text for i in found.iter("identity") if i.get("type") == kind)

    def test_GM_3_a_search_gives_names_one_a_line(self):
        self.make("search-a")
        status, headers, text = self.ask("GET", "/search")
        self.assertEqual(status, 200)
        self.assertEqual(headers["Content-Type"].partition(";")[0], "text/plain")
        names = text.split("\r\n")
        self.assertEqual(names.pop(), "")
        self.assertEqual(names, sorted(names))
        self.assertLessEqual({"staff", "team-a", "search-a"}, set(names))
        asked = "&".join(f"group={n}" for n in ("search-a", "team-b", "no-such-group", "staff"))
        self.assertEqual(self.ask("GET", f"/search?{asked}")[2], "search-a\r\nstaff\r\n")
        self.assertEqual(self.ask("GET", "/search?group=team-b")[2], "")

    def test_GM_4_nobody_is_asked_to_sign_in(self):
        for path in ("/search", "/search?role=member", "/groups/staff"):
            self.assertEqual(self.ask("GET", path, None)[0], 401, path)
        self.assertEqual(self.ask("PUT", "/groups", None, document("x"))[0], 401)
        self.assertEqual(self.ask("DELETE", "/groups/staff", None)[0], 401)

    def test_GM_6_who_is_not_a_member_is_denied(self):
        self.make("readers", userMembers=["bob"])
        self.assertEqual(self.bed.create("ContainerNode", "/alice/shared", properties={
            "ivo://ivoa.net/vospace/core#groupread": URI + "readers"}).status, 201)
        self.assertEqual(self.bed.ask("POST", "/nodes/alice", "alice", self.bed.document(
            "ContainerNode", "/alice", {"ivo://ivoa.net/vospace/core#groupread": URI + "readers"}),
            {"Content-Type": "text/xml"}).status, 200)
        for user, status in (("bob", 200), ("carol", 403)):
            self.assertEqual(self.bed.ask("GET", "/nodes/alice/shared?limit=1", user).status, status, user)

    def test_a_search_by_role_gives_documents(self):
        self.make("role-a", userAdmins=["bob"])
        for role, user, is_there in (("member", "alice", True), ("owner", "alice", True), ("admin", "alice", False),
                                     ("admin", "bob", True), ("member", "bob", False), ("owner", "bob", False)):
            with self.subTest(f"{role} {user}"):
                status, _, text = self.ask("GET", f"/search?role={role}", user)
                self.assertEqual(status, 200)
                self.assertEqual(URI + "role-a" in text, is_there)
        text = self.ask("GET", "/search?role=member&groupID=role-a")[2]
        self.assertEqual(len(ET.fromstring(text).findall("group")), 1)
        status, _, text = self.ask("GET", "/search?role=boss")
        self.assertEqual(status, 400)
        self.assertIn("boss", text)

    def test_who_may_do_what(self):
        self.make("rights", userMembers=["carol"], userAdmins=["bob"])
        self.assertEqual(self.ask("GET", "/groups/rights", "carol")[0], 200)
        self.assertEqual(self.ask("PUT", "/groups/rights/userMembers/carol", "carol")[0], 403)
        self.assertEqual(self.ask("POST", "/groups/rights", "carol", document("rights"))[0], 403)
        self.assertEqual(self.ask("PUT", "/groups/rights/userMembers/admin", "bob")[0], 201)
        self.assertEqual(self.ask("DELETE", "/groups/rights", "bob")[0], 403)
        self.assertEqual(self.ask("DELETE", "/groups/rights", "admin")[0], 200)
        self.assertEqual(self.ask("GET", "/groups/rights", "admin")[0], 404)
        # Its name is nobody's again.
        status, _, text = self.ask("PUT", "/groups", "bob", document("rights"))
        self.assertEqual(status, 409, text)

    def test_a_document_replaces_all_or_nothing(self):
        self.make("whole", userMembers=["bob"], groupMembers=["team-a"], userAdmins=["carol"], groupAdmins=["team-b"])
        before = {role: self.people("whole", role) for role in
                  ("userMembers", "groupMembers", "userAdmins", "groupAdmins")}
        self.assertEqual(before, {"userMembers": ["alice", "bob"], "groupMembers": ["team-a"],
                                  "userAdmins": ["carol"], "groupAdmins": ["team-b"]})
        for wrong, status, said in ((document("whole", userMembers=["carol", "nobody-is"]), 404, "nobody-is"),
                                    (document("whole", groupMembers=["no-group"]), 404, "no-group"),
                                    (document("whole", groupMembers=["whole"]), 400, "itself"),
                                    (document("other"), 400, "another group"),
                                    ("<group/>", 400, "no uri"), ("<group", 400, "line"), ("", 400, ""),
                                    ('<!DOCTYPE x [<!ENTITY a "b">]>' + document("whole"), 400, "DOCTYPE"),
                                    (document("whole", userMembers=["<b/>"]), 400, "identity"),
                                    ('<group uri="ivo://elsewhere/gms?whole"/>', 400, "elsewhere"),
                                    (document("whole") + " " * 70000, 413, "")):
            with self.subTest(said):
                answer = self.ask("POST", "/groups/whole", "alice", wrong)
                self.assertEqual(answer[0], status, answer[2])
                self.assertIn(said, answer[2])
                self.assertEqual({role: self.people("whole", role) for role in before}, before)
        self.assertEqual(self.ask("POST", "/groups/whole", "alice", document("whole", userAdmins=["bob"]))[0], 200)
        self.assertEqual([self.people("whole", role) for role in before], [[], [], ["bob"], []])

    def test_a_cycle_is_refused(self):
        self.make("ring-a")
        self.make("ring-b", groupMembers=["ring-a"])
        self.make("ring-c", groupMembers=["ring-b"])
        status, _, text = self.ask("PUT", "/groups/ring-a/groupMembers/ring-c")
        self.assertEqual(status, 400, text)
        self.assertIn("itself", text)
        # To administer each other is no cycle.
        self.assertEqual(self.ask("POST", "/groups/ring-a", body=document("ring-a", groupAdmins=["ring-c"]))[0], 200)

    def test_a_limited_proxy_changes_nothing(self):
        pki = os.path.dirname(self.bed.env["QUARTET_CA"])
        subprocess.run([os.path.join(TOP, "scripts", "make-test-ca"), pki, "--limited-proxy", "few=alice"], check=True,
                       timeout=60, capture_output=True)
        few = os.path.join(pki, "few.pem")
        self.assertEqual(self.ask("GET", "/search", "alice", certificate=few)[0], 200)
        status, _, text = self.ask("PUT", "/groups", "alice", document("by-proxy"), few)
        self.assertEqual(status, 403)
        self.assertIn("limited proxy", text)

    def test_GM_1_names_and_paths_that_are_none(self):
        for name in ("a b", "a/b", "a%b", "ä", "a" * 201, ""):
            with self.subTest(name):
                answer = self.ask("PUT", "/groups", "alice", f'<group uri="{URI}{name}"/>'.encode())
                self.assertEqual(answer[0], 400, answer[2])
        self.assertEqual(self.ask("GET", "/groups/" + quote("../../x", safe=""))[0], 404)
        self.assertEqual(self.ask("GET", "/groups/%zz")[0], 400)
        self.assertEqual(self.ask("GET", "/groups")[0], 400)
        self.make("paths")
        self.assertEqual(self.ask("PUT", "/groups/paths/friends/bob")[0], 404)
        self.assertEqual(self.ask("PUT", "/groups/paths/userMembers/bob?idType=POSIX")[0], 400)
        self.assertEqual(self.ask("PUT", "/groups/paths")[0], 404)
        dn = "CN=bob,OU=users,O=example.org"
        self.assertEqual(self.ask("PUT", f"/groups/paths/userMembers/{quote(dn)}?idType=X500")[0], 201)
        self.assertEqual(self.people("paths", "userMembers"), ["alice", "bob"])

    def test_there_is_a_limit_to_the_groups_of_one(self):
        for number in range(40):
            self.make(f"many-{number}", "carol")
        status, _, text = self.ask("PUT", "/groups", "carol", document("many-more"))
        self.assertEqual(status, 403)
        self.assertIn("more than 40 groups", text)
        self.assertEqual(self.ask("DELETE", "/groups/many-7", "carol")[0], 200)
        self.make("many-again", "carol")

    def test_markup_in_a_description_is_text(self):
        text = "<script>&amp; \"x\" ]]>"
        doc = ET.Element("group", uri=URI + "markup")
        ET.SubElement(doc, "description").text = text
        self.assertEqual(self.ask("PUT", "/groups", body=ET.tostring(doc))[0], 201)
        shown = ET.fromstring(self.ask("GET", "/groups/markup")[2])
        self.assertEqual(shown.findtext("description"), text)

    def test_all_of_it_outlives_a_kill(self):
        self.make("lasting", userMembers=["carol"], userAdmins=["bob"], groupAdmins=["team-c"])
        os.kill(self.bed.pid, 9)
        self.bed.down()
        self.bed.up()
        self.assertEqual(self.people("lasting", "userMembers"), ["alice", "carol"])
        self.assertEqual(self.people("lasting", "userAdmins"), ["bob"])
        self.assertEqual(self.people("lasting", "groupAdmins"), ["team-c"])
        self.assertIn("lasting", self.ask("GET", "/search?role=admin", "bob")[2])

    def test_GM_2_registry_and_capabilities_lead_to_it(self):
        base = f"https://{self.bed.env['QUARTET_HOST']}/gms"
        text = self.bed.ask("GET", "/reg/resource-caps").text
        self.assertIn(f"ivo://cadc.nrc.ca/gms = {base}/capabilities", text.splitlines())
        status, _, text = self.ask("GET", "/capabilities", None)
        self.assertEqual(status, 200)
        self.assertIn("ivo://ivoa.net/std/gms#search-1.0", text)
        self.assertIn(base + "/search", text)


if __name__ == "__main__":
    main()
