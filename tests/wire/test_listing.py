# SPDX-License-Identifier: Apache-2.0
"""Listings: pages, orders, rights, details; large ones streamed in little memory."""

import os
import re
import time
import urllib.parse
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor

from quartet_test import CORE, VOS, Testbed, main, unittest

CADC = "ivo://cadc.nrc.ca/vospace/core#"
GROUP = "ivo://cadc.nrc.ca/gms?"


def is_sanitized():
    """Under a sanitizer memory is not what it is elsewhere, and everything takes longer."""
    build = os.environ.get("QUARTET_BUILD")
    if build is None:  # the release preset
        return False
    with open(os.path.join(build, "service", "quartetd"), "rb") as f:
        program = f.read()
    return b"__asan_init" in program or b"__tsan_init" in program


SANITIZED = is_sanitized()
MANY = 5_000 if SANITIZED else 100_000


def names(answer):
    root = ET.fromstring(answer.body)
    return [urllib.parse.unquote(n.get("uri").rpartition("/")[2])
            for n in root.find(f"{{{VOS}}}nodes")]


def setUpModule():
    Listing.bed = Testbed.start()
    unittest.addModuleCleanup(Listing.bed.close)


class Listing(unittest.TestCase):
    bed = None

    def fill(self, path, children, user="alice"):
        """Data nodes, by several connections at once, each with many requests under way."""
        def some(part):
            with self.bed.socket(user) as sock:
                for i in range(0, len(part), 50):
                    requests = []
                    for name in part[i:i + 50]:
                        child = f"{path}/{name}"
                        text = self.bed.document("DataNode", child).encode()
                        requests.append(f"PUT /vault/nodes{urllib.parse.quote(child)} HTTP/1.1\r\n"
                                        f"Host: {self.bed.host}\r\nContent-Length: {len(text)}"
                                        "\r\n\r\n".encode() + text)
                    sock.sendall(b"".join(requests))
                    got = b""
                    while got.count(b"</vos:node>") < len(requests):
                        data = sock.recv(1 << 20)
                        assert data, got[-500:]
                        got += data
                    assert got.count(b"HTTP/1.1 201 ") == len(requests), got[:500]
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(some, [children[i::16] for i in range(16)]))

    def container(self, path, props=None, user="alice"):
        answer = self.bed.create("ContainerNode", path, user, props)
        self.assertEqual(answer.status, 201, answer.text)
        return path

    def list(self, path, query="", user="alice"):
        answer = self.bed.ask("GET", f"/nodes{urllib.parse.quote(path)}{query}", user)
        self.assertEqual(answer.status, 200, answer.text)
        self.assertEqual(answer.headers["Content-Type"], "text/xml")
        return answer


