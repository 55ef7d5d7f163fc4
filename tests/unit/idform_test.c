/* SPDX-License-Identifier: Apache-2.0
 *
 * idform_test.c -- learning how a link spells ids, and the rate of receipts that find their part.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "queue/idform.h"

#define TEXT(way) (IDFORM_TEXT + (way))
#define DEC       RECEIPT_BASE_DEC
#define HEX       RECEIPT_BASE_HEX

static void hits(struct idform *f, unsigned form, unsigned n)
{
	while (n--)
		idform_hit(f, form);
}

/* ---- which keys are tried ---- */

static const struct walk {
	const char *why, *tlv, *text;
	enum receipt_id_form setting;
	bool verified;
	int known;              /* this form has had a hundred hits; -1: none has */
	const char *keys;       /* in order, all of them */
} walks[] = {
	{ "as it is comes first, then the bases", NULL, "16", RECEIPT_ID_AUTO, true, -1, "16 10 22" },
	{ "the TLV before the text", "16", "7a", RECEIPT_ID_AUTO, true, -1, "16 7a 122 10 22" },
	{ "the recipient is not named: no guess", NULL, "16", RECEIPT_ID_AUTO, false, -1, "16" },
	{ "not named, but the form is known", NULL, "16", RECEIPT_ID_AUTO, false, TEXT(DEC), "10 16" },
	{ "what is known comes first, the others behind", NULL, "16", RECEIPT_ID_AUTO, true, TEXT(HEX), "22 16 10" },
	{ "a name in front", NULL, "acme-31", RECEIPT_ID_AUTO, true, -1, "acme-31 31 1f 49 acme" },
	{ "set: text, and nothing else", "0A", "0b", RECEIPT_ID_TEXT, true, -1, "0A 0b" },
	{ "set: dec", NULL, "16", RECEIPT_ID_DEC, true, -1, "10" },
	{ "set: hex", NULL, "16", RECEIPT_ID_HEX, true, -1, "22" },
	{ "set: dec, but it is no decimal number", NULL, "6AAD5", RECEIPT_ID_DEC, true, -1, "6aad5" },
	{ "set: dec, and a UUID", NULL, "6F1E-X", RECEIPT_ID_DEC, true, -1, "6f1e-x" },
	{ "set: the TLV is spelt like the response, or like the text", "16", "17", RECEIPT_ID_DEC, true, -1, "16 10 11" },
	{ "set: what was learned does not matter", NULL, "16", RECEIPT_ID_DEC, true, TEXT(HEX), "10" },
};

static void test_keys_are_tried_in_order(void **state)
{
	for (size_t i = 0; i < sizeof(walks) / sizeof(walks[0]); i++) {
		const struct walk *x = &walks[i];
		struct idform f;
		struct idform_walk w = { &f, x->tlv, x->text, x->setting, x->verified, 0 };
		char key[RECEIPT_ID_SIZE], all[256] = "";

		idform_init(&f);
		if (x->known >= 0)
			hits(&f, (unsigned)x->known, 100);
		for (int form; (form = idform_next(&w, key)) >= 0;) {
			char again[RECEIPT_ID_SIZE + 2], seen[258];

			assert_in_range(form, 0, IDFORM_N - 1);
			snprintf(again, sizeof(again), " %s ", key);
			snprintf(seen, sizeof(seen), " %s ", all);
			if (strstr(seen, again))
				continue; /* the caller passes over what it has looked for */
			snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", *all ? " " : "", key);
		}
		if (strcmp(all, x->keys) != 0)
			fail_msg("%s: %s", x->why, all);
	}
}

/* ---- learning ---- */

static void test_twenty_hits_make_a_form_known(void **state)
{
	struct idform f;

	idform_init(&f);
	assert_int_equal(idform_known(&f), -1);
	hits(&f, TEXT(DEC), 19);
	assert_int_equal(idform_known(&f), -1);
	assert_true(idform_hit(&f, TEXT(DEC)));
	assert_int_equal(idform_known(&f), TEXT(DEC));
	assert_false(idform_hit(&f, TEXT(DEC)));
	assert_true(f.dirty);
	assert_false(idform_hit(&f, TEXT(DEC) | IDFORM_VAGUE));
	assert_int_equal(f.n_hits, 21);
}

