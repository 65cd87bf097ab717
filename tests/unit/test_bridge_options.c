/* SPDX-License-Identifier: BSD-3-Clause */
/* im-bridge.conf's table, reloading, and the form of log lines. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <unistd.h>

#include "bridge/base/health.h"
#include "bridge/base/log.h"
#include "bridge/options.h"
#include "common/limits.h"
#include "common/may.h"

static void defaults_are_complete_but_for_the_data_folder(void **state)
{
	struct options o;
	struct im_buf why;

	(void)state;
	im_buf_init(&why, 0);
	assert_int_equal(options_parse(&o, IM_STR("# nothing\n"), "x.conf", &why), IM_E_FORMAT);
	assert_non_null(memmem(why.p, why.n, "data_dir", 8));
	im_buf_reset(&why);
	assert_int_equal(options_parse(&o, IM_STR("data_dir /d\n"), "x.conf", &why), IM_OK);
	assert_string_equal(o.data_dir, "/d");
	assert_string_equal(o.link_username, "im-bridge");
	assert_int_equal(o.backlog_bytes, 64 * 1024 * 1024);
	assert_int_equal(o.log_level, LOG_LEVEL_INFO);
	assert_int_equal(o.log_dest, LOG_AUTO);
	assert_true(o.presence);
	options_clear(&o);
	im_buf_free(&why);
}

static void words_mean_what_the_enums_say(void **state)
{
	struct options o;
	struct im_buf why;

	(void)state;
	im_buf_init(&why, 0);
	assert_int_equal(options_parse(&o,
				 IM_STR("data_dir /d\nlog_level debug\nlog_dest journal\n"
					"direct_policy contacts\npresence false\n"),
				 "x.conf", &why),
		IM_OK);
	assert_int_equal(o.log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(o.log_dest, LOG_JOURNAL);
	assert_int_equal(im_direct_policy_chosen(o.direct_policy), IM_DIRECT_CONTACTS);
	assert_false(o.presence);
	options_clear(&o);
	im_buf_free(&why);
}

static void wrong_lines_are_named(void **state)
{
	static const char *const bad[] = {"no_such_key 1", "reader_threads 0", "reader_threads x",
		"log_level loud", "data_dir /e", "retention_days -1", "broker"};
	struct options o;
	struct im_buf text, why;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		im_buf_init(&text, 0);
		im_buf_init(&why, 0);
		im_buf_printf(&text, "data_dir /d\n\n%s\n", bad[i]);
		assert_int_equal(
			options_parse(&o, im_buf_view(&text), "x.conf", &why), IM_E_FORMAT);
		assert_memory_equal(why.p, "x.conf:3: ", 10);
		assert_null(o.data_dir);
		im_buf_free(&text);
		im_buf_free(&why);
	}
}

static void brokers_are_a_list_of_different_paths(void **state)
{
	struct options o;
	struct im_buf text, why;

	(void)state;
	im_buf_init(&text, 0);
	im_buf_init(&why, 0);
	assert_int_equal(options_parse(&o, IM_STR("data_dir /d\n"), "x.conf", &why), IM_OK);
	assert_int_equal(o.broker.n, 1);
	assert_string_equal(o.broker.v[0], "/run/mosquitto/im.sock");
	options_clear(&o);
	im_buf_z(&text, "data_dir /d\n");
	for (unsigned i = 1; i <= IM_PEERS_MAX; i++)
		im_buf_printf(&text, "broker /run/%u.sock\n", i);
	assert_int_equal(options_parse(&o, im_buf_view(&text), "x.conf", &why), IM_OK);
	assert_int_equal(o.broker.n, IM_PEERS_MAX);
	assert_string_equal(o.broker.v[0], "/run/1.sock");
	assert_string_equal(o.broker.v[7], "/run/8.sock");
	options_clear(&o);
	im_buf_z(&text, "broker /run/9.sock\n");
	assert_int_equal(options_parse(&o, im_buf_view(&text), "x.conf", &why), IM_E_FORMAT);
	assert_buf(&why,
		"x.conf:10: broker is given more than 8 times, which is the most; leave this one "
		"out");
	assert_null(o.broker.v);
	im_buf_free(&text);
	im_buf_free(&why);
}

static void reloaded(const char *before, const char *after, const char *fixed)
{
	struct options o, fresh;
	struct im_buf text;

	im_buf_init(&text, 0);
	assert_int_equal(options_parse(&o, im_str(before), "x", &text), IM_OK);
	assert_int_equal(options_parse(&fresh, im_str(after), "x", &text), IM_OK);
	options_reload(&o, &fresh, &text);
	assert_int_equal(text.n, strlen(fixed));
	assert_memory_equal(text.n ? text.p : "", fixed, text.n);
	options_clear(&o);
	options_clear(&fresh);
	im_buf_free(&text);
}

static void another_broker_takes_a_restart(void **state)
{
	static const char one[] = "data_dir /d\nbroker /a\n",
			  two[] = "data_dir /d\nbroker /a\nbroker /b\n";

	(void)state;
	reloaded(one, one, "");
	reloaded(two, two, "");
	reloaded(one, two, "broker");
	reloaded(two, one, "broker");
	reloaded(two, "data_dir /d\nbroker /a\nbroker /c\n", "broker");
	reloaded(one, "data_dir /d\n", "broker");
	reloaded("data_dir /d\n", "data_dir /d\nbroker /run/mosquitto/im.sock\n", "");
}

static void reloading_takes_what_may_change(void **state)
{
	struct options o, fresh;
	struct im_buf text;

	(void)state;
	im_buf_init(&text, 0);
	assert_int_equal(options_parse(&o, IM_STR("data_dir /d\n"), "x", &text), IM_OK);
	assert_int_equal(options_parse(&fresh,
				 IM_STR("data_dir /other\nretention_days 7\npresence false\n"
					"reader_threads 9\nlog_level error\n"),
				 "x", &text),
		IM_OK);
	options_reload(&o, &fresh, &text);
	assert_buf(&text, "data_dir reader_threads");
	assert_string_equal(o.data_dir, "/d");
	assert_int_equal(o.retention_days, 7);
	assert_int_equal(o.reader_threads, 2);
	assert_int_equal(o.log_level, LOG_LEVEL_ERROR);
	assert_false(o.presence);
	options_clear(&o);
	options_clear(&fresh);
	im_buf_free(&text);
}

/* -- log -- */

