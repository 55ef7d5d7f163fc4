/* SPDX-License-Identifier: Apache-2.0 */
/* status.c -- the table of command_status (SMPP 3.4, 5.1.3; the last block from SMPP 5.0, 4.7.6).
 *
 * The class is not in the standard; it is what the meaning asks for, and what carriers in the field do.  Two places
 * are worth a thought: ESME_RSUBMITFAIL is permanent although some carriers mean "try again" by it, because a message
 * that fails can be sent by the next link of its route, and ESME_RINVCMDLEN is the end of a session although it answers
 * one message, because a peer that disagrees on a length disagrees on all that follows. */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>

#include "smpp/status.h"

struct row {
	uint32_t status;
	enum status_class class;
	const char *name;
};

/* Ascending, for the search. */
static const struct row rows[] = {
	{ 0x000, STATUS_OK, "ESME_ROK" },
	{ 0x001, STATUS_PERMANENT, "ESME_RINVMSGLEN" },
	{ 0x002, STATUS_LINK_FATAL, "ESME_RINVCMDLEN" },
	{ 0x003, STATUS_LINK_FATAL, "ESME_RINVCMDID" },
	{ 0x004, STATUS_LINK_FATAL, "ESME_RINVBNDSTS" },
	{ 0x005, STATUS_LINK_FATAL, "ESME_RALYBND" },
	{ 0x006, STATUS_PERMANENT, "ESME_RINVPRTFLG" },
	{ 0x007, STATUS_PERMANENT, "ESME_RINVREGDLVFLG" },
	{ 0x008, STATUS_TEMPORARY, "ESME_RSYSERR" },
	{ 0x00a, STATUS_PERMANENT, "ESME_RINVSRCADR" },
	{ 0x00b, STATUS_PERMANENT, "ESME_RINVDSTADR" },
	{ 0x00c, STATUS_PERMANENT, "ESME_RINVMSGID" },
	{ 0x00d, STATUS_LINK_FATAL, "ESME_RBINDFAIL" },
	{ 0x00e, STATUS_LINK_FATAL, "ESME_RINVPASWD" },
	{ 0x00f, STATUS_LINK_FATAL, "ESME_RINVSYSID" },
	{ 0x011, STATUS_PERMANENT, "ESME_RCANCELFAIL" },
	{ 0x013, STATUS_PERMANENT, "ESME_RREPLACEFAIL" },
	{ 0x014, STATUS_THROTTLE, "ESME_RMSGQFUL" },
	{ 0x015, STATUS_PERMANENT, "ESME_RINVSERTYP" },
	{ 0x033, STATUS_PERMANENT, "ESME_RINVNUMDESTS" },
	{ 0x034, STATUS_PERMANENT, "ESME_RINVDLNAME" },
	{ 0x040, STATUS_PERMANENT, "ESME_RINVDESTFLAG" },
	{ 0x042, STATUS_PERMANENT, "ESME_RINVSUBREP" },
	{ 0x043, STATUS_PERMANENT, "ESME_RINVESMCLASS" },
	{ 0x044, STATUS_PERMANENT, "ESME_RCNTSUBDL" },
	{ 0x045, STATUS_PERMANENT, "ESME_RSUBMITFAIL" },
	{ 0x048, STATUS_PERMANENT, "ESME_RINVSRCTON" },
	{ 0x049, STATUS_PERMANENT, "ESME_RINVSRCNPI" },
	{ 0x050, STATUS_PERMANENT, "ESME_RINVDSTTON" },
	{ 0x051, STATUS_PERMANENT, "ESME_RINVDSTNPI" },
	{ 0x053, STATUS_LINK_FATAL, "ESME_RINVSYSTYP" },
	{ 0x054, STATUS_PERMANENT, "ESME_RINVREPFLAG" },
	{ 0x055, STATUS_PERMANENT, "ESME_RINVNUMMSGS" },
	{ 0x058, STATUS_THROTTLE, "ESME_RTHROTTLED" },
	{ 0x061, STATUS_PERMANENT, "ESME_RINVSCHED" },
	{ 0x062, STATUS_PERMANENT, "ESME_RINVEXPIRY" },
	{ 0x063, STATUS_PERMANENT, "ESME_RINVDFTMSGID" },
	{ 0x064, STATUS_TEMPORARY, "ESME_RX_T_APPN" },
	{ 0x065, STATUS_PERMANENT, "ESME_RX_P_APPN" },
	{ 0x066, STATUS_PERMANENT, "ESME_RX_R_APPN" },
	{ 0x067, STATUS_TEMPORARY, "ESME_RQUERYFAIL" },
	{ 0x0c0, STATUS_PERMANENT, "ESME_RINVOPTPARSTREAM" },
	{ 0x0c1, STATUS_PERMANENT, "ESME_ROPTPARNOTALLWD" },
	{ 0x0c2, STATUS_PERMANENT, "ESME_RINVPARLEN" },
	{ 0x0c3, STATUS_PERMANENT, "ESME_RMISSINGOPTPARAM" },
	{ 0x0c4, STATUS_PERMANENT, "ESME_RINVOPTPARAMVAL" },
	{ 0x0fe, STATUS_TEMPORARY, "ESME_RDELIVERYFAILURE" },
	{ 0x0ff, STATUS_TEMPORARY, "ESME_RUNKNOWNERR" },
	{ 0x100, STATUS_PERMANENT, "ESME_RSERTYPUNAUTH" },
	{ 0x101, STATUS_PERMANENT, "ESME_RPROHIBITED" },
	{ 0x102, STATUS_TEMPORARY, "ESME_RSERTYPUNAVAIL" },
	{ 0x103, STATUS_PERMANENT, "ESME_RSERTYPDENIED" },
	{ 0x104, STATUS_PERMANENT, "ESME_RINVDCS" },
	{ 0x105, STATUS_PERMANENT, "ESME_RINVSRCADDRSUBUNIT" },
	{ 0x106, STATUS_PERMANENT, "ESME_RINVDSTADDRSUBUNIT" },
};

/* 0107..0112: refusals of broadcast_sm, which we never send; an answer from there is about our PDU all the same. */
#define BROADCAST_FIRST 0x107u
#define BROADCAST_LAST  0x112u

static int compare(const void *key, const void *row)
{
	uint32_t a = *(const uint32_t *)key, b = ((const struct row *)row)->status;

	return (a > b) - (a < b);
}

static const struct row *find(uint32_t status)
{
	return bsearch(&status, rows, sizeof(rows) / sizeof(rows[0]), sizeof(rows[0]), compare);
}

enum status_class status_class(uint32_t status)
{
	const struct row *row;

	if (status == ESME_OK)
		return STATUS_OK;
	if (status >= BROADCAST_FIRST && status <= BROADCAST_LAST)
		return STATUS_PERMANENT;
	row = find(status);
	return row ? row->class : STATUS_TEMPORARY;
}

const char *status_name(uint32_t status)
{
	const struct row *row = find(status);

	return row ? row->name : "";
}

const char *status_text(uint32_t status, char *buf, size_t n_buf)
{
	const char *name = status_name(status);

	if (*name)
		return name;
	snprintf(buf, n_buf, "command_status 0x%08x", (unsigned)status);
	return buf;
}
