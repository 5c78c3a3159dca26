"""Predictions, answered and revealed in Chromium."""

import re
from functools import partial

import pytest
from playwright.sync_api import expect

from eca_edu.explorers.prediction import Prediction, PredictionSummary, predict
from eca_edu.practice.questions import predictions

numbers = partial(Prediction, "how many?", truth={"first": 3, "second": 7.5}, low=0, high=10, step=0.5)
choice = partial(Prediction, "is it so?", "yes", options=["no", "yes", "it <depends>"], because="Since it is.")
order = partial(Prediction, "which first?", ["a", "b", "c", "d"])


def reveal(shown):
    shown.root.get_by_role("button", name="Reveal").click()
    expect(shown.root.get_by_role("button", name="Re")).to_have_count(0)  # neither Reveal nor Reset: the answer stays


def test_numbers_are_dragged_typed_and_moved_by_keys_before_the_truth_shows(show):
    shown = show(numbers())
    first, second = shown.slider("first"), shown.slider("second")
    assert (first.get_attribute("aria-valuenow"), shown.part(".eca-edu-grip").count()) == (None, 0)  # no anchor
    first.press("ArrowRight")
    shown.says("You predict: first 5.")
    expect(shown.root.get_by_role("button", name="Reveal")).to_be_disabled()
    shown.drag(first.locator("circle").last, -10_000, 0)
    second.click()
    shown.says("You predict: first 0, second 5.")
    shown.root.get_by_role("button", name="Reset").click()
    shown.says("Click on each line")
    for label, number in [("first", "4"), ("second", "19")]:
        shown.type(f"{label}, typed", number)
    expect(shown.part(".eca-edu-note")).to_have_text("19 is not possible here, so the nearest number, 10, is used.")
    second.press("ArrowLeft")
    shown.says("first 4, second 9.5. Press Reveal")
    assert "7.5" not in shown.page.inner_text("main")
    reveal(shown)
    shown.says("first: you said 4, it is 3; second: you said 9.5, it is 7.5.")
    expect(shown.root).to_contain_text("1 too high")
    first.click(force=True)
    first.press("End")
    shown.says("first: you said 4, it is 3")


def test_what_is_too_noisy_is_not_graded(show):
    shown = show(numbers(truth={"first": 517, "second": 7.5}, not_graded="Your machine was too busy to tell."))
    for label in ("first", "second"):
        shown.slider(label).press("ArrowRight")
    reveal(shown)
    shown.says("You said: first 5, second 5. Not graded. Your machine was too busy to tell.")
    assert not any(word in shown.page.inner_text("main") for word in ("517", "7.5", "too low", "too high", "exact"))
    with pytest.raises(ValueError, match="truth must lie between low = 0 and high = 10; got 517"):
        numbers(truth={"first": 517})
    asked = predict("own_speed", {"eca": 517}, not_graded="Your machine was too busy to tell.")
    asked.answer, asked.revealed = {"eca": 95}, True
    summary = show(PredictionSummary("04"))
    summary.says("Nothing is graded yet.")
    expect(summary.root).to_contain_text("1 of 9 predictions")


def test_a_finger_taps_a_line_and_drags_the_grip(show):
    shown = show(Prediction("how many?", {"images": 35}, low=0, high=100), width=390, has_touch=True)
    finger, line = shown.page.context.new_cdp_session(shown.page), shown.slider("images")
    box = line.locator("rect").bounding_box()
    middle = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}

    def swipe(dx, dy):
        for kind, share in [("Start", 0), ("Move", 0.5), ("Move", 1), ("End", None)]:
            at = [] if share is None else [{"x": middle["x"] + share * dx, "y": middle["y"] + share * dy}]
            finger.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": at})

    swipe(0, -60)  # scrolls the page
    expect(line).to_have_attribute("aria-valuetext", "no answer yet")
    shown.page.touchscreen.tap(**middle)
    expect(line).to_have_attribute("aria-valuenow", "50")
    swipe(300, 0)
    expect(line).to_have_attribute("aria-valuenow", "100")


