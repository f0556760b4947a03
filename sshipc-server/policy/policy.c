// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the monitor, called for every login and every open, and in --explain and -T, which ask
 * the same questions.  Pure: no descriptor, no clock, no memory of earlier calls; and no other file
 * may grant anything.
 */
#include "policy.h"

#include <string.h>
#include <strings.h>

#define OWN_HOST "."
#define ANY_PORT UINT32_MAX /* of a permitopen; a peer's port is compared only if below 2^16 */

static bool is_path(const char *text)
{
	return text[0] == '/' || text[0] == '@';
}

/* The addresses that a client may resolve "localhost" to. */
static bool is_localhost(const struct address *a)
{
	static const char *const hosts[] = {"127.0.0.1", "::1"};
	struct address b;

	for (size_t i = 0; i < 2; i++) {
		if (address_from_host(hosts[i], address_port(a), &b) == 0 && address_equal(a, &b))
			return true;
	}
	return false;
}

static bool host_matches(const char *host, const struct address *a)
{
	struct address b;

	if (!strcasecmp(host, "localhost") && address_is_loopback(a))
		return true;
	/* A scope would have to be looked up among the interfaces, and the policy uses only its
	 * arguments. */
	return !strchr(host, '%') && address_from_host(host, address_port(a), &b) == 0 &&
	       (address_equal(a, &b) || (is_localhost(a) && is_localhost(&b)));
}

/* Whether a TCP destination is the endpoint's own address. */
static bool matches_tcp(const char *host, uint32_t port, const struct address *a)
{
	if (address_is_unix(a) || (port != ANY_PORT && port != address_port(a)))
		return false;
	return host_matches(host, a);
}

static bool matches_alias(const char *host, uint32_t port, const char *alias)
{
	char name[ADDRESS_HOST];
	const char *port_text = NULL;
	struct address numeric;
	uint16_t alias_port = 0;

	if (is_path(alias))
		return !strcmp(host, alias);
	if (address_split(alias, name, &port_text) ||
	    address_parse_port(port_text, &alias_port) < 0)
		return false;
	if (address_from_host(name, alias_port, &numeric) == 0)
		return matches_tcp(host, port, &numeric);
	return (port == ANY_PORT || port == alias_port) && !strcasecmp(host, name);
}

static bool matches_path(const char *path, const struct address *a)
{
	struct address b;

	return is_path(path) && !address_parse(path, 0, &b) && address_equal(a, &b);
}

/* Whether a destination names the endpoint in a form that both channel types have (name, path, path
 * alias) or, with a port, in one of TCP. */
static bool selects(const struct endpoint *e, const char *host, const uint32_t *port)
{
	if (!strcmp(host, e->name) || matches_path(host, &e->address))
		return true;
	if (port && matches_tcp(host, *port, &e->address))
		return true;
	for (size_t i = 0; i < e->n_accept; i++) {
		if ((port || is_path(e->accept[i])) &&
		    matches_alias(host, port ? *port : 0, e->accept[i]))
			return true;
	}
	return false;
}

static enum policy_verdict decide_open(const struct endpoint *endpoint,
				       const struct policy_request *request)
{
	bool tcp = request->action == POLICY_DIRECT_TCPIP;
	/* A peer cannot ask for ANY_PORT: that number is out of range like those beside it. */
	uint32_t port = request->port == ANY_PORT ? ANY_PORT - 1 : request->port;
	char host[ADDRESS_HOST];

	if (request->host_len == 0 || request->host_len >= sizeof(host))
		return POLICY_BAD_DESTINATION;
	memcpy(host, request->host, request->host_len);
	host[request->host_len] = '\0';
	for (size_t i = 0; i < request->host_len; i++) {
		unsigned char c = (unsigned char)host[i];

		if (c < ' ' || c == 0x7f)
			return POLICY_BAD_DESTINATION;
	}
	if (!strcmp(host, POLICY_STATUS_HOST))
		return POLICY_GRANT_STATUS;
	if (!strcmp(host, OWN_HOST) || selects(endpoint, host, tcp ? &port : NULL))
		return POLICY_GRANT;
	return POLICY_WRONG_DESTINATION;
}

static bool has_type(const struct policy_request *request)
{
	return request->action == POLICY_LOGIN || request->action == POLICY_DIRECT_TCPIP ||
	       request->action == POLICY_DIRECT_STREAMLOCAL;
}

static bool has_expired(const struct keyline *entry, time_t now)
{
	return entry->expires && now >= entry->expires;
}

enum policy_verdict policy_ask(enum policy_condition condition, const struct keyline *entry,
			       const struct endpoint *endpoint,
			       const struct policy_request *request)
{
	switch (condition) {
	case POLICY_ASK_KEY:
		return entry ? POLICY_GRANT : POLICY_NO_KEY;
	case POLICY_ASK_TYPE:
		return has_type(request) ? POLICY_GRANT : POLICY_WRONG_TYPE;
	case POLICY_ASK_ENDPOINT:
		return endpoint ? POLICY_GRANT : POLICY_NO_ENDPOINT;
	case POLICY_ASK_SOURCE:
		return entry->from.n == 0 || cidr_matches(&entry->from, &request->source)
			   ? POLICY_GRANT
			   : POLICY_SOURCE_NOT_ALLOWED;
	case POLICY_ASK_EXPIRY:
		return has_expired(entry, request->now) ? POLICY_EXPIRED : POLICY_GRANT;
	case POLICY_ASK_WINDOW:
		return window_open(&entry->valid, request->now) ? POLICY_GRANT
								: POLICY_OUTSIDE_WINDOW;
	case POLICY_ASK_VERIFIED:
		return entry->verify_required && !request->user_verified ? POLICY_USER_NOT_VERIFIED
									 : POLICY_GRANT;
	case POLICY_ASK_DESTINATION:
		return request->action == POLICY_LOGIN ? POLICY_GRANT
						       : decide_open(endpoint, request);
	default:
		return POLICY_WRONG_TYPE;
	}
}

enum policy_verdict policy_decide(const struct keyline *entry, const struct endpoint *endpoint,
				  const struct policy_request *request)
{
	enum policy_verdict verdict = POLICY_GRANT;

	for (int c = 0; c < POLICY_CONDITIONS && verdict == POLICY_GRANT; c++)
		verdict = policy_ask((enum policy_condition)c, entry, endpoint, request);
	return verdict;
}

time_t policy_next_change(const struct keyline *entry, time_t now)
{
	time_t next = 0;

	if (has_expired(entry, now))
		return 0;
	next = window_next_change(&entry->valid, now);
	return entry->expires && (!next || entry->expires < next) ? entry->expires : next;
}

bool policy_permitopen_names(const char *spec, const struct endpoint *endpoint)
{
	char host[ADDRESS_HOST];
	const char *port_text = NULL;
	uint32_t any = ANY_PORT;
	uint16_t number = 0;

	if (address_split(spec, host, &port_text))
		return false;
	if (!strcmp(port_text, "*"))
		return selects(endpoint, host, &any);
	return address_parse_port(port_text, &number) == 0 &&
	       selects(endpoint, host, &(uint32_t){number});
}
