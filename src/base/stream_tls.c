/* SPDX-License-Identifier: Apache-2.0 */
/* stream_tls.c -- TLS by GnuTLS as a layer between two buffers.
 *
 * What shaped it:
 *
 *  1. GnuTLS pulls its input and pushes its output.  Here it pulls from what the stream has just read and
 * pushes into a buffer, so it never waits and never touches a socket; "would block" only ever means "more
 * input is wanted".
 *  2. Certificates are renewed while connections live.  The loaded credentials are a counted object of their
 * own: reload makes a new one for the sessions to come, and the old one dies with its last session.
 *  3. TLS 1.2 and 1.3 only, and no renegotiation: nothing we talk to needs them, and both have a history.
 */
#include "base/stream_tls.h"
#include "base/oom.h"
#include "base/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TLS_PRIORITY "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

enum {
	TLS_RECORD_MAX = 16384, /* RFC 8446, 5.1 */
	TLS_IN_MAX = 128 * 1024 /* one read of the stream, and the rest of the one before */
};

struct tls_creds {
	gnutls_certificate_credentials_t cred;
	unsigned refs;
};

struct stream_tls {
	struct tls_creds *creds;
	char *ca_file, *cert_file, *key_file;
	unsigned refs;
	bool server;
	bool verify;
};

#define TRY_OUT_MAX 65536
#define TRY_TURNS   8 /* TLS 1.2 takes five half turns at most */

struct tls_session {
	gnutls_session_t session;
	struct tls_creds *creds;
	char *server_name;   /* GnuTLS keeps the pointer for the check */
	const uint8_t *lent; /* from the wire, not yet pulled */
	size_t n_lent;
	struct buf in; /* what was lent and not pulled when the lender left */
	struct buf out;
	int shaken;
	char text[160];
};

static void creds_unref(struct tls_creds *c)
{
	if (c == NULL || --c->refs > 0)
		return;
	gnutls_certificate_free_credentials(c->cred);
	free(c);
}

static int readable(const char *path)
{
	FILE *f = fopen(path, "re");

	if (f == NULL)
		return -errno;
	fclose(f);
	return 0;
}

static int error_of(int r)
{
	return r == GNUTLS_E_MEMORY_ERROR ? -ENOMEM : r < 0 ? -EINVAL : 0;
}

/* Opened first by ourselves, because GnuTLS has one code for "cannot be read" whatever the reason. */
static int load_pair(gnutls_certificate_credentials_t cred, const char *cert, const char *key)
{
	int r = readable(cert);

	if (r == 0)
		r = readable(key);
	if (r < 0)
		return r;
	r = gnutls_certificate_set_x509_key_file(cred, cert, key, GNUTLS_X509_FMT_PEM);
	return error_of(r);
}

static int load_trust(gnutls_certificate_credentials_t cred, const char *ca_file)
{
	int r;

	if (ca_file == NULL)
		return error_of(gnutls_certificate_set_x509_system_trust(cred));
	r = readable(ca_file);
	if (r < 0)
		return r;
	r = gnutls_certificate_set_x509_trust_file(cred, ca_file, GNUTLS_X509_FMT_PEM);
	return r == 0 ? -EINVAL : error_of(r); /* none in the file is an error, too */
}

struct loading {
	const struct stream_tls *tls;
	gnutls_certificate_credentials_t cred;
	int r;
};

static void load(void *arg)
{
	struct loading *l = arg;
	const struct stream_tls *tls = l->tls;

	if (tls->cert_file != NULL)
		l->r = load_pair(l->cred, tls->cert_file, tls->key_file);
	if (l->r == 0 && !tls->server && tls->verify)
		l->r = load_trust(l->cred, tls->ca_file);
}

static int pump(struct tls_session *from, struct tls_session *to)
{
	struct buf *b = tls_session_out(from);
	int r;

	tls_session_lend(to, buf_data(b), buf_len(b));
	r = tls_session_handshake(to);
	if (tls_session_keep(to) < 0)
		return -ENOMEM;
	buf_consume(b, buf_len(b));
	return r;
}

/* Does a handshake work with them?  A key that there was too little memory for may have been taken all the same: then
 * every client would be cut off, and nobody would know why. */
