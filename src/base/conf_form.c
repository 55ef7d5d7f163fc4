/* SPDX-License-Identifier: Apache-2.0 */
/* conf_form.c -- see conf_form.h. */
#include <config.h>

#include "base/conf_form.h"
#include "base/period.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <regex.h>
#include <string.h>

#define DIGITS	"0123456789"
#define UPPER	"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define LOWER	"abcdefghijklmnopqrstuvwxyz"
#define LETTERS UPPER LOWER

#define DISTANCE_MAX 64 /* octets of names that are compared */

static bool only(const char *text, const char *allowed)
{
	return text[strspn(text, allowed)] == '\0';
}

/* A decimal number from 0 to `max` that fills the text. */
static bool read_small(const char *text, long max, long *ret)
{
	size_t n = strlen(text);

	if (n == 0 || n > 5 || !only(text, DIGITS))
		return false;
	*ret = strtol(text, NULL, 10);
	return *ret <= max;
}

int conf_form_cidr(const char *text, struct conf_cidr *ret)
{
	char host[INET6_ADDRSTRLEN];
	const char *slash = strchrnul(text, '/');
	struct conf_cidr net = {.addr = {[10] = 0xff, [11] = 0xff}};
	long n_bits = 128;
	bool v4;

	if ((size_t)(slash - text) >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, (size_t)(slash - text));
	host[slash - text] = '\0';
	v4 = inet_pton(AF_INET, host, net.addr + 12) == 1;
	if (!v4 && inet_pton(AF_INET6, host, net.addr) != 1)
		return -EINVAL;
	if (*slash == '/') {
		if (!read_small(slash + 1, v4 ? 32 : 128, &n_bits))
			return -EINVAL;
		n_bits += v4 ? 96 : 0;
	}
	net.n_bits = (uint8_t)n_bits;
	for (long i = n_bits; i < 128; i++) {
		if ((net.addr[i / 8] >> (7 - i % 8) & 1) != 0)
			return -EINVAL;
	}
	*ret = net;
	return 0;
}

/* ADDRESS:PORT with a literal address: names would need a resolver before anything runs. */
static bool is_listen(const char *text)
{
	char host[INET6_ADDRSTRLEN + 2];
	const char *colon = strrchr(text, ':');
	uint8_t addr[16];
	size_t n;
	long port;

	if (colon == NULL || !read_small(colon + 1, 65535, &port))
		return false;
	n = (size_t)(colon - text);
	if (n < 2 || n >= sizeof(host))
		return false;
	memcpy(host, text, n);
	host[n] = '\0';
	if (host[0] != '[')
		return inet_pton(AF_INET, host, addr) == 1;
	if (host[n - 1] != ']')
		return false;
	host[n - 1] = '\0';
	return inet_pton(AF_INET6, host + 1, addr) == 1;
}

int conf_form_host_port(const char *text, char *ret_host, size_t n_host, int *ret_port)
{
	const char *end = text[0] == '[' ? strchr(text, ']') : strchr(text, ':');
	const char *host = text + (text[0] == '[');
	uint8_t addr[16];
	size_t n;
	long port = 0;

	/* More colons than one: an address without brackets, and so without a port. */
	if (text[0] != '[' && end != NULL && strchr(end + 1, ':') != NULL)
		end = NULL;
	if (text[0] == '[' && end == NULL)
		return -EINVAL;
	n = end != NULL ? (size_t)(end - host) : strlen(host);
	if (n == 0 || n >= n_host)
		return -EINVAL;
	memcpy(ret_host, host, n);
	ret_host[n] = '\0';
	if (strchr(ret_host, ':') != NULL ? inet_pton(AF_INET6, ret_host, addr) != 1
					  : text[0] == '[' || !only(ret_host, LETTERS DIGITS ".-_"))
		return -EINVAL;
	*ret_port = 0;
	if (end == NULL || (*end == ']' && end[1] == '\0'))
		return 0;
	end += *end == ']';
	if (*end != ':' || !read_small(end + 1, 65535, &port) || port == 0)
		return -EINVAL;
	*ret_port = (int)port;
	return 0;
}

