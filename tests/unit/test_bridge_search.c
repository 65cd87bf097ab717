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
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bridge/search/search.h"
#include "bridge/search/search_index.h"
#include "bridge/store/store.h"
#include "common/limits.h"
#include "tests/lib/folder.h"

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
	search_close(&f->search);
	search_index_stop(&f->index);
	store_memory.close(f->store);
	assert_int_equal(folder_remove(f->folder), 0);
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
	snprintf(h->snippet, sizeof(h->snippet), "%.*s", IM_ARGS(snippet));
	return 0;
}

static int see_all(void *arg, uint64_t gid, uint64_t *conv_out)
{
	(void)arg;
	(void)gid;
	(void)conv_out;
	return SEARCH_SEEN;
}

static int run_query(
	struct fixture *f, struct search_query *query, struct hits *h, const char **why)
{
	uint64_t cut;
	*h = (struct hits){.n = 0};
	query->arg = h;
	query->hit = on_hit;
	if (!query->sight)
		query->sight = see_all;
	if (!query->want)
		query->want = 16;
	return search_run(f->search, query, &cut, why);
}

static struct hits look(struct fixture *f, const char *q, uint64_t sender, const char *type)
{
	struct search_conv convs[] = {{1, 0}, {2, 0}};
	struct search_query query = {.q = im_str(q),
		.convs = convs,
		.n_convs = 2,
		.sender = sender,
		.type = im_str(type)};
	struct hits h;
	const char *why;
	assert_int_equal(run_query(f, &query, &h, &why), IM_OK);
	assert_null(why);
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
	assert_int_equal(count(f, "no*"), 1);
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

static void assert_refused(struct fixture *f, const char *q, const char *part)
{
	struct search_conv conv = {1, 0};
	struct search_query query = {.q = im_str(q), .convs = &conv, .n_convs = 1};
	struct hits h;
	const char *why;
	assert_int_equal(run_query(f, &query, &h, &why), IM_E_INVALID_PARAMS);
	assert_non_null(why);
	if (!strstr(why, part))
		fail_msg("%s: %s", q, why);
}

static void a_query_without_a_word_is_refused(void **state)
{
	const char *queries[] = {"", "  ", "!!!", "\"\"", "*", "— …", "\"- -\" €", "\xe2\x80\x8b",
		"\xef\xb8\x8f", "\xcc\x81"};
	for (size_t i = 0; i < sizeof(queries) / sizeof(*queries); i++)
		assert_refused(*state, queries[i], "holds nothing that can be found");
}

static void a_beginning_has_two_characters_at_least(void **state)
{
	struct fixture *f = *state;
	add(f, "straße über 北京");
	assert_refused(f, "s*", "give at least two");
	assert_refused(f, "über a*", "give at least two");
	assert_refused(f, "\"über s\"*", "give at least two");
	assert_refused(f, "ü*", "give at least two");
	assert_int_equal(count(f, "st*"), 1);
	assert_int_equal(count(f, "üb*"), 1);
	assert_int_equal(count(f, "\"straße üb\"*"), 1);
	/* What stands for itself has no beginning: the star says nothing. */
	assert_int_equal(count(f, "京*"), 1);
	assert_int_equal(count(f, "北京*"), 1);
	/* A letter that is folded to two is two. */
	add(f, "ßs");
	assert_int_equal(count(f, "ß*"), 1);
}

static void what_holds_no_token_is_no_term(void **state)
{
	struct fixture *f = *state;
	add(f, "party on friday, bring 5 € each");
	assert_int_equal(count(f, "friday — bring"), 1);
	assert_int_equal(count(f, "party ! friday"), 1);
	assert_int_equal(count(f, "5 €"), 1);
	assert_int_equal(count(f, "party \"…\" each"), 1);
	assert_int_equal(count(f, "party · friday"), 1);
	assert_int_equal(count(f, "party 、 friday"), 1);
	assert_int_equal(count(f, "party \xe2\x80\x8b friday"), 1);
	assert_int_equal(count(f, "party — saturday"), 0);
}

static void an_emoji_is_a_token(void **state)
{
	struct fixture *f = *state;
	uint64_t party = add(f, "party 🎉 friday"), love = add(f, "with ❤️ and 👍🏽!");
	add(f, "🤷‍♂️ so what🎂cake 🇩🇪🇫🇷 1️⃣");
	assert_int_equal(look(f, "party 🎉 friday", 0, "").gid[0], party);
	assert_int_equal(look(f, "🎉", 0, "").gid[0], party);
	assert_int_equal(count(f, "🎊"), 0);
	assert_int_equal(count(f, "party 🎊 friday"), 0);
	/* With and without the variation selector, in any skin. */
	assert_int_equal(look(f, "❤", 0, "").gid[0], love);
	assert_int_equal(look(f, "❤️", 0, "").gid[0], love);
	assert_int_equal(look(f, "👍", 0, "").gid[0], love);
	assert_int_equal(look(f, "👍🏿", 0, "").gid[0], love);
	/* Parts of a joined one, a flag as a whole, a keycap by its digit, beside letters. */
	assert_int_equal(count(f, "🤷"), 1);
	assert_int_equal(count(f, "🤷‍♂️"), 1);
	assert_int_equal(count(f, "🤷‍♀️"), 0);
	assert_int_equal(count(f, "🇩🇪"), 1);
	assert_int_equal(count(f, "🇪🇫"), 0);
	assert_int_equal(count(f, "1"), 1);
	assert_int_equal(count(f, "cake"), 1);
	assert_int_equal(count(f, "🎂*"), 1);
	assert_string_equal(look(f, "🎉", 0, "").snippet, "party \x02🎉\x03 friday");
	assert_string_equal(look(f, "👍", 0, "").snippet, "with ❤️ and \x02👍🏽\x03!");
}

static void texts_are_folded_as_unicode_says(void **state)
{
	static const struct {
		const char *text, *found_by[4], *not_by;
	} cases[] = {
		{"ｆｕｌｌ ｗｉｄｔｈ １２", {"full width", "FULL", "12", "ｆｕＬＬ"}, "fu"},
		{"Straße STRASSE", {"strasse", "straße", "STRASSE", "Straſse"}, "stras"},
		{"oﬃce ﬂow", {"office", "oﬃce", "flow", "OFFICE"}, "ow"},
		{"Ἀθῆναι ΣΊΣΥΦΟΣ", {"αθηναι", "ΑΘΗΝΑΙ", "σισυφος", "Σίσυφος"}, "θηναι"},
		{"Ёлка еж", {"елка", "ёж", "ЁЛКА", "еж"}, "лка"},
		{"İstanbul", {"istanbul", "İSTANBUL", "i̇stanbul", "Istanbul"}, "stanbul"},
		{"ﾊﾝｶｸ ガ", {"ハンカク", "ﾊﾝ", "ガ*", "ｶﾞ"}, "カン"},
		{"パーティー", {"ﾊﾟｰﾃｨｰ", "パーティー", "ティ", "パ"}, "ハ"},
		{"한국어", {"한국어", "한국", "국어", "한"}, "어국"},
		{"مُحَمَّد أحمد", {"محمد", "مُحَمَّد", "احمد", "أحمد"}, "حمد"},
		{"किताब पढ़ो", {"किताब", "पढ़ो", "\"किताब पढ़ो\"", "किताब*"}, "कताब"},
		{"สวัสดีครับ", {"สวัสดี", "ครับ", "ดีค", "สวัสดีครับ"}, "ครบ"},
		{"x² ½ №5 ㎏", {"x2", "½", "no5", "kg"}, "k"},
		{"co\xc2\xadoperate na\xc3\xafve", {"cooperate", "naive", "NAÏVE", "naïve"},
			"operate"},
		{"שָׁלוֹם", {"שלום", "שָׁלוֹם", "\"שלום\"", "של*"}, "לום"},
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint64_t gid = add(f, cases[i].text);
		for (int k = 0; k < 4; k++) {
			struct hits h = look(f, cases[i].found_by[k], 0, "");
			if (h.n == 0 || h.gid[0] != gid)
				fail_msg("%s is not found by %s", cases[i].text,
					cases[i].found_by[k]);
		}
		struct hits h = look(f, cases[i].not_by, 0, "");
		if (h.n && h.gid[0] == gid)
			fail_msg("%s is found by %s", cases[i].text, cases[i].not_by);
	}
}

static void very_long_words_and_heaps_of_marks_are_bounded(void **state)
{
	struct fixture *f = *state;
	struct im_buf text;
	uint64_t gid;
	im_buf_init(&text, 0);
	for (int i = 0; i < 5000; i++)
		im_buf_z(&text, "aé");
	im_buf_z(&text, " e");
	for (int i = 0; i < 5000; i++)
		im_buf_z(&text, "\xcc\x81");
	im_buf_z(&text, "nd");
	im_buf_c(&text, '\0');
	gid = add(f, text.p);
	im_buf_free(&text);
	assert_int_equal(look(f, "end", 0, "").gid[0], gid);
	assert_int_equal(look(f, "aeae*", 0, "").gid[0], gid);
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

/* What is done to the file while nobody has it open. */
typedef void (*spoil_fn)(const char *path);

static void build_again(struct fixture *f, spoil_fn spoil)
{
	char path[128];
	struct im_buf why;
	struct store_reader *reader;
	uint32_t n;
	add(f, "needle");
	search_close(&f->search);
	search_index_stop(&f->index);
	snprintf(path, sizeof(path), "%s/search.db", f->folder);
	spoil(path);
	im_buf_init(&why, 0);
	assert_int_equal(store_memory.reader_open(f->store, &reader), IM_OK);
	assert_int_equal(
		search_index_open(f->folder, &store_memory, reader, &f->index, &why), IM_OK);
	assert_int_equal(search_index_pass(f->index, 100, 0, &n), IM_OK);
	assert_int_equal(search_open(f->folder, &f->search, &why), IM_OK);
	assert_int_equal(count(f, "needle"), 1);
	im_buf_free(&why);
}

static void sql(const char *path, const char *text)
{
	sqlite3 *db;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s", sqlite3_errmsg(db));
	sqlite3_close(db);
}

static void write_text(const char *path)
{
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs("this is no database at all, and long enough to be looked at", file);
	fclose(file);
}

static void take_away(const char *path)
{
	assert_int_equal(remove(path), 0);
}

static int on_version(void *arg, int n, char **values, char **names)
{
	(void)n;
	(void)names;
	snprintf(arg, 64, "PRAGMA user_version = %s", values[0]);
	return 0;
}

static void empty_it(const char *path)
{
	char version[64] = "";
	sqlite3 *db;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA user_version", on_version, version, NULL), 0);
	sqlite3_close(db);
	assert_int_equal(remove(path), 0);
	sql(path, version);
}

static void damage_its_pages(const char *path)
{
	static const char damage[4096] = {'x', 'x', 'x', 'x'};
	struct stat is;
	FILE *file = fopen(path, "r+");
	assert_non_null(file);
	assert_int_equal(fstat(fileno(file), &is), 0);
	assert_true(is.st_size > 4096);
	assert_int_equal(fseek(file, 4096, SEEK_SET), 0);
	for (long at = 4096; at < is.st_size; at += 4096)
		assert_int_equal(fwrite(damage, 1, sizeof(damage), file), sizeof(damage));
	assert_int_equal(fclose(file), 0);
}

static void an_index_that_cannot_be_used_is_built_again(void **state)
{
	static const spoil_fn ways[] = {write_text, take_away, empty_it, damage_its_pages};
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		tear_down(state);
		assert_int_equal(set_up(state), 0);
		build_again(*state, ways[i]);
	}
}

/* In a process that is not root's, to whom no file is closed. 0: it was opened. */
static int open_as_somebody(const struct fixture *f, const char *path, mode_t mode)
{
	const uid_t somebody = geteuid() ? geteuid() : 65534;
	int status;
	pid_t pid;
	assert_int_equal(chown(f->folder, somebody, (gid_t)-1), 0);
	assert_int_equal(chown(path, somebody, (gid_t)-1), 0);
	assert_int_equal(chmod(path, mode), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct search_index *index;
		struct store_reader *reader;
		struct im_buf why;
		im_buf_init(&why, 0);
		if (seteuid(somebody) || store_memory.reader_open(f->store, &reader))
			_exit(2);
		_exit(search_index_open(f->folder, &store_memory, reader, &index, &why) ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void an_index_that_is_somebody_elses_is_built_again(void **state)
{
	struct fixture *f = *state;
	static const mode_t modes[] = {0, 0400};
	char path[128];
	struct stat was, is;
	add(f, "needle");
	search_close(&f->search);
	search_index_stop(&f->index);
	snprintf(path, sizeof(path), "%s/search.db", f->folder);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		int held = open(path, O_RDONLY);
		assert_int_equal(open_as_somebody(f, path, modes[i]), 0);
		assert_int_equal(fstat(held, &was), 0);
		assert_int_equal(stat(path, &is), 0);
		assert_true(was.st_ino != is.st_ino);
		assert_true(is.st_mode & S_IWUSR);
		close(held);
	}
}

static void open_search(const char *folder, struct search **out)
{
	struct im_buf why;
	im_buf_init(&why, 0);
	if (search_open(folder, out, &why) != IM_OK)
		fail_msg("%.*s", IM_ARGS(why));
	im_buf_free(&why);
}

static bool opens(struct fixture *f)
{
	struct store_reader *reader;
	struct im_buf why;
	int rc;
	im_buf_init(&why, 0);
	assert_int_equal(store_memory.reader_open(f->store, &reader), IM_OK);
	rc = search_index_open(f->folder, &store_memory, reader, &f->index, &why);
	if (rc)
		store_memory.reader_close(reader);
	im_buf_free(&why);
	return rc == IM_OK;
}

/* What is wanting is there the next time, and so is the index. */
static void an_index_stays_when_descriptors_or_a_lock_are_wanting(void **state)
{
	struct fixture *f = *state;
	struct rlimit normal, few;
	struct stat was, is;
	char path[128];
	unsigned refused = 0;
	sqlite3 *db;
	add(f, "needle");
	search_close(&f->search);
	search_index_stop(&f->index);
	snprintf(path, sizeof(path), "%s/search.db", f->folder);
	int held = open(path, O_RDONLY);
	assert_int_equal(fstat(held, &was), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &normal), 0);
	few = normal;
	for (int more = 1; more < 8; more++) {
		few.rlim_cur = (rlim_t)(held + more);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
		refused += !opens(f);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &normal), 0);
		search_index_stop(&f->index);
	}
	assert_in_range(refused, 1, 6);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db, "PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; COMMIT", NULL,
			NULL, NULL),
		SQLITE_OK);
	assert_false(opens(f));
	sqlite3_close(db);
	assert_int_equal(stat(path, &is), 0);
	assert_true(was.st_ino == is.st_ino);
	assert_true(opens(f));
	open_search(f->folder, &f->search);
	assert_int_equal(count(f, "needle"), 1);
	close(held);
}

