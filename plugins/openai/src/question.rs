//! A question about the server or its models: one request, one JSON answer.

use std::sync::Mutex;

use llmbench_api::{Error, ErrorKind, Json, Result};

use crate::error::{self, About};
use crate::exchange::Exchange;
use crate::http::Head;

/// Most bytes of an answer; lists of models are long on some servers.
const LONGEST: usize = 16 * 1024 * 1024;

/// What came back.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reply {
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// The JSON of a success.
    ///
    /// # Errors
    /// Of the status, or [`ErrorKind::Protocol`] for what is no JSON.
    pub(crate) fn json(&self, about: About<'_>) -> Result<Json> {
        if self.head.status != 200 {
            return Err(error::from_status(&self.head, &self.body, about));
        }
        if let Some(form) = &self.head.compression {
            return Err(error::compressed(about, form));
        }
        serde_json::from_slice(&self.body).map_err(|cause| {
            let (what, excerpt) = (about.what, error::excerpt(&self.body, about.secrets));
            Error::new(ErrorKind::Protocol, format!("{what}: the answer is no JSON: {excerpt}"))
                .with_hint("is this a server with OpenAI's API? check `--url`")
                .with_cause(&cause)
        })
    }
}

/// A question under way; its reply goes into `reply`.
pub(crate) struct Question<'a> {
    pub(crate) request: Vec<u8>,
    pub(crate) what: &'a str,
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
    pub(crate) reply: &'a Mutex<Option<Result<Reply>>>,
}

impl Exchange for Question<'_> {
    fn request(&self) -> &[u8] {
        &self.request
    }

    fn sent(&mut self, _: u64) {}

    fn head(&mut self, head: &Head) {
        self.head = head.clone();
    }

    fn body(&mut self, bytes: &[u8], _: u64) -> Result<()> {
        if self.body.len() + bytes.len() > LONGEST {
            return Err(error::too_long(self.what, 0, LONGEST));
        }
        self.body.extend_from_slice(bytes);
        Ok(())
    }

    fn is_complete(&self) -> bool {
        false
    }

    fn phase(&self) -> &'static str {
        "answer"
    }

    fn pieces(&self) -> u64 {
        0
    }

    fn what(&self) -> &str {
        self.what
    }

    fn finish(self, ended: Result<(), Error>, _: u64) {
        let reply = ended.map(|()| Reply { head: self.head, body: self.body });
        *self.reply.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(reply);
    }
}
