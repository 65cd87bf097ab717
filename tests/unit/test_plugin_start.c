/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The plugin's start: whatever it fails for, it says why and leaves nothing open in the broker's
 * process, which may go on without it. What it allocates the linker has wrapped; what it leaks the
 * sanitizer finds.
 */
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/fake_internal.h"
#include "tests/lib/folder.h"
#include "tests/unit/descriptors.h"
#include "tests/unit/plugin_node.h"

/* While the plugin is initialised: which call finds no memory, and how many there were. */
static struct {
	pthread_t thread;
	bool armed;
	long fail_at, calls;
} memory = {.fail_at = -1};

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
	if (memory.armed && pthread_equal(pthread_self(), memory.thread) &&
		memory.calls++ == memory.fail_at)
		return NULL;
	return __real_calloc(n, size);
}

int __real_mosquitto_plugin_init(
	mosquitto_plugin_id_t *id, void **userdata, struct mosquitto_opt *o, int n);
int __wrap_mosquitto_plugin_init(
	mosquitto_plugin_id_t *id, void **userdata, struct mosquitto_opt *o, int n);

int __wrap_mosquitto_plugin_init(
	mosquitto_plugin_id_t *id, void **userdata, struct mosquitto_opt *o, int n)
{
	int rc;

	memory.thread = pthread_self();
	memory.calls = 0;
	memory.armed = true;
	rc = __real_mosquitto_plugin_init(id, userdata, o, n);
	memory.armed = false;
	memory.fail_at = -1;
	return rc;
}

static const char *const options[] = {"auth_threads", "2", NULL};

static void load(struct node *n)
{
	assert_int_equal(node_load(n, true, options), MOSQ_ERR_SUCCESS);
	node_unload(n);
}

/* The broker calls nothing of a plugin that it has not got. */
static void assert_no_hooks(void)
{
	for (size_t i = 0; i < sizeof(fake->hooks) / sizeof(fake->hooks[0]); i++)
		assert_null(fake->hooks[i].fn);
}

static void refuse(struct node *n, const char *said)
{
	assert_int_equal(node_load(n, true, options), MOSQ_ERR_INVAL);
	if (!fake_logged(said))
		fail_msg("\"%s\" is not said", said);
	assert_no_hooks();
	fake_close();
}

static void no_file_that_is_a_folder_leaves_anything_open(void **state)
{
	static const struct {
		const char *name, *said;
	} files[] = {
		{"directory.db", "directory.db"},
		{"directory.db-wal", "directory.db"},
		{"link.secret", "link.secret"},
		{"spool", "/spool: "},
	};
	char path[128], aside[128];
	unsigned before;
	struct node n;
	bool moved;

	(void)state;
	node_folder(&n);
	load(&n);
	sqlite3_close(n.db);
	n.db = NULL;
	snprintf(aside, sizeof(aside), "%s/aside", n.dir);
	before = descriptors();
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", n.dir, files[i].name);
		moved = rename(path, aside) == 0;
		assert_int_equal(mkdir(path, 0700), 0);
		refuse(&n, files[i].said);
		assert_int_equal(descriptors(), before);
		assert_int_equal(rmdir(path), 0);
		if (moved)
			assert_int_equal(rename(aside, path), 0);
		load(&n);
	}
	node_folder_remove(&n);
}

static void no_memory_anywhere_leaves_anything_open(void **state)
{
	unsigned before, failed = 0;
	struct node n;
	long calls;

	(void)state;
	node_folder(&n);
	load(&n);
	load(&n);
	calls = memory.calls;
	before = descriptors();
	for (long at = 0; at < calls; at++) {
		memory.fail_at = at;
		if (node_load(&n, true, options) == MOSQ_ERR_SUCCESS) {
			node_unload(&n);
		} else {
			/* Without memory for the plugin itself the broker says it. */
			assert_true(at == 0 || fake_logged("plugin not loaded: "));
			assert_no_hooks();
			fake_close();
			failed++;
		}
		assert_int_equal(descriptors(), before);
	}
	assert_true(failed > 20);
	load(&n);
	node_folder_remove(&n);
}

/* Its client id would be denied to the user himself until the bridge has written it. */
static void whose_a_client_id_is_must_be_readable(void **state)
{
	struct node n;

	(void)state;
	node_start(&n, true, NULL);
	n.commit = false;
	assert_non_null(node_client(&n, "alice", "phone", 4));
	node_settle(&n);
	node_crash(&n);
	node_sql(&n, "ALTER TABLE user RENAME TO away");
	refuse(&n, "whose the client ids in the spool are could not be read");
	node_sql(&n, "ALTER TABLE away RENAME TO user");
	assert_int_equal(node_load(&n, true, NULL), MOSQ_ERR_SUCCESS);
	assert_non_null(node_client(&n, "alice", "phone", 4));
	node_stop(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_file_that_is_a_folder_leaves_anything_open),
		cmocka_unit_test(no_memory_anywhere_leaves_anything_open),
		cmocka_unit_test(whose_a_client_id_is_must_be_readable),
	};

	return cmocka_run_group_tests_name("plugin start", tests, NULL, NULL);
}
