// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_OPTIONS_H
#define SSHIPC_OPTIONS_H
/*
 * Settings by table: a row per setting drives the command line (getopt_long), --help, the file
 * (libconfig), -T and the defaults.  One setter per row parses the text from either source and
 * returns the reason if it refuses it; the engine reports that with the option's name or with
 * FILE:LINE.  The engine itself knows no setting.
 *
 * The order of a program: options_defaults, options_parse (nothing is set yet), options_read for
 * its file, options_apply: values of the command line replace the file's, a list as a whole.
 */
#include <libconfig.h>
#include <stdbool.h>
#include <stddef.h>

#define OPTION_TEXT_MAX 1024 /* a value as text */
#define OPTION_ROWS	64
#define OPTION_WORDS	128 /* of one command line */

enum option_type {
	OPTION_FLAG,   /* bool: "true" on the command line; in the file true or false */
	OPTION_NUMBER, /* int, min to max */
	OPTION_WORD,   /* int or an enum: words[min] to words[max] */
	OPTION_STEP,   /* int: value is added each time; the sum must be min to max */
	OPTION_TEXT,   /* without set: char *, a copy; an earlier one is freed */
	OPTION_LIST,   /* set once per element; in the file a text or a list of texts */
	OPTION_GROUPS, /* in the file a list of groups; on the command line as OPTION_LIST */
	OPTION_MAYBE,  /* --WORD or --WORD=VALUE: set gets NULL or VALUE */
	OPTION_DO,     /* run is called at once; it returns the program's exit code */
};

struct options;
struct options_file;

struct option_row {
	const char *name; /* name in the file; NULL: not in files */
	char letter;	  /* -letter; 0: none; needs a word */
	const char *word; /* --word; NULL: not on the command line */
	const char *argument;
	const char *help; /* text lines; NULL: not in --help */
	enum option_type type;
	size_t at; /* offset in the settings; set, clear, show and print get a pointer there */
	int min, max, value; /* value: the default of a flag, a number or a word */
	const char *const *words;
	const char *initial; /* the default of a text, or the one element of a list */
	/* NULL, or the reason against value (reason.h). */
	const char *(*set)(void *target, const char *value);
	/* Empties a list before the first element from a file, a group or the command line. */
	void (*clear)(void *target);
	/* For -T: a text, or element i of a list, static or in buf.  NULL: there is none. */
	const char *(*show)(const void *target, size_t i, char buf[OPTION_TEXT_MAX]);
	void (*print)(const void *target); /* for -T: prints groups, the text between ( and ) */
	void (*group)(struct options_file *f, config_setting_t *group, void *target);
	int (*run)(const struct options *o);
};

struct options {
	const char *program;	       /* the first word of each message */
	const struct option_row *rows; /* ended by one without name and word */
	const char *usage, *notes;     /* texts of --help before and after the options */
	int column;		       /* column of --help where texts begin */
	bool leading; /* options must precede arguments, as in "sshipc-server ctl COMMAND" */
	/* Messages name an option as -l '1' and in a file as listen "1"; else as --listen "1" and
	 * listen: "1". */
	bool letters;
	/* NULL, or called after a file's settings are set: reports settings that exclude each other
	 * by options_fault. */
	void (*check)(struct options_file *f, config_setting_t *root);
};

/* The parsed command line, before it is applied to the settings. */
struct option_line {
	struct option_word {
		const struct option_row *row;
		const char *value; /* into argv; NULL: none */
	} words[OPTION_WORDS];
	size_t n;
};

/* Sets every default.  The members of the settings must be zero before. */
void options_defaults(const struct options *o, void *settings);

/* Reads argv into line; optind is then the first argument that is no option.  -1 to go on, or the
 * exit code, after a message: an unknown option, or a value that is missing, empty, given twice or
 * not allowed. */
int options_parse(const struct options *o, int argc, char **argv, struct option_line *line);

/* The first value of --word; "" for an option without a value, NULL if it was not given. */
const char *options_given(const struct option_line *line, const char *word);

/* Applies the options of the command line, in their order.  -1 to go on, or EX_USAGE after a
 * message. */
int options_apply(const struct options *o, const struct option_line *line, void *settings);

/* Applies the settings of the file at path, flags first, then in the order of rows, not of the
 * file; @include is relative to the file's folder.  Returns the number of faults; fault was called
 * for each ("FILE:LINE: text", without LINE if there is none).  An unreadable file, one that others
 * may change (folders_open; also if included) or a syntax error is one fault, and no setting is
 * applied. */
int options_read(const struct options *o, const char *path, void *settings,
		 void (*fault)(void *arg, const char *text), void *arg);

/* For a row's group callback: sets the members of one group by rows of its own. */
void options_group(struct options_file *f, config_setting_t *group, const struct option_row *rows,
		   void *target);

/* For the group and check callbacks: reports "FILE:LINE: text"; "FILE: text" if setting is NULL. */
void options_fault(struct options_file *f, const config_setting_t *setting, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* For -T: prints the settings in the form of a file, on stdout. */
void options_print(const struct options *o, const void *settings);

/* Prints before, text in quotes in the form of a file, and after. */
void options_print_text(const char *before, const char *text, const char *after);

/* The run of a row for --help.  Returns EX_OK. */
int options_help(const struct options *o);

/* The run of a row for --version: our own version, and what options_version_details prints, which
 * main sets. */
int options_version(const struct options *o);
extern void (*options_version_details)(void);

/* The setter of a flag that permits something: once true it stays true.  A file cannot revoke what
 * the command line permits, nor a group what the file permits. */
const char *options_set_permit(void *flag, const char *value);

/* Writes "PROGRAM: text; see PROGRAM --help" to stderr.  Returns EX_USAGE. */
int options_usage(const struct options *o, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Writes a fault of a file to stderr, as one line.  count: NULL, or a size_t that is
 * incremented. */
void options_print_fault(void *count, const char *text);

/* Used by options.c and options_file.c: sets one value; a flag's are "true" and "false".  NULL, or
 * the reason. */
const char *options_set(const struct option_row *row, void *settings, const char *value);

#endif
