/* SPDX-License-Identifier: Apache-2.0 */
/* chat_line.c -- what a line looks like, whoever said it: see chat_line.h. */
#include <config.h>

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "drivers/modem/at.h"
#include "drivers/modem/chat_line.h"

/* Beginnings of what modems say unasked; those of one make only stand in conf/modems. */
static const char *const urcs[] = {
	/* messages, calls, network: 3GPP TS 27.005, 27.007 */
	"+CMTI:", "+CMT:", "+CDSI:", "+CDS:", "+CBMI:", "+CBM:", "+CUSD:", "+CMGS:", "+CRING:", "+CLIP:", "+CCWA:", "+CSSU:",
	"+CSSI:", "+CREG:", "+CGREG:", "+CEREG:", "+C5GREG:", "+CGEV:", "+CIEV:", "+CTZV:", "+CTZE:", "+CTZDST:", "+CIEV:",
	"+CPIN:", "+CFUN:", "+CSQN:", "+CCED:", "+CMWI:", "+CIREGU:", "+CNEMIU:", "+CNEMS1:",
	"RING", "RDY", "NO CARRIER", "BUSY", "NO ANSWER", "CONNECT",
	"Call Ready", "SMS Ready", "SMS DONE", "PB DONE", "NORMAL POWER DOWN", "UNDER-VOLTAGE", "OVER-VOLTAGE",
};

bool line_begins_with(const char *line, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strncasecmp(line, list[i], strlen(list[i])) == 0)
			return true;
	}
	return false;
}

bool line_is_urc(const char *line)
{
	return line_begins_with(line, urcs, sizeof(urcs) / sizeof(urcs[0]));
}

bool line_is_hex(const char *s)
{
	size_t n = strspn(s, "0123456789ABCDEFabcdef");

	return n >= 2 && s[n] == '\0';
}

bool line_wants_pdu(const char *line)
{
	return at_after(line, "+CMT:") || at_after(line, "+CDS:") || at_after(line, "+CBM:");
}

/* The length of "+CSQ" in "+CSQ: 1,2", of "^ICCID" in "AT^ICCID?" behind its AT; 0: no such name. */
size_t line_name_length(const char *s)
{
	size_t n = 1;

	if (!*s || !strchr("+^*$%#!&_", *s))
		return 0;
	while (isalnum((unsigned char)s[n]))
		n++;
	return n > 1 ? n : 0;
}

/* Without a prefix to look for: "+CGMR: 1" belongs to AT+CGMR, "+QIND: 1" does not; "MC35i" belongs to anything. */
bool line_may_answer(const char *line, const char *command)
{
	size_t n = line_name_length(line);

	if (n == 0 || line[n] != ':')
		return true;
	return strncasecmp(command, "AT", 2) == 0 && line_name_length(command + 2) == n &&
	       strncasecmp(line, command + 2, n) == 0;
}

bool line_is_open_ussd(const char *line)
{
	const char *rest = at_after(line, "+CUSD:");
	const char *quote = rest ? strchr(rest, '"') : NULL;

	return quote && !strchr(quote + 1, '"');
}
