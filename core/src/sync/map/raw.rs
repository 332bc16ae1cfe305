//! The protocol of the map: shards, readers without locks, writers that search without the lock and commit under it.
//!
//! MP1  An entry (key and value) is immutable while it can be found. A store over a key puts a new entry into the same slot; a delete makes the slot `GONE`.
//! MP2  **Nothing of the program's runs under a lock**: hashing, comparing, cloning and dropping keys and values do not. A writer searches as a reader does, under a pin, decides, and commits under the
//!      shard's lock if what it saw still holds: the table is the same, and the entry it found is still in its slot; or, when it found none, `version` is what it was before the search. Else it
//!      searches again: another writer went ahead.
//! MP3  `version` is written under the lock, with Release, after an entry with a new key is in its slot, and after the table was replaced. Who reads it with Acquire before a search finds every key that
//!      was put in until then.
//! MP4  A shard's table is replaced under its lock, after what is in it was copied. Who searches in the old one answers as of the time when it was replaced.
//! MP5  What was unlinked is `garbage` of its shard, then of a batch with a mark (`sched/epoch.rs`), and is freed when the mark is ripe, by a writer that has left lock and pin, or when the map goes.
//!      A pin is held over every look at an entry, so neither entries nor tables are freed, or used again at the same address, under a reader or between a writer's search and its commit.
//! MP6  The lock guards `version` (written), `live` (written), `used`, `garbage`, `held` (written), `batches`; and slots and `table` (written). Nothing is allocated under it.
//!
//! Models: `core/tests/loom_map.rs` (all but MP5, for nothing ripens there); MP5 is AddressSanitizer's and ThreadSanitizer's, with `core/tests/map.rs`.
//!
//! Rejected: searching under the lock (comparing is the program's code; it may block, or come back to this map); a list a bucket (a miss in the cache for each entry); values changed in place (needs an
//! entry of their own, and readers one more step); deferring each drop to the collector (see epoch.rs); one table for all shards (every writer would wait while it is copied).

use super::table::{GONE, NEVER, Table};
use crate::sched::epoch::{self, Mark, Pin};
use crate::status::Status;
use crate::sys::lock::ByteLock;
use crate::sys::prim::*;
use core::alloc::Layout;
use core::ptr::{NonNull, null_mut};

/// Slots of the first table of a shard.
const FIRST: usize = 8;
/// So much garbage makes a batch.
#[cfg(not(loom))]
const BATCH: usize = 64;
#[cfg(loom)]
const BATCH: usize = 2;

/// A key and its value.
pub struct Entry<K, V> {
    pub key: K,
    pub value: V,
    /// In the garbage, or in a batch.
    next: Cell<*mut Entry<K, V>>,
}

impl<K, V> Entry<K, V> {
    /// The value back: no memory.
    pub fn make(key: K, value: V) -> Result<Fresh<K, V>, V> {
        // SAFETY: an entry has a size (its link).
        let Some(at) = NonNull::new(unsafe { std::alloc::alloc(Layout::new::<Self>()) }.cast::<Self>()) else {
            return Err(value);
        };
        // SAFETY: fresh memory of an entry's layout.
        unsafe { at.write(Entry { key, value, next: Cell::new(null_mut()) }) };
        Ok(Fresh(at))
    }

    /// # Safety
    /// Made by `make`, and nobody else has it.
    unsafe fn free(at: *mut Self) {
        // SAFETY: contract; a Box has the layout of `make`.
        drop(unsafe { Box::from_raw(at) })
    }
}

/// An entry that is in no table yet.
pub struct Fresh<K, V>(NonNull<Entry<K, V>>);

impl<K, V> Fresh<K, V> {
    pub fn key(&self) -> *const K {
        // SAFETY: ours, and alive.
        unsafe { &raw const (*self.0.as_ptr()).key }
    }

    /// Its value, taken back.
    pub fn into_value(self) -> V {
        // SAFETY: ours alone; made by `Entry::make`.
        let entry = *unsafe { Box::from_raw(self.0.as_ptr()) };
        core::mem::forget(self);
        entry.value
    }
}

impl<K, V> Drop for Fresh<K, V> {
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe { Entry::free(self.0.as_ptr()) }
    }
}

/// What was unlinked.
struct Garbage<K, V> {
    entries: *mut Entry<K, V>,
    tables: *mut Table<Entry<K, V>>,
}

impl<K, V> Copy for Garbage<K, V> {}
impl<K, V> Clone for Garbage<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Garbage<K, V> {
    const NONE: Self = Garbage { entries: null_mut(), tables: null_mut() };

