/*
 * win_stream.h: how win_cells and win_model keep their contents: a stream of bytes, read front to back.
 *
 * A whole number takes one byte for every seven bits, most take one; a probability's parts take eight. The stream does
 * not depend on the machine, so what is stored is also what is sent and what parallel workers hand over.
 *
 * A reader never runs past the end: the first thing that cannot be read marks it as damaged, it gives zeros from then
 * on, and whoever reads asks once at the end.
 */
#ifndef SALESOPS_FORECAST_WIN_STREAM_H
#define SALESOPS_FORECAST_WIN_STREAM_H

#include "core/compat.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "port/pg_bswap.h"

typedef struct WinReader
{
	const unsigned char *at;
	const unsigned char *end;
	bool		is_damaged;
} WinReader;

/* Writes a whole number. */
static inline void
win_put_number(StringInfo stream, uint64 number)
{
	unsigned char bytes[10];
	int			count = 0;

	while (number >= 0x80)
	{
		bytes[count++] = (unsigned char) (number | 0x80);
		number >>= 7;
	}
	bytes[count++] = (unsigned char) number;
	appendBinaryStringInfo(stream, (const char *) bytes, count);
}

/* Writes a double, its bits unchanged; but there is one zero only. */
static inline void
win_put_double(StringInfo stream, double value)
{
	uint64		bits;

	value += 0.0;
	memcpy(&bits, &value, sizeof(bits));
	bits = pg_hton64(bits);
	appendBinaryStringInfo(stream, (const char *) &bits, sizeof(bits));
}

/* Writes a text. */
static inline void
win_put_text(StringInfo stream, const char *text, size_t length)
{
	win_put_number(stream, length);
	appendBinaryStringInfo(stream, text, (int) length);
}

/* Reads a whole number; one that does not fit 63 bits is damage. */
static inline uint64
win_get_number(WinReader *reader)
{
	uint64		number = 0;

	for (int shift = 0; shift < 63 && reader->at < reader->end; shift += 7)
	{
		unsigned char byte = *reader->at++;

		number |= (uint64) (byte & 0x7f) << shift;
		if ((byte & 0x80) == 0)
			return number;
	}
	reader->is_damaged = true;
	reader->at = reader->end;
	return 0;
}

/* Reads a whole number that is at most so large. */
static inline uint64
win_get_number_to(WinReader *reader, uint64 most)
{
	uint64		number = win_get_number(reader);

	if (number <= most)
		return number;
	reader->is_damaged = true;
	reader->at = reader->end;
	return 0;
}

/* Reads how many things follow that take at least so many bytes each: more than fit in what is left is damage. */
static inline uint64
win_get_count(WinReader *reader, size_t least_bytes)
{
	return win_get_number_to(reader, (uint64) (reader->end - reader->at) / least_bytes);
}

/* Reads a double; what is not a finite number is damage. */
static inline double
win_get_double(WinReader *reader)
{
	uint64		bits;
	double		value;

	if ((size_t) (reader->end - reader->at) < sizeof(bits))
	{
		reader->is_damaged = true;
		reader->at = reader->end;
		return 0;
	}
	memcpy(&bits, reader->at, sizeof(bits));
	reader->at += sizeof(bits);
	bits = pg_ntoh64(bits);
	memcpy(&value, &bits, sizeof(value));
	if (value - value == 0)
		return value;
	reader->is_damaged = true;
	return 0;
}

/* Reads a text, which stays where it is: not terminated. Bytes that are no text of the database's encoding are damage. */
static inline const char *
win_get_text(WinReader *reader, uint32 *length)
{
	const char *text;

	*length = (uint32) win_get_count(reader, 1);
	text = (const char *) reader->at;
	if (!pg_verify_mbstr(GetDatabaseEncoding(), text, (int) *length, true))
	{
		reader->is_damaged = true;
		*length = 0;
	}
	reader->at += *length;
	return text;
}

#endif
