/* SPDX-License-Identifier: BSD-3-Clause */
/* Order and exactly-once checks of the load generator; see verify.h. */
#include "tests/bench/verify.h"

#include <stdarg.h>
#include <stdio.h>

void verdict_fail(struct verdict *v, const char *format, ...)
{
	v->failures++;
	if (v->notes == VERDICT_NOTES)
		return;
	va_list args;
	va_start(args, format);
	vsnprintf(v->note[v->notes++], VERDICT_NOTE_SIZE, format, args);
	va_end(args);
}

enum verify_result verify_dense(struct verify_stream *s, uint32_t number)
{
	if (number < s->next)
		return VERIFY_REPEAT;
	enum verify_result result = number == s->next ? VERIFY_OK : VERIFY_HOLE;
	s->next = number + 1;
	return result;
}

enum verify_result verify_rising(struct verify_stream *s, uint32_t number)
{
	if (number < s->next)
		return VERIFY_REPEAT;
	s->next = number + 1;
	return VERIFY_OK;
}

const char *verify_name(enum verify_result result)
{
	switch (result) {
	case VERIFY_OK:
		return "ok";
	case VERIFY_REPEAT:
		return "repeated or out of order";
	case VERIFY_HOLE:
		return "one before it is missing";
	}
	return "unknown";
}

/* FNV-1a's step on 64 bits at a time, followed by a mix so that high bits matter too. */
uint64_t verify_digest(uint64_t digest, uint32_t sender, uint32_t number)
{
	digest ^= (uint64_t)sender << 32 | number;
	digest *= 0x100000001b3u;
	return digest ^ digest >> 29;
}