/* -- many conversations -- */

struct eyes {
	struct hits hits;     /* first: what on_hit is given */
	uint64_t mine;        /* conversations up to here are seen */
	uint64_t ended_below; /* of conversation 1, nothing at or below this position */
	uint32_t asked;
};

/* In these tests position g is in conversation g, unless the test keeps them in one. */
static int by_position(void *arg, uint64_t gid, uint64_t *conv_out)
{
	struct eyes *e = arg;
	e->asked++;
	*conv_out = gid;
	return gid <= e->mine ? SEARCH_SEEN : SEARCH_UNSEEN;
}

static void store_many(struct fixture *f, uint64_t from, uint64_t to, const char *body)
{
	uint32_t n;
	for (uint64_t i = from; i <= to; i++) {
		struct store_msg m = {.gid = ++f->gid,
			.seq = 1,
			.sender = 1,
			.ts_ms = 1000,
			.enc = IM_ENC_TEXT,
			.body = im_str(body)};
		assert_int_equal(f->gid, i);
		assert_int_equal(store_memory.begin(f->store), IM_OK);
		assert_int_equal(
			store_memory.conv(f->store, IM_CONV_GROUP, i, 0, true, &m.conv), IM_OK);
		assert_int_equal(m.conv, i);
		assert_int_equal(store_memory.append(f->store, &m), IM_OK);
		assert_int_equal(store_memory.commit(f->store, NULL), IM_OK);
	}
	assert_int_equal(search_index_pass(f->index, 100000, 0, &n), IM_OK);
}

