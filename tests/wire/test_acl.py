# SPDX-License-Identifier: Apache-2.0
"""Who may do what: owners, groups, the public, locks, inheritance, allocations, the
administrator; and who one is by certificate."""

import subprocess
import xml.etree.ElementTree as ET
from os.path import join

from quartet_test import CORE, TOP, VOS, Testbed, main, unittest, wait_until

CADC = "ivo://cadc.nrc.ca/vospace/core#"
GROUP = "ivo://cadc.nrc.ca/gms?"
NOBODY = {"ispublic": "false", "groupread": "", "groupwrite": ""}


def setUpModule():
    AclTest.bed = Testbed.start()
    unittest.addModuleCleanup(AclTest.bed.close)
    status, text = AclTest.bed.tool("group", "create", "four")
    assert status == 0, text
    AclTest.bed.tool("group", "add", "four", "carol")
    # An allocation of somebody who is none of those below: everybody may come through, and
    # nothing is inherited. (/public is the administrator's, who owns what is in it.)
    assert AclTest.bed.tool("user", "add", "dora")[0] == 0
    for path, user, more in (("/open", "admin", {"creator": "dora"}), ("/open/acl", "alice", {})):
        answer = AclTest.bed.create("ContainerNode", path, user, more | {
            "ispublic": "true", "groupwrite": GROUP + "staff",
            CADC + "inheritPermissions": "false"})
        assert answer.status == 201, answer.text


class AclTest(unittest.TestCase):
    bed = None
    count = 0

    def fresh(self, kind="DataNode", props=None, parent="/open/acl", user="alice"):
        AclTest.count += 1
        path = f"{parent}/n{AclTest.count}"
        answer = self.bed.create(kind, path, user, props)
        self.assertEqual(answer.status, 201, answer.text)
        return path

    def file(self, props=None, parent="/open/acl", data=b"bytes"):
        path = self.fresh("DataNode", props, parent)
        self.assertEqual(self.bed.put(path, data).status, 201)
        return path

    def set(self, path, props, user="alice", kind="DataNode"):
        return self.bed.ask("POST", "/nodes" + path, user, self.bed.document(kind, path, props))

    def get(self, path, user, query="?limit=0"):
        return self.bed.ask("GET", f"/nodes{path}{query}", user)

    def delete(self, path, user):
        return self.bed.ask("DELETE", "/nodes" + path, user)

    def value(self, path, name, user="alice"):
        root = ET.fromstring(self.get(path, user).body)
        for p in root.find(f"{{{VOS}}}properties"):
            if p.get("uri") == (name if "#" in name else CORE + name):
                return p.text or ""
        return None

    def check(self, path, user, read, write):
        """Bytes of a data node: statuses of a GET and a PUT, each 2xx or the refusal."""
        refused = 401 if user is None else 403
        self.assertEqual(self.bed.get(path, user).status, 200 if read else refused, (path, user))
        self.assertEqual(self.bed.put(path, b"bytes", user).status, 201 if write else refused,
                         (path, user))
        # A node of a container one may pass through is seen, whatever its own rights.
        self.assertEqual(self.get(path, user).status, 200)
        self.assertEqual(self.bed.ask("HEAD", "/files" + path, user).status, 200)


