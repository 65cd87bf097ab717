#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs cppcheck and leaves a JUnit file: one test, failed by any finding.

    run_cppcheck.py RESULTS_DIR ARGUMENT...

First it must find a fault in a file made for that: a cppcheck that reads nothing finds nothing.
Called by `make check-static`.
"""

import pathlib
import subprocess
import sys
import tempfile
import xml.sax.saxutils

FAULT = "#include <stdlib.h>\nint f(void)\n{\n\tint a[2] = {0};\n\treturn a[2];\n}\n"


def cppcheck(arguments):
    """Returns (clean, what it said)."""
    done = subprocess.run(
        ["cppcheck", "--error-exitcode=3", *arguments], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace")
    if done.returncode not in (0, 3):
        return False, f"cppcheck ended with status {done.returncode}\n{done.stdout}"
    return done.returncode == 0, done.stdout


def finds_the_fault(options):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "fault.c"
        path.write_text(FAULT, encoding="utf-8")
        clean, said = cppcheck([*options, str(path)])
    return (True, "") if not clean and "arrayIndexOutOfBounds" in said else (False, said or "silent")


def case(name, good, text):
    if good:
        return f'<testcase classname="static" name="{name}"/>'
    message = xml.sax.saxutils.quoteattr(text.strip() or "failed")
    return f'<testcase classname="static" name="{name}"><failure message={message}/></testcase>'


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    options = [a for a in sys.argv[2:] if a.startswith("-")]
    results = {
        "cppcheck_finds_a_fault": finds_the_fault(options),
        "cppcheck": cppcheck(sys.argv[2:]),
    }
    failed = [name for name, (good, _) in results.items() if not good]
    cases = "".join(case(name, *result) for name, result in results.items())
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cppcheck.xml").write_text(
        f'<testsuite name="static" tests="{len(results)}" failures="{len(failed)}">{cases}'
        "</testsuite>\n", encoding="utf-8")
    for name in failed:
        print(f"{name}: {results[name][1]}")
    print(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
