// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>

#include "lib/base/looks.h"
#include "lib/pci/function.h"

#define REGIONS_MAX 65536
/* Flags of the resource file: include/linux/ioport.h. */
#define RESOURCE_MEM	  0x00000200U
#define RESOURCE_PREFETCH 0x00002000U
#define RESOURCE_MEM_64	  0x00100000U
#define RESOURCE_UNSET	  0x20000000U

#define NO_OVERRIDE "(null)" /* the kernel's text for none */

static bool is_hex(const char *text)
{
	return strspn(text, "0123456789abcdefABCDEF") == strlen(text);
}

const struct pt_form pt_hex_form = {
	.pattern = "^[0-9a-fA-F]*$",
	.why = "is no hexadecimal number of that size",
	.valid = is_hex,
};

const char *pt_pci_path(const struct pt_bdf *bdf, const char *name, char path[static PT_PCI_PATH])
{
	snprintf(path, PT_PCI_PATH, PT_PCI_DEVICES "/%s%s%s", PT_BDF(bdf), *name ? "/" : "", name);
	return path;
}

/* Files that the kernel shows under the device's lock. */
static int read_locked_attr(
	const struct pt_host *host, const struct pt_bdf *bdf, const char *name, char **ret)
{
	char path[PT_PCI_PATH];

	return pt_host_read_line_guarded(
		host, pt_pci_path(bdf, name, path), pt_now_ms() + PT_ATTR_MS, ret);
}

/* A whole decimal number, or fallback when it is something else. */
static int parse_number(const char *text, int fallback)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno || end == text || *end || value < INT_MIN || value > INT_MAX)
		return fallback;
	return (int)value;
}

/* The same of a file, which may be missing. */
static int read_number(const struct pt_host *folder, const char *name, int fallback)
{
	PT_FREE char *text = NULL;

	return pt_host_read_line(folder, name, &text) < 0 ? fallback : parse_number(text, fallback);
}

/* Reads an id file such as "0x10de". -EINVAL: it does not begin with 0x, or is too long. */
static int read_id(const struct pt_host *folder, const char *name, char ret[static PT_PCI_ID_TEXT])
{
	PT_FREE char *text = NULL;
	int r = pt_host_read_line(folder, name, &text);

	ret[0] = '\0';
	if (r < 0)
		return r;
	if (!pt_starts_with(text, "0x") || strlen(text + 2) >= PT_PCI_ID_TEXT)
		return -EINVAL;
	snprintf(ret, PT_PCI_ID_TEXT, "%s", text + 2);
	return 0;
}

int pt_function_read_ids(const struct pt_host *host, const struct pt_bdf *bdf,
	char vendor[static PT_PCI_ID_TEXT], char device[static PT_PCI_ID_TEXT])
{
	struct pt_host PT_HOST *folder = NULL;
	char path[PT_PCI_PATH];
	int r = pt_host_open_folder(&folder, host, pt_pci_path(bdf, "", path));

	if (r == 0)
		r = read_id(folder, "vendor", vendor);
	if (r == 0)
		r = read_id(folder, "device", device);
	return r == -ENOENT ? -ENODEV : r;
}

static bool irq_ok(const struct pt_host *folder)
{
	PT_FREE char *text = NULL;

	if (pt_host_read_line(folder, "irq", &text) < 0 || !*text)
		return false;
	return strspn(text, "0123456789") == strlen(text);
}

bool pt_function_read_on_vfio(
	const struct pt_host *host, const struct pt_bdf *bdf, const char *driver)
{
	char path[PT_PCI_PATH];

	return driver && (pt_streq(driver, PT_VFIO_PCI) ||
				 pt_host_exists(host, pt_pci_path(bdf, "vfio-dev", path)));
}

/* A file of a function is not there: 0 if the function is, -ENODEV if it is gone. */
static int look_for_function(const struct pt_host *host, const struct pt_bdf *bdf)
{
	char path[PT_PCI_PATH];
	int r = pt_host_look(host, pt_pci_path(bdf, "", path));

	return r == -ENOENT ? -ENODEV : r;
}

int pt_function_read_driver(const struct pt_host *host, const struct pt_bdf *bdf, char **ret)
{
	char path[PT_PCI_PATH];
	int r = pt_host_link_name(host, pt_pci_path(bdf, "driver", path), ret);

	if (r == -ENOENT) {
		r = look_for_function(host, bdf);
		if (r == 0)
			*ret = NULL;
	}
	return r;
}

