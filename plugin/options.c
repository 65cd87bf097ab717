/* SPDX-License-Identifier: BSD-3-Clause */
/* The plugin's option table and the checks that no single key can make. Read once, at start. */
#include "plugin/options.h"

#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "common/may.h"
#include "common/topic.h"
#include "plugin/address.h"

#define KEY(n, t) .name = #n, .type = t, .offset = offsetof(struct options, n)

static const struct im_conf_key keys[] = {
	{KEY(data_dir, IM_CONF_STRING), .required = true,
		.help = "Folder of directory.db, the same as data_dir in im-bridge.conf."},
	{KEY(spool_file, IM_CONF_STRING),
		.help = "File that holds what is accepted and not yet stored. Default: spool in "
			"data_dir. Put it on a local disk."},
	{KEY(spool_size, IM_CONF_INT), .def = "64M", .min = IM_SPOOL_BYTES_MIN,
		.max = IM_SPOOL_BYTES_MAX,
		.help = "Bytes of the spool; what arrives while the bridge is away must fit. Taken "
			"at a start with an empty spool."},
	{KEY(window, IM_CONF_INT), .def = "2", .min = 1, .max = IM_WINDOW_MAX,
		.help = "Batches on their way to the bridge at one time."},
	{KEY(link_listener, IM_CONF_STRING), .required = true,
		.help = "Path of the Unix socket by which the bridge connects, exactly as in the "
			"line `listener 0 PATH`: at start it is said if there is none."},
	{KEY(link_username, IM_CONF_STRING), .def = "im-bridge",
		.help = "Username of the bridge, which proves it by data_dir/link.secret. Nobody "
			"else can have it."},
	{KEY(topic_prefix, IM_CONF_STRING), .def = "im",
		.help = "First topic level (or levels) of everything that belongs to IM."},
	{KEY(max_payload, IM_CONF_INT), .def = "64k", .min = 1, .max = IM_PAYLOAD_HARD_MAX,
		.help = "Longest payload of a message, signal or request, in bytes."},
	{KEY(rate_messages, IM_CONF_INT), .def = "500", .min = 0, .max = 1000000,
		.help = "Publishes a second for each user, and for each device of a device "
			"account; four times as many in a burst. 0: no limit."},
	{KEY(rate_bytes, IM_CONF_INT), .def = "4M", .min = 0, .max = INT64_C(1) << 40,
		.help = "Bytes of payloads and MQTT properties a second, likewise; four times as "
			"many in a burst. 0: no limit."},
	{KEY(allow_topic, IM_CONF_LIST),
		.help = "Filter for ordinary MQTT traffic beside IM, open to every user for "
			"publishing and subscribing, and as response topic of messages; %u stands "
			"for the username. May be given several times. Rights by user, role or "
			"direction: acl_file."},
	{KEY(acl_file, IM_CONF_STRING),
		.help = "Rights on ordinary topics, in the syntax of Mosquitto's acl_file: user, "
			"topic and pattern lines, and role user|admin|device. Read again at "
			"SIGHUP."},
	{KEY(presence_policy, IM_CONF_CHOICE), .def = "everyone", .choices = IM_PRESENCE_CHOICES,
		.help = "Who may see a user's presence."},
	{KEY(direct_policy, IM_CONF_CHOICE), .def = "anyone", .choices = IM_DIRECT_CHOICES,
		.help = "Who may write to a user who has not chosen otherwise."},
	{KEY(max_devices, IM_CONF_INT), .def = "100", .min = 0, .max = IM_DEVICES_LIMIT_MAX,
		.help = "Devices of one user that may be connected at a time, unless imctl user "
			"devices says otherwise for the user. 0: no limit."},
	{KEY(device_policy, IM_CONF_CHOICE), .def = "refuse", .choices = "refuse|oldest",
		.help = "What happens to one device more: it is refused, or the one connected "
			"longest is disconnected for it."},
	{KEY(account_devices, IM_CONF_INT), .def = "10000", .min = 1, .max = IM_ACCOUNT_DEVICES_MAX,
		.help = "Devices of one device account that may be connected at a time, and as "
			"many that are away and that the broker keeps messages for."},
	{KEY(max_keepalive, IM_CONF_INT), .def = "0", .min = 0, .max = 65535,
		.help = "Longest keepalive of a client, in seconds, 10 at least; a client with a "
			"longer one, or with none (0), is refused. 0: any."},
	{KEY(kept_sessions, IM_CONF_INT), .def = "10", .min = 0, .max = IM_KEPT_SESSIONS_MAX,
		.help = "Sessions of one user that are away and that the broker keeps messages "
			"for, those that left last; the others sync. 0: all of them."},
	{KEY(new_devices_per_day, IM_CONF_INT), .def = "200", .min = 0, .max = 1000000,
		.help = "New client ids of one user that may subscribe within 24 hours in sessions "
			"that may stay at the broker: MQTT 3.1.1 without clean session, MQTT 5. 0: "
			"no limit."},
	{KEY(im_subscriptions, IM_CONF_INT), .def = "200", .min = 1, .max = IM_SUBSCRIPTIONS_MAX,
		.help = "Subscriptions of one session to topics of IM: its inbox, rooms, "
			"presence."},
	{KEY(other_subscriptions, IM_CONF_INT), .def = "1000", .min = 1,
		.max = IM_SUBSCRIPTIONS_MAX,
		.help = "Subscriptions of one session to topics beside IM."},
	{KEY(jwt_secret_file, IM_CONF_STRING),
		.help = "File with the HS256 secret, at least 32 bytes; a newline at its end does "
			"not count."},
	{KEY(jwt_key_file, IM_CONF_STRING),
		.help = "File with the public key in PEM form, for RS256 and ES256."},
	{KEY(jwt_algorithm, IM_CONF_CHOICE), .def = "HS256", .choices = "HS256|RS256|ES256",
		.help = "The one algorithm that tokens may be signed with whose key is in "
			"jwt_secret_file or jwt_key_file."},
	{KEY(jwt_key_dir, IM_CONF_STRING),
		.help = "Folder of keys: a token's kid says which. KID.secret holds an HS256 "
			"secret, "
			"KID.pem a public key for ES256 (P-256) or RS256; tokens without kid need "
			"the one called default, which may be jwt_secret_file or jwt_key_file too. "
			"Read again at SIGHUP."},
	{KEY(jwt_auto_create, IM_CONF_BOOL), .def = "false",
		.help = "Create a user at the first connection with a valid token."},
	{KEY(jwt_issuer, IM_CONF_STRING), .help = "If set, the token's iss must be equal."},
	{KEY(jwt_audience, IM_CONF_STRING),
		.help = "If set, the token's aud must be or contain it."},
	{KEY(auth_cache, IM_CONF_INT), .def = "100000", .min = 0, .max = 10000000,
		.help = "Verified logins that are remembered, so that reconnecting does not hash "
			"the password again. About 150 bytes each."},
	{KEY(auth_cache_ttl, IM_CONF_INT), .def = "86400", .min = 1, .max = 31536000,
		.help = "Seconds for which a verified login that is not used is remembered."},
	{KEY(auth_wrong_share, IM_CONF_INT), .def = "20", .min = 1, .max = 100,
		.help = "Percent of the broker's time that checking wrong passwords may take: a "
			"sixteenth of it for one user from one address, a quarter for one address; "
			"wrong tokens may take another quarter. Beyond, logins that are not "
			"remembered are turned away for a moment."},
	{KEY(auth_threads, IM_CONF_INT), .def = "1", .min = 0, .max = 16,
		.help = "Threads that check passwords, with Mosquitto 2.1 or later. 0, and always "
			"with 2.0: the broker's own thread does it."},
	{KEY(proxy_address, IM_CONF_LIST),
		.help = "Address by which a proxy connects that does not say its clients' "
			"addresses, or the path of a Unix socket at which such a one does: wrong "
			"logins from there count against their users and the whole of "
			"auth_wrong_share, not against the address. May be given several times."},
	{KEY(bridge_im, IM_CONF_LIST),
		.help = "Name of a `connection` of mosquitto.conf that may carry private messages "
			"to another broker. May be given several times. Without it the broker does "
			"not start with a connection that would."},
};

