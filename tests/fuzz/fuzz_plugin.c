/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The whole plugin in the fake broker, among clients that do what they like and a bridge that says
 * what it likes. A step is a line: a letter, a digit for one of the clients, then fields parted by
 * tabs.
 *   c1 user version will-topic will   connects       d1 / l1   disconnects / is lost
 *   p1 topic payload id reply corr type name value   publishes; with a type as text
 *   s1 filter / u1 filter
 *   m1 user device topic id corr payload to conv     the bridge says record of type '0' + n
 *   f1 bytes                          a down frame as it is
 *   t1 a second passes                r1 reload      b1 the bridge comes again
 *
 * Nobody receives what is in another's inbox, the link hears of valid names alone, and no offline
 * session is kicked.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/plugin_node.h"

#include <unistd.h>

#include "common/ids.h"
#include "common/msgprops.h"
#include "common/topic.h"
#include "common/utf8.h"

#define CLIENTS 4
#define FIELDS 8
#define STEPS_MAX 200
#define FILTERS_MAX 10
#define INPUTS_A_LOAD 200

struct client {
	struct mosquitto *c;
	char user[80];
	int version;
	unsigned filters;
};

static struct node node;
static char spool[64]; /* not on a disk: it is synced */
static struct client clients[CLIENTS];

static void remove_folder(void)
{
	node_unload(&node);
	node_folder_remove(&node);
	unlink(spool);
}

static struct im_str field(struct im_str *in)
{
	const char *tab = in->n ? memchr(in->p, '\t', in->n) : NULL;
	struct im_str f = *in;

	if (!tab) {
		*in = (struct im_str){NULL, 0};
		return f;
	}
	f.n = (size_t)(tab - in->p);
	*in = (struct im_str){tab + 1, in->n - f.n - 1};
	return f;
}

/* The broker's strings end with NUL. */
static char *text(struct im_str s)
{
	char *z = strndup(s.n ? s.p : "", s.n);

	CHECK(z);
	return z;
}

static void on_message(void *arg, const struct fake_message *m)
{
	const struct client *c = arg;
	struct im_topic t;

	im_topic_parse(IM_STR("im"), im_str(m->topic), &t);
	CHECK(t.kind != IM_TOPIC_LINK);
	CHECK(t.kind != IM_TOPIC_INBOX || im_str_eqz(t.id, c->user));
}

static void step_connect(struct client *c, int i, const struct im_str *f)
{
	char id[2] = {(char)('A' + i), '\0'};
	char *user = text(f[0]), *topic = text(f[2]), *will = text(f[3]);
	const struct fake_spec s = {.id = id,
		.user = f[0].n ? user : NULL,
		.password = "pw",
		.version = f[1].n && *f[1].p == '5' ? 5 : 4,
		.persistent = f[1].n > 1,
		.will_topic = f[2].n ? topic : NULL,
		.will = f[2].n ? will : NULL};

	struct mosquitto *m = fake_connect(&s);

	/* Who is refused leaves alone whoever has the id. */
	if (m) {
		CHECK(im_uid_valid(im_str(user)));
		*c = (struct client){.c = m, .version = s.version};
		snprintf(c->user, sizeof(c->user), "%s", user);
		fake_on_message(m, on_message, c);
	}
	free(user);
	free(topic);
	free(will);
}

/* The broker ends the connection of who sends a property that is no text. */
static bool all_text(const struct im_str *f)
{
	return im_utf8_valid(f[3]) && im_utf8_valid(f[5]) && im_utf8_valid(f[6]) &&
	       im_utf8_valid(f[7]);
}

static void step_publish(struct client *c, const struct im_str *f)
{
	char *topic = text(f[0]), *id = text(f[2]), *reply = text(f[3]);
	char *type = text(f[5]), *name = text(f[6]), *value = text(f[7]);
	mosquitto_property *props = NULL;

	if (c->version == 5 && f[2].n)
		mosquitto_property_add_string_pair(&props, MQTT_PROP_USER_PROPERTY, "id", id);
	if (c->version == 5 && f[3].n)
		mosquitto_property_add_string(&props, MQTT_PROP_RESPONSE_TOPIC, reply);
	if (c->version == 5 && f[4].n)
		mosquitto_property_add_binary(
			&props, MQTT_PROP_CORRELATION_DATA, f[4].p, (uint16_t)f[4].n);
	if (c->version == 5 && f[5].n) {
		mosquitto_property_add_string(&props, MQTT_PROP_CONTENT_TYPE, type);
		mosquitto_property_add_byte(&props, MQTT_PROP_PAYLOAD_FORMAT_INDICATOR, 1);
	}
	if (c->version == 5 && (f[6].n || f[7].n))
		mosquitto_property_add_string_pair(&props, MQTT_PROP_USER_PROPERTY, name, value);
	if (*topic && all_text(f))
		fake_publish(c->c, topic, f[1], 1, false, props);
	mosquitto_property_free_all(&props);
	free(topic);
	free(id);
	free(reply);
	free(type);
	free(name);
	free(value);
}

