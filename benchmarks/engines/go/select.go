// A select that finds a ready case, and one consumer of many unbuffered channels.
//
// The select statements of the fan-in are in fanin.go, which fanin_gen.py writes.
//
// Invariants: those of workloads.go, and
//
//	1 The value says which channel it came through, so a wrong case is an error.
//	2 The consumer of a fan-in takes n values and stops: nothing is closed, as in the other engines.
package main

import (
	"sync"
	"time"
)

func select2Ready(n uint64, out *result) {
	ch := [2]chan int64{make(chan int64, 1), make(chan int64, 1)}
	var wg sync.WaitGroup
	start := time.Now()
	wg.Go(func() {
		var sum, errors uint64
		a, b := ch[0], ch[1]
		for i := range int64(n) {
			var v, k int64
			ch[i%2] <- i
			select {
			case v = <-a:
				k = 0
			case v = <-b:
				k = 1
			}
			sum += uint64(v)
			errors += bit(k != i%2 || v != i)
		}
		out.Checksum, out.Errors = sum, errors
	})
	wg.Wait()
	out.Ns = time.Since(start).Nanoseconds()
}

// fanIn starts a producer for each of the channels, and the consumer.
func fanIn(n uint64, out *result, ch []chan int64, consume func() (sum, errors uint64)) {
	for k := range ch {
		ch[k] = make(chan int64)
	}
	var wg sync.WaitGroup
	start := time.Now()
	for k := range ch {
		wg.Go(func() {
			to := ch[k]
			for i := uint64(k); i < n; i += uint64(len(ch)) {
				to <- int64(i)
			}
		})
	}
	wg.Go(func() { out.Checksum, out.Errors = consume() })
	wg.Wait()
	out.Ns = time.Since(start).Nanoseconds()
}

func fanIn8(n uint64, out *result) {
	var ch [8]chan int64
	fanIn(n, out, ch[:], func() (uint64, uint64) { return select8(&ch, n) })
}

func fanIn64(n uint64, out *result) {
	var ch [64]chan int64
	fanIn(n, out, ch[:], func() (uint64, uint64) { return select64(&ch, n) })
}
