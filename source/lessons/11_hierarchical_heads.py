# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 11. How do heads respect a hierarchy?
#
# **What you will do.** Put the ten digits into groups of digits that look alike, ask one network for the digit *and* for its
# group, and wire the two answers in five ways. Then measure what each way gives.
#
# **What you will learn**
# - to state a hierarchy as data, and to have its errors found for you;
# - to write heads that depend on each other: chains, sums, and a conditional head by the chain rule that saves and loads;
# - to tell probabilities that fit together from decisions that fit together, and to decide once;
# - what a hierarchy gives when every image has its finest label.
#
# **What you will need.** [Lesson 3](03_three_architectures.ipynb). No GPU. About 65 minutes; the longest cell runs for about
# 20 seconds. Words are explained in the [glossary](glossary.ipynb).

# %%
from mos_helpers import data, plots  # first: it keeps TensorFlow's start-up messages quiet
from mos_helpers.hierarchy import Tree
from mos_helpers.training import restart

import keras
import numpy as np
from pathlib import Path
from sklearn.model_selection import train_test_split
from tempfile import TemporaryDirectory

keras.utils.set_random_seed(11)

# %%
digits = data.load_digits()


def prepare(images):
    """Average each square of 2x2 pixels and return one row for each image."""
    return images.reshape(len(images), 14, 2, 14, 2).mean(axis=(2, 4)).reshape(len(images), -1)


images, images_test = prepare(digits.x_train), prepare(digits.x_test)
digits

# %% [markdown]
# ## A tree is data
#
# In a hierarchy, each class belongs to a group, and a group may belong to a larger one. If every class below the top has
# exactly one group above it, the hierarchy is a **tree**. Its finest classes are the **leaves**; here they are the ten
# digits. We write down, for each group, what it holds. The groups are ours, by look: others would draw them in another way.

# %%
by_look = Tree(
    {
        "round": ["0", "6"],
        "straight": ["1", "7"],
        "hook": ["4", "9"],
        "bows": ["3", "5", "8"],
        "two": ["2"],
    },
    leaves=list("0123456789"),
)
plots.tree(by_look)

# %% [markdown]
# The 2 looks like no other digit, so it has a group of its own. `leaves=` gives the order in which the leaves are numbered.
#
# What does a program need of a tree? The number of the group of each leaf, and the same as a table: a row for each leaf, a
# column for each group, and a 1 where the leaf belongs to the group.

# %% tags=["nbval-check-output"]
print(by_look.levels)
print("the groups of the leaves 0 to 9:", by_look.groups_of_leaves())
print(by_look.matrix()[:4])

# %% [markdown]
# No new labels are needed: `by_look.groups_of_leaves()[labels]` gives the group of each image.
#
# **Predict first.** An 8 is also made of two *round* shapes. May we put it into both groups? (The next cell ends with an
# error, on purpose.)

# %% tags=["raises-exception"]
Tree({"round": ["0", "6", "8"], "bows": ["3", "5", "8"]})

# %% [markdown]
# Not in a tree. With two groups above the 8, "the group of the 8" would have no single answer. Such a mistake is easily made in a
# file with a thousand classes, so `Tree` looks for it, and for groups that contain themselves. The cure is to choose one group.
# [Lesson 13](13_hierarchy_graphs.ipynb) keeps both, and needs another kind of head for that.

# %% [markdown]
# ## One trunk, five designs
#
# The **fine** head answers with the digit, the **coarse** head with the group. What may depend on what?
#
# | design | wiring |
# |---|---|
# | flat | only a fine head; the group is read off: the group of the likeliest digit |
# | independent | both heads see the trunk, as in [lesson 1](01_two_heads.ipynb) |
# | chain | the fine head sees the trunk *and what the coarse head predicts*; the reverse chain is the other way round |
# | summed | the probability of a group is the sum of those of its digits |
# | conditional | the coarse head answers first, and a softmax within each group shares its probability out |
#
# Each design is a function from the features of the trunk to a dictionary of heads. The first three need nothing new.


