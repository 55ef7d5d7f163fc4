/* SPDX-License-Identifier: Apache-2.0
 *
 * The queue over the real store and the loopback driver: what is accepted reaches one final state, in lanes, over
 * restarts, cancellations and expiry.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "queue/queue.h"
#include "route/link.h"
#include "route/router.h"

struct world {
	uv_loop_t loop;
	char dir[64], db[96];
	struct store *store;
	struct names *names;
	struct queue *queue;
	struct router *router;
	struct conf *conf;
	struct link *link[4];
	unsigned n_links, left;
	uint64_t final[STATE_N];
	uint64_t committed, failed;
	bool closed;
};

static void on_final(void *arg, enum msg_class class, enum msg_state state)
{
	struct world *w = arg;

	(void)class;
	w->final[state]++;
}

static void on_events(void *arg, uint32_t endpoint, unsigned shard)
{
	(void)arg;
	(void)endpoint;
	(void)shard;
}

static int no_inbound(void *arg, struct link *l, const struct link_inbound *m, struct driver_token t)
{
	(void)arg;
	(void)l;
	(void)m;
	(void)t;
	return -ENOSYS;
}

static void no_forget(void *arg, const struct link *l)
{
	(void)arg;
	(void)l;
}

static struct link *link_of(void *arg, const char *name)
{
	struct world *w = arg;

	for (unsigned i = 0; i < w->n_links; i++)
		if (strcmp(link_name(w->link[i]), name) == 0)
			return w->link[i];
	return NULL;
}

static uint32_t route_of(void *arg, const struct message *m)
{
	return router_match(((struct world *)arg)->router, m);
}

static const char *conf_text;

static void up(struct world *w, bool start_links)
{
	struct store_conf sc = { .path = w->db, .shards = 4, .on_events = on_events, .arg = w };
	struct queue_events ev = { on_final, w };
	struct link_sinks sinks = { no_inbound, no_forget, w };
	struct store_boot boot;
	char err[256] = "";

	memset(w->final, 0, sizeof(w->final));
	w->closed = false;
	w->n_links = 0;
	uv_loop_init(&w->loop);
	assert_int_equal(conf_load_string(conf_text, "test.conf", &w->conf, err, sizeof(err)), 0);
	assert_int_equal(store_open(&w->loop, &sc, &w->store, &boot, err, sizeof(err)), 0);
	w->names = names_new();
	assert_int_equal(names_load(w->names, w->store), 0);
	w->queue = queue_new(&w->loop, w->store, &boot, w->conf, w->names, &ev);
	assert_non_null(w->queue);
	w->router = router_new(w->names);
	for (size_t i = 0; i < w->conf->n_links; i++) {
		w->link[i] = link_new(&w->loop, w->queue, w->names, &sinks, &w->conf->links[i], err, sizeof(err));
		assert_non_null(w->link[i]);
		w->n_links++;
	}
	queue_set_router(w->queue, route_of, w);
	assert_int_equal(router_set(w->router, w->queue, w->conf, link_of, w), 0);
	if (start_links)
		for (unsigned i = 0; i < w->n_links; i++)
			link_start(w->link[i]);
	queue_start(w->queue);
}

static void closed(void *arg)
{
	struct world *w = arg;

	queue_free(w->queue);
	router_free(w->router);
	names_free(w->names);
	w->closed = true;
}

static void gone(void *arg)
{
	struct world *w = arg;

	if (--w->left == 0)
		store_close(w->store, closed, w);
}

static void stopped(void *arg)
{
	struct world *w = arg;

	w->left = w->n_links;
	for (unsigned i = 0; i < w->n_links; i++)
		link_remove(w->link[i], gone, w);
}

static void down(struct world *w)
{
	queue_stop(w->queue, 5000, stopped, w);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_true(w->closed);
	assert_int_equal(uv_loop_close(&w->loop), 0);
	conf_free(w->conf);
}

/* Run the loop until the condition holds; at most ten seconds. */
#define RUN_UNTIL(w, cond)                                                \
	do {                                                              \
		int64_t end_ = clock_mono_ms() + 10000;                   \
		uv_timer_t t_;                                            \
		uv_timer_init(&(w)->loop, &t_);                           \
		uv_timer_start(&t_, nothing, 5, 5);                       \
		while (!(cond) && clock_mono_ms() < end_)                 \
			uv_run(&(w)->loop, UV_RUN_ONCE);                  \
		uv_close((uv_handle_t *)&t_, NULL);                       \
		uv_run(&(w)->loop, UV_RUN_NOWAIT);                        \
		assert_true(cond);                                        \
	} while (0)

