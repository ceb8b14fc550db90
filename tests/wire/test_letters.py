# SPDX-License-Identifier: Apache-2.0
"""A forgotten password is renewed by a letter: who gets one, and for what it counts."""

import base64
import os
import re
import tempfile
import time
import urllib.parse

from quartet_test import Testbed, main, unittest, wait_until

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
SENDER = """#!/bin/sh
# What a mailer would be given, each letter in a file of its own.
[ "$1" = -t ] || exit 64
here=$(dirname "$0")
cat >"$here/part.$$" && mv "$here/part.$$" "$here/letter.$$"
"""


class Letters(unittest.TestCase):
    command, settings = SENDER, ()

    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="quartet-letters-"))
        sender = os.path.join(cls.folder, "sender")
        with open(sender, "w", encoding="utf-8") as f:
            f.write(cls.command)
        os.chmod(sender, 0o755)
        cls.bed = Testbed.start(settings=(f"mail_command={sender},-t", "mail_from=quartet@example.org", *cls.settings))
        cls.addClassCleanup(cls.bed.close)

    def ask(self, target, **fields):
        return self.bed.ask("POST", target, None, urllib.parse.urlencode(fields), FORM)

    def describe(self, name, email):
        status, text = self.bed.tool("user", "describe", name, name.title(), email)
        self.assertEqual(status, 0, text)

    def letters(self):
        found = []
        for name in sorted(os.listdir(self.folder)):
            if name.startswith("letter."):
                with open(os.path.join(self.folder, name), encoding="utf-8") as f:
                    found.append(f.read())
        return found

    def letter_to(self, name, email):
        self.describe(name, email)
        before = len(self.letters())
        self.assertEqual(self.ask("/account/forgot", username=name).status, 202)

        def it_comes():
            return len(self.letters()) > before
        wait_until(it_comes)
        (letter,) = [text for text in self.letters() if f"To: {email}\n" in text]
        return letter

    def signs_in(self, name, password):
        pair = base64.b64encode(f"{name}:{password}".encode()).decode()
        return self.bed.ask("GET", f"/nodes/{name}", headers={"Authorization": "Basic " + pair}).status == 200


class Renewing(Letters):
    def test_a_letter_sets_a_new_password_once(self):
        letter = self.letter_to("alice", "alice@example.org")
        head, _, body = letter.partition("\n\n")
        self.assertEqual(head.split("\n")[:3], ["From: quartet@example.org", "To: alice@example.org", "Subject: Quartet: a new password"])
        token = re.search(r"/page/renew#(\S+)", body).group(1)
        old = self.bed.env["QUARTET_PASS_ALICE"]
        self.assertEqual(self.ask("/account/renew", token=token, password="short").status, 400)
        self.assertTrue(self.signs_in("alice", old))
        self.assertEqual(self.ask("/account/renew", token=token, password="a new password").status, 204)
        self.assertTrue(self.signs_in("alice", "a new password"))
        self.assertFalse(self.signs_in("alice", old))
        self.assertEqual(self.ask("/account/renew", token=token, password="another password").status, 401)
        self.assertNotIn(token, self.bed.log() + self.bed.access_log())

    def test_its_token_is_good_for_nothing_else(self):
        token = re.search(r"/page/renew#(\S+)", self.letter_to("bob", "bob@example.org")).group(1)
        for headers in ({"Authorization": "Bearer " + token}, {"Cookie": "__Host-quartet=" + token}):
            self.assertIn(self.bed.ask("GET", "/nodes/bob", headers=headers).status, (401, 403))
        for wrong in ("", "x", token[:-1] + ("A" if token[-1] != "A" else "B")):
            self.assertEqual(self.ask("/account/renew", token=wrong, password="a new password").status, 401)
        self.bed.tool("user", "disable", "bob")
        self.addCleanup(self.bed.tool, "user", "enable", "bob")
        self.assertEqual(self.ask("/account/renew", token=token, password="a new password").status, 401)

    def test_the_answer_does_not_tell_who_has_an_account(self):
        before = len(self.letters())
        said = {(answer.status, answer.body) for answer in (
            self.ask("/account/forgot", username=name) for name in ("nobody", "carol", "../x", ""))}
        self.assertEqual(said, {(202, b"")})
        self.describe("carol", "no address")
        self.assertEqual(self.ask("/account/forgot", username="carol").status, 202)
        time.sleep(0.5)
        self.assertEqual(len(self.letters()), before)
        self.assertEqual(self.ask("/account/forgot").status, 400)

    def test_one_after_the_other_is_one(self):
        self.bed.tool("user", "add", "dora")
        self.letter_to("dora", "dora@example.org")
        for _ in range(3):
            self.assertEqual(self.ask("/account/forgot", username="dora").status, 202)
        time.sleep(0.5)
        self.assertEqual(len([text for text in self.letters() if "To: dora@" in text]), 1)

    def test_nothing_in_an_address_begins_another_line(self):
        self.bed.tool("user", "add", "eve")
        for email in ("eve@example.org\nBcc: all@example.org", "eve@example.org\r\n\r\nhello", "<eve@example.org>", "a@b, c@d",
                      "-oQ/tmp@example.org"):
            self.bed.tool("user", "describe", "eve", "Eve", email)
            self.assertEqual(self.ask("/account/forgot", username="eve").status, 202)
            self.bed.tool("user", "revoke", "eve")  # so that the next one is tried, too
        time.sleep(0.5)
        self.assertEqual([text for text in self.letters() if "eve" in text or "all@" in text or "a@b" in text or "oQ" in text], [])


class Hanging(Letters):
    command, settings = "#!/bin/sh\nexec sleep 600\n", ("mail_timeout=500ms",)

    def test_a_program_that_hangs_is_ended_and_keeps_nobody_waiting(self):
        self.describe("alice", "alice@example.org")
        self.assertEqual(self.ask("/account/forgot", username="alice").status, 202)

        def it_is_said():
            return "may not have been sent" in self.bed.log()
        wait_until(it_is_said)
        self.assertEqual(self.bed.ask("GET", "/nodes/alice", "alice").status, 200)


class Off(unittest.TestCase):
    def test_without_a_program_there_are_no_letters(self):
        bed = Testbed.start()
        self.addCleanup(bed.close)
        answer = bed.ask("POST", "/account/forgot", None, "username=alice", FORM)
        self.assertEqual(answer.status, 403)
        self.assertIn("mail_command", answer.text)


if __name__ == "__main__":
    main()
