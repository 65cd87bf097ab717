/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What comes before the log can be used: reaching a server, being let in, whether it is one that
 * can hold the log, and the schema. Each refusal is a sentence that says what to do.
 */
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "bridge/cluster/pg_server.h"
#include "bridge/cluster/pg_why.h"
#include "tests/cluster/log_node.h"

#define TEST(test) cmocka_unit_test_setup_teardown(test, log_set_up, log_tear_down)

static void execute(struct log_world *w, const char *sql)
{
	postgres_execute(w->pg, w->database, sql);
}

/* A node with this connection string is refused, or waits, with this in the sentence. */
static void refused(struct log_world *w, const char *conninfo, bool fatal, const char *why)
{
	struct log_node *n = log_node_new(w, 1, conninfo);

	log_connect_lost(n, 0);
	if (!strstr(n->why, why) || n->fatal != fatal)
		fail_msg("fatal=%d: %s", n->fatal, n->why);
	assert_null(strchr(n->why, '\n'));
	assert_null(strstr(n->why, POSTGRES_PASSWORD));
	log_node_free(&n);
}

static void let_in(struct log_world *w, const char *conninfo)
{
	struct log_node *n = log_node_new(w, 1, conninfo);

	log_connect_new(n);
	log_read(n, 100);
	log_say(n);
	log_node_free(&n);
}

/* -- the schema -- */

static void test_nodes_that_start_at_once_make_one_schema(void **state)
{
	struct log_world *w = *state;

	for (unsigned round = 0; round < 5; round++) {
		struct log_node *nodes[6];

		for (unsigned i = 0; i < 6; i++) {
			nodes[i] = log_node_new(w, i + 1, NULL);
			pg_log_ops.connect(nodes[i]->log, 0);
		}
		for (unsigned i = 0; i < 6; i++) {
			while (!nodes[i]->connected && !nodes[i]->lost)
				log_turn(w);
			if (nodes[i]->lost)
				fail_msg("%s", nodes[i]->why);
		}
		assert_int_equal(
			postgres_number(w->pg, w->database, "SELECT count(*) FROM im.tail"), 1);
		for (unsigned i = 0; i < 6; i++)
			log_node_free(&nodes[i]);
		/* For some of them the schema is there, and empty. */
		execute(w, "DROP SCHEMA im CASCADE");
		if (round % 2 == 0)
			execute(w, "CREATE SCHEMA im AUTHORIZATION im");
	}
}

static void test_a_schema_that_is_half_way_is_brought_to_its_end(void **state)
{
	struct log_world *w = *state;

	execute(w, "CREATE SCHEMA im AUTHORIZATION im");
	execute(w, "SET ROLE im; CREATE TABLE im.version (one integer PRIMARY KEY, number"
		   " integer NOT NULL); INSERT INTO im.version VALUES (1, 0)");
	let_in(w, NULL);
	assert_int_equal(postgres_number(w->pg, w->database, "SELECT number FROM im.version"), 1);
}

static void test_a_newer_schema_is_refused(void **state)
{
	struct log_world *w = *state;

	let_in(w, NULL);
	execute(w, "UPDATE im.version SET number = 1000");
	refused(w, NULL, true, "the schema im has version 1000, this program knows up to");
	execute(w, "DELETE FROM im.version");
	refused(w, NULL, true, "im.version is empty");
	assert_int_equal(postgres_number(w->pg, w->database, "SELECT incarnation FROM im.node"), 1);
}

static void test_a_schema_of_somebody_elses_is_refused(void **state)
{
	struct log_world *w = *state;

	let_in(w, NULL);
	execute(w, "ALTER TABLE im.entry DROP COLUMN digest");
	refused(w, NULL, true, "the schema im is not the one that this program has made");
}

/* -- rights -- */

static void test_a_role_without_rights_is_told_which(void **state)
{
	struct log_world *w = *state;

	execute(w, "CREATE ROLE guest LOGIN PASSWORD '" POSTGRES_PASSWORD "'");
	refused(w, log_conninfo(w, "guest"), true, "GRANT CREATE ON DATABASE");
	let_in(w, NULL);
	refused(w, log_conninfo(w, "guest"), true, "permission denied for schema im");
	execute(w, "GRANT USAGE ON SCHEMA im TO guest; GRANT SELECT ON ALL TABLES IN SCHEMA im TO"
		   " guest");
	refused(w, log_conninfo(w, "guest"), true, "or make it the owner of the schema im");
	execute(w, "GRANT ALL ON ALL TABLES IN SCHEMA im TO guest");
	let_in(w, log_conninfo(w, "guest"));
	execute(w, "DROP OWNED BY guest; DROP ROLE guest");
	/* The schema is enough: nobody needs to create others. */
	execute(w, "DROP SCHEMA im CASCADE; CREATE SCHEMA im AUTHORIZATION im");
	execute(w, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I OWNER TO postgres',"
		   " current_database()); END $$");
	let_in(w, NULL);
}

