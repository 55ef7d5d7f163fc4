/* SPDX-License-Identifier: Apache-2.0 */
/* codec_tpdu.c -- TPDUs are read and written as 3GPP TS 23.040 says, and what lies is shown with a note.
 *
 * Octets come from the document's rules worked out by hand and from captures that are known all over the field; where
 * both directions are tested, each is held against the same octets, never against the other. */
#include "codec/tpdu.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec_hex.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

/* Read from an allocation of its own size, where a sanitizer sees an octet read too many. */
static int read_hex(const char *hex, enum tpdu_direction dir, bool centre, struct tpdu *ret, struct tpdu_fault *fault)
{
	uint8_t octets[512], *exact;
	size_t n = from_hex(hex, octets, sizeof(octets));
	int r;

	exact = malloc(n ? n : 1);
	memcpy(exact, octets, n);
	r = tpdu_read(exact, n, dir, centre, ret, fault);
	free(exact);
	return r;
}

static void has_text(const struct tpdu *t, const char *want)
{
	char text[TPDU_TEXT_MAX + 1];
	size_t n;

	tpdu_text(t, text, &n);
	text[n] = '\0';
	assert_string_equal(text, want);
}

static void has_octets(const uint8_t *got, size_t n_got, const char *hex)
{
	uint8_t want[512];
	size_t n = from_hex(hex, want, sizeof(want));

	assert_int_equal(n_got, n);
	assert_memory_equal(got, want, n);
}

static void has_address(const struct tpdu_address *a, const char *want)
{
	char text[TPDU_ADDRESS_TEXT];

	tpdu_address_show(a, text);
	assert_string_equal(text, want);
}

/* ---- whole TPDUs ----------------------------------------------------------------------------------------- */

