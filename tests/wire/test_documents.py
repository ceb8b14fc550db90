# SPDX-License-Identifier: Apache-2.0
"""What is written about the programs keeps up with the programs."""

import os
import re
import subprocess

from quartet_test import TOP, main, unittest


def read(*parts):
    with open(os.path.join(TOP, *parts), encoding="utf-8") as f:
        return f.read()


def program(name):
    build = os.environ.get("QUARTET_BUILD", os.path.join(TOP, "build", "release"))
    return os.path.join(build, *{"quartetd": ("service", "quartetd"),
                                 "quartet": ("service", "tool", "quartet")}[name])


def help_of(path):
    done = subprocess.run([path, "--help"], capture_output=True, text=True, timeout=60,
                          check=False, cwd="/")
    return done.returncode, done.stdout


class Documents(unittest.TestCase):
    def test_quartet_1_has_every_command(self):
        page = read("service", "tool", "quartet.1").replace(" Ns ", "")
        commands = re.findall(r'^COMMAND\("(\S+)", \w+, "(.*?)",', read("service", "tool", "tool.def"),
                              re.M)
        self.assertGreater(len(commands), 3)
        said = help_of(program("quartet"))[1]
        for name, words in commands:
            self.assertIn(f"  {name}", said)
            verbs = re.findall(r"(?:^|\| )([a-z][a-z-]+)", words) if "|" in words else []
            verbs = [verb for verb in verbs if verb != "none"]
            for verb in verbs or [""]:
                self.assertRegex(page, rf"(?m)^\.It Cm {name}( {verb})?\b" if not verb
                                 else rf"(?m)^\.It Cm {name} {verb}\b")

    def test_quartetd_8_has_every_option(self):
        page = read("service", "quartetd.8")
        options = re.findall(r"^  -(\w), --(\w+)", help_of(program("quartetd"))[1], re.M)
        self.assertGreater(len(options), 3)
        for short, long in options:
            self.assertRegex(page, rf"(?m)^\.It Fl {short} .*Fl -{long}\b")

    def test_every_script_explains_itself(self):
        for folder in "scripts", "scripts/lib":
            for name in os.listdir(os.path.join(TOP, folder)):
                path = os.path.join(TOP, folder, name)
                if os.path.isfile(path) and os.access(path, os.X_OK):
                    status, said = help_of(path)
                    self.assertEqual(status, 0, name)
                    self.assertIn(name, said)

    def test_every_folder_has_its_page(self):
        folders = ["auth", "conf", "fits", "replication", "scripts", "service", "storage", "tests"]
        folders += [f"service/{name}" for name in os.listdir(os.path.join(TOP, "service"))
                    if os.path.isfile(os.path.join(TOP, "service", name, "CMakeLists.txt"))]
        for folder in folders:
            self.assertTrue(os.path.isfile(os.path.join(TOP, folder, "README.md")), folder)

    def test_pages_name_files_that_exist(self):
        for folder in ["", "auth", "replication", "scripts", "service", "service/http", "service/op",
                       "service/tool", "storage"]:
            for name in re.findall(r"^\| `([\w./-]+\.(?:h|c|def|8|1|sh))`", read(folder, "README.md"),
                                   re.M):
                self.assertTrue(os.path.isfile(os.path.join(TOP, folder, name)), f"{folder}: {name}")


if __name__ == "__main__":
    main()
