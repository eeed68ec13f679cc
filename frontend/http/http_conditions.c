#include "frontend/http/http_conditions.h"

/* Digits of the greatest sequence. */
#define DIGITS_MAX 20

/* One entity tag of a list. */
struct tag {
	bool is_weak;
	bool is_ours; /* can be the tag of an entry of ours */
	uint64_t sequence;
};

enum tag_step {
	TAG_FOUND,
	TAG_END,
	TAG_BAD
};

bool
http_tag_parse(struct slice text, uint64_t *sequence)
{
	uint64_t number = 0;

	/* One way to write each: else two tags would be one sequence. */
	if (text.size == 0 || text.size > DIGITS_MAX || text.data[0] == '0')
		return false;
	for (size_t i = 0; i < text.size; i++) {
		unsigned digit = (unsigned)text.data[i] - '0';

		if (digit > 9 || number > (UINT64_MAX - digit) / 10)
			return false;
		number = number * 10 + digit;
	}
	*sequence = number;
	return true;
}

static void
skip(struct slice *list, size_t size)
{
	list->data += size;
	list->size -= size;
}

/* Takes the next tag off the front. */
static enum tag_step
tag_next(struct slice *list, struct tag *out)
{
	const uint8_t *end;
	struct slice text;

	*out = (struct tag){0};
	while (list->size > 0 &&
	    (list->data[0] == ',' || list->data[0] == ' ' ||
		list->data[0] == '\t'))
		skip(list, 1);
	if (list->size == 0)
		return TAG_END;
	if (list->size > 2 && list->data[0] == 'W' && list->data[1] == '/') {
		out->is_weak = true;
		skip(list, 2);
	}
	if (list->data[0] != '"')
		return TAG_BAD;
	end = memchr(list->data + 1, '"', list->size - 1);
	if (end == NULL)
		return TAG_BAD;
	text = slice_of(list->data + 1, (size_t)(end - list->data) - 1);
	out->is_ours = http_tag_parse(text, &out->sequence);
	skip(list, text.size + 2);
	*list = http_text_trim(*list);
	return list->size == 0 || list->data[0] == ',' ? TAG_FOUND : TAG_BAD;
}

static bool
is_any(struct slice list)
{
	return list.size == 1 && list.data[0] == '*';
}

static bool
problem_malformed(struct http_problem *problem, const char *field)
{
	return http_problem_set_field(problem, 400, field,
	    "%s is neither * nor a list of entity tags like \"123\"", field);
}

static bool
problem_unmet(struct http_problem *problem, const char *field)
{
	return http_problem_set_field(
	    problem, 412, field, "the condition %s is not met", field);
}

/* Whether a tag in the list is that of the entry; false if it is malformed. */
static bool
list_matches(
    struct slice list, bool is_weak_enough, uint64_t sequence, bool *matches)
{
	struct tag tag;
	enum tag_step step;

	*matches = is_any(list);
	if (*matches)
		return true;
	while ((step = tag_next(&list, &tag)) == TAG_FOUND)
		if (tag.is_ours && tag.sequence == sequence &&
		    (is_weak_enough || !tag.is_weak))
			*matches = true;
	return step == TAG_END;
}

enum http_verdict
http_conditions_judge(const struct http_request *request, uint64_t sequence,
    struct http_problem *problem)
{
	struct slice match = request->fields[HTTP_FIELD_IF_MATCH];
	struct slice none_match = request->fields[HTTP_FIELD_IF_NONE_MATCH];
	bool matches;

	if (match.data != NULL) {
		if (!list_matches(match, false, sequence, &matches)) {
			problem_malformed(problem, "If-Match");
			return HTTP_VERDICT_FAILED;
		}
		if (!matches) {
			problem_unmet(problem, "If-Match");
			return HTTP_VERDICT_FAILED;
		}
	}
	if (none_match.data != NULL) {
		if (!list_matches(none_match, true, sequence, &matches)) {
			problem_malformed(problem, "If-None-Match");
			return HTTP_VERDICT_FAILED;
		}
		if (matches)
			return HTTP_VERDICT_NOT_MODIFIED;
	}
	return HTTP_VERDICT_GO;
}

/* If-Match of a write. */
static bool
match_take(
    struct slice list, struct command *command, struct http_problem *problem)
{
	unsigned count = 0;
	struct tag tag;
	enum tag_step step;

	if (is_any(list)) {
		command->flags |= COMMAND_IF_PRESENT;
		return true;
	}
	while ((step = tag_next(&list, &tag)) == TAG_FOUND) {
		/* The comparison is a strong one: weak tags match nothing. */
		if (!tag.is_ours || tag.is_weak)
			continue;
		command->sequence = tag.sequence;
		count++;
	}
	if (step == TAG_BAD)
		return problem_malformed(problem, "If-Match");
	if (count == 0)
		return problem_unmet(problem, "If-Match");
	if (count > 1)
		return http_problem_set_field(problem, 400, "If-Match",
		    "If-Match of a write takes * or one entity tag");
	command->flags |= COMMAND_IF_SEQUENCE;
	return true;
}

bool
http_conditions_take(const struct http_request *request,
    struct command *command, struct http_problem *problem)
{
	struct slice match = request->fields[HTTP_FIELD_IF_MATCH];
	struct slice none_match = request->fields[HTTP_FIELD_IF_NONE_MATCH];

	if (match.data != NULL && none_match.data != NULL)
		return http_problem_set_field(problem, 400, "If-None-Match",
		    "a write takes one of If-Match and If-None-Match");
	if (match.data != NULL)
		return match_take(match, command, problem);
	if (none_match.data == NULL)
		return true;
	if (!is_any(none_match))
		return http_problem_set_field(problem, 400, "If-None-Match",
		    "If-None-Match of a write takes * alone");
	command->flags |= COMMAND_IF_ABSENT;
	return true;
}