class Pages(Listing):
    @classmethod
    def setUpClass(cls):
        cls.path = "/alice/pages"
        cls.all = [f"f{i:02}" for i in range(10)]
        self = cls()
        self.container(cls.path)
        self.fill(cls.path, cls.all)

    def page(self, limit, start=None, more=""):
        query = f"?limit={limit}" if limit is not None else "?"
        if start is not None:
            query += "&uri=" + urllib.parse.quote(self.bed.uri(f"{self.path}/{start}"), safe="")
        return names(self.list(self.path, query + more))

    def test_limit_0_is_the_node_alone(self):
        self.assertEqual(self.page(0), [])
        self.assertEqual(self.page(0, "f03"), [])

    def test_a_limit_gives_exactly_as_many_while_there_are(self):
        for n in (1, 3, 9, 10):
            self.assertEqual(self.page(n), self.all[:n])
        self.assertEqual(self.page(11), self.all)
        self.assertEqual(self.page(10**15), self.all)

    def test_a_page_begins_with_its_uri(self):
        self.assertEqual(self.page(3, "f04"), ["f04", "f05", "f06"])
        self.assertEqual(self.page(3, "f08"), ["f08", "f09"])
        self.assertEqual(self.page(1, "f09"), ["f09"])
        self.assertEqual(self.page(None, "f07"), ["f07", "f08", "f09"])

    def test_the_child_need_not_exist(self):
        self.assertEqual(self.page(2, "f045"), ["f05", "f06"])
        self.assertEqual(self.page(2, "zzz"), [])
        self.assertEqual(self.page(2, "a"), ["f00", "f01"])

    def test_a_client_that_pages_sees_each_child_once(self):
        seen, start = [], None
        while True:
            page = self.page(4, start)
            new = page if start is None else page[1:]
            if not new:
                break
            seen += new
            start = page[-1]
        self.assertEqual(seen, self.all)

    def test_the_uri_may_be_written_with_any_authority_of_ours(self):
        uri = urllib.parse.quote(f"vos://cadc.nrc.ca!vault{self.path}/f08", safe="")
        self.assertEqual(names(self.list(self.path, f"?limit=5&uri={uri}")), ["f08", "f09"])

    def test_what_is_no_child_is_refused(self):
        ours = self.bed.uri(self.path)
        for uri in (self.bed.uri("/alice/x"), ours, ours + "/a/b", self.bed.uri("/"),
                    "vos://elsewhere~vault" + self.path + "/f01", "f01", ""):
            answer = self.bed.ask("GET", f"/nodes{self.path}?limit=2&uri="
                                  + urllib.parse.quote(uri, safe=""), "alice")
            self.assertEqual(answer.status, 400, uri)
            self.assertTrue(answer.text.startswith("InvalidURI: "), answer.text)
        answer = self.bed.ask("GET", f"/nodes{self.path}?uri="
                              + urllib.parse.quote(self.bed.uri("/alice/x"), safe=""), "alice")
        self.assertEqual(answer.text, f"InvalidURI: uri parameter ({self.bed.uri('/alice/x')}) "
                         f"not a child of target uri ({ours}).")

    def test_a_bad_limit_is_refused(self):
        for bad in ("x", "-1", "1.5", "", "99999999999999999999999"):
            answer = self.bed.ask("GET", f"/nodes{self.path}?limit={bad}", "alice")
            self.assertEqual((answer.status, answer.text.rstrip()), (
                400, "InvalidArgument: value for limit must be a positive integer."), bad)

    def test_children_carry_what_was_asked_for(self):
        full = self.list(self.path).text
        self.assertEqual(full.count("core#creator"), 11)
        self.assertEqual(full.count("core#date"), 11)
        self.assertEqual(full.count("core#length"), 11)
        least = self.list(self.path, "?detail=min").text
        self.assertNotIn("properties", least)
        self.assertNotIn("busy", least)
        self.assertEqual(names(self.list(self.path, "?detail=min")), self.all)
        most = self.list(self.path, "?detail=max").text
        self.assertEqual(most.count("core#readable"), 11)
        self.assertEqual(most.count("core#writable"), 11)

    def test_an_empty_container_has_an_empty_list(self):
        path = self.container("/alice/empty")
        self.assertEqual(names(self.list(path)), [])
        self.assertEqual(names(self.list(path, "?limit=5")), [])

    def test_descending_names_page_too(self):
        down = self.all[::-1]
        self.assertEqual(self.page(None, more="&order=desc"), down)
        self.assertEqual(self.page(3, more="&order=desc"), down[:3])
        self.assertEqual(self.page(3, "f05", "&order=desc"), ["f05", "f04", "f03"])

    def test_through_a_link_the_page_may_carry_either_path(self):
        self.bed.create("LinkNode", "/alice/to-alice", target=self.bed.uri("/alice"))
        path = "/alice/to-alice/pages"
        self.assertEqual(names(self.list(path)), self.all)
        for prefix in (path, self.path):
            uri = urllib.parse.quote(self.bed.uri(prefix + "/f08"), safe="")
            self.assertEqual(names(self.list(path, f"?limit=2&uri={uri}")), ["f08", "f09"])


