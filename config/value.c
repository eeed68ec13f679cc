#include "config/value.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FRACTION_DIGITS_MAX 6
/* Texts in messages are cut here, so that the remedy behind them fits. */
#define SHOWN_BYTES_MAX 60

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit size_units[] = {
    {"B", 1},
    {"kB", 1000},
    {"KB", 1000},
    {"MB", 1000 * 1000},
    {"GB", 1000 * 1000 * 1000},
    {"TB", 1000ull * 1000 * 1000 * 1000},
    {"KiB", 1ull << 10},
    {"MiB", 1ull << 20},
    {"GiB", 1ull << 30},
    {"TiB", 1ull << 40},
    {NULL, 0},
};

static const struct unit duration_units[] = {
    {"ms", 1},
    {"s", 1000},
    {"m", 60 * 1000},
    {"h", 3600 * 1000},
    {NULL, 0},
};

static bool
is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

/* Takes digits off the front of *text; false when they overflow. */
static bool
take_digits(const char **text, uint64_t *value)
{
	*value = 0;
	for (; is_digit(**text); (*text)++) {
		uint64_t digit = (uint64_t)(**text - '0');

		if (*value > (UINT64_MAX - digit) / 10)
			return false;
		*value = *value * 10 + digit;
	}
	return true;
}

static const struct unit *
find_unit(const struct unit *units, const char *name, size_t size)
{
	for (; units->name != NULL; units++) {
		if (strlen(units->name) == size &&
		    memcmp(units->name, name, size) == 0)
			return units;
	}
	return NULL;
}

/* fraction / 10^digits of `factor`; false when that is no whole number. */
static bool
scale_fraction(uint64_t fraction, size_t digits, uint64_t factor, uint64_t *out)
{
	uint64_t divisor = 1;

	for (size_t i = 0; i < digits; i++)
		divisor *= 10;
	*out = fraction * factor / divisor;
	return fraction * factor % divisor == 0;
}

/*
 * Takes one number with its unit off the front of *text and adds it to
 * *total. `example` ends each message.
 */
static enum status
take_quantity(const char **text, const struct unit *units, const char *whole,
    const char *example, uint64_t *total, struct error *err)
{
	const struct unit *unit;
	uint64_t number;
	uint64_t fraction = 0;
	uint64_t part = 0;
	size_t digits = 0;
	size_t unit_size;

	if (!is_digit(**text))
		return error_set(err, STATUS_INVALID,
		    "\"%.*s\" does not begin with a number; %s",
		    SHOWN_BYTES_MAX, whole, example);
	if (!take_digits(text, &number))
		goto too_large;
	if (**text == '.') {
		const char *start = ++*text;

		if (!take_digits(text, &fraction))
			goto too_large;
		digits = (size_t)(*text - start);
		if (digits == 0 || digits > FRACTION_DIGITS_MAX)
			return error_set(err, STATUS_INVALID,
			    "\"%.*s\" needs 1 to %d digits behind the point; "
			    "%s",
			    SHOWN_BYTES_MAX, whole, FRACTION_DIGITS_MAX,
			    example);
	}
	unit_size = strcspn(*text, "0123456789. ");
	if (unit_size == 0)
		return error_set(err, STATUS_INVALID,
		    "\"%.*s\" has no unit; %s", SHOWN_BYTES_MAX, whole,
		    example);
	unit = find_unit(units, *text, unit_size);
	if (unit == NULL)
		return error_set(err, STATUS_INVALID,
		    "\"%.*s\" has the unknown unit \"%.*s\"; %s",
		    SHOWN_BYTES_MAX, whole, (int)unit_size, *text, example);
	*text += unit_size;
	if (number > UINT64_MAX / 2 / unit->factor)
		goto too_large;
	if (!scale_fraction(fraction, digits, unit->factor, &part))
		return error_set(err, STATUS_INVALID,
		    "\"%.*s\" is no whole number of %s", SHOWN_BYTES_MAX, whole,
		    units->name);
	*total += number * unit->factor + part;
	if (*total <= UINT64_MAX / 2)
		return STATUS_OK;
too_large:
	return error_set(err, STATUS_INVALID, "\"%.*s\" is too large",
	    SHOWN_BYTES_MAX, whole);
}

enum status
value_parse_size(const char *text, uint64_t *bytes, struct error *err)
{
	static const char example[] =
	    "write a size like 512KiB, 10MB or 1.5GiB";
	const char *rest = text;

	if (is_digit(*text) && text[strspn(text, "0123456789")] == '\0')
		return value_parse_count(text, bytes, err);
	*bytes = 0;
	if (take_quantity(&rest, size_units, text, example, bytes, err) !=
	    STATUS_OK)
		return err->code;
	if (*rest != '\0')
		return error_set(err, STATUS_INVALID,
		    "\"%.*s\" goes on behind its unit; %s", SHOWN_BYTES_MAX,
		    text, example);
	return STATUS_OK;
}