def test_a_choice_is_marked(show):
    shown = show(choice())
    shown.root.get_by_label("no", exact=True).check()
    shown.says("You predict: no. Press Reveal")
    shown.root.get_by_label("no", exact=True).press("ArrowUp")
    shown.says("You predict: it <depends>.")
    reveal(shown)
    shown.says("You said: it <depends>. Right is: yes. Since it is.")
    expect(shown.part("em")).to_have_text(["✓ this is right", "✗ you said this"])


def test_an_order_is_moved_by_buttons_keys_and_drag(show):
    question = order()
    places = list(question.numbers["shown"])
    assert sorted(places) == ["a", "b", "c", "d"] != places
    assert order().numbers["shown"] == places
    shown = show(question)
    handle = shown.part(".eca-edu-handle")
    shown.root.get_by_label(f"{places[0]} down").click()
    shown.says(f"You predict: {places[1]}, {places[0]}")
    handle.nth(1).press("ArrowUp")
    expect(handle.first).to_be_focused()
    shown.says(f"You predict: {', '.join(places)}.")
    twice = """key => [1, 2].forEach(() => document.activeElement.dispatchEvent(
        new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true })))"""
    shown.page.evaluate(twice, "ArrowDown")  # the second comes before the next frame
    shown.says(f"You predict: {places[1]}, {places[2]}, {places[0]}, ")
    shown.page.evaluate(twice, "ArrowUp")
    shown.says(f"You predict: {', '.join(places)}.")
    for place, item in enumerate("abcd"):  # each is dragged to its place
        expect(handle.nth(place)).to_be_visible()
        at = [text[-1] for text in handle.all_inner_texts()].index(item)
        shown.drag(handle.nth(at), 0, 40 * (place - at))
        expect(handle.nth(place)).to_contain_text(item)
    reveal(shown)
    shown.says("4 of 4 stand where they belong; the right order is a, b, c, d.")
    expect(shown.part(".eca-edu-right")).to_have_count(4)


def test_an_answer_is_kept_and_stays(show):
    again = numbers()
    again.answer = {"second": 6}
    with pytest.raises(Exception, match="revealed must wait for an answer"):
        again.revealed = True
    again.answer = {"first": 1, "second": 6}
    again.revealed = True
    with pytest.raises(Exception, match="answer must stay"):
        again.answer = {"first": 3, "second": 7.5}
    show(numbers()).says("first: you said 1, it is 3; second: you said 6, it is 7.5.")
    assert Prediction("how many?", {"third": 1}, low=0, high=10).answer == {}  # another question by the same name


@pytest.mark.parametrize(
    ("error", "words", "truth", "options"),
    [
        (ValueError, "truth must lie between low = 0 and high = 10; got 11", {"n": 11}, {"low": 0, "high": 10}),
        (ValueError, "truth must be one of options", "yes", {"options": ["no"]}),
        (ValueError, "truth must hold two or more items", ["a", "a"], {}),
        (TypeError, "truth must be a dict of numbers", 5, {}),
    ],
)
def test_it_refuses_what_it_cannot_ask(error, words, truth, options):
    with pytest.raises(error, match=words):
        Prediction("more?", truth, **options)


@pytest.mark.parametrize("answer", [{"third": 1}, {"first": 11}, "yes", ["first"]])
def test_python_cannot_say_what_the_page_could_not(answer):
    with pytest.raises(Exception, match="answer must be one that the question allows"):
        numbers().answer = answer


def test_a_curve_is_drawn_in_one_sweep_or_by_keys(show):
    shown = show(Prediction("how does it rise?", [1, 5, 9], low=0, high=10, x="abc"))
    paper = shown.part(".eca-edu-paper")
    box = paper.bounding_box()
    shown.page.mouse.move(box["x"] + 1, box["y"] + box["height"])
    shown.page.mouse.down()
    shown.page.mouse.move(box["x"] + box["width"] - 1, box["y"])  # one move: the column between lies on the line
    shown.page.mouse.up()
    expect(shown.slider("b")).to_have_attribute("aria-valuenow", "5")
    shown.slider("c").press("ArrowDown")
    shown.says("You predict: from 0 to 9.")
    shown.slider("a").press("End")
    shown.says("You predict: from 10 to 9.")
    reveal(shown)
    shown.says("At the end you said 9, it is 9; in the mean you were 3 off.")
    expect(shown.part(".eca-edu-column[tabindex]")).to_have_count(0)


