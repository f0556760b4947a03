// SPDX-License-Identifier: BSD-2-Clause
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "options.h"
#include "reason.h"

#define SYNTAX                                                                                     \
	"syntax error here or before it; the forms are name = \"text\"; name = 1; "                \
	"name = [ \"text\", \"text\" ]; name = ( { name = \"text\"; } );"

static char dir[] = "/tmp/sshipc-options-XXXXXX";
static char path[64], part[64];
static char faults[4096], heard[256];
static int count;

static struct settings {
	bool on, sticky;
	int number, level, louder;
	char *text;
	char list[8], one[8], groups[8], maybe[8];
} s;

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
	free(s.text);
	s.text = NULL;
}

TestSuite(options, .init = make_dir, .fini = remove_dir);

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

static const char *hear(void *target, const char *value)
{
	size_t len = strlen(heard);

	snprintf(heard + len, sizeof(heard) - len, "%s=%s ", (const char *)target, value);
	if (strcmp(value, "bad") != 0)
		return NULL;
	return reasonf("it is %s", value);
}

static void forget(void *target)
{
	size_t len = strlen(heard);

	snprintf(heard + len, sizeof(heard) - len, "%s: ", (const char *)target);
}

static void hear_group(struct options_file *f, config_setting_t *group, void *target)
{
	struct {
		int inner;
	} settings = {0};
	const struct option_row rows[] = {
	    {.name = "inner", .type = OPTION_NUMBER, .min = 0, .max = 9},
	    {.name = NULL},
	};
	size_t len = strlen(heard);

	options_group(f, group, rows, &settings);
	if (settings.inner == 1)
		options_fault(f, group, "inner is %d", settings.inner);
	snprintf(heard + len, sizeof(heard) - len, "%s=%d ", (const char *)target, settings.inner);
}

static const char *show_list(const void *target, size_t i, char buf[OPTION_TEXT_MAX])
{
	snprintf(buf, OPTION_TEXT_MAX, "%s %zu", (const char *)target, i);
	return i < 2 ? buf : NULL;
}

static const char *show_one(const void *target, size_t i, char buf[OPTION_TEXT_MAX])
{
	return target;
}

static void print_groups(const void *target)
{
	printf("\t{ }\n");
}

static const char *set_maybe(void *target, const char *value)
{
	return hear(target, value ? value : "nothing");
}

static int end_here(const struct options *o)
{
	return printf("%s ends\n", o->program) > 0 ? 7 : 8;
}

#define AT(member) .at = offsetof(struct settings, member)

static const char *const levels[] = {"none", "low", "middle", "high"};

static const struct option_row rows[] = {
    {"on", 0, "on", NULL, "a flag", OPTION_FLAG, AT(on), .value = 1},
    {"number", 'n', "number", "N", "a number", OPTION_NUMBER, AT(number), 1, 10, 7},
    {"text", 't', "text", "TEXT", "a text", OPTION_TEXT, AT(text), .initial = "start"},
    {"list", 'l', "list", "A-VERY-LONG-ARGUMENT", "a list:\nof lines", OPTION_LIST, AT(list),
     .set = hear, .clear = forget, .show = show_list},
    {"one", .type = OPTION_TEXT, AT(one), .set = hear, .show = show_one},
    {"groups", 'g', "groups", "GROUP", "groups", OPTION_GROUPS, AT(groups), .set = hear,
     .clear = forget, .group = hear_group, .print = print_groups},
    {NULL, 0, "maybe", "X", "perhaps", OPTION_MAYBE, AT(maybe), .set = set_maybe},
    {"level", 0, "level", "WORD", "a word", OPTION_WORD, AT(level), 1, 3, 2, levels},
    {NULL, 'q', "quiet", NULL, "quieter", OPTION_STEP, AT(louder), 0, 3, -1},
    {NULL, 'v', "verbose", NULL, "louder", OPTION_STEP, AT(louder), 0, 3, 1},
    {"sticky", 0, "sticky", NULL, "kept", OPTION_FLAG, AT(sticky), .set = options_set_permit},
    {NULL, 'h', "help", NULL, "this", OPTION_DO, .run = options_help},
    {NULL, 'x', "now", NULL, "the end", OPTION_DO, .run = end_here},
    {.name = NULL},
};

static const struct options table = {.program = "test",
				     .rows = rows,
				     .usage = "Usage: test\n\n",
				     .notes = "That is all.\n",
				     .column = 24};

