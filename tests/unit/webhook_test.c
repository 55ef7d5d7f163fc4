/* SPDX-License-Identifier: Apache-2.0 */
/* webhook_test.c -- the event outbox against a real store on disk and a real HTTP endpoint
 * (tests/peers/hook_sink.py).
 *
 * The endpoint is another program in another language: it parses the bodies, checks the signatures with its
 * own HMAC and writes down what it saw; the tests compare that record with what was put into the store.
 */
#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "queue/names.h"
#include "queue/store.h"
#include "report/webhook.h"
#include "report/webhook_http.h"
#include "report/webhook_json.h"

#define DEADLINE_MS 20000
#define SECRET	    "s3cret"

/* ---- the rig ----------------------------------------------------------------------------------------- */

struct rig {
	char dir[64];
	uv_loop_t loop;
	struct store *store;
	struct names *names;
	struct webhooks *w;
	struct conf *conf;
	pid_t sink;
	int sink_in, port;
	/* watching */
	uv_timer_t timer;
	bool late, closed, stopped;
	struct webhook_view view;
	char error[128];
	bool counted;
	int64_t replayed;
};

static struct rig rig;

static void on_late(uv_timer_t *t)
{
	rig.late = true;
}

static bool run_until(bool (*is)(void))
{
	rig.late = false;
	uv_timer_start(&rig.timer, on_late, DEADLINE_MS, 0);
	while (!is() && !rig.late)
		uv_run(&rig.loop, UV_RUN_ONCE);
	uv_timer_stop(&rig.timer);
	return !rig.late;
}

static char *path_of(const char *name, char buf[static 128])
{
	snprintf(buf, 128, "%s/%s", rig.dir, name);
	return buf;
}

