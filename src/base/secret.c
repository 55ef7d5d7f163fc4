/* SPDX-License-Identifier: Apache-2.0 */
/* secret.c -- see secret.h. */
#include <config.h>

#include "base/secret.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KEY_OCTETS 20

int secret_sha256(const void *data, size_t n, uint8_t ret[static SECRET_HASH_LEN])
{
	return gnutls_hash_fast(GNUTLS_DIG_SHA256, data, n, ret) < 0 ? -EIO : 0;
}

int secret_hmac_sha256(const void *key, size_t n_key, const struct secret_span *spans, size_t n_spans,
	uint8_t ret[static SECRET_HASH_LEN])
{
	gnutls_hmac_hd_t h;
	int r = 0;

	if (gnutls_hmac_init(&h, GNUTLS_MAC_SHA256, key, n_key) < 0)
		return -EIO;
	for (size_t i = 0; i < n_spans && r == 0; i++) {
		if (gnutls_hmac(h, spans[i].data, spans[i].n) < 0)
			r = -EIO;
	}
	if (r < 0) {
		gnutls_hmac_deinit(h, NULL);
		return r;
	}
	gnutls_hmac_deinit(h, ret);
	return 0;
}

int secret_key_new(char ret[static SECRET_KEY_SIZE])
{
	/* Crockford's alphabet: no i, l, o, u, so that a key read aloud or from paper stays the same key. */
	static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
	uint8_t octets[KEY_OCTETS];
	unsigned bits = 0, n_bits = 0;
	char *p = ret;

	if (gnutls_rnd(GNUTLS_RND_KEY, octets, sizeof(octets)) < 0)
		return -EIO;
	memcpy(p, "ph_", 3);
	p += 3;
	for (size_t i = 0; i < sizeof(octets); i++) {
		bits = (bits << 8 | octets[i]) & 0xfff;
		for (n_bits += 8; n_bits >= 5; n_bits -= 5)
			*p++ = alphabet[bits >> (n_bits - 5) & 31];
	}
	*p = '\0';
	secret_wipe(octets, sizeof(octets));
	return 0;
}

void secret_hex(const uint8_t *octets, size_t n, char *ret)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		*ret++ = digits[octets[i] >> 4];
		*ret++ = digits[octets[i] & 15];
	}
	*ret = '\0';
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int secret_unhex(const char *hex, uint8_t *ret, size_t n)
{
	if (strlen(hex) != 2 * n)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		int high = hex_value(hex[2 * i]), low = hex_value(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		ret[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

bool secret_equal(const void *a, const void *b, size_t n)
{
	return gnutls_memcmp(a, b, n) == 0;
}

void secret_wipe(void *p, size_t n)
{
	explicit_bzero(p, n);
}

void secret_free(char *s)
{
	if (s == NULL)
		return;
	secret_wipe(s, strlen(s));
	free(s);
}
