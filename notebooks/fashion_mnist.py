# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A study of Fashion-MNIST
#
# This notebook explores the images, reduces them with PCA, draws a t-SNE map, trains two networks to classify them, and
# measures how reliable their predictions are. It repeats a student's study with the library Clothier. Every number is
# computed by the cell above it.
#
# Read from top to bottom, run a cell with Shift-Enter, and try the questions at the end of each part.
#
# The first cell installs Clothier if it is missing: from the checkout that contains this notebook, or else, as on
# Colab, from `REPOSITORY`. Set it to the URL that you would give `git clone`.

# %%
import importlib.util
import subprocess
import sys
from pathlib import Path

REPOSITORY = ""

REQUIRED_MODULES = ("clothier", "matplotlib", "onnxscript", "scipy", "seaborn", "sklearn", "sqlalchemy", "torch")
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
# `QUICK` uses a few thousand images and one to three epochs, to check in a minute that everything works. Its results
# are worse. Set it here, or start Jupyter with the environment variable `CLOTHIER_QUICK=1`.

# %%
import os
import warnings
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from IPython.display import Markdown, display

import clothier
from clothier import figures, metrics

warnings.filterwarnings("ignore", message="IProgress not found")  # of tqdm, where ipywidgets is not installed

QUICK = os.environ.get("CLOTHIER_QUICK") == "1"
SEED = 0


def show_markdown(text):
    """Shows text with computed numbers."""
    display(Markdown(text))


# %% [markdown]
# ## 1. The data
#
# Fashion-MNIST consists of product photos from the online shop Zalando, converted to small gray images. Each image has
# one label. Models are trained on the training split and evaluated on the test split. Clothier finds or downloads the
# four files and verifies their SHA-256.

# %%
dataset = clothier.fashion_mnist()
if QUICK:
    dataset = dataset.head(6_000, 2_000)
train, test, classes = dataset.train, dataset.test, dataset.classes
height, width = train.images.shape[1:]
show_markdown(
    f"**{dataset.name}**: {len(train):,} training images and {len(test):,} test images of {height}x{width} pixels, "
    f"in {len(classes)} classes: {', '.join(classes)}."
)

# %% [markdown]
# A random sample with labels. (In the reference study's grid the labels were wrong: they came from a shuffled split, the
# images did not.)

# %%
figures.sample_grid(train, classes, seed=SEED)

# %%
figures.class_counts({"train": train.labels, "test": test.labels}, classes)

# %% [markdown]
# ### An image is a table of numbers
#
# Each number is a gray level: zero is black, the largest number is white. The images are inverted: a large number is a
# dark piece of cloth on a light background.

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
axes.set_title(f"Training image {boot_index}, {classes[train.labels[boot_index]]}, as {height * width} numbers")
display(figure, metadata={"image/png": {"alt": "A boot as a table of gray levels, each cell as dark as its number"}})
plt.close(figure)

# %% [markdown]
# The mean image of a class shows what its images have in common. It is sharp where they are similar and blurred where
# they differ.

# %%
pixels = clothier.describe_pixels(train.images, train.labels, len(classes))
figures.mean_images(pixels, classes)

# %% [markdown]
# **Try.** Draw other images with `seed=1`. Which two classes would *you* confuse at this size? Write down your guess:
# part 7 shows which classes two networks confuse.

# %% [markdown]
# ## 2. Principal component analysis
#
# Neighboring pixels are strongly correlated. Principal component analysis (PCA) finds the directions in which the images
# vary most. The first component is the linear combination of pixels with the largest variance, the second has the
# largest variance among those uncorrelated with the first, and so on. How many components are needed?

# %%
pca = clothier.fit_pca(train.images)
display(figures.variance_curve(pca))
show_markdown(
    f"Of {len(pca.components)} components, **{pca.n_components_for(0.90)}** explain 90 % of the variance and "
    f"**{pca.n_components_for(0.95)}** explain 95 %, over {len(train):,} training images."
)

# %% [markdown]
# A component can be shown as an image. Each image of the data set is the mean image plus a weighted sum of components.

# %%
figures.component_images(pca, (height, width))

# %%
ranks = [5, 20, pca.n_components_for(0.90), pca.n_components_for(0.95)]
figures.reconstructions(train, classes, pca, ranks)

# %% [markdown]
# With two components, each image is a point in the plane. Some classes are separated; others overlap.

# %%
figures.component_scatter(pca.truncate(2).transform(train.images), train.labels, classes, pca, seed=SEED)