static const struct {
	const char *why, *hex;
	enum tpdu_direction dir;
	enum tpdu_type type;
	const char *centre, *address, *text;
	unsigned notes;
} whole[] = {
	{ "relative validity, the stored centre", "0011000B916407281553F80000AA0AE8329BFD4697D9EC37", TPDU_MO, TPDU_SUBMIT,
		"", "+46708251358", "hellohello", 0 },
	{ "an answer", "07911326040000F0040B911346610089F60000208062917314480CC8F71D14969741F977FD07", TPDU_MT,
		TPDU_DELIVER, "+31624000000", "+31641600986", "How are you?", 0 },
	{ "type of number C8", "07917283010010F5040BC87238880900F10000993092516195800AE8329BFD4697D9EC37", TPDU_MT,
		TPDU_DELIVER, "+27381000015", "27838890001", "hellohello", 0 },
	{ "first of two parts, header of 8 bit reference", "00 41000B916407281553F80000 08 050003CC0201 82", TPDU_MO,
		TPDU_SUBMIT, "", "+46708251358", "A", 0 },
	{ "an emoji in two units", "00 01000B916407281553F80008 04 D83DDE00", TPDU_MO, TPDU_SUBMIT, "", "+46708251358",
		"\xf0\x9f\x98\x80", 0 },
	{ "from a name, 20 semi-octets", "00 04 14D0C4F23C7D760390EF7619 0000 20806291731448 00", TPDU_MT, TPDU_DELIVER,
		"", "Design@Home", "", 0 },
	{ "empty sender", "00 04 0081 0000 20806291731448 0131", TPDU_MT, TPDU_DELIVER, "", "", "1", 0 },
	{ "data of 8 bits is no text", "00 04 0391 21F3 00F5 20806291731448 02CAFE", TPDU_MT, TPDU_DELIVER, "", "+123",
		"", 0 },
	{ "compressed text is kept as octets", "00 04 0391 21F3 0020 20806291731448 02CAFE", TPDU_MT, TPDU_DELIVER, "",
		"+123", "", 0 },
	{ "reserved group is read as 7 bit", "00 04 0391 21F3 0085 20806291731448 0131", TPDU_MT, TPDU_DELIVER, "",
		"+123", "1", 0 },
	{ "message waiting in UCS-2", "00 04 0391 21F3 00E8 20806291731448 020416", TPDU_MT, TPDU_DELIVER, "", "+123",
		"\xd0\x96", 0 },
	/* 1e is the septet 15+ of the Turkish tables: 3GPP TS 23.038, A.3.1: 1C is S with cedilla */
	{ "Turkish locking shift", "00 44 0391 21F3 0000 20806291731448 06 03250101 E000", TPDU_MT, TPDU_DELIVER, "",
		"+123", "\xc5\x9e", 0 },
	/* header of 4 octets = 5 septets, 3 fill bits; 1b 53: Turkish single shift 53 is S with cedilla (A.2.1) */
	{ "Turkish single shift", "00 44 0391 21F3 0000 20806291731448 07 03240101 D84C01", TPDU_MT, TPDU_DELIVER, "",
		"+123", "\xc5\x9e", 0 },
	{ "reserved type to the phone", "00 07 0391 21F3 0000 20806291731448 0131", TPDU_MT, TPDU_DELIVER, "", "+123",
		"1", TPDU_NOTE_TYPE },
	{ "nine octets of text where UDL promises 10 septets and one octet is missing",
		"00 04 0391 21F3 0000 20806291731448 0A E8329BFD4697D9EC", TPDU_MT, TPDU_DELIVER, "", "+123", "hellohell",
		TPDU_NOTE_SHORT },
	{ "UDL of 255 octets, four there", "00 04 0391 21F3 0008 20806291731448 FF 04160417", TPDU_MT, TPDU_DELIVER, "",
		"+123", "\xd0\x96\xd0\x97", TPDU_NOTE_UDL | TPDU_NOTE_SHORT },
	{ "nothing behind UDL", "00 04 0391 21F3 0000 20806291731448 05", TPDU_MT, TPDU_DELIVER, "", "+123", "",
		TPDU_NOTE_SHORT },
	{ "octets behind the end", "00 04 0391 21F3 0000 20806291731448 01 31 FFFF", TPDU_MT, TPDU_DELIVER, "", "+123",
		"1", TPDU_NOTE_SURPLUS },
	{ "header longer than the data: shown from its first octet", "00 44 0391 21F3 0008 20806291731448 04 0F160417",
		TPDU_MT, TPDU_DELIVER, "", "+123", "\xe0\xbc\x96\xd0\x97", TPDU_NOTE_HEADER },
	{ "element runs out of the header", "00 44 0391 21F3 0008 20806291731448 06 030003CC0416", TPDU_MT, TPDU_DELIVER,
		"", "+123", "\xcc\x80\xcf\x8c\xd0\x96", TPDU_NOTE_HEADER },
	{ "TP-UDL ends inside the header", "00 44 0391 21F3 0000 20806291731448 06 050003CC0201", TPDU_MT, TPDU_DELIVER,
		"", "+123", "\xc3\xa9@\xc3\xb8\xc2\xbf, ", TPDU_NOTE_HEADER },
	{ "header and no text", "00 44 0391 21F3 0000 20806291731448 07 050003CC020100", TPDU_MT, TPDU_DELIVER, "",
		"+123", "", 0 },
	{ "a digit where the filler belongs", "00 04 0391 2143 0000 20806291731448 00", TPDU_MT, TPDU_DELIVER, "", "+123",
		"", TPDU_NOTE_DIGIT },
	{ "the filler counted as a digit", "00 04 0491 21F3 0000 20806291731448 00", TPDU_MT, TPDU_DELIVER, "", "+123",
		"", TPDU_NOTE_FILL },
	{ "all the digits there are", "00 04 0F81 1032547698BADCFE 0000 20806291731448 00", TPDU_MT, TPDU_DELIVER, "",
		"0123456789*#abc", "", 0 },
	{ "a time stamp of letters and nought", "00 04 0391 21F3 0000 00FFAA00000060 0131", TPDU_MT, TPDU_DELIVER, "",
		"+123", "1", 0 },
	{ "sent, as a modem lists it: absolute validity", "00 19 05 0391 21F3 0000 62112203040040 0131", TPDU_MO,
		TPDU_SUBMIT, "", "+123", "1", 0 },
	{ "delivered", "00 06 2A 0391 21F3 20806291731448 20806291832448 00", TPDU_MT, TPDU_STATUS_REPORT, "", "+123", "",
		0 },
	{ "report with all options", "00 06 2A 0391 21F3 20806291731448 20806291832448 46 07 00 08 02 0416", TPDU_MT,
		TPDU_STATUS_REPORT, "", "+123", "\xd0\x96", 0 },
	{ "report that announces more than it has", "00 06 2A 0391 21F3 20806291731448 20806291832448 46 07 00", TPDU_MT,
		TPDU_STATUS_REPORT, "", "+123", "", TPDU_NOTE_OPTIONAL },
	{ "indicator of two octets", "00 06 2A 0391 21F3 20806291731448 20806291832448 46 82 00 08", TPDU_MT,
		TPDU_STATUS_REPORT, "", "+123", "", 0 },
	{ "report, octets behind what is announced", "00 06 2A 0391 21F3 20806291731448 20806291832448 46 00 AA", TPDU_MT,
		TPDU_STATUS_REPORT, "", "+123", "", TPDU_NOTE_SURPLUS },
	{ "answer of the network to a SUBMIT", "00 01 00 20806291731448", TPDU_MT, TPDU_SUBMIT_REPORT, "", "", "", 0 },
	{ "answer of the phone to a DELIVER", "00 00 00", TPDU_MO, TPDU_DELIVER_REPORT, "", "", "", 0 },
	{ "a command", "00 02 05 00 00 00 0391 21F3 00", TPDU_MO, TPDU_COMMAND, "", "", "", 0 },
};

static void tpdus_are_read(void **state)
{
	for (size_t i = 0; i < ROWS(whole); i++) {
		struct tpdu_fault fault = { 0 };
		struct tpdu t;

		print_message("%s\n", whole[i].why);
		assert_int_equal(read_hex(whole[i].hex, whole[i].dir, true, &t, &fault), 0);
		assert_int_equal(t.type, whole[i].type);
		has_address(&t.centre, whole[i].centre);
		has_address(&t.address, whole[i].address);
		has_text(&t, whole[i].text);
		assert_int_equal(t.notes, whole[i].notes);
	}
}

