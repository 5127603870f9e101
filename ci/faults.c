// Preloaded into a process, this makes its Nth call that concerns a folder fail, or lets it do nothing more, as a kill or a
// power cut would. Calls are numbered from 1, of all threads together. org.quern.cli.FaultAttacks says what to demand then.
//
// The variable FAULTS says what is to be done, and so does a file that is opened, if it is called "faults:" and this:
//
//   ACTION:N:SEED:FOLDER, the folder as realpath prints it, and of ACTIONs
//     count: nothing, but FOLDER.calls gets a line for each call, its number, its name and its file
//     enospc, eio, eacces: the call fails so, and does nothing
//     full: this call and all later ones that need room fail with ENOSPC
//     short: of what is to be written, half is, and the call says so
//     kill: of what is to be written, half is, and the process is killed
//     dead: the same, but the process goes on: all its later calls do nothing and fail
//     power: like dead, and when another thing is to be done, the folder is left as a disk may have it after a power
//         cut. SEED 0: the worst disk, which keeps only what was forced to it; else chance decides of the contents of
//         each file and of each name whether they were on the disk already
//
// A file's contents are forced by fsync of the file; the names in a folder, made, changed or removed, by fsync of the
// folder. What does not go through these functions of libc is not seen: stdio's own writes, mmap, io_uring.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum action { COUNT, NO_ROOM, BROKEN, CLOSED, FULL, SHORT, KILL, DEAD, POWER, ACTIONS };
static const char *const actions[] = {"count", "enospc", "eio", "eacces", "full", "short", "kill", "dead", "power"};

static char below[PATH_MAX];
static long at, calls;
static enum action action;
static unsigned long long seed;
static int log_file = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static _Noreturn void fail(const char *why, const char *what) {
    dprintf(2, "faults.c: %s %s\n", why, what);
    _exit(99);
}

// ---- what is on the disk ---------------------------------------------------------------------------------------

// A file or folder; "bytes" is what of a file was forced to disk, "changed" whether it was written to since.
struct object {
    int is_folder, changed;
    char *bytes;
    size_t size;
};

// What a name means now, and what it means to the disk; null: nothing.
struct name {
    char *path;
    struct object *now, *forced;
    struct name *next;
};

static struct name *names; // parents before what is in them, but for renamed folders, which are refused

static struct name *named(const char *path) {
    struct name **link = &names;
    for (; *link; link = &(*link)->next)
        if (!strcmp((*link)->path, path))
            return *link;
    *link = calloc(1, sizeof **link);
    (*link)->path = strdup(path);
    return *link;
}

static char *contents(const char *path, size_t *size) {
    int file = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY);
    if (file < 0)
        fail("cannot read", path);
    struct stat about;
    fstat(file, &about);
    char *bytes = malloc(about.st_size + 1);
    *size = 0;
    for (ssize_t n; (n = syscall(SYS_read, file, bytes + *size, about.st_size - *size)) > 0;)
        *size += n;
    syscall(SYS_close, file);
    return bytes;
}

static void force(struct object *file, const char *path) {
    free(file->bytes);
    file->changed = 0;
    file->bytes = contents(path, &file->size);
}

static struct object *made(int is_folder) {
    struct object *object = calloc(1, sizeof *object);
    object->is_folder = is_folder;
    return object;
}

// Takes what is there at the start for forced.
static void survey(const char *folder) {
    DIR *all = opendir(folder);
    if (!all)
        fail("cannot list", folder);
    for (struct dirent *one; (one = readdir(all));) {
        if (!strcmp(one->d_name, ".") || !strcmp(one->d_name, ".."))
            continue;
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/%s", folder, one->d_name);
        struct name *name = named(path);
        name->now = name->forced = made(one->d_type == DT_DIR);
        if (one->d_type == DT_DIR)
            survey(path);
        if (one->d_type == DT_REG)
            force(name->now, path);
    }
    closedir(all);
}

static int is_in(const char *path, const char *folder) {
    size_t length = strlen(folder);
    return !strncmp(path, folder, length) && path[length] == '/' && !strchr(path + length + 1, '/');
}

