// SPDX-License-Identifier: AGPL-3.0-or-later
#include "pve/explain.h"

/* Steps are divided by line ends; each is a sentence of its own. */
#define REBOOT "\nReboot."
#define CMDLINE(option)                                                                                                                               \
	"\nSee which loader starts the node, PVE 8 and 9: 'proxmox-boot-tool status' says 'configured with: uefi' for systemd-boot, else it is GRUB." \
	"\nsystemd-boot: " option                                                                                                                     \
	" in the one line of /etc/kernel/cmdline, then 'proxmox-boot-tool refresh'."                                                                  \
	"\nGRUB: " option                                                                                                                             \
	" in GRUB_CMDLINE_LINUX_DEFAULT of /etc/default/grub, then 'update-grub'."                                                                    \
	"\nReboot, and see it in /proc/cmdline."
#define MODPROBE "\nRun 'update-initramfs -u -k all', PVE 8 and 9." REBOOT
#define UNITS                                                                                      \
	"\nA service, or a container (pve-container@CTID.service), that shall have it whenever the guest does not: name it under 'stop-units' in /etc/pve-ptconf/ptconf.conf."
#define PCI_PM "qemu-server, PVE/QemuServer/PCI.pm"

/* prose in lines as long as its sentences: no formatter breaks it well */
// clang-format off
const struct pt_story pt_stories[] = {
	{"iommu-disabled", "No IOMMU is active: /sys/class/iommu is empty.",
		"Without an IOMMU a device could write to any memory of the host, so the kernel hands none out and the start fails.",
		"Enter the firmware set-up and enable the IOMMU: 'VT-d' or 'Intel Virtualization Technology for Directed I/O' on Intel (not 'VT-x' alone), 'IOMMU' on AMD, often under 'NBIO' or 'AMD CBS', there 'Enabled' and not 'Auto'."
		"\nIntel with a kernel before 6.8 (PVE 8, 'uname -r'): add intel_iommu=on as below. Newer kernels and AMD need nothing."
		"\nTake intel_iommu=off, amd_iommu=off or iommu=off out, should /proc/cmdline show one." CMDLINE(
			"the option") "\nSee that it is active: 'ls /sys/class/iommu' shows dmar0 or ivhd0.",
		"kernel, Documentation/admin-guide/kernel-parameters.txt; " PCI_PM},
	{"interrupt-remapping-missing",
		"An IOMMU is active, but interrupts do not go through it.",
		"A device could raise any interrupt of the host; vfio refuses the device with 'Operation not permitted'.",
		"Enter the firmware set-up and enable interrupt remapping, often under the name 'x2APIC', beside VT-d or the IOMMU; update the firmware if it has no such switch."
		"\nTake intremap=off and nox2apic out, should /proc/cmdline show one." CMDLINE(
			"without it") "\nNo such firmware, and the guest is trusted: write 'options vfio_iommu_type1 allow_unsafe_interrupts=1' to /etc/modprobe.d/vfio-unsafe.conf." MODPROBE,
		"kernel, drivers/vfio/vfio_iommu_type1.c"},
	{"vfio-module-missing",
		"The driver vfio-pci is neither built in nor loaded, and cannot be loaded.",
		"QEMU reaches devices through it alone.",
		"Compare 'uname -r' with 'ls /lib/modules': the running kernel missing there was replaced by an upgrade, so reboot."
		"\nElse look who forbids it: 'grep -r vfio /etc/modprobe.d', and take the line 'install vfio-pci ...' out." MODPROBE,
		"modprobe.d(5); " PCI_PM},
	{"acs-override-active",
		"The kernel was told to split IOMMU groups that the hardware does not keep apart.",
		"Devices of one group can reach each other past the IOMMU: a guest may read or write what belongs to another, or to the host.",
		"Use it with trusted guests only; or see what the hardware itself keeps apart: take pcie_acs_override out as below." CMDLINE(
			"without pcie_acs_override") "\nLook for 'ACS Enable' in the firmware set-up ('AER' has to be on before it shows on some boards)."
						     "\nSee the groups with 'pve-ptconf list', and pass whole groups through or move the card to another slot.",
		"the patch pcie_acs_override as shipped in Proxmox VE's kernel"},
	{"vfio-ids-captured",
		"vfio-pci was told by ids= to take devices of these ids at boot.",
		"The device never belongs to the host, so nothing is taken or returned; with two identical devices the host loses both.",
		"Find the line: 'grep -r ids= /etc/modprobe.d', or vfio-pci.ids= in /proc/cmdline; two identical devices have the same ids."
		"\nIn /etc/modprobe.d take them out, then run 'update-initramfs -u -k all', PVE 8 and 9."
		"\nOn the kernel command line take them out as below." CMDLINE(
			"the line without them"),
		"kernel, drivers/vfio/pci/vfio_pci.c"},
	{"host-driver-blocked",
		"The device has no driver, and the one that fits is blacklisted.",
		"After the guest has stopped it has no driver again, as before.",
		"Nothing, if that is meant."
		"\nElse find the line: 'grep -r blacklist /etc/modprobe.d', and take it out." MODPROBE,
		"modprobe.d(5)"},
	{"hostpci-syntax", "A hostpci line that Proxmox VE cannot parse.",
		"It drops such a line and starts the guest without the device, with a warning in the task log only; the API does not show the line.",
		"See what is wrong with it: 'pve-ptconf check VMID' shows the place."
		"\nWrite it anew: 'qm set VMID --hostpciN VALUE'.",
		"qemu-server, QemuServer.pm, parse_vm_config; " PCI_PM},
	{"hostpci-unknown-key",
		"A hostpci line has a key that this version does not know.",
		"Proxmox VE drops the whole line if it does not know the key either.",
		"Correct the key, or update the node if it belongs to a newer version.",
		PCI_PM ", $hostpci_fmt"},
	{"hostpci-host-and-mapping", "An entry names an address and a mapping.",
		"Proxmox VE refuses it.", "Keep one of them.",
		PCI_PM ", parse_hostpci"},
	{"hostpci-no-device", "An entry names neither an address nor a mapping.",
		"Proxmox VE refuses it.",
		"Give host=ADDRESS or mapping=ID, or delete the entry.",
		PCI_PM ", parse_hostpci"},
	{"pcie-needs-q35", "pcie=1 with a machine type that has no PCI Express.",
		"Proxmox VE refuses the start: 'q35 machine model is not enabled'.",
		"'qm set VMID --machine q35', or take pcie=1 out.",
		PCI_PM ", print_hostpci_devices"},
	{"legacy-igd-twice", "Two entries with legacy-igd=1.",
		"There is one place for such a device.", "Take it out of one.",
		PCI_PM},
	{"legacy-igd-vga", "legacy-igd=1 without 'vga: none'.",
		"The device takes the place of the emulated screen.",
		"'qm set VMID --vga none', in exactly this form.", PCI_PM},
	{"legacy-igd-rombar", "legacy-igd=1 with rombar=0.",
		"The guest's firmware needs the device's ROM.",
		"Take rombar=0 out.", PCI_PM},
	{"legacy-igd-x-vga", "legacy-igd=1 with x-vga=1.",
		"Proxmox VE refuses the two together.", "Take x-vga=1 out.",
		PCI_PM},
	{"legacy-igd-mdev", "legacy-igd=1 with a mediated device.",
		"A slice of the device cannot be the legacy screen.",
		"Take one of the two out.", PCI_PM},
	{"legacy-igd-q35", "legacy-igd=1 with the machine type q35.",
		"The legacy placement exists on i440fx only.",
		"'qm set VMID --delete machine'.", PCI_PM},
	{"legacy-igd-multifunction", "legacy-igd=1 with more than one function.",
		"The legacy screen is one function.",
		"Name the function itself: 0000:00:02.0.", PCI_PM},
	{"legacy-igd-alternatives",
		"legacy-igd=1 with a mapping of several devices.",
		"It must be known beforehand which device it is.",
		"Name the address, or a mapping with one device.", PCI_PM},
	{"legacy-igd-address", "legacy-igd=1 on a device that is not at 02.0.",
		"The guest's firmware looks for it there.",
		"Take legacy-igd=1 out.", PCI_PM},
	{"device-assigned-twice", "One function in two entries of the guest.",
		"QEMU would open it twice; Proxmox VE refuses.",
		"Name it once. A value without function number means all functions already.",
		PCI_PM ", choose_hostpci_devices"},
	{"mdev-multifunction", "A mediated device of several functions at once.",
		"A mediated device lies on one function.",
		"Name the one function that offers the type.",
		PCI_PM ", parse_hostpci"},
	{"mdev-type-unknown",
		"No function of the entry offers the mediated device type.",
		"Creating the instance fails at start.",
		"See what the device offers: 'ls /sys/bus/pci/devices/ADDRESS/mdev_supported_types', and of a virtual function of NVIDIA's 'cat /sys/bus/pci/devices/ADDRESS/nvidia/creatable_vgpu_types'."
		"\nNothing there: install the vendor's host driver for this kernel; NVIDIA's offer theirs in a folder nvidia of each virtual function from kernel 6.8 on."
		"\nChoose a type that is there, in the hostpci line or the mapping.",
		"kernel, Documentation/driver-api/vfio-mediated-device.rst"},
	{"mdev-none-free", "All instances of the mediated device type are in use.",
		"Creating another one fails at start.",
		"Stop a guest that has one, or use a smaller type.",
		"kernel, Documentation/driver-api/vfio-mediated-device.rst"},
	{"romfile-missing", "The ROM file of an entry cannot be read.",
		"QEMU does not start without it.",
		"Copy it into /usr/share/kvm on every node that the guest may run on, or take romfile out.",
		PCI_PM},
	{"romfile-outside-dir",
		"The name of the ROM file leads out of /usr/share/kvm.",
		"It works by accident; the schema may forbid it one day.",
		"Move the file and give its bare name.", PCI_PM ", $hostpci_fmt"},
	{"romfile-not-a-rom", "The file does not hold a PCI expansion ROM.",
		"The guest's firmware ignores it, and the screen stays dark.",
		"Dump it from the device while no driver uses it: 'cd /sys/bus/pci/devices/ADDRESS; echo 1 > rom; cat rom > /usr/share/kvm/NAME.rom; echo 0 > rom'."
		"\nOf a file that a vendor or a collection offers cut off what stands before the bytes 55 AA.",
		"PCI Firmware Specification 3.3, 5.2"},
	{"romfile-wrong-device", "The ROM is for another device.",
		"A driver or firmware that finds other ids in it ignores or misuses it.",
		"Use a ROM that was dumped from this very model.",
		"PCI Firmware Specification 3.3, 5.2"},
	{"romfile-no-efi-image",
		"The guest boots by UEFI, and the ROM holds no EFI image.",
		"Its firmware cannot show anything on the card before the driver loads.",
		"Use a ROM with a GOP image, or SeaBIOS.",
		"UEFI Specification, 14.4.2"},
	{"romfile-with-rombar-off", "A ROM file is given, and rombar=0 hides it.",
		"It does not show in the device's ROM BAR, where its driver and UEFI firmware look; SeaBIOS alone may run it.",
		"Take one of the two out.",
		"QEMU, hw/pci/pci.c, pci_add_option_rom"},
	{"primary-gpu-conflict", "Two screens are asked to be the primary one.",
		"The guest may show its console where nobody looks.",
		"One x-vga=1, and 'vga: none' with it.", PCI_PM},
	{"balloon-with-passthrough",
		"Ballooning is set up for a guest with passthrough.",
		"A device may write to any of its memory, so all of it is pinned: the balloon gives nothing back.",
		"'qm set VMID --balloon 0'.",
		"kernel, Documentation/driver-api/vfio.rst"},
	{"partial-slot",
		"Function 0 of a device is assigned, its siblings in the same IOMMU group are not.",
		"They leave the host all the same, and the guest does not get them: a GPU without its audio, for instance.",
		"Write the address without function number, which means all functions.",
		PCI_PM "; kernel, Documentation/driver-api/vfio.rst"},
	{"args-vfio-device",
		"The guest's args hand a vfio-pci device to QEMU by themselves.",
		"pve-pthook takes it from the host and returns it as it does others; Proxmox VE does not bind it, reserve it "
		"or know of it.",
		"Use a hostpci entry, unless the device needs what only args can say.",
		"qm.conf(5), args"},
	{"not-migratable", "The guest has devices of its host.",
		"It cannot move while it runs, nor be suspended to disk or saved with its memory.",
		"Use mappings to let it migrate offline, and mark those as live-migration-capable whose driver supports it.",
		"qemu-server, QemuMigrate.pm"},
	{"hook-not-attached",
		"The guest does not have pve-pthook as its hookscript.",
		"Proxmox VE leaves its devices on vfio-pci for ever when it stops.",
		"'qm set VMID --hookscript local:snippets/pve-pthook', as root on the node.",
		"pve-guest-common, GuestHelpers.pm"},
	{"hook-missing",
		"The guest names pve-pthook, but the file is not on this node, or its storage not on a node that the guest may run on.",
		"Proxmox VE refuses to start the guest there.",
		"Install the package pve-ptconf here, and on every node that the guest may run on: it links pve-pthook into /var/lib/vz/snippets."
		"\nThe storage that the hookscript names has to have the content type Snippets (Datacenter, Storage), and the file in its folder snippets."
		"\nNodes that the storage is not meant for: use one that every node has, as local is (Datacenter, Storage, Nodes).",
		"pve-guest-common, GuestHelpers.pm"},
	{"hook-not-executable",
		"The guest names pve-pthook, but the file is not executable.",
		"Proxmox VE refuses to start the guest.",
		"Link it again: 'ln -sf /usr/libexec/pve-ptconf/pve-pthook /var/lib/vz/snippets/pve-pthook'.",
		"pve-guest-common, GuestHelpers.pm"},
	{"started-for-backup",
		"The stopped guest is in a backup job, or a backup of it is under way.",
		"It starts the guest paused, and its devices are taken for that time.",
		"Leave it out of the job, or back it up while it runs.",
		"qemu-server, VZDump/QemuServer.pm"},
	{"device-missing",
		"No function of that address is on this host, or it cannot be read.",
		"Proxmox VE refuses the start. Addresses change when cards are moved or added.",
		"Compare with 'pve-ptconf list'; use a mapping, which is checked against the device's ids.",
		PCI_PM "; pve-common, SysFSTools.pm"},
	{"device-identity-changed",
		"Another device sits at the address than at the last successful start of the guest.",
		"Addresses move when cards are added, removed or moved: the guest would get a device that was not meant, "
		"a disk of the host's perhaps.",
		"Compare: 'pve-ptconf list' shows where the device is now."
		"\nCorrect the address with 'qm set VMID --hostpciN ADDRESS', or use a mapping (Datacenter, Resource Mappings), which knows devices by their ids."
		"\nIf the swap was meant: 'pve-ptconf accept VMID'.",
		"this project's records, /var/lib/pve-ptconf/identity"},
	{"mapping-missing", "The mapping does not exist.",
		"Proxmox VE refuses the start.",
		"Make it under Datacenter, Resource Mappings.",
		"pve-guest-common, PVE/Mapping/PCI.pm"},
	{"mapping-no-node", "The mapping has no device on this node.",
		"Proxmox VE refuses the start here.", "Add one for this node.",
		"pve-guest-common, PVE/Mapping/PCI.pm"},
	{"mapping-mismatch",
		"What the mapping stores is not what the hardware says now.",
		"Proxmox VE refuses, so that not another card is handed over by mistake.",
		"See what the hardware is now: 'pve-ptconf list'."
		"\nIf the change was meant: Datacenter, Resource Mappings, edit the mapping, choose the device of this node anew.",
		"pve-guest-common, PVE/Mapping/PCI.pm, assert_valid"},
	{"mapping-nothing-free",
		"All devices of the mapping are with other guests, or used twice by this one.",
		"Proxmox VE finds none and refuses.",
		"Stop a guest that has one, or add a device.",
		PCI_PM ", choose_hostpci_devices"},
	{"bridge-assigned", "The address is that of a PCI bridge.",
		"QEMU cannot take a bridge, and Proxmox VE takes what shares its group.",
		"Name the device behind the bridge.",
		"kernel, Documentation/driver-api/vfio.rst"},
	{"no-iommu-group", "The function is in no IOMMU group.",
		"vfio hands out groups only.",
		"Try another slot; some are not behind the IOMMU.",
		"kernel, Documentation/driver-api/vfio.rst"},
	{"group-companions", "Other functions share the IOMMU group.",
		"The group is handed over as a whole: they leave the host while the guest runs.",
		"Another slot may separate them. They come back when the guest stops.",
		PCI_PM ", prepare_pci_device"},
	{"slot-includes-vfs",
		"A whole-device value also means virtual functions in the same slot.",
		"They vanish when the physical function leaves its driver.",
		"Name functions with their numbers.",
		"kernel, Documentation/PCI/pci-iov-howto.rst"},
	{"pf-with-vfs", "The physical function has virtual functions.",
		"Taking it destroys them. If one is in use, something loses its device.",
		"End that use, or pass a virtual function through. Unused ones are made again afterwards.",
		"kernel, drivers/pci/iov.c"},
	{"vf-of-absent-pf",
		"A virtual function whose physical function has no host driver.",
		"Nobody sets its MAC address or brings up its link; it often does not work.",
		"Bind the physical function to its host driver.",
		"kernel, Documentation/PCI/pci-iov-howto.rst"},
	{"no-reset",
		"The function offers no way to reset it, and its bus cannot be reset either.",
		"It keeps its state from one user to the next, and may not work a second time.",
		"Reboot the host when it misbehaves; another slot, behind a port of its own, makes a bus reset possible.",
		"kernel, Documentation/ABI/testing/sysfs-bus-pci (reset_method)"},
	{"bus-reset-shared",
		"Only its whole bus can be reset, and something else is on it.",
		"QEMU resets a bus only when it has all of it.",
		"Pass all functions of the device through, or move one of the cards.",
		"kernel, drivers/vfio/pci/vfio_pci_core.c, hot reset"},
	{"reset-quirk", "The model is known not to come back from a reset.",
		"The first start works, the second shows a dark screen or hangs.",
		"A card (Polaris, Vega, Navi 10): install vendor-reset (DKMS; it needs the package of headers, proxmox-headers of 'uname -r') and load it at boot: a line vendor-reset in /etc/modules."
		"\nSet the method, at every boot (a unit or a udev rule): 'echo device_specific > /sys/bus/pci/devices/ADDRESS/reset_method'."
		"\nIntegrated graphics: no module resets it; have the guest let go of it before it stops (in Windows a script that disables it at shutdown and enables it at start)."
		"\nWithout that, reboot the host between starts.",
		"the device list and the issues of vendor-reset; the issues of ryzen-gpu-passthrough-proxmox"},
	{"return-risky",
		"A disk controller, or a graphics card without a good reset, goes back to a host driver.",
		"The host may start LVM, md or ZFS from a guest's disks, or hang with a card that does not answer.", "Write a section [device ADDRESS] in /etc/pve-ptconf/ptconf.conf: 'return = none' leaves it without driver, 'return = keep-vfio' where it was; 'return = origin' is for those who want it back and silences this.",
		"this project's ptconf.conf; the device list of vendor-reset"},
	{"device-dead", "Its config space reads all ones.",
		"It has fallen off the bus or does not wake up; every use of it fails.",
		"Switch the host off, take it from the mains for a minute, and start it: a reboot does not cut the power of a slot."
		"\nDead again: look at the card's power cable and seat, and keep it from sleeping ('echo on > /sys/bus/pci/devices/ADDRESS/power/control', disable_idle_d3=1 for vfio-pci).",
		"PCI Express Base Specification, 2.3.2"},
	{"console-on-device", "Text or the firmware's picture is shown on it.",
		"That ends when the guest starts; it comes back with the host driver, the firmware's picture does not.",
		"Nothing, if the host is managed over the network.",
		"kernel, Documentation/fb/fbcon.rst"},
	{"foreign-override", "Somebody has set its driver_override.",
		"It is restored when the guest has stopped.",
		"Nothing, if that is meant."
		"\nElse see who it was: 'driverctl list-overrides', udev rules, scripts in /etc; 'driverctl unset-override ADDRESS' undoes driverctl's.",
		"kernel, Documentation/ABI/testing/sysfs-bus-pci"},
	{"keep-without-vfio",
		"driver=keep, and the driver it keeps is no vfio driver.",
		"QEMU cannot open it and the start fails.",
		"Let pve-pthook do it: 'vfio-driver = auto' under [device ADDRESS] or [guest VMID] in /etc/pve-ptconf/ptconf.conf."
		"\nOr bind it to its vfio driver before the start."
		"\nOr take driver=keep out, so that Proxmox VE binds it to vfio-pci.",
		PCI_PM "; kernel, Documentation/driver-api/vfio.rst"},
	{"in-use-block",
		"A disk of it is mounted, swap, part of a volume, or open.",
		"The host, or another guest, would lose that disk under way.",
		"A mount: 'umount', and its line out of /etc/fstab. Swap: 'swapoff'."
		"\nLVM: 'vgchange -an VG'. MD: 'mdadm --stop'. ZFS: 'zpool export POOL'. A storage of Proxmox VE: disable it first (Datacenter, Storage), or it comes back by itself."
		"\nA guest that has the disk as it is: stop it, take the disk out of its config."
		"\nOr name another device: of the same model and free is the one that the hint names.",
		"proc(5); kernel, Documentation/ABI/stable/sysfs-block"},
	{"in-use-net", "An interface of it carries traffic of the host.",
		"The host, or guests on its bridge, would lose the network.",
		"See what it carries: 'ip addr', 'bridge link', 'ip route show table all'."
		"\nMove address and bridge port to another card, in the node's panel (System, Network) or /etc/network/interfaces, then 'ifreload -a'."
		"\nA link of corosync, before that: edit a copy of /etc/pve/corosync.conf, raise config_version in it, move it into place, see 'pvecm status'. HA guests' nodes fence themselves when the cluster is lost."
		"\nA container's: take the line 'lxc.net' or the interface out of its config, and restart it."
		"\nOr pass a virtual function through, where the card has some.",
		"rtnetlink(7)"},
	{"in-use-gpu", "A program has a graphics node of it open.",
		"Unbinding its driver hangs or crashes that program, sometimes the kernel.",
		"End it: a desktop session, nvidia-persistenced, a container with the GPU." UNITS,
		"kernel, Documentation/gpu/drm-uapi.rst"},
	{"in-use-sound", "A program has a sound node of it open.",
		"It loses its sound device.",
		"End it (pipewire, pulseaudio)." UNITS,
		"kernel, Documentation/sound"},
	{"in-use-usb", "Something plugged into the controller is in use.",
		"A mounted disk would vanish under way; a keyboard goes to the guest.",
		"Unmount it, or plug it into another controller.",
		"kernel, Documentation/driver-api/usb"},
	{"in-use-node", "A program has another device node of it open.",
		"It loses its device.",
		"End it; 'fuser -v' on the node names it again should it come back." UNITS,
		"proc(5), /proc/PID/fd"},
	{"in-use-module", "Its driver is in use more often than devices explain.",
		"Something uses it that cannot be told apart by device.",
		"Look which program uses the vendor's driver.",
		"kernel, Documentation/core-api"},
	{"claimed-by-other", "Another guest holds the function.",
		"Two guests cannot have it at once.",
		"Stop that guest. If it does not run, 'pve-ptconf release' returns its devices.",
		"this project's claims, /run/pve-ptconf"},
	{"reserved-by-other", "Proxmox VE has reserved it for another guest.",
		"It refuses the start.",
		"Stop that guest, or wait until its start has failed.",
		PCI_PM ", reserve_pci_usage"},
	{"used-by-running", "Another process has its IOMMU group open.",
		"The kernel gives a group to one process.",
		"See who it is: 'fuser -v /dev/vfio/GROUP', the number of the group from 'pve-ptconf list'."
		"\nStop that guest with 'qm stop VMID', or end that process."
		"\nA QEMU that 'qm list' knows nothing of, by the -id in 'ps -o args= -p PID': 'kill PID'.",
		"kernel, Documentation/driver-api/vfio.rst"},
	{"configured-elsewhere",
		"Another guest of this node names the same function.",
		"Only one of them can run at a time; at node boot it is the quicker one.",
		"Give each its own, or a mapping with several devices.",
		"qm.conf(5)"},
	{"memory-not-pinnable",
		"The guest's memory does not fit into what is available.",
		"All of it is pinned at start: the host swaps, kills processes, or the start fails.",
		"Stop other guests, or give this one less memory."
		"\nLimit ZFS's cache: 'options zfs zfs_arc_max=BYTES' in /etc/modprobe.d/zfs.conf; at once with 'echo BYTES > /sys/module/zfs/parameters/zfs_arc_max'." MODPROBE,
		"kernel, Documentation/driver-api/vfio.rst"},
	{"hugepages-short", "Fewer huge pages are free than the guest needs.",
		"Proxmox VE tries to get them at start, which fails when memory is fragmented.",
		"Reserve them at boot: the guest's memory divided by the size of a page, for instance hugepagesz=1G hugepages=16." CMDLINE(
			"the options") "\nSee them: 'cat /sys/kernel/mm/hugepages/hugepages-*/free_hugepages'.",
		"qemu-server, QemuServer/Memory.pm"},
	{"iova-too-narrow",
		"The guest's memory ends above what the IOMMU can translate.",
		"Mapping it fails and QEMU does not start.", "Give it less memory.",
		"Intel VT-d specification, 10.4.2"},
	{"bar-window-small",
		"The guest's devices need more address space than its firmware opens.",
		"Devices get no BARs and their drivers fail.",
		"'qm set VMID --cpu host': PVE 8 and 9 then give the firmware the host's address width, and it opens a window to match."
		"\nOr name the size, in MiB, beside what stands in args: '-fw_cfg opt/ovmf/X-PciMmio64Mb,string=65536'."
		"\nOn the host: 'Above 4G Decoding' in the firmware set-up.",
		"edk2, OvmfPkg/README"},
	{"stale-claim",
		"A guest does not run, but its claim has not been returned.",
		"Its devices are not with their host drivers.",
		"'pve-ptconf release VMID'; any next start and a timer do the same.",
		"this project's claims, /run/pve-ptconf"},
	{"start-timeout-risk",
		"All memory is pinned at the start, which may take longer than Proxmox VE waits.",
		"The kernel makes and pins every page of the guest before QEMU answers. Proxmox VE waits 30 s, of a guest with more "
		"than 30 GiB a second for each GiB, and four times as long when the config has a hostpci entry. A start that takes "
		"longer is told as failed, while QEMU may still come up.",
		"Use hostpci entries in place of args, or huge pages; or give --timeout to 'qm start'.",
		"qemu-server, QemuServer/Helpers.pm, config_aware_timeout"},
	{"left-on-vfio",
		"A device is on vfio-pci, and nobody has anything to do with it.",
		"Proxmox VE never gives a device back to its host driver: after a run without pve-pthook, or when its entry was "
		"deleted, it stays where it was. The host cannot use it.",
		"Empty its override: 'echo > /sys/bus/pci/devices/ADDRESS/driver_override'."
		"\nUnbind it: 'echo ADDRESS > /sys/bus/pci/drivers/vfio-pci/unbind'."
		"\nGive it to its driver by name: 'echo ADDRESS > /sys/bus/pci/drivers/DRIVER/bind'; drivers_probe would give it to vfio-pci again where Proxmox VE has left its ids in new_id. Or reboot."
		"\nTo keep it there on purpose, name it in a guest, or in the module's ids=.",
		"qemu-server, QemuServer/PCI.pm; Documentation/ABI/testing/sysfs-bus-pci"},
	{"node-unfit",
		"A node that the guest may run on lacks a device of it, or has another one than the mapping says.",
		"HA, or whoever migrates it, finds out when the guest does not start there.",
		"Give the mapping a device on that node, or correct it (Datacenter, Resource Mappings)."
		"\nOr bind the guest to nodes that have one: PVE 8: Datacenter, HA, Groups, with 'restricted'. PVE 9: Datacenter, HA, Affinity Rules, node affinity with 'strict'.",
		"pve-ha-manager, resources.cfg, groups.cfg and rules.cfg; pve-guest-common, Mapping/PCI.pm"},
	{"claim-incomplete", "A function could not be given back.",
		"It is not with its host driver.",
		"See what failed: 'pve-ptconf claims', and 'journalctl -k' for what the driver says of it."
		"\nMend that: load the driver's module, or end what holds the device."
		"\n'pve-ptconf release VMID' tries again.",
		"this project's claims, /run/pve-ptconf"},
	{"policy-invalid",
		"/etc/pve-ptconf/ptconf.conf cannot be read, or has an error.",
		"Nothing of it counts then: what it allows is refused, and devices go back to their origin.",
		"'pve-ptconf config-test' names every line that is wrong.",
		"this project's ptconf.conf"},
};
// clang-format on
const size_t pt_stories_count = PT_ARRAY_SIZE(pt_stories);

