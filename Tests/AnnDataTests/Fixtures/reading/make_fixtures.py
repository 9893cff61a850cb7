"""Writes the fixtures of the reading tests.

    python make_fixtures.py anndata    with each release of anndata named below
    python make_fixtures.py handmade   with h5py 3.16.0 (HDF5 2.0.0), for what no release writes

Releases used: anndata 0.6.22.post1 and 0.7.8 (h5py 2.10.0), 0.12.19 (h5py 3.16.0) and
0.13.2 (pandas 3). File names carry the writer and its version.

Every matrix that is not broken on purpose holds the same counts, those of `count` below.
"""

import gzip
import os
import subprocess
import sys

import h5py
import numpy as np
import scipy.sparse as sp

HERE = os.path.dirname(os.path.abspath(__file__))
CELLS, GENES = 20, 7


def count(cell, gene):
    value = (cell * cell * 3 + gene * 5 + cell * gene) % 13
    return value - 7 if value > 7 and cell != 4 else 0


def counts():
    return np.array([[count(c, g) for g in range(GENES)] for c in range(CELLS)])


LABELS = ["control", "HLA-A/B", "A,B", "Gène", "control"]


def labels():
    return [LABELS[cell % 5] for cell in range(CELLS)]


# ---------------------------------------------------------------- releases of anndata


