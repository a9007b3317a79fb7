// SPDX-License-Identifier: AGPL-3.0-or-later
/* model SEED STEPS: the made kernel of the unit tests against the real one. The same steps, drawn
 * from the seed, go through the same gate to both; after each, the errno and the state of every
 * function must be the same. Runs in the lab, where vfio-pci was loaded before the other drivers,
 * and leaves its functions at home. */
#include <errno.h>

#include "lib/pci/inventory.h"
#include "tests/fake.h"

#define WAIT_MS 20000

static const char *const drivers[] = {PT_VFIO_PCI, "nvme", "e1000e"};

struct subject {
	struct pt_bdf bdf;
	char ids[32];  /* as new_id takes them */
	char home[64]; /* "" for none */
};

struct model {
	struct pt_host *live;
	struct fake fake;
	struct subject *subject;
	size_t count;
	unsigned short random[3];
};

struct step {
	char path[128];
	char text[64];
};

static size_t pick(struct model *model, size_t count)
{
	return (size_t)nrand48(model->random) % count;
}

/* Whether a function is one of those that are moved: all of their ids, since new_id means each of
 * them. No other driver's probe is asked to take them, which would tell about that driver. */
static bool is_wanted(const struct pt_function *function)
{
	return !pt_function_is_vf(function) && !function->is_bridge &&
	       (pt_streq(function->driver, "nvme") || pt_streq(function->driver, "e1000e") ||
		       (!function->driver && pt_streq(function->vendor, "1234")));
}

static void add_to_tree(struct json_object *functions, const struct pt_function *function)
{
	struct json_object *json = json_object_new_object();
	PT_FREE char *vendor = pt_format("0x%s", function->vendor);
	PT_FREE char *device = pt_format("0x%s", function->device);
	PT_FREE char *group = pt_format("%d", function->group);

	json_object_object_add(json, "addr", json_object_new_string(PT_BDF(&function->bdf)));
	json_object_object_add(json, "vendor", json_object_new_string(vendor));
	json_object_object_add(json, "device", json_object_new_string(device));
	json_object_object_add(json, "iommu_group", json_object_new_string(group));
	if (function->driver)
		json_object_object_add(json, "driver", json_object_new_string(function->driver));
	json_object_array_add(functions, json);
}

/* The simulated host holds the moved functions, as the real one has them now. */
static void make_fake(struct model *model)
{
	struct json_object *tree = json_object_new_object();
	struct json_object *functions = json_object_new_array();
	struct pt_inventory PT_INVENTORY inventory = {0};

	if (pt_inventory_read_all(model->live, &inventory, NULL) < 0)
		fake_die("inventory");
	pt_foreach (function, inventory.function, inventory.count) {
		struct subject *slot;

		if (!is_wanted(function))
			continue;
		slot = pt_array_grow(&model->subject, &model->count, sizeof(*slot));
		if (!slot)
			fake_die("memory");
		slot->bdf = function->bdf;
		snprintf(slot->ids, sizeof(slot->ids), "%s %s", function->vendor, function->device);
		snprintf(slot->home, sizeof(slot->home), "%s",
			function->driver ? function->driver : "");
		add_to_tree(functions, function);
	}
	json_object_object_add(tree, "functions", functions);
	fake_open(&model->fake);
	fake_tree(&model->fake, tree);
	json_object_put(tree);
	if (model->count < 6)
		fake_die("the machine has not the functions of the lab");
}

static void function_step(struct step *step, const struct subject *subject, const char *file)
{
	pt_pci_path(&subject->bdf, file, step->path);
}

static void driver_step(struct step *step, const char *driver, const char *file, const char *text)
{
	snprintf(step->path, sizeof(step->path), PT_PCI_DRIVERS "/%s/%s", driver, file);
	snprintf(step->text, sizeof(step->text), "%s", text);
}

static struct step draw(struct model *model)
{
	const struct subject *subject = &model->subject[pick(model, model->count)];
	const char *driver = drivers[pick(model, PT_ARRAY_SIZE(drivers))];
	struct step step = {.text = "1"};
	char bdf[PT_BDF_TEXT];

	pt_bdf_format(&subject->bdf, bdf);
	switch (pick(model, 17)) {
	case 0:
		function_step(&step, subject, "driver_override");
		snprintf(step.text, sizeof(step.text), PT_VFIO_PCI);
		break;
	case 1:
		function_step(&step, subject, "driver_override");
		snprintf(step.text, sizeof(step.text), "%s",
			subject->home[0] ? subject->home : "no-such-driver");
		break;
	case 16:
		function_step(&step, subject, "driver_override");
		snprintf(step.text, sizeof(step.text), "no-such-driver");
		break;
	case 2:
		function_step(&step, subject, "driver_override");
		snprintf(step.text, sizeof(step.text), "\n");
		break;
	case 3:
	case 4:
	case 5:
		function_step(&step, subject, "driver/unbind");
		snprintf(step.text, sizeof(step.text), "%s", bdf);
		break;
	case 6:
		driver_step(&step, driver, "unbind", bdf);
		break;
	case 7:
	case 8:
	case 9:
		driver_step(&step, driver, "bind", bdf);
		break;
	case 10:
		driver_step(&step, subject->home[0] ? subject->home : driver, "bind", bdf);
		break;
	case 11:
		snprintf(step.path, sizeof(step.path), "/sys/bus/pci/drivers_probe");
		snprintf(step.text, sizeof(step.text), "%s", bdf);
		break;
	case 12:
		driver_step(&step, PT_VFIO_PCI, "new_id", subject->ids);
		break;
	case 13:
		driver_step(&step, PT_VFIO_PCI, "remove_id", subject->ids);
		break;
	case 14:
		function_step(&step, subject, "remove");
		break;
	default:
		snprintf(step.path, sizeof(step.path), "/sys/bus/pci/rescan");
	}
	return step;
}

