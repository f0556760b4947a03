// SPDX-License-Identifier: BSD-2-Clause
#include "keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <libssh/libssh.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"

enum { LINE_ROOM = 8192 }; /* bytes of a public line, with its comment */

static int __attribute__((format(printf, 2, 3))) fail(char *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, KEYFILE_ERROR, fmt, ap);
	va_end(ap);
	return -1;
}

void keyfile_wipe(char *text, size_t len)
{
	if (text)
		explicit_bzero(text, len);
	free(text);
}

/* Up to size bytes, fewer only at the end of the file. */
static ssize_t read_all(int fd, char *buf, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, buf + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

/* By its name. */
static bool is_public(const char *path)
{
	const size_t n = strlen(path);

	return n > 4 && strcmp(path + n - 4, ".pub") == 0;
}

char *keyfile_read(const char *path, unsigned trust, size_t *len, char err[KEYFILE_ERROR])
{
	char why[FOLDERS_ERROR], *text = NULL;
	struct stat st;
	ssize_t n;
	int fd;

	/* Whatever its mode, which nobody should be told to change. */
	if (is_public(path)) {
		fail(err, "%s: that is the public key; give the private one, %.*s", path,
		     (int)strlen(path) - 4, path);
		return NULL;
	}
	fd = folders_open(path, trust | FOLDERS_SECRET, &st, why);
	if (fd < 0) {
		fail(err, "%s: %s", path, why);
		return NULL;
	}
	text = xmalloc(KEYFILE_MAX + 1);
	n = read_all(fd, text, KEYFILE_MAX + 1);
	if (n > 0 && n <= KEYFILE_MAX) {
		text[n] = '\0';
		*len = (size_t)n;
		goto out;
	}
	fail(err, "%s: %s", path,
	     n < 0    ? strerror(errno)
	     : n == 0 ? "the file is empty"
		      : "too large for a private key");
	keyfile_wipe(text, KEYFILE_MAX + 1);
	text = NULL;
out:
	close(fd);
	return text;
}

/* A new file, on the disk in whole, or none. */
static int write_new(const char *path, mode_t mode, const char *text, char *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	size_t len = strlen(text);
	int error = 0;

	if (fd < 0)
		return fail(err, "%s: %s%s", path, strerror(errno),
			    errno == EEXIST ? ", and is left alone; choose another name" : "");
	/* A short write has set no errno. */
	errno = ENOSPC;
	if (write(fd, text, len) != (ssize_t)len || fchmod(fd, mode) < 0 || fsync(fd) < 0)
		error = errno;
	close(fd);
	if (!error)
		return 0;
	unlink(path);
	return fail(err, "%s: %s", path, strerror(error));
}

/* The comment is the rest of the line, so a control byte in it could begin another one. */
static int public_line(ssh_key key, const char *comment, char *line, size_t size, char *fingerprint,
		       const char *path, char *err)
{
	uint8_t blob[KEYLINE_BLOB_MAX], digest[KEYLINE_DIGEST];
	char *base64 = NULL;
	long n = 0;
	int len = 0;

	if (ssh_pki_export_pubkey_base64(key, &base64) != SSH_OK)
		return fail(err, "%s: libssh cannot export the public key", path);
	len = snprintf(line, size, "%s %s%s%s", ssh_key_type_to_char(ssh_key_type(key)), base64,
		       *comment ? " " : "", comment);
	n = keyline_base64(base64, strlen(base64), blob, sizeof(blob));
	ssh_string_free_char(base64);
	if (n <= 0)
		return fail(err, "%s: libssh exports a public key that is not base64", path);
	if (len < 0 || (size_t)len >= size)
		return fail(err, "%s: the comment is too long", path);
	for (const char *c = comment; *c; c++)
		if ((unsigned char)*c < ' ')
			return fail(err, "%s: the comment holds a control byte", path);
	if (keyline_holds_key(line + strcspn(line, " ") + 1))
		return fail(err, "%s: the comment holds a second key", path);
	keyline_digest(blob, (size_t)n, digest);
	keyline_fingerprint(digest, fingerprint);
	return 0;
}

static int write_pair(const char *path, const char *secret, const char *line, char *err)
{
	char pub[PATH_MAX], text[LINE_ROOM + 2];

	if ((size_t)snprintf(pub, sizeof(pub), "%s.pub", path) >= sizeof(pub))
		return fail(err, "%.100s...: the path is too long", path);
	snprintf(text, sizeof(text), "%s\n", line);
	if (write_new(path, 0600, secret, err) < 0)
		return -1;
	if (write_new(pub, 0644, text, err) == 0)
		return 0;
	unlink(path);
	return -1;
}

int keyfile_make_key(ssh_key *key)
{
#if LIBSSH_VERSION_INT >= SSH_VERSION_INT(0, 12, 0)
	return ssh_pki_generate_key(SSH_KEYTYPE_ED25519, NULL, key);
#else
	return ssh_pki_generate(SSH_KEYTYPE_ED25519, 0, key);
#endif
}

int keyfile_generate(const char *path, const char *comment, char fingerprint[KEYLINE_FINGERPRINT],
		     char *pub_line, size_t size, char err[KEYFILE_ERROR])
{
	char own[LINE_ROOM];
	char *line = pub_line ? pub_line : own, *secret = NULL;
	ssh_key key = NULL;
	int rc = -1;

	if (is_public(path))
		return fail(err, "%s: a public key is called so; choose another name", path);
	if (!pub_line)
		size = sizeof(own);
	if (keyfile_make_key(&key) != SSH_OK ||
	    ssh_pki_export_privkey_base64(key, NULL, NULL, NULL, &secret) != SSH_OK) {
		fail(err, "%s: libssh cannot make an Ed25519 key", path);
		goto out;
	}
	if (public_line(key, comment, line, size, fingerprint, path, err) == 0)
		rc = write_pair(path, secret, line, err);
out:
	if (secret)
		explicit_bzero(secret, strlen(secret));
	ssh_string_free_char(secret);
	ssh_key_free(key);
	return rc;
}