static int try_pair(struct tls_creds *c)
{
	struct stream_tls server = {.refs = 1, .server = true, .creds = c}, *client = NULL;
	struct tls_session *a = NULL, *b = NULL;
	int r, ra = -EAGAIN;

	r = stream_tls_client_new(&(struct stream_tls_client_conf){.verify = false}, &client);
	if (r == 0)
		r = tls_session_new(client, NULL, TRY_OUT_MAX, &a);
	if (r == 0)
		r = tls_session_new(&server, NULL, TRY_OUT_MAX, &b);
	if (r == 0)
		r = -EAGAIN;
	for (int turn = 0; turn < TRY_TURNS && r == -EAGAIN; turn++) {
		if (ra == -EAGAIN)
			ra = pump(b, a);
		r = ra < 0 && ra != -EAGAIN ? ra : pump(a, b);
	}
	tls_session_free(a);
	tls_session_free(b);
	stream_tls_unref(client);
	return r == 0 || r == -ENOMEM ? r : -EINVAL;
}

int stream_tls_reload(struct stream_tls *tls)
{
	struct tls_creds *c = calloc(1, sizeof(*c));
	struct loading l = {.tls = tls};

	if (c == NULL)
		return -ENOMEM;
	c->refs = 1;
	if (gnutls_certificate_allocate_credentials(&c->cred) < 0) {
		free(c);
		return -ENOMEM;
	}
	l.cred = c->cred;
	/* libtasn1 and GMP, which read certificates for GnuTLS, do not look at what malloc() gave them, or abort(). */
	if (oom_guard(load, &l) < 0) {
		free(c); /* not what GnuTLS has: nobody knows what of it is whole */
		return -ENOMEM;
	}
	if (l.r == 0 && tls->server)
		l.r = try_pair(c);
	if (l.r < 0) {
		creds_unref(c);
		return l.r;
	}
	creds_unref(tls->creds);
	tls->creds = c;
	return 0;
}

static int copy_name(const char *s, char **ret)
{
	if (s == NULL)
		return 0;
	*ret = strdup(s);
	return *ret != NULL ? 0 : -ENOMEM;
}

static int tls_new(bool server, const struct stream_tls_client_conf *c, struct stream_tls **ret_tls)
{
	struct stream_tls *tls = calloc(1, sizeof(*tls));
	int r;

	if (tls == NULL)
		return -ENOMEM;
	tls->refs = 1;
	tls->server = server;
	tls->verify = c->verify;
	r = copy_name(c->ca_file, &tls->ca_file);
	if (r == 0)
		r = copy_name(c->cert_file, &tls->cert_file);
	if (r == 0)
		r = copy_name(c->key_file != NULL ? c->key_file : c->cert_file, &tls->key_file);
	if (r == 0)
		r = stream_tls_reload(tls);
	if (r < 0) {
		stream_tls_unref(tls);
		return r;
	}
	*ret_tls = tls;
	return 0;
}

int stream_tls_server_new(const char *cert_file, const char *key_file, struct stream_tls **ret_tls)
{
	struct stream_tls_client_conf c = {.cert_file = cert_file, .key_file = key_file};

	if (cert_file == NULL)
		return -EINVAL;
	return tls_new(true, &c, ret_tls);
}

int stream_tls_client_new(const struct stream_tls_client_conf *c, struct stream_tls **ret_tls)
{
	return tls_new(false, c, ret_tls);
}

struct stream_tls *stream_tls_ref(struct stream_tls *tls)
{
	if (tls != NULL)
		tls->refs++;
	return tls;
}

void stream_tls_unref(struct stream_tls *tls)
{
	if (tls == NULL || --tls->refs > 0)
		return;
	creds_unref(tls->creds);
	free(tls->ca_file);
	free(tls->cert_file);
	free(tls->key_file);
	free(tls);
}

/* ---- A session ---- */

static ssize_t pull(gnutls_transport_ptr_t arg, void *data, size_t n)
{
	struct tls_session *t = arg;
	size_t from_in = buf_len(&t->in);

	if (from_in > 0) {
		n = n < from_in ? n : from_in;
		memcpy(data, buf_data(&t->in), n);
		buf_consume(&t->in, n);
		return (ssize_t)n;
	}
	if (t->n_lent == 0) {
		gnutls_transport_set_errno(t->session, EAGAIN);
		return -1;
	}
	n = n < t->n_lent ? n : t->n_lent;
	memcpy(data, t->lent, n);
	t->lent += n;
	t->n_lent -= n;
	return (ssize_t)n;
}

