// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "allowlist.h"

/* A well-formed Ed25519 key for each text of 42 digits. */
#define KEY(digits) "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA" digits
#define K1	    KEY("000000000000000000000000000000000000000001")
#define K2	    KEY("000000000000000000000000000000000000000002")
#define K3	    KEY("000000000000000000000000000000000000000003")

static char dir[] = "/tmp/sshipc-allowlist-XXXXXX";
static char path[64];
static char faults[8192];
static int count;
static struct endpoint endpoints[4];

static void set_up(void)
{

	cr_assert(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/list", dir);
	cr_assert_null(endpoint_parse("confd=127.0.0.1:4565", &endpoints[0]));
	cr_assert_null(endpoint_parse("nso=/run/nso.sock", &endpoints[1]));
	cr_assert_null(endpoint_parse("six=[::1]:4565", &endpoints[2]));
	cr_assert_null(endpoint_parse("far=192.0.2.1:4565", &endpoints[3]));
}

static void tear_down(void)
{
	unlink(path);
	cr_expect_eq(rmdir(dir), 0, "a file was left behind");
}

TestSuite(allowlist, .init = set_up, .fini = tear_down);

/* Faults without the folder, one a line. */
static void on_fault(void *arg, const char *fault)
{
	size_t len = strlen(faults);

	cr_expect_eq(arg, &count, "the caller's argument");
	cr_expect_eq(strncmp(fault, dir, strlen(dir)), 0, "%s", fault);
	snprintf(faults + len, sizeof(faults) - len, "%s\n", fault + strlen(dir) + 1);
	count++;
}

static char ann[] = "ann", uid[] = "64001";
static char *const users[] = {ann, uid};

static struct allowlist *load(size_t n, const char *default_endpoint)
{
	const struct allow_names names = {endpoints, n, default_endpoint, users, 2, false};

	faults[0] = '\0';
	count = 0;
	return allowlist_load(path, &names, on_fault, &count);
}

static void write_list(const char *content, size_t len)
{
	FILE *f = fopen(path, "w");

	cr_assert(f);
	cr_assert_eq(fwrite(content, 1, len, f), len);
	cr_assert_eq(fclose(f), 0);
	cr_assert_eq(chmod(path, 0644), 0);
}

/* names: "NAME@ENDPOINT:LINE " per entry, with "!N" before the blank if user N dials. */
static const struct {
	const char *content;
	size_t n;
	const char *default_endpoint, *names;
} taken[] = {
    {"", 1, NULL, ""},
    {"", 2, NULL, ""},
    {"\n# nobody yet\n\n", 1, NULL, ""},
    {K1 " a\n", 1, NULL, "a@confd:1 "},
    {K1 " a", 1, NULL, "a@confd:1 "}, /* no newline at the end */
    {K1 " a\n\n#x\n" K2 " b\n", 1, NULL, "a@confd:1 b@confd:4 "},
    {"endpoint=\"confd\" " K1 " a\n", 1, NULL, "a@confd:1 "},
    {"endpoint=\"nso\" " K1 " a\nendpoint=\"confd\" " K2 " b\n", 2, NULL, "a@nso:1 b@confd:2 "},
    {K1 " a\nendpoint=\"confd\" " K2 " b\n", 2, "nso", "a@nso:1 b@confd:2 "},
    {"permitopen=\"127.0.0.1:4565\" " K1 " a\n", 1, NULL, "a@confd:1 "},
    {"permitopen=\"confd:*\" " K1 " a\n", 1, NULL, "a@confd:1 "},
    {"permitopen=\"127.0.0.1:4565\",permitopen=\"localhost:4565\" " K1 " a\n", 1, NULL,
     "a@confd:1 "},
    {"endpoint=\"nso\",permitopen=\"nso:1\" " K1 " a\n", 2, NULL, "a@nso:1 "},
    {"permitopen=\"[::1]:4565\",command=\"id\",permitlisten=\"1\" " K1 " a\n", 1, NULL,
     "a@confd:1 "},
    {"source=\"127.0.0.2\" " K1 " a\nsource=\"127.0.0.3\" " K2 " b\n" K3 " c\n", 1, NULL,
     "a@confd:1 b@confd:2 c@confd:3 "},
    {"connect-as=\"64001\" " K1 " a\n" K2 " b\nConnect-As=\"ann\" " K3 " c\n", 1, NULL,
     "a@confd:1!2 b@confd:2 c@confd:3!1 "},
    /* What sshd would not understand, but each in its place. */
    {"from=\"::1,!10.0.0.0/8\",expiry-time=\"20300101\",valid=\"Mon 08:00-09:00\",max-sessions=1,"
     "replace-old,max-channels=2 " K1 " a\n",
     1, NULL, "a@confd:1 "},
};

Test(allowlist, taken)
{
	for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++) {
		struct allowlist *l = NULL;
		char names[256] = "";
		size_t len = 0;

		write_list(taken[i].content, strlen(taken[i].content));
		l = load(taken[i].n, taken[i].default_endpoint);
		cr_assert(l, "%zu: %s", i, faults);
		cr_expect_eq(count, 0);
		for (size_t e = 0; e < allowlist_count(l); e++) {
			const struct allow_entry *entry = allowlist_get(l, e);

			char user[24] = "";

			if (entry->user)
				snprintf(user, sizeof(user), "!%zu", entry->user);
			len += (size_t)snprintf(names + len, sizeof(names) - len, "%s@%s:%u%s ",
						entry->key.name, entry->endpoint->name,
						entry->key.line, user);
			cr_expect_eq(allowlist_find(l, entry->key.blob, entry->key.blob_len), entry,
				     "%zu", i);
		}
		cr_expect_str_eq(names, taken[i].names, "%zu", i);
		allowlist_free(l);
	}
}

