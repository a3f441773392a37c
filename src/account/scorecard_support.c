/*
 * scorecard_support.c: a row that is scored need not be made.
 *
 * scorecard_total(a) of a table takes the whole row as one value, which the executor would copy together for each row, all columns, only for the scorecard to take
 * it apart again: that costs more than the scoring. So the planner asks here, and gets the same call with the columns by themselves. Which of them the
 * scorecard reads is not known before it runs, and may be otherwise the next time a prepared plan does: all go along, as long as a function may have so many arguments.
 */
#include "core/compat.h"

#include "access/sysattr.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/pathnodes.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "parser/parse_func.h"
#include "parser/parsetree.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

/* Scorecard, instant, names and what tells whether there is a row go before the columns. */
#define MOST_COLUMNS	(FUNC_MAX_ARGS - 4)

typedef struct Columns
{
	List	   *names;			/* String nodes */
	List	   *values;
	Expr	   *row_of;			/* NULL where an outer join found no row */
} Columns;

static Expr *
column_of(const Var *row, AttrNumber number, Oid type, int32 typmod, Oid collation)
{
	Var		   *column = copyObject((Var *) row);

	column->varattno = number;
	column->varattnosyn = number;
	column->vartype = type;
	column->vartypmod = typmod;
	column->varcollid = collation;
	return (Expr *) column;
}

/* The columns of a whole row of a table. EXCLUDED has no system column to ask. */
static bool
columns_of_table(PlannerInfo *root, const Var *row, Columns *columns)
{
	TupleDesc	type;

	if (root == NULL || row->varattno != InvalidAttrNumber || row->varlevelsup != 0 || rt_fetch(row->varno, root->parse->rtable)->rtekind != RTE_RELATION ||
		(root->parse->onConflict != NULL && root->parse->onConflict->exclRelIndex == row->varno))
		return false;
	type = lookup_rowtype_tupdesc(row->vartype, row->vartypmod);
	for (int i = 0; i < type->natts; i++)
	{
		Form_pg_attribute a = TupleDescAttr(type, i);

		if (a->attisdropped)
			continue;
		columns->names = lappend(columns->names, pstrdup(NameStr(a->attname)));
		columns->values = lappend(columns->values, column_of(row, i + 1, a->atttypid, a->atttypmod, a->attcollation));
	}
	ReleaseTupleDesc(type);
	columns->row_of = column_of(row, TableOidAttributeNumber, OIDOID, -1, InvalidOid);
	return true;
}

/* The columns of a row that a query makes, such as one of a view or a function that was put in its place. */
static bool
columns_of_row(const RowExpr *row, Columns *columns)
{
	TupleDesc	type;
	ListCell   *cell;

	columns->values = row->args;
	columns->row_of = (Expr *) makeConst(OIDOID, -1, InvalidOid, sizeof(Oid), ObjectIdGetDatum(row->row_typeid), false, true);
	if (row->row_typeid == RECORDOID)
	{
		foreach(cell, row->colnames)
			columns->names = lappend(columns->names, strVal(lfirst(cell)));
		return true;
	}
	type = lookup_rowtype_tupdesc(row->row_typeid, -1);
	for (int i = 0; i < type->natts; i++)
		columns->names = lappend(columns->names, TupleDescAttr(type, i)->attisdropped ? "" : pstrdup(NameStr(TupleDescAttr(type, i)->attname)));
	ReleaseTupleDesc(type);
	return true;
}

static Expr *
names_const(List *names)
{
	Datum	   *name = palloc(list_length(names) * sizeof(Datum));
	ListCell   *cell;

	foreach(cell, names)
		name[foreach_current_index(cell)] = CStringGetTextDatum(lfirst(cell));
	return (Expr *) makeConst(TEXTARRAYOID, -1, DEFAULT_COLLATION_OID, -1,
							  PointerGetDatum(construct_array(name, list_length(names), TEXTOID, -1, false, TYPALIGN_INT)), false, false);
}

/* scorecard_support(internal): planner support of scorecard_total() and scorecard_tier(); see above. */
PG_FUNCTION_INFO_V1(salesops_scorecard_support);
Datum
salesops_scorecard_support(PG_FUNCTION_ARGS)
{
	SupportRequestSimplify *request = (SupportRequestSimplify *) PG_GETARG_POINTER(0);
	Columns		columns = {0};
	Node	   *row;
	FuncExpr   *call;
	Oid			types[] = {TEXTOID, TIMESTAMPTZOID, TEXTARRAYOID, OIDOID, ANYOID};
	char	   *name;

	if (!IsA(request, SupportRequestSimplify))
		PG_RETURN_POINTER(NULL);
	row = linitial(request->fcall->args);
	if (!(IsA(row, Var) && columns_of_table(request->root, (Var *) row, &columns)) &&
		!(IsA(row, RowExpr) && columns_of_row((RowExpr *) row, &columns)))
		PG_RETURN_POINTER(NULL);
	if (list_length(columns.values) > MOST_COLUMNS || list_length(columns.values) != list_length(columns.names) || columns.values == NIL)
		PG_RETURN_POINTER(NULL);
	name = psprintf("%s_of_columns", get_func_name(request->fcall->funcid));
	call = copyObject(request->fcall);
	call->funcid = LookupFuncName(list_make2(makeString(get_namespace_name(get_func_namespace(call->funcid))), makeString(name)), lengthof(types), types, false);
	call->args = list_concat(list_make4(lsecond(request->fcall->args), lthird(request->fcall->args), names_const(columns.names), columns.row_of), columns.values);
	PG_RETURN_POINTER(call);
}
