//! `llmbench models`.

use comfy_table::{Table, presets};
use llmbench_api::ModelSummary;
use llmbench_engine::CancelToken;
use llmbench_engine::call::bounded;
use llmbench_engine::control::quiet_context;

use crate::args::{Format, GlobalArgs, ModelsArgs};
use crate::error::Result;
use crate::exit::ExitCode;
use crate::wiring::Wiring;
use crate::{output, wiring};

pub(crate) fn models(global: &GlobalArgs, args: &ModelsArgs) -> Result<ExitCode> {
    let settings = wiring::settings(global, &args.settings)?;
    let limit = settings.run.request_timeout;
    let backend = Wiring::new(global, settings).backend()?;
    let cx = quiet_context(&CancelToken::default(), Some(limit));
    let models = bounded("listing models", &cx, move |cx| backend.models(cx))?;
    match args.format {
        Format::Json => output::json(&models),
        Format::Text if models.is_empty() => output::result("no models are installed"),
        Format::Text => output::result(&table(&models)),
    }
    Ok(ExitCode::Done)
}

fn table(models: &[ModelSummary]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header([
        "name",
        "parameters",
        "quantisation",
        "size",
        "digest",
    ]);
    for model in models {
        let size = model
            .size_bytes
            .map_or_else(|| "–".into(), |bytes| format!("{:.1} GB", bytes as f64 / 1e9));
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".into());
        let digest =
            model.digest.as_deref().map_or("–", |digest| digest.get(..12).unwrap_or(digest));
        table.add_row([
            model.name.clone(),
            or_dash(&model.parameters),
            or_dash(&model.quantization),
            size,
            digest.into(),
        ]);
    }
    table.to_string()
}
