/* SPDX-License-Identifier: Apache-2.0 */
/* msisdn.c -- from what people type to E.164 digits, and what a sender is.
 *
 * The table says, for a country: its code, the trunk prefixes that people write before a national number, how
 * many digits follow, and how mobile numbers begin when they are written bare, without any prefix.  It is
 * short on purpose: it is used only for the default country that a client has chosen, and a number that it
 * does not explain is taken as international or refused, never bent until it fits.
 *
 * A trunk prefix that begins with 0 cannot be mistaken, as no country code begins with 0.  Any other (8 in
 * Russia) could begin a foreign number, and so could a bare number; both are believed only where a mobile
 * number of full length follows.  Facts: ITU-T E.164 and the national numbering plans that the ITU lists
 * under E.129. */
#include "codec/msisdn.h"

#include "codec/gsm7.h"
#include "codec/utf8.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* Digits kept while reading: a number of 15 behind a prefix of 2, and one more to see that it is too long. */
#define MAX_TYPED (MSISDN_MAX_DIGITS + 3)

struct country {
	char iso[3];
	const char *code;
	const char *trunk;  /* separated by blanks, "" for none */
	uint8_t min, max;   /* digits behind country code or trunk prefix */
	const char *mobile; /* beginnings of mobile numbers of `max` digits, `?` any digit; "" never bare */
};

static const struct country countries[] = {
	{"AE", "971", "0", 8, 9, "5"},
	{"AM", "374", "0", 8, 8, ""},
	{"AT", "43", "0", 7, 13, ""},
	{"AU", "61", "0", 9, 9, "4"},
	{"AZ", "994", "0", 9, 9, ""},
	{"BD", "880", "0", 8, 10, "1"},
	{"BE", "32", "0", 8, 9, "4"},
	{"BG", "359", "0", 8, 9, "87 88 89 98 99"},
	{"BR", "55", "0", 10, 11, "??9"},
	{"BY", "375", "80", 9, 9, "25 29 33 44"},
	{"CA", "1", "1", 10, 10, "2 3 4 5 6 7 8 9"},
	{"CH", "41", "0", 9, 9, "7"},
	{"CL", "56", "", 9, 9, "9"},
	{"CN", "86", "0", 10, 11, "13 14 15 16 17 18 19"},
	{"CO", "57", "", 10, 10, "3"},
	{"CZ", "420", "", 9, 9, "6 7"},
	{"DE", "49", "0", 6, 11, ""},
	{"DK", "45", "", 8, 8, "2 3 4 5 6 7 8 9"},
	{"EE", "372", "", 7, 8, "5"},
	{"EG", "20", "0", 8, 10, "10 11 12 15"},
	{"ES", "34", "", 9, 9, "6 7 8 9"},
	{"FI", "358", "0", 6, 10, ""},
	{"FR", "33", "0", 9, 9, "6 7"},
	{"GB", "44", "0", 9, 10, "7"},
	{"GE", "995", "0", 9, 9, "5"},
	{"GR", "30", "", 10, 10, "69"},
	{"HK", "852", "", 8, 8, "4 5 6 7 9"},
	{"HR", "385", "0", 8, 9, ""},
	{"HU", "36", "06", 8, 9, "20 30 31 50 70"},
	{"ID", "62", "0", 8, 12, ""},
	{"IE", "353", "0", 7, 9, "8"},
	{"IL", "972", "0", 8, 9, "5"},
	{"IN", "91", "0", 10, 10, "6 7 8 9"},
	{"IT", "39", "", 9, 10, "3 0"}, /* the 0 of a fixed line is part of the number, +39 06... */
	{"JP", "81", "0", 9, 10, "70 80 90"},
	{"KE", "254", "0", 9, 9, "1 7"},
	{"KG", "996", "0", 9, 9, "5 7"},
	{"KR", "82", "0", 8, 10, "10"},
	{"KZ", "7", "8", 10, 10, "7"},
	{"LT", "370", "0 8", 8, 8, "6"},
	{"LV", "371", "", 8, 8, "2"},
	{"MD", "373", "0", 8, 8, "6 7"},
	{"MX", "52", "", 10, 10, "2 3 4 5 6 7 8 9"},
	{"MY", "60", "0", 8, 10, ""},
	{"NG", "234", "0", 8, 10, "7 8 9"},
	{"NL", "31", "0", 9, 9, "6"},
	{"NO", "47", "", 8, 8, "4 9"},
	{"NZ", "64", "0", 8, 10, ""},
	{"PE", "51", "0", 8, 9, "9"},
	{"PH", "63", "0", 8, 10, "9"},
	{"PK", "92", "0", 9, 10, "3"},
	{"PL", "48", "", 9, 9, "45 50 51 53 57 60 66 69 72 73 78 79 88"},
	{"PT", "351", "", 9, 9, "9 2 3"},
	{"RO", "40", "0", 9, 9, "7"},
	{"RS", "381", "0", 8, 9, ""},
	{"RU", "7", "8", 10, 10, "9"},
	{"SA", "966", "0", 8, 9, "5"},
	{"SE", "46", "0", 7, 9, ""},
	{"SG", "65", "", 8, 8, "8 9"},
	{"SI", "386", "0", 8, 8, ""},
	{"SK", "421", "0", 9, 9, "9"},
	{"TH", "66", "0", 8, 9, "6 8 9"},
	{"TJ", "992", "", 9, 9, "9"},
	{"TR", "90", "0", 10, 10, "5"},
	{"UA", "380", "0", 9, 9, "39 50 63 66 67 68 73 77 91 92 93 94 95 96 97 98 99"},
	{"US", "1", "1", 10, 10, "2 3 4 5 6 7 8 9"},
	{"UZ", "998", "", 9, 9, "9"},
	{"VN", "84", "0", 9, 10, ""},
	{"ZA", "27", "0", 9, 9, "6 7 8"},
};

