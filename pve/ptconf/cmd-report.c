// SPDX-License-Identifier: AGPL-3.0-or-later
/* A node as one page of HTML: IOMMU groups as boxes, guests, findings beside their subject. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "lib/pci/names.h"
#include "pve/check/overview.h"
#include "pve/ptconf/ptconf.h"
#include "pve/ptconf/report-page.h"
#include "lib/base/startup.h"

struct page {
	FILE *out;
	const struct pt_overview *overview;
	struct pt_pcinames *names;
};

/* Text from anywhere: nothing in it is markup. */
static void put(const struct page *page, const char *text)
{
	for (; text && *text; text++) {
		if (*text == '<')
			fputs("&lt;", page->out);
		else if (*text == '>')
			fputs("&gt;", page->out);
		else if (*text == '&')
			fputs("&amp;", page->out);
		else if (*text == '"')
			fputs("&quot;", page->out);
		else
			fputc((unsigned char)*text < 0x20 ? ' ' : *text, page->out);
	}
}

static void put_finding(
	const struct page *page, unsigned int vmid, const struct pt_finding *finding)
{
	const char *severity = pt_severity_name(finding->severity);
	struct pt_shown PT_SHOWN shown = {0};

	pt_finding_show(finding, &shown);
	fprintf(page->out,
		"<div class=\"finding %s\" data-guests=\"%u\"><b>%s</b> "
		"<span>guest %u, <code>",
		severity, vmid, severity, vmid);
	put(page, shown.tag);
	fputs("</code></span><p>", page->out);
	put(page, shown.subject);
	fputs(": ", page->out);
	put(page, shown.message);
	fputs("</p>", page->out);
	if (shown.hint) {
		fputs("<p class=\"hint\">&rarr; ", page->out);
		put(page, shown.hint);
		fputs("</p>", page->out);
	}
	fputs("</div>\n", page->out);
}

static bool concerns_any(const struct page *page, const struct pt_finding *finding)
{
	for (size_t i = 0; i < page->overview->count; i++) {
		if (pt_finding_is_on(finding, &page->overview->function[i].function->bdf))
			return true;
	}
	return false;
}

static void put_guest_chips(const struct page *page, const struct pt_seen_function *seen)
{
	if (seen->holder)
		fprintf(page->out, "<span class=\"chip\">guest %u has it</span>", seen->holder);
	pt_foreach (wanting, seen->wanting, seen->wanting_count)
		fprintf(page->out, "<span class=\"chip\" data-guests=\"%u\">guest %u %s%s</span>",
			wanting->vmid, wanting->vmid, wanting->label,
			wanting->companion ? ", shares the group"
			: wanting->spare   ? ", if another is taken"
					   : "");
}

static void put_function(const struct page *page, const struct pt_seen_function *seen)
{
	const struct pt_function *function = seen->function;
	char id[PT_PCI_PAIR_TEXT], name[256];

	fprintf(page->out,
		"<div class=\"function\"><div class=\"head\"><h3 class=\"bdf\">%s</h3>"
		"<span class=\"soft\">",
		PT_BDF(&function->bdf));
	put(page, pt_function_id(function, id));
	fputs(", ", page->out);
	put(page, function->driver ? function->driver : "no driver");
	fputs("</span></div><p class=\"name\">", page->out);
	put(page, pt_pciname(page->names, function, name, sizeof(name)));
	fputs("</p><div class=\"chips\">", page->out);
	if (!seen->why_not)
		fputs("<span class=\"chip yes\">can be passed through</span>", page->out);
	else if (!function->is_bridge) {
		fputs("<span class=\"chip no\">", page->out);
		put(page, seen->why_not);
		fputs("</span>", page->out);
	}
	put_guest_chips(page, seen);
	fputs("</div>\n", page->out);
	pt_foreach (guest, page->overview->guest, page->overview->guest_count) {
		pt_foreach (finding, guest->findings.finding, guest->findings.count) {
			if (pt_finding_is_on(finding, &function->bdf))
				put_finding(page, guest->guest->vmid, finding);
		}
	}
	fputs("</div>\n", page->out);
}

/* The numbers of the guests that have to do with the group, for the filter. */
static void put_group_guests(const struct page *page, int group)
{
	for (size_t i = 0; i < page->overview->count; i++) {
		const struct pt_seen_function *seen = &page->overview->function[i];

		if (seen->function->group != group)
			continue;
		pt_foreach (wanting, seen->wanting, seen->wanting_count)
			fprintf(page->out, "%u ", wanting->vmid);
		if (seen->holder)
			fprintf(page->out, "%u ", seen->holder);
	}
}

static void put_group(const struct page *page, int group)
{
	fputs("<section class=\"card\" data-guests=\"", page->out);
	put_group_guests(page, group);
	if (group == PT_GROUP_NONE)
		fputs("\"><div class=\"head\"><h3>in no IOMMU group</h3></div>\n", page->out);
	else
		fprintf(page->out, "\"><div class=\"head\"><h3>IOMMU group %d</h3></div>\n", group);
	for (size_t i = 0; i < page->overview->count; i++) {
		if (page->overview->function[i].function->group == group)
			put_function(page, &page->overview->function[i]);
	}
	fputs("</section>\n", page->out);
}

