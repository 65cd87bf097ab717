-- SPDX-License-Identifier: BSD-3-Clause
-- Where the number of the schema stands. Two nodes may come by at once, and IF NOT EXISTS is no
-- protection against that; nor does it spare the right to create what is there already.

DO $$
BEGIN
	IF to_regnamespace('im') IS NULL THEN
		CREATE SCHEMA im;
	END IF;
EXCEPTION WHEN duplicate_schema OR unique_violation THEN
	NULL;
END
$$;

DO $$
BEGIN
	IF to_regclass('im.version') IS NULL THEN
		CREATE TABLE im.version (
			one    integer PRIMARY KEY CHECK (one = 1),
			number integer NOT NULL
		);
	END IF;
EXCEPTION WHEN duplicate_table OR duplicate_object OR unique_violation THEN
	NULL;
END
$$;

INSERT INTO im.version VALUES (1, 0) ON CONFLICT DO NOTHING;
