/* SPDX-License-Identifier: Apache-2.0 */
/* replay.c -- feed a fuzz target its corpus without a fuzzer.
 *
 * Linked to each target, so that `make check` runs every input that once mattered, with any compiler.  Arguments are files
 * and folders (with what is below them); without arguments it is the corpus named like the program,
 * $srcdir/tests/fuzz/corpus/NAME.  Each input lies at the end of an allocation of its own size, where a sanitizer sees
 * an octet read too many.
 *
 * Exit status 0 when at least one input was fed and all could be read; a target that breaks a promise aborts. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_MAX (16u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned n_fed;
static int walk(const char *path);

static int feed(const char *path, size_t size)
{
	uint8_t *data;
	FILE *f;
	int r = 0;

	if (size > INPUT_MAX)
		return -EFBIG;
	f = fopen(path, "rb");
	if (!f)
		return -errno;
	data = malloc(size ? size : 1);
	if (!data || fread(data, 1, size, f) != size)
		r = -EIO;
	fclose(f);
	if (r == 0) {
		fprintf(stderr, "%s\n", path); /* before the call: it tells which input crashed */
		LLVMFuzzerTestOneInput(data, size);
		n_fed++;
	}
	free(data);
	return r;
}

static int walk_folder(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int r = 0;

	if (!d)
		return -errno;
	while (r == 0 && (e = readdir(d)) != NULL) {
		char below[4096];

		if (e->d_name[0] == '.')
			continue;
		if (snprintf(below, sizeof(below), "%s/%s", path, e->d_name) >= (int)sizeof(below))
			r = -ENAMETOOLONG;
		else
			r = walk(below);
	}
	closedir(d);
	return r;
}

static int walk(const char *path)
{
	struct stat st;
	int r;

	if (stat(path, &st) < 0)
		r = -errno;
	else if (S_ISDIR(st.st_mode))
		return walk_folder(path);
	else
		r = feed(path, (size_t)st.st_size);
	if (r < 0)
		fprintf(stderr, "%s: %s\n", path, strerror(-r));
	return r;
}

static int walk_own_corpus(const char *program)
{
	const char *slash = strrchr(program, '/'), *srcdir = getenv("srcdir");
	char path[4096];

	if (snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/%s", srcdir ? srcdir : ".", slash ? slash + 1 : program) >=
		(int)sizeof(path))
		return -ENAMETOOLONG;
	return walk(path);
}

int main(int argc, char **argv)
{
	int r = 0;

	if (argc < 2)
		r = walk_own_corpus(argv[0]);
	for (int i = 1; i < argc && r == 0; i++)
		r = walk(argv[i]);
	fprintf(stderr, "%u inputs\n", n_fed);
	return r == 0 && n_fed > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