#define ADD_ENDPOINT                                                                               \
	"the line names no endpoint, add endpoint=\"NAME\" (one of: confd, nso) or set default "   \
	"in server.conf\n"

#define NO_USER(name)                                                                              \
	"connect-as \"" name                                                                       \
	"\" is not in connect_as of the settings: add it, then \"sshipc-server ctl upgrade\"\n"

static const struct {
	const char *content;
	size_t n;
	const char *default_endpoint, *faults;
} refused[] = {
    {K1 "\n", 2, NULL, "list:1: " ADD_ENDPOINT},
    {"# x\n" K1 "\nendpoint=\"nso\" " K2 "\n" K3 "\n", 2, NULL,
     "list:2: " ADD_ENDPOINT "list:4: " ADD_ENDPOINT},
    {"endpoint=\"nso\" " K1 "\n", 1, NULL,
     "list:1: no endpoint is named \"nso\", write one of: confd\n"},
    /* A default is no way out for a name that is wrong. */
    {"endpoint=\"other\" " K1 "\n", 2, "nso",
     "list:1: no endpoint is named \"other\", write one of: confd, nso\n"},
    {"endpoint=\"Confd\" " K1 "\n", 2, "nso",
     "list:1: no endpoint is named \"Confd\", write one of: confd, nso\n"},
    {"permitopen=\"127.0.0.1:4566\" " K1 "\n", 1, NULL,
     "list:1: permitopen=\"127.0.0.1:4566\" does not name the key's endpoint confd "
     "(127.0.0.1:4565): remove the line, or, if the key may have that endpoint, this option\n"},
    /* A line that grants more than the one endpoint is told so, whatever else it names. */
    {"permitopen=\"127.0.0.1:1\",permitopen=\"localhost:4565\" " K1 " a\n", 1, NULL,
     "list:1: permitopen=\"127.0.0.1:1\" does not name the key's endpoint confd "
     "(127.0.0.1:4565): remove the line, or, if the key may have that endpoint, this option\n"},
    {"endpoint=\"nso\",permitopen=\"127.0.0.1:4565\" " K1 "\n", 2, NULL,
     "list:1: permitopen=\"127.0.0.1:4565\" does not name the key's endpoint nso "
     "(/run/nso.sock): remove the line, or, if the key may have that endpoint, this option\n"},
    {"endpoint=\"nope\" " K1 "\npty " K2 "\n" K3, 1, NULL,
     "list:1: no endpoint is named \"nope\", write one of: confd\n"
     "list:2: option pty asks for what sshipc does not have; remove it\n"},
    {"from=\"y.example\" " K1 "\n", 1, NULL,
     "list:1: from: \"y.example\": expected an IP address or ADDRESS/BITS; host names are not "
     "looked up, write the address that getent hosts NAME tells\n"},
    {"from=\"f\" " K1 "\nmax-sessions=0 " K2 "\nconnect-as=\"root\" " K3, 1, NULL,
     "list:1: from: \"f\": expected an IP address or ADDRESS/BITS\n"
     "list:2: max-sessions: expected a number from 1 to 65535\n"
     "list:3: " NO_USER("root")},
    /* users */
    {"connect-as=\"ann\" " K1 "\nconnect-as=\"bob\" " K2 "\n", 1, NULL, "list:2: " NO_USER("bob")},
    {"connect-as=\"Ann\" " K1 "\nconnect-as=\"an\" " K2 "\nconnect-as=\"\" " K3 "\n", 1, NULL,
     "list:1: " NO_USER("Ann") "list:2: " NO_USER("an") "list:3: " NO_USER("")},
    /* sources */
    {"source=\"127.0.0.2\" " K1 "\nsource=\"127.0.0.3\" " K2 "\nsource=\"127.0.0.2\" " K3 "\n", 1,
     NULL, "list:3: source 127.0.0.2 is that of the key on line 1, choose another\n"},
    {"source=\"127.0.0.3\" " K1 "\nsource=\"127.0.0.3\" " K2 "\nsource=\"127.0.0.3\" " K3 "\n", 1,
     NULL,
     "list:2: source 127.0.0.3 is that of the key on line 1, choose another\n"
     "list:3: source 127.0.0.3 is that of the key on line 2, choose another\n"},
    {"endpoint=\"nso\",source=\"127.0.0.2\" " K1 "\n", 2, NULL,
     "list:1: source needs an endpoint at 127.x.y.z, and nso is /run/nso.sock; remove it\n"},
    {"endpoint=\"six\",source=\"127.0.0.2\" " K1 "\n", 4, NULL,
     "list:1: source needs an endpoint at 127.x.y.z, and six is [::1]:4565; remove it\n"},
    {"endpoint=\"far\",source=\"127.0.0.2\" " K1 "\n", 4, NULL,
     "list:1: source needs an endpoint at 127.x.y.z, and far is 192.0.2.1:4565; remove it\n"},
    {"source=\"128.0.0.2\" " K1 "\n", 1, NULL, "list:1: source: expected an address 127.x.y.z\n"},
};

