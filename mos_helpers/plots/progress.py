"""The progress of ``fit`` in one line."""

import sys
import time
from typing import Any

import keras

from mos_helpers.notebook import in_notebook, wrapped

SECONDS_BETWEEN_UPDATES = 0.3


class Progress(keras.callbacks.Callback):
    """Show how far ``fit`` is in one line: ``epoch 5 of 5: loss 0.310, digit_accuracy 0.942``.

    The line shows the total loss and the metrics of the training data. It holds no times, so that a notebook that is
    run again stays the same. A notebook or a terminal updates it in place; elsewhere nothing is written.

    Use it as ``model.fit(..., verbose=0, callbacks=[plots.Progress()])``.
    """

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Start a new line."""
        self._line: Any = None  # the notebook's handle of the line
        self._shown_at, self._last = time.monotonic(), ""

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Note the epoch, counted from 1."""
        self._epoch = f"epoch {epoch + 1}{self._of('epochs')}"

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Show how far the epoch is, a few times a second at most."""
        self._show(f"{self._epoch}, batch {batch + 1}{self._of('steps')}: {_scores(logs)}")

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Note the scores of the epoch."""
        self._last = f"{self._epoch}: {_scores(logs)}"
        self._show(self._last)

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Leave the scores of the last epoch."""
        if self._last:
            self._show(self._last, at_once=True)

    def _of(self, total: str) -> str:
        number = (self.params or {}).get(total)  # a training loop of one's own need not tell it
        return f" of {number}" if number else ""

    def _show(self, text: str, at_once: bool = False) -> None:
        if time.monotonic() - self._shown_at < SECONDS_BETWEEN_UPDATES and not at_once:
            return
        if in_notebook():
            from IPython.display import display

            data = {"text/plain": wrapped(text)}
            if self._line is None:
                self._line = display(data, raw=True, display_id=True)
            else:
                self._line.update(data, raw=True)
        elif sys.stdout.isatty():
            print(f"\r{text}\x1b[K", end="\n" if at_once else "", flush=True)  # the code clears the rest of the line
        self._shown_at = time.monotonic()


def _scores(logs: dict[str, float] | None) -> str:
    """Return the total loss, then the metrics, without the losses of single heads and without validation."""
    names = [name for name in logs or {} if not name.startswith("val_") and not name.endswith("_loss")]
    names = sorted(names, key=lambda name: name != "loss")
    return ", ".join(f"{name} {_number(logs[name])}" for name in names if name != "learning_rate")


def _number(value: float) -> str:
    return f"{value:.3f}" if abs(value) >= 0.1 else f"{value:.2g}"
