/* SPDX-License-Identifier: BSD-3-Clause */
/* The plugin's binary shows the broker its three entry points and nothing else. */
#include <stdio.h>

#include "tests/unit/unit.h"

static void shows_three_symbols(void **state)
{
	char line[256];
	int known = 0, all = 0;
	FILE *f = popen("nm -D --defined-only " PLUGIN_SO " | awk '{print $3}'", "r");

	(void)state;
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		all++;
		known += strcmp(line, "mosquitto_plugin_version") == 0 ||
			 strcmp(line, "mosquitto_plugin_init") == 0 ||
			 strcmp(line, "mosquitto_plugin_cleanup") == 0;
		print_message("%s\n", line);
	}
	assert_int_equal(pclose(f), 0);
	assert_int_equal(known, 3);
	assert_int_equal(all, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(shows_three_symbols)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