int pt_function_read_override(const struct pt_host *host, const struct pt_bdf *bdf, char **ret)
{
	PT_FREE char *text = NULL;
	int r = read_locked_attr(host, bdf, "driver_override", &text);

	if (r == -ENOENT)
		r = look_for_function(host, bdf);
	if (r < 0)
		return r;
	*ret = !text || !*text || pt_streq(text, NO_OVERRIDE) ? NULL : PT_STEAL(text);
	return 0;
}

int pt_function_read_modalias(const struct pt_host *host, const struct pt_bdf *bdf, char **ret)
{
	char path[PT_PCI_PATH];

	return pt_host_read_line(host, pt_pci_path(bdf, "modalias", path), ret);
}

int pt_function_read_vfs(const struct pt_host *host, const struct pt_bdf *bdf, char **ret)
{
	return read_locked_attr(host, bdf, "sriov_numvfs", ret);
}

int pt_function_read_autoprobe(const struct pt_host *host, const struct pt_bdf *bdf, char **ret)
{
	char path[PT_PCI_PATH];

	return pt_host_read_line(host, pt_pci_path(bdf, "sriov_drivers_autoprobe", path), ret);
}

static void read_bars(const struct pt_host *folder, struct pt_function *function)
{
	PT_FREE char *text = NULL;
	char *line, *rest;
	size_t i = 0;

	if (pt_host_read(folder, "resource", 4096, &text, NULL) < 0)
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
			.unset = flags & RESOURCE_UNSET,
		};
	}
}

/* Only files that are not there mean that it is no PF, and no VF: nobody would bring back VFs that
 * could not be read. */
static int read_vfs(const struct pt_host *folder, struct pt_function *function)
{
	PT_FREE char *target = NULL;
	PT_FREE char *total = NULL;
	int r = pt_host_link_name(folder, "physfn", &target);

	if (r == 0)
		function->has_physfn = pt_bdf_parse(target, &function->physfn);
	else if (r != -ENOENT)
		return r;
	r = pt_host_read_line(folder, "sriov_totalvfs", &total);
	function->vfs_max = r == 0 ? parse_number(total, -1) : -1;
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	function->vf_offset = (uint16_t)read_number(folder, "sriov_offset", 0);
	function->vf_stride = (uint16_t)read_number(folder, "sriov_stride", 0);
	function->has_vf_offset = function->vf_offset;
	for (unsigned int i = 0;; i++) {
		PT_FREE char *name = NULL;
		char file[32];
		struct pt_bdf vf;

		snprintf(file, sizeof(file), "virtfn%u", i);
		r = pt_host_link_name(folder, file, &name);
		if (r < 0 || !pt_bdf_parse(name, &vf))
			return r == -ENOENT ? 0 : r;
		pt_bdfs_add(&function->vf, &function->vf_count, &vf);
	}
}

static int read_group(const struct pt_host *host, const char *path)
{
	PT_FREE char *name = NULL;
	char *end;
	long group;

	if (pt_host_link_name(host, path, &name) < 0)
		return PT_GROUP_NONE;
	group = strtol(name, &end, 10);
	/* a name that is no number counts as 0 */
	return end == name || *end || group < 0 || group > INT_MAX ? 0 : (int)group;
}

/* Returns the first region that must stay mapped as it is, or NULL: the kernel gives the group to
 * nobody then. Relaxable ones and those of interrupts do not matter. Source: kernel,
 * Documentation/ABI/testing/sysfs-kernel-iommu_groups. The caller frees it. */
static char *read_reserved_region(const struct pt_host *host, const struct pt_bdf *bdf)
{
	PT_FREE char *text = NULL;
	char path[PT_PCI_PATH];
	char *line, *rest;

	pt_pci_path(bdf, "iommu_group/reserved_regions", path);
	if (pt_host_read(host, path, REGIONS_MAX, &text, NULL) < 0)
		return NULL;
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		unsigned long long start, end;
		char type[32];

		if (sscanf(line, "0x%llx 0x%llx %31s", &start, &end, type) == 3 &&
			pt_streq(type, "direct"))
			return pt_format("0x%llx to 0x%llx", start, end);
	}
	return NULL;
}

int pt_function_read_group(const struct pt_host *host, const struct pt_bdf *bdf)
{
	char path[PT_PCI_PATH];

	return read_group(host, pt_pci_path(bdf, "iommu_group", path));
}

int pt_function_read_pf(const struct pt_host *host, const struct pt_bdf *bdf, struct pt_bdf *ret)
{
	PT_FREE char *name = NULL;
	char path[PT_PCI_PATH];
	int r = pt_host_link_name(host, pt_pci_path(bdf, "physfn", path), &name);

	return r < 0 ? r : pt_bdf_parse(name, ret) ? 0 : -EINVAL;
}