static void forced(int fd, const char *path) {
    struct stat about;
    fstat(fd, &about);
    if (S_ISDIR(about.st_mode)) {
        for (struct name *name = names; name; name = name->next)
            if (is_in(name->path, path))
                name->forced = name->now;
    } else if (named(path)->now) {
        force(named(path)->now, path);
    }
}

static void changed(const char *path) {
    if (named(path)->now)
        named(path)->now->changed = 1;
}

static unsigned long long chance(unsigned long long below) { // splitmix64
    unsigned long long z = seed += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (z ^ (z >> 31)) % below;
}

static void cut(void) {
    int worst = seed == 0;
    // of contents that were not forced: what was before, or a part of them, or all
    for (struct name *name = names; name; name = name->next)
        if (!worst && name->now && name->now->changed && chance(2)) {
            force(name->now, name->path);
            if (chance(2))
                name->now->size = chance(name->now->size + 1);
        }
    for (struct name *name = names; name; name = name->next)
        if (!worst && chance(2))
            name->forced = name->now;
    for (struct name *name = names; name; name = name->next)
        if (name->now && !name->now->is_folder)
            syscall(SYS_unlink, name->path);
    for (int left = 1; left;) { // folders, the inner ones first
        left = 0;
        for (struct name *name = names; name; name = name->next)
            left |= name->now && name->now->is_folder && !syscall(SYS_rmdir, name->path);
    }
    for (struct name *name = names; name; name = name->next) {
        if (!name->forced)
            continue;
        if (name->forced->is_folder) {
            syscall(SYS_mkdir, name->path, 0777);
            continue;
        }
        int file = syscall(SYS_openat, AT_FDCWD, name->path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
        if (file >= 0 && syscall(SYS_write, file, name->forced->bytes, name->forced->size) < 0)
            fail("cannot write", name->path); // file < 0: its folder is gone
        if (file >= 0)
            syscall(SYS_close, file);
    }
}

// ---- counting --------------------------------------------------------------------------------------------------

static void forget(void) {
    for (struct name *name = names, *next; name; name = next) {
        next = name->next; // objects may be shared: they stay, until the process ends
        free(name->path);
        free(name);
    }
    names = 0;
}

static void arm(const char *text) {
    char what[16];
    if (at && action == POWER)
        cut();
    forget();
    if (log_file >= 0)
        syscall(SYS_close, log_file);
    log_file = -1;
    calls = 0;
    if (sscanf(text, "%15[a-z]:%ld:%llu:%4000s", what, &at, &seed, below) != 4)
        fail("ACTION:N:SEED:FOLDER, not", text);
    for (action = 0; action < ACTIONS && strcmp(actions[action], what); action++) {
    }
    if (action == ACTIONS)
        fail("no such action:", what);
    if (action == COUNT) {
        char path[PATH_MAX + 8];
        snprintf(path, sizeof path, "%s.calls", below);
        log_file = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    }
    if (action == POWER)
        survey(below);
}

__attribute__((constructor)) static void start(void) {
    if (getenv("FAULTS"))
        arm(getenv("FAULTS"));
}

static int armed(const char *name) {
    if (strncmp(name, "faults:", 7))
        return 0;
    pthread_mutex_lock(&lock);
    arm(name + 7);
    pthread_mutex_unlock(&lock);
    errno = ENOENT;
    return 1;
}

// The full path of a name, whose last part need not be there.
static const char *whole(int folder, const char *path, char *out) {
    char text[PATH_MAX] = "", parent[PATH_MAX];
    if (path[0] != '/') {
        char link[64];
        snprintf(link, sizeof link, folder == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", folder);
        ssize_t length = readlink(link, text, sizeof text - 2);
        snprintf(text + (length > 0 ? length : 0), sizeof text - length, "/%s", path);
    } else {
        snprintf(text, sizeof text, "%s", path);
    }
    char *last = strrchr(text, '/');
    *last++ = 0;
    if (!realpath(*text ? text : "/", parent))
        snprintf(parent, sizeof parent, "%s", text);
    if (snprintf(out, PATH_MAX, "%s/%s", parent, last) >= PATH_MAX)
        fail("too long:", path);
    return out;
}

static const char *opened(int fd, char *out) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, out, PATH_MAX - 1);
    out[length > 0 ? length : 0] = 0;
    return out;
}