# %% [markdown]
# **Try.** What does component 1 represent? Look at its image, and at which classes are on the left and on the right.
# Reconstruct an image from 2 components: which classes could it be?

# %% [markdown]
# ## 3. A t-SNE map
#
# A plane of two components ignores all variation along the others. t-SNE preserves neighborhoods instead: images that
# are similar stay close on the map. Such maps look convincing, so we measure their quality: a k-nearest-neighbor
# classifier predicts the class of each test image from its neighbors *on the map*. The accuracy is compared with that
# on the plane of two components.

# %%
images = np.concatenate([train.images, test.images])
labels = np.concatenate([train.labels, test.labels])
features = pca.truncate(50).transform(images)
embedding = clothier.tsne(features, seed=SEED)
quality = clothier.map_quality(embedding.positions, features, labels, len(train), seed=SEED)
pca_baseline = clothier.map_quality(features[:, :2], features, labels, len(train), seed=SEED)
display(figures.map_scatter(embedding.positions, labels, classes, quality, pca_baseline))
show_markdown(
    f"With the 10 nearest training images on the map, k-NN accuracy is **{quality.knn10:.1%}** on {len(test):,} test "
    f"images; on two components it is {pca_baseline.knn10:.1%}. The positions of all {len(images):,} images were "
    "computed without labels; the labels are used for the colors only."
)

# %% [markdown]
# **What the map shows:** which images are similar, which classes overlap, which images are far from their own class.
# **What it does not show:** distances between clusters, or the size and density of a class; t-SNE equalizes them. A
# cluster need not be a class.
#
# **Try.** `clothier.tsne(features, perplexity=5)` and `perplexity=100`: what changes, and what does not? Another `seed`?

# %% [markdown]
# ## 4. Duplicates in the data
#
# An image that is in both splits makes the test too easy: the model was trained on it. Two identical images with
# different labels mean that one label is wrong.

# %%
audit = clothier.audit(dataset)
exact, near = audit.metrics["duplicates"]["exact"], audit.metrics["duplicates"]["near"]
leaked = audit.leaked_test_images
show_markdown(
    f"Among {len(images):,} images, {exact['pairs']} pairs are identical ({exact['across_splits']} of them across the "
    f"splits), and {near['pairs']} more have a correlation of {near['correlation']} or more "
    f"({near['across_splits']} across the splits). {int(leaked.sum())} of {len(test):,} test images repeat a training "
    f"image. {exact['conflicting_groups'] + near['conflicting_groups']} groups have two different labels."
)

# %%
if len(audit.duplicates.near_pairs):
    display(figures.near_duplicates(audit.combined, audit.duplicates))

# %% [markdown]
# **Try.** Look at the pairs across the splits. Are they the same photo, or two similar products? Lower the
# correlation with `audit.duplicates.pairs.above(0.99)`: when do the pairs stop being duplicates?

# %% [markdown]
# ## 5. A dense network on principal components
#
# The first model, the DNN, takes the principal components as input. Each layer computes weighted sums of its inputs.
# Training adjusts the weights so that the correct class gets the highest output.
#
# Some training images are set aside for *validation*: choices are made on them, and the test split is read after
# training. The preset `fast` is Clothier's own recipe.


# %%
def fast_recipe(model, quick_epochs):
    """The preset, or a short version of it."""
    recipe = clothier.preset(model, "fast")
    return replace(recipe, epochs=quick_epochs) if QUICK else recipe


def print_progress(task, done, total, message=""):
    """Prints one line per epoch."""
    if task.startswith("train"):
        print(f"epoch {done} of {total}: {message}")


dnn = clothier.train(
    "dnn", recipe=fast_recipe("dnn", 3), data=dataset, out="runs/notebook-dnn", seed=SEED, progress=print_progress
)

# %% [markdown]
# Its layers: what comes out of each for one image, and how many numbers training adjusts.


# %%
def show_layers(run):
    """Shows the layers of a trained network."""
    layers = [
        f"| {row['layer']} | {' x '.join(map(str, row['output']))} | {row['parameters']:,} |"
        for row in run.metrics["layers"]
    ]
    head = ["| layer | output | trained parameters |", "|:---|---:|---:|"]
    show_markdown("\n".join([*head, *layers, f"| all layers | | {run.metrics['parameters']:,} |"]))


show_layers(dnn)

# %% [markdown]
# The *loss* is what training minimizes: small when the correct class has a high probability.

