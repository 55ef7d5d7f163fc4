/* SPDX-License-Identifier: Apache-2.0 */
/* receipt_id.h -- message ids: what the response gave, and how the receipt spells it.
 *
 * A part waits under the *key* of the id in its submit_sm_resp.  The receipt may spell that id in another way: in
 * another base, padded with zeros, with a name in front or behind, or without the name that the response had.  Each
 * such difference is a *way*; receipt_id_undo() goes it back from the receipt's spelling to the key.  The key does
 * not depend on the way, so it can be stored before anybody knows how the receipts of a link will look.
 *
 * Which way is the right one cannot be seen in one id: "10" is a number in both bases.  Whoever looks up tries the
 * ways one after the other, and believes a hit only when the recipient is the same (queue/idform.h). */
#ifndef CODEC_RECEIPT_ID_H
#define CODEC_RECEIPT_ID_H

#include <stdbool.h>
#include <stddef.h>

#define RECEIPT_ID_SIZE 66 /* 65 octets of a message_id (SMPP 3.4, 5.2.23) and a NUL */

/* The setting: what the id in the text of a receipt is. */
enum receipt_id_form {
	RECEIPT_ID_TEXT, /* literally what submit_sm_resp carried */
	RECEIPT_ID_HEX,	 /* hexadecimal, while submit_sm_resp carries decimal */
	RECEIPT_ID_DEC,	 /* decimal, while submit_sm_resp carries hexadecimal */
	RECEIPT_ID_AUTO, /* learned */
};

/* A way: what must be done to the receipt's id, first cut, then the base, then put on. */
enum receipt_id_base {
	RECEIPT_BASE_SAME,
	RECEIPT_BASE_DEC, /* it is decimal, the response was hexadecimal */
	RECEIPT_BASE_HEX, /* it is hexadecimal, the response was decimal */
	RECEIPT_BASE_N,
};

enum receipt_id_name {
	RECEIPT_NAME_SAME,
	RECEIPT_NAME_CUT_FRONT, /* "acme-123" is 123 */
	RECEIPT_NAME_CUT_BACK,	/* "123@smsc" is 123 */
	RECEIPT_NAME_ADD_FRONT, /* 123 is "acme-123": the name is that of `example` */
	RECEIPT_NAME_ADD_BACK,	/* 123 is "123@smsc" */
	RECEIPT_NAME_N,
};

#define RECEIPT_WAYS (RECEIPT_NAME_N * RECEIPT_BASE_N)
#define RECEIPT_WAY(name, base) ((name) * RECEIPT_BASE_N + (base))

/* The key of a response's id: TEXT keeps it as it is, all others fold case, leading zeros and 0x.
 * -EINVAL for an empty id or one of more than 65 octets. */
int receipt_id_key(const char *id, enum receipt_id_form form, char out[RECEIPT_ID_SIZE]);

/* An id as it came, of any length.  Carriers put names and UUIDs together: of more than 65 octets the first 48 are
 * kept, and a digest stands for the rest, so that ids that differ stay different.  Case does not change the digest. */
void receipt_id_take(char out[RECEIPT_ID_SIZE], const char *s, size_t n);

/* From the receipt's spelling to the key (as folded).  `example`: an id that this link gave lately, for the ADD ways;
 * may be "".  -EINVAL when the way does not apply to this id: no number, nothing to cut or to add, too long. */
int receipt_id_undo(const char *id, unsigned way, const char *example, char out[RECEIPT_ID_SIZE]);

/* "", "dec", "hex", "cut-front", "add-back+dec" … */
const char *receipt_way_name(unsigned way);

#endif
