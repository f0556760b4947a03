// SPDX-License-Identifier: BSD-2-Clause
/*
 * The command line, --help and -T by the table of options.h; options_file.c has the file.  Called
 * by the settings of every program at its start, before it has a thread or a peer.  Never exits:
 * reports an error on stderr and returns the exit code.
 */
#include "options.h"

#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "alloc.h"
#include "log.h"
#include "nearest.h"
#include "reason.h"

enum { GO_ON = -1, WORDS = 256 }; /* getopt_long returns a letter, or WORDS + the row */

static bool is_end(const struct option_row *r)
{
	return !r->name && !r->word;
}

static bool is_list(const struct option_row *r)
{
	return r->type == OPTION_LIST || r->type == OPTION_GROUPS;
}

/* Whether the option takes no value on the command line. */
static bool is_bare(const struct option_row *r)
{
	return r->type == OPTION_FLAG || r->type == OPTION_STEP || r->type == OPTION_DO;
}

/* ---- values ---- */

static const char *set_number(const struct option_row *r, int *target, const char *value)
{
	const size_t digits = strspn(value, "0123456789");
	const long v = digits && digits < 10 && !value[digits] ? strtol(value, NULL, 10) : -1;

	if (v < r->min || v > r->max)
		return reasonf("expected a number from %d to %d", r->min, r->max);
	*target = (int)v;
	return NULL;
}

static const char *set_word(const struct option_row *r, int *target, const char *value)
{
	const char *why;

	for (int i = r->min; i <= r->max; i++) {
		if (strcmp(r->words[i], value) == 0) {
			*target = i;
			return NULL;
		}
	}
	why = reasonf("expected %s", r->words[r->min]);
	for (int i = r->min + 1; i <= r->max; i++)
		why = reasonf("%s%s %s", why, i < r->max ? "," : " or", r->words[i]);
	return why;
}

const char *options_set(const struct option_row *r, void *settings, const char *value)
{
	void *target = (char *)settings + r->at;

	if (r->set)
		return r->set(target, value);
	if (r->type == OPTION_NUMBER)
		return set_number(r, target, value);
	if (r->type == OPTION_WORD)
		return set_word(r, target, value);
	if (r->type == OPTION_FLAG) {
		*(bool *)target = strcmp(value, "true") == 0;
	} else if (r->type == OPTION_STEP) {
		*(int *)target += r->value;
	} else {
		free(*(char **)target);
		*(char **)target = xstrdup(value);
	}
	return NULL;
}

const char *options_set_permit(void *flag, const char *value)
{
	*(bool *)flag |= strcmp(value, "true") == 0;
	return NULL;
}

void options_defaults(const struct options *o, void *settings)
{
	for (const struct option_row *r = o->rows; !is_end(r); r++) {
		if (r->type == OPTION_NUMBER || r->type == OPTION_WORD)
			*(int *)((char *)settings + r->at) = r->value;
		else if (r->type == OPTION_FLAG && r->value)
			*(bool *)((char *)settings + r->at) = true;
		else if (r->initial)
			options_set(r, settings, r->initial);
	}
}

/* ---- the command line ---- */

int options_usage(const struct options *o, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "%s: ", o->program);
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "; see %s --help\n", o->program);
	va_end(ap);
	return EX_USAGE;
}

void options_print_fault(void *count, const char *text)
{
	size_t *faults = count;

	fprintf(stderr, "%s\n", text);
	if (faults)
		++*faults;
}

/* Fills the arrays of getopt_long; in shorts a ":" follows a letter that takes a value. */
static void make_getopt(const struct options *o, char shorts[2 * OPTION_ROWS + 2],
			struct option longs[OPTION_ROWS])
{
	shorts += sprintf(shorts, o->leading ? "+:" : ":");
	for (const struct option_row *r = o->rows; !is_end(r); r++) {
		const bool bare = is_bare(r);

		if (r->word)
			*longs++ = (struct option){.name = r->word,
						   .has_arg = !bare + (r->type == OPTION_MAYBE),
						   .val = WORDS + (int)(r - o->rows)};
		if (r->letter)
			shorts += sprintf(shorts, bare ? "%c" : "%c:", r->letter);
	}
	*longs = (struct option){.name = NULL};
}

static const struct option_row *find_row(const struct options *o, int c)
{
	const struct option_row *r = o->rows;

	if (c >= WORDS)
		return &o->rows[c - WORDS];
	while (!is_end(r) && r->letter != c)
		r++;
	return is_end(r) ? NULL : r;
}

/* Reports a fault, which getopt describes by optopt: 0 for an unknown word, a known option for a
 * missing or superfluous value, else the unknown letter, which may be within a word of several
 * letters. */
static int refuse_option(const struct options *o, int c, const char *word)
{
	const struct option_row *r = optopt ? find_row(o, optopt) : NULL;
	struct nearest near = {.word = NULL};

	if (r)
		return options_usage(o, "option '--%s' %s", r->word,
				     c == ':' ? "needs a value" : "takes no value");
	if (optopt)
		return options_usage(o, "unknown option '-%c'", optopt);
	if (strncmp(word, "--", 2) == 0)
		near = (struct nearest){.word = word + 2, .len = strcspn(word + 2, "=")};
	for (r = o->rows; !is_end(r); r++)
		nearest_offer(&near, r->word);
	return options_usage(o, "unknown option '%s'%s", word, nearest_hint(&near, "--"));
}

/* The option's name in a message: -l or --listen. */
static const char *name_of(const struct options *o, const struct option_row *r, char buf[64])
{
	if (o->letters && r->letter)
		snprintf(buf, 64, "-%c", r->letter);
	else
		snprintf(buf, 64, "--%s", r->word);
	return buf;
}

