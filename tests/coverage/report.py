#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Prints which lines of the product the tests have run.

    report.py OBJECTS_DIR SOURCE_DIR...

A line a file: lines that hold code, how many of them ran, in percent, and those that did not. Then
the functions that were never called, and the totals of each folder. Called by `make coverage`.
"""

import json
import pathlib
import subprocess
import sys

WIDTH = 110


def counts_of(objects, source):
    """Returns ({line: times run}, [functions never called]) of one source, as gcov says it."""
    notes = objects / source.with_suffix(".gcno")
    if not notes.exists():
        return {}, []
    done = subprocess.run(["gcov", "--json-format", "--stdout", str(notes)],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode:
        sys.exit(f"{source}: {done.stderr.decode().strip()}\nIt changed meanwhile: run it again.")
    lines, functions = {}, []
    for file in json.loads(done.stdout)["files"]:
        if file["file"] != str(source):
            continue  # a header's inline functions count where they stand, not in each user
        for line in file["lines"]:
            number = line["line_number"]
            lines[number] = max(lines.get(number, 0), line["count"])
        functions += [f["name"] for f in file["functions"] if not f["execution_count"]]
    return lines, functions


def ranges(numbers, lines):
    """Line numbers as text, runs of them joined over lines that hold no code."""
    out = []
    for number in sorted(numbers):
        if out and not any(lines.get(n) for n in range(out[-1][1] + 1, number)):
            out[-1][1] = number
        else:
            out.append([number, number])
    text = " ".join(f"{a}-{b}" if b > a else f"{a}" for a, b in out)
    return text if len(text) <= WIDTH else text[:WIDTH].rsplit(" ", 1)[0] + " …"


def percent(ran, of):
    return f"{100 * ran / of:6.1f}%" if of else "      -"


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    objects = pathlib.Path(sys.argv[1])
    totals, never = {}, []
    print(f"{'file':34} {'lines':>6} {'run':>6}  {'':6}  not reached")
    for folder in sys.argv[2:]:
        for source in sorted(pathlib.Path(folder).rglob("*.c")):
            lines, functions = counts_of(objects, source)
            missed = [n for n, count in lines.items() if not count]
            ran = len(lines) - len(missed)
            print(f"{str(source):34} {len(lines):6} {ran:6} {percent(ran, len(lines))}  "
                  f"{ranges(missed, lines)}")
            never += [f"{source}: {name}" for name in functions]
            total = totals.setdefault(folder, [0, 0])
            total[0] += len(lines)
            total[1] += ran
    print(f"\n{len(never)} functions that no test calls:", *never, sep="\n  ")
    print()
    for folder, (of, ran) in totals.items():
        print(f"{folder:34} {of:6} {ran:6} {percent(ran, of)}")
    of, ran = (sum(total[i] for total in totals.values()) for i in (0, 1))
    print(f"{'total':34} {of:6} {ran:6} {percent(ran, of)}")


if __name__ == "__main__":
    main()
