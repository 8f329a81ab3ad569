//! Backends: whatever runs a model.

mod request;

use serde::{Deserialize, Serialize};

use crate::{CallContext, Error, ErrorKind, Json, Measured, Result};

pub use request::{Arrival, GenerateOptions, GenerateRequest, Message, Overrides, Purpose, Role};

/// Runs models: a server that is spoken to, or an engine inside the plugin.
///
/// One instance serves a whole run; methods may be called from any thread.
pub trait Backend: Send + Sync + 'static {
    /// What answers at the other end, for `doctor` and the run's manifest.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when nothing answers.
    fn probe(&self, cx: &CallContext) -> Result<ServerInfo>;

    /// The models that can be named in a request, in the server's order.
    ///
    /// # Errors
    /// As [`Backend::probe`].
    fn models(&self, cx: &CallContext) -> Result<Vec<ModelSummary>>;

    /// What exactly `model` is. Facts that the server does not tell are absent with a reason.
    ///
    /// # Errors
    /// [`ErrorKind::ModelNotFound`], with the installed ones in the hint.
    fn identify(&self, model: &str, cx: &CallContext) -> Result<ModelIdentity>;

    /// Makes the model ready, so that loading is not part of a measured answer.
    ///
    /// Returns the seconds that loading took, absent when it cannot be told.
    ///
    /// # Errors
    /// As [`Backend::generate`].
    fn load(
        &self,
        model: &str,
        options: &GenerateOptions,
        cx: &CallContext,
    ) -> Result<Measured<f64>> {
        let _ = (model, options, cx);
        Ok(Measured::absent("the backend loads with the first request"))
    }

    /// Answers one request, passing each event to `sink` as its bytes arrive.
    ///
    /// Success means that the other side said itself that the answer is complete.
    /// [`Flow::Stop`] from the sink ends the call with [`ErrorKind::Cancelled`].
    ///
    /// # Errors
    /// One kind for each cause; see [`ErrorKind`]. A stream that ends without
    /// its end mark is [`ErrorKind::Protocol`].
    fn generate(
        &self,
        request: &GenerateRequest,
        sink: &dyn EventSink,
        cx: &CallContext,
    ) -> Result<Generation>;

    /// Answers many requests at the times that `arrival` asks for.
    ///
    /// One outcome for each request, in their order; a failed one fails alone.
    /// [`Generation::scheduled_at_ns`] is the instant at which a request was due,
    /// so that latency can be counted from there: a client that falls behind its
    /// schedule must not hide the time for which requests waited in it.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] unless the backend drives such a load itself.
    fn generate_batch(
        &self,
        requests: &[GenerateRequest],
        arrival: &Arrival,
        sink: &dyn EventSink,
        cx: &CallContext,
    ) -> Result<Vec<BatchOutcome>> {
        let _ = (requests, sink, cx);
        Err(Error::new(
            ErrorKind::Unsupported,
            format!("this backend cannot drive the arrival schedule {arrival:?}"),
        )
        .with_hint("ask for one request at a time, or name a backend that drives such a load, as `--backend openai --url http://127.0.0.1:11434/v1` does for Ollama"))
    }
}

/// What answers at the other end of a backend.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ServerInfo {
    /// Product name, for example `ollama`.
    pub name: String,
    /// Version as the server tells it.
    pub version: Measured<String>,
    /// Base URL, or a file path for an embedded engine.
    pub location: String,
    /// Process id of the process that computes, where it is known and local.
    pub process_id: Option<u32>,
    /// Whether a prompt that was sent before may be answered from a cache;
    /// `None` where that is not known, which is taken for a yes.
    pub caches_prompts: Option<bool>,
    /// True where a request cannot set the size of the context: the server has its own.
    pub context_is_fixed: bool,
    /// Remarks for the user.
    pub notes: Vec<String>,
}

/// One line of `llmbench models`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelSummary {
    /// Name to use in a request.
    pub name: String,
    /// Size of the weights on disk.
    pub size_bytes: Option<u64>,
    /// Quantisation as the server calls it.
    pub quantization: Option<String>,
    /// Parameter count as the server writes it, for example `7.6B`.
    pub parameters: Option<String>,
    /// Digest of the weights.
    pub digest: Option<String>,
    /// Dense, or a mixture of experts.
    pub architecture: Option<Architecture>,
    /// Parameters that take part in one token.
    pub active_parameters: Option<u64>,
}

/// Dense, or a mixture of experts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Architecture {
    /// Every parameter takes part in every token.
    Dense,
    /// A router picks some experts for each token.
    MixtureOfExperts,
    /// A kind that this version does not know.
    #[serde(other)]
    Unknown,
}

