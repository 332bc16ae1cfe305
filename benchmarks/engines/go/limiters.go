// What a limiter costs that has enough: one that all Ps ask, and one for each of a million keys (a map under a mutex, as x/time/rate
// leaves it to its user). The invariants are those of workloads.go, and
//
//	1 Everything is granted, so the number of the granted shows whether each call was.
package main

import (
	"runtime"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	limiterKeys = 1_000_000
	limiterEach = 1_000
)

func limiterAllow(n uint64, out *result) {
	limiter := rate.NewLimiter(rate.Every(time.Hour), int(n))
	workers := uint64(runtime.GOMAXPROCS(0))
	granted := make([]uint64, workers)
	var wg sync.WaitGroup
	start := time.Now()
	for k := range workers {
		calls := n / workers
		if k < n%workers {
			calls++
		}
		wg.Go(func() {
			var sum uint64
			for range calls {
				sum += bit(limiter.Allow())
			}
			granted[k] = sum
		})
	}
	wg.Wait()
	out.Ns = time.Since(start).Nanoseconds()
	for _, g := range granted {
		out.Checksum += g
	}
}

func limiterKeyed(n uint64, out *result) {
	var mu sync.Mutex
	users := map[uint64]*rate.Limiter{}
	var granted uint64
	start := time.Now()
	for i := range n {
		key := i % limiterKeys
		mu.Lock()
		l := users[key]
		if l == nil {
			l = rate.NewLimiter(rate.Every(time.Hour), limiterEach)
			users[key] = l
		}
		mu.Unlock()
		granted += bit(l.Allow())
	}
	out.Ns = time.Since(start).Nanoseconds()
	out.Checksum = granted
}