static int ours(const char *path) {
    size_t length = strlen(below);
    return length && !strncmp(path, below, length) && (path[length] == '/' || !path[length]);
}

enum need { NOTHING, ROOM, DATA }; // what a call needs: DATA is room, for bytes that may be halved

// Counts a call; the error that it is to fail with, 0 if none, or −1 if it is to write half.
static int count(const char *call, const char *path, enum need need) {
    calls++;
    if (log_file >= 0)
        dprintf(log_file, "%ld %s %s\n", calls, call, path);
    if (!at || calls < at)
        return 0;
    switch (action) {
    case COUNT:
        return 0;
    case NO_ROOM:
        return calls == at ? ENOSPC : 0;
    case BROKEN:
        return calls == at ? EIO : 0;
    case CLOSED:
        return calls == at ? EACCES : 0;
    case FULL:
        return need == NOTHING ? 0 : ENOSPC;
    case SHORT:
        return calls == at && need == DATA ? -1 : 0;
    default:
        return calls == at && need == DATA ? -1 : EIO; // it ends here
    }
}

static void end(void) {
    if (!at || calls != at || action != KILL)
        return;
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;)
        pause();
}

#define REAL(function) ((__typeof__(&function))real(#function))

static void *real(const char *function) {
    void *found = dlsym(RTLD_NEXT, function);
    if (!found)
        fail("libc has no", function);
    return found;
}

// A call on PATH: CALL does it, and is repeated by nobody; AFTER keeps the books if it went well.
#define DO(type, name, path, need, CALL, AFTER) \
    {                                           \
        int before = errno;                     \
        if (!ours(path)) {                      \
            errno = before;                     \
            return CALL;                        \
        }                                       \
        pthread_mutex_lock(&lock);              \
        int fault = count(name, path, need);    \
        type result = -1;                       \
        if (fault > 0) {                        \
            end();                              \
            errno = fault;                      \
        } else {                                \
            errno = before;                     \
            result = CALL;                      \
            end();                              \
            before = errno;                     \
            if (result >= 0 && action == POWER) \
                AFTER;                          \
            errno = before;                     \
            if (fault < 0 && action >= DEAD) {  \
                result = -1;                    \
                errno = EIO;                    \
            }                                   \
        }                                       \
        pthread_mutex_unlock(&lock);            \
        return result;                          \
    }

// ---- the calls -------------------------------------------------------------------------------------------------

#define ON_FILE(name, need, CALL, AFTER)           \
    {                                              \
        char path[PATH_MAX];                       \
        int kept = errno;                          \
        opened(fd, path);                          \
        errno = kept;                              \
        DO(ssize_t, name, path, need, CALL, AFTER) \
    }

#define LESS(n) (fault < 0 ? (n) / 2 : (n))

// outside of DO there is no fault
static const int fault;

ssize_t write(int fd, const void *from, size_t n) {
    ON_FILE("write", DATA, REAL(write)(fd, from, LESS(n)), changed(path));
}

ssize_t pwrite(int fd, const void *from, size_t n, off_t where) {
    ON_FILE("pwrite", DATA, REAL(pwrite)(fd, from, LESS(n), where), changed(path));
}

ssize_t pwrite64(int fd, const void *from, size_t n, off64_t where) {
    ON_FILE("pwrite64", DATA, REAL(pwrite64)(fd, from, LESS(n), where), changed(path));
}

ssize_t writev(int fd, const struct iovec *from, int n) {
    ON_FILE("writev", DATA, REAL(writev)(fd, from, n > 1 ? LESS(n) : n), changed(path));
}

ssize_t read(int fd, void *to, size_t n) { ON_FILE("read", NOTHING, REAL(read)(fd, to, n), {}); }

ssize_t pread(int fd, void *to, size_t n, off_t where) { ON_FILE("pread", NOTHING, REAL(pread)(fd, to, n, where), {}); }

ssize_t pread64(int fd, void *to, size_t n, off64_t where) {
    ON_FILE("pread64", NOTHING, REAL(pread64)(fd, to, n, where), {});
}

int fsync(int fd) { ON_FILE("fsync", NOTHING, REAL(fsync)(fd), forced(fd, path)); }

int fdatasync(int fd) { ON_FILE("fdatasync", NOTHING, REAL(fdatasync)(fd), forced(fd, path)); }

