-- SPDX-License-Identifier: BSD-3-Clause
-- A copy of a log that several nodes share: how far it has come. No row: it is nobody's copy.

CREATE TABLE place (
	one    INTEGER PRIMARY KEY CHECK (one = 1),
	era    INTEGER NOT NULL,
	pos    INTEGER NOT NULL,
	digest BLOB NOT NULL
);
