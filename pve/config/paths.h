// SPDX-License-Identifier: AGPL-3.0-or-later
/* Every path of Proxmox VE and of our own on a node; lib gets paths as arguments. */
#ifndef PT_PATHS_H
#define PT_PATHS_H

#define PT_PVE_NODES		"/etc/pve/nodes"
#define PT_PVE_PCI_MAPPINGS	"/etc/pve/mapping/pci.cfg"
#define PT_PVE_USB_MAPPINGS	"/etc/pve/mapping/usb.cfg"
#define PT_PVE_TASKS		"/var/log/pve/tasks"
#define PT_PVE_MEMBERS		"/etc/pve/.members"
#define PT_PVE_HA		"/etc/pve/ha"
#define PT_PVE_JOBS		"/etc/pve/jobs.cfg"
#define PT_PVE_USERS		"/etc/pve/user.cfg"
#define PT_PVE_STORAGE_CFG	"/etc/pve/storage.cfg"
#define PT_PVE_LOCAL		"/var/lib/vz"
#define PT_PVE_ROMS		"/usr/share/kvm"
#define PT_PVE_RUN		"/run/qemu-server"
#define PT_PVE_LOCKS		"/var/lock/qemu-server"
#define PT_PVE_PCI_RESERVATIONS PT_PVE_RUN "/pci-id-reservations"
/* what QEMU's own command line says: PVE compares the text, so /run will not do */
#define PT_PVE_PIDFILE_ARGUMENT "/var/run/qemu-server"
/* there while a restart is under way: between its stop and its start */
#define PT_PVE_REBOOT  PT_PVE_RUN "/%u.reboot"
#define PT_PVE_API_URL "http://127.0.0.1:85"

#define PT_CLAIMS_DIR	"/run/pve-ptconf"
#define PT_STATE_DIR	"/var/lib/pve-ptconf"
#define PT_IDENTITY_DIR PT_STATE_DIR "/identity"
#define PT_API_CONF	"/etc/pve-ptconf/api.conf"
#define PT_HOOK_VOLUME	"local:snippets/pve-pthook"
#define PT_OFF_FILE	"/etc/pve-ptconf/off"
#define PT_POLICY_FILE	"/etc/pve-ptconf/ptconf.conf"

#endif
