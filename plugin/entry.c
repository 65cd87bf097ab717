/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The three functions that the broker looks up, and nothing else: makes the plugin's state from the
 * options, or says why not, so that the broker refuses to start.
 */
#include "plugin/plugin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/limits.h"
#include "plugin/aclfile.h"
#include "plugin/admit.h"
#include "plugin/capture.h"
#include "plugin/conffile.h"
#include "plugin/home.h"
#include "plugin/hooks.h"
#include "plugin/identity.h"
#include "plugin/later.h"
#include "plugin/unchanged.h"
#include "schema/secret.h"

#define EXPORTED __attribute__((visibility("default")))
#define OPTIONS_MAX 1024 /* allow_topic may be given often */

EXPORTED int mosquitto_plugin_version(int supported_version_count, const int *supported_versions);
EXPORTED int mosquitto_plugin_init(mosquitto_plugin_id_t *identifier, void **userdata,
	struct mosquitto_opt *options, int option_count);
EXPORTED int mosquitto_plugin_cleanup(
	void *userdata, struct mosquitto_opt *options, int option_count);

int mosquitto_plugin_version(int supported_version_count, const int *supported_versions)
{
	int i;

	for (i = 0; i < supported_version_count; i++) {
		if (supported_versions[i] == MOSQ_PLUGIN_VERSION)
			return MOSQ_PLUGIN_VERSION;
	}
	return -1;
}

static int read_options(
	struct plugin *p, const struct mosquitto_opt *options, int n, struct im_buf *why)
{
	struct options_pair pairs[OPTIONS_MAX];
	int i;

	if (n > OPTIONS_MAX) {
		im_buf_printf(why, "more than %d options", OPTIONS_MAX);
		return IM_E_FORMAT;
	}
	for (i = 0; i < n; i++)
		pairs[i] = (struct options_pair){options[i].key, options[i].value};
	return options_read(&p->opt, pairs, (size_t)n, why);
}

static int recover_one(struct plugin *p, const struct im_up_rec *r, uint64_t recno)
{
	struct owner owner = {.uid = r->user};
	int ret = IM_OK, known;

	if (r->type == IM_UP_OPEN && r->flags & IM_UPF_NEW_USER)
		ret = lookup_user_pending(p->lookup, r->user);
	/* The client id of a user without a number would be denied to him who has one. */
	known = admit_number(p, r->user, &owner.user);
	if (known)
		return known;
	if (ret != IM_E_NOMEM && r->type == IM_UP_OPEN && r->flags & IM_UPF_NEW_DEVICE) {
		ret = bindings_add(p->bindings, r->device, &owner);
		bindings_announced(p->bindings, r->device, recno);
	}
	if (r->type == IM_UP_KEEP)
		ret = bindings_kept(p->bindings, r->device, &owner, recno);
	return ret == IM_E_NOMEM ? ret : IM_OK;
}

/* What the spool holds of users and client ids that the bridge has not written yet. */
static int recover_announcements(struct plugin *p, struct im_buf *why)
{
	struct ring_cursor c = ring_begin(&p->spool.ring);
	struct ring_record rec;
	struct im_up_rec r;
	int ret;

	while (ring_next(&p->spool.ring, &c, &rec)) {
		struct im_str in = rec.bytes;

		if (im_up_rec_read(&in, &r) != IM_OK)
			continue;
		ret = recover_one(p, &r, rec.recno);
		if (ret == IM_E_IO)
			im_buf_printf(why,
				"whose the client ids in the spool are could not be read: "
				"directory.db: %s",
				lookup_error(p->lookup));
		if (ret)
			return ret;
	}
	return IM_OK;
}

static int fill_random(void *to, size_t n, struct im_buf *why)
{
	if (getrandom(to, n, 0) == (ssize_t)n)
		return IM_OK;
	im_buf_printf(why, "the system gives no random bytes: %s", strerror(errno));
	return IM_E_IO;
}

/* The bridge may be started later, or be waiting for us. */
static int make_secret(const struct plugin *p, struct im_buf *why)
{
	char password[SECRET_PASSWORD + 1];
	uint8_t fresh[SECRET_BYTES];
	int ret;

	ret = fill_random(fresh, sizeof(fresh), why);
	if (ret)
		return ret;
	ret = secret_make(p->opt.data_dir, fresh, password, why);
	explicit_bzero(fresh, sizeof(fresh));
	explicit_bzero(password, sizeof(password));
	return ret;
}

