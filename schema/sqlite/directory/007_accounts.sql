-- SPDX-License-Identifier: BSD-3-Clause
-- Names that are given once, accounts that come back, words that go, and who administered what.

-- Tokens that were issued before this moment are void: the user was deleted, and has come back.
ALTER TABLE user ADD COLUMN tokens_from_ms INTEGER NOT NULL DEFAULT 0;

-- Names that differ in ASCII case alone are one name where a new one is made.
CREATE INDEX user_folded ON user(uid COLLATE NOCASE);
CREATE INDEX grp_folded ON grp(gid COLLATE NOCASE);

-- What the bridge's configuration says and others have to know.
CREATE TABLE setting (
	key   TEXT PRIMARY KEY,		-- link_username
	value TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO setting (key, value) VALUES ('link_username', 'im-bridge');

-- Users whose words, names or both are to go, or have gone.
CREATE TABLE erasure (
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	user       INTEGER NOT NULL,		-- with the time of its making: in a restored copy a
	created_ms INTEGER NOT NULL,		-- number may be another user's
	words      INTEGER NOT NULL,		-- 1: what he wrote goes
	uid        TEXT,			-- the name that goes, until it has gone
	from_ms    INTEGER NOT NULL DEFAULT 0,	-- what was written of this name in between is of him
	until_ms   INTEGER NOT NULL DEFAULT 9223372036854775807,
	hash       BLOB,			-- keyed, of the name: it stays taken
	asked_ms   INTEGER NOT NULL,
	stage      INTEGER NOT NULL DEFAULT 0,	-- what is being done (bridge/directory_erasure.h)
	position   INTEGER NOT NULL DEFAULT 0,	-- how far
	done_ms    INTEGER NOT NULL DEFAULT 0	-- 0: not yet
);
CREATE INDEX erasure_open ON erasure(id) WHERE done_ms = 0;
CREATE INDEX erasure_user ON erasure(user);
CREATE INDEX erasure_hash ON erasure(hash) WHERE hash IS NOT NULL;

-- Names that were given twice: whoever had one earlier is shown by his number. Where that name is
-- somebody's as well, chance makes it another one.
INSERT INTO erasure (user, created_ms, words, uid, from_ms, until_ms, asked_ms)
	SELECT u.id, u.created_ms, 0, u.uid,
		CASE WHEN EXISTS (SELECT 1 FROM user o WHERE o.uid = u.uid AND o.id < u.id)
			THEN u.created_ms ELSE 0 END,
		(SELECT min(n.created_ms) FROM user n WHERE n.uid = u.uid AND n.id > u.id), 0
	FROM user u
	WHERE u.deleted = 1 AND EXISTS (SELECT 1 FROM user n WHERE n.uid = u.uid AND n.id > u.id);
UPDATE user SET uid = 'deleted-' || id || CASE WHEN EXISTS
		(SELECT 1 FROM user x WHERE x.uid = 'deleted-' || user.id COLLATE NOCASE)
		THEN '.' || lower(hex(randomblob(8))) ELSE '' END
	WHERE id IN (SELECT user FROM erasure);

-- What administrators have done.
CREATE TABLE audit (
	id      INTEGER PRIMARY KEY AUTOINCREMENT,
	first_ms INTEGER NOT NULL,
	ts_ms   INTEGER NOT NULL,		-- of the last time
	actor   INTEGER NOT NULL,		-- user; 0: not over the broker
	name    TEXT NOT NULL,			-- the actor's, then
	action  TEXT NOT NULL,			-- the command
	user    INTEGER NOT NULL,		-- whom it was about; 0: nobody
	subject TEXT NOT NULL,			-- what it was about, as it was named then
	detail  TEXT NOT NULL,			-- a JSON object: no bodies, no secrets
	code    INTEGER NOT NULL,		-- 0: done; else of the refusal
	n       INTEGER NOT NULL DEFAULT 1	-- so often in a row
);
CREATE INDEX audit_actor ON audit(actor, id);
