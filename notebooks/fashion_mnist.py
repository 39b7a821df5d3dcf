# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What is this garment?
#
# A small study of Fashion-MNIST: look at the pictures, squeeze them into fewer numbers, draw a map of them, let two
# networks name them, and find out how far their answers can be trusted. It repeats a student's study with the library
# Clothier, and every number below is computed by the cell above it.
#
# Read from top to bottom, run a cell with Shift-Enter, and try the questions at the end of each part.
#
# The first cell installs Clothier where it is missing: from the checkout that this notebook lies in, or else, as on
# Colab, from `REPOSITORY`, which you set to the address that you would give `git clone`.

# %%
import importlib.util
import subprocess
import sys
from pathlib import Path

REPOSITORY = ""

REQUIRED_MODULES = ("clothier", "matplotlib", "onnxscript", "scipy", "seaborn", "sklearn", "torch")
if any(importlib.util.find_spec(name) is None for name in REQUIRED_MODULES):
    folders = [Path.cwd(), *Path.cwd().parents]
    checkout = next((folder for folder in folders if (folder / "src" / "clothier").is_dir()), None)
    if not checkout and not REPOSITORY:
        raise SystemExit(
            "Clothier is not installed, and there is no checkout here. Set REPOSITORY, and run this again."
        )
    wanted = f"{checkout}[notebook]" if checkout else f"clothier[notebook] @ git+{REPOSITORY}"
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", wanted], check=True)

# %% [markdown]
# `QUICK` takes a few thousand pictures and one or two epochs, to see in a minute whether everything works; its figures
# are worse. Set it here, or start Jupyter with the environment variable `CLOTHIER_QUICK=1`.

# %%
import os
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from IPython.display import Markdown, display

import clothier
from clothier import bundle, metrics
from clothier.data.combined_splits import CombinedSplits
from clothier.evaluation.misclassified import most_confident_errors
from clothier.exploration.audit.duplicates import find_duplicates
from clothier.exploration.audit.split_overlap import count_exact_duplicates, count_near_duplicates, leaked_test_images
from clothier.exploration.pca import fit_pca
from clothier.exploration.pixels import WHITE, describe_pixels
from clothier.exploration.tsne.embedding import tsne
from clothier.exploration.tsne.map_quality import map_quality
from clothier.inference.session import OnnxClassifier
from clothier.report.figures import audit, class_overview, classification, comparison, components, training_curves
from clothier.report.figures.embedding_map import map_scatter
from clothier.report.formatting import format_percent
from clothier.report.reference_study import REFERENCE_RESULTS

QUICK = os.environ.get("CLOTHIER_QUICK") == "1"
SEED = 0


def show_markdown(text):
    """Shows a paragraph whose numbers were computed."""
    display(Markdown(text))


# %% [markdown]
# ## 1. The data
#
# Zalando, a shop, took photographs of its goods and made them small and grey. Somebody gave each picture one label.
# There is a part to learn from and a part to be examined on; what is learnt from the first is worth what it does on the
# second. Clothier finds or fetches the four files and checks every byte against known digests.

# %%
dataset = clothier.fashion_mnist()
if QUICK:
    dataset = dataset.first(6_000, 2_000)
train, test, classes = dataset.train, dataset.test, dataset.classes
height, width = train.images.shape[1:]
show_markdown(
    f"**{dataset.name}**: {len(train):,} pictures to learn from and {len(test):,} to be examined on, "
    f"{height}x{width} pixels each, in {len(classes)} classes: {', '.join(classes)}."
)

# %% [markdown]
# Pictures and labels are drawn together here, so each caption belongs to its picture. (In the original study's grid it
# did not: labels of a shuffled part stood under pictures that were not shuffled.)

# %%
class_overview.sample_grid(train, classes, seed=SEED)

# %%
class_overview.class_counts({"train": train.labels, "test": test.labels}, classes)

# %% [markdown]
# ### A picture is numbers
#
# To the computer a picture is a table of grey levels: nothing is black, the largest number is white. The data set holds
# negatives, so a large number is a dark piece of cloth on a light ground.

# %%
boot_index = int(np.flatnonzero(train.labels == classes.index("Ankle boot"))[0])
figure, axes = plt.subplots(figsize=(7.2, 7.2))
sns.heatmap(
    train.images[boot_index],
    annot=True,
    fmt="d",
    annot_kws={"size": 5.5},
    cmap="Greys",
    cbar=False,
    square=True,
    ax=axes,
)
axes.set_axis_off()
axes.set_title(f"Training picture {boot_index}, {classes[train.labels[boot_index]]}, as {height * width} numbers")
display(figure, metadata={"image/png": {"alt": "A boot as a table of grey levels, each cell as dark as its number"}})
plt.close(figure)