const struct im_conf_table options_table = {keys, sizeof(keys) / sizeof(keys[0])};

static int check_prefix(const char *prefix, struct im_buf *why)
{
	struct im_str s = im_str(prefix);
	struct im_topic t;
	struct im_buf b;
	int ret = IM_OK;

	im_buf_init(&b, 0);
	im_buf_str(&b, s);
	im_buf_str(&b, IM_STR("/u/a"));
	im_topic_parse(s, im_buf_view(&b), &t);
	if (s.n == 0 || s.n > IM_PREFIX_MAX || s.p[0] == '/' || s.p[s.n - 1] == '/' ||
		s.p[0] == '$' || strpbrk(prefix, "+#") || strstr(prefix, "//") ||
		t.kind != IM_TOPIC_SEND_USER) {
		im_buf_printf(why,
			"topic_prefix \"%s\" is no topic: give up to %d bytes without +, # or a "
			"leading $, and no / at the ends",
			prefix, IM_PREFIX_MAX);
		ret = IM_E_FORMAT;
	}
	im_buf_free(&b);
	return ret;
}

static bool given(const struct im_conf_seen *seen, const char *key)
{
	for (size_t i = 0; i < options_table.n; i++)
		if (strcmp(keys[i].name, key) == 0)
			return seen->bits[i / 64] >> i % 64 & 1;
	return false;
}