static const struct country *country_find(const char *iso)
{
	for (size_t i = 0; i < sizeof(countries) / sizeof(countries[0]); i++) {
		if (strcmp(countries[i].iso, iso) == 0)
			return &countries[i];
	}
	return NULL;
}

int msisdn_country_known(const char *country)
{
	return country_find(country) != NULL;
}

struct typed {
	char digits[MAX_TYPED + 1]; /* a string */
	unsigned n;		    /* digits seen, may exceed those kept */
	bool plus;
};

/* Octets of a separator at `s`, 0 when it is none. */
static size_t separator(const char *s, size_t n)
{
	if (strchr(" -./()", s[0]) && s[0] != '\0')
		return 1;
	return n >= 2 && memcmp(s, "\xc2\xa0", 2) == 0 ? 2 : 0; /* U+00A0, which spreadsheets love */
}

/* "+44 (0)20 ...": the 0 is for callers at home.  Not so in Italy, where it is dialled from abroad too. */
static bool is_home_zero(const struct typed *t, const char *s, size_t n)
{
	return t->plus && t->n > 0 && n >= 3 && memcmp(s, "(0)", 3) == 0 && strcmp(t->digits, "39") != 0;
}

static int read_typed(const char *s, size_t n, struct typed *t, const char **ret_why)
{
	memset(t, 0, sizeof(*t));
	for (size_t i = 0; i < n;) {
		size_t skip = separator(s + i, n - i);

		if (is_home_zero(t, s + i, n - i)) {
			i += 3;
		} else if (skip > 0) {
			i += skip;
		} else if (s[i] == '+' && t->n == 0 && !t->plus) {
			t->plus = true;
			i++;
		} else if (s[i] >= '0' && s[i] <= '9') {
			if (t->n < MAX_TYPED)
				t->digits[t->n] = s[i];
			t->n++;
			i++;
		} else {
			*ret_why = "a phone number has only digits, a leading + and - . / ( )";
			return -EINVAL;
		}
	}
	if (t->n == 0) {
		*ret_why = "there are no digits in it";
		return -EINVAL;
	}
	return 0;
}

static bool begins_as(const char *digits, const char *pattern, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (digits[i] == '\0' || (pattern[i] != '?' && pattern[i] != digits[i]))
			return false;
	}
	return true;
}

/* Length of the first word of `list` that `digits` begins with; 0 for none. */
static size_t begins_with_any(const char *digits, const char *list)
{
	while (*list) {
		size_t n = strcspn(list, " ");

		if (begins_as(digits, list, n))
			return n;
		list += n;
		list += strspn(list, " ");
	}
	return 0;
}

static bool is_subscriber(const struct country *c, const char *digits)
{
	size_t n = strlen(digits);

	return n >= c->min && n <= c->max;
}

