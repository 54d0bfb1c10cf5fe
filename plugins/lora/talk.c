/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * The dialogue with the module: its steps one after the other, one exchange at a time.
 *
 *   opened -> PAUSE -> STEPS (set-up) -> IDLE -> STEPS (is it still there? what follows a packet)
 *
 * An exchange that nobody answers is tried again; then the module is gone: it is reset, by its line
 * or by command, and set up again after a pause that grows from attempt to attempt.
 */
#include <string.h>

#include "lora.h"

enum { TRIES = 3, BUSY_TRIES = 10 };

#define ANSWER_NS       (2 * LORA_NS_PER_S)
#define SETTLE_NS       (200 * LORA_NS_PER_MS)
#define BUSY_NS         (300 * LORA_NS_PER_MS)
#define PULSE_NS        (150 * LORA_NS_PER_MS)
#define BOOT_NS         (1500 * LORA_NS_PER_MS)
#define PATIENCE_NS     (2 * LORA_NS_PER_S)
#define PATIENCE_MAX_NS (60 * LORA_NS_PER_S)

static void say(struct lora *l, enum said what, int64_t now_ns);

static void write_bytes(struct lora *l, const void *bytes, size_t len)
{
    if (l->bus->host->write(l->bus, bytes, len) == WEIR_R_PORT) {
        l->head->talk.phase = TALK_CLOSED;
    }
}

static void write_line(struct lora *l, const char *start, const char *rest)
{
    char buf[LORA_COMMAND_MAX];
    size_t a = strlen(start), b = strlen(rest), c = strlen(l->module->line_end);
    if (a + b + c <= sizeof buf) {
        memcpy(buf, start, a);
        memcpy(buf + a, rest, b);
        memcpy(buf + a + b, l->module->line_end, c);
        write_bytes(l, buf, a + b + c);
    }
}

/* All devices speak by this module. */
static void tell_devices(struct lora *l, enum weir_result result)
{
    for (size_t i = 0; i < l->bus->device_count; i++) {
        l->bus->host->device(l->bus, i, result);
    }
}

/* ---- going through the steps */

static void run(struct lora *l, unsigned from, unsigned to, bool set_up, int64_t now_ns)
{
    struct talk *t = &l->head->talk;
    t->phase = TALK_STEPS;
    t->step = t->from = from;
    t->end = to;
    t->set_up = set_up;
    t->what = SAID_ASK;
    t->tries = t->verdict = t->waits = 0;
    t->at_ns = now_ns;
    if (set_up) {
        t->failed = 0;
    }
}

static void answered_again(struct lora *l, int64_t now_ns)
{
    struct talk *t = &l->head->talk;
    t->heard_ns = now_ns;
    t->patience_ns = PATIENCE_NS;
}

static void ended(struct lora *l, int64_t now_ns)
{
    struct talk *t = &l->head->talk;
    t->phase = TALK_IDLE;
    t->waits = 0;
    if (t->set_up) {
        lora_log(l, t->failed ? WEIR_LOG_ERROR : WEIR_LOG_NOTICE,
                 t->failed ? "%s listens, but %u of its settings are not as configured"
                           : "%s is set up and listens",
                 l->module->name, t->failed);
        if (t->gone) {
            t->gone = 0;
            tell_devices(l, WEIR_R_OK);
        }
    }
    t->set_up = 0;
    if (l->module->ran) {
        l->module->ran(l, t->from, now_ns);
    }
    if (t->next_from != t->next_to) {
        unsigned from = t->next_from, to = t->next_to;
        t->next_from = t->next_to = 0;
        run(l, from, to, false, now_ns);
    }
}

static bool wanted(const struct lora *l, const struct step *step, char *buf, size_t size)
{
    buf[0] = 0;
    return !step->value || step->value(l, buf, size);
}

static void next_step(struct lora *l, int64_t now_ns)
{
    struct talk *t = &l->head->talk;
    t->step++;
    t->what = SAID_ASK;
    t->tries = t->verdict = t->waits = 0;
    t->at_ns = now_ns;
}

