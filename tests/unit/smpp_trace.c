/* SPDX-License-Identifier: Apache-2.0 */
/* What a trace keeps: every PDU that holds a text or a password, and none of either. */
#include <config.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "codec_hex.h"
#include "smpp/trace.h"

#define ADDRESSES "00 01 01 3400 01 01 3500 "

static const struct {
	const char *why, *pdu, *kept;
} rows[] = {
	{ "the password of a bind",
		"00000000 00000009 00000000 00000001 6500 7365637265743100 00 34 00 00 00",
		"00000000 00000009 00000000 00000001 6500 2a2a2a2a2a2a2a00 00 34 00 00 00" },
	{ "a receiver's", "00000000 00000001 00000000 00000001 6500 7000 00 34 00 00 00",
		"00000000 00000001 00000000 00000001 6500 2a00 00 34 00 00 00" },
	{ "the SMSC's, when it calls", "00000000 0000000b 00000000 00000001 6500 7700",
		"00000000 0000000b 00000000 00000001 6500 2a00" },
	{ "a password without its end: nothing", "00000000 0000000b 00000000 00000001 6500 7777",
		"00000000 0000000b 00000000 00000001" },
	{ "a text", "00000000 00000004 00000000 00000001 " ADDRESSES "00 00 00 00 00 00 00 00 00 02 4142",
		"00000000 00000004 00000000 00000001 " ADDRESSES "00 00 00 00 00 00 00 00 00 02 2a2a" },
	{ "a text and a payload, and a TLV that is no secret",
		"00000000 00000004 00000000 00000001 " ADDRESSES "00 00 00 00 00 00 00 00 00 02 4142 0424 0002 4344 0204 0001 07",
		"00000000 00000004 00000000 00000001 " ADDRESSES "00 00 00 00 00 00 00 00 00 02 2a2a 0424 0002 2a2a 0204 0001 07" },
	{ "a payload of data_sm", "00000000 00000103 00000000 00000001 " ADDRESSES "00 00 00 0424 0002 4344",
		"00000000 00000103 00000000 00000001 " ADDRESSES "00 00 00 0424 0002 2a2a" },
	{ "a receipt, up to the words that it quotes",
		"00000000 00000005 00000000 00000001 " ADDRESSES "04 00 00 00 00 00 00 00 00 0d 69643a31 20 546578743a 414243",
		"00000000 00000005 00000000 00000001 " ADDRESSES "04 00 00 00 00 00 00 00 00 0d 69643a31 20 546578743a 2a2a2a" },
	{ "a receipt in UTF-16: all of it",
		"00000000 00000005 00000000 00000001 " ADDRESSES "04 00 00 00 00 00 00 08 00 04 00690064",
		"00000000 00000005 00000000 00000001 " ADDRESSES "04 00 00 00 00 00 00 08 00 04 2a2a2a2a" },
	{ "no receipt, though it reads like one",
		"00000000 00000005 00000000 00000001 " ADDRESSES "00 00 00 00 00 00 00 00 00 09 69643a31 546578743a",
		"00000000 00000005 00000000 00000001 " ADDRESSES "00 00 00 00 00 00 00 00 00 09 2a2a2a2a2a2a2a2a2a" },
	{ "sm_length that lies: nothing of the body",
		"00000000 00000004 00000000 00000001 " ADDRESSES "00 00 00 00 00 00 00 00 00 fe 4142",
		"00000000 00000004 00000000 00000001" },
	{ "a payload that runs past the end: nothing",
		"00000000 00000103 00000000 00000001 " ADDRESSES "00 00 00 0424 0003 4344", "00000000 00000103 00000000 00000001" },
	{ "an unknown command: who knows what it holds", "00000000 00000666 00000000 00000001 4142",
		"00000000 00000666 00000000 00000001" },
	{ "submit_multi, which we do not read", "00000000 00000021 00000000 00000001 4142",
		"00000000 00000021 00000000 00000001" },
	{ "a response", "00000000 80000004 00000000 00000002 3061336600", "00000000 80000004 00000000 00000002 3061336600" },
};

static void nothing_secret_is_kept(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t pdu[256], kept[256], got[TRACE_OCTETS];
		size_t n = from_hex(rows[i].pdu, pdu, sizeof(pdu)), n_kept = from_hex(rows[i].kept, kept, sizeof(kept));
		size_t n_got;

		pdu[3] = kept[3] = (uint8_t)n; /* command_length, so that no row has to count */
		n_got = trace_redact(pdu, n, got);
		if (n_got != n_kept || memcmp(got, kept, n_got) != 0)
			fail_msg("%s", rows[i].why);
	}
}

static void count(void *arg, const struct driver_pdu *p)
{
	uint32_t *n = arg;

	assert_int_equal(p->seq, n[1] + n[0]); /* in order */
	n[0]++;
}

static void the_ring_keeps_the_last_and_ends(void **state)
{
	struct trace t = { 0 };
	uint8_t pdu[16] = { 0, 0, 0, 16, 0, 0, 0, 0x15 };
	uint32_t n[2] = { 0, 500 };

	assert_false(trace_is_on(&t));
	assert_int_equal(trace_start(&t, 1), 0);
	for (unsigned i = 0; i < TRACE_PDUS + 500; i++) {
		pdu[14] = (uint8_t)(i >> 8);
		pdu[15] = (uint8_t)i;
		trace_add(&t, 2, 0, true, pdu, 16);
	}
	trace_each(&t, count, n);
	assert_int_equal(n[0], TRACE_PDUS);
	trace_add(&t, 1 + TRACE_MS, 0, true, pdu, 16); /* ten minutes are over */
	assert_false(trace_is_on(&t));
	assert_int_equal(t.n_seen, TRACE_PDUS + 500);
	trace_stop(&t);
	n[0] = 0;
	trace_each(&t, count, n);
	assert_int_equal(n[0], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_secret_is_kept),
		cmocka_unit_test(the_ring_keeps_the_last_and_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
