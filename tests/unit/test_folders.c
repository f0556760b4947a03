// SPDX-License-Identifier: BSD-2-Clause
/* Whom a file depends on: each folder of the way to it, each link, itself. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folders.h"

static char dir[] = "/tmp/sshipc-folders-XXXXXX";
static char why[FOLDERS_ERROR], buf[4][128];

static const struct thing {
	const char *name, *link; /* link: "@" is dir */
	mode_t mode;		 /* with S_IFDIR: a folder */
} things[] = {
    {"a", NULL, S_IFDIR | 0755},
    {"a/b", NULL, S_IFDIR | 0755},
    {"a/b/file", NULL, 0644},
    {"links", NULL, S_IFDIR | 0755},
    {"links/file", "../a/b/file", 0},
    {"links/absolute", "@/a/b/file", 0},
    {"links/a", "../a", 0},
    {"links/two", "a/b/file", 0},
    {"sticky", NULL, S_IFDIR | 01777},
    {"sticky/link", "../a/b/file", 0},
    {"sticky/file", NULL, 0600},
    {"links/loop", "loop", 0},
    {"links/nowhere", "../a/none", 0},
};
enum { N = sizeof(things) / sizeof(*things) };

static const char *at(int i, const char *name)
{
	if (*name == '@')
		snprintf(buf[i], sizeof(buf[i]), "%s%s", dir, name + 1);
	else
		snprintf(buf[i], sizeof(buf[i]), "%s/%s", dir, name);
	return buf[i];
}

static void make(void)
{
	umask(0);
	cr_assert(mkdtemp(dir));
	for (int i = 0; i < N; i++) {
		const char *path = at(0, things[i].name);

		if (things[i].link)
			cr_assert_eq(symlink(things[i].link[0] == '@' ? at(1, things[i].link)
								      : things[i].link,
					     path),
				     0);
		else if (things[i].mode & S_IFDIR)
			cr_assert_eq(mkdir(path, 0700), 0);
		else
			close(open(path, O_CREAT | O_WRONLY, 0600));
		if (!things[i].link)
			cr_assert_eq(chmod(path, things[i].mode & 07777), 0);
	}
}

static void unmake(void)
{
	for (int i = N - 1; i >= 0; i--)
		if (unlink(at(0, things[i].name)) != 0)
			rmdir(at(0, things[i].name));
	cr_expect_eq(rmdir(dir), 0, "a file was left behind");
}

TestSuite(folders, .init = make, .fini = unmake);

static int try(const char *path, unsigned trust)
{
	struct stat st;
	const int fd = folders_open(path, trust, &st, why);

	if (fd < 0)
		return -1;
	cr_expect_str_empty(why);
	close(fd);
	return 0;
}

