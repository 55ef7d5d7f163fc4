/* SPDX-License-Identifier: Apache-2.0
 *
 * inbound_test.c -- from a link's inbound message to the store and back: a real store, and a link of the test's own.
 *
 * What goes to the store passes through here (--wrap=store_stage), so that a message on its way to be joined can be
 * held while something else happens, and so that the store can refuse.
 */
#include "store_fixture.h"

#include "intake/inbound.h"
#include "route/link.h"

struct world {
	struct fixture *f;
	struct inbound *in;
	struct names *names;
	struct stats *stats;
	struct conf conf;
	struct conf_client client;
	struct conf_link link;
	unsigned n_acks, n_refused;
	int last;
	bool link_is_gone;
	unsigned n_decoded;

	uint8_t hold;           /* kind of operation that waits for release(); 0: none */
	int refuse;             /* what parts are answered with instead of being stored; 0: they are */
	struct store_op *held[5000];
	unsigned n_held;
};

static struct world *the_world;
#define LINK ((struct link *)the_world)

/* ---- what is wrapped ---- */

void __real_store_stage(struct store *s, enum store_list list, struct store_op *op);
void __wrap_store_stage(struct store *s, enum store_list list, struct store_op *op);
void __wrap_link_ack(struct link *l, struct driver_token token, int status);
uint32_t __wrap_link_id(const struct link *l);
const char *__wrap_link_name(const struct link *l);
const struct conf_link *__wrap_link_conf(const struct link *l);
int __wrap_link_decode(struct link *l, uint8_t data_coding, struct gsm7_shift shift, const uint8_t *text, size_t n,
	char *dst, size_t cap, size_t *ret_n);

void __wrap_store_stage(struct store *s, enum store_list list, struct store_op *op)
{
	struct world *w = the_world;

	if (w && w->refuse && op->kind == OP_INBOUND_PART) {
		op->r = w->refuse;
		op->done(op);
	} else if (w && w->hold && op->kind == w->hold) {
		w->held[w->n_held++] = op;
	} else {
		__real_store_stage(s, list, op);
	}
}

void __wrap_link_ack(struct link *l, struct driver_token token, int status)
{
	assert_ptr_equal(l, LINK);
	assert_int_equal(token.a, 11);
	the_world->n_acks++;
	the_world->n_refused += status != 0;
	the_world->last = status;
}

uint32_t __wrap_link_id(const struct link *l)
{
	return names_get(the_world->names, NAME_LINK, "acme");
}

const char *__wrap_link_name(const struct link *l)
{
	return "acme";
}

const struct conf_link *__wrap_link_conf(const struct link *l)
{
	return &the_world->link;
}

/* Tells that it was asked: letters come out as capitals. */
int __wrap_link_decode(struct link *l, uint8_t data_coding, struct gsm7_shift shift, const uint8_t *text, size_t n,
	char *dst, size_t cap, size_t *ret_n)
{
	assert_true(cap >= 4 * n + 4);
	the_world->n_decoded++;
	for (size_t i = 0; i < n; i++)
		dst[i] = text[i] & ~0x20;
	*ret_n = n;
	return 0;
}

static struct link *find(void *arg, const char *name)
{
	assert_string_equal(name, "acme");
	return the_world->link_is_gone ? NULL : LINK;
}

/* ---- the world ---- */

static void begin(struct world *w)
{
	names_free(w->names); /* they know the store */
	w->names = names_new();
	assert_int_equal(names_load(w->names, w->f->store), 0);
	w->in = inbound_new(&(struct inbound_needs){.loop = &w->f->loop, .store = w->f->store, .names = w->names,
		.stats = w->stats, .conf = &w->conf, .link_find = find});
	assert_non_null(w->in);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	fixture_setup((void **)&w->f);
	w->stats = stats_new();
	w->client.name = (char *)"shop";
	w->client.webhook.url = (char *)"http://127.0.0.1/";
	w->conf.clients = &w->client;
	w->conf.n_clients = 1;
	w->link.inbound_wait_ms = 3600000;
	the_world = w;
	begin(w);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	assert_int_equal(w->n_held, 0);
	inbound_stop(w->in);
	fixture_close(w->f);
	inbound_free(w->in);
	the_world = NULL;
	names_free(w->names);
	stats_free(w->stats);
	fixture_teardown((void **)&w->f);
	free(w);
	return 0;
}

static int take_of(struct world *w, const char *from, unsigned total, unsigned seq, char letter)
{
	uint8_t raw[] = {5, 0, 3, 7, total, seq, letter};
	struct link_inbound m = {.from = from, .to = "12345", .text = &letter, .n_text = 1, .raw = raw, .n_raw = sizeof raw,
		.esm_class = 0x40};

	return inbound_take(w->in, LINK, &m, (struct driver_token){11, 12});
}

