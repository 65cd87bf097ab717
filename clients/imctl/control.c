/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The conversation with a running node. Called by main.c; the only file that uses libmosquitto.
 * Knows the envelope of commands and responses, not their content.
 */
#include "clients/imctl/control.h"

#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clients/imctl/device.h"
#include "common/limits.h"

#define COMMAND_TOPIC "$CONTROL/im/v1"
#define RESPONSE_TOPIC "$CONTROL/im/v1/response"
#define KEEPALIVE_S IM_KEEPALIVE_LEAST_S
#define RETRY_MS 50
/* How long one turn of the loop may wait: only bounds how late a deadline is noticed. */
#define TURN_MS 200
#define THROTTLED                                                                             \
	"the node may be turning logins away because too many were wrong (its log says so); " \
	"try again in a moment, with --wait-s or over a Unix socket"

enum state {
	STATE_CONNECTING,
	STATE_READY,   /* subscribed */
	STATE_WAITING, /* for the answer to `correlation` */
	STATE_ANSWERED,
	STATE_REFUSED, /* the server said no */
	STATE_LOST,    /* no connection, or it ended */
};

struct control {
	struct mosquitto *m;
	struct device device;
	enum state state;
	bool heard;         /* the broker has answered CONNECT */
	struct im_buf *why; /* of the call in progress */
	unsigned last_id;
	char correlation[16];
	json_t *answer;
	int code; /* of the last answer */
	unsigned timeout_s;
};

static int64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void fail(struct control *c, enum state state, const char *sentence)
{
	if (c->state == STATE_REFUSED || c->state == STATE_LOST)
		return; /* the first reason counts */
	c->state = state;
	if (c->why)
		im_buf_z(c->why, sentence);
}

static void on_connect(
	struct mosquitto *m, void *arg, int reason, int flags, const mosquitto_property *props)
{
	struct control *c = arg;

	(void)flags;
	(void)props;
	c->heard = true;
	switch (reason) {
	case MQTT_RC_SUCCESS:
		if (mosquitto_subscribe_v5(m, NULL, RESPONSE_TOPIC, 1, 0, NULL) != MOSQ_ERR_SUCCESS)
			fail(c, STATE_LOST, "cannot subscribe to the answers");
		break;
	case MQTT_RC_NOT_AUTHORIZED:
	case MQTT_RC_BAD_USERNAME_OR_PASSWORD:
	case MQTT_RC_BANNED:
		fail(c, STATE_REFUSED, "wrong user or password");
		break;
	case MQTT_RC_SERVER_UNAVAILABLE:
		fail(c, STATE_LOST, "the node cannot check logins now; its log says why");
		break;
	case MQTT_RC_SERVER_BUSY:
		fail(c, STATE_LOST, THROTTLED);
		break;
	default:
		fail(c, STATE_REFUSED, mosquitto_reason_string(reason));
	}
}

static void on_subscribe(struct mosquitto *m, void *arg, int mid, int n, const int *granted,
	const mosquitto_property *props)
{
	struct control *c = arg;

	(void)m;
	(void)mid;
	(void)props;
	if (n != 1 || granted[0] >= MQTT_RC_UNSPECIFIED)
		fail(c, STATE_REFUSED, "not allowed: this user is not an administrator");
	else if (c->state == STATE_CONNECTING)
		c->state = STATE_READY;
}

static void on_publish(
	struct mosquitto *m, void *arg, int mid, int reason, const mosquitto_property *props)
{
	struct control *c = arg;

	(void)m;
	(void)mid;
	(void)props;
	if (c->state != STATE_WAITING || reason < MQTT_RC_UNSPECIFIED)
		return;
	if (reason == MQTT_RC_NOT_AUTHORIZED)
		fail(c, STATE_REFUSED, "not allowed: this user is not an administrator");
	else
		fail(c, STATE_REFUSED, mosquitto_reason_string(reason));
}

static void on_disconnect(
	struct mosquitto *m, void *arg, int reason, const mosquitto_property *props)
{
	struct control *c = arg;

	(void)m;
	(void)reason;
	(void)props;
	/* All that Mosquitto 2.0 lets a node say that does not look at a login now. */
	fail(c, STATE_LOST,
		c->heard ? "the broker closed the connection"
			 : "the broker closed the connection without an answer: " THROTTLED);
}

