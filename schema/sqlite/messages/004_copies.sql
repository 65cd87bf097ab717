-- SPDX-License-Identifier: BSD-3-Clause
-- Forwarded messages: whose words they are, so that they go with those of their author.

CREATE TABLE copy (
	gid    INTEGER PRIMARY KEY,
	author INTEGER NOT NULL,	-- who wrote it
	via    INTEGER NOT NULL		-- who had sent what was copied: the author, or another forwarder
);
