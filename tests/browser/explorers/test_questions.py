"""Questions that return, and the twelve before and after, answered in Chromium."""

import pytest
from playwright.sync_api import expect

from eca_edu.explorers.questions import Quiz, WarmUp, is_right
from eca_edu.practice.answers import load_answers, save_answer
from eca_edu.practice.questions import instrument, returning


def answered(question):
    """Answer a question rightly, where it is asked."""
    if "options" in question:
        return question["truth"]
    return {"your answer": question["truth"]}


def test_three_questions_on_earlier_chapters_and_what_was_missed_comes_first(show):
    pool = {name: texts for chapter in ("00", "01") for name, texts in returning()[chapter].items()}
    for name in list(pool)[3:6]:
        save_answer("returning", name, {"answer": "", "right": False})
    shown = show(WarmUp("02"))
    sections = shown.part(".eca-edu-asked")
    expect(sections).to_have_count(3)
    for i, name in enumerate(list(pool)[3:5]):
        expect(sections.nth(i)).to_contain_text(pool[name]["question"])
    shown.says("0 of 3 answered")
    expect(shown.root).to_contain_text("So far: 0 of ")
    choice = sections.filter(has=shown.page.get_by_role("radio")).first
    choice.get_by_role("radio").first.check()
    choice.get_by_role("button", name="Reveal").click()
    shown.says("1 of 3 answered")
    shown.page.reload()
    shown.says("1 of 3 answered")


def test_what_the_hand_answers_is_kept_with_whether_it_is_right():
    name, texts = next(iter(returning()["00"].items()))
    warm_up = WarmUp("02")
    warm_up.answers = {name: {"answer": answered(texts), "revealed": False}}
    assert load_answers()["returning"] == {}
    warm_up.answers = {name: {"answer": answered(texts), "revealed": True}}
    assert load_answers()["returning"] == {name: {"answer": answered(texts), "right": True}}
    for chapter in ("00", "01"):
        assert WarmUp(chapter).numbers["pool"] == {}  # only what is solved so far
    with pytest.raises(ValueError, match="chapter must be one of 00, "):
        WarmUp("ten")


def test_near_enough_is_right():
    question = {"kind": "numbers", "truth": {"your answer": 5}, "within": 1}
    assert [is_right(question, {"your answer": number}) for number in (4, 6, 7)] == [True, True, False]


def test_the_twelve_tell_nothing_before_the_end_and_are_compared(show):
    shown = show(Quiz("before"))
    sections = shown.part(".eca-edu-asked")
    for i in range(12):
        sections.nth(i).get_by_label("I do not know").check()
    shown.says("All are answered and kept.")
    expect(shown.part("em")).to_have_count(0)
    before, after = Quiz("before"), Quiz("after")
    before.answers = {name: {"answer": "I do not know", "revealed": False} for name in instrument()}
    after.answers = {name: {"answer": texts["truth"], "revealed": False} for name, texts in instrument().items()}
    assert load_answers()["after"] == {name: texts["truth"] for name, texts in instrument().items()}
    shown = show(Quiz("after"))
    shown.says("Right now: 12 of 12; before the course: 0.")
    expect(shown.part("em")).to_have_count(12)
    with pytest.raises(ValueError, match="when must be 'before' or 'after'; got 'later'"):
        Quiz("later")