# %%
def softmax(name):
    """Return a head for the five groups or for the ten digits."""
    units = {"coarse": 5, "fine": 10}[name]
    return keras.layers.Dense(units, activation="softmax", name=name)


def flat(features, tree):
    return {"fine": softmax("fine")(features)}


def independent(features, tree):
    return {"coarse": softmax("coarse")(features), "fine": softmax("fine")(features)}


# %%
def chain(features, tree):
    coarse = softmax("coarse")(features)
    both = keras.layers.Concatenate(name="features_and_coarse")([features, coarse])
    return {"coarse": coarse, "fine": softmax("fine")(both)}


def reverse_chain(features, tree):
    fine = softmax("fine")(features)
    both = keras.layers.Concatenate(name="features_and_fine")([features, fine])
    return {"coarse": softmax("coarse")(both), "fine": fine}


# %%
def network(design, tree, name):
    """Return a design as a model of its own."""
    image = keras.Input(shape=(196,), name="image")
    features = keras.layers.Dense(64, activation="relu", name="trunk")(image)
    return keras.Model(image, design(features, tree), name=name)


plots.architecture(network(chain, by_look, "chain"))

# %% [markdown]
# The fine head, at the bottom, depends on the coarse head above it: what the coarse head predicts is one of its inputs. (Silla
# and Freitas, 2011, review what else has been tried.)
#
# **Predict first.** The fine head of the chain sees the answer of the coarse head. Will the two still contradict each other?

# %% [markdown]
# ## Sums
#
# A digit is round if it is a 0 or a 6. It cannot be both, so the probabilities add up. With the table of the tree, that is
# one product of matrices: probabilities of shape `(n, 10)` times a table of shape `(10, 5)`.
#
# A layer of our own must be saved with its tree. As in lesson 3, `get_config` says how to write it down: here as plain
# dictionaries and lists, of which `Tree` can be made again. Both layers of this lesson need that, so it stands in a class of
# its own.


# %%
class OnTree(keras.layers.Layer):
    """A layer that knows a tree and is saved with it."""

    def __init__(self, tree, **kwargs):
        super().__init__(**kwargs)
        self.tree = tree if isinstance(tree, Tree) else Tree(**tree)

    def get_config(self):
        return super().get_config() | {"tree": self.tree.get_config()}


# %%
@keras.saving.register_keras_serializable(package="lesson_11")
class Summed(OnTree):
    """Turn probabilities of leaves into probabilities of groups."""

    def call(self, leaves):
        return keras.ops.matmul(leaves, self.tree.matrix())


def summed(features, tree):
    fine = softmax("fine")(features)
    return {"coarse": Summed(tree, name="coarse")(fine), "fine": fine}


# %% [markdown]
# `Summed` has no weights. But it passes gradients on: a loss on the coarse output trains the fine head.

# %% [markdown]
# ## The chain rule
#
# The other way goes from the group to the leaf. The **chain rule** of probability says
#
# $$p(\text{leaf}) = p(\text{group}) \cdot p(\text{leaf} \mid \text{group})$$
#
# The last factor is a **conditional** probability: how likely is the leaf, *if* the group is right? Within a group the
# conditional probabilities sum to 1. By hand, for a group that holds one leaf, and a group that holds two:

# %% tags=["nbval-check-output"]
p_group = np.array([0.4, 0.6])
p_leaf_in_group = np.array([1.0, 0.5, 0.5])  # the first group holds one leaf, the second two
p_leaf = p_group[[0, 1, 1]] * p_leaf_in_group
print("leaves:", p_leaf, "  sum:", p_leaf.sum())

# %% [markdown]
# So the head needs a softmax over the groups, and one softmax among each set of **siblings** (leaves of the same group), as in
# the tree of words of Redmon and Farhadi (2017). We compute with logarithms. Products become sums, and nothing grows too large. Here is what happens without:

