#ifndef CRISPYX_CXXHASH_SHIM_H
#define CRISPYX_CXXHASH_SHIM_H

#include <xxhash.h>

#endif
