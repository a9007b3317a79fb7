// SPDX-License-Identifier: AGPL-3.0-or-later
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>

#include "pcidev.h"

/* Flags of the resource file: include/linux/ioport.h. */
#define RESOURCE_MEM	  0x00000200U
#define RESOURCE_PREFETCH 0x00002000U
#define RESOURCE_MEM_64	  0x00100000U

const char *pt_pci_path(const struct pt_bdf *bdf, const char *name, char path[static PT_PCI_PATH])
{
	snprintf(path, PT_PCI_PATH, PT_PCI_DEVICES "/%s%s%s", PT_BDF(bdf), *name ? "/" : "", name);
	return path;
}

static int read_attr(
	const struct pt_host *host, const struct pt_bdf *bdf, const char *name, char **ret)
{
	char path[PT_PCI_PATH];

	return pt_host_read_line(host, pt_pci_path(bdf, name, path), ret);
}

/* As read_attr, for what the kernel shows under the device's lock. */
static int read_locked_attr(
	const struct pt_host *host, const struct pt_bdf *bdf, const char *name, char **ret)
{
	char path[PT_PCI_PATH];

	return pt_host_read_line_guarded(
		host, pt_pci_path(bdf, name, path), pt_now_ms() + PT_ATTR_MS, ret);
}

static bool has_attr(const struct pt_host *host, const struct pt_bdf *bdf, const char *name)
{
	char path[PT_PCI_PATH];

	return pt_host_exists(host, pt_pci_path(bdf, name, path));
}

/* A whole decimal number, or fallback when the file is missing or holds something else. */
static int read_number(
	const struct pt_host *host, const struct pt_bdf *bdf, const char *name, int fallback)
{
	PT_FREE char *text = NULL;
	char *end;
	long value;

	if (read_attr(host, bdf, name, &text) < 0)
		return fallback;
	errno = 0;
	value = strtol(text, &end, 10);
	if (errno || end == text || *end || value < INT_MIN || value > INT_MAX)
		return fallback;
	return (int)value;
}

/* An id file such as "0x10de". False when it is missing or does not begin with 0x. */
static bool read_id(const struct pt_host *host, const struct pt_bdf *bdf, const char *name,
	char ret[static PT_PCI_ID_TEXT])
{
	PT_FREE char *text = NULL;

	ret[0] = '\0';
	if (read_attr(host, bdf, name, &text) < 0 || !pt_starts_with(text, "0x"))
		return false;
	if (strlen(text + 2) >= PT_PCI_ID_TEXT)
		return false;
	snprintf(ret, PT_PCI_ID_TEXT, "%s", text + 2);
	return true;
}

static bool irq_ok(const struct pt_host *host, const struct pt_bdf *bdf)
{
	PT_FREE char *text = NULL;

	if (read_attr(host, bdf, "irq", &text) < 0 || !*text)
		return false;
	return strspn(text, "0123456789") == strlen(text);
}

int pt_function_read_driver(const struct pt_host *host, const struct pt_bdf *bdf, char **ret)
{
	char path[PT_PCI_PATH];
	int r = pt_host_link_name(host, pt_pci_path(bdf, "driver", path), ret);

	if (r != -ENOENT)
		return r;
	if (!pt_host_exists(host, pt_pci_path(bdf, "", path)))
		return -ENODEV;
	*ret = NULL;
	return 0;
}

int pt_function_read_override(const struct pt_host *host, const struct pt_bdf *bdf, char **ret)
{
	PT_FREE char *text = NULL;
	char path[PT_PCI_PATH];
	int r = read_locked_attr(host, bdf, "driver_override", &text);

	if (r == -ENOENT && !pt_host_exists(host, pt_pci_path(bdf, "", path)))
		return -ENODEV;
	if (r < 0 && r != -ENOENT)
		return r;
	/* the kernel prints (null) where none is set */
	*ret = !text || !*text || pt_streq(text, "(null)") ? NULL : PT_STEAL(text);
	return 0;
}

int pt_function_read_modalias(const struct pt_host *host, const struct pt_bdf *bdf, char **ret)
{
	return read_attr(host, bdf, "modalias", ret);
}

