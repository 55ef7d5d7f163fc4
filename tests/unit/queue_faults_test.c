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
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "queue/queue.h"
#include "route/link.h"
#include "route/router.h"
#include "queue/fresh.h"

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
	while (queue_add(w->queue, &x->b) == -EAGAIN)
		uv_run(&w->loop, UV_RUN_NOWAIT);
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

__attribute__((unused)) static void world_free(struct world *w)
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


#define NO_LINK CLIENTS "links = ({ name = \"lo\"; driver = \"loopback\"; window = 100; }); routes = ({ name = \"r\"; links = [\"lo\"]; });" \
	"queue: { lane_window = 100; };"
struct fake { struct outlet o; int r; unsigned n; unsigned count[16]; uint64_t key[4096]; };
static int fsubmit(struct outlet *o, const struct part *p)
{
	struct fake *f = (struct fake *)o;
	if (f->r) return f->r;
	f->key[f->n++ % 4096] = p->key;
	f->count[p->part & 15]++;
	return 0;
}
static void fidle(struct outlet *o) { (void)o; }
static const struct outlet_ops fops = { fsubmit, fidle };
static struct fake *fake(struct world *w, const char *name, unsigned window)
{
	struct fake *f = calloc(1, sizeof(*f));
	f->o.ops = &fops; f->o.id = names_get(w->names, NAME_LINK, name); f->o.up = true; f->o.window = window;
	f->o.reports = true; f->o.max_attempts = 50; f->o.retry_min_ms = 300; f->o.retry_max_ms = 100000;
	f->o.on_uncertain = UNCERTAIN_RESEND; f->o.concat = CONCAT_UDH8;
	return f;
}
static void routes(struct world *w, struct fake *a, struct fake *b)
{
	struct queue_route r = { .id = names_get(w->names, NAME_ROUTE, "r") };
	r.links[r.n_links++] = &a->o;
	if (b) r.links[r.n_links++] = &b->o;
	queue_set_routes(w->queue, &r, 1);
}
static void end(struct world *w, struct fake *f, uint64_t key, enum outcome out)
{
	char id[32]; struct settle s = { .key = key, .outcome = out, .smsc_id = id, .code = 20 };
	snprintf(id, sizeof(id), "%llu", (unsigned long long)key);
	queue_settle(w->queue, &f->o, &s);
}
static void run_ms(struct world *w, int64_t ms)
{
	int64_t e = clock_mono_ms() + ms;
	RUN_UNTIL(w, clock_mono_ms() >= e);
}
static char long_text[200];
static void add2(struct world *w, uint64_t *id)
{
	memset(long_text, 'a', sizeof(long_text));
	add(w, 1, (struct message){ .class = CLASS_SERVICE, .text = long_text, .n_text = 200, .n_parts = 2 }, id);
}
static void stop2(struct world *w)
{
	w->n_links = w->n_links;
	queue_stop(w->queue, 50, stopped, w);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_true(w->closed);
	uv_loop_close(&w->loop);
	conf_free(w->conf);
}

