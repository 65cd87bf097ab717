// SPDX-License-Identifier: BSD-3-Clause
// Steers the client of client.js: a JSON command a line on stdin, {"do":…,"id":1,…}; on stdout a line for
// its answer, {"id":1,"ok":true,"result":…}, and for each event.
'use strict';

const { Client, shown } = require('./client');

const EVENTS = ['connected', 'hello', 'closed', 'renew', 'event', 'signal', 'message', 'news', 'change', 'problem'];
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const at = ({ conv, group, to }) => conv ?? (group ? `g/${group}` : `u/${to}`);
let client;

const row = (m, pins) => ({
  seq: m.seq, from: m.from, type: m.type, text: m.type === 'system' ? m.body.action : shown(m), edited: m.edited?.count,
  reactions: m.reactions, recalled_by: m.recalled_by, mentions: m.mentions, pinned: pins.some(({ seq }) => seq === m.seq) || undefined,
  quote: m.quote && { seq: m.quote.seq, from: m.quote.from, text: m.quote.type && shown(m.quote) }, quote_gone: m.quote === null || undefined,
});

const item = (c) => ({
  conv: c.conv, kind: c.kind, name: c.name ?? c.conv.slice(2), unread: c.unread ?? 0, mentions: c.mentions ?? 0, pinned: !!c.pinned,
  follow: !!c.follow, last: c.last && { seq: c.last.seq, from: c.last.from, text: c.last.type === 'system' ? c.last.body.action : shown(c.last) },
});

const commands = {
  connect: (given) => new Promise((resolve, reject) => {
    client = new Client({ url: `mqtt://${given.host}:${given.port}`, ...given });
    for (const name of EVENTS) client.on(name, (data) => say({ event: name, ...data, ...(data instanceof Error && { reason: data.message }) }));
    client.once('hello', resolve);
    client.once('closed', ({ reason, retry }) => reject(Object.assign(new Error(reason), { code: client.refused, retry })));
    client.connect();
  }),
  credential: (given) => client.credential(given),
  async open() {
    const { node, profile, conversations, more } = await client.open();
    return { node, profile, first: conversations.length, more, all: client.list.size };
  },
  list: async () => (await client.current()).map(item),
  send: ({ text, mentions, reply_to, ttl, ...where }) => client.send(at(where), { body: text, mentions, reply_to, ttl }),
  async history(where) {
    const { messages, more, pins } = await client.history(at(where), where.before);
    return { messages: messages.map((m) => row(m, pins)), more };
  },
  read: (where) => client.read(at(where)),
  pin: ({ seq, remove, ...where }) => client.call('msg.pin', { conv: at(where), seq, remove }),
  follow: ({ follow = true, ...where }) => client.call('conv.update', { conv: at(where), follow }),
  enter: ({ group }) => client.enter(group),
  exit: ({ group }) => client.exit(group),
  call: ({ method, params }) => client.call(method, params),
  batch: async ({ requests }) => (await client.batch(requests)).map((one) => (one instanceof Error ? { error: one.code } : one)),
  quit: () => client.close(),
};

require('readline').createInterface({ input: process.stdin }).on('line', async (line) => {
  const { do: what, id, ...given } = JSON.parse(line);
  try {
    say({ id, ok: true, result: await commands[what](given) });
  } catch ({ code, message, retry }) {
    say({ id, ok: false, error: { code, reason: message, retry } });
  }
  if (what === 'quit') process.exit(0);
});
