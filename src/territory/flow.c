/*
 * flow.c: the most that classes can send to territories that may have them, none of which takes more than it has room for. A maximum flow between
 * two sides by shortest paths, in whole numbers: exact, and the set that a path leads to from what is left over is the same whatever flow was
 * found.
 */
#include "territory/flow.h"

void
flow_begin(Flow *f, int classes, int territories, const bool *eligible)
{
	memset(f, 0, sizeof(Flow));
	f->eligible = eligible;
	f->all_territories = territories;
	f->flow = palloc_extended(sizeof(int64) * Max((Size) classes * territories, 1), MCXT_ALLOC_HUGE);
	f->left = palloc(sizeof(int64) * Max(classes, 1));
	f->room = palloc(sizeof(int64) * Max(territories, 1));
	f->class_depth = palloc(sizeof(int) * Max(classes, 1));
	f->territory_depth = palloc(sizeof(int) * Max(territories, 1));
	f->class_next = palloc(sizeof(int) * Max(classes, 1));
	f->territory_next = palloc(sizeof(int) * Max(territories, 1));
	f->front = palloc(sizeof(int) * Max(Max(classes, territories), 1));
}

void
flow_end(Flow *f)
{
	pfree(f->flow);
	pfree(f->left);
	pfree(f->room);
	pfree(f->class_depth);
	pfree(f->territory_depth);
	pfree(f->class_next);
	pfree(f->territory_next);
	pfree(f->front);
}

/* Depths of classes and territories by breadth first; returns whether some territory with room was reached. */
static bool
find_depths(Flow *f)
{
	bool		any = false;
	bool		found = false;

	for (int i = 0; i < f->classes; i++)
	{
		int			c = f->class_[i];

		f->class_depth[c] = f->left[c] > 0 ? 0 : -1;
		f->class_next[c] = 0;
		any |= f->left[c] > 0;
	}
	for (int i = 0; i < f->territories; i++)
	{
		f->territory_depth[f->territory[i]] = -1;
		f->territory_next[f->territory[i]] = 0;
	}
	for (int depth = 0; any && !found; depth++)
	{
		int			fronts = 0;

		any = false;
		for (int i = 0; i < f->classes; i++)
			if (f->class_depth[f->class_[i]] == depth)
				for (int j = 0; j < f->territories; j++)
				{
					int			k = f->territory[j];

					if (f->territory_depth[k] < 0 && flow_may(f, f->class_[i], k))
					{
						f->territory_depth[k] = depth;
						f->front[fronts++] = k;
						found |= f->room[k] > 0;
					}
				}
		for (int i = 0; i < f->classes && fronts > 0; i++)
			for (int j = 0; j < fronts && f->class_depth[f->class_[i]] < 0; j++)
				if (*flow_of(f, f->class_[i], f->front[j]) > 0)
				{
					f->class_depth[f->class_[i]] = depth + 1;
					any = true;
				}
	}
	return found;
}

/* Sends up to so much from a class along shortest paths; returns how much. */
static int64
send(Flow *f, int c, int64 amount)
{
	int64		sent = 0;

	for (; f->class_next[c] < f->territories; f->class_next[c]++)
	{
		int			k = f->territory[f->class_next[c]];

		if (f->territory_depth[k] != f->class_depth[c] || !flow_may(f, c, k))
			continue;
		/* Into its room, or in place of what other classes sent there and send on. */
		if (f->room[k] > 0)
		{
			int64		now = Min(f->room[k], amount - sent);

			f->room[k] -= now;
			*flow_of(f, c, k) += now;
			sent += now;
		}
		for (; sent < amount && f->territory_next[k] < f->classes; f->territory_next[k]++)
		{
			int			other = f->class_[f->territory_next[k]];
			int64	   *flow = flow_of(f, other, k);

			if (f->class_depth[other] == f->territory_depth[k] + 1 && *flow > 0)
			{
				int64		now = send(f, other, Min(*flow, amount - sent));

				*flow -= now;
				*flow_of(f, c, k) += now;
				sent += now;
				if (sent == amount)
					break;
			}
		}
		if (sent == amount)
			break;
	}
	return sent;
}

/* Sends as much as there is room for (Dinic 1970); depths then tell what a path leads to from what is left. Returns that. */
int64
flow_send_all(Flow *f)
{
	int64		left = 0;

	for (int i = 0; i < f->classes; i++)
		for (int j = 0; j < f->territories; j++)
			*flow_of(f, f->class_[i], f->territory[j]) = 0;
	while (find_depths(f))
		for (int i = 0; i < f->classes; i++)
		{
			int			c = f->class_[i];

			if (f->left[c] > 0)
				f->left[c] -= send(f, c, f->left[c]);
		}
	for (int i = 0; i < f->classes; i++)
		left += f->left[f->class_[i]];
	return left;
}