# %% tags=["nbval-check-output"]
logits = keras.ops.array([1000.0, 999.0])
exponents = keras.ops.exp(logits)
print("divided:    ", np.array(exponents / keras.ops.sum(exponents)))
print("logarithms: ", np.array(keras.ops.exp(logits - keras.ops.logsumexp(logits))).round(3))

# %% [markdown]
# The exponential of 1000 is too large for the computer, and infinity divided by infinity is "not a number". `logsumexp`, the
# logarithm of the sum of the exponentials, takes the largest number out first.
#
# It remains to sum over siblings only. If minus infinity is added to a logit, its exponential is 0 and it does not count. So
# for each leaf we add 0 to its siblings and minus infinity to all others.


# %%
@keras.saving.register_keras_serializable(package="lesson_11")
class Conditional(OnTree):
    """Turn features into probabilities of leaves: p(group) * p(leaf | group)."""

    def __init__(self, tree, **kwargs):
        super().__init__(tree, **kwargs)
        self.group_logits = keras.layers.Dense(len(self.tree.levels[0]))
        self.leaf_logits = keras.layers.Dense(len(self.tree.leaves))
        same_group = self.tree.matrix() @ self.tree.matrix().T > 0  # shape (leaves, leaves)
        self.apart = np.where(same_group, 0, -np.inf).astype("float32")

    def build(self, input_shape):
        self.group_logits.build(input_shape)
        self.leaf_logits.build(input_shape)

    def call(self, features):
        group = keras.ops.log_softmax(self.group_logits(features))
        leaf = self.leaf_logits(features)
        log_sum_of_siblings = keras.ops.logsumexp(leaf[:, None, :] + self.apart, axis=-1)
        group_of_leaf = keras.ops.take(group, self.tree.groups_of_leaves(), axis=-1)
        return keras.ops.exp(group_of_leaf + leaf - log_sum_of_siblings)


# %%
def conditional(features, tree):
    return {"fine": Conditional(tree, name="fine")(features)}


# %% [markdown]
# There is no loop over classes: the shapes `(n, 1, 10)` and `(10, 10)` are broadcast to `(n, 10, 10)`, one row of siblings
# for each leaf. `build` makes the weights as soon as the input's shape is known; without it, a loaded model would have no
# place for them.
#
# We need no coarse head beside it. The loss on the leaf is the sum of both losses already, since the logarithm of
# a product is a sum: $-\log p(\text{leaf}) = -\log p(\text{group}) - \log p(\text{leaf} \mid \text{group})$.
#
# Does it do what it should? We look at three things: its sums, a save and a load, and very large features.

# %%
model = network(conditional, by_look, "conditional")
before = np.array(model(images_test)["fine"])
with TemporaryDirectory() as folder:
    model.save(Path(folder) / "model.keras")
    loaded = keras.models.load_model(Path(folder) / "model.keras")
after, extreme = np.array(loaded(images_test)["fine"]), model(1e4 * images_test)["fine"]
checks = {
    "sums to 1": np.allclose(before.sum(axis=1), 1, atol=1e-5),
    "the same after loading": np.allclose(after, before, atol=1e-6),
    "finite where features are large": bool(np.isfinite(extreme).all()),
}
print(checks)

# %% tags=["check"]
assert all(checks.values())

# %% [markdown]
# `mos_helpers.hierarchy` holds the same two layers for later lessons, `ConditionalHead` and `GroupSum`. There a tree may
# have any number of levels. `ConditionalHead` keeps the logits of all levels in one `Dense` layer, whose weights are made
# when the head is called for the first time. So we call it once, and then join our two sets of weights, groups first. With
# the same weights, the same answers:

# %%
from mos_helpers.hierarchy import ConditionalHead, GroupSum, contradictions

ours = model.get_layer("fine")
head = ConditionalHead(by_look)
features = np.linspace(-1, 1, 64)[None]
head(features)  # makes its weights
pairs = zip(ours.group_logits.get_weights(), ours.leaf_logits.get_weights(), strict=True)
head.logits.set_weights([np.concatenate(pair, axis=-1) for pair in pairs])
largest = np.abs(np.array(head(features)) - np.array(ours(features))).max()
print(f"largest difference: {largest:.0e}")

