/* SPDX-License-Identifier: Apache-2.0 */
/* api_error.h -- the one table of error codes of the HTTP API.
 *
 * A code is a promise: clients switch on it, so it is never renamed and never gets another status.  The
 * sentence is what the manual page shows; what an answer carries is written where the error is found and
 * names the value in question. The codes that the HTTP server answers by itself (http.h) stand here too, so
 * that the list is whole.
 */
#ifndef INTAKE_API_ERROR_H
#define INTAKE_API_ERROR_H

/* clang-format off */
#define API_ERRORS(X) \
	/* 400: malformed */ \
	X(BAD_REQUEST,         "bad_request",         400, "The request is not well-formed HTTP.") \
	X(DUPLICATE_HEADER,    "duplicate_header",    400, "A header that may stand once stands twice.") \
	X(MISSING_HOST,        "missing_host",        400, "The Host header is missing.") \
	X(INVALID_JSON,        "invalid_json",        400, "The body or row is not JSON, or not of the expected shape.") \
	X(INVALID_CSV,         "invalid_csv",         400, "The body cannot be cut into rows, or a row does not fit the header.") \
	X(INVALID_UTF8,        "invalid_utf8",        400, "A string is not valid UTF-8.") \
	X(UNKNOWN_FIELD,       "unknown_field",       400, "A field that messages do not have; the answer guesses what was meant.") \
	X(WRONG_TYPE,          "wrong_type",          400, "A field has another JSON type than it must have.") \
	X(MISSING_FIELD,       "missing_field",       400, "A required field is not there.") \
	X(ROW_TOO_LONG,        "row_too_long",        400, "A line or record of a stream is longer than 262,144 octets.") \
	X(INVALID_TO,          "invalid_to",          400, "The recipient is not a phone number.") \
	X(INVALID_FROM,        "invalid_from",        400, "The sender is neither a number, a short code nor up to 11 GSM characters.") \
	X(INVALID_TEXT,        "invalid_text",        400, "The text is empty, too long, or holds NUL, a control character or a noncharacter.") \
	X(INVALID_DATA,        "invalid_data",        400, "data or udh is not hexadecimal, or the header is not sound.") \
	X(TEXT_AND_DATA,       "text_and_data",       400, "text and data exclude each other; udh goes with data only.") \
	X(INVALID_REF,         "invalid_ref",         400, "ref is longer than 64 octets or holds a control character.") \
	X(INVALID_TAG,         "invalid_tag",         400, "tag is longer than 64 octets or holds a control character.") \
	X(INVALID_CAMPAIGN,    "invalid_campaign",    400, "campaign is longer than 64 octets or holds a control character.") \
	X(INVALID_CLASS,       "invalid_class",       400, "class is none of otp, service, marketing.") \
	X(INVALID_SEND_AT,     "invalid_send_at",     400, "send_at is not RFC 3339, or more than 366 days ahead.") \
	X(INVALID_TTL,         "invalid_ttl",         400, "ttl is not between 1 and 2,678,400 seconds.") \
	X(INVALID_ENCODING,    "invalid_encoding",    400, "encoding is none of auto, gsm7, ucs2, or stands beside data.") \
	X(INVALID_TRANSLIT,    "invalid_translit",    400, "translit is no transliteration that is known here, or stands beside data.") \
	X(INVALID_REPORT,      "invalid_report",      400, "report is none of all, final, none.") \
	X(INVALID_TLVS,        "invalid_tlvs",        400, "tlvs has a name or value that the links of the route do not take, or lacks one.") \
	X(INVALID_IDEMPOTENCY_KEY, "invalid_idempotency_key", 400, "The key is not 1 to 255 printable ASCII characters, or two different ones were given.") \
	X(UNKNOWN_PARAMETER,   "unknown_parameter",   400, "A query parameter that this call does not have.") \
	X(INVALID_PARAMETER,   "invalid_parameter",   400, "A query parameter has a value that it cannot have, or is missing.") \
	X(UNEXPECTED_BODY,     "unexpected_body",     400, "This call takes no body.") \
	X(UNAUTHORIZED,        "unauthorized",        401, "No key, or one that no client has.") \
	X(ADDRESS_NOT_ALLOWED, "address_not_allowed", 403, "The key is right, but not for this address.") \
	X(NOT_OPERATOR,        "not_operator",        403, "The call needs a key of role operator.") \
	X(NOT_FOUND,           "not_found",           404, "There is no such path, message, stream, link or client, or it is not yours.") \
	X(METHOD_NOT_ALLOWED,  "method_not_allowed",  405, "The path is right, the method is not; the Allow header lists them.") \
	X(REQUEST_TIMEOUT,     "request_timeout",     408, "The request did not arrive in time.") \
	X(IDEMPOTENCY_CONFLICT, "idempotency_conflict", 409, "The key was used with another body.") \
	X(IDEMPOTENCY_IN_PROGRESS, "idempotency_in_progress", 409, "A request with this key is being worked on.") \
	X(LINK_STATE,          "link_state",          409, "The link is in a state in which this cannot be done.") \
	X(LENGTH_REQUIRED,     "length_required",     411, "The body has no length.") \
	X(BODY_TOO_LARGE,      "body_too_large",      413, "The body is larger than allowed.") \
	X(TOO_MANY_ROWS,       "too_many_rows",       413, "An array has more than 10,000 rows; send application/x-ndjson.") \
	X(UNSUPPORTED_TYPE,    "unsupported_type",    415, "The Content-Type is not one that this call takes.") \
	X(EXPECTATION_FAILED,  "expectation_failed",  417, "An Expect header other than 100-continue.") \
	X(TOO_MANY_PARTS,      "too_many_parts",      422, "The message needs more parts than the client may send.") \
	X(NOT_GSM7,            "not_gsm7",            422, "encoding is gsm7, and the text has characters outside it.") \
	X(TOO_MANY_CAMPAIGNS,  "too_many_campaigns",  422, "As many campaigns are known as may be, or the client has its share; use tag for labels of few messages.") \
	X(UNSUPPORTED,         "unsupported",         422, "This gateway was built without what the field asks for, or the link has no such thing.") \
	X(RATE_LIMITED,        "rate_limited",        429, "More requests per second than the client may send; see Retry-After.") \
	X(TOO_MANY_WAITING,    "too_many_waiting",    429, "The client has as many waiting messages as it may have.") \
	X(HEADERS_TOO_LARGE,   "headers_too_large",   431, "The head of the request is larger than 16 kB.") \
	X(INTERNAL,            "internal",            500, "Something here is wrong; the log says what.") \
	X(NOT_IMPLEMENTED,     "not_implemented",     501, "The server does not know this method or encoding.") \
	X(USSD_REFUSED,        "ussd_refused",        502, "The network refused the USSD code, or ended the dialogue.") \
	X(QUEUE_BUSY,          "queue_busy",          503, "More arrives than can be written, or lists are asked for than can be read; try again.") \
	X(QUEUE_FULL,          "queue_full",          503, "As many messages wait as may wait in all.") \
	X(ROOM_FULL,           "room_full",           503, "The room for large bodies, streams and answers is full, or the client has its share of it.") \
	X(DISK_FULL,           "disk_full",           503, "The disk reserve is touched; nothing is accepted until there is room.") \
	X(STORE_FAILED,        "store_failed",        503, "The disk refused to write; nothing of this was accepted.") \
	X(DATABASE_DAMAGED,    "database_damaged",    503, "The database is damaged where this would be written, and nothing of it was accepted; the operator has to put that right.") \
	X(DATABASE_LOCKED,     "database_locked",     503, "Another program holds the write lock of the database; nothing of this was accepted.") \
	X(STOPPING,            "stopping",            503, "The gateway is shutting down.") \
	X(TOO_MANY_CONNECTIONS, "too_many_connections", 503, "More connections than allowed.") \
	X(NO_ANSWER,           "no_answer",           504, "The network did not answer in time.") \
	X(HTTP_VERSION,        "http_version",        505, "Only HTTP/1.0 and HTTP/1.1 are spoken here.")
/* clang-format on */

enum api_code {
#define API_ERROR_ENUM(sym, name, status, help) API_##sym,
	API_ERRORS(API_ERROR_ENUM)
#undef API_ERROR_ENUM
		API_CODE_N
};

const char *api_code_name(enum api_code c);
int api_code_status(enum api_code c);
const char *api_code_help(enum api_code c);

struct json_out;

/* What is wrong, where, and how to mend it. */
struct api_fault {
	enum api_code code;
	char field[72]; /* "": none */
	char message[384];
};

/* Fill in `f`; always returns -EINVAL, so that checks end in `return api_fault_set(...)`.  `field` may be
 * NULL. */
int api_fault_set(struct api_fault *f, enum api_code code, const char *field, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* "error": {code, message, field}, inside an object. */
void api_fault_out(struct json_out *o, const struct api_fault *f);

#endif
