// SPDX-License-Identifier: GPL-2.0-only
/* A host driver for QEMU's "edu" that misbehaves on request: it hangs while it loads, comes or goes
 * until it is let go, takes its time for that, or does not come at all. It has one device file for
 * all its devices, /dev/stubborn. It also offers what drivers of graphics cards offer: a mediated
 * device type, and NVIDIA's vGPU interface. The requests stand in /sys/module/stubborn/parameters.
 */
#include <linux/delay.h>
#include <linux/mdev.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/vfio.h>

static unsigned int probe_error, probe_ms, remove_ms;
static bool hold_init, hold_probe, hold_remove, mdev, nvidia;
module_param(hold_init, bool, 0644);
module_param(hold_probe, bool, 0644);
module_param(hold_remove, bool, 0644);
module_param(probe_error, uint, 0644);
module_param(probe_ms, uint, 0644);
module_param(remove_ms, uint, 0644);
module_param(mdev, bool, 0644);
module_param(nvidia, bool, 0644);

static void wait_for_end_of(const bool *hold)
{
	while (READ_ONCE(*hold))
		msleep(20);
}

struct stubborn {
	struct mdev_parent parent;
	struct mdev_type type;
	struct mdev_type *types[1];
	bool has_mdev, has_nvidia;
	unsigned int vgpu; /* type of the one that there can be, 0: none */
};

static int instance_probe(struct mdev_device *device)
{
	return 0;
}

static void instance_remove(struct mdev_device *device)
{
}

static struct mdev_driver instance_driver = {
	.device_api = VFIO_DEVICE_API_PCI_STRING,
	.max_instances = 1,
	.driver = {.name = "stubborn_mdev", .owner = THIS_MODULE, .mod_name = KBUILD_MODNAME},
	.probe = instance_probe,
	.remove = instance_remove,
};

static ssize_t creatable_vgpu_types_show(
	struct device *device, struct device_attribute *attribute, char *text)
{
	struct stubborn *stubborn = dev_get_drvdata(device);

	return sysfs_emit(text, "ID    : vGPU Name\n%s",
		stubborn->vgpu ? "" : "5     : NVIDIA Stubborn-1Q\n");
}
static DEVICE_ATTR_RO(creatable_vgpu_types);

static ssize_t current_vgpu_type_show(
	struct device *device, struct device_attribute *attribute, char *text)
{
	struct stubborn *stubborn = dev_get_drvdata(device);

	return sysfs_emit(text, "%u\n", stubborn->vgpu);
}

static ssize_t current_vgpu_type_store(
	struct device *device, struct device_attribute *attribute, const char *text, size_t count)
{
	struct stubborn *stubborn = dev_get_drvdata(device);
	unsigned int type;

	if (kstrtouint(text, 10, &type) || (type && (type != 5 || stubborn->vgpu)))
		return -EINVAL;
	stubborn->vgpu = type;
	return (ssize_t)count;
}
static DEVICE_ATTR_RW(current_vgpu_type);

static struct attribute *nvidia_attributes[] = {
	&dev_attr_creatable_vgpu_types.attr, &dev_attr_current_vgpu_type.attr, NULL};
static const struct attribute_group nvidia_group = {.name = "nvidia", .attrs = nvidia_attributes};

static int stubborn_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct stubborn *stubborn = devm_kzalloc(&pdev->dev, sizeof(*stubborn), GFP_KERNEL);
	int r = 0;

	if (!stubborn)
		return -ENOMEM;
	wait_for_end_of(&hold_probe);
	msleep(probe_ms);
	if (probe_error)
		return -(int)probe_error;
	pci_set_drvdata(pdev, stubborn);
	stubborn->has_mdev = mdev;
	stubborn->has_nvidia = nvidia;
	if (nvidia)
		r = sysfs_create_group(&pdev->dev.kobj, &nvidia_group);
	if (r || !mdev)
		return r;
	stubborn->type.sysfs_name = "slice";
	stubborn->type.pretty_name = "a slice of nothing";
	stubborn->types[0] = &stubborn->type;
	return mdev_register_parent(
		&stubborn->parent, &pdev->dev, &instance_driver, stubborn->types, 1);
}

static void stubborn_remove(struct pci_dev *pdev)
{
	struct stubborn *stubborn = pci_get_drvdata(pdev);

	wait_for_end_of(&hold_remove);
	msleep(remove_ms);
	if (stubborn->has_mdev)
		mdev_unregister_parent(&stubborn->parent);
	if (stubborn->has_nvidia)
		sysfs_remove_group(&pdev->dev.kobj, &nvidia_group);
}

static const struct pci_device_id ids[] = {{PCI_DEVICE(0x1234, 0x11e8)}, {}};
static struct pci_driver stubborn_driver = {
	.name = "stubborn",
	.id_table = ids,
	.probe = stubborn_probe,
	.remove = stubborn_remove,
};

static const struct file_operations node_operations = {.owner = THIS_MODULE};
static struct miscdevice node = {
	.minor = MISC_DYNAMIC_MINOR, .name = "stubborn", .fops = &node_operations};

static int __init stubborn_init(void)
{
	int r;

	wait_for_end_of(&hold_init);
	r = misc_register(&node);
	if (r)
		return r;
	r = mdev_register_driver(&instance_driver);
	if (r)
		goto no_mdev;
	r = pci_register_driver(&stubborn_driver);
	if (r)
		goto no_pci;
	return 0;
no_pci:
	mdev_unregister_driver(&instance_driver);
no_mdev:
	misc_deregister(&node);
	return r;
}
module_init(stubborn_init);

static void __exit stubborn_exit(void)
{
	pci_unregister_driver(&stubborn_driver);
	mdev_unregister_driver(&instance_driver);
	misc_deregister(&node);
}
module_exit(stubborn_exit);

MODULE_DESCRIPTION("a PCI driver that misbehaves on request");
MODULE_LICENSE("GPL");
