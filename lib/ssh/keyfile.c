// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in the starting server (host keys), its sessions' self-test and the client (its own key).
 * It does not call libssh: the monitor, which does not link libssh, makes and reads key files, too.
 */
#include "keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "field.h"
#include "io.h"
#include "reason.h"

enum {
	SEED = 32, /* bytes of each half of an Ed25519 key */
	TYPE = 16,
};

void keyfile_wipe(char *text, size_t len)
{
	if (text)
		explicit_bzero(text, len);
	free(text);
}

/* Whether path names a public key file. */
static bool is_public(const char *path)
{
	const size_t n = strlen(path);

	return n > 4 && strcmp(path + n - 4, ".pub") == 0;
}

char *keyfile_read(const char *path, unsigned trust, const char *maker, size_t *len,
		   const char **why)
{
	char fault[FOLDERS_ERROR], *text;
	struct stat st;
	ssize_t n;
	int fd;

	/* Refused before its mode is checked: a public key may have any. */
	if (is_public(path)) {
		*why = reasonf("%s: that is the public key; give the private one, %.*s", path,
			       (int)strlen(path) - 4, path);
		return NULL;
	}
	fd = folders_open(path, trust | FOLDERS_SECRET, &st, fault);
	if (fd < 0) {
		const bool missing = errno == ENOENT;

		*why = reasonf("%s: %s", path, fault);
		if (missing)
			*why = reasonf("%s; %s %s makes one", *why, maker, path);
		return NULL;
	}
	text = xmalloc(KEYFILE_MAX + 1);
	n = io_read_all(fd, text, KEYFILE_MAX + 1);
	if (n > 0 && n <= KEYFILE_MAX) {
		text[n] = '\0';
		*len = (size_t)n;
	} else {
		*why = reasonf("%s: %s", path,
			       n < 0	? strerror(errno)
			       : n == 0 ? "the file is empty"
					: "too large for a private key");
		keyfile_wipe(text, KEYFILE_MAX + 1);
		text = NULL;
	}
	close(fd);
	return text;
}

/* Creates a file with this text and syncs it to disk; a failure leaves no file. */
static const char *write_new(const char *path, mode_t mode, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	size_t len = strlen(text);
	int error = 0;

	if (fd < 0)
		return reasonf("%s: %s%s", path, strerror(errno),
			       errno == EEXIST	 ? ", and is left alone; choose another name"
			       : errno == ENOENT ? " (its folder); make that (mkdir -p)"
						 : "");
	if (io_write_all(fd, text, len) < 0 || fchmod(fd, mode) < 0 || fsync(fd) < 0)
		error = errno;
	close(fd);
	if (!error)
		return NULL;
	unlink(path);
	return reasonf("%s: %s", path, strerror(error));
}

/* OpenSSH's form (PROTOCOL.key), without a passphrase: the public blob, and the fields of the
 * private section between its check numbers and its comment. */
static void put_form(const uint8_t *blob, size_t n, const struct field_writer *numbers,
		     char text[KEYFILE_TEXT])
{
	uint8_t secret[KEYFILE_TEXT / 4], all[KEYFILE_TEXT / 2];
	struct field_writer in = {secret, 0, sizeof(secret)}, w = {all, 0, sizeof(all)};
	EVP_ENCODE_CTX *c = EVP_ENCODE_CTX_new();
	int len = 0, more = 0;

	field_put_u32(&in, 0);
	field_put_u32(&in, 0);
	field_put_bytes(&in, numbers->p, numbers->len);
	field_put_text(&in, "");
	for (uint8_t pad = 1; in.len % 8 != 0; pad++)
		field_put_bytes(&in, &pad, 1);
	field_put_bytes(&w, KEYFILE_MAGIC, sizeof(KEYFILE_MAGIC));
	field_put_text(&w, "none");
	field_put_text(&w, "none");
	field_put_text(&w, "");
	field_put_u32(&w, 1);
	field_put(&w, blob, n);
	field_put(&w, secret, in.len);
	if (!c || numbers->len > numbers->size || in.len > in.size || w.len > w.size)
		abort();
	text = stpcpy(text, KEYFILE_BEGIN);
	EVP_EncodeInit(c);
	EVP_EncodeUpdate(c, (unsigned char *)text, &len, all, (int)w.len);
	EVP_EncodeFinal(c, (unsigned char *)text + len, &more);
	memcpy(text + len + more, KEYFILE_END, sizeof(KEYFILE_END));
	EVP_ENCODE_CTX_free(c);
	explicit_bzero(secret, sizeof(secret));
	explicit_bzero(all, sizeof(all));
}

