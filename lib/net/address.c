// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in every process, called wherever an address is read, printed, compared,
 * accepted from or connected to.  It resolves no names and never waits: a connect is started, not
 * awaited.
 */
#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"

#define UN_PATH offsetof(struct sockaddr_un, sun_path)
#define UN_MAX	107

/* The casts between address families in one place: sockaddr_storage allows them. */
#define IN4(a) ((struct sockaddr_in *)&(a)->sa)
#define IN6(a) ((struct sockaddr_in6 *)&(a)->sa)
#define UN(a)  ((struct sockaddr_un *)&(a)->sa)

static void set_ipv4(struct address *a, struct in_addr host, in_port_t port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = host, .sin_port = port};

	*a = (struct address){.len = sizeof(in)};
	memcpy(&a->sa, &in, sizeof(in));
}

void address_from_sockaddr(struct address *a, const struct sockaddr *sa, socklen_t len)
{
	struct address in = {.len = len};

	*a = (struct address){.sa.ss_family = AF_UNSPEC};
	if (!sa || len < sizeof(sa->sa_family) || len > sizeof(in.sa))
		return;
	memcpy(&in.sa, sa, len);
	switch (in.sa.ss_family) {
	case AF_INET:
		if (len >= sizeof(struct sockaddr_in))
			set_ipv4(a, IN4(&in)->sin_addr, IN4(&in)->sin_port);
		break;
	case AF_INET6:
		if (len < sizeof(struct sockaddr_in6))
			break;
		if (IN6_IS_ADDR_V4MAPPED(&IN6(&in)->sin6_addr)) {
			struct in_addr host;

			memcpy(&host, &IN6(&in)->sin6_addr.s6_addr[12], sizeof(host));
			set_ipv4(a, host, IN6(&in)->sin6_port);
			break;
		}
		in.len = sizeof(struct sockaddr_in6);
		*a = in;
		break;
	case AF_UNIX:
		/* The kernel counts a path's NUL or does not; we always do. */
		if (len > UN_PATH && UN(&in)->sun_path[0])
			in.len =
			    (socklen_t)(UN_PATH + strnlen(UN(&in)->sun_path, len - UN_PATH) + 1);
		*a = in;
		break;
	}
}

static const char *parse_unix(const char *text, struct address *out)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	size_t n = strlen(text);

	if (text[0] == '@' && n == 1)
		return "an abstract socket needs a name";
	if (n > UN_MAX)
		return "a socket path has at most 107 bytes";
	memcpy(un.sun_path, text, n);
	if (text[0] == '@')
		un.sun_path[0] = '\0';
	address_from_sockaddr(out, (struct sockaddr *)&un, (socklen_t)(UN_PATH + n));
	return NULL;
}

const char *address_split(const char *text, char host[ADDRESS_HOST], const char **port)
{
	bool v6 = text[0] == '[';
	const char *start = text + v6, *end = strchr(start, v6 ? ']' : ':');
	size_t n = end ? (size_t)(end - start) : 0;

	if (strstr(text, ":/"))
		return "no scheme stands before HOST:PORT, [V6]:PORT or /path here";
	if (n == 0 || n >= ADDRESS_HOST || end[v6] != ':')
		return "expected HOST:PORT, [V6]:PORT or /path";
	memcpy(host, start, n);
	host[n] = '\0';
	*port = end + v6 + 1;
	if (v6 != !!strchr(host, ':') || strchr(*port, ':'))
		return "an IPv6 address, and only that, is put in brackets; one colon is before "
		       "the port";
	return NULL;
}

int address_parse_port(const char *text, uint16_t *port)
{
	const size_t digits = strspn(text, "0123456789");
	const unsigned long v = strtoul(text, NULL, 10);

	if (digits == 0 || digits > 5 || text[digits] || v > UINT16_MAX)
		return -1;
	*port = (uint16_t)v;
	return 0;
}

static int parse_ipv6(const char *host, struct sockaddr_in6 *in6)
{
	char plain[INET6_ADDRSTRLEN] = "";
	const char *scope = strchr(host, '%');
	size_t n = scope ? (size_t)(scope - host) : strlen(host);

	if (n >= sizeof(plain))
		return -1;
	memcpy(plain, host, n);
	if (inet_pton(AF_INET6, plain, &in6->sin6_addr) != 1)
		return -1;
	if (!scope)
		return 0;
	/* An unknown interface has index 0, which would mean "none given". */
	in6->sin6_scope_id = if_nametoindex(scope + 1);
	if (!in6->sin6_scope_id && scope[1 + strspn(scope + 1, "0123456789")] == '\0')
		in6->sin6_scope_id = (uint32_t)strtoul(scope + 1, NULL, 10);
	return in6->sin6_scope_id ? 0 : -1;
}

