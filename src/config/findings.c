/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * What is wrong with a configuration, collected in one pass.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

struct finding {
    char *file, *text;
    int line;
    enum weir_level level;
};

struct findings {
    struct finding *list;
    size_t count, errors, warnings;
};

struct findings *findings_create(void)
{
    return calloc(1, sizeof(struct findings));
}

void findings_destroy(struct findings *findings)
{
    if (!findings) {
        return;
    }
    for (size_t i = 0; i < findings->count; i++) {
        free(findings->list[i].file);
        free(findings->list[i].text);
    }
    free(findings->list);
    free(findings);
}

void findings_add(struct findings *findings, const char *file, int line, enum weir_level level,
                  const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    findings->errors += level == WEIR_LOG_ERROR;
    findings->warnings += level != WEIR_LOG_ERROR;
    struct finding *more = realloc(findings->list, (findings->count + 1) * sizeof *findings->list);
    if (!more) {
        return; /* still counted */
    }
    findings->list = more;
    findings->list[findings->count++] =
        (struct finding){ strdup(file ? file : ""), strdup(text), line, level };
}

size_t findings_errors(const struct findings *findings)
{
    return findings->errors;
}

size_t findings_warnings(const struct findings *findings)
{
    return findings->warnings;
}

void findings_print(const struct findings *findings, FILE *out)
{
    for (size_t i = 0; i < findings->count; i++) {
        const struct finding *f = &findings->list[i];
        if (f->file && f->file[0]) {
            fprintf(out, "%s:", f->file);
        }
        if (f->line > 0) {
            fprintf(out, "%d:", f->line);
        }
        fprintf(out, "%s%s: %s\n", f->file && f->file[0] ? " " : "",
                f->level == WEIR_LOG_ERROR ? "error" : "warning", f->text ? f->text : "");
    }
}
