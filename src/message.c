/* SPDX-License-Identifier: Apache-2.0
 *
 * message.c -- the words for classes, states, reasons and outcomes, and one allocation for a message.
 *
 * The words are what clients see (JSON, webhooks, logs): a change here is a change of the API.
 */
#include "message.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static const char *const class_names[CLASS_N] = {
	[CLASS_OTP] = "otp",
	[CLASS_SERVICE] = "service",
	[CLASS_MARKETING] = "marketing",
};

static const char *const report_names[] = {
	[REPORT_FINAL] = "final",
	[REPORT_ALL] = "all",
	[REPORT_NONE] = "none",
};

static const char *const state_names[STATE_N] = {
	[STATE_SCHEDULED] = "scheduled",
	[STATE_QUEUED] = "queued",
	[STATE_SENDING] = "sending",
	[STATE_SENT] = "sent",
	[STATE_DELIVERED] = "delivered",
	[STATE_UNDELIVERED] = "undelivered",
	[STATE_REJECTED] = "rejected",
	[STATE_EXPIRED] = "expired",
	[STATE_CANCELLED] = "cancelled",
	[STATE_UNCONFIRMED] = "unconfirmed",
};

static const char *const reason_names[REASON_N] = {
	[REASON_NONE] = "none",
	[REASON_SCHEDULED] = "scheduled",
	[REASON_RETRY] = "retry",
	[REASON_HOLD] = "hold",
	[REASON_LINK_DOWN] = "link_down",
	[REASON_WINDOW_FULL] = "window_full",
	[REASON_THROTTLED] = "throttled",
	[REASON_CLIENT_RATE] = "client_rate",
	[REASON_NO_ROUTE] = "no_route",
	[REASON_BACKLOG] = "backlog",
	[REASON_DISK] = "disk",
	[REASON_TTL] = "ttl",
	[REASON_NO_ANSWER] = "no_answer",
	[REASON_NO_RECEIPT] = "no_receipt",
	[REASON_NO_REPORTS] = "no_reports",
	[REASON_REFUSED] = "refused",
	[REASON_ATTEMPTS] = "attempts",
	[REASON_RECEIPT] = "receipt",
	[REASON_CLIENT] = "client",
	[REASON_LINK_DRAIN] = "link_drain",
	[REASON_HELD] = "held",
	[REASON_STORE] = "store",
	[REASON_QUOTA] = "quota",
	[REASON_GUARD] = "guard",
};

static const char *const outcome_names[OUTCOME_N] = {
	[OUTCOME_SENT] = "sent",
	[OUTCOME_RETRY] = "retry",
	[OUTCOME_THROTTLED] = "throttled",
	[OUTCOME_REJECTED] = "rejected",
	[OUTCOME_UNKNOWN] = "unknown",
	[OUTCOME_UNSENT] = "unsent",
	[OUTCOME_LINK_FAULT] = "link_fault",
	[OUTCOME_DUPLICATE] = "duplicate",
	[OUTCOME_RECIPIENT] = "recipient",
};

static const char *const encoding_names[] = {
	[ENC_GSM7] = "gsm7",
	[ENC_UCS2] = "ucs2",
	[ENC_BINARY] = "binary",
};

#define N(table) (sizeof(table) / sizeof *(table))

/* Numbers may come from a row that a newer version wrote: "unknown" is better than a crash. */
static const char *word(const char *const *table, size_t n, unsigned i)
{
	return i < n ? table[i] : "unknown";
}

static int parse(const char *const *table, size_t n, const char *s)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(table[i], s))
			return (int)i;
	return -EINVAL;
}

const char *msg_class_name(enum msg_class c)
{
	return word(class_names, N(class_names), c);
}

const char *msg_report_name(enum msg_report r)
{
	return word(report_names, N(report_names), r);
}

const char *msg_state_name(enum msg_state s)
{
	return word(state_names, N(state_names), s);
}

const char *msg_reason_name(enum msg_reason r)
{
	return word(reason_names, N(reason_names), r);
}

const char *outcome_name(enum outcome o)
{
	return word(outcome_names, N(outcome_names), o);
}

const char *outcome_class(enum outcome o)
{
	switch (o) {
	case OUTCOME_RETRY: return "temporary";
	case OUTCOME_THROTTLED: return "throttle";
	case OUTCOME_REJECTED: return "permanent";
	case OUTCOME_RECIPIENT: return "recipient";
	case OUTCOME_LINK_FAULT: return "link-fatal";
	case OUTCOME_DUPLICATE: return "duplicate";
	case OUTCOME_SENT:
	case OUTCOME_UNKNOWN:
	case OUTCOME_UNSENT:
	case OUTCOME_N: break;
	}
	return "";
}