static void start_sink(const char *option)
{
	int in[2], out[2];
	char record[128], control[128], line[64] = "";
	ssize_t n;

	path_of("record", record);
	path_of("control", control);
	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	rig.sink = fork();
	assert_true(rig.sink >= 0);
	if (rig.sink == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[1]);
		close(out[0]);
		execlp(PYTHON3, PYTHON3, SINK, "--record", record, "--control", control, "--secret", SECRET,
			option, (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	fcntl(in[1], F_SETFD, FD_CLOEXEC);
	rig.sink_in = in[1];
	n = read(out[0], line, sizeof(line) - 1);
	if (n <= 0 || sscanf(line, "listening %d", &rig.port) != 1)
		fail_msg("sink: read %zd, %s: %s", n, strerror(errno), line);
	close(out[0]);
}

/* What the sink does from the next request on. */
static void control(const char *json)
{
	char path[128], tmp[128];
	FILE *f = fopen(path_of("control.new", tmp), "w");

	assert_non_null(f);
	fputs(json, f);
	fclose(f);
	assert_int_equal(rename(tmp, path_of("control", path)), 0);
}

static json_t *record(void)
{
	char path[128], line[200000];
	FILE *f = fopen(path_of("record", path), "r");
	json_t *all = json_array();

	while (f && fgets(line, sizeof(line), f)) {
		json_t *j = json_loads(line, 0, NULL);

		if (j) /* the last line may be half written */
			json_array_append_new(all, j);
	}
	if (f)
		fclose(f);
	return all;
}

static void on_events(void *arg, uint32_t endpoint, unsigned shard)
{
	if (rig.w)
		webhooks_wake(rig.w, endpoint, shard);
}

static void open_store(unsigned shards)
{
	char path[128], err[256];
	struct store_boot boot;
	struct store_conf c = {.path = path_of("db", path), .shards = shards, .on_events = on_events};

	assert_int_equal(store_open(&rig.loop, &c, &rig.store, &boot, err, sizeof(err)), 0);
	rig.names = names_new();
	assert_int_equal(names_load(rig.names, rig.store), 0);
}

static struct conf *conf_of(const char *clients, const char *webhook)
{
	char text[4096], err[256];
	struct conf *c;

	snprintf(text, sizeof(text),
		"data_dir = \"/nonexistent\"; webhook: { %s };\nclients = ( %s );\n"
		"links = ( { name = \"null\"; driver = \"loopback\"; } );\nroutes = ( { links = [ \"null\" "
		"]; } );\n",
		webhook, clients);
	if (conf_load_string(text, "test.conf", &c, err, sizeof(err)) < 0)
		fail_msg("%s", err);
	return c;
}

static const char *client_of(const char *name, const char *path_and_query, int batch, char buf[static 512])
{
	snprintf(buf, 512,
		"{ name = \"%s\"; key_sha256 = \"%064d\"; webhook: { url = \"http://127.0.0.1:%d%s\"; secret "
		"= \"%s\"; "
		"batch = %d; }; }",
		name, name[0], rig.port, path_and_query, SECRET, batch);
	return buf;
}

static const struct webhook_times quick = {
	.retry_min_ms = 10,
	.retry_max_ms = 200,
	.retry_after_max_ms = 3600 * 1000,
	.refuse_ms = 80,
	.refusals = 5,
	.check_ms = 20,
};

static void start_hooks(struct conf *c)
{
	rig.conf = c;
	rig.w = webhooks_new(&rig.loop, rig.store, rig.names, c);
	assert_non_null(rig.w);
	webhooks_times(rig.w, &quick);
	assert_int_equal(webhooks_set(rig.w, c), 0);
}

/* One client "shop" with this much batch; the sink's behaviour is in the control file. */
static void start_shop(const char *query, int batch, const char *webhook)
{
	char buf[512], path[300];

	snprintf(path, sizeof(path), "/shop%s", query);
	start_hooks(conf_of(client_of("shop", path, batch, buf), webhook));
}

static void on_stopped(void *arg)
{
	rig.stopped = true;
}

static bool is_stopped(void)
{
	return rig.stopped;
}

static void stop_hooks(int64_t deadline_ms)
{
	if (!rig.w)
		return;
	rig.stopped = false;
	webhooks_stop(rig.w, deadline_ms, on_stopped, NULL);
	assert_true(run_until(is_stopped));
	webhooks_free(rig.w);
	conf_free(rig.conf);
	rig.w = NULL;
}

static void on_store_closed(void *arg)
{
	rig.closed = true;
}

static bool is_closed(void)
{
	return rig.closed;
}

static void close_store(void)
{
	rig.closed = false;
	store_close(rig.store, on_store_closed, NULL);
	assert_true(run_until(is_closed));
	names_free(rig.names);
}

static int set_up_with(unsigned shards, const char *sink_option)
{
	memset(&rig, 0, sizeof(rig));
	strcpy(rig.dir, "/tmp/webhook-test-XXXXXX");
	assert_non_null(mkdtemp(rig.dir));
	uv_loop_init(&rig.loop);
	uv_timer_init(&rig.loop, &rig.timer);
	start_sink(sink_option);
	open_store(shards);
	return 0;
}

static int set_up(void **state)
{
	return set_up_with(4, NULL);
}

static int set_up_one_shard(void **state)
{
	return set_up_with(1, NULL);
}

static int tear_down(void **state)
{
	char command[128];

	stop_hooks(1000);
	close_store();
	uv_close((uv_handle_t *)&rig.timer, NULL);
	uv_run(&rig.loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&rig.loop), 0);
	close(rig.sink_in);
	waitpid(rig.sink, NULL, 0);
	snprintf(command, sizeof(command), "rm -rf '%s'", rig.dir);
	return system(command) == 0 ? 0 : -1;
}

/* ---- putting events in ------------------------------------------------------------------------------- */

static unsigned n_staged;

static void on_inbound(struct store_op *op)
{
	assert_int_equal(op->r, 0);
	n_staged--;
}

static bool all_stored(void)
{
	return n_staged == 0;
}

/* n inbound messages "PREFIX 0" … in one go, all on disk when this returns. */
static void put_inbound(const char *client, const char *prefix, unsigned n, int64_t at)
{
	uint32_t endpoint = names_get(rig.names, NAME_CLIENT, client);
	struct op_inbound *ops = calloc(n, sizeof(*ops));
	char(*text)[32] = calloc(n, sizeof(*text));

	for (unsigned i = 0; i < n; i++) {
		snprintf(text[i], sizeof(text[i]), "%s %u", prefix, i);
		ops[i] = (struct op_inbound){
			.op = {.kind = OP_INBOUND, .rows = 2, .done = on_inbound},
			.at = at ? at : clock_ms(),
			.link = names_get(rig.names, NAME_LINK, "sim1"),
			.client = endpoint,
			.endpoint = endpoint,
			.from = "+12025550142",
			.to = "12345",
			.text = text[i],
			.n_text = strlen(text[i]),
		};
		n_staged++;
		store_stage(rig.store, STORE_SETTLE, &ops[i].op);
	}
	assert_true(run_until(all_stored));
	free(ops);
	free(text);
}

/* ---- watching ---------------------------------------------------------------------------------------- */

static void keep_view(void *arg, uint32_t endpoint, const struct webhook_view *v)
{
	const char *client = arg;

	if (strcmp(v->client, client) != 0)
		return;
	rig.view = *v;
	snprintf(rig.error, sizeof(rig.error), "%s", v->last_error);
}

static const struct webhook_view *view(const char *client)
{
	memset(&rig.view, 0, sizeof(rig.view));
	webhooks_each(rig.w, keep_view, (void *)client);
	return &rig.view;
}

static uint64_t want;

static bool shop_delivered(void)
{
	return view("shop")->delivered >= want;
}

static bool shop_buried(void)
{
	return view("shop")->dead >= want;
}

static bool shop_failed(void)
{
	return view("shop")->failed >= want;
}

static void wait_for(bool (*is)(void), uint64_t n)
{
	want = n;
	if (!run_until(is))
		fail_msg("waited for %" PRIu64 ": posted %" PRIu64 " delivered %" PRIu64 " failed %" PRIu64
			 " dead %" PRIu64,
			n, rig.view.posted, rig.view.delivered, rig.view.failed, rig.view.dead);
}

static struct q_webhooks counted;

static void on_counted(struct store_query *q)
{
	rig.counted = true;
}

static bool is_counted(void)
{
	return rig.counted;
}

/* What the disk says. */
static struct q_webhooks count(const char *client)
{
	rig.counted = false;
	counted = (struct q_webhooks){.q = {.kind = Q_WEBHOOKS, .done = on_counted},
		.endpoint = names_find(rig.names, NAME_CLIENT, client)};
	store_read(rig.store, STORE_API, &counted.q);
	assert_true(run_until(is_counted));
	assert_int_equal(counted.q.r, 0);
	store_query_done(&counted.q);
	return counted;
}

static bool nothing_waits(void)
{
	return count("shop").waiting == 0;
}

/* Rows go a commit after the 2xx. */
static void wait_for_empty_outbox(void)
{
	int64_t end = clock_mono_ms() + DEADLINE_MS;

	while (!nothing_waits() && clock_mono_ms() < end)
		;
	assert_int_equal(count("shop").waiting, 0);
}

static const char *str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static unsigned shard_of(const json_t *event)
{
	unsigned e, shard;
	unsigned long long seq;

	assert_int_equal(sscanf(str(event, "event"), "evt_%u_%u_%llu", &e, &shard, &seq), 3);
	return shard;
}

static unsigned long long seq_of(const json_t *event)
{
	unsigned e, shard;
	unsigned long long seq = 0;

	sscanf(str(event, "event"), "evt_%u_%u_%llu", &e, &shard, &seq);
	return seq;
}

/* Every event that was answered with 2xx, once each and in order per shard; returns how many. */
static unsigned check_accepted(void)
{
	json_t *all = record(), *request, *event;
	unsigned long long last[16] = {0};
	unsigned n = 0;
	size_t i, k;

	json_array_foreach(all, i, request)
	{
		if (json_integer_value(json_object_get(request, "status")) != 200)
			continue;
		json_array_foreach(json_object_get(request, "events"), k, event)
		{
			unsigned shard = shard_of(event);

			assert_true(shard < 16);
			assert_true(seq_of(event) > last[shard]);
			last[shard] = seq_of(event);
			n++;
		}
	}
	json_decref(all);
	return n;
}

static unsigned n_requests(int status)
{
	json_t *all = record(), *request;
	unsigned n = 0;
	size_t i;

	json_array_foreach(all, i, request) n +=
		status == 0 || json_integer_value(json_object_get(request, "status")) == status;
	json_decref(all);
	return n;
}

/* ---- bodies and addresses ---------------------------------------------------------------------------- */

static const struct {
	const char *why;
	struct store_event e;
	const char *json;
} bodies[] = {
	{"a message of one part",
		{.seq = 7,
			.key = 500 << 8,
			.kind = EVENT_STATUS,
			.state = STATE_DELIVERED,
			.at = 1795302767123,
			.parts = 1,
			.id = 500,
			.to = 12025550142,
			.ref = "a-1"},
		"{\"event\":\"evt_3_1_7\",\"type\":\"message.status\",\"id\":\"500\",\"ref\":\"a-1\",\"to\":"
		"\"+12025550142\","
		"\"state\":\"delivered\",\"parts\":1,\"at\":\"2026-11-21T23:12:47.123Z\"}"},
	{"a message that failed because of its second part",
		{.seq = 8,
			.key = 500 << 8,
			.kind = EVENT_STATUS,
			.state = STATE_UNDELIVERED,
			.part = 2,
			.parts = 3,
			.id = 500,
			.to = 12025550142,
			.error = "UNDELIV:034"},
		"{\"event\":\"evt_3_1_8\",\"type\":\"message.status\",\"id\":\"500\",\"to\":\"+12025550142\","
		"\"state\":\"undelivered\",\"part\":2,\"parts\":3,\"error\":{\"code\":\"034\",\"text\":"
		"\"UNDELIV\"},"
		"\"at\":\"1970-01-01T00:00:00.000Z\"}"},
	{"a part, of which the carrier says something that is no UTF-8",
		{.seq = 9,
			.key = 500 << 8 | 2,
			.kind = EVENT_STATUS,
			.state = STATE_REJECTED,
			.parts = 3,
			.id = 500,
			.to = 12025550142,
			.error = "\xd0\x96\xff\""},
		"{\"event\":\"evt_3_1_9\",\"type\":\"message.status\",\"id\":\"500\",\"to\":\"+12025550142\","
		"\"state\":\"rejected\",\"scope\":\"part\",\"part\":2,\"parts\":3,"
		"\"error\":{\"code\":\"\xd0\x96\xef\xbf\xbd\\\"\",\"text\":\"\xd0\x96\xef\xbf\xbd\\\"\"},"
		"\"at\":\"1970-01-01T00:00:00.000Z\"}"},
	{"a correction, with the parts that arrived",
		{.seq = 10,
			.key = 500 << 8,
			.kind = EVENT_CORRECTION,
			.state = STATE_DELIVERED,
			.parts = 2,
			.parts_delivered = 2,
			.id = 500,
			.to = 12025550142},
		"{\"event\":\"evt_3_1_10\",\"type\":\"message.status\",\"id\":\"500\",\"to\":\"+"
		"12025550142\","
		"\"state\":\"delivered\",\"parts\":2,\"parts_delivered\":2,\"correction\":true,"
		"\"at\":\"1970-01-01T00:00:00.000Z\"}"},
	{"an inbound message with all that JSON must escape",
		{.seq = 11,
			.key = 4,
			.kind = EVENT_INBOUND,
			.parts = 1,
			.in_from = (char *)"+1202",
			.in_to = (char *)"12345",
			.in_text = (char *)"a\"b\\c\n\x01\x7f/\xe2\x82\xac",
			.in_raw_hex = (char *)"61",
			.link = 0},
		"{\"event\":\"evt_3_1_11\",\"type\":\"message.inbound\",\"from\":\"+1202\",\"to\":\"12345\","
		"\"text\":\"a\\\"b\\\\c\\n\\u0001\x7f/\xe2\x82\xac\",\"parts\":1,\"encoding\":\"default\","
		"\"at\":\"1970-01-01T00:00:00.000Z\"}"},
	{"octets behind a header with ports",
		{.seq = 12,
			.kind = EVENT_INBOUND,
			.parts = 1,
			.in_from = (char *)"1",
			.in_to = (char *)"2",
			.in_text = (char *)"00ff",
			.in_raw_hex = (char *)"0605040b8423f000ff",
			.in_dcs = 0xf5,
			.in_esm_class = 0x40},
		"{\"event\":\"evt_3_1_12\",\"type\":\"message.inbound\",\"from\":\"1\",\"to\":\"2\","
		"\"text\":\"00ff\",\"parts\":1,\"encoding\":\"binary\",\"class\":1,\"ports\":{\"to\":2948,\"from\":9200},"
		"\"udh\":\"0605040b8423f0\",\"data\":\"00ff\",\"at\":\"1970-01-01T00:00:00.000Z\"}"},
	{"two languages",
		{.seq = 13,
			.kind = EVENT_INBOUND,
			.parts = 1,
			.in_from = (char *)"1",
			.in_to = (char *)"2",
			.in_text = (char *)"x",
			.in_raw_hex = (char *)"0625010124010241",
			.in_dcs = 0x00,
			.in_esm_class = 0x40},
		"{\"event\":\"evt_3_1_13\",\"type\":\"message.inbound\",\"from\":\"1\",\"to\":\"2\","
		"\"text\":\"x\",\"parts\":1,\"encoding\":\"default\",\"languages\":[\"tr\",\"es\"],\"udh\":\"06250101240102\","
		"\"at\":\"1970-01-01T00:00:00.000Z\"}"},
	{"voicemail, with a text that could not be read",
		{.seq = 14,
			.kind = EVENT_INBOUND,
			.parts = 1,
			.in_from = (char *)"1",
			.in_to = (char *)"2",
			.in_text = (char *)"\xef\xbf\xbd",
			.in_raw_hex = (char *)"d8",
			.in_dcs = 0xe8},
		"{\"event\":\"evt_3_1_14\",\"type\":\"message.inbound\",\"from\":\"1\",\"to\":\"2\","
		"\"text\":\"\xef\xbf\xbd\",\"parts\":1,\"encoding\":\"ucs2\",\"waiting\":{\"kind\":\"voicemail\",\"active\":true},"
		"\"malformed\":true,\"at\":\"1970-01-01T00:00:00.000Z\"}"},
	{"three parts, of which two never came",
		{.seq = 15,
			.kind = EVENT_INBOUND,
			.parts = 3,
			.in_from = (char *)"1",
			.in_to = (char *)"2",
			.in_text = (char *)"[\xe2\x80\xa6]b[\xe2\x80\xa6]",
			.in_raw_hex = (char *)"62",
			.in_missing = (char *)"1,3"},
		"{\"event\":\"evt_3_1_15\",\"type\":\"message.inbound\",\"from\":\"1\",\"to\":\"2\","
		"\"text\":\"[\xe2\x80\xa6]b[\xe2\x80\xa6]\",\"parts\":3,\"missing\":[1,3],\"encoding\":\"default\","
		"\"at\":\"1970-01-01T00:00:00.000Z\"}"},
};

static void body_is_as_documented(void **state)
{
	struct names *names = names_new();
	struct webhook_source s = {3, 1, names};

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		char expected[1024];
		struct buf b;

		buf_init(&b, WEBHOOK_BODY_MAX);
		assert_int_equal(webhook_json(&b, &s, &bodies[i].e, 1), 1);
		buf_add(&b, "", 1);
		snprintf(expected, sizeof(expected), "{\"events\":[%s]}", bodies[i].json);
		assert_string_equal((char *)buf_data(&b), expected);
		buf_done(&b);
	}
	names_free(names);
}

