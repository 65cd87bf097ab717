/* SPDX-License-Identifier: BSD-3-Clause */
/* JSON lines of the load generator; see report.h. */
#include "tests/bench/report.h"

static void member(struct report *r, const char *name)
{
	if (r->comma)
		fputc(',', r->out);
	r->comma = true;
	if (name)
		fprintf(r->out, "\"%s\":", name);
}

void report_begin(struct report *r, FILE *out, const char *event)
{
	r->out = out;
	r->comma = false;
	fputc('{', out);
	report_text(r, "event", event);
}

void report_end(struct report *r)
{
	fputs("}\n", r->out);
	fflush(r->out);
}

void report_number(struct report *r, const char *name, double value)
{
	member(r, name);
	fprintf(r->out, "%.6g", value);
}

void report_count(struct report *r, const char *name, uint64_t value)
{
	member(r, name);
	fprintf(r->out, "%llu", (unsigned long long)value);
}

void report_bool(struct report *r, const char *name, bool value)
{
	member(r, name);
	fputs(value ? "true" : "false", r->out);
}

void report_text(struct report *r, const char *name, const char *value)
{
	member(r, name);
	fputc('"', r->out);
	for (const unsigned char *p = (const unsigned char *)value; *p; p++) {
		if (*p == '"' || *p == '\\')
			fprintf(r->out, "\\%c", *p);
		else if (*p < 0x20 || *p >= 0x7f)
			fprintf(r->out, "\\u%04x", *p);
		else
			fputc(*p, r->out);
	}
	fputc('"', r->out);
}

void report_open(struct report *r, const char *name, char bracket)
{
	member(r, name);
	fputc(bracket, r->out);
	r->comma = false;
}

void report_shut(struct report *r, char bracket)
{
	fputc(bracket, r->out);
	r->comma = true;
}

void report_hist(struct report *r, const char *name, const struct hist *h)
{
	report_open(r, name, '{');
	report_count(r, "n", h->count);
	if (h->count) {
		report_number(r, "mean", hist_mean_ns(h) / 1e3);
		report_number(r, "p50", (double)hist_quantile_ns(h, 0.5) / 1e3);
		report_number(r, "p90", (double)hist_quantile_ns(h, 0.9) / 1e3);
		report_number(r, "p99", (double)hist_quantile_ns(h, 0.99) / 1e3);
		report_number(r, "p999", (double)hist_quantile_ns(h, 0.999) / 1e3);
		report_number(r, "min", (double)h->min_ns / 1e3);
		report_number(r, "max", (double)h->max_ns / 1e3);
	}
	report_shut(r, '}');
}

static void report_proc(struct report *r, const struct proc_watch *watch, double seconds)
{
	report_open(r, watch->name, '{');
	report_number(r, "cpu", (watch->end.cpu_s - watch->begin.cpu_s) / seconds);
	report_count(r, "rss_kb", watch->end.rss_kb);
	report_count(r, "peak_kb", watch->end.peak_kb);
	report_shut(r, '}');
}

void report_span(struct report *r, const struct proc_span *span, double seconds)
{
	report_open(r, "processes", '{');
	for (unsigned i = 0; i < span->watches; i++)
		report_proc(r, &span->watch[i], seconds);
	report_proc(r, &span->self, seconds);
	report_shut(r, '}');
	report_number(r, "other_cpu", proc_span_other_s(span) / seconds);
	report_number(r, "steal_cpu",
		(span->machine_end.steal_s - span->machine_begin.steal_s) / seconds);
}

void report_verdict(struct report *r, const struct verdict *verdict)
{
	report_bool(r, "ok", verdict->failures == 0);
	report_count(r, "failures", verdict->failures);
	report_open(r, "errors", '[');
	for (unsigned i = 0; i < verdict->notes; i++)
		report_text(r, NULL, verdict->note[i]);
	report_shut(r, ']');
}
