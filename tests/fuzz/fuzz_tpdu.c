/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_tpdu.c -- any octets as a TPDU, in either direction, with and without a service centre.
 *
 * Promises held: what is refused has a place inside the octets and a reason; what is read lies inside its bounds and
 * gives sound UTF-8; the fields account for each octet; and what is written again from what was read, and read once
 * more, says the same. */
#include "codec/tpdu.h"
#include "codec/utf8.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fields_cover_the_octets(const struct tpdu *t, size_t size)
{
	/* PID and DCS stand before SCTS in a DELIVER, behind it in a STATUS-REPORT, so no order holds for all. */
	size_t n_all = 0;

	for (unsigned f = 0; f < TPDU_FIELDS; f++) {
		assert((size_t)t->field[f].at + t->field[f].n <= size);
		n_all += t->field[f].n;
	}
	assert(n_all <= size);
	if (!(t->notes & TPDU_NOTE_OPTIONAL))
		assert(n_all == size);
	for (unsigned i = 0; i < TPDU_NOTES; i++)
		assert(t->note_at[i] <= size && tpdu_note_text(i));
}

static size_t text_of(const struct tpdu *t, char text[static TPDU_TEXT_MAX])
{
	uint8_t body[TPDU_SEPTETS_MAX];
	size_t n;

	assert(t->n_ud <= TPDU_UD_MAX && t->n_udh <= t->n_ud);
	assert(tpdu_body(t, body) <= TPDU_SEPTETS_MAX);
	tpdu_text(t, text, &n);
	assert(n <= TPDU_TEXT_MAX && utf8_check(text, n, NULL) == 0);
	assert(n == 0 || tpdu_is_text(t));
	return n;
}

/* A name in which an escape vanished is written shorter, and an `@` at its end may then be taken for padding. */
static void same_address(const struct tpdu_address *a, const struct tpdu_address *b)
{
	size_t n = strlen(a->text);

	assert(a->ton == b->ton && a->npi == b->npi);
	assert(strcmp(a->text, b->text) == 0 || (a->ton == TON_ALPHANUMERIC && n && a->text[n - 1] == '@'));
}

static void write_again(const struct tpdu *t, enum tpdu_direction dir)
{
	char text[TPDU_TEXT_MAX], text_again[TPDU_TEXT_MAX];
	struct tpdu_fault fault;
	struct tpdu again;
	uint8_t out[TPDU_MAX];
	size_t n_tpdu, n;
	int r = tpdu_put(t, true, out, sizeof(out), &n_tpdu);

	/* May be read but not written: a SUBMIT to a name, broken names and times, reserved periods. */
	if (r < 0)
		return;
	assert((size_t)r <= TPDU_MAX && n_tpdu <= (size_t)r);
	if (t->notes & ~(unsigned)TPDU_NOTE_SURPLUS)
		return;
	assert(tpdu_read(out, (size_t)r, dir, true, &again, &fault) == 0);
	assert(again.type == t->type && again.mr == t->mr && again.dcs == t->dcs && again.pid == t->pid);
	assert(again.more == t->more && again.report == t->report && again.status == t->status);
	assert(again.udl == t->udl && again.n_udh == t->n_udh);
	same_address(&t->address, &again.address);
	n = text_of(t, text);
	assert(text_of(&again, text_again) == n && memcmp(text, text_again, n) == 0);
}

static void read_one(const uint8_t *data, size_t size, enum tpdu_direction dir, bool centre)
{
	struct tpdu_fault fault = { 0 };
	char text[TPDU_TEXT_MAX], shown[TPDU_TIME_TEXT], address[TPDU_ADDRESS_TEXT];
	struct tpdu t;
	int64_t epoch_s;

	if (tpdu_read(data, size, dir, centre, &t, &fault) < 0) {
		assert(fault.at <= size && fault.why && fault.why[0]);
		return;
	}
	fields_cover_the_octets(&t, size);
	text_of(&t, text);
	tpdu_time_show(&t.scts, shown);
	assert(tpdu_time_epoch(&t.scts, &epoch_s) < 0 || (epoch_s > 600000000 && epoch_s < 3800000000));
	tpdu_address_show(&t.address, address);
	assert(utf8_check(address, strlen(address), NULL) == 0);
	assert(tpdu_status_text(t.status)[0] && tpdu_type_name(t.type)[0]);
	write_again(&t, dir);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 1024)
		return 0;
	for (int dir = TPDU_MT; dir <= TPDU_MO; dir++) {
		read_one(data, size, (enum tpdu_direction)dir, false);
		read_one(data, size, (enum tpdu_direction)dir, true);
	}
	return 0;
}