int address_from_host(const char *host, uint16_t port, struct address *out)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct in_addr in4 = {.s_addr = htonl(INADDR_LOOPBACK)};

	if (!strcasecmp(host, "localhost") || inet_pton(AF_INET, host, &in4) == 1) {
		set_ipv4(out, in4, htons(port));
		return 0;
	}
	if (parse_ipv6(host, &in6) < 0)
		return -1;
	address_from_sockaddr(out, (struct sockaddr *)&in6, sizeof(in6));
	return 0;
}

static bool is_wildcard(const struct address *a)
{
	if (a->sa.ss_family == AF_INET6)
		return IN6_IS_ADDR_UNSPECIFIED(&IN6(a)->sin6_addr);
	return a->sa.ss_family == AF_INET && IN4(a)->sin_addr.s_addr == htonl(INADDR_ANY);
}

static const char *parse_tcp(const char *text, unsigned flags, struct address *out)
{
	char host[ADDRESS_HOST] = "*";
	const char *port_text = text, *why = NULL;
	uint16_t port = 0;

	if (!(flags & ADDRESS_WILDCARD_OK) || address_parse_port(text, &port) < 0)
		why = address_split(text, host, &port_text);
	if (why)
		return why;
	if (address_parse_port(port_text, &port) < 0)
		return flags & ADDRESS_PORT_0_OK ? "the port is not a number from 0 to 65535"
						 : "the port is not a number from 1 to 65535";
	if (port == 0 && !(flags & ADDRESS_PORT_0_OK))
		return "port 0 has no meaning here";
	if (address_from_host(strcmp(host, "*") ? host : "::", port, out) < 0)
		return "the host is not a numeric address; names are not looked up, write the "
		       "address that getent hosts NAME tells";
	if (is_wildcard(out) && !(flags & ADDRESS_WILDCARD_OK))
		return "a wildcard has no meaning here";
	return NULL;
}

const char *address_parse(const char *text, unsigned flags, struct address *out)
{
	const char *why;

	*out = (struct address){.sa.ss_family = AF_UNSPEC};
	why =
	    text[0] == '/' || text[0] == '@' ? parse_unix(text, out) : parse_tcp(text, flags, out);
	if (why)
		*out = (struct address){.sa.ss_family = AF_UNSPEC};
	return why;
}

static const char *format_unix(const struct address *a, char *buf, size_t size)
{
	const char *path = UN(a)->sun_path;
	size_t n = a->len - UN_PATH;

	if (a->len <= UN_PATH) {
		snprintf(buf, size, "unnamed");
		return buf;
	}
	if (path[0])
		return log_escape_to(buf, size, path, n - 1);
	snprintf(buf, size, "@");
	log_escape_to(buf + 1, size - 1, path + 1, n - 1);
	return buf;
}

const char *address_format_host(const struct address *a, char *buf, size_t size)
{
	if (address_is_unix(a))
		return format_unix(a, buf, size);
	/* getnameinfo is slow: it is for the scope of an IPv6 address. */
	if (a->sa.ss_family == AF_INET &&
	    inet_ntop(AF_INET, &IN4(a)->sin_addr, buf, (socklen_t)size))
		return buf;
	if (a->sa.ss_family == AF_UNSPEC ||
	    getnameinfo((const struct sockaddr *)&a->sa, a->len, buf, (socklen_t)size, NULL, 0,
			NI_NUMERICHOST))
		snprintf(buf, size, "unknown");
	return buf;
}

const char *address_format_port(const char *host, unsigned port, char *buf, size_t size)
{
	snprintf(buf, size, strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, port);
	return buf;
}

const char *address_format(const struct address *a, char *buf, size_t size)
{
	char host[ADDRESS_TEXT];

	address_format_host(a, host, sizeof(host));
	if (a->sa.ss_family == AF_INET6 || a->sa.ss_family == AF_INET)
		return address_format_port(host, address_port(a), buf, size);
	snprintf(buf, size, "%s", host);
	return buf;
}

bool address_equal(const struct address *a, const struct address *b)
{
	if (a->sa.ss_family != b->sa.ss_family || address_port(a) != address_port(b))
		return false;
	switch (a->sa.ss_family) {
	case AF_INET:
		return IN4(a)->sin_addr.s_addr == IN4(b)->sin_addr.s_addr;
	case AF_INET6:
		return IN6_ARE_ADDR_EQUAL(&IN6(a)->sin6_addr, &IN6(b)->sin6_addr) &&
		       IN6(a)->sin6_scope_id == IN6(b)->sin6_scope_id;
	case AF_UNIX: /* two unnamed sockets are not the same one */
		return a->len > UN_PATH && a->len == b->len && !memcmp(&a->sa, &b->sa, a->len);
	}
	return false;
}

