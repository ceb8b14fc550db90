# SPDX-License-Identifier: Apache-2.0
"""scripts/testbed keeps what it promises: every other test and the benches stand on it."""

import os
import re
import shutil
import subprocess
import tempfile

from quartet_test import TESTBED, Testbed, main, read_environment, unittest

NAMES = {"QUARTET_HOST", "QUARTET_TOKEN_ALICE", "QUARTET_BASE", "QUARTET_AUTHORITY", "QUARTET_CA", "QUARTET_META",
         "QUARTET_CONF", "QUARTET_PID", "QUARTET_LOG", "QUARTET_TOOL",
         *(f"QUARTET_{kind}_{user}" for kind in ("CERT", "PASS")
           for user in ("ADMIN", "ALICE", "BOB", "CAROL")),
         *(f"QUARTET_LOC{i}" for i in range(1, 5))}


def build_words():
    return ["--build", os.environ["QUARTET_BUILD"]] if "QUARTET_BUILD" in os.environ else []


def testbed(*words, cwd=None):
    """(exit status, what it said)"""
    with tempfile.TemporaryFile("w+") as log:
        done = subprocess.run([TESTBED, *words], cwd=cwd, stdin=subprocess.DEVNULL, stdout=log,
                              stderr=log, timeout=600, check=False)
        log.seek(0)
        return done.returncode, log.read()


class TestbedCase(unittest.TestCase):
    def setUp(self):
        self.top = tempfile.mkdtemp(prefix="quartet-testbed-")
        self.addCleanup(shutil.rmtree, self.top, ignore_errors=True)

    def folder(self, name="bed"):
        path = os.path.join(self.top, name)
        self.addCleanup(lambda: os.path.isdir(path) and testbed("down", path))
        return path


