/* SPDX-License-Identifier: Apache-2.0 */
/* codec_tables.h -- the alphabets read from their files at run time, for tests.
 *
 * A second reading beside the one of src/codec/alphabets/tables.awk, which makes the arrays of the program: where the
 * two disagree, one of them is wrong. */
#ifndef TESTS_CODEC_TABLES_H
#define TESTS_CODEC_TABLES_H

#include <assert.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALPHABETS 14
#define NO_CODE	  (-1)

struct alphabet {
	bool there;
	uint16_t shows[128]; /* 0: no such cell in the file, or one without a character */
	int16_t code[65536]; /* of a character; NO_CODE: it cannot be sent with this table */
	char name[128][80];  /* as the file calls the cell */
};

static struct alphabet alphabets[2][ALPHABETS]; /* [0]: main tables, [1]: behind ESC */

static inline void read_alphabet(const char *path, struct alphabet *a)
{
	FILE *f = fopen(path, "r");
	char line[256];

	assert(f);
	assert(fgets(line, sizeof(line), f) && strcmp(line, "code\tunicode\tname\tnote\n") == 0);
	a->there = true;
	while (fgets(line, sizeof(line), f)) {
		char *unicode = strchr(line, '\t'), *name = strchr(unicode + 1, '\t'), *note = strchr(name + 1, '\t');
		unsigned code = (unsigned)strtoul(line, NULL, 16);
		unsigned long cp;

		assert(unicode == line + 2 && code < 128 && name && note);
		*note++ = '\0';
		snprintf(a->name[code], sizeof(a->name[code]), "%s", name + 1);
		if (unicode[1] == '-')
			continue;
		cp = strtoul(unicode + 3, NULL, 16);
		assert(cp > 0 && cp < 65536);
		a->shows[code] = (uint16_t)cp;
		/* Of two cells the first, which has the lower code. */
		if (a->code[cp] == NO_CODE && strncmp(note, "receive only", 12) != 0)
			a->code[cp] = (int16_t)code;
	}
	fclose(f);
}

/* All of $srcdir/src/codec/alphabets; returns the number of files. */
static inline unsigned read_alphabets(void)
{
	const char *srcdir = getenv("srcdir");
	char folder[2048], path[4096];
	struct dirent *e;
	unsigned n = 0;
	DIR *d;

	memset(alphabets, 0, sizeof(alphabets));
	for (unsigned i = 0; i < 2 * ALPHABETS; i++)
		for (unsigned cp = 0; cp < 65536; cp++)
			alphabets[i / ALPHABETS][i % ALPHABETS].code[cp] = NO_CODE;
	snprintf(folder, sizeof(folder), "%s/src/codec/alphabets", srcdir ? srcdir : ".");
	d = opendir(folder);
	assert(d);
	while ((e = readdir(d)) != NULL) {
		bool single = strstr(e->d_name, "-single.") || strstr(e->d_name, "-extension.");
		unsigned long language = strtoul(e->d_name, NULL, 10);

		if (!strstr(e->d_name, ".tsv"))
			continue;
		assert(language < ALPHABETS);
		snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		read_alphabet(path, &alphabets[single][language]);
		n++;
	}
	closedir(d);
	return n;
}

/* Septets that the character costs with a pair of tables; 0: the pair lacks it. */
static inline unsigned tables_cost(unsigned locking, unsigned single, uint32_t cp)
{
	if (cp > 0xffff)
		return 0;
	if (alphabets[0][locking].code[cp] != NO_CODE)
		return 1;
	return alphabets[1][single].code[cp] != NO_CODE ? 2 : 0;
}

#endif
