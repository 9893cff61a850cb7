#ifndef CRISPYX_CDEFLATE_SHIM_H
#define CRISPYX_CDEFLATE_SHIM_H

#include <libdeflate.h>

#endif
