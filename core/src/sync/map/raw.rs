//! The protocol of the map: shards, readers without locks, writers that search without the lock and commit under it.
//!
//! MP1  An entry (key and value) is immutable while it can be found. A store over a key puts a new entry into the same slot; a delete leaves the slot empty, and not new (`table.rs` TB2).
//! MP2  **Nothing of the program's runs under a lock**: hashing, comparing, cloning and dropping keys and values do not. A writer searches as a reader does, under a pin, decides, and commits under the
//!      shard's lock if what it saw still holds: the table is the same, and the entry it found is still in its slot; or, when it found none, `version` is what it was before the search. Else it
//!      searches again: another writer went ahead.
//! MP3  `version` is written under the lock, with Release, after an entry with a new key is in its slot, and after the table was replaced. Who reads it with Acquire before a search finds every key that
//!      was put in until then.
//! MP4  A shard's table is replaced under its lock, after what is in it was copied. Who searches in the old one answers as of the time when it was replaced.
//! MP5  What was unlinked is `garbage` of its shard, then of a batch with a mark (`sched/epoch.rs`), and is freed when the mark is ripe, by a writer that has left lock and pin, or when the map goes.
//!      A pin is held over every look at an entry, so neither entries nor tables are freed, or used again at the same address, under a reader or between a writer's search and its commit.
//! MP6  The lock guards `version` (written), `live` (written), `used`, `spare`, `garbage`, `held` (written), `batches`; and slots and `table` (written). Nothing is allocated under it: the memory of entries
//!      that were freed is kept, and used again by the writers of the shard; a writer that finds none allocates without the lock and comes back.
//!
//! Models: `core/tests/loom_map.rs` (all but MP5, for nothing ripens there); MP5 is AddressSanitizer's and ThreadSanitizer's, with `core/tests/map.rs`.
//!
//! Rejected: searching under the lock (comparing is the program's code; it may block, or come back to this map); a list a bucket (a miss in the cache for each entry); values changed in place (needs an
//! entry of their own, and readers one more step); deferring each drop to the collector (see epoch.rs); one table for all shards (every writer would wait while it is copied).

use super::entry::{Blank, Entry, Fresh, List};
use super::table::{Slot, Table};
use crate::sched::epoch::{self, Mark, Pin};
use crate::status::Status;
use crate::sys::lock::ByteLock;
use crate::sys::prim::*;
use core::ptr::{NonNull, null_mut};

/// So much garbage makes a batch.
#[cfg(not(loom))]
const BATCH: usize = 64;
#[cfg(loom)]
const BATCH: usize = 2;
/// A shard that has so many blank entries takes no more of them.
const SPARE: usize = 2 * BATCH;

/// What was unlinked.
struct Garbage<K, V> {
    entries: List<K, V>,
    tables: *mut Table<Entry<K, V>>,
}

impl<K, V> Copy for Garbage<K, V> {}
impl<K, V> Clone for Garbage<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Garbage<K, V> {
    const NONE: Self = Garbage { entries: List::NONE, tables: null_mut() };

    fn is_empty(&self) -> bool {
        self.entries.first.is_null() && self.tables.is_null()
    }

    /// Drops and frees all of it but the memory of single entries, which is blank now and the caller's.
    ///
    /// # Safety
    /// Nobody looks at any of it.
    unsafe fn empty(self) -> List<K, V> {
        // SAFETY: contract; each link is read before its owner goes. A whole table's entries are in no list and in no other table.
        unsafe {
            self.entries.empty();
            let mut t = self.tables;
            while let Some(table) = NonNull::new(t) {
                t = table.as_ref().next.get();
                free_table(table);
            }
        }
        self.entries
    }
}

/// # Safety
/// Nobody looks at it.
unsafe fn free_table<K, V>(t: NonNull<Table<Entry<K, V>>>) {
    // SAFETY: contract.
    unsafe {
        if t.as_ref().whole.get() {
            for e in t.as_ref().slots().map(|s| s.get()).filter(|e| !e.is_null()) {
                let one = List::NONE.push(e);
                one.empty();
                one.free()
            }
        }
        Table::free(t)
    }
}

/// Garbage and the mark that says when it can go.
struct Batch<K, V> {
    mark: Mark,
    garbage: Garbage<K, V>,
    next: *mut Batch<K, V>,
}

/// What a writer decides.
pub enum Plan {
    Leave,
    Put,
    Remove,
}

#[repr(C, align(64))]
struct Shard<K, V> {
    /// Read by everybody; alone on its line, so that writers do not disturb readers.
    table: AtomicPtr<Table<Entry<K, V>>>,
    writers: Writers<K, V>,
}