/* Asked by GnuTLS before it pulls when a handshake has a time limit; ours is the stream's. */
static int pull_timeout(gnutls_transport_ptr_t arg, unsigned ms)
{
	const struct tls_session *t = arg;

	return t->n_lent > 0 || buf_len(&t->in) > 0;
}

static ssize_t push(gnutls_transport_ptr_t arg, const void *data, size_t n)
{
	struct tls_session *t = arg;

	if (buf_add(&t->out, data, n) < 0) {
		gnutls_transport_set_errno(t->session, ENOMEM);
		return -1;
	}
	return (ssize_t)n;
}

static bool is_address(const char *name)
{
	struct in6_addr a;

	return inet_pton(AF_INET, name, &a) == 1 || inet_pton(AF_INET6, name, &a) == 1;
}

static int set_client(struct tls_session *t, const struct stream_tls *tls, const char *server_name)
{
	int r = copy_name(server_name, &t->server_name);

	if (r < 0)
		return r;
	/* RFC 6066, 3: addresses are not permitted in SNI. */
	if (server_name != NULL && !is_address(server_name) &&
		gnutls_server_name_set(t->session, GNUTLS_NAME_DNS, server_name, strlen(server_name)) < 0)
		return -EINVAL;
	if (tls->verify)
		gnutls_session_set_verify_cert(t->session, t->server_name, 0);
	return 0;
}

int tls_session_new(
	struct stream_tls *tls, const char *server_name, size_t max_out, struct tls_session **ret_t)
{
	struct tls_session *t = calloc(1, sizeof(*t));
	unsigned flags = (tls->server ? GNUTLS_SERVER : GNUTLS_CLIENT) | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL;
	int r = -ENOMEM;

	if (t == NULL)
		return -ENOMEM;
	buf_init(&t->in, TLS_IN_MAX);
	/* Records add at most some tens of octets to each 16 kB; the rest is for handshake messages. */
	buf_init(&t->out, max_out + max_out / 64 + 65536);
	if (gnutls_init(&t->session, flags) < 0) {
		t->session = NULL;
		goto fail;
	}
	t->creds = tls->creds;
	t->creds->refs++;
	if (gnutls_priority_set_direct(t->session, TLS_PRIORITY, NULL) < 0 ||
		gnutls_credentials_set(t->session, GNUTLS_CRD_CERTIFICATE, t->creds->cred) < 0)
		goto fail;
	if (!tls->server) {
		r = set_client(t, tls, server_name);
		if (r < 0)
			goto fail;
	}
	gnutls_transport_set_ptr(t->session, t);
	gnutls_transport_set_pull_function(t->session, pull);
	gnutls_transport_set_pull_timeout_function(t->session, pull_timeout);
	gnutls_transport_set_push_function(t->session, push);
	*ret_t = t;
	return 0;

fail:
	tls_session_free(t);
	return r;
}

void tls_session_free(struct tls_session *t)
{
	if (t == NULL)
		return;
	if (t->session != NULL)
		gnutls_deinit(t->session);
	creds_unref(t->creds);
	free(t->server_name);
	buf_done(&t->in);
	buf_done(&t->out);
	free(t);
}

struct buf *tls_session_out(struct tls_session *t)
{
	return &t->out;
}

void tls_session_lend(struct tls_session *t, const uint8_t *data, size_t n)
{
	t->lent = data;
	t->n_lent = n;
}

int tls_session_keep(struct tls_session *t)
{
	int r = buf_add(&t->in, t->lent, t->n_lent);

	t->n_lent = 0;
	if (buf_len(&t->in) == 0)
		buf_reset(&t->in, 0);
	return r;
}

bool tls_session_has_input(const struct tls_session *t)
{
	return buf_len(&t->in) > 0 || t->n_lent > 0;
}

/* What is wrong with the peer's certificate, in the words of who has to mend it; all of it, as one fault may hide
 * behind another. */