    /// # Safety
    /// Nobody looks at any of it.
    unsafe fn free(mut self) {
        // SAFETY: contract; each link is read before its owner goes. A whole table's entries are in no list and in no other table.
        unsafe {
            while let Some(e) = self.entries.as_ref() {
                let next = e.next.get();
                Entry::free(self.entries);
                self.entries = next;
            }
            while let Some(t) = NonNull::new(self.tables) {
                self.tables = t.as_ref().next.get();
                free_table(t);
            }
        }
    }
}

/// # Safety
/// Nobody looks at it.
unsafe fn free_table<K, V>(t: NonNull<Table<Entry<K, V>>>) {
    // SAFETY: contract.
    unsafe {
        if t.as_ref().whole.get() {
            for slot in t.as_ref().slots() {
                let e = slot.entry.load(Relaxed);
                if !e.is_null() {
                    Entry::free(e)
                }
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
    /// Slots that are not `NEVER`.
    used: Cell<usize>,
    garbage: Cell<Garbage<K, V>>,
    held: RelaxedUsize,
    batches: Cell<*mut Batch<K, V>>,
    last_batch: Cell<*mut Batch<K, V>>,
}

/// What a change found, and whether it was made.
type Change<'p, K, V> = Result<(Option<&'p Entry<K, V>>, bool), Status>;

/// What a search found: the entry and its slot; or where a new one would go, if there is a table.
type Search<'p, K, V> = Result<(&'p Entry<K, V>, usize), Option<usize>>;

impl<K, V> Shard<K, V> {
    fn new() -> Self {
        let writers = Writers {
            lock: ByteLock::new(),
            version: AtomicU64::new(0),
            live: RelaxedUsize::new(0),
            used: Cell::new(0),
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
        let mut place = None;
        let mut i = Table::<Entry<K, V>>::start(hash);
        loop {
            let slot = table.slot(i);
            let tag = slot.tag.load(Relaxed);
            if tag == hash {
                // Acquire: pairs with the Release that put it there. SAFETY: found under the pin (MP5); immutable (MP1).
                if let Some(e) = unsafe { slot.entry.load(Acquire).as_ref() }
                    && is(&e.key)
                {
                    return Ok((e, i));
                }
            } else if tag == NEVER {
                return Err(place.or(Some(i)));
            } else if tag == GONE && place.is_none() {
                place = Some(i)
            }
            i = i.wrapping_add(1)
        }
    }

    /// Under the lock: what was unlinked waits for its readers.
    fn retire(&self, entry: *mut Entry<K, V>) {
        let w = &self.writers;
        let mut g = w.garbage.get();
        // SAFETY: an entry that was linked until now; readers do not look at its link.
        unsafe { (*entry).next.set(g.entries) };
        g.entries = entry;
        w.garbage.set(g);
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

    /// Under the lock: what a search found, replaced or removed. False: it does not hold any more.
    #[inline(always)]
    fn commit_found(&self, table: &Table<Entry<K, V>>, old: &Entry<K, V>, at: usize, new: *mut Entry<K, V>) -> bool {
        let slot = table.slot(at);
        let old = core::ptr::from_ref(old).cast_mut();
        let same = cfg!(feature = "mutant_map_takes_twice") || slot.entry.load(Relaxed) == old;
        if !same || !core::ptr::eq(self.table.load(Relaxed), table) {
            return false;
        }
        if new.is_null() {
            slot.tag.store(GONE, Relaxed);
            self.writers.live.set(self.writers.live.get() - 1);
        }
        // Release: pairs with the Acquire of `find`.
        slot.entry.store(new, Release);
        self.retire(old);
        true
    }

    /// Under the lock: a new key. None: the search does not hold any more. Some(false): there is no room.
    #[inline(always)]
    fn commit_absent(
        &self,
        table: &Table<Entry<K, V>>,
        hash: u64,
        at: usize,
        seen: u64,
        new: *mut Entry<K, V>,
    ) -> Option<bool> {
        let w = &self.writers;
        let unseen = !cfg!(feature = "mutant_map_stores_unseen") && w.version.load(Relaxed) != seen;
        if unseen || !core::ptr::eq(self.table.load(Relaxed), table) {
            return None;
        }
        let slot = table.slot(at);
        if slot.tag.load(Relaxed) == NEVER {
            if (w.used.get() + 1) * 4 > table.size() * 3 {
                return Some(false);
            }
            w.used.set(w.used.get() + 1);
        }
        slot.tag.store(hash, Relaxed);
        // Release: pairs with the Acquire of `find`.
        slot.entry.store(new, Release);
        w.live.set(w.live.get() + 1);
        self.changed();
        Some(true)
    }

    /// Makes room: another table, as large as what is alive asks for, in the place of `old`, or none if another was quicker.
    #[cold]
    fn grow(&self, old: Option<&Table<Entry<K, V>>>) -> Result<(), Status> {
        let w = &self.writers;
        let size = ((w.live.get() + 1) * 2).next_power_of_two().max(FIRST);
        let Some(new) = Table::<Entry<K, V>>::new(size) else { return Err(Status::NoMemory) };
        let old = old.map_or(null_mut(), |t| core::ptr::from_ref(t).cast_mut());
        let took = w.lock.with(|| {
            if self.table.load(Relaxed) != old || (w.live.get() + 1) * 4 > size * 3 {
                return false;
            }
            // SAFETY: `new` is ours, `old` is the shard's table and the lock keeps it so.
            let (new_ref, old_ref) = unsafe { (new.as_ref(), old.as_ref()) };
            for slot in old_ref.into_iter().flat_map(Table::slots) {
                let e = slot.entry.load(Relaxed);
                if e.is_null() {
                    continue;
                }
                let tag = slot.tag.load(Relaxed);
                let mut i = Table::<Entry<K, V>>::start(tag);
                while new_ref.slot(i).tag.load(Relaxed) != NEVER {
                    i = i.wrapping_add(1)
                }
                new_ref.slot(i).tag.store(tag, Relaxed);
                new_ref.slot(i).entry.store(e, Relaxed);
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
        fresh: &mut Option<Fresh<K, V>>,
        plan: impl Fn(Option<&V>) -> Plan,
    ) -> Change<'p, K, V> {
        let w = &self.writers;
        loop {
            // Acquire: pairs with the Release in `changed`.
            let seen = w.version.load(Acquire);
            let table = self.table(pin);
            let found = self.find(table, hash, &is);
            let old = found.ok().map(|(e, _)| e);
            let new = match plan(old.map(|e| &e.value)) {
                Plan::Leave => return Ok((old, false)),
                Plan::Put => fresh.as_ref().map_or(null_mut(), |f| f.0.as_ptr()),
                Plan::Remove => null_mut(),
            };
            let done = match (table, found) {
                (Some(table), Ok((e, at))) => w.lock.with(|| self.commit_found(table, e, at, new).then_some(true)),
                (Some(table), Err(Some(at))) => w.lock.with(|| self.commit_absent(table, hash, at, seen, new)),
                _ => Some(false),
            };
            match done {
                Some(true) => {
                    if !new.is_null() {
                        core::mem::forget(fresh.take()); // the table's now
                    }
                    return Ok((old, true));
                }
                Some(false) => self.grow(table)?,
                None => {}
            }
        }
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
            let empty = garbage.entries.is_null() && garbage.tables.is_null();
            let batch = if empty {
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
        unsafe { free_batches(ripe) }
    }

    fn waits(&self) -> bool {
        self.writers.lock.with(|| self.writers.held.get() != 0 || !self.writers.batches.get().is_null())
    }
}

/// # Safety
/// The caller's own, and nobody looks at what is in them.
unsafe fn free_batches<K, V>(mut b: *mut Batch<K, V>) {
    while !b.is_null() {
        // SAFETY: contract; made by a Box.
        unsafe {
            let batch = Box::from_raw(b);
            b = batch.next;
            batch.garbage.free()
        }
    }
}

impl<K, V> Drop for Shard<K, V> {
    fn drop(&mut self) {
        // SAFETY: nobody else has the map, so there is neither reader nor writer (MP5 holds no more).
        unsafe {
            self.writers.garbage.get().free();
            free_batches(self.writers.batches.get());
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
        let (hash, shard) = (hash | 1, self.shard(hash));
        shard.find(shard.table(pin), hash, is).ok().map(|(e, _)| e)
    }

    /// Asks `plan` what to do about the entry with a key, and does it: what was there before, and whether it was changed. `plan` is asked again when another writer went ahead; it may not ask to
    /// remove what is not there. `fresh` is taken when it was put in. Call `tidy` when the pin is gone.
    #[inline]
    pub fn change<'p>(
        &self,
        pin: &'p Pin,
        hash: u64,
        is: impl Fn(&K) -> bool,
        fresh: &mut Option<Fresh<K, V>>,
        plan: impl Fn(Option<&V>) -> Plan,
    ) -> Change<'p, K, V> {
        self.shard(hash).change(pin, hash | 1, is, fresh, plan)
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
                    out.extend(table.into_iter().flat_map(Table::slots).filter_map(|s| s.entry.load(Relaxed).as_ref()))
                }
                true
            });
            if fits {
                return;
            }
        }
    }

    /// The entries that a reader can find in a shard now.
    #[cfg_attr(loom, allow(dead_code))]
    pub fn look(&self, pin: &Pin, shard: usize, mut f: impl FnMut(&Entry<K, V>)) {
        for slot in self.shards[shard].table(pin).into_iter().flat_map(Table::slots) {
            // Acquire: pairs with the Release that put it there. SAFETY: found under the pin (MP5).
            if let Some(e) = unsafe { slot.entry.load(Acquire).as_ref() } {
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
