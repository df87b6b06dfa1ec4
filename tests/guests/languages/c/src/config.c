#include "config.h"

#include <stdlib.h>
#include <string.h>

/* A place in the JSON text. */
struct reader {
  const char *at;
  const char *end;
};

/* Values within values; the stack of an instance is small. */
enum { DEEPEST = 64 };

static const char ILLEGAL[] = "the configuration is not JSON";

static bool next_in(const struct reader *in, const char *set) {
  return in->at < in->end && *in->at != '\0' && strchr(set, *in->at) != NULL;
}

static void take_blanks(struct reader *in) {
  while (next_in(in, " \t\r\n")) in->at++;
}

/* Steps over this character, if it is next. */
static bool take(struct reader *in, char wanted) {
  take_blanks(in);
  if (in->at == in->end || *in->at != wanted) return false;
  in->at++;
  return true;
}

/* What follows a backslash. The host writes all but ASCII as it is. */
static bool escape(struct reader *in, char *one) {
  static const char NAMES[] = "\"\\/bfnrt", MEANT[] = "\"\\/\b\f\n\r\t";
  if (next_in(in, NAMES)) {
    *one = MEANT[strchr(NAMES, *in->at++) - NAMES];
    return true;
  }
  char digits[5] = {0};
  if (!next_in(in, "u") || in->end - in->at < 5) return false;
  memcpy(digits, in->at + 1, 4);
  in->at += 5;
  if (strspn(digits, "0123456789abcdefABCDEF") != 4) return false;
  unsigned long point = strtoul(digits, NULL, 16);
  *one = (char)point;
  return point < 0x80;
}

/* Adds a JSON string to what `out` has. */
static bool string(struct reader *in, struct text *out) {
  if (!take(in, '"')) return false;
  while (in->at < in->end && *in->at != '"') {
    char one = *in->at++;
    if ((unsigned char)one < ' ' || (one == '\\' && !escape(in, &one))) return false;
    text_add(out, &one, 1);
  }
  return take(in, '"');
}

static bool skip_string(struct reader *in) {
  struct text dropped = {0};
  bool legal = string(in, &dropped);
  free(dropped.ptr);
  return legal;
}

/* Steps over a value that the plugin does not know. */
static bool skip(struct reader *in, int depth) {
  bool object = take(in, '{');
  if (object || take(in, '[')) {
    char close = object ? '}' : ']';
    if (take(in, close)) return true;
    do {
      if (object && !(skip_string(in) && take(in, ':'))) return false;
      if (depth == DEEPEST || !skip(in, depth + 1)) return false;
    } while (take(in, ','));
    return take(in, close);
  }
  if (next_in(in, "\"")) return skip_string(in);
  /* A number, `true`, `false` or `null`. */
  const char *first = in->at;
  while (next_in(in, "+-.0123456789Eaeflnrstu")) in->at++;
  return in->at > first;
}

/* A key and its value. */
static const char *member(struct reader *in, struct text *url) {
  struct text key = {0};
  bool legal = string(in, &key) && take(in, ':');
  bool known = key.len == 3 && memcmp(key.ptr, "url", 3) == 0;
  free(key.ptr);
  if (known && legal) return string(in, url) ? NULL : "url: not a JSON string";
  return legal && skip(in, 0) ? NULL : ILLEGAL;
}

const char *config_read(struct text *url, const char *json, size_t len) {
  struct reader in = {json, json + len};
  if (!take(&in, '{')) return "the configuration is not a JSON object";
  bool ends = take(&in, '}');
  while (!ends) {
    const char *wrong = member(&in, url);
    if (wrong != NULL) return wrong;
    if (!take(&in, ',') && !(ends = take(&in, '}'))) return ILLEGAL;
  }
  take_blanks(&in);
  return in.at == in.end ? NULL : ILLEGAL;
}