/* What is said of tokens without a key that they could be signed with says nothing, and whoever has
 * written it believes that tokens are taken. */
static int check_jwt_key(
	const struct im_conf_seen *seen, const struct options *o, struct im_buf *why)
{
	const char *set = o->jwt_auto_create             ? "jwt_auto_create"
			  : o->jwt_issuer                ? "jwt_issuer"
			  : o->jwt_audience              ? "jwt_audience"
			  : given(seen, "jwt_algorithm") ? "jwt_algorithm"
							 : NULL;

	if (options_jwt(o) || set == NULL)
		return IM_OK;
	im_buf_printf(why,
		"%s is set without a key: set jwt_secret_file (HS256), jwt_key_file (RS256, ES256) "
		"or jwt_key_dir, or leave it out",
		set);
	return IM_E_FORMAT;
}

static int check_jwt(const struct options *o, struct im_buf *why)
{
	bool hmac = o->jwt_algorithm == JWT_HS256;

	if (o->jwt_secret_file && o->jwt_key_file) {
		im_buf_z(why, "jwt_secret_file and jwt_key_file are both set: keep the one that "
			      "jwt_algorithm needs");
		return IM_E_FORMAT;
	}
	if (hmac ? o->jwt_key_file != NULL : o->jwt_secret_file != NULL) {
		im_buf_z(why, "jwt_algorithm does not go with the key: HS256 needs "
			      "jwt_secret_file, RS256 and ES256 need jwt_key_file");
		return IM_E_FORMAT;
	}
	return IM_OK;
}

/* With the longest username for each %u. */
static size_t expanded_max(const char *filter)
{
	size_t n = strlen(filter);

	while ((filter = strstr(filter, "%u"))) {
		n += IM_UID_MAX - 2;
		filter += 2;
	}
	return n;
}

/* It is a filter as well, with a blank in it; who writes it means something else. */
static bool begins_with_access(const char *f)
{
	static const char *const words[] = {"read ", "write ", "readwrite ", "deny "};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strncmp(f, words[i], strlen(words[i])) == 0)
			return true;
	}
	return false;
}

static int check_allow_topic(const struct options *o, struct im_buf *why)
{
	struct im_filter parsed;
	size_t i;

	for (i = 0; i < o->allow_topic.n; i++) {
		const char *f = o->allow_topic.v[i];

		if (begins_with_access(f)) {
			im_buf_printf(why,
				"allow_topic \"%.100s\": allow_topic takes a filter alone and "
				"opens "
				"it to everybody in both directions; write `topic %.100s` into an "
				"acl_file (plugin_opt_acl_file)",
				f, f);
			return IM_E_FORMAT;
		}
		if (!im_filter_valid(im_str(f)) || strncmp(f, "$share/", 7) == 0) {
			im_buf_printf(why, "allow_topic \"%.100s\" is no topic filter", f);
			return IM_E_FORMAT;
		}
		im_filter_parse(im_str(o->topic_prefix), im_str(f), &parsed);
		if (parsed.levels > IM_FILTER_LEVELS_MAX) {
			im_buf_printf(why,
				"allow_topic \"%.100s\" has %zu levels; at most %d are taken, and "
				"# opens whatever lies below",
				f, parsed.levels, IM_FILTER_LEVELS_MAX);
			return IM_E_FORMAT;
		}
		if (expanded_max(f) > IM_TOPIC_MAX) {
			im_buf_printf(why,
				"allow_topic \"%.100s...\" is longer than %d bytes with the "
				"longest username in it",
				f, IM_TOPIC_MAX);
			return IM_E_FORMAT;
		}
	}
	return IM_OK;
}

