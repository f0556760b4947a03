// SPDX-License-Identifier: BSD-2-Clause
/*
 * The control socket's two readers: the server's of a request line, and ctl's of an answer, which
 * may come from anybody.
 */
#include "fuzz.h"
#include "json.h"

#include "control.h"
#include "ctl.h"
#include "ctl_print.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return freopen("/dev/null", "w", stdout) ? 0 : -1;
}

static void check_request(const uint8_t *data, size_t size)
{
	struct control_request r = {.uid = 7};
	const char *why = NULL;

	if (control_parse((const char *)data, size, &r, &why) != 0) {
		EXPECT(why && why[0]);
		return;
	}
	EXPECT(r.uid == 7 && r.command <= CONTROL_UPGRADE);
	EXPECT((r.command == CONTROL_KILL) == (r.whom[0] != '\0'));
	EXPECT(!strchr(r.whom, ' ') && strlen(r.whom) < sizeof(r.whom));
}

/* What ctl hands on is clean text that ends with the line of a success. */
static void check_answer(const uint8_t *data, size_t size)
{
	static void (*const prints[])(char *) = {ctl_print_who, ctl_print_status, ctl_print_ended};
	static const char end[] = "\n{\"ok\":true}\n";
	char value[64];

	for (size_t i = 0; i < sizeof(prints) / sizeof(*prints); i++) {
		char *text = malloc(size + sizeof(end));

		EXPECT(text);
		if (size > 0)
			memcpy(text, data, size);
		memcpy(text + size, end, sizeof(end));
		EXPECT(strlen(json_value(text, "key.name", value, sizeof(value))) < sizeof(value));
		for (const char *c = value; *c; c++)
			EXPECT(*c >= ' ' && *c <= '~');
		prints[i](text);
		free(text);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_request(data, size);
	for (size_t i = 0; i < size; i++)
		if ((data[i] < ' ' && data[i] != '\n') || data[i] == 0x7f)
			return 0;
	check_answer(data, size);
	return 0;
}