static int take(struct world *w, unsigned total, unsigned seq, char letter)
{
	return take_of(w, "+1202", total, seq, letter);
}

static void release(struct world *w)
{
	unsigned n = w->n_held;

	w->n_held = 0;
	for (unsigned i = 0; i < n; i++)
		__real_store_stage(w->f->store, STORE_SETTLE, w->held[i]);
}

#define UNTIL(w, condition)                                       \
	do                                                        \
		while (!(condition))                              \
			uv_run(&(w)->f->loop, UV_RUN_ONCE);       \
	while (0)

static uint64_t counted(struct world *w, enum stats_counter c)
{
	return w->stats->counter[c];
}

static bool has_text(struct world *w, const char *text, const char *missing)
{
	char q[200];

	snprintf(q, sizeof q, "SELECT count(*) FROM inbound WHERE text = '%s' AND coalesce(missing, '') = '%s'", text, missing);
	return sql(w->f, q) == 1;
}

/* ---- facts ---- */

static void a_part_is_acknowledged_when_it_is_on_disk(void **state)
{
	struct world *w = *state;

	w->hold = OP_INBOUND_PART;
	assert_int_equal(take(w, 2, 1, 'a'), 0);
	assert_int_equal(w->n_acks, 0);
	assert_int_equal(count(w->f, "inbound_part"), 0);
	release(w);
	UNTIL(w, w->n_acks == 1);
	assert_int_equal(w->n_refused, 0);
	assert_int_equal(count(w->f, "inbound_part"), 1);
	assert_int_equal(counted(w, STATS_INBOUND_PARTS), 1);
}

static void the_last_part_joins_them_without_waiting_for_a_sweep(void **state)
{
	struct world *w = *state;

	/* never started: no sweep */
	assert_int_equal(take(w, 2, 2, 'b'), 0);
	assert_int_equal(take(w, 2, 1, 'a'), 0);
	UNTIL(w, counted(w, STATS_INBOUND_JOINED) == 1);
	assert_true(has_text(w, "AB", ""));
	assert_int_equal(count(w->f, "event"), 1);
	assert_int_equal(counted(w, STATS_INBOUND), 1);
	assert_int_equal(take(w, 2, 2, 'b'), 0);
	UNTIL(w, counted(w, STATS_INBOUND_REPEATED) == 1);
	assert_int_equal(w->n_acks, 3);
}

static void a_refusal_is_told(void **state)
{
	struct world *w = *state;

	w->refuse = -ENOSPC;
	assert_int_equal(take(w, 2, 1, 'a'), 0);
	assert_int_equal(w->n_acks, 1);
	assert_int_equal(w->last, -ENOSPC);
	assert_int_equal(counted(w, STATS_INBOUND_FAILED), 1);
	w->refuse = 0;
	/* and when more is on its way than may be, before anything is copied */
	w->hold = OP_INBOUND_PART;
	for (unsigned i = 0; i < 4096; i++)
		assert_int_equal(take(w, 255, i % 255 + 1, 'a'), 0);
	assert_int_equal(take(w, 2, 1, 'a'), -EAGAIN);
	release(w);
	UNTIL(w, w->n_acks == 4097);
	assert_int_equal(w->n_refused, 1);
}

static void a_link_that_went_gets_no_acknowledgement(void **state)
{
	struct world *w = *state;

	w->hold = OP_INBOUND_PART;
	assert_int_equal(take(w, 2, 1, 'a'), 0);
	inbound_forget(w->in, LINK);
	release(w);
	UNTIL(w, counted(w, STATS_INBOUND_PARTS) == 1);
	assert_int_equal(w->n_acks, 0);
}

/* The deadline, and a part that is acknowledged while the others are on their way to the client. */
static void a_part_that_comes_while_a_partial_message_is_joined_is_in_it(void **state)
{
	struct world *w = *state;

	w->link.inbound_wait_ms = 0;
	w->hold = OP_INBOUND;
	assert_int_equal(take(w, 3, 1, 'a'), 0);
	UNTIL(w, w->n_acks == 1);
	inbound_start(w->in);
	UNTIL(w, w->n_held == 1);
	assert_int_equal(take(w, 3, 2, 'b'), 0);
	UNTIL(w, w->n_acks == 2);
	w->hold = 0;
	release(w);
	UNTIL(w, counted(w, STATS_INBOUND_PARTIAL) == 1);
	assert_int_equal(count(w->f, "inbound"), 1);
	assert_true(has_text(w, "AB[\xe2\x80\xa6]", "3"));
	assert_int_equal(count(w->f, "event"), 1);
}