static bool is_url(const char *text)
{
	size_t n = strncmp(text, "https://", 8) == 0 ? 8 : strncmp(text, "http://", 7) == 0 ? 7 : 0;
	size_t n_host = strcspn(text + n, "/?#");

	return n > 0 && n_host > 0 && strcspn(text, " \"<>\\^`{|}") == strlen(text) &&
	       memchr(text + n, '@', n_host) == NULL; /* a password there would be shown in lists and logs */
}

static bool has_control(const char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return true;
	}
	return false;
}

/* ---- errors of a link ---- */

#define CODE_MAX 0xffffffffu

static const struct {
	uint32_t code;
	const char *name;
} statuses[] = {
#define STATUS(code_, class_, name_) {code_, "ESME_" #name_},
#include "base/smpp_status.def"
#undef STATUS
};
#define N_STATUSES (sizeof(statuses) / sizeof(statuses[0]))

static bool read_code(const char *text, size_t n, uint32_t *ret)
{
	char copy[64], *end;
	unsigned long long v;

	if (n == 0 || n >= sizeof(copy))
		return false;
	memcpy(copy, text, n);
	copy[n] = '\0';
	if (copy[0] >= '0' && copy[0] <= '9') {
		errno = 0;
		v = strtoull(copy, &end, 0);
		*ret = (uint32_t)v;
		return errno == 0 && *end == '\0' && v <= CODE_MAX;
	}
	for (size_t i = 0; i < N_STATUSES; i++) {
		if (strcmp(statuses[i].name, copy) == 0) {
			*ret = statuses[i].code;
			return true;
		}
	}
	return false;
}

int conf_form_error(const char *text, struct conf_error *ret, const char **ret_fault)
{
	const char *colon = strchr(text, ':'), *dash;
	struct conf_error e;
	ptrdiff_t class;

	*ret_fault = "is not CODE:CLASS, such as \"ESME_RSUBMITFAIL:temporary\" or \"0x400-0x4ff:permanent\"";
	if (colon == NULL)
		return -EINVAL;
	class = conf_word_index("permanent|recipient|temporary|throttle|link-fatal|duplicate", colon + 1);
	if (class < 0) {
		*ret_fault = "has no class; classes are permanent, recipient, temporary, throttle, link-fatal and "
			     "duplicate";
		return -EINVAL;
	}
	e.class = (enum conf_error_class)class;
	dash = memchr(text, '-', (size_t)(colon - text));
	if (!read_code(text, (size_t)((dash != NULL ? dash : colon) - text), &e.first) ||
		!read_code(dash != NULL ? dash + 1 : text,
			(size_t)(colon - (dash != NULL ? dash + 1 : text)), &e.last)) {
		*ret_fault = "names no command_status; a code is a number up to 0xffffffff, or a name of SMPP";
		return -EINVAL;
	}
	*ret_fault = "is a range from a higher code to a lower one";
	if (e.first > e.last)
		return -EINVAL;
	*ret_fault = "is about ESME_ROK (0), which is no error";
	if (e.first == 0)
		return -EINVAL;
	*ret_fault = NULL;
	*ret = e;
	return 0;
}

const char *conf_form_status_near(const char *text)
{
	size_t n = strcspn(text, ":");
	const char *best = NULL;
	char name[DISTANCE_MAX];
	int best_distance = 4; /* letters: the names are alike, and much alike is wrong */

	if (n >= sizeof(name) || n < 4)
		return NULL;
	memcpy(name, text, n);
	name[n] = '\0';
	for (size_t i = 0; i < N_STATUSES; i++) {
		int d = conf_form_distance(name, statuses[i].name);

		if (d > 0 && d < best_distance) {
			best_distance = d;
			best = statuses[i].name;
		}
	}
	return best;
}

static const char *error_fault(const char *text)
{
	struct conf_error e;
	const char *fault;

	conf_form_error(text, &e, &fault);
	return fault;
}

/* As a client may give one, but for letters outside ASCII: such a sender is for every message of a link or route. */
static bool is_sender(const char *text)
{
	size_t n = strlen(text);

	if (only(text + (text[0] == '+'), DIGITS))
		return n - (text[0] == '+') >= 3 && n <= 15 && (text[0] != '+' || n > 7);
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)text[i] >= 0x7f || strchr("[]{}\\^~|`", text[i]) != NULL)
			return false;
	}
	return n <= 11;
}

