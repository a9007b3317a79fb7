// SPDX-License-Identifier: AGPL-3.0-or-later
#include <errno.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "lib/base/confine.h"

#define NOBODY 65534

/* Running programs, other processes, the kernel itself: none of it serves a request. */
static const unsigned int forbidden[] = {
	SYS_execve,
	SYS_execveat,
	SYS_ptrace,
	SYS_process_vm_readv,
	SYS_process_vm_writev,
	SYS_kill,
	SYS_tkill,
	SYS_mount,
	SYS_umount2,
	SYS_unshare,
	SYS_setns,
	SYS_bpf,
	SYS_perf_event_open,
	SYS_userfaultfd,
	SYS_io_uring_setup,
	SYS_keyctl,
	SYS_add_key,
	SYS_init_module,
	SYS_finit_module,
	SYS_kexec_load,
};

/* The forbidden calls fail with EPERM, those of another architecture's numbers end the process. */
static int forbid_calls(void)
{
	struct sock_filter filter[5 + PT_ARRAY_SIZE(forbidden) + 2];
	struct sock_fprog program = {.filter = filter};
	size_t at = 0;

	filter[at++] = (struct sock_filter)BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	filter[at++] =
		(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
	filter[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	filter[at++] = (struct sock_filter)BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	/* the numbers of x32, an alias of all calls */
	filter[at++] = (struct sock_filter)BPF_JUMP(
		BPF_JMP | BPF_JGE | BPF_K, 0x40000000U, (uint8_t)(PT_ARRAY_SIZE(forbidden) + 1), 0);
	for (size_t i = 0; i < PT_ARRAY_SIZE(forbidden); i++)
		filter[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, forbidden[i],
			(uint8_t)(PT_ARRAY_SIZE(forbidden) - i), 0);
	filter[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	filter[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
	program.len = (unsigned short)at;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 ? -errno : 0;
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {{0}};

	for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++) {
		if (prctl(PR_CAPBSET_DROP, cap) < 0)
			return -errno;
	}
	if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
		setresuid(NOBODY, NOBODY, NOBODY) < 0)
		return -errno;
	return syscall(SYS_capset, &head, none) < 0 ? -errno : 0;
}

/* The address space that the process has, in bytes; 0: unknown. */
static size_t address_space(void)
{
	PT_FCLOSE FILE *file = fopen("/proc/self/statm", "re");
	size_t pages = 0;

	if (!file || fscanf(file, "%zu", &pages) != 1)
		return 0;
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

int pt_confine(size_t more_memory, struct pt_err *err)
{
	const size_t have = address_space();
	const struct rlimit no_core = {0}, memory = {have + more_memory, have + more_memory};
	int r = 0;

	if (setrlimit(RLIMIT_CORE, &no_core) < 0 || (have && setrlimit(RLIMIT_AS, &memory) < 0))
		return pt_err_errno(err, -errno, "give up memory and core dumps");
	if (geteuid() == 0)
		r = drop_capabilities();
	if (r < 0)
		return pt_err_errno(err, r, "give up privileges");
	/* setresuid has made it undumpable; without root nobody has */
	if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return pt_err_errno(err, -errno, "give up privileges");
	r = forbid_calls();
	return r < 0 ? pt_err_errno(err, r, "give up system calls") : 0;
}
