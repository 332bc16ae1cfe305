"""index against reference.py on small trees of odd files, with several numbers of workers and sizes of blocks; and the forms in Python,
index_tasks.py and index_shared.py, on the same trees.

    python test_index.py BIN_DIR [unittest's options]      BIN_DIR: where build.sh put its programs and libraries

Standard library, and gort for the Python forms: without it they are skipped.
Every call has a time limit, so a pipeline that does not end is a failure and not a hang.
"""

import json
import os
import pathlib
import random
import socket
import struct
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
BIN = pathlib.Path()
LIMIT = 60
BLOCK = 8192  # the smallest there is
try:
    import gort
except ImportError:
    gort = None
# The forms in C are tested without Python's module, which a checkout may not have built.
needs_gort = unittest.skipUnless(gort, "the forms in Python need the module: make python")
FORMS = [("tasks", 1), ("tasks", 2), ("shared", 1), ("shared", 2)] if gort else []
SETTINGS = [(1, BLOCK), (2, BLOCK), (5, 8209), (2, 131072), (1, 1 << 20)]


def run(*command: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([os.fspath(part) if isinstance(part, os.PathLike) else str(part) for part in command],
                          capture_output=True, timeout=LIMIT, check=False)


def reference(*roots: pathlib.Path) -> bytes:
    done = run(sys.executable, HERE / "reference.py", *roots)
    assert done.returncode == 0, done.stderr
    return done.stdout


def form(name: str, workers: int, *roots: object) -> subprocess.CompletedProcess[bytes]:
    """A run of a form in Python."""
    library = ["--library", BIN / "libindex_shared.so"] if name == "shared" else []
    return run(sys.executable, "-X", "dev", "-W", "error", HERE / f"index_{name}.py", *library, "--quiet", "--workers", workers, "--", *roots)


def field(output: bytes, name: str) -> str:
    return next(line.split(maxsplit=1)[1] for line in output.decode().splitlines() if line.startswith(name + " "))


class Tree(unittest.TestCase):
    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.top = pathlib.Path(os.path.realpath(holder.name))

    def write(self, name: str, data: bytes) -> pathlib.Path:
        path = self.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def same(self, *roots: pathlib.Path) -> bytes:
        """The one output of all settings; it is the reference's."""
        roots = roots or (self.top,)
        want = reference(*roots)
        for workers, block in SETTINGS:
            with self.subTest(workers=workers, block=block):
                done = run(BIN / "index", "--quiet", "--workers", workers, "--block", block, *roots)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(done.stdout.decode(), want.decode())
        for name, workers in FORMS:
            with self.subTest(form=name, workers=workers):
                done = form(name, workers, *roots)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(done.stdout.decode(), want.decode())
        return want

    def complaints(self, *roots: pathlib.Path) -> list[str]:
        done = run(BIN / "index", "--quiet", *roots)
        self.assertEqual(done.returncode, 0)
        return done.stderr.decode(errors="surrogateescape").splitlines()

    # ---- what a word is ----

    def test_no_file_gives_an_empty_table(self) -> None:
        out = self.same()
        self.assertEqual(field(out, "fnv1a64"), "cbf29ce484222325")

    def test_checksum_is_the_documented_one(self) -> None:
        self.write("a", b"b a b\n")
        out = self.same()
        value = 0xCBF29CE484222325
        for byte in b"b\t2\na\t1\n":
            value = (value ^ byte) * 0x100000001B3 % 2**64
        self.assertEqual(field(out, "fnv1a64"), f"{value:016x}")
        self.assertEqual(field(out, "words"), "3")

    def test_odd_small_files(self) -> None:
        self.write("empty", b"")
        self.write("no_newline", b"last word")
        self.write("only_breaks", b" \n\t--\r\n")
        self.write("latin", "na\u00efve caf\u00e9 \u00fcber".encode("latin-1"))
        self.write("utf8", "na\u00efve \u4e2d\u6587 x\u00adhyphen".encode())
        self.write("bytes", bytes(range(1, 256)) * 3)
        self.write("edges", b"/0 9: @A Z[ `a z{ ^_ _`")
        self.write("upper", b"Word word WORD word")
        self.write("crlf", b"one\r\ntwo\r\none\r\n")
        self.write("dir/sub/.hidden", b"hidden words count too")
        self.same()

    def test_every_length_of_word(self) -> None:
        words = [bytes([97 + n % 26]) * n for n in range(1, 70)]
        words += [w[:-1] + b"X" for w in words] + [b"X" + w[1:] for w in words]
        self.write("lengths", b" ".join(words * 2))
        self.same()

    def test_equal_counts_are_ordered_by_bytes(self) -> None:
        words = [b"a", b"aa", b"aaaaaaaa", b"aaaaaaaaa", b"aaaaaaaaB", b"aaaaaaaa_", b"aaaaaaaa0", b"B", b"_", b"0", b"Z9", b"aaaaaaab"]
        self.write("ties", b"\n".join(words + [b"aaaaaaaaaaaaaaaaB", b"aaaaaaaaaaaaaaaab"]))
        self.same()

    # ---- blocks ----

    def test_words_across_every_border(self) -> None:
        for shift in range(20):
            text = b"." * shift + b"abcdefgh_ijklmnop " * 1500
            self.write(f"shift{shift}", text)
        self.same()

    def test_sizes_around_the_block(self) -> None:
        for size in (BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK - 1, 2 * BLOCK, 2 * BLOCK + 1):
            self.write(f"words{size}", (b"some words " * 2000)[:size])
            self.write(f"breaks{size}", b" " * size)
            self.write(f"oneword{size}", b"w" * size)
            self.write(f"ends{size}", b" " * (size - 1) + b"e")
            self.write(f"starts{size}", b"s" + b" " * (size - 1))
        self.same()

    def test_huge_words(self) -> None:
        self.write("huge", b"start " + b"h" * 3_000_000 + b" end")
        self.write("huge_alone", b"h" * 1_000_001)
        self.write("huge_after_full", b"x " * 4000 + b"y" * 300_000 + b" tail " + b"y" * 300_000)
        self.same()

    def test_random_text(self) -> None:
        rng = random.Random(20)
        alphabet = b"abcXYZ019_ \n.-\xe9\xff"
        for i in range(30):
            self.write(f"d{i % 4}/random{i}", bytes(rng.choices(alphabet, k=rng.randrange(60_000))))
        self.same()

    def test_many_distinct_words(self) -> None:
        self.write("many", b" ".join(b"w%d" % (i * 7919 % 60_000) for i in range(150_000)))
        self.same()

    def test_many_files(self) -> None:
        for i in range(1500):
            self.write(f"f{i % 40}/{i}.txt", b"file %d has its own words w%d\n" % (i, i) * (i % 9))
        self.same()

    # ---- which files ----

    def test_text_is_no_nul_in_the_first_8_kib(self) -> None:
        self.write("nul_first", b"\0words here")
        self.write("nul_at_8191", b"a" * 8191 + b"\0 more")
        self.write("nul_at_8192", b"b" * 8192 + b"\0 more")
        self.write("nul_late", b"c d " * 5000 + b"\0e\0f" + b" g" * 9000)
        out = self.same()
        self.assertEqual(field(out, "files"), "2 text, 2 binary left out, 0 unreadable")

    def test_left_out_directories(self) -> None:
        for name in ("target/a", ".venv/a", "x/target/b/c", "x/.venv/d"):
            self.write(name, b"unseen")
        self.write("x/targets/a", b"seen")
        self.write("x/venv/a", b"seen")
        self.write("y/target", b"a file called target is seen")
        out = self.same()
        self.assertNotIn(b"unseen", out)
        self.assertIn(b"unseen", self.same(self.top / "target"))  # named by the caller

    def test_links_are_not_followed(self) -> None:
        self.write("real/file", b"once")
        (self.top / "link").symlink_to(self.top / "real")
        (self.top / "filelink").symlink_to(self.top / "real/file")
        (self.top / "loop").symlink_to(self.top)
        (self.top / "dangling").symlink_to(self.top / "nowhere")
        out = self.same()
        self.assertEqual(field(out, "files"), "1 text, 0 binary left out, 0 unreadable")
        self.assertEqual(self.same(self.top / "link"), out)  # a root is resolved

    def test_special_files_are_not_opened(self) -> None:
        self.write("plain", b"plain")
        os.mkfifo(self.top / "fifo")
        with socket.socket(socket.AF_UNIX) as unix:
            unix.bind(os.fspath(self.top / "socket"))
            self.same()

    def test_roots_that_meet_count_once(self) -> None:
        self.write("a/one", b"one two")
        self.write("b/two", b"two three")
        out = self.same(self.top)
        self.assertEqual(out, self.same(self.top / "a", self.top, self.top / "b/two", self.top / "a/../b"))

    def test_strange_names(self) -> None:
        for name in (b"new\nline", b"sp ace", b"\xff\xfe", b"--quiet", b"%s%n"):
            with open(os.path.join(os.fsencode(self.top), name), "wb") as file:
                file.write(b"named " + name)
        self.same()

    # ---- what cannot be read ----

    def test_missing_root_is_reported_and_the_run_goes_on(self) -> None:
        self.write("file", b"words")
        out = self.same(self.top / "missing", self.top)
        self.assertEqual(field(out, "files"), "1 text, 0 binary left out, 1 unreadable")
        self.assertEqual(self.complaints(self.top / "missing", self.top), [f"index: {self.top}/missing: No such file or directory"])

    def test_path_too_long_to_open_is_reported(self) -> None:
        """Found by the walk, refused by open: fails for root as well."""
        self.write("readable", b"words")
        here = os.open(self.top, os.O_RDONLY)
        length = len(os.fsencode(self.top))
        while length < 4050:  # PATH_MAX is 4096: each directory can still be opened, a file with a long name cannot
            name = "d" * min(200, 4079 - length)
            os.mkdir(name, dir_fd=here)
            below = os.open(name, os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
            length += 1 + len(name)
        for name in ("f" * 100, "g" * 100):
            os.close(os.open(name, os.O_WRONLY | os.O_CREAT, dir_fd=here))
        os.close(here)
        out = self.same()
        self.assertEqual(field(out, "files"), "1 text, 0 binary left out, 2 unreadable")
        self.assertEqual([line.rsplit(": ", 1)[1] for line in self.complaints(self.top)], ["File name too long"] * 2)

    # Without /proc there is no regular file that opens and cannot be read.
    @unittest.skipUnless(os.path.exists("/proc/self/mem"), "no /proc/self/mem to fail at")
    def test_read_error_is_reported_and_the_run_goes_on(self) -> None:
        """/proc/self/mem is a regular file that opens and whose first byte cannot be read."""
        self.write("file", b"words")
        out = self.same(pathlib.Path("/proc/self/mem"), self.top)
        self.assertEqual(field(out, "files"), "1 text, 0 binary left out, 1 unreadable")

    # Modes do not bind root: it would read both files, and nothing would be reported.
    @unittest.skipIf(os.geteuid() == 0, "root reads everything")
    def test_mode_000_is_reported(self) -> None:
        self.write("file", b"words")
        self.write("closed", b"unseen").chmod(0)
        self.write("shut/file", b"unseen").parent.chmod(0)
        self.addCleanup((self.top / "shut").chmod, 0o700)
        out = self.same()
        self.assertEqual(field(out, "files"), "1 text, 0 binary left out, 2 unreadable")

    # ---- the rest of the command ----

    def test_figures_go_to_stderr_and_quiet_hides_them(self) -> None:
        self.write("file", b"words")
        loud, quiet = run(BIN / "index", self.top), run(BIN / "index", "--quiet", self.top)
        self.assertEqual(loud.stdout, quiet.stdout)
        self.assertIn(b"MB/s", loud.stderr)
        self.assertEqual(quiet.stderr, b"")
        self.assertNotIn(b"\r", loud.stderr)  # no bar without a terminal

    def test_wrong_options_are_refused(self) -> None:
        for wrong in (["--workers", "0"], ["--workers"], ["--block", "8191"], ["--block", "1e9"], ["--nonsense", "x"]):
            with self.subTest(wrong=wrong):
                self.assertEqual(run(BIN / "index", *wrong, self.top).returncode, 2)

    def test_record_holds_every_item(self) -> None:
        sizes = [0, 1, 100, 8191, 8192, 20_000, 300_000]
        for size in sizes:
            self.write(f"f{size}", (b"word " * 60_000)[:size])
        record = self.top.parent / f"{self.top.name}.rec"
        self.addCleanup(record.unlink)
        self.assertEqual(run(BIN / "index", "--quiet", "--block", BLOCK, "--record", record, self.top).returncode, 0)
        lengths = [n for (n,) in struct.iter_unpack("<I", record.read_bytes())]
        self.assertEqual(sum(lengths), sum(sizes))
        self.assertTrue(all(0 < n <= BLOCK for n in lengths))
        done = run(BIN / "handover", "--rounds", 2, "--seconds", 0.01, "--json", f"{record}.json", record)
        self.addCleanup(os.unlink, f"{record}.json")
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = json.loads(pathlib.Path(f"{record}.json").read_text())["rows"]
        self.assertEqual([row["engine"] for row in rows], ["gort-c-w1", "gort-c-w2", "pthread-queue"])
        self.assertTrue(all(0 < row["min"] <= row["median"] and row["n"] == 2 and row["checksum_ok"] for row in rows))

    # ---- the forms in Python ----

    @needs_gort
    def test_forms_in_python_agree_ten_times_in_a_row(self) -> None:
        for i in range(60):
            self.write(f"d{i % 7}/{i}", b" ".join(b"w%d" % (k * k % (911 + i)) for k in range(4000)))
        want = reference(self.top)
        for _ in range(10):
            for name, workers in FORMS:
                self.assertEqual(form(name, workers, self.top).stdout, want, (name, workers))

    @needs_gort
    def test_many_batches_go_over_the_shared_channel(self) -> None:
        """A counter sends from 32,768 different words on, and there are 16 places in the channel."""
        for i in range(16):
            self.write(f"f{i}", b" ".join(b"%d_%d" % (i % 3, k) for k in range(70_000)))
        self.same()

    @needs_gort
    def test_forms_in_python_report_what_cannot_be_read(self) -> None:
        self.write("file", b"words")
        for name, program in (("tasks", "index_tasks"), ("shared", "index")):
            done = form(name, 2, self.top / "missing", self.top)
            self.assertEqual(done.returncode, 0)
            self.assertEqual(done.stderr.decode(), f"{program}: {self.top}/missing: No such file or directory\n")

    @needs_gort
    def test_an_error_in_the_merge_ends_both_halves(self) -> None:
        for i in range(16):
            self.write(f"f{i}", b" ".join(b"%d_%d" % (i, k) for k in range(70_000)))
        program = ("import sys, forms, index_shared as s, gort\n"
                   "def take(lib, address):\n    lib.batch_free(address)\n    raise ValueError('no more')\n"
                   "s.take = take\n"
                   "gort.run(s.index, s.load(sys.argv[1]), [sys.argv[2].encode()], 2, False, workers=2)\n")
        command = [sys.executable, "-c", program, BIN / "libindex_shared.so", self.top]
        done = subprocess.run(command, cwd=HERE, capture_output=True, timeout=LIMIT, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertTrue(done.stderr.endswith(b"ValueError: no more\n"), done.stderr)

    @needs_gort
    def test_an_error_in_a_stage_ends_the_others(self) -> None:
        for i in range(200):
            self.write(f"f{i}", b"words " * 100)
        program = ("import sys, gort, reference, index_tasks\n"
                   "class Bad:\n    def findall(self, text):\n        raise ValueError('no more')\n"
                   "reference.WORD = Bad()\n"
                   "gort.run(index_tasks.index, [sys.argv[1].encode()], 2, True)\n")
        done = subprocess.run([sys.executable, "-c", program, self.top], cwd=HERE, capture_output=True, timeout=LIMIT, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertTrue(done.stderr.endswith(b"ValueError: no more\n"), done.stderr)

    @needs_gort
    def test_handover_in_python_has_every_engine(self) -> None:
        record = self.write("record", struct.pack("<5I", 7, 0, 131072, 1, 4294967295))
        out = self.top / "rows.json"
        done = run(sys.executable, HERE / "handover.py", "--library", BIN / "libhandover.so", "--rounds", 2, "--seconds", 0.01, "--json", out, record)
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = json.loads(out.read_text())["rows"]
        self.assertEqual([row["engine"] for row in rows], ["gort-c-w1", "gort-c-w2", "pthread-queue", "gort-python", "gort-python-threads",
                                                           "queue.Queue", "queue.SimpleQueue", "asyncio.Queue"])
        self.assertTrue(all(0 < row["min"] <= row["median"] and row["n"] == 2 and row["checksum_ok"] for row in rows))

    @needs_gort
    def test_forms_in_python_refuse_wrong_options(self) -> None:
        for program, wrong in (("index_tasks.py", ["--workers", "0"]), ("index_tasks.py", ["--nonsense"]), ("index_shared.py", [self.top])):
            self.assertEqual(run(sys.executable, HERE / program, *wrong).returncode, 2, wrong)

    # ---- the record ----

    def test_record_that_cannot_be_written_fails(self) -> None:
        done = run(BIN / "index", "--quiet", "--record", self.top / "missing/record", self.top)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"No such file", done.stderr)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
