/* SPDX-License-Identifier: BSD-3-Clause */
/* Any bytes as the body of a shared log's entry, whose rows are looked into as far as they go. */
#include "tests/fuzz/fuzz.h"

#include "bridge/cluster/entry.h"
#include "db/rowcode.h"

static int on_row(void *arg, const struct entry_row *r)
{
	struct im_str in = r->row.n ? r->row : r->key;
	struct rowcode_value v;
	unsigned *rows = arg;
	int rc;

	CHECK(in.n);
	while (!(rc = rowcode_take(&in, &v)))
		;
	CHECK(rc == IM_E_FORMAT || (rc == IM_E_NONE && !in.n));
	++*rows;
	return IM_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct im_str body = fuzz_str(data, size);
	unsigned rows = 0, peer;
	int rc = entry_read(body, on_row, NULL, &rows);

	CHECK(rc == IM_OK || rc == IM_E_FORMAT);
	CHECK(rc || entry_peer(body, &peer) == IM_OK);
	return 0;
}
