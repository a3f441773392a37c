/*
 * match_block.c: which pairs of records are compared.
 *
 * Records that share one of several keys are compared: the whole name, two of its rarer words, one word, the beginning or end of the name
 * in a city, the site, the phone, the address, the e-mail address. Words count as what they are most likely a misspelling of. A record
 * has about a dozen keys, so the work grows with the records and not with their square.
 *
 * A block that is too large is not compared each with each: it is divided by a second key (the city; of persons the employer), and what
 * is too large then is put in the order of its names and each record compared with its neighbours. What is left out is counted and told.
 */
#include "account/match_record.h"

#include "common/hashfn.h"

/* Words of a name that make keys: its rarest. */
#define KEY_WORDS	4
/* Letters of a beginning or an end of a name. */
#define KEY_LETTERS	5
/* Neighbours on either side in a block that is too large. */
#define NEIGHBOURS	4
/* Blocks that are told. */
#define MOST_TOLD	100

typedef enum KeyKind
{
	KEY_NAME,
	KEY_TWO_WORDS,
	KEY_WORD,
	KEY_ENDS,
	KEY_SITE,
	KEY_PHONE,
	KEY_ADDRESS,
	KEY_EMAIL
} KeyKind;
#define KIND_BITS	15

static const char *const kind_in_words[] = {
	[KEY_NAME] = "name", [KEY_TWO_WORDS] = "two words of the name", [KEY_WORD] = "a word of the name", [KEY_ENDS] = "beginning or end of the name, and city",
	[KEY_SITE] = "website", [KEY_PHONE] = "phone", [KEY_ADDRESS] = "address", [KEY_EMAIL] = "e-mail address",
};

typedef struct Entry
{
	uint64		hash;			/* its last bits are the kind of key */
	int32		record;
} Entry;

#define ST_SORT sort_entries
#define ST_ELEMENT_TYPE Entry
#define ST_COMPARE(a, b) ((a)->hash < (b)->hash ? -1 : (a)->hash > (b)->hash ? 1 : (a)->record < (b)->record ? -1 : (a)->record > (b)->record)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

typedef struct Entries
{
	Entry	   *entry;
	int64		count;
	int64		room;
} Entries;

typedef struct Block
{
	int64		start;			/* in MatchNeighbours.member */
	int32		size;
	bool		by_neighbours;
} Block;

struct MatchNeighbours
{
	int			blocks;
	int			block_room;
	Block	   *block;
	int32	   *member;			/* records, block by block */
	int32	   *block_of;		/* of each member */
	int64		members;
	int64		member_room;
	int64	   *first;			/* of each record: where its places begin in `place` */
	int64	   *place;			/* where it is a member */
	int32		asked;			/* how often */
	int32	   *seen;			/* of each record, when it was found last */
	int32	   *found;
};

static uint64
hash_text(const char *text, uint64 seed)
{
	return hash_bytes_extended((const unsigned char *) text, (int) strlen(text), seed);
}

static void
add_entry(Entries *entries, KeyKind kind, uint64 hash, int32 record)
{
	if (entries->count == entries->room)
	{
		entries->room = Max(65536, entries->room + entries->room / 2);
		entries->entry = match_larger(entries->entry, sizeof(Entry) * entries->count, sizeof(Entry) * entries->room);
	}
	entries->entry[entries->count++] = (Entry) {(hash & ~(uint64) KIND_BITS) | kind, record};
}

/* The words of a name, corrected, each once, the rarest first. */
static int
rarest_words(const Match *match, const MatchRecord *record, int32 *word)
{
	int			count = 0;

	for (int i = 0; i < record->words; i++)
	{
		int32		given = match->corrected[match->word_of[record->first_word + i]];
		int			at = 0;

		while (at < count && word[at] != given &&
			   (match->word.often[word[at]] < match->word.often[given] ||
				(match->word.often[word[at]] == match->word.often[given] && strcmp(match_text(&match->word, word[at]), match_text(&match->word, given)) < 0)))
			at++;
		if (at < count && word[at] == given)
			continue;
		memmove(word + at + 1, word + at, sizeof(int32) * (count - at));
		word[at] = given;
		count++;
	}
	return count;
}

