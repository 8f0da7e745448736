/* Calls of the operating system that fail on demand, below one folder only.
 *
 * The library is preloaded and does nothing until `fail_calls` names a call, the first call that
 * fails, the error, and the folder. Calls below the folder are counted from then on.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { OPEN, WRITE, RENAME, FSYNC, MKDIR, READ, KINDS };

static int armed = 0, kind = -1, error = 0, lasting = 0;
static long first = -1, counts[KINDS];
static char folder[PATH_MAX];
static size_t length = 0;

void fail_calls(const char *below, int which, long from, int number, int goes_on) {
    strncpy(folder, below, sizeof folder - 1);
    length = strlen(folder);
    while (length > 1 && folder[length - 1] == '/') folder[--length] = 0;
    kind = which, first = from, error = number, lasting = goes_on;
    memset(counts, 0, sizeof counts);
    armed = 1;
}

void stop_failing(void) { armed = 0; }

long counted(int which) { return counts[which]; }

static int is_below(const char *path) {
    char absolute[PATH_MAX];
    if (path == NULL) return 0;
    if (path[0] != '/') {
        if (getcwd(absolute, sizeof absolute) == NULL) return 0;
        path = absolute;
    }
    return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == 0);
}

static int is_open_below(int handle) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return is_below(path);
}

static int fails(int which) {
    long number = __sync_fetch_and_add(&counts[which], 1);
    if (which != kind || first < 0) return 0;
    if (number != first && !(lasting && number > first)) return 0;
    errno = error;
    return 1;
}

#define REAL(type, name, ...)                                                     \
    static type (*real)(__VA_ARGS__) = NULL;                                      \
    if (real == NULL) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

#define WRITES(flags) (((flags) & O_ACCMODE) != O_RDONLY)

#define OPENS(name)                                                               \
    int name(const char *path, int flags, ...) {                                  \
        REAL(int, name, const char *, int, ...);                                  \
        mode_t mode = 0;                                                          \
        if (flags & (O_CREAT | O_TMPFILE)) {                                      \
            va_list rest;                                                         \
            va_start(rest, flags);                                                \
            mode = va_arg(rest, mode_t);                                          \
            va_end(rest);                                                         \
        }                                                                         \
        if (armed && WRITES(flags) && is_below(path) && fails(OPEN)) return -1;   \
        return real(path, flags, mode);                                           \
    }
OPENS(open)
OPENS(open64)

#define OPENS_AT(name)                                                            \
    int name(int at, const char *path, int flags, ...) {                          \
        REAL(int, name, int, const char *, int, ...);                             \
        mode_t mode = 0;                                                          \
        if (flags & (O_CREAT | O_TMPFILE)) {                                      \
            va_list rest;                                                         \
            va_start(rest, flags);                                                \
            mode = va_arg(rest, mode_t);                                          \
            va_end(rest);                                                         \
        }                                                                         \
        if (armed && WRITES(flags) && is_below(path) && fails(OPEN)) return -1;   \
        return real(at, path, flags, mode);                                       \
    }
OPENS_AT(openat)
OPENS_AT(openat64)

FILE *fopen64(const char *path, const char *mode) {
    REAL(FILE *, fopen64, const char *, const char *);
    if (armed && strpbrk(mode, "wa+") && is_below(path) && fails(OPEN)) return NULL;
    return real(path, mode);
}

ssize_t write(int handle, const void *data, size_t size) {
    REAL(ssize_t, write, int, const void *, size_t);
    if (armed && size && is_open_below(handle) && fails(WRITE)) return -1;
    return real(handle, data, size);
}

ssize_t writev(int handle, const struct iovec *parts, int count) {
    REAL(ssize_t, writev, int, const struct iovec *, int);
    if (armed && is_open_below(handle) && fails(WRITE)) return -1;
    return real(handle, parts, count);
}

#define WRITES_AT(name)                                                           \
    ssize_t name(int handle, const void *data, size_t size, off_t at) {           \
        REAL(ssize_t, name, int, const void *, size_t, off_t);                    \
        if (armed && is_open_below(handle) && fails(WRITE)) return -1;            \
        return real(handle, data, size, at);                                      \
    }
WRITES_AT(pwrite)
WRITES_AT(pwrite64)

#define READS(name, extra, pass)                                                  \
    ssize_t name(int handle, void *data, size_t size extra) {                     \
        REAL(ssize_t, name, int, void *, size_t extra);                           \
        if (armed && is_open_below(handle) && fails(READ)) return -1;             \
        return real(handle, data, size pass);                                     \
    }
#define COMMA ,
READS(read, , )
READS(pread, COMMA off_t at, COMMA at)
READS(pread64, COMMA off_t at, COMMA at)

int rename(const char *from, const char *to) {
    REAL(int, rename, const char *, const char *);
    if (armed && is_below(to) && fails(RENAME)) return -1;
    return real(from, to);
}

int renameat(int a, const char *from, int b, const char *to) {
    REAL(int, renameat, int, const char *, int, const char *);
    if (armed && is_below(to) && fails(RENAME)) return -1;
    return real(a, from, b, to);
}

#define FLUSHES(name)                                                             \
    int name(int handle) {                                                        \
        REAL(int, name, int);                                                     \
        if (armed && is_open_below(handle) && fails(FSYNC)) return -1;            \
        return real(handle);                                                      \
    }
FLUSHES(fsync)
FLUSHES(fdatasync)

int mkdir(const char *path, mode_t mode) {
    REAL(int, mkdir, const char *, mode_t);
    if (armed && is_below(path) && fails(MKDIR)) return -1;
    return real(path, mode);
}
