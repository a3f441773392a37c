/*
 * rule_expression.h: the SQL expressions of a rule, checked before they become part of a query.
 */
#ifndef SALESOPS_QUALITY_RULE_EXPRESSION_H
#define SALESOPS_QUALITY_RULE_EXPRESSION_H

#include "core/compat.h"

/* What a rule says, as it was written. Only violation is never NULL. */
typedef struct RuleText
{
	const char *object_kind;
	const char *applies;
	const char *violation;
	const char *value;
	const char *bound;
} RuleText;

extern char *rule_expression(const char *role, const char *expression, const char *bound);
extern const char *rule_relation(const char *object_kind);
extern void rule_check(const RuleText *rule);
extern void enter_rule_settings(void);

#endif
