"""Secrets in other forms than plain text: UTF-16, base64, and quoted once or twice over."""

import base64
import json
import textwrap
from pathlib import Path

import pytest

from snapshot import secret_text
from snapshot.secret_text import PROBE, narrow, tell_form, widen
from snapshot.secrets import REDACTED, fingerprint, mask, redact, scan_bytes, scan_file
from tests.snapshot.plants import Plant, plants

WIDE = {"utf-16": "with a mark", "utf-16-le": "without", "utf-16-be": "without"}
TOKENS = ("github-classic", "aws-id", "anthropic", "slack-bot", "stripe-live", "pem-rsa", "pem-openssh", "age")


def one(kind: str, seed: int = 31) -> Plant:
    return next(plant for plant in plants(seed=seed, rounds=1) if plant.kind == kind)


@pytest.mark.parametrize("encoding", WIDE)
def test_what_is_found_in_ascii_is_found_in_utf16(tmp_path: Path, encoding: str) -> None:
    for plant in plants(seed=32, rounds=1):
        plain = scan_bytes(plant.data, plant.path)
        wide = plant.data.decode("latin-1").encode(encoding)
        (tmp_path / "f").write_bytes(wide)
        told = [(hit.line, hit.rule, hit.fingerprint) for hit in scan_file(tmp_path / "f", plant.path)]
        assert told == [(hit.line, hit.rule, hit.fingerprint) for hit in plain], plant.kind


@pytest.mark.parametrize("encoding", WIDE)
def test_utf16_is_masked_in_its_own_characters(encoding: str) -> None:
    plant = one("password-yaml")
    text = f"ключ — 鍵 😀\n{plant.data.decode()}naïve\n"
    wide = text.encode(encoding)
    if encoding != "utf-16":
        wide = (plant.data.decode() * 20 + text).encode(encoding)
    masked = mask(wide, scan_bytes(wide, plant.path))
    assert masked.decode(encoding) == wide.decode(encoding).replace(plant.secret, "*" * len(plant.secret))


def test_utf16_of_other_letters_is_known_by_its_mark(tmp_path: Path) -> None:
    plant = one("github-classic")
    wide = ("漢" * 9000 + "\n" + plant.data.decode()).encode("utf-16")
    assert b"\0" not in wide[:PROBE]
    (hit,) = scan_bytes(wide, plant.path)
    assert (hit.line, hit.fingerprint) == (4, fingerprint(plant.secret.encode()))


def test_a_large_file_in_utf16_is_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret_text, "_WINDOW", 1 << 14)
    data = b"\n".join(plant.data + b"x" * 997 for plant in plants(seed=33, rounds=1))
    wide = data.decode("latin-1").encode("utf-16-le")
    (tmp_path / "all.env").write_bytes(wide)
    assert scan_file(tmp_path / "all.env") == scan_bytes(data, "all.env")


@pytest.mark.parametrize(
    "data",
    [b"\x7fELF\0\0\1\0", b"\xff\xfe\0\0a\0\0\0", b"\0", b"PK\3\4\0\0a", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", bytes(99)],
)
def test_binary_stays_binary(data: bytes) -> None:
    assert tell_form(data) is None


def test_narrow_and_widen_are_inverse() -> None:
    for encoding in ("utf-16-le", "utf-16-be"):
        wide = "a b\nc".encode(encoding)
        assert tell_form(wide) == encoding
        assert widen(narrow(wide, encoding), encoding) == wide


@pytest.mark.parametrize("kind", TOKENS)
@pytest.mark.parametrize("shape", ["alone", "in a file", "wrapped", "url-safe"])
def test_known_forms_are_found_in_base64(kind: str, shape: str) -> None:
    plant = one(kind)
    inner = plant.secret.encode() if shape == "alone" else plant.data
    encoded = base64.b64encode(inner).decode()
    if shape == "url-safe":
        encoded = base64.urlsafe_b64encode(inner).decode().rstrip("=")
    if shape == "wrapped":
        encoded = "\n".join(textwrap.wrap(encoded, 76))
    data = f"kind: Secret\ndata:\n  blob: {encoded}\nend: 1\n".encode()
    hits = scan_bytes(data, "secret.yaml")
    assert hits and hits[0].line == 3, kind
    assert encoded.encode() not in mask(data, hits)


def test_a_password_in_an_encoded_file_is_found() -> None:
    plant = one("password-env")
    (hit,) = scan_bytes(b"data:\n  .env: " + base64.b64encode(plant.data) + b"\n", "k8s.yaml")
    assert (hit.line, hit.rule.endswith("-base64"), "in base64" in hit.description) == (2, True, True)


def test_encoded_text_without_a_secret_is_quiet() -> None:
    text = b"The quick brown fox jumps over the lazy dog, and nothing else happens in this sentence at all.\n" * 9
    assert scan_bytes(base64.b64encode(text), "a.txt") == ()
    assert scan_bytes(base64.encodebytes(bytes(range(256)) * 40), "a.txt") == ()


@pytest.mark.parametrize("kind", ["pem-rsa", "pem-openssh", "pem-pkcs8", "pgp"])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_private_keys_are_found_however_often_they_are_quoted(kind: str, depth: int) -> None:
    """As in a service account's file; in a journal that quotes it; in a tool's output in that."""
    text = one(kind).secret
    for _ in range(depth):
        text = json.dumps({"private_key": text})
    hits = scan_bytes(text.encode(), "sa.json")
    assert "private-key" in {hit.rule for hit in hits}


@pytest.mark.parametrize("colour", ["\x1b[32m", "\x1b[1;31m", r"\u001b[0m", r"\033[7m", r"\e[33m", r"\x1b[m"])
def test_a_colour_before_a_secret_hides_nothing(colour: str) -> None:
    plant = one("github-classic")
    (hit,) = scan_bytes(f"{colour}{plant.secret}{colour}\n".encode(), "build.log")
    assert hit.fingerprint == fingerprint(plant.secret.encode())


def test_redacting_leaves_the_rest() -> None:
    plant = one("github-classic")
    assert redact(f"Grün: {plant.secret}, und weiter …") == f"Grün: {REDACTED}, und weiter …"
    assert redact("Nothing to hide: a plain sentence.") == "Nothing to hide: a plain sentence."
