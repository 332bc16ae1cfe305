// One job three ways: five goroutines add numbers to a sum, over a channel, under a mutex, with an atomic. Also locks and
// counters by themselves: a mutex that nobody else wants, and a WaitGroup that five goroutines count up and down.
//
// Invariants: those of workloads.go, and
//
//	1 Each adder has its share of the numbers 0 .. n - 1, so the sum shows whether each of them arrived once.
package main

import (
	"sync"
	"sync/atomic"
	"time"
)

const adders = 5

func sumChannel(n uint64, out *result) {
	ch := make(chan int64, 1024)
	var producers, consumer sync.WaitGroup
	start := time.Now()
	for k := range uint64(adders) {
		producers.Go(func() {
			for i := k; i < n; i += adders {
				ch <- int64(i)
			}
		})
	}
	consumer.Go(func() {
		var sum, count uint64
		for v := range ch {
			sum += uint64(v)
			count++
		}
		out.Checksum, out.Errors = sum, bit(count != n)
	})
	producers.Wait()
	close(ch)
	consumer.Wait()
	out.Ns = time.Since(start).Nanoseconds()
}

func sumMutex(n uint64, out *result) {
	var total struct {
		sync.Mutex
		sum uint64
		_   [64]byte // nothing else in its cache line
	}
	var wg sync.WaitGroup
	start := time.Now()
	for k := range uint64(adders) {
		wg.Go(func() {
			for i := k; i < n; i += adders {
				total.Lock()
				total.sum += i
				total.Unlock()
			}
		})
	}
	wg.Wait()
	out.Ns = time.Since(start).Nanoseconds()
	out.Checksum = total.sum
}

func sumAtomic(n uint64, out *result) {
	var total struct {
		sum atomic.Uint64
		_   [64]byte // nothing else in its cache line
	}
	var wg sync.WaitGroup
	start := time.Now()
	for k := range uint64(adders) {
		wg.Go(func() {
			for i := k; i < n; i += adders {
				total.sum.Add(i)
			}
		})
	}
	wg.Wait()
	out.Ns = time.Since(start).Nanoseconds()
	out.Checksum = total.sum.Load()
}

func mutexUncontended(n uint64, out *result) {
	var total struct {
		sync.Mutex
		sum uint64
	}
	start := time.Now()
	for i := range n {
		total.Lock()
		total.sum += i
		total.Unlock()
	}
	out.Ns = time.Since(start).Nanoseconds()
	out.Checksum = total.sum
}

// Main counts as one, so that nobody comes to zero before the others.
func wgAddDone(n uint64, out *result) {
	var counted, tasks sync.WaitGroup
	var pairs [adders]uint64
	counted.Add(1)
	start := time.Now()
	for k := range uint64(adders) {
		tasks.Go(func() {
			done := uint64(0)
			for i := k; i < n; i += adders {
				counted.Add(1)
				counted.Done()
				done++
			}
			pairs[k] = done
		})
	}
	tasks.Wait()
	out.Ns = time.Since(start).Nanoseconds()
	counted.Done()
	counted.Wait()
	for _, p := range pairs {
		out.Checksum += p
	}
}