# %% [markdown]
# The average of all pictures of a class shows what its garments share. Where it is sharp, they are alike; where it is
# blurred, they differ.

# %%
pixels = describe_pixels(train.images, train.labels, len(classes))
class_overview.mean_images(pixels, classes)

# %% [markdown]
# **Try.** Draw other garments with `seed=1`. Which two classes would *you* mix up at this size? Write your guess down:
# part 7 shows what two networks mix up.

# %% [markdown]
# ## 2. Fewer numbers: principal components
#
# Neighbouring pixels say nearly the same. Principal component analysis (PCA) looks for the directions in which pictures
# differ most. The first component is the mixture of pixels that varies most, the second the one that varies most of
# what is left, and so on. How many of them does it take?

# %%
pca = fit_pca(train.images)
display(components.variance_curve(pca))
show_markdown(
    f"Of {len(pca.components)} components, **{pca.n_components_for(0.90)}** keep 90 % of the variance and "
    f"**{pca.n_components_for(0.95)}** keep 95 %, over {len(train):,} training pictures."
)

# %% [markdown]
# A component is a picture, too. Each garment is the average picture plus so much of the first one, so much of the
# second, and so on.

# %%
components.component_pictures(pca, (height, width))

# %%
ranks = [5, 20, pca.n_components_for(0.90), pca.n_components_for(0.95)]
components.reconstructions(train, classes, pca, ranks)

# %% [markdown]
# With two components a garment becomes a point on a sheet. Some classes already part; others lie on top of each other.

# %%
components.component_scatter(pca.truncate(2).transform(train.images), train.labels, classes, pca, seed=SEED)

# %% [markdown]
# **Try.** What does component 1 stand for? Look at its picture, and at which classes lie left and right. Rebuild a
# garment from 2 components: which class could it still be?

# %% [markdown]
# ## 3. A map: t-SNE
#
# A flat sheet of two components squashes what differs in the others. t-SNE gives up all directions and keeps one thing:
# what was near stays near. Its map looks so convincing that it has to be held to account, so part of the garments get
# their class from their neighbours *on the map*, and the share of right answers stands below it, beside that of the
# sheet of two components.

# %%
combined = CombinedSplits.from_dataset(dataset)
features = pca.truncate(50).transform(combined.images)
embedding = tsne(features, seed=SEED)
quality = map_quality(embedding.positions, features, combined.labels, combined.n_train, seed=SEED)
pca_baseline = map_quality(features[:, :2], features, combined.labels, combined.n_train, seed=SEED)
display(map_scatter(embedding.positions, combined.labels, classes, quality, pca_baseline))
show_markdown(
    f"Asking the 10 nearest training pictures on the map names **{format_percent(quality.knn10)}** of {len(test):,} test "
    f"pictures rightly; on the sheet of two components it is {format_percent(pca_baseline.knn10)}. "
    f"All {len(combined):,} pictures were laid out without any label; the labels only give the colours."
)

# %% [markdown]
# **What the map can say:** which pictures are alike, which classes run into each other, where a picture lies among
# strangers. **What it cannot say:** how far apart two islands are, or how large or dense a class is; the method evens
# that out. An island is no proof of a class either.
#
# **Try.** `embed(features, perplexity=5)` and `perplexity=100`: what changes, and what stays? Another `seed`?

# %% [markdown]
# ## 4. Can the data be trusted?
#
# A picture that stands both in the training part and in the examination is a question whose answer was given away. Two
# equal pictures with different labels mean that one label is wrong.

# %%
duplicates = find_duplicates(combined.images)
exact_counts = count_exact_duplicates(duplicates.exact, combined.labels, combined.n_train)
near_counts = count_near_duplicates(duplicates.near, duplicates.near_pairs, combined.labels, combined.n_train)
leaked = leaked_test_images(duplicates.groups_at(duplicates.min_correlation), len(combined), combined.n_train)
show_markdown(
    f"Among {len(combined):,} pictures: {exact_counts.pairs} pairs are the same byte for byte ({exact_counts.across_splits} of them across the "
    f"two parts), and {near_counts.pairs} further pairs nearly so, with a correlation of {duplicates.min_correlation} or more "
    f"({near_counts.across_splits} across). {int(leaked.sum())} of {len(test):,} test pictures repeat a training picture. "
    f"{exact_counts.conflicting_groups + near_counts.conflicting_groups} groups carry two different labels."
)

# %%
if len(duplicates.near_pairs):
    display(audit.near_duplicates(combined, duplicates))

