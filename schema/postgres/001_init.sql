-- SPDX-License-Identifier: BSD-3-Clause
-- The log that the nodes of a cluster share. Each node has a copy of what it says (messages.db,
-- directory.db); from here alone a copy can be built. Bytes, not text, where a user has chosen them.

-- One row. Whoever has locked it may append, and nobody else. Positions that are given from now on
-- have the era in their bits from the 40th on, so that those of each era lie beyond all before it. An
-- era is that of one history of one server: a standby that is promoted, and a server that was built
-- from a backup, go on in another one.
CREATE TABLE im.tail (
	one      integer PRIMARY KEY CHECK (one = 1),
	era      bigint NOT NULL,
	timeline bigint NOT NULL,
	system   bigint NOT NULL	-- the server's system identifier
);

-- incarnation: how often the node has connected; only who connected last may append for it.
CREATE TABLE im.node (
	id          smallint PRIMARY KEY,
	name        text NOT NULL UNIQUE,
	incarnation bigint NOT NULL,
	process     bytea,		-- whose that is: random, and other after each start
	applied     bigint NOT NULL,	-- its copy was known to be here
	seen        timestamptz
);

-- Through which record a node's spool is in the log, and where. Kept for good: a spool may come back.
CREATE TABLE im.mark (
	node  smallint NOT NULL,
	epoch bigint NOT NULL,
	recno bigint NOT NULL,
	pos   bigint NOT NULL,
	PRIMARY KEY (node, epoch)
);

-- A transaction of a node. Its new messages are those with prev < gid <= pos; which older ones it has
-- amended or removed, `amended` says; everything else is in the body, which only bridges read.
CREATE TABLE im.entry (
	pos         bigint PRIMARY KEY,
	prev        bigint NOT NULL UNIQUE,	-- so there is one entry behind each
	era         bigint NOT NULL,
	node        smallint NOT NULL,
	incarnation bigint NOT NULL,
	epoch       bigint NOT NULL,
	recno       bigint NOT NULL,
	digest      bytea NOT NULL,		-- chained: equal ones mean equal histories
	amended     bigint[] NOT NULL,
	body        bytea NOT NULL
);

-- As messages.db has them, with the ordinals of conv_log. Nowhere else does a message's body stand.
CREATE TABLE im.message (
	gid        bigint PRIMARY KEY,
	conv       bigint NOT NULL,
	seq        bigint NOT NULL,
	less_ord   bigint,
	less_shown bigint,
	sender     bigint NOT NULL,
	ts         bigint NOT NULL,
	enc        smallint NOT NULL,
	type       bytea,
	client_id  bytea,
	meta       bytea,
	body       bytea,
	UNIQUE (conv, seq)
);

-- The newest image of each row that is no message. db 0: messages.db, 1: directory.db.
CREATE TABLE im.row (
	db  smallint NOT NULL,
	tab text NOT NULL,
	key bytea NOT NULL,
	val bytea NOT NULL,
	PRIMARY KEY (db, tab, key)
);

-- Which history of this server is being written. Not pg_control_checkpoint(), which says the one
-- before until the first checkpoint after a promotion.
CREATE FUNCTION im.timeline() RETURNS bigint LANGUAGE sql VOLATILE AS $$
	SELECT ('x' || pg_catalog.substr(pg_catalog.pg_walfile_name(
		pg_catalog.pg_current_wal_insert_lsn()), 1, 8))::pg_catalog.bit(32)::pg_catalog.int8
$$;
CREATE FUNCTION im.system() RETURNS bigint LANGUAGE sql VOLATILE AS $$
	SELECT system_identifier FROM pg_catalog.pg_control_system()
$$;

