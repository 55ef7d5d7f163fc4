/* SPDX-License-Identifier: Apache-2.0 */
/* api_gate.c -- who may call what: the table of calls, keys, addresses and rates; rules of inbound messages.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "intake/api_route.h"
#include "intake/auth.h"
#include "intake/inbound.h"

/* ---- Calls: written from the contract, not from the table. ---- */

static const struct {
	enum http_method method;
	const char *path;
	int role; /* -1: 404; -2: 405 */
	const char *allow;
} calls[] = {
	{HTTP_METHOD_POST, "v1/messages", ROLE_CLIENT, NULL},
	{HTTP_METHOD_GET, "v1/messages", ROLE_CLIENT, NULL},
	{HTTP_METHOD_HEAD, "v1/messages", ROLE_CLIENT, NULL},
	{HTTP_METHOD_DELETE, "v1/messages", ROLE_CLIENT, NULL},
	{HTTP_METHOD_PUT, "v1/messages", -2, "GET, HEAD, POST, DELETE"},
	{HTTP_METHOD_GET, "v1/messages/17", ROLE_CLIENT, NULL},
	{HTTP_METHOD_DELETE, "v1/messages/17", ROLE_CLIENT, NULL},
	{HTTP_METHOD_POST, "v1/messages/17", -2, "GET, HEAD, DELETE"},
	{HTTP_METHOD_GET, "v1/messages/17/events", ROLE_CLIENT, NULL},
	{HTTP_METHOD_GET, "v1/messages/17/event", -1, NULL},
	{HTTP_METHOD_GET, "v1/messages/17/events/1", -1, NULL},
	{HTTP_METHOD_GET, "v1/messages/", -1, NULL},
	{HTTP_METHOD_GET, "v1/streams/k", ROLE_CLIENT, NULL},
	{HTTP_METHOD_POST, "v1/preview", ROLE_CLIENT, NULL},
	{HTTP_METHOD_GET, "v1/preview", -2, "POST"},
	{HTTP_METHOD_GET, "v1/inbound", ROLE_CLIENT, NULL},
	{HTTP_METHOD_GET, "v1/links", ROLE_OPERATOR, NULL},
	{HTTP_METHOD_PATCH, "v1/links/acme", ROLE_OPERATOR, NULL},
	{HTTP_METHOD_GET, "v1/links/acme", -2, "PATCH"},
	{HTTP_METHOD_POST, "v1/links/acme/start", ROLE_OPERATOR, NULL},
	{HTTP_METHOD_POST, "v1/links/acme/drain", ROLE_OPERATOR, NULL},
	{HTTP_METHOD_GET, "v1/links/acme/stop", -2, "POST"},
	{HTTP_METHOD_GET, "v1/queue", ROLE_OPERATOR, NULL},
	{HTTP_METHOD_GET, "v1/webhooks", ROLE_OPERATOR, NULL},
	{HTTP_METHOD_POST, "v1/webhooks/shop/replay", ROLE_OPERATOR, NULL},
	{HTTP_METHOD_GET, "v1/receipts/parked", ROLE_OPERATOR, NULL},
	{HTTP_METHOD_GET, "healthz", ROLE_ADMIN_OPEN, NULL},
	{HTTP_METHOD_GET, "readyz", ROLE_ADMIN_OPEN, NULL},
	{HTTP_METHOD_GET, "metrics", ROLE_ADMIN_OPEN, NULL},
	{HTTP_METHOD_POST, "metrics", -2, "GET, HEAD"},
	{HTTP_METHOD_GET, "v2/messages", -1, NULL},
	{HTTP_METHOD_GET, "v1", -1, NULL},
	{HTTP_METHOD_GET, "V1/messages", -1, NULL},
};

static const struct api_route *match(enum http_method method, const char *path,
	char params[API_PATH_PARAMS][API_PARAM_MAX], const char **ret_allow)
{
	char text[8][64];
	const char *segments[8];
	unsigned n = 0;

	for (;;) {
		size_t len = strcspn(path, "/");

		snprintf(text[n], sizeof(text[n]), "%.*s", (int)len, path);
		segments[n] = text[n];
		n++;
		if (!path[len])
			return api_route_match(method, segments, n, params, ret_allow);
		path += len + 1;
	}
}

static void every_call_needs_its_role(void **state)
{
	char params[API_PATH_PARAMS][API_PARAM_MAX];

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		const char *allow = "";
		const struct api_route *r = match(calls[i].method, calls[i].path, params, &allow);
		int got = r ? (int)r->role : *allow ? -2 : -1;

		if (got != calls[i].role || (got == -2 && strcmp(allow, calls[i].allow) != 0))
			fail_msg("%s: role %d, Allow \"%s\"", calls[i].path, got, allow);
	}
}

