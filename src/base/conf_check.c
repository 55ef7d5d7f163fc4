/* SPDX-License-Identifier: Apache-2.0 */
/* conf_check.c -- what concerns several settings: whether they fit together.
 *
 * Each value has been read and is right by itself (conf.c).  Here a route finds its links, two clients must
 * not share a name or a key, a smallest value must not exceed its largest.  It is done last, so that the
 * order in the file does not matter, and it fills in what follows from others: networks, hashes, masks,
 * pointers.
 */
#include <config.h>

#include "base/conf.h"

#include "base/conf_form.h"
#include "base/conf_int.h"
#include "base/conf_make.h"
#include "base/conf_table.h"
#include "base/period.h"
#include "base/secret.h"

#include <stdlib.h>
#include <string.h>

static const config_setting_t *member_or_group(const config_setting_t *group, const char *name)
{
	const config_setting_t *cs = conf_given(group, name);

	return cs != NULL ? cs : group;
}

static const config_setting_t *item_of(const config_setting_t *root, const char *list, size_t i)
{
	return config_setting_get_elem(config_setting_get_member(root, list), (unsigned)i);
}

/* Missing ones, of this section and, for links, of the link's driver. */
static int check_required(
	struct conf_loader *l, const config_setting_t *group, enum conf_section section, const char *driver)
{
	for (size_t i = 0; i < conf_n_settings; i++) {
		const struct conf_setting *s = &conf_settings[i];

		if (s->section != section || (s->flags & CONF_REQUIRED) == 0)
			continue;
		if (s->driver != NULL && (driver == NULL || strcmp(s->driver, driver) != 0))
			continue;
		if (config_setting_get_member(group, s->name) == NULL)
			return conf_refuse(l, group, s->name, "is missing and has no default");
	}
	return 0;
}

static int check_order(struct conf_loader *l, const config_setting_t *group, const char *min, int64_t min_ms,
	const char *max, int64_t max_ms)
{
	if (min_ms <= max_ms)
		return 0;
	return conf_refuse(l, member_or_group(group, max),
		conf_given(group, max) == NULL ? max : "", "%g is below %s (%g)",
		(double)max_ms / 1000, min, (double)min_ms / 1000);
}

static int check_client(struct conf_loader *l, const config_setting_t *group, struct conf_client *cl)
{
	int r = check_required(l, group, CONF_CLIENT, NULL);

	if (r < 0)
		return r;
	if (secret_unhex(cl->key_sha256, cl->key_hash, sizeof(cl->key_hash)) < 0)
		return conf_refuse(l, config_setting_get_member(group, "key_sha256"), "",
			"must be 64 hexadecimal digits");
	if (cl->allow.n == 0)
		return 0;
	cl->networks = calloc(cl->allow.n, sizeof(*cl->networks));
	if (cl->networks == NULL)
		return conf_no_memory(l);
	for (size_t i = 0; i < cl->allow.n; i++)
		conf_form_cidr(cl->allow.item[i], &cl->networks[i]); /* its form has been checked */
	return 0;
}

static int check_clients(struct conf_loader *l, const config_setting_t *root)
{
	struct conf *c = l->c;
	int r = 0;

	for (size_t i = 0; i < c->n_clients && r == 0; i++) {
		const config_setting_t *group = item_of(root, "clients", i);

		r = check_client(l, group, &c->clients[i]);
		for (size_t j = 0; j < i && r == 0; j++) {
			unsigned line = config_setting_source_line(item_of(root, "clients", j));

			if (strcmp(c->clients[j].name, c->clients[i].name) == 0)
				r = conf_refuse(l, config_setting_get_member(group, "name"), "",
					"two clients are called \"%s\"; the first is in line %u",
					c->clients[i].name, line);
			else if (memcmp(c->clients[j].key_hash, c->clients[i].key_hash, SECRET_HASH_LEN) == 0)
				r = conf_refuse(l, config_setting_get_member(group, "key_sha256"), "",
					"client \"%s\" has the same key", c->clients[j].name);
		}
	}
	return r;
}

/* The driver whose links have a setting or list; NULL: all. */
static const char *driver_of(const char *name)
{
	const struct conf_setting *s = conf_find_setting(CONF_LINK, name);

	if (s != NULL)
		return s->driver;
	for (int i = 1; i < CONF_N_SECTIONS; i++) {
		if (conf_sections[i].parent == CONF_LINK && strcmp(conf_sections[i].name, name) == 0)
			return conf_sections[i].driver;
	}
	return NULL;
}

