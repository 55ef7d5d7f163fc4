/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_receipt.c -- any octets as the text of a receipt, and what it finds as an id.
 *
 * Promises held: every string ends inside its array and is printable; a date has 14 digits; an id that was
 * found can be normalised in every form, and with AUTO doing so twice changes nothing. */
#include "codec/receipt.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void is_printable(const char *s, size_t cap, bool there)
{
	size_t n = strnlen(s, cap);

	assert(n < cap && (n > 0) == there);
	for (size_t i = 0; i < n; i++)
		assert(s[i] > ' ' && s[i] < 0x7f);
}

/* What a way makes of an id is a key: folding it again changes nothing. */
static void check_id(const char *id, const char *example)
{
	char once[RECEIPT_ID_SIZE], twice[RECEIPT_ID_SIZE];

	for (int form = RECEIPT_ID_TEXT; form <= RECEIPT_ID_AUTO; form++) {
		assert(receipt_id_key(id, (enum receipt_id_form)form, once) == 0);
		is_printable(once, sizeof(once), true);
	}
	for (unsigned way = 0; way <= RECEIPT_WAYS; way++) {
		if (receipt_id_undo(id, way, example, once) < 0)
			continue;
		is_printable(once, sizeof(once), true);
		assert(receipt_id_key(once, RECEIPT_ID_AUTO, twice) == 0);
		assert(strcmp(once, twice) == 0);
	}
}

static void parse(const uint8_t *data, size_t size)
{
	struct receipt r;
	int ok = receipt_parse(data, size, &r) == 0;

	assert(ok == (r.has_id || r.has_stat));
	is_printable(r.id, sizeof(r.id), r.has_id);
	is_printable(r.stat_raw, sizeof(r.stat_raw), r.has_stat);
	is_printable(r.err, sizeof(r.err), r.has_err);
	is_printable(r.done_date, sizeof(r.done_date), r.has_done_date);
	assert(!r.has_done_date || strspn(r.done_date, "0123456789") == 14);
	assert((r.state == RECEIPT_NONE) == !r.has_stat);
	assert(r.has_stat || !receipt_is_final(&r));
	assert(*receipt_state_word(r.state) || r.state == RECEIPT_NONE);
	if (r.has_id)
		check_id(r.id, r.has_stat ? r.stat_raw : r.id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	parse(data, size);
	return 0;
}
