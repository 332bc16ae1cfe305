package main

import (
	"sync"
	"time"
)

const (
	readers = 5
	entries = 256  // so many are read under the lock
	seldom  = 1000 // one operation in so many writes
)

// Each operation sees the same sum, also while somebody writes.
func rwmutexReaders(n uint64, out *result) {
	var table struct {
		sync.RWMutex
		entry [entries]uint64
	}
	for i := range table.entry {
		table.entry[i] = 1
	}
	var tasks sync.WaitGroup
	var found [readers]uint64
	start := time.Now()
	for k := range uint64(readers) {
		tasks.Go(func() {
			sum := uint64(0)
			for i := k; i < n; i += readers {
				if i%seldom == k {
					table.Lock()
					at := i / seldom % (entries - 1)
					table.entry[at]--
					table.entry[at+1]++
					table.entry[at]++
					table.entry[at+1]--
					table.Unlock()
					sum += entries
					continue
				}
				table.RLock()
				for _, e := range table.entry {
					sum += e
				}
				table.RUnlock()
			}
			found[k] = sum
		})
	}
	tasks.Wait()
	out.Ns = time.Since(start).Nanoseconds()
	for _, f := range found {
		out.Checksum += f
	}
}

// Two tasks hand the turn to each other.
func cond1(n uint64, out *result) {
	var lock sync.Mutex
	changed := sync.NewCond(&lock)
	turn, taken := uint64(0), uint64(0)
	var tasks sync.WaitGroup
	start := time.Now()
	for k := range uint64(2) {
		tasks.Go(func() {
			for i := k; i < n; i += 2 {
				lock.Lock()
				for turn != k {
					changed.Wait()
				}
				turn = 1 - k
				taken++
				changed.Signal()
				lock.Unlock()
			}
		})
	}
	tasks.Wait()
	out.Ns = time.Since(start).Nanoseconds()
	out.Checksum = taken
}