Test(allowlist, refused)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		write_list(refused[i].content, strlen(refused[i].content));
		cr_expect_null(load(refused[i].n, refused[i].default_endpoint), "%zu", i);
		cr_expect_str_eq(faults, refused[i].faults, "%zu", i);
	}
}

/* Other comments, options or endpoints do not make it another key. */
Test(allowlist, the_same_key_twice)
{
	const char list[] = K1 " a\n" K2 "\nendpoint=\"confd\",name=\"b\" " K1 " c\n" K1 "\n";

	write_list(list, sizeof(list) - 1);
	cr_expect_null(load(1, NULL));
	cr_expect_eq(count, 2);
	cr_expect(strstr(faults, "list:3: the key SHA256:") == faults, "%s", faults);
	cr_expect(strstr(faults, "list:4: the key SHA256:"), "%s", faults);
	cr_expect(strstr(faults, "stands on line 1 already"), "%s", faults);
}

/* Two lines that sshd adds up are one here, and the fault shows it. */
Test(allowlist, the_same_key_merged)
{
	static const struct {
		const char *list;
		size_t n;
		const char *said;
	} rows[] = {
	    {K1 " a\n" K1 " a\n", 1, " stands on line 1 already, remove one\n"},
	    {"permitopen=\"127.0.0.1:4565\" " K1 " a\nrestrict,permitopen=\"localhost:4565\" " K1
	     " b\n",
	     1,
	     " stands on line 1 already, write one line: permitopen=\"127.0.0.1:4565\",restrict,"
	     "permitopen=\"localhost:4565\" ssh-ed25519 AAAA... a\n"},
	    {"from=\"::1\" " K1 " a\nfrom=\"::2\" " K1 " a\n", 1,
	     " stands on line 1 already, they differ in from: keep the line that is meant\n"},
	    {"endpoint=\"confd\" " K1 " a\nendpoint=\"nso\" " K1 " a\n", 2,
	     " stands on line 1 already, a key has one endpoint: remove one, and make another key "
	     "for the other\n"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		write_list(rows[i].list, strlen(rows[i].list));
		cr_expect_null(load(rows[i].n, NULL));
		cr_expect_eq(count, 1);
		cr_expect(strstr(faults, rows[i].said), "%s", faults);
	}
}

/* What belongs to another program is one fault with the command that converts it, however long. */
Test(allowlist, other_forms)
{
	static const char rfc4716[] =
	    "---- BEGIN SSH2 PUBLIC KEY ----\nComment: \"me\"\nAAAAC3NzaC1lZDI1NTE5AAAAIA00\n"
	    "---- END SSH2 PUBLIC KEY ----\n",
			  ppk[] = "PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 1\nsecret\n";
	char utf16[2 * sizeof(K1) + 2] = "\xff\xfe";

	write_list(rfc4716, sizeof(rfc4716) - 1);
	cr_expect_null(load(1, NULL));
	cr_expect_eq(count, 1, "%s", faults);
	cr_expect(strstr(faults, "list:1: a public key in the form of RFC 4716") &&
		      strstr(faults, ": ssh-keygen -i -f FILE\n"),
		  "%s", faults);
	write_list(ppk, sizeof(ppk) - 1);
	cr_expect_null(load(1, NULL));
	cr_expect_eq(count, 1, "%s", faults);
	cr_expect(strstr(faults, "puttygen FILE -O public-openssh\n") && !strstr(faults, "secret"),
		  "%s", faults);
	for (size_t i = 0; i < sizeof(K1); i++)
		utf16[2 + 2 * i] = i < sizeof(K1) - 1 ? K1[i] : '\n';
	write_list(utf16, sizeof(utf16));
	cr_expect_null(load(1, NULL));
	cr_expect_eq(count, 1, "%s", faults);
	cr_expect(strstr(faults, ": iconv -f UTF-16 -t UTF-8 FILE\n"), "%s", faults);
}

static const struct {
	const char *content;
	size_t len;
} damaged[] = {
    {K1 "\0\n", sizeof(K1) + 1},
    {K1 "\r\n", sizeof(K1) + 1},
    {K1 " " K2 "\n", sizeof(K1 " " K2)},  /* a newline was lost */
    {K1 "\n" K2, sizeof(K1 "\n" K2) - 9}, /* cut within a key */
    {"garbage\n", 8},
    {"\xef\xbb\xbf" K1 "\n", sizeof(K1) + 3},
};

Test(allowlist, damaged)
{
	for (size_t i = 0; i < sizeof(damaged) / sizeof(*damaged); i++) {
		write_list(damaged[i].content, damaged[i].len);
		cr_expect_null(load(1, NULL), "%zu", i);
		cr_expect_eq(count, 1, "%zu: %s", i, faults);
	}
}

Test(allowlist, the_file_itself)
{
	char missing[128];

	snprintf(missing, sizeof(missing),
		 "list: cannot be read by uid %u: No such file or directory\n",
		 (unsigned)geteuid());
	cr_expect_null(load(1, NULL));
	cr_expect_str_eq(faults, missing);

	cr_assert_eq(mkfifo(path, 0600), 0);
	cr_expect_null(load(1, NULL));
	cr_expect_str_eq(faults, "list: not a regular file\n");
	unlink(path);

	cr_assert_eq(mkdir(path, 0700), 0);
	cr_expect_null(load(1, NULL));
	cr_expect_str_eq(faults, "list: not a regular file\n");
	rmdir(path);

	write_list(K1 "\n", sizeof(K1));
	cr_assert_eq(chmod(path, 0664), 0);
	cr_expect_null(load(1, NULL));
	cr_expect(strstr(faults, "list: mode 0664 lets others write it"), "%s", faults);
	cr_expect_eq(count, 1);

	cr_assert_eq(chmod(path, 0644), 0);
	if (geteuid() == 0) {
		cr_assert_eq(chown(path, 4711, 0), 0);
		cr_expect_null(load(1, NULL));
		cr_expect_str_eq(faults, "list: belongs to uid 4711, and must belong to uid 0, "
					 "which reads it: use a copy that does\n");
		cr_assert_eq(chown(path, 0, 0), 0);
	}
	cr_assert_eq(truncate(path, (64 << 20) + 1), 0);
	cr_expect_null(load(1, NULL));
	cr_expect_str_eq(faults, "list: larger than 64 MiB\n");
}

static size_t blob_of(unsigned i, uint8_t blob[64])
{
	char base64[128];
	long n = 0;

	snprintf(base64, sizeof(base64), "AAAAC3NzaC1lZDI1NTE5AAAAIA%042u", i);
	n = keyline_base64(base64, strlen(base64), blob, 64);
	cr_assert_eq(n, 51);
	return (size_t)n;
}

Test(allowlist, find_among_many)
{
	enum { MANY = 5000 };
	struct allowlist *l = NULL;
	uint8_t blob[64];
	FILE *f = fopen(path, "w");

	cr_assert(f);
	for (unsigned i = 0; i < MANY; i++)
		fprintf(f, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA%042u k%u\n", i, i);
	fclose(f);
	cr_assert_eq(chmod(path, 0600), 0);
	l = load(1, NULL);
	cr_assert(l, "%s", faults);
	cr_assert_eq(allowlist_count(l), MANY);
	for (unsigned i = 0; i < 2 * MANY; i++) {
		const struct allow_entry *e = allowlist_find(l, blob, blob_of(i, blob));

		cr_assert_eq(e, i < MANY ? allowlist_get(l, i) : NULL, "key %u", i);
		cr_assert(!e || e->key.line == i + 1);
	}
	allowlist_free(l);
}

Test(allowlist, find_is_exact)
{
	struct allowlist *l = NULL;
	uint8_t blob[64];
	size_t len = blob_of(1, blob);

	write_list(K1 "\n" K2 "\n", sizeof(K1 "\n" K2));
	l = load(1, NULL);
	cr_assert(l, "%s", faults);
	cr_expect(allowlist_find(l, blob, len));
	cr_expect_null(allowlist_find(l, blob, len - 1));
	blob[len] = 0;
	cr_expect_null(allowlist_find(l, blob, len + 1));
	for (size_t i = 0; i < len; i++) {
		blob[i] ^= 1;
		cr_expect_null(allowlist_find(l, blob, len), "byte %zu", i);
		blob[i] ^= 1;
	}
	cr_expect_null(allowlist_find(l, (const uint8_t *)"", 0));
	allowlist_free(l);

	write_list("", 0);
	l = load(1, NULL);
	cr_assert(l, "%s", faults);
	cr_expect_null(allowlist_find(l, blob, len));
	allowlist_free(l);
	allowlist_free(NULL);
}

/* ---- a list that changes while it is read ---- */

static bool same_size;

/* The first fault of the list comes while it is being read. */
static void change_it(void *arg, const char *fault)
{
	const struct timespec then[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
	FILE *f;

	on_fault(arg, fault);
	if (count > 1)
		return;
	f = fopen(path, same_size ? "r+" : "a");
	cr_assert(f && fputs("again\n", f) >= 0 && fclose(f) == 0);
	if (same_size)
		cr_assert_eq(utimensat(AT_FDCWD, path, then, 0), 0);
}

/* A running server's reload: a line whose endpoint is not there is held to the rest of the list,
 * and not to the settings. */
Test(allowlist, absent_endpoint)
{
	static const struct {
		const char *content, *faults; /* "": taken, and the second line grants nothing */
	} rows[] = {
	    {K1 " a\nendpoint=\"later\" " K2 " b\n", ""},
	    {K1 " a\nendpoint=\"later\",connect-as=\"later\",permitopen=\"later:*\","
		"source=\"127.0.0.2\" " K2 " b\n",
	     ""},
	    {K1 " a\nendpoint=\"La ter\" " K2 " b\n", "list:2: endpoint: "},
	    {K1 " a\nendpoint=\"later\" " K1 " a\n", "list:2: the key SHA256:"},
	    {"endpoint=\"later\" " K1 " a\nendpoint=\"latest\" " K1 " a\n",
	     "list:2: the key SHA256:"},
	    {"source=\"127.0.0.2\" " K1 " a\nendpoint=\"later\",source=\"127.0.0.2\" " K2 " b\n",
	     "list:2: source 127.0.0.2 is that of the key on line 1"},
	    {K1 " a\nendpoint=\"later\",no-pty=1 " K2 " b\n", "list:2: option no-pty"},
	};
	struct allow_names names = {endpoints, 1, NULL, NULL, 0, .may_be_absent = true};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct allowlist *l;

		write_list(rows[i].content, strlen(rows[i].content));
		faults[0] = '\0';
		count = 0;
		l = allowlist_load(path, &names, on_fault, &count);
		cr_assert_eq(!l, *rows[i].faults != '\0', "%zu: %s", i, faults);
		cr_expect_eq(strncmp(faults, rows[i].faults, strlen(rows[i].faults)), 0, "%zu: %s",
			     i, faults);
		if (!l)
			continue;
		cr_expect_eq(allowlist_count(l), 2);
		cr_expect_eq(allowlist_absent(l), 1);
		cr_expect_eq(allowlist_get(l, 0)->endpoint, endpoints);
		cr_expect_null(allowlist_get(l, 1)->endpoint);
		allowlist_free(l);
	}
	/* Which one is meant can only be said with a name. */
	names.n_endpoints = 2;
	write_list(K1 " a\n", strlen(K1 " a\n"));
	cr_expect_null(allowlist_load(path, &names, on_fault, &count));
}

Test(allowlist, changed_while_it_is_read)
{
	static const char list[] = "wrong\n" K1 " a\n";
	const struct allow_names names = {endpoints, 1, NULL, NULL, 0, false};

	for (int i = 0; i < 2; i++) {
		same_size = i;
		write_list(list, sizeof(list) - 1);
		faults[0] = '\0';
		count = 0;
		cr_expect_null(allowlist_load(path, &names, change_it, &count));
		cr_expect(strstr(faults, "changed while it was read"), "%s", faults);
	}
}
