import json
import re
import sysconfig
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snapshot import secret_text, secrets
from snapshot.keywords import Keywords
from snapshot.secret_detectors import Detector, load_detectors
from snapshot.secret_rules import Matcher, Rule, load_matchers
from snapshot.secrets import Hit, fingerprint, mask, scan_bytes, scan_file
from tests.snapshot.plants import Plant, plants

parser: Any = import_module("re._parser")
sre: Any = import_module("re._constants")
RULES = [matcher.rule for matcher in load_matchers()]


def found(plant: Plant) -> bool:
    """Whether something is told of the plant, and masking it leaves nothing of the secret."""
    hits = scan_bytes(plant.data, plant.path)
    return bool(hits) and plant.secret.encode() not in mask(plant.data, hits).replace(b"\\n", b"\n")


def test_plants_of_many_kinds_are_found() -> None:
    corpus = plants(seed=1, rounds=3)
    assert len(corpus) >= 400
    assert len({plant.kind for plant in corpus}) >= 140
    missed = [plant.kind for plant in corpus if not found(plant)]
    assert len(missed) <= len(corpus) * 0.02, missed


def test_there_are_rules_for_many_kinds() -> None:
    assert len({rule.description for rule in RULES}) >= 120
    assert len({rule.id for rule in RULES}) == len(RULES)


def test_the_second_set_finds_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    table = secrets._table()  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(secrets, "_table", lambda: table._replace(ranks={}))
    corpus = plants(seed=2, rounds=2)
    seen = {plant.kind: hit for plant in corpus for hit in scan_bytes(plant.data, plant.path)}
    assert len(seen) >= 15
    assert all(hit.rule.startswith("detect-secrets-") for hit in seen.values())
    github = [plant for plant in corpus if plant.kind == "github-classic"]
    assert seen["github-classic"].fingerprint in {fingerprint(plant.secret.encode()) for plant in github}


def test_ordinary_source_is_quiet() -> None:
    folder = Path(sysconfig.get_path("stdlib"))
    files = [file for part in ("email", "http", "json", "asyncio", "urllib") for file in (folder / part).rglob("*.py")]
    files += [file for file in folder.glob("*.py")]
    files += [
        *(Path(__file__).parents[2] / "remote").glob("*.py"),
        *(Path(__file__).parents[2] / "tests").rglob("*.py"),
    ]
    # Distributions keep some modules as links, which nobody reads through.
    files = [file for file in files if file.name != "plants.py" and not file.is_symlink()]
    assert len(files) > 300
    hits = [hit for file in files for hit in scan_file(file)]
    assert len(hits) * 1000 < 5 * len(files), hits


def test_a_hit_never_holds_the_value() -> None:
    for plant in plants(seed=3, rounds=1):
        for hit in scan_bytes(plant.data, plant.path):
            assert plant.secret not in repr(hit) + str(hit) + hit.model_dump_json()


def test_a_value_has_one_fingerprint_wherever_it_stands() -> None:
    first, second = (
        plant for plant in plants(seed=4, rounds=1) if plant.kind in ("password-yaml", "password-ini", "ini")
    )
    one = scan_bytes(first.data, first.path)[0]
    moved = scan_bytes(b"\n\n\n" + first.data, "elsewhere/" + first.path)[0]
    assert (one.fingerprint, one.line + 3) == (moved.fingerprint, moved.line)
    assert scan_bytes(second.data, second.path)[0].fingerprint != one.fingerprint
    assert one.fingerprint == fingerprint(first.secret.encode())


def test_the_line_is_told_also_far_down_in_a_large_file(tmp_path: Path) -> None:
    plant = next(plant for plant in plants(seed=5, rounds=1) if plant.kind == "pem-rsa")
    line = b"just a line of text that says nothing\n"
    before = line * 40_000
    # The key begins just before a window ends and goes on in the next one.
    before = before[: (1 << 20) - 90].rpartition(b"\n")[0] + b"\n"
    data = before + plant.secret.encode() + b"\n" + line * 60_000
    (tmp_path / "big.txt").write_bytes(data)
    (hit,) = scan_file(tmp_path / "big.txt")
    assert hit.rule == "private-key"
    assert hit.line == before.count(b"\n") + 2
    assert hit.fingerprint == scan_bytes(data, "big.txt")[0].fingerprint


def test_a_large_file_is_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret_text, "_WINDOW", 1 << 14)
    corpus = plants(seed=6, rounds=1)
    data = b"\n".join(plant.data + b"x" * 997 for plant in corpus)
    (tmp_path / "all.env").write_bytes(data)
    assert scan_file(tmp_path / "all.env") == scan_bytes(data, "all.env")