static void test_hits_of_two_forms_make_none_known(void **state)
{
	struct idform f;

	idform_init(&f);
	hits(&f, 0, 100);
	hits(&f, TEXT(DEC), 20);
	assert_int_equal(idform_known(&f), -1);
	hits(&f, 0, 80);
	assert_int_equal(idform_known(&f), 0);
}

/* A carrier that spells otherwise from one day on is followed, however long it had spelt the other way. */
static void test_old_hits_fade(void **state)
{
	struct idform f;
	unsigned n = 0;

	idform_init(&f);
	hits(&f, 0, 1000000);
	while (idform_known(&f) != TEXT(DEC) && n < 100000)
		n += 1, idform_hit(&f, TEXT(DEC));
	assert_in_range(n, 1000, 12000);
	assert_int_equal(f.order[0], TEXT(DEC));
}

static void test_what_was_stored_is_known_again(void **state)
{
	struct idform f, g;

	idform_init(&f);
	idform_init(&g);
	hits(&f, TEXT(HEX), 700);
	hits(&f, 0, 3);
	for (unsigned i = 0; i < IDFORM_N; i++)
		if (f.hits[i])
			idform_restore(&g, i, f.hits[i]);
	assert_int_equal(idform_known(&g), TEXT(HEX));
	assert_int_equal(g.n_hits, 703);
	idform_restore(&g, IDFORM_N, 5); /* of a newer version: not ours */
	idform_restore(&g, 0, UINT32_MAX);
	assert_int_equal(g.n_hits, 703);
}

static void test_every_form_is_in_the_order_once(void **state)
{
	struct idform f;
	uint64_t seen = 0;

	idform_init(&f);
	for (unsigned i = 0; i < IDFORM_N; i++)
		hits(&f, i * 7 % IDFORM_N, i);
	for (unsigned i = 0; i < IDFORM_N; i++) {
		assert_true(i == 0 || f.hits[f.order[i - 1]] >= f.hits[f.order[i]]);
		seen |= UINT64_C(1) << f.order[i];
	}
	assert_true(seen == (UINT64_C(1) << IDFORM_N) - 1);
}

static void test_forms_have_names(void **state)
{
	char name[40];

	idform_name(0, name, sizeof(name));
	assert_string_equal(name, "tlv");
	idform_name(TEXT(RECEIPT_WAY(RECEIPT_NAME_CUT_FRONT, DEC)), name, sizeof(name));
	assert_string_equal(name, "text+cut-front+dec");
}

/* ---- the rate ---- */

static void receive(struct idform *f, int64_t from_ms, unsigned n, unsigned every_ms, bool matched)
{
	for (unsigned i = 0; i < n; i++) {
		idform_received(f, from_ms + (int64_t)i * every_ms);
		if (matched)
			idform_matched(f, from_ms + (int64_t)i * every_ms);
	}
}

static void test_the_rate_is_that_of_the_last_thousand(void **state)
{
	struct idform f;
	uint32_t received, matched;
	double r;

	idform_init(&f);
	assert_true(idform_rate(&f, &received, &matched) < 0);
	receive(&f, 0, 5000, 200, false);
	receive(&f, 1000000, 3000, 200, true);
	r = idform_rate(&f, &received, &matched);
	assert_true(r == 1);
	assert_in_range(received, 900, 1100);
	assert_int_equal(f.received, 8000);
	assert_int_equal(f.matched, 3000);
}

