/* SPDX-License-Identifier: Apache-2.0
 *
 * router_test.c -- which rule takes a message, and what the queue is told of the rules.
 *
 * Rules come from configuration text, as in life.  Links and the queue are stood in for by two functions below: the
 * router only passes pointers on.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "queue/names.h"
#include "route/router.h"

/* ---- stand-ins ---- */

static struct outlet outlets[20];
static struct queue_route told[16];
static unsigned n_told, n_calls;

struct outlet *link_outlet(struct link *l)
{
	return (struct outlet *)l;
}

void queue_set_routes(struct queue *q, const struct queue_route *routes, unsigned n)
{
	assert_true(n <= 16);
	memcpy(told, routes, n * sizeof(*routes));
	n_told = n;
	n_calls++;
}

/* Links "l0" … "l19"; an odd one is not there, as one whose driver could not be opened. */
static struct link *link_of(void *arg, const char *name)
{
	unsigned i;

	assert_int_equal(sscanf(name, "l%u", &i), 1);
	return i % 2 ? NULL : (struct link *)&outlets[i];
}

/* ---- a router from text ---- */

struct fixture {
	struct names *names;
	struct router *router;
};

static struct conf *conf_of(const char *routes)
{
	static char text[16384];
	size_t n = 0;
	struct conf *c = NULL;
	char err[512] = "";

