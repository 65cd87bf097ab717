# SPDX-License-Identifier: BSD-3-Clause
"""A newcomer's client as a process: told what to do and asked what it has seen, a line of JSON each."""
import itertools
import json
import subprocess
import threading

from lib.build import DEADLINE_S
from lib.node import PASSWORD


class No(Exception):
    """A command was refused: code, reason and retry as the client shows them."""

    def __init__(self, error):
        self.code, self.reason, self.retry = error.get("code"), error["reason"], error.get("retry")
        super().__init__(f"{self.code}: {self.reason} ({self.retry})")


class App:
    """`events` is what it has said unasked, in order; `answers` what it has answered, by id."""

    def __init__(self, argv, log, env=None):
        self.events, self.answers, self.changed = [], {}, threading.Condition()
        self.ids, self.ended, self.closed, self.log = itertools.count(1), False, False, log
        with open(log, "ab") as errors:
            self.popen = subprocess.Popen(argv, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                          stderr=errors, text=True, encoding="utf-8")
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        for line in self.popen.stdout:
            what = json.loads(line)
            with self.changed:
                if "event" in what:
                    self.events.append(what)
                else:
                    self.answers[what["id"]] = what
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def _wait(self, look, what):
        with self.changed:
            done = self.changed.wait_for(lambda: look() or self.ended, DEADLINE_S)
            if done and look():
                return look()
            raise AssertionError(f"{'it has ended' if self.ended else 'too long'}: {what}\n"
                                 f"{self.log.read_text()[-3000:]}\nlast events: {self.events[-12:]}")

    def tell(self, do, **params):
        """Gives a command and does not wait; the number of its answer."""
        number = next(self.ids)
        self.popen.stdin.write(json.dumps({"do": do, "id": number, **params}) + "\n")
        self.popen.stdin.flush()
        return number

    def answer(self, number):
        """What a command has come to."""
        got = self._wait(lambda: self.answers.get(number), f"no answer to command {number}")
        if not got["ok"]:
            raise No(got["error"])
        return got.get("result")

    def ask(self, do, **params):
        return self.answer(self.tell(do, **params))

    def connect(self, node, user, device, **given):
        """With the password that users of tests have, or with what is given."""
        given = {"host": "127.0.0.1", "port": node.port, **given}
        if "token" not in given:
            given.setdefault("password", PASSWORD)
        return self.ask("connect", user=user, device=device, **given)

    def call(self, method, **params):
        """A request of the protocol as it is."""
        return self.ask("call", method=method, params=params)

    def refused(self, do, **params):
        """A command that must be refused: the code, and whether to try again."""
        try:
            result = self.ask(do, **params)
        except No as no:
            return no.code, no.retry
        raise AssertionError(f"not refused: {do} {params}: {result}")

    def seen(self, event, **members):
        """The events so far that are like this."""
        return [e for e in list(self.events) if e["event"] == event
                and all(e.get(k) == v for k, v in members.items())]

    def wait(self, event, count=1, **members):
        """Until there are so many like this; the last of them."""
        def look():
            found = self.seen(event, **members)
            return found[count - 1] if len(found) >= count else None
        return self._wait(look, f"no {event} {members}")

    def texts(self, conv):
        """What it has shown in a conversation, in order of arrival."""
        return [e["text"] for e in self.seen("message", conv=conv)]

    def quit(self):
        """As an app that is closed by its user."""
        self.ask("quit")
        assert self.popen.wait(DEADLINE_S) == 0

    def kill(self):
        """SIGKILL: the session that it leaves is what is kept."""
        self.popen.kill()
        self.popen.wait()
        self.closed = True

    def close(self):
        if self.closed:
            self.thread.join()
            self.popen.stdin.close()
            self.popen.stdout.close()
            return
        self.closed = True
        if not self.ended:
            self.tell("quit")
        self.popen.stdin.close()
        try:
            code = self.popen.wait(DEADLINE_S)
        finally:
            self.popen.kill()
            self.thread.join()
            self.popen.stdout.close()
        errors = self.log.read_text()
        assert code == 0 and not errors, f"the client ended with {code}:\n{errors[-3000:]}"
