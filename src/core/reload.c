/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Checking a configuration and going over to a changed one. The check loads plugins, so it runs
 * in a process of its own; core itself only takes the text apart. Whose section of the text has not
 * changed keeps running and notices nothing.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/say.h"
#include "core/private.h"

/* 0: no errors (warnings are printed). */
int core_check(const char *file)
{
    pid_t pid = fork();
    if (pid < 0) {
        return -errno;
    }
    if (pid == 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        struct findings *findings = findings_create();
        int r = findings ? config_check(file, findings, false) : -ENOMEM;
        if (findings) {
            findings_print(findings, stderr);
            findings_destroy(findings);
        }
        fflush(NULL);
        _exit(r == 0 ? 0 : EXIT_CONFIG);
    }
    int status;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return -errno;
        }
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EINVAL;
}

static int section_of(struct config *config, enum child_role role, const char *name,
                      char **ret_text, size_t *ret_len)
{
    if (role == ROLE_STORE) {
        return config_section_store(config, ret_text, ret_len);
    }
    struct findings *findings = findings_create();
    int r = findings
                ? config_section(config, role == ROLE_BUS ? name : NULL,
                                 role == ROLE_UPLINK ? name : NULL, findings, ret_text, ret_len)
                : -ENOMEM;
    if (r < 0 && findings) {
        findings_print(findings, stderr);
    }
    findings_destroy(findings);
    return r;
}

static void add_or_change(struct core *core, struct config *config, enum child_role role,
                          const char *name)
{
    char *text;
    size_t len;
    if (section_of(config, role, name, &text, &len) < 0) {
        return;
    }
    struct child *child = child_find(core, role, name);
    if (!child) {
        child = child_add(core, role, name, text, len);
        if (child) {
            child_start(child, boot_now().ns);
        } else {
            say(SAY_ERROR, "cannot run %s %s: no room", child_role_name(role), name);
            free(text);
        }
        return;
    }
    bool waits = child->page->state == CHILD_REFUSED;
    bool same = child->section_len == len && !memcmp(child->section, text, len);
    if (same && !waits) {
        free(text);
        return;
    }
    free(child->next_section);
    child->next_section = text;
    if (child->pid) {
        child_stop(child, boot_now().ns + 5 * NS_PER_S);
    }
}

static bool has(const struct config_names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (!strcmp(names->names[i], name)) {
            return true;
        }
    }
    return false;
}

/* Starts, changes and ends children until they are what the settings name. */
static void adopt(struct core *core, struct config *config, const struct settings *settings)
{
    for (size_t i = 0; i < core->child_count; i++) {
        struct child *child = core->children[i];
        const struct config_names *names =
            child->role == ROLE_BUS ? &settings->buses : &settings->uplinks;
        if (child->role != ROLE_STORE && !has(names, child->name)) {
            free(child->next_section);
            child->next_section = strdup("");
            if (child->pid) {
                child_stop(child, boot_now().ns + 5 * NS_PER_S);
            }
        }
    }
    add_or_change(core, config, ROLE_STORE, STORE_NAME); /* before those who wait for it */
    for (size_t i = 0; i < settings->uplinks.count; i++) {
        add_or_change(core, config, ROLE_UPLINK, settings->uplinks.names[i]);
    }
    for (size_t i = 0; i < settings->buses.count; i++) {
        add_or_change(core, config, ROLE_BUS, settings->buses.names[i]);
    }
}

static bool fixed_settings_differ(const struct settings *a, const struct settings *b)
{
    return strcmp(a->gateway, b->gateway) != 0 || strcmp(a->ram, b->ram) != 0 ||
           strcmp(a->directory, b->directory) != 0;
}

void core_reload(struct core *core)
{
    struct config *config = NULL;
    struct settings settings;
    struct findings *findings = findings_create();
    if (core->child_count == 1) { /* store alone: the start */
        adopt(core, core->config, &core->settings);
        findings_destroy(findings);
        return;
    }
    notify("RELOADING=1");
    int r = core_check(core->file);
    if (r == 0) {
        r = config_load(core->file, findings, &config);
    }
    if (r == 0) {
        r = config_settings(config, findings, &settings);
    }
    if (r < 0) {
        findings_print(findings, stderr);
        say(SAY_ERROR, "%s is not valid: nothing is changed", core->file);
        config_unload(config);
    } else if (fixed_settings_differ(&core->settings, &settings)) {
        say(SAY_ERROR, "gateway.name and the directories of spool change only with a restart: "
                       "nothing is changed");
        config_unload(config);
    } else {
        adopt(core, config, &settings);
        config_unload(core->config);
        core->config = config;
        core->settings = settings;
        say(SAY_NOTICE, "configuration reloaded");
    }
    findings_destroy(findings);
    notify("READY=1");
}
