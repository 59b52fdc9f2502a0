"""The largest entries of each row of a product of sparse matrices, by sparse_dot_topn.

scipy makes the whole product, sorted by nothing, and the largest entries have then to be found in it. sparse_dot_topn
(ING, https://github.com/ing-bank/sparse_dot_topn) adds up one row at a time in a processor's cache, keeps its largest
entries in a heap, and shares the rows out among threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .threads import n_native_threads

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


def largest_products(left: csr_matrix, right: csr_matrix, count: int) -> csr_matrix:
    """Multiply two matrices and keep the largest entries of each row, those above 0.

    Args:
        left: Of shape (n, m). Its index arrays hold 32 bits, as do those of ``right``.
        right: Of shape (m, k). Its arrays are writable, for the library refuses others, but they are not written to.
        count: How many entries to keep in each row. Which of several equal ones are kept depends on that row alone.

    Returns:
        The entries, shape (n, k); those of a row are in no particular order.
    """
    from scipy.sparse import csr_matrix

    # What the library's other functions do besides is copying the arrays of indices each time.
    from sparse_dot_topn.unchecked import sp_matmul_topn, sp_matmul_topn_mt

    shape = left.shape[0], right.shape[1]
    if not left.nnz or not right.nnz:
        return csr_matrix(shape, dtype=np.float32)
    count = min(count, shape[1])
    n_threads = min(n_native_threads(), shape[0])
    if n_threads > 1:
        return sp_matmul_topn_mt(left, right, count, sort=False, threshold=0.0, n_threads=n_threads)
    return sp_matmul_topn(left, right, count, sort=False, threshold=0.0, density=1.0)