/* Who is at the link's listener is the bridge and this machine's administrators. */
static int check_proxy_address(const struct options *o, struct im_buf *why)
{
	for (size_t i = 0; i < o->proxy_address.n; i++) {
		const char *s = o->proxy_address.v[i];

		if (!address_valid(im_str(s))) {
			im_buf_printf(why,
				"proxy_address \"%.100s\" is no address: give one, as 192.0.2.7 or "
				"2001:db8::7, or the path of a Unix socket",
				s);
			return IM_E_FORMAT;
		}
		if (im_str_eqz(im_str(o->link_listener), s)) {
			im_buf_printf(why,
				"proxy_address \"%.100s\" is link_listener: give the proxy a "
				"listener of its own",
				s);
			return IM_E_FORMAT;
		}
	}
	return IM_OK;
}

/* imctl has one of ten seconds. */
static int check_keepalive(const struct options *o, struct im_buf *why)
{
	if (o->max_keepalive == 0 || o->max_keepalive >= IM_KEEPALIVE_LEAST_S)
		return IM_OK;
	im_buf_printf(why, "max_keepalive %lld is too short: give %d seconds or more, or 0 for any",
		(long long)o->max_keepalive, IM_KEEPALIVE_LEAST_S);
	return IM_E_FORMAT;
}

static int complete(struct options *o, struct im_buf *why)
{
	struct im_buf b;

	if (o->spool_file)
		return IM_OK;
	im_buf_init(&b, 0);
	im_buf_printf(&b, "%s/spool", o->data_dir);
	im_buf_c(&b, '\0');
	if (b.failed) {
		im_buf_free(&b);
		im_buf_z(why, "out of memory");
		return IM_E_NOMEM;
	}
	o->spool_file = b.p;
	return IM_OK;
}

static int check(const struct im_conf_seen *seen, struct options *o, struct im_buf *why)
{
	int ret = im_conf_check(&options_table, o, why);

	if (!ret)
		ret = check_prefix(o->topic_prefix, why);
	if (!ret)
		ret = check_jwt(o, why);
	if (!ret)
		ret = check_jwt_key(seen, o, why);
	if (!ret)
		ret = check_allow_topic(o, why);
	if (!ret)
		ret = check_proxy_address(o, why);
	if (!ret)
		ret = check_keepalive(o, why);
	return ret ? ret : complete(o, why);
}

/* The sentence begins with the option as it stands in mosquitto.conf. */
static int set_one(struct options *o, struct im_conf_seen *seen, const struct options_pair *pair,
	struct im_buf *why)
{
	struct im_buf sentence;
	int ret;

	im_buf_init(&sentence, 0);
	ret = im_conf_set(&options_table, o, seen, im_str(pair->key),
		im_str(pair->value ? pair->value : ""), &sentence);
	if (ret)
		im_buf_printf(why, "plugin_opt_%.80s: %.*s", pair->key, (int)sentence.n,
			sentence.n ? sentence.p : "out of memory");
	im_buf_free(&sentence);
	return ret;
}

int options_read(struct options *o, const struct options_pair *pairs, size_t n, struct im_buf *why)
{
	struct im_conf_seen seen = {0};
	size_t i;
	int ret;

	*o = (struct options){0};
	ret = im_conf_defaults(&options_table, o);
	if (ret)
		im_buf_z(why, "out of memory");
	for (i = 0; !ret && i < n; i++)
		ret = set_one(o, &seen, &pairs[i], why);
	if (!ret)
		ret = check(&seen, o, why);
	if (ret)
		options_clear(o);
	return ret;
}

void options_clear(struct options *o)
{
	im_conf_free(&options_table, o);
}

bool options_jwt(const struct options *o)
{
	return o->jwt_secret_file || o->jwt_key_file || o->jwt_key_dir;
}
