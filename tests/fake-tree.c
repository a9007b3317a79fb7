// SPDX-License-Identifier: AGPL-3.0-or-later
/* Made hosts from the trees of the conformance cases, and of the same form. */
#include "tests/fake.h"

static const char *text_of(struct json_object *json, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(json, key, &value))
		return NULL;
	return json_object_get_string(value);
}

static void device_file(struct fake *fake, const char *addr, const char *name, const char *text)
{
	PT_FREE char *path = pt_format("/sys/bus/pci/devices/%s/%s", addr, name);
	PT_FREE char *line = pt_format("%s\n", text);

	if (path && line)
		fake_file(fake, path, line);
}

static void device_link(struct fake *fake, const char *addr, const char *name, const char *target)
{
	PT_FREE char *path = pt_format("/sys/bus/pci/devices/%s/%s", addr, name);

	if (path)
		fake_link(fake, path, target);
}

static void add_driver(struct fake *fake, const char *name)
{
	static const char *const files[] = {"bind", "unbind", "new_id", "remove_id"};

	for (size_t i = 0; i < PT_ARRAY_SIZE(files); i++) {
		PT_FREE char *path = pt_format("/sys/bus/pci/drivers/%s/%s", name, files[i]);

		if (path)
			fake_file(fake, path, "");
	}
}

static void bind_to(struct fake *fake, const char *addr, const char *driver)
{
	PT_FREE char *target = pt_format("/sys/bus/pci/drivers/%s", driver);

	add_driver(fake, driver);
	device_link(fake, addr, "driver", target);
	if (!pt_streq(driver, "vfio-pci"))
		device_file(fake, addr, "fake-matches", driver);
}

static void join_group(struct fake *fake, const char *addr, const char *group)
{
	PT_FREE char *target = pt_format("/sys/kernel/iommu_groups/%s", group);
	PT_FREE char *member = pt_format("/sys/kernel/iommu_groups/%s/devices/%s", group, addr);
	PT_FREE char *device = pt_format("/sys/bus/pci/devices/%s", addr);

	if (!target || !member || !device)
		fake_die("group");
	device_link(fake, addr, "iommu_group", target);
	fake_link(fake, member, device);
}

static void add_mdev_types(struct fake *fake, const char *addr, struct json_object *types)
{
	PT_FREE char *dir = pt_format("/sys/bus/pci/devices/%s/mdev_supported_types", addr);

	fake_dir(fake, dir);
	json_object_object_foreach(types, type, values)
	{
		json_object_object_foreach(values, key, value)
		{
			PT_FREE char *path = pt_format("%s/%s/%s", dir, type, key);

			if (path)
				fake_file(fake, path, json_object_get_string(value));
		}
	}
}

static void add_extras(struct fake *fake, const char *addr, struct json_object *function)
{
	struct json_object *extra;

	if (json_object_object_get_ex(function, "mdev_types", &extra))
		add_mdev_types(fake, addr, extra);
	if (json_object_object_get_ex(function, "nvidia", &extra)) {
		json_object_object_foreach(extra, file, text)
		{
			PT_FREE char *name = pt_format("nvidia/%s", file);

			device_file(fake, addr, name, json_object_get_string(text));
		}
	}
	if (json_object_object_get_ex(function, "files", &extra)) {
		json_object_object_foreach(extra, file2, text2)
			device_file(fake, addr, file2, json_object_get_string(text2));
	}
	if (json_object_object_get_ex(function, "links", &extra)) {
		json_object_object_foreach(extra, name3, target3)
		{
			const char *base = strrchr(json_object_get_string(target3), '/');

			if (pt_streq(name3, "iommu_group") && base)
				join_group(fake, addr, base + 1);
			else
				device_link(fake, addr, name3, json_object_get_string(target3));
		}
	}
	if (json_object_object_get_ex(function, "dirs", &extra)) {
		for (size_t i = 0; i < json_object_array_length(extra); i++) {
			PT_FREE char *path = pt_format("/sys/bus/pci/devices/%s/%s", addr,
				json_object_get_string(json_object_array_get_idx(extra, i)));

			fake_dir(fake, path);
		}
	}
}

