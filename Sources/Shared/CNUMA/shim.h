#ifndef CNUMA_SHIM_H
#define CNUMA_SHIM_H

#include <errno.h>
#include <numa.h>
#include <numaif.h>
#include <sys/syscall.h>
#include <unistd.h>

/* glibc hides the affinity calls behind _GNU_SOURCE, which Swift does not define, and its cpu_set_t
   holds 1,024 CPUs only. These take a mask of any size. */

/* Number of bytes the kernel wrote into `mask`, or the negated errno. */
static inline long cnuma_get_affinity(int thread, size_t byteCount, unsigned long *mask) {
    long result = syscall(SYS_sched_getaffinity, thread, byteCount, mask);
    return result < 0 ? -(long)errno : result;
}

/* 0, or the negated errno. */
static inline long cnuma_set_affinity(int thread, size_t byteCount, const unsigned long *mask) {
    long result = syscall(SYS_sched_setaffinity, thread, byteCount, mask);
    return result < 0 ? -(long)errno : result;
}

/* 0, or the negated errno; `mask` holds `bitCount` nodes, a multiple of the bits of a long. */
static inline long cnuma_set_memory_policy(int mode, const unsigned long *mask, size_t bitCount) {
    /* The kernel reads one bit fewer than it is told. */
    return set_mempolicy(mode, mask, bitCount + 1) != 0 ? -(long)errno : 0;
}

#endif