/// MP6.
#[repr(align(64))]
struct Writers<K, V> {
    lock: ByteLock,
    version: AtomicU64,
    live: RelaxedUsize,
    /// Slots that are not new.
    used: Cell<usize>,
    /// Blank ones.
    spare: Cell<List<K, V>>,
    garbage: Cell<Garbage<K, V>>,
    held: RelaxedUsize,
    batches: Cell<*mut Batch<K, V>>,
    last_batch: Cell<*mut Batch<K, V>>,
}

/// What a change found, and whether it was made.
type Change<'p, K, V> = Result<(Option<&'p Entry<K, V>>, bool), Status>;

/// What a search found: the entry and its slot; or where a new one would go, if there is a table.
type Search<'p, K, V> = Result<(&'p Entry<K, V>, Slot<'p, Entry<K, V>>), Option<Slot<'p, Entry<K, V>>>>;

/// How an attempt to commit ended.
enum Done {
    Yes,
    /// The search does not hold any more.
    Again,
    /// The table is full.
    Full,
    /// There is no spare entry.
    NoBlank,
}

impl<K, V> Shard<K, V> {
    fn new() -> Self {
        let writers = Writers {
            lock: ByteLock::new(),
            version: AtomicU64::new(0),
            live: RelaxedUsize::new(0),
            used: Cell::new(0),
            spare: Cell::new(List::NONE),
            garbage: Cell::new(Garbage::NONE),
            held: RelaxedUsize::new(0),
            batches: Cell::new(null_mut()),
            last_batch: Cell::new(null_mut()),
        };
        Shard { table: AtomicPtr::new(null_mut()), writers }
    }

