"""What of the benchmarks can go wrong without any speed: the data files, the checksums, the judging of an answer.

    python3 -m unittest discover -s benchmarks        (.venv/bin/python: the engines in Python too)

It is NOT a benchmark and starts no engine but those that are already built (then: do they have the workloads the data
files say?). An engine in Python is tried when this Python has its packages: small passes of each workload, judged as a run
judges them. Needs nothing but the standard library, as harness.py does; the ratios are tested where rich is.
"""

import re
import subprocess
import sys
import unittest
from pathlib import Path
from unittest import mock

try:
    import tomllib
except ImportError:  # Python 3.10 and older
    import tomli as tomllib

import harness

ENGINES = harness.HERE / "engines"
sys.path[:0] = [str(ENGINES / "python"), str(ENGINES / "go")]
import fanin_gen  # noqa: E402
import protocol  # noqa: E402

try:
    import report
except ImportError:
    report = None

SUBSTITUTE_BYTES = 403_557_173


def in_python(engine):
    return engine.program.run[0] == "{python}"


def answer(**change):
    said = {"workload": "yield", "workers": 1, "n": 10, "ns_total": 50, "bytes_total": -1, "checksum": 10, "errors": 0}
    return {**said, **change}


class Data(unittest.TestCase):
    def setUp(self):
        self.suite = harness.load_suite()

    def test_every_workload_has_a_checksum_that_can_be_worked_out(self):
        items = harness.Items(Path("none"), (3, 1, 2), recorded=False)
        for w in self.suite.workloads:
            for quick in (False, True):
                n, _warmup = w.size(quick)
                self.assertIsInstance(harness.expected_checksum(w, n, items), int, w.name)

    def test_names_are_unique(self):
        for things in (self.suite.workloads, self.suite.engines):
            names = [t.name for t in things]
            self.assertEqual(len(names), len(set(names)))

    def test_baseline_has_every_workload_at_every_number_of_workers(self):
        base = [e for e in self.suite.engines if e.program.name == self.suite.baseline]
        for e in self.suite.engines:
            for w in self.suite.workloads:
                if e.has(w.name) and w.reference is None:
                    self.assertTrue(any(b.workers == e.workers and b.has(w.name) for b in base), (e.name, w.name))

    def test_a_reference_has_the_workload_that_names_it(self):
        for w in self.suite.workloads:
            if w.reference == harness.BEST_PEER:
                self.assertTrue(any(e.has(w.name) for e in self.suite.engines if not e.program.ours), w.name)
            elif w.reference is not None:
                found = [e for e in self.suite.engines if e.name == w.reference]
                self.assertTrue(len(found) == 1 and found[0].has(w.name), w.name)

    def test_workloads_of_python_and_of_threads_are_only_for_engines_that_name_them(self):
        for prefix in ("py_", "threads_"):
            named = {w.name for w in self.suite.workloads if w.name.startswith(prefix)}
            self.assertTrue(named)
            for e in self.suite.engines:
                self.assertIn(len(named & e.workloads), (0, len(e.workloads)), e.name)
        for w in self.suite.workloads:
            self.assertEqual(w.reference is not None, w.name.startswith(("py_", "threads_")), w.name)
            self.assertEqual(w.reference == harness.BEST_PEER, w.name.startswith("threads_"), w.name)

    def test_a_pattern_of_workloads_that_fits_none_is_refused(self):
        data = (harness.HERE / "engines.toml").read_text().replace('"threads_*"', '"thread_*"')
        with mock.patch.object(harness.tomllib, "load", lambda f: tomllib.loads(data if "engines" in f.name else f.read().decode())):
            with self.assertRaisesRegex(harness.BenchError, "thread_"):
                harness.load_suite()

    def test_gort_has_every_workload(self):
        for w in self.suite.workloads:
            self.assertTrue(any(e.has(w.name) for e in self.suite.engines if e.name.startswith("gort-")), w.name)

    def test_peers_are_pinned_and_each_is_an_engine(self):
        pins = protocol.pins()
        self.assertTrue(pins and all(re.fullmatch(r"[0-9.]+", version) for version in pins.values()), pins)
        self.assertEqual(set(pins) - {e.name for e in self.suite.engines}, set())

    def test_another_version_of_a_peer_is_refused(self):
        name, here = "gort-test-peer", sys.version
        with mock.patch.object(protocol, "pins", lambda: {name: "1.0"}):
            with mock.patch.object(protocol.metadata, "version", lambda _: "1.0"):
                self.assertIn(f"{name} 1.0, CPython {here.split()[0]}", protocol.version_of((name,)))
            with mock.patch.object(protocol.metadata, "version", lambda _: "1.0.1"), self.assertRaises(SystemExit):
                protocol.version_of((name,))

    def test_built_programs_have_the_workloads_the_data_says(self):
        for e in self.suite.engines:
            if harness.missing(e.program) is not None or in_python(e) and harness.build(e.program) is not None:
                continue
            command = [*harness.fill(e.program.run), "--list"]
            listed = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.split()
            wanted = [w.name for w in self.suite.workloads if e.has(w.name)]
            self.assertEqual(sorted(listed), sorted(wanted), e.name)


