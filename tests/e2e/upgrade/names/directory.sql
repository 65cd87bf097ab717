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
INSERT INTO "contact" VALUES(3,2,0,'it is me','','[]',1795905273235,3);
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
INSERT INTO "conv_user" VALUES(3,1,1,0,0,0,0,'');
CREATE TABLE device (
	device     TEXT PRIMARY KEY,		-- the MQTT client id, bound to its first user
	user       INTEGER NOT NULL REFERENCES user(id),
	created_ms INTEGER NOT NULL,
	seen_ms    INTEGER NOT NULL,
	cursor     INTEGER NOT NULL DEFAULT 0	-- device.ack: has everything up to this log position
) WITHOUT ROWID;
INSERT INTO "device" VALUES('Bob-phone',5,1795905273146,1795905273288,0);
INSERT INTO "device" VALUES('admin-1',1,1795905273123,1795905273287,0);
INSERT INTO "device" VALUES('alice-phone',10,1795905273264,1795905273288,0);
INSERT INTO "device" VALUES('all-phone',6,1795905273146,1795905273288,0);
INSERT INTO "device" VALUES('bob-phone',3,1795905273132,1795905273287,0);
INSERT INTO "device" VALUES('carol-phone',4,1795905273133,1795905273287,0);
INSERT INTO "device" VALUES('deleted-2-phone',8,1795905273148,1795905273288,0);
INSERT INTO "device" VALUES('probe',1,1795905273040,1795905273123,0);
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
INSERT INTO "grp" VALUES(1,'team',0,'T','','',2,10000,2,1,0,0,0,1795905273180,0);
INSERT INTO "grp" VALUES(2,'Team',0,'T2','','',2,10000,2,1,0,0,0,1795905273193,0);
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
INSERT INTO "member" VALUES(1,'bob',3,2,0,1795905273180,0);
INSERT INTO "member" VALUES(1,'carol',4,0,0,1795905273180,0);
INSERT INTO "member" VALUES(2,'bob',3,0,0,1795905273193,0);
INSERT INTO "member" VALUES(2,'carol',4,2,0,1795905273193,0);
CREATE TABLE meta (
	key   TEXT PRIMARY KEY,		-- applied_gid, link_epoch, link_recno, event_gid
	value INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO "meta" VALUES('applied_gid',27);
INSERT INTO "meta" VALUES('event_gid',20);
INSERT INTO "meta" VALUES('link_epoch',2598727480667113521);
INSERT INTO "meta" VALUES('link_recno',63);
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
INSERT INTO "report" VALUES(1,4,2,3,'g/team',2,1795905273202,'text',0,X'666972737420616C69636520696E207465616D',0,'r',1795905273237,0,0,NULL,'');
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
INSERT INTO "user" VALUES(1,'admin',1,'$argon2id$v=19$m=64,t=1,p=1$bW9zcXVpdHRvLWltLWUyZQ$CW5kDZiQjdeqcXQxEflrG5OPtlHk0dhcwhcpFY1q4p8',0,0,1795905272832,'','',NULL,0,1,0,1795905273287,0,NULL);
INSERT INTO "user" VALUES(2,'alice',0,NULL,1,1,1795905272832,'','',NULL,0,1,0,1795905273131,0,NULL);
INSERT INTO "user" VALUES(3,'bob',0,'$argon2id$v=19$m=64,t=1,p=1$bW9zcXVpdHRvLWltLWUyZQ$CW5kDZiQjdeqcXQxEflrG5OPtlHk0dhcwhcpFY1q4p8',0,0,1795905272832,'','',NULL,0,1,0,1795905273287,0,NULL);
INSERT INTO "user" VALUES(4,'carol',0,'$argon2id$v=19$m=64,t=1,p=1$bW9zcXVpdHRvLWltLWUyZQ$CW5kDZiQjdeqcXQxEflrG5OPtlHk0dhcwhcpFY1q4p8',0,0,1795905272832,'','',NULL,0,1,0,1795905273287,0,NULL);
INSERT INTO "user" VALUES(5,'Bob',0,'$argon2id$v=19$m=64,t=1,p=1$bW9zcXVpdHRvLWltLWUyZQ$CW5kDZiQjdeqcXQxEflrG5OPtlHk0dhcwhcpFY1q4p8',0,0,1795905272832,'','',NULL,0,1,0,1795905273288,0,NULL);
INSERT INTO "user" VALUES(6,'all',0,'$argon2id$v=19$m=64,t=1,p=1$bW9zcXVpdHRvLWltLWUyZQ$CW5kDZiQjdeqcXQxEflrG5OPtlHk0dhcwhcpFY1q4p8',0,0,1795905272832,'','',NULL,0,1,0,1795905273288,0,NULL);
INSERT INTO "user" VALUES(7,'zoe',0,NULL,1,1,1795905272832,'','',NULL,0,1,0,1795905273147,0,NULL);
INSERT INTO "user" VALUES(8,'deleted-2',0,'$argon2id$v=19$m=64,t=1,p=1$bW9zcXVpdHRvLWltLWUyZQ$CW5kDZiQjdeqcXQxEflrG5OPtlHk0dhcwhcpFY1q4p8',0,0,1795905272832,'','',NULL,0,1,0,1795905273288,0,NULL);
INSERT INTO "user" VALUES(9,'alice',0,NULL,1,1,1795905273251,'','',NULL,0,1,0,1795905273251,0,NULL);
INSERT INTO "user" VALUES(10,'alice',0,'$argon2id$v=19$m=64,t=1,p=1$bW9zcXVpdHRvLWltLWUyZQ$CW5kDZiQjdeqcXQxEflrG5OPtlHk0dhcwhcpFY1q4p8',0,0,1795905273260,'','',NULL,0,1,0,1795905273288,0,NULL);
INSERT INTO "user" VALUES(11,'zoe',0,NULL,1,1,1795905273273,'','',NULL,0,1,0,1795905273274,0,NULL);
CREATE TABLE user_event (
	user  INTEGER NOT NULL REFERENCES user(id),
	key   TEXT NOT NULL,
	gid   INTEGER NOT NULL,
	ts_ms INTEGER NOT NULL,
	event TEXT NOT NULL,			-- the JSON that clients get
	PRIMARY KEY (user, key)
) WITHOUT ROWID;
INSERT INTO "user_event" VALUES(3,'contact:alice',17,1795905273235,'{"event":"contact","action":"accept","uid":"alice","by":"bob","version":2,"cursor":"17"}');
INSERT INTO "user_event" VALUES(3,'group:g/Team',10,1795905273193,'{"event":"group","conv":"g/Team","action":"invite","by":"carol","cursor":"10"}');
INSERT INTO "user_event" VALUES(3,'read:u/alice',19,1795905273240,'{"event":"read","conv":"u/alice","seq":1,"by":"bob","cursor":"19"}');
INSERT INTO "user_event" VALUES(4,'group:g/team',7,1795905273180,'{"event":"group","conv":"g/team","action":"invite","by":"bob","cursor":"7"}');
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
INSERT INTO "sqlite_sequence" VALUES('user',11);
INSERT INTO "sqlite_sequence" VALUES('grp',2);
INSERT INTO "sqlite_sequence" VALUES('report',1);
PRAGMA user_version = 5;
COMMIT;