static uint64
hash_words(const Match *match, const int32 *word, int count)
{
	uint64		hash = 0;

	for (int i = 0; i < count; i++)
		hash = hash_text(match_text(&match->word, word[i]), hash + i);
	return hash;
}

static void
add_name(const Match *match, Entries *entries, const MatchRecord *record, int32 number)
{
	int32		word[MATCH_MOST_WORDS + 1];
	const char *joined;
	int			length;
	int			count;

	if (record->part[PART_BAG] < 0)
		return;
	count = rarest_words(match, record, word);
	add_entry(entries, KEY_NAME, hash_words(match, word, count), number);
	joined = match_text(&match->part[PART_JOINED], record->part[PART_JOINED]);
	add_entry(entries, KEY_NAME, hash_text(joined, 1), number);
	for (int i = 0; i < Min(count, KEY_WORDS) && count > 2; i++)
		for (int j = i + 1; j < Min(count, KEY_WORDS); j++)
			add_entry(entries, KEY_TWO_WORDS, hash_words(match, (int32[]) {word[i], word[j]}, 2), number);
	for (int i = 0; i < Min(count, 2) && count > 1; i++)
		add_entry(entries, KEY_WORD, hash_words(match, word + i, 1), number);
	length = (int) strlen(joined);
	if (record->part[PART_CITY] >= 0 && length >= KEY_LETTERS)
	{
		const char *city = match_text(&match->part[PART_CITY], match->corrected_city[record->part[PART_CITY]]);

		add_entry(entries, KEY_ENDS, hash_text(city, hash_bytes_extended((const unsigned char *) joined, KEY_LETTERS, 2)), number);
		add_entry(entries, KEY_ENDS, hash_text(city, hash_text(joined + length - KEY_LETTERS, 3)), number);
	}
}

static void
add_part(const Match *match, Entries *entries, KeyKind kind, MatchPart part, const MatchRecord *record, int32 number, uint64 seed)
{
	if (record->part[part] >= 0)
		add_entry(entries, kind, hash_text(match_text(&match->part[part], record->part[part]), seed), number);
}

static void
add_keys(const Match *match, Entries *entries, int32 number)
{
	const MatchRecord *record = &match->record[number];

	add_name(match, entries, record, number);
	if (match->options.kind == MATCH_COMPANIES)
		add_part(match, entries, KEY_SITE, PART_STEM, record, number, 4);
	add_part(match, entries, KEY_PHONE, PART_PHONE, record, number, 5);
	add_part(match, entries, KEY_EMAIL, PART_EMAIL, record, number, 6);
	if (record->part[PART_ADDRESS] >= 0)
	{
		add_part(match, entries, KEY_ADDRESS, PART_ADDRESS, record, number, 7);
		if (record->part[PART_POSTAL_CODE] >= 0)
			add_part(match, entries, KEY_ADDRESS, PART_HOUSE, record, number,
					 hash_text(match_text(&match->part[PART_POSTAL_CODE], record->part[PART_POSTAL_CODE]), 8));
	}
}

/* What a block that is too large is divided by. */
static uint64
second_key(const Match *match, const MatchRecord *record)
{
	if (match->options.kind == MATCH_PERSONS && record->part[PART_COMPANY] >= 0)
		return hash_text(match_text(&match->part[PART_COMPANY], record->part[PART_COMPANY]), 1);
	if (record->part[PART_CITY] >= 0)
		return hash_text(match_text(&match->part[PART_CITY], match->corrected_city[record->part[PART_CITY]]), 2);
	if (record->part[PART_POSTAL_CODE] >= 0)
		return hash_text(match_text(&match->part[PART_POSTAL_CODE], record->part[PART_POSTAL_CODE]), 3);
	return 0;
}

