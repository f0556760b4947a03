// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the client's process, called by the link once keys are exchanged, and by session.c for
 * the algorithms to offer.  Reads known_hosts files; writes one only after the user said yes on the
 * terminal.
 */
#include "trust.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "folders.h"
#include "reason.h"
#include "settings.h"
#include "tty.h"

#define SSH_PORT   22
#define NAME_SIZE  300 /* "[host]:port" */
#define WHERE_SIZE 300 /* FILE:LINE */

static enum trust_verdict __attribute__((format(printf, 3, 4)))
say(char text[TRUST_TEXT], enum trust_verdict verdict, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, TRUST_TEXT, fmt, ap);
	va_end(ap);
	return verdict;
}

bool trust_pin_valid(const char *pin)
{
	uint8_t digest[KEYLINE_DIGEST];
	char padded[KEYLINE_FINGERPRINT];

	if (strncmp(pin, "SHA256:", 7) != 0 || strlen(pin) != 50)
		return false;
	snprintf(padded, sizeof(padded), "%s=", pin + 7);
	return keyline_base64(padded, strlen(padded), digest, sizeof(digest)) == sizeof(digest);
}

int trust_fingerprint(ssh_key key, char out[KEYLINE_FINGERPRINT])
{
	unsigned char *hash = NULL;
	size_t len = 0;
	char *text = NULL;

	if (ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &len) == 0)
		text = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, len);
	snprintf(out, KEYLINE_FINGERPRINT, "%s", text ? text : "");
	ssh_clean_pubkey_hash(&hash);
	ssh_string_free_char(text);
	return out[0] ? 0 : -1;
}

/* The host's name as ssh(1) records it: with the port, if that differs from port. */
static void recorded_name(const struct settings *s, unsigned port, char out[NAME_SIZE])
{
	snprintf(out, NAME_SIZE, s->port == port ? "%s" : "[%s]:%u", s->host, s->port);
	for (char *c = out; *c; c++)
		*c = (char)tolower((unsigned char)*c);
}

/* libssh treats "!pattern" as no match; for sshd(8) it excludes the whole line for this host. */
static bool is_excluded(const char *name, const char *line)
{
	size_t len = strcspn(line, " ");
	struct ssh_knownhosts_entry *entry = NULL;

	for (size_t at = 0, n = 0; at < len; at += n + 1) {
		char pattern[NAME_SIZE * 4];
		int rc = SSH_AGAIN;

		n = strcspn(line + at, ", ");
		if (line[at] != '!')
			continue;
		snprintf(pattern, sizeof(pattern), "%.*s", (int)n - 1, line + at + 1);
		rc = ssh_known_hosts_parse_line(name, pattern, &entry);
		ssh_knownhosts_entry_free(entry);
		/* A pattern without a key is an error, but only once it has matched. */
		if (rc != SSH_AGAIN)
			return true;
	}
	return false;
}

/* The meaning of one line for a host. */
struct record {
	const char *name, *excluded; /* name: looked up; excluded: must not be negated either */
	const char *file;
	unsigned line;
	bool revoked;
	ssh_key key; /* NULL: the line names the host, but libssh cannot read its key */
};

/* The meaning of all lines together for a host and the key that it shows. */
struct known {
	ssh_key key; /* the key that the host shows; NULL: only types are looked up */
	char print[KEYLINE_FINGERPRINT];
	unsigned types; /* of the keys on record: a bit each */
	bool same, revoked, other, other_is_same_type;
	char other_file[WHERE_SIZE], other_print[KEYLINE_FINGERPRINT]; /* the line to show */
	unsigned other_line;
	char where[WHERE_SIZE]; /* FILE:LINE of the revocation, else of an unreadable line */
};

static void add_record(struct known *k, const struct record *r)
{
	const bool same = r->key && k->key && ssh_key_cmp(k->key, r->key, SSH_KEY_CMP_PUBLIC) == 0;
	const bool same_type = r->key && ssh_key_type(k->key) == ssh_key_type(r->key);

	if (r->key && !r->revoked)
		k->types |= 1U << ssh_key_type(r->key);
	if (!r->key || (r->revoked && same)) {
		k->revoked |= same;
		if (same || !k->revoked)
			snprintf(k->where, sizeof(k->where), "%s:%u", r->file, r->line);
	} else if (same) {
		k->same = true;
	} else if (!r->revoked && (!k->other || (same_type && !k->other_is_same_type))) {
		k->other = true;
		k->other_is_same_type = same_type;
		k->other_line = r->line;
		snprintf(k->other_file, sizeof(k->other_file), "%s", r->file);
		trust_fingerprint(r->key, k->other_print);
	}
}

