//! Files that are no usable plugin: each is refused with its own error, and the others still load.

use std::fs;
use std::path::Path;

use llmbench_host::{Host, LoadError};

use crate::workshop::{Variant, file_name, library};
use crate::{host_of, host_with, log};

/// A folder with the good plugin and, called `name`, a file that `make` writes.
fn beside_a_good_plugin(
    name: &str,
    make: impl FnOnce(&Path),
) -> (tempfile::TempDir, Host, LoadError) {
    let (dir, _) = host_with("good");
    make(&dir.path().join(file_name(name)));
    let host = host_of(dir.path());
    let mut listing = host.list();
    let names: Vec<_> = listing.plugins.iter().map(|found| found.info.package.as_str()).collect();
    assert_eq!(names, ["good"], "the good plugin still loads");
    assert_eq!(listing.refused.len(), 1, "{:?}", listing.refused);
    let error = listing.refused.remove(0);
    assert!(error.to_string().contains(&file_name(name)), "{error}");
    assert!(!error.hint().is_empty());
    assert!(!error.to_string().contains('\n'), "{error}");
    let again = host.load(&dir.path().join(file_name(name))).unwrap_err();
    assert_eq!(again.to_string(), error.to_string(), "the same each time");
    (dir, host, error)
}

fn refused(name: &str, content: &[u8]) -> LoadError {
    beside_a_good_plugin(name, |path| fs::write(path, content).unwrap()).2
}

fn built(name: &str) -> Vec<u8> {
    fs::read(library(Variant::Current, name)).unwrap()
}

#[test]
fn a_library_without_the_symbol_is_no_plugin() {
    let error = refused("stranger", &built("stranger"));
    let LoadError::NotAPlugin { symbol, .. } = &error else { panic!("{error:?}") };
    assert!(error.to_string().contains(symbol) && error.hint().contains("export_plugin!"));
}

#[test]
fn a_renamed_plugin_is_told_to_keep_its_name() {
    let error = refused("other_name", &built("good"));
    assert!(matches!(error, LoadError::NotAPlugin { .. }), "{error:?}");
    assert!(error.hint().contains("keep the name"));
}

#[test]
fn a_text_file_and_an_empty_file_are_no_libraries() {
    for (content, words) in [("", "empty"), ("hello, world\n", "68, 65, 6c, 6c"), ("\x7fE", "7f")] {
        let error = refused("text", content.as_bytes());
        let LoadError::NotALibrary { found, .. } = &error else { panic!("{error:?}") };
        assert!(found.contains(words), "{found}");
    }
}

