/* Answers by every hook and capability: `x-case` says by which.
 *
 * Everything that the host hands over belongs to the plugin, which frees it; what
 * the plugin returns is freed by the generated code once the host has read it. */

#include <string.h>

#include "cases.h"
#include "config.h"
#include "plugin.h"
#include "text.h"

enum { WHOLE_BODY = 65536 };

static bool is(const uint8_t *ptr, size_t len, const char *text) {
  return len == strlen(text) && memcmp(ptr, text, len) == 0;
}

/* Whether the exchange is about this case. */
static bool case_is(const char *wanted) {
  plugin_string_t name = literal("x-case");
  plugin_list_u8_t value;
  if (!exchange_request_header(&name, &value)) return false;
  bool same = is(value.ptr, value.len, wanted);
  plugin_list_u8_free(&value);
  return same;
}

static void one_name(plugin_list_string_t *list, const char *name) {
  list->ptr = allocate(sizeof *list->ptr);
  list->len = 1;
  plugin_string_dup(list->ptr, name);
}

/* Sets one field; the text becomes the host's. */
static void set(types_list_field_edit_t *edits, const char *name, struct text *value) {
  edits->ptr = allocate(sizeof *edits->ptr);
  edits->len = 1;
  edits->ptr->tag = TYPES_FIELD_EDIT_SET;
  types_field_t *field = &edits->ptr->val.set;
  plugin_string_dup(&field->name, name);
  field->value = (types_field_value_t){(uint8_t *)value->ptr, value->len};
}

bool exports_lifecycle_configure(plugin_string_t *json, exports_lifecycle_subscription_t *ret,
                                 plugin_string_t *err) {
  struct text url = {0}; /* kept as long as the instance */
  const char *wrong = config_read(&url, (const char *)json->ptr, json->len);
  plugin_string_free(json);
  if (wrong != NULL) {
    plugin_string_dup(err, wrong);
    return false;
  }
  if (!cases_configure(&url, err)) return false;
  one_name(&ret->request_headers, "x-case");
  one_name(&ret->response_headers, "x-origin");
  return true;
}

static void respond(exports_request_decision_t *ret) {
  ret->tag = EXPORTS_REQUEST_DECISION_RESPOND;
  types_response_t *response = &ret->val.respond;
  response->status = 418;
  response->headers.ptr = allocate(sizeof(types_field_t));
  response->headers.len = 1;
  field_set(response->headers.ptr, "content-type", "text/plain");
  struct text body = {0};
  word(&body, "short and stout\n");
  response->body = (plugin_list_u8_t){(uint8_t *)body.ptr, body.len};
}

static void change(types_request_edits_t *edits) {
  struct text seen = {0};
  word(&seen, "request");
  set(&edits->request_headers, "x-seen", &seen);
  edits->target.is_some = true;
  plugin_string_dup(&edits->target.val, "/changed");
}

/* The first of the fields that came with a call, which stays a part of them; false if it
 * is absent. See `asked-values`. */
static bool first(const types_asked_values_t *asked, plugin_list_u8_t *ret) {
  const uint8_t *length = asked->ptr;
  size_t len = length[0] | length[1] << 8 | length[2] << 16 | (size_t)length[3] << 24;
  if (len == UINT32_MAX) return false;
  *ret = (plugin_list_u8_t){asked->ptr + 4, len};
  return true;
}

void exports_request_on_request(exports_request_asked_values_t *maybe_asked,
                                exports_request_decision_t *ret) {
  memset(ret, 0, sizeof *ret);
  plugin_list_u8_t name = octets("");
  (void)first(maybe_asked, &name);
  struct text result = {0};
  if (is(name.ptr, name.len, "respond")) {
    respond(ret);
  } else if (is(name.ptr, name.len, "fail")) {
    ret->tag = EXPORTS_REQUEST_DECISION_FAIL;
    plugin_string_dup(&ret->val.fail, "as asked");
  } else if (is(name.ptr, name.len, "request")) {
    ret->tag = EXPORTS_REQUEST_DECISION_EDIT;
    change(&ret->val.edit);
    word(&result, "request");
  } else if (case_answer(name.ptr, name.len, &result)) {
    ret->tag = EXPORTS_REQUEST_DECISION_EDIT;
  }
  if (ret->tag == EXPORTS_REQUEST_DECISION_EDIT) {
    set(&ret->val.edit.response_headers, "x-result", &result);
  }
  types_asked_values_free(maybe_asked);
}

