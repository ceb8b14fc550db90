# SPDX-License-Identifier: Apache-2.0
"""Links to share: made, opened, used for what they allow and nothing else, ended."""

import io
import json
import os
import shutil
import signal
import tarfile
import tempfile
import urllib.parse

from quartet_test import Testbed, main, unittest, wait_until

LINKS = "/account/links"
FORM = "application/x-www-form-urlencoded"
PACKAGE = "vos://cadc.nrc.ca~vospace/CADC/std/Pkg-1.0"
GET = "ivo://ivoa.net/vospace/core#httpsget"


class Guest:
    """Who has opened a link, or tries to."""

    def __init__(self, bed, url):
        self.bed = bed
        address, _, self.text = url.partition("#")
        self.top = urllib.parse.urlsplit(address).path  # /share/ID
        self.id = self.top.rpartition("/")[2]
        self.cookie = None

    def open(self, password=None, text=None, top=None):
        fields = {"link": self.text if text is None else text} | ({"password": password} if password else {})
        answer = self.bed.ask("POST", (top or self.top) + "/open", None, urllib.parse.urlencode(fields), {"Content-Type": FORM})
        if answer.status == 200:
            self.rules = answer.headers["Set-Cookie"]
            self.cookie = self.rules.partition(";")[0]
        return answer

    def ask(self, method, target, body=None, headers=None, below=True):
        headers = dict(headers or {}) | ({"Cookie": self.cookie} if self.cookie else {})
        prefix = self.top + ("" if target.startswith(("/account", "/manage", "/gms", "/cred")) else "/vault") if below else ""
        return self.bed.ask(method, prefix + target, None, body, headers)

    def get(self, path):
        """The bytes, by the redirect that the page follows."""
        first = self.ask("GET", "/files" + path)
        return self.bed.ask("GET", first.headers["Location"]) if first.status == 303 else first


