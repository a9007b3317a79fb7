// SPDX-License-Identifier: AGPL-3.0-or-later
/* USB devices that other guests name, on controllers that this guest takes. */
#include "pve/check/gathering.h"

#define CLASS_USB 0x0c03U

static bool takes_controller(const struct pt_facts *facts)
{
	pt_foreach (taken, facts->taken, facts->taken_count) {
		const struct pt_function *function = pt_facts_function(facts, &taken->bdf);

		if (function && function->class >> 8 == CLASS_USB)
			return true;
	}
	return false;
}

int pt_gather_usb(struct pt_gathering *gathering)
{
	struct pt_facts *facts = gathering->facts;
	const struct pt_usb_user *user = NULL;
	size_t count = 0;

	/* that reads the configs of all guests */
	if (!takes_controller(facts))
		return 0;
	pt_node_usb_users(gathering->node, &user, &count);
	for (size_t i = 0; i < count; i++) {
		struct pt_usb_elsewhere *slot;

		if (user[i].vmid == gathering->guest->vmid ||
			!pt_taken_find(facts->taken, facts->taken_count, &user[i].controller))
			continue;
		slot = pt_array_grow(&facts->usb, &facts->usb_count, sizeof(*slot));
		*slot = (struct pt_usb_elsewhere){user[i].controller, user[i].vmid,
			pt_node_pid(gathering->node, user[i].vmid) > 0, user[i].port};
	}
	return 0;
}
