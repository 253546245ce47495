"""A key that is pressed twice to mean it."""

from tui.again import Again


def test_the_second_press_in_time_about_the_same_thing_counts() -> None:
    again = Again(2.0)
    assert [again.press(at) for at in (10.0, 12.0, 12.1, 14.2, 14.3)] == [False, True, False, False, True]
    assert [again.press(20.0, "a"), again.press(20.1, "b"), again.press(20.2, "b")] == [False, False, True]


def test_a_press_is_forgotten() -> None:
    again = Again(2.0)
    again.press(10.0, "a")
    assert (again.lapse(12.0), again.about) == (False, "a")
    assert (again.lapse(12.1), again.about, again.lapse(12.2)) == (True, None, False)