/* A setting of another driver would be without effect, and nobody would notice. */
static int check_driver_settings(
	struct conf_loader *l, const config_setting_t *group, const struct conf_link *link)
{
	int n = config_setting_length(group);

	for (int i = 0; i < n; i++) {
		const config_setting_t *cs = config_setting_get_elem(group, (unsigned)i);
		const char *name = config_setting_name(cs), *driver = driver_of(name);

		if (driver != NULL && strcmp(driver, link->driver) != 0)
			return conf_refuse(l, cs, "", "is a setting of driver \"%s\"; this link has \"%s\"", driver,
				link->driver);
	}
	return 0;
}

/* The setting as it was given; the link itself when it was not. */
static int refuse_setting(struct conf_loader *l, const config_setting_t *group, const char *name, const char *why)
{
	const config_setting_t *cs = conf_given(group, name);

	return conf_refuse(l, cs != NULL ? cs : group, cs != NULL ? "" : name, "%s", why);
}

static int check_tls(struct conf_loader *l, const config_setting_t *group, const struct conf_link *link)
{
	if ((link->tls_cert[0] == '\0') != (link->tls_key[0] == '\0'))
		return refuse_setting(l, group, link->tls_cert[0] != '\0' ? "tls_cert" : "tls_key",
			"needs the other one of tls_cert and tls_key, too");
	if (link->tls)
		return 0;
	if (link->tls_cert[0] != '\0')
		return refuse_setting(l, group, "tls_cert", "has no effect without tls = true");
	if (link->tls_server_name[0] != '\0')
		return refuse_setting(l, group, "tls_server_name", "has no effect without tls = true");
	return 0;
}

/* SMPP 3.3 knows neither transceivers nor TLVs; they came with 3.4. */
static int check_version(struct conf_loader *l, const config_setting_t *group, const struct conf_link *link)
{
	int64_t version = link->interface_version;

	if (version > 0x33 && version != 0x34 && version != 0x50)
		return refuse_setting(l, group, "interface_version",
			"is no version of SMPP that is spoken here; use 0x33 (3.3), 0x34 (3.4) or 0x50 (5.0)");
	if (version > 0x33)
		return 0;
	if (link->bind == CONF_BIND_TRANSCEIVER)
		return refuse_setting(l, group, "bind",
			"SMPP 3.3 has no transceiver; use \"split\", \"transmitter\" or \"receiver\"");
	if (link->concat == CONF_CONCAT_SAR || link->concat == CONF_CONCAT_PAYLOAD)
		return refuse_setting(l, group, "concat", "SMPP 3.3 has no TLVs; use \"udh8\" or \"udh16\"");
	if (link->user_message_reference)
		return refuse_setting(l, group, "user_message_reference", "is a TLV, which SMPP 3.3 has not");
	if (link->flash == CONF_FLASH_SUBUNIT)
		return refuse_setting(l, group, "flash",
			"\"subunit\" is a TLV, which SMPP 3.3 has not; use \"0x10\" or \"0xf0\"");
	return 0;
}

#define HOSTS_MAX 8u /* as the driver's */

static int check_hosts(struct conf_loader *l, const config_setting_t *group, const struct conf_link *link)
{
	if (link->host[0] == '\0' && link->hosts.n == 0)
		return conf_refuse(l, group, "host", "is missing; give host, or hosts");
	if (link->host[0] != '\0' && link->hosts.n > 0)
		return refuse_setting(l, group, "hosts", "stands beside host; give one of them");
	if (link->hosts.n > HOSTS_MAX)
		return refuse_setting(l, group, "hosts", "has more than 8 hosts");
	return 0;
}

static int check_outbind(struct conf_loader *l, const config_setting_t *group, const struct conf_link *link)
{
	if (link->outbind_listen[0] == '\0')
		return link->outbind_system_id[0] == '\0' ? 0 :
			refuse_setting(l, group, "outbind_system_id", "has no effect without outbind_listen");
	if (link->outbind_system_id[0] == '\0')
		return refuse_setting(l, group, "outbind_system_id",
			"is missing; without it anybody could call and be given our password");
	if (link->tls && link->tls_cert[0] == '\0')
		return refuse_setting(l, group, "outbind_listen", "needs tls_cert and tls_key with tls = true");
	return 0;
}