class Orders(Listing):
    @classmethod
    def setUpClass(cls):
        self = cls()
        cls.path = self.container("/alice/orders")
        cls.sizes = {"a": 5, "b": 1, "c": 5, "d": 0, "e": 100, "f": 5}
        for name, size in cls.sizes.items():
            assert self.bed.put(f"{cls.path}/{name}", b"x" * size).status == 201
        self.container(cls.path + "/sub")
        assert self.bed.put(cls.path + "/sub/x", b"x" * 50).status == 201

    def test_by_length(self):
        for order, wanted in (("", "dbacfxe"), ("&order=asc", "dbacfxe"),
                              ("&order=desc", "exfcabd")):
            got = names(self.list(self.path, f"?sort={urllib.parse.quote(CORE)}length{order}"))
            self.assertEqual("".join(got).replace("sub", "x"), wanted)

    def test_by_date(self):
        for name in "cab":
            self.bed.ask("POST", f"/nodes{self.path}/{name}", "alice",
                         self.bed.document("DataNode", f"{self.path}/{name}"))
        query = "?sort=ivo://ivoa.net/vospace/core%23date"
        self.assertEqual(names(self.list(self.path, query))[-3:], ["c", "a", "b"])
        self.assertEqual(names(self.list(self.path, query + "&order=desc"))[:3], ["b", "a", "c"])
        self.assertEqual(names(self.list(self.path, query + "&order=DESC&limit=2")), ["b", "a"])

    def test_nothing_is_sorted_too(self):
        path = self.container("/alice/nothing")
        for order in ("length", "date"):
            self.assertEqual(self.list(path, f"?sort={urllib.parse.quote(CORE)}{order}").status, 200)

    def test_pages_in_another_order(self):
        query = f"?sort={urllib.parse.quote(CORE)}length&limit=3&uri="
        uri = urllib.parse.quote(self.bed.uri(self.path + "/c"), safe="")
        self.assertEqual(names(self.list(self.path, query + uri)), ["c", "f", "sub"])
        gone = urllib.parse.quote(self.bed.uri(self.path + "/gone"), safe="")
        self.assertEqual(self.bed.ask("GET", f"/nodes{self.path}{query}{gone}", "alice").status,
                         400)

    def test_unknown_orders_say_so_as_the_client_expects(self):
        for query, text in ((f"sort={urllib.parse.quote(CORE)}title", f"sort by {CORE}title"),
                            ("order=up", "sort order up")):
            answer = self.bed.ask("GET", f"/nodes{self.path}?{query}", "alice")
            self.assertEqual((answer.status, answer.text.rstrip()), (
                400, f"OptionNotSupported: sorting options not supported: {text}"))

    def test_orders_mean_nothing_elsewhere(self):
        self.assertEqual(self.bed.ask("GET", f"/nodes{self.path}/a?sort=x&order=y", "alice").status,
                         200)


class Rights(Listing):
    def test_who_may_not_read_a_container_gets_no_list(self):
        path = self.container("/public/closed", {"ispublic": "false", "groupwrite": "",
                                                 "groupread": GROUP + "team-a",
                                                 CADC + "inheritPermissions": "false"})
        self.fill(path, ["x"])
        self.assertEqual(self.bed.ask("GET", "/nodes" + path, "carol").status, 403)
        self.assertEqual(self.bed.ask("GET", "/nodes" + path, None).status, 401)
        for user in ("carol", None):
            self.assertEqual(names(self.list(path, "?limit=0", user)), [])

    def test_no_child_is_left_out_for_lack_of_rights(self):
        path = self.container("/public/mixed", {CADC + "inheritPermissions": "false",
                                                "ispublic": "true", "groupwrite": ""})
        for i in range(20):
            self.bed.create("DataNode", f"{path}/n{i:02}", "alice",
                            {"ispublic": "true" if i % 2 else "false",
                             "groupwrite": GROUP + "team-c" if i % 5 == 0 else ""})
        wanted = [f"n{i:02}" for i in range(20)]
        for user in ("alice", "carol", None):
            self.assertEqual(names(self.list(path, "", user)), wanted)
        root = ET.fromstring(self.list(path, "?detail=max", "carol").body)
        for i, child in enumerate(root.find(f"{{{VOS}}}nodes")):
            uris = {p.get("uri") for p in child.iter(f"{{{VOS}}}property")}
            self.assertEqual(CADC + "readable" in uris, i % 2 == 1 or i % 5 == 0, i)
            self.assertEqual(CADC + "writable" in uris, i % 5 == 0, i)
            self.assertIn(CORE + "creator", uris)

    def test_children_of_an_allocation_are_its_owners(self):
        self.bed.create("ContainerNode", "/alice/shared", "alice",
                        {"groupwrite": GROUP + "team-b"})
        self.bed.ask("POST", "/nodes/alice", "alice", self.bed.document(
            "ContainerNode", "/alice", {"groupread": GROUP + "team-b"}))
        self.bed.create("DataNode", "/alice/shared/by-bob", "bob", {"groupread": ""})
        root = ET.fromstring(self.list("/alice/shared", "?detail=max").body)
        child = root.find(f"{{{VOS}}}nodes")[0]
        uris = {p.get("uri"): p.text for p in child.iter(f"{{{VOS}}}property")}
        self.assertEqual(uris[CORE + "creator"], "bob")
        self.assertIn(CADC + "writable", uris)


