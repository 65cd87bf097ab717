/* SPDX-License-Identifier: BSD-3-Clause */
/* Configuration: what is read, what is refused and in which words, and what the sample says. */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "common/conf.h"

struct conf {
	char *name;
	char *path;
	int64_t size;
	int64_t signed_number;
	bool on;
	int colour;
	struct im_conf_list topics;
	struct im_conf_list hosts;
	struct im_conf_list pair;
};

static const struct im_conf_key keys[] = {
	{.name = "name",
		.type = IM_CONF_STRING,
		.offset = offsetof(struct conf, name),
		.def = "im",
		.help = "What it is called."},
	{.name = "data_path",
		.type = IM_CONF_STRING,
		.offset = offsetof(struct conf, path),
		.required = true,
		.help = "Where everything is kept."},
	{.name = "max_size",
		.type = IM_CONF_INT,
		.offset = offsetof(struct conf, size),
		.def = "64k",
		.min = 1,
		.max = 1 << 20,
		.reloadable = true,
		.help = "How large a thing may be, in bytes. This help is long enough to need a "
			"second line, "
			"so that the sample has to break it somewhere between two words."},
	{.name = "offset",
		.type = IM_CONF_INT,
		.offset = offsetof(struct conf, signed_number),
		.def = "-5",
		.min = -10,
		.max = INT64_MAX},
	{.name = "enabled",
		.type = IM_CONF_BOOL,
		.offset = offsetof(struct conf, on),
		.def = "true",
		.help = "On or off."},
	{.name = "colour",
		.type = IM_CONF_CHOICE,
		.offset = offsetof(struct conf, colour),
		.def = "green",
		.choices = "red|green|blue",
		.help = "Its colour."},
	{.name = "allow_topic",
		.type = IM_CONF_LIST,
		.offset = offsetof(struct conf, topics),
		.help = "May be had."},
	{.name = "host",
		.type = IM_CONF_LIST,
		.offset = offsetof(struct conf, hosts),
		.def = "localhost",
		.help = "Where."},
	{.name = "pair",
		.type = IM_CONF_LIST,
		.offset = offsetof(struct conf, pair),
		.max = 2,
		.help = "Two different ones."},
};
static const struct im_conf_table table = {keys, sizeof(keys) / sizeof(keys[0])};

struct fixture {
	struct conf conf;
	struct im_conf_seen seen;
	struct im_buf why;
};

static int setup(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	im_buf_init(&f.why, 0);
	assert_int_equal(im_conf_defaults(&table, &f.conf), IM_OK);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	im_conf_free(&table, &f->conf);
	im_buf_free(&f->why);
	return 0;
}

static int set(struct fixture *f, const char *key, const char *value)
{
	im_buf_reset(&f->why);
	return im_conf_set(&table, &f->conf, &f->seen, im_str(key), im_str(value), &f->why);
}

static int read_text(struct fixture *f, const char *text)
{
	struct im_str s = im_str(text);
	char *exact = unit_exact(s);
	int rc;

	im_buf_reset(&f->why);
	rc = im_conf_read(&table, &f->conf, (struct im_str){exact, s.n}, "x.conf", &f->why);
	free(exact);
	return rc;
}

static void defaults(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(f->conf.name, "im");
	assert_null(f->conf.path);
	assert_int_equal(f->conf.size, 65536);
	assert_true(f->conf.signed_number == -5);
	assert_true(f->conf.on);
	assert_int_equal(f->conf.colour, 1);
	assert_int_equal(f->conf.topics.n, 0);
	assert_int_equal(f->conf.hosts.n, 1);
	assert_string_equal(f->conf.hosts.v[0], "localhost");
}

static void bad_default_is_told(void **state)
{
	static const struct im_conf_key bad = {
		.name = "n", .type = IM_CONF_INT, .def = "11", .min = 0, .max = 10};
	const struct im_conf_table t = {&bad, 1};
	int64_t n = 0;

	(void)state;
	assert_int_equal(im_conf_defaults(&t, &n), IM_E_FORMAT);
}

