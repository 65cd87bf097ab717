/* SPDX-License-Identifier: BSD-3-Clause */
/* What mosquitto.conf says that would let messages by the plugin is refused; what does not hold
 * beside it is said, with file and line. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/brokerconf.h"
#include "plugin/conffile.h"
#include "tests/unit/unit.h"

#define OWN "/usr/local/lib/mosquitto-im/mosquitto_im.so"
#define LISTENER "listener 0 /run/mosquitto/im.sock\n"

static const char *included; /* the text of any include_dir's one file */

static void include(struct brokerconf *c, struct im_str folder)
{
	assert_str(folder, "/etc/mosquitto/conf.d");
	if (included)
		brokerconf_take(c, im_str(included), "/etc/mosquitto/conf.d/a.conf");
	else
		brokerconf_unread(c, folder, "cannot be read by the broker's user: Why");
}

static struct im_conf_list meant; /* plugin_opt_bridge_im */

static void read_conf(struct brokerconf *c, const char *text)
{
	const struct brokerconf_own own = {OWN, IM_STR("im"), "/run/mosquitto/im.sock", &meant};
	char *exact = unit_exact(im_str(text));

	brokerconf_begin(c, &own, include);
	brokerconf_take(c, (struct im_str){exact, strlen(text)}, "m.conf");
	brokerconf_end(c);
	free(exact);
	im_buf_c(&c->refused, '\0');
	im_buf_c(&c->warnings, '\0');
	assert_false(c->refused.failed || c->warnings.failed);
}

/* NULL: nothing; else what the sentence has in it. All warnings, in order, parted by '|'. */
static void says(const char *text, const char *refused, const char *warnings)
{
	struct brokerconf c;
	const char *at;
	size_t n, lines = 0;

	read_conf(&c, text);
	if (refused ? !strstr(c.refused.p, refused) : c.refused.n > 1)
		fail_msg("%s: refused: %s", text, c.refused.p);
	at = c.warnings.p;
	for (const char *w = warnings; w; w = w[n] ? w + n + 1 : NULL) {
		char part[200];

		n = strcspn(w, "|");
		snprintf(part, sizeof(part), "%.*s", (int)n, w);
		at = strstr(at, part);
		if (!at)
			fail_msg("%s: no \"%s\" in: %s", text, part, c.warnings.p);
		lines++;
	}
	for (at = c.warnings.p; (at = strchr(at, '\n')); at++)
		lines--;
	if (lines)
		fail_msg("%s: not these warnings alone: %s", text, c.warnings.p);
	brokerconf_clear(&c);
}

static void what_is_harmless_says_nothing(void **state)
{
	(void)state;
	says(LISTENER, NULL, NULL);
	says("# acl_file x\n" LISTENER "\n\n   \nplugin " OWN "\nplugin_opt_acl_file x\n"
	     "allow_anonymous false\nacl_filex y\npersistence true\nport 1883\n",
		NULL, NULL);
	says("listener 1883\r\n  listener  0   /run/mosquitto/im.sock  \r\nplugin " OWN "\r\n",
		NULL, NULL);
	says(LISTENER "#plugin /x/other.so\nplugin " OWN "\n#topic # out\n", NULL, NULL);
}

static void one_set_of_settings_for_all_listeners(void **state)
{
	static const char *const not_set[] = {"", "#per_listener_settings true\n",
		"per_listener_settings false\n",
		"per_listener_settings true\nper_listener_settings false\n",
		"per_listener_settings", "per_listener_settingsx true", "per_listener_settings  "};
	static const char *const set[] = {"per_listener_settings true", "per_listener_settings 1\n",
		"x\n  per_listener_settings \t true \r\ny\n"};
	char text[200];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(not_set) / sizeof(not_set[0]); i++) {
		snprintf(text, sizeof(text), LISTENER "%s", not_set[i]);
		says(text, NULL, NULL);
	}
	for (i = 0; i < sizeof(set) / sizeof(set[0]); i++) {
		snprintf(text, sizeof(text), LISTENER "%s", set[i]);
		says(text, "per_listener_settings is true", NULL);
	}
}

