// SPDX-License-Identifier: BSD-2-Clause
#include <fcntl.h>
#include <sys/file.h>

#include "list.h"

#define LIST                                                                                       \
	"# blades\n\n  " K1 " one \t \n#\t" K2 "\n \t\nname=\"b\" " K2 " two # no comment\n" K3    \
	" \xc3\xa9t\xc3\xa9\n\n# end\n"

TestSuite(rewrite, .init = set_up, .fini = tear_down);

/* ---- what is written ---- */

static const struct {
	const char *before;
	unsigned remove[3]; /* the last first */
	const char *append, *after;
} changes[] = {
    {LIST,
     {3},
     NULL,
     "# blades\n\n#\t" K2 "\n \t\nname=\"b\" " K2 " two # no comment\n" K3
     " \xc3\xa9t\xc3\xa9\n\n# end\n"},
    {LIST,
     {6},
     NULL,
     "# blades\n\n  " K1 " one \t \n#\t" K2 "\n \t\n" K3 " \xc3\xa9t\xc3\xa9\n\n# end\n"},
    {LIST, {0}, K4, LIST K4 "\n"},
    {LIST, {7, 6, 3}, NULL, "# blades\n\n#\t" K2 "\n \t\n\n# end\n"},
    {K1, {1}, NULL, ""},
    {K1 "\n", {1}, NULL, ""},
    {K1, {0}, K2, K1 "\n" K2 "\n"},
    {"", {0}, K1, K1 "\n"},
    {"# x", {0}, K1, "# x\n" K1 "\n"},
    {K1 "\n" K2, {1}, NULL, K2},
    {K1 "\n" K2, {2}, NULL, K1 "\n"},
    {K1 "\n" K2, {2}, K3, K1 "\n" K3 "\n"},
    {K1 "\n\n\n", {1}, K2, "\n\n" K2 "\n"},
    {LIST, {0}, NULL, LIST},
};

Test(rewrite, byte_for_byte)
{
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		struct rewrite *r = NULL;

		put(path, changes[i].before, strlen(changes[i].before));
		r = open_list();
		cr_assert(r, "%zu: %s", i, faults);
		for (size_t n = 0; n < 3 && changes[i].remove[n]; n++)
			rewrite_remove(r, changes[i].remove[n]);
		if (changes[i].append)
			rewrite_append(r, changes[i].append);
		cr_expect_str_eq(get(), changes[i].before, "%zu: before the change", i);
		cr_expect_eq(change(r), 0, "%zu: %s", i, faults);
		cr_expect_str_eq(get(), changes[i].after, "%zu", i);
		cr_expect_str_eq(faults, "");
	}
}

Test(rewrite, lines_are_those_of_the_keys)
{
	struct rewrite *r = NULL;

	put(path, LIST, strlen(LIST));
	r = open_list();
	cr_assert(r);
	cr_expect_str_eq(rewrite_path(r), path);
	cr_expect_eq(allowlist_count(rewrite_list(r)), 3);
	cr_expect_eq(allowlist_get(rewrite_list(r), 1)->key.line, 6);
	rewrite_close(r);
	rewrite_close(NULL);
}

Test(rewrite, owner_and_mode)
{
	static const mode_t modes[] = {0400, 0600, 0640, 0644, 0444, 0755};
	char lock[80];

	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		struct rewrite *r = NULL;
		const mode_t mask = umask(i % 2 ? 0 : 077);

		unlink(path);
		put(path, K1 "\n", sizeof(K1));
		cr_assert_eq(chmod(path, modes[i]), 0);
		r = open_list();
		cr_assert(r, "%s", faults);
		rewrite_append(r, K2);
		cr_expect_eq(change(r), 0, "%s", faults);
		umask(mask);
		expect_owner(path, modes[i], geteuid(), getegid());
	}
	snprintf(lock, sizeof(lock), "%s/.list.lock", dir);
	expect_owner(lock, 0600, geteuid(), getegid());
}

/* The group is not the folder's nor ours; only root can make it so. */
Test(rewrite, group_of_others)
{
	struct rewrite *r = NULL;

	if (geteuid() != 0)
		cr_skip_test("only root can give a file to another group");
	put(path, K1 "\n", sizeof(K1));
	cr_assert_eq(chown(path, 0, 12), 0);
	cr_assert_eq(chmod(path, 0640), 0);
	r = open_list();
	cr_assert(r, "%s", faults);
	rewrite_append(r, K2);
	cr_expect_eq(change(r), 0, "%s", faults);
	expect_owner(path, 0640, 0, 12);
}

