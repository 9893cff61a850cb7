internal import HDF5
internal import Synchronization

/// Writes a screen whose counts are a CSR matrix, some cells at a time, in bounded memory.
///
/// The bytes of the file depend on tables, counts and compression alone, not on how the cells are
/// cut into pieces. Calls may come from any thread, one at a time.
package final class ScreenWriter: Sendable {
    /// The file, for messages.
    package let path: String

    private let cellCount: Int
    private let file: UnfinishedFile
    private let state: Mutex<State>

    private struct State {
        var matrix: Matrix?
        /// Position in the matrix after each cell, with 0 before the first.
        var ends: [Int64]
    }

    private struct Matrix {
        let group: HDF5Group
        let values: HDF5Dataset
        let genes: HDF5Dataset
    }

    /// Creates the file with its tables and an empty matrix; an existing file is replaced.
    ///
    /// - Parameters:
    ///   - path: Where; usually an unpublished name beside the output.
    ///   - tables: Everything except the counts.
    ///   - chunkElements: Nonzeros in one chunk of the file.
    ///   - gzipLevel: Compression of the counts and their gene indices from 1 to 9; 0 for none.
    /// - Throws: ``AnnDataWriteError``: impossible tables, a file that cannot be created, no room.
    package init(
        path: String,
        tables: ScreenTables,
        chunkElements: Int = 65_536,
        gzipLevel: Int = 0
    ) throws(AnnDataWriteError) {
        try tables.check()
        self.path = path
        cellCount = tables.cells.count
        file = try UnfinishedFile.create(path)
        let matrix: Matrix
        do throws(AnnDataWriteError) {
            matrix = try file.perform { (library: HDF5File) throws(HDF5Error) -> Matrix in
                try Self.write(tables, into: library)
                return try Self.createMatrix(
                    tables,
                    in: library,
                    chunkElements: max(1, chunkElements),
                    gzipLevel == 0 ? .none : .deflate(level: gzipLevel)
                )
            }
        } catch {
            file.remove()
            throw error
        }
        var ends: [Int64] = []
        ends.reserveCapacity(cellCount + 1)
        ends.append(0)
        state = Mutex(State(matrix: matrix, ends: ends))
    }

    /// Adds cells.
    ///
    /// - Parameters:
    ///   - nonzeroCounts: Number of nonzeros of each cell.
    ///   - genes: Gene indices of all these cells, ascending in each cell.
    ///   - values: Counts that belong to `genes`.
    /// - Throws: ``AnnDataWriteError/diskFull(path:neededBytes:availableBytes:reason:)`` and others.
    package func append(
        nonzeroCounts: UnsafeBufferPointer<Int32>,
        genes: UnsafeBufferPointer<Int32>,
        values: UnsafeBufferPointer<Float>
    ) throws(AnnDataWriteError) {
        precondition(genes.count == values.count, "not one gene for each value")
        try state.withLock { state throws(AnnDataWriteError) -> Void in
            guard let matrix = state.matrix else { preconditionFailure("the screen is finished") }
            var end = state.ends[state.ends.count - 1]
            for count in nonzeroCounts {
                end += Int64(count)
                state.ends.append(end)
            }
            let start = state.ends[state.ends.count - 1 - nonzeroCounts.count]
            precondition(Int(end - start) == genes.count, "not the nonzeros of these cells")
            precondition(state.ends.count <= cellCount + 1, "more cells than names")
            let (valueBytes, geneBytes) =
                (UnsafeRawBufferPointer(values), UnsafeRawBufferPointer(genes))
            try file.perform { (_: HDF5File) throws(HDF5Error) -> Void in
                try matrix.values.append(valueBytes, as: .float32, rows: values.count)
                try matrix.genes.append(geneBytes, as: .int32, rows: genes.count)
            }
        }
    }

    /// Writes where each cell begins, closes the file and saves it to the disk.
    ///
    /// - Returns: Number of nonzeros.
    /// - Throws: ``AnnDataWriteError``; ``cancel()`` is to be called then. To be called once, after
    ///   all cells.
    package func finish() throws(AnnDataWriteError) -> Int {
        let count = try state.withLock { state throws(AnnDataWriteError) -> Int in
            precondition(state.ends.count == cellCount + 1, "cells are missing")
            let ends = state.ends
            guard let group = state.matrix?.group else {
                preconditionFailure("the screen is finished")
            }
            try file.perform { (library: HDF5File) throws(HDF5Error) -> Void in
                // Readers want wide positions only where narrow ones do not reach.
                if ends[cellCount] > Int64(Int32.max) {
                    try group.writeNumbers("indptr", ends)
                } else {
                    try group.writeNumbers("indptr", ends.map { Int32($0) })
                }
                // What cannot be written must fail here, while the datasets can still be kept.
                try library.flush()
            }
            state.matrix = nil
            return Int(ends[cellCount])
        }
        try file.close()
        try PublishedFile.save(path)
        return count
    }

    /// Removes the file after something failed; nothing else may be called then.
    package func cancel() {
        let matrix = state.withLock { state in
            defer { state.matrix = nil }
            return state.matrix
        }
        file.remove(keeping: matrix.map { [$0.group, $0.values, $0.genes] } ?? [])
    }

    private static func createMatrix(
        _ tables: ScreenTables,
        in file: HDF5File,
        chunkElements: Int,
        _ compression: HDF5Compression
    ) throws(HDF5Error) -> Matrix {
        let group = try file.root.createGroup("X")
        try group.setEncoding("csr_matrix", "0.1.0")
        try group.setAttribute("shape", [tables.cells.count, tables.genes.count])
        func create(_ name: String, _ number: HDF5Number) throws(HDF5Error) -> HDF5Dataset {
            try group.createChunked(
                name,
                number,
                shape: [0],
                chunk: [chunkElements],
                compression: compression
            )
        }
        let values = try create("data", .float32)
        let genes = try create("indices", .int32)
        return Matrix(group: group, values: values, genes: genes)
    }

    private static func write(
        _ tables: ScreenTables,
        into file: HDF5File
    ) throws(HDF5Error) {
        let root = try file.root
        try root.markAsAnnData()
        let cells = try root.createDataframe(
            "obs",
            index: "_index",
            values: tables.cells,
            order: tables.cellColumns.map(\.name)
        )
        for column in tables.cellColumns { try cells.write(column) }
        let genes = try root.createDataframe(
            "var",
            index: "_index",
            values: tables.genes,
            order: tables.geneColumns.map(\.name)
        )
        for column in tables.geneColumns { try genes.write(column) }
        for name in ["layers", "obsm", "obsp", "varp"] { _ = try root.createDictionary(name) }
        let matrices = try root.createDictionary("varm")
        for matrix in tables.geneMatrices {
            let shape = [tables.genes.count, matrix.width]
            try matrices.writeArray(matrix.name, matrix.values, shape: shape)
        }
        try root.writeDictionary("uns", tables.uns)
    }
}

extension HDF5Group {
    fileprivate func write(_ column: ScreenColumn) throws(HDF5Error) {
        switch column.values {
        case .doubles(let values):
            try writeArray(column.name, values)
        case .categorical(let codes, let categories) where categories.count <= 127:
            try writeCategorical(column.name, codes: codes.map { Int8($0) }, categories: categories)
        case .categorical(let codes, let categories) where categories.count <= 32_767:
            try writeCategorical(
                column.name,
                codes: codes.map { Int16($0) },
                categories: categories
            )
        case .categorical(let codes, let categories):
            try writeCategorical(column.name, codes: codes, categories: categories)
        }
    }
}
