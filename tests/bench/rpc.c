/* SPDX-License-Identifier: BSD-3-Clause */
/* JSON-RPC as the load generator needs it; see rpc.h. */
#include "tests/bench/rpc.h"

#include <stdio.h>
#include <string.h>

int rpc_member(struct slice object, const char *name, struct slice *value_out)
{
	struct jsonit it;
	struct slice key, value;
	int step, found = -1;
	if (jsonit_open(&it, object) || it.close != '}')
		return -1;
	while ((step = jsonit_next(&it, &key, &value)) == 1) {
		if (slice_is(key, name)) {
			*value_out = value;
			found = 0;
		}
	}
	return step == 0 ? found : -1;
}

int rpc_reply(struct slice payload, uint64_t *id_out, struct slice *result_out)
{
	struct slice id;
	if (rpc_member(payload, "id", &id) || jsonit_u64(id, id_out))
		return -1;
	if (rpc_member(payload, "result", result_out) == 0)
		return 0;
	return rpc_member(payload, "error", result_out) == 0 ? 1 : -1;
}

static int check_one(struct rpc_check *check, struct slice conv, uint64_t seq)
{
	uint32_t i = 0;
	while (i < check->convs && !slice_is(conv, check->seen[i].conv))
		i++;
	if (i == check->convs) {
		if (i == RPC_CONVS_MAX || conv.n >= RPC_CONV_SIZE)
			return -1;
		memcpy(check->seen[i].conv, conv.p, conv.n);
		check->seen[i].conv[conv.n] = 0;
		check->convs++;
	} else if (seq != check->seen[i].last_seq + 1) {
		return -1;
	}
	check->seen[i].last_seq = seq;
	return 0;
}

long rpc_messages(struct slice list, struct rpc_check *check, const char **why_out)
{
	struct jsonit it;
	struct slice key, message, value, conv;
	uint64_t seq;
	long count = 0;
	int step;
	*why_out = "the list of messages is malformed";
	if (jsonit_open(&it, list) || it.close != ']')
		return -1;
	while ((step = jsonit_next(&it, &key, &message)) == 1) {
		if (rpc_member(message, "conv", &value) || jsonit_plain(value, &conv) ||
			rpc_member(message, "seq", &value) || jsonit_u64(value, &seq)) {
			*why_out = "a message without conv or seq";
			return -1;
		}
		if (check && check_one(check, conv, seq)) {
			*why_out = "a conversation has a hole or a repeat";
			return -1;
		}
		count++;
	}
	return step == 0 ? count : -1;
}

int rpc_fill(char *buf, size_t cap, const char *template, const char *name)
{
	size_t n = 0;
	while (*template && n < cap) {
		if (template[0] == '%' && template[1] == 'u') {
			n += (size_t)snprintf(buf + n, cap - n, "%s", name);
			template += 2;
		} else {
			buf[n++] = *template ++;
		}
	}
	if (n >= cap)
		return -1;
	buf[n] = 0;
	return 0;
}