/// What exactly a model is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ModelIdentity {
    /// Name as the user gave it.
    pub name: String,
    /// Digest of the weights and their configuration.
    pub digest: Measured<String>,
    /// Family, for example `qwen2`.
    pub family: Measured<String>,
    /// Quantisation, for example `Q8_0`.
    pub quantization: Measured<String>,
    /// All parameters.
    pub parameters: Measured<u64>,
    /// Parameters that take part in one token.
    pub active_parameters: Measured<u64>,
    /// Dense or mixture of experts; a reason says when it is a guess.
    pub architecture: Measured<Architecture>,
    /// Experts in each mixture layer.
    pub expert_count: Measured<u64>,
    /// Experts that the router picks for a token.
    pub experts_used: Measured<u64>,
    /// Tokens that the model was built for.
    pub context_length: Measured<u64>,
    /// Share of the loaded model that lies in GPU memory, 0..=1.
    pub gpu_offload_share: Measured<f64>,
    /// Version of the server that runs it.
    pub server_version: Measured<String>,
    /// Size of the weights.
    pub size_bytes: Measured<u64>,
}

/// Whether the receiver wants more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    Continue,
    /// End the call.
    Stop,
}

/// What a piece of a stream holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// Text of the answer.
    Text,
    /// Text of the model's reasoning, which is not part of the answer.
    Thinking,
    /// A tool call as JSON.
    ToolCall,
    /// Token counts or other metadata as JSON.
    Usage,
    /// The end, with the reason as text.
    Done,
}

/// A piece of a stream. A chunk is not a token: servers merge and split them.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    /// Which request of a batch it belongs to; 0 outside a batch.
    pub request_index: u32,
    /// What it holds.
    pub kind: EventKind,
    /// When its bytes arrived, on the host's clock, taken in the plugin.
    pub at_ns: u64,
    /// Text, or JSON, depending on the kind.
    pub text: &'a str,
}

/// Receives the events of a generation, in order for each request.
pub trait EventSink: Send + Sync {
    /// Takes one event; must not block.
    fn event(&self, event: Event<'_>) -> Flow;
}

/// Wants to see nothing.
impl EventSink for () {
    fn event(&self, _: Event<'_>) -> Flow {
        Flow::Continue
    }
}

/// Why the server ended an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DoneReason {
    /// The model ended its answer.
    Stop,
    /// The answer met the limit of tokens or context: it is cut off.
    Length,
    /// The model asked for a tool.
    ToolCalls,
    /// The server gave up on a model that repeated itself: the answer is cut
    /// off, and that is the model's failure, not the server's.
    Repetition,
    /// The server did not say, or used a word that this version does not know.
    #[default]
    #[serde(other)]
    Unknown,
}

/// A complete answer with the server's own figures.
///
/// A field is `None` where the server does not report it; [`Generation::missing`]
/// then holds the reason under the field's name. Instants are on the host's clock.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Generation {
    /// The answer.
    pub text: String,
    /// The model's reasoning, apart from the answer.
    pub thinking: String,
    /// Why the server ended the answer.
    pub done_reason: DoneReason,
    /// The server's own word for it.
    pub done_reason_raw: Option<String>,
    /// Tokens of the prompt as the server counted them.
    pub prompt_tokens: Option<u64>,
    /// Tokens of the prompt that the server took from its cache, where it tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached_prompt_tokens: Option<u64>,
    /// Tokens generated, reasoning included, as the server counted them.
    pub completion_tokens: Option<u64>,
    /// Time spent loading the model for this request.
    pub load_sec: Option<f64>,
    /// Time spent on the prompt, as far as it did not come from a cache.
    pub prefill_sec: Option<f64>,
    /// Time spent generating.
    pub decode_sec: Option<f64>,
    /// Tokens that came in `decode_sec`, where the server says that these are not all: most start
    /// that clock with the first token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decode_tokens: Option<u64>,
    /// Time in the server that is neither load, prefill nor decode.
    pub queue_sec: Option<f64>,
    /// When the request was due: its place in an open schedule, or the instant at
    /// which its slot of a closed loop became free. Absent outside a batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduled_at_ns: Option<u64>,
    /// When the request was handed to the network.
    pub sent_at_ns: u64,
    /// When the first text or thinking arrived.
    pub first_token_at_ns: Option<u64>,
    /// When the end mark arrived.
    pub done_at_ns: u64,
    /// Nanoseconds between consecutive pieces of content (text or thinking), in
    /// order: one fewer than [`Generation::content_chunks`]. Two pieces that came in
    /// one read have a gap of 0. Holds at most the first [`Generation::MOST_GAPS`];
    /// empty where the backend does not keep them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gaps_ns: Vec<u64>,
    /// The longest of all gaps, also of those that `gaps_ns` has no room for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest_gap_ns: Option<u64>,
    /// Pieces of content that arrived, empty ones not counted. Not a count of tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_chunks: Option<u64>,
    /// Field name → why it is absent.
    pub missing: std::collections::BTreeMap<String, String>,
    /// Remarks about this answer that bear on its validity.
    pub warnings: Vec<String>,
    /// The server's last message as it came, for the artifacts.
    pub raw: Json,
}