	n += (size_t)snprintf(text + n, sizeof(text) - n, "clients = (\n");
	for (unsigned i = 0; i < 3; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s{ name = \"c%u\"; key_sha256 = \"%064x\"; }",
			i ? ", " : "", i, i + 1);
	n += (size_t)snprintf(text + n, sizeof(text) - n, ");\nlinks = (\n");
	for (unsigned i = 0; i < 20; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s{ name = \"l%u\"; driver = \"loopback\"; }",
			i ? ", " : "", i);
	snprintf(text + n, sizeof(text) - n, ");\nroutes = (\n%s);\n", routes);
	if (conf_load_string(text, "t.conf", &c, err, sizeof(err)) != 0)
		fail_msg("%s", err);
	return c;
}

static void set(struct fixture *fx, const char *routes)
{
	struct conf *c = conf_of(routes);

	assert_int_equal(router_set(fx->router, NULL, c, link_of, NULL), 0);
	conf_free(c); /* nothing of it is kept */
}

static int setup(void **state)
{
	static struct fixture fx;

	fx.names = names_new();
	fx.router = router_new(fx.names);
	n_told = n_calls = 0;
	*state = &fx;
	return fx.names && fx.router ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *fx = *state;

	router_free(fx->router);
	names_free(fx->names);
	return 0;
}

/* ---- matching ---- */

struct try {
	const char *why;
	uint64_t to;
	enum msg_class class;
	const char *client, *from;
	const char *route; /* "": none */
};

static void check(struct fixture *fx, const struct try *t)
{
	struct message m = { .to = t->to, .class = (uint8_t)t->class, .from = t->from };
	const char *got;

	m.client = names_get(fx->names, NAME_CLIENT, t->client ? t->client : "c0");
	got = names_text(fx->names, NAME_ROUTE, router_match(fx->router, &m));
	if (strcmp(got, t->route) != 0)
		fail_msg("%s: \"%s\"", t->why, got);
}

#define CHECK_ALL(fx, tries) \
	for (size_t i_ = 0; i_ < sizeof(tries) / sizeof((tries)[0]); i_++) \
		check(fx, &(tries)[i_])

static void test_prefixes_are_beginnings_of_the_digits(void **state)
{
	static const struct try tries[] = {
		{ "longer one, listed first", 375291234567, 0, NULL, NULL, "by" },
		{ "shorter one of the same beginning", 376123456, 0, NULL, NULL, "37" },
		{ "shadowed by an earlier, shorter one", 79161234567, 0, NULL, NULL, "7" },
		{ "7 alone", 74951234567, 0, NULL, NULL, "7" },
		{ "the second prefix of a rule", 441632960123, 0, NULL, NULL, "gb-us" },
		{ "the first prefix of a rule", 12025550142, 0, NULL, NULL, "gb-us" },
		{ "digits inside do not count", 49375123456, 0, NULL, NULL, "" },
		{ "a number as long as its prefix", 375, 0, NULL, NULL, "by" },
		{ "a number shorter than every prefix", 3, 0, NULL, NULL, "" },
		{ "one digit", 7, 0, NULL, NULL, "7" },
		{ "zeros in a prefix", 800100, 0, NULL, NULL, "zeros" },
		{ "zeros in a prefix are compared", 80100, 0, NULL, NULL, "" },
		{ "fifteen digits", 999999999999999, 0, NULL, NULL, "long" },
		{ "one digit of fifteen differs", 999999999999998, 0, NULL, NULL, "" },
		{ "the longest number there can be, 18446744073709551615", UINT64_MAX, 0, NULL, NULL, "gb-us" },
		{ "no number", 0, 0, NULL, NULL, "" },
	};

	set(*state, "{ name = \"by\"; prefix = [ \"375\" ]; links = [ \"l0\" ]; },"
		"{ name = \"37\"; prefix = [ \"37\" ]; links = [ \"l0\" ]; },"
		"{ name = \"7\"; prefix = [ \"7\" ]; links = [ \"l0\" ]; },"
		"{ name = \"79\"; prefix = [ \"79\" ]; links = [ \"l0\" ]; },"
		"{ name = \"gb-us\"; prefix = [ \"1\", \"44\" ]; links = [ \"l0\" ]; },"
		"{ name = \"zeros\"; prefix = [ \"8001\" ]; links = [ \"l0\" ]; },"
		"{ name = \"long\"; prefix = [ \"999999999999999\" ]; links = [ \"l0\" ]; }");
	CHECK_ALL(*state, tries);
}

static void test_the_first_rule_that_fits_in_everything_wins(void **state)
{
	static const struct try tries[] = {
		{ "class", 12025550142, CLASS_OTP, "c2", "X", "codes" },
		{ "class of two", 12025550142, CLASS_SERVICE, "c2", "X", "not-otp" },
		{ "other of two", 12025550142, CLASS_MARKETING, "c2", "X", "not-otp" },
		{ "client goes before, as it is listed before", 12025550142, CLASS_OTP, "c1", "X", "c1" },
		{ "the client's rule has a sender, and this is another", 12025550142, CLASS_OTP, "c0", "X", "codes" },
		{ "client and sender", 12025550142, CLASS_OTP, "c0", "Bank", "c0-bank" },
		{ "second sender of a rule", 12025550142, CLASS_OTP, "c0", "2929", "c0-bank" },
		{ "sender in another case", 12025550142, CLASS_OTP, "c0", "bank", "codes" },
		{ "sender that only begins alike", 12025550142, CLASS_OTP, "c0", "Banka", "codes" },
		{ "no sender", 12025550142, CLASS_OTP, "c0", NULL, "codes" },
		{ "all but the prefix", 44163296012, CLASS_OTP, "c0", "Bank", "codes" },
		{ "a client that no rule knows", 12025550142, CLASS_OTP, "stranger", "Bank", "codes" },
	};

	set(*state, "{ name = \"c0-bank\"; prefix = [ \"1\" ]; class = [ \"otp\" ]; client = [ \"c0\" ];"
		"  sender = [ \"Bank\", \"2929\" ]; links = [ \"l0\" ]; },"
		"{ name = \"c1\"; client = [ \"c1\" ]; links = [ \"l0\" ]; },"
		"{ name = \"codes\"; class = [ \"otp\" ]; links = [ \"l0\" ]; },"
		"{ name = \"not-otp\"; class = [ \"service\", \"marketing\" ]; links = [ \"l0\" ]; }");
	CHECK_ALL(*state, tries);
}

static void test_no_rule_is_route_0(void **state)
{
	struct fixture *fx = *state;
	const struct message m = { .to = 12025550142 };

	assert_int_equal(router_match(fx->router, &m), 0); /* before any configuration */
	set(fx, "");
	assert_int_equal(router_match(fx->router, &m), 0);
	assert_int_equal(n_calls, 1);
	assert_int_equal(n_told, 0);
	set(fx, "{ client = [ \"c1\" ]; links = [ \"l0\" ]; }");
	assert_int_equal(router_match(fx->router, &m), 0);
	set(fx, "{ links = [ \"l0\" ]; }");
	assert_string_equal(names_text(fx->names, NAME_ROUTE, router_match(fx->router, &m)), "route1");
}

/* ---- what the queue is told ---- */

static void test_links_go_in_order_and_unknown_ones_are_left_out(void **state)
{
	struct fixture *fx = *state;

	set(fx, "{ name = \"a\"; links = [ \"l4\", \"l1\", \"l0\" ]; }, { name = \"b\"; links = [ \"l3\" ]; }");
	assert_int_equal(n_told, 2);
	assert_int_equal(told[0].id, names_find(fx->names, NAME_ROUTE, "a"));
	assert_int_equal(told[0].n_links, 2);
	assert_ptr_equal(told[0].links[0], &outlets[4]);
	assert_ptr_equal(told[0].links[1], &outlets[0]);
	assert_int_equal(told[1].id, names_find(fx->names, NAME_ROUTE, "b"));
	assert_int_equal(told[1].n_links, 0); /* it matches all the same, and its messages wait */
	assert_int_not_equal(told[0].id, told[1].id);
}

static void test_the_first_link_is_the_preferred_one_up_or_not(void **state)
{
	struct fixture *fx = *state;

	set(fx, "{ name = \"a\"; links = [ \"l4\", \"l0\" ]; }, { name = \"b\"; links = [ \"l3\" ]; }");
	assert_string_equal(router_first_link(fx->router, told[0].id), "l4");
	assert_string_equal(router_first_link(fx->router, told[1].id), "l3");
	assert_null(router_first_link(fx->router, 0));
	assert_null(router_first_link(fx->router, told[1].id + 1));
}

static void test_a_route_keeps_its_number_over_a_reload(void **state)
{
	struct fixture *fx = *state;
	const struct message m = { .to = 12025550142 };
	uint32_t a;

	set(fx, "{ name = \"a\"; links = [ \"l0\" ]; }");
	a = router_match(fx->router, &m);
	set(fx, "{ name = \"b\"; prefix = [ \"44\" ]; links = [ \"l0\" ]; }, { name = \"a\"; links = [ \"l2\" ]; }");
	assert_int_equal(router_match(fx->router, &m), a);
	assert_int_equal(told[1].id, a);
	assert_string_equal(router_first_link(fx->router, a), "l2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_prefixes_are_beginnings_of_the_digits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_first_rule_that_fits_in_everything_wins, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_rule_is_route_0, setup, teardown),
		cmocka_unit_test_setup_teardown(test_links_go_in_order_and_unknown_ones_are_left_out, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_first_link_is_the_preferred_one_up_or_not, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_route_keeps_its_number_over_a_reload, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