class Links(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="quartet-audit-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.audit_log = os.path.join(cls.folder, "audit.log")
        cls.bed = Testbed.start(settings=("links_per_account=30", "guests_per_account=50", f"audit_log={cls.audit_log}"))
        cls.addClassCleanup(cls.bed.close)

    def setUp(self):
        self.top = f"/alice/{self._testMethodName}"
        for folder in (self.top, self.top + "/in", self.top + "/in/deep", self.top + "/out"):
            self.assertEqual(self.bed.create("ContainerNode", folder).status, 201)
        self.bed.put(self.top + "/in/f", b"shared")
        self.bed.put(self.top + "/in/deep/g", b"deep")
        self.bed.put(self.top + "/out/secret", b"secret")
        self.addCleanup(self.revoke_all)

    def revoke_all(self):
        for user in ("alice", "bob"):
            for one in self.list(user):
                self.bed.ask("DELETE", f"{LINKS}/{one['id']}", user)

    def list(self, user="alice"):
        return json.loads(self.bed.ask("GET", LINKS, user).text)

    def make(self, path, user="alice", **fields):
        return self.bed.ask("POST", LINKS, user, urllib.parse.urlencode({"path": path} | fields), {"Content-Type": FORM})

    def guest(self, path, password=None, **fields):
        answer = self.make(path, **fields)
        self.assertEqual(answer.status, 201, answer.text)
        guest = Guest(self.bed, json.loads(answer.text)["url"])
        answer = guest.open(password)
        self.assertEqual(answer.status, 200, answer.text)
        return guest


class Reading(Links):
    def test_a_folder_is_read_and_nothing_else_is_touched(self):
        guest = self.guest(self.top + "/in", label="for you")
        seen = json.loads(guest.ask("GET", "/account/session").text)
        self.assertIsNone(seen["name"])
        self.assertEqual((seen["by"], seen["link"]["path"], seen["link"]["label"], seen["link"]["access"]),
                         ("link", self.top + "/in", "for you", "read"))
        self.assertNotIn("email", seen)
        listing = guest.ask("GET", f"/nodes{self.top}/in")
        self.assertEqual(listing.status, 200)
        self.assertNotIn("guest of", listing.text)
        self.assertEqual(guest.get(self.top + "/in/f").body, b"shared")
        self.assertEqual(guest.get(self.top + "/in/deep/g").body, b"deep")
        for path in ("", "/out", "/out/secret"):
            self.assertEqual(guest.ask("GET", f"/nodes{self.top}{path}").status, 403, path)
        self.assertEqual(guest.get(self.top + "/out/secret").status, 403)
        document = self.bed.document("ContainerNode", self.top + "/in/new")
        xml = {"Content-Type": "text/xml"}
        for method, target, body in (
                ("PUT", f"/files{self.top}/in/new", b"x"), ("PUT", f"/files{self.top}/in/f", b"x"),
                ("PUT", f"/nodes{self.top}/in/new", document), ("POST", f"/nodes{self.top}/in", document),
                ("DELETE", f"/nodes{self.top}/in/f", None), ("GET", "/transfers", None), ("GET", "/async-delete", None),
                ("POST", "/async-delete", b"target=" + self.bed.uri(self.top).encode()), ("GET", "/account", None),
                ("GET", LINKS, None), ("GET", "/account/tokens", None), ("GET", "/gms/groups", None), ("GET", "/gms/search", None),
                ("GET", "/cred/proxyCert", None), ("GET", "/manage/users", None), ("GET", "/manage/health", None)):
            answer = guest.ask(method, target, body, xml)
            self.assertEqual(answer.status, 403, (method, target, answer.text))
        self.assertEqual(self.bed.get(self.top + "/in/f").body, b"shared")

    def test_one_file_is_read(self):
        guest = self.guest(self.top + "/in/f")
        self.assertEqual(guest.get(self.top + "/in/f").body, b"shared")
        self.assertEqual(guest.ask("GET", f"/nodes{self.top}/in").status, 403)

    def test_an_archive_of_what_is_shared(self):
        guest = self.guest(self.top + "/in")
        form = [("TARGET", self.bed.uri(self.top + path)) for path in ("/in/f", "/in/deep", "/out/secret", "/out")]
        form += [("DIRECTION", "pullFromVoSpace"), ("PROTOCOL", GET), ("VIEW", PACKAGE), ("RESPONSEFORMAT", "application/x-tar")]
        first = guest.ask("POST", "/synctrans", urllib.parse.urlencode(form), {"Content-Type": FORM})
        self.assertEqual(first.status, 303, first.text)
        url = urllib.parse.urlsplit(first.headers["Location"]).path
        self.assertTrue(url.startswith(guest.top + "/vault/pkg/"), url)
        self.assertEqual(self.bed.ask("GET", url.removeprefix(guest.top)).status, 401)
        self.assertIn(self.bed.ask("GET", url.removeprefix(guest.top), "alice").status, (403, 404), "it is the guest's job")
        other = self.guest(self.top + "/in")
        self.assertEqual(other.ask("GET", url.removeprefix(guest.top + "/vault")).status, 403)
        answer = guest.ask("GET", url.removeprefix(guest.top + "/vault"))
        self.assertEqual(answer.status, 200, answer.text)
        names = tarfile.open(fileobj=io.BytesIO(answer.body)).getnames()
        self.assertEqual(sorted(names), ["deep", "deep/g", "f"])

    def test_nobody_else_is_the_guest(self):
        guest, other = self.guest(self.top + "/in"), self.guest(self.top + "/out")
        self.assertRegex(guest.rules, rf"\A__Secure-quartet-share=[\w-]+; Path={guest.top}; Secure; HttpOnly; SameSite=Lax; Max-Age=\d+\Z")
        target = f"/nodes{self.top}/in"
        self.assertEqual(guest.ask("GET", target).status, 200)
        for what, headers, top in (
                ("no cookie", {}, guest.top), ("another link's", {"Cookie": other.cookie}, guest.top),
                ("elsewhere", {"Cookie": guest.cookie}, ""), ("below another link", {"Cookie": guest.cookie}, other.top),
                ("as a session", {"Cookie": guest.cookie.replace("__Secure-quartet-share", "__Host-quartet")}, ""),
                ("as a token", {"Authorization": "Bearer " + guest.cookie.partition("=")[2]}, ""),
                ("the link's text", {"Cookie": "__Secure-quartet-share=" + guest.text}, guest.top),
                ("the link's text as a token", {"Authorization": "Bearer " + guest.text}, ""),
                ("a link's path in capitals", {"Cookie": guest.cookie}, guest.top.upper())):
            answer = self.bed.ask("GET", f"{top}/vault{target}" if top else target, None, None, headers)
            self.assertIn(answer.status, (401, 403, 404), what)
        self.assertEqual(guest.ask("PUT", f"/files{self.top}/in/x", b"", {"Origin": "https://elsewhere.example"}).status, 403)

    def test_a_session_of_ones_own_does_not_count_below_a_link(self):
        guest = self.guest(self.top + "/in")
        answer = self.bed.ask("GET", f"{guest.top}/vault/nodes{self.top}/out", "alice")
        self.assertEqual(answer.status, 401)


class Dropping(Links):
    def test_files_are_dropped_and_not_seen(self):
        guest = self.guest(self.top + "/in", access="drop")
        first = guest.ask("PUT", f"/files{self.top}/in/dropped", b"bytes")
        self.assertEqual(first.status, 201, first.text)
        self.assertEqual(self.bed.get(self.top + "/in/dropped").body, b"bytes")
        for method, target, body in (
                ("PUT", f"/files{self.top}/in/dropped", b"other"), ("PUT", f"/files{self.top}/in/f", b"other"),
                ("PUT", f"/files{self.top}/in/deep/x", b"x"), ("PUT", f"/files{self.top}/out/x", b"x"),
                ("PUT", f"/files{self.top}/x", b"x"), ("PUT", f"/files{self.top}/in", b"x"), ("GET", f"/nodes{self.top}/in", None),
                ("GET", f"/nodes{self.top}/in/dropped", None), ("GET", f"/files{self.top}/in/dropped", None),
                ("PUT", f"/nodes{self.top}/in/node", self.bed.document("ContainerNode", self.top + "/in/node")),
                ("DELETE", f"/nodes{self.top}/in/dropped", None)):
            answer = guest.ask(method, target, body)
            self.assertIn(answer.status, (403, 400), (method, target, answer.text))
        self.assertEqual(self.bed.get(self.top + "/in/dropped").body, b"bytes")
        self.assertEqual(self.bed.get(self.top + "/in/f").body, b"shared")

    def test_a_large_one_in_segments(self):
        guest = self.guest(self.top + "/in", access="drop")
        target, data = f"/files{self.top}/in/large", b"0123456789" * 200_000
        begin = guest.ask("PUT", target, b"", {"x-put-txn-op": "start", "x-total-length": str(len(data))})
        self.assertIn(begin.status, (200, 201, 202), begin.text)
        txn = {"x-put-txn-id": begin.headers["x-put-txn-id"]}
        for part in (data[:1 << 20], data[1 << 20:]):
            self.assertEqual(guest.ask("PUT", target, part, txn).status, 202)
        done = guest.ask("PUT", target, b"", txn | {"x-put-txn-op": "commit"})
        self.assertIn(done.status, (200, 201), done.text)
        self.assertEqual(self.bed.get(self.top + "/in/large").body, data)

    def test_files_are_dropped_into_folders_only(self):
        answer = self.make(self.top + "/in/f", access="drop")
        self.assertEqual(answer.status, 400, answer.text)

    def test_the_quota_is_the_owners(self):
        self.bed.tool("quota", self.top, "1000")
        guest = self.guest(self.top + "/in", access="drop")
        answer = guest.ask("PUT", f"/files{self.top}/in/too-large", b"x" * 2000)
        self.assertEqual(answer.status, 413, answer.text)


class Ends(Links):
    def test_a_revoked_link_ends_at_once_with_all_that_came_of_it(self):
        guest = self.guest(self.top + "/in")
        url = guest.ask("GET", f"/files{self.top}/in/f").headers["Location"]
        self.assertEqual(self.bed.ask("GET", url).body, b"shared")
        self.assertEqual(self.bed.ask("DELETE", f"{LINKS}/{guest.id}", "bob").status, 404)
        self.assertEqual(self.bed.ask("DELETE", f"{LINKS}/{guest.id}", "alice").status, 204)
        self.assertEqual(self.bed.ask("GET", url).status, 403)
        self.assertEqual(guest.ask("GET", f"/nodes{self.top}/in").status, 401)
        self.assertEqual(guest.open().status, 401)
        self.assertEqual(self.bed.ask("DELETE", f"{LINKS}/{guest.id}", "alice").status, 404)

    def test_it_is_opened_so_often_and_no_more(self):
        answer = self.make(self.top + "/in", count="2")
        guests = [Guest(self.bed, json.loads(answer.text)["url"]) for _ in range(3)]
        self.assertEqual([g.open().status for g in guests], [200, 200, 403])
        self.assertEqual([(one["uses"], one["count"]) for one in self.list()], [(2, 2)])
        for guest in guests[:2]:
            self.assertEqual(guest.get(self.top + "/in/f").body, b"shared", "who is in stays in")

    def test_a_password_is_asked_for(self):
        answer = self.make(self.top + "/in", password="correct horse")
        made = json.loads(answer.text)
        self.assertTrue(made["password"])
        guest = Guest(self.bed, made["url"])
        self.assertEqual(guest.open().status, 401)
        self.assertEqual(guest.open("wrong").status, 401)
        self.assertEqual(self.list()[0]["uses"], 0)
        self.assertEqual(guest.open("correct horse").status, 200)
        self.assertEqual(guest.get(self.top + "/in/f").body, b"shared")
        self.assertNotIn("correct horse", self.bed.log() + self.bed.access_log())
        self.assertNotIn(guest.text, self.bed.log() + self.bed.access_log())

    def test_a_disabled_owner_shares_nothing(self):
        self.bed.create("ContainerNode", "/bob/shared", "bob")
        self.bed.put("/bob/shared/f", b"x", "bob")
        answer = self.make("/bob/shared", "bob")
        guest = Guest(self.bed, json.loads(answer.text)["url"])
        self.assertEqual(guest.open().status, 200)
        self.bed.tool("user", "disable", "bob")
        self.addCleanup(self.bed.tool, "user", "enable", "bob")
        self.assertIn(guest.ask("GET", "/nodes/bob/shared").status, (401, 403))
        self.assertEqual(guest.open().status, 401)

    def test_it_holds_when_the_server_is_killed(self):
        guest = self.guest(self.top + "/in", count="5", label="kept")
        pid = self.bed.pid
        os.kill(pid, signal.SIGKILL)

        def it_is_gone():
            return not os.path.exists(f"/proc/{pid}")
        wait_until(it_is_gone)
        self.bed.up()
        self.assertEqual([(o["label"], o["uses"]) for o in self.list()], [("kept", 1)])
        self.assertEqual(guest.get(self.top + "/in/f").body, b"shared")

    def test_there_are_not_endlessly_many(self):
        made = [self.make(self.top + "/in").status for _ in range(32)]
        self.assertEqual(made, [201] * 30 + [409] * 2)


class Making(Links):
    def test_only_who_may_change_permissions_shares(self):
        self.bed.create("ContainerNode", self.top + "/open", "alice", {"ispublic": "true"})
        self.assertEqual(self.make(self.top + "/open", "bob").status, 403)
        self.assertEqual(self.make("/alice", "bob").status, 403)
        self.assertEqual(self.bed.ask("POST", LINKS, None, "path=/public", {"Content-Type": FORM}).status, 401)

    def test_nonsense_is_refused_by_name(self):
        for fields, word in (({"path": ""}, "path"), ({"path": "/"}, "path"), ({"access": "write"}, "access"), ({"days": "0"}, "days"),
                             ({"days": "x"}, "days"), ({"days": "4000"}, "days"), ({"count": "-1"}, "count"), ({"password": "short"}, "password")):
            answer = self.bed.ask("POST", LINKS, "alice", urllib.parse.urlencode({"path": self.top + "/in"} | fields), {"Content-Type": FORM})
            self.assertEqual(answer.status, 400, (fields, answer.text))
            self.assertIn(word, answer.text)
        self.assertEqual(self.make(self.top + "/nothing").status, 404)

    def test_a_text_counts_for_its_own_link_only(self):
        one, other = (Guest(self.bed, json.loads(self.make(self.top + "/in").text)["url"]) for _ in range(2))
        self.assertEqual(one.open(top=other.top).status, 401)
        self.assertEqual(one.open(text=one.text[:-1] + ("A" if one.text[-1] != "A" else "B")).status, 401)
        self.assertEqual(one.open(text="").status, 401)
        self.assertEqual(self.bed.ask("POST", "https://x/open", None, "link=" + one.text, {"Content-Type": FORM}).status, 404)

    def test_links_are_no_tokens_in_the_list_of_tokens(self):
        guest = self.guest(self.top + "/in")
        tokens = json.loads(self.bed.ask("GET", "/account/tokens", "alice").text)
        self.assertFalse([t for t in tokens if t["kind"] not in ("session", "login", "personal")])
        self.assertNotIn(guest.id, [t["id"] for t in tokens])


class Audited(Links):
    def events(self):
        with open(self.audit_log, encoding="utf-8") as f:
            return [line for line in map(json.loads, f) if line["event"] == "share"]

    def test_each_use_is_written_down(self):
        reader, dropper = self.guest(self.top + "/in"), self.guest(self.top + "/in", access="drop")
        reader.get(self.top + "/in/f")
        dropper.ask("PUT", f"/files{self.top}/in/new", b"x")
        reader.open(text="x")
        below = reader.top + "/vault/files"
        for wanted in (("GET", "guest of alice", 303, below + self.top + "/in/f"), ("GET", "guest of alice", 200, None),
                       ("PUT", "guest of alice", 201, f"{dropper.top}/vault/files{self.top}/in/new"),
                       ("POST", "guest of alice", 200, reader.top + "/open"), ("POST", "anonymous", 401, reader.top + "/open")):
            def it_is_there(wanted=wanted):
                return any((e["method"], e["user"], e["status"]) == wanted[:3] and wanted[3] in (None, e["path"])
                           for e in self.events())
            wait_until(it_is_there)


if __name__ == "__main__":
    main()