const struct pt_story *pt_story_find(const char *tag)
{
	pt_foreach (story, pt_stories, pt_stories_count) {
		if (pt_streq(story->tag, tag))
			return story;
	}
	return NULL;
}

#define SPARE                                                                                      \
	"it is another device of the same mapping, which Proxmox VE takes when the first is not free"
#define STOPPED	  "'stop-units' names all that use it: a start stops them first"
#define CONTAINER "it is configured for a container, which has not opened it"

const struct pt_variant pt_variants[] = {
	{"vfio-module-missing", PT_WARNING, PT_TELL,
		"modprobe.d has it loaded by a command of its own, which pve-pthook does not run"},
	{"vfio-ids-captured", PT_WARNING, PT_TELL,
		"a second device has the same ids, and the host loses it as well"},
	{"romfile-missing", PT_WARNING, PT_TELL,
		"the entry has rombar=0: QEMU goes on without the file"},
	{"hook-missing", PT_WARNING, PT_TELL,
		"it is here, but its storage is not meant for a node that the guest may come to run on"},
	{"args-vfio-device", PT_WARNING, PT_SILENT,
		"another hookscript of the guest may bind the device to vfio-pci, or not"},
	{"args-vfio-device", PT_ERROR, PT_SILENT,
		"nobody binds the device to vfio-pci: QEMU cannot open it"},
	{"device-missing", PT_INFO, PT_TELL,
		"the device of the last start sits at another address now"},
	{"device-identity-changed", PT_ERROR, PT_TELL,
		"the device is of another class: a disk where a graphics card was"},
	{"pf-with-vfs", PT_WARNING, PT_TELL,
		"nothing uses the virtual functions: their number is restored"},
	{"in-use-block", PT_WARNING, PT_TELL, SPARE "; or " CONTAINER},
	{"in-use-block", PT_INFO, PT_TELL, STOPPED},
	{"in-use-net", PT_WARNING, PT_TELL,
		"it has a link-local address only, is the only port of a bridge without one, or may be in a network namespace that was not found; or " SPARE
		"; or " CONTAINER},
	{"in-use-net", PT_INFO, PT_TELL, STOPPED},
	{"in-use-gpu", PT_WARNING, PT_TELL, SPARE "; or " CONTAINER},
	{"in-use-gpu", PT_INFO, PT_TELL, STOPPED},
	{"in-use-sound", PT_WARNING, PT_TELL,
		"only the node is open by which a socket tells that something is plugged in; or " SPARE
		"; or " CONTAINER},
	{"in-use-sound", PT_INFO, PT_TELL, STOPPED},
	{"in-use-usb", PT_WARNING, PT_TELL,
		"only keyboards and the like hang there; or " SPARE "; or " CONTAINER},
	{"in-use-usb", PT_INFO, PT_TELL, STOPPED},
	{"in-use-node", PT_WARNING, PT_TELL, SPARE "; or " CONTAINER},
	{"in-use-node", PT_INFO, PT_TELL, STOPPED},
	{"memory-not-pinnable", PT_ERROR, PT_TELL, "the guest has more memory than the host"},
	{"iova-too-narrow", PT_WARNING, PT_TELL,
		"the width is what AMD's firmware says: the kernel does not hold the IOMMU to it"},
	{"policy-invalid", PT_WARNING, PT_TELL,
		"it is read, but names a vfio-driver that this kernel does not have: vfio-pci takes the device"},
};
const size_t pt_variants_count = PT_ARRAY_SIZE(pt_variants);
