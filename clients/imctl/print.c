/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * JSON for people. Called by main.c for what is not asked for with --json. Pure but for the stream
 * it writes to.
 */
#include "clients/imctl/print.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/buf.h"

#define COLUMNS_MAX 12
#define INDENT 2

/* Members that hold milliseconds since 1970; other members in _ms hold a duration. */
static bool is_time(const char *name)
{
	static const char *const names[] = {"ts", "created", "created_ms", "seen_ms", "joined_ms",
		"muted_until", "sent_ms", "closed_ms", "ts_ms", "first_ms", "asked_ms", "done_ms",
		"since_ms", "until_ms", "ended_ms"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* What a member is called where its value is shown: a date is none of milliseconds. */
static struct im_str label_of(const char *name)
{
	size_t n = strlen(name);

	if (is_time(name) && n > 3 && strcmp(name + n - 3, "_ms") == 0)
		n -= 3;
	return (struct im_str){name, n};
}

static void put_time(struct im_buf *b, json_int_t ms)
{
	struct tm tm;
	char text[32];
	time_t s = (time_t)(ms / 1000);

	if (ms <= 0)
		im_buf_c(b, '-');
	else if (gmtime_r(&s, &tm) && strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		im_buf_z(b, text);
}

static void put_clean(struct im_buf *b, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];
		/* C0, DEL, and C1 (0xc2 0x80..0x9f) can drive a terminal. */
		if (c == 0xc2 && i + 1 < n && (unsigned char)p[i + 1] < 0xa0) {
			im_buf_c(b, '?');
			i++;
		} else {
			im_buf_c(b, c < 0x20 || c == 0x7f ? '?' : (char)c);
		}
	}
}

static void put_value(struct im_buf *b, const char *name, const json_t *v)
{
	if (json_is_string(v)) {
		put_clean(b, json_string_value(v), json_string_length(v));
	} else if (json_is_integer(v) && is_time(name)) {
		put_time(b, json_integer_value(v));
	} else if (json_is_true(v)) {
		im_buf_z(b, "yes");
	} else if (json_is_false(v)) {
		im_buf_z(b, "no");
	} else if (!v || json_is_null(v)) {
		im_buf_c(b, '-');
	} else {
		char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
		if (text)
			im_buf_z(b, text);
		free(text);
	}
}

/* Columns on the screen, good enough for Latin text: UTF-8 continuation bytes take none. */
static size_t width_of(struct im_str s)
{
	size_t width = 0;

	for (size_t i = 0; i < s.n; i++)
		width += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return width;
}

struct column {
	char name[32]; /* a longer one is cut and finds nothing */
	size_t width;
};

static bool any_has(const json_t *rows, const char *name)
{
	size_t i;
	json_t *row;

	json_array_foreach(rows, i, row)
	{
		if (json_object_get(row, name))
			return true;
	}
	return false;
}

static size_t read_columns(const json_t *rows, const char *names, struct column *c)
{
	size_t n = 0;

	while (*names && n < COLUMNS_MAX) {
		bool maybe = *names == '?';
		size_t len;

		names += maybe;
		len = strcspn(names, " ");
		snprintf(c[n].name, sizeof(c[n].name), "%.*s", (int)len, names);
		c[n].width = label_of(c[n].name).n;
		n += !maybe || any_has(rows, c[n].name);
		names += len + (names[len] == ' ');
	}
	return n;
}

static void put_cell(FILE *out, struct im_str text, size_t width, bool last, struct im_buf *line)
{
	im_buf_str(line, text);
	for (size_t w = width_of(text); !last && w < width + 2; w++)
		im_buf_c(line, ' ');
	if (!last)
		return;
	im_buf_c(line, '\n');
	fwrite(line->p, 1, line->failed ? 0 : line->n, out);
	im_buf_reset(line);
}

static void print_rows(FILE *out, const json_t *rows, const struct column *c, size_t n)
{
	struct im_buf cell, line;
	size_t i;
	json_t *row;

	im_buf_init(&cell, 0);
	im_buf_init(&line, 0);
	for (size_t k = 0; k < n; k++)
		put_cell(out, label_of(c[k].name), c[k].width, k + 1 == n, &line);
	json_array_foreach(rows, i, row)
	{
		for (size_t k = 0; k < n; k++) {
			im_buf_reset(&cell);
			put_value(&cell, c[k].name, json_object_get(row, c[k].name));
			put_cell(out, im_buf_view(&cell), c[k].width, k + 1 == n, &line);
		}
	}
	im_buf_free(&cell);
	im_buf_free(&line);
}

void print_table(FILE *out, const json_t *rows, const char *columns)
{
	struct column c[COLUMNS_MAX];
	struct im_buf cell;
	size_t n = read_columns(rows, columns, c), i;
	json_t *row;

	im_buf_init(&cell, 0);
	json_array_foreach(rows, i, row)
	{
		for (size_t k = 0; k < n; k++) {
			im_buf_reset(&cell);
			put_value(&cell, c[k].name, json_object_get(row, c[k].name));
			size_t width = width_of(im_buf_view(&cell));
			if (width > c[k].width)
				c[k].width = width;
		}
	}
	im_buf_free(&cell);
	print_rows(out, rows, c, n);
}

/* A table with the members of the first row. */
static void print_like_first(FILE *out, const json_t *rows)
{
	struct im_buf columns;
	const char *name;
	json_t *v;

	im_buf_init(&columns, 0);
	json_object_foreach(json_array_get(rows, 0), name, v)
		im_buf_printf(&columns, "%s%s", columns.n ? " " : "", name);
	im_buf_c(&columns, '\0');
	if (!columns.failed)
		print_table(out, rows, columns.p);
	im_buf_free(&columns);
}

static void print_indented(FILE *out, const json_t *object, int indent)
{
	struct im_buf b;
	struct im_str label;
	const char *name;
	json_t *v;

	im_buf_init(&b, 0);
	json_object_foreach((json_t *)object, name, v)
	{
		im_buf_reset(&b);
		label = json_is_integer(v) ? label_of(name) : im_str(name);
		put_clean(&b, label.p, label.n);
		fprintf(out, "%*s%.*s:", indent, "", IM_ARGS(b));
		if (json_is_object(v) && json_object_size(v) > 0) {
			fputc('\n', out);
			print_indented(out, v, indent + INDENT);
			continue;
		}
		if (json_is_object(json_array_get(v, 0))) {
			fputc('\n', out);
			print_like_first(out, v);
			continue;
		}
		im_buf_reset(&b);
		put_value(&b, name, v);
		fprintf(out, " %.*s\n", IM_ARGS(b));
	}
	im_buf_free(&b);
}

void print_object(FILE *out, const json_t *object)
{
	print_indented(out, object, 0);
}

void print_counts(FILE *out, const json_t *object)
{
	const char *name;
	json_t *v;

	json_object_foreach((json_t *)object, name, v)
	{
		fprintf(out, "%s: %" JSON_INTEGER_FORMAT "\n", name, json_integer_value(v));
	}
}

void print_text(FILE *out, const json_t *value)
{
	struct im_buf b;

	im_buf_init(&b, 0);
	put_value(&b, "", value);
	fwrite(b.p, 1, b.failed ? 0 : b.n, out);
	im_buf_free(&b);
}