static int do_step(const struct pt_host *host, const struct step *step)
{
	struct pt_write write;
	int r = pt_host_write_start(host, step->path, step->text, -1, &write, NULL);

	return r < 0 ? r : pt_host_write_wait(host, &write, pt_now_ms() + WAIT_MS, NULL);
}

/* "driver override" of a function, or "gone". */
static void look(const struct pt_host *host, const struct subject *subject, char text[static 160])
{
	PT_FREE char *driver = NULL;
	PT_FREE char *override = NULL;

	if (pt_function_read_driver(host, &subject->bdf, &driver) < 0 ||
		pt_function_read_override(host, &subject->bdf, &override) < 0)
		snprintf(text, 160, "gone");
	else
		snprintf(text, 160, "%s, override %s", driver ? driver : "no driver",
			override ? override : "none");
}

/* Whether both machines are the same; prints the differences. */
static bool is_same(const struct model *model)
{
	bool same = true;

	pt_foreach (subject, model->subject, model->count) {
		char live[160], made[160];

		look(model->live, subject, live);
		look(model->fake.host, subject, made);
		if (!pt_streq(live, made))
			printf("%s: the kernel: %s; the made one: %s\n", PT_BDF(&subject->bdf),
				live, made);
		same &= pt_streq(live, made);
	}
	return same;
}

/* Steps that agreed, before the first that did not. */
static size_t run(struct model *model, size_t steps)
{
	for (size_t i = 0; i < steps; i++) {
		struct step step = draw(model);
		int live = do_step(model->live, &step);
		int made = do_step(model->fake.host, &step);
		bool same = is_same(model);

		step.text[strcspn(step.text, "\n")] = '\0';
		if (live != made || !same) {
			printf("step %zu, '%s' to %s: the kernel: %s; the made one: %s\n", i + 1,
				step.text, step.path, live ? strerror(-live) : "success",
				made ? strerror(-made) : "success");
			return i;
		}
	}
	return steps;
}

/* Whether a function is at home again. */
static bool bring_home(const struct model *model, const struct subject *subject)
{
	struct step step = {.text = "\n"};
	char bdf[PT_BDF_TEXT], now[160], home[160];

	pt_bdf_format(&subject->bdf, bdf);
	function_step(&step, subject, "driver_override");
	do_step(model->live, &step);
	function_step(&step, subject, "driver/unbind");
	snprintf(step.text, sizeof(step.text), "%s", bdf);
	do_step(model->live, &step);
	if (subject->home[0]) {
		driver_step(&step, subject->home, "bind", bdf);
		do_step(model->live, &step);
	}
	look(model->live, subject, now);
	snprintf(home, sizeof(home), "%s, override none",
		subject->home[0] ? subject->home : "no driver");
	if (!pt_streq(now, home))
		printf("%s is not at home: %s\n", bdf, now);
	return pt_streq(now, home);
}

static bool all_home(const struct model *model)
{
	struct step step = {.path = "/sys/bus/pci/rescan", .text = "1"};
	bool home = true;

	do_step(model->live, &step);
	pt_foreach (subject, model->subject, model->count) {
		driver_step(&step, PT_VFIO_PCI, "remove_id", subject->ids);
		do_step(model->live, &step);
	}
	pt_foreach (subject, model->subject, model->count)
		home &= bring_home(model, subject);
	return home;
}

int main(int argc, char **argv)
{
	struct model model = {0};
	size_t steps, agreed;
	unsigned long seed;
	bool home;

	if (argc != 3)
		return 2;
	seed = strtoul(argv[1], NULL, 10);
	steps = strtoul(argv[2], NULL, 10);
	model.random[0] = (unsigned short)seed;
	model.random[1] = (unsigned short)(seed >> 16);
	if (pt_host_open(&model.live, "/", NULL, NULL) < 0)
		return 1;
	make_fake(&model);
	agreed = run(&model, steps);
	home = all_home(&model);
	printf("seed %lu: agreed %zu of %zu\n", seed, agreed, steps);
	fake_close(&model.fake);
	pt_host_close(model.live);
	free(model.subject);
	return agreed == steps && home ? 0 : 1;
}