# %%
figures.loss_curves(dnn.read_results())

# %%
figures.accuracy_curves(dnn.read_results())


# %%
def show_accuracy(name, evaluation):
    """Shows the test accuracy of a model next to the reference study's."""
    reference = clothier.REFERENCE_RESULTS[name.lower()]
    show_markdown(
        f"The {name} classifies **{evaluation.accuracy:.2%}** of {evaluation.n:,} test images correctly; the standard "
        f"error is {100 * evaluation.standard_error:.2f} percentage points. The reference study's {name} has "
        f"{reference.accuracy:.2%}, in one run."
    )


dnn_logits = dnn.read_predictions()["test"]
dnn_evaluation = metrics.evaluate_logits(dnn_logits, test.labels, classes)
show_accuracy("DNN", dnn_evaluation)

# %% [markdown]
# One accuracy hides much. *Precision*: of the images predicted as a class, the fraction that is right. *Recall*: of the
# images of a class, the fraction that is found.

# %%
figures.class_metrics(dnn_evaluation)

# %% [markdown]
# **How to choose the settings?** The reference study tried a grid of eight: two networks, two optimizers, two batch
# sizes, and kept the one with the best validation accuracy, layers of 187, 64 and 10 with Adam and batches of 32. On the
# command line `clothier tune dnn --search-space study` searches the same grid.
#
# **An accuracy needs its uncertainty.** Another sample of test images would give another accuracy. In about two of three
# samples it is within one standard error of the true value.
#
# **Try.** `clothier.train("dnn", preset="classic")` repeats the reference study's recipe. How much does it differ?

# %% [markdown]
# ## 6. A convolutional network
#
# The CNN takes the image as input. It applies the same small filters at every position, so it detects an edge or a
# button anywhere in the image.

# %%
cnn = clothier.train(
    "cnn", recipe=fast_recipe("cnn", 2), data=dataset, out="runs/notebook-cnn", seed=SEED, progress=print_progress
)

# %%
show_layers(cnn)

# %%
figures.loss_curves(cnn.read_results())

# %%
figures.accuracy_curves(cnn.read_results())

# %%
cnn_logits = cnn.read_predictions()["test"]
cnn_evaluation = metrics.evaluate_logits(cnn_logits, test.labels, classes)
show_accuracy("CNN", cnn_evaluation)

# %%
figures.class_metrics(cnn_evaluation)

# %% [markdown]
# ## 7. Comparison and errors
#
# Both models classified the same images, so they differ only on the images that exactly one of them classifies
# correctly. McNemar's test computes how likely such a difference is if both are equally accurate.

# %%
model_names = ("DNN", "CNN")
dnn_correct, cnn_correct = (logits.argmax(axis=1) == test.labels for logits in (dnn_logits, cnn_logits))
paired = metrics.mcnemar(dnn_correct, cnn_correct)
figures.accuracies(model_names, (dnn_evaluation, cnn_evaluation), paired)

# %%
not_leaked = ~leaked
show_markdown(
    f"Without the {int(leaked.sum())} test images that repeat a training image, {int(not_leaked.sum()):,} are left. On "
    f"these the DNN has {dnn_correct[not_leaked].mean():.2%} and the CNN {cnn_correct[not_leaked].mean():.2%}."
)

# %% [markdown]
# In the confusion matrices each row is a true class and each column a predicted class. Counts off the diagonal are
# errors.

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
    axes.set(title=f"{name}, {found.accuracy:.2%} of {found.n:,} correct", xlabel="predicted class")
panels[0].set_ylabel("true class")
display(figure, metadata={"image/png": {"alt": "Two confusion matrices; most counts are on the diagonal"}})
plt.close(figure)

upper_body = [classes.index(name) for name in ("T-shirt/top", "Pullover", "Dress", "Coat", "Shirt")]
counts = np.array(cnn_evaluation.confusion)
wrong = counts - np.diag(np.diag(counts))
show_markdown(
    f"{wrong[np.ix_(upper_body, upper_body)].sum() / wrong.sum():.0%} of the CNN's {wrong.sum():,} errors are among "
    "T-shirt, Pullover, Dress, Coat and Shirt. Was that your guess?"
)

# %%
figures.f1_by_class(model_names, (dnn_evaluation, cnn_evaluation))

# %% [markdown]
# The most confident errors of the CNN: some are errors of the model, some are wrong labels.

