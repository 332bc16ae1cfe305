// Timers and sleep: what one costs, what it weighs, how late it is. Names, shapes and checksums are those of
// ../../workloads.toml; the invariants those of workloads.go, and
//
//	1 Nothing is ever early: a sleep or a timer that is counts as an error.
//	2 The hour of a timer that must not fire is far beyond any run.
//	3 Random times come from random(), the same in every engine.
package main

import (
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	nap        = 50 * time.Microsecond
	burst      = 100 * time.Millisecond
	burstLead  = 3 * time.Microsecond // for each timer: by then all of them are made
	sleepers   = 10_000
	sleepLeast = time.Millisecond
	sleepMost  = 20 * time.Millisecond
)

// random goes to the next state, and gives a duration of 0 up to, and without, below.
func random(state *uint64, below time.Duration) time.Duration {
	*state = *state*6364136223846793005 + 1442695040888963407
	return time.Duration((*state >> 33) * uint64(below) >> 31)
}

func timerNewStop(n uint64, out *result) {
	var count uint64
	start := time.Now()
	for range n {
		count += bit(time.NewTimer(time.Hour).Stop())
	}
	out.Ns = time.Since(start).Nanoseconds()
	out.Checksum = count
}

func resetAgain(t *time.Timer, n uint64, out *result) {
	var count uint64
	start := time.Now()
	for range n {
		count += bit(t.Reset(time.Hour))
	}
	out.Ns = time.Since(start).Nanoseconds()
	out.Checksum, out.Errors = count, bit(!t.Stop())
}

func timerReset(n uint64, out *result) {
	resetAgain(time.AfterFunc(time.Hour, func() { die("an hour is over") }), n, out)
}

func timerResetChan(n uint64, out *result) {
	t := time.NewTimer(time.Hour)
	select { // as it is once it was used: with its channel
	case <-t.C:
		out.Errors++
	default:
	}
	resetAgain(t, n, out)
}

func memory(n uint64, out *result, make1 func() *time.Timer) {
	var count uint64
	before := rss()
	start := time.Now()
	timers := make([]*time.Timer, n)
	for i := range timers {
		timers[i] = make1()
	}
	out.Bytes = rss() - before
	for _, t := range timers {
		count += bit(t.Stop())
	}
	out.Ns = time.Since(start).Nanoseconds()
	out.Checksum = count
}

func timerMemory(n uint64, out *result) {
	memory(n, out, func() *time.Timer { return time.NewTimer(time.Hour) })
}

func afterFuncMemory(n uint64, out *result) {
	never := func() { die("an hour is over") }
	memory(n, out, func() *time.Timer { return time.AfterFunc(time.Hour, never) })
}

// How long after its time the last of n functions has run.
func timersDue(n uint64, out *result) {
	var count atomic.Uint64
	var first, last atomic.Int64
	start := time.Now()
	base := time.Duration(n) * burstLead
	f := func() {
		ran := count.Add(1)
		if ran == 1 {
			first.Store(int64(time.Since(start)))
		}
		if ran == n {
			last.Store(int64(time.Since(start)))
		}
	}
	var state uint64
	var latest time.Duration
	for range n {
		due := base + random(&state, burst)
		latest = max(latest, due)
		time.AfterFunc(due-time.Since(start), f)
	}
	if time.Since(start) > base {
		die("the machine is too slow or too busy: the timers were not made before the first was due")
	}
	for first.Load() == 0 || last.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	out.Ns = last.Load() - int64(latest)
	out.Checksum = count.Load()
	out.Errors = bit(first.Load() < int64(base)) + bit(out.Ns < 0)
}

