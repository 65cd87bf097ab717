/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The spool file: everything accepted and not yet committed by the bridge. Maps the file, keeps
 * others out of it, and hands the memory to ring.c. What is in the mapping survives the death of
 * the process; a power cut may lose the last moments (see ring.h on record numbers).
 */
#ifndef IM_PLUGIN_SPOOL_H
#define IM_PLUGIN_SPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/frame.h"
#include "plugin/ring.h"

struct spool {
	int fd;
	size_t map_size;
	struct ring ring;
	uint64_t boot_recno; /* records below were found at start: what is not durable is void */
};

/*
 * Opens or creates the file with a ring of `size` bytes and recovers what is in it. A file of
 * another size is kept while it holds records. A file that is no spool is moved aside, never
 * deleted. Logs what it finds. On failure returns IM_E_IO or IM_E_NOMEM and why gets a sentence.
 */
int spool_open(struct spool *s, const char *path, uint64_t size, struct im_buf *why) IM_MUST_CHECK;
/* Unmaps; what is left is found at the next start. */
void spool_close(struct spool *s);

/* Appends a record. Keep back half of the ring for durable ones: a record without IM_UPF_DURABLE
 * is refused (IM_E_FULL) when half of it is used. *recno_out may be NULL. */
int spool_put(struct spool *s, const struct im_up_rec *r, uint64_t *recno_out) IM_MUST_CHECK;
/* True if a record that is not durable would be taken now. */
bool spool_has_room(const struct spool *s);
/* True if the record, read from the ring, is not to be carried out any more: it was not durable and
 * the broker has restarted since. */
bool spool_is_void(const struct spool *s, const struct ring_record *rec);

#endif
