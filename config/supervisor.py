# SPDX-License-Identifier: BSD-3-Clause
"""Keeps a few processes running in the foreground: starts them, starts one again when it dies, and
stops them in order. One thread; signals are taken synchronously, so nothing races. Used by run.py.
"""

import ctypes
import os
import signal
import subprocess
import time

SIGNALS = {signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
START_DEADLINE_S = 30
STOP_DEADLINE_S = 20
ONE_SIGNAL_S = 2
# A process that keeps dying is started again ever later; one that lived this long starts anew.
STABLE_S = 10
DELAY_MAX_S = 5.0

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


class Stop(Exception):
    """A signal asked for the end."""


class Died(Exception):
    """A process ended before everything was up."""


def die_with_parent(number):
    """The kernel sends this process the signal when its parent is gone, however it went."""
    _libc.prctl(_PR_SET_PDEATHSIG, number)


def describe_exit(code):
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"


class Child:
    def __init__(self, name, argv, env):
        self.name, self.argv, self.env = name, argv, env
        self.popen = None
        self.started = self.due = self.delay = 0.0

    @property
    def running(self):
        return self.popen is not None and self.popen.poll() is None


class Supervisor:
    def __init__(self, say):
        self.say = say
        self.children = []
        self.ready = False
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)

    def spawn(self, argv, **kwargs):
        """A process that is in a session of its own, so that Ctrl-C reaches only us, and that ends
        when we are killed."""
        parent = os.getpid()

        def prepare():
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            die_with_parent(signal.SIGTERM)
            if os.getppid() != parent:
                os._exit(1)

        return subprocess.Popen(argv, start_new_session=True, preexec_fn=prepare, **kwargs)

    def start(self, name, argv, env=None):
        """env: None for our own environment."""
        child = Child(name, argv, env)
        self.children.append(child)
        self._start(child)

    def _start(self, child):
        child.started = time.monotonic()
        child.popen = self.spawn(child.argv, stdin=subprocess.DEVNULL, env=child.env)

    def _died(self, child):
        why = describe_exit(child.popen.returncode)
        child.popen = None
        if not self.ready:
            raise Died(f"{child.name} ended at its start ({why}); its lines above say why")
        now = time.monotonic()
        if now - child.started >= STABLE_S:
            child.delay = 0.0
        child.due = now + child.delay
        later = f" in {child.delay:g} s" if child.delay else ""
        self.say(f"{child.name} died ({why}); starting it again{later}")
        child.delay = min(max(0.1, child.delay * 2), DELAY_MAX_S)

    def _look(self):
        """Notices deaths and restarts what is due; returns seconds until the next restart."""
        wait = None
        for child in self.children:
            if child.popen is not None and child.popen.poll() is not None:
                self._died(child)
            if child.popen is None:
                left = child.due - time.monotonic()
                if left <= 0:
                    self._start(child)
                else:
                    wait = left if wait is None else min(wait, left)
        return wait

    @staticmethod
    def _signal(timeout):
        if timeout is None:
            return signal.sigwaitinfo(SIGNALS).si_signo
        info = signal.sigtimedwait(SIGNALS, timeout)
        return info.si_signo if info else None

    def watch(self, until=None):
        """Looks after the children until the process `until` has ended, and returns its exit code;
        without one, until a signal says stop. Raises Stop or Died."""
        while True:
            wait = self._look()
            if until is not None and until.poll() is not None:
                return until.returncode
            if self._signal(wait) in SIGNALS - {signal.SIGCHLD}:
                raise Stop

    def wait_for(self, condition, what, seconds=START_DEADLINE_S):
        """Until condition() is true; nobody announces it, so it is looked at again and again."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise Died(f"no {what} within {seconds} s")
            self._look()
            if self._signal(0.01) in SIGNALS - {signal.SIGCHLD}:
                raise Stop

    def run(self, argv, **kwargs):
        """Runs a short program to its end; children are looked after meanwhile."""
        process = self.spawn(argv, **kwargs)
        try:
            return self.watch(process)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()

    def end(self, name):
        """Asks one of the children to end, for good."""
        child = next(c for c in self.children if c.name == name)
        self.children.remove(child)  # its end is none that is to be mended
        child.popen.terminate()
        try:
            self.wait_for(lambda: not child.running, f"end of {name}")
        except (Stop, Died):
            self.children.append(child)
            raise

    def stop(self):
        """Asks the children to end, the last one started first, and kills what does not within
        the deadline, or at one more signal. True if all of them ended by themselves, without
        an error."""
        clean = True
        begun = time.monotonic()
        for child in reversed(self.children):
            if child.running:
                child.popen.terminate()
            deadline = time.monotonic() + STOP_DEADLINE_S
            while child.running:
                left = deadline - time.monotonic()
                got = self._signal(left) if left > 0 else None
                # The first signal often comes twice: from a terminal or `timeout` to the whole
                # process group, and passed on by make.
                twice = time.monotonic() - begun < ONE_SIGNAL_S
                if left > 0 and (got in (signal.SIGCHLD, None) or twice):
                    continue
                self.say(f"{child.name} is still running: killing it")
                child.popen.kill()
                child.popen.wait()
            # One that was still starting had no handler yet.
            if child.popen is not None and child.popen.returncode not in (0, -signal.SIGTERM):
                self.say(f"{child.name}: {describe_exit(child.popen.returncode)}")
                clean = False
        return clean
