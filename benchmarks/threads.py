"""L-BFGS on one BLAS thread and on all: the ratio on this machine, as busy as it is.

    python benchmarks/threads.py

80 texts with 20,000 features, as a linear student on n-grams meets them. Prints times and their ratio; the reference is
SciPy's default number of threads.
"""

import time
from typing import Any

import numpy as np
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits


def fit(features: Any, right: Any) -> float:
    def loss(weights: Any) -> tuple[float, Any]:
        share = 1 / (1 + np.exp(-(features @ weights.astype(np.float32))))
        value = -np.log(np.where(right, share, 1 - share) + 1e-12).sum() + 0.05 * weights @ weights
        return float(value), (features.T @ (share - right) + 0.1 * weights).astype(float)

    started = time.perf_counter()
    minimize(loss, np.zeros(features.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 60, "ftol": 1e-9})
    return time.perf_counter() - started


def main() -> None:
    generator = np.random.default_rng(0)
    features = generator.normal(size=(80, 20_000)).astype(np.float32) * 0.01
    right = generator.random(80) < 0.5
    fit(features, right)  # warm-up
    default, single = [], []
    for _ in range(5):
        default.append(fit(features, right))
        with threadpool_limits(limits=1, user_api="blas"):
            single.append(fit(features, right))
    print(f"all threads {np.median(default):.3f} s, one thread {np.median(single):.3f} s")
    print(f"ratio {np.median(default) / np.median(single):.1f}")


if __name__ == "__main__":
    main()