impl Generation {
    /// Gaps that [`Generation::gaps_ns`] keeps of one answer.
    pub const MOST_GAPS: usize = 8192;

    /// Wall-clock seconds from sending the request to the end mark.
    pub fn duration_sec(&self) -> f64 {
        self.done_at_ns.saturating_sub(self.sent_at_ns) as f64 / 1e9
    }

    /// Seconds from sending the request to the first text (TTFT).
    pub fn ttft_sec(&self) -> Option<f64> {
        self.first_token_at_ns.map(|at| at.saturating_sub(self.sent_at_ns) as f64 / 1e9)
    }

    /// Reads that are needed to tell a speed by the arrival of several tokens at a time.
    pub const FEWEST_READS: u64 = 8;

    /// Fewest tokens of a prompt whose time tells a speed; what is computed once for each
    /// request outweighs fewer.
    pub const FEWEST_COMPUTED: u64 = 16;

    /// Generated tokens divided by decode time, from the server's own figures.
    pub fn tokens_per_sec(&self) -> Option<f64> {
        rate(self.decode_tokens.or(self.completion_tokens), self.decode_sec)
    }

    /// Tokens of the prompt that did not come from a cache, as far as the server tells.
    pub fn computed_prompt_tokens(&self) -> Option<u64> {
        let cached = self.cached_prompt_tokens.unwrap_or(0);
        self.prompt_tokens.map(|tokens| tokens.saturating_sub(cached))
    }

    /// Seconds between the first piece of content and the last; to the end mark where the
    /// gaps are not all known.
    pub fn content_sec(&self) -> Option<f64> {
        let first = self.first_token_at_ns?;
        let nanoseconds = match self.has_all_gaps() {
            true => self.gaps_ns.iter().sum(),
            false => self.done_at_ns.saturating_sub(first),
        };
        Some(nanoseconds as f64 / 1e9)
    }

    fn has_all_gaps(&self) -> bool {
        self.content_chunks.is_some_and(|chunks| chunks == self.gaps_ns.len() as u64 + 1)
    }

    /// Moments at which content arrived: pieces that came in one read count once. `None` where
    /// the pieces are not counted; all pieces where the gaps are not all known.
    pub fn content_reads(&self) -> Option<u64> {
        let chunks = self.content_chunks?;
        let apart = || self.gaps_ns.iter().filter(|gap| **gap > 0).count() as u64 + 1;
        Some(if self.has_all_gaps() { apart() } else { chunks })
    }

    /// Tokens behind the first read of content, and the seconds in which they came: a decode
    /// speed as the client sees it.
    ///
    /// Of `n` tokens in `R` reads, `n − 1` are behind the first where each read is a token
    /// (vLLM's definition of TPOT), else `n × (R − 1) / R`. `None` where tokens or pieces are
    /// not counted, and where fewer than [`Generation::FEWEST_READS`] reads, and fewer than
    /// tokens, tell too little.
    pub fn observed_decode(&self) -> Option<(f64, f64)> {
        let (count, reads) = (self.completion_tokens?, self.content_reads()?);
        if reads < Self::FEWEST_READS && reads < count {
            return None;
        }
        let (tokens, reads) = (count as f64, reads as f64);
        let further = (tokens - 1.0).min(tokens * (reads - 1.0) / reads);
        let sec = self.content_sec()?;
        (further > 0.0 && sec > 0.0).then_some((further, sec))
    }

    /// Prompt tokens that were computed, divided by the time for them, from the server's own
    /// figures. `None` where it tells one of them not, and where nearly all came from its cache.
    pub fn prefill_tokens_per_sec(&self) -> Option<f64> {
        let computed = self.computed_prompt_tokens();
        let is_enough = |computed: &u64| {
            self.cached_prompt_tokens.is_none() || *computed >= Self::FEWEST_COMPUTED
        };
        rate(computed.filter(is_enough), self.prefill_sec)
    }
}

fn rate(count: Option<u64>, seconds: Option<f64>) -> Option<f64> {
    match (count, seconds) {
        (Some(count), Some(seconds)) if count > 0 && seconds > 0.0 => Some(count as f64 / seconds),
        _ => None,
    }
}

/// Outcome of one request of a batch.
#[expect(clippy::large_enum_variant, reason = "nearly all are answers")]
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchOutcome {
    /// The server ended the answer.
    Answered(Generation),
    /// It did not.
    Failed(Error),
}