static const struct option_word *find_word(const struct option_line *line, const char *word)
{
	for (size_t i = 0; i < line->n; i++) {
		if (strcmp(line->words[i].row->word, word) == 0)
			return &line->words[i];
	}
	return NULL;
}

const char *options_given(const struct option_line *line, const char *word)
{
	const struct option_word *w = find_word(line, word);

	return w && !w->value ? "" : w ? w->value : NULL;
}

static int add_word(const struct options *o, struct option_line *line, const struct option_row *r,
		    const char *value)
{
	char name[64];

	if (value && !*value)
		return options_usage(o, "the value of option '%s' is empty", name_of(o, r, name));
	/* An option given twice is refused: the second value would silently replace the first. */
	if (value && !is_list(r) && find_word(line, r->word))
		return options_usage(o, "option '%s' is given twice", name_of(o, r, name));
	if (line->n == OPTION_WORDS)
		return options_usage(o, "there are too many options");
	line->words[line->n++] = (struct option_word){.row = r, .value = value};
	return GO_ON;
}

int options_parse(const struct options *o, int argc, char **argv, struct option_line *line)
{
	struct option longs[OPTION_ROWS];
	char shorts[2 * OPTION_ROWS + 2];
	int c, rc = GO_ON;

	line->n = 0;
	make_getopt(o, shorts, longs);
	optind = 0; /* resets getopt: ctl has parsed its own options before */
	opterr = 0;
	while (rc == GO_ON && (c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		const struct option_row *r = c == '?' || c == ':' ? NULL : find_row(o, c);

		if (!r)
			rc = refuse_option(o, c, argv[optind - 1]);
		else if (r->type == OPTION_DO)
			rc = r->run(o);
		else
			rc = add_word(o, line, r, optarg);
	}
	return rc;
}

int options_apply(const struct options *o, const struct option_line *line, void *settings)
{
	const char quote = o->letters ? '\'' : '"', *why = NULL;
	char name[64];
	struct log_text shown;

	for (const struct option_word *w = line->words; w < line->words + line->n; w++) {
		const struct option_row *r = w->row;

		if (r->clear && find_word(line, r->word) == w)
			r->clear((char *)settings + r->at);
		why = options_set(r, settings, is_bare(r) ? "true" : w->value);
		if (why && r->type == OPTION_NUMBER)
			return options_usage(o, "option '%s' takes a number from %d to %d",
					     name_of(o, r, name), r->min, r->max);
		if (why)
			return options_usage(o, "%s %c%s%c: %s", name_of(o, r, name), quote,
					     log_escape(&shown, w->value, strlen(w->value)), quote,
					     why);
	}
	for (const struct option_row *r = o->rows; !is_end(r); r++) {
		int *v = (int *)(void *)((char *)settings + r->at);

		if (r->type == OPTION_STEP)
			*v = *v < r->min ? r->min : *v > r->max ? r->max : *v;
	}
	return GO_ON;
}

/* ---- what is printed ---- */

static void print_option(const struct option_row *r, int column)
{
	int n =
	    r->letter ? printf("  -%c, --%s", r->letter, r->word) : printf("      --%s", r->word);

	if (r->argument)
		n += printf(r->type == OPTION_MAYBE ? "[=%s]" : " %s", r->argument);
	if (n >= column) {
		putchar('\n');
		n = 0;
	}
	for (const char *line = r->help, *end; line; line = *end ? end + 1 : NULL, n = 0) {
		end = line + strcspn(line, "\n");
		printf("%*s%.*s\n", column - n, "", (int)(end - line), line);
	}
}

int options_help(const struct options *o)
{
	fputs(o->usage, stdout);
	for (const struct option_row *r = o->rows; !is_end(r); r++) {
		if (r->help)
			print_option(r, o->column);
	}
	fputs(o->notes, stdout);
	return EX_OK;
}

void (*options_version_details)(void);

int options_version(const struct options *o)
{
	printf("%s " SSHIPC_VERSION "\n", o->program);
	if (options_version_details)
		options_version_details();
	return EX_OK;
}

/* libconfig reads log_escape's \xNN in a string. */
void options_print_text(const char *before, const char *text, const char *after)
{
	char escaped[4 * PATH_MAX];

	printf("%s\"%s\"%s", before, log_escape_to(escaped, sizeof(escaped), text, strlen(text)),
	       after);
}

static void print_row(const struct option_row *r, const void *target)
{
	char buf[OPTION_TEXT_MAX];
	const char *text;

	if (r->type == OPTION_FLAG) {
		printf("%s = %s;\n", r->name, *(const bool *)target ? "true" : "false");
	} else if (r->type == OPTION_NUMBER) {
		printf("%s = %d;\n", r->name, *(const int *)target);
	} else if (r->type == OPTION_WORD) {
		printf("%s = \"%s\";\n", r->name, r->words[*(const int *)target]);
	} else if (r->type == OPTION_LIST) {
		printf("%s = [ ", r->name);
		for (size_t i = 0; (text = r->show(target, i, buf)); i++)
			options_print_text(i ? ", " : "", text, "");
		printf(" ];\n");
	} else if (r->print) {
		printf("%s = (\n", r->name);
		r->print(target);
		printf(");\n");
	} else if (r->type == OPTION_TEXT &&
		   (text = r->show ? r->show(target, 0, buf) : *(char *const *)target)) {
		printf("%s = ", r->name);
		options_print_text("", text, ";\n");
	}
}

void options_print(const struct options *o, const void *settings)
{
	for (const struct option_row *r = o->rows; !is_end(r); r++) {
		if (r->name)
			print_row(r, (const char *)settings + r->at);
	}
}