void exports_request_body_mode(exports_request_body_body_mode_t *ret) {
  *ret = (types_body_mode_t){.tag = TYPES_BODY_MODE_WHOLE, .val.whole = WHOLE_BODY};
}

void exports_request_body_on_request_body(plugin_list_u8_t *shown,
                                          exports_request_body_body_part_t part,
                                          exports_request_body_decision_t *ret) {
  (void)part;
  memset(ret, 0, sizeof *ret);
  if (!case_is("request-body")) {
    plugin_list_u8_free(shown);
    return;
  }
  for (size_t index = 0; index < shown->len; index++) {
    if (shown->ptr[index] >= 'a' && shown->ptr[index] <= 'z') shown->ptr[index] -= 'a' - 'A';
  }
  /* They go back as they came, so that freeing them is the host's affair again. */
  ret->tag = EXPORTS_REQUEST_BODY_DECISION_FORWARD;
  ret->val.forward = *shown;
}

void exports_response_on_response(uint16_t status, exports_response_asked_values_t *maybe_asked,
                                  exports_response_decision_t *ret) {
  memset(ret, 0, sizeof *ret);
  struct text result = {0};
  if (case_is("response")) {
    plugin_list_u8_t origin;
    word_number(&result, status);
    if (first(maybe_asked, &origin)) {
      text_add(&result, " ", 1);
      text_add(&result, (const char *)origin.ptr, origin.len);
    } else {
      word(&result, "-");
    }
    ret->tag = EXPORTS_RESPONSE_DECISION_EDIT;
    set(&ret->val.edit.headers, "x-result", &result);
  } else if (case_is("values")) {
    plugin_string_t name = literal("kept");
    plugin_list_u8_t kept;
    bool some = exchange_value(&name, &kept);
    word_owned(&result, some, kept.ptr, kept.len);
    ret->tag = EXPORTS_RESPONSE_DECISION_EDIT;
    set(&ret->val.edit.headers, "x-kept", &result);
  }
  types_asked_values_free(maybe_asked);
}

void exports_response_body_mode(exports_response_body_body_mode_t *ret) {
  exports_request_body_mode(ret);
}

void exports_response_body_on_response_body(plugin_list_u8_t *shown,
                                            exports_response_body_body_part_t part,
                                            exports_response_body_decision_t *ret) {
  (void)part;
  memset(ret, 0, sizeof *ret);
  if (case_is("response-body")) {
    struct text longer = {0};
    text_add(&longer, (const char *)shown->ptr, shown->len);
    text_add(&longer, "!", 1);
    ret->tag = EXPORTS_RESPONSE_BODY_DECISION_FORWARD;
    ret->val.forward = (plugin_list_u8_t){(uint8_t *)longer.ptr, longer.len};
  }
  plugin_list_u8_free(shown);
}

void exports_complete_on_complete(exports_complete_outcome_t *outcome) {
  if (outcome->status == 200) count("completed", 1);
  exports_complete_outcome_free(outcome);
}

void exports_balance_asked(plugin_list_string_t *ret) { one_name(ret, "x-endpoint"); }

void exports_balance_on_endpoints(plugin_string_t *cluster,
                                  exports_balance_list_endpoint_t *endpoints) {
  plugin_string_t name = literal("endpoints");
  counter_reset(&name);
  count("endpoints", (int64_t)endpoints->len);
  plugin_string_free(cluster);
  exports_balance_list_endpoint_free(endpoints);
}

bool exports_balance_pick(exports_balance_asked_values_t *maybe_asked, uint64_t *maybe_key,
                          exports_balance_list_load_t *loads, uint32_t *ret) {
  (void)maybe_key;
  plugin_list_u8_t wanted;
  bool known = first(maybe_asked, &wanted);
  bool second = known && is(wanted.ptr, wanted.len, "1") && loads->len >= 2;
  bool some = loads->len > 0;
  if (some) *ret = loads->ptr[second ? 1 : 0].id;
  types_asked_values_free(maybe_asked);
  exports_balance_list_load_free(loads);
  return some;
}

void exports_balance_on_attempt(exports_balance_attempt_t *attempt) {
  count("attempts", 1);
  exports_balance_attempt_free(attempt);
}

uint32_t exports_tick_interval(void) { return 50; }

void exports_tick_on_tick(void) { count("ticks", 1); }