static void nothing(uv_timer_t *t)
{
	(void)t;
}

struct batch {
	struct queue_batch b;
	struct world *w;
	struct message *m[QUEUE_BATCH_MAX];
	uint64_t ids[QUEUE_BATCH_MAX];
};

static void batch_done(struct queue_batch *b, int r)
{
	struct batch *x = (struct batch *)b;

	if (r == 0)
		x->w->committed += b->n;
	else
		x->w->failed += b->n;
	free(x);
}

static void add(struct world *w, unsigned n, struct message like, uint64_t *ret_first)
{
	struct batch *x = calloc(1, sizeof(*x));

	like.client = names_get(w->names, NAME_CLIENT, "shop");
	if (!like.to)
		like.to = 79001234567;
	if (!like.text) {
		like.text = "hello";
		like.n_text = 5;
	}
	like.ref = like.ref ? like.ref : "";
	like.tag = like.tag ? like.tag : "";
	like.from = like.from ? like.from : "";
	if (!like.n_parts)
		like.n_parts = 1;
	if (!like.ttl_end_ms)
		like.ttl_end_ms = clock_ms() + 86400000;
	like.route = route_of(w, &like);
	for (unsigned i = 0; i < n; i++)
		x->m[i] = message_new(&like);
	x->w = w;
	x->b.messages = x->m;
	x->b.ids = x->ids;
	x->b.n = n;
	x->b.done = batch_done;
	assert_int_equal(queue_add(w->queue, &x->b), 0);
	if (ret_first)
		*ret_first = x->ids[0];
}

static struct world *world(const char *conf)
{
	struct world *w = calloc(1, sizeof(*w));

	conf_text = conf;
	strcpy(w->dir, "/tmp/queue_test.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->db, sizeof(w->db), "%s/q.db", w->dir);
	return w;
}

static void world_free(struct world *w)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -r %s", w->dir);
	assert_int_equal(system(cmd), 0);
	free(w);
}

#define CLIENTS "clients = ({ name = \"shop\"; key_sha256 = \"" \
		"0000000000000000000000000000000000000000000000000000000000000000\"; });"
#define ONE_LINK CLIENTS "links = ({ name = \"lo\"; driver = \"loopback\"; window = 100; });" \
		 "routes = ({ links = [\"lo\"]; });"

static uint64_t waiting(struct world *w)
{
	struct queue_stats s;

	queue_stats(w->queue, &s);
	return s.waiting;
}

static void accepted_messages_are_delivered(void **state)
{
	struct world *w = world(ONE_LINK);

	(void)state;
	up(w, true);
	add(w, 1, (struct message){ .class = CLASS_OTP }, NULL);
	add(w, 1000, (struct message){ .class = CLASS_MARKETING }, NULL);
	RUN_UNTIL(w, w->final[STATE_DELIVERED] == 1001);
	assert_int_equal(waiting(w), 0);
	assert_int_equal(w->committed, 1001);
	down(w);
	world_free(w);
}

static void more_than_a_lane_holds_goes_through_the_backlog(void **state)
{
	struct world *w = world("queue: { lane_window = 100; };" ONE_LINK);

	(void)state;
	up(w, true);
	for (int i = 0; i < 10; i++)
		add(w, 1000, (struct message){ .class = CLASS_MARKETING }, NULL);
	RUN_UNTIL(w, w->final[STATE_DELIVERED] == 10000);
	assert_int_equal(waiting(w), 0);
	down(w);
	world_free(w);
}