/* 39,999 control characters take 240 kB each: four fit, and one of more than a megabyte does not. */
static void body_is_cut_below_its_bound(void **state)
{
	static char text[200001];
	struct names *names = names_new();
	struct webhook_source s = {1, 0, names};
	struct store_event e[6];
	struct buf b;
	json_t *j;

	memset(text, '\x01', sizeof(text) - 1);
	text[39999] = '\0';
	for (int i = 0; i < 6; i++)
		e[i] = (struct store_event){.seq = i + 1,
			.kind = EVENT_INBOUND,
			.in_from = (char *)"1",
			.in_to = (char *)"2",
			.in_text = text,
			.in_raw_hex = (char *)""};
	buf_init(&b, WEBHOOK_BODY_MAX);
	assert_int_equal(webhook_json(&b, &s, e, 6), 4);
	j = json_loadb((char *)buf_data(&b), buf_len(&b), 0, NULL);
	assert_int_equal(json_array_size(json_object_get(j, "events")), 4);
	json_decref(j);
	text[39999] = '\x01';
	buf_reset(&b, WEBHOOK_BODY_MAX);
	assert_int_equal(webhook_json(&b, &s, e, 6), -EMSGSIZE);
	buf_done(&b);
	names_free(names);
}

static const struct {
	const char *address;
	bool private;
} addresses[] = {
	{"127.0.0.1", true},
	{"10.255.0.1", true},
	{"172.16.0.1", true},
	{"172.31.255.255", true},
	{"172.32.0.1", false},
	{"192.168.1.1", true},
	{"192.169.0.1", false},
	{"169.254.169.254", true},
	{"100.64.0.1", true},
	{"100.128.0.1", false},
	{"0.0.0.0", true},
	{"224.0.0.1", true},
	{"255.255.255.255", true},
	{"8.8.8.8", false},
	{"198.19.0.1", true},
	{"198.20.0.1", false},
	{"::1", true},
	{"::", true},
	{"fe80::1", true},
	{"fd00::1", true},
	{"fc00::1", true},
	{"ff02::1", true},
	{"2001:4860:4860::8888", false},
	{"::ffff:127.0.0.1", true},
	{"::ffff:8.8.8.8", false},
	{"64:ff9b::a00:1", true},
	{"64:ff9b::808:808", false},
	{"2002:7f00:1::", true},
	{"2002:808:808::", false},
};