class Little(unittest.TestCase):
    """stat_unreadable = basic: of what one may not read only name, type, date, length."""

    def test_little_is_shown_of_what_may_not_be_read(self):
        bed = Testbed.start(settings=["stat_unreadable=basic"])
        self.addCleanup(bed.close)
        bed.create("DataNode", "/public/secret", "alice",
                   {"ispublic": "false", "groupwrite": "", "title": "hush"})
        bed.ask("POST", "/nodes/public/secret", "alice", bed.document(
            "DataNode", "/public/secret", {"groupwrite": ""}))
        for target in ("/nodes/public/secret", "/nodes/public", "/nodes/public?detail=max"):
            self.assertIn("hush", bed.ask("GET", target, "alice").text)
            answer = bed.ask("GET", target, "carol")
            self.assertEqual(answer.status, 200)
            self.assertNotIn("hush", answer.text)
            self.assertIn("core#date", answer.text)
            self.assertIn("core#length", answer.text)


class Large(Listing):
    def test_2500_children_come_in_the_order_of_their_bytes(self):
        path = self.container("/alice/2500")
        children = [f"{'aZé_~'[i % 5]}{i * 7919 % 2500}" for i in range(2500)]
        self.fill(path, children)
        wanted = sorted(children, key=str.encode)
        self.assertEqual(names(self.list(path)), wanted)
        self.assertEqual(names(self.list(path, "?limit=2000")), wanted[:2000])
        uri = urllib.parse.quote(self.bed.uri(f"{path}/{wanted[1999]}"), safe="")
        self.assertEqual(names(self.list(path, f"?limit=2000&uri={uri}")), wanted[1999:])
        self.assertEqual(names(self.list(path, "?order=desc")), wanted[::-1])

    def memory_kib(self):
        with open(f"/proc/{self.bed.pid}/status", encoding="ascii") as f:
            found = dict(re.findall(r"^(\w+):\s+(\d+) kB", f.read(), re.M))
        return int(found["RssAnon"]) + int(found["RssShmem"])

    def test_many_children_are_streamed(self):
        path = self.container("/alice/many")
        self.fill(path, [f"child-{i:06}" for i in range(MANY)])
        self.list("/alice", "?limit=1")
        before = self.memory_kib()
        connection = self.bed.connect("alice")
        connection.connect()
        began = time.monotonic()
        connection.request("GET", f"/vault/nodes{path}")
        answer = connection.getresponse()
        head = answer.read(1)
        first = time.monotonic() - began
        self.assertEqual(answer.status, 200)
        self.assertIsNone(answer.headers["Content-Length"])
        peak = 0
        count, last, tail = 0, None, head
        while True:
            data = answer.read(1 << 20)
            if not data:
                break
            peak = max(peak, self.memory_kib())
            tail += data
            end = 0
            for match in re.finditer(rb'uri="[^"]*/(child-\d{6})"', tail):
                count += 1
                self.assertTrue(last is None or last < match[1])
                last, end = match[1], match.end()
            tail = tail[end:]
        connection.close()
        self.assertEqual((count, last), (MANY, b"child-%06d" % (MANY - 1)))
        self.assertTrue(tail.rstrip().endswith(b"</vos:nodes></vos:node>"))
        self.assertLess(first, 2)  # far less where nothing else runs
        if not SANITIZED:
            self.assertLess(peak - before, 16 * 1024)
        # Another order: keys are gathered and sorted, without holding up others.
        answer = self.list(path, f"?sort={urllib.parse.quote(CORE)}date&order=desc&limit=3")
        self.assertEqual(len(names(answer)), 3)

    def test_only_the_names_that_fit_a_pattern(self):
        self.bed.create("ContainerNode", "/alice/filter")
        self.fill("/alice/filter", ["a.fits", "b.fits", "b.txt", "été.fits", "x[1].fits"])
        for pattern, found in [("*.fits", ["a.fits", "b.fits", "x[1].fits", "été.fits"]), ("b.*", ["b.fits", "b.txt"]),
                               ("?té*", ["été.fits"]), ("x[1]*", ["x[1].fits"]), ("none", []), ("*", None)]:
            answer = self.list("/alice/filter", "?name=" + urllib.parse.quote(pattern))
            self.assertEqual(names(answer), found if found is not None else
                             ["a.fits", "b.fits", "b.txt", "x[1].fits", "été.fits"])
        self.assertEqual(names(self.list("/alice/filter", "?name=*.fits&limit=2")), ["a.fits", "b.fits"])
        order = f"&sort={urllib.parse.quote(CORE)}date&order=desc&limit=1"
        self.assertEqual(names(self.list("/alice/filter", "?name=*.txt" + order)), ["b.txt"])
        start = urllib.parse.quote(self.bed.uri("/alice/filter/b.fits"))
        self.assertEqual(names(self.list("/alice/filter", f"?name=*.fits&limit=1&uri={start}")), ["b.fits"])

    def test_only_what_has_changed_since(self):
        self.bed.create("ContainerNode", "/alice/since")
        self.fill("/alice/since", ["old", "set", "put"])
        time.sleep(1.1)
        now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
        self.bed.put("/alice/since/put", b"bytes")
        self.bed.ask("POST", "/nodes/alice/since/set", "alice",
                     self.bed.document("DataNode", "/alice/since/set", {"title": "x"}), {"Content-Type": "text/xml"})
        self.assertEqual(names(self.list("/alice/since", f"?since={now}")), ["put", "set"])
        self.assertEqual(names(self.list("/alice/since", "?since=2100-01-01T00:00:00.000")), [])
        answer = self.bed.ask("GET", "/nodes/alice/since?since=yesterday", "alice")
        self.assertEqual(answer.status, 400)
        self.assertIn("since=yesterday is no time", answer.text)

    def below(self, path, query):
        """The nodes of a deep listing, by what follows the path."""
        root = ET.fromstring(self.list(path, query).body)
        start = self.bed.uri(path) + "/"
        found = [n.get("uri") for n in root.findall(f"{{{VOS}}}nodes/{{{VOS}}}node")]
        self.assertTrue(all(uri.startswith(start) for uri in found))
        return [urllib.parse.unquote(uri[len(start):]) for uri in found]

    def deep_tree(self):
        """Names that sort differently as paths and as names, a link, an empty folder."""
        for name in ("", "/a", "/a/b", "/a/b/c", "/a-", "/empty"):
            self.bed.create("ContainerNode", "/alice/deep" + name)
        files = ["/a/b/c/leaf.fits", "/a/x.fits", "/a-/y.fits", "/a0", "/a/b.fits"]
        for name in files:
            self.bed.put("/alice/deep" + name, b"x")
        self.bed.create("LinkNode", "/alice/deep/link", target=self.bed.uri("/alice/deep/a"))
        return ["a", "a/b", "a/b/c", "a/b/c/leaf.fits", "a/b.fits", "a/x.fits", "a-", "a-/y.fits", "a0", "empty",
                "link"]

    def test_what_lies_deeper_follows_its_container(self):
        tree = self.deep_tree()
        for depth in (1, 2, 3, 4, 64):
            self.assertEqual(self.below("/alice/deep", f"?depth={depth}"),
                             [name for name in tree if name.count("/") < depth])
        self.assertEqual(self.below("/alice/deep", ""), [name for name in tree if "/" not in name])
        self.assertEqual(self.below("/alice/deep/empty", "?depth=9"), [])
        self.assertEqual(self.below("/alice", "?depth=9&name=leaf*"), ["deep/a/b/c/leaf.fits"])
        self.assertEqual(self.below("/alice/deep", "?depth=3&name=*.fits"), ["a/b.fits", "a/x.fits", "a-/y.fits"])
        node = ET.fromstring(self.list("/alice/deep", "?depth=4&name=leaf.fits&detail=max").body)
        self.assertIn(CORE + "MD5", [p.get("uri") for p in node.iter(f"{{{VOS}}}property")])

    def test_pages_of_what_lies_deeper(self):
        tree = self.deep_tree()
        for limit in (1, 2, 3, 5):
            for at, name in enumerate(tree):
                mark = urllib.parse.quote(self.bed.uri("/alice/deep/" + name), "")
                self.assertEqual(self.below("/alice/deep", f"?depth=4&limit={limit}&uri={mark}"), tree[at:at + limit])
        for gone, following in [("a/b/aa", "a/b/c"), ("a/b/zz", "a/b.fits"), ("a/zz", "a-"), ("a0/x", "empty"),
                                ("none/x", None), ("a/none/x/y", "a/x.fits")]:
            mark = urllib.parse.quote(self.bed.uri("/alice/deep/" + gone), "")
            self.assertEqual(self.below("/alice/deep", f"?depth=4&limit=1&uri={mark}"), [following] if following else [],
                             gone)

    def test_a_wide_tree_is_listed_whole(self):
        self.bed.create("ContainerNode", "/alice/wide")
        wanted = []
        with self.bed.nodes() as create:
            for folder in range(150):
                create("ContainerNode", f"/alice/wide/{folder:03}")
                wanted.append(f"{folder:03}")
                for leaf in range(folder % 4):
                    create("DataNode", f"/alice/wide/{folder:03}/{leaf}")
                    wanted.append(f"{folder:03}/{leaf}")
        self.assertEqual(self.below("/alice/wide", "?depth=2"), wanted)

    def test_a_deep_listing_shows_and_does_not_enter_what_may_not_be_listed(self):
        for name, public in [("", "true"), ("/open", "true"), ("/shut", "false"), ("/shut/in", "true")]:
            self.bed.create("ContainerNode", "/public/deep" + name, properties={"ispublic": public})
        self.bed.put("/public/deep/open/f", b"x")
        # Only alice's own: what is inherited is taken away.
        self.bed.ask("POST", "/nodes/public/deep/shut", "alice", self.bed.document(
            "ContainerNode", "/public/deep/shut", {"groupread": None, "groupwrite": None}), {"Content-Type": "text/xml"})
        def seen(user):
            answer = self.bed.ask("GET", "/nodes/public/deep?depth=5", user)
            self.assertEqual(answer.status, 200)
            return [n.get("uri").partition("/deep/")[2] for n in
                    ET.fromstring(answer.body).findall(f"{{{VOS}}}nodes/{{{VOS}}}node")]
        self.assertEqual(seen("alice"), ["open", "open/f", "shut", "shut/in"])
        self.assertEqual(seen("carol"), ["open", "open/f", "shut"])
        self.assertEqual(seen(None), ["open", "open/f", "shut"])

    def test_a_depth_that_makes_no_sense(self):
        for query in ("depth=0", "depth=-1", "depth=x", "depth=65", "depth=99999999999999999999"):
            answer = self.bed.ask("GET", "/nodes/alice?" + query, "alice")
            self.assertEqual(answer.status, 400)
            self.assertIn("depth=", answer.text)
        for more in (f"sort={urllib.parse.quote(CORE, '')}date", "order=desc"):
            answer = self.bed.ask("GET", "/nodes/alice?depth=2&" + more, "alice")
            self.assertEqual((answer.status, answer.text.partition(":")[0]), (400, "OptionNotSupported"))

    def test_a_filter_that_wants_nothing_of_many_lets_others_go_on(self):
        answer = self.list("/alice/2500", "?name=nothing-like-it")
        self.assertEqual(names(answer), [])

    def test_a_client_that_leaves_does_no_harm(self):
        path = "/alice/2500"
        for _ in range(20):
            sock = self.bed.socket("alice")
            sock.sendall(f"GET /vault/nodes{path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            sock.recv(1000)
            sock.close()  # in the middle of the answer
        self.assertEqual(self.bed.ask("GET", "/nodes/alice?limit=0", "alice").status, 200)


if __name__ == "__main__":
    main()
