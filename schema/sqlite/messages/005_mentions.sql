-- SPDX-License-Identifier: BSD-3-Clause
-- Whom messages single out, so that a list can say how often its reader is meant. What an earlier
-- version has stored is not here, and counts for nobody.

-- user 0: everybody, and then nobody else. A sender does not mention himself, and what was recalled
-- or erased nobody any more. A message's rows are neighbours, one user's of a conversation as well.
CREATE TABLE mention (
	conv INTEGER NOT NULL,
	user INTEGER NOT NULL,
	seq  INTEGER NOT NULL,
	PRIMARY KEY (conv, user, seq)
) WITHOUT ROWID;
CREATE INDEX mention_seq ON mention(conv, seq);
