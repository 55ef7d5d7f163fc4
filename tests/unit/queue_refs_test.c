/* SPDX-License-Identifier: Apache-2.0
 *
 * queue_refs_test.c -- what joins the parts of a long message on the telephone: its reference and the way it was cut.
 * Both outlive a restart, and a change of the link's settings.
 */
#include "queue_world.h"

#include "queue/refs.h"

#include <sqlite3.h>
#include <string.h>

#define ALICE 79120000001u
#define BOB   79120000002u

static void references_to_one_recipient_differ_for_256_messages(void **state)
{
	bool seen[256] = {false};
	struct refs *r = refs_new();

	(void)state;
	assert_non_null(r);
	for (unsigned i = 0; i < 256; i++) {
		uint8_t ref = (uint8_t)refs_next(r, ALICE);

		assert_false(seen[ref]);
		seen[ref] = true;
	}
	refs_free(r);
}

/* The rows need not be told in the order of the references: counting goes on after the latest, also where
 * the counter has run round. */
static void counting_goes_on_after_what_is_stored(void **state)
{
	static const uint16_t stored[][4] = {
		{7, 8, 9, 10}, {10, 9, 8, 7}, {9, 10, 7, 8}, {0xffff, 0, 1, 0xfffe}, {1, 0xfffe, 0xffff, 0}};
	static const uint16_t next[] = {11, 11, 11, 2, 2};
	struct refs *r = refs_new();
	uint32_t bucket = refs_next(r, ALICE) >> 16;

	(void)state;
	refs_free(r);
	for (unsigned i = 0; i < 5; i++) {
		r = refs_new();
		for (unsigned k = 0; k < 4; k++)
			refs_seen(r, bucket << 16 | stored[i][k]);
		assert_int_equal(refs_next(r, ALICE), bucket << 16 | next[i]);
		refs_free(r);
	}
}

/* A number that very many long messages go to: its rows are more than half of the values. */
static void more_rows_than_half_of_the_values_do_not_turn_the_counter(void **state)
{
	struct refs *r = refs_new();
	uint32_t bucket = refs_next(r, ALICE) >> 16;

	(void)state;
	refs_free(r);
	r = refs_new();
	for (unsigned ref = 40000; ref > 0; ref--)
		refs_seen(r, bucket << 16 | ref);
	assert_int_equal(refs_next(r, ALICE), bucket << 16 | 40001);
	refs_free(r);
}

static void add_hundred(struct world *w)
{
	char text[200];

	memset(text, 'a', sizeof(text));
	for (unsigned i = 0; i < 100; i++)
		world_add(w, 1,
			(struct message){.class = CLASS_SERVICE, .to = ALICE, .text = text, .n_text = sizeof(text), .n_parts = 2},
			NULL);
}

/* 100 messages to one person are under way when the process ends.  The next life's references for this person are new
 * ones, at once: the first message leaves before the scan of the old ones is through. */
static void references_go_on_after_a_restart(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	bool seen[256] = {false};
	unsigned n_seen = 0;
	struct fake *a;

	(void)state;
	world_up(w, false);
	a = fake_new(w, "A", 500);
	fake_route(w, a, NULL);
	add_hundred(w);
	RUN_UNTIL(w, a->n == 200);
	for (unsigned i = 0; i < 200; i++) {
		n_seen += !seen[a->ref[i] & 0xff];
		seen[a->ref[i] & 0xff] = true;
	}
	assert_int_equal(n_seen, 100);
	fake_end_all(w, a, OUTCOME_SENT);
	world_quiet(w);
	world_down(w);
	world_up(w, false);
	a = fake_new(w, "A", 500);
	fake_route(w, a, NULL);
	add_hundred(w);
	RUN_UNTIL(w, a->n == 200);
	for (unsigned i = 0; i < 200; i += 2) {
		assert_int_equal(a->ref[i], a->ref[i + 1]);
		assert_false(seen[a->ref[i] & 0xff]);
		seen[a->ref[i] & 0xff] = true;
	}
	fake_end_all(w, a, OUTCOME_SENT);
	world_quiet(w);
	world_down(w);
	world_free(w);
}

/* A Turkish text, cut for a link that reads Turkish; the link loses the language while part 2 waits.  A new plan would
 * be UCS-2 and have three parts; the rest goes as it was begun, with the language element of part 1. */
