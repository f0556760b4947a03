// SPDX-License-Identifier: BSD-2-Clause
/* The doctor's look at an address: it connects to nobody and leaves all as it was. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../sshipc-client/doctor/available.h"

static char dir[] = "/tmp/sshipc-available-XXXXXX";
static char path[64];

static void make_dir(void)
{
	cr_assert(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
}

static void remove_dir(void)
{
	cr_expect_eq(rmdir(dir), 0, "a file was left behind");
}

static struct listening listen_on(const char *text)
{
	struct listening l;
	struct address a;
	char err[1024] = "";

	cr_assert_null(address_parse(text, ADDRESS_PORT_0_OK, &a), "%s", text);
	cr_assert_eq(address_listen(&a, 5, NULL, &l, err, sizeof(err)), 0, "%s", err);
	return l;
}

static void expect_check(const char *text, const char *says)
{
	struct address a;
	char err[1024] = "";

	cr_assert_null(address_parse(text, 0, &a));
	cr_expect_eq(available_check(&a, err, sizeof(err)), says ? -1 : 0, "%s: %s", text, err);
	cr_expect(!says || strstr(err, says), "%s: %s", text, err);
}

Test(available, changes_nothing, .init = make_dir, .fini = remove_dir)
{
	char text[ADDRESS_TEXT], name[64];
	struct listening l = listen_on(path);
	struct stat st;

	expect_check(path, "a program listens there; ");
	cr_expect_eq(accept(l.fd, NULL, NULL), -1, "it connected");
	close(l.fd); /* as a crash would */
	expect_check(path, NULL);
	cr_expect_eq(lstat(path, &st), 0, "the stale one is left alone");
	unlink(path);
	expect_check(path, NULL);
	cr_expect_eq(lstat(path, &st), -1, "nothing is left behind");
	close(open(path, O_CREAT | O_WRONLY, 0600));
	expect_check(path, "not a socket; ");
	unlink(path);
	expect_check("/nonexistent/s", "/nonexistent: No such file or directory; ");

	l = listen_on("127.0.0.1:0");
	expect_check(address_format(&l.at, text, sizeof(text)), "Address already in use");
	listening_close(&l);
	expect_check(text, NULL);
	snprintf(name, sizeof(name), "@sshipc-available-%d", (int)getpid());
	expect_check(name, NULL);
	l = listen_on(name);
	expect_check(name, "choose another name");
	listening_close(&l);
}
