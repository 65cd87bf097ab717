-- SPDX-License-Identifier: BSD-3-Clause
-- Messages that stand out in a conversation (conv: the id in messages.db). The log says the same in
-- system messages, from which a row that was lost comes back.
CREATE TABLE pin (
	conv  INTEGER NOT NULL,
	seq   INTEGER NOT NULL,
	user  INTEGER NOT NULL,			-- who pinned it
	gid   INTEGER NOT NULL,			-- of the message that said so
	ts_ms INTEGER NOT NULL,
	PRIMARY KEY (conv, seq)
) WITHOUT ROWID;
CREATE INDEX pin_order ON pin(conv, gid);
