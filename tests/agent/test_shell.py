"""Command lines as agents write them, read without being run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.shell import read_argv, read_line


def programs(text: str) -> list[str]:
    return [words[0] or "" for words in read_line(text).commands]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("npm ci", ["npm"]),
        ("cd web && npm run build", ["npm"]),
        ("cat a.txt | sort | uniq -c > out", ["cat", "sort", "uniq"]),
        ("(cd lib; make -j4) || ninja", ["make", "ninja"]),
        ("NODE_ENV=test npx jest", ["npx"]),
        ("env -u X A=1 FOO=2 go test ./...", ["env", "go"]),
        ("sudo -u postgres psql -c 'select 1; drop'", ["sudo", "psql"]),
        ("timeout -k 5 30s pytest -x", ["timeout", "pytest"]),
        ("nice -n 10 cargo build", ["nice", "cargo"]),
        ("find . -name '*.py' | xargs -0 -n1 ruff check", ["find", "xargs", "ruff"]),
        ("bash -lc 'cargo test && deno fmt'", ["bash", "cargo", "deno"]),
        ("sh -c \"sh -c 'gcc x.c'\"", ["sh", "sh", "gcc"]),
        ("eval 'terraform plan'", ["terraform"]),
        ("echo $(git rev-parse HEAD) `hostname`", ["git", "hostname"]),
        ("for f in *.c; do gcc -c $f; done", ["gcc"]),
        ("if ! test -f a; then touch a; fi", ["touch"]),
        ("while read -r x; do curl $x; done < urls", ["curl"]),
        ("time ls; [ -e x ] && rm x", ["time", "ls", "rm"]),
        ('"./my tool" --flag', ["./my tool"]),
        ("'/opt/some where/bin/x' 1", ["/opt/some where/bin/x"]),
        ("~/bin/deploy && $HOME/bin/other", ["~/bin/deploy", "~/bin/other"]),
        ("my_build() { make; }; my_build", ["make"]),
        ("# comment: node x\nls # and perl", ["ls"]),
        ("$TOOL run", []),
        ("a=1; export B=2; cd x; pwd", []),
        ("", []),
    ],
)
def test_what_a_line_starts(text: str, expected: list[str]) -> None:
    assert programs(text) == expected


def test_text_that_a_command_is_given_starts_nothing() -> None:
    patch = "apply_patch <<'PATCH'\n*** Begin Patch\n+import os; os.system('perl x')\n+ruby y\n*** End Patch\nPATCH"
    assert programs(patch) == ["apply_patch"]
    assert programs("python3 - <<EOF\nnode()\nEOF\nawk '{print; system(\"lua\")}'") == ["python3", "awk"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('curl -H "X: $API_KEY" ${BASE_URL:-http://x}/v1', {"API_KEY", "BASE_URL"}),
        ("X=1; echo $X $Y", {"Y"}),
        ("for i in 1 2; do echo $i; done", set[str]()),
        ("export Z=$W; echo $Z", {"W"}),
        ("read -r line; echo $line", set[str]()),
        ("printenv DATABASE_URL", {"DATABASE_URL"}),
        ("echo '$NOT' \\$NOR", set[str]()),
        ("cat <<EOF\n$IN_TEXT\nEOF", {"IN_TEXT"}),
        ("cat <<'EOF'\n$IN_QUOTED\nEOF", set[str]()),
        ("bash -c 'echo $INNER'", {"INNER"}),
        ("echo $1 $@ $? $$", set[str]()),
    ],
)
def test_which_variables_a_line_reads(text: str, expected: set[str]) -> None:
    assert read_line(text).reads == expected


def test_words_of_a_command() -> None:
    (words,) = read_line('cp "$HOME/a b.txt" \'c d\' e\\ f $X "g $Y" > /tmp/out').commands
    assert words == ("cp", "~/a b.txt", "c d", "e f", None, None)


def test_an_argument_list() -> None:
    assert read_argv(["/bin/bash", "-lc", "cat -- x"]).commands == (
        ("/bin/bash", "-lc", "cat -- x"),
        ("cat", "--", "x"),
    )
    assert read_argv(["rg", "a; perl b"]).commands == (("rg", "a; perl b"),)


@pytest.mark.parametrize(
    "text", ["$(" * 5000, "echo '", 'a "', "((((", "bash -c " * 400, "\0x", "x\ud800 y", "{" * 9999]
)
def test_no_line_is_too_broken(text: str) -> None:
    read_line(text)


@given(st.text(alphabet="ab$'\"`(){};|&<> \n\\#=-[]", max_size=60))
def test_no_line_breaks_it(text: str) -> None:
    read_line(text)
