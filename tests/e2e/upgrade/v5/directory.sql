-- SPDX-License-Identifier: BSD-3-Clause
BEGIN;
CREATE TABLE ban (
	grp      INTEGER NOT NULL REFERENCES grp(id),
	user     INTEGER NOT NULL REFERENCES user(id),
	since_ms INTEGER NOT NULL,
	PRIMARY KEY (grp, user)
) WITHOUT ROWID;
CREATE TABLE block (
	owner      INTEGER NOT NULL REFERENCES user(id),
	peer       INTEGER NOT NULL REFERENCES user(id),
	created_ms INTEGER NOT NULL,
	PRIMARY KEY (owner, peer)
) WITHOUT ROWID;
INSERT INTO "block" VALUES(4,2,1795902886409);
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
INSERT INTO "contact" VALUES(2,3,3,'hi','','[]',1795902886408,2);
INSERT INTO "contact" VALUES(3,2,3,'hi','','[]',1795902886408,2);
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
INSERT INTO "conv_user" VALUES(3,1,4,0,0,0,0,'');
INSERT INTO "conv_user" VALUES(3,2,0,1,0,0,0,'on my w');
CREATE TABLE device (
	device     TEXT PRIMARY KEY,		-- the MQTT client id, bound to its first user
	user       INTEGER NOT NULL REFERENCES user(id),
	created_ms INTEGER NOT NULL,
	seen_ms    INTEGER NOT NULL,
	cursor     INTEGER NOT NULL DEFAULT 0	-- device.ack: has everything up to this log position
) WITHOUT ROWID;
INSERT INTO "device" VALUES('probe',1,1795902886336,1795902886363,0);
INSERT INTO "device" VALUES('user000-phone',2,1795902886364,1795902886476,0);
INSERT INTO "device" VALUES('user001-phone',3,1795902886366,1795902886477,19);
INSERT INTO "device" VALUES('user002-phone',4,1795902886367,1795902886477,0);
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
INSERT INTO "grp" VALUES(1,'team',0,'The team','','',2,10000,3,1,0,0,0,1795902886381,0);
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
INSERT INTO "member" VALUES(1,'user000',2,2,0,1795902886381,0);
INSERT INTO "member" VALUES(1,'user001',3,1,0,1795902886381,0);
INSERT INTO "member" VALUES(1,'user002',4,0,4,1795902886389,0);
CREATE TABLE meta (
	key   TEXT PRIMARY KEY,		-- applied_gid, link_epoch, link_recno, event_gid
	value INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO "meta" VALUES('applied_gid',32);
INSERT INTO "meta" VALUES('event_gid',25);
INSERT INTO "meta" VALUES('link_epoch',-8542163614163696646);
INSERT INTO "meta" VALUES('link_recno',70);
CREATE TABLE report (
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	reporter   INTEGER NOT NULL REFERENCES user(id),
	conv       INTEGER NOT NULL,		-- the id in messages.db
	seq        INTEGER NOT NULL,
	conv_name  TEXT NOT NULL,		-- as the reporter sees it
	sender     INTEGER NOT NULL REFERENCES user(id),
	sent_ms    INTEGER NOT NULL,
	type       TEXT NOT NULL,
	enc        INTEGER NOT NULL,		-- of body: 0 text, 1 JSON, 2 bytes
	body       BLOB NOT NULL,
	cut        INTEGER NOT NULL,		-- body is the beginning only
	reason     TEXT NOT NULL,
	created_ms INTEGER NOT NULL,
	closed     INTEGER NOT NULL DEFAULT 0,
	closed_ms  INTEGER NOT NULL DEFAULT 0,
	closed_by  INTEGER REFERENCES user(id),
	note       TEXT NOT NULL DEFAULT ''
);
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
, delivered INTEGER NOT NULL DEFAULT 0, max_devices INTEGER);
INSERT INTO "user" VALUES(1,'admin',1,'$argon2id$v=19$m=64,t=1,p=1$bW9zcXVpdHRvLWltLWUyZQ$CW5kDZiQjdeqcXQxEflrG5OPtlHk0dhcwhcpFY1q4p8',0,0,1795902886279,'','',NULL,0,1,0,1795902886363,0,NULL);
INSERT INTO "user" VALUES(2,'user000',0,'$argon2id$v=19$m=64,t=1,p=1$bW9zcXVpdHRvLWltLWUyZQ$CW5kDZiQjdeqcXQxEflrG5OPtlHk0dhcwhcpFY1q4p8',0,0,1795902886279,'','',NULL,0,1,0,1795902886476,0,NULL);
INSERT INTO "user" VALUES(3,'user001',0,'$argon2id$v=19$m=64,t=1,p=1$bW9zcXVpdHRvLWltLWUyZQ$CW5kDZiQjdeqcXQxEflrG5OPtlHk0dhcwhcpFY1q4p8',0,0,1795902886279,'','',NULL,0,1,0,1795902886477,0,NULL);
INSERT INTO "user" VALUES(4,'user002',0,'$argon2id$v=19$m=64,t=1,p=1$bW9zcXVpdHRvLWltLWUyZQ$CW5kDZiQjdeqcXQxEflrG5OPtlHk0dhcwhcpFY1q4p8',0,0,1795902886279,'Cee','',NULL,0,1,0,1795902886477,0,NULL);
CREATE TABLE user_event (
	user  INTEGER NOT NULL REFERENCES user(id),
	key   TEXT NOT NULL,
	gid   INTEGER NOT NULL,
	ts_ms INTEGER NOT NULL,
	event TEXT NOT NULL,			-- the JSON that clients get
	PRIMARY KEY (user, key)
) WITHOUT ROWID;
INSERT INTO "user_event" VALUES(2,'contact:user001',23,1795902886408,'{"event":"contact","action":"accept","uid":"user001","by":"user001","version":2,"cursor":"23"}');
INSERT INTO "user_event" VALUES(2,'peer_read:u/user001',18,1795902886391,'{"event":"read","conv":"u/user001","seq":4,"by":"user001","cursor":"18"}');
INSERT INTO "user_event" VALUES(3,'contact:user000',22,1795902886408,'{"event":"contact","action":"accept","uid":"user000","by":"user001","version":2,"cursor":"22"}');
INSERT INTO "user_event" VALUES(3,'conv:g/team',19,1795902886393,'{"event":"conv","conv":"g/team","pinned":true,"muted":false,"notify":"all","marked_unread":false,"cleared_to":0,"draft":"on my w","cursor":"19"}');
INSERT INTO "user_event" VALUES(3,'group:g/team',9,1795902886381,'{"event":"group","conv":"g/team","action":"invite","by":"user000","cursor":"9"}');
INSERT INTO "user_event" VALUES(3,'read:u/user000',17,1795902886391,'{"event":"read","conv":"u/user000","seq":4,"by":"user001","cursor":"17"}');
INSERT INTO "user_event" VALUES(4,'block:user000',24,1795902886409,'{"event":"block","action":"add","uid":"user000","cursor":"24"}');
INSERT INTO "user_event" VALUES(4,'group:g/team',16,1795902886389,'{"event":"group","conv":"g/team","action":"invite","by":"user000","cursor":"16"}');
INSERT INTO "user_event" VALUES(4,'user',25,1795902886411,'{"event":"user","uid":"user002","nick":"Cee","avatar":"","role":"user","direct_policy":"default","read_receipts":true,"created":1795902886279,"cursor":"25"}');
CREATE UNIQUE INDEX user_uid ON user(uid) WHERE deleted = 0;
CREATE INDEX user_name ON user(uid, deleted, id DESC);
CREATE INDEX user_online ON user(online) WHERE online > 0;
CREATE INDEX device_user ON device(user, seen_ms);
CREATE INDEX contact_version ON contact(owner, version);
CREATE INDEX contact_peer ON contact(peer);
CREATE INDEX block_peer ON block(peer);
CREATE UNIQUE INDEX grp_gid ON grp(gid) WHERE dismissed = 0;
CREATE UNIQUE INDEX member_user ON member(user, grp);
CREATE INDEX member_admins ON member(grp) WHERE role > 0;
CREATE TRIGGER member_in AFTER INSERT ON member
BEGIN UPDATE grp SET members = members + 1 WHERE id = NEW.grp; END;
CREATE TRIGGER member_out AFTER DELETE ON member
	WHEN (SELECT dismissed FROM grp WHERE id = OLD.grp) = 0	-- else it is 0 already
BEGIN UPDATE grp SET members = members - 1 WHERE id = OLD.grp; END;
CREATE INDEX conv_user_conv ON conv_user(conv, user);
CREATE INDEX user_event_gid ON user_event(user, gid);
CREATE TRIGGER device_out AFTER DELETE ON device WHEN OLD.cursor > 0
BEGIN UPDATE user SET delivered = max(delivered, OLD.cursor) WHERE id = OLD.user; END;
CREATE UNIQUE INDEX report_once ON report(reporter, conv, seq);
CREATE INDEX report_rate ON report(reporter, created_ms);
CREATE INDEX report_state ON report(closed, id);
CREATE INDEX grp_gone ON grp(gid, id) WHERE dismissed = 1;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('user',4);
INSERT INTO "sqlite_sequence" VALUES('grp',1);
PRAGMA user_version = 5;
COMMIT;
