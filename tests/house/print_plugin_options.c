/* SPDX-License-Identifier: BSD-3-Clause */
/* Prints the plugin's option table as a sample, as `im-bridge --print-config` does the bridge's: a
 * shared library cannot. Run by test_samples.py. */
#include <stdio.h>

#include "plugin/options.h"

int main(void)
{
	struct im_buf b;

	im_buf_init(&b, 0);
	im_conf_sample(&options_table, "plugin_opt_", &b);
	if (b.failed || fwrite(b.p, 1, b.n, stdout) != b.n)
		return 1;
	im_buf_free(&b);
	return 0;
}
