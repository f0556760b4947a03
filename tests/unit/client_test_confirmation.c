// SPDX-License-Identifier: BSD-2-Clause
/* What libssh gets to read of a CHANNEL_OPEN_CONFIRMATION: its buffer's own functions, as libssh
 * calls them.  That libssh's calls arrive here is for the end-to-end tests. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <libssh/libssh.h>

#include "confirmation.h"

/* Reads as libssh does: padding length, type, four numbers; the last two are the answer. */
static void read_packet(uint8_t padding, uint8_t type, uint32_t window, uint32_t size, size_t more,
			uint32_t out[2])
{
	ssh_buffer b = ssh_buffer_new();
	const uint32_t words[] = {htonl(43), htonl(7), htonl(window), htonl(size)};
	const uint8_t zeros[64] = {0};
	uint32_t word = 0;
	uint8_t byte;

	cr_assert(ssh_buffer_add_data(b, &padding, 1) == 0 &&
		  ssh_buffer_add_data(b, &type, 1) == 0 &&
		  ssh_buffer_add_data(b, words, sizeof(words)) == 0 &&
		  ssh_buffer_add_data(b, zeros, (uint32_t)more) == 0);
	cr_expect_eq(ssh_buffer_get_data(b, &byte, 1), 1);
	cr_expect_eq(byte, padding);
	cr_expect_eq(ssh_buffer_get_data(b, &byte, 1), 1);
	cr_expect_eq(byte, type);
	for (int i = 0; i < 4; i++) {
		cr_expect_eq(ssh_buffer_get_data(b, &word, sizeof(word)), sizeof(word));
		if (i < 2)
			cr_expect_eq(word, words[i]);
		else
			out[i - 2] = ntohl(word);
	}
	ssh_buffer_free(b);
}

Test(confirmation, small_packets)
{
	static const struct {
		uint8_t padding, type;
		uint32_t size;
		size_t more;
		bool small;
	} table[] = {
	    {4, 91, 0, 0, true},      {4, 91, 10, 0, true},	     {4, 91, 1023, 0, true},
	    {4, 91, 10, 64, true},    {91, 91, 10, 0, true},	     {4, 91, 1024, 0, false},
	    {4, 91, 32768, 0, false}, {4, 91, UINT32_MAX, 0, false}, {4, 90, 10, 0, false},
	    {91, 94, 10, 0, false},
	};
	uint32_t got[2], size;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		read_packet(table[i].padding, table[i].type, 5000, table[i].size, table[i].more,
			    got);
		cr_expect_eq(got[0], table[i].small ? 0 : 5000, "%zu: %u", i, got[0]);
		cr_expect_eq(got[1], table[i].small ? 32768 : table[i].size, "%zu: %u", i, got[1]);
		cr_expect_eq(confirmation_take_small(&size), table[i].small, "%zu", i);
		cr_expect(!table[i].small || size == table[i].size, "%zu: %u", i, size);
		cr_expect_not(confirmation_take_small(&size), "%zu: told once", i);
	}
	read_packet(4, 91, 1, 1, 0, got);
	confirmation_forget();
	cr_expect_not(confirmation_take_small(&size));
}

/* A packet that ends too early is libssh's to refuse. */
Test(confirmation, cut_short)
{
	const uint8_t bytes[] = {91, 0, 0, 0, 43, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0};
	ssh_buffer b = ssh_buffer_new();
	uint32_t word;
	uint8_t byte;

	cr_assert_eq(ssh_buffer_add_data(b, bytes, sizeof(bytes)), 0);
	cr_expect_eq(ssh_buffer_get_data(b, &byte, 1), 1);
	cr_expect_eq(ssh_buffer_get_data(b, &word, sizeof(word)), sizeof(word));
	cr_expect_not(confirmation_take_small(&word));
	ssh_buffer_free(b);
}
