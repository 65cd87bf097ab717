-- SPDX-License-Identifier: BSD-3-Clause
-- search.db: full-text index over the log. May be deleted: it is built again from the log.

CREATE TABLE meta (
	key   TEXT PRIMARY KEY,		-- indexed_gid
	value INTEGER NOT NULL
) WITHOUT ROWID;

-- rowid is the message's gid. `tag` holds what a search is narrowed by, as words: c{conv} s{sender}
-- t{type}; as indexed words they cost an intersection of two lists, not a look at each hit.
CREATE VIRTUAL TABLE fts USING fts5(body, tag, tokenize = 'im', prefix = '2 3');