static void read_ids(const struct pt_host *folder, struct pt_function *function)
{
	PT_FREE char *class = NULL;
	bool vendor = read_id(folder, "vendor", function->vendor) == 0;
	bool device = read_id(folder, "device", function->device) == 0;

	function->info_ok = vendor && device && irq_ok(folder);
	if (read_id(folder, "subsystem_vendor", function->subvendor) < 0 ||
		read_id(folder, "subsystem_device", function->subdevice) < 0)
		function->subvendor[0] = function->subdevice[0] = '\0';
	if (pt_host_read_line(folder, "class", &class) == 0)
		function->class = (uint32_t)(strtoul(class, NULL, 16) & 0xffffff);
}

/* Files of a function that the kernel shows under the device's lock. */
struct locked_attrs {
	bool read;			 /* all but the config space, */
	struct pt_config_space space;	 /* which is not known where only that hangs */
	int override_result, vfs_result; /* 0 or a negative errno */
	char override[128];
	char vfs[16];
};

static int copy_attr(const struct pt_host *folder, const char *name, char *ret, size_t size)
{
	PT_FREE char *text = NULL;
	int r = pt_host_read_line(folder, name, &text);

	if (r == 0)
		snprintf(ret, size, "%s", text);
	return r;
}

static void read_locked(const struct pt_host *host, const void *data, size_t at, void *result)
{
	const struct pt_bdf *bdf = data;
	struct locked_attrs *attrs = result;
	struct pt_host PT_HOST *folder = NULL;
	char path[PT_PCI_PATH];
	int r = pt_host_open_folder(&folder, host, pt_pci_path(&bdf[at], "", path));

	attrs->override_result = attrs->vfs_result = r;
	if (r == 0) {
		attrs->override_result = copy_attr(
			folder, "driver_override", attrs->override, sizeof(attrs->override));
		attrs->vfs_result =
			copy_attr(folder, "sriov_numvfs", attrs->vfs, sizeof(attrs->vfs));
	}
	__atomic_store_n(&attrs->read, true, __ATOMIC_RELEASE);
	if (r == 0)
		pt_config_space_read(host, &bdf[at], &attrs->space);
}

static int take_locked(
	const struct pt_host *host, struct pt_function *function, const struct locked_attrs *attrs)
{
	bool read = __atomic_load_n(&attrs->read, __ATOMIC_ACQUIRE);
	int r = read ? attrs->override_result : 0;

	function->vfs = -1;
	function->busy = !read;
	if (function->busy)
		return 0;
	if (r == 0 && *attrs->override && !pt_streq(attrs->override, NO_OVERRIDE))
		pt_set_text(&function->override, attrs->override);
	if (r == -ENOENT)
		r = look_for_function(host, &function->bdf);
	if (r < 0)
		return r;
	if (attrs->vfs_result == 0)
		function->vfs = atoi(attrs->vfs);
	return attrs->vfs_result == -ENOENT ? 0 : attrs->vfs_result;
}

/* The bridge above, from the link to where the device lies: ".../0000:00:01.0/0000:01:00.0". */
static bool read_parent(const struct pt_host *host, const struct pt_bdf *bdf, struct pt_bdf *ret)
{
	PT_FREE char *target = NULL;
	char path[PT_PCI_PATH];
	const char *above;
	char *slash;

	if (pt_host_link(host, pt_pci_path(bdf, "", path), &target) < 0)
		return false;
	slash = strrchr(target, '/');
	if (!slash)
		return false;
	*slash = '\0';
	above = strrchr(target, '/');
	return pt_bdf_parse(above ? above + 1 : target, ret);
}