static void reads_a_text(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_text(f, "# a comment\n"
				      "\n"
				      "  \t \r\n"
				      "data_path /var/lib/im # not a comment\r\n"
				      "  # another comment\n"
				      "\tname \t two  words \t\n"
				      "max_size 1M\n"
				      "enabled false\n"
				      "colour blue\n"
				      "allow_topic a/#\n"
				      "allow_topic b/+/%u\n"
				      "host one\n"
				      "host two"),
		IM_OK);
	assert_int_equal(f->why.n, 0);
	assert_string_equal(f->conf.path, "/var/lib/im # not a comment");
	assert_string_equal(f->conf.name, "two  words");
	assert_int_equal(f->conf.size, 1 << 20);
	assert_false(f->conf.on);
	assert_int_equal(f->conf.colour, 2);
	assert_int_equal(f->conf.topics.n, 2);
	assert_string_equal(f->conf.topics.v[1], "b/+/%u");
	/* The default is replaced, not added to. */
	assert_int_equal(f->conf.hosts.n, 2);
	assert_string_equal(f->conf.hosts.v[0], "one");
}

static void refusals_name_file_and_line(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_text(f, "data_path /x\n\nmax_sise 5\n"), IM_E_FORMAT);
	assert_buf(&f->why, "x.conf:3: unknown key \"max_sise\"; did you mean max_size?");
	assert_int_equal(read_text(f, "name\n"), IM_E_FORMAT);
	assert_buf(&f->why, "x.conf:1: name cannot be \"\"; give a text");
	im_conf_free(&table, &f->conf);
	assert_int_equal(read_text(f, "# no path\n"), IM_E_FORMAT);
	assert_buf(&f->why, "x.conf: data_path is missing; it has no default");
	assert_int_equal(read_text(f, ""), IM_E_FORMAT);
	assert_buf(&f->why, "x.conf: data_path is missing; it has no default");
	assert_int_equal(read_text(f, "data_path a\ndata_path b\n"), IM_E_FORMAT);
	assert_buf(&f->why, "x.conf:2: data_path is given twice; keep one");
	/* Without an end of the line the comment would be all there is. */
	assert_int_equal(read_text(f, "data_path a\n# b\rmax_size 5\r\n"), IM_E_FORMAT);
	assert_buf(
		&f->why, "x.conf:2: a carriage return within the line: end lines with LF or CR LF");
}

static void integers(void **state)
{
	static const struct {
		const char *text;
		int64_t n;
	} good[] = {{"1", 1}, {"1048576", 1 << 20}, {"1k", 1024}, {"2K", 2048}, {"1M", 1 << 20},
		{"007", 7}};
	static const char *const bad[] = {"0", "1048577", "-1", "2M", "1G", "k", "-", "", " ",
		"1.5", "1kk", "1 k", "1m", "0x10", "ten", "99999999999999999999",
		"9223372036854775807k", "1k1", "+1"};
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		f->seen = (struct im_conf_seen){0};
		assert_int_equal(set(f, "max_size", good[i].text), IM_OK);
		assert_true(f->conf.size == good[i].n);
	}
	f->conf.size = 7;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		f->seen = (struct im_conf_seen){0};
		if (set(f, "max_size", bad[i]) != IM_E_FORMAT)
			fail_msg("taken: %s", bad[i]);
		assert_int_equal(f->conf.size, 7);
	}
	f->seen = (struct im_conf_seen){0};
	assert_int_equal(set(f, "max_size", "2M"), IM_E_FORMAT);
	assert_buf(&f->why, "max_size cannot be \"2M\"; give a whole number from 1 to 1048576 "
			    "(k, M, G: times 1024)");
	assert_int_equal(set(f, "offset", "-10"), IM_OK);
	assert_true(f->conf.signed_number == -10);
	f->seen = (struct im_conf_seen){0};
	assert_int_equal(set(f, "offset", "-11"), IM_E_FORMAT);
	f->seen = (struct im_conf_seen){0};
	assert_int_equal(set(f, "offset", "9223372036854775807"), IM_OK);
	f->seen = (struct im_conf_seen){0};
	assert_int_equal(set(f, "offset", "8G"), IM_OK);
	assert_true(f->conf.signed_number == (int64_t)8 << 30);
}

