/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads /proc/PID/stat and /proc/PID/status; see proc.h. */
#include "tests/bench/proc.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static int read_cpu(int pid, double *cpu_s_out)
{
	char path[64], text[1024];
	unsigned long user, system;
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	FILE *f = fopen(path, "re");
	if (!f)
		return -1;
	size_t n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = 0;
	/* The second field, the name, may hold anything; the last ')' ends it. */
	const char *p = strrchr(text, ')');
	if (!p || sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
			  &system) != 2)
		return -1;
	*cpu_s_out = (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
	return 0;
}

static void read_memory(int pid, struct proc_sample *out)
{
	char path[64], line[256];
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	FILE *f = fopen(path, "re");
	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		unsigned long kb;
		if (sscanf(line, "VmRSS: %lu", &kb) == 1)
			out->rss_kb = kb;
		else if (sscanf(line, "VmHWM: %lu", &kb) == 1)
			out->peak_kb = kb;
	}
	fclose(f);
}

int proc_sample_take(int pid, struct proc_sample *out)
{
	memset(out, 0, sizeof(*out));
	read_memory(pid, out);
	return read_cpu(pid, &out->cpu_s);
}

void proc_sample_self(struct proc_sample *out)
{
	struct rusage usage;
	memset(out, 0, sizeof(*out));
	read_memory(getpid(), out);
	getrusage(RUSAGE_SELF, &usage);
	out->cpu_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		     (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

int proc_sample_machine(struct proc_machine *out)
{
	unsigned long user, nice, system, idle, iowait, irq, softirq, steal;
	double tick = (double)sysconf(_SC_CLK_TCK);
	memset(out, 0, sizeof(*out));
	FILE *f = fopen("/proc/stat", "re");
	if (!f)
		return -1;
	int n = fscanf(f, "cpu %lu %lu %lu %lu %lu %lu %lu %lu", &user, &nice, &system, &idle,
		&iowait, &irq, &softirq, &steal);
	fclose(f);
	if (n != 8)
		return -1;
	out->busy_s = (double)(user + nice + system + irq + softirq) / tick;
	out->steal_s = (double)steal / tick;
	return 0;
}

int proc_span_sample(struct proc_span *span, int at_end)
{
	int rc = 0;
	for (unsigned i = 0; i < span->watches; i++) {
		struct proc_watch *watch = &span->watch[i];
		if (proc_sample_take(watch->pid, at_end ? &watch->end : &watch->begin))
			rc = -1;
	}
	proc_sample_self(at_end ? &span->self.end : &span->self.begin);
	if (proc_sample_machine(at_end ? &span->machine_end : &span->machine_begin))
		rc = -1;
	return rc;
}

static double used_s(const struct proc_watch *watch)
{
	return watch->end.cpu_s - watch->begin.cpu_s;
}

double proc_span_other_s(const struct proc_span *span)
{
	double other = span->machine_end.busy_s - span->machine_begin.busy_s - used_s(&span->self);
	for (unsigned i = 0; i < span->watches; i++)
		other -= used_s(&span->watch[i]);
	return other > 0 ? other : 0;
}