@pytest.mark.parametrize("before", ["\n", "\t", "\r\n", '"'])
def test_what_a_history_quotes_is_found(before: str) -> None:
    """In JSON a line end and a letter stand before the secret as if they were its word."""
    plant = next(plant for plant in plants(seed=12, rounds=1) if plant.kind == "github-classic")
    data = json.dumps({"text": f"the key is{before}{plant.secret}{before}and so on"}).encode()
    (hit,) = scan_bytes(data, "journal.jsonl")
    assert hit.fingerprint == fingerprint(plant.secret.encode())


def test_binary_files_are_not_scanned(tmp_path: Path) -> None:
    plant = plants(seed=7, rounds=1)[0]
    (tmp_path / "a.bin").write_bytes(b"\x7fELF\0" + plant.data)
    assert scan_file(tmp_path / "a.bin") == ()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("/etc/hostname")
    with pytest.raises(OSError, match="symbolic"):
        scan_file(tmp_path / "a")


def test_examples_are_no_secrets() -> None:
    for line in (
        "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE",
        'password = "${DB_PASSWORD}"',
        'password = "changeme1234"',
        "url = postgres://user:password@localhost/db",
        "url = https://me:kJh8sd7fKs8@example.com/",
        "Authorization: Bearer <token>",
        'token = get_token("abc")',
        "next_token = page.next_token",
        '"anthropic-beta":["thinking-token-count-2026-05-13","advanced-tool-use-2025-11-20"]',
    ):
        assert scan_bytes(line.encode(), "x.env") == (), line


def test_masking_keeps_length_lines_and_everything_else() -> None:
    for plant in plants(seed=8, rounds=1):
        hits = scan_bytes(plant.data, plant.path)
        masked = mask(plant.data, hits)
        assert len(masked) == len(plant.data)
        assert scan_bytes(masked, plant.path) == ()


def test_masking_reaches_other_places_of_the_same_value() -> None:
    plant = next(plant for plant in plants(seed=9, rounds=1) if plant.kind == "password-yaml")
    data = plant.data + b"echo " + plant.secret.encode() + b"\n"
    assert plant.secret.encode() not in mask(data, scan_bytes(plant.data, plant.path))


def test_only_the_hits_given_are_masked() -> None:
    one, other = plants(seed=10, rounds=1)[:2]
    data = one.data + other.data
    masked = mask(data, [hit for hit in scan_bytes(one.data, ".env")])
    assert one.secret.encode() not in masked
    assert other.secret.encode() in masked


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_repetition_is_bounded(rule: Rule) -> None:
    """A bound on each, and no choice of lengths within a choice of lengths: the work at a place has a limit."""

    def walk(node: Any, inside: int) -> None:
        for op, args in node:
            repeats = op in (sre.MAX_REPEAT, sre.MIN_REPEAT)
            if repeats:
                low, high, body = args
                assert high != sre.MAXREPEAT, f"{rule.id} has a repetition without an end"
                varies = high > 1 and low != high
                assert not (varies and inside), f"{rule.id} nests repetitions"
                walk(body, inside + varies)
            elif op is sre.BRANCH:
                for branch in args[1]:
                    walk(branch, inside)
            elif op is sre.SUBPATTERN:
                walk(args[3], inside)
            elif op in (sre.ASSERT, sre.ASSERT_NOT):
                walk(args[1], inside)

    walk(parser.parse(rule.pattern), 0)


@pytest.mark.parametrize("matcher", load_matchers(), ids=lambda matcher: matcher.rule.id)
def test_a_megabyte_made_to_be_slow_is_not(matcher: Matcher) -> None:
    """A line that begins like a secret at every place; were the work at a place without a limit, it took hours."""
    unit = matcher.rule.keywords[0] + ("" if matcher.rule.token else '="')
    line = unit * ((1 << 20) // len(unit))
    for at in range(0, len(line), len(unit)):
        matcher.find(line, at)


@pytest.mark.parametrize("detector", load_detectors(), ids=lambda detector: detector.rule)
def test_a_megabyte_made_to_be_slow_for_a_detector_is_not(detector: Detector) -> None:
    unit = detector.keywords[0] + "=eyJ./a1'"
    line = unit * ((1 << 20) // len(unit))
    assert len(list(detector.find(line, list(range(0, len(line), len(unit)))))) < len(line)


@given(
    st.lists(st.sampled_from(["ab", "abc", "bc", "cab", "-x", "x"]), min_size=1, unique=True),
    st.text("abcx- ", max_size=60),
)
def test_all_keywords_are_found(words: list[str], text: str) -> None:
    leading, inside = words[::2], words[1::2]

    def counts(at: int, word: str) -> bool:
        free = word in inside or not word[0].isalnum()
        return free or at == 0 or not re.match("[a-z0-9]", text[at - 1])

    expected = {
        (at, word) for word in words for at in range(len(text)) if text.startswith(word, at) and counts(at, word)
    }
    assert set(Keywords(leading, inside).find(text.encode())) == expected


def test_a_hit_is_frozen() -> None:
    hit = Hit(path="a", line=1, rule="r", description="d", fingerprint="00")
    with pytest.raises(ValueError, match="frozen"):
        hit.line = 2
