// The workloads of the Go engine: the table, the streams and the goroutines. select.go, elements.go, sums.go
// and timers.go have the others, one file a noun, as in the other engines. Names, shapes and checksums are those of ../../workloads.toml.
//
// Invariants, here and in the files beside
//
//	1 A goroutine keeps its counters in local variables and stores them once at its end: no false sharing in the
//	  measured loop.
//	2 The clock starts after the channels are made and stops when the WaitGroup is through.
//	3 Order is checked where one producer feeds one consumer; elsewhere sum and count.
package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const pipelineWork = 100 * time.Microsecond

var workloads = []workload{
	{"sendrecv_uncontended", sendrecv},
	{"pingpong_cap0", pingpong},
	{"spsc_cap1024", spsc},
	{"mpmc4x4_cap1024", mpmc},
	{"select2_ready", select2Ready},
	{"fanin8", fanIn8},
	{"fanin64", fanIn64},
	{"elements_4k_copy", elementsCopy},
	{"elements_4k_pointer", elementsPointer},
	{"channel_vs_mutex_vs_atomic_channel", sumChannel},
	{"channel_vs_mutex_vs_atomic_mutex", sumMutex},
	{"channel_vs_mutex_vs_atomic_atomic", sumAtomic},
	{"mutex_uncontended", mutexUncontended},
	{"mutex_5x1m", sumMutex},
	{"rwmutex_readers", rwmutexReaders},
	{"cond_1", cond1},
	{"atomic_5x1m", sumAtomic},
	{"wg_add_done_contended", wgAddDone},
	{"counter_5x1m", counterShared},
	{"map_90_10", map9010},
	{"yield", yield},
	{"spawn_join_1m", spawnMany},
	{"spawn_join_one", spawnOne},
	{"parked_100k", parked},
	{"pipeline_100us", pipeline},
	{"handover_items", handover},
	{"timer_new_stop", timerNewStop},
	{"timer_reset", timerReset},
	{"timer_reset_chan", timerResetChan},
	{"timer_memory_1m", timerMemory},
	{"after_func_memory_1m", afterFuncMemory},
	{"timers_1m_due", timersDue},
	{"sleepers_10k_p50", sleepersP50},
	{"sleepers_10k_p99", sleepersP99},
	{"sleepers_10k_hog_p50", sleepersHogP50},
	{"sleep_50us", sleep50us},
	{"recv_deadline_unfired", recvDeadline},
	{"recv_deadline_unfired_buffered", recvDeadlineBuffered},
	{"recv_deadline_unfired_cap0", recvDeadlineCap0},
	{"recv_no_deadline", recvNoDeadline},
	{"limiter_allow", limiterAllow},
	{"limiter_keyed_1m", limiterKeyed},
}

func bit(wrong bool) uint64 {
	if wrong {
		return 1
	}
	return 0
}

func sendrecv(n uint64, out *result) {
	ch := make(chan int64, 1)
	var wg sync.WaitGroup
	start := time.Now()
	wg.Go(func() {
		var sum, errors uint64
		for i := range int64(n) {
			ch <- i
			v := <-ch
			sum += uint64(v)
			errors += bit(v != i)
		}
		out.Checksum, out.Errors = sum, errors
	})
	wg.Wait()
	out.Ns = time.Since(start).Nanoseconds()
}

func pingpong(n uint64, out *result) {
	there, back := make(chan int64), make(chan int64)
	var wg sync.WaitGroup
	start := time.Now()
	wg.Go(func() {
		var sum uint64
		for i := range int64(n) {
			there <- i
			sum += uint64(<-back)
		}
		out.Checksum = sum
	})
	wg.Go(func() {
		for range n {
			back <- <-there + 1
		}
	})
	wg.Wait()
	out.Ns = time.Since(start).Nanoseconds()
}

func spsc(n uint64, out *result) {
	ch := make(chan int64, 1024)
	var wg sync.WaitGroup
	start := time.Now()
	wg.Go(func() {
		for i := range int64(n) {
			ch <- i
		}
		close(ch)
	})
	wg.Go(func() {
		var sum, errors uint64
		var want int64
		for v := range ch {
			sum += uint64(v)
			errors += bit(v != want)
			want++
		}
		out.Checksum, out.Errors = sum, errors+bit(uint64(want) != n)
	})
	wg.Wait()
	out.Ns = time.Since(start).Nanoseconds()
}

