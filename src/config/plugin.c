/* SPDX-License-Identifier: Apache-2.0
 * Copyright the weir authors
 *
 * Finding and loading plugins: see plugin.h. Each reason to refuse one has a line of its own.
 */
#include "config/plugin.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

enum { PATHS_MAX = 16, PATH_BYTES = 512 };

struct places {
    char paths[PATHS_MAX][PATH_BYTES];
    size_t count;
};

static const char *const kinds[] = { [PLUGIN_ADAPTER] = "adapter", [PLUGIN_UPLINK] = "uplink" };

static void add_place(struct places *places, const char *path, size_t len)
{
    if (len > 0 && places->count < PATHS_MAX && len < PATH_BYTES) {
        snprintf(places->paths[places->count++], PATH_BYTES, "%.*s", (int)len, path);
    }
}

/* The folder beside the running binary, if this is a build tree. */
static bool beside_binary(const char *name, char path[PATH_BYTES])
{
    ssize_t n = readlink("/proc/self/exe", path, PATH_BYTES - 1);
    if (n <= 0) {
        return false;
    }
    path[n] = 0;
    char *slash = strrchr(path, '/');
    size_t left = slash ? PATH_BYTES - (size_t)(slash + 1 - path) : 0;
    if (!slash || snprintf(slash + 1, left, "%s", name) >= (int)left) {
        return false;
    }
    return access(path, F_OK) == 0;
}

static void find_places(struct places *places)
{
    char path[PATH_BYTES];
    const char *list = getenv("WEIR_PLUGIN_PATH");
    places->count = 0;
    while (list && *list) {
        size_t len = strcspn(list, ":");
        add_place(places, list, len);
        list += len + (list[len] == ':');
    }
    if (beside_binary("plugins", path)) {
        add_place(places, path, strlen(path));
    } else {
        add_place(places, WEIR_PLUGIN_DIR, strlen(WEIR_PLUGIN_DIR));
    }
}

/* Opens the first file of this name. */
static int open_file(enum plugin_kind kind, const char *name, struct plugin *plugin, char *err,
                     size_t err_size)
{
    struct places places;
    find_places(&places);
    for (size_t i = 0; i < places.count; i++) {
        snprintf(plugin->path, sizeof plugin->path, "%.400s/%s-%.64s.so", places.paths[i],
                 kinds[kind], name);
        int fd = open(plugin->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd >= 0) {
            return fd;
        }
        if (errno != ENOENT) {
            int r = -errno;
            snprintf(err, err_size, "%s: %s", plugin->path, strerror(-r));
            return r;
        }
    }
    snprintf(err, err_size, "there is no %s \"%s\": no %s-%s.so in %s%s", kinds[kind], name,
             kinds[kind], name, places.count ? places.paths[places.count - 1] : "",
             places.count > 1 ? " or WEIR_PLUGIN_PATH" : "");
    return -ENOENT;
}

/* Whoever may change the file could run code as us. */
static int check_file(int fd, const char *path, char *err, size_t err_size)
{
    struct stat st, own;
    if (fstat(fd, &st) != 0 || stat("/proc/self/exe", &own) != 0) {
        snprintf(err, err_size, "%s: %s", path, strerror(errno));
        return -EIO;
    }
    if (!S_ISREG(st.st_mode)) {
        snprintf(err, err_size, "%s: is not a file", path);
        return -EINVAL;
    }
    if (st.st_uid != 0 && st.st_uid != geteuid() && st.st_uid != own.st_uid) {
        const struct passwd *owner = getpwuid(st.st_uid);
        snprintf(err, err_size,
                 "%s: belongs to user %u (%s); it must belong to root, to the user "
                 "running weir or to the owner of the weir binary",
                 path, (unsigned)st.st_uid, owner ? owner->pw_name : "unknown");
        return -EPERM;
    }
    if (st.st_mode & 022) {
        snprintf(err, err_size, "%s: mode %04o, so others can change it; chmod 0755 %s", path,
                 (unsigned)(st.st_mode & 07777), path);
        return -EPERM;
    }
    return 0;
}

/* Is all there that will be mapped? Of a file cut short, the loader would die (SIGBUS). */
static bool is_whole(int fd, const ElfW(Ehdr) * head)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || head->e_phentsize != sizeof(ElfW(Phdr))) {
        return false;
    }
    for (unsigned i = 0; i < head->e_phnum; i++) {
        ElfW(Phdr) part;
        off_t at = (off_t)(head->e_phoff + i * sizeof part);
        if (pread(fd, &part, sizeof part, at) != sizeof part ||
            part.p_filesz > (size_t)st.st_size ||
            part.p_offset > (size_t)st.st_size - part.p_filesz) {
            return false;
        }
    }
    return true;
}

