//! The mark that every copy of the runtime carries, and how the other copies in this process are found (H1).
//!
//! Two copies in one process are two schedulers whose channels do not meet. A copy may be libgort.so under any file name, a program that was linked with libgort.a, a Rust program, or a
//! module of a host language; what they have in common is an ELF note in a segment of type PT_NOTE, which `dl_iterate_phdr` sees whatever was stripped, hidden or loaded under RTLD_LOCAL:
//! owner "gort", type 1, and two words: the number of the ABI, the version.
//!
//! A1  The note is named by code that every user runs (`keep`), so no linker leaves it out of a program that is linked with the archive.
//! A2  It is never changed in shape: an older copy must be able to read a newer one. More words may follow.
//!
//! Rejected: a symbol looked up by `dlsym` (a program does not export its own, RTLD_LOCAL hides a library's); the file's name (it says nothing).

use core::ffi::{CStr, c_int, c_void};
use core::mem::size_of;

/// The number of the C ABI, which is the soname's: `ffi-c/build.rs` has it for the linker, and a test compares.
pub const ABI: u32 = 0;
/// major * 65536 + minor * 256 + patch.
pub const VERSION: u32 = part(env!("CARGO_PKG_VERSION_MAJOR")) << 16
    | part(env!("CARGO_PKG_VERSION_MINOR")) << 8
    | part(env!("CARGO_PKG_VERSION_PATCH"));

const fn part(digits: &str) -> u32 {
    let (mut number, mut at) = (0, 0);
    while at < digits.len() {
        number = number * 10 + (digits.as_bytes()[at] - b'0') as u32;
        at += 1;
    }
    number
}

const OWNER: [u8; 5] = *b"gort\0";
const TYPE: u32 = 1;
const WORDS: usize = 2;

#[repr(C, align(4))]
struct Note {
    owner_size: u32,
    words_size: u32,
    kind: u32,
    owner: [u8; 8],
    words: [u32; WORDS],
}

#[used]
#[cfg_attr(target_os = "linux", unsafe(link_section = ".note.gort"))]
static NOTE: Note = Note {
    owner_size: OWNER.len() as u32,
    words_size: (WORDS * size_of::<u32>()) as u32,
    kind: TYPE,
    owner: *b"gort\0\0\0\0",
    words: [ABI, VERSION],
};

/// A1. Called once by whoever starts to use the runtime.
pub fn keep() {
    // SAFETY: a static.
    unsafe { (&raw const NOTE.kind).read_volatile() };
}

/// Another copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// The file it is part of.
    pub file: String,
    pub abi: u32,
}

/// The other copies of the runtime that this process has now, in the order of loading.
#[cfg(target_os = "linux")]
pub fn others() -> Vec<Other> {
    unsafe extern "C" fn look(info: *mut libc::dl_phdr_info, _: usize, list: *mut c_void) -> c_int {
        // SAFETY: the loader's record, whose note segments are mapped and readable; our list.
        unsafe {
            let (info, list) = (&*info, &mut *list.cast::<Vec<Other>>());
            for at in 0..info.dlpi_phnum as usize {
                let segment = &*info.dlpi_phdr.add(at);
                if segment.p_type == libc::PT_NOTE {
                    let start = (info.dlpi_addr as usize).wrapping_add(segment.p_vaddr as usize) as *const u8;
                    look_into(start, segment.p_memsz as usize, segment.p_align as usize, |abi| {
                        list.push(Other { file: name_of(info.dlpi_name), abi })
                    });
                }
            }
        }
        0
    }
    let mut list: Vec<Other> = Vec::new();
    // SAFETY: the callback fits, and the list lives through the call.
    unsafe { libc::dl_iterate_phdr(Some(look), (&raw mut list).cast()) };
    list
}

/// There is no way to look.
#[cfg(not(target_os = "linux"))]
pub fn others() -> Vec<Other> {
    Vec::new()
}

/// Our notes in a segment, this copy's own left out.
///
/// # Safety
/// `size` bytes from `start` are readable.
unsafe fn look_into(start: *const u8, size: usize, align: usize, mut found: impl FnMut(u32)) {
    let align = if align == 8 { 8 } else { 4 };
    let up = |n: usize| n.saturating_add(align - 1) & !(align - 1);
    let mut at = 0usize;
    while at.saturating_add(12) <= size {
        // SAFETY: contract, and the sizes are checked before each read.
        unsafe {
            let note = start.add(at);
            let word = |i: usize| note.cast::<u32>().add(i).read_unaligned();
            let (owner_size, words_size) = (word(0) as usize, word(1) as usize);
            let words = up(12usize.saturating_add(owner_size));
            let end = words.saturating_add(words_size);
            if end > size - at {
                return;
            }
            if owner_size == OWNER.len()
                && word(2) == TYPE
                && core::slice::from_raw_parts(note.add(12), OWNER.len()) == OWNER
                && words_size >= size_of::<u32>()
                && !core::ptr::eq(note, (&raw const NOTE).cast())
            {
                found(note.add(words).cast::<u32>().read_unaligned());
            }
            at = at.saturating_add(up(end));
        }
    }
}

/// The file of a loaded object; the program's own has no name.
#[cfg(target_os = "linux")]
unsafe fn name_of(name: *const libc::c_char) -> String {
    if !name.is_null() {
        // SAFETY: the loader's string.
        let name = unsafe { CStr::from_ptr(name) }.to_string_lossy();
        if !name.is_empty() {
            return name.into_owned();
        }
    }
    match std::fs::read_link("/proc/self/exe") {
        Ok(path) => path.to_string_lossy().into_owned(),
        Err(_) => "the program itself".into(),
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn bytes(notes: &[(&[u8], u32, &[u32])], align: usize) -> Vec<u8> {
        let mut out = Vec::new();
        for (owner, kind, words) in notes {
            for w in [owner.len() as u32, words.len() as u32 * 4, *kind] {
                out.extend(w.to_ne_bytes());
            }
            out.extend(*owner);
            while !out.len().is_multiple_of(align) {
                out.push(0)
            }
            for w in *words {
                out.extend(w.to_ne_bytes())
            }
            while !out.len().is_multiple_of(align) {
                out.push(0)
            }
        }
        out
    }

    fn found(data: &[u8], align: usize) -> Vec<u32> {
        let mut list = Vec::new();
        // SAFETY: a slice.
        unsafe { look_into(data.as_ptr(), data.len(), align, |abi| list.push(abi)) };
        list
    }

    #[test]
    fn finds_notes_among_others_and_only_whole_ones() {
        let data =
            bytes(&[(b"GNU\0", 3, &[1, 2, 3]), (b"gort\0", 1, &[7, 9]), (b"gort\0", 2, &[8]), (b"gort\0", 1, &[6])], 4);
        assert_eq!(found(&data, 4), [7, 6]);
        let eight = bytes(&[(b"GNU\0", 5, &[1, 2]), (b"gort\0", 1, &[5, 0])], 8);
        assert_eq!(found(&eight, 8), [5]);
        for n in 0..data.len() {
            assert!(found(&data[..n], 4).len() < 2, "{n} bytes");
        }
        assert_eq!(found(&bytes(&[(b"gorty", 1, &[1])], 4), 4), []);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_copy_is_not_another() {
        keep();
        assert_eq!(others(), []);
    }
}
