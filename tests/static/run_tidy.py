#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs clang-tidy with the checks of .clang-tidy and leaves a JUnit file: a test for each source.

    run_tidy.py RESULTS_DIR STAMPS_DIR SOURCE... -- COMPILER_ARGUMENT...

The analysis of all takes minutes of processor time, so a source that was found clean is not read
again until it changes, or a header that it includes, or the checks. First a fault must be found in a
file made for that. Called by `make check-static` and `make clang-tidy`.
"""

import concurrent.futures
import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile
import xml.sax.saxutils

CONFIG = pathlib.Path(".clang-tidy")
# A third of the analyzer's own bound on the states of a function: a quarter of the time.
OPTIONS = [f"--extra-arg={a}"
           for a in ("-Xclang", "-analyzer-config", "-Xclang", "max-nodes=75000")]
FAULT = "#include <stdlib.h>\nint f(void)\n{\n\tchar *p = malloc(1);\n\tfree(p);\n\treturn *p;\n}\n"


def run(command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, encoding="utf-8", errors="replace")


def tidy(source, arguments, *options):
    """Returns (clean, what it said)."""
    done = run(["clang-tidy", "--quiet", *OPTIONS, *options, str(source), "--", *arguments])
    return done.returncode == 0, done.stdout


def finds_the_fault(arguments):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "fault.c"
        path.write_text(FAULT, encoding="utf-8")
        clean, said = tidy(path, arguments, f"--config-file={CONFIG}")
    return not clean and "unix.Malloc" in said, said or "silent"


def fingerprint(source, arguments, version):
    """A text that changes with everything that the analysis of a source depends on."""
    listed = run(["gcc", "-MM", *arguments, source]).stdout
    files = listed.replace("\\\n", " ").split(":", 1)[-1].split()
    digest = hashlib.sha256("\0".join([version, *OPTIONS, *arguments]).encode())
    for path in [str(CONFIG), *files]:
        digest.update(pathlib.Path(path).read_bytes())
    return digest.hexdigest()


def check(source, arguments, stamps, version):
    stamp = stamps / (source.replace("/", "_") + ".clean")
    now = fingerprint(source, arguments, version)
    if stamp.exists() and stamp.read_text("ascii") == now:
        return True, ""
    clean, said = tidy(source, arguments)
    if clean:
        stamp.write_text(now, "ascii")
    else:
        stamp.unlink(missing_ok=True)
    return clean, said


def case(name, good, text):
    if good:
        return f'<testcase classname="clang-tidy" name="{name}"/>'
    message = xml.sax.saxutils.quoteattr(text.strip() or "failed")
    return f'<testcase classname="clang-tidy" name="{name}"><failure message={message}/></testcase>'


def main():
    split = sys.argv.index("--") if "--" in sys.argv else 0
    if split < 4:
        sys.exit(__doc__)
    folder, stamps = map(pathlib.Path, sys.argv[1:3])
    sources, arguments = sys.argv[3:split], sys.argv[split + 1:]
    folder.mkdir(parents=True, exist_ok=True)
    stamps.mkdir(parents=True, exist_ok=True)
    version = run(["clang-tidy", "--version"]).stdout
    results = {"finds_a_fault": finds_the_fault(arguments)}
    # The longest first, so that the last to end is a short one.
    sources.sort(key=lambda s: -os.path.getsize(s))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(lambda s: check(s, arguments, stamps, version), sources)
        for source, result in zip(sources, found):
            results[source] = result
            if not result[0]:
                print(result[1], flush=True)
    failed = sum(not good for good, _ in results.values())
    cases = "".join(case(name, *result) for name, result in results.items())
    (folder / "clang-tidy.xml").write_text(
        f'<testsuite name="clang-tidy" tests="{len(results)}" failures="{failed}">{cases}'
        "</testsuite>\n", encoding="utf-8")
    print(f"clang-tidy: {len(results) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