static int check_elf(int fd, const char *path, char *err, size_t err_size)
{
    ElfW(Ehdr) head = { 0 };
    ssize_t n = pread(fd, &head, sizeof head, 0);
    if (n < SELFMAG || memcmp(head.e_ident, ELFMAG, SELFMAG) != 0) {
        snprintf(err, err_size, "%s: is not a shared object", path);
        return -ENOEXEC;
    }
    int own_class = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
    if (n == sizeof head && head.e_ident[EI_CLASS] != own_class) {
        return 0; /* the loader has words for it */
    }
    if (n != sizeof head || !is_whole(fd, &head)) {
        snprintf(err, err_size, "%s: is cut short", path);
        return -ENOEXEC;
    }
    return 0;
}

static bool has_all_adapter(const struct weir_adapter *a)
{
    bool polls = a->point_type && a->parts && a->poll && a->fail;
    return a->open && a->close && (polls || (a->receive && !a->poll));
}

static bool has_all_uplink(const struct weir_uplink *u)
{
    return u->open && u->close && u->connect && u->disconnect && u->prepare && u->process &&
           u->window && u->route && u->announce && u->send;
}

/* abi, size and name stand first in both kinds of struct. */
static int check_contract(enum plugin_kind kind, const char *name, const struct plugin *plugin,
                          char *err, size_t err_size)
{
    uint32_t abi = kind == PLUGIN_ADAPTER ? plugin->adapter->abi : plugin->uplink->abi;
    uint32_t want = kind == PLUGIN_ADAPTER ? WEIR_ADAPTER_ABI : WEIR_UPLINK_ABI;
    if (abi != want) {
        snprintf(err, err_size, "%s: is made for plugin ABI %u, this weir has %u", plugin->path,
                 abi, want);
        return -EPROTO;
    }
    uint32_t size = kind == PLUGIN_ADAPTER ? plugin->adapter->size : plugin->uplink->size;
    size_t least = kind == PLUGIN_ADAPTER ? offsetof(struct weir_adapter, explain)
                                          : offsetof(struct weir_uplink, overhead);
    if (size < least) {
        snprintf(err, err_size, "%s: its description is too short (%u bytes of at least %zu)",
                 plugin->path, size, least);
        return -EPROTO;
    }
    const char *called = kind == PLUGIN_ADAPTER ? plugin->adapter->name : plugin->uplink->name;
    if (!called || strcmp(called, name) != 0) {
        snprintf(err, err_size, "%s: calls itself \"%s\", not \"%s\"", plugin->path,
                 called ? called : "", name);
        return -EPROTO;
    }
    if (!(kind == PLUGIN_ADAPTER ? has_all_adapter(plugin->adapter)
                                 : has_all_uplink(plugin->uplink))) {
        snprintf(err, err_size, "%s: lacks callbacks that it must have", plugin->path);
        return -EPROTO;
    }
    return 0;
}

static int keep_copy(enum plugin_kind kind, const void *found, struct plugin *plugin, char *err,
                     size_t err_size)
{
    size_t whole =
        kind == PLUGIN_ADAPTER ? sizeof(struct weir_adapter) : sizeof(struct weir_uplink);
    size_t size = kind == PLUGIN_ADAPTER ? plugin->adapter->size : plugin->uplink->size;
    plugin->copy = calloc(1, whole);
    if (!plugin->copy) {
        snprintf(err, err_size, "%s: no memory", plugin->path);
        return -ENOMEM;
    }
    memcpy(plugin->copy, found, size < whole ? size : whole);
    if (kind == PLUGIN_ADAPTER) {
        plugin->adapter = plugin->copy;
    } else {
        plugin->uplink = plugin->copy;
    }
    return 0;
}

static int load_fd(enum plugin_kind kind, const char *name, int fd, struct plugin *plugin,
                   char *err, size_t err_size)
{
    char path[32];
    const char *symbol = kind == PLUGIN_ADAPTER ? "weir_adapter" : "weir_uplink";
    int r = check_file(fd, plugin->path, err, err_size);
    if (r == 0) {
        r = check_elf(fd, plugin->path, err, err_size);
    }
    if (r < 0) {
        return r;
    }
    plugin->fd = fd;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    plugin->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!plugin->handle) {
        const char *why = dlerror();
        size_t len = strlen(path); /* not the name that people know it by */
        why = !why ? "" : !strncmp(why, path, len) && why[len] == ':' ? why + len + 2 : why;
        snprintf(err, err_size, "%s: cannot be loaded: %s", plugin->path, why);
        return -ELIBBAD;
    }
    const void *found = dlsym(plugin->handle, symbol);
    if (!found) {
        snprintf(err, err_size, "%s: has no symbol %s, so it is no %s for weir", plugin->path,
                 symbol, kinds[kind]);
        r = -ENOSYS;
    } else if (kind == PLUGIN_ADAPTER) {
        plugin->adapter = found;
    } else {
        plugin->uplink = found;
    }
    if (r == 0) {
        r = check_contract(kind, name, plugin, err, err_size);
    }
    if (r == 0) {
        r = keep_copy(kind, found, plugin, err, err_size);
    }
    if (r < 0) {
        dlclose(plugin->handle);
    }
    return r;
}