# %% tags=["check"]
assert largest < 1e-5
assert np.allclose(GroupSum(by_look)(before), Summed(by_look)(before), atol=1e-6)

# %% [markdown]
# ## Six seeds, few labels and many
#
# All training images have their digit as a label. We train with **60** labelled images and with **1,000**, because the
# effects differ. Each seed draws images of its own, the same for every design.
#
# There is one more question to ask of each tree: is it the *look* that helps, or would any tree do? So two designs get a
# second tree, which was not made by look: the rest when the digit is divided by five. By accident it puts 3 and 8 together,
# and 4 and 9, so it is nearer to our tree than most trees drawn at random. It has five pairs, and our groups have other
# sizes: of the two trees we compare only how often the *digit* is right.

# %% tags=["nbval-check-output"]
rests = {f"rest {rest}": [str(rest), str(rest + 5)] for rest in range(5)}
modulo_five = Tree(rests, leaves=list("0123456789"))
modulo_five.levels[0], modulo_five.groups_of_leaves()

# %% [markdown]
# To save time we put all networks side by side into one `keras.Model`, as we did with two networks in lesson 3. They share
# no weights, so each one learns as if it were alone. `model.output` has names such as `chain_fine`.

# %%
trees, together = {}, {}
image = keras.Input(shape=(196,), name="image")
for tree, designs, ending in [
    (by_look, [flat, independent, chain, reverse_chain, summed, conditional], ""),
    (modulo_five, [independent, conditional], "_modulo_five"),
]:
    for design in designs:
        name = design.__name__ + ending
        trees[name] = tree
        outputs = network(design, tree, name)(image)
        together |= {f"{name}_{head}": output for head, output in outputs.items()}

model = keras.Model(image, together)
losses = dict.fromkeys(together, "sparse_categorical_crossentropy")
model.compile(keras.optimizers.Adam(0.003), losses, steps_per_execution=100)
model.optimizer.build(model.trainable_variables)  # now: the first fit is faster then

# %% [markdown]
# To begin again, each kernel gets new random numbers and each bias zeros, as Keras does it for a new `Dense` layer.


# %%
def train(images, labels, seed, updates=200):
    """Train all networks from new random weights."""
    kinds = {1: keras.initializers.Zeros, 2: keras.initializers.GlorotUniform}  # bias, kernel
    restart(model, [kinds[len(w.shape)]()(w.shape) for w in model.weights])
    targets = {}
    for name, tree in trees.items():
        targets[f"{name}_fine"] = labels
        targets[f"{name}_coarse"] = tree.groups_of_leaves()[labels]
    targets = {name: targets[name] for name in model.output}
    training = data.batches(images, targets, batch_size=32, seed=seed).repeat()
    model.fit(training, steps_per_epoch=updates, verbose=0)


# %% [markdown]
# For each run we keep the predictions for the test images. With `stratify` each digit has its share of the labels.

# %%
runs = {"60 labels": [], "1,000 labels": []}
seeds = [int(seed) for seed in keras.random.randint((6,), 0, 100_000)]
for count, kept in zip([60, 1000], runs.values(), strict=True):
    for seed in seeds:
        chosen, _ = train_test_split(
            np.arange(len(images)), train_size=count, stratify=digits.y_train, random_state=seed
        )
        train(images[chosen], digits.y_train[chosen], seed)
        kept.append({name: np.array(found) for name, found in model(images_test).items()})

# %% [markdown]
# ## What does each design give?
#
# For each run we decide on the likeliest digit and the likeliest group, and note: how often the digit is right, how often
# the group is right, how often the two contradict each other, and how often both are right. Where there is no coarse head,
# the group is read off the digit; the column *read off* does so for all.
#
# **Predict first.** Five designs, every label known. Which one is right about the *digit* most often with 60 labels? Which
# one about the *group*: a head that was trained for groups, or the digit head, whose groups are read off?


