/* SPDX-License-Identifier: Apache-2.0 */
/* json_text.h -- what becomes of the text of a message before it is stored: transliterated, composed, made cheaper, as
 * far as that was asked for, and then planned.
 *
 * In this order: transliteration first, as it was asked for by name; then NFC; smart last, as only then it is known
 * what would be saved.  What was changed is kept, so that the answer can say it. */
#ifndef INTAKE_JSON_TEXT_H
#define INTAKE_JSON_TEXT_H

#include "intake/api_error.h"
#include "intake/json_message.h"
#include "intake/json_out.h"

struct json_text_wish {
	const char *translit; /* NULL: none */
	bool nfc, smart;
	unsigned max_parts; /* of the client */
};

/* Change and plan `jm->m.text`, which is checked and not empty.  0, or -EINVAL and the fault. */
int json_text_plan(struct json_message *jm, const struct json_text_wish *w, const struct segment_opts *o,
	struct api_fault *f);

/* The fault for a plan of more parts than the client may send. */
int json_text_too_many(const struct json_message *jm, const struct json_text_wish *w, const char *field,
	const char *more, struct api_fault *f);

/* The fault for a name that unicode_translit() does not know; it lists those it does. */
int json_text_no_such_translit(const char *name, struct api_fault *f);

/* The member "changed" of an answer; nothing when nothing was changed.  At most `max_changes` of smart's changes are
 * listed. */
void json_text_changed(struct json_out *o, const struct json_message *jm, bool with_text, unsigned max_changes);

/* One of them: position, what stood there and what stands there now. */
void json_text_change(struct json_out *o, const struct smart_change *c);

/* Octets of that without the text, and with at most 4 changes. */
#define JSON_TEXT_ROW_CHANGES 4
#define JSON_TEXT_ROW_MAX     1024

/* Position in characters of an offset in octets. */
unsigned json_text_position(const char *s, size_t at);

#endif