/* Conversations 1..1200 are the caller's; 1201..4000 are not, and full of the word. */
static void whoever_has_very_many_conversations_finds_his_own(void **state)
{
	struct fixture *f = *state;
	static struct search_conv convs[1200];
	struct eyes e = {.mine = 1200};
	struct search_query query = {.q = im_str("needle"),
		.convs = convs,
		.n_convs = 1200,
		.want = 3,
		.arg = &e,
		.sight = by_position,
		.hit = on_hit};
	const char *why;
	uint64_t cut;
	for (uint64_t i = 0; i < 1200; i++)
		convs[i] = (struct search_conv){i + 1, i + 1};
	store_many(f, 1, 1200, "hay");
	store_many(f, 1201, 4000, "needle");
	assert_int_equal(search_run(f->search, &query, &cut, &why), IM_OK);
	assert_int_equal(e.hits.n, 0);
	assert_int_equal(cut, 0);
	/* By the words at first, and then by his conversations alone. */
	assert_int_equal(e.asked, 1000);
	/* What is his is found behind all of that, the newest of it first. */
	for (uint64_t gid = 100; gid <= 1000; gid += 300) {
		struct store_msg m = {.gid = gid,
			.conv = gid,
			.seq = 1,
			.sender = 1,
			.ts_ms = 1000,
			.enc = IM_ENC_TEXT,
			.body = im_str("my needle")};
		char op[64];
		assert_int_equal(store_memory.begin(f->store), IM_OK);
		assert_int_equal(store_memory.amend(f->store, &m), IM_OK);
		m = (struct store_msg){.gid = ++f->gid,
			.conv = gid,
			.seq = 2,
			.sender = 1,
			.type = im_str("edit"),
			.enc = IM_ENC_JSON};
		snprintf(op, sizeof(op), "{\"seq\":1,\"body\":\"x\"}");
		m.body = im_str(op);
		assert_int_equal(store_memory.append(f->store, &m), IM_OK);
		assert_int_equal(store_memory.commit(f->store, NULL), IM_OK);
	}
	uint32_t n;
	assert_int_equal(search_index_pass(f->index, 100, 0, &n), IM_OK);
	e = (struct eyes){.mine = 1200};
	for (uint64_t i = 0; i < 1200; i++)
		convs[i] = (struct search_conv){i + 1, i + 1};
	assert_int_equal(search_run(f->search, &query, &cut, &why), IM_OK);
	assert_int_equal(e.hits.n, 3);
	assert_int_equal(e.hits.gid[0], 1000);
	assert_int_equal(e.hits.gid[1], 700);
	assert_int_equal(e.hits.gid[2], 400);
	/* The rest of a page follows its last hit. */
	query.before_gid = 400;
	e = (struct eyes){.mine = 1200};
	assert_int_equal(search_run(f->search, &query, &cut, &why), IM_OK);
	assert_int_equal(e.hits.n, 1);
	assert_int_equal(e.hits.gid[0], 100);
	/* What is rare on the whole node needs no look at the conversations. */
	query = (struct search_query){.q = im_str("my"),
		.convs = convs,
		.n_convs = 1200,
		.want = 10,
		.arg = &e,
		.sight = by_position,
		.hit = on_hit};
	e = (struct eyes){.mine = 1200};
	assert_int_equal(search_run(f->search, &query, &cut, &why), IM_OK);
	assert_int_equal(e.hits.n, 4);
	assert_int_equal(e.asked, 4);
}

