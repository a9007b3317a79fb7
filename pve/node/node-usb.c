// SPDX-License-Identifier: AGPL-3.0-or-later
/* The USB devices that guests' configs name, and the controllers that they hang on. Source:
 * qemu-server, QemuServer/USB.pm. */
#include <strings.h>

#include "pve/config/paths.h"
#include "pve/config/propstring.h"
#include "pve/node/node.h"

#define USB_DEVICES  "/sys/bus/usb/devices"
#define MAPPINGS_MAX (1024U * 1024)

/* The controller in a path of sysfs, ".../0000:00:14.0/usb1/1-2": the last address in it. */
static bool controller_of(const char *path, struct pt_bdf *ret)
{
	PT_FREE char *copy = pt_strdup(path);
	bool found = false;
	char *part, *rest;

	for (part = strtok_r(copy, "/", &rest); part; part = strtok_r(NULL, "/", &rest)) {
		struct pt_bdf one;

		if (!pt_bdf_parse(part, &one))
			continue;
		*ret = one;
		found = true;
	}
	return found;
}

/* Adds the user of a device, "1-2.3"; of one that is not plugged in its bus tells. */
static void add_port(struct pt_node *node, unsigned int vmid, const char *port)
{
	PT_FREE char *path = pt_format(USB_DEVICES "/%s", port);
	PT_FREE char *bus = pt_format(USB_DEVICES "/usb%.*s", (int)strcspn(port, "-"), port);
	PT_FREE char *target = NULL;
	struct pt_usb_user *slot;
	struct pt_bdf controller;

	if (strchr(port, '/') || (pt_host_link(node->host, path, &target) < 0 &&
					 pt_host_link(node->host, bus, &target) < 0))
		return;
	if (!controller_of(target, &controller))
		return;
	slot = pt_array_grow(&node->usb_user, &node->usb_user_count, sizeof(*slot));
	slot->vmid = vmid;
	slot->controller = controller;
	snprintf(slot->port, sizeof(slot->port), "%s", port);
}

static bool has_id(struct pt_node *node, const char *port, const char *file, const char *id)
{
	PT_FREE char *path = pt_format(USB_DEVICES "/%s/%s", port, file);
	PT_FREE char *text = NULL;

	return pt_host_read_line(node->host, path, &text) == 0 && strcasecmp(text, id) == 0;
}

static const char *plain_id(const char *id)
{
	return pt_starts_with(id, "0x") ? id + strlen("0x") : id;
}

/* The same of each device with these ids, "046d:c52b". */
static void add_ids(struct pt_node *node, unsigned int vmid, const char *ids)
{
	PT_FREE char *vendor = pt_strndup(ids, strcspn(ids, ":"));
	const char *device = ids + strlen(vendor) + 1;
	struct pt_names PT_NAMES ports = {0};

	if (pt_host_list(node->host, USB_DEVICES, &ports) < 0)
		return;
	pt_foreach (port, ports.name, ports.count) {
		if (has_id(node, *port, "idVendor", plain_id(vendor)) &&
			has_id(node, *port, "idProduct", plain_id(device)))
			add_port(node, vmid, *port);
	}
}

static void add_device(struct pt_node *node, unsigned int vmid, const char *device)
{
	if (strchr(device, ':'))
		add_ids(node, vmid, device);
	else if (strchr(device, '-'))
		add_port(node, vmid, device);
}

/* The devices of a mapping on this node. */
static void add_mapping(struct pt_node *node, unsigned int vmid, const char *mapping)
{
	PT_FREE char *text = NULL;
	char *line, *rest;
	bool here = false;

	if (pt_host_read(node->host, PT_PVE_USB_MAPPINGS, MAPPINGS_MAX, &text, NULL) < 0)
		return;
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		size_t white = strspn(line, " \t");
		PT_FREE char *of = NULL, *path = NULL, *ids = NULL;

		if (!white) {
			line[strcspn(line, " \t\r")] = '\0';
			here = pt_streq(line, mapping);
			continue;
		}
		line += white;
		if (!here || !pt_starts_with(line, "map "))
			continue;
		line += strlen("map ");
		of = pt_prop_of(line, "node", false);
		path = pt_prop_of(line, "path", false);
		ids = pt_prop_of(line, "id", false);
		if (pt_streq(of, node->name) && (path || ids))
			add_device(node, vmid, path ? path : ids);
	}
}

void pt_node_add_usb(struct pt_node *node, unsigned int vmid, const char *value)
{
	PT_FREE char *first = pt_strndup(value, strcspn(value, ", \t\r"));
	PT_FREE char *mapping = pt_prop_of(value, "mapping", false);
	PT_FREE char *host = pt_prop_of(value, "host", false);

	if (mapping)
		add_mapping(node, vmid, mapping);
	else if (host || !strchr(first, '='))
		add_device(node, vmid, host ? host : first);
}
