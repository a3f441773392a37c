/*
 * match_compare.c: how two records agree, field by field, and how seldom two strangers would.
 *
 * That a rare name agrees says more than that a common one does: the surprise of an agreement is log2 of records / records that have
 * it (Winkler 1989, frequency-based matching). What is unknown of one of them says nothing.
 */
#include "account/match_record.h"

/* No place is a greater surprise than this, in thousandths of a bit: many companies in a building, few in a village. */
#define ADDRESS_MOST	16000
#define POSTAL_MOST		12000
#define CITY_MOST		9000
/* What a misspelt name or site could be is several, and more the more is wrong; a digit of a phone likewise. */
#define MISSPELT		2000
#define PHONE_NEAR		6000
#define BRANCH_DIGITS	3

/* Words of two names that are left over once those that agree are taken away. */
typedef struct Leftover
{
	int			count;
	int32		word[MATCH_MOST_WORDS + 1];
} Leftover;

static void
collect(const Match *match, const MatchRecord *record, Leftover *left)
{
	left->count = record->words;
	memcpy(left->word, match->word_of + record->first_word, sizeof(int32) * record->words);
}

static void
take(Leftover *left, int at)
{
	left->word[at] = left->word[--left->count];
}

static bool
starts_with(const char *word, const char *start)
{
	return strncmp(word, start, strlen(start)) == 0;
}

/* One is the beginning of the other, three letters at least, or its first letter and some that follow, in their order. */
static bool
is_abbreviation(const char *one, const char *other)
{
	Size		length = strlen(one);

	if (length > strlen(other))
		return is_abbreviation(other, one);
	if (length < 3 || strlen(other) < length + 2 || one[0] != other[0] || strpbrk(one, "0123456789") != NULL)
		return false;
	if (starts_with(other, one))
		return true;
	if (length > 4 || strpbrk(one + 1, "aeiou") != NULL)
		return false;
	for (; *one && *other; other++)
		if (*one == *other)
			one++;
	return *one == '\0';
}

/* Whether the words that are left, one after another in the order of their names, make the same text. */
static bool
join_alike(const Match *match, const MatchRecord *a, const Leftover *left_a, const MatchRecord *b, const Leftover *left_b)
{
	char		joined[2][4 * MATCH_WORD_BYTES];
	const MatchRecord *record[2] = {a, b};
	const Leftover *left[2] = {left_a, left_b};

	if (left_a->count > 3 || left_b->count > 3)
		return false;
	for (int side = 0; side < 2; side++)
	{
		joined[side][0] = '\0';
		for (int i = 0; i < record[side]->words; i++)
			for (int k = 0; k < left[side]->count; k++)
				if (left[side]->word[k] == match->word_of[record[side]->first_word + i])
				{
					/* A word may be there many times and be left over once. */
					if (strlen(joined[side]) >= 3 * MATCH_WORD_BYTES)
						return false;
					strcat(joined[side], match_text(&match->word, left[side]->word[k]));
					break;
				}
	}
	return strcmp(joined[0], joined[1]) == 0;
}

/* Whether one name is the first letters of the words of the other. */
static bool
is_acronym(const Match *match, const MatchRecord *one, const MatchRecord *other)
{
	const char *letters = match_text(&match->word, match->word_of[one->first_word]);

	if (one->words != 1 || other->words < 3 || (int) strlen(letters) != other->words)
		return false;
	for (int i = 0; i < other->words; i++)
		if (match_text(&match->word, match->word_of[other->first_word + i])[0] != letters[i])
			return false;
	return true;
}

/* Whether one of the words that are left names another business. */
static bool
names_business(const Match *match, const Leftover *left)
{
	for (int i = 0; i < left->count; i++)
		if (match_is_line_of_business(match_text(&match->word, left->word[i])))
			return true;
	return false;
}

/* Legal forms of two families, where both have one. */
static bool
legal_forms_differ(const MatchRecord *a, const MatchRecord *b)
{
	return a->part[PART_LEGAL_FORM] >= 0 && b->part[PART_LEGAL_FORM] >= 0 && a->part[PART_LEGAL_FORM] != b->part[PART_LEGAL_FORM];
}