static void a_plugin_before_decides_and_one_after_is_never_asked(void **state)
{
	(void)state;
	says(LISTENER "plugin /usr/lib/mosquitto_dynamic_security.so\nplugin_opt_config_file x\n"
		      "plugin " OWN "\n",
		"m.conf:2: plugin /usr/lib/mosquitto_dynamic_security.so is loaded first", NULL);
	says(LISTENER "auth_plugin /x/go-auth.so\nplugin " OWN "\n",
		"m.conf:2: plugin /x/go-auth.so", NULL);
	says(LISTENER "global_plugin /x/a.so\nplugin /x/b.so\nglobal_plugin " OWN "\n",
		"m.conf:2: plugin /x/a.so", NULL);
	says(LISTENER "plugin " OWN "\nplugin /x/a.so\n", NULL,
		"m.conf:3: plugin /x/a.so is never asked");
	says(LISTENER "plugin " OWN "\nglobal_plugin /x/a.so\nauth_plugin /x/b.so\n", NULL,
		"m.conf:3: plugin /x/a.so is never|m.conf:4: plugin /x/b.so is never");
	/* Known by its name wherever it lies; without its line nothing is concluded. */
	says(LISTENER "plugin /x/a.so\nplugin /opt/im/mosquitto_im.so\n",
		"m.conf:2: plugin /x/a.so", NULL);
	says(LISTENER "plugin /x/a.so\nplugin /x/b.so\n", NULL, NULL);
	/* 2.1: by name, for some listeners. */
	says(LISTENER "plugin_load im " OWN "\nlistener 1883\nplugin_use im\n",
		"m.conf:2: plugin_load serves only the listeners that use it, and others bypass "
		"the "
		"plugin: write `plugin " OWN "`",
		"m.conf:4: plugin_use im");
	says(LISTENER "plugin_load x /x/a.so\nplugin " OWN "\nlistener 1883\nplugin_use x\n", NULL,
		"m.conf:5: plugin_use x is never asked");
	included = "plugin /x/a.so\n";
	says(LISTENER "include_dir /etc/mosquitto/conf.d\nplugin " OWN "\n",
		"/etc/mosquitto/conf.d/a.conf:1: plugin /x/a.so is loaded first", NULL);
	says(LISTENER "plugin " OWN "\ninclude_dir /etc/mosquitto/conf.d\n", NULL,
		"/etc/mosquitto/conf.d/a.conf:1: plugin /x/a.so is never asked");
	included = "plugin " OWN "\n";
	says(LISTENER "plugin /x/a.so\ninclude_dir /etc/mosquitto/conf.d\nacl_file b\n",
		"m.conf:2: plugin /x/a.so is loaded first", "m.conf:4: acl_file b");
	included = NULL;
}

static void what_is_not_looked_at_is_said(void **state)
{
	(void)state;
	says(LISTENER "acl_file /etc/mosquitto/acl\npassword_file  /etc/mosquitto/passwd \n", NULL,
		"m.conf:2: acl_file /etc/mosquitto/acl is not looked at: rights|"
		"m.conf:3: password_file /etc/mosquitto/passwd is not looked at: users and "
		"passwords "
		"are in directory.db");
	says(LISTENER "allow_anonymous true\nlistener 1 x\nlistener_allow_anonymous true\n", NULL,
		"m.conf:2: allow_anonymous true lets nobody in|m.conf:4: ");
	says(LISTENER "clientid_prefixes secure-\n", NULL,
		"m.conf:2: clientid_prefixes secure- keeps");
	says(LISTENER "clientid_prefixes $im\n", NULL, NULL);
	says(LISTENER "acl_file a\033[31m\001\n", NULL, "m.conf:2: acl_file a?[31m? is not");
}

static void the_links_listener_is_looked_for(void **state)
{
	const char *missing =
		"plugin_opt_link_listener /run/mosquitto/im.sock is the path of no line "
		"`listener 0 PATH`";

	(void)state;
	says("", NULL, missing);
	says("listener 1883 /run/mosquitto/im.sock\n", NULL, missing);
	says("listener 0 /run/mosquitto/im.socket\nlistener 0\n", NULL, missing);
	says("#listener 0 /run/mosquitto/im.sock\n", NULL, missing);
	included = LISTENER;
	says("include_dir /etc/mosquitto/conf.d\n", NULL, NULL);
	included = "# nothing\n";
	says("include_dir /etc/mosquitto/conf.d\n", NULL, missing);
	/* Only the main file includes. */
	included = "include_dir /etc/mosquitto/conf.d\n" LISTENER;
	says("include_dir /etc/mosquitto/conf.d\n", NULL, NULL);
}

