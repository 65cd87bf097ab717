-- SPDX-License-Identifier: BSD-3-Clause
-- Messages with a ttl, by when they end: their bodies are taken out of the log then.

CREATE TABLE expiry (
	at  INTEGER NOT NULL,	-- milliseconds since 1970, UTC
	gid INTEGER NOT NULL,
	PRIMARY KEY (at, gid)
) WITHOUT ROWID;
INSERT INTO expiry SELECT at, gid FROM
	(SELECT ts + 1000 * json_extract('{' || meta || '}', '$.ttl') AS at, gid FROM message
	 WHERE instr(meta, '"ttl":') > 0)
	WHERE at IS NOT NULL;