// Each sleeper keeps its own figures. It sleeps once, and again while that would end before the end: n milliseconds from when
// all have begun. So many goroutines hog a processor each for as long.
func sleepMany(n uint64, out *result, percent int, hogs int) {
	var wg sync.WaitGroup
	var begun, end atomic.Int64
	end.Store(math.MaxInt64)
	all := make([][]int64, sleepers)
	errors := make([]uint64, sleepers)
	start := time.Now()
	for id := range all {
		wg.Go(func() {
			state, early := uint64(id), uint64(0)
			var late []int64
			begun.Add(1)
			for {
				d := sleepLeast + random(&state, sleepMost-sleepLeast)
				due := time.Since(start) + d
				if late != nil && int64(due) >= end.Load() {
					break
				}
				time.Sleep(d)
				l := time.Since(start) - due
				early += bit(l < 0)
				late = append(late, int64(l))
			}
			all[id], errors[id] = late, early
		})
	}
	for begun.Load() < sleepers {
		runtime.Gosched()
	}
	until := time.Since(start) + time.Duration(n)*time.Millisecond
	end.Store(int64(until))
	for range hogs {
		wg.Go(func() { spin(until - time.Since(start)) })
	}
	wg.Wait()
	var late []int64
	for id := range all {
		out.Checksum += uint64(id)
		out.Errors += errors[id] + bit(len(all[id]) == 0)
		late = append(late, all[id]...)
	}
	slices.Sort(late)
	out.Ns = late[(len(late)-1)*percent/100]
}

func sleepersP50(n uint64, out *result) { sleepMany(n, out, 50, 0) }

func sleepersP99(n uint64, out *result) { sleepMany(n, out, 99, 0) }

func sleepersHogP50(n uint64, out *result) { sleepMany(n, out, 50, runtime.GOMAXPROCS(0)) }

func sleep50us(n uint64, out *result) {
	var count uint64
	start := time.Now()
	before := start
	for range n {
		time.Sleep(nap)
		after := time.Now()
		out.Errors += bit(after.Sub(before) < nap)
		before = after
		count++
	}
	out.Ns = before.Sub(start).Nanoseconds()
	out.Checksum = count
}

func pingpongDeadline(n uint64, capacity int, out *result) {
	there, back := make(chan int64, capacity), make(chan int64, capacity)
	var wg sync.WaitGroup
	var late uint64
	start := time.Now()
	wg.Go(func() {
		var sum, errors uint64
		deadline := time.NewTimer(time.Hour)
		defer deadline.Stop()
		for i := range int64(n) {
			there <- i
			select {
			case v := <-back:
				sum += uint64(v)
			case <-deadline.C:
				errors++
			}
		}
		out.Checksum, out.Errors = sum, errors
	})
	wg.Go(func() {
		deadline := time.NewTimer(time.Hour)
		defer deadline.Stop()
		for range n {
			select {
			case v := <-there:
				back <- v + 1
			case <-deadline.C:
				late++
			}
		}
	})
	wg.Wait()
	out.Ns = time.Since(start).Nanoseconds()
	out.Errors += late
}

// A place in each channel: who waits is the receiver.
func recvDeadline(n uint64, out *result) { pingpongDeadline(n, 1, out) }

// pingpong is the same without.
func recvDeadlineCap0(n uint64, out *result) { pingpongDeadline(n, 0, out) }

// sendrecv is the same without.
func recvDeadlineBuffered(n uint64, out *result) {
	ch := make(chan int64, 1)
	var wg sync.WaitGroup
	start := time.Now()
	wg.Go(func() {
		var sum, errors uint64
		deadline := time.NewTimer(time.Hour)
		defer deadline.Stop()
		for i := range int64(n) {
			ch <- i
			select {
			case v := <-ch:
				sum += uint64(v)
				errors += bit(v != i)
			case <-deadline.C:
				errors++
			}
		}
		out.Checksum, out.Errors = sum, errors
	})
	wg.Wait()
	out.Ns = time.Since(start).Nanoseconds()
}

func recvNoDeadline(n uint64, out *result) {
	there, back := make(chan int64, 1), make(chan int64, 1)
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