static void two_hands_that_join_the_same_make_one_message(void **state)
{
	struct world *w = *state;

	w->hold = OP_INBOUND;
	assert_int_equal(take(w, 2, 1, 'a'), 0);
	assert_int_equal(take(w, 2, 2, 'b'), 0);
	UNTIL(w, w->n_held == 1);
	inbound_start(w->in); /* its sweep finds the same */
	UNTIL(w, w->n_held == 2);
	w->hold = 0;
	release(w);
	UNTIL(w, store_pending(w->f->store, STORE_SETTLE) == 0);
	assert_int_equal(count(w->f, "inbound"), 1);
	assert_int_equal(count(w->f, "event"), 1);
	assert_int_equal(counted(w, STATS_INBOUND), 1);
}

static void more_than_can_be_joined_at_a_time_are_all_joined(void **state)
{
	struct world *w = *state;
	char from[16];

	w->link.inbound_wait_ms = 0;
	for (unsigned i = 0; i < 700; i++) {
		snprintf(from, sizeof from, "%u", i);
		assert_int_equal(take_of(w, from, 2, 1, 'a'), 0);
	}
	UNTIL(w, w->n_acks == 700);
	inbound_start(w->in);
	UNTIL(w, counted(w, STATS_INBOUND_PARTIAL) == 700);
	assert_int_equal(count(w->f, "inbound"), 700);
}

static void beyond_the_bound_the_oldest_goes_and_is_counted(void **state)
{
	struct world *w = *state;

	inbound_stop(w->in);
	fixture_close(w->f);
	inbound_free(w->in);
	w->f->conf.max_inbound_sets = 1;
	assert_int_equal(fixture_open(w->f), 0);
	begin(w);
	assert_int_equal(take_of(w, "1", 2, 1, 'a'), 0);
	UNTIL(w, w->n_acks == 1);
	assert_int_equal(take_of(w, "2", 2, 1, 'b'), 0);
	UNTIL(w, counted(w, STATS_INBOUND_PARTIAL) == 1);
	assert_int_equal(counted(w, STATS_INBOUND_FORCED), 1);
	assert_true(has_text(w, "a[\xe2\x80\xa6]", "2"));
	assert_int_equal(w->n_refused, 0);
}

static void what_a_stop_or_a_death_interrupts_is_joined_by_the_next_start(void **state)
{
	struct world *w = *state;

	w->hold = OP_INBOUND;
	assert_int_equal(take(w, 2, 1, 'a'), 0);
	assert_int_equal(take(w, 2, 2, 'b'), 0);
	UNTIL(w, w->n_acks == 2);
	inbound_stop(w->in);
	UNTIL(w, !uv_loop_alive(&w->f->loop) || w->n_held);
	/* read before the stop, or dropped by it; what was staged is as it never came */
	for (unsigned i = 0; i < w->n_held; i++) {
		w->held[i]->r = -EIO;
		w->held[i]->done(w->held[i]);
	}
	w->n_held = 0;
	w->hold = 0;
	fixture_close(w->f);
	inbound_free(w->in);
	assert_int_equal(sql(w->f, "SELECT count(*) FROM inbound"), 0);
	assert_int_equal(fixture_open(w->f), 0);
	begin(w);
	inbound_start(w->in);
	UNTIL(w, counted(w, STATS_INBOUND_JOINED) == 1);
	assert_true(has_text(w, "AB", ""));
}

static void without_its_link_the_texts_of_the_parts_are_taken(void **state)
{
	struct world *w = *state;

	w->link_is_gone = true;
	assert_int_equal(take(w, 2, 1, 'a'), 0);
	assert_int_equal(take(w, 2, 2, 'b'), 0);
	UNTIL(w, counted(w, STATS_INBOUND_JOINED) == 1);
	assert_true(has_text(w, "ab", ""));
	assert_int_equal(w->n_decoded, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_part_is_acknowledged_when_it_is_on_disk),
		TEST(the_last_part_joins_them_without_waiting_for_a_sweep),
		TEST(a_refusal_is_told),
		TEST(a_link_that_went_gets_no_acknowledgement),
		TEST(a_part_that_comes_while_a_partial_message_is_joined_is_in_it),
		TEST(two_hands_that_join_the_same_make_one_message),
		TEST(more_than_can_be_joined_at_a_time_are_all_joined),
		TEST(beyond_the_bound_the_oldest_goes_and_is_counted),
		TEST(what_a_stop_or_a_death_interrupts_is_joined_by_the_next_start),
		TEST(without_its_link_the_texts_of_the_parts_are_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