int plugin_load(enum plugin_kind kind, const char *name, struct plugin *ret_plugin, char *err,
                size_t err_size)
{
    struct plugin plugin = { 0 };
    if (!name_valid(name)) {
        snprintf(err, err_size, "\"%s\" is no name of a plugin", name);
        return -EINVAL;
    }
    int fd = open_file(kind, name, &plugin, err, err_size);
    if (fd < 0) {
        return fd;
    }
    int r = load_fd(kind, name, fd, &plugin, err, err_size);
    if (r < 0) {
        close(fd);
        return r;
    }
    *ret_plugin = plugin;
    return 0;
}

void plugin_unload(struct plugin *plugin)
{
    if (plugin->handle) {
        dlclose(plugin->handle);
        free(plugin->copy);
        close(plugin->fd);
        plugin->handle = NULL;
    }
}

/* ---- listing */

struct found {
    char name[WEIR_NAME_MAX + 1], path[PATH_BYTES + 128];
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct found *)a)->name, ((const struct found *)b)->name);
}

static size_t list_place(const char *place, const char *kind, struct found *list, size_t count,
                         size_t most)
{
    size_t prefix = strlen(kind);
    DIR *dir = opendir(place);
    for (struct dirent *entry; dir && (entry = readdir(dir)) && count < most;) {
        size_t len = strlen(entry->d_name), i = 0;
        if (len < prefix + 5 || strncmp(entry->d_name, kind, prefix) != 0 ||
            entry->d_name[prefix] != '-' || strcmp(entry->d_name + len - 3, ".so") != 0) {
            continue;
        }
        struct found *f = &list[count];
        snprintf(f->name, sizeof f->name, "%.*s", (int)(len - prefix - 4),
                 entry->d_name + prefix + 1);
        snprintf(f->path, sizeof f->path, "%s/%.120s", place, entry->d_name);
        while (i < count && strcmp(list[i].name, f->name) != 0) {
            i++;
        }
        count += i == count;
    }
    if (dir) {
        closedir(dir);
    }
    return count;
}

int plugin_list(enum plugin_kind kind,
                void (*visit)(void *context, const char *name, const char *path), void *context)
{
    enum { MOST = 256 };
    struct places places;
    struct found *list = calloc(MOST, sizeof *list);
    size_t count = 0;
    if (!list) {
        return -ENOMEM;
    }
    find_places(&places);
    for (size_t i = 0; i < places.count; i++) {
        count = list_place(places.paths[i], kinds[kind], list, count, MOST);
    }
    qsort(list, count, sizeof *list, by_name);
    for (size_t i = 0; i < count; i++) {
        visit(context, list[i].name, list[i].path);
    }
    free(list);
    return 0;
}

int plugin_model_folder(const char *adapter, size_t index, char *buf, size_t size)
{
    char tree[PATH_BYTES];
    bool build = beside_binary("models", tree);
    int n = -1;
    const char *own = getenv("WEIR_MODEL_PATH");
    if (index == 0 && own && *own) {
        n = snprintf(buf, size, "%s", own);
    } else if (index == 0) {
        n = snprintf(buf, size, "%s/models", WEIR_SYSCONF_DIR);
    } else if (index == 1) {
        n = snprintf(buf, size, "%s/%s", build ? tree : WEIR_DATA_DIR "/models", adapter);
    }
    return n > 0 && (size_t)n < size ? 0 : -ENOENT;
}

int plugin_model_path(const char *adapter, const char *model, char *buf, size_t size)
{
    char folder[PATH_BYTES + 80];
    for (size_t i = 0;
         name_valid(model) && plugin_model_folder(adapter, i, folder, sizeof folder) == 0; i++) {
        int n = snprintf(buf, size, "%s/%s.conf", folder, model);
        if (n > 0 && (size_t)n < size && access(buf, R_OK) == 0) {
            return 0;
        }
    }
    return -ENOENT;
}