func mpmc(n uint64, out *result) {
	const pairs = 4
	ch := make(chan int64, 1024)
	var producers, consumers sync.WaitGroup
	var sums, counts [pairs]uint64
	start := time.Now()
	for p := range uint64(pairs) {
		producers.Go(func() {
			for i := p; i < n; i += pairs {
				ch <- int64(i)
			}
		})
		consumers.Go(func() {
			var sum, count uint64
			for v := range ch {
				sum += uint64(v)
				count++
			}
			sums[p], counts[p] = sum, count
		})
	}
	producers.Wait()
	close(ch)
	consumers.Wait()
	out.Ns = time.Since(start).Nanoseconds()
	var count uint64
	for p := range pairs {
		out.Checksum += sums[p]
		count += counts[p]
	}
	out.Errors += bit(count != n)
}

func yield(n uint64, out *result) {
	var wg sync.WaitGroup
	var done [2]uint64
	shares := [2]uint64{n - n/2, n / 2}
	start := time.Now()
	for t := range shares {
		wg.Go(func() {
			var count uint64
			for range shares[t] {
				runtime.Gosched()
				count++
			}
			done[t] = count
		})
	}
	wg.Wait()
	out.Ns = time.Since(start).Nanoseconds()
	out.Checksum = done[0] + done[1]
}

// The WaitGroup and the counter of the spawn workloads are package variables: `go task()` then needs no closure.
var (
	spawnGroup sync.WaitGroup
	spawnCount atomic.Uint64
)

func spawnTask() {
	spawnCount.Add(1)
	spawnGroup.Done()
}

// Add(1) and `go` of a plain function: wg.Go, which allocates a closure for each task, was slower.
func spawnMany(n uint64, out *result) {
	spawnCount.Store(0)
	start := time.Now()
	for range n {
		spawnGroup.Add(1)
		go spawnTask()
	}
	spawnGroup.Wait()
	out.Ns = time.Since(start).Nanoseconds()
	out.Checksum = spawnCount.Load()
}

func spawnOne(n uint64, out *result) {
	spawnCount.Store(0)
	start := time.Now()
	for range n {
		spawnGroup.Add(1)
		go spawnTask()
		spawnGroup.Wait()
	}
	out.Ns = time.Since(start).Nanoseconds()
	out.Checksum = spawnCount.Load()
}

func rss() int64 {
	raw, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		die("%v", err)
	}
	var size, resident int64
	if _, err := fmt.Fscan(bytes.NewReader(raw), &size, &resident); err != nil {
		die("statm: %v", err)
	}
	return resident * int64(os.Getpagesize())
}

// Bytes a parked goroutine takes: resident growth, read when all of them sleep on the channel.
func parked(n uint64, out *result) {
	ch := make(chan int64)
	var wg sync.WaitGroup
	var started, sum atomic.Uint64
	task := func() {
		started.Add(1)
		v, ok := <-ch
		if ok {
			sum.Add(uint64(v))
		}
		wg.Done()
	}
	before := rss()
	start := time.Now()
	for range n {
		wg.Add(1)
		go task()
	}
	for started.Load() < n {
		runtime.Gosched()
	}
	time.Sleep(20 * time.Millisecond) // the last of them are on their way into the receive
	out.Bytes = rss() - before
	for i := range int64(n) {
		ch <- i
	}
	wg.Wait()
	out.Ns = time.Since(start).Nanoseconds()
	out.Checksum = sum.Load()
}

func spin(d time.Duration) {
	for start := time.Now(); time.Since(start) < d; {
	}
}

func pipeline(n uint64, out *result) {
	ch := make(chan int64, 1024)
	var wg sync.WaitGroup
	start := time.Now()
	wg.Go(func() {
		for i := range int64(n) {
			spin(pipelineWork)
			ch <- i
		}
		close(ch)
	})
	wg.Go(func() {
		var sum, errors uint64
		var want int64
		for v := range ch {
			spin(pipelineWork)
			sum += uint64(v)
			errors += bit(v != want)
			want++
		}
		out.Checksum, out.Errors = sum, errors+bit(uint64(want) != n)
	})
	wg.Wait()
	out.Ns = time.Since(start).Nanoseconds()
}

type item struct{ id, len uint64 }

func handover(n uint64, out *result) {
	ch := make(chan item, 64)
	var wg sync.WaitGroup
	start := time.Now()
	wg.Go(func() {
		k := 0
		for id := range n {
			ch <- item{id, uint64(lens[k])}
			if k++; k == len(lens) {
				k = 0
			}
		}
		close(ch)
	})
	wg.Go(func() {
		var sum, errors, want uint64
		for it := range ch {
			sum += (it.id + 1) * it.len
			errors += bit(it.id != want)
			want++
		}
		out.Checksum, out.Errors = sum, errors+bit(want != n)
	})
	wg.Wait()
	out.Ns = time.Since(start).Nanoseconds()
}