static void
add_block(MatchNeighbours *to, const Entry *entry, int64 count, bool by_neighbours)
{
	if (to->blocks == to->block_room)
	{
		to->block_room = Max(65536, to->block_room * 2);
		to->block = match_larger(to->block, sizeof(Block) * to->blocks, sizeof(Block) * to->block_room);
	}
	if (to->members + count > to->member_room)
	{
		int64		room = Max(to->members + count, Max(65536, to->member_room + to->member_room / 2));

		to->member = match_larger(to->member, sizeof(int32) * to->members, sizeof(int32) * room);
		to->block_of = match_larger(to->block_of, sizeof(int32) * to->members, sizeof(int32) * room);
		to->member_room = room;
	}
	to->block[to->blocks] = (Block) {to->members, (int32) count, by_neighbours};
	for (int64 i = 0; i < count; i++)
	{
		to->member[to->members] = entry[i].record;
		to->block_of[to->members++] = to->blocks;
	}
	to->blocks++;
}

static int
compare_parts(const Match *match, const MatchRecord *a, const MatchRecord *b, MatchPart part)
{
	int32		one = a->part[part];
	int32		other = b->part[part];

	if (one == other)
		return 0;
	if (one < 0 || other < 0)
		return one < 0 ? 1 : -1;
	return strcmp(match_text(&match->part[part], one), match_text(&match->part[part], other));
}

/* The order in which a record has its likest ones for neighbours. */
static int
compare_records(const Match *match, int32 one, int32 other)
{
	static const MatchPart part[] = {PART_JOINED, PART_CORE, PART_PHONE, PART_POSTAL_CODE, PART_ADDRESS, PART_EMAIL};
	int			order = 0;

	for (int i = 0; i < (int) lengthof(part) && order == 0; i++)
		order = compare_parts(match, &match->record[one], &match->record[other], part[i]);
	return order != 0 ? order : one < other ? -1 : one > other;
}

#define ST_SORT sort_records
#define ST_ELEMENT_TYPE Entry
#define ST_COMPARE(a, b, match) compare_records(match, (a)->record, (b)->record)
#define ST_COMPARE_ARG_TYPE const Match
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

static int64
pairs_of(int64 records)
{
	return records * (records - 1) / 2;
}

/* Compares each record with its neighbours; how many pairs that is. */
static int64
add_in_order(const Match *match, MatchNeighbours *to, Entry *entry, int64 count)
{
	sort_records(entry, count, match);
	add_block(to, entry, count, true);
	return count <= NEIGHBOURS ? pairs_of(count) : NEIGHBOURS * count - pairs_of(NEIGHBOURS + 1);
}

/* Divides a block that is too large; how many pairs are compared. */
static int64
divide(const Match *match, MatchNeighbours *to, Entry *entry, int64 count)
{
	Entry	   *part = palloc_extended(sizeof(Entry) * count, MCXT_ALLOC_HUGE);
	int64		compared = 0;

	for (int64 i = 0; i < count; i++)
		part[i] = (Entry) {second_key(match, &match->record[entry[i].record]), entry[i].record};
	sort_entries(part, count);
	for (int64 from = 0, end; from < count; from = end)
	{
		for (end = from + 1; end < count && part[end].hash == part[from].hash; end++)
			;
		if (end - from > 1 && end - from <= match->options.block)
		{
			add_block(to, part + from, end - from, false);
			compared += pairs_of(end - from);
		}
		else if (end - from > 1 && end - from < count)
			compared += add_in_order(match, to, part + from, end - from);
	}
	pfree(part);
	return compared + add_in_order(match, to, entry, count);
}

/* The largest first, then by record. */
static int
compare_blocks(const void *one, const void *other)
{
	const MatchBlock *a = one;
	const MatchBlock *b = other;

	if (a->left_out != b->left_out)
		return a->left_out > b->left_out ? -1 : 1;
	if (a->sample != b->sample)
		return a->sample < b->sample ? -1 : 1;
	return strcmp(a->what, b->what);
}

