// SPDX-License-Identifier: AGPL-3.0-or-later
/* The facts of sysfs about one PCI function, read once. Source:
 * Documentation/ABI/testing/sysfs-bus-pci. */
#ifndef PT_FUNCTION_H
#define PT_FUNCTION_H

#include "lib/pci/bdf.h"
#include "lib/base/host.h"

#define PT_PCI_DEVICES "/sys/bus/pci/devices"
#define PT_PCI_DRIVERS "/sys/bus/pci/drivers"
#define PT_VFIO_PCI    "vfio-pci"
#define PT_DRIVER_TEXT 64 /* a driver's name */

/* Ids and serial numbers in records: hexadecimal, as sysfs prints them but for the "0x". */
extern const struct pt_form pt_hex_form;

#define PT_PCI_ID_TEXT 8
#define PT_PCI_BARS    6
#define PT_GROUP_NONE  (-1)

struct pt_bar {
	uint64_t start, size; /* bytes; size 0: the BAR is not there */
	bool memory;
	bool is_64bit;
	bool prefetchable;
	bool unset; /* the host gave it no address */
};

#define PT_SERIAL_TEXT 20

/* Where a device has its MSI-X table and pending bits. */
struct pt_msix {
	bool known;	      /* false: it has none, or it could not be read */
	unsigned int vectors; /* 1 to 2048 */
	unsigned int table_bar, pba_bar;
	uint32_t table, pba; /* offsets in bytes */
};

/* The facts of config space; nobody may read it during a reset. */
struct pt_config_space {
	bool known;
	bool ones;		     /* all of its beginning: no answer, or a VF by design */
	char serial[PT_SERIAL_TEXT]; /* of that capability, 16 hex digits; "": none */
	struct pt_msix msix;
};

struct pt_function {
	struct pt_bdf bdf;
	/* a driver has hung on it for a while: the override and the number of VFs are not known */
	bool busy;
	/* vendor, device and irq are readable; else a manager may treat the function as absent */
	bool info_ok;
	/* as sysfs prints them, without 0x; empty when there is no such file */
	char vendor[PT_PCI_ID_TEXT], device[PT_PCI_ID_TEXT];
	char subvendor[PT_PCI_ID_TEXT], subdevice[PT_PCI_ID_TEXT];
	uint32_t class; /* 24 bits: class, subclass, interface */
	bool is_bridge; /* has a pci_bus directory: never bound to vfio-pci */
	bool has_parent;
	struct pt_bdf parent; /* the bridge above */
	char *driver;	      /* NULL: no driver */
	char *override;	      /* NULL: none set */
	char *modalias;	      /* NULL: unknown */
	int group;	      /* PT_GROUP_NONE: not behind an IOMMU */
	/* of its IOMMU group, that the firmware holds for good, "0xbdffd000 to 0xbdffffff"; NULL:
	 * none */
	char *reserved_region;
	int numa_node; /* -1: none */
	int boot_vga;  /* -1: no such file */
	bool has_physfn;
	struct pt_bdf physfn; /* of a VF */
	int vfs, vfs_max;     /* of a PF; -1 when it is none */
	bool has_vf_offset;
	/* of a PF: from its address to that of the first VF, and between two; 0: unknown */
	unsigned int vf_offset, vf_stride;
	struct pt_bdf *vf; /* the VFs that exist */
	size_t vf_count;
	bool has_reset;
	char *reset_methods; /* "flr bus"; NULL: unknown (kernel older than 5.15) */
	char *power_state;   /* "D0"; NULL: unknown */
	bool d3cold_allowed;
	struct pt_bar bar[PT_PCI_BARS];
	bool has_mdev;	 /* mdev_supported_types exists */
	bool has_nvidia; /* the vGPU interface of NVIDIA's driver since 17 */
	struct pt_config_space space;
	bool has_vfio_dev; /* on a vfio driver (kernel 6.1): pt_function_on_vfio */
};

/* Returns the path of a function's file below PT_PCI_DEVICES; name "" is its folder. */
#define PT_PCI_PATH 128
const char *pt_pci_path(const struct pt_bdf *bdf, const char *name, char path[static PT_PCI_PATH]);

/* Reads all of it. -ENODEV: no such function. End with pt_function_clear. */
int pt_function_read(const struct pt_host *host, const struct pt_bdf *bdf, struct pt_function *ret,
	struct pt_err *err);
