/* SPDX-License-Identifier: BSD-3-Clause */
/* Any text as a stored password of any kind, and a line after it as the password. */
#include "tests/fuzz/fuzz.h"

#include "common/pwhash.h"

/* Large parameters within the bounds are right, but one input would take seconds. */
#define CHEAP 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct im_str password = fuzz_str(data, size);
	struct im_str stored = fuzz_line(&password);
	struct im_pwhash h;
	const char *why;
	int rc = im_pwhash_read(stored, &h, &why);

	CHECK((rc == IM_OK) == !why);
	CHECK((rc == IM_OK) == im_pwhash_valid(stored));
	if (rc) {
		CHECK(im_pwhash_verify(stored, password) == IM_E_FORMAT);
		return 0;
	}
	CHECK(stored.n < IM_PHC_MAX && h.kind < IM_PWHASH_KINDS && im_phc_looks(stored));
	CHECK(im_phc_valid(stored) == (h.kind == IM_PWHASH_ARGON2ID));
	if (im_pwhash_work(&h) > CHEAP)
		return 0;
	rc = im_pwhash_verify(stored, password);
	CHECK(rc == IM_OK || rc == IM_E_NONE);
	return 0;
}
