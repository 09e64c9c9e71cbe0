"""Distances between sets of face features: are generated faces distributed like real ones, and are they more
than copies of the training faces?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from sklearn.metrics import pairwise_distances_argmin

SPLITS = 5  # one split of a few hundred people is a matter of luck
MOST_FACES = 2000  # neighbours cost the square of it
KERNEL_SUBSETS, KERNEL_SIZE = 20, 500
NEIGHBOURS, DENSITY_NEIGHBOURS = 3, 5


def quality_block(
    generated: np.ndarray,
    real: np.ndarray,
    real_person: np.ndarray,
    training: np.ndarray,
    name: str,
    seed: int,
) -> dict[str, float]:
    """Features of generated faces [N, D], of real faces [M, D] of the people real_person [M], and of training
    faces [T, D], all of length 1 and of the recogniser `name` -> metrics.

    `fd_<name>`, `kd_<name>`, `precision`, `recall`, `density`, `coverage` compare generated faces with one
    half of the real people. None of these numbers means much by itself, so each stands beside `<key>_real`:
    the other half in the place of the generated faces. Small sets make the Frechet distance too large and
    move the others, so as many faces (`compared`) take part on every side; all are means over SPLITS random
    halves. A generated face shares its voice with others, as a photo shares its person, but the generated
    ones come from all the people, which flatters them a little. Features are scaled to length sqrt(D), which
    makes the kernel (cosine + 1)^3; with length 1 it would only measure the means. `nearest_training_*`: see
    `memorisation`. `drawn`, `true`: numbers of generated and real faces. What needs more faces or people is
    left out.
    """
    metrics: dict[str, float] = {"drawn": len(generated), "true": len(real)}
    halves = list(_halves(real_person, seed))
    most = min([len(generated), MOST_FACES, *(len(part) for half in halves for part in half)])
    if halves and most > 1:
        metrics["compared"] = most
        found: dict[str, list[float]] = {}
        for split, (first, second) in enumerate(halves):
            rng = np.random.default_rng([seed, 8, split])
            reference, other, own = (
                part[rng.choice(len(part), most, replace=False)]
                for part in (real[first], real[second], generated)
            )
            for suffix, candidate in (("", own), ("_real", other)):
                for key, value in _compare(reference, candidate, name, rng).items():
                    found.setdefault(key + suffix, []).append(value)
        metrics |= {key: float(np.mean(values)) for key, values in found.items()}
    if len(generated) and len(real) and len(training):
        metrics |= memorisation(generated, real, training)
    return metrics


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Squared 2-Wasserstein distance of the normal distributions fitted to a [N, D] and b [M, D] (Heusel et
    al. 2017, eq. 6).

    |mean_a - mean_b|^2 + tr(A) + tr(B) - 2 tr((A B)^(1/2)). With A = P'P and B = Q'Q, P and Q triangular, the
    eigenvalues of AB are the squared singular values of PQ': no root of a matrix that is neither symmetric
    nor, with fewer faces than features, regular. Raises ValueError for a set of fewer than 2.
    """
    if min(len(a), len(b)) < 2:
        raise ValueError("a covariance needs two faces")
    a, b = a.astype(np.float64), b.astype(np.float64)
    shift = a.mean(axis=0) - b.mean(axis=0)
    p, q = _factor(a), _factor(b)
    common = float(np.linalg.norm(p @ q.T, ord="nuc"))
    return max(0.0, float(shift @ shift + (p**2).sum() + (q**2).sum()) - 2.0 * common)


def kernel_distance(a: np.ndarray, b: np.ndarray, subsets: int, size: int, rng: np.random.Generator) -> float:
    """Squared maximum mean discrepancy of a [N, D] and b [M, D] with the kernel (x.y / D + 1)^3, without
    bias, so it may be below 0 (Binkowski et al. 2018): the mean over `subsets` random subsets of `size` rows
    of each, 2 <= size <= N, M."""
    values = []
    for _ in range(subsets):
        x, y = (part[rng.choice(len(part), size, replace=False)].astype(np.float64) for part in (a, b))
        within = [
            (kernel.sum() - np.trace(kernel)) / (size * (size - 1)) for kernel in (_cubic(x, x), _cubic(y, y))
        ]
        values.append(sum(within) - 2.0 * _cubic(x, y).mean())
    return float(np.mean(values))


def precision_recall(real: np.ndarray, generated: np.ndarray, k: int = NEIGHBOURS) -> tuple[float, float]:
    """real [N, D], generated [M, D] -> the share of generated faces in balls of real ones, and the reverse
    (Kynkaanniemi et al. 2019, eq. 1 and 2). ValueError for a set of k or fewer."""
    precision, recall = _in_balls(real, k, generated), _in_balls(generated, k, real)
    return float(precision.any(axis=0).mean()), float(recall.any(axis=0).mean())