static void private_addresses_are_known(void **state)
{
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		const char *a = addresses[i].address;
		struct sockaddr_in6 six = {.sin6_family = AF_INET6};
		struct sockaddr_in four = {.sin_family = AF_INET};
		bool is_six = strchr(a, ':');

		assert_int_equal(inet_pton(is_six ? AF_INET6 : AF_INET, a,
					 is_six ? (void *)&six.sin6_addr : (void *)&four.sin_addr),
			1);
		if (webhook_is_private(is_six ? (struct sockaddr *)&six : (struct sockaddr *)&four) !=
			addresses[i].private)
			fail_msg("%s", a);
	}
}

/* ---- delivery ---------------------------------------------------------------------------------------- */

static void events_arrive_signed_in_order_and_leave_the_outbox(void **state)
{
	json_t *all, *request, *headers;
	size_t i;

	put_inbound("shop", "before", 250, 0); /* what waits at start */
	start_shop("", 100, "");
	put_inbound("shop", "after", 250, 0);
	wait_for(shop_delivered, 500);
	wait_for_empty_outbox();
	assert_int_equal(check_accepted(), 500);
	all = record();
	json_array_foreach(all, i, request)
	{
		assert_true(json_is_true(json_object_get(request, "signature_ok")));
		headers = json_object_get(request, "headers");
		assert_string_equal(str(headers, "Content-Type"), "application/json");
		assert_string_equal(str(headers, "User-Agent"), "posthorn/" PACKAGE_VERSION);
		assert_null(json_object_get(headers, "Expect"));
		assert_true(json_array_size(json_object_get(request, "events")) <= 100);
	}
	json_decref(all);
	assert_int_equal(view("shop")->failed, 0);
}