# %%
def decide(predictions, name):
    """Return the decided digit and the decided group of each test image."""
    leaf = predictions[f"{name}_fine"].argmax(axis=1)
    if f"{name}_coarse" in predictions:
        return leaf, predictions[f"{name}_coarse"].argmax(axis=1)
    return leaf, trees[name].groups_of_leaves()[leaf]


def scores(leaf, group, tree):
    """Return the shares: digit right, group right, read-off group right, contradict, both."""
    groups = tree.groups_of_leaves()
    fine, coarse = leaf == truth, group == groups[truth]
    read_off = groups[leaf] == groups[truth]
    parts = fine, coarse, read_off, contradictions(leaf, group, tree), fine & coarse
    return [part.mean() for part in parts]


# %%
truth, groups = digits.y_test, by_look.groups_of_leaves()
results = {
    used: {
        name: np.array([scores(*decide(run, name), tree) for run in kept])
        for name, tree in trees.items()
    }
    for used, kept in runs.items()
}


def table(results, columns):
    """Print the mean and the standard deviation of each column."""
    print(" " * 24 + "".join(f"{column:>15}" for column in columns))
    for name, rows in results.items():
        cells = zip(rows.mean(axis=0), rows.std(axis=0, ddof=1), strict=True)
        print(f"{name:24}" + "".join(f"{f'{m:.1%} ± {s:.1%}':>15}" for m, s in cells))


# %%
for used, rows in results.items():
    print(f"{used}, mean ± standard deviation of six seeds")
    table(rows, ["digit", "group", "read off", "contradict", "both right"])
    print()

for name, answers in {"digit": truth, "group": groups[truth]}.items():
    print(f"always the most frequent {name}: {np.bincount(answers).max() / len(truth):.1%}")

# %% tags=["check"]
for rows in results.values():
    digit, group, read_off, differ, both = (
        {name: row[:, column].mean() for name, row in rows.items()} for column in range(5)
    )
    for name in ["independent", "chain", "reverse_chain", "summed"]:
        assert abs(digit[name] - digit["flat"]) < 0.04, name
    for name in ["independent", "chain", "reverse_chain"]:
        assert differ[name] > 0.02, name
        assert read_off[name] > group[name] - 0.01, name
        assert both[name] < digit[name] - 0.01, name
        assert differ["summed"] < differ[name] / 2, name
    assert differ["chain"] > 0.5 * differ["independent"]
    assert differ["reverse_chain"] > 0.5 * differ["independent"]
    assert differ["summed"] > 0
    assert differ["conditional"] == 0
    assert digit["conditional"] < digit["flat"] + 0.01
few = {name: row[:, 0].mean() for name, row in results["60 labels"].items()}
assert few["conditional"] + few["conditional_modulo_five"] < 2 * few["flat"]

# %% [markdown]
# - **The digit.** Flat, independent, both chains and sums are about equally good: they differ less than the runs of one
#   design with 60 labels among themselves. The group labels add nothing, since they follow from the digit labels.
# - **Contradictions.** Independent heads contradict each other on about one image in ten with few labels, and on one in twenty
#   to one in fifteen with many. So "both right" is clearly lower than "digit right".
# - **A chain contradicts itself almost as often**, and the reverse chain saves up to a quarter or so. The second head may
#   listen to the first, but nothing makes it obey. To be *told* an answer is not to be *bound* by it.
# - **The group.** To read it off the digit is at least about as good as to ask the head that was trained for it, as in lesson 1.
# - **Sums** contradict the digit far less often. Why at all? That comes next.
# - **The conditional head** never contradicts itself, and it is the only design that is *worse* about the digit: by
#   two points or more on the bundled digits; on MNIST by one or two points with 60 labels, and by up to one point
#   with 1,000.
#
# Why is the conditional head worse? A likely reason, which we do not test: the logits of the groups learn from the labels of
# the *groups* alone, and the logits within a group from the images of that group alone. In the flat head each image teaches
# all ten logits. (The row *conditional, larger* of `python benchmarks/hierarchies.py` adds a hidden layer: no better with 60
# labels, and most of the loss is made up for with 1,000.)
#
# This does not speak against the chain rule. *Any* probabilities of leaves fulfil it, those of the flat head too: divide
# each by the sum of its group, and there is the conditional probability. What differs is what the logits have to learn.