static const struct {
	const char *why, *hex;
	enum tpdu_direction dir;
	size_t at;
	const char *says;
} refused[] = {
	{ "no octets", "", TPDU_MT, 0, "service centre" },
	{ "a centre and nothing", "00", TPDU_MT, 1, "no TPDU" },
	{ "the centre runs past the end", "07911326", TPDU_MT, 0, "service centre" },
	{ "a centre of 12 octets", "0C91131313131313131313131304", TPDU_MT, 0, "longer than 11" },
	{ "a type that no phone sends", "00 03", TPDU_MO, 1, "reserved" },
	{ "ends before the reference", "00 01", TPDU_MO, 2, "TP-MR" },
	{ "ends before the address", "00 01 00", TPDU_MO, 3, "inside the address" },
	{ "ends inside the address", "00 01 00 0B9164", TPDU_MO, 3, "inside the address" },
	{ "21 digits", "00 04 1591 1111111111111111111111", TPDU_MT, 2, "20 semi-octets" },
	{ "ends before PID", "00 04 0081", TPDU_MT, 4, "TP-PID" },
	{ "ends before DCS", "00 04 0081 00", TPDU_MT, 5, "TP-DCS" },
	{ "ends inside the time stamp", "00 04 0081 0000 208062917314", TPDU_MT, 6, "TP-SCTS" },
	{ "ends before UDL", "00 04 0081 0000 20806291731448", TPDU_MT, 13, "TP-UDL" },
	{ "ends inside the validity", "00 19 00 0081 0000 208062", TPDU_MO, 7, "TP-VP" },
	{ "relative validity is not there", "00 11 00 0081 0000", TPDU_MO, 7, "TP-VP" },
	{ "report without discharge time", "00 06 00 0081 20806291731448 2080", TPDU_MT, 12, "TP-DT" },
	{ "report without status", "00 06 00 0081 20806291731448 20806291731448", TPDU_MT, 19, "TP-ST" },
};

static void what_has_no_meaning_is_refused_with_place_and_reason(void **state)
{
	for (size_t i = 0; i < ROWS(refused); i++) {
		struct tpdu_fault fault = { 0 };
		struct tpdu t;

		print_message("%s\n", refused[i].why);
		assert_int_equal(read_hex(refused[i].hex, refused[i].dir, true, &t, &fault), -EBADMSG);
		assert_int_equal(fault.at, refused[i].at);
		assert_non_null(strstr(fault.why, refused[i].says));
	}
}

/* Each bit of the first octet, 9.2.2.1 to 9.2.2.3. */
static void flags_are_read(void **state)
{
	struct tpdu_fault f;
	struct tpdu t;

	read_hex("A5 00 0081 0000 00", TPDU_MO, false, &t, &f);
	assert_true(t.reply_path && t.report && t.reject_duplicates && !t.has_header);
	read_hex("01 07 0081 0000 00", TPDU_MO, false, &t, &f);
	assert_false(t.reply_path || t.report || t.reject_duplicates || t.has_header);
	assert_int_equal(t.mr, 7);
	read_hex("A8 0081 0000 20806291731448 00", TPDU_MT, false, &t, &f);
	assert_true(t.reply_path && t.report && t.loop && t.more);
	read_hex("04 0081 0000 20806291731448 00", TPDU_MT, false, &t, &f);
	assert_false(t.reply_path || t.report || t.loop || t.more);
	read_hex("22 09 0081 20806291731448 20806291731448 41", TPDU_MT, false, &t, &f);
	assert_true(t.report && t.more);
	assert_int_equal(t.mr, 9);
	assert_int_equal(t.status, 0x41);
}

static void fields_say_where_they_stand(void **state)
{
	struct tpdu_fault f;
	struct tpdu t;

	read_hex("07911326040000F0040B911346610089F60000208062917314480CC8F71D14969741F977FD07", TPDU_MT, true, &t, &f);
	assert_int_equal(t.field[TPDU_F_CENTRE].at, 0);
	assert_int_equal(t.field[TPDU_F_CENTRE].n, 8);
	assert_int_equal(t.field[TPDU_F_FIRST].at, 8);
	assert_int_equal(t.field[TPDU_F_ADDRESS].at, 9);
	assert_int_equal(t.field[TPDU_F_ADDRESS].n, 8);
	assert_int_equal(t.field[TPDU_F_SCTS].at, 19);
	assert_int_equal(t.field[TPDU_F_UDL].at, 26);
	assert_int_equal(t.field[TPDU_F_UD].at, 27);
	assert_int_equal(t.field[TPDU_F_UD].n, 11);
	assert_int_equal(t.field[TPDU_F_VP].n, 0);
	read_hex("02 05 00 00", TPDU_MO, false, &t, &f);
	assert_int_equal(t.field[TPDU_F_REST].at, 1);
	assert_int_equal(t.field[TPDU_F_REST].n, 3);
	read_hex("04 0391 21F3 0000 20806291731448 01 31 FFFF", TPDU_MT, false, &t, &f);
	assert_int_equal(t.note_at[__builtin_ctz(TPDU_NOTE_SURPLUS)], 16);
}

/* ---- addresses ------------------------------------------------------------------------------------------- */

