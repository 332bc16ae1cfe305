//! What the slots of a channel hold, seen from Python: an object, or a C kind with its struct code.

use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyInt};

/// See the file's head.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A reference that is owned by whoever has the element.
    Object,
    Fixed(Code),
}

impl Kind {
    #[inline(always)]
    pub fn size(self) -> usize {
        match self {
            Kind::Object => 8,
            Kind::Fixed(c) => c.size(),
        }
    }
}

/// A struct code in native size and alignment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Code(u8);

impl Code {
    /// Nanoseconds of the monotonic clock, which Python is given as seconds (a timer's channel). Not a struct code.
    pub const TIME: Code = Code(b'T');

    /// One of `?bBhHiIlLqQnNfd`, also with the prefix `@`.
    pub fn parse(s: &str) -> Option<Code> {
        let s = s.strip_prefix('@').unwrap_or(s);
        match s.as_bytes() {
            [c] if b"?bBhHiIlLqQnNfd".contains(c) => Some(Code(*c)),
            _ => None,
        }
    }

    /// The code of a buffer's items ("" is B).
    pub fn of_format(format: &str) -> Option<Code> {
        if format.is_empty() {
            Some(Code(b'B'))
        } else {
            Code::parse(format.strip_prefix('=').or(format.strip_prefix('<')).unwrap_or(format))
        }
    }

    pub fn name(self) -> char {
        self.0 as char
    }

    pub const fn size(self) -> usize {
        match self.0 {
            b'?' | b'b' | b'B' => 1,
            b'h' | b'H' => 2,
            b'i' | b'I' | b'f' => 4,
            _ => 8,
        }
    }

    const fn is_signed(self) -> bool {
        matches!(self.0, b'b' | b'h' | b'i' | b'l' | b'q' | b'n')
    }

    /// Whether items of `other` are the same bytes: the same size, and both float, signed or unsigned.
    pub fn is_like(self, other: Code) -> bool {
        let float = |c: Code| matches!(c.0, b'f' | b'd');
        self.size() == other.size() && self.is_signed() == other.is_signed() && float(self) == float(other)
    }

    /// The bytes of a value, in the low ones of the word.
    pub fn encode(self, v: &Bound<'_, PyAny>) -> PyResult<u64> {
        match self.0 {
            b'?' => Ok(v.is_truthy()? as u64),
            b'f' => Ok((v.extract::<f64>()? as f32).to_bits() as u64),
            b'd' => Ok(v.extract::<f64>()?.to_bits()),
            _ if self.is_signed() => {
                let n: i64 = v.extract()?;
                let bits = 8 * self.size() as u32;
                if bits < 64 && n >> (bits - 1) != 0 && n >> (bits - 1) != -1 {
                    return Err(PyOverflowError::new_err(format!(
                        "{n} does not fit into an element of {:?}",
                        self.name()
                    )));
                }
                Ok(n as u64)
            }
            _ => {
                let n: u64 = v.extract()?;
                let bits = 8 * self.size() as u32;
                if bits < 64 && n >> bits != 0 {
                    return Err(PyOverflowError::new_err(format!(
                        "{n} does not fit into an element of {:?}",
                        self.name()
                    )));
                }
                Ok(n)
            }
        }
    }

    /// The value of an element, whose bytes are the low ones of the word.
    pub fn decode<'py>(self, py: Python<'py>, w: u64) -> PyResult<Bound<'py, PyAny>> {
        let int = |n: i64| Ok(PyInt::new(py, n).into_any());
        match self.0 {
            b'?' => Ok(PyBool::new(py, w as u8 != 0).to_owned().into_any()),
            b'b' => int(w as i8 as i64),
            b'h' => int(w as i16 as i64),
            b'i' => int(w as i32 as i64),
            b'B' => int(w as u8 as i64),
            b'H' => int(w as u16 as i64),
            b'I' => int(w as u32 as i64),
            b'f' => Ok(PyFloat::new(py, f32::from_bits(w as u32) as f64).into_any()),
            b'd' => Ok(PyFloat::new(py, f64::from_bits(w)).into_any()),
            b'T' => Ok(PyFloat::new(py, w as i64 as f64 * 1e-9).into_any()),
            _ if self.is_signed() => int(w as i64),
            _ => Ok(PyInt::new(py, w).into_any()),
        }
    }
}
