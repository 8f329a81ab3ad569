use crate::settings::{Layer, Origin, resolve};

use super::*;

fn models(names: &[&str]) -> Layer {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    Layer { model: Some(names), ..Layer::default() }
}

fn choose_with(origin: Origin, layer: Layer, variable: &str, answers: bool) -> Result<Choice> {
    let variable = |name: &str| (name == "OLLAMA_HOST").then(|| variable.to_owned());
    choose(&resolve(&[(origin, layer)])?, variable, |_| answers)
}

fn from_flags(layer: Layer) -> Result<Choice> {
    choose_with(Origin::Flags, layer, "", false)
}

#[test]
fn names_decide_the_backend() {
    let check = |names: &[&str], backend: &str| {
        let choice = from_flags(models(names)).unwrap();
        assert_eq!((choice.backend.as_str(), choice.by_default), (backend, None), "{names:?}");
        assert_eq!(choice.models, names);
    };
    check(&["sample"], "embedded");
    check(&["sample", "./models/Qwen3.GGUF"], "embedded");
    check(&["qwen3:4b", "sample:latest", "gguf", "my.gguf:latest"], "ollama");
    check(&["someone/repository:file-Q4_K_M.gguf"], "ollama");
}

#[test]
fn models_of_two_backends_are_refused() {
    let error = from_flags(models(&["tiny", "a.gguf"])).unwrap_err();
    assert_eq!(error.code, crate::exit::ExitCode::Usage);
    let text = format!("{} {}", error.message, error.hint.unwrap_or_default());
    for part in ["`a.gguf`", "`tiny`", "--backend", "run twice"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // Whoever names the backend gets it.
    let layer = Layer { backend: Some("ollama".into()), ..models(&["tiny", "a.gguf"]) };
    assert_eq!(from_flags(layer).unwrap().backend, "ollama");
}

#[test]
fn what_is_not_named_is_ollamas_if_it_answers() {
    let check = |layer: Layer, variable: &str, answers: bool, backend: &str, by_default: bool| {
        let choice = choose_with(Origin::Flags, layer.clone(), variable, answers).unwrap();
        let found = (choice.backend.as_str(), choice.by_default.is_some());
        assert_eq!(found, (backend, by_default), "{layer:?} {variable:?} {answers}");
        let model = if backend == "embedded" { "sample" } else { OLLAMA_MODEL };
        assert_eq!(choice.models, [model]);
    };
    check(Layer::default(), "", true, "ollama", true);
    check(Layer::default(), "", false, "embedded", true);
    check(Layer::default(), " ' ' ", false, "embedded", true);
    // Naming a place is naming Ollama: nothing replaces it.
    check(Layer::default(), "127.0.0.1:1", false, "ollama", true);
    let url = Layer { url: Some("http://127.0.0.1:1".into()), ..Layer::default() };
    check(url, "", false, "ollama", true);
    for (backend, model) in [("ollama", false), ("embedded", true)] {
        let layer = Layer { backend: Some(backend.into()), ..Layer::default() };
        check(layer, "", model, backend, false);
    }
}

#[test]
fn a_setting_of_ollama_names_it_too() {
    let own = |key: &str| {
        let settings = [(key.to_owned(), "1".into())].into();
        Layer { plugin_settings: [("ollama".to_owned(), settings)].into(), ..Layer::default() }
    };
    let file = || Origin::File("llmbench.toml".into());
    let backend = |origin, layer| choose_with(origin, layer, "", false).unwrap().backend;
    assert_eq!(backend(Origin::Flags, own("keep_alive")), "ollama");
    assert_eq!(backend(file(), own("url")), "ollama");
    // How to use Ollama, for whoever has one.
    let layers = [(file(), own("keep_alive")), (Origin::Flags, Layer::default())];
    let settings = resolve(&layers).unwrap();
    assert_eq!(choose(&settings, |_| None, |_| false).unwrap().backend, "embedded");
}

#[test]
fn an_address_is_no_use_to_the_embedded_engine() {
    let url = || Layer { url: Some("http://server".into()), ..models(&["sample"]) };
    let error = from_flags(url()).unwrap_err();
    assert!(error.message.contains("--url http://server"), "{}", error.message);
    let from_file = choose_with(Origin::File("llmbench.toml".into()), url(), "", false);
    assert_eq!(from_file.unwrap().backend, "embedded");
}

#[test]
fn a_file_is_looked_for_beside_the_settings_that_name_it() {
    let file = || Origin::File(Path::new("conf").join("llmbench.toml"));
    let names = ["m.gguf", "sample"];
    let choice = choose_with(file(), models(&names), "", false).unwrap();
    assert_eq!(choice.models, [&*Path::new("conf").join("m.gguf").to_string_lossy(), "sample"]);
    assert_eq!(from_flags(models(&names)).unwrap().models, names);
    // A server's names are no paths.
    let layer = Layer { backend: Some("openai".into()), ..models(&["m.gguf"]) };
    assert_eq!(choose_with(file(), layer, "", false).unwrap().models, ["m.gguf"]);
}

#[test]
fn only_a_default_that_is_missing_points_to_the_demo_model() {
    let missing = || {
        let kind = llmbench_api::ErrorKind::ModelNotFound;
        llmbench_api::Error::new(kind, "not found").with_hint("run `ollama pull x`")
    };
    let by_default = choose_with(Origin::Flags, Layer::default(), "", true).unwrap();
    let hint = by_default.explain(missing(), Vec::new).hint.unwrap();
    assert!(hint.contains("`--model NAME`") && hint.contains("--model sample"), "{hint}");
    let by_name = from_flags(models(&["x"])).unwrap();
    assert_eq!(by_name.explain(missing(), Vec::new), missing());
}

#[test]
fn a_name_that_is_nearly_right_is_asked_back() {
    let hint_for = |model: &str, kind| {
        let error = llmbench_api::Error::new(kind, format!("`{model}`")).with_hint("help");
        let choice = from_flags(models(&[model])).unwrap();
        choice.explain(error, || vec!["qwen3:8b".to_owned()]).hint.unwrap()
    };
    let check = |model: &str, kind, start: &str| {
        let hint = hint_for(model, kind);
        assert!(hint.starts_with(start), "{model}: {hint}");
    };
    check("sampel", ErrorKind::Unavailable, "did you mean `--model sample`? help");
    check("llama3", ErrorKind::Unavailable, "help; names without `.gguf`");
    check("sampel", ErrorKind::ModelNotFound, "did you mean `sample`? ");
    check("qwn3:8b", ErrorKind::ModelNotFound, "did you mean `qwen3:8b`? help");
    check("llama3", ErrorKind::ModelNotFound, "help");
}

#[test]
fn only_a_single_model_of_a_server_needs_no_name() {
    let with = |models: &[&str]| {
        let choice = named(OPENAI, &[]);
        choice.with_only_model(models.iter().map(|name| (*name).to_owned()).collect())
    };
    let only = with(&["m"]).unwrap();
    assert_eq!((only.models, only.backend.as_str()), (vec!["m".to_owned()], OPENAI));
    assert!(only.by_default.unwrap().contains("`m`"));
    assert!(with(&[]).unwrap_err().message.contains("lists none"));
    assert!(with(&["a", "b"]).unwrap_err().message.contains("`a`, `b`"));
}
