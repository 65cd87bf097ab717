-- SPDX-License-Identifier: BSD-3-Clause
-- directory.db: who exists, who belongs where, who has read what. Written by the bridge alone
-- (and by imctl while no bridge runs); the plugin reads user, device, block, contact, grp, member.
-- Integer ids are never used twice, so nothing of a deleted user passes to a later one of the name.

CREATE TABLE meta (
	key   TEXT PRIMARY KEY,		-- applied_gid, link_epoch, link_recno, event_gid
	value INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE user (
	id            INTEGER PRIMARY KEY AUTOINCREMENT,
	uid           TEXT NOT NULL,
	role          INTEGER NOT NULL DEFAULT 0,	-- 0 user, 1 admin
	password      TEXT,				-- PHC string; NULL: no password login
	disabled      INTEGER NOT NULL DEFAULT 0,
	deleted       INTEGER NOT NULL DEFAULT 0,	-- the row stays so that history can name it
	created_ms    INTEGER NOT NULL,
	nick          TEXT NOT NULL DEFAULT '',
	avatar        TEXT NOT NULL DEFAULT '',
	ext           TEXT,				-- JSON, carried as is
	direct_policy INTEGER NOT NULL DEFAULT 0,	-- 0 server's default, 1 anyone, 2 contacts
	read_receipts INTEGER NOT NULL DEFAULT 1,
	online        INTEGER NOT NULL DEFAULT 0,	-- what presence last said: 0 offline, 1 online,
							-- 2 away, 3 suspended
	seen_ms       INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX user_uid ON user(uid) WHERE deleted = 0;
CREATE INDEX user_name ON user(uid, deleted, id DESC);	-- who had a name last
CREATE INDEX user_online ON user(online) WHERE online > 0;

CREATE TABLE device (
	device     TEXT PRIMARY KEY,		-- the MQTT client id, bound to its first user
	user       INTEGER NOT NULL REFERENCES user(id),
	created_ms INTEGER NOT NULL,
	seen_ms    INTEGER NOT NULL,
	cursor     INTEGER NOT NULL DEFAULT 0	-- device.ack: has everything up to this log position
) WITHOUT ROWID;
CREATE INDEX device_user ON device(user, seen_ms);

CREATE TABLE contact (
	owner      INTEGER NOT NULL REFERENCES user(id),
	peer       INTEGER NOT NULL REFERENCES user(id),
	state      INTEGER NOT NULL,		-- 0 none (removed), 1 asked by me, 2 asked by peer, 3 contact
	note       TEXT NOT NULL DEFAULT '',
	remark     TEXT NOT NULL DEFAULT '',
	tags       TEXT NOT NULL DEFAULT '[]',	-- JSON array of strings
	changed_ms INTEGER NOT NULL,
	version    INTEGER NOT NULL,		-- grows with every change of the owner's list
	PRIMARY KEY (owner, peer)
) WITHOUT ROWID;
CREATE INDEX contact_version ON contact(owner, version);
CREATE INDEX contact_peer ON contact(peer);

CREATE TABLE block (
	owner      INTEGER NOT NULL REFERENCES user(id),
	peer       INTEGER NOT NULL REFERENCES user(id),
	created_ms INTEGER NOT NULL,
	PRIMARY KEY (owner, peer)
) WITHOUT ROWID;
CREATE INDEX block_peer ON block(peer);

CREATE TABLE grp (
	id             INTEGER PRIMARY KEY AUTOINCREMENT,
	gid            TEXT NOT NULL,
	kind           INTEGER NOT NULL DEFAULT 0,	-- 0 group, 1 room
	name           TEXT NOT NULL DEFAULT '',
	avatar         TEXT NOT NULL DEFAULT '',
	announcement   TEXT NOT NULL DEFAULT '',
	join_policy    INTEGER NOT NULL DEFAULT 2,	-- 0 open, 1 approval, 2 invite
	member_limit   INTEGER NOT NULL,
	members        INTEGER NOT NULL DEFAULT 0,	-- count, kept by the triggers below
	history        INTEGER NOT NULL DEFAULT 1,	-- 0 from join, 1 all
	muted_until_ms INTEGER NOT NULL DEFAULT 0,	-- everybody but owner and admins
	slow_ms        INTEGER NOT NULL DEFAULT 0,	-- slow mode: least time between a member's messages
	retention_days INTEGER NOT NULL DEFAULT 0,	-- 0: the server's
	created_ms     INTEGER NOT NULL,
	dismissed      INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX grp_gid ON grp(gid) WHERE dismissed = 0;

-- Kept in the order in which pages of members are shown; user.uid never changes.
CREATE TABLE member (
	grp            INTEGER NOT NULL REFERENCES grp(id),
	uid            TEXT NOT NULL,
	user           INTEGER NOT NULL REFERENCES user(id),
	role           INTEGER NOT NULL DEFAULT 0,	-- 0 member, 1 admin, 2 owner
	joined_seq     INTEGER NOT NULL,		-- the group's head when the member came
	joined_ms      INTEGER NOT NULL,
	muted_until_ms INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (grp, uid)
) WITHOUT ROWID;
CREATE UNIQUE INDEX member_user ON member(user, grp);
CREATE INDEX member_admins ON member(grp) WHERE role > 0;
CREATE TRIGGER member_in AFTER INSERT ON member
BEGIN UPDATE grp SET members = members + 1 WHERE id = NEW.grp; END;
CREATE TRIGGER member_out AFTER DELETE ON member
	WHEN (SELECT dismissed FROM grp WHERE id = OLD.grp) = 0	-- else it is 0 already
BEGIN UPDATE grp SET members = members - 1 WHERE id = OLD.grp; END;

-- Who may not come back by joining; an invitation by an admin lifts it.
CREATE TABLE ban (
	grp      INTEGER NOT NULL REFERENCES grp(id),
	user     INTEGER NOT NULL REFERENCES user(id),
	since_ms INTEGER NOT NULL,
	PRIMARY KEY (grp, user)
) WITHOUT ROWID;

-- What one user keeps about one conversation (conv: the id in messages.db).
CREATE TABLE conv_user (
	user          INTEGER NOT NULL REFERENCES user(id),
	conv          INTEGER NOT NULL,
	read_seq      INTEGER NOT NULL DEFAULT 0,
	pinned        INTEGER NOT NULL DEFAULT 0,
	notify        INTEGER NOT NULL DEFAULT 0,	-- 0 all, 1 mentions, 2 none
	cleared_to    INTEGER NOT NULL DEFAULT 0,
	marked_unread INTEGER NOT NULL DEFAULT 0,
	draft         TEXT NOT NULL DEFAULT '',
	PRIMARY KEY (user, conv)
) WITHOUT ROWID;
CREATE INDEX conv_user_conv ON conv_user(conv, user);

-- A user's own timeline of what is not a message. gid is a log position, so one cursor serves both;
-- a newer event with the same key takes the older one's place, which bounds the table.
CREATE TABLE user_event (
	user  INTEGER NOT NULL REFERENCES user(id),
	key   TEXT NOT NULL,
	gid   INTEGER NOT NULL,
	ts_ms INTEGER NOT NULL,
	event TEXT NOT NULL,			-- the JSON that clients get
	PRIMARY KEY (user, key)
) WITHOUT ROWID;
CREATE INDEX user_event_gid ON user_event(user, gid);