static void test_the_password_is_that_of_the_file_each_time(void **state)
{
	struct log_world *w = *state;
	const char *path = postgres_file(w->pg, "other", "wrong\n");
	struct log_node *n;

	w->password_file = path;
	n = log_node_new(w, 1, NULL);
	log_connect_lost(n, 0);
	assert_true(n->fatal);
	assert_non_null(strstr(n->why, "password authentication failed for user \"im\""));
	assert_non_null(strstr(n->why, "into the password file"));
	assert_null(strstr(n->why, "wrong"));
	assert_null(strstr(n->why, "LOCATION"));
	(void)postgres_file(w->pg, "other", POSTGRES_PASSWORD); /* without a line's end */
	log_connect_new(n);
	assert_int_equal(chmod(path, 0604), 0);
	log_connect_lost(n, 1);
	assert_true(n->fatal);
	assert_non_null(strstr(n->why, "has mode 604, so others may know the password"));
	assert_int_equal(unlink(path), 0);
	log_connect_lost(n, 1);
	assert_true(n->fatal);
	assert_non_null(strstr(n->why, "No such file"));
	log_node_free(&n);
}

static void test_a_connection_string_holds_no_password_and_is_not_repeated(void **state)
{
	struct log_world *w = *state;
	char text[512];

	snprintf(text, sizeof(text), "%s password='%s'", log_conninfo(w, "im"), POSTGRES_PASSWORD);
	refused(w, text, true, "holds a password");
	refused(w, "postgresql://im:" POSTGRES_PASSWORD "@[localhost/im", true,
		"none that libpq knows");
	refused(w, "postgresql://im:secret@localhost/im", true, "holds a password");
	refused(w, "no=such", true, "none that libpq knows");
}

static void test_a_uri_does_as_well(void **state)
{
	struct log_world *w = *state;
	char text[512];

	snprintf(text, sizeof(text), "postgresql://im@/%s?host=%s&port=%d", w->database,
		postgres_host(w->pg), postgres_port(w->pg));
	let_in(w, text);
}

/* -- reaching it -- */

static void test_what_is_not_there_is_told(void **state)
{
	struct log_world *w = *state;
	char text[512];

	snprintf(text, sizeof(text), "host=%s port=%d user=im dbname=nowhere", postgres_host(w->pg),
		postgres_port(w->pg));
	refused(w, text, true, "create the database");
	refused(w, log_conninfo(w, "nobody"), true, "password");
	snprintf(text, sizeof(text), "host=%s port=1 user=im dbname=%s", postgres_host(w->pg),
		w->database);
	refused(w, text, false, "connection to server");
}

/* Takes connections as far as the kernel does, and never says anything. */
static int silent_server(struct log_world *w, int port)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s/.s.PGSQL.%d", postgres_host(w->pg), port);
	unlink(a.sun_path);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

static void test_a_silent_host_is_passed_by_with_the_next_attempt(void **state)
{
	struct log_world *w = *state;
	int fd = silent_server(w, 1111);
	struct log_node *n;
	char text[512];

	snprintf(text, sizeof(text), "host=%s,%s port=1111,%d user=im dbname=%s connect_timeout=1",
		postgres_host(w->pg), postgres_host(w->pg), postgres_port(w->pg), w->database);
	n = log_node_new(w, 1, text);
	log_connect_lost(n, 0);
	assert_false(n->fatal);
	assert_non_null(strstr(n->why, "not answered in time"));
	log_connect(n, 0);
	log_connect(n, 1);
	log_node_free(&n);
	close(fd);
}

static void test_a_host_that_refuses_is_passed_by_at_once(void **state)
{
	struct log_world *w = *state;
	char text[512];

	snprintf(text, sizeof(text), "host=%s,%s port=1,%d user=im dbname=%s", postgres_host(w->pg),
		postgres_host(w->pg), postgres_port(w->pg), w->database);
	let_in(w, text);
}

/* -- what it is -- */

static void test_who_may_only_read_waits(void **state)
{
	struct log_world *w = *state;

	execute(w, "ALTER ROLE im SET default_transaction_read_only = on");
	refused(w, NULL, false, "default_transaction_read_only");
	execute(w, "ALTER ROLE im RESET ALL");
	let_in(w, NULL);
}

static void test_what_the_role_was_given_does_not_hold_here(void **state)
{
	struct log_world *w = *state;
	struct log_node *n;

	struct postgres_hand *hand;
	struct cluster_entry e;

	execute(w, "ALTER ROLE im SET default_transaction_isolation = 'serializable';"
		   "ALTER ROLE im SET lock_timeout = '50ms';"
		   "ALTER ROLE im SET search_path = 'pg_temp';"
		   "ALTER ROLE im SET client_min_messages = 'error'");
	n = log_node_new(w, 1, NULL);
	log_connect_new(n);
	hand = postgres_hold(w->pg, w->database, "BEGIN; SELECT * FROM im.tail FOR UPDATE");
	e = log_entry(n);
	pg_log_ops.append(n->log, &n->at, &e);
	execute(w, "SELECT pg_sleep(0.2)");
	postgres_release(&hand, "COMMIT");
	log_await(n, &n->appended, 1);
	assert_int_equal(n->answer, CLUSTER_TAKEN);
	execute(w, "ALTER ROLE im RESET ALL");
	log_node_free(&n);
}