static int check_smpp(struct conf_loader *l, const config_setting_t *group, const struct conf_link *link)
{
	int r = check_hosts(l, group, link);

	if (r == 0)
		r = check_tls(l, group, link);
	if (r == 0)
		r = check_version(l, group, link);
	return r < 0 ? r : check_outbind(l, group, link);
}

/* The planner would never use them there: headers are the carrier's to make, and Latin-1 has no such tables. */
static int check_languages(struct conf_loader *l, const config_setting_t *group, const struct conf_link *link)
{
	static const char *const alphabets[] = {
		[CONF_ALPHABET_LATIN1] = "latin1",
		[CONF_ALPHABET_ASCII] = "ascii",
	};
	const config_setting_t *cs = conf_given(group, "languages");

	if (link->languages.n == 0)
		return 0;
	if (link->alphabet == CONF_ALPHABET_LATIN1 || link->alphabet == CONF_ALPHABET_ASCII)
		return conf_refuse(l, cs, "",
			"would have no effect with alphabet = \"%s\"; their tables go with \"gsm7-unpacked\" and "
			"\"gsm7-packed\"",
			alphabets[link->alphabet]);
	if (link->concat == CONF_CONCAT_SAR || link->concat == CONF_CONCAT_PAYLOAD)
		return conf_refuse(l, cs, "",
			"would have no effect with concat = \"%s\", as the carrier makes the headers; use \"udh8\" or "
			"\"udh16\"",
			link->concat == CONF_CONCAT_SAR ? "sar" : "payload");
	return 0;
}

/* What the carrier could not tell apart would arrive as the wrong letters. */
static int check_data_codings(struct conf_loader *l, const config_setting_t *group, const struct conf_link *link)
{
	static const char *const name[] = { "data_coding_gsm7", "data_coding_ucs2", "data_coding_binary" };
	static const int64_t by_alphabet[] = {
		[CONF_ALPHABET_GSM7_UNPACKED] = 0x00,
		[CONF_ALPHABET_GSM7_PACKED] = 0x00,
		[CONF_ALPHABET_LATIN1] = 0x03,
		[CONF_ALPHABET_ASCII] = 0x01,
	};
	const int64_t automatic[] = { by_alphabet[link->alphabet], 0x08, 0x04 };
	const int64_t given[] = { link->data_coding_gsm7, link->data_coding_ucs2, link->data_coding_binary };

	for (unsigned i = 0; i < 3; i++) {
		int64_t value = given[i] < 0 ? automatic[i] : given[i];

		for (unsigned j = 0; j < 3; j++) {
			if (j == i || given[i] < 0 || value != (given[j] < 0 ? automatic[j] : given[j]))
				continue;
			return conf_refuse(l, conf_given(group, name[i]), "",
				"%d is also %s, and the carrier could not tell them apart", (int)value, name[j]);
		}
	}
	return 0;
}

static int parse_errors(struct conf_loader *l, const struct conf_strings *list, struct conf_error **ret)
{
	const char *fault;

	if (list->n == 0)
		return 0;
	*ret = calloc(list->n, sizeof(**ret));
	if (*ret == NULL)
		return conf_no_memory(l);
	for (size_t i = 0; i < list->n; i++)
		conf_form_error(list->item[i], &(*ret)[i], &fault); /* its form has been checked */
	return 0;
}

static int check_quota(struct conf_loader *l, const config_setting_t *group, struct conf_link *link)
{
	struct conf_quota *q = &link->quota;

	q->day_at_minute = *q->day_at != '\0' ? period_clock(q->day_at) : 0; /* its form has been checked */
	if (q->reserve_otp > 0 && !q->minute && !q->hour && !q->day && !q->month)
		return conf_refuse(l, conf_given(group, "quota"), "reserve_otp", "has no effect without a bound on parts");
	return 0;
}

static int check_prices(struct conf_loader *l, const config_setting_t *group, const struct conf_link *link)
{
	for (size_t i = 0; i < link->n_prices; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(link->prices[i].prefix, link->prices[j].prefix) == 0)
				return conf_refuse(l, conf_given(group, "prices"), "", "has prefix \"%s\" twice",
					link->prices[i].prefix);
	return 0;
}

