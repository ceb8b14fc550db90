# SPDX-License-Identifier: Apache-2.0
"""What the clients need of the byte resource, which no standard describes (checklist.txt: DE)."""

import base64
import hashlib
import time

from quartet_test import CORE, main
from standards_test import StandardsTest


def digest(data):
    return "md5=" + base64.b64encode(hashlib.md5(data).digest()).decode()


class Bytes(StandardsTest):
    def test_DE_1_headers_of_get_and_head(self):
        path = self.file(b"12345", headers={"Content-Type": "text/csv"})
        for method in ("GET", "HEAD"):
            answer = self.bed.ask(method, self.pull(path).endpoints[0][0])
            self.assertEqual(answer.status, 200)
            self.assertEqual({name: answer.headers[name] for name in (
                "Content-Length", "Content-Type", "Digest", "Content-Disposition", "Accept-Ranges")}, {
                "Content-Length": "5", "Content-Type": "text/csv", "Digest": digest(b"12345"), "Accept-Ranges": "bytes",
                "Content-Disposition": f'inline; filename="{path.rpartition("/")[2]}"'})
            again = self.bed.ask(method, self.pull(path).endpoints[0][0],
                                 headers={"If-Modified-Since": answer.headers["Last-Modified"]})
            self.assertEqual((again.status, again.body), (304, b""))

    def test_DE_2_the_rest_of_a_file(self):
        data = bytes(range(256)) * 1000
        url = self.pull(self.file(data)).endpoints[0][0]
        answer = self.bed.ask("GET", url, headers={"Range": "bytes=100000-"})
        self.assertEqual((answer.status, answer.body), (206, data[100_000:]))
        self.assertEqual(answer.headers["Content-Range"], "bytes 100000-255999/256000")
        self.assertEqual(answer.headers["Digest"], digest(data))  # of the whole

    def test_DE_3_a_put_with_a_checksum(self):
        path, data = self.fresh(), b"checked"
        wrong = self.bed.put(path, data, headers={"Digest": digest(b"other")})
        self.assert_fault(wrong, 412, "PreconditionFailed")
        self.assert_is_gone(path)
        right = self.bed.put(path, data, headers={"Digest": digest(data)})
        self.assertEqual((right.status, right.headers["Digest"]), (201, digest(data)))
        self.assertEqual(self.bed.put(path, b"no claim").headers["Digest"], digest(b"no claim"))

    def txn(self, method, path, data=b"", **headers):
        return self.bed.ask(method, "/files" + path, "alice", data,
                            {name.replace("_", "-"): value for name, value in headers.items()})

    def test_DE_4_a_put_transaction(self):
        path, data = self.fresh(), b"in one piece"
        for op, status, there in [("abort", 204, 404), ("commit", 201, 200)]:
            started = self.txn("PUT", path, data, x_put_txn_op="start")
            self.assertEqual(started.headers["Digest"], digest(data))
            number = started.headers["x-put-txn-id"]
            self.assert_is_gone(path)
            ended = self.txn("PUT" if op == "commit" else "POST", path, x_put_txn_id=number, x_put_txn_op=op)
            self.assertEqual(ended.status, status, ended.text)
            self.assertEqual(self.send("GET", path, headers=None).status, there)
        self.assertEqual(self.bed.get(path).body, data)

    def test_DE_5_a_put_transaction_in_segments(self):
        path, parts = self.fresh(), [b"a" * 100_000, b"b" * 50_000, b"c" * 25_000]
        whole = b"".join(parts)
        started = self.txn("PUT", path, x_put_txn_op="start", x_total_length=str(len(whole)))
        self.assertEqual(started.status, 202)
        number = started.headers["x-put-txn-id"]
        sent = b""
        for part in (parts[0], b"x" * 50_000, parts[1], parts[2]):
            answer = self.txn("PUT", path, part, x_put_txn_id=number)
            self.assertEqual(answer.headers["Digest"], digest(sent + part), answer.text)
            if part[:1] == b"x":
                reverted = self.txn("POST", path, x_put_txn_id=number, x_put_txn_op="revert")
                self.assertEqual(reverted.headers["Digest"], digest(sent))
            else:
                sent += part
            state = self.txn("HEAD", path, x_put_txn_id=number)
            self.assertEqual((state.headers["x-put-txn-id"], state.headers["Digest"]), (number, digest(sent)))
        committed = self.txn("PUT", path, x_put_txn_id=number, x_put_txn_op="commit")
        self.assertEqual((committed.status, committed.headers["Digest"]), (201, digest(whole)))
        self.assertEqual(self.bed.get(path).body, whole)

    def test_DE_6_the_empty_file(self):
        for path in (self.file(b""), self.fresh("DataNode")):
            for method in ("HEAD", "GET"):
                answer = self.bed.ask(method, self.pull(path).endpoints[0][0])
                self.assertEqual((answer.status, answer.headers["Content-Length"], answer.body), (200, "0", b""))
                self.assertIn(f'filename="{path.rpartition("/")[2]}"', answer.headers["Content-Disposition"])

    def test_DE_7_preauthorised_urls(self):
        path = self.file()
        url = self.pull(path).endpoints[0][0]
        self.assertRegex(url, rf"/vault/files/preauth:[A-Za-z0-9_-]+{path}$")
        self.assertEqual(self.bed.ask("GET", url).body, b"some bytes")
        self.assertEqual(self.bed.ask("PUT", url, None, b"x").status, 403)
        other = self.file(b"other")
        self.assertEqual(self.bed.ask("GET", url.replace(path, other)).status, 403)
        token = url.partition("preauth:")[2].partition("/")[0]
        flipped = token[:-5] + ("A" if token[-5] != "A" else "B") + token[-4:]
        self.assertEqual(self.bed.ask("GET", url.replace(token, flipped)).status, 403)
        self.assertNotIn(token, self.bed.access_log() + self.bed.log())

    def test_DE_8_head_of_what_may_not_be_read(self):
        folder = self.fresh("ContainerNode", {"ispublic": "true"}, parent="/public")
        path = self.fresh(parent=folder)
        self.bed.put(path, b"hidden")
        self.post("DataNode", path, {"ispublic": "false", "groupread": None, "groupwrite": None})
        self.assertEqual([self.bed.ask(method, "/files" + path, "carol").status for method in ("HEAD", "GET")], [200, 403])

    def test_DE_9_a_link_out_of_the_space(self):
        for target in ("file:///etc/passwd", "https://example.org/x"):
            answer = self.bed.ask("GET", "/files" + self.fresh("LinkNode", target=target), "alice")
            self.assertEqual((answer.status, answer.headers["Content-Type"]), (400, "text/plain"))

    def test_DE_10_setting_a_node_renews_its_time(self):
        path = self.file()
        before = self.values(self.node(path))
        time.sleep(0.01)  # the clock has milliseconds
        self.assertEqual(self.post("DataNode", path).status, 200)
        after = self.values(self.node(path))
        self.assertGreater(after[CORE + "date"], before[CORE + "date"])
        self.assertEqual(after[CORE + "content-date"], before[CORE + "content-date"])


if __name__ == "__main__":
    main()