/* rows accepted while the last page of a lane is read are forgotten */
static void t01_tail_race(void **state)
{
	struct world *w = world("queue: { lane_window = 100; };" ONE_LINK);
	uint64_t total = 0; int64_t e;
	(void)state;
	up(w, true);
	for (int round = 0; round < 12; round++) {
		add(w, 400, (struct message){ .class = CLASS_MARKETING }, NULL); total += 400;
		e = clock_mono_ms() + 30;
		while (clock_mono_ms() < e) {
			add(w, 3, (struct message){ .class = CLASS_MARKETING }, NULL); total += 3;
			uv_run(&w->loop, UV_RUN_NOWAIT);
		}
	}
	e = clock_mono_ms() + 9000;
	RUN_UNTIL(w, w->final[STATE_DELIVERED] == total || clock_mono_ms() > e);
	printf("accepted %llu delivered %llu waiting %llu\n", (unsigned long long)total,
		(unsigned long long)w->final[STATE_DELIVERED], (unsigned long long)waiting(w));
	assert_int_equal(w->final[STATE_DELIVERED], total);
}
/* serve() goes on with a lane that its last message's expiry freed */
static void t02_serve_uaf(void **state)
{
	struct world *w = world(ONE_LINK);
	(void)state;
	up(w, false);
	add(w, 1, (struct message){ .class = CLASS_SERVICE, .ttl_end_ms = clock_ms() + 200 }, NULL);
	run_ms(w, 300);
	link_start(w->link[0]);
	run_ms(w, 300);
}
static void t03_bound_elsewhere(void **state)
{
	struct world *w = world(NO_LINK); struct fake *a, *b;
	(void)state;
	up(w, false);
	a = fake(w, "A", 1); b = fake(w, "B", 10);
	routes(w, a, b);
	add2(w, NULL);
	RUN_UNTIL(w, a->n == 1);
	a->o.up = false;
	queue_outlet_changed(w->queue, &a->o);
	run_ms(w, 100);
	end(w, a, a->key[0], OUTCOME_SENT);
	run_ms(w, 100);
	printf("A in_flight %u (expect 0)  B in_flight %u (expect 0)\n", a->o.in_flight, b->o.in_flight);
	assert_int_equal(a->o.in_flight, 0);
	assert_int_equal(b->o.in_flight, 0);
}
static void t04_forgotten_crash(void **state)
{
	struct world *w = world(NO_LINK); struct fake *a, *b;
	(void)state;
	up(w, false);
	a = fake(w, "A", 1); b = fake(w, "B", 10);
	b->o.up = false;
	routes(w, a, b);
	add2(w, NULL);
	RUN_UNTIL(w, a->n == 1);
	a->o.draining = true;
	queue_outlet_changed(w->queue, &a->o);
	end(w, a, a->key[0], OUTCOME_SENT);
	run_ms(w, 20);
	queue_forget_outlet(w->queue, &a->o);
	b->o.up = true;
	queue_outlet_changed(w->queue, &b->o);
	run_ms(w, 200);
	assert_int_equal(b->count[2], 1);
}
static void t05_retry_double(void **state)
{
	struct world *w = world(NO_LINK); struct fake *a;
	(void)state;
	up(w, false);
	a = fake(w, "A", 10);
	routes(w, a, NULL);
	add2(w, NULL);
	RUN_UNTIL(w, a->n == 2);
	end(w, a, a->key[0], OUTCOME_RETRY);
	a->o.retry_min_ms = 2500; /* the second one's is later, as with doubled back-off */
	end(w, a, a->key[1], OUTCOME_RETRY);
	run_ms(w, 9000); /* no answer to what is sent again */
	printf("submits: part 1 %u, part 2 %u (expect 2, 2)\n", a->count[1], a->count[2]);
	assert_int_equal(a->count[1], 2);
	assert_int_equal(a->count[2], 2);
}
static void t06_hold_resent(void **state)
{
	struct world *w = world(NO_LINK); struct fake *a;
	(void)state;
	up(w, false);
	a = fake(w, "A", 10);
	a->o.on_uncertain = UNCERTAIN_HOLD;
	routes(w, a, NULL);
	add2(w, NULL);
	RUN_UNTIL(w, a->n == 2);
	end(w, a, a->key[0], OUTCOME_UNKNOWN);
	end(w, a, a->key[1], OUTCOME_RETRY);
	run_ms(w, 3000);
	printf("submits: part 1 %u (held: expect 1), part 2 %u (expect 2)\n", a->count[1], a->count[2]);
	assert_int_equal(a->count[1], 1);
}
static void t07_low_water_in_recovery(void **state)
{
	struct world *w = world(NO_LINK);
	struct queue_stats s;
	(void)state;
	up(w, false);
	add(w, 50, (struct message){ .class = CLASS_SERVICE }, NULL);
	RUN_UNTIL(w, w->committed == 50);
	down(w);
	up(w, false);
	usleep(1200000); /* the first second passes before the first page comes */
	RUN_UNTIL(w, ({ queue_stats(w->queue, &s); !s.recovering; }));
	run_ms(w, 2500);
	queue_stats(w->queue, &s);
	printf("2nd life: waiting %llu low_water %llu\n", (unsigned long long)s.waiting, (unsigned long long)s.low_water);
	down(w);
	up(w, true);
	RUN_UNTIL(w, ({ queue_stats(w->queue, &s); !s.recovering; }));
	run_ms(w, 1500);
	printf("3rd life: delivered %llu (expect 50)\n", (unsigned long long)w->final[STATE_DELIVERED]);
	assert_int_equal(w->final[STATE_DELIVERED], 50);
}
static uint32_t route2(void *arg, const struct message *m)
{
	struct world *w = arg; (void)m;
	return names_get(w->names, NAME_ROUTE, "r2");
}
static void t08_backlog_of_a_gone_route(void **state)
{
	struct world *w = world(NO_LINK); struct fake *a; struct queue_route r = { 0 };
	(void)state;
	up(w, false);
	add(w, 1000, (struct message){ .class = CLASS_SERVICE }, NULL);
	RUN_UNTIL(w, w->committed == 1000);
	queue_set_router(w->queue, route2, w);
	a = fake(w, "A", 4000);
	r.id = names_get(w->names, NAME_ROUTE, "r2"); r.n_links = 1; r.links[0] = &a->o;
	queue_set_routes(w->queue, &r, 1);
	run_ms(w, 3000);
	printf("sent %u of 1000\n", a->n);
	assert_int_equal(a->n, 1000);
}
/* part 1 ended unconfirmed (policy fail), part 2 waits; restart */
static void t09_final_part_resent(void **state)
{
	struct world *w = world(NO_LINK); struct fake *a;
	(void)state;
	up(w, false);
	a = fake(w, "A", 1);
	a->o.on_uncertain = UNCERTAIN_FAIL;
	routes(w, a, NULL);
	add2(w, NULL);
	RUN_UNTIL(w, a->n == 1);
	a->o.up = false;
	queue_outlet_changed(w->queue, &a->o);
	end(w, a, a->key[0], OUTCOME_UNKNOWN);
	run_ms(w, 100);
	stop2(w);
	up(w, false);
	a = fake(w, "A", 10);
	routes(w, a, NULL);
	run_ms(w, 1000);
	printf("after restart: part 1 %u (final: expect 0), part 2 %u (expect 1)\n", a->count[1], a->count[2]);
	assert_int_equal(a->count[1], 0);
}
static void t10_stalled_twice(void **state)
{
	struct world *w = world(NO_LINK); struct fake *a; uint64_t id;
	(void)state;
	up(w, false);
	a = fake(w, "A", 2);
	routes(w, a, NULL);
	memset(long_text, 'a', sizeof(long_text));
	add(w, 1, (struct message){ .class = CLASS_SERVICE }, &id); /* takes one of two slots */
	RUN_UNTIL(w, a->n == 1);
	a->r = -EAGAIN;
	add2(w, NULL);
	run_ms(w, 50); /* part 1 leased, stalled */
	end(w, a, a->key[0], OUTCOME_SENT); /* a slot: part 2 leased, stalled again */
	run_ms(w, 50);
	assert_ptr_equal(a->o.stalled, a->o.stalled_tail);
	a->r = 0;
	alarm(3);
	queue_outlet_changed(w->queue, &a->o); /* link_ready() */
	alarm(0);
	assert_int_equal(a->n, 3);
}
static void t11_hold_and_waiting_part_restart(void **state)
{
	struct world *w = world(NO_LINK); struct fake *a;
	(void)state;
	up(w, false);
	a = fake(w, "A", 1);
	a->o.on_uncertain = UNCERTAIN_HOLD;
	routes(w, a, NULL);
	add2(w, NULL);
	RUN_UNTIL(w, a->n == 1);
	a->o.up = false;
	queue_outlet_changed(w->queue, &a->o);
	end(w, a, a->key[0], OUTCOME_UNKNOWN);
	run_ms(w, 100);
	stop2(w);
	up(w, false);
	a = fake(w, "A", 10);
	routes(w, a, NULL);
	run_ms(w, 2500);
	printf("after restart: part 1 %u (held: expect 0), part 2 %u (expect 1)\n", a->count[1], a->count[2]);
	assert_int_equal(a->count[1], 0);
	assert_int_equal(a->count[2], 1);
}
/* a message of 5 parts is rejected by one busy answer per part */
static void t12_attempts_over_parts(void **state)
{
	struct world *w = world(NO_LINK); struct fake *a; static char t[700];
	(void)state;
	up(w, false);
	a = fake(w, "A", 10);
	a->o.max_attempts = 5;
	routes(w, a, NULL);
	memset(t, 'a', sizeof(t));
	add(w, 1, (struct message){ .class = CLASS_SERVICE, .text = t, .n_text = 700, .n_parts = 5 }, NULL);
	RUN_UNTIL(w, a->n == 5);
	for (int i = 0; i < 5; i++)
		end(w, a, a->key[i], OUTCOME_RETRY);
	run_ms(w, 200);
	assert_int_equal(w->final[STATE_REJECTED], 0);
}