static bool has_digits(const char *text, size_t min, size_t max)
{
	size_t n = strlen(text);

	return n >= min && n <= max && only(text, DIGITS);
}

/* IMEI and IMSI: 3GPP TS 23.003, 6.2 and 2.2; ICCID: ITU-T E.118, 4.1. */
static bool is_device(const char *text)
{
	char host[256];
	int port;

	if (strncmp(text, "imei:", 5) == 0)
		return has_digits(text + 5, 14, 16);
	if (strncmp(text, "iccid:", 6) == 0)
		return has_digits(text + 6, 18, 20);
	if (strncmp(text, "imsi:", 5) == 0)
		return has_digits(text + 5, 14, 15);
	if (strncmp(text, "tcp:", 4) == 0)
		return conf_form_host_port(text + 4, host, sizeof(host), &port) == 0 && port != 0;
	return text[0] == '/' || text[0] == '\0';
}

#define PATTERN_PLUS 8 /* regcomp() doubles what stands before each of them, so twenty that are nested take gigabytes */

/* The number is taken from the first group, so there must be one. */
static const char *pattern_fault(const char *text)
{
	size_t n = 0;
	regex_t re;

	for (const char *p = text; (p = strchr(p, '+')) != NULL; p++)
		n++;
	if (n > PATTERN_PLUS)
		return "has more than 8 of +, which can take any amount of memory; use * instead";
	if (strchr(text, '{') != NULL)
		return "counts with { }, which can take any amount of memory; use ? * + instead";
	for (const char *p = text; (p = strchr(p, '\\')) != NULL && p[1] != '\0'; p += 2)
		if (p[1] >= '1' && p[1] <= '9')
			return "refers back with \\1, which can take any amount of time";
	if (regcomp(&re, text, REG_EXTENDED) != 0)
		return "is not a POSIX extended regular expression";
	n = re.re_nsub;
	regfree(&re);
	return n >= 1 ? NULL : "has no group ( ) around the number";
}

const char *conf_form_fault(enum conf_form form, const char *text)
{
	struct conf_cidr net;
	uint8_t addr[16];
	char host[256];
	int port;

	if (has_control(text))
		return "holds a control character";
	switch (form) {
	case CONF_FORM_ANY:
	case CONF_FORM_PATH: return NULL;
	case CONF_FORM_NAME:
		return only(text, LETTERS DIGITS "._-")
			       ? NULL
			       : "may have letters, digits, \".\", \"_\" and \"-\" only";
	case CONF_FORM_HEX:
		return only(text, DIGITS "abcdefABCDEF") ? NULL : "may have hexadecimal digits only";
	case CONF_FORM_DIGITS: return only(text, DIGITS) ? NULL : "may have digits only";
	case CONF_FORM_PHONE:
		return only(text + (text[0] == '+'), DIGITS) && text[text[0] == '+'] != '\0'
			       ? NULL
			       : "is not a number, such as \"+12025550142\"";
	case CONF_FORM_SENDER:
		return is_sender(text) ? NULL : "is not a sender: 3 to 15 digits, or up to 11 letters";
	case CONF_FORM_COUNTRY: return only(text, UPPER) ? NULL : "is not a country, such as \"GB\"";
	case CONF_FORM_CIDR:
		return conf_form_cidr(text, &net) == 0
			       ? NULL
			       : "is not a network, such as \"192.0.2.0/24\" or \"2001:db8::/32\"";
	case CONF_FORM_ERROR: return error_fault(text);
	case CONF_FORM_URL:
		return is_url(text) ? NULL : "is not an http or https URL without a password in it";
	case CONF_FORM_LISTEN:
		return is_listen(text)
			       ? NULL
			       : "is not an address and port, such as \"127.0.0.1:8775\" or \"[::1]:8775\"";
	case CONF_FORM_HOST:
		return only(text, LETTERS DIGITS ".-:_") ? NULL : "is not a host name or address";
	case CONF_FORM_CLOCK: return period_clock(text) >= 0 ? NULL : "is not a time of day, such as \"06:30\"";
	case CONF_FORM_ZONE:
		return period_zone_known(text) ? NULL : "is not a time zone, such as \"Europe/Berlin\"";
	case CONF_FORM_PATTERN: return pattern_fault(text);
	case CONF_FORM_HOST_PORT:
		return conf_form_host_port(text, host, sizeof(host), &port) == 0
			       ? NULL
			       : "is not a host with or without a port, such as \"smsc.example:2775\" or "
				 "\"[2001:db8::1]:2775\"";
	case CONF_FORM_DEVICE:
		return is_device(text) ? NULL
				       : "is no modem: \"/dev/ttyUSB0\", \"imei:\" and 14 to 16 digits, \"iccid:\" and 18 to "
					 "20, \"imsi:\" and 14 or 15, or \"tcp:HOST:PORT\"";
	case CONF_FORM_ADDRESS:
		return inet_pton(AF_INET, text, addr) == 1 || inet_pton(AF_INET6, text, addr) == 1
			       ? NULL
			       : "is not an address, such as \"192.0.2.1\" or \"2001:db8::1\"";
	}
	return NULL;
}