/* One thing that is changed: its mode, or (uid) its owner, which takes root. */
static const struct {
	const char *path, *what;
	mode_t mode;
	uid_t uid;
	unsigned trust;
	const char *want; /* NULL: taken */
} cases[] = {
    {"a/b/file", NULL, 0, 0, 0, NULL},
    {"links/file", NULL, 0, 0, 0, NULL},
    {"links/absolute", NULL, 0, 0, 0, NULL},
    {"links/two", NULL, 0, 0, 0, NULL},
    {"links/a/../links/./a//b/file", NULL, 0, 0, 0, NULL},
    {"sticky/link", NULL, 0, 0, 0, NULL},
    {"sticky/file", NULL, 0, 0, 0, NULL},
    {"links/nowhere", NULL, 0, 0, 0, "No such file"},
    {"links/loop", NULL, 0, 0, 0, "Too many levels"},
    {"a/b/file/x", NULL, 0, 0, 0, "Not a directory"},
    {"a/b", NULL, 0, 0, 0, "not a regular file"},
    {"a/b", NULL, 0, 0, FOLDERS_ANY_KIND, NULL},
    /* Each folder of the way, those of the links too. */
    {"a/b/file", "a/b", 0777, 0, 0, "its folder @/a/b (mode 0777, uid "},
    {"a/b/file", "a", 0757, 0, 0, "its folder @/a (mode 0757, uid "},
    {"a/b/file", "a", 0775, 0, 0, "chmod go-w @/a, or use"},
    {"a/b/file", "a", 01777, 0, 0, NULL},
    {"a/b/file", "a", 01777, 0, FOLDERS_NO_STICKY, NULL},
    {"a/b/file", "a/b", 01777, 0, FOLDERS_NO_STICKY, "use one that only its owner can write"},
    {"a/b/file", "links", 0777, 0, 0, NULL},
    {"links/file", "links", 0777, 0, 0, "its folder @/links "},
    {"links/file", "a/b", 0777, 0, 0, "its folder @/a/b "},
    {"links/absolute", "a", 0777, 0, 0, "its folder @/a "},
    {"links/two", "a", 0777, 0, 0, "its folder @/a "},
    {"links/two", "links", 0777, 0, 0, "its folder @/links "},
    {"a/../links/file", "a", 0777, 0, 0, "its folder @/a "},
    {"a/b/none", "a", 0777, 0, 0, "its folder @/a "}, /* before it is missed */
    /* Owners. */
    {"a/b/file", "a", 0, 4711, 0, "its folder @/a belongs to uid 4711"},
    {"links/two", "a", 0, 4711, 0, "its folder @/a belongs to uid 4711"},
    {"a/b/file", "a/b/file", 0, 4711, 0, "belongs to uid 4711, and must belong to uid 0"},
    {"sticky/file", "sticky/file", 0, 4711, 0, "belongs to uid 4711"},
    {"sticky/link", "sticky/link", 0, 4711, 0, "link @/sticky/link on its way is uid 4711's"},
    {"links/file", "links/file", 0, 4711, 0, NULL}, /* it can be changed by root alone */
    {"a/b/file", "a/b/file", 0, 4711, FOLDERS_OTHER_USER, NULL},
    {"a/b/file", "a", 0, 4711, FOLDERS_OTHER_USER, NULL},
    {"a/b/file", "a", 0, 4711, FOLDERS_SHARED, NULL},
    /* The file. */
    {"a/b/file", "a/b/file", 0664, 0, 0, "mode 0664 lets others write it; chmod go-w @/a/b/file"},
    {"a/b/file", "a/b/file", 0646, 0, 0, "mode 0646 lets others write it"},
    {"a/b/file", "a/b/file", 01666, 0, 0, "mode 1666 lets others write it"},
    {"a/b/file", "a/b/file", 0640, 0, FOLDERS_SECRET, "read or write it; chmod 600 @/a/b/file"},
    {"a/b/file", "a/b/file", 0440, 0, FOLDERS_SECRET, "mode 0440 lets others read"}, /* ours */
    {"a/b/file", "a/b/file", 0400, 0, FOLDERS_SECRET, NULL},
    /* What is let pass. */
    {"a/b/file", "a", 0775, 0, FOLDERS_SHARED, NULL},
    {"a/b/file", "a", 0777, 0, FOLDERS_SHARED, "its folder @/a "},
    {"a/b/file", "a", 0777, 0, FOLDERS_PRIVATE_GROUP, "its folder @/a "},
};

/* "@" stands for dir. */
static bool says(const char *want)
{
	const char *mark = strchr(want, '@');
	char text[FOLDERS_ERROR];

	if (!mark)
		return strstr(why, want);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(mark - want), want, dir, mark + 1);
	return strstr(why, text);
}

Test(folders, each_step)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *what = cases[i].what ? at(1, cases[i].what) : NULL;
		struct stat st;
		int rc;

		if (cases[i].uid && geteuid() != 0)
			continue;
		cr_assert(!what || lstat(what, &st) == 0);
		if (cases[i].mode)
			cr_assert_eq(chmod(what, cases[i].mode), 0);
		if (cases[i].uid)
			cr_assert_eq(lchown(what, cases[i].uid, cases[i].uid), 0);
		rc = try(at(0, cases[i].path), cases[i].trust);
		cr_expect_eq(rc, cases[i].want ? -1 : 0, "%zu %s: %s", i, cases[i].path, why);
		cr_expect(!cases[i].want || says(cases[i].want), "%zu: %s", i, why);
		if (cases[i].uid)
			cr_assert_eq(lchown(what, st.st_uid, st.st_gid), 0);
		if (cases[i].mode)
			cr_assert_eq(chmod(what, st.st_mode & 07777), 0);
	}
}

/* Root may use what is a user's, but not what a second user could change under it. */
Test(folders, one_other_user)
{
	if (geteuid() != 0)
		cr_skip_test("needs root");
	cr_assert_eq(chmod(dir, 0755), 0);
	cr_assert_eq(chown(at(0, "a"), 4711, 0), 0);
	cr_assert_eq(chown(at(0, "a/b/file"), 4711, 0), 0);
	cr_expect_eq(try(at(0, "a/b/file"), FOLDERS_OTHER_USER), 0, "%s", why);
	cr_assert_eq(chown(at(0, "a/b/file"), 4712, 0), 0);
	cr_expect_eq(try(at(0, "a/b/file"), FOLDERS_OTHER_USER), -1);
	cr_expect(strstr(why, "uid 4712"), "%s", why);
	/* An ordinary user has no such right. */
	cr_assert_eq(seteuid(4712), 0);
	cr_expect_eq(try(at(0, "a/b/file"), FOLDERS_OTHER_USER), -1);
	cr_expect(says("its folder @/a belongs to uid 4711"), "%s", why);
	cr_assert_eq(seteuid(0), 0);
}