static unsigned lines_with(const char *text, const char *what)
{
	unsigned n = 0;

	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

static void test_what_a_server_does_not_promise_is_said_once(void **state)
{
	struct log_world *w = *state;
	struct log_node *n = log_node_new(w, 1, NULL);
	const char *lines;

	log_connect(n, 0);
	log_connect(n, 1);
	lines = log_lines(w);
	assert_int_equal(lines_with(lines, "warning cluster_server"), 1);
	assert_non_null(strstr(lines, "synchronous_standby_names is empty"));
	execute(w, "ALTER ROLE im SET synchronous_commit = off");
	log_connect(n, 2);
	log_connect(n, 3);
	lines = log_lines(w);
	assert_int_equal(lines_with(lines, "warning cluster_server"), 1);
	assert_non_null(strstr(lines, "synchronous_commit is off for this role"));
	execute(w, "ALTER ROLE im RESET ALL");
	log_node_free(&n);
}

static void assert_verdict(struct pg_server s, enum pg_verdict verdict, const char *says)
{
	struct im_buf why;

	im_buf_init(&why, 0);
	assert_int_equal(pg_server_check(&s, &why), verdict);
	im_buf_c(&why, '\0');
	assert_true(verdict == PG_SERVER_FIT ? why.n == 1 : strstr(why.p, says) != NULL);
	im_buf_free(&why);
}

static void test_a_server_is_new_enough_and_writes(void **state)
{
	const struct pg_server good = {150000, false, false, "s1", "on", "on", "on"};
	struct pg_server s = good;

	(void)state;
	assert_verdict(s, PG_SERVER_FIT, NULL);
	assert_null(pg_server_doubt(&s, 0));
	s.version = 149999;
	assert_verdict(s, PG_SERVER_UNFIT, "is PostgreSQL 14, this program needs 15");
	s.standby = true;
	assert_verdict(s, PG_SERVER_UNFIT, "upgrade it");
	s.version = 180001;
	assert_verdict(s, PG_SERVER_WAIT, "is a standby");
	s = good;
	s.read_only = true;
	assert_verdict(s, PG_SERVER_WAIT, "set it to off");
	s = (struct pg_server){150000, false, false, "", "off", "off", "off"};
	assert_non_null(strstr(pg_server_doubt(&s, 0), "synchronous_standby_names"));
	assert_non_null(strstr(pg_server_doubt(&s, 1), "fsync"));
	assert_non_null(strstr(pg_server_doubt(&s, 2), "full_page_writes"));
	assert_non_null(strstr(pg_server_doubt(&s, 3), "synchronous_commit"));
	assert_null(pg_server_doubt(&s, PG_DOUBTS_MAX));
	s.fsync = "on";
	assert_non_null(strstr(pg_server_doubt(&s, 1), "full_page_writes"));
}

static void test_a_state_is_found_in_what_libpq_says(void **state)
{
	char found[6];

	(void)state;
	assert_true(pg_why_state("connection to server failed: FATAL:  28P01: no", found));
	assert_string_equal(found, "28P01");
	assert_true(pg_why_state("ERREUR :  x\n a:  12:  3D000: y", found));
	assert_string_equal(found, "3D000");
	assert_false(pg_why_state("could not connect: No such file", found));
	assert_false(pg_why_state("FATAL:  28P0", found));
	assert_false(pg_why_state(":  ", found));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nodes_that_start_at_once_make_one_schema),
		TEST(test_a_schema_that_is_half_way_is_brought_to_its_end),
		TEST(test_a_newer_schema_is_refused),
		TEST(test_a_schema_of_somebody_elses_is_refused),
		TEST(test_a_role_without_rights_is_told_which),
		TEST(test_the_password_is_that_of_the_file_each_time),
		TEST(test_a_connection_string_holds_no_password_and_is_not_repeated),
		TEST(test_a_uri_does_as_well),
		TEST(test_what_is_not_there_is_told),
		TEST(test_a_silent_host_is_passed_by_with_the_next_attempt),
		TEST(test_a_host_that_refuses_is_passed_by_at_once),
		TEST(test_who_may_only_read_waits),
		TEST(test_what_the_role_was_given_does_not_hold_here),
		TEST(test_what_a_server_does_not_promise_is_said_once),
		cmocka_unit_test(test_a_server_is_new_enough_and_writes),
		cmocka_unit_test(test_a_state_is_found_in_what_libpq_says),
	};

	return cmocka_run_group_tests(tests, log_group_set_up, log_group_tear_down);
}