class Rights(AclTest):
    def test_only_the_owner(self):
        path = self.file(NOBODY)
        self.check(path, "alice", True, True)
        for user in ("bob", "carol", "admin", None):
            self.check(path, user, False, False)

    def test_the_public_reads(self):
        path = self.file({"ispublic": "true"})
        for user in ("bob", "admin", None):
            self.check(path, user, True, False)

    def test_a_read_group_reads_and_a_write_group_reads_and_writes(self):
        path = self.file({"groupread": GROUP + "team-b", "groupwrite": GROUP + "team-c"})
        self.check(path, "bob", True, False)
        self.check(path, "carol", True, True)
        self.check(path, "admin", False, False)
        self.check(path, None, False, False)
        self.assertEqual(self.set(path, {"title": "x"}, "bob").status, 403)
        self.assertEqual(self.set(path, {"title": "x"}, "carol").status, 200)

    def test_each_of_four_groups_counts_and_the_fourth_too(self):
        others = [GROUP + f"other{i}" for i in range(3)]
        for at in range(4):
            groups = " ".join(others[:at] + [GROUP + "four"] + others[at:])
            self.check(self.file({"groupread": groups}), "carol", True, False)
            self.check(self.file({"groupwrite": groups}), "carol", True, True)

    def test_the_fourth_group_of_a_direct_post_reads(self):
        """Scenario 28 of the client contract."""
        path = self.file(NOBODY)
        groups = " ".join(GROUP + g for g in ("team-a", "x", "y", "team-b"))
        self.assertEqual(self.set(path, {"groupread": groups}).status, 200)
        self.check(path, "bob", True, False)
        self.check(path, "carol", False, False)

    def test_groups_count_by_either_authority_and_unknown_ones_for_nobody(self):
        for authority, member in (("cadc.nrc.ca", True), ("example.org", True),
                                  ("CADC.nrc.ca", True), ("elsewhere.org", False)):
            path = self.file({"groupread": f"ivo://{authority}/gms?team-b"})
            self.check(path, "bob", member, False)

    def test_a_member_who_leaves_has_no_right_any_more(self):
        self.bed.tool("group", "create", "passing")
        path = self.file({"groupread": GROUP + "passing"})
        self.check(path, "bob", False, False)
        self.bed.tool("group", "add", "passing", "bob")
        self.check(path, "bob", True, False)
        self.assertEqual(self.bed.tool("group", "drop", "passing", "bob")[0], 0)
        self.check(path, "bob", False, False)

    def test_every_container_on_the_way_must_be_readable(self):
        top = self.fresh("ContainerNode", NOBODY)
        path = self.file({"ispublic": "true"}, top)
        for user, status in (("bob", 403), (None, 401)):
            for answer in (self.get(path, user), self.bed.get(path, user),
                           self.bed.put(path, b"x", user), self.delete(path, user),
                           self.set(path, {"title": "x"}, user),
                           self.get(top + "/none", user)):
                self.assertEqual(answer.status, status)
                self.assertTrue(answer.text.rstrip().endswith(self.bed.uri(top)), answer.text)
        self.set(top, {"groupread": GROUP + "team-b"}, kind="ContainerNode")
        self.assertEqual(self.bed.get(path, "bob").status, 200)

    def test_children_are_made_and_deleted_by_the_containers_right(self):
        top = self.fresh("ContainerNode", {"groupwrite": GROUP + "team-b", "ispublic": "true"})
        path = self.fresh("DataNode", NOBODY, top, "bob")
        self.assertEqual(self.value(path, "creator"), "bob")
        self.assertEqual(self.bed.create("DataNode", top + "/c", "carol").status, 403)
        self.assertEqual(self.bed.put(top + "/c", b"x", "carol").status, 403)
        self.assertEqual(self.delete(path, "carol").status, 403)
        self.assertEqual(self.delete(path, "alice").status, 200)  # not hers, her container
        path = self.fresh("DataNode", None, top, "alice")
        self.assertEqual(self.delete(path, "bob").status, 200)

    def test_a_put_keeps_the_owner(self):
        path = self.file({"groupwrite": GROUP + "team-b"})
        self.assertEqual(self.bed.put(path, b"by bob", "bob").status, 201)
        self.assertEqual(self.value(path, "creator"), "alice")
        self.assertEqual(self.bed.get(path).body, b"by bob")

    def test_a_put_into_a_shared_container_is_the_writers(self):
        top = self.fresh("ContainerNode", {"groupwrite": GROUP + "team-b"})
        self.set(top, {"groupread": GROUP + "team-b"}, kind="ContainerNode")
        self.assertEqual(self.bed.put(top + "/new", b"x", "bob").status, 201)
        self.assertEqual(self.value(top + "/new", "creator"), "bob")

    def test_a_writer_may_give_rights(self):
        path = self.file({"groupwrite": GROUP + "team-b"})
        self.assertEqual(self.set(path, {"ispublic": "true"}, "bob").status, 200)
        self.assertEqual(self.set(path, {"ispublic": "false"}, "carol").status, 403)

    def test_anonymous_gets_a_challenge(self):
        path = self.file(NOBODY)
        answer = self.bed.get(path, None)
        self.assertEqual(answer.status, 401)
        self.assertEqual(answer.headers.get_all("WWW-Authenticate")[0], "ivoa_x509")
        self.assertTrue(answer.text.startswith("NotAuthenticated: "))
        answer = self.bed.get(path, "bob")
        self.assertIsNone(answer.headers["WWW-Authenticate"])
        self.assertEqual(answer.headers["X-VO-Authenticated"], "bob")