# %% [markdown]
# **Try.** Look at the pairs that stand in both parts. Are they one photograph, or two garments of one make? Lower the
# correlation with `duplicates.pairs.above(0.99)`: when do the pairs stop being the same thing?

# %% [markdown]
# ## 5. A dense network on principal components
#
# The study's first model, the DNN, sees no picture, only its components. Layers of units add up what they are given,
# each with weights of its own, and learning moves the weights so that the right class gets the highest number.
#
# Some training pictures are kept aside, for *validation*: choices are made by them, and the test part is read once, at
# the end. The recipe `fast` is Clothier's own.


# %%
def shipped_recipe(model, quick_epochs):
    """The recipe that ships, or a short one."""
    whole = clothier.preset(model, "fast")
    return replace(whole, epochs=quick_epochs) if QUICK else whole


def print_progress(task, done, total, message=""):
    """Says how far training has come."""
    if task.startswith("train"):
        print(f"epoch {done} of {total}: {message}")


dnn = clothier.train(
    "dnn", recipe=shipped_recipe("dnn", 3), data=dataset, out="runs/notebook-dnn", seed=SEED, progress=print_progress
)

# %%
training_curves.accuracy_curves(dnn.read_results())


# %%
def test_logits(run):
    """What the trained model says of the test pictures: (N, K) logits, from the bundle that it was saved as."""
    return OnnxClassifier(bundle.open_bundle(run.bundle)).run(test.images).logits


dnn_logits = test_logits(dnn)
dnn_evaluation = metrics.evaluate_logits(dnn_logits, test.labels, classes)
show_markdown(
    f"The DNN names **{format_percent(dnn_evaluation.accuracy, 2)}** of {dnn_evaluation.n:,} test pictures rightly; one standard "
    f"error is {100 * dnn_evaluation.standard_error:.2f} points. The original study's DNN had "
    f"{format_percent(REFERENCE_RESULTS['dnn'].accuracy, 2)}, in one run."
)

# %% [markdown]
# **A figure without its spread says little.** With another set of test pictures of the same kind the accuracy would be
# another one; in two of three sets it would lie within one standard error of the truth.
#
# **Try.** `clothier.train("dnn", preset="classic")` repeats the original's recipe. How far is it from this one?

# %% [markdown]
# ## 6. A convolutional network
#
# The CNN does see the picture. It slides small windows over it, so that an edge or a button is known wherever it lies.

# %%
cnn = clothier.train(
    "cnn", recipe=shipped_recipe("cnn", 2), data=dataset, out="runs/notebook-cnn", seed=SEED, progress=print_progress
)

# %%
training_curves.accuracy_curves(cnn.read_results())

# %%
cnn_logits = test_logits(cnn)
cnn_evaluation = metrics.evaluate_logits(cnn_logits, test.labels, classes)
show_markdown(
    f"The CNN names **{format_percent(cnn_evaluation.accuracy, 2)}** of {cnn_evaluation.n:,} test pictures rightly; one standard "
    f"error is {100 * cnn_evaluation.standard_error:.2f} points. The original study's CNN had "
    f"{format_percent(REFERENCE_RESULTS['cnn'].accuracy, 2)}, in one run."
)

# %% [markdown]
# ## 7. Which is better, and where do they fail?
#
# Both were asked the same questions, so only the pictures on which they disagree can tell them apart. McNemar's test
# asks how probable so lopsided a disagreement would be if both were equally good.

# %%
model_names = ("DNN", "CNN")
dnn_right, cnn_right = (logits.argmax(axis=1) == test.labels for logits in (dnn_logits, cnn_logits))
paired = metrics.mcnemar(dnn_right, cnn_right)
comparison.accuracies(model_names, (dnn_evaluation, cnn_evaluation), paired)

# %%
not_leaked = ~leaked
show_markdown(
    f"Without the {int(leaked.sum())} test pictures that repeat a training picture, {int(not_leaked.sum()):,} are left; "
    f"on those the DNN has {format_percent(float(dnn_right[not_leaked].mean()), 2)} and the CNN "
    f"{format_percent(float(cnn_right[not_leaked].mean()), 2)}."
)

# %% [markdown]
# Each row of the next table is a true class, each column an answer; a row adds up to all pictures of the class. What
# stands off the diagonal is a mistake.

