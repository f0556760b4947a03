// SPDX-License-Identifier: BSD-2-Clause
/* The random bytes of libssh's packets: none comes twice, in no process. */
#include <criterion/criterion.h>
#include <libssh/libssh.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DRAWS = 3000, BYTES = 16 };

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, BYTES);
}

/* Over several pages: a page that was given out again, or not filled, would show. */
Test(random, none_comes_twice)
{
	static uint8_t drawn[DRAWS][BYTES];

	for (int i = 0; i < DRAWS; i++)
		cr_assert_eq(ssh_get_random(drawn[i], BYTES, 0), 1);
	qsort(drawn, DRAWS, BYTES, compare);
	for (int i = 1; i < DRAWS; i++)
		cr_assert_neq(memcmp(drawn[i - 1], drawn[i], BYTES), 0);
}

/* A session is a fork of the spawner, which has made a key exchange with itself. */
Test(random, a_child_has_others)
{
	uint8_t(*shared)[BYTES] =
	    mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint8_t mine[BYTES];

	cr_assert_neq(shared, MAP_FAILED);
	ssh_get_random(mine, BYTES, 0);
	for (int i = 0; i < 2; i++) {
		const pid_t child = fork();

		if (child == 0)
			_exit(ssh_get_random(shared[i], BYTES, 0) != 1);
		cr_assert_eq(waitpid(child, NULL, 0), child);
	}
	cr_assert_eq(ssh_get_random(mine, BYTES, 0), 1);
	cr_expect_neq(memcmp(shared[0], shared[1], BYTES), 0);
	cr_expect_neq(memcmp(shared[0], mine, BYTES), 0);
	cr_expect_neq(memcmp(shared[1], mine, BYTES), 0);
}

/* Exactly the bytes that were asked for are written. */
Test(random, lengths)
{
	static const struct {
		int len, strong, returns;
	} table[] = {{0, 0, 1},	 {1, 0, 1},  {31, 0, 1},   {32, 0, 1}, {16, 1, 1},
		     {32, 1, 1}, {64, 0, 1}, {5000, 0, 1}, {-1, 0, 0}, {-1, 1, 0}};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		static uint8_t twice[2][5001];
		const size_t len = table[i].len > 0 ? (size_t)table[i].len : 0;
		bool first = false, last = false;

		for (int round = 0; round < 20; round++) {
			memset(twice, 0, sizeof(twice));
			for (int k = 0; k < 2; k++)
				cr_assert_eq(
				    ssh_get_random(twice[k], table[i].len, table[i].strong),
				    table[i].returns, "row %zu", i);
			cr_assert_eq(twice[0][len] | twice[1][len], 0, "row %zu", i);
			first = first || (len > 0 && twice[0][0] != twice[1][0]);
			last = last || (len > 0 && twice[0][len - 1] != twice[1][len - 1]);
		}
		cr_expect_eq(first && last, len > 0, "row %zu", i);
	}
}
