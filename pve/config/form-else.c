// SPDX-License-Identifier: AGPL-3.0-or-later
/* What is handed over in place of a guest's config, so that the answer names it. */
#include <ctype.h>

#include "pve/config/form.h"

#define QM_PENDING "is the output of 'qm pending'; 'qm config VMID' prints the config"
#define YAML	   "is YAML, perhaps an Ansible playbook; the module's parameters as JSON are read"
#define COMPOSE	   "is a file of Docker's compose"
#define INVENTORY  "is an inventory of Ansible; the module's parameters as JSON are read"
#define LANGUAGE   "is Terraform's own language; 'terraform show -json PLANFILE' prints a plan"
#define SHOWN	   "is what 'terraform show' prints for people; 'terraform show -json' prints it as JSON"
#define PLANNED                                                                                     \
	"is what 'terraform plan' prints for people; 'terraform show -json PLANFILE' prints it as " \
	"JSON"
#define TABLE	  "is a table of pvesh; add --output-format json"
#define ARGUMENTS "holds arguments of qm; write each as a line, 'hostpci0: VALUE'"
#define LOG	  "is the log of a start; 'pve-ptconf explain MESSAGE' explains a line of it"

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
	{"plan_format_version",
		"is a plan of HCP Terraform without its values; 'terraform show -json PLANFILE' "
		"prints a whole one"},
	{"inventory", "is the facts of a node, which belong to --facts"},
	{"_meta", "is an inventory of Ansible; the module's parameters as JSON are read"},
	{"inputs", "is a resource of Pulumi; its inputs as JSON are read"},
	{"builders", "is a template of Packer; the guest's own config is read"},
	{"pci_devices", "is a builder of Packer; the guest's own config is read"},
};

const char *pt_form_foreign_key(const char *key)
{
	pt_foreach (one, foreign, PT_ARRAY_SIZE(foreign)) {
		if (pt_streq(one->key, key))
			return one->what;
	}
	return pt_starts_with(key, "lxc.") ? foreign[0].what : NULL;
}

/* gzip, bzip2, xz, zstd, lzo, lz4 */
static const char *const compressed[] = {
	"\037\213", "BZh", "\3757zXZ", "\050\265\057\375", "\211LZO", "\004\042\115\030"};

/* Whether more than a few of the first bytes are control characters; one may stand in any text. */
static bool is_binary(const char *text, size_t length)
{
	const size_t looked = length < 512 ? length : 512;
	size_t controls = 0;

	for (size_t i = 0; i < looked; i++)
		controls += iscntrl((unsigned char)text[i]) && !strchr("\t\r\n\f\033", text[i]);
	for (size_t i = 0; i < looked; i++)
		controls += !text[i];
	return controls * 10 > looked;
}

/* What begins with one of the words, each with what it is. Static texts. */
static const struct {
	const char *head, *what;
} beginnings[] = {
	{"HTTP/", "begins with HTTP headers; pass the body alone (curl without -i)"},
	{"<", "is HTML or XML, perhaps a login page"},
	{"%PDF-", "is binary"},
	{"cur ", QM_PENDING},
	{"new ", QM_PENDING},
	{"del ", QM_PENDING},
	{"diff ", "is the difference of two files"},
	{"kvm: -", LOG},
	{"TASK ERROR: ", LOG},
	{"---", YAML},
	{"- ", YAML},
	{"services:", COMPOSE},
	{"all:", INVENTORY},
	{"/usr/bin/kvm ", "is the output of 'qm showcmd'; 'qm config VMID' prints the config"},
	{"# proxmox_", SHOWN},
	{"# module.", SHOWN},
	{"Terraform ", PLANNED},
	{"OpenTofu ", PLANNED},
	{"terraform {", LANGUAGE},
	{"locals {", LANGUAGE},
	{"resource \"", LANGUAGE},
	{"module \"", LANGUAGE},
	{"variable \"", LANGUAGE},
	{"provider \"", LANGUAGE},
	{"data \"", LANGUAGE},
	{"output \"", LANGUAGE},
	{"\xe2\x94\x8c", TABLE},
	{"+--", TABLE},
	{"key ", TABLE},
	{"--", ARGUMENTS},
	{"qm ", ARGUMENTS},
	{"sudo ", ARGUMENTS},
	{"pvesh ", ARGUMENTS},
};

/* The same of what holds one of the words. */
static const struct {
	const char *word, *what;
} contents[] = {
	{"\nservices:", COMPOSE},
	{" will perform the following actions:", PLANNED},
	{" used the selected providers", PLANNED},
	{"\nresource \"", LANGUAGE},
	{"\nmodule \"", LANGUAGE},
	{"\nlocals {", LANGUAGE},
	{" ansible_host=", INVENTORY},
	{" ansible_user=", INVENTORY},
	{" ansible_connection=", INVENTORY},
	{"\n\tmap ", "is a file of mappings, not a guest's config"},
	{"\nkvm: -", LOG},
	{"\nTASK ERROR: ", LOG},
};

const char *pt_form_what_bytes(const char *text, size_t length)
{
	if (!length)
		return "is empty";
	if (!*text)
		return "is binary";
	pt_foreach (head, compressed, PT_ARRAY_SIZE(compressed)) {
		if (pt_starts_with(text, *head))
			return "is compressed; unpack it first";
	}
	if (pt_starts_with(text, "VMA") && !text[3])
		return "is a guest's backup; 'vma config FILE' prints the config within";
	if (pt_starts_with(text, "PK\3\4"))
		return "is a plan in Terraform's own form, or another archive; 'terraform show -json "
		       "FILE' prints a plan";
	if (pt_starts_with(text, "\xff\xfe") || pt_starts_with(text, "\xfe\xff"))
		return "is UTF-16; write it as UTF-8";
	return is_binary(text, length) ? "is binary" : NULL;
}

const char *pt_form_what_text(const char *text)
{
	const size_t line = strcspn(text, "\r\n");

	if (!*text)
		return "is empty";
	if (pt_starts_with(text, "--- ") && strstr(text, "\n+++ "))
		return "is the difference of two files";
	if (pt_starts_with(text, "#cloud-config") && strchr("\r\n", text[strlen("#cloud-config")]))
		return "is user data of cloud-init";
	pt_foreach (one, beginnings, PT_ARRAY_SIZE(beginnings)) {
		if (pt_starts_with(text, one->head))
			return one->what;
	}
	pt_foreach (one, contents, PT_ARRAY_SIZE(contents)) {
		if (strstr(text, one->word))
			return one->what;
	}
	/* a line of a config has a colon before anything else */
	if (*text != '#' && strcspn(text, "=") < strcspn(text, ":\r\n") && memchr(text, '&', line))
		return "is an encoded form of HTTP; write each part as a line, 'hostpci0: VALUE'";
	return NULL;
}
