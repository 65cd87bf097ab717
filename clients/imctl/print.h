/* SPDX-License-Identifier: BSD-3-Clause */
/* Answers on a terminal. Control characters in what users chose never reach it. */
#ifndef IM_IMCTL_PRINT_H
#define IM_IMCTL_PRINT_H

#include <jansson.h>
#include <stdio.h>

/* An array of objects as a table: `columns` are member names separated by blanks; one
 * behind a ? is left out where no row has it. */
void print_table(FILE *out, const json_t *rows, const char *columns);
/* An object, a line a member; objects within it are indented, arrays of objects become
 * tables. */
void print_object(FILE *out, const json_t *object);
/* An object of numbers, a line a member. */
void print_counts(FILE *out, const json_t *object);
/* One value without quotes and line end. */
void print_text(FILE *out, const json_t *value);

#endif
