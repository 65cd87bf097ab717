-- SPDX-License-Identifier: BSD-3-Clause
-- Several brokers under one bridge: the number of each, which stays its own whatever order the
-- configuration names them in, and where each device was connected last.

CREATE TABLE broker (
	number INTEGER PRIMARY KEY,	-- from 1 on
	path   TEXT NOT NULL UNIQUE	-- its Unix socket
);

-- 0: not known, so it may be any of them.
ALTER TABLE device ADD COLUMN broker INTEGER NOT NULL DEFAULT 0;
ALTER TABLE device_mark ADD COLUMN broker INTEGER NOT NULL DEFAULT 0;
