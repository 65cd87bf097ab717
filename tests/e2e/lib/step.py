# SPDX-License-Identifier: BSD-3-Clause
"""What a device may acknowledge without asking, as docs/PROTOCOL.md says under "Staying in step".

Pure: told of what comes, asked what to do.
"""


class Step:
    def __init__(self):
        self.greeted = False  # on this connection, with a number
        self.answered = False  # and everything before was synced, or there was nothing
        self.n = 0
        self.safe = 0  # greatest that was said since
        self.holes = self.hellos = 0

    def connected(self):
        self.greeted = self.answered = False
        self.safe = 0

    def hello(self, event):
        """True: the device must sync."""
        self.hellos += 1
        self.greeted = "n" in event and "epoch" in event
        self.n, self.safe = event.get("n", 0), 0
        self.answered = self.greeted and not event["behind"]
        return not self.answered

    def delivery(self, item):
        """A message, or an event that is no hello. True: the device must sync."""
        n = item.get("n")
        if n is None or not self.greeted or n <= self.n:
            return False
        hole = n > self.n + 1
        self.n = n
        if hole:
            self.holes += 1
            self.answered, self.safe = False, 0
        self.safe = max(self.safe, int(item.get("safe", item["cursor"])))
        return hole

    def synced(self):
        """A sync that was begun after the last reason for one has ended."""
        self.answered = self.greeted

    def ack(self, cursor):
        """The cursor to acknowledge beyond this one, or None."""
        return self.safe if self.answered and self.safe > cursor else None