static void on_message(struct mosquitto *m, void *arg, const struct mosquitto_message *msg,
	const mosquitto_property *props)
{
	struct control *c = arg;
	size_t i;
	json_t *response;

	(void)m;
	(void)props;
	if (c->state != STATE_WAITING)
		return;
	json_t *root = json_loadb(msg->payload, (size_t)msg->payloadlen, 0, NULL);
	json_array_foreach(json_object_get(root, "responses"), i, response)
	{
		const char *id = json_string_value(json_object_get(response, "correlationData"));
		if (!id || strcmp(id, c->correlation) != 0)
			continue;
		c->answer = json_incref(response);
		c->state = STATE_ANSWERED;
		break;
	}
	json_decref(root);
}

/* Turns the loop until the state changes or the time is up. */
static void turn_until_change(struct control *c, int64_t deadline_ms)
{
	enum state before = c->state;

	while (c->state == before) {
		int64_t left = deadline_ms - clock_ms();
		if (left <= 0)
			return;
		int rc = mosquitto_loop(c->m, left < TURN_MS ? (int)left : TURN_MS, 1);
		if (rc != MOSQ_ERR_SUCCESS && c->state == before)
			fail(c, STATE_LOST, mosquitto_strerror(rc));
	}
}

static int set_tls(struct control *c, const struct options *opt, struct im_buf *why)
{
	int rc = MOSQ_ERR_SUCCESS;

	if (opt->cafile || opt->capath)
		rc = mosquitto_tls_set(c->m, opt->cafile, opt->capath, opt->cert, opt->key, NULL);
	else if (opt->tls) {
		/* The folder only satisfies the call; the option below says whom to trust. */
		rc = mosquitto_tls_set(c->m, NULL, "/etc/ssl/certs", opt->cert, opt->key, NULL);
		if (rc == MOSQ_ERR_SUCCESS)
			rc = mosquitto_int_option(c->m, MOSQ_OPT_TLS_USE_OS_CERTS, 1);
	}
	if (rc == MOSQ_ERR_SUCCESS && opt->insecure)
		rc = mosquitto_tls_insecure_set(c->m, true);
	if (rc == MOSQ_ERR_SUCCESS)
		return IMCTL_OK;
	im_buf_printf(why, "TLS settings: %s", mosquitto_strerror(rc));
	return IMCTL_USAGE;
}

