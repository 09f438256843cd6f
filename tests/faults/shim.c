// SPDX-FileCopyrightText: 2026 ot_pki.defender_iot contributors
// SPDX-License-Identifier: GPL-3.0-or-later
//
// Preloaded into a process: the n-th file call below a folder fails, or kills the process just before it is made.
// Armed by faults_arm() through ctypes, in a forked child, so that the interpreter's own start is not counted.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static char watched[PATH_MAX];
static long target, calls, hits;
static int error_number, from_then_on;
static char first_hit[PATH_MAX + 64];

void faults_arm(const char *folder, long number, int error, int lasting) {
  calls = hits = 0;
  target = number;
  error_number = error;
  from_then_on = lasting;
  first_hit[0] = 0;
  snprintf(watched, sizeof watched, "%s", folder);
}
long faults_calls(void) { return calls; }
long faults_hits(void) { return hits; }
const char *faults_first(void) { return first_hit; }

static int below(int directory, const char *path, char *found, size_t size) {
  if (path && path[0] == '/') {
    snprintf(found, size, "%s", path);
  } else if (directory == AT_FDCWD) {
    if (!getcwd(found, size)) return 0;
  } else {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
    ssize_t length = readlink(link, found, size - 1);
    if (length < 0) return 0;
    found[length] = 0;
  }
  return strncmp(found, watched, strlen(watched)) == 0;
}

static int fails(const char *call, int directory, const char *path) {
  char found[PATH_MAX];
  if (!watched[0]) return 0;
  int before = errno;
  int ours = below(directory, path, found, sizeof found);
  errno = before;
  if (!ours) return 0;
  calls++;
  if (calls != target && !(from_then_on && target && calls > target)) return 0;
  if (!hits++) snprintf(first_hit, sizeof first_hit, "%s %s%s%s", call, found, path && path[0] != '/' ? "/" : "", path && path[0] != '/' ? path : "");
  if (!error_number) kill(getpid(), SIGKILL);
  errno = error_number;
  return 1;
}

#define REAL(type, name, ...) \
  static type (*real)(__VA_ARGS__); \
  if (!real) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

#define OPENING(name) \
  int name(const char *path, int flags, ...) { \
    REAL(int, #name, const char *, int, ...); \
    va_list list; va_start(list, flags); int mode = va_arg(list, int); va_end(list); \
    return fails("open", AT_FDCWD, path) ? -1 : real(path, flags, mode); \
  }
#define OPENING_AT(name) \
  int name(int at, const char *path, int flags, ...) { \
    REAL(int, #name, int, const char *, int, ...); \
    va_list list; va_start(list, flags); int mode = va_arg(list, int); va_end(list); \
    return fails("open", at, path) ? -1 : real(at, path, flags, mode); \
  }
OPENING(open)
OPENING(open64)
OPENING_AT(openat)
OPENING_AT(openat64)

ssize_t write(int fd, const void *bytes, size_t size) {
  REAL(ssize_t, "write", int, const void *, size_t);
  if (!fails("write", fd, NULL)) return real(fd, bytes, size);
  int why = errno;
  // A full or broken disk may have taken a part of it.
  if (size > 1) real(fd, bytes, size / 2);
  errno = why;
  return -1;
}
#define ON_DESCRIPTOR(name, call) \
  int name(int fd) { REAL(int, #name, int); return fails(call, fd, NULL) ? -1 : real(fd); }
ON_DESCRIPTOR(fsync, "fsync")
ON_DESCRIPTOR(fdatasync, "fsync")
ON_DESCRIPTOR(syncfs, "syncfs")

int ftruncate(int fd, off_t size) { REAL(int, "ftruncate", int, off_t); return fails("truncate", fd, NULL) ? -1 : real(fd, size); }
int ftruncate64(int fd, off64_t size) { REAL(int, "ftruncate64", int, off64_t); return fails("truncate", fd, NULL) ? -1 : real(fd, size); }
int rename(const char *from, const char *to) { REAL(int, "rename", const char *, const char *); return fails("rename", AT_FDCWD, to) ? -1 : real(from, to); }
int renameat(int a, const char *from, int b, const char *to) { REAL(int, "renameat", int, const char *, int, const char *); return fails("rename", b, to) ? -1 : real(a, from, b, to); }
int renameat2(int a, const char *from, int b, const char *to, unsigned flags) { REAL(int, "renameat2", int, const char *, int, const char *, unsigned); return fails("rename", b, to) ? -1 : real(a, from, b, to, flags); }
int link(const char *from, const char *to) { REAL(int, "link", const char *, const char *); return fails("link", AT_FDCWD, to) ? -1 : real(from, to); }
int linkat(int a, const char *from, int b, const char *to, int flags) { REAL(int, "linkat", int, const char *, int, const char *, int); return fails("link", b, to) ? -1 : real(a, from, b, to, flags); }
int symlink(const char *to, const char *path) { REAL(int, "symlink", const char *, const char *); return fails("symlink", AT_FDCWD, path) ? -1 : real(to, path); }
int symlinkat(const char *to, int at, const char *path) { REAL(int, "symlinkat", const char *, int, const char *); return fails("symlink", at, path) ? -1 : real(to, at, path); }
int unlink(const char *path) { REAL(int, "unlink", const char *); return fails("unlink", AT_FDCWD, path) ? -1 : real(path); }
int unlinkat(int at, const char *path, int flags) { REAL(int, "unlinkat", int, const char *, int); return fails("unlink", at, path) ? -1 : real(at, path, flags); }
int rmdir(const char *path) { REAL(int, "rmdir", const char *); return fails("rmdir", AT_FDCWD, path) ? -1 : real(path); }
int mkdir(const char *path, mode_t mode) { REAL(int, "mkdir", const char *, mode_t); return fails("mkdir", AT_FDCWD, path) ? -1 : real(path, mode); }
int mkdirat(int at, const char *path, mode_t mode) { REAL(int, "mkdirat", int, const char *, mode_t); return fails("mkdir", at, path) ? -1 : real(at, path, mode); }
