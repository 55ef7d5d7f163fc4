/* SPDX-License-Identifier: Apache-2.0 */
/* receipt_id.c -- message ids: what the response gave, and how the receipt spells it.
 *
 * Ids have up to 65 octets, so numbers are kept in nine limbs: 65 hexadecimal digits are below 2^260. */
#include "codec/receipt_id.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/hash.h"

#define LIMBS 9

#define DIGEST_LEN 17 /* "~" and 64 bits */

/* A number in front or behind that shorter than this is no number of a message, but a digit in a name. */
#define MIN_DIGITS 4

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
	return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z');
}

static int hex_value(char c)
{
	c = lower(c);
	return is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Behind "0x", where that is followed by digits. */
static const char *skip_0x(const char *s)
{
	return s[0] == '0' && lower(s[1]) == 'x' && s[2] && s[2 + strspn(s + 2, "0123456789abcdefABCDEF")] == '\0' ?
		       s + 2 :
		       s;
}

/* Leading zeros off, but not the last digit. */
static const char *skip_zeros(const char *s)
{
	while (s[0] == '0' && s[1] != '\0')
		s++;
	return s;
}

static void fold(const char *id, char *out)
{
	for (id = skip_zeros(skip_0x(id)); *id; id++)
		*out++ = lower(*id);
	*out = '\0';
}

void receipt_id_take(char out[RECEIPT_ID_SIZE], const char *s, size_t n)
{
	uint64_t digest = 0;
	size_t kept = n < RECEIPT_ID_SIZE ? n : RECEIPT_ID_SIZE - 1 - DIGEST_LEN;

	memcpy(out, s, kept);
	out[kept] = '\0';
	if (kept == n)
		return;
	for (size_t i = kept; i < n; i++)
		digest = hash_mix64(digest ^ (uint8_t)lower(s[i]));
	for (unsigned i = 0; i < DIGEST_LEN - 1; i++, digest >>= 4)
		out[kept + DIGEST_LEN - 1 - i] = "0123456789abcdef"[digest & 15];
	out[kept] = '~';
	out[RECEIPT_ID_SIZE - 1] = '\0';
}

int receipt_id_key(const char *id, enum receipt_id_form form, char out[RECEIPT_ID_SIZE])
{
	size_t n = strnlen(id, RECEIPT_ID_SIZE);

	if (n == 0 || n >= RECEIPT_ID_SIZE)
		return -EINVAL;
	if (form == RECEIPT_ID_TEXT)
		memcpy(out, id, n + 1);
	else
		fold(id, out);
	return 0;
}

/* ---- bases ---- */

static void multiply_add(uint32_t limb[LIMBS], uint32_t by, uint32_t plus)
{
	uint64_t carry = plus;

	for (unsigned i = 0; i < LIMBS; i++) { /* lowest first */
		carry += (uint64_t)limb[i] * by;
		limb[i] = (uint32_t)carry;
		carry >>= 32;
	}
}

static uint32_t divide(uint32_t limb[LIMBS], uint32_t by)
{
	uint64_t rest = 0;

	for (unsigned i = LIMBS; i-- > 0;) {
		rest = rest << 32 | limb[i];
		limb[i] = (uint32_t)(rest / by);
		rest %= by;
	}
	return (uint32_t)rest;
}

/* Write `id`, a number of base `from`, in base `to`; the ids that matter fit one machine word. */
static int change_base(const char *id, unsigned from, unsigned to, char out[RECEIPT_ID_SIZE])
{
	char digits[LIMBS * 10 + 1];
	uint32_t limb[LIMBS] = {0};
	unsigned n = sizeof(digits);
	uint64_t small = 0;
	bool is_small;

	id = skip_zeros(skip_0x(id));
	is_small = strlen(id) <= (from == 16 ? 16 : 19);
	for (; *id; id++) {
		int v = hex_value(*id);

		if (v < 0 || (unsigned)v >= from)
			return -EINVAL;
		if (is_small)
			small = small * from + (unsigned)v;
		else
			multiply_add(limb, from, (uint32_t)v);
	}
	digits[--n] = '\0';
	do {
		unsigned v = is_small ? (unsigned)(small % to) : divide(limb, to);

		small /= to;
		digits[--n] = "0123456789abcdef"[v];
	} while (n > 0 && (!is_small || small > 0));
	memmove(digits, skip_zeros(digits + n), strlen(skip_zeros(digits + n)) + 1);
	if (strlen(digits) >= RECEIPT_ID_SIZE)
		return -EINVAL;
	strcpy(out, digits);
	return 0;
}

/* ---- names in front and behind ---- */

/* Where the number begins: behind the last mark that is neither letter nor digit, else the digits at the end. */
static size_t front_of(const char *id, size_t n)
{
	size_t at = n;

	while (at > 0 && is_alnum(id[at - 1]))
		at--;
	if (at > 0)
		return at < n ? at : 0;
	for (at = n; at > 0 && is_digit(id[at - 1]);)
		at--;
	return n - at >= MIN_DIGITS ? at : 0;
}

/* Where it ends: in front of the first mark, else behind the digits at the beginning. */
static size_t back_of(const char *id, size_t n)
{
	size_t at = 0;

	while (at < n && is_alnum(id[at]))
		at++;
	if (at < n)
		return at > 0 ? at : n;
	for (at = 0; at < n && is_digit(id[at]);)
		at++;
	return at >= MIN_DIGITS ? at : n;
}

/* The number within the receipt's id.  An id that has a name of its own is not given another. */
static int take_number(const char *id, size_t n, enum receipt_id_name name, char out[RECEIPT_ID_SIZE])
{
	size_t from = name == RECEIPT_NAME_CUT_FRONT ? front_of(id, n) : 0;
	size_t to = name == RECEIPT_NAME_CUT_BACK ? back_of(id, n) : n;

	if ((name == RECEIPT_NAME_CUT_FRONT && from == 0) || (name == RECEIPT_NAME_CUT_BACK && to == n))
		return -EINVAL;
	for (size_t i = 0; i < n && name >= RECEIPT_NAME_ADD_FRONT; i++)
		if (!is_alnum(id[i]))
			return -EINVAL;
	memcpy(out, id + from, to - from);
	out[to - from] = '\0';
	return 0;
}

/* Put the name of `example` on. */
static int put_name(char id[RECEIPT_ID_SIZE], enum receipt_id_name name, const char *example)
{
	size_t n = strlen(id), n_example = strnlen(example, RECEIPT_ID_SIZE);
	size_t front = front_of(example, n_example), back = back_of(example, n_example);

	if (name == RECEIPT_NAME_ADD_FRONT) {
		if (front == 0 || front + n >= RECEIPT_ID_SIZE)
			return -EINVAL;
		memmove(id + front, id, n + 1);
		memcpy(id, example, front);
	} else if (name == RECEIPT_NAME_ADD_BACK) {
		if (back == n_example || n + n_example - back >= RECEIPT_ID_SIZE)
			return -EINVAL;
		memcpy(id + n, example + back, n_example - back);
		id[n + n_example - back] = '\0';
	}
	return 0;
}

int receipt_id_undo(const char *id, unsigned way, const char *example, char out[RECEIPT_ID_SIZE])
{
	enum receipt_id_name name = way / RECEIPT_BASE_N;
	enum receipt_id_base base = way % RECEIPT_BASE_N;
	size_t n = strnlen(id, RECEIPT_ID_SIZE);
	char number[RECEIPT_ID_SIZE], put[RECEIPT_ID_SIZE];
	int r = 0;

	if (n == 0 || n >= RECEIPT_ID_SIZE || way >= RECEIPT_WAYS)
		return -EINVAL;
	if (way == 0) {
		fold(id, out);
		return 0;
	}
	r = take_number(id, n, name, number);
	if (r < 0)
		return r;
	if (base == RECEIPT_BASE_SAME)
		strcpy(put, number);
	else
		r = base == RECEIPT_BASE_DEC ? change_base(number, 10, 16, put) : change_base(number, 16, 10, put);
	if (r == 0)
		r = put_name(put, name, example);
	if (r == 0)
		fold(put, out);
	return r;
}

const char *receipt_way_name(unsigned way)
{
	static const char *const names[RECEIPT_WAYS] = {
		"", "dec", "hex",
		"cut-front", "cut-front+dec", "cut-front+hex",
		"cut-back", "cut-back+dec", "cut-back+hex",
		"add-front", "add-front+dec", "add-front+hex",
		"add-back", "add-back+dec", "add-back+hex",
	};

	return way < RECEIPT_WAYS ? names[way] : "";
}