static void add_vfs(struct fake *fake, const char *addr, struct json_object *function)
{
	struct json_object *vfs;
	const char *physfn = text_of(function, "physfn");
	char name[32];

	if (physfn) {
		PT_FREE char *target = pt_format("../%s", physfn);

		device_link(fake, addr, "physfn", target);
	}
	if (!json_object_object_get_ex(function, "virtfns", &vfs))
		return;
	for (size_t i = 0; i < json_object_array_length(vfs); i++) {
		PT_FREE char *target = pt_format(
			"../%s", json_object_get_string(json_object_array_get_idx(vfs, i)));

		snprintf(name, sizeof(name), "virtfn%zu", i);
		device_link(fake, addr, name, target);
	}
	snprintf(name, sizeof(name), "%zu", json_object_array_length(vfs));
	device_file(fake, addr, "sriov_numvfs", name);
	device_file(fake, addr, "sriov_totalvfs", "8");
	device_file(fake, addr, "sriov_drivers_autoprobe", "1");
}

static void add_function(struct fake *fake, struct json_object *function)
{
	static const char *const ids[] = {
		"vendor", "device", "class", "subsystem_vendor", "subsystem_device"};
	const char *addr = text_of(function, "addr");
	PT_FREE char *dir = pt_format("/sys/bus/pci/devices/%s", addr);
	const char *driver = text_of(function, "driver"), *group = text_of(function, "iommu_group");
	struct json_object *value;

	fake_dir(fake, dir);
	for (size_t i = 0; i < PT_ARRAY_SIZE(ids); i++) {
		if (text_of(function, ids[i]))
			device_file(fake, addr, ids[i], text_of(function, ids[i]));
	}
	if (!json_object_object_get_ex(function, "irq", &value))
		device_file(fake, addr, "irq", "16");
	else if (value)
		device_file(fake, addr, "irq", json_object_get_string(value));
	device_file(fake, addr, "remove", "");
	device_file(fake, addr, "driver_override",
		text_of(function, "override") ? text_of(function, "override") : "(null)");
	if (driver)
		bind_to(fake, addr, driver);
	if (group)
		join_group(fake, addr, group);
	if (text_of(function, "reset"))
		device_file(fake, addr, "reset", "");
	if (text_of(function, "pci_bus")) {
		PT_FREE char *bus = pt_format("%s/pci_bus", dir);

		fake_dir(fake, bus);
	}
	if (text_of(function, "bind_fails"))
		fake_fault(fake, "bind-vfio-pci", addr, "22");
	add_vfs(fake, addr, function);
	add_extras(fake, addr, function);
}

static void add_group_extra(struct fake *fake, struct json_object *groups)
{
	json_object_object_foreach(groups, group, names)
	{
		for (size_t i = 0; i < json_object_array_length(names); i++) {
			PT_FREE char *path = pt_format("/sys/kernel/iommu_groups/%s/devices/%s",
				group, json_object_get_string(json_object_array_get_idx(names, i)));

			fake_link(fake, path, "/gone");
		}
	}
}

void fake_tree(struct fake *fake, struct json_object *tree)
{
	struct json_object *functions, *value;
	const char *vfio = text_of(tree, "vfio_driver");

	if (!text_of(tree, "no_pci_bus")) {
		fake_dir(fake, "/sys/bus/pci/devices");
		fake_dir(fake, "/sys/bus/pci/drivers");
		fake_file(fake, "/sys/bus/pci/drivers_probe", "");
		fake_file(fake, "/sys/bus/pci/rescan", "");
	}
	fake_dir(fake, "/sys/class/iommu");
	if (!json_object_object_get_ex(tree, "iommu", &value))
		fake_dir(fake, "/sys/class/iommu/dmar0");
	for (size_t i = 0; value && i < json_object_array_length(value); i++) {
		PT_FREE char *path = pt_format("/sys/class/iommu/%s",
			json_object_get_string(json_object_array_get_idx(value, i)));

		fake_dir(fake, path);
	}
	if (!vfio || pt_streq(vfio, "yes"))
		add_driver(fake, "vfio-pci");
	json_object_object_get_ex(tree, "functions", &functions);
	for (size_t i = 0; i < json_object_array_length(functions); i++)
		add_function(fake, json_object_array_get_idx(functions, i));
	if (json_object_object_get_ex(tree, "group_extra", &value))
		add_group_extra(fake, value);
}

void fake_tree_text(struct fake *fake, const char *json)
{
	struct json_object *tree = json_tokener_parse(json);

	if (!tree)
		fake_die("tree is no JSON");
	fake_tree(fake, tree);
	json_object_put(tree);
}
