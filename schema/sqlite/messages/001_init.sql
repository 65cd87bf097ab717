-- SPDX-License-Identifier: BSD-3-Clause
-- messages.db: the log. One row and one index entry a message, whatever the group's size.

CREATE TABLE meta (
	key   TEXT PRIMARY KEY,		-- paired
	value INTEGER NOT NULL
) WITHOUT ROWID;

-- kind 0: direct, a < b are user ids (a = b: notes to oneself). kind 1: a is the group id, b is 0.
CREATE TABLE conv (
	id   INTEGER PRIMARY KEY,
	kind INTEGER NOT NULL,
	a    INTEGER NOT NULL,
	b    INTEGER NOT NULL
);

-- Where a conversation is found: a direct one under both of its users, a group's under user 0. Those
-- up to meta's "paired" are all here; newer ones come in sorted order, many at a time.
CREATE TABLE pair (
	user INTEGER NOT NULL,
	peer INTEGER NOT NULL,
	conv INTEGER NOT NULL,
	PRIMARY KEY (user, peer)
) WITHOUT ROWID;

CREATE TABLE message (
	gid       INTEGER PRIMARY KEY,	-- log position: what a cursor encodes; only grows, may skip
	conv      INTEGER NOT NULL,
	seq       INTEGER NOT NULL,
	sender    INTEGER NOT NULL,
	ts        INTEGER NOT NULL,	-- milliseconds since 1970, UTC
	enc       INTEGER NOT NULL,	-- 0 text, 1 JSON, 2 bytes
	type      TEXT,			-- NULL: the default of enc
	client_id TEXT,			-- the sender's message id
	meta      TEXT,			-- ready JSON members: reply_to, mentions, ttl, ext
	body      BLOB			-- NULL: recalled
);

CREATE TABLE conv_log (
	conv INTEGER NOT NULL,
	seq  INTEGER NOT NULL,
	gid  INTEGER NOT NULL,
	PRIMARY KEY (conv, seq)
) WITHOUT ROWID;

-- The last batches of the link, of one epoch: what is committed, and what to deliver and ack again
-- when the plugin replays them.
CREATE TABLE batch (
	epoch     INTEGER NOT NULL,
	recno     INTEGER NOT NULL,	-- committed through this record
	gid_first INTEGER NOT NULL,
	gid_last  INTEGER NOT NULL,	-- gid_first - 1: the batch held no message
	PRIMARY KEY (epoch, recno)
) WITHOUT ROWID;