#[test]
fn a_cut_off_library_is_refused_at_every_length() {
    let whole = built("good");
    let lengths = [5, 16, 63, 64, 65, 200, 4096, whole.len() / 2, whole.len() - 1];
    for length in lengths {
        let error = refused("cut", &whole[..length]);
        match &error {
            LoadError::Truncated { found_bytes, needed_bytes, .. } => {
                assert_eq!(*found_bytes, length as u64);
                assert!(*needed_bytes > *found_bytes && *needed_bytes <= whole.len() as u64);
            }
            LoadError::Damaged { found_bytes, .. } => assert_eq!(*found_bytes, length as u64),
            _ => panic!("{length}: {error:?}"),
        }
        assert!(error.hint().contains("again"), "{length}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn another_machine_is_named() {
    let own = std::env::consts::ARCH;
    let check = |content: &[u8], expected: &str| {
        let error = refused("foreign", content);
        let LoadError::WrongArchitecture { found, wanted, .. } = &error else {
            panic!("{error:?}")
        };
        assert!(found.contains(expected), "{found}");
        assert!(wanted == own || wanted == std::env::consts::OS, "{wanted}");
    };
    let (machine, name) = if own == "x86_64" { (183, "aarch64") } else { (62, "x86_64") };
    check(&elf_header(2, machine), name);
    check(&elf_header(2, 243), "riscv64");
    check(&elf_header(1, 3), "x86");
    let mut whole = built("good");
    whole[18..20].copy_from_slice(&u16::to_le_bytes(machine));
    check(&whole, name);

    // A library of macOS: magic, x86-64, any, dylib, and no load commands.
    let mach_o: Vec<u8> = [0xfeed_facf_u32, 0x0100_0007, 3, 6, 0, 0, 0, 0]
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .collect();
    check(&mach_o, "another operating system");
}

/// The header of a dynamic library without sections; class 1 is 32-bit, 2 is 64-bit.
#[cfg(target_os = "linux")]
fn elf_header(class: u8, machine: u16) -> Vec<u8> {
    let size: u16 = if class == 2 { 64 } else { 52 };
    let mut header = vec![0; usize::from(size)];
    header[..7].copy_from_slice(&[0x7f, b'E', b'L', b'F', class, 1, 1]);
    header[16..18].copy_from_slice(&3_u16.to_le_bytes());
    header[18..20].copy_from_slice(&machine.to_le_bytes());
    header[20..24].copy_from_slice(&1_u32.to_le_bytes());
    let end = usize::from(size);
    header[end - 12..end - 10].copy_from_slice(&size.to_le_bytes());
    header
}

#[test]
#[cfg(target_os = "linux")]
fn a_program_is_no_library() {
    let own = std::env::current_exe().unwrap();
    let copy = |path: &Path| assert!(fs::copy(&own, path).is_ok());
    let (_dir, _host, error) = beside_a_good_plugin("program", copy);
    let LoadError::NotALibrary { found, .. } = &error else { panic!("{error:?}") };
    assert!(found.contains("program"), "{found}");

    // The same with fixed addresses: type 2 in the header.
    let mut header = elf_header(2, if cfg!(target_arch = "x86_64") { 62 } else { 183 });
    header[16] = 2;
    let error = refused("program", &header);
    assert!(matches!(error, LoadError::NotALibrary { .. }), "{error:?}");
}

#[test]
fn a_plugin_that_aborts_on_panic_is_refused() {
    let error = refused("aborting", &built("aborting"));
    assert!(matches!(error, LoadError::PanicAbort { .. }), "{error:?}");
    assert!(error.hint().contains("profile"));
}

#[test]
fn a_plugin_that_fails_to_start_says_why() {
    let error = refused("own_log", &built("own_log"));
    let LoadError::Start { reason, .. } = &error else { panic!("{error:?}") };
    assert!(reason.contains("a log subscriber of its own"), "{reason}");
}

#[test]
fn a_folder_is_no_library() {
    let make = |path: &Path| fs::create_dir(path).unwrap();
    let (_dir, _host, error) = beside_a_good_plugin("folder", make);
    let LoadError::NotALibrary { found, .. } = &error else { panic!("{error:?}") };
    assert!(found.contains("folder"), "{found}");
}

#[test]
#[cfg(unix)]
fn a_pipe_is_no_library_and_is_not_waited_for() {
    let make = |path: &Path| {
        let made = std::process::Command::new("mkfifo").arg(path).status();
        assert!(made.is_ok_and(|status| status.success()), "mkfifo makes a named pipe");
    };
    let (_dir, _host, error) = beside_a_good_plugin("pipe", make);
    assert!(matches!(error, LoadError::NotALibrary { .. }), "{error:?}");
}

#[test]
#[cfg(unix)]
fn a_file_that_cannot_be_read_is_unreadable() {
    use std::os::unix::fs::{PermissionsExt, symlink};

    let make = |path: &Path| symlink("nowhere", path).unwrap();
    let (_dir, _host, error) = beside_a_good_plugin("dangling", make);
    let LoadError::Unreadable { reason, .. } = &error else { panic!("{error:?}") };
    assert!(reason.contains("No such file"), "{reason}");

    let locked = |path: &Path| {
        fs::write(path, "x").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap();
    };
    let probe = tempfile::tempdir().unwrap();
    locked(&probe.path().join("x"));
    if fs::read(probe.path().join("x")).is_ok() {
        skipped("this user may read every file, so that permissions prove nothing");
        return;
    }
    let (_dir, _host, error) = beside_a_good_plugin("locked", locked);
    assert!(matches!(error, LoadError::Unreadable { .. }), "{error:?}");
    assert!(error.hint().contains("permissions"));
}

#[allow(clippy::print_stderr, reason = "the way to tell that a test was not made")]
fn skipped(reason: &str) {
    eprintln!("SKIPPED: {reason}");
}

#[test]
fn a_library_that_needs_a_missing_one_is_reported_in_the_words_of_the_system() {
    log::collect();
    // The name of a needed library, overwritten in place, so that no such file exists.
    let mut content = built("good");
    let needed = b"libc.so.6\0";
    let Some(at) = content.windows(needed.len()).position(|part| part == needed) else {
        skipped("this system's libraries do not need libc.so.6");
        return;
    };
    content[at..at + 4].copy_from_slice(b"nolc");
    let error = refused("needy", &content);
    let LoadError::System { reason, .. } = &error else { panic!("{error:?}") };
    assert!(reason.contains("nolc.so.6"), "{reason}");
}
