#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs many seeds of the convergence test, and shortens those that fail.

    convergence.py PROGRAM SEEDS [--first N] [--jobs N] [--sqlite EVERY] [--sabotage NUMBER]

Every seed runs over the memory store, every EVERY-th one over SQLite as well. For a seed that fails,
steps are left out for as long as it still fails; what is left is printed with the command that runs
it again. Called by `make convergence SEEDS=5000`.
"""
import argparse
import concurrent.futures
import os
import subprocess
import sys
import time

STEPS = 250  # as in test_flow_converge.c
CHUNK = 20  # seeds a process
DEADLINE_S = 120


def listed(steps):
    return "," + "".join(f"{n}," for n in steps)


class Runner:
    def __init__(self, program, sabotage):
        self.program = os.path.abspath(program)
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("FLOW_", "CMOCKA_"))}
        if sabotage:
            self.env["FLOW_SABOTAGE"] = str(sabotage)

    def run(self, store, first, last, only=None):
        """The output if something failed, or None."""
        env = dict(self.env, FLOW_STORE=store, FLOW_SEED=str(first), FLOW_LAST=str(last))
        if only is not None:
            env["FLOW_ONLY"] = listed(only)
        try:
            done = subprocess.run([self.program], env=env, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  timeout=DEADLINE_S)
        except subprocess.TimeoutExpired as late:
            return (late.stdout or b"").decode(errors="replace") + f"no end in {DEADLINE_S} s\n"
        return done.stdout.decode(errors="replace") if done.returncode else None

    def failing(self, store, first, last):
        """[(seed, store)] of a stretch that failed."""
        if self.run(store, first, last) is None:
            return []
        return [(seed, store) for seed in range(first, last + 1)
                if self.run(store, seed, seed) is not None]

    def shorten(self, store, seed):
        """Leaves out steps, in ever smaller stretches, while the seed fails all the same."""
        kept = list(range(STEPS))
        size = STEPS // 2
        while size:
            at = 0
            while at < len(kept):
                without = kept[:at] + kept[at + size:]
                if self.run(store, seed, seed, without) is not None:
                    kept = without
                else:
                    at += size
            size //= 2
        return kept


def main():
    args = argparse.ArgumentParser()
    args.add_argument("program")
    args.add_argument("seeds", type=int)
    args.add_argument("--first", type=int, default=1)
    args.add_argument("--jobs", type=int, default=os.cpu_count())
    args.add_argument("--sqlite", type=int, default=10, metavar="EVERY")
    args.add_argument("--sabotage", type=int, default=0)
    args = args.parse_args()
    runner = Runner(args.program, args.sabotage)
    last = args.first + args.seeds - 1
    work = [("memory", n, min(n + CHUNK - 1, last)) for n in range(args.first, last + 1, CHUNK)]
    work += [("sqlite", n, n) for n in range(args.first, last + 1, args.sqlite)]
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        failed = [one for found in pool.map(lambda w: runner.failing(*w), work) for one in found]
    over_sqlite = sum(1 for store, _, _ in work if store == "sqlite")
    print(f"{args.seeds} seeds over the memory store, {over_sqlite} over sqlite, "
          f"{time.monotonic() - began:.0f} s: {len(failed)} failed")
    for seed, store in failed[:5]:
        only = runner.shorten(store, seed)
        print(f"\nseed {seed}, {store}, in its shortest form:\n{runner.run(store, seed, seed, only)}"
              f"again: FLOW_ONLY={listed(only)} FLOW_SEED={seed} FLOW_STORE={store} {args.program}")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
