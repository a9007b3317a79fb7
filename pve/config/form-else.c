// SPDX-License-Identifier: AGPL-3.0-or-later
/* What is handed over in place of a guest's config, so that the answer names it. */
#include "pve/config/form.h"

/* Keys that no guest's config has, and what has them. Static texts. */
static const struct {
	const char *key, *what;
} foreign[] = {
	{"rootfs", "is a container's config; Proxmox VE passes no PCI device to a container"},
	{"unprivileged", "is a container's config; Proxmox VE passes no PCI device to a container"},
	{"lxc", "is a container's config; Proxmox VE passes no PCI device to a container"},
	{"qmpstatus", "is the status of a guest; 'qm config VMID' prints its config"},
	{"maxmem", "is the status of a guest; 'qm config VMID' prints its config"},
	{"cpuinfo", "is the status of a node; 'qm config VMID' prints a guest's config"},
	{"loadavg", "is the status of a node; 'qm config VMID' prints a guest's config"},
	{"uptime", "is a status; 'qm config VMID' prints a guest's config"},
	{"services", "is a file of Docker's compose"},
	{"users", "is user data of cloud-init"},
	{"deployment", "is a stack of Pulumi; the inputs of one guest as JSON are read"},
	{"steps", "is a preview of Pulumi; the inputs of one guest as JSON are read"},
	{"changeSummary", "is a preview of Pulumi; the inputs of one guest as JSON are read"},
	{"proxmox_vms", "is the result of an Ansible module; the module's parameters are read"},
	{"modules",
		"is a state of Terraform before 0.12; 'terraform show -json' prints it as JSON"},
	{"resource",
		"is Terraform's own language as JSON; 'terraform show -json PLANFILE' prints a "
		"plan"},
	{"inventory", "is the facts of a node, which belong to --facts"},
};

const char *pt_form_foreign_key(const char *key)
{
	pt_foreach (one, foreign, PT_ARRAY_SIZE(foreign)) {
		if (pt_streq(one->key, key))
			return one->what;
	}
	return pt_starts_with(key, "lxc.") ? foreign[0].what : NULL;
}

const char *pt_form_what_bytes(const char *text, size_t length)
{
	if (!length)
		return "is empty";
	if (!*text)
		return "is binary";
	if (pt_starts_with(text, "\x1f\x8b") || pt_starts_with(text, "BZh") ||
		pt_starts_with(text, "\xfd"
				     "7zXZ") ||
		pt_starts_with(text, "\x28\xb5\x2f\xfd"))
		return "is compressed; unpack it first";
	if (pt_starts_with(text, "PK\3\4"))
		return "is a plan in Terraform's own form, or another archive; 'terraform show -json "
		       "FILE' prints a plan";
	if (pt_starts_with(text, "\xff\xfe") || pt_starts_with(text, "\xfe\xff"))
		return "is UTF-16; write it as UTF-8";
	return NULL;
}

const char *pt_form_what_text(const char *text)
{
	const size_t line = strcspn(text, "\r\n");

	if (!*text)
		return "is empty";
	if (pt_starts_with(text, "HTTP/"))
		return "begins with HTTP headers; pass the body alone (curl without -i)";
	if (*text == '<')
		return "is HTML or XML, perhaps a login page";
	if (pt_starts_with(text, "cur ") || pt_starts_with(text, "new ") ||
		pt_starts_with(text, "del "))
		return "is the output of 'qm pending'; 'qm config VMID' prints the config";
	if (pt_starts_with(text, "diff ") ||
		(pt_starts_with(text, "--- ") && strstr(text, "\n+++ ")))
		return "is the difference of two files";
	if (pt_starts_with(text, "---") || pt_starts_with(text, "- "))
		return "is YAML, perhaps an Ansible playbook; the module's parameters as JSON are "
		       "read";
	if (pt_starts_with(text, "services:") || strstr(text, "\nservices:"))
		return "is a file of Docker's compose";
	if (pt_starts_with(text, "#cloud-config") && strchr("\r\n", text[strlen("#cloud-config")]))
		return "is user data of cloud-init";
	if (pt_starts_with(text, "/usr/bin/kvm "))
		return "is the output of 'qm showcmd'; 'qm config VMID' prints the config";
	if (pt_starts_with(text, "resource \"") || pt_starts_with(text, "terraform {"))
		return "is Terraform's own language; 'terraform show -json PLANFILE' prints a plan";
	if (pt_starts_with(text, "# proxmox_") || pt_starts_with(text, "# module.") ||
		strstr(text, "\nresource \"proxmox_"))
		return "is what 'terraform show' prints for people; 'terraform show -json' prints it as "
		       "JSON";
	if (pt_starts_with(text, "\xe2\x94\x8c"))
		return "is a table of pvesh; add --output-format json";
	if (strstr(text, " ansible_host="))
		return "is an inventory of Ansible; the module's parameters as JSON are read";
	if (strstr(text, "\n\tmap "))
		return "is a file of mappings, not a guest's config";
	if (pt_starts_with(text, "--") || pt_starts_with(text, "qm ") ||
		pt_starts_with(text, "sudo ") || pt_starts_with(text, "pvesh "))
		return "holds arguments of qm; write each as a line, 'hostpci0: VALUE'";
	/* a line of a config has a colon before anything else */
	if (*text != '#' && strcspn(text, "=") < strcspn(text, ":\r\n") && memchr(text, '&', line))
		return "is an encoded form of HTTP; write each part as a line, 'hostpci0: VALUE'";
	return NULL;
}
