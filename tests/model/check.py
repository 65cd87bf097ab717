#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs Spin on the models of cases.txt, one line each, and fails when one is not as expected.

    check.py [--jobs N] [--only WORD] [--kept FOLDER]

A sabotage has to break what it is said to break: the assertion with that comment. A search that is
not complete (memory, depth, time) holds nothing. What is not as expected is left in FOLDER with its
counterexample. Called by `make model`.
"""
import argparse
import concurrent.futures
import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
MEMORY_MB = 4096
DEADLINE_S = 900  # the longest takes half a minute by itself
# Safety: assertions, and that nothing is stuck. Liveness: the model's ltl, under weak fairness.
SAFETY = (["-DSAFETY", "-DNOCLAIM"], ["-m500000"])
LIVENESS = (["-DNFAIR=6"], ["-a", "-f", "-m1000000"])
ENDS = {"invalid end state": "deadlock", "acceptance cycle": "no end"}
INCOMPLETE = re.compile(r"max search depth too small|out of memory|MEMLIM bound|Search not completed")


@dataclasses.dataclass(frozen=True)
class Case:
    live: bool
    expected: str  # holds, deadlock, no end, or the comment beside an assertion
    model: str
    flags: tuple
    what: str

    def __str__(self):
        words = " ".join([self.model, *(["liveness"] if self.live else []), *self.flags])
        return f"{words}: {self.what}"


def read_cases(path=HERE / "cases.txt"):
    """A line a case; see the file's first lines."""
    cases = []
    for line in path.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            kind, expected, model, flags, what = (part.strip() for part in line.split("|"))
            cases.append(Case({"S": False, "L": True}[kind], expected, model,
                              tuple(flags.split()), what))
    return cases


def said_by(folder, *argv):
    """What a program says, and whether it ended by itself and well."""
    try:
        done = subprocess.run(argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, encoding="utf-8", errors="replace",
                              timeout=DEADLINE_S)
    except subprocess.TimeoutExpired:
        return f"no end in {DEADLINE_S} s", False
    return done.stdout, done.returncode == 0


def comment_of(line):
    found = re.search(r"/\* (.*?) \*/", line)
    return found[1] if found else line.strip()


def broken_in(case, folder, said):
    """What the counterexample ends with."""
    why = re.search(r"^pan:\d+: (.*?) \(at depth", said, re.M)
    if why and why[1] in ENDS:
        return ENDS[why[1]]
    steps, _ = said_by(folder, "spin", "-t", *case.flags, f"{case.model}.pml")
    at = re.search(r"\.pml:(\d+), Error: assertion violated", steps)
    if not at:
        return "something that cannot be replayed"
    lines = (folder / f"{case.model}.pml").read_text("utf-8").splitlines()
    return comment_of(lines[int(at[1]) - 1])


def look(case, folder, models, memory_mb):
    """Returns (what was found, a detail)."""
    shutil.copy(models / f"{case.model}.pml", folder)
    build, run = LIVENESS if case.live else SAFETY
    said, good = said_by(folder, "spin", "-a", *case.flags, f"{case.model}.pml")
    if good:
        said, good = said_by(folder, os.environ.get("CC", "gcc"), "-O2", "-w", "-DCOLLAPSE",
                             f"-DMEMLIM={memory_mb}", *build, "-o", "pan", "pan.c")
    if good:
        said, good = said_by(folder, "./pan", *run)
    (folder / "said").write_text(said, encoding="utf-8")
    errors = re.search(r"errors: (\d+)", said) if good else None
    if errors and errors[1] != "0":
        return broken_in(case, folder, said), "errors"
    if errors and not INCOMPLETE.search(said):
        return "holds", re.search(r"(\S+) states, stored", said)[1] + " states"
    incomplete = INCOMPLETE.search(said)
    return "unfinished", incomplete[0] if incomplete else (said.strip() or "silent").splitlines()[-1]


def run(case, kept=None, models=HERE, memory_mb=MEMORY_MB):
    """Returns (as expected, the line to print)."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="im-model-") as name:
        folder = pathlib.Path(name)
        found, detail = look(case, folder, models, memory_mb)
        good = found == case.expected
        lines = []
        if not good:
            lines.append(f"  expected: {case.expected}; found: {found} ({detail})")
            if kept:
                to = kept / re.sub(r"\W+", "_", str(case).split(":", maxsplit=1)[0])
                shutil.rmtree(to, ignore_errors=True)
                shutil.copytree(folder, to)
                lines.append(f"  cd {to} && ./pan -r {case.model}.pml.trail"
                             if detail == "errors" else f"  {to}/said")
    end = f", {detail}" if found == "holds" else ""
    lines.insert(0, f"{'ok' if good else 'UNEXPECTED':10} {case} "
                    f"[{found}{end}, {time.monotonic() - began:.0f} s]")
    return good, "\n".join(lines)


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--jobs", type=int, default=os.cpu_count(), help="so many at a time")
    args.add_argument("--only", default="", metavar="WORD", help="those whose line has the word")
    args.add_argument("--kept", type=pathlib.Path, metavar="FOLDER",
                      help="what is not as expected, with its counterexample")
    args = args.parse_args()
    cases = [case for case in read_cases() if args.only in str(case)]
    if not cases:
        sys.exit(f"check.py: no case has {args.only!r} in its line")
    began = time.monotonic()
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for one in concurrent.futures.as_completed(
                [pool.submit(run, case, args.kept) for case in cases]):
            good, line = one.result()
            bad += not good
            print(line, flush=True)
    print(f"{len(cases) - bad} as expected, {bad} not, {time.monotonic() - began:.0f} s")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