static void read_line(char *line, struct record *r, struct known *k)
{
	struct ssh_knownhosts_entry *entry = NULL;
	int rc = SSH_AGAIN;

	/* libssh accepts only blanks as separators, and no markers. */
	for (char *c = line; *c; c++)
		*c = isspace((unsigned char)*c) ? ' ' : *c;
	line += strspn(line, " ");
	r->revoked = strncmp(line, "@revoked ", 9) == 0;
	if (r->revoked)
		line += 9 + strspn(line + 9, " ");
	if (*line == '\0' || *line == '#' || *line == '@')
		return;
	rc = ssh_known_hosts_parse_line(r->name, line, &entry);
	if (rc != SSH_AGAIN && !is_excluded(r->name, line) && !is_excluded(r->excluded, line)) {
		r->key = rc == SSH_OK ? entry->publickey : NULL;
		add_record(k, r);
	}
	ssh_knownhosts_entry_free(entry);
}

/* NULL, or the reason; a missing file is an empty one. */
static const char *read_file(const char *path, struct record r, struct known *k)
{
	char fault[FOLDERS_ERROR], *line = NULL;
	const char *why = NULL;
	struct stat st;
	size_t size = 0;
	FILE *f;
	int fd;

	if (strcmp(path, "/dev/null") == 0)
		return NULL;
	fd = folders_open(path, FOLDERS_PRIVATE_GROUP | FOLDERS_OTHER_USER, &st, fault);
	if (fd < 0 && errno == ENOENT)
		return NULL;
	if (fd < 0 || !(f = fdopen(fd, "r")))
		return reasonf("%s: %s", path, fd < 0 ? fault : strerror(errno));
	r.file = path;
	for (r.line = 1; getline(&line, &size, f) >= 0; r.line++)
		read_line(line, &r, k);
	if (ferror(f))
		why = reasonf("%s: cannot be read", path);
	free(line);
	fclose(f);
	return why;
}

/* port: that of ssh(1), or the host's own for lines that name it without one. */
static const char *read_files(const struct settings *s, unsigned port, struct known *k)
{
	char name[NAME_SIZE], full[NAME_SIZE];
	const struct record r = {.name = name, .excluded = full};
	const char *why;

	recorded_name(s, port, name);
	recorded_name(s, SSH_PORT, full);
	why = read_file(s->known_hosts, r, k);
	return why ? why : read_file(s->global_known_hosts, r, k);
}

/* One write: ssh(1) may append at the same time. */
static int record_key(const struct settings *s, const char *name, ssh_key key)
{
	char line[KEYLINE_BLOB_MAX * 2], last = '\n', *base64 = NULL;
	char *folder = xstrdup(s->known_hosts), *slash = strrchr(folder, '/');
	int fd = -1, n = 0, rc = -1;

	if (slash && slash != folder) {
		*slash = '\0';
		mkdir(folder, 0700);
	}
	fd = open(s->known_hosts, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ssh_pki_export_pubkey_base64(key, &base64) != SSH_OK)
		goto out;
	if (lseek(fd, -1, SEEK_END) >= 0 && read(fd, &last, 1) != 1)
		goto out;
	n = snprintf(line, sizeof(line), "%s%s %s %s\n", last == '\n' ? "" : "\n", name,
		     ssh_key_type_to_char(ssh_key_type(key)), base64);
	if (n < (int)sizeof(line) && write(fd, line, (size_t)n) == n)
		rc = 0;
out:
	ssh_string_free_char(base64);
	free(folder);
	if (fd >= 0)
		close(fd);
	return rc;
}

static bool ask(int tty, const char *name, const char *type, const char *print)
{
	bool yes = false;
	char answer[128];

	dprintf(tty,
		"The host key of %s is not known yet.\nIts %s key has the fingerprint %s.\nTrust "
		"it and go on (yes/no/fingerprint)? ",
		name, type, print);
	while (tty_read(tty, answer, sizeof(answer)) > 0) {
		yes = strcmp(answer, "yes") == 0 || strcmp(answer, print) == 0;
		if (yes || strcmp(answer, "no") == 0)
			break;
		dprintf(tty, "Please type yes, no or the fingerprint: ");
	}
	return yes;
}