/* Reads here and now what waits for no lock, without a child: busy is true, and the override, the
 * number of VFs and config space are not known. Errors as pt_function_read. */
int pt_function_read_plain(const struct pt_host *host, const struct pt_bdf *bdf,
	struct pt_function *ret, struct pt_err *err);
void pt_function_clear(struct pt_function *function);

/* Adds each function that exists to an array of the caller, even on failure. One child reads all
 * attributes that wait for a device's lock or reset; pt_function_read starts one for each. */
int pt_functions_read(const struct pt_host *host, const struct pt_bdf *bdf, size_t count,
	struct pt_function **ret, size_t *ret_count, struct pt_err *err);

/* Reads config space, here and now: it may hang. Source: PCI Express Base Specification, 7.9.3
 * and 7.7.2. */
void pt_config_space_read(
	const struct pt_host *host, const struct pt_bdf *bdf, struct pt_config_space *ret);

/* How long reading an attribute may take that waits for the device's lock. */
#define PT_ATTR_MS 2000

/* Whether its class is that of a display, VGA or not; class 0300 alone is VGA. */
bool pt_function_is_display(const struct pt_function *function);

/* Returns the part of the chipset or of the processor that it is, "SMBus controller", which the
 * host needs; NULL: none. Static. */
const char *pt_function_chipset(const struct pt_function *function);

/* Whether it makes mediated devices by NVIDIA's own interface, and not by the kernel's. */
bool pt_function_has_vgpu(const struct pt_function *function);

/* Whether it is on a vfio driver, vfio-pci or a variant of it. */
bool pt_function_on_vfio(const struct pt_function *function);
/* The same of a function that is not read: driver is the one that it has, or NULL. */
bool pt_function_read_on_vfio(
	const struct pt_host *host, const struct pt_bdf *bdf, const char *driver);

/* Reads only the vendor and the device, as in struct pt_function. -ENODEV: gone. A failure may have
 * written one of them. */
int pt_function_read_ids(const struct pt_host *host, const struct pt_bdf *bdf,
	char vendor[static PT_PCI_ID_TEXT], char device[static PT_PCI_ID_TEXT]);
/* Reads only the driver (NULL: none) or the override, as a move reads back. -ENODEV: gone. */
int pt_function_read_driver(const struct pt_host *host, const struct pt_bdf *bdf, char **ret);
int pt_function_read_override(const struct pt_host *host, const struct pt_bdf *bdf, char **ret);
/* The number of the IOMMU group, PT_GROUP_NONE: none. */
int pt_function_read_group(const struct pt_host *host, const struct pt_bdf *bdf);
/* The PF of a VF. -ENOENT: it is none. */
int pt_function_read_pf(const struct pt_host *host, const struct pt_bdf *bdf, struct pt_bdf *ret);
/* Reads the modalias, the key of module lookups. -ENOENT. */
int pt_function_read_modalias(const struct pt_host *host, const struct pt_bdf *bdf, char **ret);
/* sriov_numvfs as text. -ENOENT: no PF. This and the override: -ETIME when a driver hangs. */
int pt_function_read_vfs(const struct pt_host *host, const struct pt_bdf *bdf, char **ret);
/* sriov_drivers_autoprobe as text: whether new VFs get a driver by themselves. -ENOENT: no PF. */
int pt_function_read_autoprobe(const struct pt_host *host, const struct pt_bdf *bdf, char **ret);

/* "10de:2204", from the file's own spelling. */
#define PT_PCI_PAIR_TEXT 20
const char *pt_function_id(const struct pt_function *function, char text[static PT_PCI_PAIR_TEXT]);
/* "1043:87d5", or NULL when the function has no subsystem. */
const char *pt_function_subsystem(
	const struct pt_function *function, char text[static PT_PCI_PAIR_TEXT]);
bool pt_function_is_vf(const struct pt_function *function);
/* Whether its config space reads all ones: it has fallen off the bus, or does not wake up. */
bool pt_function_is_dead(const struct pt_function *function);

/* Lists the functions in sysfs that begin with filter, with or without "0000:", in order: "01:00"
 * means a whole device as in SysFSTools.pm and lspci, "" all. Reads names only. */
int pt_functions_matching(const struct pt_host *host, const char *filter, struct pt_bdf **ret,
	size_t *ret_count, struct pt_err *err);

#endif