/* Not ours to give: the group would be lost, so nothing is changed. */
static int without_rights(const void *arg)
{
	struct rewrite *r = NULL;

	if (setgid(65534) < 0 || setuid(65534) < 0)
		return NOT_READY;
	r = open_list();
	if (!r)
		return 2;
	rewrite_append(r, K2);
	if (change(r) == 0)
		return 3;
	return strstr(faults, "gid 12 and mode 0640: Operation not permitted") ? 0 : 4;
}

Test(rewrite, group_that_cannot_be_kept)
{
	int status = 0;

	if (geteuid() != 0)
		cr_skip_test("only root can give a file to another group");
	put(path, K1 "\n", sizeof(K1));
	cr_assert_eq(chown(path, 65534, 12), 0);
	cr_assert_eq(chmod(path, 0640), 0);
	cr_assert_eq(chown(dir, 65534, 65534), 0);
	status = child(without_rights, NULL);
	cr_expect(exited(status, 0), "%d", status);
	cr_expect_str_eq(get(), K1 "\n");
	expect_owner(path, 0640, 65534, 12);
}

Test(rewrite, link_is_kept)
{
	char real_dir[80], real[100], lock[100];
	struct stat st;
	struct rewrite *r = NULL;

	snprintf(real_dir, sizeof(real_dir), "%s/real", dir);
	snprintf(real, sizeof(real), "%s/keys", real_dir);
	snprintf(lock, sizeof(lock), "%s/.keys.lock", real_dir);
	cr_assert_eq(mkdir(real_dir, 0755), 0);
	put(real, K1 "\n", sizeof(K1));
	cr_assert_eq(symlink("real/keys", path), 0);
	r = open_list();
	cr_assert(r, "%s", faults);
	cr_expect_str_eq(rewrite_path(r), real);
	rewrite_append(r, K2);
	cr_expect_eq(change(r), 0, "%s", faults);
	cr_expect_str_eq(get(), K1 "\n" K2 "\n");
	cr_assert_eq(lstat(path, &st), 0);
	cr_expect(S_ISLNK(st.st_mode));
	cr_assert_eq(lstat(real, &st), 0);
	cr_expect(S_ISREG(st.st_mode));
	unlink(real);
	unlink(lock);
	cr_expect_eq(rmdir(real_dir), 0, "a file was left behind the link");
}

/* ---- what is refused ---- */

#define TEXT(text) text, sizeof(text) - 1

static const struct {
	const char *content;
	size_t len;
	const char *faults;
} refused[] = {
    {TEXT(K1 "\r\n" K2 "\n"), "list:1: byte 81 is the control byte 0x0d (a DOS line end? sed -i "
			      "'s/\\r$//' FILE takes them off)\n"},
    {TEXT(K1 "\n\r\n"), "list:2: byte 1 is the control byte 0x0d (a DOS line end? sed -i "
			"'s/\\r$//' FILE takes them off)\n"},
    {TEXT(K1 "\n" K2 " a\0b\n"), "list:2: byte 83 is the control byte 0x00\n"},
    {TEXT("# x\ntunnel=\"1\" " K1 "\nrubbish\n"),
     "list:2: option tunnel is for tun devices, which sshipc does not have; remove it\n"
     "list:3: unknown option, and no key on the line; the line of a .pub file "
     "goes here, as a whole: [OPTIONS] TYPE KEY [NAME]\n"},
    {TEXT("endpoint=\"nso\" " K1), "list:1: no endpoint is named \"nso\", write one of: confd\n"},
};

Test(rewrite, faulty_lists_are_not_touched)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		put(path, refused[i].content, refused[i].len);
		cr_expect_null(open_list(), "%zu", i);
		cr_expect_str_eq(faults, refused[i].faults, "%zu: %s", i, faults);
		cr_expect_eq(memcmp(get(), refused[i].content, refused[i].len), 0, "%zu", i);
	}
}

Test(rewrite, twice_the_same_key)
{
	put(path, K1 "\n" K1 " b\n", 2 * sizeof(K1) + 2);
	cr_expect_null(open_list());
	cr_expect(strstr(faults, "list:2: the key SHA256:"), "%s", faults);
}

Test(rewrite, files_that_are_no_list)
{
	cr_expect_null(open_list());
	cr_expect_str_eq(faults, "list: No such file or directory\n");

	cr_assert_eq(mkfifo(path, 0600), 0);
	cr_expect_null(open_list());
	cr_expect_str_eq(faults, "list: not a regular file\n");
	unlink(path);

	cr_assert_eq(symlink("list", path), 0);
	cr_expect_null(open_list());
	cr_expect_str_eq(faults, "list: Too many levels of symbolic links\n");
	unlink(path);

	put(path, K1 "\n", sizeof(K1));
	cr_assert_eq(chmod(path, 0664), 0);
	cr_expect_null(open_list());
	cr_expect(strstr(faults, "list: mode 0664 lets others write it"), "%s", faults);
}