/* What lets messages by may be where nobody can look; then a reload lets none out, either. */
static void what_cannot_be_read_is_refused(void **state)
{
	struct brokerconf c;

	(void)state;
	included = NULL;
	says("include_dir /etc/mosquitto/conf.d\n",
		"/etc/mosquitto/conf.d cannot be read by the broker's user: Why: another plugin or "
		"a `connection` in it might let private messages by",
		NULL);
	read_conf(&c, "include_dir /etc/mosquitto/conf.d\n");
	assert_true(c.leaks);
	brokerconf_clear(&c);
	read_conf(&c, LISTENER "plugin /x.so\nplugin " OWN "\n");
	assert_true(c.refused.n > 1 && !c.leaks);
	brokerconf_clear(&c);
	/* Whatever else is refused before. */
	read_conf(&c, LISTENER "plugin /x.so\nplugin " OWN "\nconnection c\ntopic # out\n");
	assert_true(c.leaks);
	brokerconf_clear(&c);
	read_conf(&c, LISTENER "plugin /x.so\nplugin " OWN "\ninclude_dir /etc/mosquitto/conf.d\n");
	assert_non_null(strstr(c.refused.p, "is loaded first"));
	assert_true(c.leaks);
	brokerconf_clear(&c);
}

static void connection(const char *topic, bool refused)
{
	char text[400], want[400];

	snprintf(text, sizeof(text),
		LISTENER "plugin " OWN "\nconnection cloud\naddress x:1883\ntopic %s\n", topic);
	snprintf(want, sizeof(want),
		"m.conf:5: `topic %s` of connection cloud carries private messages", topic);
	says(text, refused ? want : NULL, NULL);
}

static void a_connection_carries_nothing_of_im(void **state)
{
	static const char *const carried[] = {"#", "# out", "# both 1", "# OUT 0", "im/# out",
		"im/inbox/bob/u/alice", "+/inbox/# out 2", "im/+/+/# both", "+/#", "+/+/bob/#",
		"im/room/hall out", "$im/# out", "$im/up both 0", "# out 1 im/ remote/",
		"inbox/# out 1 im/ \"\"", "/inbox/# out 0 im",
		"\"\" out 1 im/inbox/bob/ack far/off", "im/# out 1 \"\" remote/",
		"\"im/inbox/a b/#\" out", "$share/g/im/# out"};
	static const char *const others[] = {"sensors/# out", "sensors/# both 2 plant/ far/",
		"# in", "im/# in", "# IN 0", "# out 1 plant/ remote/", "+/status in", "imx/# out",
		"IM/# out", "$SYS/# out", "im-archive/#", "\"a b/#\" out"};
	struct brokerconf c;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(carried) / sizeof(carried[0]); i++) {
		char text[300];

		snprintf(text, sizeof(text), LISTENER "connection cloud\ntopic %s\n", carried[i]);
		read_conf(&c, text);
		if (!strstr(c.refused.p, "m.conf:3: `topic ") ||
			!strstr(c.refused.p, "of connection cloud carries private messages"))
			fail_msg("%s: %s", carried[i], c.refused.p);
		brokerconf_clear(&c);
	}
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		connection(others[i], false);
	connection("im/# out", true);
	connection("# both 1", true);
	connection("# out 1 im/ remote/", true);
}

static void what_is_meant_to_leave_does(void **state)
{
	char archive[] = "archive", other[] = "other", *names[] = {archive, other};
	struct brokerconf c;

	(void)state;
	meant = (struct im_conf_list){.v = names, .n = 1};
	says(LISTENER "connection archive\ntopic im/# out 1\ntopic # both\ntopic a/# out\n", NULL,
		"m.conf:3: `topic im/# out 1` of connection archive carries private messages to "
		"another broker, as plugin_opt_bridge_im says|m.conf:4: `topic # both` of");
	/* Not another one, and never the link. */
	says(LISTENER "connection archive\ntopic im/# out\nconnection cloud\ntopic # out\n",
		"m.conf:5: `topic # out` of connection cloud carries private messages",
		"m.conf:3: `topic im/# out` of connection archive");
	says(LISTENER "connection archive2\ntopic im/# out\n", "of connection archive2 carries",
		"plugin_opt_bridge_im archive is the name of no `connection`");
	says(LISTENER "connection archive\ntopic $im/# out\n", "such as `topic sensors/# out`",
		NULL);
	read_conf(&c, LISTENER "connection archive\ntopic $im/# out\n");
	assert_null(strstr(c.refused.p, "bridge_im"));
	assert_true(c.leaks);
	brokerconf_clear(&c);
	read_conf(&c, LISTENER "connection cloud\ntopic im/# out\n");
	assert_non_null(strstr(c.refused.p, "its name stands in plugin_opt_bridge_im"));
	assert_true(c.leaks);
	brokerconf_clear(&c);
	read_conf(&c, LISTENER "plugin /x/a.so\nplugin " OWN "\n");
	assert_false(c.leaks);
	brokerconf_clear(&c);
	/* A mistyped name; and in a file that cannot be read it may be there. */
	meant.n = 2;
	says(LISTENER "connection archive\ntopic im/# out\n", NULL,
		"m.conf:3: |plugin_opt_bridge_im other is the name of no `connection`");
	included = NULL;
	says(LISTENER "connection archive\ntopic a out\ninclude_dir /etc/mosquitto/conf.d\n",
		"/etc/mosquitto/conf.d cannot be read", NULL);
	meant.n = 0;
}

