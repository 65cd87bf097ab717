/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the one backup that may be running, and the copies that it is making. Called by the admin
 * command, and by upkeep for each step. */
#include "bridge/upkeep/backup.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db/sqldb_backup.h"

struct backup {
	struct backup_parts p;
	char *folder; /* NULL: none is running */
	struct sqldb_backup *dir_copy;
	struct store_copy *log_copy;
	bool stepped, directory_done;
	struct held held; /* the answer to the command that began it */
};

struct backup *backup_new(const struct backup_parts *p)
{
	struct backup *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->p = *p;
	held_init(&b->held);
	return b;
}

static void end(struct backup *b)
{
	sqldb_backup_end(&b->dir_copy);
	b->p.backend->backup_end(&b->log_copy);
	free(b->folder);
	b->folder = NULL;
	held_clear(&b->held);
	b->stepped = b->directory_done = false;
}

void backup_free(struct backup **b)
{
	if (!*b)
		return;
	end(*b);
	free(*b);
	*b = NULL;
}

bool backup_running(const struct backup *b)
{
	return b->folder != NULL;
}

static int check_folder(const struct backup *b, const char *folder, struct im_buf *why)
{
	struct stat st, data;

	if (mkdir(folder, 0700) && errno != EEXIST) {
		im_buf_printf(why,
			"%s cannot be made: %s; give one in a folder that is there and that the "
			"bridge's user can write to",
			folder, strerror(errno));
		return IM_E_IO;
	}
	if (stat(folder, &st) || !S_ISDIR(st.st_mode) || access(folder, W_OK)) {
		im_buf_printf(why, "%s is no folder that the bridge can write to", folder);
		return IM_E_IO;
	}
	if (stat(b->p.data_dir, &data) == 0 && data.st_dev == st.st_dev &&
		data.st_ino == st.st_ino) {
		im_buf_printf(
			why, "%s holds the databases themselves; give another folder", folder);
		return IM_E_IO;
	}
	return IM_OK;
}

int backup_start(struct backup *b, struct im_str folder, struct im_buf *why)
{
	char *copy;
	int rc;

	if (b->folder && !b->stepped && im_str_eqz(folder, b->folder))
		return IM_OK;
	if (b->folder) {
		im_buf_printf(why, "a backup to %s is running", b->folder);
		return IM_E_EXISTS;
	}
	if (memchr(folder.p, '\0', folder.n)) {
		im_buf_z(why, "the folder's name holds a NUL");
		return IM_E_IO;
	}
	copy = strndup(folder.p, folder.n);
	if (!copy)
		return IM_E_NOMEM;
	rc = check_folder(b, copy, why);
	if (rc) {
		free(copy);
		return rc;
	}
	b->folder = copy;
	log_line(b->p.log, LOG_LEVEL_INFO, "backup_begun", "folder=%s", copy);
	return IM_OK;
}

bool backup_hold(struct backup *b, struct im_str uid, struct im_str device, struct im_str response)
{
	return b->folder && !b->stepped && held_keep(&b->held, uid, device, response);
}

/* Turns the good answer of the command into a bad one. */
static void put_failure(struct im_buf *response, struct im_str why)
{
	json_t *root = json_loadb(response->p, response->n, 0, NULL);
	json_t *list = json_object_get(root, "responses");
	json_t *one, *name;
	char *text;
	size_t i;

	json_array_foreach(list, i, one)
	{
		name = json_object_get(one, "command");
		if (!json_is_string(name) || strcmp(json_string_value(name), "backup") != 0 ||
			json_object_get(one, "error"))
			continue;
		json_object_del(one, "data");
		json_object_set_new(one, "error",
			json_sprintf("%s: %.*s", im_err_text(IM_E_INTERNAL), IM_ARGS(why)));
		json_object_set_new(one, "code", json_integer(IM_E_INTERNAL));
	}
	text = root ? json_dumps(root, JSON_COMPACT) : NULL;
	if (text) {
		im_buf_reset(response);
		im_buf_z(response, text);
	}
	free(text);
	json_decref(root);
}

static int copy_some(struct backup *b, bool *done_out, struct im_buf *why)
{
	bool done = false;
	int rc;

	*done_out = false;
	if (b->directory_done)
		return b->p.backend->backup_step(
			b->p.store, b->folder, &b->log_copy, done_out, why);
	rc = directory_backup_step(b->p.dir, b->folder, &b->dir_copy, &done, why);
	b->directory_done = done;
	return rc;
}

void backup_step(struct backup *b, held_reply_fn reply, void *arg)
{
	struct im_buf why;
	bool done;
	int rc;

	if (!b->folder)
		return;
	im_buf_init(&why, 0);
	b->stepped = true;
	rc = copy_some(b, &done, &why);
	if (rc || done) {
		if (rc)
			log_line(b->p.log, LOG_LEVEL_ERROR, "backup_failed", "why=\"%.*s\"",
				IM_ARGS(im_buf_view(&why)));
		else
			log_line(b->p.log, LOG_LEVEL_INFO, "backup_done", "folder=%s", b->folder);
		if (rc)
			put_failure(&b->held.response, im_buf_view(&why));
		held_release(&b->held, reply, arg);
		end(b);
	}
	im_buf_free(&why);
}