static void words(void **state)
{
	static const char *const not_bool[] = {"yes", "1", "True", "tru", "truee", "true false"};
	static const char *const not_colour[] = {
		"", "Red", "re", "redd", "red|green", "|", "yellow"};
	struct fixture *f = *state;
	size_t i;

	assert_int_equal(set(f, "enabled", "false"), IM_OK);
	assert_false(f->conf.on);
	for (i = 0; i < sizeof(not_bool) / sizeof(not_bool[0]); i++) {
		f->seen = (struct im_conf_seen){0};
		assert_int_equal(set(f, "enabled", not_bool[i]), IM_E_FORMAT);
	}
	assert_buf(&f->why, "enabled cannot be \"true false\"; give true or false");
	assert_int_equal(set(f, "colour", "red"), IM_OK);
	assert_int_equal(f->conf.colour, 0);
	for (i = 0; i < sizeof(not_colour) / sizeof(not_colour[0]); i++) {
		f->seen = (struct im_conf_seen){0};
		assert_int_equal(set(f, "colour", not_colour[i]), IM_E_FORMAT);
	}
	assert_buf(&f->why, "colour cannot be \"yellow\"; give one of red|green|blue");
	assert_int_equal(
		im_conf_set(&table, &f->conf, NULL, IM_STR("name"), IM_STR("a\0b"), &f->why),
		IM_E_FORMAT);
}

static void given_twice(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(set(f, "name", "im"), IM_OK);
	assert_int_equal(set(f, "name", "im"), IM_E_FORMAT);
	assert_buf(&f->why, "name is given twice; keep one");
	assert_int_equal(set(f, "host", "a"), IM_OK);
	assert_int_equal(set(f, "host", "b"), IM_OK);
	assert_int_equal(f->conf.hosts.n, 2);
	/* Nobody remembers: the last one holds. */
	im_buf_reset(&f->why);
	assert_int_equal(
		im_conf_set(&table, &f->conf, NULL, IM_STR("name"), IM_STR(" x "), &f->why), IM_OK);
	assert_string_equal(f->conf.name, "x");
}

#define KEYS " name, data_path, max_size, offset, enabled, colour, allow_topic, host, pair"

static void the_nearest_key_is_named_or_all_of_them(void **state)
{
	static const struct {
		const char *word, *why;
	} cases[] = {{"colour ", "unknown key \"colour \"; did you mean colour?"},
		{"color", "unknown key \"color\"; did you mean colour?"},
		{"allow-topic", "unknown key \"allow-topic\"; did you mean allow_topic?"},
		{"allowtopics", "unknown key \"allowtopics\"; did you mean allow_topic?"},
		{"Host", "unknown key \"Host\"; did you mean host?"},
		{"something_else", "unknown key \"something_else\"; the keys are" KEYS},
		{"", "unknown key \"\"; the keys are" KEYS}};
	struct fixture *f = *state;
	char longest[200];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(set(f, cases[i].word, "1"), IM_E_FORMAT);
		assert_str_eq(im_buf_view(&f->why), im_str(cases[i].why));
	}
	memset(longest, 'n', sizeof(longest));
	im_buf_reset(&f->why);
	assert_int_equal(im_conf_set(&table, &f->conf, NULL,
				 (struct im_str){longest, sizeof(longest)}, IM_STR("1"), &f->why),
		IM_E_FORMAT);
	assert_int_equal(f->why.n, strlen("unknown key \"\"; the keys are" KEYS) + 80);
}

static void required_list(void **state)
{
	static const struct im_conf_key list = {
		.name = "peer", .type = IM_CONF_LIST, .required = true};
	const struct im_conf_table t = {&list, 1};
	struct im_conf_list peers = {0};
	struct fixture *f = *state;

	assert_int_equal(im_conf_check(&t, &peers, &f->why), IM_E_FORMAT);
	assert_buf(&f->why, "peer is missing; it has no default");
	im_buf_reset(&f->why);
	assert_int_equal(
		im_conf_set(&t, &peers, NULL, IM_STR("peer"), IM_STR("a"), &f->why), IM_OK);
	assert_int_equal(im_conf_check(&t, &peers, &f->why), IM_OK);
	im_conf_free(&t, &peers);
	assert_int_equal(peers.n, 0);
	assert_null(peers.v);
}