static const struct {
	const char *why, *text, *hex;
} addresses[] = {
	{ "international, odd", "+46708251358", "0B916407281553F8" },
	{ "international, even", "+123456", "0691214365" },
	{ "short code", "12345", "05812143F5" },
	{ "star and hash", "*100#", "05811A00FB" },
	{ "20 digits", "+12345678901234567890", "149121436587092143658709" },
	{ "one letter", "A", "02D041" },
	{ "seven letters take 13 semi-octets", "Posthor", "0DD0D0F79C8E7ECB01" },
	{ "eight letters take 14", "Posthorn", "0ED0D0F79C8E7ECBDD" },
	{ "eleven letters", "Design@Home", "14D0C4F23C7D760390EF7619" },
	{ "the euro counts two", "A\xe2\x82\xac", "06D0C14D19" },
};

static void addresses_are_written_and_read(void **state)
{
	for (size_t i = 0; i < ROWS(addresses); i++) {
		uint8_t octets[TPDU_ADDRESS_MAX], hex[TPDU_ADDRESS_MAX];
		struct tpdu_address a;
		const char *why;
		size_t n, n_hex;

		print_message("%s\n", addresses[i].why);
		n_hex = from_hex(addresses[i].hex, hex, sizeof(hex));
		assert_int_equal(tpdu_address_make(addresses[i].text, &a, &why), 0);
		assert_int_equal(tpdu_address_put(&a, octets, sizeof(octets), &n), 0);
		has_octets(octets, n, addresses[i].hex);
		assert_int_equal(tpdu_address_put(&a, octets, n - 1, &n), -ENOBUFS);
		memset(&a, 0, sizeof(a));
		assert_int_equal(tpdu_address_read(hex, n_hex, &a, &n), 0);
		assert_int_equal(n, n_hex);
		has_address(&a, addresses[i].text);
	}
}

static void addresses_from_the_field_are_read(void **state)
{
	static const struct {
		const char *why, *hex, *text;
		enum tpdu_ton ton;
		unsigned npi;
	} rows[] = {
		{ "national", "03A121F3", "123", TON_NATIONAL, 1 },
		{ "network specific, private", "03B921F3", "123", TON_NETWORK, 9 },
		{ "subscriber", "03C921F3", "123", TON_SUBSCRIBER, 9 },
		{ "abbreviated", "02E121", "12", TON_ABBREVIATED, 1 },
		{ "reserved type and plan", "02FF21", "12", TON_RESERVED, 15 },
		{ "letters of the keypad", "0681CADBEC", "*a#bac", TON_UNKNOWN, 1 },
		{ "seven letters counted as whole octets", "0ED0D0F79C8E7ECB01", "Posthor", TON_ALPHANUMERIC, 0 },
		{ "no value, a name", "00D0", "", TON_ALPHANUMERIC, 0 },
		{ "half a letter", "01D001", "", TON_ALPHANUMERIC, 0 },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		uint8_t octets[TPDU_ADDRESS_MAX];
		struct tpdu_address a;
		size_t n, n_octets;

		print_message("%s\n", rows[i].why);
		n_octets = from_hex(rows[i].hex, octets, sizeof(octets));
		assert_int_equal(tpdu_address_read(octets, n_octets, &a, &n), 0);
		has_address(&a, rows[i].text);
		assert_int_equal(a.ton, rows[i].ton);
		assert_int_equal(a.npi, rows[i].npi);
	}
}

static void what_is_no_address_is_refused(void **state)
{
	static const char *const bad[] = { "", "+", "+123456789012345678901", "Twelve chars", "\xd0\x96", "Six euros\xe2\x82\xac" "1" };
	struct tpdu_address a = { .ton = TON_UNKNOWN, .text = "12x" };
	uint8_t octets[TPDU_ADDRESS_MAX];
	const char *why;
	size_t n;

	for (size_t i = 0; i < ROWS(bad); i++) {
		why = NULL;
		assert_int_equal(tpdu_address_make(bad[i], &(struct tpdu_address){ 0 }, &why), -EINVAL);
		assert_non_null(why);
	}
	assert_int_equal(tpdu_address_put(&a, octets, sizeof(octets), &n), -EINVAL);
}

static void the_service_centre_counts_octets(void **state)
{
	struct tpdu_address a;
	uint8_t octets[TPDU_ADDRESS_MAX];
	const char *why;
	size_t n;

	tpdu_address_make("+31624000000", &a, &why);
	assert_int_equal(tpdu_centre_put(&a, octets, sizeof(octets), &n), 0);
	has_octets(octets, n, "07911326040000F0");
	a.text[0] = '\0';
	assert_int_equal(tpdu_centre_put(&a, octets, sizeof(octets), &n), 0);
	has_octets(octets, n, "00");
	n = from_hex("0691214365F7", octets, sizeof(octets));
	assert_int_equal(tpdu_centre_read(octets, n, &a, &n), -EBADMSG);
	n = from_hex("0591214365F7", octets, sizeof(octets));
	assert_int_equal(tpdu_centre_read(octets, n, &a, &n), 0);
	assert_int_equal(n, 6);
	has_address(&a, "+1234567");
	n = from_hex("0191", octets, sizeof(octets));
	assert_int_equal(tpdu_centre_read(octets, n, &a, &n), 0);
	has_address(&a, "");
}

/* ---- times ----------------------------------------------------------------------------------------------- */

