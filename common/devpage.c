/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the order of a page and its form. Called by connections.c of the plugin and
 * admin_connections.c of the bridge. */
#include "common/devpage.h"

#include <stdlib.h>
#include <string.h>

#include "common/jsonw.h"

int im_devpage_init(struct im_devpage *pg, struct im_str after, size_t limit)
{
	*pg = (struct im_devpage){.after = after, .limit = limit};
	pg->rows = calloc(limit, sizeof(*pg->rows));
	return pg->rows ? IM_OK : IM_E_NOMEM;
}

void im_devpage_free(struct im_devpage *pg)
{
	free(pg->rows);
	pg->rows = NULL;
}

/* Where in the page it comes. */
static size_t place_of(const struct im_devpage *pg, struct im_str device)
{
	size_t low = 0, high = pg->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (im_str_cmp(pg->rows[mid].device, device) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

void im_devpage_take(struct im_devpage *pg, const struct im_devpage_row *row)
{
	size_t at;

	if (im_str_cmp(row->device, pg->after) <= 0)
		return;
	at = place_of(pg, row->device);
	if (pg->n == pg->limit) {
		pg->more = true;
		if (at == pg->n)
			return;
		pg->n--;
	}
	memmove(pg->rows + at + 1, pg->rows + at, (pg->n - at) * sizeof(*pg->rows));
	pg->rows[at] = *row;
	pg->n++;
}

void im_devpage_put(const struct im_devpage *pg, struct im_buf *out)
{
	im_buf_z(out, "{\"connections\":[");
	for (size_t i = 0; i < pg->n; i++) {
		im_buf_z(out, i ? ",{\"device\":" : "{\"device\":");
		im_jsonw_str(out, pg->rows[i].device);
		im_jsonw_member_int(out, "since_ms", pg->rows[i].since_ms);
		if (pg->rows[i].broker)
			im_jsonw_member_int(out, "broker", pg->rows[i].broker);
		im_buf_c(out, '}');
	}
	im_buf_z(out, "]");
	if (pg->more) {
		im_buf_z(out, ",\"more\":true");
		im_jsonw_member_str(out, "next", pg->rows[pg->n - 1].device);
	}
	im_buf_c(out, '}');
}