# %% [markdown]
# ## Probabilities may fit where decisions do not
#
# In the summed design the probability of a group *is* the sum of its digits. Still the likeliest group and the likeliest
# digit contradict each other now and then. The small example from above shows how:

# %% tags=["nbval-check-output"]
belongs = np.array([[1, 0], [0, 1], [0, 1]])
print("leaves:", p_leaf, "  likeliest leaf:", p_leaf.argmax(), "  its group: 0")
print("groups:", p_leaf @ belongs, "      likeliest group:", (p_leaf @ belongs).argmax())

# %% [markdown]
# The likeliest leaf has 0.4 and is alone in its group. The other group shares 0.6 between two leaves. Both decisions are the
# best ones *for their own question*, and they contradict each other. The probabilities are **coherent**, the decisions are
# not. Here are such test images, from the run with 60 labels that has most of them:


# %%
def apart(run):
    return contradictions(*decide(run, "summed"), by_look)


run = max(runs["60 labels"], key=lambda run: apart(run).sum())
(leaf, group), some = decide(run, "summed"), np.flatnonzero(apart(run))[:4]
titles = [
    f"digit {leaf[i]}: {run['summed_fine'][i].max():.2f}\n"
    f"{by_look.levels[0][group[i]]}: {run['summed_coarse'][i].max():.2f}\n"
    f"label: {truth[i]}"
    for i in some
]
plots.images(digits.x_test[some], titles)

# %% [markdown]
# ## Decide once
#
# The cure is simple: decide **once**, and derive the rest. There are two ways.
# - **Leaf first**: take the likeliest leaf, and its group with it.
# - **Group first**, often called top-down: take the likeliest group, and then the likeliest leaf *within* it.
#
# Both give decisions that fit together, for every design. In the table, *by leaf* means leaf first. (Where all leaves of a
# group have a probability of exactly 0, our line for group first fails: exercise 11.3 asks for a better one.)
#
# **Predict first.** With independent heads, which way is right about the digit more often? And about the group?


# %%
def leaf_first(run, name):
    """Return the likeliest leaf of each test image, and its group."""
    leaf = run[f"{name}_fine"].argmax(axis=1)
    return leaf, groups[leaf]


def group_first(run, name):
    """Return the likeliest leaf within the likeliest group, and that group."""
    leaves = run[f"{name}_fine"]
    group = run.get(f"{name}_coarse", leaves @ by_look.matrix()).argmax(axis=1)
    return (leaves * by_look.matrix().T[group]).argmax(axis=1), group


# %%
decided, ways = {}, ["digit by leaf", "digit by group", "group by leaf", "group by group"]
for used, kept in runs.items():
    decided[used] = {}
    for name in ["independent", "chain", "reverse_chain", "summed", "conditional"]:
        both = [
            [scores(*way(run, name), by_look) for way in (leaf_first, group_first)]
            for run in kept
        ]
        decided[used][name] = np.array(both)[:, :, :2].transpose(0, 2, 1).reshape(len(kept), 4)
    print(f"{used}, mean ± standard deviation of six seeds")
    table(decided[used], ways)
    print()

# %% tags=["check"]
for rows in decided.values():
    mean = {name: row.mean(axis=0) for name, row in rows.items()}
    for name in ["independent", "chain"]:
        assert mean[name][0] > mean[name][1] + 0.002, name
        assert mean[name][2] > mean[name][3] - 0.01, name
    assert abs(mean["summed"][0] - mean["summed"][1]) < 0.015
    assert abs(mean["conditional"][0] - mean["conditional"][1]) < 0.03

