/* SPDX-License-Identifier: Apache-2.0 */
/* ucs2.h -- between UTF-8 and the two other alphabets of the wire: "UCS-2", which is UTF-16BE in practice,
 * and Latin-1.
 *
 * What comes from a peer is never refused: whatever its octets are, valid UTF-8 comes out, with U+FFFD in
 * place of what makes no sense.  A lost character is better than a lost message. */
#ifndef CODEC_UCS2_H
#define CODEC_UCS2_H

#include <stddef.h>
#include <stdint.h>

#define UCS2_FROM_UTF8_MAX(n) ((size_t)(n)*2)		  /* octets, from n octets of UTF-8 */
#define UCS2_TO_UTF8_MAX(n)   (((size_t)(n) + 1) / 2 * 3) /* octets, from n octets of UTF-16 */
#define LATIN1_TO_UTF8_MAX(n) ((size_t)(n)*2)

/* Checked UTF-8 to UTF-16BE; `*ret_n` is octets.  -ENOBUFS when `cap` is too small. */
int ucs2_from_utf8(const char *s, size_t n, uint8_t *dst, size_t cap, size_t *ret_n);

/* UTF-16BE to UTF-8.  A byte order mark is taken off, and FFFE turns the reading to little endian (seen in
 * the field). A lone surrogate becomes U+FFFD.  A last odd octet is dropped when it is 0 (a terminator that
 * someone counted), else it becomes U+FFFD (a text cut inside a character).  -ENOBUFS when `cap` is too
 * small. */
int ucs2_to_utf8(const uint8_t *src, size_t n, char *dst, size_t cap, size_t *ret_n);

/* ISO-8859-1 to UTF-8: every octet is its code point.  -ENOBUFS when `cap` is too small. */
int latin1_to_utf8(const uint8_t *src, size_t n, char *dst, size_t cap, size_t *ret_n);

#endif
