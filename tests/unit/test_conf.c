// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf.h"

#define SYNTAX                                                                                     \
	"syntax error here or before it; the forms are name = \"text\"; name = 1; "                \
	"name = [ \"text\", \"text\" ]; name = ( { name = \"text\"; } );"

static char dir[] = "/tmp/sshipc-conf-XXXXXX";
static char path[64], part[64];
static char faults[4096], heard[256];
static int count;

static bool on;
static int number;
static char *text;

static void make_dir(void)
{
	cr_assert(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/a.conf", dir);
	snprintf(part, sizeof(part), "%s/part.conf", dir);
}

static void remove_dir(void)
{
	unlink(path);
	unlink(part);
	cr_expect_eq(rmdir(dir), 0, "a file was left behind");
	free(text);
	text = NULL;
}

TestSuite(conf, .init = make_dir, .fini = remove_dir);

static void write_to(const char *file, const char *content)
{
	FILE *f = fopen(file, "w");

	cr_assert(f);
	fputs(content, f);
	cr_assert_eq(fclose(f), 0);
}

/* Faults without the folder, one a line. */
static void on_fault(void *arg, const char *fault)
{
	size_t len = strlen(faults), skip = strlen(dir) + 1;

	cr_expect_eq(arg, &count, "the caller's argument");
	cr_expect_eq(strncmp(fault, dir, skip - 1), 0, "%s", fault);
	snprintf(faults + len, sizeof(faults) - len, "%s\n",
		 strlen(fault) > skip ? fault + skip : fault);
	count++;
}

static void hear(struct conf *c, config_setting_t *setting, const char *value, void *arg)
{
	size_t len = strlen(heard);

	snprintf(heard + len, sizeof(heard) - len, "%s=%s ", (const char *)arg, value);
	if (!strcmp(value, "bad"))
		conf_fault(c, setting, "%s is %s", (const char *)arg, value);
}

static void hear_group(struct conf *c, config_setting_t *group, const char *value, void *arg)
{
	int inner = 0;
	const struct conf_rule rules[] = {
	    {.name = "inner", .type = CONF_INT, .target = &inner, .min = 0, .max = 9},
	    {.name = NULL},
	};
	size_t len = strlen(heard);

	cr_expect_null(value);
	conf_apply(c, group, rules);
	snprintf(heard + len, sizeof(heard) - len, "%s=%d ", (const char *)arg, inner);
}

static char list_arg[] = "list", one_arg[] = "one", group_arg[] = "group";

static const struct conf_rule rules[] = {
    {.name = "on", .type = CONF_BOOL, .target = &on},
    {.name = "number", .type = CONF_INT, .target = &number, .min = 1, .max = 10},
    {.name = "text", .type = CONF_STRING, .target = &text},
    {.name = "list", .type = CONF_STRINGS, .handle = hear, .arg = list_arg},
    {.name = "one", .type = CONF_STRING, .handle = hear, .arg = one_arg},
    {.name = "groups", .type = CONF_GROUPS, .handle = hear_group, .arg = group_arg},
    {.name = NULL},
};

static int read_file(const char *file)
{
	faults[0] = heard[0] = '\0';
	count = 0;
	return conf_read(file, rules, on_fault, &count);
}

static int read_text(const char *content)
{
	write_to(path, content);
	return read_file(path);
}

Test(conf, typed_values)
{
	cr_assert_eq(read_text("on = true; number = 10; text = \"a\";"), 0);
	cr_expect(on);
	cr_expect_eq(number, 10);
	cr_expect_str_eq(text, "a");
	/* An earlier text is replaced (and freed), what is absent stays. */
	cr_assert_eq(read_text("text = \"b\"; number = 1L;"), 0);
	cr_expect(on);
	cr_expect_eq(number, 1);
	cr_expect_str_eq(text, "b");
	cr_assert_eq(read_text(""), 0);
	cr_expect_str_eq(text, "b");
}

static const struct {
	const char *content, *heard;
} handled[] = {
    {"list = \"a\";", "list=a "},
    {"list = [ \"a\", \"b\" ];", "list=a list=b "},
    {"list = ( \"a\", \"b\" );", "list=a list=b "},
    {"list = [ ];", ""},
    {"list = ( );", ""},
    {"one = \"x\";", "one=x "},
    {"one = \"x\"; list = \"y\";", "list=y one=x "}, /* the rules' order */
    {"groups = ( { inner = 3; }, { } );", "group=3 group=0 "},
    {"groups = ( );", ""},
};

Test(conf, handlers)
{
	for (size_t i = 0; i < sizeof(handled) / sizeof(*handled); i++) {
		cr_expect_eq(read_text(handled[i].content), 0, "%s: %s", handled[i].content,
			     faults);
		cr_expect_str_eq(heard, handled[i].heard, "%s", handled[i].content);
	}
}

#define KNOWN "known are: on, number, text, list, one, groups\n"

static const struct {
	const char *content, *faults;
} refused[] = {
    {"on = 1;", "a.conf:1: on: expected true or false\n"},
    {"\n\non = \"true\";", "a.conf:3: on: expected true or false\n"},
    {"number = 0;", "a.conf:1: number: expected a number from 1 to 10\n"},
    {"number = 11;", "a.conf:1: number: expected a number from 1 to 10\n"},
    {"number = -1;", "a.conf:1: number: expected a number from 1 to 10\n"},
    {"number = 4294967297L;", "a.conf:1: number: expected a number from 1 to 10\n"},
    {"number = 2.0;", "a.conf:1: number: expected a number from 1 to 10\n"},
    {"number = \"2\";", "a.conf:1: number: expected a number from 1 to 10\n"},
    {"number = true;", "a.conf:1: number: expected a number from 1 to 10\n"},
    {"text = 1;", "a.conf:1: text: expected a text in double quotes\n"},
    {"text = [ \"a\" ];", "a.conf:1: text: expected a text in double quotes\n"},
    {"one = [ \"a\" ];", "a.conf:1: one: expected a text in double quotes\n"},
    {"list = 1;",
     "a.conf:1: list: expected a text in double quotes or a list of them: [ \"...\" ]\n"},
    {"list = { };",
     "a.conf:1: list: expected a text in double quotes or a list of them: [ \"...\" ]\n"},
    {"list = [ 1,\n2 ];", "a.conf:1: list: expected texts in double quotes only\n"
			  "a.conf:2: list: expected texts in double quotes only\n"},
    {"list = ( \"a\",\n( \"b\" ) );", "a.conf:2: list: expected texts in double quotes only\n"},
    {"list = ( \"a\",\n \"bad\" );", "a.conf:2: list is bad\n"},
    {"groups = { inner = 3; };",
     "a.conf:1: groups: expected a list of groups: ( { ... }, { ... } )\n"},
    {"groups = \"a\";", "a.conf:1: groups: expected a list of groups: ( { ... }, { ... } )\n"},
    {"groups = [ ];", "a.conf:1: groups: expected a list of groups: ( { ... }, { ... } )\n"},
    {"groups = ( \"a\" );", "a.conf:1: groups: expected groups only: { ... }\n"},
    {"groups = ( { inner = 10; } );", "a.conf:1: inner: expected a number from 0 to 9\n"},
    {"groups = ( {\n outer = 1; } );", "a.conf:2: unknown setting 'outer'; known are: inner\n"},
    {"nmuber = 1;", "a.conf:1: unknown setting 'nmuber'; " KNOWN},
    {"inner = 1;", "a.conf:1: unknown setting 'inner'; " KNOWN},
    {"NUMBER = 1;", "a.conf:1: unknown setting 'NUMBER'; " KNOWN},
    /* All of them are told. */
    {"on = 1;\nx = 1;\nnumber = 0;",
     "a.conf:2: unknown setting 'x'; " KNOWN "a.conf:1: on: expected true or false\n"
     "a.conf:3: number: expected a number from 1 to 10\n"},
    {"on = true;\nnumber = ;", "a.conf:2: " SYNTAX "\n"},
    {"on = true;\non = true;", "a.conf:2: duplicate setting name\n"},
    {"list = [ \"a\", 1 ];", "a.conf:1: mismatched element type in array\n"},
};

Test(conf, faults)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		number = 7;
		cr_expect_eq(read_text(refused[i].content), count, "%s", refused[i].content);
		cr_expect_str_eq(faults, refused[i].faults, "%s", refused[i].content);
		cr_expect_eq(number, 7, "%s: a refused value was taken", refused[i].content);
	}
}

