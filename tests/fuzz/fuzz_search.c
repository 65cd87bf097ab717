/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A line that is searched for, and the text of a message. Whatever a user types is an expression
 * that SQLite understands, and finds the message if it is made of its words.
 */
#include "tests/fuzz/fuzz.h"

#include <unistd.h>

#include "bridge/search/search.h"
#include "bridge/search/search_db.h"
#include "bridge/search/search_table.h"
#include "common/utf8.h"
#include "tests/lib/folder.h"

#define TEXT_MAX 4096
#define CONV 5
#define SENDER 3

static char folder[] = "/tmp/im-fuzz-XXXXXX";
static struct sqldb db;
static struct search *handle;
static struct search_writer words;

static void close_index(void)
{
	search_close(&handle);
	search_writer_close(&words);
	sqldb_close(&db);
	CHECK(folder_remove(folder) == 0);
}

static void open_index(void)
{
	struct im_buf why;

	im_buf_init(&why, 0);
	CHECK(mkdtemp(folder));
	CHECK(search_db_open(folder, true, &db, &why) == IM_OK);
	CHECK(search_drop_old(&db) == IM_OK);
	CHECK(search_writer_open(&db, &search_table_new, &words) == IM_OK);
	CHECK(search_open(folder, &handle, &why) == IM_OK);
	im_buf_free(&why);
	atexit(close_index);
}

static void store(struct im_str text)
{
	CHECK(search_writer_remove(&words, 1) == IM_OK);
	CHECK(search_writer_put(&words, 1, text, IM_STR("c5 s3 ttext")) == IM_OK);
}

static int on_hit(void *arg, uint64_t gid, struct im_str snippet)
{
	CHECK(gid == 1 && im_utf8_valid(snippet));
	++*(int *)arg;
	return IM_OK;
}

static int on_sight(void *arg, uint64_t gid, uint64_t *conv_out)
{
	(void)arg;
	*conv_out = CONV;
	CHECK(gid == 1);
	return SEARCH_SEEN;
}

/* Returns how many messages were found, -1 for what is no query. */
static int look(struct im_str q, uint64_t conv, uint64_t sender)
{
	struct search_conv convs = {conv, 1};
	int found = 0;
	const struct search_query query = {.q = q,
		.convs = &convs,
		.n_convs = 1,
		.sender = sender,
		.type = IM_STR("text"),
		.want = 2,
		.arg = &found,
		.sight = on_sight,
		.hit = on_hit};
	const char *why = NULL;
	uint64_t cut;
	int rc = search_run(handle, &query, &cut, &why);

	CHECK(rc == IM_OK || rc == IM_E_INVALID_PARAMS);
	CHECK((rc == IM_OK) == (why == NULL));
	CHECK(found <= 1);
	return rc == IM_OK ? found : -1;
}

static bool plain(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* The first word of letters and digits between spaces. */
static struct im_str plain_word(struct im_str text)
{
	size_t from = 0, to;

	for (; from < text.n; from = to + 1) {
		for (to = from; to < text.n && plain(text.p[to]);)
			to++;
		if (to > from && to - from < SEARCH_QUERY_MAX &&
			(to == text.n || text.p[to] == ' '))
			return (struct im_str){text.p + from, to - from};
		while (to < text.n && text.p[to] != ' ')
			to++;
	}
	return (struct im_str){NULL, 0};
}

/* A text as a phrase finds itself, or holds nothing that could be found. */
static void check_phrase(struct im_str text)
{
	char quoted[SEARCH_QUERY_MAX];

	if (text.n == 0 || text.n + 2 > sizeof(quoted) || memchr(text.p, '"', text.n) ||
		memchr(text.p, '\0', text.n))
		return;
	quoted[0] = quoted[text.n + 1] = '"';
	memcpy(quoted + 1, text.p, text.n);
	CHECK(look((struct im_str){quoted, text.n + 2}, CONV, SENDER) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct im_str text = fuzz_str(data, size);
	struct im_str q = fuzz_line(&text);
	struct im_str word;

	/* What a request or a message can hold. */
	if (!im_utf8_valid(text) || !im_utf8_valid(q) || text.n > TEXT_MAX)
		return 0;
	if (!handle)
		open_index();
	store(text);
	look(q, CONV, 0);
	CHECK(look(q, CONV + 1, 0) <= 0 && look(q, CONV, SENDER + 1) <= 0);
	word = plain_word(text);
	if (word.n)
		CHECK(look(word, CONV, SENDER) == 1);
	check_phrase(text);
	return 0;
}