/* Says what is to be said at this step; goes on to the next if that is nothing. */
static void say(struct lora *l, enum said what, int64_t now_ns)
{
    struct talk *t = &l->head->talk;
    const struct step *step = &l->module->steps[t->step];
    char value[LORA_VALUE_MAX];
    if (step->act) {
        next_step(l, now_ns);
        t->at_ns = now_ns + step->act(l, now_ns);
        return;
    }
    t->what = what;
    t->verdict = 0;
    t->waits = 1;
    t->at_ns = now_ns + ANSWER_NS;
    if (step->say) {
        uint8_t buf[LORA_COMMAND_MAX];
        size_t n = step->say(l, what, buf);
        if (n > 0) {
            write_bytes(l, buf, n);
        } else {
            next_step(l, now_ns);
        }
    } else if (!wanted(l, step, value, sizeof value)) {
        next_step(l, now_ns);
    } else if (what != SAID_SET && step->ask) {
        write_line(l, step->ask, "");
    } else {
        t->what = SAID_SET;
        write_line(l, step->set, value);
    }
}

static void go_on(struct lora *l, int64_t now_ns)
{
    struct talk *t = &l->head->talk;
    while (t->phase == TALK_STEPS && !t->waits && now_ns >= t->at_ns) {
        if (t->step >= t->end) {
            ended(l, now_ns);
        } else {
            say(l, t->what, now_ns);
        }
    }
}

/* ---- how an exchange ended */

static void refused(struct lora *l, const char *how, int64_t now_ns)
{
    struct talk *t = &l->head->talk;
    if (l->module->steps[t->step].may_fail) {
        next_step(l, now_ns);
        return;
    }
    if (!t->set_up) { /* it is not what it was when it was set up */
        talk_restarted(l, now_ns);
        return;
    }
    lora_log(l, WEIR_LOG_ERROR, "%s: %s: %s", l->module->name, l->module->steps[t->step].name, how);
    t->failed++;
    next_step(l, now_ns);
}

static void asked(struct lora *l, enum verdict verdict, int64_t now_ns)
{
    struct talk *t = &l->head->talk;
    const struct step *step = &l->module->steps[t->step];
    bool settable = step->set || step->say;
    if (verdict == VERDICT_OK || verdict == VERDICT_SAME) {
        next_step(l, now_ns);
    } else if (settable && step->ask && verdict == VERDICT_REFUSED) {
        t->tries = 0;
        say(l, SAID_SET, now_ns); /* older firmware that cannot be asked */
    } else if (verdict == VERDICT_OTHER && step->anew && !t->set_up) {
        talk_restarted(l, now_ns);
    } else if (settable && verdict == VERDICT_OTHER) {
        lora_log(l, WEIR_LOG_NOTICE, "%s: %s is not as configured: set", l->module->name,
                 step->name);
        t->tries = 0;
        say(l, SAID_SET, now_ns);
    } else {
        refused(l, "refused", now_ns);
    }
}

static void was_set(struct lora *l, enum verdict verdict, int64_t now_ns)
{
    const struct step *step = &l->module->steps[l->head->talk.step];
    if (verdict == VERDICT_REFUSED) {
        refused(l, "refused", now_ns);
    } else if (verdict == VERDICT_OTHER) {
        refused(l, "it says that it has set something else", now_ns);
    } else if (step->ask || step->say) {
        l->head->talk.tries = 0;
        say(l, SAID_CHECK, now_ns);
    } else {
        next_step(l, now_ns);
    }
}

static void busy(struct lora *l, int64_t now_ns)
{
    struct talk *t = &l->head->talk;
    t->waits = 0;
    t->at_ns = now_ns + BUSY_NS; /* then the same again */
    if (++t->tries >= BUSY_TRIES) {
        refused(l, "it is busy", now_ns);
    }
}

void talk_answer(struct lora *l, enum verdict verdict, int64_t now_ns)
{
    struct talk *t = &l->head->talk;
    if (t->phase != TALK_STEPS || !t->waits || verdict == VERDICT_NONE) {
        return;
    }
    t->waits = 0;
    if (verdict == VERDICT_BUSY) {
        busy(l, now_ns);
    } else if (t->what == SAID_ASK) {
        asked(l, verdict, now_ns);
    } else if (t->what == SAID_SET) {
        was_set(l, verdict, now_ns);
    } else if (verdict == VERDICT_SAME || verdict == VERDICT_OK) {
        next_step(l, now_ns);
    } else {
        refused(l, "it does not keep what was set", now_ns);
    }
    go_on(l, now_ns);
}