Test(conf, unreadable)
{
	cr_expect_eq(read_file(path), 1);
	cr_expect(strstr(faults, "a.conf: cannot be read by uid "), "%s", faults);
	cr_expect(strstr(faults, ": No such file or directory\n"), "%s", faults);
	/* libconfig's scanner would end the program. */
	cr_expect_eq(read_file(dir), 1);
	cr_expect(strstr(faults, "Is a directory"), "%s", faults);
	write_to(path, "number = 7;\n");
	cr_assert_eq(chmod(path, 0646), 0);
	cr_expect_eq(read_file(path), 1);
	cr_expect(strstr(faults, "a.conf: mode 0646 lets others write it; chmod go-w "), "%s",
		  faults);
	cr_expect_eq(read_file("/dev/null"), 0);
}

Test(conf, include)
{
	write_to(part, "\nnumber = 5;\n");
	cr_expect_eq(read_text("@include \"part.conf\"\non = true;\n"), 0, "%s", faults);
	cr_expect_eq(number, 5);

	write_to(part, "\nnumber = 50;\n");
	cr_expect_eq(read_text("on = true;\n@include \"part.conf\"\ntext = 1;\n"), 2);
	cr_expect_str_eq(faults, "part.conf:2: number: expected a number from 1 to 10\n"
				 "a.conf:3: text: expected a text in double quotes\n");

	write_to(part, "\nnumber 50;\n");
	cr_expect_eq(read_text("on = true;\n@include \"part.conf\"\n"), 1);
	cr_expect_str_eq(faults, "part.conf:2: " SYNTAX "\n");

	cr_expect_eq(read_text("on = true;\n@include \"nix.conf\"\n"), 1);
	cr_expect(strstr(faults, "a.conf:2: cannot open include file"), "%s", faults);
	cr_expect(strstr(faults, dir), "%s", faults);
}

