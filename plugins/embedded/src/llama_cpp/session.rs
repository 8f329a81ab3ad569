//! A model together with the memory of one conversation.

use std::sync::Arc;

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::{DecodeError, LlamaContextLoadError};
use self_cell::self_cell;

self_cell!(
    struct Cell {
        owner: Arc<LlamaModel>,

        #[covariant]
        dependent: LlamaContext,
    }
);

/// A context of llama.cpp, which borrows its model.
pub(super) struct Session {
    cell: Cell,
    room: usize,
}

impl Session {
    /// A context for `room` tokens.
    ///
    /// # Errors
    /// When llama.cpp makes none; its log says why.
    pub(super) fn open(
        model: Arc<LlamaModel>,
        backend: &LlamaBackend,
        params: LlamaContextParams,
        room: usize,
    ) -> Result<Self, LlamaContextLoadError> {
        let cell = Cell::try_new(model, |model| model.new_context(backend, params))?;
        Ok(Self { cell, room })
    }

    /// The tokens that it was opened for.
    pub(super) fn room(&self) -> usize {
        self.room
    }

    /// Forgets every token.
    pub(super) fn clear(&mut self) {
        self.cell.with_dependent_mut(|_, context| context.clear_kv_cache());
    }

    /// Computes `batch`; the logits after its last token.
    ///
    /// # Errors
    /// What llama.cpp says.
    pub(super) fn decode(&mut self, batch: &mut LlamaBatch<'_>) -> Result<Vec<f32>, DecodeError> {
        self.cell.with_dependent_mut(|_, context| {
            context.decode(batch)?;
            Ok(context.get_logits_ith(batch.n_tokens() - 1).to_vec())
        })
    }
}