int ftruncate(int fd, off_t size) { ON_FILE("ftruncate", ROOM, REAL(ftruncate)(fd, size), changed(path)); }

int ftruncate64(int fd, off64_t size) { ON_FILE("ftruncate64", ROOM, REAL(ftruncate64)(fd, size), changed(path)); }

static void there(const char *path, int is_folder, int is_changed) {
    struct name *name = named(path);
    if (!name->now)
        name->now = made(is_folder);
    if (is_changed)
        name->now->changed = 1;
}

static void renamed(const char *from, const char *to) {
    struct name *old = named(from), *name = named(to);
    if (old->now && old->now->is_folder)
        fail("a renamed folder is more than this knows of:", from);
    name->now = old->now;
    old->now = 0;
}

#define ON_PATH(type, name, folder, given, need, CALL, AFTER) \
    {                                                         \
        char path[PATH_MAX];                                  \
        int kept = errno;                                     \
        whole(folder, given, path);                           \
        errno = kept;                                         \
        DO(type, name, path, need, CALL, AFTER)               \
    }

#define ON_TWO(name, folder, from, new_folder, to, CALL, AFTER) \
    {                                                           \
        char path[PATH_MAX], new_path[PATH_MAX];                \
        int kept = errno;                                       \
        whole(folder, from, path);                              \
        whole(new_folder, to, new_path);                        \
        errno = kept;                                           \
        DO(int, name, path, ROOM, CALL, AFTER)                  \
    }

#define OPEN(function, folder, ...)                                            \
    {                                                                          \
        if (armed(name))                                                       \
            return -1;                                                         \
        mode_t mode = 0;                                                       \
        if (flags & (O_CREAT | __O_TMPFILE)) {                                 \
            va_list rest;                                                      \
            va_start(rest, flags);                                             \
            mode = va_arg(rest, mode_t);                                       \
            va_end(rest);                                                      \
        }                                                                      \
        ON_PATH(int, #function, folder, name, flags &O_CREAT ? ROOM : NOTHING, \
                REAL(function)(__VA_ARGS__, flags, mode), {                    \
                    if (flags & O_CREAT)                                       \
                        there(path, 0, flags &O_TRUNC);                        \
                });                                                            \
    }

int open(const char *name, int flags, ...) { OPEN(open, AT_FDCWD, name); }

int open64(const char *name, int flags, ...) { OPEN(open64, AT_FDCWD, name); }

int openat(int folder, const char *name, int flags, ...) { OPEN(openat, folder, folder, name); }

int openat64(int folder, const char *name, int flags, ...) { OPEN(openat64, folder, folder, name); }

int mkdir(const char *name, mode_t mode) {
    ON_PATH(int, "mkdir", AT_FDCWD, name, ROOM, REAL(mkdir)(name, mode), there(path, 1, 0));
}

int mkdirat(int folder, const char *name, mode_t mode) {
    ON_PATH(int, "mkdirat", folder, name, ROOM, REAL(mkdirat)(folder, name, mode), there(path, 1, 0));
}

int unlink(const char *name) {
    ON_PATH(int, "unlink", AT_FDCWD, name, NOTHING, REAL(unlink)(name), named(path)->now = 0);
}

int unlinkat(int folder, const char *name, int flags) {
    ON_PATH(int, "unlinkat", folder, name, NOTHING, REAL(unlinkat)(folder, name, flags), named(path)->now = 0);
}

int rmdir(const char *name) { ON_PATH(int, "rmdir", AT_FDCWD, name, NOTHING, REAL(rmdir)(name), named(path)->now = 0); }

int rename(const char *from, const char *to) {
    ON_TWO("rename", AT_FDCWD, from, AT_FDCWD, to, REAL(rename)(from, to), renamed(path, new_path));
}

int renameat(int folder, const char *from, int new_folder, const char *to) {
    ON_TWO("renameat", folder, from, new_folder, to, REAL(renameat)(folder, from, new_folder, to),
           renamed(path, new_path));
}

int link(const char *from, const char *to) {
    ON_TWO("link", AT_FDCWD, from, AT_FDCWD, to, REAL(link)(from, to), named(new_path)->now = named(path)->now);
}