static void
tell_block(MatchResult *result, MatchBlock block)
{
	/* Twice as many as are told have room; the lesser half goes when there is none left. */
	if (result->block == NULL)
		result->block = palloc(sizeof(MatchBlock) * 2 * MOST_TOLD);
	result->left_out += block.left_out;
	if (block.left_out == 0)
		return;
	result->block[result->blocks++] = block;
	if (result->blocks == 2 * MOST_TOLD)
	{
		qsort(result->block, result->blocks, sizeof(MatchBlock), compare_blocks);
		result->blocks = MOST_TOLD;
	}
}

static void
index_members(MatchNeighbours *to, int records)
{
	to->first = palloc_extended(sizeof(int64) * (records + 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	to->place = palloc_extended(sizeof(int64) * Max(to->members, 1), MCXT_ALLOC_HUGE);
	for (int64 i = 0; i < to->members; i++)
		to->first[to->member[i] + 1]++;
	for (int i = 0; i < records; i++)
		to->first[i + 1] += to->first[i];
	/* Filled from the end of each, so that first[] is what it was when all are in. */
	for (int64 i = to->members - 1; i >= 0; i--)
		to->place[--to->first[to->member[i] + 1]] = i;
	for (int i = 0; i < records; i++)
		to->first[i] = to->first[i + 1];
	to->first[records] = to->members;
}

MatchNeighbours *
match_blocks(Match *match, MatchResult *result)
{
	MatchNeighbours *to = palloc0(sizeof(MatchNeighbours));
	Entries		entries = {0};

	for (int32 i = 0; i < match->records; i++)
		add_keys(match, &entries, i);
	if (entries.count > 0)
		sort_entries(entries.entry, entries.count);
	for (int64 from = 0, end; from < entries.count; from = end)
	{
		Entry	   *entry = entries.entry + from;

		for (end = from + 1; end < entries.count && entries.entry[end].hash == entry->hash; end++)
			;
		if (end - from > 1 && end - from <= match->options.block)
			add_block(to, entry, end - from, false);
		else if (end - from > 1)
		{
			MatchBlock	block = {.what = kind_in_words[entry->hash & KIND_BITS],.sample = entry->record,.records = (int32) (end - from)};

			block.compared = Min(pairs_of(block.records), divide(match, to, entry, end - from));
			block.left_out = pairs_of(block.records) - block.compared;
			tell_block(result, block);
		}
	}
	if (entries.entry)
		pfree(entries.entry);
	qsort(result->block, result->blocks, sizeof(MatchBlock), compare_blocks);
	result->blocks = Min(result->blocks, MOST_TOLD);
	index_members(to, match->records);
	to->seen = palloc_extended(sizeof(int32) * Max(match->records, 1), MCXT_ALLOC_HUGE);
	memset(to->seen, 0, sizeof(int32) * match->records);
	to->found = palloc_extended(sizeof(int32) * Max(match->records, 1), MCXT_ALLOC_HUGE);
	return to;
}

int
match_neighbours(MatchNeighbours *of, int record, const int32 **found)
{
	int			count = 0;

	of->asked++;
	for (int64 k = of->first[record]; k < of->first[record + 1]; k++)
	{
		int64		place = of->place[k];
		const Block *block = &of->block[of->block_of[place]];
		int64		from = block->by_neighbours ? Max(block->start, place - NEIGHBOURS) : block->start;
		int64		to = block->by_neighbours ? Min(block->start + block->size, place + NEIGHBOURS + 1) : place;

		for (int64 i = from; i < to; i++)
		{
			int32		other = of->member[i];

			if (other < record && of->seen[other] != of->asked)
			{
				of->seen[other] = of->asked;
				of->found[count++] = other;
			}
		}
	}
	*found = of->found;
	return count;
}