static int
compare_names(const Match *match, const MatchRecord *a, const MatchRecord *b, int32 *surprise)
{
	const int32 *rarity = match->rarity[PART_BAG];
	Leftover	left_a;
	Leftover	left_b;
	int32		shared = 0;		/* surprise of the words in common, were they independent */
	int			misspelt = 0;	/* letters */
	int			in_common = 0;
	int32		least;

	*surprise = 0;
	if (a->part[PART_BAG] < 0 || b->part[PART_BAG] < 0)
		return MATCH_UNKNOWN;
	least = Min(rarity[a->part[PART_BAG]], rarity[b->part[PART_BAG]]);
	if (a->part[PART_NAME] == b->part[PART_NAME] || a->part[PART_BAG] == b->part[PART_BAG] || a->part[PART_JOINED] == b->part[PART_JOINED])
	{
		*surprise = least;
		return a->part[PART_NAME] == b->part[PART_NAME] && !legal_forms_differ(a, b) ? NAME_SAME : NAME_WORDS;
	}

	collect(match, a, &left_a);
	collect(match, b, &left_b);
	for (int i = left_a.count - 1; i >= 0; i--)
		for (int j = 0; j < left_b.count; j++)
			if (left_a.word[i] == left_b.word[j])
			{
				shared += match->word_rarity[left_a.word[i]];
				in_common++;
				take(&left_a, i);
				take(&left_b, j);
				break;
			}
	for (int i = left_a.count - 1; i >= 0; i--)
		for (int j = 0; j < left_b.count; j++)
		{
			int32		one = left_a.word[i];
			int32		other = left_b.word[j];
			int			distance = match_misspelling(&match->word, one, other);

			if (distance > 0 || (in_common > 0 && is_abbreviation(match_text(&match->word, one), match_text(&match->word, other))))
			{
				shared += Max(0, Min(match->word_rarity[one], match->word_rarity[other]) - MISSPELT * distance);
				misspelt += distance;
				in_common++;
				take(&left_a, i);
				take(&left_b, j);
				break;
			}
		}
	if ((left_a.count == 0 && left_b.count == 0) || join_alike(match, a, &left_a, b, &left_b))
	{
		*surprise = Max(0, least - MISSPELT * misspelt);
		return misspelt == 0 ? NAME_WORDS : NAME_TYPO;
	}
	/* Written together and misspelt, or an abbreviation misspelt. */
	if (a->words != b->words || (left_a.count == 1 && left_b.count == 1 && match_may_be_misspelt(&match->word, left_a.word[0], left_b.word[0])))
	{
		int			distance = match_misspelling(&match->part[PART_NAME], a->part[PART_NAME], b->part[PART_NAME]);

		if (distance > 0)
		{
			*surprise = Max(0, least - MISSPELT * distance);
			return NAME_TYPO;
		}
	}
	if (in_common > 0)
	{
		*surprise = Min(shared, left_a.count == 0 ? rarity[a->part[PART_BAG]] : left_b.count == 0 ? rarity[b->part[PART_BAG]] : shared);
		return (left_a.count > 0 && left_b.count > 0) || names_business(match, &left_a) || names_business(match, &left_b) ? NAME_CONFLICT : NAME_PART;
	}
	if (is_acronym(match, a, b) || is_acronym(match, b, a))
	{
		*surprise = Min(least, PHONE_NEAR);
		return NAME_PART;
	}
	return NAME_DIFFER;
}

static bool
agree(const MatchRecord *a, const MatchRecord *b, MatchPart part)
{
	return a->part[part] >= 0 && a->part[part] == b->part[part];
}

static bool
both_known(const MatchRecord *a, const MatchRecord *b, MatchPart part)
{
	return a->part[part] >= 0 && b->part[part] >= 0;
}

