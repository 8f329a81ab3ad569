//! The chat template of a model: messages in, prompt text out.

use std::path::Path;

use llmbench_api::{Error, ErrorKind, Message, Result, Role};
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, ErrorKind as JinjaError, Value, context};

/// Value of the setting that joins the messages' texts without any template.
const RAW: &str = "raw";

/// Writes prompts.
#[derive(Debug)]
pub(crate) enum Template {
    /// The texts of the messages, one after the other.
    Raw,
    /// A Jinja template, with the texts of the model's beginning and end token.
    Jinja {
        /// Holds the one template, called `chat`.
        environment: Box<Environment<'static>>,
        begin: String,
        end: String,
    },
}

impl Template {
    /// The template that the user wants, else `stored`, the one of the file of the model called `what`.
    ///
    /// # Errors
    /// When there is none, or it cannot be parsed.
    pub(crate) fn read(
        stored: Option<&str>,
        what: &str,
        wanted: Option<&str>,
        begin: String,
        end: String,
    ) -> Result<Self> {
        let (source, origin) = match wanted {
            Some(RAW) => return Ok(Self::Raw),
            Some(path) => (read_file(Path::new(path))?, path),
            None => match stored {
                Some(source) => (source.to_owned(), what),
                None => return Err(no_template(what)),
            },
        };
        let mut environment = Environment::new();
        // Templates are written for Python: its string methods, its blank handling.
        environment
            .set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        let python = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(python.expect("the delimiters are Jinja's own"));
        environment.add_function("raise_exception", |message: String| -> Result<String, _> {
            Err(minijinja::Error::new(JinjaError::InvalidOperation, message))
        });
        environment.add_template_owned("chat", source).map_err(|error| {
            Error::new(ErrorKind::Unsupported, format!("the chat template of {origin}: {error}"))
                .with_hint("name another one: `--set embedded.chat_template=FILE`")
        })?;
        Ok(Self::Jinja { environment: Box::new(environment), begin, end })
    }

    /// The prompt text of a conversation, ready for the answer.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] when the template refuses the conversation.
    pub(crate) fn render(&self, messages: &[Message]) -> Result<String> {
        let Self::Jinja { environment, begin, end } = self else {
            return Ok(messages.iter().map(|message| message.content.as_str()).collect());
        };
        let entry = |message: &Message| {
            context! {
                role => role(message.role),
                content => message.content.as_str(),
            }
        };
        let messages: Vec<Value> = messages.iter().map(entry).collect();
        let values = context! {
            messages => messages,
            add_generation_prompt => true,
            bos_token => begin,
            eos_token => end,
        };
        let rendered = environment.get_template("chat").and_then(|chat| chat.render(values));
        rendered.map_err(|error| {
            Error::new(ErrorKind::Unsupported, format!("the model's chat template: {error}"))
                .with_hint("name another one: `--set embedded.chat_template=FILE`")
        })
    }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    }
}

fn read_file(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| {
        Error::new(
            ErrorKind::Settings,
            format!("embedded.chat_template: cannot read {}: {error}", path.display()),
        )
        .with_hint("give a file with a Jinja chat template, or `raw`")
    })
}

fn no_template(what: &str) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("load {what}: it holds no chat template, so it cannot chat"),
    )
    .with_hint(
        "name one with `--set embedded.chat_template=FILE`, or `raw` for a base model that just continues text",
    )
}