static void test_a_late_claim_counts_where_its_receipt_came(void **state)
{
	struct idform f;
	uint32_t received, matched;

	idform_init(&f);
	receive(&f, 0, 100, 200, false);
	receive(&f, 20000, 100, 200, true);
	for (unsigned i = 0; i < 100; i++)
		idform_matched(&f, i * 200);
	assert_true(idform_rate(&f, &received, &matched) == 1);
	idform_matched(&f, -1); /* older than all that is remembered */
	assert_int_equal(f.matched, 201);
	assert_true(idform_rate(&f, &received, &matched) == 1);
}

static void test_the_alarm_goes_off_once_and_only_after_good_times(void **state)
{
	struct idform f;
	double r;

	idform_init(&f);
	receive(&f, 0, 1000, 200, false);
	assert_int_equal(idform_judge(&f, 0.9, &r), 0); /* never was good: a link that is being set up */
	assert_false(f.alarm);
	receive(&f, 1000000, 2000, 200, true);
	assert_int_equal(idform_judge(&f, 0.9, &r), 0);
	receive(&f, 2000000, 70, 200, false);
	assert_int_equal(idform_judge(&f, 0.9, &r), 0); /* too few to fall below, and the newest are not judged */
	receive(&f, 2100000, 200, 200, false);
	assert_int_equal(idform_judge(&f, 0.9, &r), 1);
	assert_true(f.alarm && r < 0.9);
	assert_int_equal(idform_judge(&f, 0.9, &r), 0);
	assert_int_equal(f.alarms, 1);
	receive(&f, 3000000, 2000, 200, true);
	assert_int_equal(idform_judge(&f, 0.9, &r), -1);
	assert_false(f.alarm);
	receive(&f, 4000000, 300, 200, false);
	assert_int_equal(idform_judge(&f, 0, &r), 0); /* switched off */
	assert_int_equal(idform_judge(&f, 0.9, &r), 1);
	assert_int_equal(idform_judge(&f, 0, &r), -1);
}

/* Receipts that overtake their responses: in the newest seconds many are not claimed yet. */
static void test_early_receipts_are_no_alarm(void **state)
{
	struct idform f;
	double r;

	idform_init(&f);
	receive(&f, 0, 5000, 200, true);
	assert_int_equal(idform_judge(&f, 0.9, &r), 0);
	receive(&f, 1000000, 5000, 1, false); /* 5 s of them */
	assert_int_equal(idform_judge(&f, 0.9, &r), 0);
}

/* Half an hour is taken off the clock. */
static void test_a_clock_that_is_set_back_silences_nothing(void **state)
{
	struct idform f;
	double r;

	idform_init(&f);
	receive(&f, 2000000, 2000, 200, true);
	assert_int_equal(idform_judge(&f, 0.9, &r), 0);
	receive(&f, 200000, 1000, 200, false);
	assert_int_equal(idform_judge(&f, 0.9, &r), 1);
}

/* A form is known from an earlier life, so receipts did match: that they do not now is news. */
static void test_what_was_good_before_a_restart_may_fall(void **state)
{
	struct idform f;
	double r;

	idform_init(&f);
	idform_restore(&f, TEXT(DEC), 100);
	receive(&f, 0, 1000, 200, false);
	assert_int_equal(idform_judge(&f, 0.9, &r), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys_are_tried_in_order),
		cmocka_unit_test(test_twenty_hits_make_a_form_known),
		cmocka_unit_test(test_hits_of_two_forms_make_none_known),
		cmocka_unit_test(test_old_hits_fade),
		cmocka_unit_test(test_what_was_stored_is_known_again),
		cmocka_unit_test(test_every_form_is_in_the_order_once),
		cmocka_unit_test(test_forms_have_names),
		cmocka_unit_test(test_the_rate_is_that_of_the_last_thousand),
		cmocka_unit_test(test_a_late_claim_counts_where_its_receipt_came),
		cmocka_unit_test(test_the_alarm_goes_off_once_and_only_after_good_times),
		cmocka_unit_test(test_early_receipts_are_no_alarm),
		cmocka_unit_test(test_a_clock_that_is_set_back_silences_nothing),
		cmocka_unit_test(test_what_was_good_before_a_restart_may_fall),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
