/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_key.c -- `posthorn key new` and `posthorn version`: what needs no gateway.
 *
 * A key is 32 octets from the system's generator, written in 43 characters that need no quoting anywhere.  The gateway
 * keeps only its SHA-256: a plain digest is enough, because nothing of 256 random bits can be guessed.
 */
#include "config.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>

#include "cli/cli.h"

enum {
	KEY_OCTETS = 32,
	DIGEST_OCTETS = 32,
};

static const char prefix[] = "ph_"; /* lets scanners of source code find keys that got lost */

/* Base64 in its URL form, without padding (RFC 4648, 5). */
static void write_base64url(const unsigned char *octets, size_t n, struct text *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

	for (size_t i = 0; i < n; i += 3) {
		size_t left = n - i;
		unsigned v = (unsigned)octets[i] << 16 | (left > 1 ? octets[i + 1] << 8 : 0) |
			(left > 2 ? octets[i + 2] : 0);

		for (size_t d = 0; d < (left > 2 ? 4 : left + 1); d++)
			text_add(out, &digits[v >> (18 - 6 * d) & 63], 1);
	}
}

static int make_key(struct text *key, struct text *digest_hex)
{
	unsigned char octets[KEY_OCTETS], digest[DIGEST_OCTETS];

	if (gnutls_rnd(GNUTLS_RND_KEY, octets, sizeof octets) < 0)
		return -EIO;
	text_puts(key, prefix);
	write_base64url(octets, sizeof octets, key);
	explicit_bzero(octets, sizeof octets);
	if (gnutls_hash_fast(GNUTLS_DIG_SHA256, key->at, key->n, digest) < 0)
		return -EIO;
	for (size_t i = 0; i < sizeof digest; i++)
		text_printf(digest_hex, "%02x", digest[i]);
	return 0;
}

struct key_input {
	struct cli *cli;
};

static error_t parse_key(int key, char *arg, struct argp_state *state)
{
	struct key_input *in = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = in->cli;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num || strcmp(arg, "new") != 0)
			argp_error(state, "the only thing to do with keys is `new`");
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "say `posthorn key new`");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int cmd_key(struct cli *cli, int argc, char **argv)
{
	static const char doc[] = "Make a random key for a client, and the line for posthorn.conf.\v"
				  "The key goes to the client and is shown only now.  The gateway keeps its digest:\n"
				  "\n"
				  "  clients = ( { name = \"shop\"; key_sha256 = \"...\"; } );\n"
				  "\n"
				  "For this program, put it where only you can read it:\n"
				  "\n"
				  "  (umask 077; posthorn key new --json | jq -r .key > shop.key)\n"
				  "  posthorn list --key-file shop.key";
	const struct argp argp = { .parser = parse_key, .args_doc = "new", .doc = doc, .children = cli_argp_children };
	struct key_input in = { cli };
	struct text key = { 0 }, digest = { 0 };
	int end = CLI_OK;

	cli_parse(&argp, argc, argv, 0, &in);
	if (make_key(&key, &digest) < 0) {
		cli_error("the system gives no random numbers");
		end = CLI_REFUSED;
	} else if (cli->json) {
		printf("{\"key\":\"%s\",\"key_sha256\":\"%s\"}\n", key.at, digest.at);
	} else {
		printf("key         %s\n\nkey_sha256 = \"%s\";\n", key.at, digest.at);
	}
	if (key.at)
		explicit_bzero(key.at, key.n);
	text_done(&key);
	text_done(&digest);
	return end;
}

static error_t parse_nothing(int key, char *arg, struct argp_state *state)
{
	struct key_input *in = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = in->cli;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "\"%s\" is one word too many", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int cmd_version(struct cli *cli, int argc, char **argv)
{
	const struct argp argp = { .parser = parse_nothing, .doc = "Print the version of this program.",
		.children = cli_argp_children };
	struct key_input in = { cli };

	cli_parse(&argp, argc, argv, 0, &in);
	printf(cli->json ? "{\"version\":\"%s\"}\n" : "posthorn %s\n", PACKAGE_VERSION);
	return CLI_OK;
}