class Contract(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bed = Testbed.start()
        cls.addClassCleanup(cls.bed.close)

    def test_env_names_everything_and_no_plain_listener(self):
        self.assertEqual(set(self.bed.env), NAMES)
        self.assertRegex(self.bed.env["QUARTET_HOST"], r"^localhost:\d+$")
        self.assertEqual(self.bed.env["QUARTET_BASE"], f"https://{self.bed.env['QUARTET_HOST']}/vault")

    def test_what_env_names_is_there(self):
        for name, value in self.bed.env.items():
            if value.startswith("/"):
                self.assertTrue(os.path.exists(value), name)

    def test_a_certificate_file_begins_with_the_key(self):
        for user in "admin", "alice", "bob", "carol":
            with open(self.bed.certificate(user), encoding="ascii") as f:
                kinds = re.findall("BEGIN ([A-Z ]+)-", f.read())
            self.assertEqual(kinds, ["PRIVATE KEY", "CERTIFICATE"])

    def test_groups_have_their_members(self):
        for group, members in (("staff", ["alice", "bob"]), ("team-a", ["alice"]),
                               ("team-b", ["bob"]), ("team-c", ["carol"])):
            status, said = self.bed.tool("group", "show", group)
            self.assertEqual(status, 0, said)
            self.assertEqual(said.split("\n    ")[1:], members[:-1] + [members[-1] + "\n"])

    def test_homes_belong_to_their_users_alone(self):
        for user in "alice", "bob", "carol":
            other = "bob" if user == "alice" else "alice"
            self.assertEqual(self.bed.ask("GET", f"/nodes/{user}", user).status, 200)
            self.assertEqual(self.bed.ask("GET", f"/nodes/{user}", other).status, 403)
            self.assertEqual(self.bed.ask("GET", f"/nodes/{user}").status, 401)

    def test_public_is_read_by_all_and_written_by_staff(self):
        self.assertEqual(self.bed.ask("GET", "/nodes/public").status, 200)
        self.assertEqual(self.bed.create("ContainerNode", "/public/of-bob", "bob").status, 201)
        self.assertEqual(self.bed.create("ContainerNode", "/public/of-carol", "carol").status, 403)


class Options(TestbedCase):
    def test_plain_listener_where_it_is_asked_for(self):
        folder = self.folder()
        status, said = testbed("up", folder, "--set", "listen_plain=127.0.0.1:0", *build_words())
        self.assertEqual(status, 0, said)
        self.assertRegex(read_environment(folder + "/env")["QUARTET_PLAIN"],
                         r"^http://localhost:\d+/vault$")

    def test_locations_quorum_engine_and_any_setting(self):
        folder = self.folder()
        status, said = testbed("up", folder, "--locations", "2", "--write-quorum", "1", "--io",
                               "threads", "--set", "links_max=7", *build_words())
        self.assertEqual(status, 0, said)
        env = read_environment(folder + "/env")
        self.assertIn("QUARTET_LOC2", env)
        self.assertNotIn("QUARTET_LOC3", env)
        done = subprocess.run([env["QUARTET_TOOL"], "-c", env["QUARTET_CONF"], "locations"],
                              capture_output=True, text=True, timeout=60, check=True)
        self.assertEqual(len(re.findall(r"\bthreads\b", done.stdout)), 2, done.stdout)
        with open(env["QUARTET_CONF"], encoding="utf-8") as f:
            text = f.read()
        self.assertIn('links_max = "7"', text)
        self.assertIn('write_quorum = "1"', text)

    def test_wrong_settings_are_refused_with_file_line_and_reason(self):
        for word, reason in (("nonsense=1", "nonsense"), ("loops=9999", "out of range"),
                             ("io=tape", "tape")):
            folder = self.folder()
            status, said = testbed("up", folder, "--set", word, *build_words())
            self.assertEqual(status, 1)
            self.assertRegex(said, rf"{folder}/quartet\.conf:\d+: .*{reason}")

    def test_unknown_words_start_nothing(self):
        self.assertEqual(testbed("sideways", self.folder())[0], 64)
        for words in ("--nonsense", "1"), ("--locations", "5"), ("--set", "novalue"), ("--io",):
            self.assertEqual(testbed("up", self.folder(), *words)[0], 1, words)


class Lives(TestbedCase):
    def test_up_again_has_the_data_and_the_address(self):
        bed = Testbed.start(directory=self.folder())
        first = bed.env
        self.assertEqual(bed.put("/alice/kept", b"some bytes").status, 201)
        bed.down()
        self.assertFalse(os.path.exists(first["QUARTET_PID"]))
        bed.up()
        self.assertEqual(bed.env, first)
        self.assertEqual(bed.get("/alice/kept").body, b"some bytes")
        status, said = testbed("up", bed.dir, *build_words())
        self.assertEqual(status, 1)
        self.assertIn("runs in", said)

    def test_a_configuration_spoilt_later_is_refused_by_up_and_by_check(self):
        bed = Testbed.start(directory=self.folder())
        bed.down()
        with open(bed.env["QUARTET_CONF"], "a", encoding="utf-8") as f:
            f.write("buffer_memory = 3\n")
        with open(bed.env["QUARTET_CONF"], encoding="utf-8") as f:
            line = len(f.readlines())
        status, said = testbed("up", bed.dir, *build_words())
        self.assertEqual(status, 1)
        fault = f"{bed.env['QUARTET_CONF']}:{line}: buffer_memory: "
        self.assertIn(fault, said)
        daemon = os.path.join(os.path.dirname(bed.env["QUARTET_TOOL"]), "..", "quartetd")
        for words in ("-n",), ():
            done = subprocess.run([daemon, *words, "-c", bed.env["QUARTET_CONF"]],
                                  capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 78)
            self.assertIn(fault, done.stderr)

    def test_relative_folder_from_anywhere(self):
        self.folder("bed")
        status, said = testbed("up", "bed", *build_words(), cwd=self.top)
        self.assertEqual(status, 0, said)
        env = read_environment(os.path.join(self.top, "bed", "env"))
        self.assertEqual(env["QUARTET_META"], os.path.join(self.top, "bed", "meta"))
        self.assertEqual(testbed("down", "bed", cwd=self.top)[0], 0)
        self.assertEqual(testbed("down", "bed", cwd=self.top)[0], 0)

    def test_two_at_once_do_not_meet(self):
        folders = [self.folder("one"), self.folder("two")]
        with tempfile.TemporaryFile("w+") as log:
            both = [subprocess.Popen([TESTBED, "up", folder, *build_words()], stdout=log,
                                     stderr=log, stdin=subprocess.DEVNULL) for folder in folders]
            statuses = [one.wait(timeout=600) for one in both]
            log.seek(0)
            self.assertEqual(statuses, [0, 0], log.read())
        hosts = {read_environment(folder + "/env")["QUARTET_HOST"] for folder in folders}
        self.assertEqual(len(hosts), 2)

    def test_what_an_interrupted_start_left_is_made_anew(self):
        bed = Testbed.start(directory=self.folder())
        bed.down()
        os.unlink(os.path.join(bed.dir, "env"))
        bed.up()
        self.assertEqual(bed.ask("GET", "/nodes/alice", "alice").status, 200)


if __name__ == "__main__":
    main()