static int
compare_sites(const Match *match, const MatchRecord *a, const MatchRecord *b, int32 *surprise)
{
	const MatchSet *stem = &match->part[PART_STEM];

	*surprise = 0;
	if (agree(a, b, PART_SITE))
	{
		*surprise = match->rarity[PART_SITE][a->part[PART_SITE]];
		return SITE_SAME;
	}
	if (agree(a, b, PART_COMPANY))
	{
		*surprise = match->rarity[PART_COMPANY][a->part[PART_COMPANY]];
		return SITE_CORE;
	}
	if (!both_known(a, b, PART_SITE))
		return both_known(a, b, PART_COMPANY) ? SITE_DIFFER : MATCH_UNKNOWN;
	if (agree(a, b, PART_CORE))
	{
		*surprise = match->rarity[PART_CORE][a->part[PART_CORE]];
		return SITE_CORE;
	}
	if (agree(a, b, PART_STEM) || (both_known(a, b, PART_STEM) && match_misspelling(stem, a->part[PART_STEM], b->part[PART_STEM]) == 1))
	{
		*surprise = Max(0, Min(match->rarity[PART_STEM][a->part[PART_STEM]], match->rarity[PART_STEM][b->part[PART_STEM]]) - MISSPELT);
		return SITE_NEAR;
	}
	return SITE_DIFFER;
}

static int
compare_emails(const Match *match, const MatchRecord *a, const MatchRecord *b, int32 *surprise)
{
	*surprise = 0;
	if (!both_known(a, b, PART_EMAIL))
		return MATCH_UNKNOWN;
	if (agree(a, b, PART_EMAIL))
	{
		*surprise = match->rarity[PART_EMAIL][a->part[PART_EMAIL]];
		return EMAIL_SAME;
	}
	if (agree(a, b, PART_USER))
	{
		*surprise = match->rarity[PART_USER][a->part[PART_USER]];
		return EMAIL_USER;
	}
	return EMAIL_DIFFER;
}

static int
compare_phones(const Match *match, const MatchRecord *a, const MatchRecord *b, int32 *surprise)
{
	const char *one;
	const char *other;
	int			differing = 0;
	int			first = -1;
	int			length;

	*surprise = 0;
	if (!both_known(a, b, PART_PHONE))
		return MATCH_UNKNOWN;
	if (agree(a, b, PART_PHONE))
	{
		*surprise = match->rarity[PART_PHONE][a->part[PART_PHONE]];
		return PHONE_SAME;
	}
	one = match_text(&match->part[PART_PHONE], a->part[PART_PHONE]);
	other = match_text(&match->part[PART_PHONE], b->part[PART_PHONE]);
	length = (int) strlen(one);
	if (length != (int) strlen(other))
		return PHONE_DIFFER;
	for (int i = 0; i < length; i++)
		if (one[i] != other[i])
		{
			first = first < 0 ? i : first;
			differing++;
		}
	if (first >= length - BRANCH_DIGITS)
	{
		*surprise = PHONE_NEAR;
		return PHONE_BRANCH;
	}
	if (differing == 1 || (differing == 2 && one[first] == other[first + 1] && one[first + 1] == other[first]))
	{
		*surprise = 2 * PHONE_NEAR;
		return PHONE_TYPO;
	}
	return PHONE_DIFFER;
}

/* The same street, but for a misspelling. */
static bool
streets_agree(const Match *match, const MatchRecord *a, const MatchRecord *b)
{
	return agree(a, b, PART_STREET) ||
		(both_known(a, b, PART_STREET) && match_misspelling(&match->part[PART_STREET], a->part[PART_STREET], b->part[PART_STREET]) > 0);
}

/* Two states written in the same way, as codes or in full, that are not the same. */
static bool
states_differ(const Match *match, const MatchRecord *a, const MatchRecord *b)
{
	const MatchSet *state = &match->part[PART_STATE];

	return both_known(a, b, PART_STATE) && !agree(a, b, PART_STATE) &&
		(strlen(match_text(state, a->part[PART_STATE])) <= 3) == (strlen(match_text(state, b->part[PART_STATE])) <= 3);
}