/* Seconds by date(1): date -u -d "2002-08-26 20:37:41" +%s */
static const struct {
	const char *why, *hex, *shown;
	bool sound, zone_known;
	int zone_min;
	int64_t epoch_s;
} times[] = {
	{ "behind UTC", "20806291731448", "2002-08-26T19:37:41-01:00", true, true, -60, 1030394261 },
	{ "two hours ahead", "62112221000080", "2026-11-22T12:00:00+02:00", true, true, 120, 1795341600 },
	{ "quarter hours", "62112221000032", "2026-11-22T12:00:00+05:45", true, true, 345, 1795328100 },
	{ "half hours", "62112221000022", "2026-11-22T12:00:00+05:30", true, true, 330, 1795329000 },
	{ "six hours behind", "6211222100004A", "2026-11-22T12:00:00-06:00", true, true, -360, 1795370400 },
	{ "1999", "99309251619500", "1999-03-29T15:16:59+00:00", true, true, 0, 922720619 },
	{ "29 February", "42209200000000", "2024-02-29T00:00:00+00:00", true, true, 0, 1709164800 },
	{ "a leap second", "61212132950600", "2016-12-12T23:59:60+00:00", true, true, 0, 1481587200 },
	{ "no zone", "621122210000FF", "2026-11-22T12:00:00", true, false, 0, 0 },
	{ "a zone of 15 hours", "62112221000006", "2026-11-22T12:00:00", true, false, 0, 0 },
	{ "29 February of another year", "32209200000000", "32209200000000", false, true, 0, 0 },
	{ "month 0", "62002221000000", "62002221000000", false, true, 0, 0 },
	{ "month 13", "62312221000000", "62312221000000", false, true, 0, 0 },
	{ "hour 24", "62112242000000", "62112242000000", false, true, 0, 0 },
	{ "letters", "6A112221000000", "6A112221000000", false, true, 0, 0 },
	{ "all set", "FFFFFFFFFFFFFF", "FFFFFFFFFFFFFF", false, false, 0, 0 },
};

static void times_are_read(void **state)
{
	for (size_t i = 0; i < ROWS(times); i++) {
		char shown[TPDU_TIME_TEXT];
		uint8_t octets[TPDU_TIME_OCTETS];
		struct tpdu_time t;
		int64_t epoch_s = 0;
		int r;

		print_message("%s\n", times[i].why);
		from_hex(times[i].hex, octets, sizeof(octets));
		tpdu_time_read(octets, &t);
		assert_int_equal(t.sound, times[i].sound);
		assert_int_equal(t.zone_known, times[i].zone_known);
		assert_int_equal(t.zone_min, times[i].zone_min);
		tpdu_time_show(&t, shown);
		assert_string_equal(shown, times[i].shown);
		r = tpdu_time_epoch(&t, &epoch_s);
		assert_int_equal(r, t.sound && t.zone_known ? 0 : -EINVAL);
		assert_int_equal(epoch_s, times[i].epoch_s);
		if (r == 0 && t.second < 60) {
			memset(&t, 0, sizeof(t));
			assert_int_equal(tpdu_time_make(epoch_s, times[i].zone_min, &t), 0);
			has_octets(t.raw, sizeof(t.raw), times[i].hex);
		}
	}
	assert_int_equal(tpdu_time_make(0, 0, &(struct tpdu_time){ 0 }), -EINVAL);
	assert_int_equal(tpdu_time_make(1795341600, 7, &(struct tpdu_time){ 0 }), -EINVAL);
	assert_int_equal(tpdu_time_make(3786911999, 0, &(struct tpdu_time){ 0 }), 0); /* the last second of 2089 */
	assert_int_equal(tpdu_time_make(3786912000, 0, &(struct tpdu_time){ 0 }), -EINVAL);
}

/* 9.2.3.12.1 */
static void relative_periods_round_up(void **state)
{
	enum { MINUTE = 60, HOUR = 3600, DAY = 86400 };
	static const struct {
		uint32_t asked_s;
		uint8_t octet;
		uint32_t gives_s;
	} rows[] = {
		{ 0, 0x00, 5 * MINUTE },		{ 1, 0x00, 5 * MINUTE },
		{ 5 * MINUTE, 0x00, 5 * MINUTE },	{ 5 * MINUTE + 1, 0x01, 10 * MINUTE },
		{ 12 * HOUR, 143, 12 * HOUR },		{ 12 * HOUR + 1, 144, 12 * HOUR + 30 * MINUTE },
		{ 24 * HOUR, 0xa7, 24 * HOUR },		{ 25 * HOUR, 168, 2 * DAY },
		{ 4 * DAY, 0xaa, 4 * DAY },		{ 30 * DAY, 196, 30 * DAY },
		{ 30 * DAY + 1, 197, 35 * DAY },	{ 63 * 7 * DAY, 0xff, 63 * 7 * DAY },
		{ UINT32_MAX, 0xff, 63 * 7 * DAY },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		assert_int_equal(tpdu_relative_make(rows[i].asked_s), rows[i].octet);
		assert_int_equal(tpdu_relative_s(rows[i].octet), rows[i].gives_s);
	}
}

