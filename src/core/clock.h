/*
 * clock.h: the one clock by which this extension decides what is due and what lies in the future.
 */
#ifndef SALESOPS_CORE_CLOCK_H
#define SALESOPS_CORE_CLOCK_H

#include "core/compat.h"
#include "datatype/timestamp.h"

extern void salesops_define_clock(void);
extern TimestampTz salesops_now(void);

#endif
