# SPDX-License-Identifier: Apache-2.0
"""vosfs, the fsspec file system: scenarios 30 to 39 of the client contract."""

import os

from client_env import ClientTest, main, md5

SCRIPT = """
import sys, os, json, fsspec
def show(value): print(json.dumps(value))
def fails(what, kind):
    try:
        what()
    except kind:
        return True
    raise AssertionError('not refused')
options = {'endpoint_url': os.environ['ENDPOINT']}
if os.environ.get('CERT'): options['certfile'] = os.environ['CERT']
fs = fsspec.filesystem('vos', skip_instance_cache=True, **options)
top = sys.argv[1]
"""


class Vosfs(ClientTest):
    home = "/public"

    def vosfs(self, user, script, *arguments):
        """Run a script with `fs` and `top` ready; it prints JSON, which is returned as text."""
        who = getattr(self, user) if user else self.nobody
        who.environment |= {"SSL_CERT_FILE": self.bed.env["QUARTET_CA"], "ENDPOINT": self.bed.env["QUARTET_BASE"],
                            "CERT": self.bed.certificate(user) if user else ""}
        return who("python", "-c", SCRIPT + script, self.at().lstrip("/"), *arguments)

    def test_30_everyday_work(self):
        self.vosfs("alice", """
fs.mkdir(top + '/m')
fs.makedirs(top + '/p/q/r')
fs.pipe(top + '/p/q/r/f', b'hello')
assert fs.cat(top + '/p/q/r/f') == b'hello'
open('local', 'wb').write(b'x' * 100000)
fs.put('local', top + '/put')
fs.get(top + '/put', 'back')
assert open('back', 'rb').read() == b'x' * 100000
info = fs.info(top + '/put')
assert (info['size'], info['type']) == (100000, 'file'), info
fs.touch(top + '/empty')
assert fs.cat(top + '/empty') == b''
names = sorted(n.rsplit('/', 1)[1] for n in fs.ls(top, detail=False))
assert names == ['empty', 'm', 'p', 'put'], names
assert sorted(n[len(fs._strip_protocol(top)) + 1:] for n in fs.find(top)) == ['empty', 'p/q/r/f', 'put']
assert fs.du(top) == 100005
fs.rm(top + '/p', recursive=True)
assert not fs.exists(top + '/p')
""")
        self.assertEqual(self.names(), ["empty", "m", "put"])

    def test_30_anonymous_reading(self):
        self.put("open", b"for all")
        self.vosfs(None, """
assert fs.cat(top + '/open') == b'for all'
assert [n.rsplit('/', 1)[1] for n in fs.ls(top, detail=False)] == ['open']
fails(lambda: fs.pipe(top + '/f', b'x'), PermissionError)
""")

    def test_31_a_large_folder_is_listed_once_each(self):
        for i in range(60):
            self.bed.create("DataNode", self.at(f"n{i:04}"), properties={"ispublic": "false" if i % 3 else "true"})
        for user in ("alice", "carol"):
            requests = self.requests()
            self.vosfs(user, "assert len(set(fs.ls(top, detail=False))) == 60")
            self.assertLessEqual(len(requests.take("GET", "/nodes")), 4)

    def test_32_parts_of_files(self):
        data = os.urandom(300_000)
        self.put("f", data)
        self.put("empty", b"")
        requests = self.requests()
        self.vosfs("alice", """
data = fs.cat_file(top + '/f')
assert fs.cat_file(top + '/f', 10, 20) == data[10:20]
assert fs.cat_file(top + '/f', -5, None) == data[-5:]
assert fs.cat_file(top + '/f', 299_990, 400_000) == data[-10:]
assert fs.cat_file(top + '/empty') == b''
starts = list(range(0, 300_000, 15_000))
parts = fs.cat_ranges([top + '/f'] * 20, starts, [s + 1000 for s in starts])
assert parts == [data[s:s + 1000] for s in starts]
with fs.open(top + '/f', block_size=65536) as f:
    f.seek(100_000)
    assert f.read(1000) == data[100_000:101_000]
""")
        statuses = {r["status"] for r in requests.take("GET", "/files")}
        self.assertTrue(statuses <= {"200", "206", "303"}, statuses)

    def test_33_one_negotiation_leads_to_the_bytes(self):
        self.put("f", b"bytes")
        requests = self.requests()
        self.vosfs("alice", "assert fs.cat(top + '/f') == b'bytes'")
        posts = requests.take("POST")
        self.assertEqual([(p["path"], p["status"]) for p in posts], [("/vault/synctrans", "303")])

    def test_34_moves_are_renames(self):
        self.put("f", b"one")
        for i in range(20):
            self.bed.create("ContainerNode", self.at(f"tree/{i}"[:-len(f"/{i}")])) if i == 0 else None
            self.put(f"tree/{i}", str(i).encode())
        self.make("locked", {"islocked": "true"})
        requests = self.requests()
        self.vosfs("alice", """
fs.mv(top + '/f', top + '/g')
assert fs.cat(top + '/g') == b'one' and not fs.exists(top + '/f')
fs.mv(top + '/tree', top + '/moved', recursive=True)
assert len(fs.find(top + '/moved')) == 20
fails(lambda: fs.mv(top + '/g', top + '/moved/3'), Exception)
fails(lambda: fs.mv(top + '/locked', top + '/free'), Exception)
assert fs.exists(top + '/g') and fs.exists(top + '/locked')
""")
        self.assertEqual(requests.puts(), [])

    def test_35_a_copy_has_the_same_bytes(self):
        data = os.urandom(5_000_000)
        self.put("f", data)
        self.vosfs("alice", "fs.cp(top + '/f', top + '/copy')")
        self.assertEqual(self.node("copy")["MD5"], md5(data))
        self.alice("vcp", self.vos("copy"), self.alice.path("down"))
        self.assertEqual(self.alice.read("down"), data)

    def test_36_refusals_have_their_kind(self):
        self.bed.create("ContainerNode", self.at("hers"), properties={"groupwrite": "", "ispublic": "true"})
        self.put("lock", b"x")
        self.bed.ask("POST", "/nodes" + self.at("lock"), "alice",
                     self.bed.document("DataNode", self.at("lock"), {"islocked": "true"}), {"Content-Type": "text/xml"})
        self.make("full")
        self.put("full/f", b"12345")
        self.assertEqual(self.bed.tool("quota", self.at("full"), "5")[0], 0)
        self.vosfs("carol", """
fails(lambda: fs.pipe(top + '/mine', b'x'), PermissionError)
fails(lambda: fs.pipe('alice/mine', b'x'), PermissionError)
""")
        self.vosfs("alice", """
import errno
fails(lambda: fs.pipe(top + '/lock', b'y'), BlockingIOError)
try:
    fs.pipe(top + '/full/g', b'y')
    raise AssertionError('not refused')
except OSError as why:
    assert why.errno == errno.ENOSPC, why
fails(lambda: fs.cat(top + '/none'), FileNotFoundError)
fails(lambda: fs.mkdir(top + '/full'), FileExistsError)
""")
        self.holds("lock", b"x")

    def test_37_names(self):
        self.vosfs("alice", """
for name in ['a b', 'c#d', 'e?f', '100%', 'é', 'g&h', 'i[1]']:
    path = top + '/' + name
    fs.pipe_file(path, name.encode())
    assert fs.cat_file(path) == name.encode()
    assert path.rsplit('/', 1)[1] in [n.rsplit('/', 1)[1] for n in fs.ls(top, detail=False, refresh=True)], name
fs.rm_file(top + '/e?f')
""")
        self.assertEqual(self.names(), sorted(["a b", "c#d", "100%", "é", "g&h", "i[1]"]))
        self.alice("vls", self.vos())

    def test_38_a_link_is_its_target(self):
        self.put("f", b"target")
        self.alice("vln", self.vos("f"), self.vos("l"))
        self.vosfs("alice", "assert fs.cat(top + '/l') == b'target'")

    def test_39_a_large_upload_over_the_quota_says_so(self):
        self.make("small")
        self.put("small/f", b"old")
        self.assertEqual(self.bed.tool("quota", self.at("small"), "1000000")[0], 0)
        self.alice.write("big", os.urandom(20_000_000))
        self.vosfs("alice", """
try:
    fs.put('big', top + '/small/f')
    raise AssertionError('not refused')
except OSError as why:
    text = str(why)
    assert 'Quota' in text or why.errno == 28, text
    assert 'SSL' not in text, text
""")
        self.holds("small/f", b"old")
        said = self.alice.fails("vcp", self.alice.path("big"), self.vos("small/f"))
        self.assertIn("QuotaExceeded", said)
        self.holds("small/f", b"old")


if __name__ == "__main__":
    main()
