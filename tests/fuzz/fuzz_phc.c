/* SPDX-License-Identifier: BSD-3-Clause */
/* Any text as a stored password hash, and a line after it as the password. */
#include "tests/fuzz/fuzz.h"

#include "common/phc.h"

/* Large parameters within the bounds are right, but one input would take seconds. */
static bool cheap(struct im_str phc)
{
	char text[IM_PHC_MAX];
	unsigned int memory_kib, passes;

	if (phc.n >= sizeof(text))
		return true;
	memcpy(text, phc.p ? phc.p : "", phc.n);
	text[phc.n] = '\0';
	return sscanf(text, "$argon2id$v=19$m=%u,t=%u,", &memory_kib, &passes) != 2 ||
	       (memory_kib <= 64 && passes <= 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct im_str password = fuzz_str(data, size);
	struct im_str phc = fuzz_line(&password);
	int rc;

	if (!cheap(phc))
		return 0;
	rc = im_phc_verify(phc, password);
	CHECK(rc == IM_OK || rc == IM_E_NONE || rc == IM_E_FORMAT);
	CHECK((rc == IM_E_FORMAT) == !im_phc_valid(phc));
	return 0;
}