const char *encoding_name(enum encoding e)
{
	return word(encoding_names, N(encoding_names), e);
}

void msg_error_split(const char *error, const char **ret_code, size_t *ret_n_text)
{
	const char *colon = strrchr(error, ':');
	bool both = colon && colon > error && colon[1];

	*ret_code = colon && colon[1] ? colon + 1 : error;
	*ret_n_text = both ? (size_t)(colon - error) : strlen(error);
}

int msg_class_parse(const char *s)
{
	return parse(class_names, N(class_names), s);
}

int msg_report_parse(const char *s)
{
	return parse(report_names, N(report_names), s);
}

int msg_state_parse(const char *s)
{
	return parse(state_names, N(state_names), s);
}

static const char *put(char **at, const char *s, size_t n)
{
	char *p = *at;

	if (n)
		memcpy(p, s, n);
	p[n] = '\0';
	*at = p + n + 1;
	return p;
}

struct message *message_new(const struct message *m)
{
	size_t n = (size_t)m->n_ref + m->n_tag + m->n_from + m->n_text + m->n_tlvs + 5;
	struct message *copy = malloc(sizeof *copy + n);
	char *at;

	if (!copy)
		return NULL;
	at = (char *)(copy + 1);
	*copy = *m;
	copy->ref = put(&at, m->ref, m->n_ref);
	copy->tag = put(&at, m->tag, m->n_tag);
	copy->from = put(&at, m->from, m->n_from);
	copy->text = put(&at, m->text, m->n_text);
	copy->tlvs = (const uint8_t *)put(&at, (const char *)m->tlvs, m->n_tlvs);
	return copy;
}

void message_free(struct message *m)
{
	free(m);
}

/* ---- TLVs ---- */

bool msg_tlv_next(const uint8_t *list, size_t n, size_t *at, struct msg_tlv *ret)
{
	const uint8_t *p = list + *at;
	size_t left = n - *at, n_name, n_value;

	if (left < 3)
		return false;
	n_name = p[0];
	if (left < 3 + n_name)
		return false;
	n_value = (size_t)p[1 + n_name] << 8 | p[2 + n_name];
	if (left < 3 + n_name + n_value)
		return false;
	*ret = (struct msg_tlv){ (const char *)p + 1, (const char *)p + 3 + n_name, n_name, n_value };
	*at += 3 + n_name + n_value;
	return true;
}

bool msg_tlv_find(const uint8_t *list, size_t n, const char *name, struct msg_tlv *ret)
{
	size_t at = 0, n_name = strlen(name);

	while (msg_tlv_next(list, n, &at, ret))
		if (ret->n_name == n_name && memcmp(ret->name, name, n_name) == 0)
			return true;
	return false;
}

int msg_tlv_add(uint8_t *list, size_t *n, const char *name, const char *value, size_t n_value)
{
	size_t n_name = strlen(name);
	uint8_t *p = list + *n;

	if (n_name > MSG_TLV_NAME_MAX || n_value > MSG_TLVS_MAX || *n + 3 + n_name + n_value > MSG_TLVS_MAX)
		return -ENOBUFS;
	*p++ = (uint8_t)n_name;
	memcpy(p, name, n_name);
	p += n_name;
	*p++ = (uint8_t)(n_value >> 8);
	*p++ = (uint8_t)n_value;
	memcpy(p, value, n_value);
	*n += 3 + n_name + n_value;
	return 0;
}

#define SCRUBBED   (UINT64_C(1) << 63)
#define SCRUB_KEPT 4 /* digits: a country and perhaps its network, nobody's number */

uint64_t msg_to_scrub(uint64_t to)
{
	uint64_t digits = 1, head = to;

	for (uint64_t v = to; v >= 10; v /= 10)
		digits++;
	for (uint64_t n = digits; n > SCRUB_KEPT; n--)
		head /= 10;
	return SCRUBBED | (head * 100 + digits);
}

bool msg_to_is_scrubbed(uint64_t to)
{
	return to & SCRUBBED;
}

const char *msg_to_text(uint64_t to, char dst[static MSG_TO_TEXT])
{
	static const char stars[] = "********************";
	uint64_t digits, head;

	if (!msg_to_is_scrubbed(to)) {
		dst[0] = '+';
		*text_u64(dst + 1, to) = '\0';
		return dst;
	}
	digits = (to & ~SCRUBBED) % 100;
	head = (to & ~SCRUBBED) / 100;
	snprintf(dst, MSG_TO_TEXT, "+%" PRIu64 "%.*s", head, digits > SCRUB_KEPT ? (int)(digits - SCRUB_KEPT) : 0, stars);
	return dst;
}