static void batch_of_one_is_one_event_a_request(void **state)
{
	json_t *all, *request;
	size_t i;

	put_inbound("shop", "x", 150, 0); /* more than a page of a shard */
	start_shop("", 1, "");
	wait_for(shop_delivered, 150);
	assert_int_equal(check_accepted(), 150);
	all = record();
	assert_int_equal(json_array_size(all), 150);
	json_array_foreach(all, i, request)
		assert_int_equal(json_array_size(json_object_get(request, "events")), 1);
	json_decref(all);
}

static void on_stored(struct store_op *op)
{
	assert_int_equal(op->r, 0);
	n_staged--;
}

/* From the writer's aggregation to the endpoint: what a client posted comes back as its final state. */
static void final_state_of_a_message_arrives(void **state)
{
	uint32_t shop = names_get(rig.names, NAME_CLIENT, "shop");
	struct message m = {.id = 4242,
		.created_ms = clock_ms(),
		.ttl_end_ms = clock_ms() + 1000,
		.to = 12025550142,
		.client = shop,
		.route = 1,
		.n_parts = 1,
		.ref = "order-7",
		.n_ref = 7,
		.tag = "",
		.from = "SHOP",
		.n_from = 4,
		.text = "hi",
		.n_text = 2};
	struct store_accept item = {.m = &m};
	struct op_accept accept = {
		.op = {.kind = OP_ACCEPT, .rows = 2, .done = on_stored}, .items = &item, .n_items = 1};
	struct op_final final = {.op = {.kind = OP_FINAL, .rows = 2, .done = on_stored},
		.msg = {.id = 4242, .endpoint = shop, .report = REPORT_FINAL, .n_parts = 1},
		.part = 1,
		.at = clock_ms(),
		.state = STATE_UNDELIVERED,
		.reason = REASON_RECEIPT,
		.error = "UNDELIV:034"};
	json_t *all, *event;

	start_shop("", 100, "");
	n_staged = 2;
	store_stage(rig.store, STORE_SETTLE, &accept.op); /* one list, so that they keep their order */
	store_stage(rig.store, STORE_SETTLE, &final.op);
	assert_true(run_until(all_stored));
	wait_for(shop_delivered, 1);
	all = record();
	event = json_array_get(json_object_get(json_array_get(all, 0), "events"), 0);
	assert_string_equal(str(event, "type"), "message.status");
	assert_string_equal(str(event, "id"), "4242");
	assert_string_equal(str(event, "ref"), "order-7");
	assert_string_equal(str(event, "to"), "+12025550142");
	assert_string_equal(str(event, "state"), "undelivered");
	assert_string_equal(str(json_object_get(event, "error"), "code"), "034");
	assert_int_equal(shard_of(event), 4242 % 4);
	json_decref(all);
}

