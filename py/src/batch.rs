//! `send_many` and `recv_many`: lists of values, many under one hold of the channel's lock (core's `chan/batch.rs`).
//!
//! The first element goes, or comes, by an ordinary call, which waits, and is refused if the task is cancelled; then as many as there are, or as there is room for. Nothing waits while a batch
//! lies on this stack but for that one element, which travels as always (chan.rs N2).

use crate::call::Limits;
use crate::chan::{Channel, Got, Limit, sent};
use gort::chan::batch;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

/// So many at once.
const MOST: usize = 256;

/// Elements of a channel, densely laid out; those from `from` on are ours.
struct Dense<'a> {
    ch: &'a Channel,
    size: usize,
    bytes: Vec<u8>,
    from: usize,
}

impl Dense<'_> {
    fn new(ch: &Channel) -> Dense<'_> {
        Dense { ch, size: ch.kind().size(), bytes: Vec::new(), from: 0 }
    }

    fn len(&self) -> usize {
        self.bytes.len() / self.size
    }

    fn push(&mut self, word: u64) {
        self.bytes.extend_from_slice(&word.to_ne_bytes()[..self.size])
    }

    fn at(&self, i: usize) -> *const u8 {
        self.bytes[i * self.size..].as_ptr()
    }

    /// The oldest of ours, which is the caller's now.
    fn next(&mut self) -> Option<u64> {
        if self.from == self.len() {
            return None;
        }
        let mut word = [0; 8];
        word[..self.size].copy_from_slice(&self.bytes[self.from * self.size..][..self.size]);
        self.from += 1;
        Some(u64::from_ne_bytes(word))
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.from = 0;
    }
}

impl Drop for Dense<'_> {
    fn drop(&mut self) {
        // SAFETY: batches live in calls from Python only.
        let py = unsafe { Python::assume_attached() };
        while let Some(word) = self.next() {
            self.ch.forget_word(py, word)
        }
    }
}

/// At least one value, and what else is there at once, up to `most`; nothing if the channel is closed and drained.
pub fn recv_some<'py>(ch: &Channel, py: Python<'py>, most: usize, limits: Limits<'_>) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    if most == 0 {
        return Ok(list);
    }
    let Got::Word(w) = ch.recv_word(py, limits)? else { return Ok(list) };
    list.append(ch.value_of(py, w)?)?;
    let mut batch = Dense::new(ch);
    let mut left = most - 1;
    while left > 0 {
        let want = left.min(MOST);
        batch.clear();
        batch.bytes.resize(want * batch.size, 0);
        // SAFETY: there is room for so many.
        let (n, _) = unsafe { batch::try_recv_n(ch.raw(), batch.bytes.as_mut_ptr(), want) };
        batch.bytes.truncate(n * batch.size);
        while let Some(w) = batch.next() {
            list.append(ch.value_of(py, w)?)?
        }
        left -= n;
        if n < want {
            break;
        }
    }
    Ok(list)
}

/// Sends every value in order. Those of a list or a tuple go in batches; any other iterable may make each one when it is asked for it, and may wait for the one before to arrive.
pub fn send_all(ch: &Channel, values: &Bound<'_, PyAny>, limits: Limits<'_>) -> PyResult<usize> {
    let (py, limit) = (values.py(), Limit::of(limits));
    if let Ok(list) = values.cast_exact::<PyList>() {
        return send_batches(ch, py, &limit, |i| if i < list.len() { list.get_item(i).map(Some) } else { Ok(None) });
    }
    if let Ok(tuple) = values.cast_exact::<PyTuple>() {
        return send_batches(ch, py, &limit, |i| if i < tuple.len() { tuple.get_item(i).map(Some) } else { Ok(None) });
    }
    let mut n = 0;
    for v in values.try_iter()? {
        ch.send_value(&v?, limit.left()).map_err(|e| sent(py, e, n))?;
        n += 1;
    }
    Ok(n)
}

fn send_batches<'py>(
    ch: &Channel,
    py: Python<'py>,
    limit: &Limit,
    value: impl Fn(usize) -> PyResult<Option<Bound<'py, PyAny>>>,
) -> PyResult<usize> {
    let mut batch = Dense::new(ch);
    let mut n = 0;
    loop {
        batch.clear();
        let mut end = None;
        while batch.len() < MOST && end.is_none() {
            match value(n + batch.len()).and_then(|v| v.map(|v| ch.word_of(&v)).transpose()) {
                Ok(Some(word)) => batch.push(word),
                Ok(None) => end = Some(Ok(())),
                Err(e) => end = Some(Err(e)),
            }
        }
        while let Some(word) = batch.next() {
            if let Err(e) = ch.send_word(py, word, limit.left()) {
                ch.forget_word(py, word);
                return Err(sent(py, e, n));
            }
            n += 1;
            let left = batch.len() - batch.from;
            if left > 0 {
                // SAFETY: so many elements from there on are ours; those that went are the channel's.
                let (went, _) = unsafe { batch::try_send_n(ch.raw(), batch.at(batch.from), left) };
                batch.from += went;
                n += went;
            }
        }
        match end {
            None => {}
            Some(Ok(())) => return Ok(n),
            Some(Err(e)) => return Err(sent(py, e, n)),
        }
    }
}
