/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the search. Called by sync and for what was delivered. */
#include "bridge/rpc/conv_seek.h"

static int on_first(void *arg, const struct store_msg *m)
{
	struct store_head *at = arg;

	*at = (struct store_head){.seq = m->seq, .gid = m->gid};
	return IM_STOP;
}

/* The first message from this seq on; there is one, because the head is never deleted. */
static int first_from(
	struct rpc_read *rd, uint64_t conv, uint64_t seq, uint64_t head, struct store_head *out)
{
	int rc = rd->backend->read_conv(rd->log, conv, seq, head, false, on_first, out);

	return rc == IM_STOP ? IM_OK : rc == IM_OK ? IM_E_NONE : rc;
}

int conv_seek(struct rpc_read *rd, uint64_t conv, uint64_t floor, struct store_head head,
	uint64_t cursor, struct store_head *out)
{
	uint64_t lo = floor, hi = head.seq, step = 1, asked;
	struct store_head probe = {0};
	bool doubling = true;
	int rc;

	while (lo + 1 < hi) {
		if (doubling)
			asked = hi - lo > step ? hi - step : lo + 1;
		else
			asked = lo + (hi - lo) / 2;
		rc = first_from(rd, conv, asked, head.seq, &probe);
		if (rc != IM_OK)
			return rc;
		if (probe.gid > cursor) {
			hi = asked;
			step *= 2;
		} else {
			lo = probe.seq;
			doubling = false;
		}
	}
	*out = head;
	return hi == head.seq ? IM_OK : first_from(rd, conv, hi, head.seq, out);
}