struct pipe_log {
	int fd[2];
	struct log *log;
};

static void log_to_pipe(struct pipe_log *p, enum log_level level, enum log_dest dest)
{
	assert_int_equal(pipe(p->fd), 0);
	p->log = log_new(p->fd[1], level, dest);
	assert_non_null(p->log);
}

static const char *written(struct pipe_log *p)
{
	static char text[65536];
	ssize_t n;

	close(p->fd[1]);
	n = read(p->fd[0], text, sizeof(text) - 1);
	assert_true(n >= 0);
	text[n] = '\0';
	close(p->fd[0]);
	log_free(&p->log);
	return text;
}

static void a_line_is_level_verb_and_pairs(void **state)
{
	struct pipe_log p;

	(void)state;
	log_to_pipe(&p, LOG_LEVEL_INFO, LOG_STDERR);
	log_line(p.log, LOG_LEVEL_INFO, "linked", "broker=%s n=%d", "/x", 3);
	log_line(p.log, LOG_LEVEL_DEBUG, "hidden", "a=1");
	log_line(p.log, LOG_LEVEL_WARNING, "odd", "why=\"%s\"", "two\nlines\t\x1b[0m");
	assert_string_equal(written(&p), "info linked broker=/x n=3\n"
					 "warning odd why=\"two lines  [0m\"\n");
}

static void the_journal_gets_priorities(void **state)
{
	struct pipe_log p;

	(void)state;
	log_to_pipe(&p, LOG_LEVEL_ERROR, LOG_JOURNAL);
	log_line(p.log, LOG_LEVEL_ERROR, "e", "a=1");
	log_set_level(p.log, LOG_LEVEL_DEBUG);
	log_line(p.log, LOG_LEVEL_DEBUG, "d", "a=1");
	assert_string_equal(written(&p), "<3>error e a=1\n<7>debug d a=1\n");
}

static void long_lines_are_cut_and_stay_one_line(void **state)
{
	static char text[5000];
	struct pipe_log p;
	const char *line;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	log_to_pipe(&p, LOG_LEVEL_INFO, LOG_STDERR);
	log_line(p.log, LOG_LEVEL_INFO, "long", "a=%s", text);
	line = written(&p);
	assert_in_range(strlen(line), 500, 2000);
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

static void repeats_are_left_out(void **state)
{
	struct pipe_log p;
	const char *line;
	int lines = 0;

	(void)state;
	log_to_pipe(&p, LOG_LEVEL_INFO, LOG_STDERR);
	for (int i = 0; i < 1000; i++)
		log_line(p.log, LOG_LEVEL_INFO, "flood", "i=%d", i);
	log_line(p.log, LOG_LEVEL_INFO, "other", "a=1");
	for (line = written(&p); *line; line = strchr(line, '\n') + 1)
		lines++;
	assert_int_equal(lines, 21);
}

static void health_is_a_json_object(void **state)
{
	struct health h = {.messages_stored = 5};
	struct health_gauges g = {.linked = true, .epoch = UINT64_MAX, .uptime_ms = 9};
	struct im_buf b;

	(void)state;
	im_buf_init(&b, 0);
	health_json(&h, &g, &b);
	assert_memory_equal(b.p, "{\"linked\":true,\"stalled\":false,\"frames_up\":0,", 45);
	assert_non_null(memmem(b.p, b.n, "\"messages_stored\":5,", 20));
	assert_non_null(memmem(b.p, b.n, "\"epoch\":\"18446744073709551615\"", 30));
	assert_memory_equal(b.p + b.n - 15, ",\"uptime_ms\":9}", 15);
	im_buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_complete_but_for_the_data_folder),
		cmocka_unit_test(words_mean_what_the_enums_say),
		cmocka_unit_test(wrong_lines_are_named),
		cmocka_unit_test(brokers_are_a_list_of_different_paths),
		cmocka_unit_test(another_broker_takes_a_restart),
		cmocka_unit_test(reloading_takes_what_may_change),
		cmocka_unit_test(a_line_is_level_verb_and_pairs),
		cmocka_unit_test(the_journal_gets_priorities),
		cmocka_unit_test(long_lines_are_cut_and_stay_one_line),
		cmocka_unit_test(repeats_are_left_out),
		cmocka_unit_test(health_is_a_json_object),
	};

	return cmocka_run_group_tests_name("bridge options", tests, NULL, NULL);
}
