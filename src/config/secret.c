/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Secrets: in the configuration itself (then others must not read that file), in a file of their
 * own
 * ("file:/path", its first line), or a credential of systemd ("cred:NAME").
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/private.h"

/* Words that stand in the file itself want a file that others cannot read. */
static void check_private(struct findings *findings, const config_setting_t *setting,
                          const char *text)
{
    struct stat st;
    const char *file = tree_file(setting);
    if (text[0] && stat(file, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 07)) {
        tree_find(findings, setting, WEIR_LOG_ERROR,
                  "stands in a file that others can read (mode %04o); chmod 0640 %s",
                  (unsigned)(st.st_mode & 07777), file);
    }
}

/* The file that a secret lies in: 1 and its path, 0 if the text is the secret itself, -ENOENT. */
static int secret_path(const char *text, char *buf, size_t size)
{
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    if (!strncmp(text, "file:", 5)) {
        snprintf(buf, size, "%s", text + 5);
        return 1;
    }
    if (strncmp(text, "cred:", 5) != 0) {
        return 0;
    }
    snprintf(buf, size, "%s/%s", credentials ? credentials : "", text + 5);
    return credentials ? 1 : -ENOENT;
}

static const char *read_secret(struct config *config, struct findings *findings,
                               const config_setting_t *setting, const char *path)
{
    char *secret = NULL;
    size_t len = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int r = fd < 0 ? -errno : tree_read_file(fd, &secret, &len);
    if (fd >= 0) {
        close(fd);
    }
    if (r < 0) {
        tree_find(findings, setting, WEIR_LOG_ERROR, "cannot read %s: %s", path, strerror(-r));
        return "";
    }
    secret[strcspn(secret, "\r\n")] = 0;
    if (!secret[0]) {
        tree_find(findings, setting, WEIR_LOG_ERROR, "%s has nothing in its first line", path);
    }
    const char *copy = arena_text(&config->arena, secret);
    free(secret);
    return copy;
}

const char *secret_resolve(struct config *config, struct findings *findings,
                           const config_setting_t *setting, const char *text)
{
    char path[1024];
    int r = secret_path(text, path, sizeof path);
    if (r == 0) {
        check_private(findings, setting, text);
        return text;
    }
    if (r < 0) {
        tree_find(findings, setting, WEIR_LOG_ERROR, "there are no credentials of systemd here");
        return "";
    }
    return read_secret(config, findings, setting, path);
}

bool secret_file(const char *text, char *buf, size_t size)
{
    return secret_path(text, buf, size) > 0;
}
