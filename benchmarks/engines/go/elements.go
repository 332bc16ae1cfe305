// Elements of 4 KiB through a channel of 64: by value, and by pointer to a block that the producer makes and the collector frees.
//
// The work on a block is the same either way: the producer writes the first word of each cache line, the consumer reads
// them. So the difference is what it costs to get the block across. In Go a new block is zeroed.
//
// Invariants: those of workloads.go, and
//
//	1 Every line that is read was written by the producer for this element: the words run on from element to element.
package main

import (
	"encoding/binary"
	"sync"
	"time"
)

const (
	pageSize = 4096
	lineSize = 64
	lines    = pageSize / lineSize
)

type page [pageSize]byte

func writePage(p *page, id uint64) {
	for i := range uint64(lines) {
		binary.LittleEndian.PutUint64(p[i*lineSize:], id*lines+i)
	}
}

// readPage gives the sum of what was written, and the first word.
func readPage(p *page) (sum, first uint64) {
	for i := range uint64(lines) {
		sum += binary.LittleEndian.Uint64(p[i*lineSize:])
	}
	return sum, binary.LittleEndian.Uint64(p[:])
}

// `for p := range ch` was slower here: it receives into a block of its own and copies that.
func elementsCopy(n uint64, out *result) {
	ch := make(chan page, 64)
	var wg sync.WaitGroup
	start := time.Now()
	wg.Go(func() {
		var p page
		for id := range n {
			writePage(&p, id)
			ch <- p
		}
		close(ch)
	})
	wg.Go(func() {
		var total, errors, want uint64
		var p page
		for {
			var ok bool
			if p, ok = <-ch; !ok {
				break
			}
			sum, first := readPage(&p)
			total += sum
			errors += bit(first != want*lines)
			want++
		}
		out.Checksum, out.Errors = total, errors+bit(want != n)
	})
	wg.Wait()
	out.Ns = time.Since(start).Nanoseconds()
}

func elementsPointer(n uint64, out *result) {
	ch := make(chan *page, 64)
	var wg sync.WaitGroup
	start := time.Now()
	wg.Go(func() {
		for id := range n {
			p := new(page)
			writePage(p, id)
			ch <- p
		}
		close(ch)
	})
	wg.Go(func() {
		var total, errors, want uint64
		for p := range ch {
			sum, first := readPage(p)
			total += sum
			errors += bit(first != want*lines)
			want++
		}
		out.Checksum, out.Errors = total, errors+bit(want != n)
	})
	wg.Wait()
	out.Ns = time.Since(start).Nanoseconds()
}