void keyfile_text_public(const uint8_t *blob, size_t n, char text[KEYFILE_TEXT])
{
	struct field_reader r = {blob, n};
	const struct field type = field_take(&r), first = field_take(&r), second = field_take(&r);
	uint8_t numbers[KEYFILE_TEXT / 4], nothing[2 * SEED] = {0};
	struct field_writer w = {numbers, 0, sizeof(numbers)};

	field_put(&w, type.p, type.len);
	if (second.len == 0) { /* Ed25519: no seed */
		field_put(&w, first.p, first.len);
		memcpy(nothing + SEED, first.p, SEED);
		field_put(&w, nothing, sizeof(nothing));
	} else if (type.len == 7) { /* ssh-rsa; its blob has e first */
		field_put(&w, second.p, second.len);
		field_put(&w, first.p, first.len);
		for (int i = 0; i < 4; i++) /* 0.11 computes modulo p - 1 */
			field_put(&w, "\3", 1);
	} else {
		field_put(&w, first.p, first.len);
		field_put(&w, second.p, second.len);
		field_put(&w, "\1", 1);
	}
	put_form(blob, n, &w, text);
}

size_t keyfile_new(uint8_t blob[KEYLINE_BLOB_MAX], char text[KEYFILE_TEXT], EVP_PKEY **out)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	uint8_t pair[2 * SEED], numbers[4 * SEED + TYPE];
	struct field_writer b = {blob, 0, KEYLINE_BLOB_MAX}, w = {numbers, 0, sizeof(numbers)};
	size_t seed = SEED, point = SEED;

	if (key && EVP_PKEY_get_raw_private_key(key, pair, &seed) == 1 &&
	    EVP_PKEY_get_raw_public_key(key, pair + SEED, &point) == 1) {
		field_put_text(&b, "ssh-ed25519");
		field_put(&b, pair + SEED, SEED);
		field_put_bytes(&w, blob, b.len);
		field_put(&w, pair, sizeof(pair));
		put_form(blob, b.len, &w, text);
	}
	if (out)
		*out = key;
	else
		EVP_PKEY_free(key);
	explicit_bzero(pair, sizeof(pair));
	explicit_bzero(numbers, sizeof(numbers));
	return b.len;
}

/* The comment is the rest of the line, so a control byte in it could begin another one. */
static const char *public_line(const uint8_t *blob, size_t n, const char *comment,
			       char line[KEYFILE_LINE], const char *path)
{
	char base64[KEYFILE_LINE];
	int len;

	EVP_EncodeBlock((unsigned char *)base64, blob, (int)n);
	len = snprintf(line, KEYFILE_LINE, "ssh-ed25519 %s%s%s", base64, *comment ? " " : "",
		       comment);
	if (len < 0 || len >= KEYFILE_LINE)
		return reasonf("%s: the comment is too long", path);
	for (const char *c = comment; *c; c++)
		if ((unsigned char)*c < ' ')
			return reasonf("%s: the comment holds a control byte", path);
	if (keyline_holds_key(line + strcspn(line, " ") + 1))
		return reasonf("%s: the comment holds a second key", path);
	return NULL;
}

static const char *write_pair(const char *path, const char *secret, const char *line)
{
	char pub[PATH_MAX], text[KEYFILE_LINE + 2];
	const char *why;

	if ((size_t)snprintf(pub, sizeof(pub), "%s.pub", path) >= sizeof(pub))
		return reasonf("%.100s...: the path is too long", path);
	snprintf(text, sizeof(text), "%s\n", line);
	why = write_new(path, 0600, secret);
	if (why)
		return why;
	why = write_new(pub, 0644, text);
	if (why)
		unlink(path);
	return why;
}

const char *keyfile_generate(const char *path, const char *comment,
			     char fingerprint[KEYLINE_FINGERPRINT], char line[KEYFILE_LINE])
{
	char secret[KEYFILE_TEXT];
	uint8_t blob[KEYLINE_BLOB_MAX], digest[KEYLINE_DIGEST];
	size_t n;
	const char *why;

	if (is_public(path))
		return reasonf("%s: a public key is called so; choose another name", path);
	n = keyfile_new(blob, secret, NULL);
	if (n == 0)
		return reasonf("%s: libcrypto cannot make an Ed25519 key", path);
	keyline_digest(blob, n, digest);
	keyline_fingerprint(digest, fingerprint);
	why = public_line(blob, n, comment, line, path);
	if (!why)
		why = write_pair(path, secret, line);
	explicit_bzero(secret, sizeof(secret));
	return why;
}