static void step_filter(struct client *c, char what, struct im_str f)
{
	char *filter = text(f);

	if (what == 'u')
		fake_unsubscribe(c->c, filter);
	else if (c->filters < FILTERS_MAX && im_filter_valid(f) && fake_subscribe(c->c, filter))
		c->filters++;
	free(filter);
}

static void step_record(int type, const struct im_str *f)
{
	const struct im_down_rec r = {.type = (uint8_t)type,
		.epoch = node.epoch,
		.recno = node.last,
		.user = f[0],
		.device = f[1],
		.topic = f[2],
		.id = f[3],
		.corr = f[4],
		.payload = f[5]};
	const struct im_recipient to = {.uid = f[6], .conv = f[7]};

	node_down(&node, &r, &to, f[6].n ? 1 : 0);
}

static void step_client(struct client *c, char what, const struct im_str *f)
{
	if (!c->c || !fake_connected(c->c))
		return;
	if (what == 'p')
		step_publish(c, f);
	else if (what == 'd' || what == 'l')
		fake_disconnect(c->c, what == 'l');
	else
		step_filter(c, what, f[0]);
}

static void step(struct im_str line)
{
	struct im_str rest = {line.p + 2, line.n - 2}, f[FIELDS];
	int digit = (line.p[1] - '0') & 31;
	struct client *c = &clients[digit % CLIENTS];

	if (rest.n && *rest.p == ' ')
		rest = (struct im_str){rest.p + 1, rest.n - 1};
	for (int i = 0; line.p[0] != 'f' && i < FIELDS; i++)
		f[i] = field(&rest);
	switch (line.p[0]) {
	case 'c':
		step_connect(c, digit % CLIENTS, f);
		break;
	case 'm':
		step_record(digit, f);
		break;
	case 'f':
		node_frame(&node, rest);
		break;
	case 't':
		node_pass(&node, 1000);
		break;
	case 'r':
		fake_reload();
		break;
	case 'b':
		fake_disconnect(node.bridge, true);
		node_bridge(&node);
		break;
	default:
		step_client(c, line.p[0], f);
	}
}

/* What the bridge has to read of a message, and may believe. */
static void check_properties(const struct node_record *r)
{
	struct im_str name, value;
	struct im_props p;

	if (r->type != IM_UP_MSG_USER && r->type != IM_UP_MSG_GROUP)
		return;
	CHECK(im_props_read(r->corr, &p) == IM_OK);
	while (im_props_pair(&p.pairs, &name, &value))
		CHECK(!im_str_eqz(name, "from") && !im_str_eqz(name, "id"));
	CHECK(p.format != IM_FORMAT_TEXT || im_utf8_valid(r->payload));
}

static void check_heard(void)
{
	for (size_t i = 0; i < node.n_records; i++) {
		const struct node_record *r = &node.records[i];

		CHECK(r->type == IM_UP_NONE || im_uid_valid(im_str(r->user)));
		CHECK(r->type == IM_UP_NONE || im_device_valid(im_str(r->device)));
		check_properties(r);
	}
}

/* Loading costs a password hash, so a plugin serves many inputs; what one leaves is as little as a
 * broker has after its clients have gone. */
static void load(void)
{
	static const char *const options[] = {"spool_file", spool, NULL};
	static unsigned inputs;

	if (!node.db) {
		node_folder(&node);
		snprintf(spool, sizeof(spool), "/dev/shm/im-fuzz-%d", (int)getpid());
		atexit(remove_folder);
	} else if (inputs % INPUTS_A_LOAD == 0) {
		node_unload(&node);
	}
	if (inputs % INPUTS_A_LOAD == 0) {
		unlink(spool);
		CHECK(node_load(&node, inputs / INPUTS_A_LOAD % 2, options) == MOSQ_ERR_SUCCESS);
		node_bridge(&node);
	}
	inputs++;
}

/* Ends every session, of those clients as well that would come back. */
static void end_sessions(void)
{
	for (int i = 0; i < CLIENTS; i++) {
		char id[2] = {(char)('A' + i), '\0'};
		struct mosquitto *c = node_client(&node, clients[i].user, id, 4);

		if (c)
			fake_disconnect(c, false);
	}
	node_settle(&node);
	CHECK(node_stat(&node, "sessions_online") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct im_str in = fuzz_str(data, size);

	load();
	memset(clients, 0, sizeof(clients));
	for (int i = 0; in.n && i < STEPS_MAX; i++) {
		struct im_str line = fuzz_line(&in);

		if (line.n < 2)
			continue;
		step(line);
		fake_turn();
	}
	node_settle(&node);
	check_heard();
	end_sessions();
	node_forget_records(&node);
	CHECK(fake_offline_kicks() == 0);
	return 0;
}