static const struct {
	const char *line, *faults;
} additions[] = {
    {"endpoint=\"nso\" " K2, "list:2: no endpoint is named \"nso\", write one of: confd\n"},
    {"rubbish", "list:2: unknown option, and no key on the line; the line of a .pub file "
		"goes here, as a whole: [OPTIONS] TYPE KEY [NAME]\n"},
    {"pty " K2, "list:2: option pty asks for what sshipc does not have; remove it\n"},
};

/* The line is that of the list, not of the file it was tried in. */
Test(rewrite, additions_that_the_server_would_refuse)
{
	put(path, K1, sizeof(K1) - 1);
	for (size_t i = 0; i < sizeof(additions) / sizeof(*additions); i++) {
		struct rewrite *r = open_list();

		cr_assert(r, "%s", faults);
		rewrite_append(r, additions[i].line);
		cr_expect_eq(change(r), -1, "%zu", i);
		cr_expect_str_eq(faults, additions[i].faults, "%zu: %s", i, faults);
		cr_expect_str_eq(get(), K1, "%zu", i);
	}
}

/* ---- others at the same time ---- */

static void replace_list(void)
{
	char other[80];

	snprintf(other, sizeof(other), "%s/other", dir);
	put(other, K3 "\n", sizeof(K3));
	cr_assert_eq(rename(other, path), 0);
}

static void add_to_list(void)
{
	FILE *f = fopen(path, "a");

	cr_assert(f);
	fputs(K3 "\n", f);
	fclose(f);
}

static void close_list(void)
{
	cr_assert_eq(chmod(path, 0600), 0);
}

static void remove_list(void)
{
	unlink(path);
}

static void link_list(void)
{
	unlink(path);
	cr_assert_eq(symlink("/dev/null", path), 0);
}

static const struct {
	void (*edit)(void);
	const char *after;
} edits[] = {
    {replace_list, K3 "\n"}, {add_to_list, K1 "\n" K3 "\n"},
    {close_list, K1 "\n"},   {remove_list, NULL},
    {link_list, ""},
};

Test(rewrite, editors_that_do_not_lock_lose_nothing)
{
	for (size_t i = 0; i < 2 * sizeof(edits) / sizeof(*edits); i++) {
		struct rewrite *r = NULL;

		unlink(path);
		put(path, K1 "\n", sizeof(K1));
		r = open_list();
		cr_assert(r, "%s", faults);
		rewrite_append(r, K2);
		if (i % 2)
			edits[i / 2].edit();
		cr_assert_eq(rewrite_prepare(r), 0);
		if (i % 2 == 0)
			edits[i / 2].edit();
		cr_expect_eq(rewrite_commit(r), -1, "%zu", i);
		cr_expect_str_eq(
		    faults, "list: it was changed by somebody else at the same time; try again\n");
		rewrite_close(r);
		if (edits[i / 2].after)
			cr_expect_str_eq(get(), edits[i / 2].after, "%zu", i);
	}
}

/* A link, so that what it leads to is never created, written to or given away. */
Test(rewrite, lock_that_is_a_link)
{
	char lock[80], victim[80];

	snprintf(lock, sizeof(lock), "%s/.list.lock", dir);
	snprintf(victim, sizeof(victim), "%s/victim", dir);
	put(path, K1 "\n", sizeof(K1));
	cr_assert_eq(symlink("victim", lock), 0);
	cr_expect_null(open_list());
	cr_expect_str_eq(faults, "list: its lock .list.lock: Too many levels of symbolic links\n");
	cr_expect_eq(access(victim, F_OK), -1);
}

Test(rewrite, lock_of_another)
{
	char lock[80];
	struct rewrite *r = NULL;
	int fd = -1;

	put(path, K1 "\n", sizeof(K1));
	r = open_list();
	cr_assert(r, "%s", faults);
	snprintf(lock, sizeof(lock), "%s/.list.lock", dir);
	fd = open(lock, O_RDWR);
	cr_expect_eq(flock(fd, LOCK_EX | LOCK_NB), -1, "locked while open");
	rewrite_close(r);
	cr_expect_eq(flock(fd, LOCK_EX | LOCK_NB), 0, "unlocked when closed");
	cr_expect_null(open_list());
	cr_expect_str_eq(faults,
			 "list: somebody else has been changing it for 5 seconds; try again\n");
	close(fd);
}