def density_coverage(
    real: np.ndarray, generated: np.ndarray, k: int = DENSITY_NEIGHBOURS
) -> tuple[float, float]:
    """real [N, D], generated [M, D] -> how many balls of real faces a generated face lies in, over k (may
    exceed 1), and the share of those balls that hold a generated face (Naeem et al. 2020, eq. 2 and 3). A
    real outlier with its large ball spoils precision but not these. ValueError for k or fewer real faces."""
    inside = _in_balls(real, k, generated)
    return int(inside.sum()) / (k * len(generated)), float(inside.any(axis=1).mean())


def nearest(queries: np.ndarray, base: np.ndarray) -> np.ndarray:
    """Euclidean distance of each query [Q, D] to the nearest of base [T, D]: float64 [Q].

    The nearest one is found by products; its distance is then computed from the difference, so that a copy is
    at 0 exactly. Raises ValueError for an empty base.
    """
    queries, base = queries.astype(np.float64), base.astype(np.float64)
    return np.linalg.norm(queries - base[pairwise_distances_argmin(queries, base)], axis=1)


def memorisation(generated: np.ndarray, real: np.ndarray, training: np.ndarray) -> dict[str, float]:
    """Features of faces generated for unseen voices [N, D], of real faces of unseen people [M, D] and of
    training faces [T, D], none of them empty.

    `nearest_training_generated`, `nearest_training_real`: median distance to the nearest training face.
    `nearest_training_auc`: the probability that a random generated face is nearer to a training face than a
    random real one, ties counted half.

    How to read it: a generator that copies gives 0 and 1; one that invents people as realistic as photos
    gives two equal medians and 0.5. Between them no single number decides. Generated faces are smoother than
    photos, hence nearer to the average face and so to all faces, training ones among them: on LFW the average
    face alone has an area of 0.98, at 0.92 of the real faces' median. Then precision is near 1 and recall
    near 0, whereas copies of many photos have the precision and recall of photos, and a median near 0. No
    median shows a few copies among many new faces.
    """
    near, far = nearest(generated, training), np.sort(nearest(real, training))
    below = (np.searchsorted(far, near, side="left") + np.searchsorted(far, near, side="right")) / 2
    return {
        "nearest_training_generated": float(np.median(near)),
        "nearest_training_real": float(np.median(far)),
        "nearest_training_auc": 1.0 - float(below.mean()) / len(far),
    }


def _compare(
    real: np.ndarray, generated: np.ndarray, name: str, rng: np.random.Generator
) -> dict[str, float]:
    """The distances of two sets of the same size [n, D]."""
    stretch = np.sqrt(real.shape[1])
    size = min(len(real), KERNEL_SIZE)
    subsets = KERNEL_SUBSETS if size < len(real) else 1  # all subsets of all faces are the same
    found = {f"fd_{name}": frechet_distance(real, generated)}
    found[f"kd_{name}"] = kernel_distance(stretch * real, stretch * generated, subsets, size, rng)
    if len(real) > NEIGHBOURS:
        found["precision"], found["recall"] = precision_recall(real, generated)
    if len(real) > DENSITY_NEIGHBOURS:
        found["density"], found["coverage"] = density_coverage(real, generated)
    return found


def _halves(person: np.ndarray, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """SPLITS times the rows of one random half of the people, and of the other; of nobody when there is but
    one person."""
    people = np.unique(person)
    for split in range(SPLITS if len(people) > 1 else 0):
        chosen = np.random.default_rng([seed, 7, split]).permutation(people)[: len(people) // 2]
        inside = np.isin(person, chosen)
        yield np.flatnonzero(inside), np.flatnonzero(~inside)


def _factor(points: np.ndarray) -> np.ndarray:
    """[N, D] -> triangular R [min(N, D), D]; R'R is the covariance."""
    return np.linalg.qr((points - points.mean(axis=0)) / np.sqrt(len(points) - 1)).R


def _in_balls(centres: np.ndarray, k: int, points: np.ndarray) -> np.ndarray:
    """Which points [P, D] lie in the ball of each centre [C, D], which reaches to the centre's k-th nearest
    neighbour among the centres: bool [C, P]."""
    if len(centres) <= k:
        raise ValueError(f"{len(centres)} faces have no neighbour number {k}")
    centres, points = centres.astype(np.float64), points.astype(np.float64)
    # Of a copy, for the product of an array with itself is rounded differently from that with others.
    own = _squared(centres.copy(), centres)
    np.fill_diagonal(own, np.inf)  # nobody is a neighbour of himself
    return _squared(centres, points) <= np.partition(own, k - 1, axis=1)[:, [k - 1]]


def _squared(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Squared Euclidean distances of a [A, D] and b [B, D]: [A, B]."""
    squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None, :] - 2.0 * (a @ b.T)
    return np.maximum(squared, 0.0, out=squared)


def _cubic(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(x.y / D + 1)^3 of x [n, D] and y [m, D]: [n, m]."""
    return (x @ y.T / x.shape[1] + 1.0) ** 3
