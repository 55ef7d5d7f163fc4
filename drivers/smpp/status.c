/* SPDX-License-Identifier: Apache-2.0 */
/* status.c -- look up what base/smpp_status.def says. */
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
#define STATUS(code, class, name) { code, STATUS_##class, "ESME_" #name },
#include "base/smpp_status.def"
#undef STATUS
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