static void validity_takes_all_forms(void **state)
{
	static const struct {
		const char *why, *hex; /* TP-VP alone */
		enum tpdu_vp_form form;
		uint8_t enhanced;
		uint32_t period_s;
		bool single_shot, extended;
		bool write;
	} rows[] = {
		{ "none", "", TPDU_VP_NONE, 0, 0, false, false, true },
		{ "four days", "AA", TPDU_VP_RELATIVE, 0, 345600, false, false, true },
		{ "enhanced, relative", "01AA0000000000", TPDU_VP_ENHANCED, 1, 345600, false, false, true },
		{ "enhanced, seconds", "021E0000000000", TPDU_VP_ENHANCED, 2, 30, false, false, true },
		{ "enhanced, 2:30:15", "03200351000000", TPDU_VP_ENHANCED, 3, 9015, false, false, true },
		{ "enhanced, one attempt, no period", "40000000000000", TPDU_VP_ENHANCED, 0, 0, true, false, true },
		{ "enhanced, extended", "81AA0000000000", TPDU_VP_ENHANCED, 1, 0, false, true, false },
		{ "enhanced, reserved", "05AA0000000000", TPDU_VP_ENHANCED, 5, 0, false, false, false },
		{ "enhanced, letters for digits", "03FF0351000000", TPDU_VP_ENHANCED, 3, 0, false, false, false },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		uint8_t octets[TPDU_TIME_OCTETS] = { 0 }, out[TPDU_TIME_OCTETS];
		struct tpdu_validity v;
		int n;

		print_message("%s\n", rows[i].why);
		from_hex(rows[i].hex, octets, sizeof(octets));
		tpdu_validity_read(rows[i].form, octets, &v);
		assert_int_equal(v.enhanced, rows[i].enhanced);
		assert_int_equal(v.period_s, rows[i].period_s);
		assert_int_equal(v.single_shot, rows[i].single_shot);
		assert_int_equal(v.extended, rows[i].extended);
		if (!rows[i].write)
			continue;
		n = tpdu_validity_put(&(struct tpdu_validity){ .form = rows[i].form, .enhanced = rows[i].enhanced,
					      .period_s = rows[i].period_s, .single_shot = rows[i].single_shot },
			out);
		has_octets(out, (size_t)n, rows[i].hex);
	}
	assert_int_equal(tpdu_validity_put(&(struct tpdu_validity){ .form = TPDU_VP_ABSOLUTE }, (uint8_t[7]){ 0 }), -EINVAL);
	assert_int_equal(tpdu_validity_put(&(struct tpdu_validity){ .form = TPDU_VP_ENHANCED, .enhanced = TPDU_VPE_SECONDS,
						   .period_s = 256 },
				 (uint8_t[7]){ 0 }),
		-EINVAL);
}

/* ---- writing --------------------------------------------------------------------------------------------- */

static struct tpdu_address address_of(const char *s)
{
	struct tpdu_address a;
	const char *why;

	assert_int_equal(tpdu_address_make(s, &a, &why), 0);
	return a;
}

static void a_part_becomes_a_submit(void **state)
{
	static const struct {
		const char *why, *text;
		const char *centre;
		uint8_t mr;
		bool report, flash;
		uint32_t validity_s;
		const char *hex;
		size_t n_tpdu;
	} rows[] = {
		{ "plain", "hellohello", "", 0, false, false, 0,
			"00 01000B916407281553F80000 0AE8329BFD4697D9EC37", 22 },
		{ "validity and report", "hellohello", "", 7, true, false, 4 * 86400,
			"00 31070B916407281553F80000AA 0AE8329BFD4697D9EC37", 23 },
		{ "flash, with a centre", "1", "+31624000000", 255, false, true, 0,
			"07911326040000F0 01FF0B916407281553F80010 0131", 14 },
		{ "UCS-2, flash", "\xd0\x96", "", 0, false, true, 0, "00 01000B916407281553F80018 020416", 15 },
		{ "empty", "", "", 0, false, false, 0, "00 01000B916407281553F80000 00", 13 },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct segment_opts o = { 0 };
		struct tpdu_order order = { .to = address_of("+46708251358"), .mr = rows[i].mr,
			.report = rows[i].report, .flash = rows[i].flash, .validity_s = rows[i].validity_s };
		struct segment_plan p;
		struct segment_wire w;
		uint8_t out[TPDU_MAX];
		size_t n_tpdu, bad_at;
		int n;

		print_message("%s\n", rows[i].why);
		if (*rows[i].centre)
			order.centre = address_of(rows[i].centre);
		assert_int_equal(segment_plan(rows[i].text, strlen(rows[i].text), &o, &p, &bad_at), 0);
		assert_int_equal(segment_part(rows[i].text, &p, 1, 0, &w), 0);
		n = tpdu_put_part(&order, p.encoding, &w, out, &n_tpdu);
		assert_true(n > 0);
		has_octets(out, (size_t)n, rows[i].hex);
		assert_int_equal(n_tpdu, rows[i].n_tpdu);
	}
}

