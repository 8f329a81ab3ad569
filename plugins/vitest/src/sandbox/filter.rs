//! The system calls that code under test may not make.
//!
//! A list of what is forbidden, not of what is allowed: Node and its native
//! modules use hundreds of calls, and more with each version. What reaches
//! outside is closed by name: processes, sockets, signals, other processes'
//! memory, mounts, and changes of files that Landlock does not cover.

use std::collections::BTreeMap;

use llmbench_api::{Error, ErrorKind, Result};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, sock_filter,
};

/// Calls that are refused whatever their arguments are.
const FORBIDDEN: &[libc::c_long] = &[
    // Processes, and signals to them.
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_kcmp,
    // The network, and what processes share.
    libc::SYS_socket,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_shmget,
    libc::SYS_msgget,
    libc::SYS_semget,
    libc::SYS_mq_open,
    // Wide doors into the kernel.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_bpf,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_fanotify_init,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_syslog,
    libc::SYS_quotactl,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    // Namespaces and mounts.
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    // Owners and modes of files, which Landlock leaves open.
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    libc::SYS_utimensat,
];

/// Older calls that only some processors still have.
#[cfg(target_arch = "x86_64")]
const FORBIDDEN_LEGACY: &[libc::c_long] = &[
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_lchown,
    libc::SYS_utime,
    libc::SYS_utimes,
    libc::SYS_futimesat,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
];
#[cfg(not(target_arch = "x86_64"))]
const FORBIDDEN_LEGACY: &[libc::c_long] = &[];

/// The filter for this processor.
///
/// # Errors
/// `Unavailable` on a processor that the filter is not written for.
pub(super) fn program() -> Result<BpfProgram> {
    let unavailable = |error: &dyn std::error::Error| {
        let message = format!("no system call filter for {}", std::env::consts::ARCH);
        Error::new(ErrorKind::Unavailable, message).with_cause(error)
    };
    let target: TargetArch =
        std::env::consts::ARCH.try_into().map_err(|error| unavailable(&error))?;
    let filter = SeccompFilter::new(
        rules().map_err(|error| unavailable(&error))?,
        SeccompAction::Allow,
        SeccompAction::Errno(libc::EPERM as u32),
        target,
    );
    let refuse: BpfProgram =
        filter.and_then(BpfProgram::try_from).map_err(|error| unavailable(&error))?;
    Ok(without_clone3().into_iter().chain(refuse).collect())
}

/// The filter as bubblewrap reads it: the instructions as the kernel has them in memory.
pub(super) fn bytes(program: &[sock_filter]) -> Vec<u8> {
    let instruction = |one: &sock_filter| {
        let [a, b] = one.code.to_ne_bytes();
        let [c, d, e, f] = one.k.to_ne_bytes();
        [a, b, one.jt, one.jf, c, d, e, f]
    };
    program.iter().flat_map(instruction).collect()
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn rules() -> std::result::Result<Rules, seccompiler::BackendError> {
    let mut rules: Rules =
        FORBIDDEN.iter().chain(FORBIDDEN_LEGACY).map(|call| (*call, Vec::new())).collect();
    // A thread is made by clone with CLONE_THREAD, a process by clone without.
    let no_thread = SeccompCondition::new(
        0,
        SeccompCmpArgLen::Qword,
        SeccompCmpOp::MaskedEq(libc::CLONE_THREAD as u64),
        0,
    )?;
    rules.insert(libc::SYS_clone, vec![SeccompRule::new(vec![no_thread])?]);
    // A program that aborts sends SIGABRT to itself; no other signal is sent.
    let no_abort =
        SeccompCondition::new(2, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, libc::SIGABRT as u64)?;
    rules.insert(libc::SYS_tgkill, vec![SeccompRule::new(vec![no_abort])?]);
    Ok(rules)
}

/// `clone3` hides its flags in memory, where no filter sees them. Told that it
/// does not exist, the C library falls back on `clone`.
fn without_clone3() -> [sock_filter; 3] {
    let statement = |code: u32, jt, jf, k| sock_filter { code: code as u16, jt, jf, k };
    [
        // The number of the call is the first field of what a filter sees.
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, libc::SYS_clone3 as u32),
        statement(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32),
    ]
}