    /// The table as it is now.
    #[inline(always)]
    fn table<'p>(&self, _: &'p Pin) -> Option<&'p Table<Entry<K, V>>> {
        // Acquire: pairs with the Release of whoever put it there. SAFETY: a table that was there under the pin stays until it ends (MP5).
        unsafe { self.table.load(Acquire).as_ref() }
    }

    #[inline(always)]
    fn find<'p>(&self, table: Option<&'p Table<Entry<K, V>>>, hash: u64, is: impl Fn(&K) -> bool) -> Search<'p, K, V> {
        let Some(table) = table else { return Err(None) };
        // SAFETY: an entry that is found under the pin stays until it ends (MP5), and is immutable (MP1).
        let found = table.find(hash, |e| is(unsafe { &(*e).key }));
        // SAFETY: as above.
        let found = found.map(|(e, slot)| (unsafe { &*e }, slot)).map_err(Some);
        if let Ok((e, _)) = found {
            e.order.fetch()
        }
        found
    }

    /// Under the lock: what was unlinked waits for its readers.
    #[inline(always)]
    fn retire(&self, entry: *mut Entry<K, V>) {
        let w = &self.writers;
        let g = w.garbage.get();
        // SAFETY: an entry that was linked until now; readers do not look at its link.
        w.garbage.set(Garbage { entries: unsafe { g.entries.push(entry) }, ..g });
        w.held.set(w.held.get() + 1)
    }

    fn retire_table(&self, table: *mut Table<Entry<K, V>>, whole: bool, weight: usize) {
        let w = &self.writers;
        let mut g = w.garbage.get();
        // SAFETY: as in `retire`.
        unsafe {
            (*table).next.set(g.tables);
            (*table).whole.set(whole);
        }
        g.tables = table;
        w.garbage.set(g);
        w.held.set(w.held.get() + weight)
    }

    /// Under the lock: lets searches that began before know (MP3).
    fn changed(&self) {
        let v = &self.writers.version;
        v.store(v.load(Relaxed).wrapping_add(1), Release)
    }

    /// Under the lock: a spare entry with what is fresh in it.
    #[inline(always)]
    fn make(&self, fresh: &Fresh<K, V>, hash: u64, blank: &mut Option<Blank<K, V>>) -> Option<*mut Entry<K, V>> {
        let spare = self.writers.spare.get();
        let at = match blank.take() {
            Some(b) => b.0.as_ptr(),
            None if spare.first.is_null() => return None,
            None => {
                // SAFETY: a blank entry of the shard's.
                let next = unsafe { (*spare.first).next() };
                self.writers.spare.set(List { first: next, n: spare.n - 1, ..spare });
                spare.first
            }
        };
        // SAFETY: an entry's memory, ours alone; `fresh` is put in once: who calls this ends then.
        unsafe { fresh.move_to(at, hash) };
        Some(at)
    }

    /// Under the lock: does a search that found `e` in `slot` still hold?
    #[inline(always)]
    fn holds(&self, table: &Table<Entry<K, V>>, e: &Entry<K, V>, slot: Slot<'_, Entry<K, V>>) -> bool {
        let same = cfg!(feature = "mutant_map_takes_twice") || core::ptr::eq(slot.get(), e);
        same && core::ptr::eq(self.table.load(Relaxed), table)
    }

    /// Under the lock: the entry that was found goes, and a new one comes into its place.
    #[inline(always)]
    fn commit_found(
        &self,
        table: &Table<Entry<K, V>>,
        old: &Entry<K, V>,
        slot: Slot<'_, Entry<K, V>>,
        hash: u64,
        fresh: Option<&Fresh<K, V>>,
        blank: &mut Option<Blank<K, V>>,
    ) -> Done {
        if !self.holds(table, old, slot) {
            return Done::Again;
        }
        let new = match fresh {
            Some(fresh) => match self.make(fresh, hash, blank) {
                Some(new) => new,
                None => return Done::NoBlank,
            },
            None => {
                self.writers.live.set(self.writers.live.get() - 1);
                null_mut()
            }
        };
        slot.put(new, hash);
        self.retire(core::ptr::from_ref(old).cast_mut());
        Done::Yes
    }

    /// Under the lock: a new key.
    #[inline(always)]
    fn commit_absent(
        &self,
        table: &Table<Entry<K, V>>,
        slot: Slot<'_, Entry<K, V>>,
        seen: u64,
        hash: u64,
        fresh: &Fresh<K, V>,
        blank: &mut Option<Blank<K, V>>,
    ) -> Done {
        let w = &self.writers;
        let unseen = !cfg!(feature = "mutant_map_stores_unseen") && w.version.load(Relaxed) != seen;
        if unseen || !core::ptr::eq(self.table.load(Relaxed), table) {
            return Done::Again;
        }
        let new_slot = slot.is_new();
        if new_slot && !fits(w.used.get() + 1, table.size()) {
            return Done::Full;
        }
        let Some(new) = self.make(fresh, hash, blank) else { return Done::NoBlank };
        w.used.set(w.used.get() + usize::from(new_slot));
        slot.put(new, hash);
        w.live.set(w.live.get() + 1);
        self.changed();
        Done::Yes
    }

    /// Makes room: another table, as large as what is alive asks for, in the place of `old`, or none if another was quicker.
    #[cold]
    fn grow(&self, old: Option<&Table<Entry<K, V>>>) -> Result<(), Status> {
        let w = &self.writers;
        let Some(new) = Table::<Entry<K, V>>::new((w.live.get() + 1) * 2) else { return Err(Status::NoMemory) };
        let old = old.map_or(null_mut(), |t| core::ptr::from_ref(t).cast_mut());
        // SAFETY: ours.
        let new_ref = unsafe { new.as_ref() };
        let took = w.lock.with(|| {
            if self.table.load(Relaxed) != old || !fits(w.live.get() + 1, new_ref.size()) {
                return false;
            }
            // SAFETY: the shard's table, and the lock keeps it so.
            let old_ref = unsafe { old.as_ref() };
            for e in old_ref.into_iter().flat_map(Table::slots).map(|s| s.get()).filter(|e| !e.is_null()) {
                // SAFETY: an entry of the shard's; the lock keeps it there.
                let hash = unsafe { (*e).hash() };
                new_ref.vacant(hash).put(e, hash)
            }
            w.used.set(w.live.get());
            // Release: pairs with the Acquire of `table`.
            self.table.store(new.as_ptr(), Release);
            self.changed();
            if !old.is_null() {
                self.retire_table(old, false, 1)
            }
            true
        });
        if !took {
            // SAFETY: ours, never published, empty of entries.
            unsafe { Table::free(new) }
        }
        Ok(())
    }

    /// See `Raw::change`.
    #[inline]
    fn change<'p>(
        &self,
        pin: &'p Pin,
        hash: u64,
        is: impl Fn(&K) -> bool,
        fresh: Option<&Fresh<K, V>>,
        plan: impl Fn(Option<&V>) -> Plan,
    ) -> Change<'p, K, V> {
        let w = &self.writers;
        let mut blank = None;
        let ended = loop {
            // Acquire: pairs with the Release in `changed`.
            let seen = w.version.load(Acquire);
            let table = self.table(pin);
            let found = self.find(table, hash, &is);
            let old = found.ok().map(|(e, _)| e);
            let fresh = match plan(old.map(|e| &e.value)) {
                Plan::Leave => break Ok((old, false)),
                Plan::Put => fresh,
                Plan::Remove => None,
            };
            let done = match (table, found, fresh) {
                (Some(t), Ok((e, at)), _) => w.lock.with(|| self.commit_found(t, e, at, hash, fresh, &mut blank)),
                (Some(t), Err(Some(at)), Some(f)) => {
                    w.lock.with(|| self.commit_absent(t, at, seen, hash, f, &mut blank))
                }
                (_, _, Some(_)) => Done::Full,
                // Nothing to remove.
                _ => break Ok((None, false)),
            };
            match done {
                Done::Yes => break Ok((old, true)),
                Done::Again => {}
                Done::Full => {
                    if let Err(s) = self.grow(table) {
                        break Err(s);
                    }
                }
                Done::NoBlank => match Blank::new() {
                    Ok(b) => blank = Some(b),
                    Err(s) => break Err(s),
                },
            }
        };
        if let Some(b) = blank {
            // SAFETY: made above, and nothing is in it.
            unsafe { Blank::free(b.0.as_ptr()) }
        }
        ended
    }

    /// Garbage becomes a batch, and batches that are ripe are freed. Outside of lock and pin.
    #[cold]
    #[inline(never)]
    fn tidy(&self) {
        let w = &self.writers;
        let mut ripe = null_mut::<Batch<K, V>>();
        {
            let pin = epoch::pin();
            let garbage = w.lock.with(|| {
                w.held.set(0);
                w.garbage.replace(Garbage::NONE)
            });
            let batch = if garbage.is_empty() {
                null_mut()
            } else {
                Box::into_raw(Box::new(Batch { mark: Mark::new(&pin), garbage, next: null_mut() }))
            };
            w.lock.with(|| {
                if !batch.is_null() {
                    match w.last_batch.replace(batch) {
                        last if last.is_null() => w.batches.set(batch),
                        // SAFETY: a batch in the queue is not freed while the lock is held.
                        last => unsafe { (*last).next = batch },
                    }
                }
                let mut end = null_mut::<Batch<K, V>>();
                // SAFETY: as above.
                while let Some(b) = unsafe { w.batches.get().as_mut() }
                    && b.mark.is_ripe()
                {
                    if end.is_null() {
                        ripe = b
                    }
                    w.batches.set(b.next);
                    end = b;
                }
                // SAFETY: as above.
                if let Some(end) = unsafe { end.as_mut() } {
                    end.next = null_mut()
                }
                if w.batches.get().is_null() {
                    w.last_batch.set(null_mut())
                }
            });
        }
        // SAFETY: taken out of the queue above, so ours; its mark is ripe, so nobody looks at what is in it.
        let blank = unsafe { empty_batches(ripe) };
        let left = w.lock.with(|| {
            if w.spare.get().n >= SPARE {
                return blank;
            }
            // SAFETY: both are the shard's.
            w.spare.set(unsafe { w.spare.get().join(blank) });
            List::NONE
        });
        // SAFETY: ours, and blank.
        unsafe { left.free() }
    }

    fn waits(&self) -> bool {
        self.writers.lock.with(|| self.writers.held.get() != 0 || !self.writers.batches.get().is_null())
    }
}