static int check_link(struct conf_loader *l, const config_setting_t *group, struct conf_link *link)
{
	int r = check_required(l, group, CONF_LINK, link->driver);

	if (r == 0)
		r = check_driver_settings(l, group, link);
	if (r == 0 && conf_profile_root(group) != NULL)
		r = check_driver_settings(l, conf_profile_root(group), link);
	if (r == 0)
		r = check_order(l, group, "reconnect_min", link->reconnect_min_ms, "reconnect_max",
			link->reconnect_max_ms);
	if (r == 0)
		r = check_order(l, group, "retry_min", link->retry_min_ms, "retry_max", link->retry_max_ms);
	if (r == 0 && strcmp(link->driver, "smpp") == 0)
		r = check_smpp(l, group, link);
	if (r == 0)
		r = check_languages(l, group, link);
	if (r == 0)
		r = check_data_codings(l, group, link);
	if (r == 0)
		r = parse_errors(l, &link->errors, &link->error);
	if (r == 0)
		r = parse_errors(l, &link->cms_errors, &link->cms_error);
	if (r == 0)
		r = check_quota(l, group, link);
	if (r == 0)
		r = check_prices(l, group, link);
	if (r == 0)
		r = conf_check_link_lists(l, group, link);
	return r;
}

/* What is known of makes is read with the configuration, so that a fault in it is found here, and once for all. */
static int load_makes(struct conf_loader *l, struct conf_link *link)
{
	int r = 0;

	if (strcmp(link->driver, "modem") == 0 && !l->c->makes)
		r = conf_makes_load(l->folder, &l->c->makes, l->err, l->n_err);
	link->makes = l->c->makes;
	return r;
}

static int check_links(struct conf_loader *l, const config_setting_t *root)
{
	struct conf *c = l->c;
	int r = 0;

	for (size_t i = 0; i < c->n_links && r == 0; i++) {
		const config_setting_t *group = item_of(root, "links", i);

		c->links[i].modem_ports = &c->modem_ports;
		c->links[i].data_dir = c->data_dir;
		r = load_makes(l, &c->links[i]);
		if (r < 0)
			break;
		r = check_link(l, group, &c->links[i]);
		for (size_t j = 0; j < i && r == 0; j++) {
			if (strcmp(c->links[j].name, c->links[i].name) == 0)
				r = conf_refuse(l, config_setting_get_member(group, "name"), "",
					"two links are called \"%s\"; the first is in line %u",
					c->links[i].name,
					config_setting_source_line(item_of(root, "links", j)));
		}
	}
	return r;
}

static int resolve_links(struct conf_loader *l, const config_setting_t *group, struct conf_route *route)
{
	const config_setting_t *list = config_setting_get_member(group, "links");

	route->link = calloc(route->links.n, sizeof(*route->link));
	if (route->link == NULL)
		return conf_no_memory(l);
	for (size_t i = 0; i < route->links.n; i++) {
		const char *name = route->links.item[i];

		route->link[i] = conf_find_link(l->c, name);
		if (route->link[i] == NULL)
			return conf_refuse(l, config_setting_get_elem(list, (unsigned)i), "",
				"there is no link \"%s\"", name);
		for (size_t j = 0; j < i; j++) {
			if (route->link[j] == route->link[i])
				return conf_refuse(l, config_setting_get_elem(list, (unsigned)i), "",
					"link \"%s\" is named twice", name);
		}
	}
	return 0;
}

