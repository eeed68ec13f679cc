/* attributes - compiler attributes under names that say what they are for. */
#ifndef COMMON_BASE_ATTRIBUTES_H
#define COMMON_BASE_ATTRIBUTES_H

#define MUST_CHECK __attribute__((warn_unused_result))
#define NO_RETURN __attribute__((noreturn))
#define PRINTF_LIKE(format_index, first_index) \
	__attribute__((format(printf, format_index, first_index)))
#define LIKELY(condition) __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)

#endif
