"""The rounds so far: look at each, tell two apart, go back to one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QComboBox, QProgressBar, QSizePolicy, QVBoxLayout, QWidget

from napari_semiseg.viewer.counted import counted
from napari_semiseg.viewer.keys import KEYS
from napari_semiseg.viewer.rounds.change_layers import COLOURS
from napari_semiseg.viewer.training.earlier_runs import title_of
from napari_semiseg.viewer.training.reports import WHY_NONE, open_report, report_of
from napari_semiseg.viewer.widgets.buttons import allow, button, note, row
from napari_semiseg.viewer.widgets.fold import Fold
from napari_semiseg.viewer.widgets.round_list import RoundList, RoundRow
from napari_semiseg.viewer.widgets.wheel import guard_wheel

if TYPE_CHECKING:
    from napari_semiseg.runs.folder import RunFolder
    from napari_semiseg.runs.rounds import Round
    from napari_semiseg.viewer.desk import Desk
    from napari_semiseg.viewer.rounds.comparison import Comparison
    from napari_semiseg.viewer.widgets.economy import EconomyPlot

_NEWEST = "The newest model that was not worse is in use and in view already."


class RoundRows(Fold):
    """Rows of the review panel, shown as soon as there is a round."""

    def __init__(self, desk: Desk) -> None:
        content = QWidget()
        super().__init__("Rounds", content)
        self._desk = desk
        self._book, self._comparing = desk.rounds.book, desk.rounds.comparing
        self.list = RoundList()
        self.list.chosen.connect(self._book.look_at)
        self.words = note()
        self._make_buttons()
        self.other = QComboBox()
        self.other.setToolTip("The round that the one in view is compared with.")
        self.other.setAccessibleName("Round to compare with")
        self.other.setMinimumWidth(40)
        self.other.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        guard_wheel(self.other)
        self.other.activated.connect(self._on_other)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        self.cancel = button("Cancel", "Stop comparing.", self._cancel)
        self.legend = note()
        self._plot: EconomyPlot | None = None
        self._plot_place = QVBoxLayout()
        self._lay_out(content)
        self.set_tip("Each training that made a model: look back, compare, go back.")

    @property
    def plot(self) -> EconomyPlot:
        """The plot, made when it is first needed: its library is slow to load."""
        if self._plot is None:
            from napari_semiseg.viewer.widgets.economy import EconomyPlot

            self._plot = EconomyPlot()
            self._plot_place.addWidget(self._plot)
        return self._plot

    def refresh(self) -> None:
        """Show how things stand now."""
        rounds = self._book.rounds
        self.setVisible(bool(rounds))
        self.set_title(self._title())
        if not rounds or not self.is_open:
            return
        self.list.fill([_row(one) for one in reversed(rounds)])
        seen = self._book.in_view
        self.list.mark(None if seen is None else seen.run)
        self.words.setText(self._words())
        allow(self.use, self._book.why_not_use())
        back = self._book.elsewhere is not None or self._book.by_hand
        allow(self.back, None if back else _NEWEST)
        allow(self.report, None if report_of(self._run()) else WHY_NONE)
        self._show_comparison()
        scored = sum(one.score is not None for one in rounds)
        if scored > 1:
            self.plot.show_rounds(rounds)
        if self._plot is not None:
            self._plot.setVisible(scored > 1)

    def _make_buttons(self) -> None:
        blinking = self._desk.rounds.blinking
        self.use = button(
            "Use this model",
            "Use the model of the round in view from now on, for results and for the "
            "next training. A later one replaces it if it is no worse.",
            self._book.use,
        )
        self.back = button(
            "Back to the newest",
            "See and use the newest model that was not worse than the one before it.",
            self._go_back,
        )
        self.report = button(
            "Open report",
            "Open the report of the round in view in the browser: settings, curves, "
            "scores, examples.",
            lambda: open_report(self._desk.session, self._run()),
        )
        self.outline = button(
            "Outline differences",
            "Outline the objects that were gained, lost, split or merged from the "
            "earlier of the two rounds to the later one.",
            self._on_outline,
        )
        self.outline.setCheckable(True)
        self.blink = button(
            "Blink",
            "See the other round as long as this is pressed, then the one in view "
            "again: what differs jumps to the eye.",
            lambda: None,
            key=KEYS["other round"].shown,
        )
        self.blink.pressed.connect(blinking.press)
        self.blink.released.connect(blinking.release)

    def _lay_out(self, content: QWidget) -> None:
        column = QVBoxLayout(content)
        column.setContentsMargins(8, 0, 0, 0)
        column.setSpacing(4)
        self._compared = note("Compare the round in view with")
        for widget in (
            self.list,
            self.words,
            row(self.use, self.back),
            self.report,
            self._compared,
            self.other,
            row(self.outline, self.blink),
            self.bar,
            self.cancel,
            self.legend,
        ):
            column.addWidget(widget)
        column.addLayout(self._plot_place)
        self.toggled.connect(self.refresh)

    # -- the rounds -------------------------------------------------------------------

    def _title(self) -> str:
        rounds, elsewhere = self._book.rounds, self._book.elsewhere
        if elsewhere is not None:
            return f"Rounds: you see round {elsewhere.number}"
        return f"Rounds ({len(rounds)})"

    def _words(self) -> str:
        used, elsewhere = self._book.in_use, self._book.elsewhere
        if elsewhere is not None:
            stays = "no model is in use" if used is None else f"{_name(used)} is in use"
            return (
                f"You see what the model of round {elsewhere.number} finds; {stays}. "
                "What you correct is corrected against what you see."
            )
        if used is None:
            return "None of these models is in use: each was worse, or was broken off."
        if self._book.by_hand:
            return (
                f"Round {used.number} is in use because you chose it, until a later "
                "model is no worse."
            )
        return f"Round {used.number} is in use."

    def _run(self) -> RunFolder | None:
        seen = self._book.in_view
        return None if seen is None else self._book.folder_of(seen)

    def _go_back(self) -> None:
        if self._book.by_hand:
            self._book.use_newest()
        self._book.leave()

    # -- two of them ------------------------------------------------------------------

    def _show_comparison(self) -> None:
        comparing = self._comparing
        reason = comparing.why_not()
        self._fill_others()
        several = len(self._book.rounds) > 1
        for widget in (self._compared, self.other, self.outline, self.blink):
            widget.setVisible(several)
        allow(self.outline, reason)
        allow(self.blink, reason)
        self.outline.setChecked(comparing.on)
        done, total = comparing.progress
        self.bar.setVisible(comparing.busy)
        self.cancel.setVisible(comparing.busy)
        self.bar.setRange(0, total)
        self.bar.setValue(done)
        self.legend.setText(self._legend_words())
        self.legend.setVisible(bool(self.legend.text()))

    def _fill_others(self) -> None:
        seen, other = self._book.in_view, self._comparing.other
        wanted = [one for one in reversed(self._book.rounds) if one != seen]
        names = [(_name(one), one.run) for one in wanted]
        box = self.other
        shown = [(box.itemText(n), box.itemData(n)) for n in range(box.count())]
        if shown != names:
            box.clear()
            for name, run in names:
                box.addItem(name, run)
        if other is not None:
            box.setCurrentIndex(box.findData(other.run))

    def _on_other(self, index: int) -> None:
        self._comparing.compare_with(self.other.itemData(index))

    def _on_outline(self) -> None:
        self._comparing.set_on(self.outline.isChecked())
        self.refresh()

    def _cancel(self) -> None:
        self._comparing.set_on(False)

    def _legend_words(self) -> str:
        comparing = self._comparing
        if comparing.problem:
            return comparing.problem
        if not comparing.on:
            return ""
        if comparing.result is None:
            return "Both models look at what you see ..."
        numbers = [
            one.number
            for run in (comparing.result.before, comparing.result.after)
            if (one := self._book.of_run(run)) is not None
        ]
        return legend_of(comparing.result, numbers)


def legend_of(found: Comparison, numbers: list[int]) -> str:
    """What the colours mean, and how many there are of each; rich text."""
    counts = found.changes.counts()
    parts = [
        f'<span style="color:{colour}">\N{BLACK SQUARE}</span>&nbsp;'
        f"{counts[kind]}&nbsp;{kind}"
        for kind, (_, colour) in COLOURS.items()
    ]
    rest = f"{counts['kept']} kept"
    if counts["reshaped"]:
        rest += f", {counts['reshaped']} reshaped"
    title = " to ".join(f"round {number}" for number in numbers)
    about = "By the models alone, without your corrections."
    return f"From {title}: {' &nbsp;'.join(parts)}; {rest}. {about}"


def _row(one: Round) -> RoundRow:
    name = f"{one.number}, in use" if one.in_use else f"{one.number}"
    score = "-" if one.score is None else f"{one.score:.2f}"
    if one.score is not None and not one.validated:
        score += " ?"
    parts = [
        counted(number, noun)
        for number, noun in ((one.objects, "object"), (one.tiles, "tile"))
        if number is not None
    ]
    if one.minutes is not None:
        parts.append(f"{one.minutes:.0f} min")
    about = f"{one.words} Learned by {title_of(one.method)}."
    return RoundRow(
        one.run, name, score, ", ".join(parts) or "not counted", about, one.in_use
    )


def _name(one: Round) -> str:
    return f"round {one.number}"
