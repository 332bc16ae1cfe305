// A counter that five goroutines share, and a map that four of them load from and store to.
//
// Invariants: those of workloads.go, and
//
//	1 A value says which key it belongs to, so each load is checked.
package main

import (
	"sync"
	"sync/atomic"
	"time"
)

// Go has no sharded counter.
func counterShared(n uint64, out *result) {
	var total struct {
		sum atomic.Int64
		_   [64]byte // nothing else in its cache line
	}
	var wg sync.WaitGroup
	start := time.Now()
	for k := range uint64(adders) {
		wg.Go(func() {
			for i := k; i < n; i += adders {
				total.sum.Add(1)
			}
		})
	}
	wg.Wait()
	out.Ns = time.Since(start).Nanoseconds()
	out.Checksum = uint64(total.sum.Load())
}

const (
	mapKeys  = 4096
	mapTasks = 4
)

func map9010(n uint64, out *result) {
	var m sync.Map
	for key := range uint64(mapKeys) {
		m.Store(key, key)
	}
	var wg sync.WaitGroup
	var good [mapTasks]struct {
		n uint64
		_ [64]byte
	}
	start := time.Now()
	for t := range uint64(mapTasks) {
		wg.Go(func() {
			x := (t+1)*0x9E3779B97F4A7C15 | 1
			var well uint64
			for i := t; i < n; i += mapTasks {
				x ^= x << 13
				x ^= x >> 7
				x ^= x << 17
				key := x % mapKeys
				if (x>>32)%10 == 0 {
					m.Store(key, key+mapKeys*i)
					well++
				} else if v, ok := m.Load(key); ok && v.(uint64)%mapKeys == key {
					well++
				}
			}
			good[t].n = well
		})
	}
	wg.Wait()
	out.Ns = time.Since(start).Nanoseconds()
	for t := range good {
		out.Checksum += good[t].n
	}
	out.Errors = n - out.Checksum
}