# %%
figure, panels = plt.subplots(1, 2, figsize=(12, 5.6), sharey=True, layout="constrained")
for axes, name, found in zip(panels, model_names, (dnn_evaluation, cnn_evaluation), strict=True):
    counts = np.array(found.confusion)
    sns.heatmap(
        counts,
        annot=True,
        fmt="d",
        annot_kws={"size": 8},
        cmap="Blues",
        cbar=False,
        square=True,
        xticklabels=classes,
        yticklabels=classes,
        ax=axes,
    )
    axes.set(title=f"{name}, {format_percent(found.accuracy, 2)} of {found.n:,} right", xlabel="answer")
panels[0].set_ylabel("true class")
display(
    figure, metadata={"image/png": {"alt": "Two tables of true classes against answers; most counts on the diagonal"}}
)
plt.close(figure)

upper_body = [classes.index(name) for name in ("T-shirt/top", "Pullover", "Dress", "Coat", "Shirt")]
counts = np.array(cnn_evaluation.confusion)
wrong = counts - np.diag(np.diag(counts))
show_markdown(
    f"{format_percent(wrong[np.ix_(upper_body, upper_body)].sum() / wrong.sum(), 0)} of the CNN's {wrong.sum():,} mistakes fall among "
    "T-shirt, Pullover, Dress, Coat and Shirt. Was that your guess?"
)

# %%
comparison.f1_side_by_side(model_names, (dnn_evaluation, cnn_evaluation))

# %% [markdown]
# The mistakes that the CNN was surest of are worth a look: some are its own, some are the label's.

# %%
classification.misclassification_gallery(test, most_confident_errors(cnn_logits, test.labels, 15), classes)

# %% [markdown]
# Is an answer given with 80 % probability right four times in five? A model can be accurate and still be wrong about
# how sure it may be.

# %%
classification.reliability_diagram(metrics.reliability(metrics.softmax(cnn_logits), test.labels))

# %% [markdown]
# **Try.** Sort the mistakes by class. How many would you have made? Ask a friend to name the pictures without labels.

# %% [markdown]
# ## 8. What can a company do with it?
#
# The original study ends with automatic categorisation for a clothing company. Three things decide whether that works.
#
# **It may leave doubtful pictures to a person.** Then fewer are answered, and more of the answers are right.

# %%
probability = metrics.softmax(cnn_logits).max(axis=1)
rows = ["| answers from | share answered | of those right |", "|---:|---:|---:|"]
for least in (0.0, 0.5, 0.7, 0.8, 0.9):
    sure = probability >= least
    right = format_percent(float(cnn_right[sure].mean()), 1) if sure.any() else "none"
    rows.append(f"| {format_percent(least, 0)} | {format_percent(float(sure.mean()), 1)} of {len(sure):,} | {right} |")
show_markdown("\n".join(rows))

# %% [markdown]
# **It answers for anything.** The network knows ten words and must choose one. The next cell shows it the same test
# pictures as they would arrive from someone who does not know how they were made.

# %%
model = OnnxClassifier(bundle.open_bundle(cnn.bundle))
test_variants = {
    "as they are": test.images,
    "mirrored": test.images[:, :, ::-1],
    "moved down by 4 pixels": np.pad(test.images, ((0, 0), (4, 0), (0, 0)))[:, :height],
    "upside down": test.images[:, ::-1],
    "dark on light (not turned into a negative)": WHITE - test.images,
}
rows = ["| test pictures | right | mean probability of the answer |", "|---|---:|---:|"]
for how, images in test_variants.items():
    logits = model.run(np.ascontiguousarray(images)).logits
    right, sure = (logits.argmax(axis=1) == test.labels).mean(), metrics.softmax(logits).max(axis=1).mean()
    rows.append(f"| {how} | {format_percent(float(right))} | {format_percent(float(sure))} |")
show_markdown("\n".join(rows))

# %% [markdown]
# **Its pictures are not yours.** All of these come from one shop and one way of making them: small, grey, on a plain
# ground, with white garments left out. A figure on this test part promises nothing for a photograph from a phone.
# Before anyone relies on such a model, it has to be examined on pictures of their own.
#
# So: it can sort what looks like its training pictures, and hand on what it is unsure of. It cannot know what it has
# never seen, and these figures do not say what it saves.

# %% [markdown]
# ## 9. Where to go on
#
# The same from a terminal:
#
# ```
# clothier study                         # all of this, as one page
# clothier explore                       # the data alone
# clothier train cnn --preset classic    # the original's recipe
# clothier compare runs/notebook-dnn runs/notebook-cnn
# clothier predict shoe.png              # a picture of your own
# clothier train cnn --data my-folder    # classes of your own: a subfolder of pictures for each
# ```
#
# Your trained models lie in `runs/`, each with a report of its own. In Python, `clothier.load("runs/notebook-cnn")`
# opens one again.