static int make_parts(struct plugin *p, struct im_buf *why)
{
	uint64_t epoch = 0;
	int ret = fill_random(&p->key, sizeof(p->key), why);

	if (!ret)
		ret = fill_random(&epoch, sizeof(epoch), why);
	step_init(&p->step, epoch);
	if (!ret)
		ret = props_open(&p->props, why);
	if (!ret)
		ret = lookup_open(p->opt.data_dir, &p->key, &p->lookup, why);
	if (!ret) {
		p->device_days = lookup_meta(p->lookup, "device_days", IM_DEVICE_DAYS);
		home_recall(p);
		lookup_rest(p->lookup);
		conffile_warn_expiration(p->expiration_s, p->device_days);
		ret = make_secret(p, why);
	}
	if (!ret)
		ret = auth_new(&p->opt, p->lookup, &p->clock, &p->auth, why);
	if (!ret) {
		p->clients = clients_new(&p->key, IM_OFFLINE_SESSIONS);
		p->bindings = bindings_new(&p->key, IM_PENDING_DEVICES, IM_PENDING_DEVICES_USER);
		p->identities = identities_new(&p->key);
		p->unchanged = unchanged_new(&p->key, IM_CACHED_RETAINED);
		if (!p->clients || !p->bindings || !p->identities || !p->unchanged)
			ret = IM_E_NOMEM;
	}
	if (!ret)
		ret = spool_open(&p->spool, p->opt.spool_file, (uint64_t)p->opt.spool_size, why);
	if (!ret) {
		uplink_init(&p->uplink, &p->spool, (unsigned)p->opt.window);
		ret = recover_announcements(p, why);
	}
	return ret;
}

static int check_broker(struct plugin *p, struct im_buf *why)
{
	struct brokerconf c;
	int ret;

	conffile_check(&c, &p->opt);
	log_lines(LOG_LEVEL_WARNING, im_buf_view(&c.warnings));
	p->expiration_s = c.expiration_s;
	im_buf_str(why, im_buf_view(&c.refused));
	ret = c.refused.n ? IM_E_FORMAT : IM_OK;
	brokerconf_clear(&c);
	return ret;
}

static void plugin_free(struct plugin *p)
{
	later_close(p);
	kicks_clear(&p->kicks);
	uplink_clear(&p->uplink);
	spool_close(&p->spool);
	clients_free(&p->clients);
	bindings_free(&p->bindings);
	identities_free(&p->identities);
	unchanged_free(&p->unchanged);
	auth_free(&p->auth);
	lookup_close(&p->lookup);
	props_close(&p->props);
	im_acl_free(&p->acl);
	options_clear(&p->opt);
	im_buf_free(&p->wills);
	im_buf_free(&p->why);
	im_buf_free(&p->text);
	im_buf_free(&p->topic);
	im_buf_free(&p->encoded);
	free(p);
}

int mosquitto_plugin_init(mosquitto_plugin_id_t *identifier, void **userdata,
	struct mosquitto_opt *options, int option_count)
{
	struct plugin *p = calloc(1, sizeof(*p));
	struct im_buf why;
	int ret;

	im_buf_init(&why, 0);
	if (!p)
		return MOSQ_ERR_NOMEM;
	p->id = identifier;
	p->clock = clock_system();
	p->spool.fd = -1;
	ret = read_options(p, options, option_count, &why);
	p->prefix = im_str(p->opt.topic_prefix);
	if (!ret)
		ret = check_broker(p, &why);
	if (!ret)
		ret = aclfile_read(&p->opt, NULL, &p->acl, &why);
	if (!ret)
		ret = make_parts(p, &why);
	if (!ret)
		ret = hooks_register(p, &why);
	if (!ret && (ret = later_open(p, &why)))
		hooks_unregister(p);
	if (!ret) {
		log_line(LOG_LEVEL_NOTICE, "plugin ready version=%s prefix=%s spool=%s", IM_VERSION,
			p->opt.topic_prefix, p->opt.spool_file);
		if (auth_keys(p->auth) == 0)
			log_line(LOG_LEVEL_WARNING,
				"jwt_key_dir %s is empty: no token is accepted until a key is "
				"there and "
				"the broker has got SIGHUP",
				p->opt.jwt_key_dir);
		*userdata = p;
	} else {
		log_line(LOG_LEVEL_ERROR, "plugin not loaded: %.*s",
			why.n ? (int)why.n : (int)sizeof("out of memory") - 1,
			why.n ? why.p : "out of memory");
		plugin_free(p);
	}
	im_buf_free(&why);
	return ret ? MOSQ_ERR_INVAL : MOSQ_ERR_SUCCESS;
}

int mosquitto_plugin_cleanup(void *userdata, struct mosquitto_opt *options, int option_count)
{
	struct plugin *p = userdata;

	(void)options;
	(void)option_count;
	if (!p)
		return MOSQ_ERR_SUCCESS;
	/* The broker has sent its clients' wills and says no more. */
	capture_notes(p);
	hooks_unregister(p);
	plugin_free(p);
	return MOSQ_ERR_SUCCESS;
}
