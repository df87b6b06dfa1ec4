#include "cases.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the instance made or read when it was configured. */
static struct {
  plugin_string_t url;
  uint32_t regexes, networks, metric, limit;
} made;

plugin_string_t literal(const char *text) {
  plugin_string_t string;
  plugin_string_set(&string, text);
  return string;
}

plugin_list_u8_t octets(const char *text) {
  return (plugin_list_u8_t){(uint8_t *)text, strlen(text)};
}

static void word_of(struct text *out, const void *more, size_t len) {
  if (out->len > 0) text_add(out, " ", 1);
  if (len > 0) text_add(out, more, len);
}

void word(struct text *out, const char *more) { word_of(out, more, strlen(more)); }

void word_number(struct text *out, int64_t number) {
  char digits[24];
  snprintf(digits, sizeof digits, "%" PRId64, number);
  word(out, digits);
}

static void word_bool(struct text *out, bool value) { word(out, value ? "true" : "false"); }

void word_owned(struct text *out, bool some, uint8_t *ptr, size_t len) {
  if (!some) {
    word(out, "-");
    return;
  }
  word_of(out, ptr, len);
  /* Nothing is allocated for an empty list. */
  if (len > 0) free(ptr);
}

int64_t count(const char *name, int64_t delta) {
  plugin_string_t counter = literal(name);
  counter_counter_error_t error;
  int64_t sum;
  return counter_add(&counter, delta, &sum, &error) ? sum : 0;
}

bool cases_configure(const struct text *url, plugin_string_t *err) {
  made.url = (plugin_string_t){(uint8_t *)url->ptr, url->len};
  plugin_string_t patterns[] = {literal("b+"), literal("z")}, network = literal("127.0.0.0/8");
  plugin_list_string_t pattern_list = {patterns, 2}, networks = {&network, 1};
  matcher_regex_options_t options = {0};
  if (!matcher_regex_set(&pattern_list, &options, &made.regexes, err)) return false;
  if (!matcher_cidr_set(&networks, &made.networks, err)) return false;

  plugin_string_t counter = literal("conform_cases"), help = literal("Cases"), label = literal("case");
  plugin_list_string_t labels = {&label, 1};
  metrics_metrics_error_t metrics_error;
  plugin_string_t name = literal("conform");
  rate_limit_gcra_t gcra = {.rate = 1, .period_ms = 3600000, .burst = 1};
  rate_limit_algorithm_t algorithm = {.tag = RATE_LIMIT_ALGORITHM_GCRA, .val.gcra = gcra};
  rate_limit_rate_limit_error_t limit_error;
  if (metrics_counter(&counter, &help, &labels, &made.metric, &metrics_error) &&
      rate_limit_define(&name, &algorithm, &made.limit, &limit_error)) {
    return true;
  }
  plugin_string_dup(err, "the host refuses the counter or the rate limit");
  return false;
}

static void exchange(struct text *out) {
  plugin_string_t text, name = literal("x-other");
  plugin_list_u8_t value;
  exchange_method(&text);
  word_owned(out, true, text.ptr, text.len);
  exchange_target(&text);
  word_owned(out, true, text.ptr, text.len);
  bool some = exchange_request_header(&name, &value);
  word_owned(out, some, value.ptr, value.len);
}

static void values(struct text *out) {
  plugin_string_t name = literal("kept");
  plugin_list_u8_t value = octets("kept");
  exchange_value_error_t error;
  bool set = exchange_set_value(&name, &value, EXCHANGE_VISIBILITY_OWN, &error);
  word(out, set ? "set" : "refused");
}

static void connection(struct text *out) {
  plugin_string_t address;
  bool some = connection_client_address(&address);
  word_owned(out, some, address.ptr, address.len);
}

static void body(struct text *out) { word_bool(out, body_request_has_body()); }

static void annotate(struct text *out) {
  plugin_string_t key = literal("case"), value = literal("annotated");
  annotate_annotate_error_t error;
  word(out, annotate_annotate(&key, &value, &error) ? "ok" : "error");
}

static void log_line(struct text *out) {
  plugin_string_t line = literal("a line of the guest");
  log_log(LOG_LEVEL_INFO, &line);
  word(out, "ok");
}

static void crypto(struct text *out) {
  plugin_list_u8_t hash, message = octets("abc");
  crypto_digest(CRYPTO_HASH_SHA256, &message, &hash);
  char hex[9];
  for (size_t index = 0; index < 4; index++) {
    snprintf(hex + 2 * index, 3, "%02x", (unsigned)hash.ptr[index]);
  }
  plugin_list_u8_free(&hash);
  word(out, hex);
}

static void kv_value(struct text *out, plugin_string_t *key) {
  kv_entry_t entry;
  if (kv_get(key, &entry)) {
    word_owned(out, true, entry.value.ptr, entry.value.len);
  } else {
    word(out, "none");
  }
}

static bool kv_replace(plugin_string_t *key, uint64_t version, const char *value) {
  plugin_list_u8_t wanted = octets(value);
  plugin_option_u64_t written;
  kv_kv_error_t error;
  return kv_compare_and_set(key, &version, &wanted, NULL, &written, &error) && written.is_some;
}

