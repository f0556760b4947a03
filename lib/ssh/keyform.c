// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs in every process that reads a key file: the client before it asks for a passphrase, the
 * monitor for its host keys and the allow list.  It examines the beginning of a file, decrypts
 * nothing, and returns no content of a file but the name of a cipher.
 */
#include "keyform.h"

#include <ctype.h>
#include <string.h>

#include "field.h"
#include "keyfile.h"
#include "log.h"
#include "reason.h"

enum { START = 128 /* characters of base64 that include the cipher's name */ };

static bool begins(const char *text, size_t len, const char *with)
{
	return len >= strlen(with) && memcmp(text, with, strlen(with)) == 0;
}

/* Reads the cipher's name, which is not encrypted, from OpenSSH's form.  False: the file is
 * damaged. */
static bool openssh_cipher(const char *text, char cipher[KEYLINE_TYPE])
{
	char base64[START];
	uint8_t bytes[START];
	size_t n = 0;
	struct field_reader r;
	struct field f;
	long len;

	for (; *text && *text != '-' && n < START; text++) {
		if (!isspace((unsigned char)*text))
			base64[n++] = *text;
	}
	len = n == START ? keyline_base64(base64, n, bytes, sizeof(bytes)) : 0;
	r = (struct field_reader){bytes, len > 0 ? (size_t)len : 0};
	f = field_take_bytes(&r, sizeof(KEYFILE_MAGIC));
	if (f.len == 0 || memcmp(f.p, KEYFILE_MAGIC, f.len) != 0)
		return false;
	f = field_take(&r);
	if (f.len == 0 || f.len >= KEYLINE_TYPE)
		return false;
	memcpy(cipher, f.p, f.len);
	cipher[f.len] = '\0';
	return strlen(cipher) == f.len;
}

/* Whether libssh can decrypt a file with this cipher.  Trap: it accepts the names of AEAD ciphers
 * as well, and calls a NULL function for them (0.10), whatever the passphrase. */
static bool libssh_decrypts(const char *cipher)
{
	static const char *const names[] = {"none",	  "aes256-ctr", "aes192-ctr", "aes128-ctr",
					    "aes256-cbc", "aes192-cbc", "aes128-cbc", "3des-cbc"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(cipher, names[i]) == 0)
			return true;
	}
	return false;
}

const char *keyform_check_private(const char *text, const char *path, bool attended)
{
	static const char header[] = "-----BEGIN OPENSSH PRIVATE KEY-----";
	const char *openssh = strstr(text, header); /* libssh finds it in the same way */
	char cipher[KEYLINE_TYPE] = "none";
	const size_t len = strlen(text);
	struct log_text shown;

	if (begins(text, len, "PuTTY-User-Key-File-") ||
	    begins(text, len, "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----"))
		return reasonf("%s: a private key in PuTTY's or SSH.COM's form; convert it with: "
			       "puttygen %s -O private-openssh-new -o OUT",
			       path, path);
	if (key_type_find(text, strcspn(text, " \t")) ||
	    begins(text, len, "---- BEGIN SSH2 PUBLIC KEY ----"))
		return reasonf("%s: that is a public key; give the private one", path);
	if (openssh && !openssh_cipher(openssh + strlen(header), cipher))
		return reasonf("%s: a damaged OpenSSH private key; copy it again, as a whole",
			       path);
	if (!attended && (strcmp(cipher, "none") != 0 || strstr(text, "ENCRYPTED")))
		return reasonf("%s: it is encrypted, and nobody is asked for its passphrase here; "
			       "take it off with: ssh-keygen -p -N '' -f %s",
			       path, path);
	if (!libssh_decrypts(cipher))
		return reasonf("%s: encrypted with %s, which libssh cannot decrypt; encrypt it "
			       "anew with: ssh-keygen -p -Z aes256-ctr -f %s",
			       path, log_escape(&shown, cipher, strlen(cipher)), path);
	return NULL;
}

static const struct {
	const char *start, *fault;
} publics[] = {
    {"\xff\xfe", "UTF-16 text; put here what this prints: iconv -f UTF-16 -t UTF-8 FILE"},
    {"\xfe\xff", "UTF-16 text; put here what this prints: iconv -f UTF-16 -t UTF-8 FILE"},
    {"---- BEGIN SSH2 PUBLIC KEY ----",
     "a public key in the form of RFC 4716 (PuTTY, SSH.COM); put "
     "here what this prints: ssh-keygen -i -f FILE"},
    {"-----BEGIN PUBLIC KEY-----", "a public key in the form of PKCS#8; put here what this prints: "
				   "ssh-keygen -i -m PKCS8 -f FILE"},
    {"-----BEGIN RSA PUBLIC KEY-----",
     "a public key in the form of PEM; put here what this prints: "
     "ssh-keygen -i -m PEM -f FILE"},
    {"PuTTY-User-Key-File-",
     "a private key of PuTTY's: take it out, and put here what this prints: "
     "puttygen FILE -O public-openssh"},
    {"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----",
     "a private key of SSH.COM's: take it out, and put here what this prints: "
     "puttygen FILE -O public-openssh"},
};

const char *keyform_public_fault(const char *line, size_t len)
{
	for (size_t i = 0; i < sizeof(publics) / sizeof(*publics); i++) {
		if (begins(line, len, publics[i].start))
			return publics[i].fault;
	}
	/* UTF-16 without a byte order mark: every other byte of ASCII is zero. */
	if (len >= 2 && !line[0] != !line[1])
		return line[0] ? "UTF-16 text; put here what this prints: iconv -f UTF-16LE -t "
				 "UTF-8 FILE"
			       : "UTF-16 text; put here what this prints: iconv -f UTF-16BE -t "
				 "UTF-8 FILE";
	if (begins(line, len, "-----BEGIN ") && memmem(line, len, "PRIVATE KEY", 11))
		return "a private key: take it out, and put the line of its .pub file here";
	return NULL;
}
