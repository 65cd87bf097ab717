/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the order of erasing: the log first, so that the index finds nothing of it any more; then
 * the index; then the directory is told that it is done. Called by retention. */
#include "bridge/upkeep/erase_group.h"

#include "bridge/directory/directory_group.h"

/* The last message of all says that the group was dismissed, and by whom; it stays, as the newest
 * of every conversation does, so that no place in it is given twice. */
static int log_of(const struct erase_group_parts *p, uint64_t conv, uint32_t limit, bool *done_out)
{
	uint32_t n = 0;
	int rc = p->backend->prune(p->store, conv, NULL, 0, INT64_MAX, limit, &n);

	p->health->pruned += n;
	*done_out = rc == IM_OK && n < limit;
	return rc;
}

static int note_done(const struct erase_group_parts *p, uint64_t group)
{
	int rc = directory_begin(p->dir);

	if (rc == IM_OK)
		rc = directory_group_erased(p->dir, group);
	if (rc == IM_OK)
		return directory_commit(p->dir);
	directory_rollback(p->dir);
	return rc;
}

static int one_group(
	const struct erase_group_parts *p, uint64_t group, uint32_t limit, bool *done_out)
{
	uint64_t conv;
	int rc = p->backend->conv(p->store, IM_CONV_GROUP, group, 0, false, &conv);

	*done_out = rc == IM_E_NONE;
	if (rc != IM_OK)
		return rc == IM_E_NONE ? IM_OK : rc;
	rc = log_of(p, conv, limit, done_out);
	if (rc == IM_OK && *done_out && p->index)
		*done_out = search_index_forget(p->index, conv);
	return rc;
}

int erase_group_step(const struct erase_group_parts *p, uint32_t limit, bool *more_out)
{
	uint64_t group;
	bool done;
	int rc = directory_group_to_erase(p->dir, &group);

	*more_out = rc == IM_OK;
	if (rc != IM_OK)
		return rc == IM_E_NONE ? IM_OK : rc;
	rc = one_group(p, group, limit, &done);
	if (rc == IM_OK && done)
		rc = note_done(p, group);
	if (rc == IM_OK && done)
		log_line(p->log, LOG_LEVEL_INFO, "group_erased", "group=%llu",
			(unsigned long long)group);
	return rc;
}
