/*
 * own_lock.h: does this session hold the lock of a run?
 */
#ifndef SALESOPS_CORE_OWN_LOCK_H
#define SALESOPS_CORE_OWN_LOCK_H

#include "core/compat.h"

extern bool salesops_holds_run_lock(void);

#endif
