// SPDX-License-Identifier: AGPL-3.0-or-later
#include "lib/pci/function.h"

bool pt_function_is_display(const struct pt_function *function)
{
	return function->class >> 16 == 0x03;
}

/* Classes of PCI Code and ID Assignment 1.16; root: only on a root bus, since cards have them too.
 */
static const struct chipset {
	unsigned int class, mask;
	bool root;
	const char *vendor, *what;
} chipset[] = {
	{0x0600, 0xffff, false, NULL, "host bridge"},
	{0x0601, 0xffff, false, NULL, "ISA bridge"},
	{0x0c05, 0xffff, false, NULL, "SMBus controller"},
	{0x0500, 0xff00, true, NULL, "memory controller"},
	{0x0680, 0xffff, true, NULL, "bridge"},
	/* AMD's, beside integrated graphics and in the chipset */
	{0x1080, 0xffff, false, "1022", "security processor"},
};

const char *pt_function_chipset(const struct pt_function *function)
{
	if (pt_function_is_vf(function))
		return NULL;
	pt_foreach (part, chipset, PT_ARRAY_SIZE(chipset)) {
		if ((function->class >> 8 & part->mask) == part->class &&
			!(part->root && function->has_parent) &&
			(!part->vendor || pt_streq(function->vendor, part->vendor)))
			return part->what;
	}
	return NULL;
}

bool pt_function_has_vgpu(const struct pt_function *function)
{
	return function->has_nvidia && !function->has_mdev;
}

bool pt_function_on_vfio(const struct pt_function *function)
{
	return function->has_vfio_dev || pt_streq(function->driver, PT_VFIO_PCI);
}

void pt_function_clear(struct pt_function *function)
{
	free(function->driver);
	free(function->override);
	free(function->modalias);
	free(function->reserved_region);
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

bool pt_function_is_dead(const struct pt_function *function)
{
	return function->space.ones && !pt_function_is_vf(function);
}
