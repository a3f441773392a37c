/*
 * jump.c: has the clock been set far forward since this server began?
 *
 * A server that was off for three weeks and one whose clock was set three weeks ahead read the same time, but only the first
 * may run what it missed. While the server is up a second clock tells them apart: one that nobody can set, and that goes on
 * while the machine sleeps. The shared memory keeps what time it was when that clock showed zero, as far as it is believed:
 * the latest reading of all, and forward steps of up to a day. A longer one is believed when a run is as of later, which is how a
 * person says that the clock is right: salesops.clock_doubt() is what asks here, and who begins runs makes it believed.
 */
#include "worker/worker.h"

#include "core/own_lock.h"

#include <time.h>

#include "portability/instr_time.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/fmgrprotos.h"

/* As check_as_of(): what is recorded up to a day ahead locks out nobody. An hour more, so that a day forward is not too far. */
#define BELIEVED_STEP_US (25 * USECS_PER_HOUR)

/* The year 2000, where timestamps begin to count: an instant that has been, whatever the clock says. */
#define LONG_AGO ((TimestampTz) 0)

/* An area of its own: that of the worker keeps the size that the library of version 0.1.0 knows, whose sessions may be here still. */
typedef struct ClockShared
{
	slock_t		lock;
	TimestampTz epoch;			/* what time it was when the clock that is never set showed zero, as far as it is believed */
} ClockShared;

Size
salesops_clock_shared_size(void)
{
	return sizeof(ClockShared);
}

/* Time on a clock that cannot be set, in microseconds since some moment before the server began. */
static int64
steady_clock(void)
{
#ifdef CLOCK_BOOTTIME
	struct timespec t;

	if (clock_gettime(CLOCK_BOOTTIME, &t) == 0)
		return t.tv_sec * USECS_PER_SEC + t.tv_nsec / 1000;
#endif
	{
		instr_time	steady;

		INSTR_TIME_SET_CURRENT(steady);
		return (int64) INSTR_TIME_GET_MICROSEC(steady);
	}
}

/* What time it was, by the clock as it is set now, when the steady one showed zero. */
TimestampTz
salesops_clock_epoch(void)
{
	return salesops_now() - (TimestampTz) steady_clock();
}

/* Find the area, or make it: the first look believes the clock. */
static ClockShared *
attach(void)
{
	ClockShared *shared;
	bool		found;

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared = ShmemInitStruct("salesops clock", sizeof(ClockShared), &found);
	if (!found)
	{
		SpinLockInit(&shared->lock);
		shared->epoch = salesops_clock_epoch();
	}
	LWLockRelease(AddinShmemInitLock);
	return shared;
}

/* By how much the clock is ahead of what is believed, and of an instant that has been; 0 unless that is too much to be believed. */
static int64
clock_jump(TimestampTz has_been)
{
	ClockShared *shared = attach();
	TimestampTz epoch = salesops_clock_epoch();
	bool		has_run = salesops_now() - has_been <= BELIEVED_STEP_US;
	bool		may_believe = has_run && salesops_holds_run_lock();	/* anybody may ask, and name any instant */
	int64		ahead;

	SpinLockAcquire(&shared->lock);
	ahead = epoch - shared->epoch;
	if (ahead <= BELIEVED_STEP_US || may_believe)
		shared->epoch = Max(shared->epoch, epoch);
	SpinLockRelease(&shared->lock);
	return ahead <= BELIEVED_STEP_US || has_run ? 0 : Min(ahead, salesops_now() - has_been);
}

/* The launcher looks each minute, so that small steps and corrections do not add up to a large one. */
void
salesops_follow_clock(void)
{
	(void) clock_jump(LONG_AGO);
}

PG_FUNCTION_INFO_V1(salesops_clock_jump);

/* clock_jump(has_been timestamptz) returns interval: see its SQL comment */
Datum
salesops_clock_jump(PG_FUNCTION_ARGS)
{
	TimestampTz has_been = PG_ARGISNULL(0) ? LONG_AGO : Max(PG_GETARG_TIMESTAMPTZ(0), LONG_AGO);
	Interval   *jump = palloc0(sizeof(Interval));

	jump->time = (clock_jump(has_been) + USECS_PER_HOUR / 2) / USECS_PER_HOUR * USECS_PER_HOUR;
	if (jump->time == 0)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(DatumGetPointer(DirectFunctionCall1(interval_justify_hours, PointerGetDatum(jump))));
}