static void path_parameters_come_in_order(void **state)
{
	char params[API_PATH_PARAMS][API_PARAM_MAX] = {""};
	const char *allow;

	assert_non_null(match(HTTP_METHOD_POST, "v1/links/acme/stop", params, &allow));
	assert_string_equal(params[0], "acme");
	assert_string_equal(params[1], "stop");
}

static void query_parameters_are_listed(void **state)
{
	char params[API_PATH_PARAMS][API_PARAM_MAX];
	const char *allow;
	const struct api_route *list = match(HTTP_METHOD_GET, "v1/messages", params, &allow);

	assert_true(api_route_has_param(list, "campaign"));
	assert_false(api_route_has_param(list, "campain"));
	assert_false(api_route_has_param(match(HTTP_METHOD_GET, "v1/queue", params, &allow), "limit"));
}

/* ---- Keys.  SHA-256 of "abc" and of the empty-adjacent vectors is from FIPS 180-4's examples. ---- */

static const uint8_t sha_abc[32] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde,
	0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2,
	0x00, 0x15, 0xad};

static uint32_t id_of(void *arg, const char *name)
{
	return (uint32_t)(name[0] - 'a' + 1);
}

static struct conf_cidr ten = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 0}, 104};

static void fill(struct conf *c, struct conf_client clients[3])
{
	memset(clients, 0, 3 * sizeof(*clients));
	for (unsigned i = 0; i < 3; i++) {
		static char names[3][2] = {"a", "b", "c"};

		clients[i].name = names[i];
		clients[i].allow.n = 0;
		memset(clients[i].key_hash, (int)i + 1, 32);
	}
	memset(c, 0, sizeof(*c));
	c->clients = clients;
	c->n_clients = 3;
}

static enum auth_result check(struct auth *a, const char *header, const char *from, int64_t now_us,
	uint32_t *ret_id, unsigned *ret_wait)
{
	struct sockaddr_in peer = {.sin_family = AF_INET};
	struct auth_client *cl = NULL;
	enum auth_result r;

	inet_pton(AF_INET, from, &peer.sin_addr);
	*ret_wait = 0;
	r = auth_check(a, header, (struct sockaddr *)&peer, now_us, &cl, ret_wait);
	*ret_id = cl ? cl->id : 0;
	return r;
}

static void a_key_finds_its_client_wherever_it_stands(void **state)
{
	struct conf_client clients[3];
	struct conf c;
	struct auth *a = auth_new();
	uint32_t id;
	unsigned wait;

	for (unsigned i = 0; i < 3; i++) {
		fill(&c, clients);
		memcpy(clients[i].key_hash, sha_abc, 32);
		assert_int_equal(auth_set(a, &c, id_of, NULL), 0);
		assert_int_equal(check(a, "Bearer abc", "127.0.0.1", 1, &id, &wait), AUTH_OK);
		assert_int_equal(id, i + 1);
		assert_int_equal(check(a, "bearer  abc", "127.0.0.1", 1, &id, &wait), AUTH_OK);
		clients[i].key_hash[31] ^= 1; /* one bit, in the last octet */
		assert_int_equal(check(a, "Bearer abc", "127.0.0.1", 1, &id, &wait), AUTH_BAD_KEY);
		clients[i].key_hash[31] ^= 1;
		clients[i].key_hash[0] ^= 0x80;
		assert_int_equal(check(a, "Bearer abc", "127.0.0.1", 1, &id, &wait), AUTH_BAD_KEY);
	}
	assert_int_equal(check(a, "Bearer abcd", "127.0.0.1", 1, &id, &wait), AUTH_BAD_KEY);
	assert_int_equal(id, 0);
	assert_int_equal(check(a, NULL, "127.0.0.1", 1, &id, &wait), AUTH_NO_KEY);
	assert_int_equal(check(a, "Basic abc", "127.0.0.1", 1, &id, &wait), AUTH_NO_KEY);
	assert_int_equal(check(a, "Bearer ", "127.0.0.1", 1, &id, &wait), AUTH_NO_KEY);
	auth_free(a);
}

static void a_right_key_from_a_wrong_address_is_told_so(void **state)
{
	struct conf_client clients[3];
	struct conf c;
	struct auth *a = auth_new();
	uint32_t id;
	unsigned wait;

	fill(&c, clients);
	memcpy(clients[1].key_hash, sha_abc, 32);
	clients[1].allow.n = 1;
	clients[1].networks = &ten;
	assert_int_equal(auth_set(a, &c, id_of, NULL), 0);
	assert_int_equal(check(a, "Bearer abc", "127.0.0.1", 1, &id, &wait), AUTH_ADDRESS);
	assert_int_equal(check(a, "Bearer abc", "10.1.2.3", 1, &id, &wait), AUTH_OK);
	auth_free(a);
}

