/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the folder and everything in it. Called by the engine's fixture and by the flow tests. */
#include "tests/unit/rig.h"

#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "bridge/directory/directory_user.h"
#include "tests/lib/folder.h"

static void add_users(struct rig *r, const char *const *users, bool admin, const char *phc)
{
	struct im_buf why;
	uint64_t id;

	im_buf_init(&why, 0);
	assert_int_equal(directory_open(r->folder, &r->dir, &why), IM_OK);
	for (size_t i = 0; users[i]; i++) {
		assert_int_equal(directory_user_create(r->dir, im_str(users[i]),
					 admin && i == 0 ? IM_ROLE_ADMIN : IM_ROLE_USER,
					 im_str(phc), 1, &id),
			IM_OK);
		assert_int_equal(id, i + 1);
	}
	directory_close(&r->dir);
	im_buf_free(&why);
}

void rig_init(struct rig *r, const char *where, const struct store_backend *backend,
	const char *const *users, bool admin, const char *phc, const char *env)
{
	int out = getenv(env) ? 2 : open("/dev/null", O_WRONLY | O_CLOEXEC);

	*r = (struct rig){.backend = *backend};
	snprintf(r->folder, sizeof(r->folder), "%s/im-rig-XXXXXX", where);
	assert_non_null(mkdtemp(r->folder));
	r->log = log_new(out, LOG_LEVEL_DEBUG, LOG_STDERR);
	r->set = (struct engine_settings){
		.rpc = {.group_members_max = 1000,
			.groups_per_user_max = 100,
			.recall_window_s = 120,
			.password_memory_kib = 8192,
			.password_passes = 1,
			.reply_max = 60000},
		.sessions = {.presence = true, .remembered_devices = 100, .device_days = 14},
		.backlog_bytes = 64 * 1024 * 1024,
	};
	add_users(r, users, admin, phc);
}

void rig_open(
	struct rig *r, struct engine_parts *p, uint32_t queue_max, const struct engine_now *now)
{
	struct reader_parts rp = {.backend = &r->backend, .folder = r->folder, .log = r->log};
	struct im_buf why;

	im_buf_init(&why, 0);
	assert_int_equal(directory_open(r->folder, &r->dir, &why), IM_OK);
	if (!r->store)
		assert_int_equal(r->backend.open(r->folder, &r->store, &why), IM_OK);
	rp.store = r->store;
	assert_int_equal(readers_open(&rp, 0, queue_max, &r->readers, &why), IM_OK);
	p->backend = &r->backend;
	p->store = r->store;
	p->dir = r->dir;
	p->readers = r->readers;
	p->log = r->log;
	if (r->opened)
		r->opened(r->arg, p);
	if (engine_new(p, &r->set, now, &r->engine, &why))
		fail_msg("%.*s", IM_ARGS(why));
	im_buf_free(&why);
}

void rig_close(struct rig *r)
{
	engine_free(&r->engine);
	if (r->closes)
		r->closes(r->arg);
	readers_close(&r->readers);
	directory_close(&r->dir);
	if (strcmp(r->backend.name, "memory") != 0) {
		r->backend.close(r->store);
		r->store = NULL;
	}
}

void rig_clear(struct rig *r)
{
	if (r->engine)
		rig_close(r);
	if (r->store)
		r->backend.close(r->store);
	r->store = NULL;
	log_free(&r->log);
	assert_int_equal(folder_remove(r->folder), 0);
}