/// What is left of them: blank entries.
///
/// # Safety
/// The caller's own, and nobody looks at what is in them.
unsafe fn empty_batches<K, V>(mut b: *mut Batch<K, V>) -> List<K, V> {
    let mut blank = List::NONE;
    while !b.is_null() {
        // SAFETY: contract; made by a Box.
        unsafe {
            let batch = Box::from_raw(b);
            b = batch.next;
            blank = blank.join(batch.garbage.empty())
        }
    }
    blank
}

/// Is a table of this size large enough for so many slots that are not new?
const fn fits(used: usize, size: usize) -> bool {
    used * 8 <= size * 5
}

impl<K, V> Drop for Shard<K, V> {
    fn drop(&mut self) {
        let w = &self.writers;
        // SAFETY: nobody else has the map, so there is neither reader nor writer (MP5 holds no more).
        unsafe {
            w.garbage.get().empty().free();
            empty_batches(w.batches.get()).free();
            w.spare.get().free();
            if let Some(t) = NonNull::new(self.table.load(Relaxed)) {
                t.as_ref().whole.set(true);
                free_table(t)
            }
        }
    }
}

/// A map that knows hashes and leaves comparing to its caller.
pub struct Raw<K, V> {
    shards: Box<[Shard<K, V>]>,
    shift: u32,
}