/* the disk refuses to grow (EFBIG) while full; what the WAL holds may be overwritten, so a tiny limit is set */
static void disk(bool full)
{
	struct rlimit r = { full ? 4096 : RLIM_INFINITY, RLIM_INFINITY };
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &r), 0);
}
/* the lane's row is refused once: its backlog is not found again */
static void t13_lane_not_named(void **state)
{
	struct world *w = world(NO_LINK);
	(void)state;
	up(w, false);
	add(w, 100, (struct message){ .class = CLASS_SERVICE, .ttl_end_ms = clock_ms() + 2500 }, NULL);
	RUN_UNTIL(w, w->committed == 100);
	disk(true);
	add(w, 50, (struct message){ .class = CLASS_SERVICE }, NULL);
	RUN_UNTIL(w, w->failed == 50);
	disk(false);
	run_ms(w, 1500);
	add(w, 50, (struct message){ .class = CLASS_SERVICE }, NULL);
	RUN_UNTIL(w, w->committed == 150);
	RUN_UNTIL(w, w->final[STATE_EXPIRED] == 100);
	run_ms(w, 1500); /* low water is stored */
	down(w);
	up(w, true);
	run_ms(w, 3000);
	printf("delivered %llu of 50\n", (unsigned long long)w->final[STATE_DELIVERED]);
	assert_int_equal(w->final[STATE_DELIVERED], 50);
}
/* the attempt row of a retry is refused: nobody knows the message any more */
static void t14_retry_not_stored(void **state)
{
	struct world *w = world(NO_LINK); struct fake *a;
	(void)state;
	up(w, false);
	a = fake(w, "A", 10);
	routes(w, a, NULL);
	add(w, 1, (struct message){ .class = CLASS_SERVICE }, NULL);
	RUN_UNTIL(w, a->n == 1);
	disk(true);
	end(w, a, a->key[0], OUTCOME_RETRY);
	run_ms(w, 300);
	disk(false);
	run_ms(w, 4000);
	printf("submits %u (expect 2), waiting %llu\n", a->n, (unsigned long long)waiting(w));
	assert_int_equal(a->n, 2);
}
static void t15_due_drift(void **state)
{
	struct world *w = world(NO_LINK);
	(void)state;
	up(w, true);
	add(w, 100, (struct message){ .class = CLASS_SERVICE, .send_at_ms = clock_ms() + 300 }, NULL);
	RUN_UNTIL(w, w->committed == 100);
	disk(true);
	run_ms(w, 4500);
	disk(false);
	RUN_UNTIL(w, w->final[STATE_DELIVERED] == 100);
	run_ms(w, 500);
	printf("waiting %llu (expect 0)\n", (unsigned long long)waiting(w));
	assert_int_equal(waiting(w), 0);
}