static void failing_endpoint_gets_everything_when_it_is_back(void **state)
{
	control("{\"status\":500,\"times\":3}");
	put_inbound("shop", "x", 300, 0);
	start_shop("", 50, "");
	wait_for(shop_delivered, 300);
	wait_for_empty_outbox();
	assert_int_equal(check_accepted(), 300);
	assert_int_equal(view("shop")->failed, 3);
	assert_int_equal(n_requests(500), 3);
	assert_int_equal(count("shop").dead, 0);
}

/* Pages are read ahead while requests fail under them, and dropped, and read again: nothing twice, nothing
 * left out. */
static void every_third_request_fails_and_nothing_is_skipped(void **state)
{
	control("{\"status\":502,\"every\":3}");
	put_inbound("shop", "x", 1500, 0);
	start_shop("", 30, "");
	put_inbound("shop", "y", 500, 0);
	wait_for(shop_delivered, 2000);
	wait_for_empty_outbox();
	assert_int_equal(check_accepted(), 2000);
	assert_true(view("shop")->failed >= 30);
}

static struct q_events blockers[3];
static bool blocking;
static unsigned n_blockers;

static void on_blocker(struct store_query *q)
{
	store_query_done(q);
	if (blocking)
		store_read(rig.store, STORE_QUEUE, q);
	else
		n_blockers--;
}

static bool reader_is_free(void)
{
	return n_blockers == 0;
}

/* Keep the reader busy, so that every page takes longer than a back-off. */
static void block_reader(void)
{
	blocking = true;
	for (n_blockers = 0; n_blockers < 3; n_blockers++) {
		blockers[n_blockers] = (struct q_events){.q = {.kind = Q_EVENTS, .done = on_blocker},
			.endpoint = names_get(rig.names, NAME_CLIENT, "shop"),
			.limit = 1500};
		store_read(rig.store, STORE_QUEUE, &blockers[n_blockers].q);
	}
}

/* A refused connection fails before the page behind is read: that page must not follow the one that was
 * dropped. */
static void page_that_comes_after_the_failure_leaves_no_gap(void **state)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0), real_port = rig.port;
	struct webhook_times soon = quick;
	struct conf *next;
	char buf[512];

	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0); /* but nobody listens */
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	put_inbound("shop", "x", 1500, 0);
	rig.port = ntohs(a.sin_port);
	rig.conf = conf_of(client_of("shop", "/shop", 100, buf), "");
	rig.port = real_port;
	rig.w = webhooks_new(&rig.loop, rig.store, rig.names, rig.conf);
	soon.retry_min_ms = soon.retry_max_ms = 4;
	block_reader();
	webhooks_times(rig.w, &soon);
	assert_int_equal(webhooks_set(rig.w, rig.conf), 0);
	for (uint64_t failures = 1; failures < 20; failures++)
		wait_for(shop_failed, failures);
	next = conf_of(client_of("shop", "/shop", 100, buf), "");
	assert_int_equal(webhooks_set(rig.w, next), 0);
	conf_free(rig.conf);
	rig.conf = next;
	wait_for(shop_delivered, 100);
	blocking = false;
	assert_true(run_until(reader_is_free));
	wait_for(shop_delivered, 1500);
	wait_for_empty_outbox();
	assert_int_equal(check_accepted(), 1500);
	close(fd);
}

static void a_shard_comes_back_soon_when_the_endpoint_answers_another(void **state)
{
	struct webhook_times long_ = quick;

	control("{\"status\":500,\"times\":8}");
	put_inbound("shop", "x", 1, 0);
	start_shop("", 50, "");
	long_.retry_max_ms = 60000;
	webhooks_times(rig.w, &long_);
	wait_for(shop_failed, 8); /* backs off for 640 ms at least */
	assert_true(view("shop")->retry_at_ms > clock_ms() + 320);
	put_inbound("shop", "y", 1, 0); /* of the next shard */
	wait_for(shop_delivered, 1);
	assert_true(view("shop")->retry_at_ms <= clock_ms() + 160);
	wait_for(shop_delivered, 2);
	assert_int_equal(view("shop")->failed, 8);
	wait_for_empty_outbox();
}

static void retry_after_is_honoured(void **state)
{
	double first, second;
	json_t *all;

	control("{\"status\":429,\"times\":1,\"retry_after\":1}");
	put_inbound("shop", "x", 1, 0);
	start_shop("", 50, "");
	wait_for(shop_failed, 1);
	assert_true(view("shop")->retry_at_ms > clock_ms() + 500);
	wait_for(shop_delivered, 1);
	all = record();
	first = json_number_value(json_object_get(json_array_get(all, 0), "t"));
	second = json_number_value(json_object_get(json_array_get(all, 1), "t"));
	assert_true(second - first >= 0.99); /* the back-off alone would be 0.01 */
	assert_string_equal(rig.error, "HTTP 429");
	json_decref(all);
}

static void answer_cut_short_is_posted_again(void **state)
{
	control("{\"close\":1,\"times\":2}");
	put_inbound("shop", "x", 10, 0);
	start_shop("", 50, "");
	wait_for(shop_delivered, 10);
	assert_int_equal(check_accepted(), 10);
	assert_true(view("shop")->failed >= 1);
}

