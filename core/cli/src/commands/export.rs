//! `llmbench export`.

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::Path;

use llmbench_report::export::{ExportError, ParquetExport};

use crate::args::{ExportArgs, ExportFormat, GlobalArgs};
use crate::error::{CliError, Result};
use crate::exit::ExitCode;
use crate::{output, runs};

pub(crate) fn export(global: &GlobalArgs, args: &ExportArgs) -> Result<ExitCode> {
    let ExportFormat::Parquet = args.format;
    match &args.output {
        Some(path) => {
            let (runs, attempts) = to_file(args, path)?;
            if !global.quiet {
                output::note(&format!("{attempts} attempts of {runs} run(s): {}", path.display()));
            }
        }
        None if std::io::stdout().is_terminal() => {
            return Err(CliError::usage("a Parquet file is nothing for a terminal")
                .hint("name a file with `--output attempts.parquet`, or send stdout elsewhere"));
        }
        None => {
            // Anything written to stdout cannot be taken back: the runs are read before.
            let (bytes, ..) = write(args, Vec::new())?;
            let mut stdout = std::io::stdout().lock();
            match stdout.write_all(&bytes).and_then(|()| stdout.flush()) {
                Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                    return Err(CliError::not_ready(format!("cannot write to stdout: {error}")));
                }
                _ => {}
            }
        }
    }
    Ok(ExitCode::Done)
}

/// Writes beside the place and renames, so that no half file stands under the name.
fn to_file(args: &ExportArgs, path: &Path) -> Result<(usize, usize)> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let name =
        name.ok_or_else(|| CliError::usage(format!("`{}` names no file", path.display())))?;
    let temporary = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    let failed = |error: std::io::Error| {
        CliError::not_ready(format!("cannot write `{}`: {error}", path.display()))
            .hint(output::output_hint(path, &error))
    };
    let file = File::create(&temporary).map_err(failed)?;
    let written = write(args, file).and_then(|(file, runs, attempts)| {
        file.sync_all().and_then(|()| std::fs::rename(&temporary, path)).map_err(failed)?;
        Ok((runs, attempts))
    });
    if written.is_err() {
        // The first failure is the one to report.
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

/// Reads run after run; the sink comes back with the number of runs and attempts.
fn write<W: Write + Send>(args: &ExportArgs, sink: W) -> Result<(W, usize, usize)> {
    let mut attempts = 0;
    let mut export = ParquetExport::new(sink).map_err(|error| unwritten(&error))?;
    for name in &args.runs {
        let run = runs::open(name, &args.out)?;
        for warning in &run.warnings {
            output::warning(&warning.to_string());
        }
        export.add_run(&run).map_err(|error| unwritten(&error))?;
        attempts += run.records.len();
    }
    let sink = export.finish().map_err(|error| unwritten(&error))?;
    Ok((sink, args.runs.len(), attempts))
}

fn unwritten(error: &ExportError) -> CliError {
    let hint = match error {
        ExportError::Time { .. } => {
            "restore the file from a copy of the run: it was changed by hand"
        }
        ExportError::Read(_) => "try again: the run was changed while it was read",
        _ => "choose another place with `--output FILE`, or make room",
    };
    CliError::not_ready(format!("cannot write the export: {error}")).hint(hint)
}
