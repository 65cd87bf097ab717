#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs test suites one after the other and ends with one line: `N passed, N failed`.

    run_all.py RESULTS_DIR SUITE...

Each SUITE is a make target check-SUITE that leaves JUnit files under RESULTS_DIR/SUITE and exits
non-zero when a test failed. A target that fails without a failed test in its files (it did not
build, a runner crashed) counts as one failed test, and so does one that ran no test at all: a
green end means that every suite ran. Called by `make check`.
"""

import os
import pathlib
import shutil
import subprocess
import sys

import junit


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    results = pathlib.Path(sys.argv[1])
    make = [os.environ.get("MAKE", "make"), "--no-print-directory"]
    if "-j" not in os.environ.get("MAKEFLAGS", ""):
        make.append(f"-j{os.cpu_count()}")  # for what a suite builds
    # glibc overwrites what is freed, so that whoever reads it again is found out.
    env = {"MALLOC_PERTURB_": "165", **os.environ}
    total = junit.Counts()
    for suite in sys.argv[2:]:
        print(f"== {suite}", flush=True)
        folder = results / suite
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        code = subprocess.run([*make, f"check-{suite}"], env=env, close_fds=False).returncode
        counts = junit.read_folder(folder)
        why = None
        if code != 0 and counts.failed == 0:
            why = f"make check-{suite} ended with status {code}"
        elif code == 0 and counts.passed + counts.failed == 0:
            why = f"make check-{suite} ran no test"
        if why:
            counts.failed += 1
            counts.failures.append((suite, why))
        counts.failures = [(f"{suite}: {test}", message) for test, message in counts.failures]
        print(f"-- {suite}: {counts.passed} ok, {counts.failed} not ok", flush=True)
        total.add(counts)
    for test, message in total.failures:
        print(f"FAILED {test}: {message}")
    print(f"{total.passed} passed, {total.failed} failed")
    sys.exit(1 if total.failed else 0)


if __name__ == "__main__":
    main()
