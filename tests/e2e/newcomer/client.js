// SPDX-License-Identifier: BSD-3-Clause
// A small chat client, made from docs/PROTOCOL.md alone, to be copied: MQTT 5, with MQTT.js 4. Where it is
// run by itself, steer.js lets a test say what it does.
'use strict';

const { EventEmitter } = require('events');
const { randomUUID } = require('crypto');
const mqtt = require('mqtt');

const PREFIX = 'im'; // the operator's topic_prefix
const CREDENTIAL = [4, 5, 0x86, 0x87]; // of CONNACK: ask for a new password or token once, then stop
const HOPELESS = { 2: 'client id', 0x83: 'keepalive', 0x85: 'client id' };
const KEYS = { read: ['conv', 'by'], conv: ['conv'], group: ['conv'], contact: ['uid'], block: ['uid'], user: ['uid'] };
const OUT = ['leave', 'kick', 'dismiss'];

const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
const newest = (a, b) => (a === undefined || BigInt(b) > BigInt(a) ? b : a); // cursors may go beyond 2^53

// A client id in a topic: encodeURIComponent leaves !~*'() as they are, and encodes : and @.
const encode = (id) => encodeURIComponent(id).replace(/%3A|%40/g, decodeURIComponent)
  .replace(/[!~*'()]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

// In how many milliseconds what was refused may be tried again, longer each time where the node does not
// say it; undefined: as it is, never.
const again = ({ code, data }, tries = 0) => data?.retry_ms ?? ([-32008, -32009].includes(code) ? 1000 * 2 ** tries : undefined);
const refusal = (error) => Object.assign(new Error(error.message), { code: error.code, retry: again(error) });

// What is shown of a body. Who does not know a type shows its `text`, or the type's name.
const shown = ({ type = 'text', enc, body }) => (typeof body === 'string' && !enc ? body : body?.text ?? `[${type}]`);

// The set of `seq`s that a device has of one conversation, as ranges: 1-40, 42. What is older than the
// first one that came is pulled when somebody looks at it.
class Seqs {
  constructor(first) { Object.assign(this, { first, ranges: [] }); }

  has(seq) { return this.ranges.some(([from, to]) => from <= seq && seq <= to); }

  add(from, to = from) {
    const apart = this.ranges.filter(([a, b]) => {
      if (b < from - 1 || a > to + 1) return true;
      [from, to] = [Math.min(a, from), Math.max(b, to)];
      return false;
    });
    this.ranges = [...apart, [from, to]].sort((a, b) => a[0] - b[0]);
  }

  hole() { // the first one, or undefined
    const at = this.ranges.findIndex(([, to], i) => to >= this.first && i + 1 < this.ranges.length);
    return at < 0 ? undefined : [this.ranges[at][1] + 1, this.ranges[at + 1][0] - 1];
  }
}

class Client extends EventEmitter {
  constructor({ url, user, password, token, device, keep = false }) {
    super();
    Object.assign(this, { url, user, password, token, device, keep });
    this.inbox = `${PREFIX}/inbox/${user}/`;
    this.answers = `${this.inbox}rpc/${encode(device)}`;
    this.list = new Map(); // conv -> its item of conv.list, in brief
    this.seqs = new Map(); // conv -> Seqs
    this.events = new Map(); // an event's key -> the cursor of the newest
    this.outbox = new Map(); // id -> a message without an ack, in the order of sending
    this.calls = new Map(); // key -> a request without an answer
    this.rooms = new Set(); // the rooms that somebody looks at
    this.cursor = undefined; // the device has everything through here: an app stores it, the messages and the outbox
    Object.assign(this, { fails: 0, asks: 0, number: 0, unacked: 0, opened: false, inStep: false, timers: {} });
  }

  // ---- connecting, and how a connection ends

  connect() {
    Object.assign(this, { end: undefined, refused: undefined, stood: undefined });
    const link = mqtt.connect(this.url, {
      protocolVersion: 5, clientId: this.device, username: this.user, password: this.token ?? this.password, keepalive: 30,
      ...(this.keep ? { clean: false, properties: { sessionExpiryInterval: 7 * 86400 } } : { clean: true }),
      reconnectPeriod: 0, resubscribe: false, queueQoSZero: false, // when to do what again is said here
    });
    this.link = link;
    link.on('connect', ({ sessionPresent }) => {
      link.stream.setNoDelay?.(true);
      this.stood = Date.now();
      this.emit('connected', { session: sessionPresent });
      if (!sessionPresent) this.subscribe();
      this.timer('hello', 10000, () => this.subscribe());
      this.renew();
    });
    link.on('message', (topic, payload, packet) => this.receive(topic, JSON.parse(payload), packet));
    link.on('disconnect', ({ reasonCode }) => { if (reasonCode === 0x8e) this.end ??= { reason: 'taken over', retry: 'no' }; });
    link.on('error', ({ code }) => { this.refused = code; }); // of CONNACK a number; of a socket a string
    link.on('close', () => this.closed());
  }

  subscribe() {
    const mine = ['u/+', 'g/+', 'ack', 'event', 'signal/+'].map((row) => this.inbox + row);
    this.link.subscribe([...mine, this.answers, ...[...this.rooms].map((gid) => `${PREFIX}/room/${gid}`)], { qos: 1 });
  }

  timer(name, ms, what) { // one of each name, of this connection alone
    clearTimeout(this.timers[name]);
    this.timers[name] = setTimeout(() => { delete this.timers[name]; what(); }, ms);
  }

  closed() {
    Object.values(this.timers).forEach(clearTimeout);
    Object.assign(this, { n: undefined, inStep: false, timers: {} });
    for (const message of this.outbox.values()) message.sent = false;
    if (this.quit) return;
    let { reason, retry } = this.end ?? { reason: 'lost', retry: 'later' };
    if (typeof this.refused === 'number') {
      reason = HOPELESS[this.refused] ?? 'login';
      retry = this.refused in HOPELESS ? 'no' : CREDENTIAL.includes(this.refused) ? 'token' : 'later';
    }
    if (retry === 'token' && this.asks++ > 0) retry = 'no'; // who tries on is taken for one who guesses
    if (this.stood && Date.now() - this.stood > 60000) this.fails = 0;
    const wait = Math.min(90000, (this.end ? 3000 : 1000) * 2 ** this.fails++) * (0.5 + Math.random());
    if (retry === 'later') this.timer('connect', wait, () => this.connect());
    this.emit('closed', { reason, retry }); // after `token` it is `credential` that goes on
  }

  // What the app has got of its own server or user: for the connection that stands, or to come in again.
  async credential({ token, password }) {
    const renewed = token && this.link.connected && await this.call('session.token', { token });
    Object.assign(this, { token, password });
    if (renewed) this.renew(renewed.expires); else this.connect();
    return renewed || {};
  }

  renew(expires) { // the app is asked for a new token at four fifths of this one's time
    if (!this.token) return;
    expires ??= JSON.parse(Buffer.from(this.token.split('.')[1], 'base64url')).exp * 1000;
    this.timer('renew', Math.min((expires - Date.now()) * 0.8, 2 ** 31 - 1), () => this.emit('renew', { expires }));
  }

  close() {
    this.quit = true;
    this.ack();
    return new Promise((resolve) => { // an answer that is waited for does not come when the connection goes, or is none yet
      this.link.once('close', () => resolve());
      this.link.end(!this.link.connected, {}, () => resolve());
    });
  }

  // ---- receiving, and staying in step

  receive(topic, data, packet) {
    const what = topic.startsWith(this.inbox) ? topic.slice(this.inbox.length).split('/')[0] : 'room';
    if (what === 'ack') data.forEach((ack) => this.onAck(ack));
    else if (what === 'event') this.onEvent(data);
    else if (what === 'rpc') this.onAnswer(packet, data);
    else if (what === 'signal') this.emit('signal', data);
    else this.onMessage(data, true, what === 'room');
  }

  onEvent(event) {
    if (event.event === 'hello') { this.onHello(event); return; }
    if (event.event === 'session') { this.end = event; return; } // closed() does what it says
    if (event.cursor !== undefined) {
      this.step(event);
      const members = event.action === 'request' && event.event === 'group' ? ['action', 'conv', 'by'] : KEYS[event.event] ?? [];
      const key = [event.event, ...members.map((member) => event[member])].join(' ');
      const known = this.events.get(key);
      if (newest(known, event.cursor) === known) return; // a repeat, or older
      this.events.set(key, event.cursor);
    }
    if (event.event === 'group' && OUT.includes(event.action)) {
      this.seqs.delete(event.conv);
      this.rooms.delete(event.conv.slice(2));
    }
    this.stale = true;
    this.emit('event', event);
  }

  onHello(hello) {
    clearTimeout(this.timers.hello);
    const inStep = hello.n !== undefined && !hello.behind;
    Object.assign(this, { asks: 0, n: hello.n, inStep, safe: undefined, seen: undefined, stale: true });
    for (const [key, call] of this.calls) if (call.link !== this.link) this.ask(key);
    this.flush();
    if (this.opened && hello.behind) this.sync();
    this.emit('hello', hello);
  }

  // `n` counts what is handed over to this user: where a number is left out, something is missing.
  step({ n, safe, cursor }) {
    if (this.n === undefined && n === undefined && this.opened) this.timer('sync', 500, () => this.sync()); // an old node
    if (this.n === undefined || n === undefined || n <= this.n) return; // before the hello, or by sync
    if (n > this.n + 1) { this.inStep = false; if (this.opened) this.sync(); }
    Object.assign(this, { n, safe: newest(this.safe, safe ?? cursor), seen: newest(this.seen, cursor) });
    if (++this.unacked >= 100) this.ack();
    else if (!this.timers.ack) this.timer('ack', 1000, () => this.ack());
  }

  ack() {
    if (!this.opened || !this.link.connected) return;
    this.unacked = 0;
    if (this.inStep && this.safe) this.cursor = newest(this.cursor, this.safe);
    if (this.cursor !== this.acked) this.link.publish(`${PREFIX}/ack`, this.acked = this.cursor, { qos: 1 });
    // `safe` stays behind while a large group is served. And no number is left out where the last was dropped.
    const behind = this.seen && newest(this.cursor, this.seen) !== this.cursor;
    if (behind && !this.timers.behind) this.timer('behind', 3000, () => this.sync());
    this.timer('quiet', 300000, () => this.sync());
  }

  sync() { // one at a time; what is asked for meanwhile is another one, begun after this
    this.wanted = true;
    this.syncing ??= this.pull().catch((error) => { this.emit('problem', error); this.timer('sync', 5000, () => this.sync()); })
      .finally(() => { this.syncing = undefined; });
    return this.syncing;
  }

  async pull() {
    while (this.wanted) {
      this.wanted = false;
      for (let more = true; more;) {
        const page = await this.call('sync', { limit: 500, cursor: this.cursor }); // undefined: from what is acknowledged
        const all = [...page.messages, ...page.events].sort((a, b) => (BigInt(a.cursor) < BigInt(b.cursor) ? -1 : 1));
        for (const one of all) if (one.event) this.onEvent(one); else this.onMessage(one, false);
        ({ cursor: this.cursor, more } = page); // stored after what it stands for
      }
    }
    this.inStep = this.n !== undefined;
    this.ack();
  }

  had(conv, seq) { // whether this seq was there already; it is now
    if (!this.seqs.has(conv)) this.seqs.set(conv, new Seqs(seq));
    const had = this.seqs.get(conv).has(seq);
    this.seqs.get(conv).add(seq);
    this.stale ||= !had;
    return had;
  }

  onMessage(message, live, room) {
    if (live) this.step(message);
    if (this.had(message.conv, message.seq)) return;
    this.show(message);
    if (live && !room) this.fill(message.conv); // a room's holes are left there on purpose
  }

  async fill(conv) { // pulls what is missing
    const seqs = this.seqs.get(conv);
    if (seqs.filling) return;
    seqs.filling = true;
    for (let hole; (hole = seqs.hole());) {
      const page = await this.call('conv.history', { conv, after: hole[0] - 1 }).catch(() => ({ messages: [] }));
      const { messages, more } = page; // one that is refused: who looks at the conversation pulls it again
      for (const message of messages) if (message.seq <= hole[1]) this.onMessage(message, false);
      // What history leaves out is not there for this user, and counts as had.
      seqs.add(hole[0], more ? Math.min(hole[1], messages.at(-1).seq) : hole[1]);
    }
    seqs.filling = false;
  }

  show(message) {
    const { conv, seq, from, type, body, reply_to, mentions } = message;
    if (type === 'system') this.emit('news', { conv, ...body, about: body.seq, seq });
    else if (['edit', 'react', 'recall'].includes(type)) this.emit('change', { conv, what: type, from, ...body });
    else {
      const mentioned = mentions && (mentions.includes(this.user) || mentions.includes('all'));
      this.emit('message', { conv, seq, from, type, text: shown(message), reply_to, mentioned });
    }
  }

  // ---- sending

  send(conv, envelope) { // with an id, and kept until its ack: the same id again is not stored again
    const id = randomUUID();
    return new Promise((resolve, reject) => {
      this.outbox.set(id, { id, conv, envelope: { id, ...envelope }, made: Date.now(), refused: 0, resolve, reject });
      this.flush();
    });
  }

  flush() { // of each conversation one at a time: so the order stands, when one has to wait a moment, too
    const busy = new Set();
    for (const message of this.link.connected ? this.outbox.values() : []) {
      const forgotten = Date.now() - message.made > (this.node?.dedup_hours ?? 24) * 3600e3; // its id, by the node
      if (message.tried && forgotten) this.settle(message, refusal({ code: 0, message: 'nobody knows whether this was sent' }));
      else if (!busy.has(message.conv)) {
        busy.add(message.conv);
        if (message.sent) continue;
        Object.assign(message, { sent: true, tried: true });
        this.link.publish(`${PREFIX}/${message.conv}`, JSON.stringify(message.envelope), { qos: 1 }, () => {}); // see onAck
        this.resend(message, 20000);
      }
    }
  }

  resend(message, ms) { this.timer(`send ${message.id}`, ms, () => { message.sent = false; this.flush(); }); }

  settle(message, error, result) {
    this.outbox.delete(message.id);
    clearTimeout(this.timers[`send ${message.id}`]);
    if (error) message.reject(error); else message.resolve(result);
  }

  onAck({ id, conv, seq, ts, error, dropped_mentions }) {
    const message = this.outbox.get(id);
    if (error && id === null) this.emit('problem', refusal(error));
    if (!error) this.had(conv, seq); // as the user's only device it gets no copy
    if (!message) return;
    const wait = error && again(error, Math.min(message.refused++, 6)); // beyond the rate, slow mode: in a moment
    if (wait) this.resend(message, wait);
    else this.settle(message, error && refusal(error), { id, conv, seq, ts, dropped_mentions });
    this.flush();
  }

  // ---- requests

  request(payload) { // one, or an array; repeated until it is answered, on the next connection, too
    const key = String(++this.number);
    return new Promise((resolve) => {
      this.calls.set(key, { payload: JSON.stringify(payload), resolve, wait: 5000 });
      this.ask(key);
    });
  }

  ask(key) {
    const call = this.calls.get(key);
    if (!call || !this.link.connected) return; // after the next hello
    call.link = this.link;
    // The correlation data says what is answered, also where the "id" of the answer is null.
    const properties = { responseTopic: this.answers, correlationData: Buffer.from(key) };
    this.link.publish(`${PREFIX}/rpc`, call.payload, { qos: 1, properties }, () => {});
    this.timer(`call ${key}`, call.wait, () => { call.wait *= 2; this.ask(key); });
  }

  onAnswer({ properties }, answer) {
    const key = properties?.correlationData?.toString();
    clearTimeout(this.timers[`call ${key}`]);
    this.calls.get(key)?.resolve(answer);
    this.calls.delete(key);
  }

  async call(method, params = {}) {
    for (let tries = 0; ; tries++) {
      const { result, error } = await this.request({ jsonrpc: '2.0', id: 1, method, params });
      if (!error) return result;
      const wait = again(error, tries);
      if (wait === undefined || tries === 3) throw refusal(error);
      await sleep(wait);
    }
  }

  async batch(requests) { // up to 50 that read, [method, params]: of each the result, or an Error
    const answer = await this.request(requests.map(([method, params], id) => ({ jsonrpc: '2.0', id, method, params })));
    if (!Array.isArray(answer)) throw refusal(answer.error); // all of it was refused
    return Promise.all(answer.map(({ result, error }, i) => {
      if (error?.code === -32007) return this.call(...requests[i]).catch((alone) => alone); // not beside the others
      return error ? refusal(error) : result;
    }));
  }

  // ---- what an app shows

  async open() {
    const start = await this.call('session.start', { limit: 500 });
    const { node, cursor } = start;
    this.list.clear();
    await this.merge(start, { brief: true, pinned_first: true, limit: 500 });
    Object.assign(this, { node, since: cursor });
    if (!this.opened) {
      try { // a new device begins here, without the history; one that has acknowledged before is refused that
        this.cursor = (await this.call('device.ack', { cursor, start: true })).cursor;
      } catch (error) {
        if (error.code !== -32602) throw error;
      }
      this.opened = true;
    }
    await this.sync();
    return start;
  }

  async merge(page, params) {
    for (; ; page = await this.call('conv.list', { ...params, next: page.next })) {
      for (const item of page.conversations) if (item.gone) this.list.delete(item.conv); else this.list.set(item.conv, item);
      if (!page.more) return;
    }
  }

  async current() { // the node counts what is unread: what has changed since is cheap, and right after any absence
    if (this.stale) {
      this.stale = false;
      const params = { brief: true, pinned_first: true, limit: 500, since: this.since };
      const first = await this.call('conv.list', params);
      if (first.all) this.list.clear();
      await this.merge(first, params);
      this.since = first.cursor;
    }
    return [...this.list.values()].sort((a, b) => !!b.pinned - !!a.pinned || (b.last?.ts ?? 0) - (a.last?.ts ?? 0));
  }

  async read(conv) {
    const { head = 0 } = (await this.current()).find((item) => item.conv === conv) ?? {};
    const result = await this.call('conv.read', { conv, seq: head });
    this.stale = true; // the event that says so comes later than the answer
    return result;
  }

  async history(conv, before) {
    const [page, pins] = await this.batch([['conv.history', { conv, before, shown: true }], ['conv.pins', { conv }]]);
    if (page instanceof Error) throw page;
    return { ...page, pins: pins.pins };
  }

  enter(gid) { // a room is heard by who looks at it
    return new Promise((resolve, reject) => {
      this.link.subscribe(`${PREFIX}/room/${gid}`, { qos: 1 }, (error, granted) => {
        if (error || granted[0].qos >= 0x80) { reject(error ?? refusal({ code: granted[0].qos, message: 'denied' })); return; }
        this.rooms.add(gid);
        resolve({});
      });
    });
  }

  exit(gid) {
    this.rooms.delete(gid);
    return new Promise((resolve) => { this.link.unsubscribe(`${PREFIX}/room/${gid}`, () => resolve({})); });
  }
}

module.exports = { Client, shown };
if (require.main === module) require('./steer');
