/* SPDX-License-Identifier: Apache-2.0 */
/* modem_tpdu.h -- the simulated modem's own reading of 3GPP TS 23.040, shared with nobody.
 *
 * It judges what the gateway sends, so it takes nothing from the gateway's codec and is strict: whatever the standard
 * does not allow is named.  What it writes (DELIVER, STATUS-REPORT) is made of the same tables.
 */
#ifndef MODEM_TPDU_H
#define MODEM_TPDU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TPDU_MAX     176u /* the longest is an SMS-STATUS-REPORT with text: TS 23.040, 9.2.2.3 */
#define TPDU_SCA_MAX 12u
#define TPDU_UD_MAX  140u
#define TPDU_TEXT_CAP 512u

enum tpdu_alphabet { TPDU_GSM7, TPDU_8BIT, TPDU_UCS2 };

struct tpdu_submit {
	uint8_t first, mr, pid, dcs, udl;
	bool udhi, srr;
	char to[24];	  /* "+" in front when international */
	uint8_t da[12];	  /* as it came: length, type, digits */
	uint8_t n_da;
	uint8_t vpf, vp[7];
	uint8_t ud[TPDU_UD_MAX], n_ud;
	enum tpdu_alphabet alphabet;
	bool concat;
	uint16_t ref;
	uint8_t total, seq;
	bool shifted; /* a national language table: the text is told in hexadecimal */
	char text[TPDU_TEXT_CAP];
};

/* A message to a phone, before it is cut into parts. */
struct tpdu_deliver {
	char from[24]; /* "+49...", "12345", or a name */
	uint8_t pid;
	int dcs; /* -1: by the text */
	bool udhi;
	uint8_t ud[TPDU_UD_MAX]; /* header and body, packed; n_ud octets */
	uint8_t n_ud, udl;
	int64_t scts; /* seconds since 1970 */
};

/* NULL: sound.  Otherwise what is wrong, as a constant sentence. */
const char *tpdu_read_submit(const uint8_t *p, size_t n, struct tpdu_submit *ret);

/* The service centre in front of a TPDU: `*ret` octets.  `sca` takes 24. */
const char *tpdu_read_sca(const uint8_t *p, size_t n, size_t *ret, char *sca);

/* Octets of an address field (length, type, value) of "+49...", digits or a name; at most 12.  0: cannot be. */
size_t tpdu_put_address(uint8_t *p, const char *address);
/* The same with the length in octets, as a service centre stands; "" gives 00. */
size_t tpdu_put_sca(uint8_t *p, const char *address);
void tpdu_put_time(uint8_t *p, int64_t t, int quarters);

/* TP-UD of a text: how many octets, and TP-UDL and TP-DCS.  `*text` moves behind what fitted; `part` of `parts` with
 * reference `ref` when parts > 1.  -1: not UTF-8. */
int tpdu_put_text(struct tpdu_deliver *d, const char **text, bool ucs2, unsigned ref, unsigned part, unsigned parts);
/* Whether the default alphabet with its extension can say it. */
bool tpdu_is_gsm7(const char *utf8);

size_t tpdu_put_deliver(uint8_t *p, const struct tpdu_deliver *d);
/* TP-ST `st` about message `mr` to `ra` (an address field as it came). */
size_t tpdu_put_report(uint8_t *p, uint8_t mr, const uint8_t *ra, size_t n_ra, int64_t scts, int64_t dt, uint8_t st);

/* Septets, one an octet, to UTF-8; `out` takes at least 3 octets each and one more. */
void tpdu_septets_to_utf8(const uint8_t *septets, size_t n, char *out);
/* UTF-8 to septets.  -1: a character is not in the alphabet, or more than `max`. */
int tpdu_utf8_to_septets(const char *utf8, uint8_t *septets, size_t max);
/* UTF-8 to UTF-16BE octets; -1: not UTF-8 or more than `max` octets. */
int tpdu_utf8_to_ucs2(const char *utf8, uint8_t *out, size_t max);
void tpdu_ucs2_to_utf8(const uint8_t *p, size_t n, char *out);
/* Septets packed from bit `at` on; octets written before must be zeroed. */
void tpdu_pack(uint8_t *out, size_t at, const uint8_t *septets, size_t n);
uint8_t tpdu_septet(const uint8_t *p, size_t index);

/* Hexadecimal.  -1: odd, strange or too long. */
int tpdu_from_hex(const char *s, size_t n, uint8_t *out, size_t max);
void tpdu_to_hex(const uint8_t *p, size_t n, char *out);

#endif