class Locks(AclTest):
    LOCK = {CADC + "islocked": "true"}
    OPEN = {CADC + "islocked": "false"}

    def locked(self, answer, path, status=423):
        self.assertEqual((answer.status, answer.text.rstrip()),
                         (status, "NodeLocked: " + self.bed.uri(path)))

    def test_a_lock_stops_bytes_and_delete_even_for_the_owner(self):
        path = self.file()
        self.set(path, self.LOCK)
        self.locked(self.bed.put(path, b"new"), path)
        self.locked(self.delete(path, "alice"), path)
        self.locked(self.delete(path, "admin"), path)
        self.assertEqual(self.bed.get(path).body, b"bytes")
        self.assertEqual(self.set(path, {"title": "t"}).status, 200)
        self.assertEqual(self.value(path, CADC + "islocked"), "true")
        self.assertEqual(self.set(path, self.OPEN).status, 200)
        self.assertEqual(self.bed.put(path, b"new").status, 201)
        self.assertEqual(self.delete(path, "alice").status, 200)

    def test_who_may_not_write_hears_that_and_not_of_the_lock(self):
        path = self.file(NOBODY)
        self.set(path, self.LOCK)
        self.assertEqual(self.bed.put(path, b"x", "bob").status, 403)
        self.assertEqual(self.bed.put(path, b"x", None).status, 401)

    def test_a_locked_container_keeps_its_children(self):
        top = self.fresh("ContainerNode")
        path = self.file(None, top)
        self.assertEqual(self.bed.create("ContainerNode", top + "/sub").status, 201)
        self.assertEqual(self.bed.create("DataNode", top + "/sub/x").status, 201)
        self.set(top, self.LOCK, kind="ContainerNode")
        self.locked(self.bed.create("DataNode", top + "/new"), top, 403)
        self.assertEqual(self.bed.put(top + "/new", b"x").status, 423)
        self.locked(self.delete(path, "alice"), top)
        self.assertEqual(self.bed.put(path, b"new bytes").status, 201)  # not the container's
        self.assertEqual(self.delete(top + "/sub/x", "alice").status, 200)  # direct ones only
        self.assertEqual(self.get(path, "alice").status, 200)
        self.assertEqual(self.set(top, self.OPEN, kind="ContainerNode").status, 200)
        self.assertEqual(self.delete(path, "alice").status, 200)

    def test_a_writer_can_unlock(self):
        path = self.file({"groupwrite": GROUP + "team-b"})
        self.set(path, self.LOCK)
        self.assertEqual(self.bed.put(path, b"x", "bob").status, 423)
        self.assertEqual(self.set(path, {CADC + "islocked": None}, "bob").status, 200)
        self.assertEqual(self.bed.put(path, b"x", "bob").status, 201)


class Inheritance(AclTest):
    def test_with_the_flag_a_child_takes_what_it_does_not_bring(self):
        top = self.fresh("ContainerNode", {
            CADC + "inheritPermissions": "true", "ispublic": "true",
            "groupread": GROUP + "team-b", "groupwrite": GROUP + "team-c"})
        for kind in ("ContainerNode", "DataNode"):
            path = self.fresh(kind, None, top)
            self.assertEqual([self.value(path, p) for p in ("ispublic", "groupread", "groupwrite")],
                             ["true", GROUP + "team-b", GROUP + "team-c"])
            self.assertEqual(self.value(path, CADC + "inheritPermissions"),
                             "true" if kind == "ContainerNode" else None)
            own = self.fresh(kind, {"ispublic": "false", "groupread": GROUP + "team-a"}, top)
            self.assertEqual([self.value(own, p) for p in ("ispublic", "groupread", "groupwrite")],
                             ["false", GROUP + "team-a", GROUP + "team-c"])
            nil = self.fresh(kind, {"groupread": None, "groupwrite": ""}, top)
            self.assertEqual(self.value(nil, "groupread"), GROUP + "team-b")
        self.assertEqual(self.bed.put(top + "/put", b"x").status, 201)
        self.assertEqual(self.value(top + "/put", "groupread"), GROUP + "team-b")
        self.assertEqual(self.value(top + "/put", "ispublic"), "true")

    def test_without_the_flag_nothing_is_taken(self):
        top = self.fresh("ContainerNode", {"ispublic": "true", "groupread": GROUP + "team-b"})
        for kind in ("ContainerNode", "DataNode"):
            path = self.fresh(kind, None, top)
            self.assertEqual([self.value(path, p) for p in ("ispublic", "groupread", "groupwrite")],
                             ["false", None, None])
        self.assertEqual(self.value(path.rsplit("/", 1)[0], CADC + "inheritPermissions"), "false")

    def test_a_child_can_decline_to_hand_on(self):
        top = self.fresh("ContainerNode", {CADC + "inheritPermissions": "true"})
        path = self.fresh("ContainerNode", {CADC + "inheritPermissions": "false"}, top)
        self.assertEqual(self.value(path, CADC + "inheritPermissions"), "false")

    def test_later_changes_do_not_reach_the_children(self):
        top = self.fresh("ContainerNode", {CADC + "inheritPermissions": "true",
                                           "groupread": GROUP + "team-b"})
        path = self.fresh("DataNode", None, top)
        self.set(top, {"groupread": GROUP + "team-c"}, kind="ContainerNode")
        self.assertEqual(self.value(path, "groupread"), GROUP + "team-b")

    def test_a_home_hands_on(self):
        self.assertEqual(self.value("/alice", CADC + "inheritPermissions"), "true")


