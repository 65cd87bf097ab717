-- SPDX-License-Identifier: BSD-3-Clause
-- Who has come into a group by which link: who comes by it again takes no use of it. At most as many
-- rows as the link had uses; they go with it.
CREATE TABLE group_link_user (
	grp  INTEGER NOT NULL,
	name TEXT NOT NULL,
	user INTEGER NOT NULL,
	PRIMARY KEY (grp, name, user),
	FOREIGN KEY (grp, name) REFERENCES group_link(grp, name) ON DELETE CASCADE
) WITHOUT ROWID;

-- A link ends when its maker is disabled.
CREATE INDEX group_link_maker ON group_link(user);
DELETE FROM group_link WHERE user IN (SELECT id FROM user WHERE disabled = 1);