// SAFETY: keys and values are given out by reference to any thread, and dropped on any.
unsafe impl<K: Send + Sync, V: Send + Sync> Sync for Raw<K, V> {}
// SAFETY: as above; it owns them.
unsafe impl<K: Send, V: Send> Send for Raw<K, V> {}

impl<K, V> Raw<K, V> {
    /// With `1 << bits` shards.
    pub fn new(bits: u32) -> Raw<K, V> {
        Raw { shards: (0..1usize << bits).map(|_| Shard::new()).collect(), shift: 63 - bits }
    }

    /// The highest bits choose the shard. (The two shifts: one by 64 is none.)
    #[inline(always)]
    fn shard(&self, hash: u64) -> &Shard<K, V> {
        // SAFETY: what is left of 64 bits is less than the number of shards.
        unsafe { self.shards.get_unchecked((hash >> 1 >> self.shift) as usize) }
    }

    /// The entry of a key, as long as the pin is held.
    #[inline(always)]
    pub fn get<'p>(&self, pin: &'p Pin, hash: u64, is: impl Fn(&K) -> bool) -> Option<&'p Entry<K, V>> {
        let shard = self.shard(hash);
        shard.find(shard.table(pin), hash, is).ok().map(|(e, _)| e)
    }

    /// Asks `plan` what to do about the entry with a key, and does it: what was there before, and whether it was changed. `plan` is asked again when another writer went ahead; it may ask to put
    /// only with `fresh`, which is moved into the map then. Call `tidy` when the pin is gone.
    #[inline]
    pub fn change<'p>(
        &self,
        pin: &'p Pin,
        hash: u64,
        is: impl Fn(&K) -> bool,
        fresh: Option<&Fresh<K, V>>,
        plan: impl Fn(Option<&V>) -> Plan,
    ) -> Change<'p, K, V> {
        self.shard(hash).change(pin, hash, is, fresh, plan)
    }

    /// After a change: frees what can be freed, now and then.
    #[inline(always)]
    pub fn tidy(&self, hash: u64) {
        let shard = self.shard(hash);
        if shard.writers.held.get() >= BATCH {
            shard.tidy()
        }
    }

    /// Frees everything that nobody reads any more. True: nothing is left that waits.
    pub fn collect(&self) -> bool {
        // Three steps of the collector lie between a mark and its ripeness.
        for _ in 0..4 {
            self.shards.iter().for_each(Shard::tidy);
            if !self.shards.iter().any(Shard::waits) {
                return true;
            }
            epoch::hurry();
        }
        false
    }

    pub fn len(&self) -> usize {
        self.shards.iter().map(|s| s.writers.live.get()).sum()
    }

    pub fn shards(&self) -> usize {
        self.shards.len()
    }

    /// All entries of a shard at one moment, as long as the pin is held: each key once. `out` keeps its memory from shard to shard.
    pub fn snapshot<'p>(&self, _: &'p Pin, shard: usize, out: &mut Vec<&'p Entry<K, V>>) {
        let shard = &self.shards[shard];
        let w = &shard.writers;
        out.clear();
        loop {
            out.reserve(w.live.get()); // not under the lock
            let room = out.capacity();
            let fits = w.lock.with(|| {
                if w.live.get() > room {
                    return false;
                }
                // SAFETY: the lock keeps the table and its entries in place; entries stay until the pin ends (MP5).
                unsafe {
                    let table = shard.table.load(Relaxed).as_ref();
                    out.extend(table.into_iter().flat_map(Table::slots).filter_map(|s| s.get().as_ref()))
                }
                true
            });
            if fits {
                out.iter().for_each(|e| e.order.fetch());
                return;
            }
        }
    }

    /// The entries that a reader can find in a shard now.
    #[cfg_attr(loom, allow(dead_code))]
    pub fn look(&self, pin: &Pin, shard: usize, mut f: impl FnMut(&Entry<K, V>)) {
        for slot in self.shards[shard].table(pin).into_iter().flat_map(Table::slots) {
            // SAFETY: found under the pin (MP5).
            if let Some(e) = unsafe { slot.get().as_ref() } {
                f(e)
            }
        }
    }

    /// Removes everything, one shard after the other.
    pub fn clear(&self) {
        for shard in &self.shards {
            let w = &shard.writers;
            w.lock.with(|| {
                let old = shard.table.load(Relaxed);
                if !old.is_null() {
                    // Release: pairs with the Acquire of `table`.
                    shard.table.store(null_mut(), Release);
                    shard.changed();
                    shard.retire_table(old, true, w.live.replace(0) + BATCH);
                    w.used.set(0);
                }
            });
            if w.held.get() >= BATCH {
                shard.tidy()
            }
        }
    }
}