/* Long texts as the modem driver sends them, cut by the segmenter: 153 + 8 septets behind headers of 6 octets. */
static void parts_keep_their_headers(void **state)
{
	struct tpdu_order order = { .to = address_of("+1"), .mr = 1 };
	struct segment_opts o = { .rules = { .concat = CONCAT_UDH8 } };
	struct segment_plan p;
	struct segment_wire w;
	uint8_t out[TPDU_MAX];
	char text[161];
	size_t n_tpdu, bad_at;
	int n;

	memset(text, 'A', sizeof(text));
	assert_int_equal(segment_plan(text, sizeof(text), &o, &p, &bad_at), 0);
	assert_int_equal(p.n_parts, 2);
	assert_int_equal(segment_part(text, &p, 2, 0xcc, &w), 0);
	n = tpdu_put_part(&order, p.encoding, &w, out, &n_tpdu);
	/* UDL 7 + 8 septets; one fill bit: 41 repeated from bit 1 on */
	has_octets(out, (size_t)n, "00 41 01 0191F1 00 00 0F 050003CC0202 82C16030180C0601");
	assert_int_equal(segment_part(text, &p, 1, 0xcc, &w), 0);
	n = tpdu_put_part(&order, p.encoding, &w, out, &n_tpdu);
	assert_int_equal(n, 1 + 8 + 140);
	assert_int_equal(out[8], 160);
	assert_int_equal(n_tpdu, 148);
}

static void user_data_is_packed_behind_its_header(void **state)
{
	static const struct {
		const char *why, *udh, *body;
		uint8_t dcs, udl;
		const char *ud;
	} rows[] = {
		{ "no header", "", "68656c6c6f68656c6c6f", 0x00, 10, "E8329BFD4697D9EC37" },
		{ "header of 6 octets, 1 fill bit", "050003CC0201", "41", 0x00, 8, "050003CC0201 82" },
		{ "header of 7 octets, none", "06080400CC0201", "41", 0x00, 9, "06080400CC0201 41" },
		{ "header of 4 octets, 3 fill bits", "03250101", "1c", 0x00, 6, "03250101 E000" },
		{ "header and no text", "03250101", "", 0x00, 5, "03250101 00" },
		{ "8 bit data with ports", "060504 0B8423F0", "CAFE", 0x04, 9, "0605040B8423F0 CAFE" },
		{ "UCS-2 with a header", "050003CC0201", "0416", 0x08, 8, "050003CC0201 0416" },
		{ "compressed counts octets", "", "CAFE", 0x20, 2, "CAFE" },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		uint8_t udh[16], body[16], got[TPDU_SEPTETS_MAX];
		size_t n_udh = from_hex(rows[i].udh, udh, sizeof(udh));
		size_t n_body = from_hex(rows[i].body, body, sizeof(body));
		struct tpdu t = { .type = TPDU_SUBMIT };

		print_message("%s\n", rows[i].why);
		assert_int_equal(tpdu_set_ud(&t, rows[i].dcs, udh, n_udh, body, n_body), 0);
		assert_int_equal(t.udl, rows[i].udl);
		has_octets(t.ud, t.n_ud, rows[i].ud);
		assert_int_equal(t.has_header, n_udh > 0);
		assert_int_equal(tpdu_body(&t, got), n_body);
		assert_memory_equal(got, body, n_body);
	}
}

static void user_data_has_its_bounds(void **state)
{
	static const uint8_t udh[] = { 5, 0, 3, 0xcc, 2, 1 }, zero[200];
	struct tpdu t = { .type = TPDU_SUBMIT };

	/* the table of capacities: 160 and 153 septets, 140 and 134 octets */
	assert_int_equal(tpdu_set_ud(&t, 0x00, NULL, 0, zero, 160), 0);
	assert_int_equal(t.n_ud, 140);
	assert_int_equal(tpdu_set_ud(&t, 0x00, NULL, 0, zero, 161), -EMSGSIZE);
	assert_int_equal(tpdu_set_ud(&t, 0x00, udh, 6, zero, 153), 0);
	assert_int_equal(t.n_ud, 140);
	assert_int_equal(tpdu_set_ud(&t, 0x00, udh, 6, zero, 154), -EMSGSIZE);
	assert_int_equal(tpdu_set_ud(&t, 0x04, NULL, 0, zero, 140), 0);
	assert_int_equal(tpdu_set_ud(&t, 0x04, NULL, 0, zero, 141), -EMSGSIZE);
	assert_int_equal(tpdu_set_ud(&t, 0x08, udh, 6, zero, 134), 0);
	assert_int_equal(tpdu_set_ud(&t, 0x08, udh, 6, zero, 135), -EMSGSIZE);
	assert_int_equal(tpdu_set_ud(&t, 0x00, udh, 5, zero, 1), -EBADMSG);
	assert_int_equal(tpdu_set_ud(&t, 0x00, (const uint8_t[]){ 1, 0, 0 }, 3, zero, 1), -EBADMSG);
	assert_int_equal(tpdu_set_ud(&t, 0x00, zero, 150, zero, 1), -EMSGSIZE);
}

