internal import HDF5

/// What every thread must know about a sparse matrix to decode pieces of it.
struct SparseLayout: Sendable {
    let path: String
    let dataElement: String
    let indexElement: String
    let dataNumber: HDF5Number
    let indexNumber: HDF5Number
    let pointers: RowPointers
    /// Whether the outer dimension is cells (otherwise genes).
    let byCell: Bool
    /// Number of the other ones: genes, or cells.
    let innerCount: Int
}

/// Whole rows of a sparse matrix as they came from the file.
struct SparsePiece: Sendable {
    /// Cells, or genes when the matrix lies by gene.
    let rows: Range<Int>
    let data: [ElementPiece]
    let indices: [ElementPiece]
}

/// Reads pieces of a sparse matrix one after another.
final class SparseReader: Sendable {
    let layout: SparseLayout
    let pieces: [Range<Int>]
    private let data: ElementReader
    private let indices: ElementReader

    init(_ matrix: Matrix, entriesPerPiece: Int) throws(AnnDataError) {
        guard case .sparse(let data, let indices, let pointers, let byCell) = matrix.storage else {
            preconditionFailure("a dense matrix is not read as a sparse one")
        }
        self.data = try ElementReader(data, path: matrix.path, piece: entriesPerPiece)
        self.indices = try ElementReader(indices, path: matrix.path, piece: entriesPerPiece)
        let rowPointers = try RowPointers.read(
            pointers,
            data: data,
            indices: indices,
            path: matrix.path
        )
        layout = SparseLayout(
            path: matrix.path,
            dataElement: data.path,
            indexElement: indices.path,
            dataNumber: self.data.number,
            indexNumber: self.indices.number,
            pointers: rowPointers,
            byCell: byCell,
            innerCount: byCell ? matrix.geneCount : matrix.cellCount
        )
        try layout.checkLengths(pointers.path)
        pieces = rowPointers.pieces(entries: entriesPerPiece, rows: 65_536)
    }

    /// Reads piece number `index`; called in ascending order by one thread.
    func read(_ index: Int) throws(AnnDataError) -> SparsePiece {
        let rows = pieces[index]
        let starts = layout.pointers.starts
        let range = starts[rows.lowerBound]..<starts[rows.upperBound]
        return try HDF5Thread.perform { () throws(AnnDataError) -> SparsePiece in
            SparsePiece(
                rows: rows,
                data: try data.pieces(range),
                indices: try indices.pieces(range)
            )
        }
    }
}

extension SparseLayout {
    /// A row cannot have more entries than there are genes (cells).
    fileprivate func checkLengths(_ element: String) throws(AnnDataError) {
        let starts = pointers.starts
        for row in 0..<(starts.count - 1) where starts[row + 1] - starts[row] > innerCount {
            throw .damaged(
                path: path,
                element: element,
                problem: "\(byCell ? "cell" : "gene") \(row) has "
                    + "\(starts[row + 1] - starts[row]) entries, there are only "
                    + "\(innerCount) \(byCell ? "genes" : "cells")"
            )
        }
    }

    /// The row that holds the entry at `position`.
    func row(of position: Int, in rows: Range<Int>) -> Int {
        var low = rows.lowerBound
        var high = rows.upperBound
        // Finds the last row that begins at or before the position; empty rows begin there too.
        while high - low > 1 {
            let middle = (low + high) / 2
            if pointers.starts[middle] <= position { low = middle } else { high = middle }
        }
        return low
    }
}

extension DecodedPiece {
    /// Converts a piece of a sparse matrix; checks every number.
    @specialized(where Element == UInt32)
    @specialized(where Element == Float)
    @specialized(where Element == Double)
    func decode(_ piece: SparsePiece, _ layout: SparseLayout) throws(AnnDataError) {
        let all = layout.pointers.starts
        let first = all[piece.rows.lowerBound]
        let entries = all[piece.rows.upperBound] - first
        reserve(rows: piece.rows.count, entries: entries)
        for row in 0...piece.rows.count { starts[row] = all[piece.rows.lowerBound + row] - first }
        guard entries > 0, let inner = inner.baseAddress, let values = values.baseAddress else {
            return
        }
        let limit = UInt32(clamping: layout.innerCount)
        var done = 0
        for part in piece.indices {
            let source = try part.start(layout.path, layout.indexElement, layout.indexNumber)
            let good = IndexConversion.convert(
                source,
                layout.indexNumber,
                part.count,
                below: limit,
                inner + done
            )
            guard good == part.count else {
                let bad = source + good * layout.indexNumber.byteCount
                throw layout.badIndex(first + done + good, piece.rows, bad)
            }
            done += part.count
        }
        done = 0
        for part in piece.data {
            let source = try part.start(layout.path, layout.dataElement, layout.dataNumber)
            let good = Element.convert(
                source,
                layout.dataNumber,
                part.count,
                values + done
            )
            guard good == part.count else {
                let bad = source + good * layout.dataNumber.byteCount
                let position = done + good
                let place = layout.place(first + position, piece.rows, Int(inner[position]))
                throw Element.refusal(place, bad, layout.dataNumber)
            }
            done += part.count
        }
    }
}

extension ElementPiece {
    /// Where the elements begin in memory, decoded.
    func start(
        _ path: String,
        _ element: String,
        _ number: HDF5Number
    ) throws(AnnDataError) -> UnsafeRawPointer {
        do throws(ChunkDamage) {
            let bytes = try elements.bytes()
            let offset = first * number.byteCount
            precondition(bytes.count >= offset + count * number.byteCount, "a piece too short")
            guard let base = bytes.baseAddress else { throw .tooShort }
            return base + offset
        } catch {
            throw .corruptChunk(
                path: path,
                element: element,
                first: origin,
                reason: error.description
            )
        }
    }
}

extension SparseLayout {
    fileprivate func badIndex(
        _ position: Int,
        _ rows: Range<Int>,
        _ source: UnsafeRawPointer
    ) -> AnnDataError {
        .damaged(
            path: path,
            element: indexElement,
            problem: "entry \(position), of \(byCell ? "cell" : "gene") "
                + "\(row(of: position, in: rows)), is "
                + "\(IndexConversion.text(source, indexNumber)), need 0 to \(innerCount - 1)"
        )
    }

    /// Where the value of an entry belongs.
    fileprivate func place(_ position: Int, _ rows: Range<Int>, _ inner: Int) -> MatrixPlace {
        let outer = row(of: position, in: rows)
        return MatrixPlace(
            path: path,
            element: dataElement,
            cell: byCell ? outer : inner,
            gene: byCell ? inner : outer
        )
    }
}