static void a_subject_is_no_name(void **state)
{
	(void)state;
	says(LISTENER "listener 8883\nuse_subject_as_username true\n", NULL,
		"m.conf:3: use_subject_as_username true lets nobody in: a subject "
		"(CN=alice,O=Example) is no user name; use_identity_as_username takes its CN");
	says(LISTENER "listener 8883\nuse_subject_as_username false\n"
		      "use_identity_as_username true\n",
		NULL, NULL);
}

/* However long it is: bounded, and never half a sentence. */
static void expiration(const char *text, int64_t seconds)
{
	struct brokerconf c;

	read_conf(&c, text);
	if (c.expiration_s != seconds)
		fail_msg("%s: %lld", text, (long long)c.expiration_s);
	brokerconf_clear(&c);
}

static void how_long_sessions_are_kept(void **state)
{
	(void)state;
	expiration("", 0);
	expiration("persistent_client_expiration 2h\n", 7200);
	expiration("persistent_client_expiration 14d\n", 14 * 86400);
	expiration("  persistent_client_expiration   1w  \r\n", 7 * 86400);
	expiration("persistent_client_expiration 2m\n", 60 * 86400);
	expiration("persistent_client_expiration 1y\n", 365 * 86400);
	expiration("persistent_client_expiration 1d\npersistent_client_expiration 2d\n", 172800);
	/* The broker refuses these. */
	expiration("persistent_client_expiration 14\n", 0);
	expiration("persistent_client_expiration d\n", 0);
	expiration("persistent_client_expiration 1d2\n", 0);
	expiration("#persistent_client_expiration 1d\n", 0);
}

static void packets_have_room_for_frames(void **state)
{
	(void)state;
	says(LISTENER "max_packet_size 1999999\n", NULL,
		"m.conf:2: max_packet_size 1999999 ends the link at the first longer frame");
	says(LISTENER "max_packet_size 1000\n", NULL, "m.conf:2: max_packet_size 1000 ends");
	says(LISTENER "max_packet_size 2000000\n", NULL, NULL);
	says(LISTENER "max_packet_size 268435455\n", NULL, NULL);
	says(LISTENER "max_packet_size 0\n", NULL, NULL);
	says(LISTENER "#max_packet_size 1000\n", NULL, NULL);
}

static void sentences_are_bounded(void **state)
{
	struct brokerconf c;
	struct im_buf text;
	int i;

	(void)state;
	im_buf_init(&text, 0);
	im_buf_z(&text, LISTENER "plugin " OWN "\n");
	for (i = 0; i < 3000; i++)
		im_buf_printf(&text, "acl_file %0*d\n", 500 - i % 500, 7);
	im_buf_c(&text, '\0');
	read_conf(&c, text.p);
	assert_true(c.warnings.n > 16 * 1024 && c.warnings.n <= 18 * 1024);
	assert_int_equal(c.warnings.p[c.warnings.n - 2], '\n');
	assert_non_null(strstr(c.warnings.p, "000..."));
	brokerconf_clear(&c);
	im_buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_harmless_says_nothing),
		cmocka_unit_test(one_set_of_settings_for_all_listeners),
		cmocka_unit_test(a_plugin_before_decides_and_one_after_is_never_asked),
		cmocka_unit_test(what_is_not_looked_at_is_said),
		cmocka_unit_test(the_links_listener_is_looked_for),
		cmocka_unit_test(what_cannot_be_read_is_refused),
		cmocka_unit_test(a_connection_carries_nothing_of_im),
		cmocka_unit_test(what_is_meant_to_leave_does),
		cmocka_unit_test(a_subject_is_no_name),
		cmocka_unit_test(how_long_sessions_are_kept),
		cmocka_unit_test(packets_have_room_for_frames),
		cmocka_unit_test(sentences_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