class OtherPeers(unittest.TestCase):
    """The queues of Rust, and Go's select statements."""

    def setUp(self):
        self.cargo = tomllib.loads((ENGINES / "rust-queues" / "Cargo.toml").read_text())
        self.peers = {name: version for name, version in self.cargo["dependencies"].items() if name != "gort"}

    def test_queues_of_rust_are_pinned_and_locked(self):
        lock = tomllib.loads((ENGINES / "rust-queues" / "Cargo.lock").read_text())
        locked = {p["name"]: p["version"] for p in lock["package"]}
        self.assertEqual(set(self.peers), {"ahash", "crossbeam-channel", "dashmap", "flume", "kanal"})
        self.assertEqual(self.peers, {name: f"={locked[name]}" for name in self.peers})

    def test_queues_of_rust_stay_out_of_the_library(self):
        lock = tomllib.loads((harness.ROOT / "Cargo.lock").read_text())
        self.assertEqual(set(self.peers) & {p["name"] for p in lock["package"]}, set())

    def test_gort_is_built_there_as_in_its_own_workspace(self):
        root = tomllib.loads((harness.ROOT / "Cargo.toml").read_text())
        self.assertEqual(self.cargo["profile"]["release"], root["profile"]["release"])

    def test_select_statements_of_go_are_what_the_generator_writes(self):
        self.assertEqual((ENGINES / "go" / "fanin.go").read_text(), fanin_gen.text())


class EnginesInPython(unittest.TestCase):
    def test_small_passes_have_the_right_checksum(self):
        suite, tried = harness.load_suite(), 0
        for e in filter(in_python, suite.engines):
            if (why := harness.build(e.program)) is not None:
                self.assertRegex(why, "Error.*make python", e.name)
                continue
            for w in suite.workloads:
                if e.has(w.name):
                    with self.subTest(engine=e.name, workload=w.name):
                        sample = harness.run_once(e, w, 5_003, 11, None, 60)  # no multiple of a batch or a block
                        self.assertIsNone(sample.why)
                        tried += 1
        # Packages are a matter of the venv; the protocol is tested without them (class Protocol).
        if tried == 0:
            self.skipTest("no engine in Python can be imported here")

    def test_an_unknown_workload_or_no_n_is_refused(self):
        prog = [sys.executable, str(harness.HERE / "engines/python/engine_queue.py"), "queue.Queue"]
        for rest in (["yield", "--n", "5"], ["py_spsc"], ["py_spsc", "--n", "0"], ["py_spsc", "--reps", "2"]):
            done = subprocess.run([*prog, *rest], capture_output=True, text=True, timeout=10, check=False)
            self.assertNotEqual(done.returncode, 0, rest)
            self.assertEqual(done.stdout, "", rest)


