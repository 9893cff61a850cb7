"""Writes values.h5py-3.16.0.h5ad: one layer per way to store the same expression values.

    python make_values.py

Made with h5py 3.16.0 (HDF5 2.0.0), numpy 2.4.6 and scipy 1.17.1. The values are those of `value`
below: multiples of 1/8 of either sign, which every floating-point type holds exactly.
"""

import numpy as np
import scipy.sparse as sp

from make_fixtures import CELLS, GENES, count, screen, sparse


def value(cell, gene):
    number = count(cell, gene)
    return (2 * number - 3) / 8 if number else 0.0


def values():
    return np.array([[value(c, g) for g in range(GENES)] for c in range(CELLS)])


def untidy(layers, name, kind):
    """Unsorted, with duplicates (some cancel), with zeros and negative zeros."""
    matrix = sp.csr_matrix(values())
    data, indices, indptr = [], [], [0]
    for cell in range(CELLS):
        span = range(matrix.indptr[cell], matrix.indptr[cell + 1])
        entries = [(matrix.indices[place], matrix.data[place]) for place in span]
        free = [g for g in range(GENES) if g not in [e[0] for e in entries]]
        if cell == 1:
            entries = entries[::-1]
        if cell == 2:
            gene, number = entries[0]
            entries = [(gene, 1.0), (gene, number - 1.0)] + entries[1:]
        if cell == 3:
            entries = sorted(entries + [(free[0], 0.0), (free[1], -0.0)])
        if cell == 5:
            entries = [(free[0], 0.5)] + entries + [(free[0], -0.5)]
        data += [e[1] for e in entries]
        indices += [e[0] for e in entries]
        indptr.append(len(data))
    sparse(layers, name, data=data, indices=indices, indptr=indptr, types=(kind, "i4", "i4"))


def write():
    file = screen("values.h5py-3.16.0")
    rows = sp.csr_matrix(values())
    columns = sp.csc_matrix(values())
    sparse(file, "X", matrix=rows, data_options={"chunks": (9,), "maxshape": (None,)})
    layers = file.create_group("layers")

    def layer(name, kind, matrix=rows, **options):
        encoding = "csr_matrix" if matrix is rows else "csc_matrix"
        sparse(layers, name, matrix=matrix, encoding=encoding, types=(kind, "i4", "i4"),
               data_options=options)

    for kind in ("f2", "f4", "f8", ">f2", ">f4", ">f8"):
        layer("type_" + kind.replace(">", "big"), kind, chunks=(11,))
    for kind in ("f4", "f8"):
        layer("contiguous_" + kind, kind)
        layer("gzip_" + kind, kind, chunks=(13,), compression="gzip")
        layer("all_" + kind, kind, chunks=(33,), compression="gzip", shuffle=True, fletcher32=True)
        layer("lzf_" + kind, kind, chunks=(33,), compression="lzf", shuffle=True)
        layer("by_gene_" + kind, kind, columns, chunks=(9,), compression="gzip")
        untidy(layers, "untidy_" + kind, kind)
    layer("by_gene_f2", "f2", columns)
    dense = values()
    dense[dense == 0] = -0.0
    layers.create_dataset("dense_f2", data=dense.astype("f2"))
    layers.create_dataset("dense_f4", data=dense.astype("f4"), chunks=(3, 7))
    layers.create_dataset("dense_f8", data=dense, chunks=(6, 3), compression="gzip")
    layers.create_dataset("dense_bigf4", data=dense.astype(">f4"), chunks=(4, 4))
    layers.create_dataset("boolean", data=dense != 0)
    sparse(layers, "integers", types=("u2", "i4", "i4"))
    file.close()


if __name__ == "__main__":
    write()