/* What is set before it is told by its name. */
static void start(void)
{
	free(s.text);
	s = (struct settings){.list = "list", .one = "one", .groups = "groups", .maybe = "maybe"};
	options_defaults(&table, &s);
	faults[0] = heard[0] = '\0';
	count = 0;
}

static int read_file(const char *file)
{
	start();
	return options_read(&table, file, &s, on_fault, &count);
}

static int read_text(const char *content)
{
	write_to(path, content);
	return read_file(path);
}

Test(options, typed_values)
{
	cr_assert_eq(read_text(""), 0);
	cr_expect(s.on && s.number == 7 && s.level == 2, "the defaults");
	cr_expect_str_eq(s.text, "start");
	cr_assert_eq(read_text("on = false; number = 10; text = \"a\"; level = \"high\";"), 0);
	cr_expect(!s.on && s.number == 10 && s.level == 3);
	cr_expect_str_eq(s.text, "a");
	cr_assert_eq(read_text("number = 1L;"), 0);
	cr_expect_eq(s.number, 1);
	/* Without a setter a flag is taken back, with one it is as that says. */
	cr_assert_eq(read_text("sticky = true;"), 0);
	cr_assert(s.sticky);
	write_to(path, "sticky = false;");
	cr_assert_eq(options_read(&table, path, &s, on_fault, &count), 0);
	cr_expect(s.sticky);
}

static const struct {
	const char *content, *heard;
} handled[] = {
    {"list = \"a\";", "list: list=a "},
    {"list = [ \"a\", \"b\" ];", "list: list=a list=b "},
    {"list = ( \"a\", \"b\" );", "list: list=a list=b "},
    {"list = [ ];", "list: "},
    {"list = ( );", "list: "},
    {"one = \"x\";", "one=x "},
    {"one = \"x\"; list = \"y\";", "list: list=y one=x "}, /* the rows' order */
    {"groups = ( { inner = 3; }, { } );", "groups: groups=3 groups=0 "},
    {"groups = ( );", "groups: "},
};

Test(options, handlers)
{
	for (size_t i = 0; i < sizeof(handled) / sizeof(*handled); i++) {
		cr_expect_eq(read_text(handled[i].content), 0, "%s: %s", handled[i].content,
			     faults);
		cr_expect_str_eq(heard, handled[i].heard, "%s", handled[i].content);
	}
}

#define KNOWN "known are: on, number, text, list, one, groups, level, sticky\n"

#define NOT_PLAIN                                                                                  \
	"not plain text: it begins with a byte order mark, as of a Windows editor; save it as "    \
	"UTF-8 without one\n"

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
    {"level = 1;", "a.conf:1: level: expected a text in double quotes\n"},
    {"level = \"none\";", "a.conf:1: level: \"none\": expected low, middle or high\n"},
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
    {"list = ( \"a\",\n \"bad\" );", "a.conf:2: list: \"bad\": it is bad\n"},
    {"groups = { inner = 3; };",
     "a.conf:1: groups: expected a list of groups: ( { ... }, { ... } )\n"},
    {"groups = \"a\";", "a.conf:1: groups: expected a list of groups: ( { ... }, { ... } )\n"},
    {"groups = [ ];", "a.conf:1: groups: expected a list of groups: ( { ... }, { ... } )\n"},
    {"groups = ( \"a\" );", "a.conf:1: groups: expected groups only: { ... }\n"},
    {"groups = ( { inner = 10; } );", "a.conf:1: inner: expected a number from 0 to 9\n"},
    {"groups = ( { }, {\ninner = 1; } );", "a.conf:1: inner is 1\n"},
    {"one = \"bad\";", "a.conf:1: one: \"bad\": it is bad\n"},
    {"groups = ( {\n outer = 1; } );", "a.conf:2: unknown setting 'outer'; known are: inner\n"},
    {"nmuber = 1;", "a.conf:1: unknown setting 'nmuber' (did you mean number?)\n"},
    {"inner = 1;", "a.conf:1: unknown setting 'inner'; " KNOWN},
    {"NUMBER = 1;", "a.conf:1: unknown setting 'NUMBER' (did you mean number?)\n"},
    /* All of them are told. */
    {"on = 1;\nx = 1;\nnumber = 0;",
     "a.conf:2: unknown setting 'x'; " KNOWN "a.conf:1: on: expected true or false\n"
     "a.conf:3: number: expected a number from 1 to 10\n"},
    {"on = true;\nnumber = ;", "a.conf:2: " SYNTAX "\n"},
    {"on = true;\non = true;",
     "a.conf:2: duplicate setting name: it stands further up, too; keep one of "
     "them (a list holds several)\n"},
    {"\xef\xbb\xbfon = true;\n", "a.conf: " NOT_PLAIN},
    {"\xff\xfeo\0n\0", "a.conf: " NOT_PLAIN},
    {"list = [ \"a\", 1 ];", "a.conf:1: mismatched element type in array\n"},
};