static void what_waits_survives_a_restart(void **state)
{
	struct world *w = world("queue: { lane_window = 100; };" ONE_LINK);

	(void)state;
	up(w, false);
	add(w, 1000, (struct message){ .class = CLASS_MARKETING }, NULL);
	add(w, 50, (struct message){ .class = CLASS_SERVICE }, NULL);
	RUN_UNTIL(w, w->committed == 1050);
	assert_int_equal(waiting(w), 1050);
	down(w);
	up(w, true);
	RUN_UNTIL(w, w->final[STATE_DELIVERED] == 1050);
	RUN_UNTIL(w, waiting(w) == 0);
	down(w);
	up(w, true); /* and nothing is sent again */
	RUN_UNTIL(w, ({ struct queue_stats s; queue_stats(w->queue, &s); !s.recovering; }));
	assert_int_equal(w->final[STATE_DELIVERED], 0);
	assert_int_equal(waiting(w), 0);
	down(w);
	world_free(w);
}

static void scheduled_messages_go_when_their_time_has_come(void **state)
{
	struct world *w = world(ONE_LINK);

	(void)state;
	up(w, true);
	add(w, 20, (struct message){ .class = CLASS_SERVICE, .send_at_ms = clock_ms() + 700 }, NULL);
	RUN_UNTIL(w, w->committed == 20);
	assert_int_equal(w->final[STATE_DELIVERED], 0);
	RUN_UNTIL(w, w->final[STATE_DELIVERED] == 20);
	down(w);
	world_free(w);
}

static void ttl_ends_while_no_link_is_up(void **state)
{
	struct world *w = world("queue: { lane_window = 100; };" ONE_LINK);

	(void)state;
	up(w, false);
	add(w, 300, (struct message){ .class = CLASS_SERVICE, .ttl_end_ms = clock_ms() + 500 }, NULL);
	RUN_UNTIL(w, w->final[STATE_EXPIRED] >= 100); /* those in memory; the rest within a minute */
	down(w);
	world_free(w);
}

static int cancel_result = -99;

static void cancelled(void *arg, int r)
{
	(void)arg;
	cancel_result = r;
}

static void a_waiting_message_is_cancelled(void **state)
{
	struct world *w = world("queue: { lane_window = 100; };" ONE_LINK);
	uint64_t first;

	(void)state;
	up(w, false);
	add(w, 1000, (struct message){ .class = CLASS_SERVICE }, &first);
	RUN_UNTIL(w, w->committed == 1000);
	cancel_result = -99;
	assert_int_equal(queue_cancel(w->queue, first + 3, 0, cancelled, w), 0);
	RUN_UNTIL(w, cancel_result != -99);
	assert_int_equal(cancel_result, CANCEL_DONE);
	cancel_result = -99;
	assert_int_equal(queue_cancel(w->queue, first + 900, 0, cancelled, w), 0); /* in the backlog */
	RUN_UNTIL(w, cancel_result != -99);
	assert_int_equal(cancel_result, CANCEL_DONE);
	cancel_result = -99;
	assert_int_equal(queue_cancel(w->queue, first + 3, 0, cancelled, w), 0);
	RUN_UNTIL(w, cancel_result != -99);
	assert_int_equal(cancel_result, CANCEL_FINAL);
	link_start(w->link[0]);
	RUN_UNTIL(w, w->final[STATE_DELIVERED] == 998);
	down(w);
	world_free(w);
}

static uint64_t tag_counts[CANCEL_N];

static void tag_cancelled(void *arg, int r, const uint64_t counts[CANCEL_N])
{
	(void)arg;
	memcpy(tag_counts, counts, sizeof(tag_counts));
	cancel_result = r;
}

static void a_tag_is_cancelled_whole(void **state)
{
	struct world *w = world("queue: { lane_window = 100; };" ONE_LINK);

	(void)state;
	up(w, false);
	add(w, 500, (struct message){ .class = CLASS_SERVICE, .tag = "order-17", .n_tag = 8 }, NULL);
	add(w, 500, (struct message){ .class = CLASS_SERVICE }, NULL);
	RUN_UNTIL(w, w->committed == 1000);
	cancel_result = -99;
	assert_int_equal(queue_cancel_tag(w->queue, names_find(w->names, NAME_CLIENT, "shop"), "order-17", NULL,
		tag_cancelled, w), 0);
	RUN_UNTIL(w, cancel_result != -99);
	assert_int_equal(cancel_result, 0);
	assert_int_equal(tag_counts[CANCEL_DONE], 500);
	link_start(w->link[0]);
	RUN_UNTIL(w, w->final[STATE_DELIVERED] == 500);
	RUN_UNTIL(w, waiting(w) == 0);
	assert_int_equal(w->final[STATE_CANCELLED], 500);
	down(w);
	world_free(w);
}

