# SPDX-License-Identifier: BSD-3-Clause
"""A process under test: started with its output in a file, signalled by pid, and looked at when it
has ended: a crash or a sanitizer's report that no test asked for fails the test."""
import os
import pathlib
import signal
import subprocess
import time

from .build import DEADLINE_S

REPORTS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer",
           "runtime error:")


class Died(AssertionError):
    """The process ended while something was awaited of it."""


class Process:
    def __init__(self, name, argv, log, env=None, cwd=None):
        self.name, self.argv, self.log = name, [str(a) for a in argv], pathlib.Path(log)
        self.env, self.cwd = {**os.environ, **(env or {})}, cwd
        self.popen = None
        self.expected = set()  # exit codes that are no failure of the next end

    def start(self):
        assert self.popen is None or self.popen.poll() is not None, f"{self.name} is running"
        self.reap()
        self.expected = {0}
        out = open(self.log, "ab")
        self.mark = out.tell()
        try:
            self.popen = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=out,
                                          stderr=subprocess.STDOUT, env=self.env, cwd=self.cwd,
                                          start_new_session=True)
        finally:
            out.close()
        return self

    @property
    def pid(self):
        return self.popen.pid

    @property
    def running(self):
        return self.popen is not None and self.popen.poll() is None

    def text(self, since_start=False):
        """What it has written: of all runs, or of the last one."""
        data = self.log.read_bytes() if self.log.exists() else b""
        return data[self.mark if since_start else 0:].decode(errors="replace")

    def wait_text(self, needle, timeout=DEADLINE_S, since_start=True):
        """Until `needle` is in the log; returns the line."""
        def look():
            for line in self.text(since_start).splitlines():
                if needle in line:
                    return line
            return None
        return self.wait_for(look, f"{needle!r} in the log of {self.name}", timeout)

    def wait_for(self, predicate, what, timeout=DEADLINE_S):
        """Until predicate() is true, while the process lives."""
        got = wait_until(lambda: predicate() or (not self.running and Died), timeout)
        if got is Died:
            got = predicate()
            if not got:
                raise Died(f"{self.name} ended with {self.popen.returncode} before {what}:\n"
                           + self.text(True)[-4000:])
        if not got:
            raise AssertionError(f"no {what} in {timeout} s")
        return got

    def send_signal(self, number):
        os.kill(self.pid, number)

    def kill(self):
        """SIGKILL, as a crash."""
        self.expected = {-signal.SIGKILL, 0}
        self.send_signal(signal.SIGKILL)
        self.popen.wait()

    def stop(self, number=signal.SIGTERM):
        """Asks it to end and waits; returns the exit code."""
        if self.running:
            self.send_signal(number)
        return self.wait_exit()

    def wait_exit(self, expected=None, timeout=DEADLINE_S):
        """Waits for the end; `expected` are exit codes that the test is about."""
        if expected is not None:
            self.expected = set(expected)
        try:
            return self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.expected = {-signal.SIGKILL}
            self.send_signal(signal.SIGKILL)
            self.popen.wait()
            raise AssertionError(f"{self.name} did not end in {timeout} s") from None

    def reap(self):
        """Fails if the last run ended in a way that nobody expected."""
        if self.popen is None or self.popen.poll() is None:
            return
        code = self.popen.returncode
        if code not in self.expected:
            self.expected.add(code)  # said once
            raise AssertionError(f"{self.name} ended with {code}:\n" + self.text(True)[-6000:])

    def check(self):
        """At teardown: no unexpected end, no sanitizer's report."""
        self.reap()
        text = self.text()
        found = [line for line in text.splitlines() if any(r in line for r in REPORTS)]
        if found:
            at = text.index(found[0])
            raise AssertionError(f"{self.name} reported:\n" + text[at:at + 6000])


def wait_until(predicate, timeout=DEADLINE_S):
    """For conditions that nobody announces (files, ports, processes): looks every 10 ms."""
    end = time.monotonic() + timeout
    while True:
        got = predicate()
        if got or time.monotonic() >= end:
            return got
        time.sleep(0.01)
