/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Search without a bridge: what the tokenizer makes of each script, how a user's words become a
 * query, and that the indexer follows the log, operations on older messages included.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../bridge/search.h"
#include "../../bridge/search_index.h"
#include "../../bridge/store.h"

struct fixture {
	char folder[64];
	struct store *store;
	struct search_index *index;
	struct search *search;
	uint64_t gid;
	uint64_t seq[8]; /* by conversation */
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct im_buf why;
	struct store_reader *reader;
	im_buf_init(&why, 0);
	assert_non_null(f);
	strcpy(f->folder, "/tmp/im-search-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	assert_int_equal(store_memory.open(f->folder, &f->store, &why), IM_OK);
	assert_int_equal(store_memory.reader_open(f->store, &reader), IM_OK);
	assert_int_equal(
		search_index_open(f->folder, &store_memory, reader, &f->index, &why), IM_OK);
	assert_int_equal(search_open(f->folder, &f->search, &why), IM_OK);
	im_buf_free(&why);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char command[128];
	search_close(&f->search);
	search_index_stop(&f->index);
	store_memory.close(f->store);
	snprintf(command, sizeof(command), "rm -r %s", f->folder);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

static uint64_t store_as(struct fixture *f, uint64_t conv, uint64_t sender, const char *type,
	enum im_enc enc, const char *body)
{
	struct store_msg m = {.gid = ++f->gid,
		.conv = conv,
		.seq = ++f->seq[conv],
		.sender = sender,
		.ts_ms = 1000,
		.enc = enc,
		.type = im_str(type),
		.body = im_str(body)};
	uint64_t id;
	assert_int_equal(store_memory.begin(f->store), IM_OK);
	assert_int_equal(store_memory.conv(f->store, IM_CONV_GROUP, conv, 0, true, &id), IM_OK);
	m.conv = id;
	assert_int_equal(store_memory.append(f->store, &m), IM_OK);
	assert_int_equal(store_memory.commit(f->store, NULL), IM_OK);
	return f->gid;
}

static uint64_t add_as(struct fixture *f, uint64_t conv, uint64_t sender, const char *type,
	enum im_enc enc, const char *body)
{
	uint32_t n;
	uint64_t gid = store_as(f, conv, sender, type, enc, body);
	assert_int_equal(search_index_pass(f->index, 100, 0, &n), IM_OK);
	assert_int_equal(n, 1);
	return gid;
}

static uint64_t add(struct fixture *f, const char *body)
{
	return add_as(f, 1, 1, "", IM_ENC_TEXT, body);
}

struct hits {
	uint64_t gid[16];
	size_t n;
	char snippet[256];
};

static int on_hit(void *arg, uint64_t gid, struct im_str snippet)
{
	struct hits *h = arg;
	assert_true(h->n < 16);
	h->gid[h->n++] = gid;
	snprintf(h->snippet, sizeof(h->snippet), "%.*s", (int)snippet.n, snippet.p);
	return 0;
}

static struct hits look(struct fixture *f, const char *q, uint64_t sender, const char *type)
{
	const uint64_t convs[] = {1, 2};
	struct search_query query = {.q = im_str(q),
		.convs = convs,
		.n_convs = 2,
		.sender = sender,
		.type = im_str(type)};
	struct hits h = {.n = 0};
	const char *why = NULL;
	assert_int_equal(search_run(f->search, &query, on_hit, &h, &why), IM_OK);
	return h;
}

static size_t count(struct fixture *f, const char *q)
{
	return look(f, q, 0, "").n;
}

static void words_are_folded_for_case_and_accents(void **state)
{
	struct fixture *f = *state;
	add(f, "Un CAFÉ noir");
	assert_int_equal(count(f, "cafe"), 1);
	assert_int_equal(count(f, "Café noir"), 1);
	assert_int_equal(count(f, "caf"), 0);
	assert_int_equal(count(f, "caf*"), 1);
	assert_int_equal(count(f, "CAF*"), 1);
	assert_int_equal(count(f, "n*"), 1);
	assert_int_equal(count(f, "\"cafe noir\""), 1);
	assert_int_equal(count(f, "\"noir cafe\""), 0);
	assert_int_equal(count(f, "noir cafe"), 1);
}

static void one_and_two_character_terms_are_found(void **state)
{
	struct fixture *f = *state;
	add(f, "今天天气很好");
	add(f, "東京タワーへ行く");
	add(f, "한국어 공부");
	assert_int_equal(count(f, "气"), 1);
	assert_int_equal(count(f, "天气"), 1);
	assert_int_equal(count(f, "天天"), 1);
	assert_int_equal(count(f, "天好"), 0);
	assert_int_equal(count(f, "天气很好"), 1);
	assert_int_equal(count(f, "很*"), 1);
	assert_int_equal(count(f, "タワー"), 1);
	assert_int_equal(count(f, "京"), 1);
	assert_int_equal(count(f, "국어"), 1);
}

static void mixed_scripts_keep_their_order(void **state)
{
	struct fixture *f = *state;
	add(f, "用mqtt发消息");
	assert_int_equal(count(f, "mqtt"), 1);
	assert_int_equal(count(f, "用mqtt"), 1);
	assert_int_equal(count(f, "mqtt发消息"), 1);
	assert_int_equal(count(f, "用mqtt发"), 1);
	assert_int_equal(count(f, "发mqtt"), 0);
}

static void operators_of_fts_are_plain_text(void **state)
{
	struct fixture *f = *state;
	add(f, "either this OR that NEAR body:x");
	assert_int_equal(count(f, "OR"), 1);
	assert_int_equal(count(f, "tag:c1 body"), 0);
	assert_int_equal(count(f, "body:x"), 1);
	assert_int_equal(count(f, "(this"), 1);
	assert_int_equal(count(f, "\"unclosed this"), 0);
	assert_int_equal(count(f, "this\" that"), 1);
}

static void a_query_without_a_word_is_refused(void **state)
{
	struct fixture *f = *state;
	const uint64_t conv = 1;
	const char *queries[] = {"", "  ", "!!!", "\"\"", "*"};
	for (size_t i = 0; i < sizeof(queries) / sizeof(*queries); i++) {
		struct search_query query = {.q = im_str(queries[i]), .convs = &conv, .n_convs = 1};
		struct hits h = {.n = 0};
		const char *why = NULL;
		assert_int_equal(
			search_run(f->search, &query, on_hit, &h, &why), IM_E_INVALID_PARAMS);
		assert_non_null(why);
	}
}

static void a_search_is_narrowed_by_conversation_sender_and_type(void **state)
{
	struct fixture *f = *state;
	uint64_t first = add_as(f, 1, 7, "", IM_ENC_TEXT, "needle one");
	uint64_t second = add_as(f, 2, 8, "image", IM_ENC_JSON, "{\"alt\":\"needle two\"}");
	add_as(f, 3, 7, "", IM_ENC_TEXT, "needle of strangers");
	struct hits h = look(f, "needle", 0, "");
	assert_int_equal(h.n, 2);
	assert_int_equal(h.gid[0], second);
	assert_int_equal(h.gid[1], first);
	h = look(f, "needle", 7, "");
	assert_int_equal(h.n, 1);
	assert_int_equal(h.gid[0], first);
	h = look(f, "needle", 0, "image");
	assert_int_equal(h.n, 1);
	assert_int_equal(h.gid[0], second);
	assert_int_equal(count(f, "c1"), 0);
}

static void a_snippet_marks_the_hit(void **state)
{
	struct fixture *f = *state;
	add(f, "the quick brown fox");
	struct hits h = look(f, "quick", 0, "");
	assert_string_equal(h.snippet, "the \x02quick\x03 brown fox");
}

static void a_snippet_marks_the_hit_to_its_end_without_spaces_too(void **state)
{
	struct fixture *f = *state;
	add(f, "我们明天去北京吃饭");
	assert_string_equal(look(f, "北京", 0, "").snippet, "我们明天去\x02北京\x03吃饭");
	assert_string_equal(look(f, "去北京吃", 0, "").snippet, "我们明天\x02去北京吃\x03饭");
	assert_string_equal(look(f, "京", 0, "").snippet, "我们明天去北\x02京\x03吃饭");
	assert_string_equal(
		look(f, "吃饭 明天", 0, "").snippet, "我们\x02明天\x03去北京\x02吃饭\x03");
	add(f, "tteokbokki떡볶이 떡볶이");
	assert_string_equal(
		look(f, "떡볶이", 0, "").snippet, "tteokbokki\x02떡볶이\x03 \x02떡볶이\x03");
}

static void an_edited_or_recalled_message_is_found_as_it_is_now(void **state)
{
	struct fixture *f = *state;
	uint64_t gid = add(f, "secret plan");
	struct store_msg m = {.gid = gid,
		.conv = 1,
		.seq = 1,
		.sender = 1,
		.ts_ms = 1000,
		.body = im_str("public plan")};
	assert_int_equal(store_memory.begin(f->store), IM_OK);
	assert_int_equal(store_memory.amend(f->store, &m), IM_OK);
	assert_int_equal(store_memory.commit(f->store, NULL), IM_OK);
	add_as(f, 1, 1, "edit", IM_ENC_JSON, "{\"seq\":1,\"body\":\"public plan\"}");
	assert_int_equal(count(f, "secret"), 0);
	assert_int_equal(look(f, "public", 0, "").gid[0], gid);
	m.recalled = true;
	m.body = (struct im_str){NULL, 0};
	assert_int_equal(store_memory.begin(f->store), IM_OK);
	assert_int_equal(store_memory.amend(f->store, &m), IM_OK);
	assert_int_equal(store_memory.commit(f->store, NULL), IM_OK);
	add_as(f, 1, 1, "recall", IM_ENC_JSON, "{\"seq\":1}");
	assert_int_equal(count(f, "public"), 0);
	assert_int_equal(count(f, "plan"), 0);
}

static void system_messages_and_bytes_are_not_indexed(void **state)
{
	struct fixture *f = *state;
	add_as(f, 1, 1, "system", IM_ENC_JSON, "{\"action\":\"join\",\"by\":\"alice\"}");
	add_as(f, 1, 1, "", IM_ENC_BYTES, "alice");
	assert_int_equal(count(f, "alice"), 0);
}

/* damage: what the file holds from then on; NULL: it is gone. */
static void build_again(struct fixture *f, const char *damage)
{
	char path[128];
	struct im_buf why;
	struct store_reader *reader;
	uint32_t n;
	add(f, "needle");
	search_close(&f->search);
	search_index_stop(&f->index);
	snprintf(path, sizeof(path), "%s/search.db", f->folder);
	assert_int_equal(remove(path), 0);
	if (damage) {
		FILE *file = fopen(path, "w");
		assert_non_null(file);
		fputs(damage, file);
		fclose(file);
	}
	im_buf_init(&why, 0);
	assert_int_equal(store_memory.reader_open(f->store, &reader), IM_OK);
	assert_int_equal(
		search_index_open(f->folder, &store_memory, reader, &f->index, &why), IM_OK);
	assert_int_equal(search_index_pass(f->index, 100, 0, &n), IM_OK);
	assert_int_equal(search_open(f->folder, &f->search, &why), IM_OK);
	assert_int_equal(count(f, "needle"), 1);
	im_buf_free(&why);
}

static void a_damaged_index_is_built_again(void **state)
{
	build_again(*state, "this is no database at all, and long enough to be looked at");
}

static void a_missing_index_is_built_again(void **state)
{
	build_again(*state, NULL);
}

/* So many conversations are not searched for one by one; whoever asks looks at each hit. */
static void whoever_has_very_many_conversations_finds_all_that_match(void **state)
{
	struct fixture *f = *state;
	uint64_t convs[SEARCH_CONVS_MAX + 1];
	struct search_query query = {.q = im_str("needle"), .convs = convs};
	struct hits h = {.n = 0};
	const char *why = NULL;
	for (uint64_t i = 0; i < SEARCH_CONVS_MAX + 1; i++)
		convs[i] = i + 1;
	add_as(f, 1, 7, "", IM_ENC_TEXT, "needle one");
	query.n_convs = SEARCH_CONVS_MAX;
	assert_int_equal(search_run(f->search, &query, on_hit, &h, &why), IM_OK);
	assert_int_equal(h.n, 1);
	query.n_convs = SEARCH_CONVS_MAX + 1;
	assert_int_equal(search_run(f->search, &query, on_hit, &h, &why), IM_OK);
	assert_int_equal(h.n, 2);
}

/* The log is read in steps within a pass; the limit is the pass's. */
static void a_pass_takes_in_many_steps_up_to_its_limit(void **state)
{
	struct fixture *f = *state;
	const uint32_t limit = 5000;
	uint32_t n;
	for (uint32_t i = 0; i < limit; i++)
		store_as(f, 1, 1, "", IM_ENC_TEXT,
			i == 0           ? "first"
			: i == limit - 1 ? "fivethousandth"
					 : "hay");
	store_as(f, 1, 1, "", IM_ENC_TEXT, "beyond");
	assert_int_equal(search_index_pass(f->index, limit, 0, &n), IM_OK);
	assert_int_equal(n, limit);
	assert_int_equal(count(f, "first"), 1);
	assert_int_equal(count(f, "fivethousandth"), 1);
	assert_int_equal(count(f, "beyond"), 0);
	assert_int_equal(search_index_gid(f->index), limit);
	assert_int_equal(search_index_pass(f->index, limit, 0, &n), IM_OK);
	assert_int_equal(n, 1);
	assert_int_equal(count(f, "beyond"), 1);
}

/* While others want the processors, what has ended is taken out all the same. */
static void a_pass_that_may_take_in_nothing_still_forgets(void **state)
{
	struct fixture *f = *state;
	struct store_msg m = {.gid = ++f->gid,
		.seq = ++f->seq[1],
		.sender = 1,
		.ts_ms = 1000,
		.enc = IM_ENC_TEXT,
		.meta = im_str("\"ttl\":5"),
		.body = im_str("shortlived")};
	uint32_t n;
	assert_int_equal(store_memory.begin(f->store), IM_OK);
	assert_int_equal(store_memory.conv(f->store, IM_CONV_GROUP, 1, 0, true, &m.conv), IM_OK);
	assert_int_equal(store_memory.append(f->store, &m), IM_OK);
	assert_int_equal(store_memory.commit(f->store, NULL), IM_OK);
	assert_int_equal(search_index_pass(f->index, 100, 1000, &n), IM_OK);
	assert_int_equal(count(f, "shortlived"), 1);
	store_as(f, 1, 1, "", IM_ENC_TEXT, "waits");
	assert_int_equal(search_index_pass(f->index, 0, 6000, &n), IM_OK);
	assert_int_equal(n, 1);
	assert_int_equal(count(f, "shortlived"), 0);
	assert_int_equal(count(f, "waits"), 0);
	assert_int_equal(search_index_gid(f->index), m.gid);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(words_are_folded_for_case_and_accents),
		CASE(one_and_two_character_terms_are_found),
		CASE(mixed_scripts_keep_their_order),
		CASE(operators_of_fts_are_plain_text),
		CASE(a_query_without_a_word_is_refused),
		CASE(a_search_is_narrowed_by_conversation_sender_and_type),
		CASE(a_snippet_marks_the_hit),
		CASE(a_snippet_marks_the_hit_to_its_end_without_spaces_too),
		CASE(an_edited_or_recalled_message_is_found_as_it_is_now),
		CASE(system_messages_and_bytes_are_not_indexed),
		CASE(a_damaged_index_is_built_again),
		CASE(a_missing_index_is_built_again),
		CASE(a_pass_takes_in_many_steps_up_to_its_limit),
		CASE(a_pass_that_may_take_in_nothing_still_forgets),
		CASE(whoever_has_very_many_conversations_finds_all_that_match),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
