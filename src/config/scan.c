/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The look before parsing: see scan.h. Walks over strings and comments the way libconfig does.
 */
#include "config/scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 32 };

struct walk {
    const char *at, *end, *file;
    int line, depth;
    struct findings *findings;
    size_t bad;
};

static void find_at(struct walk *w, int line, const char *text)
{
    findings_add(w->findings, w->file, line, WEIR_LOG_ERROR, "%s", text);
    w->bad++;
}

static void find(struct walk *w, const char *text)
{
    find_at(w, w->line, text);
}

static bool starts(const struct walk *w, const char *with)
{
    size_t len = strlen(with);
    return (size_t)(w->end - w->at) >= len && !memcmp(w->at, with, len);
}

static void step(struct walk *w)
{
    w->line += *w->at == '\n';
    w->at++;
}

static void skip_string(struct walk *w)
{
    int line = w->line;
    for (step(w); w->at < w->end && *w->at != '"'; step(w)) {
        if (*w->at == '\\' && w->at + 1 < w->end) {
            step(w);
        }
    }
    if (w->at < w->end) {
        step(w);
    } else {
        find_at(w, line, "a text begins here and has no end: a \" is missing");
    }
}

static void skip_line(struct walk *w)
{
    while (w->at < w->end && *w->at != '\n') {
        step(w);
    }
}

static void skip_comment(struct walk *w)
{
    int line = w->line;
    for (int i = 0; i < 2; i++) { /* its beginning, so that the star is not taken twice */
        step(w);
    }
    while (w->at < w->end && !starts(w, "*/")) {
        step(w);
    }
    if (w->at == w->end) {
        find_at(w, line, "a comment begins here and has no end");
    }
    for (int i = 0; i < 2 && w->at < w->end; i++) {
        step(w);
    }
}

static bool word_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != 0 && strchr("._*+-", c) != NULL);
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The parser ends a number where its digits end, whatever follows: "30000000000abc = 1" are two
 * settings. Whole numbers must fit 31 bits and a sign, with L 63 bits. */
static void check_number(struct walk *w, const char *word)
{
    char *end;
    bool hex = word[0] == '0' && (word[1] == 'x' || word[1] == 'X');
    errno = 0;
    long long value = strtoll(word, &end, hex ? 16 : 10);
    bool fraction = !hex && (*end == '.' || *end == 'e' || *end == 'E');
    if (fraction) {
        return;
    }
    if (errno) {
        find(w, "this number is too large, even for 64 bits");
    } else if (*end != 'L' && (value > 0x7fffffffLL || value < -0x80000000LL)) {
        find(w, "this number is too large for 32 bits: write an L behind it");
    }
}

/* A number or name. One that is longer than any number is cut, and too large all the same. */
static void take_word(struct walk *w)
{
    char word[64] = "";
    size_t len = 0;
    for (; w->at < w->end && word_char(*w->at); step(w)) {
        if (len + 1 < sizeof word) {
            word[len++] = *w->at;
        }
    }
    bool sign = word[0] == '-' || word[0] == '+';
    if (digit(word[sign])) {
        check_number(w, word);
    }
}

/* The parser and all who walk the tree call themselves for each level. */
static bool take_bracket(struct walk *w)
{
    if (strchr("{([", *w->at)) {
        w->depth++;
    } else if (strchr("})]", *w->at)) {
        w->depth--;
    }
    if (w->depth > DEPTH_MAX) {
        find(w, "too many brackets inside each other");
        return false;
    }
    step(w);
    return true;
}

size_t config_scan(const char *text, size_t len, const char *file, struct findings *findings)
{
    struct walk w = { text, text + len, file, 1, 0, findings, 0 };
    if (memchr(text, 0, len)) {
        find(&w, "not a text file: it has a zero byte");
        return w.bad;
    }
    while (w.at < w.end) {
        if (*w.at == '"') {
            skip_string(&w);
        } else if (*w.at == '#' || starts(&w, "//")) {
            skip_line(&w);
        } else if (starts(&w, "/*")) {
            skip_comment(&w);
        } else if (starts(&w, "@include")) {
            find(&w, "@include is not supported: put the file into conf.d/ beside this one");
            skip_line(&w);
        } else if (word_char(*w.at)) {
            take_word(&w);
        } else if (!take_bracket(&w)) {
            break;
        }
    }
    return w.bad;
}