def write_with_anndata():
    import warnings

    warnings.simplefilter("ignore")
    import anndata
    import pandas as pd

    version = anndata.__version__
    old = version.startswith("0.6")
    matrix = counts().astype("f4")
    obs = pd.DataFrame(index=["cell%d" % i for i in range(CELLS)])
    obs["perturbation"] = pd.Categorical(labels())
    with_missing = [None if i % 5 == 2 else label for i, label in enumerate(labels())]
    obs["partly"] = pd.Categorical(with_missing, categories=["unused"] + sorted(set(LABELS)))
    obs["guides"] = np.arange(CELLS) % 3
    obs["depth"] = np.linspace(0, 1, CELLS)
    obs["text"] = ["t%d" % (i // 7) for i in range(CELLS)]
    if not old:
        obs["is_control"] = [label == "control" for label in labels()]
        obs["number_category"] = pd.Categorical(np.arange(CELLS) % 4 * 10)
    if version.startswith("0.1"):
        obs["nullable_integer"] = pd.array(
            [None if i == 3 else i % 2 for i in range(CELLS)], dtype="Int64"
        )
        obs["nullable_boolean"] = pd.array(
            [None if i == 3 else i % 2 == 1 for i in range(CELLS)], dtype="boolean"
        )
    var = pd.DataFrame(index=["gene%d" % i for i in range(GENES)])
    var["symbol"] = ["S%d" % (i // 2) for i in range(GENES)]
    adata = anndata.AnnData(X=sp.csr_matrix(matrix), obs=obs, var=var)
    wide = np.hstack([matrix, np.zeros((CELLS, 2), "f4")])
    raw_var = pd.DataFrame(index=["raw%d" % i for i in range(GENES + 2)])
    adata.raw = anndata.AnnData(X=sp.csr_matrix(wide), obs=obs, var=raw_var)
    adata.layers["by_gene"] = sp.csc_matrix(matrix)
    adata.layers["dense"] = matrix
    adata.layers["log"] = np.log1p(matrix)
    path = os.path.join(HERE, "screen.anndata-%s.h5ad" % version)
    options = {}
    if version.startswith("0.7"):
        options = {"compression": "lzf"}
    if version.startswith("0.12"):
        options = {"compression": "gzip"}
    adata.write_h5ad(path, **options) if hasattr(adata, "write_h5ad") else adata.write(path)
    # The default file format is mostly empty space.
    with open(path, "rb") as plain, open(path + ".gz", "wb") as packed:
        with gzip.GzipFile("", "wb", 9, packed, mtime=0) as target:
            target.write(plain.read())
    os.remove(path)


# ---------------------------------------------------------------- by hand


def text(group, name, values):
    return group.create_dataset(name, data=np.array(values, dtype=object), dtype=h5py.string_dtype())


def table(parent, name, index, columns=()):
    group = parent.create_group(name)
    group.attrs["encoding-type"] = "dataframe"
    group.attrs["encoding-version"] = "0.2.0"
    group.attrs["_index"] = "_index"
    group.attrs["column-order"] = np.array(list(columns), dtype=h5py.string_dtype())
    text(group, "_index", index)
    return group


def screen(name, cells=CELLS, genes=GENES, **options):
    # What HDF5 2.0 writes as "latest" older libraries cannot always read.
    options.setdefault("libver", ("v110", "v110"))
    file = h5py.File(os.path.join(HERE, name + ".h5ad"), "w", **options)
    file.attrs["encoding-type"] = "anndata"
    file.attrs["encoding-version"] = "0.1.0"
    table(file, "obs", ["cell%d" % i for i in range(cells)])
    table(file, "var", ["gene%d" % i for i in range(genes)])
    return file


def sparse(parent, name, matrix=None, encoding="csr_matrix", data=None, indices=None, indptr=None,
           types=("f4", "i4", "i4"), attrs=True, data_options=None, index_options=None, shape="i8"):
    group = parent.create_group(name)
    if matrix is None:
        make = sp.csr_matrix if encoding == "csr_matrix" else sp.csc_matrix
        matrix = make(counts())
    if attrs:
        group.attrs["encoding-type"] = encoding
        group.attrs["encoding-version"] = "0.1.0"
        if shape:
            group.attrs["shape"] = np.array(matrix.shape, dtype=shape)
    data = matrix.data if data is None else data
    indices = matrix.indices if indices is None else indices
    indptr = matrix.indptr if indptr is None else indptr
    group.create_dataset("data", data=np.asarray(data).astype(types[0]), **(data_options or {}))
    group.create_dataset(
        "indices", data=np.asarray(indices).astype(types[1]),
        **(index_options if index_options is not None else data_options or {}))
    group.create_dataset("indptr", data=np.asarray(indptr).astype(types[2]))
    return group


def write_same_counts():
    """One layer per way to store the same counts."""
    file = screen("matrices.h5py-3.16.0")
    sparse(file, "X", data_options={"chunks": (9,), "maxshape": (None,)})
    layers = file.create_group("layers")
    types = [("i1", "i1", "i4"), ("u1", "u1", "u4"), ("i2", "i2", "i8"), ("u2", "u2", "u8"),
             ("i4", "u4", "i4"), ("u4", "i8", "i4"), ("i8", "u8", "i8"), ("u8", "i4", "i4"),
             ("f2", "i4", "i4"), ("f8", "i4", "i4"), ("f4", "i8", "i8"),
             (">f4", ">i4", ">i4"), (">i2", ">i8", ">u8"), (">f2", "i4", "i4")]
    for kind in types:
        name = "type_%s_%s_%s" % kind
        sparse(layers, name.replace(">", "big"), types=kind, data_options={"chunks": (11,)})
    for length in (1, 1000):
        sparse(layers, "chunk_%d" % length, data_options={"chunks": (length,), "maxshape": (None,)})
    sparse(layers, "chunks_differ", data_options={"chunks": (5,)}, index_options={"chunks": (8,)})
    filters = {
        "gzip": {"compression": "gzip"},
        "gzip_shuffle": {"compression": "gzip", "shuffle": True},
        "gzip_shuffle_fletcher": {"compression": "gzip", "shuffle": True, "fletcher32": True},
        "fletcher": {"fletcher32": True},
        "lzf": {"compression": "lzf"},
        "lzf_shuffle": {"compression": "lzf", "shuffle": True},
        "scaleoffset": {"scaleoffset": 0},
    }
    for name, options in filters.items():
        kind = ("i4", "i4", "i4") if name == "scaleoffset" else ("f4", "i8", "i4")
        sparse(layers, "filter_" + name, types=kind, data_options=dict(options, chunks=(33,)))
    sparse(layers, "contiguous")
    sparse(layers, "by_gene", encoding="csc_matrix", data_options={"chunks": (9,)})
    sparse(layers, "by_gene_gzip", encoding="csc_matrix",
           data_options={"chunks": (16,), "compression": "gzip"})
    dense = counts()
    layers.create_dataset("dense_f4", data=dense.astype("f4"))
    layers.create_dataset("dense_u1", data=dense.astype("u1"), chunks=(3, 7))
    layers.create_dataset("dense_gzip", data=dense.astype("f8"), chunks=(6, 3), compression="gzip")
    layers.create_dataset("dense_lzf", data=dense.astype("i4"), chunks=(20, 2), compression="lzf",
                          shuffle=True)
    layers.create_dataset("dense_bigf8", data=dense.astype(">f8"), chunks=(4, 4))
    # Old attributes, and none where the shape tells.
    old = sparse(layers, "h5sparse", attrs=False)
    old.attrs["h5sparse_format"] = "csr"
    old.attrs["h5sparse_shape"] = np.array([CELLS, GENES])
    sparse(layers, "no_attributes", attrs=False)
    sparse(layers, "no_shape", shape=None)
    sparse(layers, "shape_i4", shape="i4")
    write_untidy(layers)
    # A chunk for which the filter was left out.
    masked = sparse(layers, "masked", types=("f4", "i4", "i4"))
    values = masked["data"][:]
    del masked["data"]
    data = masked.create_dataset("data", shape=values.shape, dtype="f4", chunks=(16,),
                                 compression="gzip")
    for start in range(0, len(values), 16):
        part = np.zeros(16, "f4")
        part[: len(values[start:start + 16])] = values[start:start + 16]
        if start == 16:
            data.id.write_direct_chunk((start,), part.tobytes(), filter_mask=1)
        else:
            data[start:start + 16] = values[start:start + 16]
    layers["soft"] = h5py.SoftLink("/layers/contiguous")
    file.close()


def write_untidy(layers):
    """The same counts, unsorted, with duplicates and with zeros."""
    matrix = sp.csr_matrix(counts())
    data, indices, indptr = [], [], [0]
    for cell in range(CELLS):
        entries = []
        for position in range(matrix.indptr[cell], matrix.indptr[cell + 1]):
            entries.append((matrix.indices[position], matrix.data[position]))
        if cell == 1:
            entries = entries[::-1]
        if cell == 2:
            gene, value = entries[0]
            entries = [(gene, 1), (gene, value - 1)] + entries[1:]
        if cell == 3:
            free = [g for g in range(GENES) if g not in [e[0] for e in entries]]
            entries = sorted(entries + [(free[0], 0)])
        data += [e[1] for e in entries]
        indices += [e[0] for e in entries]
        indptr.append(len(data))
    sparse(layers, "untidy", data=data, indices=indices, indptr=indptr)


def write_broken_matrices():
    """One layer per way in which a matrix can be wrong."""
    file = screen("broken_matrices.h5py-3.16.0")
    layers = file.create_group("layers")
    matrix = sp.csr_matrix(counts())
    total = matrix.nnz

    def values(position, value, kind="f8"):
        changed = matrix.data.astype(kind)
        changed[position] = value
        return changed

    sparse(layers, "negative", data=values(10, -2), types=("f4", "i4", "i4"))
    sparse(layers, "negative_integer", data=values(10, -2), types=("i4", "i4", "i4"))
    sparse(layers, "negative_small", data=values(10, -2), types=("i1", "i4", "i4"))
    sparse(layers, "nan", data=values(11, np.nan), types=("f8", "i4", "i4"))
    sparse(layers, "infinite", data=values(11, np.inf), types=("f4", "i4", "i4"))
    sparse(layers, "fraction", data=values(12, 1.5), types=("f4", "i4", "i4"))
    sparse(layers, "almost", data=values(12, matrix.data[12] + 1e-7), types=("f8", "i4", "i4"))
    sparse(layers, "large", data=values(13, 4294967296.0), types=("f8", "i4", "i4"))
    sparse(layers, "large_integer", data=values(13, 4294967296, "i8"), types=("i8", "i4", "i4"))
    sparse(layers, "largest", data=values(13, 4294967295, "i8"), types=("u4", "i4", "i4"))
    layers.create_dataset("log_dense", data=np.log1p(counts()))
    both = np.array(matrix.indices)
    pair = next(p for p in range(total - 1) if both[p] + 1 == both[p + 1])
    summed = values(pair, 4294967295)
    both[pair + 1] = both[pair]
    sparse(layers, "large_sum", data=summed, indices=both, types=("u4", "i4", "i4"))

    def indices(position, value):
        changed = matrix.indices.astype("i8")
        changed[position] = value
        return changed

    sparse(layers, "index_high", indices=indices(10, GENES), types=("f4", "i4", "i4"))
    sparse(layers, "index_negative", indices=indices(10, -1), types=("f4", "i2", "i4"))
    sparse(layers, "index_wide", indices=indices(10, 2 ** 32), types=("f4", "i8", "i4"))
    falling = np.array(matrix.indptr)
    falling[7] = falling[6] - 1
    sparse(layers, "pointers_fall", indptr=falling)
    sparse(layers, "pointers_start", indptr=np.maximum(matrix.indptr, 1))
    sparse(layers, "pointers_end", indptr=np.minimum(matrix.indptr, total - 1))
    sparse(layers, "pointers_few", indptr=matrix.indptr[:-1])
    long_row = np.array(matrix.indptr)
    long_row[1:9] = long_row[9]
    sparse(layers, "row_long", indptr=long_row)
    sparse(layers, "short_data", data=matrix.data[:-1])
    sparse(layers, "short_indices", indices=matrix.indices[:-1])
    sparse(layers, "wrong_shape", matrix=sp.csr_matrix(counts()[:, :-1]))
    layers.create_dataset("wrong_shape_dense", data=counts()[:-1])
    layers.create_dataset("flat", data=counts().ravel())
    sparse(layers, "complex", types=("c8", "i4", "i4"))
    sparse(layers, "text", types=("S3", "i4", "i4"))
    sparse(layers, "float_indices", types=("f4", "f4", "i4"))
    sparse(layers, "other_encoding", encoding="awkward-array", matrix=matrix)
    coo = layers.create_group("coo")
    coo.attrs["encoding-type"] = "coo_matrix"
    coo.create_dataset("row", data=[0])
    del sparse(layers, "no_indptr")["indptr"]
    layers.create_dataset("null", data=h5py.Empty("f4"))
    write_damaged_chunks(layers, matrix)
    file.close()


def write_damaged_chunks(layers, matrix):
    def raw(name, options, damage, dataset="data"):
        group = sparse(layers, name, data_options=dict(options, chunks=(16,)))
        mask, stored = group[dataset].id.read_direct_chunk((16,))
        group[dataset].id.write_direct_chunk((16,), damage(bytearray(stored)), filter_mask=mask)

    def flip(stored):
        stored[len(stored) // 2] ^= 0x55
        return bytes(stored)

    raw("damaged_gzip", {"compression": "gzip"}, lambda stored: b"\x00" * len(stored))
    raw("damaged_fletcher", {"fletcher32": True}, flip)
    raw("damaged_lzf", {"compression": "lzf"}, lambda stored: b"\xff" * len(stored))
    raw("damaged_short", {"compression": "gzip"}, lambda stored: bytes(stored[:10]))
    raw("damaged_index", {"compression": "gzip"}, lambda stored: b"\x00" * len(stored), "indices")
    # A filter that nobody has, declared optional so that the library lets us.
    group = sparse(layers, "filter_zstd")
    del group["data"]
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk((16,))
    properties.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, (3,))
    space = h5py.h5s.create_simple((matrix.nnz,))
    h5py.h5d.create(group.id, b"data", h5py.h5t.NATIVE_FLOAT, space, properties)
    # A chunk that was never written: its values are 0.
    group = sparse(layers, "missing_chunk")
    values = group["data"][:]
    del group["data"]
    data = group.create_dataset("data", shape=values.shape, dtype="f4", chunks=(16,))
    data[:16] = values[:16]
    data[32:] = values[32:]


def write_columns():
    """One column of obs per encoding of labels."""
    file = screen("columns.h5py-3.16.0")
    sparse(file, "X")
    obs = file["obs"]
    codes = np.array([(cell * 2) % 5 for cell in range(CELLS)])
    names = ["control", "HLA-A/B", "A,B", "Gène", "unused?"]

    def categorical(name, values, code_type="i1", ordered=False, these=codes):
        group = obs.create_group(name)
        group.attrs["encoding-type"] = "categorical"
        group.attrs["encoding-version"] = "0.2.0"
        if ordered is not None:
            group.attrs["ordered"] = ordered
        group.create_dataset("codes", data=np.asarray(these).astype(code_type))
        if values is not None:
            if isinstance(values[0], str):
                text(group, "categories", values)
            else:
                group.create_dataset("categories", data=np.array(values))
        return group

    categorical("cat", names)
    categorical("cat_u1", names, "u1", np.int64(1))
    categorical("cat_i4", names, "i4", None)
    categorical("cat_unused", ["never", "nor this"] + names, these=codes + 2)
    categorical("cat_missing", names, these=np.where(codes == 1, -1, codes))
    categorical("cat_integers", [10, 20, 30, 40, 50])
    categorical("cat_floats", [0.5, 1.0, 1e16, 40.0, 1e-5])
    categorical("cat_booleans", [False, True], these=codes % 2)
    categorical("cat_repeated", ["a", "b", "a", "b", "c"])
    categorical("cat_high", names, these=np.where(codes == 1, 5, codes))
    nullable = categorical("cat_nullable", None).create_group("categories")
    nullable.attrs["encoding-type"] = "nullable-string-array"
    text(nullable, "values", names)
    nullable.create_dataset("mask", data=[False] * 5)
    # anndata 0.7: a reference, a broken reference, and the name alone.
    old = obs.create_group("__categories")
    for name in ("old_reference", "old_name"):
        column = obs.create_dataset(name, data=codes.astype("i1"))
        text(old, name, names)
        good = name == "old_reference"
        column.attrs["categories"] = old[name].ref if good else "lost"
    text(obs, "text", [names[code] for code in codes])
    fixed = np.array([names[code].encode() for code in codes])
    obs.create_dataset("fixed", data=fixed)
    wide = h5py.h5t.C_S1.copy()
    wide.set_size(12)
    wide.set_strpad(h5py.h5t.STR_SPACEPAD)
    space = h5py.h5s.create_simple((CELLS,))
    spaced = h5py.h5d.create(obs.id, b"fixed_spaces", wide, space)
    spaced.write(h5py.h5s.ALL, h5py.h5s.ALL,
                 np.array([names[code].encode().ljust(12) for code in codes], dtype="S12"), wide)
    latin = np.array([names[code].encode("latin-1") for code in codes])
    obs.create_dataset("latin", data=latin)
    obs.create_dataset("integers", data=codes * 10)
    obs.create_dataset("integers_big", data=(codes - 2).astype(">i2"))
    obs.create_dataset("integers_u8", data=codes.astype("u8") + np.uint64(2 ** 64 - 10))
    obs.create_dataset("booleans", data=codes % 2 == 0)
    obs.create_dataset("floats", data=codes / 2)
    masks = codes == 1
    for name, values in (("nullable_integer", codes), ("nullable_boolean", codes % 2 == 0)):
        group = obs.create_group(name)
        group.attrs["encoding-type"] = name.replace("_", "-")
        group.create_dataset("values", data=values)
        group.create_dataset("mask", data=masks)
    group = obs.create_group("nullable_text")
    group.attrs["encoding-type"] = "nullable-string-array"
    text(group, "values", [names[code] for code in codes])
    group.create_dataset("mask", data=masks)
    obs.create_dataset("short", data=codes[:-1])
    obs.create_dataset("records", data=np.zeros(CELLS, dtype=[("a", "i4")]))
    awkward = obs.create_group("awkward")
    awkward.attrs["encoding-type"] = "awkward-array"
    order = [name for name in obs if name not in ("_index", "__categories")]
    obs.attrs["column-order"] = np.array(sorted(order), dtype=h5py.string_dtype())
    del file["var/_index"]
    file["var"].attrs["_index"] = "id"
    text(file["var"], "id", ["gene%d" % i for i in range(GENES)])
    text(file["var"], "twice", ["gene%d" % (i // 2) for i in range(GENES)])
    file.close()


def write_records():
    """obs and var as records, categories in uns, names with a dot: anndata 0.5."""
    file = h5py.File(os.path.join(HERE, "records.h5py-3.16.0.h5ad"), "w",
                     libver=("v110", "v110"))
    obs = np.zeros(CELLS, dtype=[("index", "S8"), ("perturbation", "i1"), ("batch", "i8"),
                                 ("name", h5py.string_dtype())])
    for cell in range(CELLS):
        code = -1 if cell == 6 else sorted(set(LABELS)).index(LABELS[cell % 5])
        obs[cell] = (b"cell%d" % cell, code, cell % 2, "n%d" % (cell // 10))
    file.create_dataset("obs", data=obs)
    text(file.create_group("uns"), "perturbation_categories", sorted(set(LABELS)))
    var = np.array([(b"gene%d" % g,) for g in range(GENES)], dtype=[("index", "S8")])
    file.create_dataset("var", data=var)
    group = sparse(file, "X", attrs=False)
    group.attrs["h5sparse_format"] = "csr"
    group.attrs["h5sparse_shape"] = np.array([CELLS, GENES])
    group = sparse(file, "raw.X", attrs=False)
    group.attrs["h5sparse_format"] = "csr"
    group.attrs["h5sparse_shape"] = np.array([CELLS, GENES])
    raw = np.array([(b"raw%d" % g,) for g in range(GENES)], dtype=[("index", "S8")])
    file.create_dataset("raw.var", data=raw)
    file.close()


def write_other_formats():
    def plain(name):
        return h5py.File(os.path.join(HERE, name + ".h5"), "w", libver=("v110", "v110"))

    with plain("tenx_v3.h5py-3.16.0") as file:
        group = file.create_group("matrix")
        for name in ("barcodes", "data", "indices", "indptr", "shape"):
            group.create_dataset(name, data=[0])
    with plain("tenx_v2.h5py-3.16.0") as file:
        group = file.create_group("GRCh38")
        for name in ("barcodes", "genes", "data", "indices", "indptr", "shape"):
            group.create_dataset(name, data=[0])
    with plain("mudata.h5py-3.16.0") as file:
        file.attrs["encoding-type"] = "MuData"
        file.create_group("mod").create_group("rna")
        file.create_group("obs")
        file.create_group("var")
    with plain("loom.h5py-3.16.0") as file:
        file.create_dataset("matrix", data=np.zeros((2, 2)))
        file.create_group("row_attrs")
        file.create_group("col_attrs")
    with plain("h5seurat.h5py-3.16.0") as file:
        file.create_group("assays")
    with plain("something.h5py-3.16.0") as file:
        file.create_group("experiment")
    screen("no_matrix.h5py-3.16.0").close()
    with screen("only_layer.h5py-3.16.0") as file:
        sparse(file.create_group("layers"), "counts")
        file.create_dataset("X", data=h5py.Empty("f4"))
    for name, cells, genes in (("no_cells", 0, GENES), ("no_genes", CELLS, 0)):
        with screen(name + ".h5py-3.16.0", cells, genes) as file:
            sparse(file, "X", matrix=sp.csr_matrix((cells, genes)),
                   data_options={"chunks": (1024,), "maxshape": (None,)})
    with screen("square.h5py-3.16.0", 6, 6) as file:
        sparse(file, "X", matrix=sp.csr_matrix(counts()[:6, :6]), attrs=False)
    with screen("userblock.h5py-3.16.0", userblock_size=1024) as file:
        sparse(file, "X")
    with screen("newer_format.h5py-3.16.0", libver="latest") as file:
        sparse(file, "X", data_options={"compression": "gzip"})
        file["obs"].create_dataset("flag", data=[True] * CELLS)
    # A writer that dies leaves its mark in the superblock.
    path = os.path.join(HERE, "not_closed.h5py-3.16.0.h5ad")
    dying = ("import h5py, os; f = h5py.File(%r, 'w', libver='latest'); f.create_group('obs');"
             "f.flush(); f.swmr_mode = True; os._exit(0)" % path)
    subprocess.run([sys.executable, "-c", dying], check=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["anndata"]:
        write_with_anndata()
    elif sys.argv[1:] == ["handmade"]:
        write_same_counts()
        write_broken_matrices()
        write_columns()
        write_records()
        write_other_formats()
    else:
        sys.exit(__doc__)
