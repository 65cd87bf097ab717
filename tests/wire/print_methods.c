/* SPDX-License-Identifier: BSD-3-Clause */
/* Prints the bridge's table of methods as JSON, limits included: the schemas of schema/wire are
 * held to what the program really checks, and not to how its sources spell it. */
#include <inttypes.h>
#include <stdio.h>

#include "bridge/rpc/methods/methods.h"

static const char *type_name(const struct rpc_param *p)
{
	switch (p->type) {
	case RPC_STRING:
	case RPC_LINE:
	case RPC_NOTE:
		return "text";
	case RPC_STRINGS:
	case RPC_LINES:
		return "texts";
	case RPC_INTEGER:
		return "integer";
	case RPC_INTEGERS:
		return "integers";
	case RPC_BOOLEAN:
		return "boolean";
	case RPC_OBJECT:
		return "object";
	case RPC_ANY:
		break;
	}
	return "any";
}

static void print_method(const struct rpc_method *m)
{
	printf("{\"method\":\"%s\",\"reads\":%s,\"params\":{", m->name,
		rpc_reads(m) ? "true" : "false");
	for (const struct rpc_param *p = m->params; p->name != NULL; p++)
		printf("%s\"%s\":{\"type\":\"%s\",\"required\":%s,\"min\":%" PRId64
		       ",\"max\":%" PRId64 "}",
			p == m->params ? "" : ",", p->name, type_name(p),
			p->required ? "true" : "false", p->min, p->max);
	printf("}}");
}

int main(void)
{
	const char *between = "[";

	for (const struct rpc_method *const *t = methods_all; *t; t++)
		for (const struct rpc_method *m = *t; m->name != NULL; m++) {
			fputs(between, stdout);
			print_method(m);
			between = ",\n";
		}
	return puts("]") < 0 || fflush(stdout) != 0;
}