class Allocations(AclTest):
    def test_the_owner_of_an_allocation_reads_and_writes_what_is_in_it(self):
        self.set("/bob", {"groupread": GROUP + "team-a"}, "bob", "ContainerNode")
        self.bed.create("ContainerNode", "/bob/in", "bob", {"groupwrite": GROUP + "team-a"})
        self.bed.create("ContainerNode", "/bob/in/deep", "alice")
        path = self.fresh("DataNode", NOBODY | {"groupread": GROUP + "none"}, "/bob/in/deep",
                          "alice")
        self.assertEqual(self.bed.put(path, b"of alice", "alice").status, 201)
        self.assertEqual(self.value(path, "creator", "bob"), "alice")
        self.check(path, "bob", True, True)
        self.assertEqual(self.value(path, "creator", "bob"), "alice")
        self.assertEqual(self.set(path, {"ispublic": "false"}, "bob").status, 200)
        self.assertEqual(self.delete(path, "bob").status, 200)

    def test_a_quota_elsewhere_gives_no_right(self):
        top = self.fresh("ContainerNode", {"ispublic": "true", "groupwrite": GROUP + "team-b"})
        self.assertEqual(self.set(top, {"quota": "100000"}, "admin", "ContainerNode").status, 200)
        path = self.fresh("DataNode", NOBODY | {"groupread": GROUP + "none"}, top, "bob")
        self.assertEqual(self.bed.put(path, b"x", "bob").status, 201)
        self.check(path, "alice", False, False)

    def test_a_quota_is_kept(self):
        top = self.fresh("ContainerNode")
        self.assertEqual(self.set(top, {"quota": "1000"}, "admin", "ContainerNode").status, 200)
        self.assertEqual(self.bed.put(top + "/a", b"x" * 900).status, 201)
        answer = self.bed.put(top + "/b", b"x" * 101)
        self.assertEqual((answer.status, answer.text.rstrip()),
                         (413, "QuotaExceeded: used=900 limit=1000 requested=101"))
        self.assertEqual(self.get(top + "/b", "alice").status, 404)
        self.assertEqual(self.bed.put(top + "/a", b"y" * 1000).status, 201)  # in its place
        answer = self.bed.put(top + "/a", b"x" * 1001)
        self.assertEqual(answer.status, 413)
        self.assertEqual(self.bed.get(top + "/a").body, b"y" * 1000)
        # Nobody says beforehand how long a chunked body is.
        for name in ("/a", "/b"):
            answer = self.bed.put(top + name, iter([b"x" * 600, b"x" * 600]))
            self.assertEqual(answer.status, 413)
            self.assertTrue(answer.text.startswith("QuotaExceeded: "), answer.text)
        self.assertEqual(self.bed.get(top + "/a").body, b"y" * 1000)
        self.assertEqual(self.get(top + "/b", "alice").status, 404)


