/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Knows SQLite's file format (sqlite.org/fileformat2.html, "B-tree Pages"): a page of a b-tree has
 * a header, the places of its cells, a gap, and the cells. Between the places and the first cell,
 * and within freed blocks behind their four bytes of chain, nothing is ever read.
 */
#include "db/sqldb_scrub.h"

#include <stdlib.h>
#include <string.h>

#define FILE_HEADER 100
#define LEAF_HEADER 8
#define INNER_HEADER 12
/* Other pages begin with the number of a page, four bytes with the highest first: below so many
 * pages, 128 GiB of 4 KiB each, the first of them is none of a b-tree's kinds. */
#define PAGES_TOLD_APART 0x02000000u

static uint32_t get16(const unsigned char *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

/* True if it was not zero already. */
static bool wipe(unsigned char *p, uint32_t from, uint32_t to)
{
	uint32_t i = from;

	while (i < to && p[i] == 0)
		i++;
	if (i >= to)
		return false;
	memset(p + i, 0, to - i);
	return true;
}

/* Freed blocks are among the cells, chained in the order of their places. */
static bool wipe_blocks(unsigned char *p, uint32_t content, uint32_t size, uint32_t at)
{
	bool changed = false;
	uint32_t n;

	while (at >= content && at + 4 <= size) {
		n = get16(p + at + 2);
		if (n < 4 || n > size - at)
			break;
		changed |= wipe(p, at + 4, at + n);
		if (get16(p + at) <= at)
			break;
		at = get16(p + at);
	}
	return changed;
}

bool sqldb_scrub_page(unsigned char *p, uint32_t size, bool first)
{
	uint32_t head = first ? FILE_HEADER : 0;
	unsigned char kind = p[head];
	uint32_t cells, from, content;
	bool changed;

	if (kind != 2 && kind != 5 && kind != 10 && kind != 13)
		return false;
	cells = get16(p + head + 3);
	content = get16(p + head + 5);
	content = content ? content : 65536;
	from = head + (kind >= 10 ? LEAF_HEADER : INNER_HEADER) + 2 * cells;
	if (content > size || from > content)
		return false; /* not what it looked like */
	changed = wipe(p, from, content);
	return wipe_blocks(p, content, size, get16(p + head + 1)) || changed;
}

static int look_at(sqlite3_file *f, unsigned char *p, uint32_t size, uint32_t page)
{
	sqlite3_int64 at = (sqlite3_int64)page * size;

	if (f->pMethods->xRead(f, p, (int)size, at) != SQLITE_OK)
		return IM_E_IO;
	if (!sqldb_scrub_page(p, size, page == 0))
		return IM_OK;
	return f->pMethods->xWrite(f, p, (int)size, at) == SQLITE_OK ? IM_OK : IM_E_IO;
}

/* Bytes of a page and pages of the file. */
static int measure(sqlite3_file *f, uint32_t *size_out, uint32_t *pages_out)
{
	unsigned char head[FILE_HEADER];
	sqlite3_int64 bytes;

	if (f->pMethods->xRead(f, head, sizeof(head), 0) != SQLITE_OK ||
		f->pMethods->xFileSize(f, &bytes) != SQLITE_OK)
		return IM_E_IO;
	*size_out = get16(head + 16);
	if (*size_out == 1)
		*size_out = 65536;
	if (*size_out < 512 || head[20] != 0)
		return IM_E_FORMAT; /* with bytes of an extension at the end of each page */
	*pages_out = bytes / *size_out < UINT32_MAX ? (uint32_t)(bytes / *size_out) : UINT32_MAX;
	return *pages_out < PAGES_TOLD_APART ? IM_OK : IM_E_FORMAT;
}

int sqldb_scrub(sqlite3 *writer, uint32_t pages, uint32_t *page, bool *done_out)
{
	sqlite3_file *f = NULL;
	unsigned char *p = NULL;
	uint32_t size = 0, n = 0, end;
	int rc = IM_E_IO;

	*done_out = false;
	if (sqlite3_file_control(writer, "main", SQLITE_FCNTL_FILE_POINTER, &f) == SQLITE_OK && f &&
		f->pMethods)
		rc = measure(f, &size, &n);
	if (rc)
		return rc;
	p = malloc(size);
	if (!p)
		return IM_E_NOMEM;
	end = n - (*page < n ? *page : n) > pages ? *page + pages : n;
	for (; rc == IM_OK && *page < end; ++*page)
		rc = look_at(f, p, size, *page);
	if (rc == IM_OK && f->pMethods->xSync(f, SQLITE_SYNC_NORMAL) != SQLITE_OK)
		rc = IM_E_IO;
	free(p);
	/* What the connection has in memory would be written as it was. */
	sqlite3_db_release_memory(writer);
	*done_out = rc == IM_OK && *page >= n;
	return rc;
}
