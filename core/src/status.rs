//! The one table of statuses: number, name, text and Python class of every way a call can end.
//!
//! What this is: plain data, readable from every floor and every face. The numbers are part of the C ABI and
//! never change; a new status gets the next free number. `docs/errors.md` is generated from [`TABLE`].
//! What this is NOT: a place for detail. What exactly was wrong with one call stands in the caller's
//! `last_error` text ([`crate::error`]), which lives in the task, not in thread-local storage.
//!
//! Invariant S1: `TABLE[i].status as i32 == -(i as i32)`; a unit test holds it.

use core::fmt;

/// How a call ended. `Ok` is zero, every failure is negative.
#[repr(i32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[must_use]
pub enum Status {
    Ok = 0,
    Closed = -1,
    WouldBlock = -2,
    TimedOut = -3,
    Canceled = -4,
    Invalid = -5,
    Misuse = -6,
    NoMemory = -7,
    Deadlock = -8,
    Panic = -9,
    Limit = -10,
    Shutdown = -11,
    Os = -12,
}

/// One row of the table.
pub struct Row {
    pub status: Status,
    /// The name in C.
    pub name: &'static str,
    /// One sentence for people.
    pub text: &'static str,
    /// The exception class in Python ("" for success).
    pub python: &'static str,
}

/// Every status, in the order of its number (S1).
pub static TABLE: [Row; 13] = [
    Row { status: Status::Ok, name: "GORT_OK", text: "success", python: "" },
    Row { status: Status::Closed, name: "GORT_CLOSED", text: "the channel is closed", python: "Closed" },
    Row {
        status: Status::WouldBlock,
        name: "GORT_WOULD_BLOCK",
        text: "the operation could not go ahead at that instant",
        python: "WouldBlock",
    },
    Row { status: Status::TimedOut, name: "GORT_TIMED_OUT", text: "the deadline passed", python: "TimedOut" },
    Row {
        status: Status::Canceled,
        name: "GORT_CANCELED",
        text: "the context or the task was cancelled",
        python: "Canceled",
    },
    Row { status: Status::Invalid, name: "GORT_INVALID", text: "an argument is not valid", python: "InvalidArgument" },
    Row {
        status: Status::Misuse,
        name: "GORT_MISUSE",
        text: "the call is not allowed here, or the handle is stale or of another kind",
        python: "Misuse",
    },
    Row { status: Status::NoMemory, name: "GORT_NO_MEMORY", text: "out of memory", python: "MemoryError" },
    Row {
        status: Status::Deadlock,
        name: "GORT_DEADLOCK",
        text: "every task of the run is asleep and nothing can wake one",
        python: "Deadlock",
    },
    Row { status: Status::Panic, name: "GORT_PANIC", text: "a task panicked", python: "TaskPanic" },
    Row {
        status: Status::Limit,
        name: "GORT_LIMIT",
        text: "the request is above a limit and can not be granted",
        python: "LimitExceeded",
    },
    Row {
        status: Status::Shutdown,
        name: "GORT_SHUTDOWN",
        text: "the runtime is stopping, or the handle is from before a fork or a shutdown",
        python: "ShutDown",
    },
    Row { status: Status::Os, name: "GORT_OS", text: "the operating system refused", python: "OSError" },
];

impl Status {
    /// The number in the C ABI.
    #[inline]
    pub const fn code(self) -> i32 {
        self as i32
    }

    /// The status of a number, if it is one.
    pub const fn from_code(code: i32) -> Option<Status> {
        if code <= 0 && code > -(TABLE_LEN as i32) { Some(TABLE[(-code) as usize].status) } else { None }
    }

    /// The C name, `GORT_...`.
    pub const fn name(self) -> &'static str {
        TABLE[(-(self as i32)) as usize].name
    }

    /// One sentence for people.
    pub const fn text(self) -> &'static str {
        TABLE[(-(self as i32)) as usize].text
    }

    /// True for [`Status::Ok`].
    #[inline]
    pub const fn is_ok(self) -> bool {
        matches!(self, Status::Ok)
    }

    /// `Ok(())` for success, else the status as an error.
    #[inline]
    pub const fn ok(self) -> Result<(), Status> {
        if self.is_ok() { Ok(()) } else { Err(self) }
    }
}

const TABLE_LEN: usize = 13;

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for Status {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_in_order_of_numbers() {
        for (i, row) in TABLE.iter().enumerate() {
            assert_eq!(row.status as i32, -(i as i32));
            assert_eq!(Status::from_code(row.status.code()), Some(row.status));
        }
        assert_eq!(Status::from_code(1), None);
        assert_eq!(Status::from_code(-13), None);
    }
}
