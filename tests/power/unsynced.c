/* A disk that keeps only what was synced, for the processes that load this library before libc.
 *
 * UNSYNCED_ROOT is the folder that is watched, UNSYNCED_SHADOW an empty one beside it. A file of the root goes on as
 * usual; what fsync or fdatasync was called for is copied, page by page, into the file of the same name (with '/' as
 * '%') in the shadow, and only then does the call return. Renaming and deleting take effect in the shadow at once. So the
 * shadow is at each moment what a machine would find after a power failure that lost every write that was not synced.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096

static int shadow_of(const char *path, char *shadow) {
    const char *root = getenv("UNSYNCED_ROOT"), *folder = getenv("UNSYNCED_SHADOW");
    size_t length = root ? strlen(root) : 0;
    if (!root || !folder || strncmp(path, root, length) || path[length] != '/') return 0;
    int written = snprintf(shadow, PATH_MAX, "%s/%s", folder, path + length + 1);
    if (written < 0 || written >= PATH_MAX) return 0;
    for (char *c = shadow + strlen(folder) + 1; *c; c++)
        if (*c == '/') *c = '%';
    return 1;
}

static int absolute(const char *path, char *full) {
    char folder[PATH_MAX], name[PATH_MAX];
    const char *slash = strrchr(path, '/');
    snprintf(name, sizeof name, "%s", slash ? slash + 1 : path);
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    char resolved[PATH_MAX];
    if (!realpath(*folder ? folder : "/", resolved)) return 0;
    int written = snprintf(full, PATH_MAX, "%s/%s", resolved, name);
    return written > 0 && written < PATH_MAX;
}

static int keep(int live, const char *path) {
    int durable = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (durable < 0) return -1;
    char now[PAGE], then[PAGE];
    off_t at = 0;
    for (;;) {
        ssize_t have = pread(live, now, PAGE, at);
        if (have <= 0) break;
        ssize_t had = pread(durable, then, PAGE, at);
        if (had != have || memcmp(now, then, (size_t)have))
            if (pwrite(durable, now, (size_t)have, at) != have) break;
        at += have;
    }
    struct stat size;
    int failed = fstat(live, &size) || ftruncate(durable, size.st_size);
    close(durable);
    return failed;
}

static void synced(int fd) {
    char link[64], path[PATH_MAX], shadow[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return;
    path[length] = 0;
    struct stat kind;
    if (!shadow_of(path, shadow) || fstat(fd, &kind) || !S_ISREG(kind.st_mode)) return;
    int live = open(link, O_RDONLY | O_CLOEXEC);  /* fd may be open for writing only */
    if (live < 0) return;
    if (keep(live, shadow)) abort();
    close(live);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int fsync(int fd) {
    int done = REAL(fsync)(fd);
    if (!done) synced(fd);
    return done;
}

int fdatasync(int fd) {
    int done = REAL(fdatasync)(fd);
    if (!done) synced(fd);
    return done;
}

static void moved(const char *from, const char *to) {
    char old[PATH_MAX], new[PATH_MAX], source[PATH_MAX], target[PATH_MAX];
    int watched = absolute(to, new) && shadow_of(new, target);
    if (absolute(from, old) && shadow_of(old, source)) {
        if (watched && !REAL(rename)(source, target)) return;
        REAL(unlink)(source);
    }
    if (watched) close(open(target, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600));  /* a name, and nothing in it */
}

int rename(const char *from, const char *to) {
    int done = REAL(rename)(from, to);
    if (!done) moved(from, to);
    return done;
}

int unlink(const char *path) {
    char full[PATH_MAX], shadow[PATH_MAX];
    int watched = absolute(path, full) && shadow_of(full, shadow);
    int done = REAL(unlink)(path);
    if (!done && watched) REAL(unlink)(shadow);
    return done;
}
