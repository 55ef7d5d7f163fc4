/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_pdu.c -- any octets as what an SMSC sends.
 *
 * The input is a stream: PDUs are cut out of it as the session does, and each goes through our readers and through the
 * gate to libsmpp34.  Promises held: nothing outside the PDU is read (each PDU is copied into an allocation of its own
 * size), what is returned lies inside it, and every text comes out as sound UTF-8. */
#include "codec/utf8.h"
#include "smpp/pdu.h"
#include "smpp/text.h"
#include "smpp/trace.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void is_inside(const uint8_t *pdu, size_t n, const void *at, size_t n_at)
{
	if (n_at)
		assert((const uint8_t *)at >= pdu + PDU_HEADER && (const uint8_t *)at + n_at <= pdu + n);
}

static void decode(const struct pdu_sm *sm)
{
	static struct text_in in;
	size_t cap = TEXT_UTF8_MAX(sm->n_text), n;
	char *out = malloc(cap);

	if (!in.charsets)
		in.charsets = charsets_new();
	for (int a = CONF_ALPHABET_GSM7_UNPACKED; a <= CONF_ALPHABET_ASCII; a++) {
		in.alphabet = (enum conf_alphabet)a;
		n = text_decode(&in, sm->data_coding, sm->text, sm->n_text, 0, (struct gsm7_shift){ 0, 0 }, out, cap);
		assert(n <= cap && utf8_check(out, n, NULL) == 0 && !memchr(out, 0, n));
	}
	free(out);
}

static void one_pdu(const uint8_t *pdu, size_t n)
{
	struct pdu_header h;
	struct pdu_sm sm;
	struct pdu_str id, password;
	struct pdu_query_resp query;
	uint8_t kept[TRACE_OCTETS];
	size_t n_kept;
	uint32_t status = 0;
	char text[256];

	pdu_header_read(pdu, &h);
	assert(h.length == n);
	id = pdu_read_id(pdu, n);
	is_inside(pdu, n, id.s, id.n);
	if (pdu_read_sm(pdu, n, &sm, &status) == 0) {
		is_inside(pdu, n, sm.text, sm.n_text);
		is_inside(pdu, n, sm.source.s, sm.source.n);
		is_inside(pdu, n, sm.dest.s, sm.dest.n);
		is_inside(pdu, n, sm.receipted_id.s, sm.receipted_id.n);
		is_inside(pdu, n, sm.additional_text.s, sm.additional_text.n);
		is_inside(pdu, n, sm.network_error, sm.network_error ? 3 : 0);
		assert(sm.sar_total == 0 || (sm.sar_seq >= 1 && sm.sar_seq <= sm.sar_total));
		assert(sm.message_state >= -1 && sm.message_state <= 255);
		assert(sm.source_port >= -1 && sm.source_port <= 0xffff);
		assert(sm.dest_port >= -1 && sm.dest_port <= 0xffff);
		decode(&sm);
	} else {
		assert(status != 0);
	}
	n_kept = trace_redact(pdu, n, kept);
	assert(n_kept <= TRACE_OCTETS && n_kept <= n && memcmp(kept, pdu, PDU_HEADER) == 0);
	assert(pdu_read_resp_octet(pdu, n, PDU_TLV_CONGESTION_STATE) <= 255);
	assert(pdu_read_resp_octet(pdu, n, PDU_TLV_SC_INTERFACE_VERSION) >= -1);
	if (pdu_read_outbind(pdu, n, &id, &password) == 0) {
		is_inside(pdu, n, id.s, id.n);
		is_inside(pdu, n, password.s, password.n);
	}
	if (pdu_read_query_resp(pdu, n, &query) == 0) {
		is_inside(pdu, n, query.message_id.s, query.message_id.n);
		is_inside(pdu, n, query.final_date.s, query.final_date.n);
		assert(query.error_code >= -1 && query.error_code <= 255);
	}
	if (pdu_describe(pdu, n, text, sizeof(text)) == 0)
		assert(memchr(text, 0, sizeof(text)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	while (size) {
		int32_t n = pdu_frame(data, size);
		uint8_t *copy;

		if (n <= 0)
			break;
		assert((size_t)n <= size && (size_t)n >= PDU_HEADER);
		copy = malloc((size_t)n);
		memcpy(copy, data, (size_t)n);
		one_pdu(copy, (size_t)n);
		free(copy);
		data += n;
		size -= (size_t)n;
	}
	return 0;
}
