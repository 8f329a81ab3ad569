//! The process that computes for a server on this machine, where `/proc` tells it.

/// The id of the only Ollama runner on this machine, or the reason why there is none to name.
pub(crate) fn runner_id() -> Result<u32, &'static str> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Err("this system has no /proc");
    };
    let runners: Vec<u32> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|id| std::fs::read(format!("/proc/{id}/cmdline")).is_ok_and(|a| is_runner(&a)))
        .collect();
    match runners[..] {
        [id] => Ok(id),
        [] => Err("no runner is started; the server starts one when it loads a model"),
        _ => Err("several runners are started"),
    }
}

/// True for the command line `…/ollama runner …`, its parts ended by zero bytes.
fn is_runner(command_line: &[u8]) -> bool {
    let mut parts = command_line.split(|byte| *byte == 0);
    let program = parts.next().unwrap_or_default();
    let name = program.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    name == b"ollama" && parts.next() == Some(b"runner".as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runners_are_known_by_their_command_line() {
        for (command_line, expected) in [
            ("/usr/bin/ollama\0runner\0--model\0x\0", true),
            ("ollama\0runner\0", true),
            ("/usr/bin/ollama\0serve\0", false),
            ("/usr/bin/ollama\0run\0runner\0", false),
            ("sh\0-c\0ollama runner\0", false),
            ("", false),
        ] {
            assert_eq!(is_runner(command_line.as_bytes()), expected, "{command_line:?}");
        }
    }
}