# %%
figures.misclassification_gallery(test, clothier.most_confident_errors(cnn_logits, test.labels, 15), classes)

# %% [markdown]
# Are predictions with a probability of 80 % correct four times out of five? An accurate model can still be over- or
# underconfident.

# %%
figures.reliability_diagram(metrics.reliability(metrics.softmax(cnn_logits), test.labels))

# %% [markdown]
# **Try.** Sort the errors by class. How many would you have made? Ask a friend to classify the images without labels.

# %% [markdown]
# ## 8. What could a clothing company do with it?
#
# The reference study proposes automatic categorization for inventory and recommendations. Three points decide whether
# that works.
#
# **The model can abstain.** If a person reviews the uncertain images, the model classifies fewer images, with a higher
# accuracy.

# %%
probability = metrics.softmax(cnn_logits).max(axis=1)
rows = ["| probability at least | coverage | accuracy of these |", "|---:|---:|---:|"]
for threshold in (0.0, 0.5, 0.7, 0.8, 0.9):
    accepted = probability >= threshold
    accuracy = f"{cnn_correct[accepted].mean():.1%}" if accepted.any() else "none"
    rows.append(f"| {threshold:.0%} | {accepted.mean():.1%} of {len(accepted):,} | {accuracy} |")
show_markdown("\n".join(rows))

# %% [markdown]
# **The model assigns a class to every image, whatever it shows.** The next cell evaluates it on the same test images with
# changed orientation, position or contrast, as they would arrive without the right preprocessing.

# %%
model = clothier.load(cnn.path)
test_variants = {
    "unchanged": test.images,
    "mirrored": test.images[:, :, ::-1],
    "moved down by 4 pixels": np.pad(test.images, ((0, 0), (4, 0), (0, 0)))[:, :height],
    "upside down": test.images[:, ::-1],
    "dark on light (not inverted)": 255 - test.images,
}
rows = ["| test images | accuracy | mean probability of the prediction |", "|---|---:|---:|"]
for variant, variant_images in test_variants.items():
    logits = model.run(np.ascontiguousarray(variant_images)).logits
    accuracy, confidence = (logits.argmax(axis=1) == test.labels).mean(), metrics.softmax(logits).max(axis=1).mean()
    rows.append(f"| {variant} | {accuracy:.1%} | {confidence:.1%} |")
show_markdown("\n".join(rows))

# %% [markdown]
# **Your images differ from these.** All images come from one shop and one preprocessing: small, gray, on a plain
# background, without white garments. The test accuracy here does not apply to photos from a phone. Evaluate a model on
# your own images before you rely on it.
#
# In short: the model classifies images like its training images, and can pass on the uncertain ones. It cannot recognize
# what it was not trained on, and these numbers do not say how much work it saves.
#
# **A catalogue is a table.** `clothier tag` reads a folder of images and writes one row for each, with the class, its
# probability and a decision. It continues where it was stopped, and reads only what is new. Here it reads ten test
# images with the CNN of this notebook. For photos of clothes in color there is the model `photo`, which accepts a tag
# only where it is sure enough.

# %%
import csv

from PIL import Image

shop = Path("shop")
shop.mkdir(exist_ok=True)
for label, name in enumerate(classes):
    first = int(np.flatnonzero(test.labels == label)[0])
    Image.fromarray(255 - test.images[first]).save(shop / f"{name.replace('/', '-')}.png")

clothier.tag(shop, "tags.csv", model=cnn.path)
with Path("tags.csv").open(encoding="utf-8", newline="") as file:
    rows = [
        f"| {row['file']} | {row['class']} | {float(row['probability']):.1%} | {row['class_2']} |"
        for row in csv.DictReader(file)
    ]
show_markdown("\n".join(["| file | class | probability | second class |", "|:---|:---|---:|:---|", *rows]))

# %% [markdown]
# ## 9. Next steps
#
# The same on the command line:
#
# ```
# clothier study                         # all of this, as one page
# clothier explore                       # the data only
# clothier train cnn --preset classic    # the reference study's recipe
# clothier compare runs/notebook-dnn runs/notebook-cnn
# clothier tune dnn --search-space study # the reference study's grid
# clothier predict shoe.png              # your own image
# clothier tag my-photos -o tags.csv     # a folder of photos into a table
# clothier train cnn --data my-folder    # your own classes: one subfolder of images for each
# ```
#
# Your trained models are in `runs/`, each with its own report. In Python, `clothier.load("runs/notebook-cnn")` loads
# one.
