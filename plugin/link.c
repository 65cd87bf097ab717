/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by admit.c for logins, and by hooks.c and acl.c, which ask whether it is the bridge that
 * speaks. The secret is read at each login: who replaces the file restarts the bridge alone. */
#include "plugin/link.h"

#include <openssl/crypto.h>

#include "common/ids.h"
#include "schema/secret.h"

bool link_claimed(const struct plugin *p, struct im_str username, struct im_str device)
{
	return im_device_link(device) || im_str_eqz(username, p->opt.link_username);
}

/* Of its connection, the broker's memory and the name that nobody else can have: should the broker
 * have used the memory again without a word, the name is another one. */
static bool same(const struct plugin *p, const struct mosquitto *client)
{
	const char *id = mosquitto_client_id(client);

	return id && strcmp(id, p->bridge_id) == 0;
}

bool link_is(const struct plugin *p, const struct mosquitto *client)
{
	return p->bridge && client == p->bridge && same(p, client);
}

bool link_has(const struct plugin *p, struct im_str device)
{
	return p->bridge && im_str_eqz(device, p->bridge_id);
}

static void lost(struct plugin *p)
{
	if (p->uplink.up)
		log_line(LOG_LEVEL_WARNING, "link lost: messages wait in the spool");
	p->bridge = NULL;
	p->bridge_id[0] = '\0';
	p->credit = 0;
	uplink_lost(&p->uplink);
}

static bool right_password(const char *given, const char *right)
{
	return given && strlen(given) == SECRET_PASSWORD &&
	       CRYPTO_memcmp(given, right, SECRET_PASSWORD) == 0;
}

/* False, and p->why says why: for whoever looks for the fault with two processes and two folders.
 */
static bool knows_secret(struct plugin *p, const struct mosquitto_evt_basic_auth *ed)
{
	char right[SECRET_PASSWORD + 1];
	bool known = false;

	if (secret_read(p->opt.data_dir, right, &p->why))
		return false;
	known = right_password(ed->password, right);
	explicit_bzero(right, sizeof(right));
	if (known)
		return true;
	im_buf_printf(&p->why,
		"%s; the plugin reads it in %s/" SECRET_FILE
		". If this is your im-bridge: give both the same data_dir, and restart it when "
		"that file has been replaced",
		ed->password && *ed->password
			? "the password is not the link's secret"
			: "no password: an im-bridge of an older version knows no secret",
		p->opt.data_dir);
	return false;
}

/* The bridge may come again before the broker has seen that it had gone; a second one has a client
 * id of its own. */
static bool another_one(const struct plugin *p, const struct mosquitto *client)
{
	return p->bridge && client != p->bridge && !same(p, client);
}

static int refuse(struct plugin *p, const struct mosquitto *client, struct im_str username)
{
	struct log_text user, id, address;

	p->stats.logins_refused++;
	if (log_gate(&p->gates.claim, clock_mono_us(&p->clock) / 1000, "link logins refused"))
		log_line(LOG_LEVEL_WARNING, "login refused user=%s client=%s address=%s: %.*s",
			log_text(&user, username),
			log_text(&id, im_str(mosquitto_client_id(client))),
			log_text(&address, im_str(mosquitto_client_address(client))),
			IM_ARGS(im_buf_view(&p->why)));
	return MOSQ_ERR_AUTH;
}

int link_login(struct plugin *p, const struct mosquitto_evt_basic_auth *ed)
{
	struct im_str username = im_str(ed->username), id = im_str(mosquitto_client_id(ed->client));

	im_buf_reset(&p->why);
	if (!im_str_eqz(username, p->opt.link_username)) {
		im_buf_z(&p->why, "client ids that begin with " IM_DEVICE_LINK
				  " are the bridge's, whose name here is ");
		im_buf_z(&p->why, p->opt.link_username);
		im_buf_z(&p->why, " (plugin_opt_link_username); choose another one");
		return refuse(p, ed->client, username);
	}
	if (!knows_secret(p, ed))
		return refuse(p, ed->client, username);
	if (!im_device_link(id) || id.n >= sizeof(p->bridge_id)) {
		im_buf_z(&p->why,
			"the bridge's client id begins with " IM_DEVICE_LINK
			": is use_username_as_clientid set for its listener? then remove it there");
		return refuse(p, ed->client, username);
	}
	if (another_one(p, ed->client)) {
		im_buf_z(&p->why, "a bridge is connected already; run one bridge for each broker");
		return refuse(p, ed->client, username);
	}
	if (p->bridge)
		lost(p);
	log_line(LOG_LEVEL_INFO, "link connected");
	p->bridge = ed->client;
	memcpy(p->bridge_id, id.p, id.n + 1);
	return MOSQ_ERR_SUCCESS;
}

void link_arrival(struct plugin *p, const struct mosquitto *client)
{
	if (p->bridge && client == p->bridge)
		lost(p);
}

bool link_ended(struct plugin *p, const struct mosquitto *client)
{
	if (!p->bridge || client != p->bridge)
		return false;
	lost(p);
	return true;
}
