/* SPDX-License-Identifier: BSD-3-Clause */
/* Every table of both databases either belongs to the copy of a shared log or is named here as one
 * that is each node's own. */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "bridge/cluster/copy_tables.h"
#include "bridge/directory/directory.h"
#include "bridge/directory/directory_follow.h"
#include "bridge/store/store_sqlite_follow.h"
#include "tests/lib/folder.h"

#define NAME(name) #name,
static const char *const messages[] = {COPY_MESSAGES(NAME) NULL};
static const char *const directory[] = {COPY_DIRECTORY(NAME) NULL};
/* Numbers of this node; the index of conversations, which is filled by and by; marks of its
 * plugins; how far the copy is. */
static const char *const own_messages[] = {"meta", "pair", "batch", "place", NULL};
/* Its brokers; what its configuration says. */
static const char *const own_directory[] = {"meta", "broker", "setting", "place", NULL};

static unsigned found(const char *const *list, const char *name)
{
	unsigned n = 0;

	for (; *list; list++)
		n += strcmp(*list, name) == 0;
	return n;
}

static unsigned length(const char *const *list)
{
	unsigned n = 0;

	while (list[n])
		n++;
	return n;
}

static void look(struct sqldb *q, const char *const *copied, const char *const *own)
{
	sqlite3_stmt *st = NULL;
	unsigned n = 0;

	assert_non_null(sqldb_prepare(q, &st,
		"SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE "
		"'sqlite_%'"));
	while (sqldb_step(q, st) == SQLDB_ROW) {
		const char *name = (const char *)sqlite3_column_text(st, 0);

		if (found(copied, name) + found(own, name) != 1)
			fail_msg("table %s is in neither list, or in both", name);
		n++;
	}
	sqldb_finalize(&st);
	assert_int_equal(n, length(copied) + length(own));
}

static void test_every_table_is_somebodys(void **state)
{
	char folder[] = "/tmp/im-copy-XXXXXX";
	struct directory *d;
	struct store *s;
	struct im_buf why;

	(void)state;
	im_buf_init(&why, 0);
	assert_non_null(mkdtemp(folder));
	assert_int_equal(directory_open(folder, &d, &why), IM_OK);
	assert_int_equal(store_sqlite.open(folder, &s, &why), IM_OK);
	look(store_sqlite_db(s), messages, own_messages);
	look(directory_db(d), directory, own_directory);
	store_sqlite.close(s);
	directory_close(&d);
	assert_int_equal(folder_remove(folder), 0);
	im_buf_free(&why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_table_is_somebodys),
	};

	return cmocka_run_group_tests_name("bridge copy", tests, NULL, NULL);
}
