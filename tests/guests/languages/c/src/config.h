/* What the operator writes under `config`; `plugin.toml` describes it. */

#ifndef CONFIG_H
#define CONFIG_H

#include "text.h"

/* Reads a JSON object, of which `url` may be left out. The answer is NULL, or says what is wrong. */
const char *config_read(struct text *url, const char *json, size_t len);

#endif
