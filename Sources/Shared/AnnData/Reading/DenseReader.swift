internal import HDF5

/// Whole rows of a dense matrix as they came from the file.
struct DensePiece: Sendable {
    let rows: Range<Int>
    let blocks: [DenseBlock]
}

/// A rectangle of stored values.
struct DenseBlock: Sendable {
    let elements: StoredElements
    /// File row and gene of its first value.
    let row: Int
    let gene: Int
    /// Values from one of its rows to the next.
    let width: Int
    /// Genes it covers, without what lies beyond the matrix.
    let genes: Int
}

/// Reads bands of rows of a dense matrix.
///
/// `@unchecked` because only the reading thread of one pass uses what changes.
final class DenseReader: @unchecked Sendable {
    let number: HDF5Number
    let path: String
    let element: String
    let cellCount: Int
    let geneCount: Int
    let rowsPerPiece: Int
    private let dataset: HDF5Dataset
    private let chunks: (shape: [Int], filters: ChunkFilters, empty: StoredElements)?
    private let pool: BufferPool

    init(
        _ matrix: Matrix,
        _ dataset: HDF5Dataset,
        valuesPerPiece: Int,
        memoryBytes: Int
    ) throws(AnnDataError) {
        let source = try ElementSource(dataset, path: matrix.path)
        let number = source.number
        self.number = number
        path = matrix.path
        element = matrix.element
        cellCount = matrix.cellCount
        geneCount = matrix.geneCount
        let wanted = max(1, valuesPerPiece / matrix.geneCount)
        if case .chunks(let shape, let filters) = source.access,
            DenseReader.bandBytes(shape, matrix.geneCount, number) <= memoryBytes / 2
                || !filters.steps.isEmpty
        {
            // Chunks are decoded whole, so a piece is made of whole bands of chunks.
            rowsPerPiece = max(shape[0], wanted / shape[0] * shape[0])
            pool = BufferPool(standardByteCount: filters.byteCount + 1024)
            let fill = try hdf5 { () throws(HDF5Error) in try dataset.fillValue(as: number) }
            let empty = StoredElements(
                plain: pool.filled(with: fill, count: shape.reduce(1, *))
            )
            chunks = (shape, filters, empty)
            self.dataset = dataset
        } else {
            rowsPerPiece = wanted
            pool = BufferPool(standardByteCount: wanted * matrix.geneCount * number.byteCount)
            chunks = nil
            self.dataset = try DenseReader.withCache(dataset, matrix, number, memoryBytes)
        }
    }

    /// Bytes of the chunks that cover some rows of all genes.
    private static func bandBytes(_ shape: [Int], _ genes: Int, _ number: HDF5Number) -> Int {
        let across = (genes + shape[1] - 1) / shape[1]
        return across * shape[0] * shape[1] * number.byteCount
    }

    /// Opens the dataset again with room for a band of chunks, so that none is decoded twice.
    private static func withCache(
        _ dataset: HDF5Dataset,
        _ matrix: Matrix,
        _ number: HDF5Number,
        _ memoryBytes: Int
    ) throws(AnnDataError) -> HDF5Dataset {
        try hdf5 { () throws(HDF5Error) in
            guard case .chunked(let shape) = try dataset.layout() else { return dataset }
            let needed = bandBytes(shape, matrix.geneCount, number)
            return try dataset.file.root.dataset(
                dataset.path,
                chunkCacheBytes: max(1 << 20, min(needed, memoryBytes / 4))
            )
        }
    }

    var pieceCount: Int { (cellCount + rowsPerPiece - 1) / rowsPerPiece }

    /// Reads band number `index`.
    func read(_ index: Int) throws(AnnDataError) -> DensePiece {
        let first = index * rowsPerPiece
        let rows = first..<min(cellCount, first + rowsPerPiece)
        return try HDF5Thread.perform { () throws(AnnDataError) -> DensePiece in
            DensePiece(
                rows: rows,
                blocks: chunks == nil ? [try box(rows)] : try chunkBlocks(rows)
            )
        }
    }

    private func box(_ rows: Range<Int>) throws(AnnDataError) -> DenseBlock {
        let buffer = pool.take(rows.count * geneCount * number.byteCount)
        try hdf5 { () throws(HDF5Error) in
            try dataset.read(
                into: buffer.bytes,
                as: number,
                start: [rows.lowerBound, 0],
                count: [rows.count, geneCount]
            )
        }
        return DenseBlock(
            elements: StoredElements(plain: buffer),
            row: rows.lowerBound,
            gene: 0,
            width: geneCount,
            genes: geneCount
        )
    }

    private func chunkBlocks(_ rows: Range<Int>) throws(AnnDataError) -> [DenseBlock] {
        guard let chunks else { return [] }
        let reader = ChunkReader(
            dataset: dataset,
            path: path,
            pool: pool,
            filters: chunks.filters
        )
        var blocks: [DenseBlock] = []
        for row in stride(from: rows.lowerBound, to: rows.upperBound, by: chunks.shape[0]) {
            for gene in stride(from: 0, to: geneCount, by: chunks.shape[1]) {
                blocks.append(
                    DenseBlock(
                        elements: try reader.read(at: [row, gene]) ?? chunks.empty,
                        row: row,
                        gene: gene,
                        width: chunks.shape[1],
                        genes: min(chunks.shape[1], geneCount - gene)
                    )
                )
            }
        }
        return blocks
    }
}
