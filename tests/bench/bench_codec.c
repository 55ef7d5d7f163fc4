/* SPDX-License-Identifier: Apache-2.0 */
/* bench_codec.c -- how many texts a second are planned and cut into the octets of their parts, on one core.
 *
 *     bench_codec [--json] [--seconds N] [FILE]
 *
 * Each text goes the way of a message: segment_plan(), then segment_part() for each part.  Beside each figure stand two
 * limits over the same texts: memcpy() of them, which nothing that reads them can beat by much, and utf8_check().  Time
 * is the CPU time of the thread, so that other programs on the machine count less, and the figure is that of the median
 * of many passes.
 *
 * The texts are made here and are the same in each run.  FILE (or POSTHORN_BENCH_TEXTS) adds texts of real life: one a
 * line, what stands before a first tab is left out. */
#include "codec/segment.h"
#include "codec/unicode.h"
#include "codec/utf8.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TEXTS	   10000
#define OCTETS_MAX (16u << 20)
#define TEXTS_MAX  200000
#define PASSES_MAX 4096

struct corpus {
	const char *name;
	char *octets;
	size_t n_octets;
	uint32_t n, start[TEXTS_MAX + 1];
	struct segment_opts opts;
};

static uint32_t seed = 20200229;
static uint64_t sink; /* what is computed must not look useless to the compiler */

static uint32_t draw(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % n;
}

/* ---- texts ---------------------------------------------------------------------------------------------- */

/* Words of one kind of text, and the fewest and most characters of it. */
struct kind {
	const char *words[12];
	unsigned from, to;
};

static const struct kind ordinary[] = {
	{{"your", "code", "is", "4711.", "Parcel", "arrives", "today,", "please", "call", "0800-1234", "Thanks!", "ok"}, 20,
		160},
	{{"Dear", "customer,", "order", "#8812", "(2 items)", "costs", "£12.50;", "café", "opens", "at", "9:30", "@home"}, 40,
		160},
};

static const struct kind mixed[] = {
	{{"your", "code", "is", "4711.", "Parcel", "arrives", "today,", "please", "call", "0800-1234", "Thanks!", "ok"}, 20,
		160},
	{{"Dear", "customer,", "the", "terms", "of", "your", "contract", "change", "on", "1 June:", "read", "more"}, 161, 450},
	{{"[Shop]", "save", "5€", "today", "{code}", "or", "10€", "~", "^up^", "a|b", "at", "us"}, 40, 200},
	{{"Ваш", "код", "4711.", "Посылка", "придёт", "сегодня,", "звоните", "по", "номеру", "8-800", "Спасибо!", "да"}, 20,
		200},
	{{"رمزك", "هو", "4711", "الطرد", "يصل", "اليوم", "اتصل", "بنا", "شكرا", "لك", "نعم", "غدا"}, 20, 150},
	{{"party", "tonight", "🎉", "👨‍👩‍👧‍👦", "see", "you", "👍🏽", "❤️", "🇫🇷", "at", "nine", "😀"}, 20, 160},
	{{"आपका", "कोड", "4711", "है।", "पार्सल", "आज", "आएगा", "कृपया", "फ़ोन", "करें", "धन्यवाद", "क्षमा"}, 20, 160},
	{{"Şifreniz", "4711.", "Kargonuz", "bugün", "gelecek,", "lütfen", "arayın:", "İyi", "günler", "Müşteri", "ağ", "ışık"},
		40, 300},
};

static void add(struct corpus *c, const char *s, size_t n)
{
	assert(c->n < TEXTS_MAX && c->n_octets + n <= OCTETS_MAX);
	memcpy(c->octets + c->n_octets, s, n);
	c->n_octets += n;
	c->start[++c->n] = (uint32_t)c->n_octets;
}

static unsigned chars(const char *s)
{
	unsigned n = 0;

	for (; *s; s++)
		n += ((uint8_t)*s & 0xc0) != 0x80;
	return n;
}

static void add_text(struct corpus *c, const struct kind *k)
{
	unsigned n = k->from + draw(k->to - k->from + 1), used = 0;
	char s[8192];
	size_t at = 0;

	while (used < n) {
		const char *word = k->words[draw(12)];

		if (used)
			s[at++] = ' ';
		memcpy(s + at, word, strlen(word));
		at += strlen(word);
		used += chars(word) + 1;
	}
	add(c, s, at);
}

static struct corpus *corpus_new(const char *name)
{
	struct corpus *c = calloc(1, sizeof(*c));

