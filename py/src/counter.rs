//! `Counter`: a sharded counter, core's.

use pyo3::prelude::*;

/// A number that many threads add to and few read. It wraps around at 64 bits.
#[pyclass(frozen, module = "gort", weakref)]
pub struct Counter(Box<gort::sync::Counter>);

#[pymethods]
impl Counter {
    #[new]
    fn new() -> Counter {
        Counter(Box::new(gort::sync::Counter::new()))
    }

    /// Adds `n`, which may be negative.
    #[pyo3(signature = (n=1, /))]
    fn add(&self, n: i64) {
        self.0.add(n)
    }

    /// Adds one.
    fn inc(&self) {
        self.0.inc()
    }

    /// Takes one off.
    fn dec(&self) {
        self.0.dec()
    }

    /// What was added since it was made or reset; exact when nobody adds meanwhile.
    fn value(&self) -> i64 {
        self.0.value()
    }

    /// Counts from zero again; the value until now.
    fn reset(&self) -> i64 {
        self.0.reset()
    }

    fn __int__(&self) -> i64 {
        self.0.value()
    }

    fn __repr__(&self) -> String {
        format!("Counter({})", self.0.value())
    }
}
