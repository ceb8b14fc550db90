# SPDX-License-Identifier: Apache-2.0
"""scripts/lib/summarize: what the last table of scripts/test says is so."""

import os
import shutil
import subprocess
import tempfile
from xml.sax.saxutils import escape

from quartet_test import TOP, main, unittest

SUMMARIZE = os.path.join(TOP, "scripts", "lib", "summarize")
CMOCKA = """[==========] Running 3 test(s).
[       OK ] one
[  FAILED  ] two
[==========] 3 test(s) run.
[  PASSED  ] 2 test(s).
[  FAILED  ] 1 test(s), listed below:
[  FAILED  ] two
"""
UNITTEST = """test_a (__main__.T.test_a) ... ok
test_b (__main__.T.test_b) ... skipped 'no vofs'
----------------------------------------------------------------------
Ran 2 tests in 0.1s

OK (skipped=1)
"""


def case(name, status, output):
    skipped = '<skipped message="SKIP_RETURN_CODE=77"/>' if status == "notrun" else ""
    return (f'<testcase name="{name}" classname="{name}" time="1" status="{status}">{skipped}'
            f"<system-out>{escape(output)}</system-out></testcase>")


class Summary(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="quartet-summary-")
        self.addCleanup(shutil.rmtree, self.folder)

    def summarize(self, *cases, ci="", steps=""):
        with open(os.path.join(self.folder, "dev.xml"), "w", encoding="utf-8") as f:
            f.write("<testsuite>" + "".join(cases) + "</testsuite>")
        if steps:
            with open(os.path.join(self.folder, "failed-steps"), "w", encoding="utf-8") as f:
                f.write(steps)
        done = subprocess.run([SUMMARIZE, self.folder], capture_output=True, text=True, timeout=60,
                              check=False, env={**os.environ, "CI": ci})
        self.assertEqual(done.stderr, "")
        return done.returncode, done.stdout, done.stdout.splitlines()[-1]

    def test_cases_are_counted_as_the_programs_say_them(self):
        status, said, last = self.summarize(
            case("auth.dn", "run", CMOCKA.replace("[  FAILED  ] 1 test(s)", "")),
            case("wire.x", "run", UNITTEST), case("fuzz.y", "run", "whatever"))
        self.assertEqual((status, last), (0, "4 passed, 0 failed, 1 skipped"))
        self.assertRegex(said, r"(?m)^all unit tests +2 passed +0 failed +0 skipped$")
        self.assertRegex(said, r"(?m)^all wire tests +1 passed +0 failed +1 skipped$")
        self.assertRegex(said, r"(?m)^all fuzz tests +1 passed +0 failed +0 skipped$")
        self.assertIn("skipped: dev wire.x: no vofs", said)

    def test_a_failure_is_one_and_named(self):
        status, said, last = self.summarize(case("auth.dn", "fail", CMOCKA))
        self.assertEqual((status, last), (1, "2 passed, 1 failed, 0 skipped"))
        self.assertIn("failed:  dev auth.dn", said)

    def test_a_program_that_died_failed_whatever_it_had_said(self):
        status, _, last = self.summarize(case("wire.x", "fail", UNITTEST))
        self.assertEqual((status, last), (1, "1 passed, 1 failed, 1 skipped"))
        status, _, last = self.summarize(case("wire.x", "fail", ""))
        self.assertEqual((status, last), (1, "0 passed, 1 failed, 0 skipped"))

    def test_a_client_that_cannot_be_installed_is_skipped_and_in_ci_failed(self):
        cases = [case("auth.dn", "run", ""), case("client.move", "notrun", "no package index\n")]
        status, said, last = self.summarize(*cases)
        self.assertEqual((status, last), (0, "1 passed, 0 failed, 1 skipped"))
        self.assertIn("skipped: dev client.move: no package index", said)
        status, _, last = self.summarize(*cases, ci="true")
        self.assertEqual((status, last), (1, "1 passed, 1 failed, 0 skipped"))

    def test_what_a_kernel_lacks_is_skipped_in_ci_too(self):
        mount = case("client.mount", "run", UNITTEST.replace("no vofs", "kernel: no /dev/fuse"))
        status, said, last = self.summarize(mount, ci="true")
        self.assertEqual((status, last), (0, "1 passed, 0 failed, 1 skipped"))
        self.assertIn("skipped: dev client.mount: kernel: no /dev/fuse", said)
        # It excuses itself, and no other test of the same file.
        both = UNITTEST.replace("Ran 2", "Ran 3").replace("skipped=1", "skipped=2").replace(
            "... ok", "... skipped 'kernel: no /dev/fuse'").replace("test_b", "test_c")
        status, _, last = self.summarize(case("client.mount", "run", both), ci="true")
        self.assertEqual((status, last), (1, "1 passed, 1 failed, 1 skipped"))

    def test_a_build_that_failed_counts(self):
        status, said, last = self.summarize(case("auth.dn", "run", ""), steps="asan.build\n")
        self.assertEqual((status, last), (1, "1 passed, 1 failed, 0 skipped"))
        self.assertIn("failed:  asan.build", said)

    def test_nothing_at_all_is_no_success(self):
        self.assertEqual(self.summarize()[0], 1)


if __name__ == "__main__":
    main()
