//! Atomic numbers and pointers: inline functions of the header alone (`gort_prelude.h`, part "atomic"); the library has none of it.
//!
//! What this is NOT: a lock, or a type. They work on plain objects of the program's, as Go's functions do, and every access to such an object is to be one of theirs.