class Protocol(unittest.TestCase):
    def test_a_stream_is_checked_after_the_clock(self):
        self.assertEqual(protocol.stream(7, [0, 1, 2], 3), protocol.Result(7, 3, 0))
        for got in ([0, 2, 1], [0, 1], [0, 1, 1], [0, 1, 2, 3], []):
            self.assertEqual(protocol.stream(7, got, 3).errors, 1, got)

    def test_int64_are_compared_place_by_place(self):
        source = protocol.int64_source(4)
        self.assertEqual(protocol.int64_result(1, protocol.int64_source(4), source), protocol.Result(1, 6, 0))
        sink = protocol.int64_sink(4)
        self.assertEqual((len(sink), sum(sink)), (4, 0))
        self.assertEqual(protocol.int64_result(1, sink, source).errors, 1)
        sink[:] = source[::-1]
        self.assertEqual(protocol.int64_result(1, sink, source), protocol.Result(1, 6, 1))

    def test_sleepers_share_the_sleeps_and_are_never_early(self):
        with mock.patch.object(protocol, "SLEEPERS", 3):
            self.assertEqual([len(naps) for naps in protocol.naps(7)], [3, 2, 2])
            self.assertEqual(len(protocol.naps(2)), 2)
            late = [[5, 1, 9], [2, 4], [3, 8]]
            self.assertEqual(protocol.lateness(late, 7, 50), protocol.Result(4, 21, 0))
            self.assertEqual(protocol.lateness(late, 7, 99).ns, 8)
            self.assertEqual(protocol.lateness([[5, 1], [2, 4], [3, 8]], 7, 50).errors, 1)
            self.assertEqual(protocol.lateness([[5, 1, -1], [2, 4], [3, 8]], 7, 50).errors, 1)

    def test_resident_memory_is_in_bytes(self):
        self.assertGreater(protocol.resident(), 1_000_000)


# Only the report needs a package, rich, to draw its tables; the rest of these tests is to run with any Python.
@unittest.skipIf(report is None, "rich is not here: the report, which makes the ratios, needs it")
class Ratios(unittest.TestCase):
    def rows(self, workload, figures):
        suite = harness.load_suite()
        w = next(w for w in suite.workloads if w.name == workload)
        rows = []
        for e in suite.engines:
            if e.name in figures:
                samples = [harness.Sample(f, None, 1, 0, 0) for f in figures[e.name]]
                rows.append(report.Row(w, e, 10, "v", samples))
        return rows, suite

    def test_python_rows_are_beside_the_engine_the_workload_names(self):
        rows, suite = self.rows("py_spsc", {"gort-python": [1.0, 3.0], "queue.Queue": [4.0, 6.0], "asyncio": [8.0, 8.0]})
        q = {r.engine.name: report.ratios(r, rows, suite) for r in rows}
        self.assertEqual((q["gort-python"]["to"], q["gort-python"]["min"], q["gort-python"]["median"]), ("queue.Queue", 0.25, 0.4))
        self.assertEqual((q["asyncio"]["min"], q["asyncio"]["best"]), (2.0, 8.0))
        self.assertIsNone(q["gort-python"]["go_min"])

    def test_other_rows_are_beside_go_at_the_same_number_of_workers(self):
        rows, suite = self.rows("yield", {"gort-c-w1": [1.0], "gort-c-w2": [1.0], "go-p1": [2.0], "go-p2": [4.0]})
        q = {r.engine.name: report.ratios(r, rows, suite) for r in rows}
        self.assertEqual((q["gort-c-w1"]["to"], q["gort-c-w1"]["min"], q["gort-c-w1"]["go_min"]), ("go-p1", 0.5, 0.5))
        self.assertEqual((q["gort-c-w2"]["to"], q["gort-c-w2"]["median"]), ("go-p2", 0.25))

    def test_the_best_peer_is_the_quickest_that_is_not_gort(self):
        figures = {"gort-rust": [1.0, 3.0], "crossbeam": [5.0, 5.0], "flume": [4.0, 6.0], "std": []}
        rows, suite = self.rows("threads_spsc_cap1024", figures)
        q = {r.engine.name: report.ratios(r, rows, suite) for r in rows}
        self.assertEqual(q["gort-rust"], {"to": "flume", "min": 0.25, "median": 0.4, "go_min": None, "go_median": None, "best": 1.0})
        self.assertEqual((q["crossbeam"]["to"], q["crossbeam"]["min"], q["crossbeam"]["best"]), ("flume", 1.25, 5.0))
        self.assertEqual((q["flume"]["min"], q["std"]["to"], q["std"]["min"]), (1.0, "flume", None))
        report.table(rows[0].workload, rows, suite, None)

    def test_without_the_reference_there_is_no_ratio(self):
        for workload, engine in (("py_spsc", "gort-python"), ("threads_spsc_cap1", "gort-rust")):
            rows, suite = self.rows(workload, {engine: [1.0]})
            q = report.ratios(rows[0], rows, suite)
            self.assertEqual((q["to"], q["min"], q["median"], q["best"]), (None, None, None, 1.0))
            report.table(rows[0].workload, rows, suite, None)