def test_a_curve_is_drawn_by_a_finger_that_moves_sideways(show):
    shown = show(Prediction("how does it rise?", [1, 5, 9], low=0, high=10, x="abc"), width=390, has_touch=True)
    shown.swipe(shown.part(".eca-edu-paper"), 300, -200)
    expect(shown.part(".eca-edu-sentence")).to_have_text(re.compile("You predict: from [6-9] to 10"))


def test_a_kernel_that_is_gone_is_told_before_an_answer_is_lost(show):
    shown = show(choice())
    shown.connect(choice())
    shown.root.get_by_label("no", exact=True).check()
    shown.says("You predict: no. Press Reveal")
    shown.page.evaluate("lose()")
    shown.refuses("The kernel was restarted. Run this cell again.")
    expect(shown.part(".eca-edu-picture[inert]")).to_have_count(1)
    shown.page.evaluate("change({ revealed: true })")  # nothing more can be lost
    expect(shown.part(".eca-edu-alert")).to_have_count(0)


def test_on_paper_an_explorer_has_its_width(show):
    shown = show(numbers())
    right = "Math.max(...[...document.querySelectorAll('svg, input')].map(e => e.getBoundingClientRect().right))"
    shown.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert shown.page.evaluate(right) < 700
    shown.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert shown.page.evaluate(right) > 700


def test_the_course_asks_its_own_predictions_and_sums_them_up(show):
    (chapter, name), texts = next(
        ((chapter, name), texts)
        for chapter, all_of in predictions().items()
        for name, texts in all_of.items()
        if "options" in texts and "truth" in texts
    )
    summary, asked = PredictionSummary(chapter), predict(name)
    show(summary).says("Nothing is predicted yet.")
    asked.answer = texts["truth"]
    asked.revealed = True
    show(summary).says("1 of 1 choices and orders are right")
    assert predict(name).revealed
    with pytest.raises(ValueError, match="name must be that of a prediction"):
        predict("nothing")
    with pytest.raises(ValueError, match="chapter must be one of 00, "):
        PredictionSummary("10")


def test_without_a_kernel_answers_last_until_they_are_forgotten(show):
    class Page:  # several explorers in one page
        def to_html(self):
            return "".join(e.to_html() for e in (predict(choices[0]), predict(choices[1]), PredictionSummary("00")))

    choices = [name for name, texts in predictions()["00"].items() if "options" in texts and "truth" in texts]
    shown = show(Page())
    explorers = shown.page.locator(".eca-edu-explorer")
    explorers.first.get_by_role("radio").first.check()
    explorers.first.get_by_role("button", name="Reveal").click()
    sentence = explorers.nth(2).locator(".eca-edu-sentence")
    expect(sentence).to_contain_text("of 1 choices and orders")
    shown.page.reload()
    expect(sentence).to_contain_text("of 1 choices and orders")
    expect(explorers.first.get_by_role("button", name="Reveal")).to_have_count(0)
    explorers.nth(2).get_by_role("button", name="Forget them").click()
    expect(sentence).to_contain_text("Nothing is predicted yet.")
    expect(explorers.first.get_by_role("button", name="Reveal")).to_be_disabled()


def test_a_page_that_arrives_in_two_parts_is_drawn_when_it_is_whole(show):
    shown = show(choice())
    two_parts = """async (parts) => {
        document.open();
        document.write(parts[0]);
        await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
        document.write(parts[1]);
        document.close();
    }"""
    asked = "".join(question.to_html() for question in (choice(), order()))
    cut = asked.rindex('<script type="application/json">')  # within the second
    shown.page.evaluate(two_parts, ["<!doctype html><main>" + asked[:cut], asked[cut:]])
    expect(shown.page.locator(".eca-edu-explorer")).to_have_count(2)
