/* SPDX-License-Identifier: Apache-2.0 */
#include "service/op/metrics_text.h"

#include <math.h>
#include <stdio.h>

void
metrics_family(
    struct metrics *m, const char *name, enum metrics_kind kind, const char *help)
{
	static const char *const kinds[] = {
	    [METRICS_COUNTER] = "counter",
	    [METRICS_GAUGE] = "gauge",
	    [METRICS_HISTOGRAM] = "histogram",
	};

	m->name = name;
	str_addf(m->to, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kinds[kind]);
}

static void
add_escaped(struct str *to, const char *text)
{
	for (; *text != '\0'; text++)
		switch (*text) {
		case '\\':
			str_adds(to, "\\\\");
			break;
		case '"':
			str_adds(to, "\\\"");
			break;
		case '\n':
			str_adds(to, "\\n");
			break;
		default:
			str_addc(to, *text);
			break;
		}
}

/* The name, and in braces the labels; `le` is one more, NULL without. */
static void
begin(struct metrics *m, const char *suffix, const struct metrics_label *labels,
    const char *le)
{
	char between = '{';

	str_adds(m->to, m->name);
	str_adds(m->to, suffix);
	for (; labels != NULL && labels->name != NULL; labels++) {
		str_addc(m->to, between);
		str_adds(m->to, labels->name);
		str_adds(m->to, "=\"");
		add_escaped(m->to, labels->value);
		str_addc(m->to, '"');
		between = ',';
	}
	if (le != NULL) {
		str_addf(m->to, "%cle=\"%s\"", between, le);
		between = ',';
	}
	str_adds(m->to, between == ',' ? "} " : " ");
}

void
metrics_count(struct metrics *m, const struct metrics_label *labels, uint64_t value)
{
	begin(m, "", labels, NULL);
	str_addu(m->to, value);
	str_addc(m->to, '\n');
}

void
metrics_real(struct metrics *m, const struct metrics_label *labels, double value)
{
	begin(m, "", labels, NULL);
	if (isinf(value))
		str_adds(m->to, "+Inf\n");
	else
		str_addf(m->to, "%.9g\n", value);
}

/* The count is the sum of the buckets as they were read, so that both agree. */
void
metrics_distribution(struct metrics *m, const struct metrics_label *labels,
    const struct metric_histogram *h, const uint64_t bounds[METRIC_BOUNDS], double unit)
{
	uint64_t count = 0;
	char le[32];

	for (unsigned i = 0; i <= METRIC_BOUNDS; i++) {
		count += metric_read(&h->bucket[i]);
		if (i < METRIC_BOUNDS)
			(void)snprintf(le, sizeof le, "%.9g", (double)bounds[i] / unit);
		begin(m, "_bucket", labels, i < METRIC_BOUNDS ? le : "+Inf");
		str_addf(m->to, "%llu\n", (unsigned long long)count);
	}
	begin(m, "_sum", labels, NULL);
	str_addf(m->to, "%.15g\n", (double)metric_read(&h->sum) / unit);
	begin(m, "_count", labels, NULL);
	str_addf(m->to, "%llu\n", (unsigned long long)count);
}
