#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Measures mosquitto-im against plain Mosquitto: the same load, the same machine, in turns.

Everything runs on 127.0.0.1, in a folder of its own, and is stopped at the end. A figure is
printed only if every message of its run arrived once and in order; otherwise the program ends
with 1.
"""
import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import machine
import plots
import results
import scenarios
from load import Imbench
from node import ImNode, OrdinaryNode, PlainNode

ROOT = pathlib.Path(__file__).resolve().parents[2]


def arguments():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    length = p.add_mutually_exclusive_group()
    length.add_argument("--quick", action="store_true", help="short runs, small sizes (default)")
    length.add_argument("--full", action="store_true", help="the sizes of docs/BENCHMARKS.md")
    p.add_argument("--only", help="scenarios, as 1,2,5", default="")
    p.add_argument("--json", help="write everything measured to this file")
    p.add_argument("--markdown", help="write the tables to this file")
    p.add_argument("--plots", help="folder for the SVG files of scenario 9")
    p.add_argument("--build", default=str(ROOT / "build"), help="build folder (build)")
    p.add_argument("--before", metavar="TREE", help="also measure what is built in this tree, of "
                   "an earlier version, in turns with the others: scenarios 1 to 5 and 9")
    p.add_argument("--dir", help="where the nodes keep their data (a folder under TMPDIR)")
    p.add_argument("--broker", default=os.environ.get("MOSQUITTO") or "/usr/sbin/mosquitto")
    p.add_argument("--side", choices=("both", "plain"), default="both")
    p.add_argument("--version", type=int, choices=(4, 5), default=4, help="4: MQTT 3.1.1")
    p.add_argument("--repeat", type=int, help="runs of each case")
    p.add_argument("--quiet", type=float, default=30, metavar="S",
                   help="wait so long for an idle machine before each run (30)")
    p.add_argument("--keep", action="store_true", help="leave the nodes' folders for a look")
    return p.parse_args()


def build_imbench(build):
    # Named as `make` alone names it: what an object was made from is kept by that name.
    name = os.path.relpath(build, ROOT)
    subprocess.run(["make", "-s", "-C", str(ROOT), f"BUILD={name}", f"{name}/imbench"], check=True)
    return pathlib.Path(build) / "imbench"


class Nodes:
    """Makes nodes in one temporary folder and sees to it that none outlives the run."""

    def __init__(self, opt, folder):
        self.opt, self.folder = opt, folder
        self.made = []

    def _next(self):
        return os.path.join(self.folder, f"n{len(self.made)}")

    def _keep(self, node):
        self.made.append(node)
        return node

    def plain(self, **kw):
        return self._keep(PlainNode(self._next(), self.opt.broker, **kw))

    def im(self, **kw):
        return self._keep(ImNode(self._next(), self.opt.broker, self.opt.build, ROOT / "schema",
                                 **kw))

    def ordinary(self, **kw):
        return self._keep(OrdinaryNode(self._next(), self.opt.broker, self.opt.build,
                                       ROOT / "schema", **kw))

    def before(self, **kw):
        tree = self.opt.before
        return self._keep(ImNode(self._next(), self.opt.broker, tree / "build", tree / "schema",
                                 **kw))

    def close(self):
        for node in self.made:
            node.kill()


def chosen(only):
    numbers = [int(n) for n in only.split(",") if n] or list(scenarios.ALL)
    unknown = [n for n in numbers if n not in scenarios.ALL]
    if unknown:
        sys.exit(f"run.py: no scenario {unknown[0]}; there are 1 to {max(scenarios.ALL)}")
    return numbers


def measure(opt, nodes, bench):
    has_im = opt.side == "both" and ImNode.available(opt.build)
    if opt.side == "both" and not has_im:
        print(f"mosquitto-im is not built in {opt.build}: plain Mosquitto only\n")
    ctx = scenarios.Context(bench, nodes.plain, nodes.im if has_im else None,
                            nodes.ordinary, nodes.before if opt.before else None, not opt.full,
                            opt.quiet)
    if opt.repeat:
        ctx.repeats = opt.repeat
    cases = []
    for number in chosen(opt.only):
        for case in scenarios.ALL[number](ctx):
            cases.append(case)
            print(results.table(case) + "\n", flush=True)
    return cases


def write_json(path, opt, facts, cases, seconds):
    record = {"machine": facts, "full": opt.full, "mqtt": opt.version,
              "seconds": round(seconds, 1), "cases": [c.as_json() for c in cases]}
    with open(path, "w", encoding="utf-8") as f:
        json.dump(record, f, indent=1)
        f.write("\n")


def main():
    opt = arguments()
    opt.build = os.path.abspath(opt.build)
    if opt.before:
        opt.before = pathlib.Path(opt.before).resolve()
        if not ImNode.available(opt.before / "build"):
            sys.exit(f"run.py: nothing is built in {opt.before}; run make there")
    chosen(opt.only)
    # So that what is under way is stopped and cleaned up then too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    begin = time.monotonic()
    folder = tempfile.mkdtemp(prefix="im-bench-", dir=opt.dir)
    nodes = Nodes(opt, folder)
    try:
        bench = Imbench(build_imbench(opt.build), opt.version)
        facts = machine.describe(folder, opt.broker)
        print("  ".join(f"{k}={v}" for k, v in facts.items()) + "\n", flush=True)
        cases = measure(opt, nodes, bench)
    finally:
        nodes.close()
        if opt.keep:
            print(f"the nodes' folders are in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    if opt.json:
        write_json(opt.json, opt, facts, cases, time.monotonic() - begin)
    if opt.markdown:
        pathlib.Path(opt.markdown).write_text(
            "\n\n".join(results.markdown(c) for c in cases) + "\n", encoding="utf-8")
    if opt.plots:
        for path in plots.write(cases, opt.plots):
            print(f"wrote {path}")
    failed = sum(len(c.failures) for c in cases)
    print(f"{len(cases)} cases in {time.monotonic() - begin:.0f} s, {failed} runs failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
