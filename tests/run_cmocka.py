#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs cmocka programs and leaves one JUnit file a test group in a folder.

    run_cmocka.py RESULTS_DIR PROGRAM...

A program that crashes, hangs, or exits non-zero without naming a failed test counts as one failed
test of its own. Called by the check-* targets under tests/; tests/run_all.py adds up the files.
"""

import concurrent.futures
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import xml.sax.saxutils

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import junit

# What the programs run under, as `valgrind --quiet`.
WATCH = shlex.split(os.environ.get("IM_WATCH", ""))
# No program needs more than a few seconds; ten times that under the sanitizers.
DEADLINE_S = 300 if not WATCH else 3600


def describe_exit(code):
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit status {code}"


def write_failure(path, name, message):
    quote = xml.sax.saxutils.quoteattr
    path.write_text(
        f'<testsuite name={quote(name)} tests="1" failures="1">'
        f'<testcase name={quote(name)}><failure message={quote(message)}/></testcase></testsuite>\n',
        encoding="utf-8",
    )


def run(program, folder):
    """Runs one program; returns the text to print."""
    name = pathlib.Path(program).name
    for old in folder.glob(f"{name}.*xml"):
        old.unlink()  # cmocka does not overwrite
    env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="XML", CMOCKA_XML_FILE=f"{folder}/{name}.%g.xml")
    try:
        # A path without a slash would be looked up in PATH.
        done = subprocess.run(
            [*WATCH, os.path.abspath(program)], env=env, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=DEADLINE_S)
        code, text = done.returncode, done.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired as late:
        code, text = None, (late.stdout or b"").decode(errors="replace")
    counts = junit.read_folder(folder, f"{name}.*.xml")
    why = None
    if code is None:
        why = f"no end within {DEADLINE_S} s"
    elif code != 0 and counts.failed == 0:
        why = describe_exit(code)
    elif code == 0 and counts.passed == 0:
        why = "it ran no test"
    if why:
        write_failure(folder / f"{name}.exit.xml", name, why)
        counts.failed += 1
        counts.failures.append((name, why))
    lines = [f"{name}: {counts.passed} passed, {counts.failed} failed"]
    lines += [f"  FAILED {test}: {message}" for test, message in counts.failures]
    if counts.failed and text.strip():
        lines += ["  its output:"] + ["    " + line for line in text.splitlines()[-60:]]
    return counts.failed, "\n".join(lines)


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for program_failed, text in pool.map(lambda p: run(p, folder), sys.argv[2:]):
            failed += program_failed
            print(text, flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