class Checksums(unittest.TestCase):
    def test_items_closed_form_agrees_with_a_plain_loop(self):
        lens = (7, 0, 65536, 12, 4294967295)
        items = harness.Items(Path("none"), lens, recorded=True)
        for n in (1, 2, 4, 5, 6, 9, 10, 11, 1003):
            plain = sum((i + 1) * lens[i % len(lens)] for i in range(n)) % 2**64
            self.assertEqual(items.expected(n), plain, n)

    def test_substitute_is_the_same_everywhere(self):
        # load_items prefers the recorded stream, which is made for a measurement and is not in the tree.
        if harness.RECORDED.exists():
            self.skipTest("there is a recorded stream, which is taken before the substitute")
        items = harness.load_items()
        self.assertFalse(items.recorded)
        self.assertEqual((len(items.lens), sum(items.lens)), (8192, SUBSTITUTE_BYTES))


class Figures(unittest.TestCase):
    def test_a_whole_measure_is_not_divided_by_n(self):
        by_name = {w.name: w for w in harness.load_suite().workloads}
        said = {"ns_total": 50_000, "bytes_total": 80}
        for name, figure in (("yield", 5_000), ("pipeline_100us", 5), ("parked_100k", 8), ("timers_1m_due", 50_000), ("py_sleepers_10k_p50", 50)):
            self.assertEqual(by_name[name].figure(said, 10), figure, name)

    def test_an_engine_may_be_without_some_workloads(self):
        data = (harness.HERE / "engines.toml").read_text().replace('name = "go-p1"', 'name = "go-p1"\nwithout = ["yield", "spawn_*"]')
        with mock.patch.object(harness.tomllib, "load", lambda f: tomllib.loads(data if "engines" in f.name else f.read().decode())):
            with_less, other = (next(e for e in harness.load_suite().engines if e.name == name) for name in ("go-p1", "go-p2"))
        self.assertEqual(other.workloads - with_less.workloads, {"yield", "spawn_join_1m", "spawn_join_one"})


class Verdicts(unittest.TestCase):
    def setUp(self):
        suite = harness.load_suite()
        self.workload = next(w for w in suite.workloads if w.name == "yield")
        self.engine = next(e for e in suite.engines if e.workers == 1)

    def judge(self, said):
        return harness.verdict(said, self.engine, self.workload, 10, None)

    def test_right_answer_passes(self):
        self.assertIsNone(self.judge(answer()))

    def test_wrong_answers_do_not(self):
        for change in ({"checksum": 11}, {"errors": 1}, {"workers": 2}, {"n": 9}, {"workload": "spsc"}):
            self.assertIsNotNone(self.judge(answer(**change)), change)
        self.assertIsNotNone(self.judge({}))


if __name__ == "__main__":
    unittest.main()