int pt_function_read_vfs(const struct pt_host *host, const struct pt_bdf *bdf, char **ret)
{
	return read_locked_attr(host, bdf, "sriov_numvfs", ret);
}

int pt_function_read_autoprobe(const struct pt_host *host, const struct pt_bdf *bdf, char **ret)
{
	return read_attr(host, bdf, "sriov_drivers_autoprobe", ret);
}

static void read_bars(const struct pt_host *host, struct pt_function *function)
{
	PT_FREE char *text = NULL;
	char path[PT_PCI_PATH];
	char *line, *rest;
	size_t i = 0;

	if (pt_host_read(host, pt_pci_path(&function->bdf, "resource", path), 4096, &text, NULL) <
		0)
		return;
	for (line = strtok_r(text, "\n", &rest); line && i < PT_PCI_BARS;
		line = strtok_r(NULL, "\n", &rest), i++) {
		uint64_t start, end, flags;

		if (sscanf(line, "%" SCNx64 " %" SCNx64 " %" SCNx64, &start, &end, &flags) != 3 ||
			!flags || end < start)
			continue;
		function->bar[i] = (struct pt_bar){
			.start = start,
			.size = end - start + 1,
			.memory = flags & RESOURCE_MEM,
			.is_64bit = flags & RESOURCE_MEM_64,
			.prefetchable = flags & RESOURCE_PREFETCH,
		};
	}
}

static int read_vfs(const struct pt_host *host, struct pt_function *function)
{
	PT_FREE char *target = NULL;
	PT_FREE char *vfs = NULL;
	char path[PT_PCI_PATH];
	int r;

	function->vfs = -1;
	/* one that hangs is waited for once */
	r = function->busy ? -ETIME : pt_function_read_vfs(host, &function->bdf, &vfs);
	function->busy |= r == -ETIME;
	if (r < 0 && r != -ENOENT && r != -ETIME)
		return r;
	if (vfs)
		function->vfs = atoi(vfs);
	function->vfs_max = read_number(host, &function->bdf, "sriov_totalvfs", -1);
	if (pt_host_link_name(host, pt_pci_path(&function->bdf, "physfn", path), &target) == 0)
		function->has_physfn = pt_bdf_parse(target, &function->physfn);
	for (unsigned int i = 0;; i++) {
		PT_FREE char *name = NULL;
		char file[32];
		struct pt_bdf vf, *slot;

		snprintf(file, sizeof(file), "virtfn%u", i);
		if (pt_host_link_name(host, pt_pci_path(&function->bdf, file, path), &name) < 0 ||
			!pt_bdf_parse(name, &vf))
			return 0;
		slot = pt_array_grow(&function->vf, &function->vf_count, sizeof(*slot));
		if (!slot)
			return -ENOMEM;
		*slot = vf;
	}
}

int pt_function_read_group(const struct pt_host *host, const struct pt_bdf *bdf)
{
	PT_FREE char *name = NULL;
	char path[PT_PCI_PATH];
	char *end;
	long group;

	if (pt_host_link_name(host, pt_pci_path(bdf, "iommu_group", path), &name) < 0)
		return PT_GROUP_NONE;
	group = strtol(name, &end, 10);
	/* a name that is no number counts as 0 */
	return end == name || *end || group < 0 || group > INT_MAX ? 0 : (int)group;
}

static void read_ids(const struct pt_host *host, struct pt_function *function)
{
	const struct pt_bdf *bdf = &function->bdf;
	PT_FREE char *class = NULL;
	bool vendor = read_id(host, bdf, "vendor", function->vendor);
	bool device = read_id(host, bdf, "device", function->device);

	function->info_ok = vendor && device && irq_ok(host, bdf);
	if (!read_id(host, bdf, "subsystem_vendor", function->subvendor) ||
		!read_id(host, bdf, "subsystem_device", function->subdevice))
		function->subvendor[0] = function->subdevice[0] = '\0';
	if (read_attr(host, bdf, "class", &class) == 0)
		function->class = (uint32_t)(strtoul(class, NULL, 16) & 0xffffff);
}

