// SPDX-License-Identifier: BSD-2-Clause
/*
 * For LD_PRELOAD: a libssh server that confirms channels with the maximum packet size in
 * MAX_PACKET, in place of libssh's own.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <libssh/libssh.h>
#include <stdlib.h>
#include <string.h>

enum { LIBSSH_MAX_PACKET = 35000 };

int ssh_buffer_add_data(ssh_buffer buffer, const void *data, uint32_t len)
{
	static int (*real)(ssh_buffer, const void *, uint32_t);
	const char *wanted = getenv("MAX_PACKET");
	const uint32_t known = htonl(LIBSSH_MAX_PACKET),
		       said = htonl(wanted ? (uint32_t)atoi(wanted) : LIBSSH_MAX_PACKET);

	if (!real)
		real = (__typeof__(real))dlsym(RTLD_NEXT, "ssh_buffer_add_data");
	return real(buffer, len == sizeof(known) && memcmp(data, &known, len) == 0 ? &said : data,
		    len);
}