static void sample_shows_every_key(void **state)
{
	static const char want[] = "# What it is called.\n"
				   "# Text. Default: im.\n"
				   "#opt_name im\n"
				   "\n"
				   "# Where everything is kept.\n"
				   "# Text. Required.\n"
				   "#opt_data_path\n"
				   "\n"
				   "# How large a thing may be, in bytes. This help is long enough "
				   "to need a second line, so that\n"
				   "# the sample has to break it somewhere between two words.\n"
				   "# Number from 1 to 1048576. Default: 64k. Reloaded on SIGHUP.\n"
				   "#opt_max_size 64k\n"
				   "\n"
				   "# Number from -10 to 9223372036854775807. Default: -5.\n"
				   "#opt_offset -5\n"
				   "\n"
				   "# On or off.\n"
				   "# true or false. Default: true.\n"
				   "#opt_enabled true\n"
				   "\n"
				   "# Its colour.\n"
				   "# One of red|green|blue. Default: green.\n"
				   "#opt_colour green\n"
				   "\n"
				   "# May be had.\n"
				   "# Text; may be given several times. No default.\n"
				   "#opt_allow_topic\n"
				   "\n"
				   "# Where.\n"
				   "# Text; may be given several times. Default: localhost.\n"
				   "#opt_host localhost\n"
				   "\n"
				   "# Two different ones.\n"
				   "# Text; may be given up to 2 times. No default.\n"
				   "#opt_pair\n";
	struct im_buf b;

	(void)state;
	im_buf_init(&b, 0);
	im_conf_sample(&table, "opt_", &b);
	assert_buf(&b, want);
	im_buf_free(&b);
}

/* The sample, its keys made active, is a configuration that is read to the same values. */
static void sample_reads_back(void **state)
{
	struct fixture *f = *state;
	struct im_buf sample, text;
	const char *line, *next;

	im_buf_init(&sample, 0);
	im_buf_init(&text, 0);
	im_conf_sample(&table, "", &sample);
	im_buf_c(&sample, '\0');
	for (line = sample.p; *line; line = next + 1) {
		next = strchr(line, '\n');
		if (line[0] == '#' && line[1] != ' ' && memchr(line, ' ', (size_t)(next - line)))
			im_buf_put(&text, line + 1, (size_t)(next - line));
	}
	im_buf_z(&text, "data_path /x");
	assert_int_equal(
		im_conf_read(&table, &f->conf, im_buf_view(&text), "sample", &f->why), IM_OK);
	assert_int_equal(f->conf.size, 65536);
	assert_int_equal(f->conf.hosts.n, 1);
	im_buf_free(&sample);
	im_buf_free(&text);
}

static void a_list_may_have_a_bound(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(set(f, "pair", "a"), IM_OK);
	assert_int_equal(set(f, "pair", "b"), IM_OK);
	assert_int_equal(set(f, "pair", "c"), IM_E_FORMAT);
	assert_buf(
		&f->why, "pair is given more than 2 times, which is the most; leave this one out");
	assert_int_equal(f->conf.pair.n, 2);
	assert_string_equal(f->conf.pair.v[1], "b");
	/* Others take anything. */
	assert_int_equal(set(f, "host", "a"), IM_OK);
	assert_int_equal(set(f, "host", "a"), IM_OK);
}

static void freed_conf_is_empty(void **state)
{
	struct fixture *f = *state;
	static const struct conf empty;

	assert_int_equal(set(f, "allow_topic", "a"), IM_OK);
	im_conf_free(&table, &f->conf);
	assert_null(f->conf.name);
	assert_int_equal(f->conf.size, 0);
	assert_int_equal(f->conf.colour, 0);
	assert_memory_equal(&f->conf.topics, &empty.topics, sizeof(empty.topics));
	im_conf_free(&table, &f->conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(defaults, setup, teardown),
		cmocka_unit_test(bad_default_is_told),
		cmocka_unit_test_setup_teardown(reads_a_text, setup, teardown),
		cmocka_unit_test_setup_teardown(refusals_name_file_and_line, setup, teardown),
		cmocka_unit_test_setup_teardown(integers, setup, teardown),
		cmocka_unit_test_setup_teardown(words, setup, teardown),
		cmocka_unit_test_setup_teardown(given_twice, setup, teardown),
		cmocka_unit_test_setup_teardown(a_list_may_have_a_bound, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_nearest_key_is_named_or_all_of_them, setup, teardown),
		cmocka_unit_test_setup_teardown(required_list, setup, teardown),
		cmocka_unit_test(sample_shows_every_key),
		cmocka_unit_test_setup_teardown(sample_reads_back, setup, teardown),
		cmocka_unit_test_setup_teardown(freed_conf_is_empty, setup, teardown),
	};

	return cmocka_run_group_tests_name("common_conf", tests, NULL, NULL);
}