static bool is_mobile(const struct country *c, const char *digits)
{
	return strlen(digits) == c->max && begins_with_any(digits, c->mobile) > 0;
}

/* The digits behind country code of `c` in a number typed without `+`, or NULL when it is not one of `c`. */
static const char *national(const struct country *c, const char *digits)
{
	size_t n = begins_with_any(digits, c->trunk);

	if (n > 0 && (digits[0] == '0' ? is_subscriber(c, digits + n) : is_mobile(c, digits + n)))
		return digits + n;
	n = begins_with_any(digits, c->code);
	if (n > 0 && is_subscriber(c, digits + n))
		return digits + n;
	return is_mobile(c, digits) ? digits : NULL;
}

static uint64_t append(uint64_t number, const char *digits)
{
	for (; *digits; digits++)
		number = number * 10 + (uint64_t)(*digits - '0');
	return number;
}

static int international(
	const char *digits, const struct country *c, uint64_t *ret_number, const char **ret_why)
{
	size_t n = strlen(digits);

	if (digits[0] == '0') {
		*ret_why = c ? "it begins with 0 but is no number of the default country; write it with +"
			     : "it begins with 0, which no country code does; write it with +";
		return -EINVAL;
	}
	if (n < MSISDN_MIN_DIGITS) {
		*ret_why = "it has fewer than 7 digits";
		return -EINVAL;
	}
	if (n > MSISDN_MAX_DIGITS) {
		*ret_why = "it has more than 15 digits";
		return -EINVAL;
	}
	*ret_number = append(0, digits);
	return 0;
}

int msisdn_normalise(
	const char *in, size_t n, const char *default_country, uint64_t *ret_number, const char **ret_why)
{
	const struct country *c = NULL;
	const char *rest;
	struct typed t;
	int r;

	if (default_country) {
		c = country_find(default_country);
		if (!c) {
			*ret_why = "the default country of the client is not in the table of countries";
			return -EINVAL;
		}
	}
	r = read_typed(in, n, &t, ret_why);
	if (r < 0)
		return r;
	if (t.n > MAX_TYPED) {
		*ret_why = "it has more than 15 digits";
		return -EINVAL;
	}
	if (t.plus)
		return international(t.digits, NULL, ret_number, ret_why);
	if (t.digits[0] == '0' && t.digits[1] == '0')
		return international(t.digits + 2, NULL, ret_number, ret_why);
	rest = c ? national(c, t.digits) : NULL;
	if (!rest)
		return international(t.digits, c, ret_number, ret_why);
	*ret_number = append(append(0, c->code), rest);
	return 0;
}

static bool all_digits(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
	}
	return true;
}

static enum sender_kind classify_number(const char *s, size_t n, uint64_t *ret_number, const char **ret_why)
{
	return msisdn_normalise(s, n, NULL, ret_number, ret_why) < 0 ? SENDER_INVALID : SENDER_NUMBER;
}

static enum sender_kind classify_name(const char *s, size_t n, const char **ret_why)
{
	unsigned n_septets = 0;

	for (size_t i = 0; i < n;) {
		uint32_t cp;

		i += utf8_next(s + i, n - i, &cp);
		if (cp < ' ' || gsm7_cost(cp) == 0) {
			*ret_why = "an alphanumeric sender has only characters of the GSM 7 bit alphabet";
			return SENDER_INVALID;
		}
		n_septets += gsm7_cost(cp);
		if (n_septets > 11) { /* 20 semi-octets, 3GPP TS 23.040, 9.1.2.3 and 9.1.2.5 */
			*ret_why = "an alphanumeric sender has at most 11 characters ([]{}\\^~|€ count two)";
			return SENDER_INVALID;
		}
	}
	return SENDER_ALPHANUMERIC;
}

enum sender_kind sender_classify(const char *s, size_t n, uint64_t *ret_number, const char **ret_why)
{
	if (n == 0) {
		*ret_why = "the sender is empty";
		return SENDER_INVALID;
	}
	if (s[0] == '+')
		return classify_number(s, n, ret_number, ret_why);
	if (!all_digits(s, n))
		return classify_name(s, n, ret_why);
	if (n < 3) {
		*ret_why = "a sender of digits has at least 3 of them";
		return SENDER_INVALID;
	}
	return n <= 8 ? SENDER_SHORT : classify_number(s, n, ret_number, ret_why);
}