static void say_certificate(struct tls_session *t)
{
	static const struct {
		unsigned bit;
		const char *text;
	} faults[] = {
		{GNUTLS_CERT_EXPIRED, "it has expired"},
		{GNUTLS_CERT_NOT_ACTIVATED, "it is not valid yet"},
		{GNUTLS_CERT_REVOKED, "it was revoked"},
		{GNUTLS_CERT_SIGNER_NOT_FOUND, "its authority is not trusted here"},
		{GNUTLS_CERT_SIGNER_NOT_CA, "its signer is no authority"},
		{GNUTLS_CERT_SIGNATURE_FAILURE, "its signature is wrong"},
		{GNUTLS_CERT_INSECURE_ALGORITHM, "its algorithm is insecure"},
	};
	unsigned status = gnutls_session_get_verify_cert_status(t->session);
	size_t n = (size_t)snprintf(t->text, sizeof(t->text), "certificate: ");
	const char *comma = "";

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]) && n < sizeof(t->text); i++) {
		if ((status & faults[i].bit) == 0)
			continue;
		n += (size_t)snprintf(t->text + n, sizeof(t->text) - n, "%s%s", comma, faults[i].text);
		comma = ", ";
	}
	if ((status & GNUTLS_CERT_UNEXPECTED_OWNER) != 0 && n < sizeof(t->text)) {
		n += (size_t)snprintf(t->text + n, sizeof(t->text) - n, "%sit is not for %s", comma,
			t->server_name != NULL ? t->server_name : "this host");
		comma = ", ";
	}
	if (*comma == '\0' && n < sizeof(t->text))
		snprintf(t->text + n, sizeof(t->text) - n, "it is not valid");
}

static int failed(struct tls_session *t, int code)
{
	if (code == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR) {
		say_certificate(t);
	} else if (code == GNUTLS_E_FATAL_ALERT_RECEIVED) {
		snprintf(t->text, sizeof(t->text), "peer's alert: %s",
			gnutls_alert_get_name(gnutls_alert_get(t->session)));
	} else {
		snprintf(t->text, sizeof(t->text), "%s", gnutls_strerror(code));
	}
	return -EPROTO;
}

static void shake(void *arg)
{
	struct tls_session *t = arg;
	int r;

	do {
		r = gnutls_handshake(t->session);
	} while (r == GNUTLS_E_INTERRUPTED || r == GNUTLS_E_WARNING_ALERT_RECEIVED ||
		 (r == GNUTLS_E_AGAIN && tls_session_has_input(t)));
	t->shaken = r;
}

int tls_session_handshake(struct tls_session *t)
{
	int r;

	/* As for certificates: libraries below GnuTLS do not bear want of memory.  But what a peer can bring about is
	 * never gone on from. */
	if (oom_guard(shake, t) < 0)
		oom_end("a TLS handshake");
	r = t->shaken;
	if (r == 0)
		return 0;
	if (r == GNUTLS_E_AGAIN)
		return -EAGAIN;
	gnutls_alert_send_appropriate(t->session, r); /* so that the peer's log has a reason, too */
	return failed(t, r);
}

ssize_t tls_session_recv(struct tls_session *t, uint8_t *data, size_t cap)
{
	ssize_t r;

	do {
		r = gnutls_record_recv(t->session, data, cap);
	} while (r == GNUTLS_E_INTERRUPTED || r == GNUTLS_E_WARNING_ALERT_RECEIVED ||
		 (r == GNUTLS_E_AGAIN && tls_session_has_input(t)));
	if (r >= 0)
		return r;
	return r == GNUTLS_E_AGAIN ? -EAGAIN : failed(t, (int)r);
}

int tls_session_send(struct tls_session *t, const uint8_t *data, size_t n)
{
	while (n > 0) {
		size_t some = n < TLS_RECORD_MAX ? n : TLS_RECORD_MAX;
		ssize_t r = gnutls_record_send(t->session, data, some);

		if (r == GNUTLS_E_INTERRUPTED)
			continue;
		if (r < 0)
			return failed(t, (int)r);
		data += r;
		n -= (size_t)r;
	}
	return 0;
}

void tls_session_bye(struct tls_session *t)
{
	gnutls_bye(t->session, GNUTLS_SHUT_WR);
}

void tls_session_cut(struct tls_session *t, int err)
{
	if (t->text[0] != '\0' || err == 0)
		return;
	snprintf(t->text, sizeof(t->text), "%s in the middle of the TLS handshake; does the port speak TLS?",
		err == UV_EOF ? "closed by the peer" : uv_strerror(err));
}

const char *tls_session_text(const struct tls_session *t)
{
	return t->text;
}
