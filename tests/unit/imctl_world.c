/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the folder. */
#include "tests/unit/imctl_world.h"

#include <stdio.h>
#include <unistd.h>

int world_set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	strcpy(w->folder, "/tmp/im-imctl-XXXXXX");
	assert_non_null(mkdtemp(w->folder));
	im_buf_init(&w->why, 0);
	*state = w;
	return 0;
}

int world_tear_down(void **state)
{
	static const char *const names[] = {"directory.db", "directory.db-wal", "directory.db-shm",
		"bridge.lock", "imctl.conf", "list"};
	struct world *w = *state;
	char path[128];

	offline_close(&w->o);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", w->folder, names[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(w->folder), 0);
	im_buf_free(&w->why);
	free(w);
	return 0;
}

const char *world_why(struct world *w)
{
	im_buf_c(&w->why, '\0');
	return w->why.p;
}

void world_file(struct world *w, const char *name, const char *text, char path[128])
{
	snprintf(path, 128, "%s/%s", w->folder, name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

void world_open(struct world *w)
{
	if (offline_open(w->folder, &w->o, &w->why) != IMCTL_OK)
		fail_msg("%s", world_why(w));
}
