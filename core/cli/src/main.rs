//! The `llmbench` command.

fn main() -> ! {
    let code = llmbench_cli::run(std::env::args_os());
    // Not a return: a thread that hangs inside a plugin must not keep the process.
    std::process::exit(code.into());
}