static enum trust_verdict check_unknown(const struct settings *s, const struct known *k,
					bool may_ask, const char *name, char text[TRUST_TEXT])
{
	const char *type = ssh_key_type_to_char(ssh_key_type(k->key));
	int tty = may_ask ? tty_open() : -1;
	bool yes = tty >= 0 && ask(tty, name, type, k->print);

	if (tty < 0)
		return say(text, TRUST_UNKNOWN,
			   "the host key of %s is not known: it shows %s %s; if that is the right "
			   "one, add --hostkey %s%s%s%s",
			   name, type, k->print, k->print, k->where[0] ? " (" : "", k->where,
			   k->where[0] ? " names the host, but its key cannot be read)" : "");
	tty_close(tty);
	if (!yes)
		return say(text, TRUST_UNKNOWN, "the host key %s of %s was not accepted", k->print,
			   name);
	if (record_key(s, name, k->key) < 0)
		return say(text, TRUST_OK,
			   "the host key %s of %s was accepted, but not recorded: %s: %s", k->print,
			   name, s->known_hosts, strerror(errno));
	return say(text, TRUST_OK, "the host key %s of %s was accepted and recorded in %s",
		   k->print, name, s->known_hosts);
}

static enum trust_verdict check_pins(const struct settings *s, const char *name, const char *print,
				     char text[TRUST_TEXT])
{
	for (size_t i = 0; i < s->n_pins; i++) {
		if (strcmp(s->pins[i], print) == 0)
			return TRUST_OK;
	}
	return say(
	    text, TRUST_CHANGED,
	    "the host key of %s is not the pinned one: wanted %s%s, got %s; pin that only if "
	    "ssh-keygen -lf prints it on the server",
	    name, s->pins[0], s->n_pins > 1 ? " or another that is pinned" : "", print);
}

enum trust_verdict trust_check(const struct settings *s, bool may_ask, ssh_key key,
			       char text[TRUST_TEXT])
{
	struct known k = {.key = key}, bare = {.key = key};
	char name[NAME_SIZE];
	const char *why;

	text[0] = '\0';
	recorded_name(s, SSH_PORT, name);
	if (trust_fingerprint(key, k.print) < 0)
		return say(text, TRUST_ERROR, "the host key of %s has no fingerprint", name);
	if (s->n_pins)
		return check_pins(s, name, k.print, text);
	why = read_files(s, SSH_PORT, &k);
	if (!why && !k.same && !k.other)
		why = read_files(s, s->port, &bare);
	if (why)
		return say(text, TRUST_ERROR, "the host key of %s cannot be checked: %s", name,
			   why);
	/* As with ssh(1): the key recorded for the host without a port is good on any port. */
	if (k.revoked || bare.revoked)
		return say(text, TRUST_CHANGED, "the host key %s of %s is revoked at %s", k.print,
			   name, k.revoked ? k.where : bare.where);
	if (k.same || bare.same)
		return TRUST_OK;
	if (k.other)
		return say(text, TRUST_CHANGED,
			   "the host key of %s has changed: %s:%u has %s, %sthe server shows %s "
			   "%s; if that is right: ssh-keygen -R '%s' -f '%s'",
			   name, k.other_file, k.other_line, k.other_print,
			   k.other_is_same_type ? "" : "of another type, ",
			   ssh_key_type_to_char(ssh_key_type(key)), k.print, name, k.other_file);
	return check_unknown(s, &k, may_ask, name, text);
}

void trust_algorithms(const struct settings *s, char *out, size_t size)
{
	struct known known = {.types = 0};
	size_t len = 0;

	/* An unreadable file is reported later, by trust_check. */
	if (s->n_pins == 0)
		read_files(s, SSH_PORT, &known);
	if (s->n_pins == 0 && known.types == 0)
		read_files(s, s->port, &known);
	out[0] = '\0';
	for (int recorded = 1; recorded >= 0; recorded--) {
		for (const struct key_type *k = key_types; k < key_types + KEY_TYPES; k++) {
			const bool known_type = known.types >> ssh_key_type_from_name(k->name) & 1;

			if (!k->token && known_type == recorded && len < size)
				len += (size_t)snprintf(out + len, size - len, "%s%s",
							len ? "," : "", k->algorithm);
		}
	}
}
