"""What the agent is told when not all of its work came into the tree at home."""

from remote.home_note import describe_return
from remote.steps import Clash, HeldBack


def test_nothing_is_said_where_all_came() -> None:
    assert describe_return("vm", (), ()) == ""


def test_each_reason_is_told_with_its_paths() -> None:
    held = (
        HeldBack(path="Makefile", why="executable", command="cp x"),
        HeldBack(path="a\n\x1b[2Jb", why="executable", command="cp x"),
        HeldBack(path="old.txt", why="deletion", command="rm x"),
        *(HeldBack(path=f"{number}.txt", why="not-chosen", command="cp x") for number in range(20)),
    )
    said = describe_return("vm", (Clash(path="clash.txt", kind="text", sentence="both"),), held)
    assert "not accepted by the user" in said and "Makefile, a↵␛b." in said
    assert "deletions that the user did not accept): old.txt." in said
    assert "11.txt and 8 more." in said and "12.txt" not in said
    assert "both sides changed them: clash.txt;" in said
    assert "cp x" not in said and "\n" not in said


def test_work_that_was_not_merged_is_not_in_the_tree() -> None:
    assert "on the branch try-this" in describe_return("vm", (), (), branch="try-this")
    assert "in a patch file" in describe_return("vm", (), (), patch="/home/ann/x.patch")
    assert "/home/ann" not in describe_return("vm", (), (), patch="/home/ann/x.patch")