/* Does this line have the value that is asked for, and is it the right one? */
static enum verdict judge_value(struct lora *l, const struct step *step, const char *line,
                                int64_t now_ns)
{
    struct talk *t = &l->head->talk;
    char value[LORA_VALUE_MAX];
    const char *has = step->shown ? after(line, step->shown) : NULL;
    bool echoes = !step->ask || (!step->closes && step->shown && step->shown[0]);
    if (!has || (t->what == SAID_SET && !echoes)) {
        return VERDICT_NONE;
    }
    if (l->module->told) {
        l->module->told(l, t->step, has, now_ns);
    }
    if (!step->value) {
        return VERDICT_OK;
    }
    wanted(l, step, value, sizeof value);
    bool same = step->same ? step->same(has, value) : !strcmp(has, value);
    if (!same && t->what == SAID_ASK) {
        lora_log(l, WEIR_LOG_NOTICE, "%s: %s is %s, wanted %s", l->module->name, step->name, has,
                 value);
    }
    return same ? VERDICT_SAME : VERDICT_OTHER;
}

static enum verdict judge_answer(struct lora *l, const struct step *step, enum answer answer,
                                 const char *line)
{
    struct talk *t = &l->head->talk;
    switch (answer) {
    case ANSWER_ERROR:
        if (!step->may_fail) {
            lora_log(l, WEIR_LOG_WARNING, "%s: %s: it says \"%s\"", l->module->name, step->name,
                     line);
        }
        return VERDICT_REFUSED;
    case ANSWER_BUSY:
        return VERDICT_BUSY;
    case ANSWER_OK:
        if (step->closes && t->what != SAID_SET) {
            return t->verdict ? (enum verdict)t->verdict : VERDICT_NONE;
        }
        return t->what != SAID_SET && step->shown ? VERDICT_NONE : VERDICT_OK;
    default:
        return VERDICT_NONE;
    }
}

bool talk_line(struct lora *l, const char *line, int64_t now_ns)
{
    struct talk *t = &l->head->talk;
    if (t->phase != TALK_STEPS || !t->waits) {
        return false;
    }
    const struct step *step = &l->module->steps[t->step];
    enum answer answer = l->module->answer(l, line);
    enum verdict verdict = judge_answer(l, step, answer, line);
    if (answer == ANSWER_NONE) {
        verdict = judge_value(l, step, line, now_ns);
        if (verdict != VERDICT_NONE && step->closes) {
            t->verdict = verdict;
            return true;
        }
    }
    if (verdict == VERDICT_NONE) {
        return false;
    }
    answered_again(l, now_ns);
    talk_answer(l, verdict, now_ns);
    return true;
}

bool talk_waits(const struct lora *l, unsigned *ret_step, enum said *ret_what)
{
    const struct talk *t = &l->head->talk;
    *ret_step = t->step;
    *ret_what = (enum said)t->what;
    return t->phase == TALK_STEPS && t->waits;
}

/* ---- silence */

static void gone(struct lora *l, int64_t now_ns)
{
    struct talk *t = &l->head->talk;
    bool first = !t->gone;
    t->waits = 0;
    t->next_from = t->next_to = 0;
    if (first) {
        lora_log(l, WEIR_LOG_ERROR, "%s does not answer (%s)", l->module->name,
                 l->module->steps[t->step].name);
        tell_devices(l, WEIR_R_TIMEOUT);
    }
    t->gone = 1;
    t->phase = TALK_PAUSE;
    t->set_up = 0;
    if (l->module->ran) {
        l->module->ran(l, TALK_BROKEN, now_ns);
    }
    if (l->settings->reset[0] && pin_set(l, PIN_RESET, false) == 0) {
        lora_log(l, WEIR_LOG_NOTICE, "%s is reset by its line", l->module->name);
        t->pulse = 1;
        t->at_ns = now_ns + PULSE_NS;
        return;
    }
    if (l->module->reset) {
        write_line(l, l->module->reset, "");
    }
    t->patience_ns = t->patience_ns ? t->patience_ns : PATIENCE_NS;
    t->at_ns = now_ns + t->patience_ns;
    t->patience_ns = 2 * t->patience_ns < PATIENCE_MAX_NS ? 2 * t->patience_ns : PATIENCE_MAX_NS;
}