int pt_function_read(const struct pt_host *host, const struct pt_bdf *bdf, struct pt_function *ret,
	struct pt_err *err)
{
	struct pt_function function = {.bdf = *bdf};
	int r = pt_function_read_driver(host, bdf, &function.driver);

	if (r == 0)
		r = pt_function_read_override(host, bdf, &function.override);
	function.busy = r == -ETIME;
	if (r == 0 || r == -ETIME)
		r = read_vfs(host, &function);
	if (r < 0) {
		pt_function_clear(&function);
		return r == -ENODEV ? pt_err_set(err, r, "%s: no such PCI function", PT_BDF(bdf))
				    : pt_err_errno(err, r, "%s: read from sysfs", PT_BDF(bdf));
	}
	read_ids(host, &function);
	read_bars(host, &function);
	read_attr(host, bdf, "modalias", &function.modalias);
	read_attr(host, bdf, "reset_method", &function.reset_methods);
	read_attr(host, bdf, "power_state", &function.power_state);
	function.is_bridge = has_attr(host, bdf, "pci_bus");
	function.group = pt_function_read_group(host, bdf);
	function.numa_node = read_number(host, bdf, "numa_node", -1);
	function.boot_vga = read_number(host, bdf, "boot_vga", -1);
	function.d3cold_allowed = read_number(host, bdf, "d3cold_allowed", 0) == 1;
	function.has_reset = has_attr(host, bdf, "reset");
	function.has_mdev = has_attr(host, bdf, "mdev_supported_types");
	function.has_nvidia = has_attr(host, bdf, "nvidia");
	function.has_vfio_dev = has_attr(host, bdf, "vfio-dev");
	*ret = function;
	return 0;
}

void pt_function_clear(struct pt_function *function)
{
	free(function->driver);
	free(function->override);
	free(function->modalias);
	free(function->reset_methods);
	free(function->power_state);
	free(function->vf);
	*function = (struct pt_function){0};
}

const char *pt_function_id(const struct pt_function *function, char text[static PT_PCI_PAIR_TEXT])
{
	snprintf(text, PT_PCI_PAIR_TEXT, "%s:%s", function->vendor, function->device);
	return text;
}

const char *pt_function_subsystem(
	const struct pt_function *function, char text[static PT_PCI_PAIR_TEXT])
{
	if (!function->subvendor[0])
		return NULL;
	snprintf(text, PT_PCI_PAIR_TEXT, "%s:%s", function->subvendor, function->subdevice);
	return text;
}

bool pt_function_is_vf(const struct pt_function *function)
{
	return function->has_physfn;
}

/* Reads a name of the devices folder; any byte may stand for the dot, so that what managers match loosely is matched alike. */
static bool parse_name(const char *name, struct pt_bdf *ret)
{
	char text[PT_BDF_TEXT];
	size_t length = strlen(name);

	if (length < 12 || length >= sizeof(text))
		return false;
	memcpy(text, name, length + 1);
	text[length - 2] = '.';
	return pt_bdf_parse(text, ret);
}

static bool matches(const struct pt_bdf *bdf, const char *filter)
{
	char text[PT_BDF_TEXT];

	pt_bdf_format(bdf, text);
	return pt_starts_with(text, filter) ||
	       (pt_starts_with(text, "0000:") && pt_starts_with(text + 5, filter));
}

int pt_functions_matching(const struct pt_host *host, const char *filter, struct pt_bdf **ret,
	size_t *ret_count, struct pt_err *err)
{
	struct pt_names PT_NAMES names = {0};
	struct pt_bdf *found = NULL;
	size_t count = 0;
	int r = pt_host_list(host, PT_PCI_DEVICES, &names);

	if (r < 0 && r != -ENOENT)
		return pt_err_errno(err, r, PT_PCI_DEVICES);
	pt_foreach (name, names.name, names.count) {
		struct pt_bdf bdf, *slot;

		if (!parse_name(*name, &bdf) || !matches(&bdf, filter))
			continue;
		slot = pt_array_grow(&found, &count, sizeof(*slot));
		if (!slot) {
			free(found);
			return pt_err_nomem(err);
		}
		*slot = bdf;
	}
	*ret = found;
	*ret_count = count;
	return 0;
}
