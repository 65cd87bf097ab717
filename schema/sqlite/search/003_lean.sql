-- SPDX-License-Identifier: BSD-3-Clause
-- Nothing here is ranked by relevance, so no sizes of documents are kept; and a transaction's terms
-- may take 16 MiB before they are written, so that a large one writes each term once.

DROP TABLE fts;
CREATE VIRTUAL TABLE fts USING fts5(body, tag, tokenize = 'im', prefix = '2 3', columnsize = 0);
INSERT INTO fts (fts, rank) VALUES ('hashsize', 16777216);
DELETE FROM meta;
DELETE FROM expire;