static int one_conv(void *arg, uint64_t gid, uint64_t *conv_out)
{
	struct eyes *e = arg;
	e->asked++;
	*conv_out = gid <= 2000 ? 1 : 2;
	if (*conv_out == 1)
		return SEARCH_ENDED;
	return gid % 1000 == 0 ? SEARCH_SEEN : SEARCH_LEFT_OUT;
}

/* A past that the caller does not see costs him a few rows, however long it is. */
static void a_conversation_that_has_ended_leaves_the_walk(void **state)
{
	struct fixture *f = *state;
	struct search_conv convs[] = {{1, 0}, {2, 0}};
	struct eyes e = {.mine = 0};
	struct search_query query = {.q = im_str("needle"),
		.convs = convs,
		.n_convs = 2,
		.want = 3,
		.arg = &e,
		.sight = one_conv,
		.hit = on_hit};
	const char *why;
	uint64_t cut;
	uint32_t n;
	for (int i = 0; i < 2000; i++)
		store_as(f, 1, 1, "", IM_ENC_TEXT, "needle");
	assert_int_equal(search_index_pass(f->index, 10000, 0, &n), IM_OK);
	assert_int_equal(search_run(f->search, &query, &cut, &why), IM_OK);
	assert_int_equal(e.hits.n, 0);
	assert_int_equal(cut, 0);
	assert_in_range(e.asked, 1, 64);
	/* What he sees and leaves out ends a search after so many, and says where. */
	for (int i = 0; i < 7000; i++)
		store_as(f, 2, 1, "", IM_ENC_TEXT, "needle");
	assert_int_equal(search_index_pass(f->index, 10000, 0, &n), IM_OK);
	e = (struct eyes){.mine = 0};
	query.want = 16;
	assert_int_equal(search_run(f->search, &query, &cut, &why), IM_OK);
	assert_int_equal(cut, 9000 - 5005);
	assert_int_equal(e.hits.n, 6);
	assert_int_equal(e.hits.gid[5], 4000);
	query.before_gid = cut;
	e = (struct eyes){.mine = 0};
	assert_int_equal(search_run(f->search, &query, &cut, &why), IM_OK);
	assert_int_equal(cut, 0);
	assert_int_equal(e.hits.n, 1);
	assert_int_equal(e.hits.gid[0], 3000);
}

