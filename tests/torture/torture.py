#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Kills broker and bridge at random under mixed load, then checks promises 1 to 5 over everything
that was sent.

    torture.py [--minutes N] [--seed S] [--kills-per-minute K] [--rate R] [--brokers N [--stay]]

A run is made of rounds of about two minutes on one node that lives through all of them. In a round
eight users with two devices each, in two processes, send and pull while SIGKILL falls; then the
killing stops, everything open is resolved, all is read back and judged (checker.py). Where there are
several brokers, devices go from one to another, the older connection sometimes left open (--stay: each
stays at its own), a broker is stopped for a while now and then, and the killing makes pauses, in which
nothing that is told again has an excuse. Exit code 0: no violation. BUILD and MOSQUITTO name what is
tested, as in the end-to-end tests.
"""
import argparse
import collections
import json
import multiprocessing
import pathlib
import random
import signal
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

import checker  # noqa: E402
from device import Device  # noqa: E402
from lib.node import PASSWORD, Node  # noqa: E402

USERS = 8
ROUND_S = 120
SETTLE_S = 120
WORKERS = 2
STRETCH_S = 12  # of killing, and of none, in turns, where there are several brokers
STOPPED_S = 3  # at most, so long is a broker
# What a login costs and how fast one may send are not what is tested here.
OPTIONS = {"rate_messages": 0, "rate_bytes": 0}


class Phase:
    """What the devices of all processes have in common."""

    def __init__(self, devices):
        self.stop = multiprocessing.Event()
        self.deadline = multiprocessing.Value("d", 0.0)
        self.barrier = multiprocessing.Barrier(devices)

    def load(self):
        return not self.stop.is_set()

    def end_load(self):
        self.deadline.value = time.monotonic() + SETTLE_S
        self.stop.set()

    def settling(self):
        return time.monotonic() < self.deadline.value

    def meet(self):
        self.barrier.wait(SETTLE_S + 60)

    @staticmethod
    def pause():
        """Before the next try to connect to a broker that is being started."""
        time.sleep(0.02)


def plans(ports, stay, users, groups, rate, rng):
    """Who does what in one round. groups: (all, half, churn); stay: at one of the brokers each."""
    everybody, half, churn = groups
    out = []
    member, leaver = users[-2], users[-1]
    for n, user in enumerate(users):
        directs = [(f"im/u/{peer}", "d/" + "/".join(sorted((user, peer))), False)
                   for peer in users if peer != user]
        targets = directs + [(f"im/g/{everybody}", f"g/{everybody}", False)] * 4
        convs = [conv for _, conv, _ in directs] + [f"g/{everybody}"]
        if n < USERS // 2:
            targets += [(f"im/g/{half}", f"g/{half}", False)] * 2
            convs.append(f"g/{half}")
        if n < 2 or user in (member, leaver):
            # Who may be refused needs an id, or it could not tell a refusal from a loss.
            targets += [(f"im/g/{churn}", f"g/{churn}", user in (member, leaver))] * 2
        if n < 2:
            convs.append(f"g/{churn}")
        for d in range(2):
            out.append({
                "ports": ports, "stays": (2 * n + d) % len(ports) if stay else None, "user": user, "device": f"{user}-{d}", "password": PASSWORD,
                "v5": rng.random() < 0.5, "clean": rng.random() < 0.5, "rate": rate,
                "seed": rng.random(), "targets": targets, "convs": convs, "reader": d == 0,
                "churn": (churn, member, leaver) if n == 0 and d == 0 else None,
                "comer": churn if user == member and d == 0 else None,
            })
    return out


def work(my_plans, phase, out):
    """One process: a thread a device."""
    devices = [Device(plan, phase) for plan in my_plans]
    threads = [threading.Thread(target=device.run) for device in devices]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with open(out, "w", encoding="utf-8") as f:
        for device in devices:
            for event in device.events:
                f.write(json.dumps(event) + "\n")
            f.write(json.dumps({"k": "device", "device": device.name, "acks": device.acks,
                                "holes": device.step.holes, "moves": device.moves,
                                "connections": device.connections}) + "\n")


class Killer:
    """SIGKILL at random moments, also while a process is still starting, and SIGSTOP of one of several
    brokers. sabotage: called twice with the node, at half time and at the end, to break a promise on
    purpose (test_short_run.py)."""

    def __init__(self, node, rng, per_minute, sabotage=None):
        self.node, self.rng, self.mean_s = node, rng, 60 / per_minute
        self.sabotage = sabotage
        self.several = len(node.brokers) > 1
        self.broker = self.bridge = self.stops = 0
        self.stopped = None  # a broker, and until when
        self.events = []  # for the checker
        self.fell = []  # what ended by itself; started again as a service manager would

    def restart(self):
        for process in (*self.node.brokers, self.node.bridge):
            if process.running:
                continue
            code = process.popen.returncode
            if code not in process.expected:
                self.fell.append(f"{process.name} ended by itself with {code}: "
                                 + " | ".join(process.text(True).splitlines()[-3:]))
                process.expected.add(code)
            process.start()
        if self.stopped and time.monotonic() > self.stopped[1]:
            self.go_on()

    def kill(self, process):
        self.events.append({"k": "kill", "t": time.time() * 1000})
        if self.stopped and self.stopped[0] is process:
            self.go_on()
        process.kill()

    def kill_and_restart(self):
        dice = self.rng.random()
        self.restart()
        if dice < 0.55:
            self.bridge += 1
            self.kill(self.node.bridge)
        if dice >= 0.45:
            self.broker += 1
            self.kill(self.rng.choice(self.node.brokers))
        self.restart()

    def stop_one(self):
        """For a while; the others go on."""
        if self.stopped:
            return
        self.restart()
        self.stops += 1
        broker = self.rng.choice(self.node.brokers)
        self.stopped = broker, time.monotonic() + self.rng.uniform(0.2, STOPPED_S), time.time() * 1000
        broker.send_signal(signal.SIGSTOP)

    def go_on(self):
        broker, _, since = self.stopped
        self.stopped = None
        broker.send_signal(signal.SIGCONT)
        self.events.append({"k": "stop", "t": since, "until": time.time() * 1000})

    def run(self, seconds):
        if not self.sabotage:
            self.kill_for(seconds)
            return
        for _ in range(2):
            self.kill_for(seconds / 2)
            self.sabotage(self.node)
            self.restart()

    def pause(self, until):
        """So long is nothing killed."""
        while time.monotonic() < until:
            time.sleep(0.02)
            self.restart()

    def kill_for(self, seconds):
        end = time.monotonic() + seconds
        rest = time.monotonic() + STRETCH_S if self.several else end
        while True:
            self.pause(min(time.monotonic() + self.rng.expovariate(1) * self.mean_s, end))
            if time.monotonic() >= end:
                return
            if time.monotonic() >= rest:
                self.pause(min(rest + STRETCH_S, end))
                rest += 2 * STRETCH_S
                continue
            if self.several and self.rng.random() < 0.2:
                self.stop_one()
            else:
                self.kill_and_restart()


def one_round(node, rng, seconds, per_minute, rate, stay=False, sabotage=None):
    """Returns (events, killer)."""
    users = node.users(USERS)
    groups = [node.new_name("t") for _ in range(3)]
    owner = node.connect(users[0], device=f"{users[0]}-maker")
    owner.rpc("group.create", gid=groups[0], members=users[1:])
    owner.rpc("group.create", gid=groups[1], members=users[1:USERS // 2])
    owner.rpc("group.create", gid=groups[2], members=[users[1], users[-2], users[-1]],
              join="open")
    owner.close()
    all_plans = plans([b.port for b in node.brokers], stay, users, groups, rate, rng)
    phase = Phase(len(all_plans))
    outs = [node.folder / f"events-{n}.jsonl" for n in range(WORKERS)]
    workers = [multiprocessing.Process(target=work, args=(all_plans[n::WORKERS], phase, outs[n]))
               for n in range(WORKERS)]
    for worker in workers:
        worker.start()
    killer = Killer(node, rng, per_minute, sabotage)
    killer.run(seconds)
    phase.end_load()
    while any(worker.is_alive() for worker in workers) and phase.settling():
        killer.restart()
        workers[0].join(0.1)
    for worker in workers:
        worker.join(2 * SETTLE_S + 120)
        if worker.is_alive():
            worker.kill()
            raise AssertionError("a worker of the torture run did not end")
        assert worker.exitcode == 0, f"a worker ended with {worker.exitcode}"
    events = killer.events
    for out in outs:
        with open(out, encoding="utf-8") as f:
            events += map(json.loads, f)
        out.unlink()
    return events, killer


def judge(events):
    """(violations as text, counts). What did not resolve, or did not happen, is a violation too."""
    counts = checker.summary(events)
    failed = [f"{e['device']} failed: {e['why']}" for e in events if e["k"] == "failed"]
    if failed:  # its records are not whole: nothing else can be said
        return failed, counts
    found = list(map(str, checker.check(events)))
    found += [f"never resolved on {e['device']}: {e['pending']} {e['flight']}"
              for e in events if e["k"] == "stuck"]
    for kind in ("send", "accepted", "ack", "recv", "page", "final", "log"):
        if not counts.get(kind):
            found.append(f"nothing of kind {kind} was recorded: the run showed nothing")
    for what in ("acks", "holes"):
        if not sum(e[what] for e in events if e["k"] == "device"):
            found.append(f"no device has had {what}: the run showed nothing of staying in step")
    if any(e["moves"] for e in events if e["k"] == "device"):
        found += what_did_not_happen(events)
    return found, counts


def what_did_not_happen(events):
    """Of what devices do that go from one broker to another."""
    if not any(e["k"] == "old" and e["became"] == "moved" for e in events):
        yield "no older connection was ended: the run showed nothing of devices that move"
    if not any(e["k"] == "at" and e["session"] and e["before"] not in (None, e["broker"])
               for e in events):
        yield "nobody came back to a session: the run showed nothing of what a broker kept"


def run(minutes, seed, per_minute, rate, say=print, sabotage=None, brokers=1, stay=False):
    """Returns the list of violations."""
    rng = random.Random(seed)
    found, fell, kills, total = [], [], collections.Counter(), collections.Counter()
    # Small, so that they overflow: the queues of devices that are away or asleep.
    node = Node(options=OPTIONS, max_queued=40, brokers=brokers,
                conf=["max_inflight_messages 10"])
    try:
        node.start()
        left = minutes * 60
        number = 0
        while left > 0 and not found:
            number += 1
            seconds = min(left, ROUND_S)
            left -= seconds
            events, killer = one_round(node, rng, seconds, per_minute, rate, stay, sabotage)
            kills.update(broker=killer.broker, bridge=killer.bridge, stops=killer.stops)
            found, counts = judge(events)
            fell += killer.fell
            total.update(counts)
            say(f"round {number}: {killer.broker} kills of a broker, {killer.bridge} of the "
                "bridge; " + ", ".join(f"{k} {v}" for k, v in sorted(counts.items())))
        found += fell
        say(f"seed {seed}: {brokers} brokers, {kills['broker']} kills of one, {kills['bridge']} of the "
            f"bridge, {kills['stops']} stops, {total['at']} connections, {total['send']} messages sent, {total['stored']} stored, {total['ack']} acks and "
            f"{total['recv']} deliveries checked, {len(found)} violations")
        for text in found[:50]:
            say("  " + text)
        if found:
            for name, text in node.logs(60):
                say(f"--- end of the {name}'s log\n{text}")
    finally:
        node.close()
    return found


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--minutes", type=float, default=5)
    p.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    p.add_argument("--kills-per-minute", type=float, default=60)
    p.add_argument("--rate", type=float, default=6, help="actions a second of each device")
    p.add_argument("--brokers", type=int, default=1)
    p.add_argument("--stay", action="store_true", help="each device stays at its broker")
    a = p.parse_args()
    print(f"torture: {a.minutes} minutes, {a.brokers} brokers, seed {a.seed}", flush=True)
    found = run(a.minutes, a.seed, a.kills_per_minute, a.rate,
                lambda text: print(text, flush=True), brokers=a.brokers, stay=a.stay)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