static void time_out_is_a_failure_and_an_endless_answer_is_not(void **state)
{
	control("{\"slow_ms\":1500,\"times\":1}");
	put_inbound("shop", "x", 1, 0);
	start_shop("", 50, "timeout = 0.3;");
	wait_for(shop_failed, 1);
	control("{\"endless\":1}");
	wait_for(shop_delivered, 1);
}

static void redirect_is_not_followed(void **state)
{
	char rules[128];

	snprintf(rules, sizeof(rules),
		"{\"status\":307,\"times\":2,\"location\":\"http://127.0.0.1:%d/elsewhere\"}", rig.port);
	control(rules);
	put_inbound("shop", "x", 1, 0);
	start_shop("", 50, "");
	wait_for(shop_failed, 2);
	assert_string_equal(rig.error, "HTTP 307");
	wait_for(shop_delivered, 1);
	assert_int_equal(n_requests(0), 3);
	assert_int_equal(n_requests(307), 2);
}

/* ---- dead letters ------------------------------------------------------------------------------------ */

static void on_replayed(void *arg, int64_t n)
{
	rig.replayed = n;
}

static bool is_replayed(void)
{
	return rig.replayed != -1;
}

static void refused_event_is_found_buried_and_replayed(void **state)
{
	json_t *all, *request, *events;
	unsigned alone = 0, refused_batches = 0;
	size_t i;

	control("{\"refuse\":\"x 37\"}");
	put_inbound("shop", "x", 200, 0);
	start_shop("", 100, "");
	wait_for(shop_buried, 1);
	wait_for(shop_delivered, 199);
	wait_for_empty_outbox();
	assert_int_equal(check_accepted(), 199);
	assert_int_equal(count("shop").dead, 1);
	all = record();
	json_array_foreach(all, i, request)
	{
		if (json_integer_value(json_object_get(request, "status")) != 400)
			continue;
		events = json_object_get(request, "events");
		if (json_array_size(events) == 1) {
			assert_string_equal(str(json_array_get(events, 0), "text"), "x 37");
			alone++;
		} else {
			refused_batches++;
		}
	}
	json_decref(all);
	assert_int_equal(alone, 5);
	assert_in_range(refused_batches, 1, 7); /* log2(100) */

	control("{}");
	rig.replayed = -1;
	assert_int_equal(
		webhooks_replay(rig.w, names_find(rig.names, NAME_CLIENT, "shop"), 0, on_replayed, NULL), 0);
	assert_true(run_until(is_replayed));
	assert_int_equal(rig.replayed, 1);
	wait_for(shop_delivered, 200);
	wait_for_empty_outbox();
	assert_int_equal(count("shop").dead, 0);
}

static void everything_refused_moves_on_one_by_one(void **state)
{
	control("{\"status\":404}");
	put_inbound("shop", "x", 3, 0);
	start_shop("", 100, "");
	wait_for(shop_buried, 3);
	wait_for_empty_outbox();
	assert_int_equal(count("shop").dead, 3);
	assert_int_equal(view("shop")->delivered, 0);
}

/* 200,000 control characters take 1.2 MB of JSON: no body holds them, and nobody behind them may wait for
 * that. */
static void event_too_large_for_a_body_is_buried(void **state)
{
	static char text[200001];
	uint32_t shop = names_get(rig.names, NAME_CLIENT, "shop");
	struct op_inbound op = {
		.op = {.kind = OP_INBOUND, .rows = 2, .done = on_inbound},
		.at = clock_ms(),
		.client = shop,
		.endpoint = shop,
		.from = "1",
		.to = "2",
		.text = text,
		.n_text = sizeof(text) - 1,
	};

	memset(text, '\x01', sizeof(text) - 1);
	n_staged = 1;
	store_stage(rig.store, STORE_SETTLE, &op.op);
	assert_true(run_until(all_stored));
	put_inbound("shop", "x", 20, 0);
	start_shop("", 100, "");
	wait_for(shop_delivered, 20);
	wait_for(shop_buried, 1);
	wait_for_empty_outbox();
	assert_int_equal(count("shop").dead, 1);
	assert_int_equal(view("shop")->failed, 0);
}

static void old_events_die_only_while_the_endpoint_fails(void **state)
{
	int64_t old = clock_ms() - 73 * 3600 * 1000LL;

	put_inbound("shop", "old", 50, old);
	start_shop("", 10, "");
	wait_for(shop_delivered, 50); /* late, but it works */
	control("{\"status\":503}");
	put_inbound("shop", "old", 350, old);
	put_inbound("shop", "new", 20, 0);
	wait_for(shop_buried, 350);
	control("{}");
	wait_for(shop_delivered, 70);
	wait_for_empty_outbox();
	assert_int_equal(count("shop").dead, 350);
	assert_int_equal(check_accepted(), 70);
}

static void too_many_events_push_out_the_oldest(void **state)
{
	json_t *all, *event;
	size_t n;

	control("{\"status\":503}");
	put_inbound("shop", "x", 2500, 0);
	start_shop("", 100, "max_events = 1000;");
	wait_for(shop_buried, 1500);
	assert_int_equal(count("shop").waiting, 1000);
	assert_int_equal(count("shop").dead, 1500);
	control("{}");
	wait_for(shop_delivered, 1000);
	wait_for_empty_outbox();
	assert_int_equal(view("shop")->dead, 1500);
	all = record();
	n = json_array_size(all);
	event = json_array_get(json_object_get(json_array_get(all, n - 1), "events"), 0);
	assert_true(atoi(str(event, "text") + 2) >= 1000); /* the newest are what is left */
	json_decref(all);
}