Test(options, faults)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		cr_expect_eq(read_text(refused[i].content), count, "%s", refused[i].content);
		cr_expect_str_eq(faults, refused[i].faults, "%s", refused[i].content);
		cr_expect_eq(s.number, 7, "%s: a refused value was taken", refused[i].content);
	}
}

Test(options, unreadable)
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

Test(options, include)
{
	write_to(part, "\nnumber = 5;\n");
	cr_expect_eq(read_text("@include \"part.conf\"\non = true;\n"), 0, "%s", faults);
	cr_expect_eq(s.number, 5);

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
Test(options, pipe)
{
	const char content[] = "number = 4;\n";
	char name[32];
	int ends[2];

	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(write(ends[1], content, sizeof(content) - 1), sizeof(content) - 1);
	close(ends[1]);
	snprintf(name, sizeof(name), "/dev/fd/%d", ends[0]);
	cr_expect_eq(read_file(name), 0);
	cr_expect_eq(s.number, 4);
	close(ends[0]);
}

/* What others may change decides nothing, not even beside what they may not. */
Test(options, include_that_others_write)
{
	write_to(part, "number = 5;\n");
	write_to(path, "on = true;\n@include \"part.conf\"\n");
	cr_assert_eq(chmod(part, 0666), 0);
	cr_expect_eq(read_file(path), 1);
	cr_expect(strstr(faults, "part.conf: mode 0666 lets others write it; chmod go-w "), "%s",
		  faults);
	cr_expect_eq(s.number, 7, "a setting of it was taken");
	cr_assert_eq(chmod(part, 0644), 0);
	cr_assert_eq(chmod(dir, 0777), 0);
	cr_expect_eq(read_file(path), 1);
	cr_expect(strstr(faults, "a.conf: others can write its folder "), "%s", faults);
	cr_assert_eq(chmod(dir, 0700), 0);
	cr_expect_eq(read_file(path), 0, "%s", faults);
	cr_expect_eq(s.number, 5);
}

/* A path without a folder: includes are looked for beside it too. */
Test(options, bare_name)
{
	cr_assert_eq(chdir(dir), 0);
	write_to(part, "number = 3;\n");
	write_to(path, "@include \"part.conf\"\n");
	cr_expect_eq(read_file("a.conf"), 0, "%s", faults);
	cr_expect_eq(s.number, 3);
}

static void check_root(struct options_file *f, config_setting_t *root)
{
	if (config_setting_get_member(root, "on"))
		options_fault(f, NULL, "on stands there");
}

/* A fault of a whole file has no line; what cannot be read is not looked at. */
Test(options, check_of_a_whole_file)
{
	struct options checked = table;

	checked.check = check_root;
	write_to(path, "groups = ( { inner = 1; } );\non = 1;");
	start();
	cr_expect_eq(options_read(&checked, path, &s, on_fault, &count), 3);
	cr_expect_str_eq(faults, "a.conf:2: on: expected true or false\na.conf:1: inner is 1\n"
				 "a.conf: on stands there\n");
	write_to(path, "on = ");
	start();
	cr_expect_eq(options_read(&checked, path, &s, on_fault, &count), 1);
}

/* ---- the command line ---- */

static char printed[4096];
static struct option_line line;

/* What fn prints, on stdout and stderr. */
static int capture(int (*fn)(const char *words, const struct options *o), const char *words,
		   const struct options *o)
{
	int saved[2], rc, fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	cr_assert(fd >= 0);
	fflush(NULL);
	for (int i = 0; i < 2; i++) {
		saved[i] = dup(i + 1);
		dup2(fd, i + 1);
	}
	rc = fn(words, o);
	fflush(NULL);
	for (int i = 0; i < 2; i++) {
		dup2(saved[i], i + 1);
		close(saved[i]);
	}
	printed[pread(fd, printed, sizeof(printed) - 1, 0)] = '\0';
	close(fd);
	return rc;
}

/* Words are parted by blanks; E is an empty one. */
static int parse_and_apply(const char *words, const struct options *o)
{
	static char copy[2048], program[] = "test", empty[] = "";
	char *argv[200] = {program}, *save = NULL;
	int argc = 1, rc;

	start();
	snprintf(copy, sizeof(copy), "%s", words);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = strcmp(w, "E") == 0 ? empty : w;
	rc = options_parse(o, argc, argv, &line);
	if (rc < 0)
		rc = options_apply(o, &line, &s);
	return rc < 0 && optind < argc ? 100 + argc - optind : rc;
}

static int words(const char *text)
{
	return capture(parse_and_apply, text, &table);
}

Test(options, line_sets)
{
	cr_expect_eq(words("-n 2 --text=a -vv --verbose --sticky --level low"), -1, "%s", printed);
	cr_expect(s.number == 2 && s.louder == 3 && s.level == 1 && s.sticky && s.on);
	cr_expect_str_eq(s.text, "a");
	cr_expect_str_eq(printed, "");
	cr_expect_str_eq(options_given(&line, "number"), "2");
	cr_expect_str_eq(options_given(&line, "verbose"), "");
	cr_expect_null(options_given(&line, "list"));
	cr_expect_eq(words("--num 3"), -1, "an unambiguous beginning");
	cr_expect_eq(s.number, 3);
	/* What is counted has its ends in the end. */
	cr_expect_eq(words("-vvvvvqq"), -1);
	cr_expect_eq(s.louder, 3);
	cr_expect_eq(words("-q -v -q"), -1);
	cr_expect_eq(s.louder, 0);
	cr_expect_eq(words("a -n 4 b"), 102, "arguments stand anywhere");
	cr_expect_eq(s.number, 4);
}

static const struct {
	const char *line, *heard;
} given[] = {
    {"-l a", "list: list=a "},
    {"-l a --list b -l b", "list: list=a list=b list=b "},
    {"-g x -l a -g y", "groups: groups=x list: list=a groups=y "},
    {"--maybe", "maybe=nothing "},
    {"--maybe=x --maybe", "maybe=x maybe=nothing "},
};

/* What a list had before goes, once. */
Test(options, line_is_handed_over)
{
	for (size_t i = 0; i < sizeof(given) / sizeof(*given); i++) {
		cr_expect_eq(words(given[i].line), -1, "%s: %s", given[i].line, printed);
		cr_expect_str_eq(heard, given[i].heard, "%s", given[i].line);
	}
}

static const struct {
	const char *line, *says;
} misused[] = {
    {"-y", "unknown option '-y'"},
    {"-vy", "unknown option '-y'"},
    {"-:", "unknown option '-:'"},
    {"--nope", "unknown option '--nope'"},
    {"--nope=3", "unknown option '--nope=3'"},
    {"--n x", "unknown option '--n'"},				/* number or now? */
    {"--one x", "unknown option '--one' (did you mean --on?)"}, /* --one is of the file only */
    {"--nubmer=3", "unknown option '--nubmer=3' (did you mean --number?)"},
    {"--verbose=3", "option '--verbose' takes no value"},
    {"-n", "option '--number' needs a value"},
    {"--number", "option '--number' needs a value"},
    {"-n E", "the value of option '--number' is empty"},
    {"--text=", "the value of option '--text' is empty"},
    {"-l E", "the value of option '--list' is empty"},
    {"-n 1 --number 1", "option '--number' is given twice"},
    {"-t a -t a", "option '--text' is given twice"},
    {"--maybe=a --maybe=b", "option '--maybe' is given twice"},
    {"-n 0", "option '--number' takes a number from 1 to 10"},
    {"-n 11", "option '--number' takes a number from 1 to 10"},
    {"-n -1", "option '--number' takes a number from 1 to 10"},
    {"-n +1", "option '--number' takes a number from 1 to 10"},
    {"-n 0x1", "option '--number' takes a number from 1 to 10"},
    {"-n 4294967297", "option '--number' takes a number from 1 to 10"},
    {"-n 18446744073709551617", "option '--number' takes a number from 1 to 10"},
    {"--level none", "--level \"none\": expected low, middle or high"},
    {"--level 1", "--level \"1\": expected low, middle or high"},
    {"-l a -l bad", "--list \"bad\": it is bad"},
    {"-g bad", "--groups \"bad\": it is bad"},
    {"--maybe=bad", "--maybe \"bad\": it is bad"},
};

Test(options, line_refused)
{
	char expected[256];

	for (size_t i = 0; i < sizeof(misused) / sizeof(*misused); i++) {
		cr_expect_eq(words(misused[i].line), 64, "\"%s\" was taken", misused[i].line);
		snprintf(expected, sizeof(expected), "test: %s; see test --help\n",
			 misused[i].says);
		cr_expect_str_eq(printed, expected, "%s", misused[i].line);
	}
}

/* A program whose messages have letters, and whose options come first. */
Test(options, letters_and_leading)
{
	struct options other = table;

	other.letters = other.leading = true;
	cr_expect_eq(capture(parse_and_apply, "-l bad", &other), 64);
	cr_expect_str_eq(printed, "test: -l 'bad': it is bad; see test --help\n");
	cr_expect_eq(capture(parse_and_apply, "--maybe=bad", &other), 64);
	cr_expect_str_eq(printed, "test: --maybe 'bad': it is bad; see test --help\n");
	cr_expect_eq(capture(parse_and_apply, "--text a -t a", &other), 64);
	cr_expect_str_eq(printed, "test: option '-t' is given twice; see test --help\n");
	cr_expect_eq(capture(parse_and_apply, "-n 2 a -y", &other), 102);
	cr_expect_eq(s.number, 2);
	write_to(path, "one = \"bad\";");
	cr_expect_eq(options_read(&other, path, &s, on_fault, &count), 1);
	cr_expect_str_eq(faults, "a.conf:1: one \"bad\": it is bad\n");
}

Test(options, too_many_words)
{
	char text[4 * OPTION_WORDS + 8] = "";

	for (int i = 0; i < OPTION_WORDS; i++)
		strcat(text, "-v ");
	cr_expect_eq(words(text), -1);
	cr_expect_eq(s.louder, 3);
	strcat(text, "-v");
	cr_expect_eq(words(text), 64);
	cr_expect_str_eq(printed, "test: there are too many options; see test --help\n");
}

/* They end the line where they stand; what is wrong before them comes first. */
Test(options, done_at_once)
{
	cr_expect_eq(words("-n 100 -x --nope"), 7);
	cr_expect_str_eq(printed, "test ends\n");
	cr_expect_eq(words("--nope -x"), 64);
	cr_expect_eq(words("-h"), 0);
	cr_expect_str_eq(printed, "Usage: test\n\n"
				  "      --on              a flag\n"
				  "  -n, --number N        a number\n"
				  "  -t, --text TEXT       a text\n"
				  "  -l, --list A-VERY-LONG-ARGUMENT\n"
				  "                        a list:\n"
				  "                        of lines\n"
				  "  -g, --groups GROUP    groups\n"
				  "      --maybe[=X]       perhaps\n"
				  "      --level WORD      a word\n"
				  "  -q, --quiet           quieter\n"
				  "  -v, --verbose         louder\n"
				  "      --sticky          kept\n"
				  "  -h, --help            this\n"
				  "  -x, --now             the end\n"
				  "That is all.\n");
}

static int print(const char *unused, const struct options *o)
{
	options_print(o, &s);
	return 0;
}

Test(options, printed_as_a_file)
{
	start();
	cr_expect_eq(capture(print, "", &table), 0);
	cr_expect_str_eq(printed, "on = true;\nnumber = 7;\ntext = \"start\";\n"
				  "list = [ \"list 0\", \"list 1\" ];\none = \"one\";\n"
				  "groups = (\n\t{ }\n);\nlevel = \"middle\";\nsticky = false;\n");
	snprintf(s.one, sizeof(s.one), "%s", "a\"\n\\");
	free(s.text);
	s.text = NULL;
	capture(print, "", &table);
	cr_expect(strstr(printed, "one = \"a\\x22\\x0a\\x5c\";\n"), "%s", printed);
	cr_expect_null(strstr(printed, "text = "), "%s", printed);
	cr_expect_eq(read_text("one = \"a\\x22\\x0a\\x5c\";\n"), 0);
	cr_expect_str_eq(heard, "one=a\"\n\\ ");
}