# %% [markdown]
# With independent heads and with chains, group first costs some points of the digit (about one to three on MNIST, and
# more on the bundled digits), and gains nothing on the group. The reason is plain: **a wrong group cannot be
# repaired.** Where the coarse head is wrong, no digit within its group is right, even if the fine head knew better.
#
# With sums and with the conditional head the two ways differ little, since there the group *is* the sum of its leaves. In
# theory the largest sum is the better bet on the group, if the probabilities are right. We see no clear gain from it.

# %% [markdown]
# ## Would any tree do?
#
# The same designs on our tree and on the tree modulo five, next to the flat head:

# %%
names = ["flat", "independent", "conditional"]
names += ["independent_modulo_five", "conditional_modulo_five"]
accuracies = {name.replace("_", " "): 100 * results["60 labels"][name][:, 0] for name in names}
plots.comparison(accuracies, "test images with the right digit, in %; 60 labels")

# %%
against_flat = {}
for used, rows in results.items():
    against_flat[used] = {name: rows[name][:, 0] - rows["flat"][:, 0] for name in names[1:]}
    for name, change in against_flat[used].items():
        print(
            f"{used:13} {name:24} against flat: {change.mean():+.1%} ± {change.std(ddof=1):.1%}"
        )

# %% tags=["check"]
for changes in against_flat.values():
    assert abs(changes["independent"].mean()) < 0.04
    assert abs(changes["independent_modulo_five"].mean()) < 0.04
    assert changes["conditional_modulo_five"].mean() < 0.01

# %% [markdown]
# The differences are taken seed by seed, because each seed has its own training images, the same for all designs.
# Independent heads differ little from the flat head on either tree, and the conditional head loses something on both.
# Which tree costs less depends on the data, and with few labels also on the six seeds: we have seen both signs on the
# bundled digits.
#
# That is the honest finding of this lesson: **where every image has the label of its leaf, no head built on the hierarchy was
# clearly better about the digit than the flat head, nor in decisions that fit together.** On
# MNIST, in our run, some were better about the group, by about one point with 60 labels and half a point with 1,000.
# Whoever reports a gain from a hierarchy should show another tree beside it, made without a reason, and the flat head with
# its groups read off. This holds for these images, this trunk and a tree of two levels. And it changes when many images have
# *only* the label of the group. Then the tree carries information that no leaf label gives, and the gain is large: [lesson
# 12](12_partial_labels.ipynb). (A tree can also say *how badly* a model is wrong: Bertinetto and others, 2020.)

# %% [markdown]
# ## Which one to choose?
#
# - Begin with **one softmax over the leaves**, decide once, and read all groups off. It cannot contradict itself, it needs no
#   second loss, and nothing here was clearly better about the digit.
# - Take **sums** if the group shall have a loss of its own, or if some labels are groups only (lesson 12). Decide
#   once all the same.
# - Take a **conditional head** if the question comes in steps: if somebody else decides on the group, or if leaves
#   are added to one group later. Compare it with the flat head first.
# - Do not expect **independent heads or a chain** to fit together. If you have them, count the contradictions, and decide
#   leaf first.

# %% [markdown]
# ## Further
#
# ### Which classes are reliable?
#
# A tree is also a good place to show *where* a model is weak. We take the share of each class that was found, its
# **recall**, for the independent design with 60 labels, as the mean of six seeds. For a digit we ask the fine head,
# for a group the coarse.
#
# **Predict first.** The 2 is alone in its group, so "2" and "two" are the same question. Do they get the same number?

# %%
each = [decide(run, "independent") for run in runs["60 labels"]]
found, found_group = (np.concatenate(decisions) for decisions in zip(*each, strict=True))
truths = np.tile(truth, len(each))
shares = {name: np.mean(found[truths == d] == d) for d, name in enumerate(by_look.leaves)}
for number, name in enumerate(by_look.levels[0]):
    shares[name] = np.mean(found_group[groups[truths] == number] == number)
