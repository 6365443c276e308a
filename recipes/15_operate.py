"""What belongs between a model that predicts and whoever acts on it: corrected probabilities, decisions, and the right to be
silent. It needs nothing of the course:
```
decider = Decider({"size": "classes", "tags": "labels", "price": "numbers"})
decider.choose(model.predict(x), targets)      # of validation rows; json.dumps(decider.settings) keeps what it chose
decisions = decider(model.predict(new))        # {"size": [2, None, ...], "tags": [[1, 0, None], ...], ...}
```
A head of *classes* is one softmax, or one sigmoid for yes; *labels* are a sigmoid each; *numbers* stay as they are. In the
targets, -1 or NaN says that the class is not known, and only the others count. (Where gaps are filled with 0, put -1 first.)

From lesson 15. How sure is each head, what changed, and how do I train on more than one device?
It needs numpy, scipy, and nothing else.
"""

import numpy as np
from scipy import optimize

KINDS = ("classes", "labels", "numbers")


def corrected(probability, temperature):
    powers = np.clip(probability, 1e-12, 1) ** (1 / temperature)
    return powers / powers.sum(axis=-1, keepdims=True)


def span(x):
    return f"{np.min(x, initial=np.inf):.3g} to {np.max(x, initial=-np.inf):.3g}"


def known(name, probability, target):
    """Return the probabilities and the true classes of those answers whose class is known."""
    shape, count = probability.shape[:-1], probability.shape[-1]
    whole = f"whole numbers from 0 to {count - 1}, or -1 or NaN where not known"
    about = f"targets of {name} must have shape {shape} and hold {whole}"
    try:
        y = np.array(target, float)
    except (TypeError, ValueError):
        raise ValueError(f"{about}, not {target!s:.60}") from None
    if [size for size in y.shape if size != 1] != [size for size in shape if size != 1]:
        raise ValueError(f"{about}, not shape {y.shape}")
    there = ~np.isnan(y) & (y != -1)
    found = np.unique(y[there])
    if len(found) < 2 or not set(found) <= set(range(count)):
        raise ValueError(f"{about}, at least two of them: found {found[:9].tolist()}")
    return probability[there.reshape(shape)], y[there].astype(int)


def chosen(p, y, right):
    def loss(log):
        return -np.log(corrected(p, 10**log)[np.arange(len(y)), y]).mean()

    t = 10 ** float(optimize.minimize_scalar(loss, bounds=(-1, 1), method="bounded").x)
    sure = corrected(p, t).max(axis=-1)
    order = np.argsort(-sure)
    hits = (p.argmax(axis=-1) == y)[order].cumsum()
    last = np.append(np.diff(sure[order]) < 0, True)  # equally sure ones go together
    enough = np.flatnonzero(last & (hits >= right * np.arange(1, len(hits) + 1)))
    return [t, float(sure[order][enough[-1]]) if len(enough) else 2.0]


class Decider:
    """Decide from what each head predicts, and say None where a head is not sure enough.

    A head without settings, from `choose` or kept from it, always decides.
    """

    def __init__(self, heads, settings=None):
        if not isinstance(heads, dict) or any(kind not in KINDS for kind in heads.values()):
            raise ValueError(f"heads must give one of {KINDS} to each head, not {heads}")
        self.heads = heads
        self.unsure = {n: kind for n, kind in heads.items() if kind != "numbers"}
        self.settings = dict(settings or {})  # of each head: [temperature, threshold]
        if not set(self.settings) <= set(self.unsure):
            raise ValueError(f"settings are of {[*self.unsure]}, not of {[*self.settings]}")

    def stated(self, predicted):
        """Return numbers, or probabilities on a last axis: classes, or no and yes of a label."""
        given = sorted(predicted) if isinstance(predicted, dict) else type(predicted)
        if given != sorted(self.heads):
            raise ValueError(f"predicted needs a dict of {sorted(self.heads)}, not {given}")
        found = {n: np.asarray(values) for n, values in predicted.items()}
        for n, kind in self.unsure.items():
            p = values = np.asarray(found[n], float, order="C")
            if kind == "labels":
                p = np.stack([1 - p, p], axis=-1)
            elif p.shape[-1:] == (1,):
                p = np.concatenate([1 - p, p], axis=-1)
            sums, fits = p.sum(axis=-1), p.ndim > 1 and (p >= 0).all()
            if not (fits and np.allclose(sums, 1, atol=0.01)):  # 16 bits are that far off
                seen = f"shape {values.shape}, numbers {span(values)}, sums {span(sums)}"
                raise ValueError(
                    f"{n} has no probabilities of {kind}: {seen}. Logits, another kind?"
                )
            found[n] = p
        return found

    def choose(self, predicted, targets, right=0.95):
        """Choose temperatures, and the lowest thresholds at which the share `right` is right.

        It counts all answers of a head together: a rare class may be wrong nearly always.
        """
        if not 0 < right <= 1:
            raise ValueError(f"right is a share, above 0 and at most 1, not {right}")
        if not isinstance(targets, dict):
            raise ValueError(f"targets needs a dict of {[*self.unsure]}, not {type(targets)}")
        stated, given = self.stated(predicted), dict.fromkeys(self.unsure, "missing") | targets
        truth = {n: known(n, stated[n], given[n]) for n in self.unsure}
        self.settings = {n: chosen(p, y, right) for n, (p, y) in truth.items()}

    def __call__(self, predicted):
        decided = self.stated(predicted)
        for n in self.unsure:
            t, threshold = self.settings.get(n, [1, 0])
            p = corrected(decided[n], t)
            decided[n] = np.where(p.max(axis=-1) >= threshold, p.argmax(axis=-1), None)
        return {n: values.tolist() for n, values in decided.items()}
