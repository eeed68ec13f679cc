#include "common/codec/decimal.h"

bool
decimal_parse(struct slice text, int64_t *out)
{
	bool negative = text.size > 0 && text.data[0] == '-';
	size_t digits = text.size - (negative ? 1 : 0);
	const uint8_t *digit = text.data + (negative ? 1 : 0);
	uint64_t limit = (uint64_t)INT64_MAX + (negative ? 1 : 0);
	uint64_t value = 0;

	if (digits == 0 || digits >= DECIMAL_BYTES_MAX)
		return false;
	if (digit[0] == '0' && (digits > 1 || negative))
		return false;
	/* Nineteen digits cannot overflow 64 bits without sign. */
	for (size_t i = 0; i < digits; i++) {
		if (digit[i] < '0' || digit[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(digit[i] - '0');
	}
	if (value > limit)
		return false;
	*out = negative ? (int64_t)(0 - value) : (int64_t)value;
	return true;
}

size_t
decimal_format(int64_t value, char *bytes)
{
	uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	char digits[DECIMAL_BYTES_MAX];
	size_t count = 0;
	size_t size = 0;

	do {
		digits[count++] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	if (value < 0)
		bytes[size++] = '-';
	while (count > 0)
		bytes[size++] = digits[--count];
	return size;
}
