internal import HDF5

/// Tells an AnnData file from other formats that are HDF5 too.
struct FormatCheck {
    let path: String
    let root: HDF5Group

    /// Throws unless the root looks like AnnData: it has `obs` and `var`.
    func run() throws(AnnDataError) {
        let encoding = try hdf5 { () throws(HDF5Error) in try root.textAttribute("encoding-type") }
        if encoding == "MuData" || isGroup("mod") {
            throw .otherFormat(
                path: path,
                kind: "a MuData .h5mu file",
                remedy: "write one modality with mdata['rna'].write_h5ad and give that file"
            )
        }
        if root.kind(of: "obs") != nil, root.kind(of: "var") != nil { return }
        throw try hdf5 { () throws(HDF5Error) in try otherFormat() }
    }

    private func isGroup(_ name: String) -> Bool { root.kind(of: name) == .group }

    private func otherFormat() throws(HDF5Error) -> AnnDataError {
        let names = try root.names()
        let tenX = "read it with scanpy.read_10x_h5, add the perturbation column and write_h5ad"
        if root.kind(of: "matrix/barcodes") != nil {
            return .otherFormat(path: path, kind: "a 10x Genomics .h5 matrix", remedy: tenX)
        }
        if root.kind(of: "matrix") == .dataset, isGroup("row_attrs") {
            return .otherFormat(
                path: path,
                kind: "a loom file",
                remedy: "read it with scanpy.read_loom and write_h5ad"
            )
        }
        for name in names where root.kind(of: "\(name)/barcodes") != nil {
            return .otherFormat(path: path, kind: "a 10x Genomics .h5 matrix", remedy: tenX)
        }
        if isGroup("assays") {
            return .otherFormat(
                path: path,
                kind: "an h5Seurat file",
                remedy: "convert it to .h5ad with SeuratDisk::Convert"
            )
        }
        let shown = names.prefix(10).joined(separator: ", ")
        return .otherFormat(
            path: path,
            kind: "an HDF5 file without obs and var (it has \(shown.isEmpty ? "nothing" : shown))",
            remedy: "write it with adata.write_h5ad"
        )
    }
}

/// Runs `body` and gives its error the form that this module throws.
func hdf5<Value>(
    _ body: () throws(HDF5Error) -> Value
) throws(AnnDataError) -> Value {
    do throws(HDF5Error) {
        return try body()
    } catch {
        throw .hdf5(error)
    }
}
