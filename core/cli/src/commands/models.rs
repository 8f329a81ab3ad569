//! `llmbench models`.

use comfy_table::{Table, presets};
use llmbench_api::{Architecture, ModelSummary};
use llmbench_engine::CancelToken;
use llmbench_engine::call::bounded;
use llmbench_engine::control::quiet_context;

use crate::args::{Format, GlobalArgs, ModelsArgs};
use crate::choice::{EMBEDDED, SAMPLE};
use crate::error::Result;
use crate::exit::ExitCode;
use crate::wiring::Wiring;
use crate::{output, wiring};

pub(crate) fn models(global: &GlobalArgs, args: &ModelsArgs) -> Result<ExitCode> {
    let settings = wiring::settings(global, &args.settings)?;
    let limit = settings.run.request_timeout;
    let mut wiring = Wiring::new(global, settings);
    let cancel = CancelToken::default();
    let choice = wiring.choose(&cancel)?;
    if let Some(choice) = choice.by_default.as_ref().filter(|_| !global.quiet) {
        output::note(choice);
    }
    let backend = wiring.backend(&choice.backend)?;
    let cx = quiet_context(&cancel, Some(limit));
    let models = bounded("listing models", &cx, move |cx| backend.models(cx))?;
    match args.format {
        Format::Json => output::json(&models),
        Format::Text if models.is_empty() => output::result("no models are installed"),
        Format::Text => {
            output::result(&table(&models));
            if choice.backend == EMBEDDED && !global.quiet {
                output::note(&format!(
                    "`{SAMPLE}` is a demo model that comes with llmbench, no reference for \
                     quality; GGUF files in this folder are listed with it"
                ));
            }
        }
    }
    Ok(ExitCode::Done)
}

fn table(models: &[ModelSummary]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header([
        "name",
        "parameters",
        "active",
        "kind",
        "quantisation",
        "size",
        "digest",
    ]);
    for model in models {
        let size = model.size_bytes.map_or_else(|| "–".into(), in_units);
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".into());
        let digest = model.digest.as_deref().map_or("–", |digest| {
            let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
            hex.get(..12).unwrap_or(hex)
        });
        table.add_row([
            model.name.clone(),
            or_dash(&model.parameters),
            model.active_parameters.map_or_else(|| "–".into(), in_words),
            model.architecture.map_or("–", kind).into(),
            or_dash(&model.quantization),
            size,
            digest.into(),
        ]);
    }
    table.to_string()
}

fn kind(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::Dense => "dense",
        Architecture::MixtureOfExperts => "mixture",
        Architecture::Unknown => "–",
    }
}

fn in_words(count: u64) -> String {
    match count as f64 {
        count if count < 0.95e9 => format!("{:.1}M", count / 1e6),
        count => format!("{:.1}B", count / 1e9),
    }
}

fn in_units(bytes: u64) -> String {
    match bytes as f64 {
        bytes if bytes < 0.95e9 => format!("{:.1} MB", bytes / 1e6),
        bytes => format!("{:.1} GB", bytes / 1e9),
    }
}