static void kv(struct text *out) {
  plugin_string_t key = literal("key");
  plugin_list_u8_t one = octets("one");
  uint64_t version;
  kv_kv_error_t error;
  if (!kv_set(&key, &one, NULL, &version, &error)) version = 0; /* which no entry has */
  kv_value(out, &key);
  word_bool(out, kv_replace(&key, version, "two"));
  word_bool(out, kv_replace(&key, version, "three"));
  kv_value(out, &key);
  word_bool(out, kv_delete(&key));
  kv_value(out, &key);
}

static void counter(struct text *out) {
  plugin_string_t sum = literal("sum");
  count("sum", 2);
  word_number(out, count("sum", 3));
  word_number(out, counter_reset(&sum));
  word_number(out, counter_get(&sum));
}

static int64_t counted(const char *name) {
  plugin_string_t counter = literal(name);
  return counter_get(&counter);
}

static void completed(struct text *out) { word(out, counted("completed") > 0 ? "some" : "none"); }
static void ticked(struct text *out) { word(out, counted("ticks") > 0 ? "some" : "none"); }
static void attempted(struct text *out) { word(out, counted("attempts") > 0 ? "some" : "none"); }
static void endpoints(struct text *out) { word_number(out, counted("endpoints")); }

static void rate_limit(struct text *out) {
  plugin_list_u8_t key = octets("key");
  for (int time = 0; time < 2; time++) {
    rate_limit_verdict_t verdict;
    rate_limit_rate_limit_error_t error;
    bool known = rate_limit_check(made.limit, &key, 1, &verdict, &error);
    word(out, !known ? "error" : verdict.allowed ? "true" : "false");
  }
}

static void http(struct text *out) {
  static const char *const KINDS[] = {
      [HTTP_HTTP_ERROR_DENIED] = "denied",           [HTTP_HTTP_ERROR_ILLEGAL] = "illegal",
      [HTTP_HTTP_ERROR_TIMEOUT] = "timeout",         [HTTP_HTTP_ERROR_TOO_LARGE] = "too-large",
      [HTTP_HTTP_ERROR_UNREACHABLE] = "unreachable", [HTTP_HTTP_ERROR_BUSY] = "busy",
  };
  http_request_t request = {.method = literal("GET"), .url = made.url};
  http_response_t response;
  http_http_error_t error;
  if (http_send(&request, &response, &error)) {
    word_number(out, response.status);
    word_of(out, response.body.ptr, response.body.len);
    http_response_free(&response);
  } else {
    word(out, "error");
    word(out, KINDS[error.tag]);
    http_http_error_free(&error);
  }
}

static void matcher(struct text *out) {
  matcher_subject_t letters = {.tag = MATCHER_SUBJECT_OCTETS, .val.octets = octets("abba")};
  matcher_subject_t address = {.tag = MATCHER_SUBJECT_CLIENT_ADDRESS};
  matcher_subject_t header = {.tag = MATCHER_SUBJECT_REQUEST_HEADER,
                              .val.request_header = literal("x-other")};
  plugin_list_u32_t members;
  matcher_matches(made.regexes, &letters, &members);
  for (size_t index = 0; index < members.len; index++) {
    char digits[12];
    snprintf(digits, sizeof digits, "%s%" PRIu32, index > 0 ? "," : "", members.ptr[index]);
    text_add(out, digits, strlen(digits));
  }
  plugin_list_u32_free(&members);
  word_bool(out, matcher_is_match(made.networks, &address));
  word_bool(out, matcher_is_match(made.regexes, &header));
}

static void metrics(struct text *out) {
  plugin_string_t label = literal("metrics");
  plugin_list_string_t labels = {&label, 1};
  metrics_metrics_error_t error;
  word(out, metrics_add(made.metric, &labels, 1.0, &error) ? "ok" : "error");
}

static void secrets(struct text *out) {
  plugin_string_t token = literal("token"), none = literal("none");
  plugin_list_u8_t revealed, guess = octets("sesame");
  secrets_own_secret_t secret;
  if (secrets_find(&token, &secret)) {
    secrets_borrow_secret_t borrowed = secrets_borrow_secret(secret);
    secrets_method_secret_reveal(borrowed, &revealed);
    word_owned(out, true, revealed.ptr, revealed.len);
    word_bool(out, secrets_method_secret_equals(borrowed, &guess));
    secrets_secret_drop_own(secret);
  }
  if (secrets_find(&none, &secret)) {
    secrets_secret_drop_own(secret);
  } else {
    word(out, "none");
  }
}

bool case_answer(const uint8_t *name, size_t len, struct text *out) {
  static const struct {
    const char *name;
    void (*answer)(struct text *out);
  } CASES[] = {
      {"annotate", annotate},     {"attempted", attempted}, {"body", body},
      {"connection", connection}, {"counted", completed},   {"counter", counter},
      {"crypto", crypto},         {"endpoints", endpoints}, {"exchange", exchange},
      {"http", http},             {"kv", kv},               {"log", log_line},
      {"matcher", matcher},       {"metrics", metrics},     {"rate-limit", rate_limit},
      {"secrets", secrets},       {"ticked", ticked},       {"values", values},
  };
  for (size_t index = 0; index < sizeof CASES / sizeof *CASES; index++) {
    if (strlen(CASES[index].name) != len || memcmp(CASES[index].name, name, len) != 0) continue;
    CASES[index].answer(out);
    return true;
  }
  return false;
}
