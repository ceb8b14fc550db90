# SPDX-License-Identifier: Apache-2.0
"""Which tests are the proof of which line of a list, by their names, and what they say.

Shared by coverage-standards and coverage-faults. A test belongs to a line when its name
begins with the line's number. A base class that is deleted at the end of its file has no
tests, the classes made of it do.
"""

import ast
import os
import re
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TESTS = os.path.join(TOP, "tests")
LIMIT_S = 900


def classes(path):
    """[(class, names of its test methods, those it inherits in this file included)]"""
    with open(path, encoding="utf-8") as f:
        tree = ast.parse(f.read(), path)
    found = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            names = [m.name for m in node.body if isinstance(m, ast.FunctionDef)]
            for base in (b.id for b in node.bases if isinstance(b, ast.Name)):
                names += [name for name in found.get(base, []) if name not in names]
            found[node.name] = names
        elif isinstance(node, ast.Delete):
            for target in node.targets:
                found.pop(getattr(target, "id", None), None)
    return [(kind, [name for name in names if name.startswith("test_")]) for kind, names in found.items()]


def find_tests(paths, numbers_of):
    """(file, "Class.method", number) of all tests for which `numbers_of`(method) has some."""
    for path in sorted(paths):
        for kind, methods in classes(path):
            for method in methods:
                for number in numbers_of(method):
                    yield path, f"{kind}.{method}", number


def run(path, names, build):
    """test -> what it said. A test that did not report, for whatever reason, is `lost`."""
    done = subprocess.run([sys.executable, "-B", path, *names], capture_output=True, text=True, check=False,
                          timeout=LIMIT_S,
                          env={**os.environ, "PYTHONPATH": os.path.join(TESTS, "support"), "QUARTET_BUILD": build})
    said = dict.fromkeys(names, "lost")
    # "test_x (__main__.Kind.test_x) ... ok", of older versions "(__main__.Kind) ... ok".
    for method, kind, word in re.findall(r"^(test_\w+) \(__main__\.(\w+)[^)]*\)(?:\n.*)?? \.\.\. "
                                         r"(?:[^\n]*\n)*?(ok|FAIL|ERROR|skipped)\b", done.stderr, re.M):
        said[f"{kind}.{method}"] = word.lower()
    return said


def run_all(tests, build):
    """(file, test) -> what it said, of (file, test) pairs; one file after the other."""
    files, said = {}, {}
    for path, name in sorted(set(tests)):
        files.setdefault(path, []).append(name)
    for path, names in files.items():
        print(f"running {os.path.relpath(path, TOP)}", file=sys.stderr)
        said |= {(path, name): word for name, word in run(path, names, build).items()}
    return said


def verdict(words):
    """What several tests said together."""
    return next((w.upper() for w in words if w not in ("ok", "there")), words[0])
