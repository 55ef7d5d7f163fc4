/* SPDX-License-Identifier: Apache-2.0 */
/* secret.h -- hashes, signatures and random keys, and forgetting them.
 *
 * API keys are compared by their SHA-256 and never stored; webhooks are signed with HMAC-SHA256.  The work is
 * GnuTLS's. Keys are random (160 bits), not chosen by people, so a plain fast hash is enough: there is
 * nothing to guess.
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECRET_HASH_LEN 32 /* octets of SHA-256 */
#define SECRET_HEX_SIZE (2 * SECRET_HASH_LEN + 1)
#define SECRET_KEY_LEN	35 /* "ph_" and 32 characters of base32 */
#define SECRET_KEY_SIZE (SECRET_KEY_LEN + 1)

struct secret_span {
	const void *data;
	size_t n;
};

/* All return 0 or -errno (-EIO: GnuTLS refused, for example in FIPS mode). */
int secret_sha256(const void *data, size_t n, uint8_t ret[static SECRET_HASH_LEN]);
/* Over the spans one after the other, so that "t.body" needs no copy of the body. */
int secret_hmac_sha256(const void *key, size_t n_key, const struct secret_span *spans, size_t n_spans,
	uint8_t ret[static SECRET_HASH_LEN]);
/* A new API key, with a NUL. */
int secret_key_new(char ret[static SECRET_KEY_SIZE]);

void secret_hex(const uint8_t *octets, size_t n, char *ret); /* lower case; `ret` holds 2n + 1 */
/* -EINVAL unless `hex` is exactly 2n hexadecimal digits. */
int secret_unhex(const char *hex, uint8_t *ret, size_t n);

/* Takes the same time whatever differs; only `n` may leak. */
bool secret_equal(const void *a, const void *b, size_t n);

/* Overwrite, in a way that the compiler may not drop. */
void secret_wipe(void *p, size_t n);
/* Wipe a string and free it.  NULL is fine. */
void secret_free(char *s);

#endif
