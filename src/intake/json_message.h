/* SPDX-License-Identifier: Apache-2.0 */
/* json_message.h -- one JSON object becomes one message, or a fault that says what, where and how to mend it.
 *
 * This is the only door: single posts, rows of arrays and streams and the preview all come through here, so a
 * message that previews well is accepted, and the other way round.  Nothing is guessed: an unknown field is a
 * fault with a hint, because a misspelt `send_at` that is ignored sends at once.
 *
 * The result lends its strings from the JSON object, from the client's settings, and from buffers inside the
 * result; message_new() copies them.  No memory is allocated, so one `struct json_message` serves row after
 * row.
 */
#ifndef INTAKE_JSON_MESSAGE_H
#define INTAKE_JSON_MESSAGE_H

#include <jansson.h>

#include "base/conf.h"
#include "codec/segment.h"
#include "codec/smart.h"
#include "intake/api_error.h"
#include "message.h"
#include "route/router.h"

#define JSON_MESSAGE_TTL_MAX_S	2678400 /* 31 days */
#define JSON_MESSAGE_AHEAD_DAYS 366
#define JSON_MESSAGE_KEY_MAX	255 /* octets of an idempotency key */
/* How every body is decoded: NUL is let through so that the fault can name it. */
#define JSON_MESSAGE_DECODE (JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL)

struct json_message_ctx {
	const struct conf_client *client;
	uint32_t client_id;
	int64_t now_ms;
	/* The id of a campaign's name.  -ENOSPC: there are too many; -ENOMEM.  May be NULL: all are 0. */
	int (*campaign_of)(void *arg, uint32_t client, const char *name, uint32_t *ret_id);
	/* The route of a message whose `to`, `class`, `client` and `from` are set.  May be NULL: none. */
	uint32_t (*route_of)(void *arg, const struct message *m);
	/* What the first link of that route understands.  May be NULL: the plainest. */
	const struct segment_rules *(*rules_of)(void *arg, uint32_t route);
	/* What its links declare as TLVs.  May be NULL: nothing. */
	const struct route_tlvs *(*tlvs_of)(void *arg, uint32_t route);
	/* For NFC, transliteration and grapheme clusters.  May be NULL: none of them. */
	struct unicode *unicode;
	void *arg;
};

/* What was done to the text, as bits. */
enum json_change { JSON_CHANGED_TRANSLIT = 1, JSON_CHANGED_NFC = 2, JSON_CHANGED_SMART = 4 };

struct json_message {
	struct message m; /* without id */
	struct segment_plan plan;
	struct segment_opts opts; /* by which it was planned */
	const char *idempotency_key; /* of the row, or NULL */
	uint8_t changed;	     /* of enum json_change; 0: the text is as it came, and the next two are not set */
	uint8_t parts_before;	     /* of the text as it came; 255: more than 254 */
	struct smart_result look_alikes; /* with JSON_CHANGED_SMART */
	char from[24];
	uint8_t tlvs[MSG_TLVS_MAX];
	char scratch[SMART_ROOM(MSG_TEXT_MAX)]; /* binary data, or the text when it was changed */
	char spare[SMART_ROOM(MSG_TEXT_MAX)];	/* for whoever has the message next */
};

/* 0, or -EINVAL and the fault. */
int json_message(
	const json_t *row, const struct json_message_ctx *x, struct json_message *ret, struct api_fault *f);


/* Printable ASCII, 1 to 255 octets. */
bool json_message_key_ok(const char *key, size_t n);

/* A 128-bit hash of a JSON value, the same for every order of keys and amount of blanks; 0 or -ENOMEM. */
int json_message_hash(const json_t *row, uint8_t ret[static 16]);

#endif