static void pause_is_over(struct lora *l, int64_t now_ns)
{
    struct talk *t = &l->head->talk;
    if (t->pulse) {
        t->pulse = 0;
        pin_set(l, PIN_RESET, true);
        int64_t more_ns = t->patience_ns;
        t->patience_ns = 2 * more_ns < PATIENCE_MAX_NS ? 2 * more_ns : PATIENCE_MAX_NS;
        t->at_ns = now_ns + (more_ns > BOOT_NS ? more_ns : BOOT_NS);
        return;
    }
    run(l, 0, l->module->step_count, true, now_ns);
    go_on(l, now_ns);
}

static void no_answer(struct lora *l, int64_t now_ns)
{
    struct talk *t = &l->head->talk;
    if (++t->tries >= TRIES) {
        gone(l, now_ns);
        return;
    }
    t->waits = 0;
    say(l, (enum said)t->what, now_ns);
}

/* ---- from outside */

void talk_heard(struct lora *l, int64_t now_ns)
{
    l->head->talk.heard_ns = now_ns;
}

void talk_run(struct lora *l, unsigned from, unsigned to, int64_t now_ns)
{
    struct talk *t = &l->head->talk;
    if (t->phase == TALK_IDLE) {
        run(l, from, to, false, now_ns);
        go_on(l, now_ns);
    } else if (t->phase == TALK_STEPS && !t->set_up) {
        t->next_from = from;
        t->next_to = to;
    }
}

void talk_restarted(struct lora *l, int64_t now_ns)
{
    struct talk *t = &l->head->talk;
    if (t->phase == TALK_CLOSED || t->pulse) {
        return;
    }
    if (t->phase == TALK_IDLE || (t->phase == TALK_STEPS && !t->set_up)) {
        lora_log(l, WEIR_LOG_WARNING, "%s has restarted: it is set up again", l->module->name);
    }
    if (l->module->ran) {
        l->module->ran(l, TALK_BROKEN, now_ns);
    }
    t->next_from = t->next_to = 0;
    t->phase = TALK_PAUSE;
    t->waits = 0;
    t->at_ns = now_ns + SETTLE_NS;
}

void talk_opened(struct lora *l, int64_t now_ns)
{
    struct talk *t = &l->head->talk;
    if (l->module->ran) {
        l->module->ran(l, TALK_BROKEN, now_ns);
    }
    t->phase = TALK_PAUSE;
    t->waits = t->pulse = 0;
    t->next_from = t->next_to = 0;
    t->patience_ns = PATIENCE_NS;
    t->at_ns = now_ns;
    t->heard_ns = now_ns;
}

int64_t talk_tick(struct lora *l, int64_t now_ns)
{
    struct talk *t = &l->head->talk;
    if (t->phase == TALK_PAUSE && now_ns >= t->at_ns) {
        pause_is_over(l, now_ns);
    }
    go_on(l, now_ns);
    if (t->phase == TALK_STEPS && t->waits && now_ns >= t->at_ns) {
        no_answer(l, now_ns);
        go_on(l, now_ns);
    }
    int64_t alive_ns = l->settings->alive_ns;
    bool asks = l->module->alive_step >= 0 && alive_ns > 0;
    if (t->phase == TALK_IDLE && asks && now_ns >= t->heard_ns + alive_ns) {
        unsigned step = l->settings->lorawan ? 0 : (unsigned)l->module->alive_step;
        t->heard_ns = now_ns;
        talk_run(l, step, step + 1, now_ns);
    }
    if (t->phase == TALK_CLOSED) {
        return INT64_MAX;
    }
    if (t->phase == TALK_IDLE) {
        return asks ? t->heard_ns + alive_ns : INT64_MAX;
    }
    return t->at_ns;
}