enum status
value_parse_duration(
    const char *text, uint64_t *milliseconds, struct error *err)
{
	static const char example[] =
	    "write a duration like 500ms, 1.5s, 2m or 1h30m";
	const char *rest = text;

	*milliseconds = 0;
	if (strcmp(text, "0") == 0)
		return STATUS_OK;
	do {
		if (take_quantity(&rest, duration_units, text, example,
			milliseconds, err) != STATUS_OK)
			return err->code;
	} while (*rest != '\0');
	return STATUS_OK;
}

enum status
value_parse_count(const char *text, uint64_t *count, struct error *err)
{
	const char *rest = text;

	if (!is_digit(*text) || text[strspn(text, "0123456789")] != '\0')
		return error_set(err, STATUS_INVALID,
		    "\"%.*s\" is no number; write digits alone",
		    SHOWN_BYTES_MAX, text);
	if (!take_digits(&rest, count) || *count > UINT64_MAX / 2)
		return error_set(err, STATUS_INVALID, "\"%.*s\" is too large",
		    SHOWN_BYTES_MAX, text);
	return STATUS_OK;
}

/* Takes "host" or "[host]" off the front; *rest is left on the ':'. */
static enum status
take_host(
    const char *text, const char **rest, struct address *out, struct error *err)
{
	const char *start = text;
	const char *end;
	size_t size;

	if (*text == '[') {
		start = text + 1;
		end = strchr(start, ']');
		if (end == NULL)
			return error_set(err, STATUS_INVALID,
			    "\"%.*s\" lacks the ] behind the IPv6 address",
			    SHOWN_BYTES_MAX, text);
		*rest = end + 1;
		if (memchr(start, ':', (size_t)(end - start)) == NULL)
			return error_set(err, STATUS_INVALID,
			    "\"%.*s\" has no IPv6 address in its brackets",
			    SHOWN_BYTES_MAX, text);
	} else {
		end = strchrnul(text, ':');
		*rest = end;
		if (*end == ':' && strchr(end + 1, ':') != NULL)
			return error_set(err, STATUS_INVALID,
			    "\"%.*s\" has too many colons; write an IPv6 "
			    "address as [::1]:8080",
			    SHOWN_BYTES_MAX, text);
	}
	size = (size_t)(end - start);
	if (size >= sizeof(out->host) || strcspn(start, " \t\n/\"'") < size)
		return error_set(err, STATUS_INVALID,
		    "\"%.*s\" has no proper host name before its port",
		    SHOWN_BYTES_MAX, text);
	memcpy(out->host, start, size);
	out->host[size] = '\0';
	return STATUS_OK;
}

enum status
value_parse_address(const char *text, struct address *out, struct error *err)
{
	static const char example[] =
	    "write :8080, 127.0.0.1:8080, [::1]:8080 or off";
	const char *rest = text;
	uint64_t port;

	*out = (struct address){0};
	if (strcmp(text, "off") == 0) {
		out->is_off = true;
		return STATUS_OK;
	}
	if (take_host(text, &rest, out, err) != STATUS_OK)
		return err->code;
	if (*rest != ':' || rest[1] == '\0')
		return error_set(err, STATUS_INVALID,
		    "\"%.*s\" has no port; %s", SHOWN_BYTES_MAX, text, example);
	if (value_parse_count(rest + 1, &port, err) != STATUS_OK ||
	    port > UINT16_MAX)
		return error_set(err, STATUS_INVALID,
		    "\"%.*s\" has the port \"%.*s\", which is no number from "
		    "0 to 65535; %s",
		    SHOWN_BYTES_MAX, text, 20, rest + 1, example);
	out->port = (uint16_t)port;
	return STATUS_OK;
}

/* The greatest unit that divides `value`. */
static void
format_quantity(
    char out[VALUE_TEXT_BYTES_MAX], const struct unit *units, uint64_t value)
{
	const struct unit *best = &units[0];

	for (const struct unit *unit = units; unit->name != NULL; unit++) {
		if (value > 0 && value % unit->factor == 0 &&
		    unit->factor > best->factor)
			best = unit;
	}
	snprintf(out, VALUE_TEXT_BYTES_MAX, "%" PRIu64 "%s",
	    value / best->factor, best->name);
}

void
value_format_size(char out[VALUE_TEXT_BYTES_MAX], uint64_t bytes)
{
	format_quantity(out, size_units, bytes);
}

void
value_format_duration(char out[VALUE_TEXT_BYTES_MAX], uint64_t milliseconds)
{
	format_quantity(out, duration_units, milliseconds);
}
