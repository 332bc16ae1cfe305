//! Floor 0: what the machine and the operating system give. Nothing above this floor may assume Linux or x86-64.

pub mod prim;

#[cfg(gort_tsan)]
pub mod arc;

pub mod anchor;
pub mod barrier;
pub mod clock;
pub mod cpu;
pub mod eventfd;
pub mod futex;
pub mod handle;
#[cfg(not(loom))]
mod hook;
#[cfg_attr(loom, path = "lock_loom.rs")]
pub mod lock;
pub mod near;
#[cfg_attr(not(gort_race), path = "race_none.rs")]
pub mod race;
#[cfg_attr(loom, path = "slab_loom.rs")]
pub mod slab;

#[cfg(not(loom))]
pub mod context;
#[cfg(not(loom))]
pub mod stack;
#[cfg(loom)]
pub mod stack {
    /// No stacks in the models.
    #[derive(Default)]
    pub struct StackCache;
    impl StackCache {
        pub const fn new() -> StackCache {
            StackCache
        }
        pub fn len(&self) -> usize {
            0
        }
    }
}
#[cfg(not(loom))]
pub mod tls;