static void a_begun_message_keeps_its_cut_when_the_link_changes(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a;
	char text[400] = "";
	uint16_t ref;

	(void)state;
	for (unsigned i = 0; i < 160; i++)
		strcat(text, i % 10 ? "a" : "\xc5\x9f"); /* U+015F in every tenth place */
	world_up(w, false);
	a = fake_new(w, "A", 1);
	a->o.rules.languages = 1u << 1;
	fake_route(w, a, NULL);
	world_add(w, 1, (struct message){.class = CLASS_SERVICE, .to = BOB, .text = text,
		.n_text = (uint32_t)strlen(text), .n_parts = 2}, NULL);
	RUN_UNTIL(w, a->n == 1);
	ref = a->ref[0];
	assert_int_equal(a->wire.udh[4], 2); /* of two parts: 3GPP TS 23.040, 9.2.3.24.1 */
	a->o.draining = true;
	queue_outlet_changed(w->queue, &a->o);
	fake_end_all(w, a, OUTCOME_SENT);
	world_quiet(w);
	world_down(w);

	world_up(w, false);
	a = fake_new(w, "A", 10);
	a->o.rules.concat = CONCAT_UDH16;
	fake_route(w, a, NULL);
	RUN_UNTIL(w, a->n == 1);
	assert_int_equal(a->ref[0], ref);
	assert_int_equal(a->count[2], 1);
	/* 5 octets of concatenation with an 8-bit reference, 3 of the Turkish table. */
	assert_int_equal(a->wire.n_udh, 9);
	assert_memory_equal(a->wire.udh, ((uint8_t[]){8, 0x00, 3, (uint8_t)ref, 2, 2}), 6);
	assert_true(a->wire.udh[6] == 0x24 || a->wire.udh[6] == 0x25);
	assert_int_equal(a->wire.udh[8], 1);
	fake_end_all(w, a, OUTCOME_SENT);
	world_quiet(w);
	world_down(w);
	world_free(w);
}

/* A message waits for room, planned for a link that reads Turkish, when a reload takes the language off the link. */
static void what_has_not_begun_is_cut_by_the_rules_of_the_day(void **state)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	char text[160] = "";
	struct fake *a;

	(void)state;
	for (unsigned i = 0; i < 71; i++)
		strcat(text, i ? "a" : "\xc5\x9f");
	world_up(w, false);
	a = fake_new(w, "A", 1);
	a->o.rules.languages = 1u << 1;
	fake_route(w, a, NULL);
	world_add(w, 2, (struct message){.class = CLASS_SERVICE, .to = BOB, .text = text,
		.n_text = (uint32_t)strlen(text), .n_parts = 1}, NULL);
	RUN_UNTIL(w, a->n == 1);
	world_quiet(w);
	a->o.rules.languages = 0;
	queue_outlet_changed(w->queue, &a->o);
	fake_end_all(w, a, OUTCOME_SENT);
	RUN_UNTIL(w, a->n == 2);
	fake_end_all(w, a, OUTCOME_SENT);
	RUN_UNTIL(w, a->n == 3);
	assert_int_equal(a->count[2], 1); /* 71 units of UTF-16 do not go into one part */
	fake_end_all(w, a, OUTCOME_SENT);
	world_quiet(w);
	world_down(w);
	world_free(w);
}

/* Where the link that takes a message makes fewer parts of it than the client was told, or than a link that went down
 * before it had sent any: what has been sent is all of it, and the next life does not send the rest. */
enum first_link { FIRST_IS_DOWN, FIRST_GOES_DOWN, PAYLOAD };

static void one_part_where_three_were_told(enum first_link how)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a, *b;
	char text[400] = "";
	uint64_t id;

	for (unsigned i = 0; i < 140; i++)
		strcat(text, i % 10 ? "a" : "\xc5\x9f");
	world_up(w, false);
	a = fake_new(w, "A", 10);
	b = fake_new(w, "B", 10);
	a->answer = -EAGAIN;
	a->o.up = how == FIRST_GOES_DOWN;
	b->o.rules.languages = 1u << 1;
	if (how == PAYLOAD)
		b->o.rules = (struct segment_rules){.concat = CONCAT_PAYLOAD};
	fake_route(w, a, b);
	world_add(w, 1, (struct message){.class = CLASS_SERVICE, .to = BOB, .text = text,
		.n_text = (uint32_t)strlen(text), .n_parts = 3}, &id);
	if (how == FIRST_GOES_DOWN) {
		RUN_UNTIL(w, a->o.in_flight == 3);
		world_quiet(w);
		fake_up(w, a, false);
	}
	RUN_UNTIL(w, b->n == 1);
	fake_end_all(w, b, OUTCOME_SENT);
	world_quiet(w);
	assert_int_equal(b->n, 1);
	assert_int_equal(world_state(w, id, 0), STATE_SENT);
	world_down(w);

	world_up(w, false);
	b = fake_new(w, "B", 10);
	fake_route(w, b, NULL);
	RUN_UNTIL(w, !world_recovering(w));
	world_quiet(w);
	assert_int_equal(b->n, 0);
	assert_int_equal(fake_receipt(w, b, msg_key(id, 1), RECEIPT_DELIVERED), 0);
	world_quiet(w);
	assert_int_equal(world_state(w, id, 0), STATE_DELIVERED);
	world_down(w);
	world_free(w);
}