	assert(c);
	c->name = name;
	c->octets = malloc(OCTETS_MAX);
	assert(c->octets);
	return c;
}

static void corpus_free(struct corpus *c)
{
	free(c->octets);
	free(c);
}

static struct corpus *corpus_make(const char *name, const struct kind *kinds, unsigned n_kinds)
{
	struct corpus *c = corpus_new(name);

	for (unsigned i = 0; i < TEXTS; i++)
		add_text(c, &kinds[i % n_kinds]);
	return c;
}

static struct corpus *corpus_read(const char *path)
{
	struct corpus *c = corpus_new("texts of a file");
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	if (!f) {
		perror(path);
		exit(1);
	}
	while ((n = getline(&line, &cap, f)) > 0) {
		const char *text = memchr(line, '\t', (size_t)n);
		size_t len;

		text = text ? text + 1 : line;
		len = strcspn(text, "\n");
		if (c->n < TEXTS_MAX && c->n_octets + len <= OCTETS_MAX && utf8_check(text, len, NULL) == 0)
			add(c, text, len);
	}
	free(line);
	fclose(f);
	return c;
}

/* ---- work ----------------------------------------------------------------------------------------------- */

static void copy(const struct corpus *c)
{
	char to[16384];

	for (uint32_t i = 0; i < c->n; i++) {
		size_t n = c->start[i + 1] - c->start[i];

		memcpy(to, c->octets + c->start[i], n < sizeof(to) ? n : sizeof(to));
		__asm__ volatile("" ::"r"(to) : "memory");
	}
}

static void check(const struct corpus *c)
{
	for (uint32_t i = 0; i < c->n; i++)
		sink += utf8_check(c->octets + c->start[i], c->start[i + 1] - c->start[i], NULL) == 0;
}

static void cut(const struct corpus *c)
{
	struct segment_plan p;
	struct segment_wire w;
	size_t bad_at;

	for (uint32_t i = 0; i < c->n; i++) {
		const char *text = c->octets + c->start[i];

		if (segment_plan(text, c->start[i + 1] - c->start[i], &c->opts, &p, &bad_at) < 0)
			continue;
		for (unsigned k = 1; k <= p.n_parts; k++) {
			segment_part(text, &p, k, (uint16_t)i, &w);
			sink += w.n_text + w.text[0];
		}
	}
}

static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Texts a second. */
static double rate(void (*work)(const struct corpus *), const struct corpus *c, double seconds)
{
	static double took[PASSES_MAX];
	double begin = cpu_s(), at = begin;
	unsigned n = 0;

	work(c); /* warm */
	do {
		double t = cpu_s();

		work(c);
		at = cpu_s();
		took[n++] = at - t;
	} while (at - begin < seconds && n < PASSES_MAX);
	qsort(took, n, sizeof(took[0]), by_size);
	return c->n / took[n / 2];
}

static void measure(const struct corpus *c, double seconds, bool json)
{
	double got = rate(cut, c, seconds);
	double by_copy = rate(copy, c, seconds / 4), by_check = rate(check, c, seconds / 4);

	if (json)
		printf("{\"name\": \"%s\", \"texts\": %u, \"octets\": %zu, \"texts_per_s\": %.0f, \"memcpy_per_s\": %.0f, "
		       "\"utf8_check_per_s\": %.0f}\n",
			c->name, c->n, c->n_octets, got, by_copy, by_check);
	else
		printf("%-40s %6u texts of %5.1f octets  %11.0f texts/s   %5.3f of memcpy, %5.3f of utf8_check\n", c->name,
			c->n, (double)c->n_octets / c->n, got, got / by_copy, got / by_check);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	const char *path = getenv("POSTHORN_BENCH_TEXTS");
	struct unicode *unicode = unicode_new();
	struct corpus *c[3];
	double seconds = 1;
	unsigned n = 0;
	bool json = false;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0)
			json = true;
		else if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc)
			seconds = atof(argv[++i]);
		else
			path = argv[i];
	}
	c[n++] = corpus_make("ordinary GSM-7 texts", ordinary, 2);
	c[n++] = corpus_make("mixed texts", mixed, sizeof(mixed) / sizeof(mixed[0]));
	c[1]->opts.rules.languages = 1 << 1 | 1 << 2 | 1 << 3; /* tr, es, pt */
	if (path)
		c[n++] = corpus_read(path);
	for (unsigned i = 0; i < n; i++) {
		c[i]->opts.unicode = unicode;
		measure(c[i], seconds, json);
		corpus_free(c[i]);
	}
	unicode_free(unicode);
	return sink == 0; /* it is not */
}
