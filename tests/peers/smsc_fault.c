/* SPDX-License-Identifier: Apache-2.0 */
/* smsc_fault.c -- what a carrier should not say, as octets.
 *
 * Those that break the stream are the last that the connection says, or the peer could find its way back.  The others
 * are whole PDUs that make no sense; a sound peer answers or drops them and goes on. */
#include <string.h>

#include "smsc_sim.h"

/* enquire_link is what a peer must understand in every state, so most are made of it. */
static const uint8_t half_pdu[] = {0, 0, 0, 16, 0, 0, 0, 0x15, 0, 0};
static const uint8_t wrong_length[] = {0, 0, 0, 8, 0, 0, 0, 0x15, 0, 0, 0, 0, 0x7F, 0, 0, 1};
static const uint8_t huge_length[] = {0x7F, 0xFF, 0xFF, 0xFF, 0, 0, 0, 5, 0, 0, 0, 0, 0x7F, 0, 0, 1};
static const uint8_t garbage[] = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n\xff\xfe\xfd\xfc";

static const uint8_t unknown_command[] = {
	0, 0, 0, 20, 0, 0, 6, 0x66, 0, 0, 0, 0, 0x7F, 0, 0, 2, 'w', 'h', 'a', 't'};
static const uint8_t truncated[] = {0, 0, 0, 20, 0, 0, 0, 5, 0, 0, 0, 0, 0x7F, 0, 0, 3, 0, 1, 1, '4'};
static const uint8_t zero_sequence[] = {0, 0, 0, 16, 0, 0, 0, 0x15, 0, 0, 0, 0, 0, 0, 0, 0};
static const uint8_t high_sequence[] = {0, 0, 0, 16, 0, 0, 0, 0x15, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF};
static const uint8_t same_sequence[] = {0, 0, 0, 16, 0, 0, 0, 0x15, 0, 0, 0, 0, 0x7F, 0, 0, 4, /* and again */
	0, 0, 0, 16, 0, 0, 0, 0x15, 0, 0, 0, 0, 0x7F, 0, 0, 4};
static const uint8_t stray_response[] = {
	0, 0, 0, 20, 0x80, 0, 0, 4, 0, 0, 0, 0, 0x7F, 0xFF, 0, 5, 'a', 'b', 'c', 0};
static const uint8_t wrong_request[] = {0, 0, 0, 16, 0, 0, 0, 4, 0, 0, 0, 0, 0x7F, 0, 0, 6};

static const struct {
	enum smsc_action action;
	const uint8_t *octets;
	size_t n;
	bool breaks;
} faults[] = {
	{ACTION_GARBAGE, garbage, sizeof(garbage) - 1, true},
	{ACTION_HALF_PDU, half_pdu, sizeof(half_pdu), true},
	{ACTION_WRONG_LENGTH, wrong_length, sizeof(wrong_length), true},
	{ACTION_HUGE_LENGTH, huge_length, sizeof(huge_length), true},
	{ACTION_UNKNOWN_COMMAND, unknown_command, sizeof(unknown_command), false},
	{ACTION_TRUNCATED, truncated, sizeof(truncated), false},
	{ACTION_ZERO_SEQUENCE, zero_sequence, sizeof(zero_sequence), false},
	{ACTION_HIGH_SEQUENCE, high_sequence, sizeof(high_sequence), false},
	{ACTION_SAME_SEQUENCE, same_sequence, sizeof(same_sequence), false},
	{ACTION_STRAY_RESPONSE, stray_response, sizeof(stray_response), false},
	{ACTION_WRONG_REQUEST, wrong_request, sizeof(wrong_request), false},
};

void smsc_fault(struct smsc_conn *c, enum smsc_action action)
{
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		if (faults[i].action != action)
			continue;
		smsc_conn_write(c, faults[i].octets, faults[i].n);
		c->mute |= faults[i].breaks;
	}
}