class Administrator(AclTest):
    def test_sees_and_lists_everything_and_reads_no_bytes(self):
        top = self.fresh("ContainerNode", NOBODY)
        path = self.file(NOBODY, top)
        self.assertEqual(self.get(path, "admin").status, 200)
        self.assertIn(self.bed.uri(path), self.get(top, "admin", "").text)
        self.assertEqual(self.bed.get(path, "admin").status, 403)
        self.assertEqual(self.bed.put(path, b"x", "admin").status, 403)
        self.assertEqual(self.bed.create("DataNode", top + "/x", "admin").status, 403)

    def test_describes_and_deletes(self):
        path = self.file(NOBODY)
        self.assertEqual(self.set(path, {"title": "t"}, "admin").status, 200)
        self.assertEqual(self.delete(path, "admin").status, 200)

    def test_gives_a_node_to_somebody_else(self):
        path = self.file(NOBODY)
        for creator, shown in (("bob", "bob"), ("CN=carol,OU=users,O=example.org", "carol"),
                               ("CN=Nobody Yet,O=Elsewhere,C=CA", "CN=Nobody Yet,O=Elsewhere,C=CA"),
                               ("alice", "alice")):
            answer = self.set(path, {"creator": creator}, "admin")
            self.assertEqual(answer.status, 200, answer.text)
            self.assertEqual(self.value(path, "creator", "admin"), shown)
        self.assertEqual(self.set(path, {"creator": "no-such-user"}, "admin").status, 400)
        self.assertEqual(self.set(path, {"creator": "bob"}, "alice").status, 200)  # ignored
        self.assertEqual(self.value(path, "creator"), "alice")

    def test_makes_allocations_for_others(self):
        answer = self.bed.create("ContainerNode", "/home-of-bob", "admin", {"creator": "bob"})
        self.assertEqual(answer.status, 201)
        self.assertEqual(self.value("/home-of-bob", "creator", "bob"), "bob")
        self.assertEqual(self.bed.put("/home-of-bob/x", b"x", "bob").status, 201)

    def test_what_only_the_administrator_may_is_logged(self):
        path = self.file(NOBODY)
        self.set(path, {"title": "t"}, "admin")
        self.delete(path, "admin")
        lines = []

        def both_are_written():
            lines[:] = [line for line in self.bed.log().splitlines() if self.bed.uri(path) in line]
            return len(lines) >= 2
        wait_until(both_are_written)
        for line, does in zip(lines, ("changes properties of", "deletes")):
            self.assertTrue(line.endswith(f"the administrator admin {does} {self.bed.uri(path)}"))


class PermissionsByOwner(unittest.TestCase):
    def test_only_the_owner_gives_rights(self):
        bed = Testbed.start(settings=["permissions_by=owner"])
        self.addCleanup(bed.close)

        def post(props, user):
            return bed.ask("POST", "/nodes/public/x", user,
                           bed.document("DataNode", "/public/x", props)).status
        bed.create("DataNode", "/public/x", "alice", {"groupwrite": GROUP + "team-b"})
        self.assertEqual(post({"title": "t"}, "bob"), 200)
        for props in ({"ispublic": "false"}, {"groupread": GROUP + "x"},
                      {"groupwrite": ""}, {CADC + "islocked": "true"}):
            self.assertEqual(post(props, "bob"), 403)
        # What he fetched and posts back changes nothing, and is fine.
        fetched = bed.ask("GET", "/nodes/public/x", "bob").body
        self.assertEqual(bed.ask("POST", "/nodes/public/x", "bob", fetched).status, 200)
        self.assertEqual(post({"ispublic": "false"}, "alice"), 200)
        self.assertEqual(post({"ispublic": "true"}, "admin"), 200)


