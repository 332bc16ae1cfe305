// The Go engine: the same workloads in goroutines, channels, sync.WaitGroup and runtime.Gosched.
//
// Go is the peer gort is measured against, so each workload is written in the form that is quickest in Go among
// those a Go programmer would write; where two forms were tried, a comment in workloads.go says which lost.
//
// The command line and the result line are those of every engine (see ../common/bench.h):
//
//	prog WORKLOAD --workers N --n N [--warmup N] [--reps N] [--items FILE]
//
// It is NOT a testing.B benchmark: that picks n by itself and cannot be interleaved with other programs.
// --workers must agree with GOMAXPROCS, which the runner sets in the environment: a mistake there would put a row
// under the wrong name, so the program refuses to run.
package main

import (
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
)

// result is one repetition. Checksum comes from the values that arrived; Bytes is -1 where no memory is measured.
type result struct {
	Workload string `json:"workload"`
	Workers  int    `json:"workers"`
	N        uint64 `json:"n"`
	Ns       int64  `json:"ns_total"`
	Bytes    int64  `json:"bytes_total"`
	Checksum uint64 `json:"checksum"`
	Errors   uint64 `json:"errors"`
}

type workload struct {
	name string
	run  func(n uint64, out *result)
}

// lens is the recorded stream of the hand-over: byte lengths of the blocks, used round and round.
var lens []uint32

func die(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(2)
}

func loadItems(path string) {
	raw, err := os.ReadFile(path)
	if err != nil {
		die("cannot read the items: %v", err)
	}
	for ; len(raw) >= 4; raw = raw[4:] {
		lens = append(lens, binary.LittleEndian.Uint32(raw))
	}
	if len(lens) == 0 {
		die("no items in %s", path)
	}
}

func find(name string) workload {
	for _, w := range workloads {
		if w.name == name {
			return w
		}
	}
	die("this engine has no workload: %s", name)
	return workload{}
}

func repeat(w workload, workers int, n, warmup, reps uint64) {
	if warmup > 0 {
		var r result
		w.run(warmup, &r)
		if r.Errors != 0 {
			die("errors in the warm-up of %s", w.name)
		}
	}
	for range reps {
		r := result{Workload: w.name, Workers: workers, N: n, Bytes: -1}
		w.run(n, &r)
		line, err := json.Marshal(&r)
		if err != nil {
			die("%v", err)
		}
		fmt.Println(string(line))
	}
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "--version" {
		fmt.Printf("{\"engine\": \"go\", \"version\": %q}\n", runtime.Version())
		return
	}
	if len(os.Args) == 2 && os.Args[1] == "--list" {
		for _, w := range workloads {
			fmt.Println(w.name)
		}
		return
	}
	if len(os.Args) < 2 {
		die("usage: prog WORKLOAD --workers N --n N [--warmup N] [--reps N] [--items FILE]")
	}
	w := find(os.Args[1])
	flags := flag.NewFlagSet("gortbench", flag.ExitOnError)
	workers := flags.Int("workers", runtime.GOMAXPROCS(0), "processors; must agree with GOMAXPROCS")
	n := flags.Uint64("n", 0, "size of one repetition")
	warmup := flags.Uint64("warmup", 0, "size of the warm-up")
	reps := flags.Uint64("reps", 1, "repetitions")
	items := flags.String("items", "", "file of little-endian u32 lengths")
	flags.Parse(os.Args[2:])
	if *n == 0 || flags.NArg() != 0 {
		die("needed: --n, and nothing that is not an option")
	}
	if *workers != runtime.GOMAXPROCS(0) {
		die("--workers %d but GOMAXPROCS is %d", *workers, runtime.GOMAXPROCS(0))
	}
	if *items != "" {
		loadItems(*items)
	}
	if w.name == "handover_items" && lens == nil {
		die("needed: --items FILE")
	}
	repeat(w, runtime.GOMAXPROCS(0), *n, *warmup, *reps)
}
