-- SPDX-License-Identifier: BSD-3-Clause
-- What is indexed of messages with a ttl goes with them. The index is built again, so that this is
-- known of those that are in it already.

CREATE TABLE expire (
	at  INTEGER NOT NULL,	-- milliseconds since 1970, UTC
	gid INTEGER NOT NULL,
	PRIMARY KEY (at, gid)
) WITHOUT ROWID;
DROP TABLE fts;
CREATE VIRTUAL TABLE fts USING fts5(body, tag, tokenize = 'im', prefix = '2 3');
DELETE FROM meta;
