// SPDX-License-Identifier: BSD-2-Clause
#ifndef SSHIPC_FIELD_H
#define SSHIPC_FIELD_H
/*
 * The fields of SSH's binary forms (RFC 4251 section 5): uint32 and string, read and written within
 * bounds.
 */
#include <stddef.h>
#include <stdint.h>

struct field {
	const uint8_t *p;
	size_t len;
};

/* The bytes left to read.  A read past the end leaves none. */
struct field_reader {
	const uint8_t *p;
	size_t left;
};

struct field field_take(struct field_reader *r); /* a string; empty for a missing one */
struct field field_take_bytes(struct field_reader *r, size_t n); /* empty if fewer are left */
uint32_t field_take_u32(struct field_reader *r);		 /* 0 for a missing one */

/* A field that does not fit makes len larger than size, and no more is written. */
struct field_writer {
	uint8_t *p;
	size_t len, size;
};

void field_put_bytes(struct field_writer *w, const void *p, size_t n);
void field_put_u32(struct field_writer *w, uint32_t v);
void field_put(struct field_writer *w, const void *p, size_t n); /* a string */
void field_put_text(struct field_writer *w, const char *s);	 /* a string */

#endif
