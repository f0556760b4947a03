// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_FUZZ_H
#define SSHIPC_FUZZ_H
/*
 * What the fuzz targets share.  A target aborts where an answer makes no sense; leaks and what
 * else the sanitizers see is theirs to report.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define EXPECT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

/* libconfig 1.5 loses texts that a syntax error follows; a configuration is read once. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig.so";
}

/* The input as a text of its own; free it. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	EXPECT(text);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

/* A file in memory that holds the input from now on; its name, which stays. */
static inline const char *fuzz_file(const uint8_t *data, size_t size)
{
	static char path[64];
	static int fd = -1;

	if (fd < 0) {
		fd = memfd_create("fuzz", MFD_CLOEXEC);
		EXPECT(fd >= 0 && fchmod(fd, 0600) == 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	EXPECT(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
	return path;
}

/* The lowest free descriptor: a later one is higher when one has leaked. */
static inline int fuzz_next_fd(void)
{
	const int fd = dup(STDERR_FILENO);

	EXPECT(fd >= 0 && close(fd) == 0);
	return fd;
}

#endif