/* A group that has its owner's name is his own as long as nobody else is in it; 0 is root's. */
Test(folders, private_group)
{
	if (geteuid() != 0)
		cr_skip_test("needs root");
	cr_assert_eq(chmod(at(0, "a"), 0775), 0);
	cr_assert_eq(chmod(at(1, "a/b/file"), 0664), 0);
	cr_expect_eq(try(at(1, "a/b/file"), FOLDERS_PRIVATE_GROUP), 0, "%s", why);
	cr_expect_eq(try(at(1, "a/b/file"), FOLDERS_STRICT), -1);
	cr_assert_eq(chown(at(0, "a"), 0, 4711), 0);
	cr_expect_eq(try(at(1, "a/b/file"), FOLDERS_PRIVATE_GROUP), -1);
	cr_expect(says("chmod go-w @/a,"), "%s", why);
}

/* What root lets a group, or an ACL, of ours read is a credential that was given to us. */
Test(folders, credential)
{
	static const struct {
		mode_t mode;
		uid_t uid;
		bool taken;
	} given[] = {{0440, 0, true},	  {0640, 0, true},   {0444, 0, false},
		     {0460, 0, false},	  {0450, 0, false},  {0440, 4712, false},
		     {0440, 4711, false}, {0400, 4711, true}};
	const char *path = at(0, "a/b/file");

	if (geteuid() != 0)
		cr_skip_test("needs root");
	cr_assert_eq(chmod(dir, 0755), 0);
	for (size_t i = 0; i < sizeof(given) / sizeof(*given); i++) {
		cr_assert_eq(chown(path, given[i].uid, 4711), 0);
		cr_assert_eq(chmod(path, given[i].mode), 0);
		cr_assert_eq(setegid(4711), 0);
		cr_assert_eq(seteuid(4711), 0);
		cr_expect_eq(try(path, FOLDERS_SECRET), given[i].taken ? 0 : -1, "%zu: %s", i, why);
		/* Nobody is told to change what he cannot. */
		cr_expect(given[i].taken || given[i].uid == 4711 || !strstr(why, "chmod"), "%s",
			  why);
		cr_assert_eq(seteuid(0), 0);
		cr_assert_eq(setegid(0), 0);
	}
}

/* What is to be made may be missing, its folder may not. */
Test(folders, check)
{
	cr_expect_eq(folders_check(at(0, "a/b/new"), FOLDERS_STRICT, why), 0, "%s", why);
	cr_expect_eq(folders_check(at(0, "links/nowhere"), FOLDERS_STRICT, why), 0, "%s", why);
	cr_expect_eq(folders_check(at(0, "a/none/new"), FOLDERS_STRICT, why), -1);
	cr_expect_eq(errno, ENOENT);
	cr_expect(says("its folder @/a/none: No such file"), "%s", why);
	cr_assert_eq(chmod(at(0, "a"), 0777), 0);
	cr_expect_eq(folders_check(at(0, "a/b/new"), FOLDERS_STRICT, why), -1);
	cr_expect_eq(errno, EPERM);
	cr_expect(says("its folder @/a "), "%s", why);
}

/* Shells make such paths of a command's output. */
Test(folders, descriptors)
{
	char path[64], byte;
	struct stat st;
	int ends[2], fd;

	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(write(ends[1], "x", 1), 1);
	snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
	fd = folders_open(path, FOLDERS_ANY_KIND, &st, why);
	cr_assert_geq(fd, 0, "%s", why);
	cr_expect_eq(read(fd, &byte, 1), 1);
	close(fd);
	cr_expect_eq(try(path, FOLDERS_STRICT), -1);
	cr_expect_str_eq(why, "not a regular file");
}

static void note(void *arg, const struct folders_step *step)
{
	char *steps = arg;

	if (strncmp(step->at, dir, strlen(dir)) == 0)
		sprintf(steps + strlen(steps), "%s:%s%s%s ", step->at + strlen(dir), step->name,
			step->link ? ">" : "", step->link ? step->link : "");
}

Test(folders, walk)
{
	char steps[1024] = "";

	cr_expect_eq(folders_walk(at(0, "links/two"), note, steps), 0);
	cr_expect_str_eq(steps,
			 ":links /links:two>a/b/file /links:a>../a /links:.. :a /a:b /a/b:file ");
	*steps = '\0';
	cr_expect_eq(folders_walk(at(0, "links/nowhere"), note, steps), -1);
	cr_expect_str_eq(steps, ":links /links:nowhere>../a/none /links:.. :a /a:none ");
}

Test(folders, relative)
{
	cr_assert_eq(chdir(at(0, "a")), 0);
	cr_expect_eq(try("b/file", FOLDERS_STRICT), 0, "%s", why);
	cr_expect_eq(try("./b/../../links/file", FOLDERS_STRICT), 0, "%s", why);
	cr_expect_eq(try("", FOLDERS_STRICT), -1);
	cr_assert_eq(chmod(dir, 0777), 0); /* above it */
	cr_expect_eq(try("b/file", FOLDERS_STRICT), -1);
	cr_expect(says("its folder @ "), "%s", why);
	cr_assert_eq(chdir("/"), 0);
}
