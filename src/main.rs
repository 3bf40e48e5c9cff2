//! The `runner` command.

fn main() -> std::process::ExitCode {
    runner::cli::main(std::env::args_os())
}