static void what_the_network_sends_is_written(void **state)
{
	struct tpdu t = { .type = TPDU_DELIVER, .centre = address_of("+31624000000"), .address = address_of("+31641600986") };
	const uint8_t how[] = "How are you?", octets[] = { 0x04, 0x16 };
	uint8_t out[TPDU_MAX];
	size_t n_tpdu;
	int n;

	tpdu_time_make(1030394261, -60, &t.scts);
	tpdu_set_ud(&t, 0x00, NULL, 0, how, sizeof(how) - 1);
	n = tpdu_put(&t, true, out, sizeof(out), &n_tpdu);
	has_octets(out, (size_t)n, "07911326040000F0 040B911346610089F60000208062917314480CC8F71D14969741F977FD07");
	assert_int_equal(n_tpdu, 30);
	t.reply_path = t.report = t.loop = t.more = true;
	n = tpdu_put(&t, false, out, sizeof(out), &n_tpdu);
	assert_int_equal(out[0], 0xa8);
	for (size_t cap = 0; cap < n_tpdu; cap++)
		assert_int_equal(tpdu_put(&t, false, out, cap, &n_tpdu), -ENOBUFS);

	t = (struct tpdu){ .type = TPDU_STATUS_REPORT, .mr = 0x2a, .address = address_of("+123"), .status = 0x46 };
	tpdu_time_make(1030394261, -60, &t.scts);
	tpdu_time_make(1030394321, -60, &t.discharge);
	n = tpdu_put(&t, false, out, sizeof(out), &n_tpdu);
	has_octets(out, (size_t)n, "06 2A 0391 21F3 20806291731448 20806291831448 46");
	t.pi = 7;
	tpdu_set_ud(&t, 0x08, NULL, 0, octets, 2);
	n = tpdu_put(&t, false, out, sizeof(out), &n_tpdu);
	has_octets(out, (size_t)n, "06 2A 0391 21F3 20806291731448 20806291831448 46 07 00 08 02 0416");
}

static void what_cannot_be_sent_is_refused(void **state)
{
	struct tpdu t = { .type = TPDU_SUBMIT, .address = address_of("Posthorn") };
	uint8_t out[TPDU_MAX];
	size_t n;

	assert_int_equal(tpdu_put(&t, true, out, sizeof(out), &n), -EINVAL);
	t.address = address_of("+123");
	assert_true(tpdu_put(&t, true, out, sizeof(out), &n) > 0);
	t.validity.form = TPDU_VP_ABSOLUTE;
	assert_int_equal(tpdu_put(&t, true, out, sizeof(out), &n), -EINVAL);
	t.type = TPDU_COMMAND;
	assert_int_equal(tpdu_put(&t, true, out, sizeof(out), &n), -EINVAL);
}

/* 9.2.3.15: bits 6 and 5 */
static void statuses_have_classes(void **state)
{
	static const struct {
		uint8_t status;
		enum tpdu_outcome outcome;
		const char *says;
	} rows[] = {
		{ 0x00, TPDU_COMPLETED, "received" },	{ 0x01, TPDU_COMPLETED, "not confirmed" },
		{ 0x02, TPDU_COMPLETED, "replaced" },	{ 0x03, TPDU_COMPLETED, "reserved" },
		{ 0x1f, TPDU_COMPLETED, "specific" },	{ 0x20, TPDU_TRYING, "congestion" },
		{ 0x25, TPDU_TRYING, "error in SME" },	{ 0x26, TPDU_TRYING, "reserved" },
		{ 0x3f, TPDU_TRYING, "specific" },	{ 0x40, TPDU_PERMANENT, "remote" },
		{ 0x46, TPDU_PERMANENT, "expired" },	{ 0x49, TPDU_PERMANENT, "not exist" },
		{ 0x4a, TPDU_PERMANENT, "reserved" },	{ 0x5f, TPDU_PERMANENT, "specific" },
		{ 0x60, TPDU_GIVEN_UP, "congestion" },	{ 0x65, TPDU_GIVEN_UP, "error in SME" },
		{ 0x7f, TPDU_GIVEN_UP, "specific" },	{ 0x80, TPDU_GIVEN_UP, "service rejected" },
		{ 0xff, TPDU_GIVEN_UP, "service rejected" },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		assert_int_equal(tpdu_outcome(rows[i].status), rows[i].outcome);
		assert_non_null(strstr(tpdu_status_text(rows[i].status), rows[i].says));
	}
	for (unsigned v = 0; v < 256; v++)
		assert_true(strlen(tpdu_status_text((uint8_t)v)) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tpdus_are_read),
		cmocka_unit_test(what_has_no_meaning_is_refused_with_place_and_reason),
		cmocka_unit_test(flags_are_read),
		cmocka_unit_test(fields_say_where_they_stand),
		cmocka_unit_test(addresses_are_written_and_read),
		cmocka_unit_test(addresses_from_the_field_are_read),
		cmocka_unit_test(what_is_no_address_is_refused),
		cmocka_unit_test(the_service_centre_counts_octets),
		cmocka_unit_test(times_are_read),
		cmocka_unit_test(relative_periods_round_up),
		cmocka_unit_test(validity_takes_all_forms),
		cmocka_unit_test(a_part_becomes_a_submit),
		cmocka_unit_test(parts_keep_their_headers),
		cmocka_unit_test(user_data_is_packed_behind_its_header),
		cmocka_unit_test(user_data_has_its_bounds),
		cmocka_unit_test(what_the_network_sends_is_written),
		cmocka_unit_test(what_cannot_be_sent_is_refused),
		cmocka_unit_test(statuses_have_classes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
