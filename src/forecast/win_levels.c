/*
 * win_levels.c: a deal's levels, one text for each factor, as an array of SQL.
 */
#include "forecast/win_levels.h"

#include "access/tupmacs.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"

/*
 * Reads the texts of an array, which stay in it; a NULL has no bytes. Returns how many there are. In place and
 * without allocating, because it is done for every deal.
 */
int
win_read_texts(ArrayType *array, const char *name, WinText text[WIN_MAX_FACTORS])
{
	int			dimensions = ARR_NDIM(array);
	int			count = dimensions == 0 ? 0 : ARR_DIMS(array)[0];
	bits8	   *present = ARR_NULLBITMAP(array);
	char	   *at = ARR_DATA_PTR(array);

	if (dimensions > 1 || count > WIN_MAX_FACTORS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be an array of one dimension and at most %d elements", name, WIN_MAX_FACTORS),
				 errdetail("The array has %d dimensions and %d elements.",
						   dimensions, ArrayGetNItems(dimensions, ARR_DIMS(array)))));

	for (int i = 0; i < count; i++)
	{
		if (present != NULL && (present[i / 8] & (1 << (i % 8))) == 0)
		{
			text[i] = (WinText) {.bytes = NULL, .length = 0};
			continue;
		}
		at = (char *) att_align_pointer(at, TYPALIGN_INT, -1, at);
		text[i] = (WinText) {.bytes = VARDATA_ANY(at), .length = VARSIZE_ANY_EXHDR(at)};
		at = att_addlength_pointer(at, -1, at);
	}
	return count;
}

/* Refuses levels that are not one for each factor. */
void
win_check_levels(int levels, int factors)
{
	if (levels != factors)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("levels must be one for each factor"),
				 errdetail("There are %d levels for %d factors.", levels, factors),
				 errhint("Give the levels in the order of the factors, NULL where one is not known.")));
}

/* Makes an array of texts. */
ArrayType *
win_make_texts(int texts, const WinText *text)
{
	Datum	   *values = palloc(Max(texts, 1) * sizeof(Datum));

	for (int i = 0; i < texts; i++)
		values[i] = PointerGetDatum(cstring_to_text_with_len(text[i].bytes, (int) text[i].length));
	return construct_array(values, texts, TEXTOID, -1, false, TYPALIGN_INT);
}
