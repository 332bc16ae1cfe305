"""What of the benchmarks can go wrong without any speed: the data files, the checksums, the judging of an answer.

    python3 -m unittest discover -s benchmarks

It is NOT a benchmark and starts no engine but those that are already built (then: do they have the workloads the data
files say?). Needs nothing but the standard library, as harness.py does.
"""

import subprocess
import unittest
from pathlib import Path

import harness

SUBSTITUTE_BYTES = 403_557_173


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
                if e.has(w.name):
                    self.assertTrue(any(b.workers == e.workers and b.has(w.name) for b in base), (e.name, w.name))

    def test_built_programs_have_the_workloads_the_data_says(self):
        for e in self.suite.engines:
            if harness.missing(e.program) is not None:
                continue
            command = [*harness.fill(e.program.run), "--list"]
            listed = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.split()
            wanted = [w.name for w in self.suite.workloads if e.has(w.name)]
            self.assertEqual(sorted(listed), sorted(wanted), e.name)


class Checksums(unittest.TestCase):
    def test_items_closed_form_agrees_with_a_plain_loop(self):
        lens = (7, 0, 65536, 12, 4294967295)
        items = harness.Items(Path("none"), lens, recorded=True)
        for n in (1, 2, 4, 5, 6, 9, 10, 11, 1003):
            plain = sum((i + 1) * lens[i % len(lens)] for i in range(n)) % 2**64
            self.assertEqual(items.expected(n), plain, n)

    def test_substitute_is_the_same_everywhere(self):
        if harness.RECORDED.exists():
            self.skipTest("there is a recorded stream")
        items = harness.load_items()
        self.assertFalse(items.recorded)
        self.assertEqual((len(items.lens), sum(items.lens)), (8192, SUBSTITUTE_BYTES))


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
