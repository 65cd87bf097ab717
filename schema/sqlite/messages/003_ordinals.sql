-- SPDX-License-Identifier: BSD-3-Clause
-- What counts as unread, and what a list shows, without looking at the messages in between.

-- A message's ordinals within its conversation: `ord` of those that users sent, `shown` of all but
-- operations. Kept is what they are less than seq, because that is 0 or nearly so, and 0 takes no
-- room: a row of this index stays small. Only differences between two messages of a conversation
-- mean anything. NULL: stored by an earlier version, and not numbered yet.
ALTER TABLE conv_log ADD COLUMN less_ord INTEGER;
ALTER TABLE conv_log ADD COLUMN less_shown INTEGER;

-- Messages that users sent and that have ordinals, but are not there to be read any more: recalled,
-- erased, or taken by retention while an older one of the conversation stayed.
CREATE TABLE gone (
	conv INTEGER NOT NULL,
	seq  INTEGER NOT NULL,
	PRIMARY KEY (conv, seq)
) WITHOUT ROWID;

-- Where a user has sent something: his last message there, or one of the 127 places before it
-- (in the first 127 places of a conversation: no row).
CREATE TABLE spoke (
	conv INTEGER NOT NULL,
	user INTEGER NOT NULL,
	seq  INTEGER NOT NULL,
	PRIMARY KEY (conv, user)
) WITHOUT ROWID;

-- What has no ordinals gets them from the newest message on: through this log position there may
-- still be some. Beside it, under "numbered", how many up to there have got theirs.
INSERT INTO meta (key, value)
	SELECT 'unnumbered', gid FROM (SELECT max(gid) AS gid FROM message) WHERE gid IS NOT NULL;