/* -- the index of an older version -- */

#define OLD_INDEX "tests/e2e/upgrade/search_v3.sql"

static void load_old_index(const char *folder)
{
	char path[128];
	sqlite3 *db;
	FILE *file = fopen(OLD_INDEX, "r");
	struct im_buf sql;
	size_t n;
	im_buf_init(&sql, 0);
	assert_non_null(file);
	while ((n = fread(im_buf_add(&sql, 4096), 1, 4096, file)) == 4096)
		;
	sql.n -= 4096 - n;
	fclose(file);
	im_buf_c(&sql, '\0');
	snprintf(path, sizeof(path), "%s/search.db", folder);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL), SQLITE_OK);
	if (sqlite3_exec(db, sql.p, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s", sqlite3_errmsg(db));
	sqlite3_close(db);
	im_buf_free(&sql);
}

static void open_index(struct fixture *f, const char *folder, struct search_index **out)
{
	struct store_reader *reader;
	struct im_buf why;
	im_buf_init(&why, 0);
	assert_int_equal(store_memory.reader_open(f->store, &reader), IM_OK);
	if (search_index_open(folder, &store_memory, reader, out, &why) != IM_OK)
		fail_msg("%.*s", IM_ARGS(why));
	im_buf_free(&why);
}

/* A node that the version before has left: eight messages, all of them in its index. */
static void take_over(struct fixture *f)
{
	static const char *const texts[] = {"a needle in the hay", "party 🎉 friday",
		"friday — bring snacks", "Straße und Fuß", "ｆｕｌｌｗｉｄｔｈ text",
		"今天天气很好", "old and edited", "Un CAFÉ noir"};
	char path[128];
	search_close(&f->search);
	search_index_stop(&f->index);
	snprintf(path, sizeof(path), "%s/search.db", f->folder);
	assert_int_equal(remove(path), 0);
	load_old_index(f->folder);
	for (size_t i = 0; i < 8; i++)
		store_as(f, 1, 1, "", IM_ENC_TEXT, texts[i]);
	open_index(f, f->folder, &f->index);
	open_search(f->folder, &f->search);
}

static void amend(struct fixture *f, uint64_t seq, const char *body, bool recalled)
{
	struct store_msg m = {.gid = seq,
		.conv = 1,
		.seq = seq,
		.sender = 1,
		.ts_ms = 1000,
		.body = recalled ? (struct im_str){NULL, 0} : im_str(body),
		.recalled = recalled};
	char op[64];
	assert_int_equal(store_memory.begin(f->store), IM_OK);
	assert_int_equal(store_memory.amend(f->store, &m), IM_OK);
	assert_int_equal(store_memory.commit(f->store, NULL), IM_OK);
	snprintf(op, sizeof(op), "{\"seq\":%u}", (unsigned)seq);
	store_as(f, 1, 1, recalled ? "recall" : "edit", IM_ENC_JSON, op);
}

static void pass(struct fixture *f, uint32_t limit)
{
	uint32_t n;
	assert_int_equal(search_index_pass(f->index, limit, 0, &n), IM_OK);
}

/* The same handle asks all the time. */
static void an_old_index_answers_until_the_new_one_has_caught_up(void **state)
{
	struct fixture *f = *state;
	take_over(f);
	assert_int_equal(search_index_gid(f->index), 8);
	assert_int_equal(count(f, "needle"), 1);
	assert_int_equal(count(f, "天气"), 1);
	assert_int_equal(count(f, "party 🎉 friday"), 1);
	assert_int_equal(count(f, "friday — bring"), 1);
	assert_int_equal(count(f, "fullwidth"), 0);
	assert_refused(f, "🎉", "holds nothing");
	/* It is kept up to the log while the other is built. */
	store_as(f, 1, 1, "", IM_ENC_TEXT, "news 🎉 today");
	amend(f, 7, "young and edited", false);
	amend(f, 4, NULL, true);
	pass(f, 3);
	assert_int_equal(search_index_gid(f->index), 11);
	assert_int_equal(count(f, "news"), 1);
	assert_int_equal(count(f, "young"), 1);
	assert_int_equal(count(f, "old"), 0);
	assert_int_equal(count(f, "Fuß"), 0);
	assert_int_equal(count(f, "needle"), 1);
	assert_refused(f, "🎉", "holds nothing");
	/* Over a restart, too. */
	search_index_stop(&f->index);
	open_index(f, f->folder, &f->index);
	pass(f, 4);
	assert_refused(f, "🎉", "holds nothing");
	assert_int_equal(search_index_gid(f->index), 11);
	pass(f, 4);
	assert_int_equal(count(f, "🎉"), 2);
	assert_int_equal(count(f, "friday — bring"), 1);
	assert_int_equal(count(f, "fullwidth"), 1);
	assert_int_equal(count(f, "天气"), 1);
	assert_int_equal(count(f, "young"), 1);
	assert_int_equal(count(f, "old"), 0);
	assert_int_equal(count(f, "Fuß"), 0);
	assert_int_equal(count(f, "fuss"), 0);
	assert_int_equal(search_index_gid(f->index), 11);
	add(f, "and it goes on");
	assert_int_equal(count(f, "goes"), 1);
}

/* If there is one. */
static void copy_file(const char *from, const char *to, const char *name)
{
	char path[128], block[4096];
	FILE *in, *out;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", from, name);
	in = fopen(path, "rbe");
	if (!in)
		return;
	snprintf(path, sizeof(path), "%s/%s", to, name);
	out = fopen(path, "wbe");
	assert_non_null(out);
	while ((n = fread(block, 1, sizeof(block), in)) > 0)
		assert_int_equal(fwrite(block, 1, n, out), n);
	assert_int_equal(ferror(in), 0);
	fclose(in);
	assert_int_equal(fclose(out), 0);
}

/* What lies on the disk after each transaction goes on to the same end. */
static void a_crash_at_any_step_of_the_change_loses_nothing(void **state)
{
	struct fixture *f = *state, crashed = {.store = f->store};
	int steps = 0;
	take_over(f);
	store_as(f, 1, 1, "", IM_ENC_TEXT, "news 🎉 today");
	for (bool done = false; !done; steps++) {
		struct hits h;
		uint32_t n;
		strcpy(crashed.folder, "/tmp/im-search-XXXXXX");
		assert_non_null(mkdtemp(crashed.folder));
		copy_file(f->folder, crashed.folder, "search.db");
		copy_file(f->folder, crashed.folder, "search.db-wal");
		open_index(f, crashed.folder, &crashed.index);
		open_search(crashed.folder, &crashed.search);
		assert_int_equal(count(&crashed, "needle"), 1);
		do
			assert_int_equal(search_index_pass(crashed.index, 2, 0, &n), IM_OK);
		while (n);
		assert_int_equal(count(&crashed, "🎉"), 2);
		assert_int_equal(count(&crashed, "needle"), 1);
		assert_int_equal(search_index_gid(crashed.index), 9);
		search_close(&crashed.search);
		search_index_stop(&crashed.index);
		assert_int_equal(folder_remove(crashed.folder), 0);
		pass(f, 1);
		h = look(f, "bring", 0, "");
		assert_int_equal(h.n, 1);
		done = look(f, "fullwidth", 0, "").n == 1;
	}
	assert_int_equal(steps, 9);
}

static void a_full_disk_holds_the_change_up_and_no_more(void **state)
{
	struct fixture *f = *state;
	struct rlimit limit, small;
	char path[128];
	struct stat st;
	uint32_t n;
	int failed = 0;
	take_over(f);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	small = limit;
	snprintf(path, sizeof(path), "%s/search.db-wal", f->folder);
	for (rlim_t room = 0; look(f, "fullwidth", 0, "").n == 0; room += 2000) {
		small.rlim_cur = (stat(path, &st) == 0 ? (rlim_t)st.st_size : 0) + room;
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
		failed += search_index_pass(f->index, 3, 0, &n) != IM_OK;
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
		/* Found all the time, and taken in as soon as there is room. */
		assert_int_equal(count(f, "needle"), 1);
	}
	assert_true(failed >= 3);
	assert_int_equal(count(f, "fullwidth"), 1);
	assert_int_equal(count(f, "天气"), 1);
}

static void run_on(struct fixture *f, const char *sql)
{
	char path[128];
	sqlite3 *db;
	snprintf(path, sizeof(path), "%s/search.db", f->folder);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s", sqlite3_errmsg(db));
	sqlite3_close(db);
}

/* The old index answers, so it has to follow the log for as long as it cannot be dropped. */
static void an_old_index_that_cannot_be_dropped_goes_on(void **state)
{
	struct fixture *f = *state;
	uint32_t n;
	take_over(f);
	run_on(f, "CREATE TRIGGER no BEFORE DELETE ON meta BEGIN SELECT RAISE(ABORT, 'no'); END");
	for (int i = 0; i < 3; i++) {
		store_as(f, 1, 1, "", IM_ENC_TEXT, "another needle");
		assert_int_equal(search_index_pass(f->index, 100, 0, &n), IM_E_IO);
		assert_int_equal(search_index_gid(f->index), f->gid);
		assert_int_equal(count(f, "needle"), 2 + i);
		assert_refused(f, "🎉", "holds nothing");
	}
	run_on(f, "DROP TRIGGER no");
	pass(f, 100);
	assert_int_equal(count(f, "needle"), 4);
	assert_int_equal(count(f, "🎉"), 1);
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

static unsigned rows(struct fixture *f, const char *match)
{
	char path[128];
	sqlite3 *db;
	sqlite3_stmt *st;
	unsigned n;
	snprintf(path, sizeof(path), "%s/search.db", f->folder);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v2(
			db, "SELECT count(*) FROM words_content WHERE c0 LIKE ?1", -1, &st, NULL),
		SQLITE_OK);
	sqlite3_bind_text(st, 1, match, -1, SQLITE_STATIC);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = (unsigned)sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return n;
}

static void a_conversation_is_forgotten_in_passes(void **state)
{
	struct fixture *f = *state;
	uint32_t n;
	unsigned passes = 0;
	for (int i = 0; i < 1200; i++)
		store_as(f, 1, 1, "", IM_ENC_TEXT, "secret words");
	for (int i = 0; i < 5; i++)
		store_as(f, 2, 1, "", IM_ENC_TEXT, "other words");
	assert_int_equal(search_index_pass(f->index, 2000, 0, &n), IM_OK);
	assert_int_equal(rows(f, "secret%"), 1200);
	while (!search_index_forget(f->index, 1)) {
		assert_int_equal(search_index_pass(f->index, 100, 0, &n), IM_OK);
		assert_true(++passes < 10);
	}
	assert_int_equal(passes, 3);
	assert_int_equal(rows(f, "secret%"), 0);
	assert_int_equal(rows(f, "other%"), 5);
	/* It may be asked for again, of this one or another. */
	assert_false(search_index_forget(f->index, 2));
	assert_int_equal(search_index_pass(f->index, 0, 0, &n), IM_OK);
	assert_true(search_index_forget(f->index, 2));
	assert_int_equal(rows(f, "%"), 0);
}

static void an_old_index_forgets_as_well(void **state)
{
	struct fixture *f = *state;
	take_over(f);
	assert_int_equal(count(f, "needle"), 1);
	assert_false(search_index_forget(f->index, 1));
	pass(f, 1);
	assert_int_equal(search_index_gid(f->index), 8);
	assert_int_equal(count(f, "needle"), 0);
	assert_true(search_index_forget(f->index, 1));
}

/* How often the word stands in search.db or its write-ahead log. */
static unsigned in_files(const struct fixture *f, const char *word)
{
	static const char *const ends[] = {"", "-wal"};
	unsigned found = 0;
	for (int i = 0; i < 2; i++) {
		char path[96], *data;
		size_t n = 0, at = 0;
		FILE *in;
		snprintf(path, sizeof(path), "%s/search.db%s", f->folder, ends[i]);
		data = malloc(8 << 20);
		in = fopen(path, "r");
		assert_non_null(data);
		if (in) {
			n = fread(data, 1, 8 << 20, in);
			fclose(in);
		}
		for (; at + strlen(word) <= n; at++)
			found += memcmp(data + at, word, strlen(word)) == 0;
		free(data);
	}
	return found;
}

/* Erased messages: many, so that their terms are in several parts of the index. */
static void what_is_dropped_leaves_the_files_as_well(void **state)
{
	struct fixture *f = *state;
	uint64_t gids[IM_ERASE_STRETCH];
	char body[64];
	uint32_t n;
	for (int i = 0; i < 2 * IM_ERASE_STRETCH; i++) {
		snprintf(body, sizeof(body), "%s%d stays%d", i % 2 ? "zqxv" : "keepme", i, i);
		if (i % 2)
			gids[i / 2] = store_as(f, 1, 1, "", IM_ENC_TEXT, body);
		else
			store_as(f, 1, 2, "", IM_ENC_TEXT, body);
		if (i % 50 == 0)
			assert_int_equal(search_index_pass(f->index, 100, 0, &n), IM_OK);
	}
	assert_int_equal(search_index_pass(f->index, 100, 0, &n), IM_OK);
	assert_int_equal(count(f, "zqxv399"), 1);
	assert_true(in_files(f, "zqxv") > 0);
	assert_true(search_index_drop(f->index, gids, IM_ERASE_STRETCH));
	assert_false(search_index_drop(f->index, gids, 1));
	assert_false(search_index_drop(f->index, NULL, 0));
	assert_int_equal(search_index_pass(f->index, 100, 0, &n), IM_OK);
	assert_true(search_index_drop(f->index, NULL, 0));
	assert_int_equal(count(f, "zqxv*"), 0);
	assert_int_equal(count(f, "keepme398"), 1);
	assert_true(in_files(f, "zqxv") > 0);
	assert_false(search_index_purged(f->index));
	for (int i = 0; i < 1000 && !search_index_purged(f->index); i++)
		assert_int_equal(search_index_pass(f->index, 100, 0, &n), IM_OK);
	assert_int_equal(in_files(f, "zqxv"), 0);
	assert_true(in_files(f, "keepme") > 0);
	assert_int_equal(count(f, "keepme398"), 1);
	assert_int_equal(count(f, "stays1"), 0);
	/* It is asked for anew. */
	assert_false(search_index_purged(f->index));
}

/* While a new index is built beside the one that answers, both lose it. */
static void what_is_dropped_leaves_an_old_index_too(void **state)
{
	struct fixture *f = *state;
	struct store_msg m = {.gid = 1, .recalled = true};
	uint64_t gid = 1;
	take_over(f);
	pass(f, 2);
	assert_int_equal(count(f, "needle"), 1);
	assert_true(in_files(f, "needle") >= 2);
	assert_int_equal(store_memory.begin(f->store), IM_OK);
	assert_int_equal(store_memory.amend(f->store, &m), IM_OK);
	assert_int_equal(store_memory.commit(f->store, NULL), IM_OK);
	assert_true(search_index_drop(f->index, &gid, 1));
	assert_false(search_index_purged(f->index));
	for (int i = 0; i < 1000 && !search_index_purged(f->index); i++)
		pass(f, 0);
	assert_true(search_index_drop(f->index, NULL, 0));
	assert_int_equal(count(f, "needle"), 0);
	assert_int_equal(in_files(f, "needle"), 0);
	assert_refused(f, "🎉", "holds nothing"); /* still the old one */
	pass(f, 100);
	assert_int_equal(count(f, "needle"), 0);
	assert_int_equal(count(f, "snacks"), 1);
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
		CASE(a_beginning_has_two_characters_at_least),
		CASE(what_holds_no_token_is_no_term),
		CASE(an_emoji_is_a_token),
		CASE(texts_are_folded_as_unicode_says),
		CASE(very_long_words_and_heaps_of_marks_are_bounded),
		CASE(a_conversation_that_has_ended_leaves_the_walk),
		CASE(a_search_is_narrowed_by_conversation_sender_and_type),
		CASE(a_snippet_marks_the_hit),
		CASE(a_snippet_marks_the_hit_to_its_end_without_spaces_too),
		CASE(an_edited_or_recalled_message_is_found_as_it_is_now),
		CASE(system_messages_and_bytes_are_not_indexed),
		CASE(an_old_index_answers_until_the_new_one_has_caught_up),
		CASE(a_crash_at_any_step_of_the_change_loses_nothing),
		CASE(a_full_disk_holds_the_change_up_and_no_more),
		CASE(an_old_index_that_cannot_be_dropped_goes_on),
		CASE(an_index_that_cannot_be_used_is_built_again),
		CASE(an_index_that_is_somebody_elses_is_built_again),
		CASE(an_index_stays_when_descriptors_or_a_lock_are_wanting),
		CASE(a_pass_takes_in_many_steps_up_to_its_limit),
		CASE(a_pass_that_may_take_in_nothing_still_forgets),
		CASE(what_is_dropped_leaves_the_files_as_well),
		CASE(what_is_dropped_leaves_an_old_index_too),
		CASE(whoever_has_very_many_conversations_finds_his_own),
		CASE(a_conversation_is_forgotten_in_passes),
		CASE(an_old_index_forgets_as_well),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
