/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the comparison. Called by the service through the engine. */
#include "bridge/admin/erasure_again.h"

#include "bridge/admin/account_end.h"
#include "bridge/rpc/rpc_args.h"
#include "bridge/upkeep/erasure_list.h"
#include "schema/name_key.h"

struct work {
	struct erasure_again *p;
	struct rpc_write write;
};

struct known {
	const struct directory_erasure *wanted;
	bool found;
};

static int on_known(void *arg, const struct directory_erasure *e)
{
	struct known *k = arg;

	k->found |= e->words && e->created_ms == k->wanted->created_ms &&
		    e->asked_ms == k->wanted->asked_ms && im_str_eq(e->hash, k->wanted->hash);
	return IM_OK;
}

/* Nobody did it but what was decided before; the groups are told that the user has left. */
static int erase(struct work *w, const struct account *a, const struct directory_erasure *e)
{
	uint64_t id;
	int rc;

	w->write.call.uid = im_str(a->uid);
	w->write.call.user = a->id;
	rc = account_erase(&w->write, a, e->hash, e->asked_ms, &id);
	if (rc == IM_OK)
		w->p->n++;
	return rc == IM_E_NONE ? IM_OK : rc;
}

static int on_line(void *arg, const struct directory_erasure *e)
{
	struct work *w = arg;
	struct known k = {.wanted = e};
	struct directory_user u;
	struct account a;
	int rc = directory_user_by_id(w->write.call.dir, e->user, &u);

	/* He was made after the backup, and his number may be another one's. */
	if (rc == IM_E_NONE || (rc == IM_OK && u.created_ms != e->created_ms))
		return IM_OK;
	if (rc != IM_OK)
		return rc;
	a = account_of(&u);
	rc = directory_erasure_of_user(w->write.call.dir, e->user, on_known, &k);
	return rc != IM_OK || k.found ? rc : erase(w, &a, e);
}

/* Without the key the hashes say nothing. */
static int look_for_key(const struct erasure_again *p, struct directory *d)
{
	struct im_sipkey key;
	struct im_buf why;
	bool needed = false;
	int rc = directory_erasure_names(d, &needed);

	im_buf_init(&why, 0);
	if (needed && name_key_read(p->data_dir, &key, &why) != IM_OK)
		log_line(p->log, LOG_LEVEL_ERROR, "names_key",
			"why=\"%.*s\" what=\"names that were erased can be given again; restore "
			"it\"",
			IM_ARGS(im_buf_view(&why)));
	im_buf_free(&why);
	return rc;
}

int erasure_again(void *arg, struct writer *w)
{
	struct erasure_again *p = arg;
	struct im_buf result, refusal;
	struct work work = {.p = p,
		.write = {.call = {.admin = true,
				  .now_ms = p->now_ms,
				  .dir = writer_directory(w),
				  .result = &result,
				  .why = &refusal},
			.writer = w}};
	size_t odd = 0;
	int rc;

	/* It may be called again, when nothing has come of it. */
	p->n = 0;
	im_buf_reset(p->why);
	im_buf_init(&result, 0);
	im_buf_init(&refusal, 0);
	rc = erasure_list_each(p->data_dir, on_line, &work, &odd, p->why);
	if (odd)
		log_line(p->log, LOG_LEVEL_WARNING, "erasures_odd",
			"lines=%zu what=\"these lines of the list of erasures are none\"", odd);
	im_buf_free(&result);
	im_buf_free(&refusal);
	return rc == IM_OK ? look_for_key(p, work.write.call.dir) : rc;
}