static void a_refusal_for_good_fails_over_to_the_next_link(void **state)
{
	struct world *w = world(CLIENTS "links = ({ name = \"bad\"; driver = \"loopback\"; outcome = \"rejected\"; },"
		"{ name = \"good\"; driver = \"loopback\"; }); routes = ({ links = [\"bad\", \"good\"]; });");

	(void)state;
	up(w, true);
	add(w, 10, (struct message){ .class = CLASS_SERVICE }, NULL);
	RUN_UNTIL(w, w->final[STATE_DELIVERED] == 10);
	assert_int_equal(link_outlet(w->link[0])->rejected, 10);
	down(w);
	world_free(w);
}

static void long_messages_are_final_when_every_part_is(void **state)
{
	struct world *w = world(ONE_LINK);
	char text[400];

	(void)state;
	memset(text, 'a', sizeof(text));
	up(w, true);
	add(w, 100, (struct message){ .class = CLASS_SERVICE, .text = text, .n_text = sizeof(text), .n_parts = 3 }, NULL);
	RUN_UNTIL(w, w->final[STATE_DELIVERED] == 100);
	assert_int_equal(link_outlet(w->link[0])->sent, 300);
	down(w);
	world_free(w);
}

static void uncertain_attempts_follow_the_policy(void **state)
{
	static const char *const policy[] = { "fail", "resend" };

	(void)state;
	for (int i = 0; i < 2; i++) {
		char conf[600];
		struct world *w;

		snprintf(conf, sizeof(conf), CLIENTS "links = ({ name = \"lo\"; driver = \"loopback\"; outcome = \"unknown\";"
			"on_uncertain = \"%s\"; max_attempts = 3; }); routes = ({ links = [\"lo\"]; });", policy[i]);
		w = world(conf);
		up(w, true);
		add(w, 5, (struct message){ .class = CLASS_SERVICE }, NULL);
		RUN_UNTIL(w, w->final[STATE_UNCONFIRMED] == 5);
		assert_int_equal(link_outlet(w->link[0])->uncertain, i == 0 ? 5 : 15);
		down(w);
		world_free(w);
	}
}

static void the_rate_of_a_link_is_kept(void **state)
{
	struct world *w = world(CLIENTS "links = ({ name = \"lo\"; driver = \"loopback\"; window = 1000; tps = 200.0; });"
		"routes = ({ links = [\"lo\"]; });");
	int64_t begin;

	(void)state;
	up(w, true);
	begin = clock_mono_ms();
	add(w, 210, (struct message){ .class = CLASS_MARKETING }, NULL);
	RUN_UNTIL(w, w->final[STATE_DELIVERED] == 210);
	assert_in_range(clock_mono_ms() - begin, 950, 1600);
	down(w);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepted_messages_are_delivered),
		cmocka_unit_test(more_than_a_lane_holds_goes_through_the_backlog),
		cmocka_unit_test(what_waits_survives_a_restart),
		cmocka_unit_test(scheduled_messages_go_when_their_time_has_come),
		cmocka_unit_test(ttl_ends_while_no_link_is_up),
		cmocka_unit_test(a_waiting_message_is_cancelled),
		cmocka_unit_test(a_tag_is_cancelled_whole),
		cmocka_unit_test(a_refusal_for_good_fails_over_to_the_next_link),
		cmocka_unit_test(long_messages_are_final_when_every_part_is),
		cmocka_unit_test(uncertain_attempts_follow_the_policy),
		cmocka_unit_test(the_rate_of_a_link_is_kept),
	};

	log_open(getenv("POSTHORN_TEST_LOG") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