/* part 1 sent over A; A is no longer configured after a restart; B comes up a moment later */
static void t16_bound_link_gone_at_restart(void **state)
{
	struct world *w = world(NO_LINK); struct fake *a, *b;
	(void)state;
	up(w, false);
	a = fake(w, "A", 1);
	routes(w, a, NULL);
	add2(w, NULL);
	RUN_UNTIL(w, a->n == 1);
	a->o.draining = true;
	queue_outlet_changed(w->queue, &a->o);
	end(w, a, a->key[0], OUTCOME_SENT);
	run_ms(w, 100);
	stop2(w);
	up(w, false);
	b = fake(w, "B", 10);
	b->o.up = false;
	routes(w, b, NULL);
	run_ms(w, 300);
	b->o.up = true;
	queue_outlet_changed(w->queue, &b->o);
	run_ms(w, 300);
	assert_int_equal(b->count[2], 1);
}
/* a skip lane (the first link refused) whose route has lost that link */
static void t17_skip_after_reload(void **state)
{
	struct world *w = world(NO_LINK); struct fake *a, *b;
	(void)state;
	up(w, false);
	a = fake(w, "A", 10); b = fake(w, "B", 10);
	b->o.up = false;
	routes(w, a, b);
	add(w, 1, (struct message){ .class = CLASS_SERVICE }, NULL);
	RUN_UNTIL(w, a->n == 1);
	end(w, a, a->key[0], OUTCOME_REJECTED);
	run_ms(w, 50);
	routes(w, b, NULL); /* A was taken out */
	b->o.up = true;
	queue_outlet_changed(w->queue, &b->o);
	run_ms(w, 500);
	assert_int_equal(b->n, 1);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t01_tail_race), cmocka_unit_test(t02_serve_uaf), cmocka_unit_test(t03_bound_elsewhere),
		cmocka_unit_test(t04_forgotten_crash), cmocka_unit_test(t05_retry_double),
		cmocka_unit_test(t06_hold_resent),
		cmocka_unit_test(t07_low_water_in_recovery), cmocka_unit_test(t08_backlog_of_a_gone_route),
		cmocka_unit_test(t09_final_part_resent), cmocka_unit_test(t10_stalled_twice),
		cmocka_unit_test(t11_hold_and_waiting_part_restart), cmocka_unit_test(t12_attempts_over_parts),
		cmocka_unit_test(t13_lane_not_named), cmocka_unit_test(t14_retry_not_stored),
		cmocka_unit_test(t15_due_drift),
		cmocka_unit_test(t16_bound_link_gone_at_restart), cmocka_unit_test(t17_skip_after_reload),
	};
	(void)routes; (void)stop2;
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	log_open(getenv("POSTHORN_TEST_LOG") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
