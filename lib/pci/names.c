// SPDX-License-Identifier: AGPL-3.0-or-later
#include <pci/pci.h>
#include <setjmp.h>

#include "lib/base/library.h"
#include "lib/pci/names.h"

/* The functions of libpci that we call. */
#define PCI_CALLS(X) X(pci_alloc) X(pci_cleanup) X(pci_free_name_list) X(pci_lookup_name)

static struct {
#define CALL(name) typeof(name) *name;
	PCI_CALLS(CALL)
#undef CALL
} libpci;

struct pt_pcinames {
	struct pci_access *access;
};

/* libpci ends the process on an error unless its handler does not return. Names need no access
 * method, so the access is never initialised and the bus never scanned. */
static jmp_buf *failure;

static void __attribute__((noreturn)) PT_PRINTF(1, 2) give_up(char *fmt, ...)
{
	(void)fmt;
	longjmp(*failure, 1);
}

static void PT_PRINTF(1, 2) ignore(char *fmt, ...)
{
	(void)fmt;
}

struct pt_pcinames *pt_pcinames_open(void)
{
#define CALL(name) {#name, &libpci.name},
	static const struct pt_symbol symbols[] = {PCI_CALLS(CALL)};
#undef CALL
	struct pt_pcinames *names = pt_calloc(1, sizeof(*names));

	if (pt_library_load("libpci.so.3", symbols, PT_ARRAY_SIZE(symbols)))
		return names;
	names->access = libpci.pci_alloc();
	/* pci_init would set these, and look for an access method, which we do without */
	names->access->error = give_up;
	names->access->warning = ignore;
	names->access->debug = ignore;
	return names;
}

void pt_pcinames_close_p(struct pt_pcinames **closed)
{
	struct pt_pcinames *names = PT_STEAL(*closed);

	if (!names)
		return;
	if (names->access) {
		libpci.pci_free_name_list(names->access);
		libpci.pci_cleanup(names->access);
	}
	free(names);
}

const char *pt_pciname(
	struct pt_pcinames *names, const struct pt_function *function, char *text, size_t size)
{
	int vendor = (int)strtoul(function->vendor, NULL, 16);
	int device = (int)strtoul(function->device, NULL, 16);
	int class = (int)(function->class >> 8);
	char class_name[96] = "", device_name[160] = "";
	jmp_buf here;

	failure = &here;
	if (names->access && setjmp(here) == 0) {
		libpci.pci_lookup_name(names->access, class_name, (int)sizeof(class_name),
			PCI_LOOKUP_CLASS, class);
		libpci.pci_lookup_name(names->access, device_name, (int)sizeof(device_name),
			PCI_LOOKUP_VENDOR | PCI_LOOKUP_DEVICE, vendor, device);
	}
	failure = NULL;
	if (!names->access) {
		snprintf(class_name, sizeof(class_name), "Class %04x", class);
		snprintf(device_name, sizeof(device_name), "Device %04x:%04x", vendor, device);
	}
	snprintf(text, size, "%s (%s)", device_name, class_name);
	return text;
}