/* As a shell makes one of a command's output. */
Test(conf, pipe)
{
	const char content[] = "number = 4;\n";
	char name[32];
	int ends[2];

	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(write(ends[1], content, sizeof(content) - 1), sizeof(content) - 1);
	close(ends[1]);
	snprintf(name, sizeof(name), "/dev/fd/%d", ends[0]);
	cr_expect_eq(read_file(name), 0);
	cr_expect_eq(number, 4);
	close(ends[0]);
}

/* What others may change decides nothing, not even beside what they may not. */
Test(conf, include_that_others_write)
{
	write_to(part, "number = 5;\n");
	write_to(path, "on = true;\n@include \"part.conf\"\n");
	number = 1;
	cr_assert_eq(chmod(part, 0666), 0);
	cr_expect_eq(read_file(path), 1);
	cr_expect(strstr(faults, "part.conf: mode 0666 lets others write it; chmod go-w "), "%s",
		  faults);
	cr_expect_eq(number, 1, "a setting of it was taken");
	cr_assert_eq(chmod(part, 0644), 0);
	cr_assert_eq(chmod(dir, 0777), 0);
	cr_expect_eq(read_file(path), 1);
	cr_expect(strstr(faults, "a.conf: others can write its folder "), "%s", faults);
	cr_assert_eq(chmod(dir, 0700), 0);
	cr_expect_eq(read_file(path), 0, "%s", faults);
	cr_expect_eq(number, 5);
}

/* A path without a folder: includes are looked for beside it too. */
Test(conf, bare_name)
{
	cr_assert_eq(chdir(dir), 0);
	write_to(part, "number = 3;\n");
	write_to(path, "@include \"part.conf\"\n");
	cr_expect_eq(read_file("a.conf"), 0, "%s", faults);
	cr_expect_eq(number, 3);
}