static void requests_per_second_are_a_bucket_that_survives_a_reload(void **state)
{
	struct conf_client clients[3];
	struct conf c;
	struct auth *a = auth_new();
	uint32_t id;
	unsigned wait;

	fill(&c, clients);
	memcpy(clients[2].key_hash, sha_abc, 32);
	clients[2].requests_per_second = 2;
	assert_int_equal(auth_set(a, &c, id_of, NULL), 0);
	assert_int_equal(check(a, "Bearer abc", "127.0.0.1", 1000000, &id, &wait), AUTH_OK);
	assert_int_equal(check(a, "Bearer abc", "127.0.0.1", 1000000, &id, &wait), AUTH_OK);
	assert_int_equal(check(a, "Bearer abc", "127.0.0.1", 1000000, &id, &wait), AUTH_RATE);
	assert_int_equal(wait, 1);
	assert_int_equal(auth_set(a, &c, id_of, NULL), 0);
	assert_int_equal(check(a, "Bearer abc", "127.0.0.1", 1400000, &id, &wait), AUTH_RATE);
	assert_int_equal(check(a, "Bearer abc", "127.0.0.1", 1500000, &id, &wait), AUTH_OK);
	assert_int_equal(check(a, "Bearer abc", "127.0.0.1", 1500000, &id, &wait), AUTH_RATE);
	auth_free(a);
}

/* ---- Rules of inbound messages. ---- */

static void the_first_rule_that_fits_names_the_client(void **state)
{
#define RULE(t, f, k, l, cl)                                           \
	{                                                              \
		(char *)t, (char *)f, (char *)k, (char *)l, (char *)cl \
	}
	static struct conf_inbound rules[] = {
		RULE("12345", "", "STOP", "", "stopper"),
		RULE("12345", "", "", "", "shop"),
		RULE("", "+49151", "", "sim1", "german"),
		RULE("", "", "", "sim2", "sim"),
		RULE("77", "", "СТОП", "", "stopper"),
		RULE("77", "", "añadir", "", "shop"),
	};
	static struct conf_client two[2] = {{.name = (char *)"x"}, {.name = (char *)"y"}};
	static const struct {
		const char *link, *to, *from, *text, *client;
	} t[] = {
		{"acme", "12345", "4915", "stop", "stopper"},
		{"acme", "+12345", "4915", " Stop. please", "stopper"},
		{"acme", "12345", "4915", "STOPPED", "shop"},
		{"acme", "12345", "4915", "please stop", "shop"},
		{"acme", "123456", "4915", "stop", NULL},
		{"sim1", "1", "49151", "", "german"},
		{"sim2", "1", "49151", "", "sim"},
		{"acme", "1", "2", "", NULL},
		{"acme", "77", "7", "стоп", "stopper"},
		{"acme", "77", "7", "Стоп, пожалуйста", "stopper"},
		{"acme", "77", "7", "\u00a0СТОП…", "stopper"},
		{"acme", "77", "7", "\ufeffстоп👍", "stopper"},
		{"acme", "77", "7", "стопка", NULL},
		{"acme", "77", "7", "сто", NULL},
		{"acme", "77", "7", "AÑADIR 1", "shop"},
		{"acme", "77", "7", "\xd1\xd1", NULL},
		{"acme", "12345", "7", "STOP！", "stopper"},
		{"acme", "12345", "7", "STOPé", "shop"},
	};
	struct conf c = {.inbound = rules, .n_inbound = 6, .clients = two, .n_clients = 2};
	struct link_inbound m = {0};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		const char *got;

		m.to = t[i].to;
		m.from = t[i].from;
		m.text = t[i].text;
		m.n_text = (uint32_t)strlen(t[i].text);
		got = inbound_client(&c, t[i].link, &m);
		if ((got == NULL) != (t[i].client == NULL) || (got && strcmp(got, t[i].client) != 0))
			fail_msg("row %zu: %s", i, got ? got : "none");
	}
	m = (struct link_inbound){.to = "1", .from = "2", .text = ""};
	c.n_clients = 1; /* the only client gets what no rule names */
	assert_string_equal(inbound_client(&c, "acme", &m), "x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_call_needs_its_role),
		cmocka_unit_test(path_parameters_come_in_order),
		cmocka_unit_test(query_parameters_are_listed),
		cmocka_unit_test(a_key_finds_its_client_wherever_it_stands),
		cmocka_unit_test(a_right_key_from_a_wrong_address_is_told_so),
		cmocka_unit_test(requests_per_second_are_a_bucket_that_survives_a_reload),
		cmocka_unit_test(the_first_rule_that_fits_names_the_client),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
