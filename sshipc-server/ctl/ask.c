// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in `sshipc-server ctl`, called by its commands.  It is the only file of ctl/ that talks to a
 * server, with its caller's rights, and it trusts no answer with a terminal.
 */
#include "ask.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "control.h"
#include "json.h"

enum { PATIENCE_SECONDS = 50 }; /* for an answer: others may be asking, an upgrade checks first */

static int say(int code, const char *path, const char *why)
{
	fprintf(stderr, ASK_PROGRAM ": %s: %s\n", path, why);
	return code;
}

/* *server: whose it is. */
static int connect_to(const char *path, unsigned *server, int *code)
{
	const struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
	struct ucred peer = {.uid = 0};
	socklen_t len = sizeof(peer);
	struct address at;
	const char *why = settings_parse_control(path, &at);
	char text[256];
	int fd;

	if (why) {
		*code = say(EX_USAGE, path, why);
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	}
	if (fd < 0 || connect(fd, (const struct sockaddr *)&at.sa, at.len) != 0) {
		const bool forbidden = errno == EACCES || errno == EPERM;

		*code = forbidden ? EX_NOPERM : EX_UNAVAILABLE;
		snprintf(text, sizeof(text), "%s: %s%s",
			 forbidden ? "not allowed" : "no server here", strerror(errno),
			 forbidden ? "; only root, the server's own user and control_group are"
				   : "; is it running? It has this control socket with --control, "
				     "or by its settings");
	} else {
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len);
		*server = peer.uid;
		return fd;
	}
	say(*code, path, text);
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Everything up to the end; NULL when that does not come, or is too far. */
static char *receive(int fd)
{
	char *text = NULL, part[65536];
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	ssize_t n = 0;

	if (!f)
		return NULL;
	while (ftell(f) <= 2 * CONTROL_ANSWER && (n = recv(fd, part, sizeof(part), 0)) > 0)
		fwrite(part, 1, (size_t)n, f);
	if (fclose(f) == 0 && n == 0)
		return text;
	free(text);
	return NULL;
}

/* True for lines without control bytes (C0, DEL, C1): the answer goes to a terminal, and the socket
 * may be anybody's. */
static bool is_clean(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	for (size_t i = 0; s[i]; i++)
		if ((s[i] < ' ' && s[i] != '\n') || s[i] == 0x7f ||
		    (s[i] == 0xc2 && s[i + 1] >= 0x80 && s[i + 1] < 0xa0))
			return false;
	return true;
}

const char *ask_verdict(const char *text)
{
	const char *p = text + strlen(text);

	if (p == text || *--p != '\n')
		return "";
	while (p > text && p[-1] != '\n')
		p--;
	return p;
}

static int say_not_allowed(const char *path, unsigned server)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "not allowed: only root%s may ask this; members of its control_group, %d at a "
		 "time, who, status and metrics",
		 server ? " and the server's own user" : "", CONTROL_GUESTS);
	return say(EX_NOPERM, path, text);
}

void ask_print_texts(const char *answer, FILE *to)
{
	char line[8192], text[2048];
	size_t n;

	for (const char *end = ask_verdict(answer); answer < end; answer += n + 1) {
		n = strcspn(answer, "\n");
		snprintf(line, sizeof(line), "%.*s", (int)n, answer);
		if (is_clean(line) && *json_value(line, "text", text, sizeof(text)) &&
		    strcmp(text, "-") != 0)
			fprintf(to, "%s\n", text);
	}
}

/* Says which generations do not answer; without keep their rows are taken out of the answer. */
static void say_silent(char *answer, bool keep)
{
	static const char end[] = ",\"answers\":false}\n";
	char number[16];

	for (char *p = answer, *next; (next = strchr(p, '\n')); p = next) {
		if (++next - p < (long)sizeof(end) || strncmp(p, "{\"generation\":", 14) != 0 ||
		    strncmp(next - sizeof(end) + 1, end, sizeof(end) - 1) != 0)
			continue;
		fprintf(stderr, ASK_PROGRAM ": generation %s does not answer (stopped?)\n",
			json_value(p, "generation", number, sizeof(number)));
		if (!keep) {
			memmove(p, next, strlen(next) + 1);
			next = p;
		}
	}
}

char *ask_server(const struct ctl *c, const char *request, int refused, int *code)
{
	struct control_request parsed;
	const char *why = NULL, *verdict;
	char *text = NULL, line[CONTROL_REQUEST + 1], error[2048];
	unsigned server;
	bool guest;
	int fd, n;

	if (control_parse(request, strlen(request), &parsed, &why) != 0) {
		*code = ask_usage("%s", why);
		return NULL;
	}
	if (!*c->path) {
		*code = say(EX_UNAVAILABLE, "no control socket",
			    "the server has none without --control or control");
		return NULL;
	}
	fd = connect_to(c->path, &server, code);
	if (fd < 0)
		return NULL;
	guest = geteuid() != 0 && geteuid() != server;
	n = snprintf(line, sizeof(line), "%s\n", request);
	if ((!guest || control_is_for_guests(parsed.command)) &&
	    send(fd, line, (size_t)n, MSG_NOSIGNAL) == n)
		text = receive(fd);
	close(fd);
	*code = EX_UNAVAILABLE;
	if (text && is_clean(text))
		say_silent(text, c->json);
	verdict = text ? ask_verdict(text) : "";
	if (strncmp(verdict, "{\"ok\":true", 10) == 0 && is_clean(text)) {
		*code = EX_OK;
		return text;
	}
	if (strncmp(verdict, "{\"ok\":false", 11) == 0)
		ask_print_texts(text, stderr);
	if (strncmp(verdict, "{\"ok\":false", 11) == 0)
		*code = say(refused, c->path, json_value(verdict, "error", error, sizeof(error)));
	else if (guest && (!text || !*text))
		*code = say_not_allowed(c->path, server);
	else
		say(EX_UNAVAILABLE, c->path, "the server did not answer as it should");
	free(text);
	return NULL;
}
