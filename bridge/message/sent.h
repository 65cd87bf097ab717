/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a client says with a publish to a send topic: its envelope, and beside it the MQTT
 * properties, which may say the same and must not say another thing.
 */
#ifndef IM_BRIDGE_SENT_H
#define IM_BRIDGE_SENT_H

#include "common/buf.h"
#include "common/envelope.h"
#include "common/err.h"
#include "common/frame.h"
#include "common/msgprops.h"
#include "common/str.h"

/* Borrows from the record and from the reader. */
struct sent {
	struct im_str id;       /* n == 0: none */
	struct im_envelope env; /* its meta includes what came as properties */
	struct im_props props;
	struct im_str why; /* it cannot be taken */
};

/* The memory of reading; what was read before is void. */
struct sent_reader {
	struct im_buf scratch, meta, why;
};

void sent_reader_init(struct sent_reader *r);
void sent_reader_clear(struct sent_reader *r);
/* *out is empty before. IM_E_NOMEM; any other code is an answer to the client, with why, and with
 * the id if one could be read. */
int sent_read(struct sent_reader *r, const struct im_up_rec *rec, struct sent *out) IM_MUST_CHECK;

#endif