static int set_up(
	struct control *c, const struct options *opt, const char *password, struct im_buf *why)
{
	device_take(opt->user, &c->device);
	c->m = mosquitto_new(c->device.id, true, c);
	if (!c->m) {
		im_buf_z(why, "out of memory");
		return IMCTL_UNREACHABLE;
	}
	mosquitto_int_option(c->m, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
	mosquitto_int_option(c->m, MOSQ_OPT_TCP_NODELAY, 1);
	mosquitto_connect_v5_callback_set(c->m, on_connect);
	mosquitto_subscribe_v5_callback_set(c->m, on_subscribe);
	mosquitto_publish_v5_callback_set(c->m, on_publish);
	mosquitto_disconnect_v5_callback_set(c->m, on_disconnect);
	mosquitto_message_v5_callback_set(c->m, on_message);
	if (mosquitto_username_pw_set(c->m, opt->user, password) != MOSQ_ERR_SUCCESS) {
		im_buf_z(why, "the user name or the password is not UTF-8");
		return IMCTL_USAGE;
	}
	return opt->socket ? IMCTL_OK : set_tls(c, opt, why);
}

/* One try; leaves the reason in `why` unless the state is STATE_READY. */
static void connect_once(struct control *c, const struct options *opt, struct im_buf *why)
{
	const char *host = opt->socket ? opt->socket : opt->host;
	int port = opt->socket ? 0 : (int)opt->port;

	im_buf_reset(why);
	c->why = why;
	c->state = STATE_CONNECTING;
	c->heard = false;
	int rc = mosquitto_connect(c->m, host, port, KEEPALIVE_S);
	if (rc != MOSQ_ERR_SUCCESS) {
		fail(c, STATE_LOST, mosquitto_strerror(rc));
	} else {
		turn_until_change(c, clock_ms() + (int64_t)c->timeout_s * 1000);
		if (c->state == STATE_CONNECTING)
			fail(c, STATE_LOST, "no answer");
	}
	if (c->state == STATE_LOST) {
		if (opt->socket)
			im_buf_printf(why, " (%s)", host);
		else
			im_buf_printf(why, " (%s port %d)", host, port);
	}
	c->why = NULL;
}

int control_open(
	const struct options *opt, const char *password, struct control **out, struct im_buf *why)
{
	struct control *c = calloc(1, sizeof(*c));

	*out = c;
	if (!c) {
		im_buf_z(why, "out of memory");
		return IMCTL_UNREACHABLE;
	}
	c->timeout_s = (unsigned)opt->timeout_s;
	mosquitto_lib_init();
	int rc = set_up(c, opt, password, why);
	if (rc == IMCTL_OK) {
		int64_t deadline = clock_ms() + opt->wait_s * 1000;
		connect_once(c, opt, why);
		while (c->state == STATE_LOST && clock_ms() < deadline) {
			poll(NULL, 0, RETRY_MS);
			connect_once(c, opt, why);
		}
		if (c->state == STATE_REFUSED)
			rc = IMCTL_REFUSED;
		else if (c->state == STATE_LOST)
			rc = IMCTL_UNREACHABLE;
	}
	if (rc != IMCTL_OK)
		control_close(out);
	return rc;
}

static int publish(struct control *c, const char *command, const json_t *params, struct im_buf *why)
{
	json_t *one = json_copy((json_t *)params);
	int rc = MOSQ_ERR_NOMEM;

	snprintf(c->correlation, sizeof(c->correlation), "%u", ++c->last_id);
	json_object_set_new(one, "command", json_string(command));
	json_object_set_new(one, "correlationData", json_string(c->correlation));
	json_t *all = json_pack("{s:[o]}", "commands", one);
	char *text = all ? json_dumps(all, JSON_COMPACT) : NULL;
	if (text) {
		rc = mosquitto_publish(
			c->m, NULL, COMMAND_TOPIC, (int)strlen(text), text, 1, false);
		explicit_bzero(text, strlen(text));
	}
	free(text);
	json_decref(all);
	if (rc == MOSQ_ERR_SUCCESS)
		return IMCTL_OK;
	im_buf_printf(why, "cannot send the command: %s", mosquitto_strerror(rc));
	return IMCTL_UNREACHABLE;
}

static int read_answer(struct control *c, json_t **data_out, struct im_buf *why)
{
	const char *error = json_string_value(json_object_get(c->answer, "error"));

	c->code = (int)json_integer_value(json_object_get(c->answer, "code"));
	if (error) {
		im_buf_z(why, error);
		return IMCTL_REFUSED;
	}
	json_t *data = json_object_get(c->answer, "data");
	*data_out = data ? json_incref(data) : json_object();
	return IMCTL_OK;
}

int control_call(struct control *c, const char *command, const json_t *params, unsigned timeout_s,
	json_t **data_out, struct im_buf *why)
{
	int64_t wait_ms = (int64_t)(timeout_s > c->timeout_s ? timeout_s : c->timeout_s) * 1000;

	*data_out = NULL;
	c->why = why;
	c->state = STATE_WAITING;
	int rc = publish(c, command, params, why);
	if (rc == IMCTL_OK)
		turn_until_change(c, clock_ms() + wait_ms);
	c->why = NULL;
	if (rc != IMCTL_OK)
		return rc;
	if (c->state == STATE_ANSWERED) {
		rc = read_answer(c, data_out, why);
		json_decref(c->answer);
		c->answer = NULL;
		c->state = STATE_READY;
		return rc;
	}
	if (c->state == STATE_WAITING)
		im_buf_printf(why, "no answer within %lld s: is the bridge running?",
			(long long)wait_ms / 1000);
	return c->state == STATE_REFUSED ? IMCTL_REFUSED : IMCTL_UNREACHABLE;
}

int control_code(const struct control *c)
{
	return c->code;
}

void control_close(struct control **c)
{
	if (!*c)
		return;
	if ((*c)->m) {
		mosquitto_disconnect((*c)->m);
		mosquitto_destroy((*c)->m);
	}
	mosquitto_lib_cleanup();
	device_release(&(*c)->device);
	json_decref((*c)->answer);
	free(*c);
	*c = NULL;
}