static void one_part_over_the_second_link_is_the_whole_message(void **state)
{
	(void)state;
	one_part_where_three_were_told(FIRST_IS_DOWN);
}

static void one_part_replaces_three_that_did_not_leave(void **state)
{
	(void)state;
	one_part_where_three_were_told(FIRST_GOES_DOWN);
}

static void a_payload_is_the_whole_message(void **state)
{
	(void)state;
	one_part_where_three_were_told(PAYLOAD);
}

/* Part 1 of 2 of `text` has left when the process ends, and its row is one that was written before cuts were kept. */
static struct world *begun_by_an_older_gateway(const char *text, uint64_t *ret_id)
{
	struct world *w = world_new(WORLD_LOOPBACK);
	struct fake *a;
	sqlite3 *db;

	world_up(w, false);
	a = fake_new(w, "A", 1);
	fake_route(w, a, NULL);
	world_add(w, 1, (struct message){.class = CLASS_SERVICE, .to = BOB, .text = text,
		.n_text = (uint32_t)strlen(text), .n_parts = 2}, ret_id);
	RUN_UNTIL(w, a->n == 1);
	a->o.draining = true;
	queue_outlet_changed(w->queue, &a->o);
	fake_end_all(w, a, OUTCOME_SENT);
	world_quiet(w);
	world_down(w);
	assert_int_equal(sqlite3_open(w->db, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "UPDATE bound SET cut = 0", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_changes(db), 1);
	sqlite3_close(db);
	return w;
}

/* Such a gateway knew of no clusters and no languages: 67 units of UTF-16, and the rest begins with the breve. */
static void a_message_begun_without_a_known_cut_goes_on_as_it_was_cut(void **state)
{
	char text[300] = "";
	struct world *w;
	struct fake *a;

	(void)state;
	for (unsigned i = 0; i < 88; i++)
		strcat(text, i == 67 ? "\xcc\x86" : i % 10 == 5 ? "\xc5\x9f" : "\xd0\xb8"); /* U+0306, U+015F, U+0438 */
	w = begun_by_an_older_gateway(text, NULL);
	world_up(w, false);
	a = fake_new(w, "A", 10);
	a->o.rules.languages = 1u << 1;
	fake_route(w, a, NULL);
	RUN_UNTIL(w, a->n == 1);
	assert_int_equal(a->count[2], 1);
	assert_int_equal(a->wire.n_text, 2 * (88 - 67));
	assert_memory_equal(a->wire.text, "\x03\x06", 2);
	fake_end_all(w, a, OUTCOME_SENT);
	world_quiet(w);
	world_down(w);
	world_free(w);
}

/* Its link makes other parts now: what is left cannot be sent, and is not tried again and again. */
static void what_no_longer_goes_into_its_parts_is_refused(void **state)
{
	struct world *w;
	struct fake *a;
	char text[307];
	uint64_t id;

	(void)state;
	memset(text, 'a', 306);
	text[306] = '\0';
	w = begun_by_an_older_gateway(text, &id);
	world_up(w, false);
	a = fake_new(w, "A", 10);
	a->o.rules.concat = CONCAT_UDH16;
	fake_route(w, a, NULL);
	RUN_UNTIL(w, !world_recovering(w) && world_waiting(w) == 0);
	world_quiet(w);
	assert_int_equal(a->n, 0);
	assert_int_equal(world_state(w, id, 2), STATE_REJECTED);
	world_down(w);
	world_free(w);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(references_to_one_recipient_differ_for_256_messages),
		cmocka_unit_test(counting_goes_on_after_what_is_stored),
		cmocka_unit_test(more_rows_than_half_of_the_values_do_not_turn_the_counter),
		cmocka_unit_test(references_go_on_after_a_restart),
		cmocka_unit_test(a_begun_message_keeps_its_cut_when_the_link_changes),
		cmocka_unit_test(what_has_not_begun_is_cut_by_the_rules_of_the_day),
		cmocka_unit_test(one_part_over_the_second_link_is_the_whole_message),
		cmocka_unit_test(one_part_replaces_three_that_did_not_leave),
		cmocka_unit_test(a_payload_is_the_whole_message),
		cmocka_unit_test(a_message_begun_without_a_known_cut_goes_on_as_it_was_cut),
		cmocka_unit_test(what_no_longer_goes_into_its_parts_is_refused),
	};

	return WORLD_MAIN(tests, argc, argv);
}
