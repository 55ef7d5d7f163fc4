/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_telnet.c -- any octets from a terminal server, and as the answer of a modem that is asked who it is.
 *
 * Promises held: what is data does not depend on how the octets are cut; answers stay within their bound and come once
 * for each option; whatever is taken for a number has its digits only. */
#include "drivers/modem/probe.h"
#include "drivers/modem/telnet.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void reads_the_same_in_pieces(const uint8_t *data, size_t size)
{
	uint8_t *whole = malloc(size + 1), *piece = malloc(size + 1), *answer = malloc(TELNET_ANSWER_MAX(size));
	uint8_t small[TELNET_ANSWER_MAX(1)];
	size_t n_whole, n_pieces = 0, n_answer, n_answers = 0, n;
	struct telnet t;

	assert(whole && piece && answer);
	memcpy(whole, data, size);
	telnet_init(&t);
	n_whole = telnet_read(&t, whole, size, answer, &n_answer);
	assert(n_whole <= size && n_answer <= TELNET_ANSWER_MAX(size));
	telnet_init(&t);
	for (size_t i = 0; i < size; i++) {
		piece[n_pieces] = data[i];
		n_pieces += telnet_read(&t, piece + n_pieces, 1, small, &n);
		assert(n <= sizeof(small) && n_answers + n <= n_answer && memcmp(answer + n_answers, small, n) == 0);
		n_answers += n;
	}
	assert(n_pieces == n_whole && memcmp(piece, whole, n_whole) == 0 && n_answers == n_answer);
	assert(n_answer <= 6 + 2 * 3 * 256);
	free(whole);
	free(piece);
	free(answer);
}

static void reads_numbers(const uint8_t *data, size_t size)
{
	char *line = malloc(size + 1), iccid[24], digits[20];

	assert(line);
	memcpy(line, data, size);
	line[size] = '\0';
	if (probe_iccid(line, iccid))
		assert(strlen(iccid) >= 18 && iccid[strspn(iccid, "0123456789")] == '\0' && strncmp(iccid, "89", 2) == 0);
	if (probe_digits(line, 14, 17, digits, sizeof(digits)))
		assert(strlen(digits) >= 14 && digits[strspn(digits, "0123456789")] == '\0');
	assert(probe_pcui(line) >= -1);
	free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	reads_the_same_in_pieces(data, size);
	reads_numbers(data, size);
	return 0;
}