static int read_function(const struct pt_host *host, const struct pt_bdf *bdf,
	const struct locked_attrs *attrs, struct pt_function *ret)
{
	struct pt_function function = {.bdf = *bdf};
	struct pt_host PT_HOST *folder = NULL;
	char path[PT_PCI_PATH];
	int r = pt_host_open_folder(&folder, host, pt_pci_path(bdf, "", path));

	if (r < 0)
		return r == -ENOENT ? -ENODEV : r;
	r = pt_function_read_driver(host, bdf, &function.driver);
	if (r == 0)
		r = take_locked(host, &function, attrs);
	if (r == 0)
		r = read_vfs(folder, &function);
	if (r < 0) {
		pt_function_clear(&function);
		return r;
	}
	read_ids(folder, &function);
	read_bars(folder, &function);
	pt_host_read_line(folder, "modalias", &function.modalias);
	pt_host_read_line(folder, "reset_method", &function.reset_methods);
	pt_host_read_line(folder, "power_state", &function.power_state);
	function.is_bridge = pt_host_exists(folder, "pci_bus");
	function.has_parent = read_parent(host, bdf, &function.parent);
	function.group = read_group(folder, "iommu_group");
	function.reserved_region = read_reserved_region(host, bdf);
	function.numa_node = read_number(folder, "numa_node", -1);
	function.boot_vga = read_number(folder, "boot_vga", -1);
	function.d3cold_allowed = read_number(folder, "d3cold_allowed", 0) == 1;
	function.has_reset = pt_host_exists(folder, "reset");
	function.has_mdev = pt_host_exists(folder, "mdev_supported_types");
	function.has_nvidia = pt_host_exists(folder, "nvidia");
	function.has_vfio_dev = pt_host_exists(folder, "vfio-dev");
	*ret = function;
	return 0;
}

int pt_functions_read(const struct pt_host *host, const struct pt_bdf *bdf, size_t count,
	struct pt_function **ret, size_t *ret_count, struct pt_err *err)
{
	struct pt_looks looks PT_LOOKS = {0};
	int r = pt_looks_take(host, read_locked, bdf, count, sizeof(struct locked_attrs), &looks);

	if (r < 0)
		return pt_err_errno(err, r, "read the functions of this host");
	for (size_t i = 0; i < count; i++) {
		const struct locked_attrs *attrs;
		struct pt_function function, *slot;

		attrs = pt_looks_result(&looks, i);
		r = read_function(host, &bdf[i], attrs, &function);
		if (r == -ENODEV)
			continue;
		if (r < 0)
			return pt_err_errno(err, r, "%s: read from sysfs", PT_BDF(&bdf[i]));
		if (pt_looks_done(&looks, i))
			function.space = attrs->space;
		slot = pt_array_grow(ret, ret_count, sizeof(*slot));
		*slot = function;
	}
	return 0;
}

int pt_function_read(const struct pt_host *host, const struct pt_bdf *bdf, struct pt_function *ret,
	struct pt_err *err)
{
	struct pt_function *found = NULL;
	size_t count = 0;
	int r = pt_functions_read(host, bdf, 1, &found, &count, err);

	if (r == 0 && !count)
		r = pt_err_set(err, -ENODEV, "%s: no such PCI function", PT_BDF(bdf));
	if (r == 0)
		*ret = found[0];
	free(found);
	return r;
}

int pt_function_read_plain(const struct pt_host *host, const struct pt_bdf *bdf,
	struct pt_function *ret, struct pt_err *err)
{
	static const struct locked_attrs unread;
	int r = read_function(host, bdf, &unread, ret);

	return r < 0 ? pt_err_errno(err, r, "%s: read from sysfs", PT_BDF(bdf)) : 0;
}

/* Reads a name of the devices folder. Any byte may stand for the dot: managers match loosely. */
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

static int find_function(const struct pt_host *host, const struct pt_bdf *bdf, struct pt_bdf **ret,
	size_t *ret_count, struct pt_err *err)
{
	char path[PT_PCI_PATH];
	/* the name, not the link's target: its ".." may fail, see pt_host_openat */
	PT_CLOSE int fd = pt_host_openat(host, pt_pci_path(bdf, "", path), O_PATH | O_NOFOLLOW);

	*ret = NULL;
	*ret_count = 0;
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return pt_err_errno(err, fd, "%s", path);
	pt_bdfs_add(ret, ret_count, bdf);
	return 0;
}

int pt_functions_matching(const struct pt_host *host, const char *filter, struct pt_bdf **ret,
	size_t *ret_count, struct pt_err *err)
{
	struct pt_names PT_NAMES names = {0};
	struct pt_bdf *found = NULL;
	struct pt_bdf one;
	size_t count = 0;
	int r;

	/* that function alone: no other needs to be listed */
	if (pt_bdf_of_filter(filter, &one))
		return find_function(host, &one, ret, ret_count, err);
	r = pt_host_list(host, PT_PCI_DEVICES, &names);
	if (r < 0 && r != -ENOENT)
		return pt_err_errno(err, r, PT_PCI_DEVICES);
	pt_foreach (name, names.name, names.count) {
		struct pt_bdf bdf;

		if (parse_name(*name, &bdf) && pt_bdf_matches(&bdf, filter))
			pt_bdfs_add(&found, &count, &bdf);
	}
	*ret = found;
	*ret_count = count;
	return 0;
}
