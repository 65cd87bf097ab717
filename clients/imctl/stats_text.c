/* SPDX-License-Identifier: BSD-3-Clause */
/* Knows no counter by its name: what a plugin tells is shown, also one of another version. */
#include "clients/imctl/stats_text.h"

#include "clients/imctl/print.h"
#include "common/buf.h"

/* What heads the broker's column: its number, as the table of brokers has it. */
static void put_head(struct im_buf *out, const json_t *broker, size_t i)
{
	const json_t *number = json_object_get(broker, "number");

	im_buf_printf(out, "%" JSON_INTEGER_FORMAT,
		number ? json_integer_value(number) : (json_int_t)i + 1);
	im_buf_c(out, '\0');
}

/* A row a counter that any of them has: {"counter":name, "1":value, "2":value}. */
static void add_rows(json_t *rows, json_t *seen, const json_t *brokers, const json_t *plugin)
{
	const char *name;
	json_t *v, *broker, *row;
	struct im_buf head;
	size_t i;

	im_buf_init(&head, 0);
	json_object_foreach((json_t *)plugin, name, v)
	{
		if (json_object_get(seen, name))
			continue;
		row = json_pack("{s:s}", "counter", name);
		json_object_set_new(seen, name, json_true());
		json_array_foreach(brokers, i, broker)
		{
			im_buf_reset(&head);
			put_head(&head, broker, i);
			v = json_object_get(json_object_get(broker, "plugin"), name);
			if (v && !head.failed)
				json_object_set(row, head.p, v);
		}
		json_array_append_new(rows, row);
	}
	im_buf_free(&head);
}

static void print_plugins(FILE *out, const json_t *brokers)
{
	json_t *rows = json_array(), *seen = json_object(), *broker;
	struct im_buf columns, head;
	size_t i;

	im_buf_init(&columns, 0);
	im_buf_init(&head, 0);
	im_buf_z(&columns, "counter");
	json_array_foreach(brokers, i, broker)
	{
		im_buf_reset(&head);
		put_head(&head, broker, i);
		im_buf_printf(&columns, " %s", head.failed ? "" : head.p);
		add_rows(rows, seen, brokers, json_object_get(broker, "plugin"));
	}
	im_buf_c(&columns, '\0');
	fputs("plugins:\n", out);
	if (!columns.failed)
		print_table(out, rows, columns.p);
	im_buf_free(&head);
	im_buf_free(&columns);
	json_decref(rows);
	json_decref(seen);
}

void stats_print(FILE *out, const json_t *result)
{
	const json_t *brokers = json_object_get(result, "brokers");
	json_t *rest = json_copy((json_t *)result);
	bool several = json_array_size(brokers) > 1;

	json_object_del(rest, "brokers");
	if (several)
		json_object_del(rest, "plugin");
	print_object(out, rest);
	json_decref(rest);
	if (!several)
		return;
	fputs("brokers:\n", out);
	print_table(out, brokers,
		json_object_get(json_array_get(brokers, 0), "number")
			? "number linked ?silent_ms broker"
			: "linked broker");
	print_plugins(out, brokers);
}
