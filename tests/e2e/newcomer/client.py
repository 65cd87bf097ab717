#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The example client's screen, which is a pipe; chat.py and wire.py are what to copy.

A line on stdin is a command, {"do":"send","id":1,"to":"bob","text":"hi"}; a line on stdout answers it,
{"id":1,"ok":true,"result":…} or {"id":1,"ok":false,"error":{"code":…,"reason":…,"retry":…}}, or tells
what has happened, {"event":"message",…}."""
import asyncio
import json
import sys

from chat import Chat, Refused, shown


def put(**line):
    print(json.dumps(line), flush=True)


def say(event, **members):
    put(event=event, **members)


class Screen(Chat):
    """What the user may do beside what Chat does already; each returns the command's result."""

    async def send(self, text, conv=None, to=None, group=None, **more):
        return await super().send(conv or (f"u/{to}" if to else f"g/{group}"), text, **more)

    async def list(self):
        while self.tasks:       # what is being asked for belongs to it
            await asyncio.wait(self.tasks)
        return super().list()

    async def history(self, conv, **page):
        page = await self.call("conv.history", conv=conv, **{"shown": True, **page})
        return {"messages": [shown(m) for m in page["messages"]], "more": page["more"]}

    async def wake(self):
        """The app comes to the foreground. What the broker had no room for meanwhile shows with the next
        delivery, and not before."""
        self.gap = True
        await self.catch_up()

    async def read(self, conv):
        return await self.call("conv.read", conv=conv, seq=self.convs.get(conv, {}).get("head", 0))

    async def pin(self, conv, seq=None):
        """A message, for everybody; without a seq the conversation, in one's own list."""
        if seq:
            return await self.call("msg.pin", conv=conv, seq=seq)
        return await self.call("conv.update", conv=conv, pinned=True)

    async def pins(self, conv):
        return [shown(pin["message"]) for pin in (await self.call("conv.pins", conv=conv))["pins"]]

    async def look(self, gid):
        """A room comes while somebody looks at it."""
        self.rooms.add(gid)
        self.subscribe()


async def obey(screen, do, number, params):
    try:
        if do == "call":    # groups, links, edits, recalls: docs/METHODS.md
            result = await screen.call(params["method"], **params.get("params", {}))
        else:
            result = await getattr(screen, do)(**params)
        put(id=number, ok=True, result=result)
    except Refused as refused:
        put(id=number, ok=False, error=refused.told)


async def main():
    screen, tasks = None, []
    while line := await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline):
        params = json.loads(line)
        do, number = params.pop("do"), params.pop("id")
        if do == "quit":
            break
        if do == "connect":     # the first time as whom; later again, when a connection has ended
            screen = Screen(say=say, **params) if params else screen
            tasks.append(asyncio.create_task(screen.run()))
            put(id=number, ok=True, result=None)
        else:
            tasks.append(asyncio.create_task(obey(screen, do, number, params)))
    if screen:
        await screen.leave()


if __name__ == "__main__":
    asyncio.run(main())