-- What a transaction that appends or connects begins with, the tail being locked: a history that is
-- not the tail's begins another era. True: it has.
CREATE FUNCTION im.enter(is_system bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	is_timeline bigint := im.timeline();
BEGIN
	-- Not below the timeline's number either: the server before may have lost its own new era.
	UPDATE im.tail SET era = greatest(era + 1, is_timeline), timeline = is_timeline,
		system = is_system
		WHERE one = 1 AND (timeline <> is_timeline OR system <> is_system);
	RETURN FOUND;
END
$$;

-- Appends an entry behind (a_prev, a_prev_digest), or says why not and writes nothing of it. 0: it is
-- there; 1: others were first; 2: the node has connected again since; 3: the log's history or era is
-- another one. Every statement in here sees what was committed before it, for which READ COMMITTED is
-- needed; what is asked after the lock is then true until the end.
CREATE FUNCTION im.append(
	a_prev bigint, a_prev_digest bytea, a_pos bigint, a_era bigint, a_node smallint,
	a_incarnation bigint, a_epoch bigint, a_recno bigint, a_digest bytea, a_amended bigint[],
	a_body bytea,
	m_gid bigint[], m_conv bigint[], m_seq bigint[], m_less_ord bigint[], m_less_shown bigint[],
	m_sender bigint[], m_ts bigint[], m_enc smallint[], m_type bytea[], m_client_id bytea[],
	m_meta bytea[], m_body bytea[], m_gone bigint[],
	r_db smallint[], r_tab text[], r_key bytea[], r_val bytea[],
	g_db smallint[], g_tab text[], g_key bytea[])
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
	origin CONSTANT bytea := decode(repeat('00', 32), 'hex');
	is_era bigint;
	is_system bigint;
	newest_pos bigint;
	newest_digest bytea;
BEGIN
	IF current_setting('transaction_isolation') <> 'read committed' THEN
		RAISE EXCEPTION 'im.append is called in a transaction that is not READ COMMITTED';
	END IF;
	SELECT era, system INTO STRICT is_era, is_system FROM im.tail WHERE one = 1 FOR UPDATE;
	PERFORM 1 FROM im.node WHERE id = a_node AND incarnation = a_incarnation;
	IF NOT FOUND THEN
		RETURN 2;
	END IF;
	IF im.enter(is_system) OR is_era <> a_era THEN
		RETURN 3;
	END IF;
	SELECT pos, digest INTO newest_pos, newest_digest FROM im.entry ORDER BY pos DESC LIMIT 1;
	IF NOT FOUND THEN
		newest_pos := 0;
		newest_digest := origin;
	END IF;
	IF newest_pos <> a_prev OR newest_digest <> a_prev_digest THEN
		-- Behind is who stands on something that the log has, or had before it was trimmed.
		IF a_prev < newest_pos AND (CASE WHEN a_prev = 0 THEN a_prev_digest = origin
			ELSE a_prev < (SELECT min(pos) FROM im.entry) OR EXISTS (
				SELECT 1 FROM im.entry WHERE pos = a_prev AND digest = a_prev_digest) END)
		THEN
			RETURN 1;
		END IF;
		RETURN 3;
	END IF;
	IF a_pos <= a_prev OR a_pos >> 40 <> a_era THEN
		RAISE EXCEPTION 'position % is none of era % behind %', a_pos, a_era, a_prev;
	END IF;

	INSERT INTO im.entry
		VALUES (a_pos, a_prev, a_era, a_node, a_incarnation, a_epoch, a_recno, a_digest,
			a_amended, a_body);
	IF a_epoch <> 0 THEN
		INSERT INTO im.mark AS m VALUES (a_node, a_epoch, a_recno, a_pos)
			ON CONFLICT (node, epoch) DO UPDATE SET recno = excluded.recno, pos = excluded.pos
			WHERE m.recno < excluded.recno;
	END IF;
	IF m_gone <> '{}' THEN
		DELETE FROM im.message WHERE gid = ANY (m_gone);
	END IF;
	IF m_gid <> '{}' THEN
		INSERT INTO im.message
			SELECT * FROM unnest(m_gid, m_conv, m_seq, m_less_ord, m_less_shown, m_sender,
				m_ts, m_enc, m_type, m_client_id, m_meta, m_body)
			ON CONFLICT (gid) DO UPDATE SET conv = excluded.conv, seq = excluded.seq,
				less_ord = excluded.less_ord, less_shown = excluded.less_shown,
				sender = excluded.sender, ts = excluded.ts, enc = excluded.enc,
				type = excluded.type, client_id = excluded.client_id,
				meta = excluded.meta, body = excluded.body;
	END IF;
	IF g_db <> '{}' THEN
		DELETE FROM im.row r USING unnest(g_db, g_tab, g_key) AS g(db, tab, key)
			WHERE r.db = g.db AND r.tab = g.tab AND r.key = g.key;
	END IF;
	IF r_db <> '{}' THEN
		INSERT INTO im.row SELECT * FROM unnest(r_db, r_tab, r_key, r_val)
			ON CONFLICT (db, tab, key) DO UPDATE SET val = excluded.val;
	END IF;
	NOTIFY im_entry;
	RETURN 0;
END
$$;

INSERT INTO im.tail VALUES (1, greatest(1, im.timeline()), im.timeline(), im.system());
