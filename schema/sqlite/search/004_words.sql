-- SPDX-License-Identifier: BSD-3-Clause
-- Another tokenizer, so another index: it is built beside the old one, which answers until the new
-- one has come as far and is then dropped (bridge/search_index.c). meta: words_gid.

CREATE VIRTUAL TABLE words USING fts5(body, tag, tokenize = 'im4', prefix = '2 3', columnsize = 0);
INSERT INTO words (words, rank) VALUES ('hashsize', 16777216);