static int compare_numbers(const void *a, const void *b)
{
	const int *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void put_groups(const struct page *page)
{
	size_t count = page->overview->count;
	int *group = pt_calloc(count, sizeof(*group));

	for (size_t i = 0; i < count; i++)
		group[i] = page->overview->function[i].function->group;
	qsort(group, count, sizeof(*group), compare_numbers);
	fputs("<h2>IOMMU groups</h2><div class=\"grid\">\n", page->out);
	for (size_t i = 0; i < count; i++) {
		if (i == 0 || group[i] != group[i - 1])
			put_group(page, group[i]);
	}
	fputs("</div>\n", page->out);
	free(group);
}

/* Findings about no single function stand here; the others beside the function. */
static void put_guest(const struct page *page, const struct pt_seen_guest *seen)
{
	const char *name = pt_guest_get(seen->guest, "name");
	size_t errors = pt_findings_count(&seen->findings, PT_ERROR);
	size_t warnings = pt_findings_count(&seen->findings, PT_WARNING);

	fprintf(page->out,
		"<section class=\"card\" data-guests=\"%u\"><div class=\"head\"><h3>guest %u</h3>"
		"<span class=\"soft\">",
		seen->guest->vmid, seen->guest->vmid);
	put(page, name);
	fprintf(page->out,
		"%s%s</span></div><div class=\"chips\"><span class=\"chip %s\">%zu error%s</span>"
		"<span class=\"chip\">%zu warning%s</span></div>\n",
		name && seen->running ? ", " : "", seen->running ? "runs" : "",
		errors ? "no" : "yes", errors, errors == 1 ? "" : "s", warnings,
		warnings == 1 ? "" : "s");
	pt_foreach (finding, seen->findings.finding, seen->findings.count) {
		if (!concerns_any(page, finding))
			put_finding(page, seen->guest->vmid, finding);
	}
	fputs("</section>\n", page->out);
}

static void put_head(const struct page *page)
{
	const struct pt_node *node = page->overview->node;
	time_t when = (time_t)node->time;
	struct tm local;
	char text[32] = "";

	if (localtime_r(&when, &local))
		strftime(text, sizeof(text), "%F %R", &local);
	fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"" PT_PAGE_POLICY "\">"
	      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
	      "<title>PCI passthrough on ",
		page->out);
	put(page, node->name);
	fputs("</title><style>" PT_PAGE_STYLE "</style></head>\n<body><header><h1>PCI passthrough "
	      "on ",
		page->out);
	put(page, node->name);
	fprintf(page->out,
		"</h1><span class=\"soft\">%s, pve-ptconf " PT_VERSION "</span>"
		"<label>show <select id=\"guest\"><option value=\"\">everything</option>",
		text);
	pt_foreach (guest, page->overview->guest, page->overview->guest_count) {
		fprintf(page->out, "<option value=\"%u\">guest %u ", guest->guest->vmid,
			guest->guest->vmid);
		put(page, pt_guest_get(guest->guest, "name"));
		fputs("</option>", page->out);
	}
	fputs("</select></label></header>\n<main>", page->out);
	pt_foreach (finding, page->overview->host.finding, page->overview->host.count) {
		if (finding->severity != PT_INFO)
			put_finding(page, 0, finding);
	}
}

static void put_page(const struct page *page)
{
	put_head(page);
	fputs("<h2>Guests with passthrough</h2><div class=\"grid\">\n", page->out);
	pt_foreach (guest, page->overview->guest, page->overview->guest_count)
		put_guest(page, guest);
	if (!page->overview->guest_count)
		fputs("<p class=\"soft\">There is none.</p>", page->out);
	fputs("</div>\n", page->out);
	put_groups(page);
	fputs("</main><script>" PT_PAGE_SCRIPT "</script></body></html>\n", page->out);
}

/* Opens the place of the page. "-" is standard output; a device or a pipe is written to. Else the
 * page is a new file, ret_new, which replaces the old one when it is whole: this runs as root, and
 * follows no link. NULL: errno. */
static FILE *open_page(const char *file, char **ret_new)
{
	struct stat st;
	int fd;

	if (pt_streq(file, "-"))
		return fdopen(dup(STDOUT_FILENO), "w");
	if (lstat(file, &st) == 0 && !S_ISREG(st.st_mode)) {
		fd = open(file, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
		return fd < 0 ? NULL : fdopen(fd, "w");
	}
	*ret_new = pt_format("%s.XXXXXX", file);
	fd = mkostemp(*ret_new, O_CLOEXEC);
	return fd < 0 ? NULL : fdopen(fd, "w");
}

static int write_page(struct pt_cli *cli, const struct pt_overview *overview, struct pt_err *err)
{
	struct pt_pcinames PT_PCINAMES *names = pt_pcinames_open();
	struct page page = {.overview = overview, .names = names};
	PT_FREE char *new = NULL;
	bool broken;

	page.out = open_page(cli->html, &new);
	if (!page.out)
		return pt_err_errno(err, -errno, "%s", cli->html);
	put_page(&page);
	broken = ferror(page.out) != 0;
	broken |= fclose(page.out) != 0;
	broken = broken || (new &&rename(new, cli->html) < 0);
	if (broken && new)
		unlink(new);
	return broken ? pt_err_set(err, -EIO, "%s cannot be written", cli->html) : 0;
}

enum pt_exit pt_cmd_report(struct pt_cli *cli, struct pt_err *err)
{
	struct pt_overview PT_OVERVIEW overview = {0};

	if (pt_cli_open_node(cli, err) < 0 || pt_node_learn_all(cli->node, err) < 0 ||
		pt_overview_make(cli->node, &overview, err) < 0 ||
		write_page(cli, &overview, err) < 0)
		return PT_EXIT_UNKNOWN;
	return PT_EXIT_OK;
}
