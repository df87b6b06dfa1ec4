/* The cases that are answered with a text. */

#ifndef CASES_H
#define CASES_H

#include "text.h"

/* Makes with the host what the cases use; the URL is kept. */
bool cases_configure(const struct text *url, plugin_string_t *err);

/* Adds the text that is the answer; false if there is no such case. */
bool case_answer(const uint8_t *name, size_t len, struct text *out);

/* Literals as the host takes them, which only reads them. */
plugin_string_t literal(const char *text);
plugin_list_u8_t octets(const char *text);

/* Adds a word, after a blank if it is not the first. */
void word(struct text *out, const char *more);
void word_number(struct text *out, int64_t number);

/* Adds what the host handed over, and frees it; without it, a dash. */
void word_owned(struct text *out, bool some, uint8_t *ptr, size_t len);

/* Adds to a counter of the host; 0 if it is refused. */
int64_t count(const char *name, int64_t delta);

#endif