static int
compare_places(const Match *match, const MatchRecord *a, const MatchRecord *b, int32 *surprise)
{
	bool		same_postal_code = agree(a, b, PART_POSTAL_CODE);
	bool		cities_known = both_known(a, b, PART_CITY);
	bool		same_city = cities_known && match->corrected_city[a->part[PART_CITY]] == match->corrected_city[b->part[PART_CITY]];
	bool		streets_known = both_known(a, b, PART_STREET);
	bool		same_street;
	bool		houses_differ = both_known(a, b, PART_HOUSE) && !agree(a, b, PART_HOUSE);

	*surprise = 0;
	if (both_known(a, b, PART_COUNTRY) && !agree(a, b, PART_COUNTRY))
		return PLACE_COUNTRY_DIFFERS;
	if (same_city && states_differ(match, a, b) && !same_postal_code)
		same_city = false;
	same_street = streets_known && !houses_differ && streets_agree(match, a, b);
	if (same_street && agree(a, b, PART_HOUSE) && (same_city || same_postal_code || (!cities_known && !both_known(a, b, PART_POSTAL_CODE))))
	{
		int32		address = match->rarity[PART_ADDRESS][a->part[PART_ADDRESS]];

		*surprise = Min(ADDRESS_MOST, Min(address, match->rarity[PART_ADDRESS][b->part[PART_ADDRESS]]));
		return PLACE_ADDRESS;
	}
	if (same_postal_code)
	{
		*surprise = Min(POSTAL_MOST, match->rarity[PART_POSTAL_CODE][a->part[PART_POSTAL_CODE]]);
		return streets_known && !same_street ? PLACE_STREET_DIFFERS : PLACE_POSTAL_CODE;
	}
	if (same_city)
	{
		*surprise = Min(CITY_MOST, Min(match->rarity[PART_CITY][a->part[PART_CITY]], match->rarity[PART_CITY][b->part[PART_CITY]]));
		return streets_known && !same_street ? PLACE_STREET_DIFFERS : PLACE_CITY;
	}
	return cities_known || both_known(a, b, PART_POSTAL_CODE) ? PLACE_DIFFER : MATCH_UNKNOWN;
}

/* How many records have what two have in common. */
static void
note_sharing(const Match *match, const MatchRecord *a, const MatchRecord *b, MatchPart part, int32 *sharing)
{
	if (a->part[part] >= 0 && b->part[part] >= 0)
		*sharing = Min(*sharing, Max(match->part[part].often[a->part[part]], match->part[part].often[b->part[part]]));
}

void
match_compare(const Match *match, const MatchRecord *a, const MatchRecord *b, MatchAgreement *to)
{
	to->level[MATCH_BY_NAME] = compare_names(match, a, b, &to->surprise[MATCH_BY_NAME]);
	to->level[MATCH_BY_SITE] = compare_sites(match, a, b, &to->surprise[MATCH_BY_SITE]);
	to->level[MATCH_BY_EMAIL] = compare_emails(match, a, b, &to->surprise[MATCH_BY_EMAIL]);
	to->level[MATCH_BY_PHONE] = compare_phones(match, a, b, &to->surprise[MATCH_BY_PHONE]);
	to->level[MATCH_BY_PLACE] = compare_places(match, a, b, &to->surprise[MATCH_BY_PLACE]);

	to->sharing = match->records;
	if (to->level[MATCH_BY_NAME] == NAME_SAME || to->level[MATCH_BY_NAME] == NAME_WORDS)
		note_sharing(match, a, b, PART_BAG, &to->sharing);
	if (to->level[MATCH_BY_SITE] == SITE_SAME)
		note_sharing(match, a, b, PART_SITE, &to->sharing);
	if (to->level[MATCH_BY_PHONE] == PHONE_SAME)
		note_sharing(match, a, b, PART_PHONE, &to->sharing);
	if (to->sharing == match->records)
		to->sharing = 2;
}
