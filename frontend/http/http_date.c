#include "frontend/http/http_date.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* The last second of the year 9999: a line has no room for later ones. */
#define SECOND_MAX 253402300799u

void
http_date_update(struct http_date *date, uint64_t wall_ms)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	uint64_t second = wall_ms / 1000;
	char line[64];
	time_t time;
	struct tm parts;

	if (second > SECOND_MAX)
		second = SECOND_MAX;
	if (date->line[0] != '\0' && date->second == second)
		return;
	date->second = second;
	time = (time_t)second;
	gmtime_r(&time, &parts);
	snprintf(line, sizeof(line),
	    "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n",
	    days + 3 * parts.tm_wday, parts.tm_mday, months + 3 * parts.tm_mon,
	    parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
	memcpy(date->line, line, HTTP_DATE_BYTES);
}