static int check_route(struct conf_loader *l, const config_setting_t *group, struct conf_route *route)
{
	int r = check_required(l, group, CONF_ROUTE, NULL);

	if (r == 0)
		r = resolve_links(l, group, route);
	if (r < 0)
		return r;
	for (size_t i = 0; i < route->client.n; i++) {
		if (conf_find_client(l->c, route->client.item[i]) == NULL)
			return conf_refuse(l,
				config_setting_get_elem(
					config_setting_get_member(group, "client"), (unsigned)i),
				"", "there is no client \"%s\"", route->client.item[i]);
	}
	if (route->choose != CONF_CHOOSE_ORDER && route->links.n > CONF_POOL_MAX)
		return conf_refuse(l, config_setting_get_member(group, "links"), "", "has more than %d links to choose from",
			CONF_POOL_MAX);
	route->from_mask = route->from_allowed.n == 0 ? ~0u : 0;
	for (size_t i = 0; i < route->from_allowed.n; i++) /* enum sender_kind begins with what is none */
		route->from_mask |= 2u << conf_word_index("alphanumeric|number|short", route->from_allowed.item[i]);
	if (route->from_allowed.n > 0 && route->from_fallback[0] == '\0' && route->from[0] == '\0')
		return conf_refuse(l, config_setting_get_member(group, "from_allowed"), "",
			"needs from_fallback: what goes out instead of a sender that is not allowed");
	if (route->from[0] != '\0' && (route->from_allowed.n > 0 || route->from_fallback[0] != '\0'))
		return conf_refuse(l, config_setting_get_member(group, "from"), "",
			"is the sender of all messages, so from_allowed and from_fallback would have no effect");
	route->class_mask = route->class.n == 0 ? ~0u : 0;
	for (size_t i = 0; i < route->class.n; i++)
		route->class_mask |= 1u << conf_word_index("otp|service|marketing", route->class.item[i]);
	return 0;
}

static int name_route(struct conf_loader *l, struct conf_route *route, size_t number)
{
	char *name;

	if (route->name[0] != '\0')
		return 0;
	if (asprintf(&name, "route%zu", number) < 0)
		return conf_no_memory(l);
	free(route->name);
	route->name = name;
	return 0;
}

static int check_routes(struct conf_loader *l, const config_setting_t *root)
{
	struct conf *c = l->c;
	int r = 0;

	for (size_t i = 0; i < c->n_routes && r == 0; i++) {
		const config_setting_t *group = item_of(root, "routes", i);

		r = check_route(l, group, &c->routes[i]);
		if (r == 0)
			r = name_route(l, &c->routes[i], i + 1);
		for (size_t j = 0; j < i && r == 0; j++) {
			if (strcmp(c->routes[j].name, c->routes[i].name) == 0)
				r = conf_refuse(l, member_or_group(group, "name"), "",
					"two routes are called \"%s\"; the first is in line %u",
					c->routes[i].name,
					config_setting_source_line(item_of(root, "routes", j)));
		}
	}
	return r;
}

static int check_inbound(struct conf_loader *l, const config_setting_t *root)
{
	const struct conf *c = l->c;

	for (size_t i = 0; i < c->n_inbound; i++) {
		const config_setting_t *group = item_of(root, "inbound", i);
		const struct conf_inbound *in = &c->inbound[i];
		int r = check_required(l, group, CONF_INBOUND, NULL);

		if (r < 0)
			return r;
		if (conf_find_client(c, in->client) == NULL)
			return conf_refuse(l, config_setting_get_member(group, "client"), "",
				"there is no client \"%s\"", in->client);
		if (in->link[0] != '\0' && conf_find_link(c, in->link) == NULL)
			return conf_refuse(l, config_setting_get_member(group, "link"), "",
				"there is no link \"%s\"", in->link);
	}
	return 0;
}

static int check_http(struct conf_loader *l, const config_setting_t *root)
{
	const struct conf_http *http = &l->c->http;

	if ((http->tls.cert[0] == '\0') != (http->tls.key[0] == '\0'))
		return conf_refuse(l,
			config_setting_get_member(config_setting_get_member(root, "http"), "tls"), "",
			"needs both cert and key");
	if (http->max_held < 2 * http->max_body)
		return conf_refuse(l, config_setting_get_member(root, "http"), "",
			"max_held must be at least twice max_body, or no client could send the largest body");
	if (strcmp(http->listen, http->admin_listen) == 0 && strcmp(strrchr(http->listen, ':'), ":0") != 0) {
		const config_setting_t *group = config_setting_get_member(root, "http");

		return conf_refuse(l, group, "", "listen and admin_listen are both %s", http->listen);
	}
	return 0;
}

int conf_check_all(struct conf_loader *l, const config_setting_t *root)
{
	int r = check_http(l, root);

	if (r == 0)
		r = check_clients(l, root);
	if (r == 0)
		r = check_links(l, root);
	for (size_t i = 0; i < l->c->n_clients && r == 0; i++)
		r = conf_check_client_lists(l, item_of(root, "clients", i), &l->c->clients[i]);
	if (r == 0)
		r = check_routes(l, root);
	if (r == 0)
		r = check_inbound(l, root);
	return r;
}
