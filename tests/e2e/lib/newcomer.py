# SPDX-License-Identifier: BSD-3-Clause
"""A chat client in another language, as tests/e2e/newcomer has them, steered by lines of JSON: a
command a line, {"do":…,"id":1,…}, answered {"id":1,"ok":true,"result":…} or with "error"; and what
it says unasked, {"event":…}."""
import itertools
import json
import subprocess
import threading

from .build import DEADLINE_S
from .node import PASSWORD
from .proc import wait_until


class Refusal(Exception):
    """What an answer's `error` says."""

    def __init__(self, error):
        super().__init__(error["reason"])
        self.code, self.reason, self.retry = error.get("code"), error["reason"], error.get("retry")


class Newcomer:
    def __init__(self, argv, env=None):
        self.popen = subprocess.Popen(argv, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True, bufsize=1)
        self.answers, self.events, self.errors = {}, [], []
        self._numbers = itertools.count(1)
        self._threads = [threading.Thread(target=self._read, daemon=True),
                         threading.Thread(target=self._read_errors, daemon=True)]
        for thread in self._threads:
            thread.start()

    def _read(self):
        for line in self.popen.stdout:
            said = json.loads(line)
            if "event" in said:
                self.events.append(said)
            else:
                self.answers[said["id"]] = said

    def _read_errors(self):
        self.errors.extend(self.popen.stderr)

    def start(self, what, **given):
        """A command that is not waited for; returns its number."""
        number = next(self._numbers)
        self.popen.stdin.write(json.dumps({"do": what, "id": number, **given}) + "\n")
        return number

    def wait(self, number):
        self.until(lambda: number in self.answers, f"an answer to {number}")
        answer = self.answers[number]
        if not answer["ok"]:
            raise Refusal(answer["error"])
        return answer.get("result")

    def do(self, what, **given):
        return self.wait(self.start(what, **given))

    def rpc(self, method, **params):
        return self.do("call", method=method, params=params)

    def connect(self, node, user, device, password=PASSWORD, **more):
        return self.do("connect", host="127.0.0.1", port=node.port, user=user, device=device,
                       **({"password": password} if "token" not in more else {}), **more)

    def until(self, predicate, what):
        got = wait_until(lambda: predicate() or self.popen.poll() is not None, DEADLINE_S)
        got = predicate()
        assert got, f"no {what}: {self.events[-5:]} {''.join(self.errors)}"
        return got

    def heard(self, event, **members):
        """The events of this name with these members."""
        return [e for e in list(self.events) if e["event"] == event
                and all(e.get(k) == v for k, v in members.items())]

    def hear(self, event, count=1, **members):
        """Until so many of them have come; the last of them."""
        return self.until(lambda: len(self.heard(event, **members)) >= count and
                          self.heard(event, **members), f"{event} {members}")[count - 1]

    def quit(self):
        self.do("quit")
        assert self.popen.wait(DEADLINE_S) == 0

    def close(self):
        """At teardown, whatever has become of it."""
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait(DEADLINE_S)
        for thread in self._threads:
            thread.join(DEADLINE_S)
        for pipe in (self.popen.stdin, self.popen.stdout, self.popen.stderr):
            pipe.close()
        assert not self.errors, "".join(self.errors)