bool address_is_unix(const struct address *a)
{
	return a->sa.ss_family == AF_UNIX;
}

const char *address_path(const struct address *a)
{
	return address_is_unix(a) && UN(a)->sun_path[0] ? UN(a)->sun_path : NULL;
}

bool address_is_loopback(const struct address *a)
{
	if (a->sa.ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&IN6(a)->sin6_addr);
	if (a->sa.ss_family == AF_INET)
		return ntohl(IN4(a)->sin_addr.s_addr) >> 24 == 127;
	return address_is_unix(a);
}

const uint8_t *address_host_bytes(const struct address *a, size_t *len)
{
	const bool v6 = a->sa.ss_family == AF_INET6;

	*len = v6 ? 16 : a->sa.ss_family == AF_INET ? 4 : 0;
	return v6 ? IN6(a)->sin6_addr.s6_addr : (const uint8_t *)&IN4(a)->sin_addr;
}

uint16_t address_port(const struct address *a)
{
	if (a->sa.ss_family == AF_INET6)
		return ntohs(IN6(a)->sin6_port);
	return a->sa.ss_family == AF_INET ? ntohs(IN4(a)->sin_port) : 0;
}

void address_set_port(struct address *a, uint16_t port)
{
	if (a->sa.ss_family == AF_INET6)
		IN6(a)->sin6_port = htons(port);
	else if (a->sa.ss_family == AF_INET)
		IN4(a)->sin_port = htons(port);
}

static void tune_tcp(int fd)
{
	const struct linger reset = {.l_onoff = 1, .l_linger = 0};
	const int on = 1;

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

void address_tune(int fd)
{
	int domain = AF_UNSPEC;
	socklen_t len = sizeof(domain);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain != AF_UNIX)
		tune_tcp(fd);
}

int address_accept(int sock, struct address *peer, bool *starved)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	const int fd = accept4(sock, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	*starved =
	    fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM);
	if (fd >= 0)
		address_from_sockaddr(peer, (struct sockaddr *)&sa, len);
	return fd;
}

void address_local(int fd, struct address *out)
{
	struct sockaddr_storage sa = {.ss_family = AF_UNSPEC};
	socklen_t len = sizeof(sa);

	getsockname(fd, (struct sockaddr *)&sa, &len);
	address_from_sockaddr(out, (struct sockaddr *)&sa, len);
}

int address_connect_result(int fd)
{
	int e = 0;
	socklen_t len = sizeof(e);

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len) < 0 ? errno : e;
}

/* The port is chosen with the connect, so that one source has all ports for each endpoint. */
static int bind_source(int fd, const struct address *from)
{
	const int late = 1;

	if (from->sa.ss_family == AF_UNSPEC)
		return 0;
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &late, sizeof(late));
	return bind(fd, (const struct sockaddr *)&from->sa, from->len) == 0 ? 0 : errno;
}

int address_connect(const struct address *a, const struct address *from, bool *pending)
{
	const struct sockaddr *to = (const struct sockaddr *)&a->sa;
	const int fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int e;

	*pending = false;
	if (fd < 0)
		return -1;
	if (!address_is_unix(a))
		tune_tcp(fd);
	e = from ? bind_source(fd, from) : 0;
	if (e == 0)
		e = connect(fd, to, a->len) < 0 ? errno : 0;
	/* Linux never finishes a TCP connect within the call, not even on loopback, where it is
	 * over by now: a second call tells the result, or EALREADY. */
	if (e == EINPROGRESS)
		e = connect(fd, to, a->len) < 0 ? errno : 0;
	*pending = e == EALREADY;
	if (e == 0 || *pending)
		return fd;
	close(fd);
	errno = e;
	return -1;
}

void address_tune_ssh(int fd, int keepalive)
{
	const int one = 1, unsent = ADDRESS_UNSENT, third = 1 + keepalive / 3;
	/* A peer that lives but does not read (max_held) leaves its window at zero, and the kernel
	 * counts that as it counts silence: so its patience is that with output without progress.
	 * A silent peer is noticed by keepalive requests before that. */
	const unsigned timeout_ms =
	    (unsigned)(keepalive > ADDRESS_STALL ? keepalive : ADDRESS_STALL) * 1000;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &third, sizeof(third));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &third, sizeof(third));
	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
}