/* Past a comment or a string at `p`, counting lines; `p` itself when there is neither. */
static const char *skip_inert(const char *p, unsigned *line)
{
	const char *start = p;

	if (*p == '#' || (p[0] == '/' && p[1] == '/'))
		return p + strcspn(p, "\n");
	if (p[0] == '/' && p[1] == '*') {
		p = strstr(p + 2, "*/");
		p = p != NULL ? p + 2 : start + strlen(start);
	} else if (*p == '"') {
		for (p++; *p != '\0' && *p != '"'; p++)
			p += p[0] == '\\' && p[1] != '\0';
		p += *p == '"';
	}
	for (; start < p; start++)
		*line += *start == '\n';
	return p;
}

static bool fits(const char *number, size_t n)
{
	char text[72];
	char *end;
	bool wide = n > 0 && number[n - 1] == 'L';
	long long v;

	while (n > 0 && number[n - 1] == 'L')
		n--;
	if (n >= sizeof(text))
		return false;
	memcpy(text, number, n);
	text[n] = '\0';
	errno = 0;
	v = strtoll(text, &end, strncasecmp(text, "0x", 2) == 0 ? 16 : 10);
	if (*end != '\0')
		return true; /* a decimal, or no number at all: the parser's business */
	return errno == 0 && (wide || (v >= INT32_MIN && v <= INT32_MAX));
}

unsigned conf_form_overflow(const char *text, char *ret_number, size_t n)
{
	static const char word[] = LETTERS DIGITS "_.*-+";
	unsigned line = 1;
	const char *p = text, *next;

	while (*p != '\0') {
		next = skip_inert(p, &line);
		if (next == p) {
			size_t n_word = strspn(p, word);
			size_t n_sign = *p == '-' || *p == '+';

			if (n_word > n_sign && strchr(DIGITS, p[n_sign]) != NULL &&
				!fits(p + (*p == '+'), n_word - (*p == '+'))) {
				snprintf(ret_number, n, "%.*s", (int)(n_word < 64 ? n_word : 64), p);
				return line;
			}
			line += *p == '\n';
			next = p + (n_word > 0 ? n_word : 1);
		}
		p = next;
	}
	return 0;
}

static int min3(int a, int b, int c)
{
	int m = a < b ? a : b;

	return m < c ? m : c;
}

int conf_form_distance(const char *a, const char *b)
{
	int rows[3][DISTANCE_MAX + 1];
	int *before = rows[0], *above = rows[1], *row = rows[2], *spare;
	size_t n_a = strlen(a), n_b = strlen(b);

	if (n_a > DISTANCE_MAX || n_b > DISTANCE_MAX)
		return INT_MAX;
	for (size_t j = 0; j <= n_b; j++)
		above[j] = (int)j;
	for (size_t i = 1; i <= n_a; i++) {
		row[0] = (int)i;
		for (size_t j = 1; j <= n_b; j++) {
			int ca = tolower((unsigned char)a[i - 1]), cb = tolower((unsigned char)b[j - 1]);

			row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + (ca != cb));
			if (i > 1 && j > 1 && ca == tolower((unsigned char)b[j - 2]) &&
				cb == tolower((unsigned char)a[i - 2]) && before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
		spare = before;
		before = above;
		above = row;
		row = spare;
	}
	return above[n_b];
}