class Certificates(AclTest):
    @classmethod
    def setUpClass(cls):
        done = subprocess.run(
            [join(TOP, "scripts", "make-test-ca"), cls.bed.dir,
             "--expired", "old=CN=alice,OU=users,O=example.org",
             "--proxy", "proxy=alice", "--proxy", "proxy2=proxy",
             "--limited-proxy", "limited=alice",
             "--user", "stranger=CN=Jo Doe,OU=people,O=Grid,C=CA",
             "--user", "twocn=CN=12345,CN=alice,OU=users,O=example.org"],
            capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        for name in ("old", "proxy", "proxy2", "limited", "stranger", "twocn"):
            cls.bed.env["QUARTET_CERT_" + name.upper()] = join(cls.bed.dir, name + ".pem")

    def test_an_expired_certificate_is_anonymous(self):
        self.assertEqual(self.get("/public", "old").status, 200)
        self.assertIsNone(self.get("/public", "old").headers["X-VO-Authenticated"])

    def test_a_refusal_says_when_it_expired_and_what_to_run(self):
        path = self.file(NOBODY)
        for answer in (self.bed.get(path, "old"), self.bed.put(path, b"x", "old"),
                       self.delete(path, "old"), self.get("/alice", "old", "")):
            self.assertEqual(answer.status, 401)
            self.assertIn("2024-01-02", answer.text)
            self.assertIn("cadc-get-cert", answer.text)

    def test_proxies_are_their_end_entity(self):
        for user in ("proxy", "proxy2", "limited"):
            answer = self.get("/alice", user)
            self.assertEqual((answer.status, answer.headers["X-VO-Authenticated"]),
                             (200, "alice"), user)
            self.assertEqual(self.bed.put(f"/alice/by-{user}", b"x", user).status, 201)
            self.assertEqual(self.bed.get(f"/alice/by-{user}", user).body, b"x")
            self.assertEqual(self.value(f"/alice/by-{user}", "creator"), "alice")

    def test_a_name_with_two_cns_is_somebody_else(self):
        self.assertEqual(self.get("/alice", "twocn", "").status, 403)
        self.assertNotEqual(self.get("/alice", "twocn").headers["X-VO-Authenticated"], "alice")

    def test_a_stranger_is_known_by_the_dn_and_owns_what_is_made(self):
        top = self.fresh("ContainerNode", {"ispublic": "true"})
        self.assertEqual(self.bed.put(top + "/x", b"x", "stranger").status, 403)
        self.assertEqual(self.get(top, "stranger").headers["X-VO-Authenticated"],
                         "CN=Jo Doe,OU=people,O=Grid,C=CA")
        self.bed.ask("POST", "/nodes" + top, "alice", self.bed.document(
            "ContainerNode", top, {"groupwrite": GROUP + "strangers"}))
        # A DN without account owns nodes given to it.
        path = self.file(NOBODY)
        self.set(path, {"creator": "CN=Jo Doe,OU=people,O=Grid,C=CA"}, "admin")
        self.check(path, "stranger", True, True)
        self.assertEqual(self.value(path, "creator", "stranger"), "CN=Jo Doe,OU=people,O=Grid,C=CA")

    def test_an_account_takes_over_what_its_dn_owned(self):
        path = self.file(NOBODY)
        dn = "CN=Later Known,O=Grid,C=CA"
        self.set(path, {"creator": dn}, "admin")
        self.assertEqual(self.value(path, "creator", "admin"), dn)
        self.assertEqual(self.bed.tool("user", "add", "later", "--dn", dn)[0], 0)
        self.assertEqual(self.value(path, "creator", "admin"), "later")

    def test_a_disabled_account_is_anonymous_at_once(self):
        self.assertEqual(self.bed.tool("user", "disable", "carol")[0], 0)
        answer = self.get("/carol", "carol", "")
        self.assertEqual(answer.status, 401)
        self.assertIn("disabled", answer.text)
        self.assertEqual(self.get("/public", "carol").status, 200)
        self.assertEqual(self.bed.tool("user", "enable", "carol")[0], 0)
        self.assertEqual(self.get("/carol", "carol", "").status, 200)

    def test_another_site_cannot_make_a_browser_change_things(self):
        path = self.file(NOBODY)
        for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"},
                        {"Sec-Fetch-Site": "same-site"}, {"Origin": "null"}):
            for method in ("PUT", "POST", "DELETE"):
                answer = self.bed.ask(method, "/nodes" + path, "alice", b"", headers)
                self.assertEqual(answer.status, 403, (method, headers))
            self.assertEqual(self.bed.put(path, b"x", headers=headers).status, 403)
            self.assertEqual(self.bed.ask("GET", "/nodes" + path, "alice", None, headers).status,
                             200)
        ours = {"Origin": "https://" + self.bed.env["QUARTET_HOST"],
                "Host": self.bed.env["QUARTET_HOST"], "Sec-Fetch-Site": "same-origin"}
        self.assertEqual(self.bed.put(path, b"x", headers=ours).status, 201)


if __name__ == "__main__":
    main()