/* ---- several endpoints, reload, stop ----------------------------------------------------------------- */

static bool fast_delivered(void)
{
	return view("fast")->delivered >= want;
}

static void slow_endpoint_holds_up_nobody(void **state)
{
	char a[512], b[512], both[1100];

	snprintf(both, sizeof(both), "%s, %s", client_of("shop", "/slow?slow_ms=3000", 10, a),
		client_of("fast", "/fast", 10, b));
	put_inbound("shop", "x", 100, 0);
	put_inbound("fast", "y", 1000, 0);
	start_hooks(conf_of(both, ""));
	want = 1000;
	assert_true(run_until(fast_delivered));
	assert_int_equal(view("shop")->delivered, 0);
	assert_int_equal(view("shop")->busy_shards, 4);
}

static void private_address_is_refused(void **state)
{
	put_inbound("shop", "x", 1, 0);
	start_shop("", 50, "allow_private = false;");
	wait_for(shop_failed, 2);
	assert_string_equal(rig.error, "private address");
	assert_int_equal(n_requests(0), 0);
	assert_int_equal(count("shop").waiting, 1);
}

static void reload_moves_and_removes_endpoints(void **state)
{
	struct conf *next;
	char buf[512];

	put_inbound("shop", "x", 10, 0);
	start_shop("?status=500", 10, "");
	wait_for(shop_failed, 1);
	next = conf_of(client_of("shop", "/moved?x=secret", 10, buf), "");
	assert_int_equal(webhooks_set(rig.w, next), 0);
	conf_free(rig.conf);
	rig.conf = next;
	wait_for(shop_delivered, 10);
	assert_null(strstr(view("shop")->url, "secret"));
	assert_non_null(strstr(rig.view.url, "/moved"));

	next = conf_of("", "");
	assert_int_equal(webhooks_set(rig.w, next), 0);
	conf_free(rig.conf);
	rig.conf = next;
	put_inbound("shop", "late", 5, 0);
	assert_null(view("shop")->client);
	assert_int_equal(count("shop").waiting, 5);

	next = conf_of(client_of("shop", "/back", 10, buf), "");
	assert_int_equal(webhooks_set(rig.w, next), 0);
	conf_free(rig.conf);
	rig.conf = next;
	wait_for(shop_delivered, 15);
	assert_int_equal(check_accepted(), 15);
}

static bool shop_busy(void)
{
	return view("shop")->busy_shards > 0;
}

static void stop_finishes_what_is_under_way(void **state)
{
	control("{\"slow_ms\":300}");
	put_inbound("shop", "x", 5, 0);
	start_shop("", 5, "");
	assert_true(run_until(shop_busy));
	stop_hooks(10000);
	assert_int_equal(count("shop").waiting, 0);
}

static void stop_breaks_off_at_its_deadline_and_a_restart_goes_on(void **state)
{
	int64_t began = clock_mono_ms();

	control("{\"slow_ms\":5000}");
	put_inbound("shop", "x", 5, 0);
	start_shop("", 5, "");
	assert_true(run_until(shop_busy));
	stop_hooks(50);
	assert_true(clock_mono_ms() - began < 4000);
	assert_int_equal(count("shop").waiting, 5);
	close_store();
	control("{}");
	open_store(1);
	start_shop("", 5, "");
	wait_for(shop_delivered, 5);
	wait_for_empty_outbox();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(body_is_as_documented),
		cmocka_unit_test(body_is_cut_below_its_bound),
		cmocka_unit_test(private_addresses_are_known),
#define RIG(f)	   cmocka_unit_test_setup_teardown(f, set_up, tear_down)
#define RIG_ONE(f) cmocka_unit_test_setup_teardown(f, set_up_one_shard, tear_down)
		RIG(events_arrive_signed_in_order_and_leave_the_outbox),
		RIG_ONE(batch_of_one_is_one_event_a_request),
		RIG(final_state_of_a_message_arrives),
		RIG(failing_endpoint_gets_everything_when_it_is_back),
		RIG_ONE(every_third_request_fails_and_nothing_is_skipped),
		RIG_ONE(page_that_comes_after_the_failure_leaves_no_gap),
		RIG(a_shard_comes_back_soon_when_the_endpoint_answers_another),
		RIG(retry_after_is_honoured),
		RIG_ONE(answer_cut_short_is_posted_again),
		RIG(time_out_is_a_failure_and_an_endless_answer_is_not),
		RIG(redirect_is_not_followed),
		RIG(refused_event_is_found_buried_and_replayed),
		RIG(everything_refused_moves_on_one_by_one),
		RIG_ONE(event_too_large_for_a_body_is_buried),
		RIG(old_events_die_only_while_the_endpoint_fails),
		RIG(too_many_events_push_out_the_oldest),
		RIG(slow_endpoint_holds_up_nobody),
		RIG(private_address_is_refused),
		RIG(reload_moves_and_removes_endpoints),
		RIG_ONE(stop_finishes_what_is_under_way),
		RIG_ONE(stop_breaks_off_at_its_deadline_and_a_restart_goes_on),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("webhook", tests, NULL, NULL);
}