plots.tree(by_look, shares, "share found: digits by the fine head, groups by the coarse head")

# %% [markdown]
# They do not: two heads, two answers to one question. A dark digit under a light group *may* be mistaken for its
# siblings. Count it before you believe it, here for the four weakest digits that have siblings: of the images of a
# digit that the fine head missed, what share went to a sibling? *By chance* means: if all nine other digits were
# equally likely.

# %%
for name in sorted("013456789", key=shares.get)[:4]:
    group = groups[int(name)]
    missed = found[(truths == int(name)) & (found != int(name))]
    siblings, chance = np.mean(groups[missed] == group), (np.sum(groups == group) - 1) / 9
    print(f"{name}: {siblings:4.0%} of the missed went to siblings; by chance {chance:.0%}")

# %% [markdown]
# On MNIST far more of the missed images go to siblings than by chance. On the bundled digits few do: there the groups by look
# do not hold what the network confuses. The colours alone could not have told us.

# %% [markdown]
# ## Take this with you
#
# One cell, which needs NumPy only: what a flat head needs to answer on two levels without contradicting itself. It takes the
# probabilities of the leaves and, for each leaf, the number of its group.


# %%
import numpy as np


def answer(leaf_probabilities, group_of_leaf):
    """Decide once on the leaf; derive the group, and the probability of each group."""
    leaves, groups = np.asarray(leaf_probabilities), np.asarray(group_of_leaf)
    if leaves.ndim != 2 or leaves.dtype.kind != "f":
        given = f"{leaves.dtype} of shape {leaves.shape}"
        raise ValueError(f"leaf_probabilities must be floats of shape (n, leaves), not {given}")
    if groups.dtype.kind not in "iu" or groups.shape != leaves.shape[1:]:
        wanted = f"{leaves.shape[1]} whole numbers, the group of each leaf"
        raise ValueError(f"group_of_leaf must be {wanted}, not {group_of_leaf!r:.80}")
    if set(groups.tolist()) != set(range(groups.max() + 1)):
        raise ValueError(f"group_of_leaf must number the groups 0, 1, 2, ..., not {groups}")
    if not (leaves >= 0).all() or not np.allclose(
        leaves.sum(axis=1, dtype=float), 1, atol=0.02
    ):
        wanted = "at least 0 with a sum of 1 in each row; logits need a softmax first"
        raise ValueError(f"leaf_probabilities must be {wanted}")
    leaf, belongs = leaves.argmax(axis=1), np.eye(groups.max() + 1)[groups]
    return {"leaf": leaf, "group": groups[leaf], "group_probabilities": leaves @ belongs}


answer([[0.4, 0.3, 0.3], [0.1, 0.2, 0.7]], group_of_leaf=[0, 1, 1])

# %% [markdown]
# If you have two heads already, count how often their decisions contradict each other: exercise 11.2 writes that number.

# %% [markdown]
# In this notebook we
# - stated a tree as data, and saw an error in it found for us;
# - wired five designs of heads that depend on each other, and wrote a conditional head by the chain rule that saves and
#   loads;
# - saw that neither a chain nor coherent probabilities make decisions fit together, and that deciding once does;
# - measured that a hierarchy made no digit head clearly better where every leaf is labelled, on our tree and on
#   another one;
# - saw where a model is weak on a tree, and counted before we believed it.
#
# ## References
#
# - J. Redmon and A. Farhadi (2017). *YOLO9000: better, faster, stronger.* Conditional probabilities and a softmax among
#   siblings, on a tree of words.
# - C. N. Silla Jr. and A. A. Freitas (2011). *A survey of hierarchical classification across different application domains.*
# - L. Bertinetto, R. Mueller, K. Tertikas, S. Samangooei and N. A. Lord (2020). *Making better mistakes: leveraging class
#   hierarchies with deep networks.* Not how often a model is wrong, but how badly.
#
# Next: the [exercises](../exercises/11_hierarchical_heads.ipynb), then [lesson 12](12_partial_labels.ipynb).
