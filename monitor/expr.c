/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evaluating integer expressions by precedence climbing, in 64 bits that wrap around.
 */
#include "monitor/expr.h"

#include <errno.h>
#include <string.h>

#define DEPTH_MAX 64 /* of parentheses and unary operators */

struct expr {
    const char *p;
    expr_register_fn *reg;
    void *opaque;
    unsigned depth;
    GError **error;
};

static bool parse_binary(struct expr *e, unsigned min_level, uint64_t *ret);

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static void skip_blanks(struct expr *e)
{
    while (is_blank(*e->p)) {
        e->p++;
    }
}

static bool parse_register(struct expr *e, uint64_t *ret)
{
    char name[32];
    size_t len = 0;

    for (e->p++; g_ascii_isalnum(e->p[len]) || e->p[len] == '_' || e->p[len] == '.'; len++) {
    }
    if (len == 0 || len >= sizeof(name)) {
        return fail(e->error, "a register's name must follow '$'");
    }
    memcpy(name, e->p, len);
    name[len] = '\0';
    e->p += len;
    if (!e->reg || !e->reg(e->opaque, name, ret)) {
        return fail(e->error, "unknown register '$%s'", name);
    }
    return true;
}

static bool parse_number(struct expr *e, uint64_t *ret)
{
    char *end;

    errno = 0;
    *ret = g_ascii_strtoull(e->p, &end, 0);
    if (errno == ERANGE) {
        return fail(e->error, "'%s' does not fit in 64 bits", e->p);
    }
    if (end == e->p || g_ascii_isalnum(*end) || *end == '_') {
        return fail(e->error, "'%s' is not a number", e->p);
    }
    e->p = end;
    return true;
}

static bool parse_primary(struct expr *e, uint64_t *ret)
{
    if (*e->p == '(') {
        e->p++;
        if (!parse_binary(e, 0, ret)) {
            return false;
        }
        if (*e->p != ')') {
            return fail(e->error, "')' is missing");
        }
        e->p++;
        return true;
    }
    if (*e->p == '\'') {
        if (!e->p[1] || e->p[2] != '\'') {
            return fail(e->error, "a character must stand between two '");
        }
        *ret = (uint8_t)e->p[1];
        e->p += 3;
        return true;
    }
    if (*e->p == '$') {
        return parse_register(e, ret);
    }
    if (!*e->p) {
        return fail(e->error, "unexpected end of expression");
    }
    return parse_number(e, ret);
}

static bool parse_unary(struct expr *e, uint64_t *ret)
{
    char op;
    bool ok;

    skip_blanks(e);
    if (++e->depth > DEPTH_MAX) {
        return fail(e->error, "expression is nested too deeply");
    }
    op = *e->p;
    if (op == '-' || op == '~' || op == '+') {
        e->p++;
        ok = parse_unary(e, ret);
        if (ok && op != '+') {
            *ret = op == '-' ? -*ret : ~*ret;
        }
    } else {
        ok = parse_primary(e, ret);
    }
    e->depth--;
    skip_blanks(e);
    return ok;
}

struct op {
    char text[3];
    unsigned level; /* higher binds tighter */
};

static const struct op ops[] = {
    {"|", 0}, {"^", 1}, {"&", 2}, {"<<", 3}, {">>", 3},
    {"+", 4}, {"-", 4}, {"*", 5}, {"/", 5},  {"%", 5},
};

/* The operator at e->p, behind an operand. "16 /tmp/x" is a number and then a file's path. */
static const struct op *peek_op(const struct expr *e)
{
    if (*e->p == '/' && is_blank(e->p[-1]) && !is_blank(e->p[1])) {
        return NULL;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(ops); i++) {
        if (strncmp(e->p, ops[i].text, strlen(ops[i].text)) == 0) {
            return &ops[i];
        }
    }
    return NULL;
}

static bool apply(struct expr *e, const struct op *op, uint64_t a, uint64_t b, uint64_t *ret)
{
    switch (op->text[0]) {
    case '|':
        *ret = a | b;
        return true;
    case '^':
        *ret = a ^ b;
        return true;
    case '&':
        *ret = a & b;
        return true;
    case '<':
        *ret = b < 64 ? a << b : 0;
        return true;
    case '>':
        *ret = b < 64 ? a >> b : 0;
        return true;
    case '+':
        *ret = a + b;
        return true;
    case '-':
        *ret = a - b;
        return true;
    case '*':
        *ret = a * b;
        return true;
    default:
        break;
    }
    if (b == 0) {
        return fail(e->error, "division by zero");
    }
    if (b == UINT64_MAX) {
        *ret = op->text[0] == '/' ? -a : 0; /* INT64_MIN / -1 has no signed result */
        return true;
    }
    *ret = op->text[0] == '/' ? (uint64_t)((int64_t)a / (int64_t)b)
                              : (uint64_t)((int64_t)a % (int64_t)b);
    return true;
}

static bool parse_binary(struct expr *e, unsigned min_level, uint64_t *ret)
{
    const struct op *op;
    uint64_t right;

    if (!parse_unary(e, ret)) {
        return false;
    }
    for (op = peek_op(e); op && op->level >= min_level; op = peek_op(e)) {
        e->p += strlen(op->text);
        if (!parse_binary(e, op->level + 1, &right) || !apply(e, op, *ret, right, ret)) {
            return false;
        }
    }
    return true;
}

bool expr_eval(const char **text, expr_register_fn *reg, void *opaque, int64_t *ret, GError **error)
{
    struct expr e = {.p = *text, .reg = reg, .opaque = opaque, .error = error};
    uint64_t v;

    if (!parse_binary(&e, 0, &v)) {
        return false;
    }
    *text = e.p;
    *ret = (int64_t)v;
    return true;
}
